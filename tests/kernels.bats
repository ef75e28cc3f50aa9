load helper

@test "kernels of assignment and transport agree with brute force and plain versions" {
	"$BUILD/tests/kernels"
}
