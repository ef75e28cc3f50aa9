load helper

@test "kernels of assignment agree with brute force" {
	"$BUILD/tests/assignments"
}

@test "kernels of costs and of transport agree with plain versions and assignments of copies" {
	"$BUILD/tests/transport"
}

@test "bounds of transport are the one-sided costs, and its solvers what the kernels give" {
	"$BUILD/tests/bounds"
}

@test "products, and the nearest by products, agree with plain versions" {
	"$BUILD/tests/products"
}

@test "the clustering kernel agrees with the plain algorithm" {
	"$BUILD/tests/linkage"
}

@test "the kernel of thirds of a growing maximum agrees with the plain choice" {
	"$BUILD/tests/thirds"
}

@test "a distance that was not found ends a stage with a line that names the features" {
	for options in "" "--top 1" "--top 4" "--threads 1"; do
		fails 1 "$BUILD/tests/stage" $options
		pair="feature 41 of layer 7 and feature 43 of layer 7"
		[ "$line" = "stage: $pair: no distance was found" ]
	done
}

@test "the kernels of graphs agree with dense matrices, plain loops and what is reckoned by hand" {
	"$BUILD/tests/graphs"
}

@test "the kernels of coupled tokens agree with dense matrices" {
	"$BUILD/tests/lift"
}

@test "encoders and matching pursuit follow their rules to the bit on whole numbers" {
	"$BUILD/tests/encoders"
}

@test "samples, bootstrap intervals and sparse matrices agree with plain versions" {
	"$BUILD/tests/samples"
}

@test "Gaussians, energies, lines and projections of points agree with plain versions" {
	"$BUILD/tests/points"
}

@test "certified matches, chance and lists of the nearest columns are what their definitions say" {
	"$BUILD/tests/choices"
}
