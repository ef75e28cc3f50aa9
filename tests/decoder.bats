load helper
# contract: none decoder {sample}/sae_L2_s0 {sample}/sae_L4_s0
# fuzz: none decoder {sae} {sae}
# fuzz: none decoder --folded {sae} {sae}
# fuzz: none decoder --weights both --bias --top 2 {sae}

# dist LAYER: distributions of the sample, which name their SAE
dist() {
	act-dump --hidden "$SAMPLE/hidden_L$1.npy" --sae "$SAMPLE/sae_L$1_s0/params.npz" \
		--layer "$1" --no-point |
		featdist --quiet
}

@test "the cosine of decoder rows is numpy's" {
	decoder "$SAMPLE/sae_L2_s0" "$SAMPLE/sae_L4_s0" >d
	oracle projection decoder d "$SAMPLE/sae_L2_s0" "$SAMPLE/sae_L4_s0"
}

@test "folded weights differ as the formula says" {
	decoder --quiet --folded "$SAMPLE/sae_L2_s0" "$SAMPLE/sae_L4_s0" >d
	oracle projection folded d "$SAMPLE/sae_L2_s0" "$SAMPLE/sae_L4_s0"
}

@test "whichever weights take part: numpy's numbers" {
	oracle act_dump sae a --npz --threshold
	oracle act_dump sae b --npz --threshold --seed 1
	oracle act_dump sae c --threshold --seed 2		# SAELens: its input is centred
	for how in cosine squared folded; do
		for parts in decoder encoder both; do
			for bias in "" bias; do
				[ "$parts $bias" != "decoder bias" ] || continue
				option=$([ $how = cosine ] || echo --$how)
				decoder --quiet $option --weights $parts ${bias:+--bias} a b >d
				oracle projection decoder d a b $how $parts $bias
			done
		done
		decoder --quiet $([ $how = cosine ] || echo --$how) --weights encoder --bias a c >d
		oracle projection decoder d a c $how encoder bias
	done
	framecat --header d | grep -q '"metric":"folded encoder and bias, squared difference"'
	cmp <(decoder --quiet --folded a b | frame2json | tail -n +2) \
		<(decoder --quiet --folded --weights both a b | frame2json | tail -n +2)
}

@test "--top holds each row's nearest, sorted, the lower column first of equals" {
	"$PY" - <<-'PYTHON'
	import numpy as np, os
	rng = np.random.default_rng(0)
	for name, n in ("a", 40), ("b", 50):
	    os.mkdir(name)
	    w = rng.integers(-1, 2, (n, 3)).astype("f4")	# few directions, zero rows: ties
	    np.savez(name + "/params.npz", W_dec=w, W_enc=w.T, b_enc=w[:, 0], b_dec=w[0])
	PYTHON
	decoder a b >whole
	decoder a >self
	for k in 1 5 49 50 1000; do
		decoder --top $k a b >some
		oracle nearest whole some $k
		decoder --top $k a >some
		oracle nearest self some $k
	done
	decoder "$SAMPLE"/sae_L{2,4}_s0 >whole
	decoder --top 10 "$SAMPLE"/sae_L{2,4}_s0 >some
	oracle nearest whole some 10
}

