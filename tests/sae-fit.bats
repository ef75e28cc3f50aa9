# How well an SAE explains the states that act-dump reads: --check, and the note without it.
load helper

# plant OPTION...: an SAE and its states in ./sae, states of another layer in other.npy
plant() {
	rm -rf sae
	oracle sae_fit plant sae other.npy "$@"
}

# says WORDS|nothing COMMAND...: what stands on stderr
says() {
	"${@:2}" 2>notes >stdout
	if [ "$1" = nothing ]; then
		[ ! -s notes ]
	else
		[ "$(wc -l <notes)" -eq 1 ] && grep -q -- "$1" notes
	fi || { cat notes; return 1; }
}

# value NAME: of the table in ./stdout
value() {
	awk -F '\t' -v name="$1" '$1 == name { print $2 }' stdout
}

@test "--check says of every dialect what numpy does, or why it cannot" {
	oracle sae_fit dialects >read
	[ "$(wc -l <read)" -gt 80 ]
	oracle sae_fit dialects --d 38 --features 228 --seed 3 >read
}

@test "on the sample --check says what numpy does, and no pair that is right is noted" {
	for layer in 1 2 3 4 5 6; do
		for seed in 0 1; do
			read=(--hidden "$SAMPLE/hidden_L$layer.npy"
				--sae "$SAMPLE/sae_L${layer}_s$seed")
			oracle sae_fit real "${read[3]}" "${read[1]}"
			says nothing act-dump "${read[@]}" --no-point
			says nothing act-dump "${read[@]}" --check
		done
	done
	oracle sae_fit real "$SAMPLE/sae_L6_s0" "$SAMPLE/hidden_L1.npy"
	says "explains -.* another layer" act-dump --hidden "$SAMPLE/hidden_L1.npy" \
		--sae "$SAMPLE/sae_L6_s0"
}

@test "on a real model, too" {
	[ -n "$DATA" ] || skip "no data"
	for layer in 1 2 3 4 5; do
		x=$DATA/lm/bl361/hidden_L$layer.npy
		for sae in s0 s1/params.npz; do
			sae=$DATA/lm/bl361/L${layer}_$sae
			oracle sae_fit real "$sae" "$x"
			says nothing act-dump --no-point --hidden "$x" --sae "$sae"
		done
	done
}

@test "states of another layer are noted, from files and from stdin, and change no byte" {
	plant --tokens 5000
	says nothing act-dump --hidden sae/states.npy --sae sae
	says nothing act-dump --hidden - --sae sae <sae/states.npy
	for x in other.npy -; do
		says "^act-dump: sae explains -.* of the variance of .* states of .*--input-scale" \
			act-dump --hidden $x --sae sae --layer 1 <other.npy
		mv stdout noted
		says nothing act-dump --quiet --hidden $x --sae sae --layer 1 <other.npy
		oracle same noted stdout
	done
	says "explains -" act-dump --check --hidden other.npy --sae sae
	[ "$(value tokens)" = 5000 ]
}

@test "the note is of states that are spread over the files, and of the tokens that are kept" {
	plant --tokens 9000
	"$PY" -c 'import numpy as np
x, y = np.load("sae/states.npy"), np.load("other.npy")
np.save("mixed.npy", np.vstack([x[:3000], y[:6000]])); np.save("mask.npy", np.arange(9000) < 3000)
z = x.copy(); z[::9] = np.inf; np.save("inf.npy", z)'
	says "explains -" act-dump --hidden mixed.npy --sae sae
	says "6000 tokens are left out" act-dump --hidden mixed.npy --sae sae --mask mask.npy
	says "1000 tokens .* left out" act-dump --hidden inf.npy --sae sae --drop-nonfinite
	says "explains -" act-dump --hidden sae/states.npy --hidden other.npy --hidden other.npy \
		--sae sae
}

@test "massive states do not decide" {
	for tokens in 900 16384; do
		plant --tokens $tokens --massive 1000
		says nothing act-dump --hidden sae/states.npy --sae sae
		says nothing act-dump --check --hidden sae/states.npy --sae sae
		[ "$(value massive)" -eq $(((tokens + 7) / 8)) ]
		[[ $(value explained_without_massive) == 0.[89]* ]]
		[[ $(value explained) == -* ]]
		says "explains -" act-dump --hidden other.npy --sae sae
		says "explains -" act-dump --check --hidden other.npy --sae sae
		[[ $(value explained_without_massive) == -* ]]
		[[ $(value explained) == 0.9* ]]
	done
}

@test "of few tokens there is no note, and --check says what it is of" {
	plant --tokens 127
	says nothing act-dump --hidden other.npy --sae sae
	says nothing act-dump --check --hidden other.npy --sae sae
	[[ $(value tokens) == 127 && $(value explained) == -* ]]
	plant --tokens 0
	says "no token is left" act-dump --check --hidden other.npy --sae sae
	[[ $(value tokens) == 0 && $(value explained) == - ]]
}

@test "--check of the features A:B is of these alone" {
	oracle dialects saelens_topk >read
	read=(--check --hidden saelens_topk/states.npy --sae saelens_topk)
	act-dump "${read[@]}" >all
	says nothing act-dump "${read[@]}" --features 0:96
	cmp all stdout
	says nothing act-dump "${read[@]}" --features 20:50
	"$PY" - <<-'PYTHON'
	import numpy as np
	import arrays
	from dialects import dense, act_dump
	_, a = dense(act_dump("saelens_topk", "saelens_topk").stdout)
	sae = arrays.load_all("saelens_topk/sae_weights.safetensors")
	x, a = np.load("saelens_topk/states.npy").astype("f8"), a[:, 20:50]
	error = x - sae["b_dec"] - a @ sae["W_dec"][20:50].astype("f8")
	wanted = {"features": 30, "L0_mean": (a > 0).sum(1).mean(), "dead": (a == 0).all(0).sum(),
	          "explained": 1 - (error ** 2).sum() / ((x - x.mean(0)) ** 2).sum()}
	told = dict(line.split("\t")[:2] for line in open("stdout"))
	for name, value in wanted.items():
	    assert abs(float(told[name]) - value) < 1e-5 * max(1, abs(value)), (name, told, value)
	PYTHON
}

@test "W_dec that is not finite is noted where it is used, and the stream is whole" {
	plant
	act-dump --quiet --hidden sae/states.npy --sae sae >wanted
	"$PY" -c 'import arrays
sae = dict(arrays.load_all("sae/sae_weights.safetensors"))
sae["W_dec"] = sae["W_dec"].copy(); sae["W_dec"][3, 5] = float("nan")
arrays.save("sae/sae_weights.safetensors", sae)'
	says "W_dec holds a number that is not finite" act-dump --hidden sae/states.npy --sae sae
	oracle same stdout wanted
	act-dump --check --hidden sae/states.npy --sae sae 2>notes >stdout
	grep -q "^explained	-	W_dec holds" stdout
}

@test "--check says the same for any number of threads, and writes nothing else" {
	plant --tokens 5000
	act-dump --check --hidden sae/states.npy --sae sae --threads 1 >one
	act-dump --check --hidden sae/states.npy --sae sae --threads 5 | cmp - one
	act-dump --check --hidden - --sae <(cat sae/sae_weights.safetensors) --k 4 \
		--encoder saelens-topk --b-dec subtract <sae/states.npy | cmp - one
	[ "$(cut -f 1 one | tr '\n' ' ')" = "tokens features L0_mean L0_median dead dead_share \
explained massive explained_without_massive " ]
	[ "$(grep -c . one)" -eq 9 ]
}
