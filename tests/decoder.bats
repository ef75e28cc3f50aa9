load helper
# contract: none decoder {sample}/sae_L2_s0 {sample}/sae_L4_s0

# dist LAYER: distributions of the sample, which name their SAE
dist() {
	act-dump --hidden "$SAMPLE/hidden_L$1.npy" --sae "$SAMPLE/sae_L$1_s0/params.npz" --layer "$1" --no-point |
		featdist --quiet
}

@test "the cosine of decoder rows is numpy's" {
	decoder "$SAMPLE/sae_L2_s0" "$SAMPLE/sae_L4_s0" >d
	oracle projection decoder d "$SAMPLE/sae_L2_s0" "$SAMPLE/sae_L4_s0"
}

@test "folded weights differ as the formula says" {
	decoder --quiet --folded "$SAMPLE/sae_L2_s0" "$SAMPLE/sae_L4_s0" >d
	oracle projection folded d "$SAMPLE/sae_L2_s0" "$SAMPLE/sae_L4_s0"
	[ -n "$DATA" ] || skip "no real data"
	decoder --quiet --folded "$DATA"/lm/bl361/L{1,2}_s0/params.npz >d
	oracle projection folded d "$DATA"/lm/bl361/L{1,2}_s0
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
	frame2tsv --columns row_layer d | sort | uniq -c | grep -q "485 2"
}

@test "a set with itself is symmetric, and 0 on the diagonal" {
	for option in "" --folded; do
		decoder --quiet $option "$SAMPLE/sae_L2_s0" >d
		"$PY" -c '
import sys; sys.path.insert(0, sys.argv[1])
import numpy as np
from stream import read
d = np.concatenate([f["dist"] for f in read(open("d", "rb"))[0][1][1:]])
assert d.shape == (512, 512) and (np.diag(d) == 0).all(), np.diag(d).max()
assert (np.abs(d - d.T) <= 1e-5 * np.abs(d)).all()' "$ROOT/tests/oracle"
	done
}

@test "the output is the same for any number of threads" {
	cmp <(decoder --threads 1 "$SAMPLE"/sae_L{2,4}_s0) <(decoder --threads 2 "$SAMPLE"/sae_L{2,4}_s0)
}

@test "what cannot be compared is said in one line" {
	fails 1 decoder --folded "$SAMPLE/sae_L1_s0/sae_weights.safetensors"
	[[ $line == *threshold* ]]
	fails 1 decoder "$SAMPLE/sae_L2_s0" nowhere.npz
	fails 2 decoder "$SAMPLE/sae_L2_s0" stream
	stream distributions >d
	fails 1 decoder d
	[[ $line == *"names no SAE"* ]]
}
