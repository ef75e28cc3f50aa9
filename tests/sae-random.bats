# contract: none sae-random --seed 0 --hidden {sample}/hidden_L2.npy --sae {sample}/sae_L2_s0
# fuzz: none sae-random --seed 0 --hidden {states} --sae {sae}
load helper

# tried NAME: the random SAE of an example of dialects.py is numpy's
tried() {
	local given=()
	oracle dialects "$1" >read
	case $1 in
	overcomplete) given=(--k 5) ;;
	plain_k) given=(--k 5 --b-dec ignore) ;;
	esac
	sae-random --quiet --seed 0 --hidden "$1/states.npy" --sae "$1" "${given[@]}" >"$1.npz"
	oracle sae_random "$1.npz" "$1" "$1/states.npy" "${given[@]}"
}

# score MATCHING: the mean correlation of its pairs, by match-eval on ./2.act and ./4.act
score() {
	match-eval --a 2.act --b 4.act "$1" | frame2tsv --columns score,value |
		awk '$1 == "correlation" { print $2 }'
}

@test "of every rule the random SAE is numpy's: TopK with its k, or as many activations" {
	for name in saelens_standard saelens_topk saelens_batchtopk saelens_gated gemma_scope \
		dl_topk saelens_layer_norm sparsify_groupmax saelens_pursuit; do
		echo "$name"
		tried "$name"
	done
}

@test "of a feature with negative activations there are two" {
	tried saelens_abstopk
	tried itda
	"$PY" -c 'import numpy as np
for name in "saelens_abstopk", "itda": assert np.load(name + ".npz")["W_dec"].shape == (192, 24)'
}

@test "of many states, a sample of them; with other seeds, and without some tokens" {
	sae=$SAMPLE/sae_L2_s0 states=$SAMPLE/hidden_L2.npy
	for options in "--seed 0" "--seed 7" "--context 64 --skip 1 --seed 1"; do
		sae-random --hidden "$states" --sae "$sae" $options >made.npz
		oracle sae_random made.npz "$sae" "$states" $options
	done
}

@test "it fires as often as the trained one on states that it was not made from" {
	"$PY" -c "import numpy as np
x = np.load('$SAMPLE/hidden_L2.npy'); np.save('one.npy', x[:2048]); np.save('two.npy', x[2048:])
sae = dict(np.load('$SAMPLE/sae_L2_s0/params.npz')); del sae['k']; np.savez('jump.npz', **sae)"
	for sae in "$SAMPLE/sae_L2_s0" jump.npz; do
		for states in one two; do
			sae-random --seed 0 --hidden one.npy --sae "$sae" >random.npz
			for s in "$sae" random.npz; do
				act-dump --quiet --check --hidden $states.npy --sae "$s" |
					awk '$1 == "L0_mean" { print $2 }'
			done | tr '\n' ' ' | awk -v sae="$sae" -v states=$states '
				{ print sae, states, $0 }
				($1 - $2) ^ 2 > ($1 * (states == "one" ? 1e-3 : .1)) ^ 2 { exit 1 }'
		done
	done
}

@test "the same bytes for any number of threads, and of states on stdin" {
	sae=$SAMPLE/sae_L2_s0 states=$SAMPLE/hidden_L2.npy
	"$PY" -c "import numpy as np; np.save('few.npy', np.load('$states')[:900])"
	sae-random --seed 0 --threads 1 --hidden few.npy --sae "$sae" >one
	sae-random --seed 0 --threads 3 --hidden few.npy --sae "$sae" | cmp one -
	sae-random --seed 0 --hidden - --sae "$sae" <few.npy | cmp one -
	sae-random --seed 1 --hidden few.npy --sae "$sae" >other
	refute cmp -s one other
}

@test "programs read it as any other SAE; matches of random features are worth less than trained" {
	for l in 2 4; do
		states=$SAMPLE/hidden_L$l.npy
		sae-random --hidden "$states" --sae "$SAMPLE/sae_L${l}_s0" --seed $l >$l.npz
		act-dump --hidden "$states" --sae "$SAMPLE/sae_L${l}_s0" --layer $l --no-point \
			>$l.act
	done
	coact 2.act 4.act | hungarian --quiet >trained
	trained=$(score trained)
	for l in 2 4; do
		act-dump --hidden "$SAMPLE/hidden_L$l.npy" --sae $l.npz --layer $l --no-point \
			>$l.act 2>notes
		[ ! -s notes ]
	done
	coact 2.act 4.act | hungarian --quiet >matching
	echo "$trained $(score matching)"
	awk "BEGIN { exit !(.1 < $(score matching) && $(score matching) < $trained - .1) }"
	mkdir 2 4 && mv 2.npz 2/params.npz && mv 4.npz 4/params.npz
	decoder --quiet 2 4 | hungarian --quiet >by_decoder
	match-eval --quiet --a 2.act --b 4.act --sae-a 2 --sae-b 4 by_decoder >scores
	match-subst --a 2.act --b 4.act --sae-b 4 --hidden-b "$SAMPLE/hidden_L4.npy" matching |
		frame2tsv --columns value,best | awk 'NR == 2 { exit !(0 < $1 && $1 < $2) }'
}

@test "weights that have fewer positive pre-activations than are asked for are noted" {
	"$PY" -c 'import numpy as np
rng = np.random.default_rng(0)
np.save("h.npy", rng.standard_normal((40, 6)).astype("f4"))
z = np.zeros((6, 9), "f4")
np.savez("sae.npz", W_enc=z, W_dec=z.T, b_enc=z[0] + 1, b_dec=z[:, 0])'
	sae-random --seed 0 --hidden h.npy --sae sae.npz 2>notes >made.npz
	grep -q "sae.npz has 360 activations on 40 states, where random weights have .* most" notes
	act-dump --quiet --check --hidden h.npy --sae made.npz |
		awk '$1 == "L0_mean" { exit !($2 > 4) }'
}

@test "what decodes to other states, other dimensions and wrong command lines are refused" {
	oracle dialects saelens_relu_skip_transcoder >read
	mv saelens_relu_skip_transcoder skips
	made=(sae-random --seed 0 --hidden)
	fails 1 "${made[@]}" skips/states.npy --sae skips
	[[ $line == "sae-random: skips: a transcoder, which decodes to other states"* ]]
	sae=$SAMPLE/sae_L2_s0
	fails 1 "${made[@]}" skips/states.npy --sae "$sae"
	[[ $line == *"takes states of 128 dimensions, skips/states.npy has 24" ]]
	"$PY" -c 'import numpy as np; np.save("none.npy", np.full((3, 128), np.nan, "f4"))'
	fails 1 "${made[@]}" none.npy --sae "$sae"
	[ "$line" = "sae-random: none.npy: no state is finite and kept" ]
	fails 2 "${made[@]}" none.npy
	fails 2 sae-random --seed 0 --sae "$sae"
	fails 2 "${made[@]}" none.npy --sae "$sae" more
	fails 2 sae-random --hidden none.npy --sae "$sae"
	[[ $line == *"--seed is needed: SAEs of one seed have the same rows"* ]]
}
