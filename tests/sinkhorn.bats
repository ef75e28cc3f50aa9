# contract: distributions sinkhorn
# fuzz: distributions sinkhorn --p 2 --debias --top 2 --max-iters 50
# fuzz: distributions sinkhorn --error 2 --epsilon 0.2
# fuzz: distributions sinkhorn --unbalanced 1 --top 2
load helper
load stages

# bent STATEMENT: one feature of 3 points after a statement of Python on header, table and features
bent() {
	"$PY" - "$1" <<-'E'
	import sys
	import numpy as np
	from semot import write
	header = {"kind": "distributions", "layer": "3", "space": "reference", "d": 2}
	table = {"token": np.arange(3, dtype="<u4"), "point": np.eye(3, 2).astype("<f4")}
	features = {"feature": np.array([7], "<u4"), "indptr": np.array([0, 3], "<u4"),
	            "row": np.arange(3, dtype="<u4"), "weight": np.array([.5, .25, .25], "<f4"),
	            "mass": np.ones(1), "count": np.array([3], "<u4")}
	exec(sys.argv[1])
	write("-", header, [table, features])
	E
}

# values STATEMENT: runs it on the header, dist, iters and residual of ./out; result() reads another
# file
values() {
	"$PY" -c "
import numpy as np
from sinkhorn import result
header, dist, iters, residual = result('out')
$1"
}

# files for an oracle that looks at many at once
checks=()

@test "POT's distances, for p 1 and 2, 16 to 128 points, epsilon .5 to .005 of the mean cost" {
	for points in 16 40 64 128; do
		two --features 2 --points $((points / 2)):$points --d 8
		mv a a.$points
		mv b b.$points
		for p in 1 2; do
			for epsilon in .5 .1 .02 .005; do
				sinkhorn --p $p --epsilon $epsilon --tol 1e-6 --max-iters 20000 \
					--part 0 {a,b}.$points >$points.$p$epsilon
				checks+=($points.$p$epsilon {a,b}.$points)
			done
		done
	done
	oracle sinkhorn pot "${checks[@]}" --near 2e-5
	oracle sinkhorn sane *.*.* --max-iters 20000
}

@test "a smaller --tol brings them closer; the default is near enough to rank by" {
	two --features 3 --points 30
	sinkhorn a b >out
	oracle sinkhorn pot out a b --near 1e-3
	sinkhorn --tol 1e-4 a b >out
	oracle sinkhorn pot out a b --near 1e-4
	sinkhorn --tol 1e-6 a b >out
	oracle sinkhorn pot out a b --near 1e-6
}

@test "--epsilon-abs is in units of the cost" {
	two --points 20
	for p in 1 2; do
		sinkhorn --tol 1e-6 --p $p --epsilon-abs .3 a b >out
		oracle sinkhorn pot out a b
	done
	values 'assert header["epsilon_abs"] == .3 and "epsilon" not in header'
}

@test "after few iterations, not over-relaxed yet, values and residuals are those of plain numpy" {
	two --points 5:30
	for p in 1 2; do
		for n in 1 2 3 4; do
			sinkhorn --quiet --tol 0 --epsilon .2 --max-iters $n --p $p a b >out
			oracle sinkhorn steps out a b $n
		done
	done
}

@test "small epsilon and hard cases: no NaN, nothing below the optimum or far above it" {
	for shape in normal grid identical far tiny-weights one-weight duplicates shared; do
		two --points 1:30 --shape $shape
		mv a a.$shape
		mv b b.$shape
		for p in 1 2; do
			for epsilon in 1e-2 1e-4 1e-6; do
				name=$shape.$p.$epsilon
				sinkhorn --quiet --p $p --epsilon $epsilon {a,b}.$shape >$name
				sinkhorn --quiet --debias --p $p --epsilon $epsilon {a,b}.$shape \
					>$name.debiased
				checks+=($shape.$p.$epsilon {a,b}.$shape)
			done
		done
	done
	oracle sinkhorn sane *.*.*
	oracle sinkhorn exact "${checks[@]}"
}

@test "one far point that features share does not spoil their distances" {
	two --points 10:30 --shape one-far
	for p in 1 2; do
		sinkhorn --p $p a b >out 2>notes
		oracle sinkhorn exact out a b
		oracle sinkhorn pot out a b --near 1e-3
		[ ! -s notes ]
		emd --p $p a b >exact
		values "
from emd import matrices
_, exact = matrices('exact', 'dist')
assert (dist <= 1.15 * exact).all(), (dist / exact).max()"
	done
}

