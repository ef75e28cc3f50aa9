# What the system refuses a program ends it with one line, or makes no difference: oracle/faults.py.
# FAULTS="--all" tries all there is (make faults), "--seed 7" others.
load helper

setup_file() {
	[ -z "$SAN" ] || export LACKS="the sanitizers have an allocator and limits of their own"
	[ "$(uname -m)" = x86_64 ] || export LACKS="the shim knows the system calls of x86-64"
	[ -z "$LACKS" ] || return 0
	export SHIM=$BATS_FILE_TMPDIR/shim.so
	gcc -O1 -shared -fPIC -o "$SHIM" "$BATS_TEST_DIRNAME/faults/shim.c" -ldl
}

# faults RULE
faults() {
	# shellcheck disable=SC2086
	oracle faults "$1" $FAULTS
}

@test "calls and allocations that fail end a program, or change nothing" {
	faults calls
}

@test "address space that does not suffice ends a program by one line" {
	faults limits
}

@test "streams that are closed, full or unread end a program by one line" {
	faults ends
}
