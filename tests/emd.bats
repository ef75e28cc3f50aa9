# contract: distributions emd
# fuzz: distributions emd --p 2 --top 2
# fuzz: distributions emd --error 2
load helper
load stages

# real LAYER: features of a real model's layer as distributions
real() {
	act-dump --hidden "$DATA/lm/bl361/hidden_L$1.npy" --sae "$DATA/lm/bl361/L$1_s0" \
		--layer "$1" |
		featdist --quiet --support 24 |
		refproj --lift "$DATA/lm/bl361/hidden_L5.npy" --whiten
}

# values STATEMENT: runs it on the header, dist, lower and upper of ./out; matrices() reads another
# file
values() {
	"$PY" -c "
import numpy as np
from emd import matrices
header, dist, lower, upper = matrices('out', 'dist', 'lower', 'upper')
$1"
}

# files for an oracle that looks at many at once: Python takes its time to start
checks=()

@test "POT's distances, random and degenerate: points at one place, far away, few, shared, light" {
	for shape in normal grid identical far tiny-weights one-weight duplicates shared twins; do
		two --features 9 --points 1:40 --shape $shape
		mv a a.$shape
		mv b b.$shape
		for p in 1 2; do
			emd --p $p {a,b}.$shape >$shape.$p
			checks+=($shape.$p {a,b}.$shape)
		done
	done
	for points in 1 2 150; do
		two --features 3 --points $points --shape tiny-weights
		mv a a.$points
		mv b b.$points
		emd --part 0 {a,b}.$points >$points
		checks+=($points {a,b}.$points)
	done
	oracle emd pot "${checks[@]}"
}

@test "POT's distances: one point and many, tied costs, masses that match, a set with itself" {
	oracle sinkhorn make --features 8 --points 1 --shape grid --d 2 >one
	oracle sinkhorn make --features 8 --points 1:30 --shape grid --d 2 >many
	for sets in "one many" "many one" "one one" "many many"; do
		for p in 1 2; do
			emd --p $p $sets >"$p $sets"
			checks+=("$p $sets" $sets)
		done
	done
	oracle emd pot "${checks[@]}"
}

@test "on the line they are the closed form" {
	for shape in normal grid tiny-weights duplicates far; do
		two --features 9 --points 1:60 --d 1 --shape $shape
		mv a a.$shape
		mv b b.$shape
		emd {a,b}.$shape >$shape
		checks+=($shape {a,b}.$shape)
	done
	oracle emd line "${checks[@]}"
}

@test "distances of any magnitude" {
	for scale in 1e-12 1e-6 1e6 1e12; do
		two --scale $scale
		mv a a.$scale
		mv b b.$scale
		for p in 1 2; do
			emd --p $p {a,b}.$scale >$scale.$p
			checks+=($scale.$p {a,b}.$scale)
		done
	done
	oracle emd pot "${checks[@]}"
}

@test "Rubner's example costs what it did" {
	oracle emd rubner a b
	emd a b >out
	values "assert abs(dist[0, 0] - 160.54277) < 1e-5 * 2, dist"
}

@test "values of scipy's tests on the line" {
	[ -n "$DATA" ] || skip "no $DATA"
	oracle sinkhorn known "$DATA/ot" a b
	emd a b >out
	values "assert np.allclose(np.diag(dist), header['w1'], rtol=1e-6, atol=1e-6)"
}

@test "DOTmark: 1,024 points a side, to the decimals that were published" {
	[ -n "$DATA" ] || skip "no $DATA"
	for problem in 1 2; do
		for ground in L1 L2 Linf; do
			oracle emd dotmark "$DATA/ot" $problem $ground a b
			emd --part 0 --p $([ $ground = L2 ] && echo 1 || echo 2) a b \
				>$ground.$problem
		done
	done
	oracle emd published {L1,L2,Linf}.{1,2}
}

@test "--top: each row's nearest of the whole matrix, sorted, the lower column first of equals" {
	for shape in normal twins grid duplicates far tiny-weights identical one-weight; do
		two --features 40 --points 1:12 --shape $shape
		for sets in "a b" a; do
			emd $sets >whole
			for k in 1 5 50 1000; do
				emd --quiet --top $k $sets >some
				oracle nearest whole some $k
			done
		done
	done
	two --features 30 --points 20 --shape shared
	for sets in "a b" a; do
		emd --p 2 $sets >whole
		emd --quiet --p 2 --top 5 $sets >some
		oracle nearest whole some 5
	done
}

@test "--top of features that keep more tokens than bounds take at a time" {
	oracle sinkhorn make --features 170 --points 110 --d 3 >a	# 18,700 tokens
	oracle sinkhorn make --features 12 --points 90 --d 3 --seed 1 >b
	for sets in "a b" "b a"; do
		emd --quiet $sets >whole
		emd --quiet --top 3 $sets >some
		oracle nearest whole some 3
	done
}