@test "bounds that lie far apart are told of on stderr" {
	two --points 10:30 --shape one-far
	"$PY" -c "
from semot import read, write
for name in 'ab':
    [(header, frames)] = read(name)
    frames[0]['point'][-1] = 1e5	# floats resolve its cost, 6e10, to 4096
    write(name, header, frames)"
	sinkhorn --p 2 a b >out 2>notes
	values "
from emd import matrices
_, lower, upper = matrices('out', 'lower', 'upper')
percent = round(100 * (upper - lower).sum() / upper.sum())
line = open('notes').read()
assert line == f'sinkhorn: the bounds of the distances lie {percent}% apart on average; ' \\
    'a smaller epsilon brings them closer, and emd is exact\n', line
assert percent > 25"
	[ -z "$(sinkhorn --quiet --p 2 a b 2>&1 >out)" ]
	sinkhorn --top 1 a >out 2>notes		# each feature itself
	refute grep apart notes
}

@test "with the defaults all pairs of the sample converge, and nothing is said" {
	for layer in 2 4; do
		act-dump --hidden "$SAMPLE/hidden_L$layer.npy" --layer $layer \
			--sae "$SAMPLE/sae_L${layer}_s0" | featdist --quiet |
			refproj --lift "$SAMPLE/hidden_L6.npy" --whiten >$layer
	done
	for sets in "2 4" 2; do
		sinkhorn $sets >out 2>notes
		diff notes /dev/null
		values "assert residual.max() <= 1e-3"
	done
}

@test "distances of any magnitude" {
	for scale in 1e-12 1e-6 1e6 1e12; do
		two --scale $scale
		mv a a.$scale
		mv b b.$scale
		for p in 1 2; do
			sinkhorn --tol 1e-6 --p $p {a,b}.$scale >$scale.$p
			checks+=($scale.$p {a,b}.$scale)
		done
	done
	oracle sinkhorn pot "${checks[@]}"
	two --scale 1e16
	fails 1 sinkhorn a b
	[[ $line == "sinkhorn: a: frame 1: point row "*" is not finite, or beyond 1e15" ]]
}

@test "as epsilon falls the value falls to the exact one" {
	two --features 3 --points 20
	for epsilon in 1 .3 .1 .03 .01 .003; do
		sinkhorn --epsilon $epsilon --tol 1e-5 --max-iters 20000 a b >$epsilon
		checks+=($epsilon a b)
	done
	oracle sinkhorn exact "${checks[@]}"
	cp .003 out
	values "
for more, less in (1, '.3'), ('.3', '.1'), ('.1', '.03'), ('.03', '.01'), ('.01', '.003'):
    assert (result(str(less))[1] < result(str(more))[1]).all()"
}

@test "published values on the line are reached" {
	[ -n "$DATA" ] || skip "no $DATA"
	oracle sinkhorn known "$DATA/ot" a b
	sinkhorn --epsilon 1e-4 a b >out
	oracle sinkhorn known-value out a b --near 1e-3
}

@test "between single points the distance is the Euclidean one, for any p" {
	for p in 1 2; do
		for option in "" --debias; do
			two --points 1
			sinkhorn $option --p $p a b >out
			values "
from sinkhorn import distributions
x, y = ([points[0] for _, points in distributions(f)] for f in 'ab')
assert np.allclose(dist, [[np.linalg.norm(i - j) for j in y] for i in x], 1e-5)"
		done
	done
}

@test "points without weight do not count" {
	two --points 6 --shape one-weight
	sinkhorn a b >out
	values "
from sinkhorn import distributions
x, y = ([points[0] for _, points in distributions(f)] for f in 'ab')
assert np.allclose(dist, [[np.linalg.norm(i - j) for j in y] for i in x], 1e-5)"
}

@test "--debias is the Sinkhorn divergence" {
	two --points 8:30
	for p in 1 2; do
		for epsilon in .2 .02; do
			sinkhorn --debias --p $p --epsilon $epsilon --tol 1e-6 --max-iters 20000 \
				a b >out
			oracle sinkhorn pot out a b
		done
	done
	values 'assert header["metric"] == "sinkhorn divergence"'
}

