# contract: distances nearest
# fuzz: distances nearest --mutual --certified
# fuzz: distances nearest --greedy --max-cost chance:.5
load helper

METHODS=("" --mutual --greedy)

# For bent: three columns of each row, what others are beyond
NEAR="
header['top'] = 3
for b in blocks:
    n = len(b['dist'])
    b['col'] = np.tile(np.arange(3, dtype='<u4'), (n, 1))
    b['dist'] = np.tile(np.array([1, 2, 3], '<f4'), (n, 1))
    b['beyond'] = np.ones(n, '<f4')
"

# agrees KIND [OPTION]... [-- OPTION...]: matchings of 25 random matrices are those of plain Python;
# nearest's own options stand behind --
agrees() {
	local made=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		made+=("$1")
		shift
	done
	oracle hungarian make --count 25 "${made[@]}" >in
	nearest "${@:2}" in >out
	oracle hungarian check out in
}

# bent STATEMENT: distances of 6 x 5 in two blocks, after a statement of Python on header, ids or
# blocks
bent() {
	"$PY" - "$1" <<-'E'
	import sys
	import numpy as np
	from semot import write
	header = {"kind": "distances", "rows": 6, "cols": 5, "metric": "toy"}
	ids = {"row_layer": ["3"] * 6, "row_feature": np.arange(6, dtype="<u4"),
	       "col_layer": ["4"] * 5, "col_feature": np.arange(5, dtype="<u4")}
	dist = np.random.default_rng(0).random((6, 5)).astype("<f4")
	blocks = [{"row0": 0, "dist": dist[:4]}, {"row0": 4, "dist": dist[4:]}]
	exec(sys.argv[1])
	write("-", header, [ids, *blocks])
	E
}

# values STATEMENT: runs it on `out`, the (header, frames) in ./out
values() {
	"$PY" -c "
import numpy as np
from semot import read
out = list(read('out'))
$1"
}

@test "nearest, mutual and greedy pairs are those of plain Python" {
	for method in "${METHODS[@]}"; do
		for kind in uniform integers equal near forbidden signed; do
			agrees $kind -- $method
		done
		agrees integers -- $method --max-cost 0
	done
}

@test "the header says by which method" {
	bent "" >in
	for method in nearest mutual greedy; do
		nearest $([ $method = nearest ] || echo "--$method") in >out
		values "assert out[0][0]['method'] == '$method'"
	done
}

@test "a single row, column or number, and none" {
	for shape in "1 1" "1 9" "9 1" "0 5" "5 0" "0 0"; do
		set -- $shape
		for method in "${METHODS[@]}"; do
			agrees uniform --rows $1 --cols $2 -- $method
		done
	done
}

@test "a pair without alternative has an infinite margin" {
	agrees uniform --rows 1 --cols 1
	values "assert all(frames[0]['margin'] == np.inf for _, frames in out)"
}

@test "rows without a finite distance have no pair" {
	bent "blocks[0]['dist'][:] = np.inf" >in
	for method in "" --greedy; do
		nearest $method in >out
		values "assert out[0][1][0]['row'].tolist() == [4, 5]"
	done
}

@test "of the k nearest columns the nearest is that of all, with no larger margin" {
	oracle partial nearest all top
	nearest top >out
	nearest all >whole
	"$PY" - <<-'E'
	import numpy as np
	from semot import read
	for (_, (a, _)), (_, (b, _)) in zip(read("out"), read("whole"), strict=True):
	    assert all(np.array_equal(a[x], b[x]) for x in ("row", "col", "cost"))
	    assert (a["margin"] <= b["margin"]).all() and (a["margin"] >= 0).all()
	E
}

@test "of the k nearest columns mutual and greedy pairs are those of the pairs given" {
	oracle partial nearest all top
	"$PY" - <<-'E'
	import numpy as np
	from semot import read, write
	with open("given", "wb") as file:     # all pairs, at infinity where nothing is given
	    for header, (ids, *blocks) in read("top"):
	        dist = np.full((header["rows"], header["cols"]), np.inf, "<f4")
	        for b in blocks:
	            rows = dist[b["row0"]:b["row0"] + len(b["col"])]
	            np.put_along_axis(rows, b["col"].astype(int), b["dist"], 1)
	        write(file, {**header, "top": 0}, [ids, {"row0": 0, "dist": dist}])
	E
	for method in --mutual --greedy; do
		for stream in top given; do
			nearest $method $stream >out
			frame2tsv --columns row_feature,col_feature,cost out >of_$stream
		done
		cmp of_top of_given
		[ "$(wc -l <of_top)" -gt 100 ]
	done
}

