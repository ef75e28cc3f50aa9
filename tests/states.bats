# Hidden states in every wrapping: stacks of layers, sequences, heads, shards, bits of bfloat16.

load helper

@test "of every wrapping the states that are meant are read; the rest is refused with its option" {
	oracle states
}

# stack: layers 5, 2, 6 of the sample, in ./first (3, 4096, 128), ./second (4096, 3, 128),
# ./sequences (64, 3, 64, 128), and in shards of it ./parts/1 to ./parts/11; ./d, distributions
stack() {
	"$PY" -c 'import numpy as np, os, sys
x = np.stack([np.load(f"{sys.argv[1]}/hidden_L{l}.npy") for l in "526"])
np.save("first.npy", x); np.save("second.npy", x.swapaxes(0, 1).copy())
s = x.reshape(3, 64, 64, 128).swapaxes(0, 1).copy()
np.save("sequences.npy", s); os.mkdir("parts")
for i in range(11):
    np.save(f"parts/{i + 1}.npy", s[6 * i:6 * i + 6])' "$SAMPLE"
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 2 |
		featdist --quiet >d
}

# alike FILE FILE: the same frames
alike() {
	cmp <(frame2json "$1" | sed '1d;$d') <(frame2json "$2" | sed '1d;$d')
}

@test "refproj and refaxes take one layer of a stack, and shards by a pattern" {
	stack
	refproj --lift "$SAMPLE/hidden_L6.npy" --whiten --dim 20 d >lifted
	refproj --identity --reference "$SAMPLE/hidden_L6.npy" --whiten d >identity
	refproj --fit "$SAMPLE"/hidden_L{2,6}.npy d >fitted
	refaxes --whiten --dim 20 "$SAMPLE/hidden_L6.npy" >axes
	for how in "first.npy --axis 0=2" "second.npy --axis 1=2" "sequences.npy --axis 1=2" \
		"parts/*.npy --axis 1=2"; do
		set -f
		set -- $how
		set +f
		refproj --quiet --lift "$1" "${@:2}" --whiten --dim 20 d >out
		alike lifted out
		refproj --quiet --identity --reference "$1" "${@:2}" --whiten d >out
		alike identity out
		refproj --quiet --fit "$1" "$1" --axis "${3%2}1" "${@:2}" d >out
		alike fitted out
		refaxes --quiet --whiten --dim 20 "$1" "${@:2}" >out
		alike axes out
		refproj --quiet --lift "$1" "${@:2}" --axes out d >moved
		alike lifted moved
	done
	fails 2 refproj --lift first.npy --axis 0=1 --axis 0=2 d
	[[ $line == *"--axis is given 2 times for 1 files"* ]]
	for axis in 2 0= =1 0=x 0=1, a=1 0=1,,1=1 ""; do
		fails 2 refproj --lift first.npy --axis "$axis" d
	done
}

@test "refproj and refaxes refuse a stack, and name its shape" {
	stack
	fails 1 refproj --lift first.npy d
	[[ $line == *"4096 tokens"*"first.npy has 12288 rows"*"(3, 4096, 128)"*"--axis 0=I"* ]]
	fails 1 refproj --lift sequences.npy d
	for command in "refaxes --whiten" "refproj --identity d --whiten --reference" \
		"refproj d --fit $SAMPLE/hidden_L2.npy"; do
		fails 1 $command sequences.npy
		[[ $line == *"sequences.npy"*"(64, 3, 64, 128)"* || $line == *" rows, "* ]]
	done
	fails 1 refaxes --whiten first.npy
	[[ $line == *"(3, 4096, 128): if it is 3 sequences of 4096 tokens, --context 4096; "* ]]
	fails 1 refaxes --whiten first.npy --context 64
	[[ $line == *"(3, 4096, 128), where sequences are of 64 tokens"*"--axis 0=I"* ]]
}