@test "--debias is 0 between equal distributions, positive between others" {
	oracle sinkhorn make --features 6 --points 20 >a
	for p in 1 2; do
		for epsilon in .5 .02; do
			for sets in "a" "a a"; do
				sinkhorn --debias --p $p --epsilon $epsilon $sets >out
				values "
assert (np.diag(dist) < 1e-3 * dist.mean()).all()
assert (dist + np.eye(6) > 0).all()"
			done
		done
	done
}

@test "--unbalanced is numpy's: a cost, and what mass that stays pays for" {
	two --points 8:30
	for p in 1 2; do
		for rho in .1 1 10; do
			for epsilon in .3 .05; do	# of the mean cost
				sinkhorn --unbalanced $rho --p $p --epsilon $epsilon --tol 1e-7 \
					--max-iters 20000 --quiet a b >$p.$rho.$epsilon
				checks+=($p.$rho.$epsilon a b)
			done
		done
	done
	oracle sinkhorn pot "${checks[@]}" --near 1e-4
	oracle sinkhorn sane *.*.*
	cp 1.10..05 out
	values 'assert header["metric"] == "sinkhorn unbalanced" and header["unbalanced"] == 10'
	frame2json out | refute grep -q '"lower"'
}

@test "--unbalanced: between single points P = exp(-C / (2 RHO + epsilon)) moves" {
	two --points 1
	sinkhorn --unbalanced 2 --epsilon-abs .5 --tol 1e-7 a b >out
	values "
from sinkhorn import distributions
x, y = ([points[0] for _, points in distributions(f)] for f in 'ab')
c = np.array([[np.linalg.norm(i - j) for j in y] for i in x])
moved = np.exp(-c / 4.5)
assert np.allclose(dist, c * moved + 4 * (moved * np.log(moved) - moved + 1), 1e-4)"
}

@test "--unbalanced: a large RHO is balanced, and a small one counts what tokens share" {
	two --points 8:30
	sinkhorn --tol 1e-6 a b >two
	for rho in 1e6 1e10 1e20 1e30; do
		sinkhorn --unbalanced $rho a b >out
		values "assert np.allclose(dist, result('two')[1], rtol=1e-2)"
	done
	oracle sinkhorn make --shape shared --points 5:30 --scale 1000 >a
	sinkhorn --unbalanced 1 --epsilon-abs .2 --tol 1e-6 --max-iters 20000 a >out
	values "
from sinkhorn import sampled
features = [dict(zip(map(int, token), w)) for w, _, token in sampled('a')]
for i, one in enumerate(features):
    for j, other in enumerate(features):
        w, v = np.array([(one[t], other[t]) for t in one.keys() & other.keys()]).reshape(-1, 2).T
        stays = (w * v) ** (1.2 / 2.2)      # of a token that both have: sqrt(w v), but for epsilon
        assert abs(dist[i, j] - 2 - sum(stays * (np.log(stays ** 2 / w / v) - 2))) < .01"
}

@test "--unbalanced: costs that count as less are said where mass may move at them" {
	two --points 8:30
	sinkhorn --unbalanced 1 --epsilon 1e-3 a b 2>words >out
	grep -q "pairs of costs above 69 epsilon, which count as 69 epsilon: a larger --eps" words
	sinkhorn --unbalanced 1e-3 --epsilon 1e-2 a b 2>&1 >out | refute grep .
	sinkhorn --unbalanced 1e6 --epsilon .3 a b 2>&1 >out | refute grep .
}

@test "--unbalanced: small epsilon, far and equal points: within 0 and 2 RHO" {
	for shape in normal grid identical far tiny-weights one-weight duplicates shared; do
		two --points 1:30 --shape $shape
		for rho in 1e-3 1 1e3; do
			for epsilon in 1e-2 1e-6; do
				sinkhorn --quiet --unbalanced $rho --epsilon $epsilon \
					--max-iters 300 a b >$shape.$rho.$epsilon
			done
		done
	done
	"$PY" -c "
import sys
import numpy as np
from sinkhorn import result
for name in sys.argv[1:]:
    header, dist, _, residual = result(name)
    assert np.isfinite(residual).all(), name
    assert ((0 <= dist) & (dist <= 2 * header['unbalanced'] * (1 + 1e-3))).all(), name" *.*.*
}

@test "a set with itself: symmetric, and as two operands" {
	oracle sinkhorn make --features 9 --points 5:20 >a
	for option in "" --debias "--unbalanced 1"; do
		sinkhorn $option a >out
		sinkhorn $option a a >two
		values "
assert (dist == dist.T).all() and (iters == iters.T).all() and (residual == residual.T).all()
assert np.allclose(dist, result('two')[1], atol=1e-4 * dist.max())"
	done
}