@test "of columns that a budget left, margins reach to what is beyond them, and doubt is told" {
	oracle partial budget all top
	nearest top >out 2>notes
	"$PY" - <<-'E'
	import numpy as np
	from semot import read
	doubts = 0
	streams = zip(*map(read, ("out", "all", "top")), strict=True)
	for (out, (pairs, _)), (_, (_, *every)), (_, (_, *some)) in streams:
	    dist = np.concatenate([b["dist"] for b in some])
	    beyond = np.concatenate([b["beyond"] for b in some])
	    second = dist[:, 1] if dist.shape[1] > 1 else np.inf
	    margin = np.minimum(second, beyond) - dist[:, 0]
	    assert np.array_equal(pairs["margin"], margin.astype("<f4"))
	    assert out["unproved"] == (margin < 0).sum()
	    least = np.concatenate([b["dist"] for b in every]).min(1)
	    assert np.array_equal(pairs["cost"], dist[:, 0])
	    assert (least[margin >= 0] == dist[margin >= 0, 0]).all()
	    doubts += out["unproved"] > 0
	words = "a column that is not given may be nearer (a larger --budget)"
	assert open("notes").read().count(words) == doubts > 20
	E
}

@test "what a column beyond the given ones could change is not certified" {
	bent "${NEAR}for b, beyond in zip(blocks, ([0, .9, 1.5, 1.999], [2, 9])):
    b['beyond'] = np.array(beyond, '<f4')
    b['error'] = np.full_like(b['dist'], .1)" >in
	nearest --quiet in >out
	values "
assert out[0][1][0]['certified'].tolist() == [0, 0, 0, 0, 1, 1]
assert np.isinf(out[0][1][0]['error'][:4]).all()"
	hungarian --quiet in >out
	values "
pairs = out[0][1][0]
assert len(pairs['row']) > 0 and not pairs['certified'][pairs['row'] < 4].any()"
}

@test "what is beyond the columns has to be a number, in all blocks or in none" {
	bent "$NEAR" | nearest --quiet >out
	bent "${NEAR}blocks[1]['beyond'][1] = np.nan" >in
	fails 1 nearest in
	[ "$line" = "nearest: in: frame 3: beyond of row 5 is no number" ]
	bent "${NEAR}del blocks[1]['beyond']" >in
	fails 1 nearest in
	[ "$line" = "nearest: in: frame 3: beyond in some blocks and not in others" ]
	bent "${NEAR}blocks[0]['beyond'] = np.ones(2, '<f4')" >in
	fails 1 nearest in
	[[ $line == "nearest: in: frame 2: "*beyond* ]]
}

@test "--maximize takes the numbers for similarities" {
	oracle hungarian make signed --count 25 >in
	"$PY" -c "
import sys
from semot import read, write
for header, frames in read('in'):
    frames[1]['dist'] = -frames[1]['dist']
    write('-', header, frames)" >negative
	for method in "${METHODS[@]}"; do
		nearest --maximize $method --max-cost 100 in >out
		nearest $method --max-cost -100 negative >plain
		"$PY" -c "
import numpy as np
from semot import read
for (a, (x, _)), (b, (y, _)) in zip(read('out'), read('plain'), strict=True):
    assert a['total'] == -b['total'] and np.array_equal(x['cost'], -y['cost'])
    assert np.array_equal(x['col'], y['col'])
    assert a['max_cost'] == -b['max_cost'] and a['matched'] > 0
    assert np.array_equal(x['margin'], y['margin'])"
	done
}

@test "features that no pair has are named" {
	for method in "" --mutual; do
		oracle hungarian make uniform --count 9 | nearest $method >out
		"$PY" -c "
from semot import read
for header, (pairs, rest) in read('out'):
    for side, count, first in ('row', header['rows'], 100), ('col', header['cols'], 200):
        paired, free = {*pairs[f'{side}_feature']}, {*rest[f'free_{side}_feature']}
        assert sorted(paired | free) == list(range(first, first + count)) and not paired & free
        assert len(rest[f'free_{side}_layer']) == len(rest[f'free_{side}_feature'])"
	done
}

# certifies OPTIONS KIND [OPTION]...: verdicts of 25 random matrices with errors are by the rule
certifies() {
	oracle hungarian make --errors --count 25 "${@:2}" >in
	nearest --quiet $1 in >out
	oracle hungarian verdicts out in
}

