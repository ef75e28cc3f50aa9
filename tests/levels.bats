# The kernels and the contract on lesser CPUs than this one, as far as one can be taken for another.

load helper

# at LEVEL: with everything compiled for that level of x86-64
at() {
	[ -z "$LEVEL$SAN$COV" ] || skip "one build is tested at a time"
	/lib64/ld-linux-x86-64.so.2 --help | grep -q "x86-64-$1 (supported" ||
		skip "this CPU does not offer x86-64-$1"
	env -u MAKEFLAGS make -s -j "$(nproc)" -C "$ROOT" ${CC:+CC="$CC"} LEVEL="$1" all proofs
	LEVEL=$1 TIMES=10 bats --print-output-on-failure "$ROOT"/tests/{kernels,contract}.bats
}

@test "kernels and contract hold at x86-64-v2" {
	at v2
}

@test "kernels and contract hold at x86-64-v3" {
	at v3
}

@test "kernels and contract hold at x86-64-v4" {
	at v4
}