@test "a set with itself of 600 features comes in blocks of rows" {
	oracle sinkhorn make --features 600 --points 2 --d 2 >a
	sinkhorn --epsilon .1 --tol 1e-5 a >out
	values "assert dist.shape == (600, 600) and (dist == dist.T).all()"
	[ "$(framecat --count out | cut -f 3)" -gt 2 ]
	sinkhorn --epsilon .1 --tol 1e-5 a a >two
	values "assert np.allclose(dist, result('two')[1], atol=1e-4)"
}

@test "the two sets may be operands or streams of stdin, in all the ways there are" {
	two
	sinkhorn a b | framecat --decompress | tail -c 3000 >ab
	for way in "sinkhorn - b <a" "sinkhorn a - <b" "cat a b | sinkhorn" \
			"cat a b | sinkhorn - -" "sinkhorn <(cat a) <(cat b)"; do
		eval "$way" >out
		oracle same out <(sinkhorn a b)
	done
	for way in "sinkhorn - <a" "sinkhorn <a"; do
		eval "$way" >out
		oracle same out <(sinkhorn a)
	done
}

@test "streams in one file are one set, and keep the names of their layers" {
	two --features 3
	oracle sinkhorn make --features 2 --seed 3 --layer blocks.5 >c
	cat a b c | sinkhorn >out
	"$PY" -c "
from semot import read
(header, (ids, *_)), = read('out')
names = ['3'] * 3 + ['4'] * 3 + ['blocks.5'] * 2
assert ids['row_layer'] == names == ids['col_layer']
assert ids['row_feature'].tolist() == [0, 1, 2, 0, 1, 2, 0, 1] == ids['col_feature'].tolist()"
	cat a b c | sinkhorn --tol 1e-6 >out
	sinkhorn --tol 1e-6 c <(cat a b) >part
	values "assert np.allclose(result('part')[1], dist[6:, :6], atol=1e-4)"
}

@test "scaling a feature's activations changes nothing" {
	scaled_activations
	featdist once | sinkhorn --tol 1e-6 >out
	featdist scaled | sinkhorn --tol 1e-6 >other
	values "
_, again, _, left = result('other')
# not features against themselves, whose plans are next to degenerate
done = (residual <= 1e-6) & (left <= 1e-6)
assert done.sum() > done.size - 2 * len(done)
assert np.allclose(dist[done], again[done], rtol=1e-5, atol=1e-5 * dist.max())"
}

@test "two seeds of sampling agree within the sampling error" {
	for seed in 0 1; do
		for layer in 2 4; do
			act-dump --hidden "$SAMPLE/hidden_L$layer.npy" \
				--sae "$SAMPLE/sae_L${layer}_s0" --layer $layer |
				featdist --quiet --support 16 --seed $seed |
				featpick --list <(printf "$layer\t%s\n" {0..511..16}) |
				refproj --lift "$SAMPLE/hidden_L6.npy" --whiten >$layer.$seed
		done
		sinkhorn --quiet 2.$seed 4.$seed >pairs.$seed
	done
	sinkhorn --quiet 2.0 2.1 >rows
	sinkhorn --quiet 4.0 4.1 >cols
	"$PY" -c "
import numpy as np
from sinkhorn import result
one, two, rows, cols = (result(name)[1] for name in ('pairs.0', 'pairs.1', 'rows', 'cols'))
apart = abs(one - two)
between = np.diag(rows)[:, None] + np.diag(cols)
assert (apart <= between + 1e-4).all(), 'the triangle inequality'
assert np.median(between) > 1 and np.median(apart / one) < .05, 'far apart'
assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > .8, 'uncorrelated'"
}

@test "what did not converge is counted on stderr, and said in residual" {
	two --points 30
	sinkhorn --epsilon .001 --tol 1e-5 --max-iters 60 a b >out 2>notes
	[[ $(<notes) == "sinkhorn: "*" pairs did not converge in 60 iterations; "* ]]
	[[ $(<notes) == *"; the largest residual is 0."*" (--tol 1e-05)" ]]
	oracle sinkhorn sane out --max-iters 60
	values "
import re
assert int(re.search('[0-9]+', open('notes').read())[0]) == (residual > 1e-5).sum() > 0"
	[ -z "$(sinkhorn --quiet --epsilon .001 --tol 1e-5 --max-iters 60 a b 2>&1 >out)" ]
	sinkhorn --epsilon 1 a b >out 2>notes
	[ ! -s notes ]
}