@test "certified: the row's nearest other column is farther by more than four errors" {
	for method in "${METHODS[@]}"; do
		for kind in uniform geometric forbidden signed; do
			certifies "$method --max-cost 1e9" $kind
			certifies "$method" $kind --top 3 --rows 20 --cols 30
		done
		certifies "$method --max-cost .5" uniform
		certifies "$method" geometric --rows 40 --cols 9
		certifies "$method" geometric --rows 9 --cols 40
		certifies "$method --maximize" uniform
	done
}

@test "where there is one column for all rows its own error decides" {
	certifies "" uniform --cols 1
	certifies "" uniform --cols 1 --top 1
}

@test "the two nearest of each row certify what all distances certify, one certifies nothing" {
	for top in "" "--top 2" "--top 1"; do
		oracle hungarian make geometric --errors --count 25 --rows 30 --cols 40 $top |
			nearest >out
		frame2tsv --columns row_feature,col_feature,error,certified out >"of$top"
	done
	cmp of "of--top 2"
	awk '$4 == 1' of | grep -q .
	refute grep -q '1$' <(cut -f 4 "of--top 1")
	[ "$(cut -f 3 "of--top 1" | sort -u | grep -vx error)" = Infinity ]
}

@test "--certified keeps the certified pairs and no others" {
	oracle hungarian make geometric --errors --rows 30 --cols 40 >in
	columns=row_feature,col_feature,cost,margin,error,certified
	for method in "${METHODS[@]}"; do
		nearest $method in | frame2tsv --columns $columns | awk 'NR == 1 || $6 == 1' >all
		nearest $method --certified in >out
		cmp all <(frame2tsv --columns $columns out)
		values "
header, frames = out[0]
assert 1 <= header['matched'] == header['certified'] < 30 and (frames[0]['certified'] == 1).all()"
	done
}

@test "infinite errors certify nothing, errors of 0 every margin above it" {
	bent "for b in blocks: b['error'] = np.full_like(b['dist'], np.inf)" | nearest >out
	values "assert out[0][0]['certified'] == 0"
	bent "for b in blocks: b['error'] = np.zeros_like(b['dist'])" | nearest >out
	values "assert out[0][0]['certified'] == 6"
}

@test "--certified of distances without errors is refused" {
	bent "" >in
	fails 1 nearest --certified in
	why="--certified needs distances with their errors: --error of the distance stage"
	[ "$line" = "nearest: in: frame 3: $why" ]
}

@test "several streams are matched one after another, and what is no matrix is refused" {
	oracle hungarian make uniform --count 3 | nearest >out
	[ "$(framecat --count out | wc -l)" -eq 3 ]
	fails 1 nearest <(bent "blocks = blocks[:1]")
	[[ $line == *"4 rows of 6" ]]
	fails 1 nearest <(stream matching)
	fails 1 nearest missing
}

@test "--max-cost chance:P leaves out the pairs of a larger chance, and no others" {
	oracle hungarian make uniform --rows 40 --cols 30 >in
	nearest in >all
	for p in 0 .1 .2 .333 1; do
		nearest --max-cost chance:$p in >out
		oracle hungarian check out in
		hungarian --max-cost chance:$p in >assigned
		oracle hungarian check assigned in
		values "
(_, (every, _)), = read('all')
(_, (pairs, rest)), = out
assert np.array_equal(pairs['row'], every['row'][every['chance'] <= $p]), pairs['chance']
assert len(rest['second']) > 10 and (np.diff(rest['second']) >= 0).all()
(_, (assigned, _)), = read('assigned')
assert (assigned['chance'] <= $p).all()"
	done
	bent "for b in blocks:
    b['dist'] = b['dist'][:, :1]
    b['col'] = np.zeros((len(b['dist']), 1), '<u4')" >in
	fails 1 nearest --max-cost chance:.1 in
	wants="--max-cost chance needs the two nearest columns of each row"
	[ "$line" = "nearest: in: frame 3: $wants" ]
	nearest in >out
	values "assert 'chance' not in out[0][1][0]"
	fails 2 nearest --max-cost chance:2
	fails 2 nearest --max-cost chance:
}

@test "a wrong command line is refused" {
	fails 2 nearest --mutual --greedy
	fails 2 nearest --nearest
	fails 2 nearest --max-cost much
	fails 2 nearest one two
}