# ties DIMS: SAEs a and b with rows that are copies, a last bit off, huge, tiny, zero, far from 0;
# some thresholds are 0
ties() {
	"$PY" - "$1" <<-'PYTHON'
	import numpy as np, os, sys
	rng, d = np.random.default_rng(0), int(sys.argv[1])
	pool = rng.standard_normal((150, d)) * rng.choice([1, 1, 1, 1e7, 1e-9], (150, 1))
	pool[100:] = 1000 + 1e-3 * pool[100:]
	for name, n in ("a", 300), ("b", 500):
	    os.makedirs(name, exist_ok=True)
	    w = [x[rng.integers(150, size=n)].astype("f4") for x in (pool, pool[::-1])]
	    for x in w:
	        off = rng.permutation(n)[:n // 3]
	        at = off, rng.integers(d, size=len(off))
	        x[at] = np.nextafter(x[at], np.float32(np.inf))
	        x[rng.permutation(n)[:n // 20]] = 0
	    np.savez(name + "/params.npz", W_dec=w[0], W_enc=w[1].T, b_enc=w[0][:, 0],
	             b_dec=w[0][0], threshold=rng.choice([0, .5, .5, 2], n).astype("f4"))
	PYTHON
}

@test "--top of many columns: the numbers of the whole, with ties, near ties, any norms" {
	for d in 3 300 1100; do
		ties $d
		for how in "" --squared --folded "--weights encoder --bias"; do
			for sides in "a b" a; do
				decoder --quiet $how $sides >whole
				for k in 1 10 37; do
					decoder --quiet $how --top $k $sides >some
					oracle nearest whole some $k
				done
			done
			decoder --quiet $how --top 10 --threads 3 a b >some
			for i in 1 2 3; do decoder --quiet $how --top 10 --rows $i/3 a b >$i; done
			framecat --merge 1 2 3 | cmp - some
		done
		decoder --squared a b >whole
		oracle projection decoder whole a b squared
	done
}

@test "on a real model: cosine, and folded JumpReLU" {
	[ -n "$DATA" ] || skip "no real data"
	for pair in "1_s0 2_s0" "4_s0 5_s0" "5_s0 5_s1"; do
		sides=("$DATA/lm/bl361/L${pair% *}" "$DATA/lm/bl361/L${pair#* }")
		decoder "${sides[@]}" >d		# the folders: SAELens
		oracle projection decoder d "${sides[@]}"
		decoder --quiet --folded "${sides[@]/%//params.npz}" >d
		oracle projection folded d "${sides[@]/%//params.npz}"
	done
}

@test "folding leaves what a JumpReLU SAE puts out as it is" {
	[ -n "$DATA" ] || skip "no real data"
	"$PY" - <<-'PYTHON'
	import os
	import numpy as np
	folder = os.environ["DATA"] + "/lm/bl361/"
	x, s = np.load(folder + "hidden_L3.npy").astype("f8"), np.load(folder + "L3_s0/params.npz")
	theta = s["threshold"].astype("f8")
	some = theta > 0
	pre = x @ s["W_enc"].astype("f8")[:, some] + s["b_enc"][some]
	plain = np.where(pre > theta[some], pre, 0) @ s["W_dec"][some]
	pre = x @ (s["W_enc"].astype("f8") / theta)[:, some] + (s["b_enc"] / theta)[some]
	folded = np.where(pre > 1, pre, 0) @ (s["W_dec"] * theta[:, None])[some]
	assert np.abs(plain - folded).max() < 1e-9 * np.abs(plain).max()
	PYTHON
}

@test "folded, of streams: the same numbers as of the SAEs" {
	for l in 2 4; do dist $l >$l; done
	decoder --quiet --folded 2 4 >d
	oracle projection folded d "$SAMPLE/sae_L2_s0" "$SAMPLE/sae_L4_s0"
	decoder --quiet --folded - - < <(cat 2 4) >twice
	oracle same d twice
}

@test "a decoder row of zeros is at distance 1 from all but itself" {
	oracle act_dump sae sae --npz
	"$PY" -c 'import numpy as np
z = dict(np.load("sae/params.npz")); z["W_dec"][[3, 7]] = 0; np.savez("sae/params.npz", **z)'
	decoder sae | frame2json | "$PY" -c '
import json, sys
d = [json.loads(line) for line in sys.stdin][2]["dist"][2]
assert all(d[40 * i + j] == (i != j) for i in (3, 7) for j in range(40)), d[120:160]'
}

@test "thresholds that are not positive are counted" {
	oracle act_dump sae sae --npz --threshold
	"$PY" -c 'import numpy as np
z = dict(np.load("sae/params.npz"))
z["threshold"][[3, 7]] = 0, -1
np.savez("sae/params.npz", **z)'
	decoder --folded sae >d 2>notes
	grep -q "^decoder: sae: 2 features have no positive threshold: folded with 1e-6" notes
	oracle projection folded d sae sae
}

@test "of streams it takes the features, and of their headers the SAEs" {
	dist 2 >2
	dist 4 >4
	decoder 2 4 >d
	oracle projection decoder d "$SAMPLE/sae_L2_s0" "$SAMPLE/sae_L4_s0"
	framecat --header d | grep -q '"rows":485,"cols":438'
	cat 2 4 | decoder | frame2json | sed '1d;$d' | cmp - <(frame2json d | sed '1d;$d')
}

@test "joined streams are one set of several SAEs" {
	for l in 2 4; do dist $l; done >both
	decoder both >d
	framecat --header d | grep -q '"rows":923,"cols":923'
	frame2tsv --columns row_layer d | sort | uniq -c | grep -q "$((485 * 923)) 2"
}

@test "a set with itself is symmetric, and 0 on the diagonal" {
	for option in "" --folded; do
		decoder --quiet $option "$SAMPLE/sae_L2_s0" >d
		"$PY" -c '
import numpy as np
from semot import read
[(header, (ids, *blocks))] = read("d")
d = np.concatenate([b["dist"] for b in blocks])
assert d.shape == (512, 512) and (np.diag(d) == 0).all(), np.diag(d).max()
assert (np.abs(d - d.T) <= 1e-5 * np.abs(d)).all()'
	done
}

@test "the output is the same for any number of threads" {
	cmp <(decoder --threads 1 "$SAMPLE"/sae_L{2,4}_s0) \
		<(decoder --threads 2 "$SAMPLE"/sae_L{2,4}_s0)
}

@test "what cannot be compared is said in one line" {
	fails 1 decoder --folded "$SAMPLE/sae_L1_s0/sae_weights.safetensors"
	[[ $line == *threshold* ]]
	fails 1 decoder "$SAMPLE/sae_L2_s0" nowhere.npz
	fails 2 decoder "$SAMPLE/sae_L2_s0" stream
	stream distributions >d
	fails 1 decoder d
	[[ $line == *"names no SAE"* ]]
	oracle act_dump sae narrow
	fails 1 decoder narrow "$SAMPLE/sae_L2_s0"
	[[ $line == *dimensions* ]]
	oracle arrays random x.npy
	act-dump --hidden x.npy --sae narrow | featdist --quiet --min-count 1 >d
	decoder d >near
	rm -r narrow
	fails 1 decoder d
	[[ $line == *"names the SAE 'narrow', which is not here"* ]]
	fails 1 decoder <(stream distances)
	fails 2 decoder a b c
	fails 2 decoder --bias "$SAMPLE/sae_L2_s0"
	[[ $line == *"--weights encoder"* ]]
	oracle act_dump sae huge --npz
	"$PY" -c 'import numpy as np
z = dict(np.load("huge/params.npz")); z["W_dec"][3, 1] = 1e30; np.savez("huge/params.npz", **z)'
	fails 1 decoder huge
	[ "$line" = "decoder: huge: feature 3: a weight beyond 1e15" ]
}

@test "streams whose tensors lie: taken or refused, never a crash" {
	oracle mutate --stream distributions decoder --quiet --threads 1
}

@test "--atoms: which atoms are states of the same token, and Jaccard's index of the dictionaries" {
	oracle atoms make
	for pair in "a b" "b a" "a c" "a a"; do
		decoder --atoms $pair >d 2>notes
		oracle atoms check d notes $pair
	done
	decoder --atoms a >d 2>notes
	oracle atoms check d notes a a
	decoder --atoms a/atoms.npy b/atoms.pt 2>/dev/null | cmp <(frame2json | sed 1d) \
		<(decoder --quiet --atoms a b | frame2json | sed 1d)
	[ -z "$(decoder --quiet --atoms a b 2>&1 >/dev/null)" ]
	decoder --quiet --atoms a b | hungarian --quiet --max-cost .5 >matching
	oracle atoms matched matching a b
	for side in a b; do
		act-dump --quiet --hidden $side.npy --sae $side | featdist --quiet >$side.dist
	done
	decoder --atoms a.dist b.dist >d 2>notes
	oracle atoms check d notes a b
}

@test "--atoms of other text, of unknown tokens, of no dictionary of states" {
	oracle atoms make
	decoder --atoms a unknown >d 2>notes
	grep -qx "decoder: 4 features are atoms of unknown tokens" notes
	oracle atoms check d - a unknown
	fails 1 decoder --atoms a elsewhere
	[[ $line == "decoder: "*"atoms of the text other/text, the others are of some/text: "* ]]
	fails 1 decoder --atoms a longer
	[[ $line == "decoder: "*"atoms of sequences of 256 tokens, the others are of 128: "* ]]
	fails 1 decoder --atoms a alone
	[[ $line == "decoder: alone: no atom_indices.pt or atom_indices.npy, "* ]]
	for name in few wide real; do
		fails 1 decoder --atoms a $name
		[[ $line == "decoder: $name/atom_indices.npy: a row of 2 integers"* ]]
	done
	fails 1 decoder --atoms a beyond
	[[ $line == "decoder: beyond/atom_indices.npy: row 3 is (3000000000, 1), no sequence "* ]]
	fails 1 decoder --atoms "$SAMPLE/sae_L2_s0" a
	[[ $line == *"sae_L2_s0: no ITDA dictionary, whose atoms are states of tokens" ]]
	for options in --folded --squared --bias "--weights encoder"; do
		fails 2 decoder --atoms $options a b
	done
}
