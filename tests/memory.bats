# Work that will not fit says so before it begins: base/memory.c, and the programs that use it.
load helper

# limited KILOBYTES COMMAND...: the command, of one thread, which may have no more address space
limited() (
	ulimit -v "$1"
	OPENBLAS_NUM_THREADS=1 taskset -c 0 "${@:2}"
)

# too_much KILOBYTES COMMAND...: the command has to end by one line, which says how much it needs;
# what follows the name is left in $line
too_much() {
	local room=$1 status=0
	shift
	[ -z "$SAN" ] || skip "no limit of address space under the sanitizers"
	limited "$room" "$@" >/dev/null 2>stderr || status=$?
	cat stderr
	[ $status -eq 1 ]
	[ "$(wc -l <stderr)" -eq 1 ]
	grep -q "^${1##*/}: .* of memory are needed, .* may be used" stderr
	line=$(cut -d ' ' -f 2- stderr)
}

@test "the limit of a control group is the least of its own and of those above it" {
	mkdir -p v2/a/b v1/memory/a
	echo '0::/a/b' >self2
	printf '%s\n' '5:cpu,cpuacct:/a' '4:memory:/a' '0::/' >self1
	limit() {
		[ "$("$BUILD/tests/memory" self$1 v$1)" = "$2" ] || [ "$2" = inf ]
	}
	limit 2 inf
	echo max >v2/a/b/memory.max
	limit 2 inf
	echo 5000000000 >v2/a/memory.max
	limit 2 5000000000
	echo 7000000000 >v2/memory.max
	limit 2 5000000000
	echo 4000000000 >v2/a/b/memory.max
	limit 2 4000000000
	echo 9223372036854771712 >v1/memory/a/memory.limit_in_bytes
	limit 1 9223372036854771712
	echo 3000000000 >v1/memory/memory.limit_in_bytes
	limit 1 3000000000
	# within a container the folder of the group is missing, and the mount is its own
	echo '0::/docker/5' >self2
	limit 2 7000000000
	[ "$("$BUILD/tests/memory" none none)" = inf ]
}

@test "what is needed, what may be used and what takes less are one line" {
	"$BUILD/tests/memory" need 1e6
	fails 1 "$BUILD/tests/memory" need 1e18
	[[ $line == "memory: 1e18 bytes: 1 EB of memory are needed, "*"B may be used"* ]]
	[[ $line == *"B may be used: another option takes less" ]]
	too_much 200000 "$BUILD/tests/memory" need 3e8
	[[ $line == "3e8 bytes: 300 MB of memory are needed, "*" MB may be used: "* ]]
	limited 200000 "$BUILD/tests/memory" need 1e8
}

@test "all distances of one set: --top and --rows take less" {
	oracle sinkhorn make --features 20000 --points 1 --d 2 >a
	too_much 700000 sinkhorn a
	[[ $line == "20000 x 20000 distances: 8 GB "*": --top K or --rows I/N takes less" ]]
	too_much 700000 centroid a
	[[ $line == "20000 x 20000 distances: 1.6 GB "* ]]
	too_much 700000 sinkhorn --top 1 a
	[[ $line == "bounds of 20000 x 20000 pairs: 1.6 GB "*": --rows I/N takes less" ]]
	limited 700000 sinkhorn --rows 1/20000 a >out
	limited 700000 sinkhorn --top 1 --rows 1/2000 a >out
	limited 700000 centroid --top 1 --rows 1/100 a >out
}

# matrix ROWS COLS [K]: distances of which the names and the first rows are there
matrix() {
	"$PY" -c "
import sys
import numpy as np
from semot import write
n, m, k = (int(word) for word in sys.argv[1:])
names = {'row_layer': ['1'] * n, 'row_feature': np.arange(n, dtype='<u4'),
         'col_layer': ['2'] * m, 'col_feature': np.arange(m, dtype='<u4')}
block = {'row0': 0, 'dist': np.ones((2, k or m), '<f4')}
if k:
    block['col'] = np.tile(np.arange(k, dtype='<u4'), (2, 1))
header = {'kind': 'distances', 'rows': n, 'cols': m, 'history': []}
write('-', header, [names, block])" "$1" "$2" "${3-0}"
}

