load helper
# contract: distributions featpick --list {root}/tests/golden/picks.tsv
# fuzz: distributions featpick 3:1,3:2
# fuzz: activations featpick --graph {graph}

# features KIND: the features that the stream on stdin holds, in order
features() {
	frame2tsv --columns feature | sed 1d
}

@test "the features of a list stay, with all that belongs to them" {
	stream distributions >all
	printf '3\t%d\n' 1 4 7 >list
	featpick --list list all >some
	printf '%d\n' 1 4 7 | diff - <(features <some)
	"$PY" - <<-'PYTHON'
	from semot import read
	def features(path):
	    [(header, frames)] = read(path)
	    return {int(i): (f['row'][f['indptr'][k]:f['indptr'][k + 1]].tolist(),
	                     f['weight'][f['indptr'][k]:f['indptr'][k + 1]].tolist(),
	                     f['mass'][k], f['count'][k])
	            for f in frames if 'feature' in f for k, i in enumerate(f['feature'])}
	every, picked = features('all'), features('some')
	assert picked and all(picked[i] == every[i] for i in picked), (picked, every)
	PYTHON
}

@test "picking before sampling is picking after it" {
	stream activations >all
	printf '3\t%d\n' 0 2 5 >list
	featpick --list list all | featdist --min-count 1 >before
	featdist --min-count 1 all | featpick --list list >after
	features <before | diff - <(features <after)
	sinkhorn before after | hungarian |
		frame2tsv --columns row_feature,col_feature,cost | sed 1d |
		while read -r a b cost; do [ "$a" = "$b" ] || { echo "$a $b $cost"; exit 1; }; done
}

@test "a layer of another name has none of the listed features" {
	printf '4\t1\n4\t3\n' >list
	for kind in activations distributions; do
		stream $kind >all
		fails 1 featpick --list list all
		why="none of its 2 features is in all (layer '3'): it has feature 1 of layer '4'"
		[ "$line" = "featpick: list: $why (act-dump --layer names layers)" ]
		frame2tsv --columns feature stdout >left 2>cut || true
		[ "$(wc -l <left)" -le 1 ]
		grep -q "no end mark" cut
		cat all all >two
		fails 1 featpick --list list two
		[[ $line == *" is in two (layer '3' ...): "* ]]
	done
}

@test "listed features that no stream has are counted" {
	printf '3\t%d\n' 0 1 2 12 4000000000 >list
	printf '%d\t1\n' 9 8 >>list
	for kind in activations distributions; do
		stream $kind >all
		featpick --list list all 2>notes >some
		why="4 of 7 features are not in all (layer '3'), such as feature 12 of layer '3'"
		[ "$(<notes)" = "featpick: list: $why" ]
		[ -z "$(featpick --quiet --list list all 2>&1 >some)" ]
		named $kind layer=8 >other
		cat all other | featpick --list list 2>notes >some
		why="3 of 7 features are not in stdin (layer '3' ...), "
		why+="such as feature 12 of layer '3'"
		[ "$(<notes)" = "featpick: list: $why" ]
		named $kind layer=5 >other
		cat all other | featpick --list list 2>notes >some
		why="layer '5' has no features in list (act-dump --layer names it)"
		[ "$(sed 1d notes)" = "featpick: stdin: $why" ]
	done
	# a feature of the dictionary that no token fires is there
	stream activations | frame2json | sed '1s/"features":12/"features":14/' | json2frame >all
	printf '3\t13\n' >list
	[ -z "$(featpick --list list all 2>&1 >some)" ]
	framecat --header some | grep -q '"picked":1'
	fails 1 featpick 3:13 all
}

@test "features of a graph that no stream has are counted, also those beyond 32 bits" {
	stream graph >g
	"$PY" -c '
import numpy as np
from semot import read, write
(header, frames), = read("g")
nodes = frames[0]
features = nodes["type"] == 0
names = sorted({(l, int(i)) for l, i, f in zip(nodes["layer"], nodes["feature"], features) if f})
nodes["feature"] = nodes["feature"].copy()
nodes["feature"][np.flatnonzero(features)[0]] = 2**40
write("large", header, frames)
print(len(names), sum(l == "3" for l, i in names), sep="\n")' >counts
	{ read -r all; read -r here; } <counts
	stream activations >acts
	featpick --graph g acts 2>notes >some
	why="$((all - here)) of $all features are not in acts (layer '3'), "
	why+="such as feature 0 of layer '4'"
	[ "$(<notes)" = "featpick: g: $why" ]
	featpick --graph large acts 2>notes >some
	grep -q "^featpick: large: $((all - here + 1)) of $all features are not in acts" notes
	named activations layer=12 >other
	fails 1 featpick --graph g other
	[[ $line == "featpick: g: none of its $all features is in other (layer '12'): "* ]]
}