@test "the stream tells refproj --lift and match-subst that sequences are tokens" {
	stack
	"$PY" -c 'import numpy as np, sys
np.save("s.npy", np.load(sys.argv[1]).reshape(64, 64, 128))' "$SAMPLE/hidden_L6.npy"
	refproj --lift s.npy d >out
	refproj --lift "$SAMPLE/hidden_L6.npy" d >flat
	alike out flat
	for l in 2 6; do
		act-dump --hidden "$SAMPLE/hidden_L$l.npy" --sae "$SAMPLE/sae_L${l}_s0" \
			--no-point >$l
	done
	decoder --quiet "$SAMPLE"/sae_L{2,6}_s0 | hungarian --quiet >m
	subst="match-subst --quiet --bootstrap 20 --a 2 --b 6 --sae-b $SAMPLE/sae_L6_s0 m"
	$subst --hidden-b "$SAMPLE/hidden_L6.npy" >whole
	for how in s.npy "first.npy --axis 0=2"; do
		$subst --hidden-b $how >out
		alike whole out
	done
	fails 1 $subst --hidden-b first.npy
	[[ $line == *"12288 states, where 6 is of 4096 tokens; first.npy is of shape (3, 4096"* ]]
	json2frame <(frame2json d | sed '1s/"tokens": *4096, *//') >untold
	fails 1 refproj --lift s.npy untold
	[[ $line == *"s.npy: an array of shape (64, 64, 128): if it is 64 sequences"* ]]
	refproj --lift s.npy --context 64 untold >out
	alike out flat
}

@test "act-import takes states of sequences as long as the cache's" {
	cache=$ROOT/tests/golden/cache
	n=$(act-import "$cache" | frame2json | sed -n '1s/.*"tokens": *\([0-9]*\).*/\1/p')
	"$PY" - "$n" "$cache" <<-'PYTHON'
	import glob, sys
	import numpy as np
	import arrays
	shape = arrays.load(glob.glob(sys.argv[2] + "/*.safetensors")[0] + ":tokens").shape
	x = np.random.default_rng(1).standard_normal((*shape, 6)).astype("f4")
	np.save("flat.npy", x.reshape(-1, 6)); np.save("sequences.npy", x)
	np.save("layers.npy", np.stack([x * 2, x]).reshape(2, -1, 6))
	PYTHON
	act-import "$cache" --hidden flat.npy >flat
	act-import "$cache" --hidden sequences.npy >out
	alike flat out
	act-import "$cache" --hidden layers.npy --axis 0=1 >out
	alike flat out
	fails 1 act-import "$cache" --hidden layers.npy
	[[ $line == *"cache of $n tokens, layers.npy has $((2 * n)); "*"--axis 0=I takes one"* ]]
}

@test "a pattern that no file matches, and stdin beside files, are refused" {
	oracle states matrix
	fails 1 act-dump --hidden 'nothing*.npy' --sae sae
	[ "$line" = "act-dump: nothing*.npy: no file matches" ]
	fails 1 act-dump --hidden 'matrix/states*:key' --sae sae
	[[ $line == *"matrix/states.npy: no array key" ]]
	fails 1 act-dump --hidden 'matrix/*' --hidden - --sae sae <matrix/states.npy
	[[ $line == *"one of several"* ]]
	cp matrix/states.npy 'a[b].npy'
	act-dump --hidden 'a[b].npy' --sae sae | cmp - <(act-dump --hidden 'a[b].npy' --sae sae)
}

@test "a stack on stdin that is cut short, or goes on, is refused" {
	oracle states layers_first
	cd layers_first
	read="act-dump --hidden - --axis 0=1 --sae ../sae"
	head -c -8 states.npy >cut
	fails 1 $read <cut
	[[ $line == *"stdin: cut short before row 269 of 270"* ]]
	cat states.npy ../mask.npy >longer
	fails 1 $read <longer
	[[ $line == *"stdin: bytes after the array"* ]]
	head -c 3000 states.npy >cut
	fails 1 $read <cut
}