@test "transport within parts is POT's, part by part; --top is of the same distances" {
	two --features 9 --points 1:60 --shape shared
	for p in 1 2; do
		emd --p $p --part 8 a b >emd.$p
	done
	oracle parts emd.1 a b emd.2 a b
	for metric in emd sinkhorn; do
		for sets in "a b" "a"; do
			$metric --quiet --part 8 $sets >all
			$metric --quiet --part 8 --top 3 $sets >some
			oracle nearest all some 3
		done
	done
}

# budgets COMMAND...: at any share of the pairs, what is beyond the columns is above no column that
# is left out; a share of 1 gives what no budget gives
budgets() {
	columns=row_feature,col_feature,dist,lower,upper
	for sets in "a b" a; do
		"$@" $sets >whole
		for k in 5 50; do
			"$@" --quiet --top $k $sets >some
			for share in 1e-9 .3 1; do
				"$@" --quiet --top $k --budget $share $sets >part
				oracle nearest whole part $k >proved
				[ $share = 1 ] || continue
				cmp <(frame2tsv --columns $columns some) \
					<(frame2tsv --columns $columns part)
			done
		done
	done
}

@test "--budget: the nearest of a share of the pairs, and what the others are beyond" {
	for seed in 1 3; do
		for shape in normal twins grid shared far; do
			set -- --features 33 --points 1:12 --shape $shape
			oracle sinkhorn make "$@" --seed $seed >a
			oracle sinkhorn make "$@" --seed 2 >b
			budgets emd
		done
		budgets emd --p 2
		budgets sinkhorn --epsilon .3
	done
}

@test "--budget proves more rows the larger it is, says how many, and looks at no more pairs" {
	oracle sinkhorn make --features 60 --points 20 --d 3 --seed 1 >a
	oracle sinkhorn make --features 60 --points 20 --d 3 --seed 2 >b
	emd a b >whole
	before=0
	for share in .05 .2 1; do
		emd --top 3 --budget $share a b 2>notes >part
		proved=$(oracle nearest whole part 3)
		words="pairs were solved; of $proved of 60 rows the nearest are proved"
		[[ $(<notes) =~ ^emd:\ ([0-9]+)\ of\ 3600\ $words$ ]]
		"$PY" -c "assert ${BASH_REMATCH[1]} <= $share * 3600 and $before <= $proved"
		before=$proved
	done
	[ "$proved" = 60 ]
	emd --quiet --top 3 --budget .05 a b >part
	[ "$(oracle nearest whole part 3)" -lt 60 ]
}

@test "--budget: the same bytes for any number of threads, and by blocks of rows" {
	two --features 23 --points 1:12 --shape shared
	for sets in "a b" a; do
		merges emd --top 3 --budget .3 $sets
		cmp <(emd --quiet --threads 3 --top 3 --budget .3 $sets) whole
		merges emd --top 3 --budget .3 --error 2 $sets
	done
	frame2tsv --columns row_feature,dist,beyond whole >table
	[ "$(wc -l <table)" = $((1 + 23 * 3)) ]
	[ "$(cut -f 1,3 table | uniq | wc -l)" = 24 ]
}

@test "--budget is of --top, and of distances with bounds" {
	two
	fails 2 emd --budget .5 a b
	fails 2 sinkhorn --budget .5 a b
	fails 2 sinkhorn --budget .5 --top 3 --debias a b
	fails 2 sinkhorn --budget .5 --top 3 --unbalanced 1 a b
	fails 2 emd --top 3 --budget 0 a b
	fails 2 emd --top 3 --budget 1.5 a b
}

@test "--top of a real model's features is that of brute force, and solves few pairs" {
	[ -n "$DATA" ] || skip "no $DATA"
	real 4 >a
	real 5 >b
	for sets in "a b" b; do
		emd $sets >whole
		for k in 1 5 50; do
			emd --top $k $sets >some 2>notes
			oracle nearest whole some $k
		done
	done
	emd --top 1 a b 2>notes >some
	[[ $(<notes) =~ ^emd:\ ([0-9]+)\ of\ ([0-9]+)\ pairs\ were\ solved ]]
	[ "$((20 * BASH_REMATCH[1]))" -lt "${BASH_REMATCH[2]}" ]
}

@test "of a set with itself: symmetric, zero to itself, the triangle inequality" {
	for shape in normal twins grid; do
		oracle sinkhorn make --features 12 --points 1:20 --shape $shape >a
		for p in 1 2; do
			emd --p $p a >$shape.$p
		done
		emd --p 2 a a >two
		oracle same $shape.2 two --near 1e-6
	done
	oracle emd triangle {normal,twins,grid}.{1,2}
}