@test "distances that are read: before more than a block of them is" {
	matrix 20000 20000 >all
	matrix 20000 20000 9000 >some
	for filter in hungarian nearest; do
		too_much 700000 $filter all
		[ "${line% of memory*}" = "all: 20000 x 20000 distances: 1.6 GB" ]
		[[ $line == *": --top in the stage that made them takes less" ]]
		too_much 700000 $filter some
		[ "${line% of memory*}" = "some: 20000 x 9000 distances: 1.44 GB" ]
	done
	stream graph >graph
	too_much 700000 supernode --graph graph all
	[[ $line == "all: 20000 x 20000 distances: 1.6 GB of memory"*" MB may be used" ]]
	matrix 20000 20000 2 >few
	fails 1 nearest few
	[ "$line" = "nearest: few: frame 2: 2 rows of 20000" ]
}

@test "distributions that are read: before they are, where the length of the file tells" {
	oracle sinkhorn make --features 2 --points 5 --d 1000 >a
	truncate -s 2G a			# a hole, which is not read
	too_much 700000 centroid a
	[[ $line == "a: points of up to "*" tokens: "* ]]
	[[ $line == *": refproj --dim or featdist --support takes less" ]]
	oracle sinkhorn make --features 2 --points 5 --d 1000 >a
	limited 700000 centroid a >out
	limited 700000 centroid <a >out
	limited 700000 centroid < <(cat a) >out
}

@test "tokens that are coupled: --neighbours and --probes take memory" {
	oracle couple make a 30000 1 1
	for by in nearest sinkhorn; do
		too_much 700000 couple --by $by --neighbours 1000 a a
		[ "${line% of memory*}" = "1000 nearest of 30000 and 30000 tokens: 1.92 GB" ]
		[[ $line == *": fewer --neighbours takes less" ]]
	done
	too_much 700000 couple --cells 9000 --probes 2000 a a
	[ "${line% of memory*}" = "1 nearest of 30000 and 30000 tokens: 1.44 GB" ]
	[[ $line == *": fewer --neighbours or --probes takes less" ]]
	limited 700000 couple --quiet --cells 200 --probes 4 a a >out
}

@test "an array that a small .npz unpacks to, and the header of a .safetensors" {
	oracle act_dump sae sae
	"$PY" - <<-'PYTHON'
	import struct
	import numpy as np
	np.savez_compressed("x.npz", np.zeros((12_500_000, 6), "f4"))
	text = b'{"__metadata__": [' + b"{}," * 10**6 + b"{}]}"
	open("x.safetensors", "wb").write(struct.pack("<Q", len(text)) + text)
	PYTHON
	too_much 250000 act-dump --threads 1 --sae sae --hidden x.npz
	[[ $line == "x.npz:arr_0: 300 MB of memory are needed, "* ]]
	too_much 250000 act-dump --threads 1 --sae sae --hidden x.safetensors
	[[ $line == "x.safetensors: a header of 3000022 bytes: 300 MB of memory are needed"* ]]
}

@test "an array of a .pt that is not in order is copied once" {
	[ -z "$SAN" ] || skip "no limit of address space under the sanitizers"
	"$PY" - <<-'PYTHON'
	import numpy as np, pt
	rng = np.random.default_rng(0)
	wide = rng.standard_normal((4000, 4000), "f4")
	pt.save("x.pt", {"W_enc": wide[:, ::2].T, "W_dec": wide[:, ::2], "b_enc": wide[:, 0],
	                 "b_dec": wide[0, :2000]})
	np.save("x.npy", wide[:9, 1::2])
	PYTHON
	limited 300000 act-dump --threads 1 --b-dec ignore --sae x.pt --hidden x.npy >out
	[ "$(frame2tsv --columns feature out | wc -l)" -gt 1000 ]
}
