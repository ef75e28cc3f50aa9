load helper
# contract: distances rescale
# fuzz: distances rescale --threads 2

# arrays STATEMENT: runs it on `given` and `found`, the matrices of ./in and ./out
arrays() {
	"$PY" -c "
import numpy as np
from semot import read
def matrix(path):
    (header, (names, *blocks)), = read(path)
    return header, names, np.concatenate([b['dist'] for b in blocks]).astype(float)
(_, _, given), (header, names, found) = matrix('in'), matrix('out')
$1"
}

# made [FACTOR]: a matrix of 40 x 30, with forbidden pairs and a column of nothing else; column 5 is
# times the factor
made() {
	"$PY" -c "
import numpy as np
x = np.random.default_rng(3).gamma(2, size=(40, 30)).astype('f4')
x[3:9, 4] = x[:, 7] = np.inf
x[:, 5] *= ${1:-1}
row, col = (np.arange(n, dtype='u4') for n in x.shape)
np.savez('d.npz', dist=x, row_feature=row, col_feature=col)"
	npz2frame --kind distances --set metric=sinkhorn --set row_layer=1 \
		--set col_layer=2 d.npz >in
}

@test "each distance over the mean of its column, as numpy has it" {
	made 0
	rescale in >out
	arrays "
mean = np.array([c[np.isfinite(c)].mean() if np.isfinite(c).any() else 1 for c in given.T])
mean[mean == 0] = 1
assert np.allclose(found, given / mean, rtol=1e-6) and (np.isinf(found) == np.isinf(given)).all()
assert header['metric'] == 'sinkhorn, over the column\'s mean', header
random = names['random']
assert (random[1:] >= random[:-1]).all() and len(names['random']) > 100"
}

@test "a column that is nearer to all by a factor is no longer everybody's nearest" {
	made
	rescale in >out
	nearest --quiet out | frame2tsv --columns col >scaled
	made 1/1024
	[ "$(nearest --quiet in | frame2tsv --columns col | grep -cx 5)" -gt 30 ]
	rescale in >hub
	cmp <(nearest --quiet hub | frame2tsv --columns col) scaled
}

@test "the same bytes for any number of threads" {
	made
	cmp <(rescale --threads 3 in) <(rescale --threads 1 in)
}

@test "what is no whole matrix is refused, in one line" {
	stream distributions --frames 8 >a
	for cut in "--top 3" "--rows 1/2"; do
		centroid $cut a >part
		run rescale part
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
	done
}

@test "negative distances, whose mean is no scale, are refused" {
	made -1
	fails 1 rescale in
	[[ $line == "rescale: in: the distance of row 0 and column 5 is -"* ]]
	[[ $line == *": none may be negative where a mean is to be their scale" ]]
}

@test "the name of the metric is whole, however long it is" {
	made
	frame2json in | sed "1s/sinkhorn/$(printf 'é%.0s' {1..4000})/" | json2frame |
		rescale | framecat --header >header
	grep -q "\"é\{4000\}, over the column's mean\"" header
}
