# What every test begins with: load helper
#
# A test runs in an empty directory of its own, with the programs of build/bin (build-v3/bin when
# LEVEL is v3, build-san/bin when SAN is set, build-cov/bin when COV is, build-clang/bin when CC is
# clang) first on PATH.

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
SAMPLE=$ROOT/examples/storyworld
: "${DATA=$([ ! -d "$ROOT/../shared/data" ] || (cd "$ROOT/../shared/data" && pwd))}"
BUILD=$ROOT/build${LEVEL:+-$LEVEL}${SAN:+-san}${COV:+-cov}
[[ ${CC-} != *clang* ]] || BUILD+=-clang
PY=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
PATH=$BUILD/bin:$PATH
PYTHONPATH=$ROOT/tests/oracle:$ROOT/examples
export ROOT SAMPLE DATA BUILD PY PATH PYTHONPATH PYTHONDONTWRITEBYTECODE=1

# The tests use characters of UTF-8, and a login shell as sshd gives it: CI may have neither.
export LC_ALL=C.UTF-8 SHELL=/bin/bash

# What ends with status 0 has to have freed its memory. (No library is excused.) clang 14's leak
# checker dies of variables of threads that have ended, unless it does not follow these.
[ -z "$SAN" ] ||
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=1:intercept_tls_get_addr=0

# Every run of a program writes its counts: fewer of the random cases do.
[ -z "$COV" ] || export TIMES=${TIMES:-15}

# At a level, BLAS and libm take the code that they have for such a CPU.
case $LEVEL in
v2)
	export OPENBLAS_CORETYPE=Nehalem
	export GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX512F
	;;
v3) export OPENBLAS_CORETYPE=Haswell GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F ;;
v4) export OPENBLAS_CORETYPE=SkylakeX ;;
esac

# A setup_file that cannot do its work says why in LACKS, and returns: skip is of tests alone.
setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	[ -z "$LACKS" ] || skip "$LACKS"
}

# oracle NAME ARGUMENT...: tests/oracle/NAME.py
oracle() {
	OPENBLAS_NUM_THREADS=1 "$PY" "$ROOT/tests/oracle/$1.py" "${@:2}"
}

# stream KIND OPTION...: a small random stream; see make_stream.py --help
stream() {
	oracle make_stream "$@"
}

# named KIND NAME=VALUE...: a small stream with these texts in its header, without those whose
# VALUE is empty
named() {
	"$PY" -c '
import io, sys, make_stream, semot
fields = dict(word.split("=", 1) for word in sys.argv[2:])
[(header, frames)] = semot.read(io.BytesIO(make_stream.make(sys.argv[1], **fields)))
semot.write("-", {k: v for k, v in header.items() if v != ""}, frames)' "$@"
}

# renamed LAYER: the stream on stdin, as of a layer of this name
renamed() {
	frame2json | sed "1s/\"layer\":\"[^\"]*\"/\"layer\":\"$1\"/" | json2frame
}

# fails STATUS COMMAND...: the command has to end with this status and say why in one line on stderr
# that begins with its name. The line is left in $line, what it wrote in ./stdout. (What fails ends
# at once and need not free its memory.)
fails() {
	local expected=$1 status=0
	shift
	ASAN_OPTIONS=detect_leaks=0 "$@" >stdout 2>stderr || status=$?
	line=$(<stderr)
	if [ "$status" -ne "$expected" ]; then
		echo "$*: status $status, not $expected: $line"
	elif [ "$(wc -l <stderr)" -ne 1 ] || [[ $line != "${1##*/}: "* ]]; then
		echo "$*: not one line that begins with its name: $line"
	else
		return 0
	fi
	exit 1
}

# refute COMMAND...: the command has to fail (`! command` alone would not end a test).
refute() {
	if "$@"; then
		echo "succeeded: $*"
		return 1
	fi
}

# unfolded: stdin, where a line that begins with spaces goes on with the line before
unfolded() {
	sed -z 's/\n  *//g'
}

# graphs: the attribution graphs of the sample, and real ones where there are any
graphs() {
	printf '%s\n' "$SAMPLE"/graphs/*.json
	[ -z "$DATA" ] || find "$DATA"/graphs/{clt,gemma,haiku,llama} -name '*.json' \
		! -name '*human_supernodes*' | sort
}
