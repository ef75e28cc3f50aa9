# contract: distances hungarian
# fuzz: distances hungarian --max-cost chance:.5 --open
# fuzz: distances hungarian --maximize
# fuzz: distances hungarian --complete {distributions} {distributions}
load helper

# agrees KIND [OPTION]... [-- OPTION...]: matchings of 25 random matrices are right; hungarian's own
# options stand behind --
agrees() {
	local made=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		made+=("$1")
		shift
	done
	oracle hungarian make --count 25 "${made[@]}" >in
	hungarian "${@:2}" in >out
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

@test "totals, duals and margins are right on random matrices of any shape" {
	for kind in uniform geometric signed; do
		agrees $kind
		agrees $kind --rows 30 --cols 30 --seed 1
	done
}

@test "and with ties, near-ties and forbidden pairs" {
	for kind in integers equal near additive forbidden rounded alike extremes; do
		agrees $kind
		agrees $kind --rows 30 --cols 30 --seed 1
	done
	for kind in rounded alike extremes; do
		agrees $kind --rows 40 --cols 9
		agrees $kind --rows 9 --cols 40
	done
}

@test "published optima are reached" {
	[ -n "$DATA" ] || skip "no $DATA"
	oracle hungarian published "$DATA/ot" >in
	hungarian in >out
	oracle hungarian optima out in
	oracle hungarian check out in
}

@test "--max-cost is optimal for the problem in which a row may be left alone" {
	for cost in 0 .02 .3 1 1.5; do
		agrees uniform -- --max-cost $cost
		agrees geometric -- --max-cost $cost
	done
	for kind in integers forbidden near equal; do
		agrees $kind -- --max-cost 1
	done
	agrees signed -- --max-cost -3000
}

@test "the transposed matrix has the same total" {
	for kind in uniform integers additive forbidden; do
		oracle hungarian make $kind --count 25 | hungarian >one
		oracle hungarian make $kind --count 25 --transpose | hungarian >two
		"$PY" -c "
from semot import read
for (one, _), (two, _) in zip(read('one'), read('two')):
    assert one['matched'] == two['matched'] and abs(one['total'] - two['total']) < 1e-9"
	done
}

@test "a single row, column or number, and none" {
	for shape in "1 1" "1 9" "9 1" "0 5" "5 0" "0 0"; do
		set -- $shape
		for method in "" "--max-cost .5"; do
			agrees uniform --rows $1 --cols $2 -- $method
		done
	done
}

@test "a pair without alternative has an infinite margin" {
	agrees uniform --rows 1 --cols 1
	values "assert all(frames[0]['margin'] == np.inf for _, frames in out)"
}

@test "large matrices end: 800 x 800, near-ties and products" {
	for kind in near additive geometric rounded alike; do
		oracle hungarian make $kind --rows 800 --cols 800 >in
		hungarian in >out
		oracle hungarian check out in
	done
	oracle hungarian make geometric --rows 300 --cols 1500 >in
	hungarian in >out
	oracle hungarian check out in
	agrees heavy --rows 400 --cols 400
}

@test "several streams on stdin are matched one after another" {
	oracle hungarian make uniform --count 3 >three
	oracle hungarian make integers >one
	cat three one | hungarian >out
	oracle hungarian check out <(cat three one)
	[ "$(framecat --count out | wc -l)" -eq 4 ]
}

@test "header fields of the distances pass, and say how the matching was made" {
	bent "header['stray'] = [1, 'x']" | hungarian --max-cost .3 >out
	values "
header = out[0][0]
assert (header['kind'], header['method'], header['max_cost']) == ('matching', 'assignment', .3)
assert header['stray'] == [1, 'x'] and header['metric'] == 'toy'
assert (header['rows'], header['cols']) == (6, 5)
assert header['matched'] == len(out[0][1][0]['row']) < 5"
}

@test "the same bytes for any number of threads" {
	for kind in geometric rounded alike; do
		oracle hungarian make $kind --rows 200 --cols 300 >in
		cmp <(hungarian --threads 1 in) <(hungarian --threads 2 in)
	done
}

@test "forbidden pairs that leave no assignment are an error, unless rows may stay alone" {
	bent "blocks[0]['dist'][:] = np.inf" >in
	fails 1 hungarian in
	why="infinite distances leave no assignment: --max-cost lets rows stay unmatched"
	[ "$line" = "hungarian: in: $why" ]
	hungarian --max-cost 2 in >out
	values "assert out[0][1][0]['row'].tolist() == [4, 5]"
}

# topped COLUMNS DISTANCES [STATEMENT]: bent, with the same columns and distances in all rows
topped() {
	bent "for b in blocks:
    b['col'], b['dist'] = (np.tile(np.array(x, t), (len(b['dist']), 1))
                           for x, t in (([$1], '<u4'), ([$2], '<f4')))
${3-}"
}

@test "k nearest columns that are none are refused by name" {
	hungarian --quiet <(topped 1,3 .5,.5) >out
	fails 1 hungarian <(topped 0,9 1,2)
	[[ $line == *"frame 2: row 0 has column 9 of 5" ]]
	fails 1 hungarian <(topped 2,2 1,2)
	[[ $line == *"frame 2: row 0 has column 2 twice" ]]
	fails 1 hungarian <(topped 1,3 1,.5)
	[[ $line == *"frame 2: the columns of row 0 are not nearest first" ]]
	less="blocks[1] = {k: x if k == 'row0' else x[:, :1] for k, x in blocks[1].items()}"
	fails 1 hungarian <(topped 1,3 1,2 "$less")
	[[ $line == *"frame 3: 1 nearest, where the block before has 2" ]]
	fails 1 hungarian <(topped 1,3 1,2 "del blocks[1]['col']")
	[[ $line == *"frame 3: columns in some blocks and not in others" ]]
	fails 1 hungarian --maximize <(topped 1,3 1,2)
	[[ $line == *"k nearest by distance, where --maximize needs all" ]]
}

@test "--maximize takes the numbers for similarities" {
	oracle hungarian make signed --count 25 >in
	"$PY" -c "
from semot import read, write
for header, frames in read('in'):
    frames[1]['dist'] = -frames[1]['dist']
    write('-', header, frames)" >negative
	for cost in "" "--max-cost 2000"; do
		hungarian --maximize $cost in >out
		hungarian ${cost/ / -} negative >plain
		"$PY" -c "
import numpy as np
from semot import read
for (a, (x, _)), (b, (y, _)) in zip(read('out'), read('plain'), strict=True):
    assert a['total'] == -b['total'] and np.array_equal(x['cost'], -y['cost'])
    assert np.array_equal(x['col'], y['col'])
    assert a.get('max_cost', 0) == -b.get('max_cost', 0)
    assert np.array_equal(x['margin'], y['margin'])"
	done
	fails 1 hungarian --maximize <(bent "blocks[0]['dist'][1, 2] = np.inf")
	[[ $line == *"row 1 and column 2 is no number" ]]
}

@test "features that no pair has are named" {
	for method in "" "--max-cost .1"; do
		oracle hungarian make uniform --count 9 | hungarian $method >out
		"$PY" -c "
from semot import read
for header, (pairs, rest) in read('out'):
    for side, count, first in ('row', header['rows'], 100), ('col', header['cols'], 200):
        paired, free = {*pairs[f'{side}_feature']}, {*rest[f'free_{side}_feature']}
        assert sorted(paired | free) == list(range(first, first + count)) and not paired & free
        assert len(rest[f'free_{side}_layer']) == len(rest[f'free_{side}_feature'])"
	done
}

@test "what is no matrix is refused by name" {
	fails 1 hungarian <(bent "blocks = blocks[::-1]")
	[[ $line == *"frame 2: rows 4 to 6, where row 0 of 6 is next" ]]
	fails 1 hungarian <(bent "blocks = blocks[:1]")
	[[ $line == *"4 rows of 6" ]]
	fails 1 hungarian <(bent "blocks += blocks[1:]")
	fails 1 hungarian <(bent "blocks[0]['dist'] = blocks[0]['dist'][:, :4]")
	[[ $line == *"frame 2: dimension 1 of dist is 4, not 5" ]]
	fails 1 hungarian <(bent "blocks[1]['dist'][1, 2] = np.nan")
	[[ $line == *"frame 3: the distance of row 5 and column 2 is no number" ]]
	fails 1 hungarian <(bent "blocks[1]['dist'][1, 2] = -np.inf")
	fails 1 hungarian <(bent "del blocks[0]['row0']")
	fails 1 hungarian <(bent "ids['row_layer'].pop()")
	fails 1 hungarian <(bent "del ids['col_feature']")
	fails 1 hungarian <(stream matching)
	[[ $line == *"a stream of matching, where distances are read: sinkhorn writes them" ]]
	fails 1 hungarian missing
}

@test "errors that stand beside the distances have to be errors, and beside all" {
	bent "for b in blocks: b['error'] = np.full_like(b['dist'], np.inf)" >in
	hungarian in | framecat --check
	fails 1 hungarian <(bent "blocks[1]['error'] = blocks[1]['dist']")
	[[ $line == *"frame 3: error in some blocks and not in others" ]]
	fails 1 hungarian <(bent "blocks[0]['error'] = blocks[0]['dist']")
	[[ $line == *"frame 3: error in some blocks and not in others" ]]
	fails 1 hungarian <(bent "blocks[0]['error'] = blocks[0]['dist'][:, :4]")
	[[ $line == *"frame 2: dimension 1 of error is 4, not 5" ]]
	for error in -1 np.nan; do
		bent "for b in blocks: b['error'] = np.full_like(b['dist'], $error)" >in
		fails 1 hungarian in
		[[ $line == *"frame 2: the error of row 0 and column 0 is ${error#np.}" ]]
	done
}

# certifies OPTIONS KIND [OPTION]...: verdicts of 25 random matrices with errors are by the rule
certifies() {
	oracle hungarian make --errors --count 25 "${@:2}" >in
	hungarian --quiet $1 in >out
	oracle hungarian verdicts out in
}

@test "certified: the row's nearest other column is farther by more than four errors" {
	for kind in uniform geometric forbidden signed; do
		certifies "--max-cost 1e9" $kind
		certifies "" $kind --top 3 --rows 20 --cols 30
	done
	certifies "--max-cost .5" uniform
	certifies "" geometric --rows 40 --cols 9
	certifies "" geometric --rows 9 --cols 40
	certifies "--maximize" uniform
}

@test "--certified keeps the certified pairs and no others" {
	oracle hungarian make geometric --errors --rows 30 --cols 40 >in
	hungarian in | frame2tsv --columns row_feature,col_feature,cost,margin,error,certified |
		awk 'NR == 1 || $6 == 1' >all
	hungarian --certified in >out
	cmp all <(frame2tsv --columns row_feature,col_feature,cost,margin,error,certified out)
	values "
header, frames = out[0]
assert 1 <= header['matched'] == header['certified'] < 30 and (frames[0]['certified'] == 1).all()"
}

@test "errors of 0 certify no ties" {
	bent "dist[:] = 1
for b in blocks: b['error'] = np.zeros_like(b['dist'])" | hungarian >out
	values "assert out[0][0]['certified'] == 0"
}

@test "--certified of distances without errors is refused" {
	bent "" >in
	fails 1 hungarian --certified in
	why="--certified needs distances with their errors: --error of the distance stage"
	[ "$line" = "hungarian: in: frame 3: $why" ]
}

@test "a wrong command line is refused" {
	fails 2 hungarian --nearest
	fails 2 hungarian --max-cost much
	fails 2 hungarian --max-cost
	fails 2 hungarian one two
}

# says FILE WORDS...: these stand in the header
says() {
	for word in "${@:2}"; do
		framecat --header "$1" | grep -qF "$word" || { echo "$1: no $word"; return 1; }
	done
}

@test "features of two models, or of two SAEs, are not the same under one layer name" {
	named distributions model=A sae=x >a
	named distributions model=B sae=x >b
	named distributions model=A sae=y >y
	named distributions model= >none
	emd --quiet a a >aa
	says aa '"row_model":"A"' '"col_model":"A"' '"row_sae":"x"' '"col_sae":"x"'
	emd --quiet a b >ab
	says ab '"row_model":"A"' '"col_model":"B"'
	refute says ab '"model":'
	emd --quiet none none >nn
	refute says nn model
	refute says nn sae
	emd --quiet a none >an
	says an '"row_model":"A"'
	refute says an col_model
	for program in hungarian nearest; do
		for same in aa nn an; do
			$program $same 2>notes >m
			grep -q "rows and columns are the same features" notes
		done
		for two in ab <(emd --quiet a y); do
			[ -z "$($program "$two" 2>&1 >m)" ]
		done
	done
	hungarian ab >m
	says m '"row_model":"A"' '"col_model":"B"'
}

@test "the rows of co-activation and of weights are told apart as well" {
	named activations model=A >a
	named activations model=B >b
	coact a b >ab
	says ab '"row_model":"A"' '"col_model":"B"'
	[ -z "$(hungarian ab 2>&1 >m)" ]
	mkdir here there
	oracle act_dump sae here/sae --threshold
	oracle act_dump sae there/sae --threshold --seed 1
	decoder here/sae there/sae >d
	says d '"row_sae":"here/sae"' '"col_sae":"there/sae"'
	[ -z "$(hungarian d 2>&1 >m)" ]
	decoder here/sae here/sae | hungarian 2>&1 >m | grep -q "the same features"
}

@test "one set that holds two models under one layer name is refused, at every reader" {
	for kind in activations distributions; do
		for given in "model=B" "sae=other"; do
			named $kind model=A sae=x >a
			named $kind sae=x model=A $given >b
			named $kind layer=4 $given >c
			cat a b c >all
			which="SAEs, x and other"
			[ "$given" != model=B ] || which="models, A and B"
			why="all: layer 3 is of two $which: these need two names (act-dump --layer)"
			stages="emd centroid"
			[ $kind != activations ] || stages=coact
			for stage in $stages; do
				fails 1 $stage --quiet all
				[ "$line" = "$stage: $why" ]
				fails 1 $stage --quiet c all
			done
			printf '3\t1\n' >list
			fails 1 featpick --list list all
			[ "$line" = "featpick: $why" ]
			fails 1 frame2json stdout
			cat a c >two
			featpick --quiet --list list two >out
		done
	done
}