@test "the features of a graph are those of its feature nodes" {
	graph2frame "$SAMPLE/graphs/add-three-four.json" >g
	act-dump --hidden "$SAMPLE/hidden_L3.npy" --sae "$SAMPLE/sae_L3_s0" --layer 3 --no-point |
		featpick --graph g | featdist --quiet --min-count 1 | features >picked
	"$PY" - "$SAMPLE/graphs/add-three-four.json" <<-'PYTHON' >nodes
	import json, sys
	nodes = json.load(open(sys.argv[1]))['nodes']
	print(*sorted({n['feature'] for n in nodes
	               if n['layer'] == '3' and n['feature_type'].startswith('cross')}), sep='\n')
	PYTHON
	diff nodes picked
}

@test "features that are named by the operand stay, as those of a list" {
	stream distributions >all
	printf '3\t%d\n' 1 4 7 >list
	featpick --list list all >some
	for words in 3:1,3:4,3:7 3:7,3:4,3:1,3:4; do
		featpick $words all >named
		oracle same some named
		featpick $words <all | oracle same some /dev/stdin
	done
	stream activations >all
	featpick --list list all >some
	featpick 3:1,3:4,3:7 all | oracle same some /dev/stdin
	framecat --history some | grep -q 'featpick --list list all'
	featpick 3:1,3:4,3:7 all | framecat --history | grep -q 'featpick 3:1,3:4,3:7 all'
}

@test "features of several layers are named at once; a layer's name may hold colons" {
	stream distributions | frame2json | sed '1s/"layer":"3"/"layer":"a:b"/' | json2frame >one
	stream distributions | frame2json | sed '1s/"layer":"3"/"layer":"4"/' | json2frame >two
	cat one two | featpick 4:2,a:b:5 | frame2tsv --columns feature | sed 1d |
		paste -s -d ' ' >picked
	[ "$(<picked)" = "5 2" ]
}

@test "a file of any name can be read, also one that looks like a feature" {
	stream distributions >3:1
	printf '3\t1\n' >list
	featpick --list list 3:1 | features | diff - <(echo 1)
	featpick 3:1 3:1 | features | diff - <(echo 1)
}

@test "a named feature that the input does not hold is an error, and no end mark is written" {
	stream distributions >all
	fails 1 featpick 3:1,3:9999 all
	[ "$line" = "featpick: all: layer '3' holds no feature 9999" ]
	fails 1 frame2json stdout
	fails 1 featpick 12:1 all
	[ "$line" = "featpick: all: no stream of layer '12' (act-dump --layer names it)" ]
	fails 1 frame2json stdout
	cat all all >twice
	fails 1 featpick 3:9999 twice
	stream activations >all
	fails 1 featpick 3:9999 all
}

@test "words that are no features are refused" {
	stream distributions >all
	for words in all 3 3: 3:x 3:-1 3:1, ,3:1 3:1,,3:2 3:4294967296 3:1.5 ""; do
		fails 2 featpick "$words" all
	done
	fails 2 featpick
	fails 2 featpick 3:1 all all
}

@test "an empty list keeps nothing" {
	stream distributions >all
	: >list
	featpick --list list all 2>notes | features >left
	[ ! -s left ]
	grep -q "layer '3' has no features in list" notes
}

@test "the features of layer 4 that are nearest to one of layer 2, in one line" {
	for l in 2 4; do
		act-dump --hidden "$SAMPLE/hidden_L$l.npy" --sae "$SAMPLE/sae_L${l}_s0" --layer $l |
			featdist --quiet |
			refproj --lift "$SAMPLE/hidden_L6.npy" --whiten >$l.projected
	done
	table() {
		frame2tsv --columns row_layer,row_feature,col_layer,col_feature,dist,lower,upper
	}
	featpick 2:215 2.projected | emd --quiet --top 5 - 4.projected | table >nearest
	emd --quiet --top 5 2.projected 4.projected | table | awk 'NR == 1 || $2 == 215' |
		diff nearest -
	[ "$(wc -l <nearest)" -eq 6 ]
}

@test "a list that is none is refused with its line" {
	printf '3\t1\n3 2\n' >list
	stream activations >all
	fails 1 featpick --list list all
	[[ $line == *"line 2"* ]]
	fails 1 featpick --list nowhere all
	for feature in -1 4294967296 100000000000000000000000 1.5 "" x "1 "; do
		printf '3\t1\n\n3\t%s\n' "$feature" >list
		fails 1 featpick --list list all
		[[ $line == "featpick: list: line 3: '$feature' is no feature's index" ]]
	done
	fails 2 featpick --list list --graph g all
	fails 2 featpick --list list all all
	stream distances >d
	fails 1 featpick --list "$ROOT/tests/golden/picks.tsv" d
}
