# contract: matching compose
load helper

# agrees OPTION...: the composed matchings of random ones through two, three and five layers, made
# with these options, are those of permutation matrices and dicts: of the path's ends, and of two
# layers that are named
agrees() {
	for path in "b a" "mid first last" "5 4 3 2 1"; do
		for seed in 1 2 3; do
			oracle flow make $path --seed $seed "$@" >in
			compose in >out
			oracle flow composed out in ${path%% *} ${path##* } $path
		done
	done
	compose --from 4 --to 2 in >out
	oracle flow composed out in 4 2 $path
	compose --from 3 in >out
	oracle flow composed out in 3 1 $path
	compose --to 4 in >out
	oracle flow composed out in 5 4 $path
}

# given STATEMENT: matchings A -> B -> C of 4 features as streams, after a statement of Python on
# `ab` and `bc`, the frames [pairs, rest] of each
given() {
	"$PY" - "$1" <<-'E'
	import sys
	import numpy as np
	from semot import write
	def matching(a, b, col):
	    n = len(col)
	    row, col, one = np.arange(n, dtype="<u4"), np.array(col, "<u4"), np.ones(n, "<f4")
	    return [{"row_layer": [a] * n, "row_feature": row, "col_layer": [b] * n,
	             "col_feature": col, "cost": one, "margin": one, "row": row, "col": col},
	            {"free_row_layer": [], "free_row_feature": row[:0],
	             "free_col_layer": [], "free_col_feature": row[:0]}]
	ab, bc = matching("A", "B", [1, 2, 3, 0]), matching("B", "C", [3, 0, 1, 2])
	method = ["assignment"] * 2
	exec(sys.argv[1])
	for frames, how in zip((ab, bc), method):
	    write("-", {"kind": "matching", "method": how, "stray": 1}, frames)
	E
}

# values STATEMENT: runs it on `header` and `frames` of the stream in ./out
values() {
	"$PY" -c "
import numpy as np
from semot import read
(header, frames), = read('out')
$1"
}

@test "composed matchings are products of permutation matrices" {
	agrees
	agrees --share .7
	agrees --share .2 --silent
}

@test "direct and nearest matchings have no part in them" {
	agrees --direct --share .6
	agrees --nearest --share .9
}

@test "what is certified by all links is certified" {
	agrees --certified --share .8
	given "ab[0]['certified'] = np.ones(4, '|u1')" | compose >out
	values "assert 'certified' not in frames[0]"
}

@test "a permutation composed with its inverse is the identity" {
	given "" | compose >out
	values "
assert frames[0]['row_feature'].tolist() == frames[0]['col_feature'].tolist() == [0, 1, 2, 3]
assert all(frames[0]['cost'] == 2) and all(frames[0]['margin'] == 1)
assert header['total'] == 8 and header['stray'] == 1"
}

@test "composition is associative" {
	oracle flow make 1 2 3 4 --share .8 >in
	for middle in "1 3" "2 4"; do
		set -- $middle
		compose --from $1 --to $2 in >part
		"$PY" - "$1" "$2" >rest <<-'E'
		import sys
		from semot import read, write
		for header, frames in read("in"):
		    row, col = frames[0]["row_layer"], frames[0]["col_layer"]
		    if sys.argv[1] not in row and sys.argv[2] not in col:
		        write("-", header, frames)
		E
		compose part rest | frame2tsv --columns row_feature,col_feature,margin >"$1"
	done
	[ "$(wc -l <1)" -gt 5 ]
	cmp 1 2
	compose --from 1 --to 4 in | frame2tsv --columns row_feature,col_feature,margin | cmp 1 -
}

@test "without a matching there are no pairs" {
	stream matching --empty >none
	compose --quiet none >out
	values "
assert header['kind'] == 'matching' and header['rows'] == header['cols'] == 0
assert len(frames[0]['row']) == 0"
}

@test "layers that are not on the path, or not in this order, are refused by name" {
	given "" >in
	fails 1 compose --from A --to D in
	[ "$line" = "compose: --to: layer D is not on the path" ]
	fails 1 compose --from D in
	[ "$line" = "compose: --from: layer D is not on the path" ]
	fails 1 compose --from C --to A in
	[ "$line" = "compose: layer C does not come before layer A on the path" ]
	fails 1 compose --from C in
	[ "$line" = "compose: layer C does not come before layer C on the path" ]
}

@test "what makes no path is refused by name" {
	given "bc[0]['col_layer'] = ['A'] * 4" >in
	fails 1 compose in
	why="the one-to-one matchings make no path through layer A"
	[ "$line" = "compose: in: layer A to B: $why" ]
	fails 1 compose <(stream distances)
	[[ $line == *"a stream of distances, where matchings are read: hungarian writes them" ]]
	fails 1 compose missing
}

@test "a wrong command line is refused" {
	fails 2 compose --from
	fails 2 compose --between A C
}

# models OPTIONS-FOR-THE-HEADERS: ./in, matchings A -> B -> C whose headers hold these fields
models() {
	given "" | frame2json | awk -v ab="$1" -v bc="$2" '
		/"semot"/ { sub(/"kind"/, (n++ ? bc : ab) ",&") } { print }' | json2frame >in
}

@test "ends keep their models; a layer of two models is refused, of two SAEs noted" {
	models '"row_model":"M","col_model":"N","row_sae":"a"' '"row_model":"N","col_model":"O"'
	compose in >out
	values "
assert (header['row_model'], header['col_model'], header['row_sae']) == ('M', 'O', 'a'), header
assert 'col_sae' not in header"
	flow in >out
	values "
assert frames[0]['model'] == ['M', 'N', 'O'] and 'row_model' not in header, header"
	models '"row_model":"M"' '"col_model":"O"'
	compose in >out
	values "assert (header['row_model'], header['col_model']) == ('M', 'O'), header"
	flow in >out
	values "assert 'model' not in frames[0]"
	models '"col_model":"M"' '"row_model":"N"'
	for program in compose flow; do
		fails 1 $program in
		why="layer B is of model N, where another matching's is of model M"
		why+=": layers of two models need two names (act-dump --layer)"
		[ "$line" = "$program: in: $why" ]
	done
	models '"col_sae":"x"' '"row_sae":"y"'
	why="layer B is of the SAE y, where another matching's is of x"
	[ "$(compose in 2>&1 >out)" = "compose: in: $why" ]
}
