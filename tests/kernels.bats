load helper

@test "kernels of assignment and transport agree with brute force and plain versions" {
	"$BUILD/tests/kernels"
}

@test "the clustering kernel agrees with the plain algorithm" {
	"$BUILD/tests/linkage"
}
