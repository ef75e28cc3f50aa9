load helper
# contract: distributions refproj --identity --unit

# dist LAYER: distributions of the sample, with the layer's own points
dist() {
	act-dump --hidden "$SAMPLE/hidden_L$1.npy" --sae "$SAMPLE/sae_L$1_s0" --layer "$1" | featdist --quiet
}

space() {
	framecat --header "$1" | sed 's/.*"space":"\([^"]*\)".*/\1/'
}

@test "the lift is the same token's state at the reference layer" {
	dist 2 | refproj --lift "$SAMPLE/hidden_L6.npy" >lifted
	oracle projection lift lifted "$SAMPLE/hidden_L6.npy"
}

@test "a lift from shards is the lift from their whole" {
	"$PY" -c 'import numpy as np, sys
x = np.load(sys.argv[1]); np.save("a.npy", x[:1000]); np.save("b.npy", x[1000:])' "$SAMPLE/hidden_L6.npy"
	dist 2 >d
	refproj --lift a.npy --lift b.npy d | frame2json | sed '1d;$d' >shards
	refproj --lift "$SAMPLE/hidden_L6.npy" d | frame2json | sed '1d;$d' | cmp - shards
}

@test "a map and a bias are numpy's" {
	dist 3 >d
	"$PY" -c 'import numpy as np
r = np.random.default_rng(0)
np.save("map.npy", r.standard_normal((128, 40)).astype("f4")); np.save("bias.npy", r.standard_normal(40).astype("f4"))'
	refproj --map map.npy d >mapped
	oracle projection map mapped d map.npy
	refproj --map map.npy --bias bias.npy d >mapped
	oracle projection map mapped d map.npy bias.npy
	framecat --header mapped | grep -q '"d":40'
}

@test "the ridge map is that of the normal equations" {
	dist 2 >d
	for ridge in 1 1000; do
		refproj --fit "$SAMPLE/hidden_L2.npy" "$SAMPLE/hidden_L6.npy" --ridge $ridge d >fitted
		oracle projection fit fitted d "$SAMPLE/hidden_L2.npy" "$SAMPLE/hidden_L6.npy" $ridge
	done
}

@test "whitening is numpy's up to a rotation, whole and truncated" {
	dist 2 | refproj --lift "$SAMPLE/hidden_L6.npy" >lifted
	refproj --identity --reference "$SAMPLE/hidden_L6.npy" --whiten lifted >white
	oracle projection whiten white lifted "$SAMPLE/hidden_L6.npy"
	dist 2 | refproj --lift "$SAMPLE/hidden_L6.npy" --whiten | frame2json | grep '"point"' >direct
	frame2json white | grep '"point"' | cmp - direct
	refproj --identity --reference "$SAMPLE/hidden_L6.npy" --whiten --dim 20 lifted >white
	oracle projection whiten white lifted "$SAMPLE/hidden_L6.npy" 20
}

@test "directions without variance are dropped, and counted" {
	"$PY" -c 'import numpy as np
r = np.random.default_rng(0); np.save("flat.npy", (r.standard_normal((500, 3)) @ r.standard_normal((3, 6))).astype("f4"))'
	stream distributions >d
	refproj --lift flat.npy --whiten d >white 2>notes
	framecat --header white | grep -q '"d":3'
	grep -q "3 of 6 directions" notes
}

@test "unit length is unit length" {
	stream distributions >d
	refproj --identity --unit d >u
	oracle projection unit u d
}

@test "layers that were lifted to one reference are in one space, all else is not" {
	for l in 2 4; do dist $l | refproj --lift "$SAMPLE/hidden_L6.npy" --whiten >$l; done
	[ "$(space 2)" = "$(space 4)" ]
	dist 4 | refproj --lift "$SAMPLE/hidden_L6.npy" >bare
	dist 4 | refproj --lift "$SAMPLE/hidden_L5.npy" --whiten >other
	for file in bare other; do
		[ "$(space 2)" != "$(space $file)" ]
		fails 1 sinkhorn 2 $file
		[[ $line == *"$(space 2)"* && $line == *"$(space $file)"* && $line == *refproj* ]]
	done
}

@test "the identity leaves points and space alone" {
	stream distributions >d
	refproj --identity d >same
	cmp <(frame2json d | sed '1d;$d') <(frame2json same | sed '1d;$d')
	[ "$(space d)" = "$(space same)" ]
}

@test "activations are projected as distributions are" {
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 2 >a
	refproj --lift "$SAMPLE/hidden_L6.npy" --whiten a | featdist --quiet | frame2json | sed '1d;$d' >early
	featdist --quiet a | refproj --lift "$SAMPLE/hidden_L6.npy" --whiten | frame2json | sed '1d;$d' | cmp - early
}

@test "the output is the same for any number of threads" {
	dist 3 >d
	cmp <(refproj --lift "$SAMPLE/hidden_L6.npy" --whiten --threads 1 <d) \
		<(refproj --lift "$SAMPLE/hidden_L6.npy" --whiten --threads 2 <d)
	cmp <(refproj --fit "$SAMPLE/hidden_L3.npy" "$SAMPLE/hidden_L6.npy" --whiten --threads 1 <d) \
		<(refproj --fit "$SAMPLE/hidden_L3.npy" "$SAMPLE/hidden_L6.npy" --whiten --threads 2 <d)
}

@test "what cannot be projected is said in one line" {
	stream distributions >d
	"$PY" -c 'import numpy as np
np.save("few.npy", np.zeros((10, 6), "f4")); np.save("wide.npy", np.zeros((9, 4), "f4"))
x = np.ones((500, 6), "f4"); np.save("flat.npy", x); x[77, 2] = np.nan; np.save("nan.npy", x)'
	fails 1 refproj --lift few.npy d
	[[ $line == *"has 10 rows"* ]]
	fails 1 refproj --map wide.npy d
	[[ $line == *"point"* ]]
	fails 1 refproj --lift flat.npy --whiten d
	[[ $line == *"no variance"* ]]
	fails 1 refproj --lift nan.npy --whiten d
	[[ $line == *"row 77"* ]]
	fails 1 refproj --lift nowhere.npy d
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --no-point | featdist --quiet >bare
	fails 1 refproj --identity --unit bare
	[[ $line == *"no point"* ]]
	fails 2 refproj d
	fails 2 refproj --identity --whiten d
	fails 2 refproj --lift few.npy --identity d
	fails 2 refproj --fit one
}