@test "a feature and its twin at other tokens are at distance 0" {
	oracle sinkhorn make --features 8 --points 5:20 --shape twins >a
	for p in 1 2; do
		emd --p $p a >out
		values "
apart = dist[np.arange(8), np.arange(8, 16)]
p = header['p']
assert (apart ** p < 1e-7 * dist.max() ** p).all() and (dist[:8, :8] + np.eye(8) > .1).all()"
	done
}

@test "--rows: blocks of rows are the whole, to the byte" {
	two --features 23 --points 1:12 --shape shared	# some of 30 blocks of 23 rows are empty
	for command in "emd a b" "emd a" "emd --top 3 a b" "emd --top 3 a" \
			"emd --p 2 --top 50 a"; do
		merges $command
	done
}

@test "--error: the sampling error of each distance, by halvings of the tokens" {
	tells_errors emd --quiet
}

@test "the error is about how far distances of other samples deviate" {
	deviates emd --quiet
}

@test "the proof: lower and upper are next to the distance" {
	two --features 6 --points 64
	for p in 1 2; do
		emd --p $p a b >out
		values "
assert (lower <= dist).all() and (dist <= upper).all()
assert (upper - lower <= 3e-7 * dist).all(), ((upper - lower) / dist).max()"
	done
}

@test "sinkhorn's bounds hold the exact distance, at any epsilon, wherever it stops" {
	for shape in normal shared far tiny-weights duplicates; do
		two --features 8 --points 1:40 --shape $shape
		for p in 1 2; do
			emd --p $p a b >$shape.$p
			for options in "--epsilon .5" "--epsilon .05" "--epsilon .001" \
				"--epsilon .001 --tol 1e-6" "--epsilon .05 --max-iters 1" \
				"--epsilon .001 --max-iters 1" "--epsilon .001 --max-iters 40" \
				"--epsilon 1e-6 --max-iters 9"; do
				sinkhorn --quiet --p $p $options a b >"$shape --p $p $options"
				checks+=("$shape --p $p $options" $shape.$p)
			done
		done
	done
	oracle emd bounds "${checks[@]}"
}

@test "scaling a feature's activations changes nothing" {
	scaled_activations
	featdist once | emd >out
	featdist scaled | emd >other
	values "assert np.allclose(dist, matrices('other', 'dist')[1], rtol=1e-5, atol=1e-6)"
}

@test "weights of any size end, and give numbers" {
	"$PY" - <<-'E'
	import numpy as np
	import sinkhorn
	rng = np.random.default_rng(1)
	for name in "ab":
	    counts = np.array([1, 3, 20, 33, 16, 8])
	    weight = 10 ** rng.uniform(-37, 0, counts.sum())
	    points = rng.integers(0, 3, (counts.sum(), 2))
	    sinkhorn.write(name, points, weight, np.arange(counts.sum()), counts)
	E
	for p in 1 2; do
		timeout 300 emd --p $p a b >out
		oracle emd pot out a b
		timeout 300 emd --quiet --top 3 --p $p a b >some
		oracle nearest out some 3
		timeout 300 sinkhorn --quiet --max-iters 100 --p $p a b >out
		values "assert np.isfinite([dist, lower, upper]).all()"
	done
}

@test "the same bytes for any number of threads" {
	two --features 20 --points 5:40
	for options in "" "--top 3"; do
		cmp <(emd --quiet $options --threads 1 a b) <(emd --quiet $options --threads 2 a b)
		cmp <(emd --quiet $options --threads 1 a) <(emd --quiet $options --threads 3 a)
	done
}

@test "sets without features pass" {
	oracle sinkhorn make >a
	stream distributions --empty >none
	for options in "" "--top 3" "--rows 2/2"; do
		for sets in none "a none" "none a" "none none"; do
			emd --quiet $options $sets | framecat --check
		done
	done
}

@test "the header says what was done" {
	two
	emd --p 2 --top 3 --quiet a b >out
	values "
assert (header['kind'], header['metric'], header['p'], header['top']) == ('distances', 'emd', 2, 3)
assert (header['rows'], header['cols']) == (4, 4)
assert (header['space'], header['row_model']) == ('reference', 'toy')
assert header['history'][-1][0] == 'emd' and not {'layer', 'epsilon', 'tol'} & set(header)"
}

@test "other streams, spaces and a wrong command line are refused" {
	oracle sinkhorn make >a
	oracle sinkhorn make --space elsewhere >b
	oracle sinkhorn make --d 5 >c
	fails 1 emd a b
	[[ $line == "emd: b: header: "*"'elsewhere'"*"a has 'reference'"*"refproj"* ]]
	fails 1 emd a c
	[ "$line" = "emd: c: points of 5 dimensions, a has 6" ]
	fails 1 emd <(stream matching)
	[[ $line == *"a stream of matching, where distributions are read: featdist writes them" ]]
	fails 1 emd missing
	fails 2 emd --p 3
	fails 2 emd --top 0
	fails 2 emd --rows 3/2
	fails 2 emd --epsilon 1 a
	fails 2 emd a b c
}
