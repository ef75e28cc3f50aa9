#!/bin/sh
# tsan.sh BUILD MAKE: runs the command line that each program's test declares, with two threads,
# under clang's sanitizer of threads; ends with status 1 when it reports a race. First it has to
# find a race that is there, and none where there is none.
# OpenMP is LLVM's, whose archer tells the sanitizer when threads meet; BLAS is left out.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
archer=$(clang -print-resource-dir 2>/dev/null)/../../libarcher.so
[ -e "$archer" ] || { echo "tsan: skipped: no libarcher.so (Debian's libomp-dev)"; exit 0; }
export OMP_TOOL_LIBRARIES="$archer"
export TSAN_OPTIONS="ignore_noninstrumented_modules=1 exitcode=66 halt_on_error=1 history_size=4"

# sums NAME CLAUSE: whether the threads of a sum with this clause are reported
sums() {
	cat >"$work/$1.c" <<-END
	#include <stdio.h>
	int main(void)
	{
		long sum = 0;
	#pragma omp parallel for num_threads(2) schedule(dynamic) $2
		for (int i = 0; i < 10000; i++)
			sum += i;
		return printf("%ld\n", sum) < 0;
	}
	END
	clang -g -O1 -fopenmp -fsanitize=thread -o "$work/$1" "$work/$1.c"
	! "$work/$1" >"$work/out" 2>"$work/report"
}
sums race "" || { echo "tsan: a race that is there was not found" >&2; exit 1; }
grep -q "data race" "$work/report"
if sums reduced "reduction(+:sum)"; then
	cat "$work/report" >&2
	exit 1
fi

"${2:-make}" TSAN=1 CC=clang all
python=$(command -v /usr/bin/python3 || echo python3)
export PYTHONPATH="$PWD/tests/oracle:$PWD/examples" BUILD="$1"
"$python" tests/oracle/attack.py threads

# What these command lines leave out: solvers with bounds and errors, couplings, maps, completion.
for kind in "activations 3" "activations 4" "distributions 3" "distributions 4"; do
	"$python" -c 'import sys, make_stream
sys.stdout.buffer.write(make_stream.make(*sys.argv[1:2], frames=5, layer=sys.argv[2]))' \
		$kind >"$work/${kind% *}${kind#* }"
done
cd "$work"
"$python" -c 'import numpy as np, make_stream
np.save("states.npy", make_stream.states())'
PATH=$OLDPWD/$1/bin:$PATH
while read -r program words; do
	# shellcheck disable=SC2086
	"$program" --quiet --threads 2 $words >out ||
		{ echo "tsan: $program $words" >&2; exit 1; }
done <<END
sinkhorn --top 3 --error 8 distributions3 distributions4
sinkhorn --top 3 --budget 0.5 distributions3 distributions4
emd --p 2 --top 3 --error 4 distributions3 distributions4
emd --top 3 --budget 0.5 distributions3
energy --error 4 distributions3 distributions4
sliced --top 2 distributions3
bures --top 2 distributions3
couple --by sinkhorn activations3 activations4
couple --by cells --cells 4 activations3 activations4
couple --cells 4 --probes 2 activations3 activations4
coact --metric jaccard --top 3 --error 4 activations3 activations4
coact --metric joint activations3 activations4
refproj --lift states.npy --whiten distributions3
refproj --fit states.npy states.npy distributions3
refaxes --whiten states.npy
END
emd --quiet --top 3 distributions3 distributions4 >top
hungarian --quiet --threads 2 --complete distributions3 distributions4 top >out
echo "tsan: no races"
