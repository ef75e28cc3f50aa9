# contract: distributions sliced
# fuzz: distributions sliced --projections 4 --p 2 --top 2
load helper
load stages

@test "distances are POT's on the same directions, for p 1 and 2" {
	for p in 1 2; do
		agrees sliced --p $p --projections 20
	done
}

@test "any number of projections, any seed" {
	two
	mkdir cases
	for n in 1 15 16 17 64; do
		cp a cases/$n.a
		cp b cases/$n.b
		sliced --projections $n --seed $n a b >cases/$n.out
	done
	oracle stages values cases/*.out
	sliced --seed 1 a b >one
	sliced --seed 2 a b >two
	refute oracle stages scaled one two 1
}

@test "the number of points may be a power of two, or one more" {
	mkdir cases
	for n in 1 2 3 4 5 8 9 16 17 32 33; do
		oracle sinkhorn make --points $n --seed $n --features 2 >cases/$n.a
		oracle sinkhorn make --points 1:$n --features 2 >cases/$n.b
		sliced --projections 3 --p 2 cases/$n.{a,b} >cases/$n.out
	done
	oracle stages values cases/*.out
}

@test "on a line it is the Wasserstein distance, for any directions" {
	two --d 1
	sliced --projections 1 a b >out
	sliced --seed 7 a b >two
	oracle stages scaled out two 1
}

@test "published values on the line are reached" {
	[ -n "$DATA" ] || skip "no $DATA"
	oracle sinkhorn known "$DATA/ot" a b
	sliced --projections 1 a b >out
	"$PY" -c "
import numpy as np, stages
from semot import read
[(known, _)] = read('a')
got = np.diag(stages.read('out')[1])
assert np.allclose(got, known['w1'], rtol=1e-5, atol=1e-6), abs(got - known['w1']).max()"
}

@test "of one set: symmetric, 0 to itself, and as two sets" {
	compares_itself sliced
	compares_itself sliced --p 2
}

@test "features of nearly the same points are near 0, with the same bits from both sides" {
	nears_zero 1e-6 sliced
}

@test "--top and --rows are parts of the whole" {
	picks sliced --p 2 --projections 5
}

@test "--error: the sampling error of each distance, by halvings of the tokens" {
	tells_errors sliced --projections 9
}

@test "the error is about how far distances of other samples deviate" {
	deviates sliced
}

@test "distances grow with the points, and not with the activations" {
	scales 1000 sliced
	scales 1000 sliced --p 2
	ignores_mass sliced
}

@test "the same bytes for any number of threads" {
	two --features 20 --points 5:40
	cmp <(sliced --threads 1 a b) <(sliced --threads 2 a b)
	cmp <(sliced --threads 1 a) <(sliced --threads 3 a)
}

@test "sets without features pass" {
	passes_empty sliced
}

@test "what cannot be compared, or asked for, is refused" {
	refuses sliced
	fails 2 sliced --p 3
	fails 2 sliced --projections 0
	fails 2 sliced --seed -1
}

@test "the header says what was done, and keeps the seed of the sample" {
	stream distributions >a
	sliced --p 2 --projections 5 --seed 7 a | framecat --header >header
	grep -q '"metric":"sliced","p":2,"projections":5,"projection_seed":7' header
	grep -q '"seed":0' header
}

@test "streams whose tensors lie: taken or refused, never a crash" {
	oracle mutate --stream distributions sliced --quiet --threads 1
}
