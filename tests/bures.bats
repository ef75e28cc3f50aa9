# contract: distributions bures
# fuzz: distributions bures --diagonal --error 2
# fuzz: distributions bures --top 2
load helper
load stages

@test "distances of Gaussians are numpy's" {
	agrees bures
}

@test "with --diagonal, those of Gaussians with independent coordinates" {
	agrees bures --diagonal
}

@test "of one set: symmetric, 0 to itself, and as two sets" {
	compares_itself bures
	compares_itself bures --diagonal
}

@test "features of nearly the same points are near 0, with the same bits from both sides" {
	nears_zero 2e-6 bures
}

@test "--top and --rows are parts of the whole" {
	picks bures
	picks bures --diagonal
}

@test "--error: the sampling error of each distance, by halvings of the tokens" {
	tells_errors bures
}

@test "the error is about how far distances of other samples deviate" {
	deviates bures
}

@test "OpenBLAS's code for another CPU changes distances by rounding only" {
	two --features 30 --points 1:20
	bures a b >here
	OPENBLAS_CORETYPE=Nehalem bures a b >there
	oracle same --near 1e-6 here there
}

@test "on a line it is the distance of mean and standard deviation, with or without --diagonal" {
	two --d 1
	bures a b >out
	bures --diagonal a b >two
	oracle stages scaled out two 1
}

@test "between single points it is the Euclidean distance" {
	two --points 1
	bures a b >out
	centroid a b >two
	oracle stages scaled out two 1
}

@test "it is no less than the distance of the means, or than with --diagonal" {
	two --points 20
	bures a b >out
	"$PY" -c "
import numpy as np, stages, subprocess
full = stages.read('out')[1]
for command in ['centroid'], ['bures', '--diagonal']:
    open('less', 'wb').write(subprocess.run(command + ['a', 'b'], stdout=-1, check=True).stdout)
    assert (stages.read('less')[1] < full).all(), command"
}

@test "distances grow with the points, and not with the activations" {
	scales 1000 bures
	ignores_mass bures
	ignores_mass bures --diagonal
}

@test "the same bytes for any number of threads" {
	two --features 20 --points 5:40
	cmp <(bures --threads 1 a b) <(bures --threads 2 a b)
	cmp <(bures --threads 1 a) <(bures --threads 3 a)
}

@test "sets without features pass" {
	passes_empty bures
	passes_empty bures --diagonal
}

@test "what cannot be compared is refused" {
	refuses bures
}

@test "the header says what was done" {
	two
	bures a b | framecat --header | grep -q '"metric":"bures","p":2,"rows":4,"cols":4'
	bures --diagonal a b | framecat --header | grep -q '"metric":"bures diagonal","p":2'
}

@test "streams whose tensors lie: taken or refused, never a crash" {
	oracle mutate --stream distributions bures --quiet --threads 1
}
