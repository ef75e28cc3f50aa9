# contract: distributions energy
# fuzz: distributions energy --top 2
load helper
load stages

@test "energy distances are numpy's" {
	agrees energy
}

@test "on a line they are scipy's" {
	two --d 1
	energy a b >out
	"$PY" -c "
import numpy as np, stages, sinkhorn
from scipy.stats import energy_distance
a, b = (sinkhorn.distributions(name) for name in 'ab')
expected = [[energy_distance(x[:, 0], y[:, 0], v, w) for w, y in b] for v, x in a]
assert np.allclose(stages.read('out')[1], expected, rtol=1e-5)"
}

@test "between single points it is the root of twice their distance" {
	two --points 1
	energy a b >out
	centroid a b >two
	"$PY" -c "
import numpy as np, stages
assert np.allclose(stages.read('out')[1] ** 2, 2 * stages.read('two')[1], rtol=1e-5)"
}

@test "of one set: symmetric, 0 to itself, and as two sets" {
	compares_itself energy
}

@test "tokens that features share count for each of them" {
	two --shape shared --points 5:30
	cat a b >c
	energy c >out
	energy c c >two
	oracle stages itself out two
}

@test "features of nearly the same points are near 0, with the same bits from both sides" {
	nears_zero 1e-3 energy
}

@test "--top and --rows are parts of the whole" {
	picks energy
}

@test "--error: the sampling error of each distance, by halvings of the tokens" {
	tells_errors energy
}

@test "the error is about how far distances of other samples deviate" {
	deviates energy
}

@test "distances grow with the root of the points, and not with the activations" {
	scales 31.6227766 energy
	ignores_mass energy
}

@test "the same bytes for any number of threads" {
	two --features 20 --points 5:40
	cmp <(energy --threads 1 a b) <(energy --threads 2 a b)
	cmp <(energy --threads 1 a) <(energy --threads 3 a)
}

@test "sets without features pass" {
	passes_empty energy
}

@test "what cannot be compared is refused" {
	refuses energy
}

@test "the header says what was done" {
	two
	energy a b | framecat --header | grep -q '"metric":"energy","rows":4,"cols":4'
}

@test "streams whose tensors lie: taken or refused, never a crash" {
	oracle mutate --stream distributions energy --quiet --threads 1
}