@test "a stream without the tokens that estimates are of, or with others, is said to be so" {
	"$PY" -c 'import numpy as np; np.save("mask.npy", np.arange(4096) % 7 > 1)
np.save("other.npy", np.arange(4096) % 5 > 1)'
	ref=$SAMPLE/hidden_L6.npy
	encode="act-dump --quiet --hidden $SAMPLE/hidden_L2.npy --sae $SAMPLE/sae_L2_s0 --layer 2"
	said="act-dump and refproj take the same"
	for how in "" "--mask mask.npy" "--context 64 --skip 1" \
		"--tokens $SAMPLE/tokens.npy --skip-ids 3,5"; do
		$encode $how | featdist --quiet >d
		refproj --lift "$ref" --whiten $how d 2>notes >out
		refute grep "$said" notes
		refaxes $how --whiten "$ref" >axes
		refproj --lift "$ref" --axes axes d 2>notes >out
		refute grep "$said" notes
		refproj --lift "$ref" --whiten --mask other.npy d 2>notes >out
		grep -q "d: its tokens are all.*, the estimates are of all but [0-9]* tok" notes
		grep -q ": [0-9]* tokens are left out of the estimates by --mask" notes
	done
	refproj --lift "$ref" --whiten d 2>notes >out
	grep -q "d: its tokens are all but [0-9]* tokens #.*, the estimates are of all: $said" notes
	$encode --context 64 --skip 1 | featdist --quiet >d
	refproj --lift "$ref" --dim 9 --context 64 --skip 2 d 2>notes >out
	grep -q "all but the first 1 of every 64, .* all but the first 2 of every 64: " notes
	refproj --quiet --lift "$ref" --dim 9 d 2>notes >out
	[ ! -s notes ]
}

@test "options that choose among reference states are refused, or said to do nothing, without any" {
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" >a
	"$PY" -c 'import numpy as np
np.save("map.npy", np.eye(128)); np.save("mask.npy", np.zeros(4096, bool))'
	for option in "--context 64" "--context 64 --skip 1" "--mask mask.npy" --drop-nonfinite \
		"--tokens $SAMPLE/tokens.npy" "--tokens $SAMPLE/tokens.npy --skip-ids 1"; do
		fails 2 refproj --identity $option a
		fails 2 refproj --map map.npy $option a
		[[ $line == *"--reference"* ]]
	done
	ref=$SAMPLE/hidden_L6.npy
	refproj --lift "$ref" --mask mask.npy a 2>notes | frame2json | sed 1d |
		cmp - <(refproj --lift "$ref" a | frame2json | sed 1d)
	grep -q "nothing is estimated: all tokens stay" notes
	refaxes --whiten "$ref" >axes
	fails 2 refproj --lift "$ref" --axes axes --tokens "$SAMPLE/tokens.npy" a
	fails 1 refproj --lift "$ref" --context 60 a
	"$PY" -c 'import numpy as np; np.save("ids.npy", np.arange(4095))'
	fails 1 refproj --lift "$ref" --tokens ids.npy a
	fails 1 refaxes --whiten "$ref" --tokens ids.npy
}

@test "couple says where tokens are left out of one of two streams" {
	for how in "" "--context 64 --skip 2"; do
		act-dump --quiet --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" $how |
			refproj --quiet --lift "$SAMPLE/hidden_L6.npy" --whiten --dim 9 >"x$how"
	done
	couple x "x--context 64 --skip 2" 2>notes >out
	grep -q "x: it is of all its tokens, x--context 64 --skip 2 of some only" notes
	couple --by cells --cells 9 "x--context 64 --skip 2" x 2>&1 >out | grep -q "x: it is of all"
	for file in x "x--context 64 --skip 2"; do
		couple --by cells --cells 9 "$file" "$file" 2>notes >out
		[ ! -s notes ]
	done
}