@test "--top: each row's nearest of the whole matrix, sorted, the lower column first of equals" {
	for shape in normal twins duplicates far tiny-weights identical; do
		two --features 40 --points 1:12 --shape $shape
		for sets in "a b" a; do
			for options in "" "--epsilon .3 --p 2" "--debias --max-iters 30" \
					"--unbalanced 1"; do
				[ $shape = twins ] || [ -z "$options" ] || continue
				sinkhorn --quiet $options $sets >whole
				for k in 1 5 50; do
					sinkhorn --quiet $options --top $k $sets >some
					oracle nearest whole some $k
				done
			done
		done
	done
}

@test "--top solves as many pairs as its bounds leave, and says so; with --debias all" {
	oracle sinkhorn make --features 60 --points 20 --d 3 --scale 5 >a
	sinkhorn --top 1 a >out 2>notes
	[[ $(<notes) =~ ^sinkhorn:\ ([0-9]+)\ of\ 3600\ pairs\ were\ solved ]]
	[ "${BASH_REMATCH[1]}" -ge 60 ]
	[ "${BASH_REMATCH[1]}" -lt 1800 ]
	values 'assert header["top"] == 1'
	sinkhorn --debias --top 1 a 2>notes >out
	refute grep -q "pairs were solved" notes
}

@test "--rows: blocks of rows are the whole, to the byte" {
	two --features 23 --points 1:12 --shape shared	# some of 30 blocks of 23 rows are empty
	for command in "sinkhorn a b" "sinkhorn a" "sinkhorn --top 3 a b" "sinkhorn --top 3 a" \
			"sinkhorn --debias --top 50 a"; do
		merges $command
	done
}

@test "--error: the sampling error of each distance, by halvings of the tokens" {
	tells_errors sinkhorn --tol 1e-6 --quiet
}

@test "pairs between halves that stop late are not told of" {
	two
	sinkhorn --max-iters 3 a b 2>notes >out
	sinkhorn --max-iters 3 --error 2 a b 2>with >out
	grep -q "^sinkhorn: 16 pairs did not converge in 3 iterations" notes
	cmp notes with
}

@test "--error says that it leaves out the bias of parts, where features have some" {
	two --points 20
	for stage in sinkhorn emd; do
		$stage --part 8 --error 2 a b 2>notes >out
		grep -q "^$stage: errors leave out the bias of parts: .* --part 0$" notes
		$stage --part 0 --error 2 a b 2>notes >out
		$stage --error 2 a b 2>>notes >out
		[ ! -s notes ]
	done
}

@test "the error is about how far distances of other samples deviate" {
	deviates sinkhorn --quiet
}

@test "lower and upper close in on the value as epsilon and --tol fall, and hold it" {
	two --features 5 --points 30
	width=1
	for options in "--epsilon .1" "--epsilon .02" \
			"--epsilon .002 --tol 1e-5 --max-iters 20000"; do
		sinkhorn $options a b >out
		values "
from emd import matrices
_, lower, upper = matrices('out', 'lower', 'upper')
assert (lower <= upper).all() and (dist <= upper).all() and (lower >= 0).all()
width = ((upper - lower) / dist).max()
assert width < $width
print(width)" >width
		width=$(<width)
	done
	"$PY" -c "assert $width < .005"
}

@test "the same bytes for any number of threads" {
	two --features 20 --points 5:40
	for option in "" --debias "--unbalanced 1"; do
		cmp <(sinkhorn $option --threads 1 a b) <(sinkhorn $option --threads 2 a b)
		cmp <(sinkhorn $option --threads 1 a) <(sinkhorn $option --threads 3 a)
	done
}

@test "sets without features pass" {
	oracle sinkhorn make >a
	stream distributions --empty >none
	for sets in "none" "a none" "none a" "none none"; do
		sinkhorn $sets | hungarian >out
	done
	sinkhorn a none >out
	values "assert dist.shape == (4, 0)"
}

