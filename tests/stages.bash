# What the tests of distance stages share; each takes a stage with its options. See
# oracle/stages.py.
# The test of a stage that stages.py does not know defines its metric, x being the first word of it:
#	export METRIC='def x(header, one, other): ...'
# shellcheck disable=SC2154

# agrees COMMAND...: with numpy, on sets of all kinds
agrees() {
	mkdir -p cases
	[ -e cases/normal.a ] || oracle stages cases cases
	for a in cases/*.a; do
		"$@" "$a" "${a%a}b" >"${a%a}out"
	done
	oracle stages values cases/*.out
}

# compares_itself COMMAND...: one set with itself
compares_itself() {
	oracle sinkhorn make --features 40 --points 1:20 >a
	"$@" a >whole
	"$@" a a >two
	oracle stages itself whole two
}

# picks COMMAND...: --top and --rows, of two sets and of one, with ties among the columns
picks() {
	oracle sinkhorn make --features 13 --points 1:9 >a
	oracle sinkhorn make --features 9 --points 1:9 --seed 2 >b
	{ cat b; renamed 4 <a; renamed 5 <b; } >c
	for sets in "a c" c; do
		"$@" $sets >whole
		for k in 1 4 40; do
			"$@" --top $k $sets >top.$k
		done
		for i in 1 2 3; do
			"$@" --rows $i/3 $sets >rows.$i
			"$@" --rows $i/3 --top 5 $sets >both.$i
		done
		oracle stages parts whole top.* rows.* both.*
	done
}

# tells_errors COMMAND...: with --error everything else is as it was, the errors are those of
# halvings by numpy, and the same in any part of the stream: by --top, --rows and --merge, with any
# number of threads
tells_errors() {
	two --features 7 --points 1:24
	for sets in "a b" a; do
		"$@" $sets >plain
		"$@" --error 3 $sets >whole
		oracle stages errors plain whole $sets
		cmp <("$@" --error 3 --threads 3 $sets) whole
	done
	picks "$@" --error 2
	merges "$@" --error 2 --top 3 a
	frame2tsv --columns error whole | grep -q Infinity
	frame2json whole | json2frame | cmp - whole
}

# deviates COMMAND...: errors are about how far the distances of other samples of the same
# distributions deviate
deviates() {
	[ -e shared.a ] || oracle stages resampled .
	for a in own shared; do
		"$@" --error 4 $a.a $a.b >$a.out
	done
	oracle stages deviations own.out shared.out
}

# merges COMMAND...: blocks of rows are the whole, to the byte
merges() {
	"$@" >whole 2>notes
	for n in 1 3 30; do
		for ((i = 1; i <= n; i++)); do "$@" --quiet --rows $i/$n >$i; done
		framecat --merge $(seq $n -1 1) | cmp - whole
	done
}

# scales C COMMAND...: points 1000 times as far apart are C times as far
scales() {
	oracle sinkhorn make --points 3:9 >a
	oracle sinkhorn make --points 3:9 --scale 1000 >b
	"${@:2}" a >out
	"${@:2}" b >two
	oracle stages scaled out two "$1"
}

# scaled_activations: ./once, and ./scaled, in which those of each feature are times a constant
scaled_activations() {
	stream activations --seed 5 >once
	"$PY" -c "
from semot import read, write
(header, frames), = read('once')
for f in frames:
    f['value'] = f['value'] * (1 + f['feature']).astype('f4')
write('-', header, frames)" >scaled
}

# ignores_mass COMMAND...: activations that are all times a constant change nothing
ignores_mass() {
	scaled_activations
	featdist --quiet once | "$@" >out
	featdist --quiet scaled | "$@" >two
	oracle stages scaled out two 1
}

# passes_empty COMMAND...: sets without features, with and without options
passes_empty() {
	oracle sinkhorn make >a
	stream distributions --empty >none
	for sets in "none" "a none" "none a" "none none"; do
		for option in "" "--top 3" "--rows 2/3" "--error 1"; do
			"$@" $option $sets | framecat >out
		done
	done
	framecat --header out | grep -q '"rows":0,"cols":0'
}

# refuses COMMAND...: what no stage can compare, and a wrong command line
refuses() {
	two
	oracle sinkhorn make --space elsewhere >c
	fails 1 "$@" a c
	[[ $line == *"'elsewhere'"*"a has 'reference'"*"refproj"* ]]
	oracle sinkhorn make --d 5 >c
	fails 1 "$@" a c
	[ "$line" = "$1: c: points of 5 dimensions, a has 6" ]
	fails 1 "$@" <(stream matching)
	fails 1 "$@" missing
	fails 2 "$@" a b c
	fails 2 "$@" --top 0
	fails 2 "$@" --rows 4/3
	fails 2 "$@" --error 0
	fails 2 "$@" --threads 0
}

# two OPTION...: two random sets in ./a and ./b
two() {
	oracle sinkhorn make --seed 1 "$@" >a
	oracle sinkhorn make --seed 2 --layer 4 "$@" >b
}

# nears_zero MOST COMMAND...: features of nearly the same points in other orders are at most MOST
# apart, and the distance that rounding leaves has the same bits in the rows of both
nears_zero() {
	"$PY" -c "
import numpy as np, sinkhorn
rng = np.random.default_rng(0)
point = np.concatenate([rng.permutation(np.eye(16)) for _ in range(12)])
point = point + 1e-7 * rng.standard_normal((192, 16))
sinkhorn.write('-', point, np.ones(192), np.arange(192), [16] * 12)" >a
	"${@:2}" a >whole
	"${@:2}" --top 12 a >top
	"${@:2}" --rows 1/1 a >rows
	oracle stages parts whole top rows
	"$PY" -c "
import stages
assert 0 < stages.read('whole')[1].max() <= $1"
}
