# Readers, filters and round trips on the inputs that `make fuzz` found (tests/fuzz/corpus), on
# those that it begins with, and on some changes of these.
load helper

# fuzz TIMES SEED TARGET...: as they are, and TIMES changes of them.
fuzz() {
	local times=$1 seed=$2 target
	shift 2
	export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TMPDIR=$PWD ASAN_OPTIONS=detect_leaks=0
	[ -d seeds ] || oracle fuzz make seeds
	for target; do
		"$BUILD/tests/fuzzer" "$target" 0 0 seeds/"$target"/*
		"$BUILD/tests/fuzzer" "$target" "${TIMES:-$times}" "$seed" seeds/"$target"/*
	done
}

@test "every filter, and every reader, is a target that has inputs" {
	oracle fuzz make seeds
	"$BUILD/tests/fuzzer" | sort >targets
	ls seeds | sort | diff targets -
	for source in "$ROOT"/filters/*.c; do
		grep -qx "$(basename "$source" .c)" targets
	done
}

@test "readers take files that were changed, or refuse them" {
	fuzz 1000 1 npy npz safetensors pt cfg delphi json vocab labels
}

@test "filters take streams and files that were changed, or refuse them, in one line" {
	fuzz 25 2 $(cd "$ROOT/filters" && basename -s .c ./*.c)
}

@test "what goes there and back is the same, however it was changed" {
	fuzz 100 3 trip_json trip_npz trip_graph
}