@test "the header says what was done" {
	two
	sinkhorn --p 2 --epsilon .1 --tol 1e-4 a b >out
	values "
assert (header['kind'], header['metric'], header['p'], header['epsilon'], header['tol']) == (
    'distances', 'sinkhorn', 2, .1, 1e-4)
assert (header['rows'], header['cols']) == (4, 4)
assert (header['space'], header['row_model']) == ('reference', 'toy')
assert header['history'][-1][0] == 'sinkhorn' and 'layer' not in header
assert header['history'][-1][2] == ['--p', '2', '--epsilon', '.1', '--tol', '1e-4', 'a', 'b']"
}

@test "spaces that differ are refused, naming both" {
	oracle sinkhorn make >a
	oracle sinkhorn make --space elsewhere >b
	fails 1 sinkhorn a b
	[[ $line == "sinkhorn: b: header: "*"'elsewhere'"*"a has 'reference'"*"refproj"* ]]
	fails 1 sinkhorn <(cat a b)
	[[ $line == *"'elsewhere'"*"'reference'"* ]]
}

@test "points of other dimensions are refused" {
	oracle sinkhorn make >a
	oracle sinkhorn make --d 5 >b
	fails 1 sinkhorn a b
	[ "$line" = "sinkhorn: b: points of 5 dimensions, a has 6" ]
	fails 1 sinkhorn <(cat a b)
	[[ $line == *"stream 2"* ]]
}

@test "- - wants two streams" {
	two
	fails 1 sinkhorn - - <a
	[ "$line" = "sinkhorn: stdin: 1 streams, where - - reads two" ]
	fails 1 sinkhorn - - < <(cat a b a)
}

@test "weights are checked, rows named" {
	sinkhorn <(bent "features['weight'] = np.array([.5, .25, .2504], '<f4')") >out
	values "assert residual.max() <= 1e-3"
	fails 1 sinkhorn <(bent "features['weight'][:] = [.5, .25, .23]")
	[[ $line == *"frame 2: weight row 0 sums to 0.98" ]]
	fails 1 sinkhorn <(bent "features['weight'][:] = [1, .5, -.5]")
	[[ $line == *"frame 2: weight row 0 holds -0.5" ]]
	fails 1 sinkhorn <(bent "features['weight'][0] = np.nan")
	fails 1 sinkhorn <(bent "features['weight'][0] = np.inf")
	fails 1 sinkhorn <(bent "features['weight'][:] = 0")
	[[ $line == *"weight row 0 sums to 0" ]]
}

@test "tables and rows are checked" {
	fails 1 sinkhorn <(bent "table['point'][1, 0] = np.nan")
	[[ $line == *"frame 1: point row 1 is not finite, or beyond 1e15" ]]
	fails 1 sinkhorn <(bent "table['point'][2, 1] = np.inf")
	fails 1 sinkhorn <(bent "features['row'][2] = 3")
	[[ $line == *"feature 7 uses row 3, outside the support table of 3" ]]
	fails 1 sinkhorn <(bent "features['row'][2] = 2**32 - 1")
	fails 1 sinkhorn <(cat <(bent "") <(bent "features['row'][2] = 3"))
	[[ $line == *"feature 7 uses row 3, outside the support table of 3" ]]
	fails 1 sinkhorn <(bent "del table['point']")
	[[ $line == *"frame 1: "*"point"* ]]
	fails 1 sinkhorn <(bent "table['point'] = table['point'][:2]")
	fails 1 sinkhorn <(bent "table['point'] = np.zeros((3, 0), '<f4')")
	fails 1 sinkhorn <(bent "features['indptr'][1] = 2")
	fails 1 sinkhorn <(bent "
features['weight'][:] = [.5, .5, 1]
features['indptr'] = np.array([0, 2, 1, 3], '<u4')
features['feature'] = np.arange(3, dtype='<u4')")
	[[ $line == *"indptr row 1 descends" ]]
	fails 1 sinkhorn <(bent "features['indptr'] = np.zeros(0, '<u4')")
}

@test "other streams and a wrong command line are refused" {
	fails 1 sinkhorn <(stream matching)
	[[ $line == *"a stream of matching, where distributions are read: featdist writes them" ]]
	fails 1 sinkhorn missing
	fails 2 sinkhorn --p 3
	fails 2 sinkhorn --epsilon 0
	fails 2 sinkhorn --epsilon-abs -1
	fails 2 sinkhorn --tol x
	fails 2 sinkhorn --max-iters 0
	fails 2 sinkhorn --unbalanced 0
	fails 2 sinkhorn --unbalanced 1 --debias a b
	fails 2 sinkhorn a b c
}
