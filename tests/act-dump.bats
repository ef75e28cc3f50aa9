# contract: none act-dump --hidden {sample}/hidden_L1.npy --sae {sample}/sae_L1_s0
# fuzz: none act-dump --hidden {states} --sae {sae}
# fuzz: none act-dump --hidden {states} --sae {sae} --tokens {tokens} --skip-ids 3 --check

load helper

# agrees SAE HIDDEN[,SHARD]... [OPTION]...: the activations are those of numpy; $how: for the oracle
agrees() {
	act-dump --sae "$1" $(printf -- '--hidden %s ' ${2//,/ }) "${@:3}" >out
	oracle act_dump check "$1" "$2" out $how "${@:3}"
}

# sae OPTION...: a random SAE in ./sae
sae() {
	rm -rf sae
	oracle act_dump sae sae "$@"
}

# states FILE... OPTION...: random states
states() {
	oracle arrays random "$@"
}

@test "on the sample it encodes as numpy does" {
	for layer in 1 2 3 4 5 6; do
		for seed in 0 1; do
			agrees "$SAMPLE/sae_L${layer}_s$seed" "$SAMPLE/hidden_L$layer.npy"
		done
	done
}

@test "of the two layouts of one SAE, both give the same" {
	for layer in 1 3 6; do
		folder=$SAMPLE/sae_L${layer}_s0
		act-dump --hidden "$SAMPLE/hidden_L$layer.npy" --sae "$folder/params.npz" >npz
		act-dump --hidden "$SAMPLE/hidden_L$layer.npy" \
			--sae "$folder/sae_weights.safetensors" >safetensors
		oracle same npz safetensors sae
	done
}

@test "on a real model it encodes as numpy does: JumpReLU, and TopK with b_dec subtracted" {
	[ -n "$DATA" ] || skip "no data"
	for layer in 1 2 3 4 5; do
		for seed in 0 1; do
			folder=$DATA/lm/bl361/L${layer}_s$seed
			agrees "$folder/params.npz" "$DATA/lm/bl361/hidden_L$layer.npy"
			agrees "$folder" "$DATA/lm/bl361/hidden_L$layer.npy"
		done
	done
}

@test "SAELens: every architecture, with and without centring and decoder norms" {
	states x.npy
	for centre in true false; do
		for norms in true false; do
			rest="\"apply_b_dec_to_input\": $centre"
			rest+=", \"rescale_acts_by_decoder_norm\": $norms"
			sae --cfg "{\"architecture\": \"standard\", $rest}"
			agrees sae x.npy
			sae --threshold --cfg "{\"architecture\": \"jumprelu\", $rest}"
			agrees sae x.npy
			sae --cfg "{\"architecture\": \"topk\", \"k\": 7, $rest}"
			agrees sae x.npy
			sae --threshold --cfg "{\"architecture\": \"standard\",
				\"activation_fn_str\": \"topk\",
				\"activation_fn_kwargs\": {\"k\": 7}, $rest}"
			agrees sae x.npy
		done
	done
}

@test "without cfg.json a threshold means JumpReLU, and none ReLU; what b_dec is for is asked" {
	states x.npy
	for threshold in "" --threshold; do
		sae --bare $threshold
		refuses "--b-dec subtract|ignore" act-dump --hidden x.npy --sae sae
		agrees sae x.npy --b-dec subtract
		agrees sae x.npy --b-dec ignore
	done
	refuses "no k" act-dump --hidden x.npy --sae sae --encoder saelens-topk
}

@test "params.npz: JumpReLU without centring; a k beside thresholds, or none of both, is asked" {
	states x.npy
	sae --npz --threshold
	agrees sae x.npy
	sae --npz --threshold --k 5
	refuses "--k K" act-dump --hidden x.npy --sae sae --b-dec ignore
	agrees sae x.npy --k 5 --b-dec ignore
	sae --npz --k 5
	agrees sae x.npy --b-dec subtract
	sae --npz
	refuses "--b-dec subtract|ignore" act-dump --hidden x.npy --sae sae
	agrees sae x.npy --b-dec ignore
}

@test "weights of f2, bf16 and f8" {
	states x.npy
	for dtype in f2 bf16 f8; do
		sae --threshold --dtype $dtype
		agrees sae x.npy
	done
}

@test "thresholds are strict, and of equal pre-activations TopK keeps the lower features" {
	states x.npy --integers
	for features in 40 3000; do
		sae --integers --threshold --features $features
		how=--exact agrees sae x.npy
		for k in 1 8 33; do
			sae --integers --features $features \
				--cfg "{\"architecture\": \"topk\", \"k\": $k}"
			how=--exact agrees sae x.npy
		done
	done
}

@test "any number of features, tokens and dimensions" {
	for features in 1 15 16 17 1023 1024 1025 2100; do
		sae --features $features --threshold --bias 1
		states x.npy --rows $((features % 7 * 300 + 1))
		agrees sae x.npy
		sae --features $features \
			--cfg "{\"architecture\": \"topk\", \"k\": $(((features + 1) / 2))}"
		agrees sae x.npy
	done
	sae --d 1
	states x.npy --d 1
	agrees sae x.npy
}

@test "matrices that are read in several parts, in C order and in Fortran order" {
	states x.npy --d 300
	sae --d 300 --features 1500 --npz --threshold
	agrees sae x.npy
	numpy 'y = dict(np.load("sae/params.npz"))
np.savez("sae/params.npz", **{key: np.asfortranarray(w) for key, w in y.items()})'
	mv out c
	agrees sae x.npy
	cmp c out
	sae --d 300 --features 1500 --cfg '{"rescale_acts_by_decoder_norm": true}'
	agrees sae x.npy
}

@test "W_dec is read only where its norms are needed" {
	states x.npy
	for norms in false true; do
		sae --cfg "{\"rescale_acts_by_decoder_norm\": $norms}"
		act-dump --hidden x.npy --sae sae >out
		"$PY" -c 'import arrays
sae = dict(arrays.load_all("sae/sae_weights.safetensors"))
sae["W_dec"] = sae["W_dec"] * float("nan")
arrays.save("sae/sae_weights.safetensors", sae)'
		[ $norms = true ] || act-dump --hidden x.npy --sae sae | cmp - out
	done
	refuses ":W_dec: number 0 is not finite" act-dump --hidden x.npy --sae sae
}

@test "an SAE that fires on everything, and one that is silent" {
	states x.npy --rows 2500
	sae --features 1500 --threshold --bias 1000
	agrees sae x.npy
	sae --features 1500 --threshold --bias -1000
	how=--silent agrees sae x.npy
}

@test "states of floats of any dtype, in any kind of file" {
	sae
	for dtype in f2 f4 f8; do
		states x.npy x.npz x.safetensors --dtype $dtype
		for file in x.npy x.npz x.safetensors x.npz:states x.safetensors:states; do
			agrees sae $file
		done
	done
	states x.safetensors --dtype bf16
	agrees sae x.safetensors
}

@test "points keep f2 and bf16" {
	sae
	for dtype in f2 bf16; do
		states x.safetensors --dtype $dtype
		act-dump --hidden x.safetensors --sae sae | frame2json |
			grep -q "\"point\": *\[\"<\?$dtype\""
	done
}

@test "shards in order equal one file" {
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" >one
	oracle arrays part "$SAMPLE/hidden_L2.npy" 0 1 a.npy
	oracle arrays part "$SAMPLE/hidden_L2.npy" 1 2049 b.npy
	oracle arrays part "$SAMPLE/hidden_L2.npy" 2049 2049 c.npy
	oracle arrays part "$SAMPLE/hidden_L2.npy" 2049 4096 d.npy
	act-dump --hidden a.npy --hidden b.npy --hidden c.npy --hidden d.npy \
		--sae "$SAMPLE/sae_L2_s0" >four
	oracle same one four
}

@test "a token's activations are the same to the bit, whatever tokens are beside it" {
	local states=$SAMPLE/hidden_L2.npy sae=$SAMPLE/sae_L2_s0
	act-dump --hidden "$states" --sae "$sae" >whole
	act-dump --hidden "$states" --sae "$sae" --context 8 --skip 3 >part
	oracle arrays part "$states" 4089 4096 few.npy
	act-dump --hidden few.npy --sae "$sae" >few
	"$PY" - <<-'PYTHON'
	import semot

	def rows(path):
	    (_, frames), = semot.read(path)
	    for f in frames:
	        for i, token in enumerate(f["token"]):
	            its = slice(f["indptr"][i], f["indptr"][i + 1])
	            yield int(token), (f["feature"][its].tobytes(), f["value"][its].tobytes())

	whole = dict(rows("whole"))
	part, few = dict(rows("part")), {4089 + token: row for token, row in rows("few")}
	assert len(part) > 2000 and len(few) == 7
	assert all(whole[token] == row for some in (part, few) for token, row in some.items())
	PYTHON
}

@test "shards of several dtypes" {
	sae
	states a.npy
	states b.npy --dtype f2
	states c.npy --dtype f8
	agrees sae a.npy,b.npy,c.npy
	agrees sae b.npy,b.npy
}

@test "a .npy on stdin equals the file" {
	sae
	for dtype in f2 f4 f8; do
		states x.npy --dtype $dtype --rows 5000
		act-dump --hidden x.npy --sae sae >file
		act-dump --hidden - --sae sae <x.npy | cat >stdin
		oracle same file stdin
	done
}

@test "a pipe as the file of states, of an archive, of the SAE" {
	sae --npz --threshold
	states x.npy x.npz x.safetensors
	act-dump --hidden x.npy --sae sae --layer 1 >file
	for x in x.npy x.npz x.safetensors; do
		act-dump --hidden <(cat $x) --sae sae --layer 1 >pipe
		oracle same file pipe
	done
	act-dump --hidden x.npy --sae <(cat sae/params.npz) --layer 1 >pipe
	oracle same file pipe sae
}

@test "--skip leaves out the first positions of every sequence, and the numbering stays" {
	states x.npy --rows 5000
	sae
	agrees sae x.npy --context 50 --skip 1
	agrees sae x.npy --context 8 --skip 6
	agrees sae x.npy --context 5000 --skip 4999
	agrees sae x.npy --context 50 --skip 0
}

@test "a skipped state may be anything" {
	sae
	"$PY" -c 'import numpy as np
x = np.ones((30, 6), "f4"); x[::10] = np.inf; np.save("x.npy", x)'
	act-dump --hidden x.npy --sae sae --context 10 --skip 1 >out
	fails 1 act-dump --hidden x.npy --sae sae --context 10
}

# left_out N: the line on stderr of the last program that says so
left_out() {
	grep -q ": $1 tokens .*left out" notes || { cat notes; return 1; }
}

@test "--context has to divide the tokens" {
	sae
	states x.npy --rows 30
	refuses "x.npy: 30 tokens are not whole sequences of 8" act-dump --hidden x.npy --sae sae \
		--context 8 --skip 1
}

@test "--skip-ids and --mask leave out the same tokens as numpy does, and count them" {
	sae
	states x.npy --rows 5000
	numpy 'r = np.random.default_rng(3)
ids = r.integers(0, 9, 5000); stays = ~np.isin(ids, (0, 2)); at = np.arange(5000)
np.save("ids.npy", ids); np.save("bool.npy", stays); np.save("u1.npy", stays.astype("u1"))
np.save("count.npy", [(~stays).sum(), (~stays & (at % 50 > 0)).sum()])
stays &= at % 50 > 0; np.save("kept.npy", x[stays]); np.save("at.npy", at[stays])'
	act-dump --hidden kept.npy --sae sae >alone
	for which in "--skip-ids 2,0" "--mask bool.npy" "--mask u1.npy" \
		"--mask bool.npy --skip-ids 2" "--mask u1.npy --skip-ids 0,2,77"; do
		act-dump --hidden x.npy --sae sae --tokens ids.npy --context 50 --skip 1 $which \
			>out 2>notes
		left_out "$("$PY" -c 'import numpy as np; print(np.load("count.npy")[1])')"
		"$PY" - <<-'E'
		import numpy as np
		from semot import read
		(header, frames), = read("out")
		(_, alone), = read("alone")
		def all_of(name, frames):
		    return np.concatenate([frame[name] for frame in frames])
		assert header["tokens"] == 5000
		assert (all_of("token", frames) == np.load("at.npy")).all()
		assert (all_of("vocab", frames) == np.load("ids.npy")[np.load("at.npy")]).all()
		for name in "point", "feature", "value":
		    assert (all_of(name, frames) == all_of(name, alone)).all()
		E
	done
	numpy 'np.save("no.npy", np.zeros(5000, bool)); np.save("two.npy", np.full(5000, 2, "u1"))
np.save("few.npy", np.ones(10, bool)); np.save("f4.npy", np.ones(5000, "f4"))
np.save("b.npy", x > 0)'
	act-dump --hidden x.npy --sae sae --mask no.npy 2>notes >out
	grep -q "no token is left" notes
	[ "$(frame2json out | wc -l)" -eq 2 ]
	refuses "two.npy: number 0 is 2" act-dump --hidden x.npy --sae sae --mask two.npy
	refuses "few.npy: of 10 tokens, where there are 5000" act-dump --hidden x.npy --sae sae \
		--mask few.npy
	refuses "f4.npy: a mask is of type bool or u1" act-dump --hidden x.npy --sae sae \
		--mask f4.npy
	refuses "b.npy: numbers of type bool" act-dump --hidden b.npy --sae sae
	refuses "bool.npy: numbers of type bool" act-dump --hidden x.npy --sae sae --tokens bool.npy
	fails 1 act-dump --hidden - --sae sae <b.npy
	[[ $line == *"stdin: numbers of type bool"* ]]
	for ids in "" , 1, -1 x "1 2" 4294967296; do
		fails 2 act-dump --hidden x.npy --sae sae --tokens ids.npy --skip-ids "$ids"
	done
	fails 2 act-dump --hidden x.npy --sae sae --skip-ids 1
}

@test "--drop-nonfinite leaves out and counts; without it the line says how many, why and how" {
	sae
	states x.npy --rows 5000
	numpy 'x = x.astype("f2"); x[[0, 7, 4999], 2] = np.inf; x[2048:4100, 1] = np.nan
np.save("y.npy", x); np.save("mask.npy", np.isfinite(x).all(1)); np.save("z.npy", x[2048:2060])'
	refuses "y.npy: row 0 holds a number that is not finite, as do 2055 of 5000 rows: f2 \
overflows at 65504, save bf16 or f4 (--drop-nonfinite of " act-dump --hidden y.npy --sae sae
	act-dump --hidden y.npy --sae sae --mask mask.npy --quiet >masked
	act-dump --hidden y.npy --sae sae --drop-nonfinite >out 2>notes
	left_out 2055
	act-dump --hidden - --sae sae --drop-nonfinite <y.npy >piped
	for columns in token,point token,feature,value; do
		frame2tsv --columns $columns masked >table
		frame2tsv --columns $columns out | cmp - table
		frame2tsv --columns $columns piped | cmp - table
	done
	act-dump --hidden z.npy --sae sae --drop-nonfinite >out 2>notes
	left_out 12
	grep -q "no token is left" notes
}

@test "sequences of --context tokens are read as (everything before the last, d)" {
	sae
	"$PY" -c 'import numpy as np; np.save("x.npy", np.ones((10, 30, 6), "f4") / 3)'
	agrees sae x.npy --context 30
	agrees sae x.npy --context 30 --skip 2
	"$PY" -c 'import numpy as np; np.save("x.npy", np.ones((0, 6), "f4"))'
	act-dump --hidden x.npy --sae sae >out
	[ "$(frame2json out | wc -l)" -eq 2 ]
}

@test "--tokens carries vocabulary ids, --no-point no states" {
	act-dump --hidden "$SAMPLE/hidden_L1.npy" --sae "$SAMPLE/sae_L1_s0" \
		--tokens "$SAMPLE/tokens.npy" \
		--no-point --context 64 --skip 2 >out
	"$PY" - <<-'E'
	import os
	import numpy as np
	from semot import read
	(header, frames), = read("out")
	ids = np.load(os.environ["SAMPLE"] + "/tokens.npy")[:, 2:]
	assert (np.concatenate([frame["vocab"] for frame in frames]) == ids.ravel()).all()
	assert not any("point" in frame for frame in frames)
	E
}

@test "the layer is named after the SAE's folder, or as told; so is the space" {
	mkdir layer_12
	states x.npy
	sae --npz --threshold
	mv sae/params.npz layer_12
	for path in layer_12 layer_12/ layer_12/params.npz "$PWD/layer_12/params.npz"; do
		act-dump --hidden x.npy --sae $path | frame2json |
			grep -q '"layer": *"layer_12", *"space": *"layer layer_12"'
	done
	(cd layer_12 && act-dump --hidden ../x.npy --sae params.npz) | frame2json |
		grep -q '"layer": *"layer_12"'
	act-dump --hidden x.npy --sae layer_12 --layer 12 --model gemma >out
	frame2json out | \
		grep -q '"model": *"gemma", *"layer": *"12", *"space": *"layer 12 of gemma"'
}

# anonymous COMMAND...: runs it, and prints its largest private memory in MB, without mapped files
anonymous() {
	"$@" <&0 &
	local pid=$! most=0 now
	while now=$(awk '/^RssAnon/ { print int($2 / 1024) }' /proc/$pid/status 2>/dev/null) &&
		[ -n "$now" ]; do
		most=$((now > most ? now : most))
		sleep .02
	done
	wait $pid
	echo $most >&2
}

@test "memory does not grow with the states: 1 GB of them in 100 MB, from a file and from stdin" {
	[ -z "$SAN" ] || skip "the sanitizers need more"
	"$PY" -c 'import numpy as np
np.lib.format.open_memmap("x.npy", "w+", "f4", (1 << 16, 4096))'
	sae --d 4096 --features 8 --bias 1
	oracle memory 100 act-dump --hidden x.npy --sae sae --threads 1 --no-point
	oracle memory 120 act-dump --hidden - --sae sae --threads 1 --no-point <x.npy
}

# W_enc is of 64 MB, a chunk of 25 MB: 1.2 times the one beside the other.
@test "the weights of the encoder are held once" {
	[ -z "$SAN" ] || skip "the sanitizers need more"
	states x.npy --d 2048 --rows 4096
	for kind in --npz ""; do
		sae --d 2048 --features 8192 --bias -200 --threshold $kind
		oracle memory 101 act-dump --hidden x.npy --sae sae --threads 1
	done
}

@test "the output is the same for any number of threads" {
	for threads in 1 2 3 5 70; do
		act-dump --hidden "$SAMPLE/hidden_L4.npy" --sae "$SAMPLE/sae_L4_s0" \
			--threads $threads | sha256sum
	done | uniq | wc -l | grep -qx 1
	for sae in "$SAMPLE/sae_L4_s0" ${DATA:+"$DATA/lm/bl361/L4_s0/params.npz"}; do
		hidden=$SAMPLE/hidden_L4.npy
		cmp <(act-dump --hidden "$hidden" --sae "$sae" --threads 1) \
			<(act-dump --hidden "$hidden" --sae "$sae" --threads 2)
	done
}

# refuses WORDS COMMAND...: status 1, and the line says these words
refuses() {
	fails 1 "${@:2}" && [[ $line == *"$1"* ]] || { echo "$line"; return 1; }
}

# numpy STATEMENTS: Python, with numpy as np and x as the numbers of x.npy
numpy() {
	"$PY" -c "import numpy as np; x = np.load('x.npy'); $1"
}

@test "a wrong command line is refused" {
	sae
	states x.npy
	fails 2 act-dump
	fails 2 act-dump --hidden x.npy
	fails 2 act-dump --sae sae
	fails 2 act-dump --hidden x.npy --sae sae --skip 1
	fails 2 act-dump --hidden x.npy --sae sae --skip 3 --context 3
	fails 2 act-dump --hidden x.npy --sae sae operand
}

@test "a state that is not finite is refused by file and row, and no end mark is written" {
	sae
	states x.npy --rows 5000
	numpy 'x[4444, 3] = np.nan; np.save("y.npy", x)'
	refuses "y.npy: row 4444 " act-dump --hidden y.npy --sae sae
	fails 1 frame2json stdout
	refuses "y.npy: row 4444 " act-dump --hidden x.npy --hidden y.npy --sae sae
	refuses "stdin: row 4444 " act-dump --hidden - --sae sae <y.npy
	numpy 'np.save("y.npy", x.astype("f8") * 1e300)'
	refuses "y.npy: row 0 " act-dump --hidden y.npy --sae sae
}

@test "states that do not fit are refused" {
	sae
	states x.npy
	states y.npy --d 7
	refuses "7" act-dump --hidden y.npy --sae sae
	refuses "y.npy: states of 7 dimensions after 6 in x.npy" \
		act-dump --hidden x.npy --hidden y.npy --sae sae
	refuses "one of several" act-dump --hidden x.npy --hidden - --sae sae <x.npy
	refuses "z.npy: No such file" act-dump --hidden z.npy --sae sae
	refuses "x.npy: no array key" act-dump --hidden x.npy:key --sae sae
}

@test "--tokens has to hold an id for every state" {
	sae
	states x.npy
	for ids in "np.arange(299)" "np.arange(300) - 1" "np.arange(300) + 2**32 - 299" \
		"np.full(300, np.nan)"; do
		numpy "np.save('ids.npy', $ids)"
		refuses "ids.npy: " act-dump --hidden x.npy --sae sae --tokens ids.npy
	done
}

@test "an SAE that lacks something, or of other shapes, is refused" {
	states x.npy
	for key in W_enc W_dec b_enc b_dec; do
		for kind in --npz --threshold; do
			sae --bare $kind
			"$PY" - "$key" <<-'E'
			import glob, os, sys
			import numpy as np
			import arrays
			path, = glob.glob("sae/*")
			sae = dict(arrays.load_all(path))
			x = sae[sys.argv[1]]
			for name, x in (("none", None), ("short", x[:-1]), ("nan", x * np.nan),
			                ("flat", x.ravel()[:, None, None])):
			    os.makedirs(name, exist_ok=True)
			    changed = {**sae, sys.argv[1]: x}
			    arrays.save(path.replace("sae/", name + "/"),
			                {key: x for key, x in changed.items() if x is not None})
			E
			reads="act-dump --hidden x.npy --b-dec ignore --sae"
			refuses "no $key: " $reads none
			refuses ":" $reads short
			refuses ":$key: 3 dimensions" $reads flat
			[ $key != W_dec ] || reads=decoder
			refuses ":$key: number 0 is not finite" $reads nan
			rm -r none short flat nan
		done
	done
	mkdir empty
	refuses "empty: holds neither" act-dump --hidden x.npy --sae empty
	refuses "nowhere: No such file" act-dump --hidden x.npy --sae nowhere
}

@test "a k that is none is refused" {
	states x.npy
	for k in 0 -1 41 2.5 1e30; do
		sae --cfg "{\"architecture\": \"topk\", \"k\": $k}"
		refuses "k = " act-dump --hidden x.npy --sae sae
		sae --npz
		"$PY" -c "import numpy as np
np.savez('sae/params.npz', **np.load('sae/params.npz'), k=$k)"
		refuses "k = " act-dump --hidden x.npy --sae sae
	done
	"$PY" -c "import numpy as np
np.savez('sae/params.npz', **dict(np.load('sae/params.npz'), k=[1, 2]))"
	refuses ":k: 2 numbers" act-dump --hidden x.npy --sae sae
	sae --cfg '{"architecture": "topk"}'
	refuses "no k" act-dump --hidden x.npy --sae sae
}

@test "a cfg.json that asks for something else is refused" {
	states x.npy
	for cfg in '{"architecture": "gated"}' '{"normalize_activations": "batch"}' '[]' '{' \
		'{"architecture": "jumprelu"}' '{"apply_b_dec_to_input": "yes"}' \
		'{"activation_fn_str": "gelu"}' '{"architecture": "gated", "k": 3}'; do
		sae --cfg "$cfg"
		refuses "sae/" act-dump --hidden x.npy --sae sae
	done
}
