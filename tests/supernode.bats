# contract: graph supernode --graph - {distances}
# fuzz: graph supernode --graph - {distances} --acyclic --to 50% --max-hidden .2
# fuzz: graph supernode --graph - {distances} --keep --pinned --linkage average --to 50%
# fuzz: graph supernode --graph - {distances} --errors --across-positions --groups 2
load helper

# graph OPTION...: a small random graph in ./g.json and ./graph, and its distances in ./dist
graph() {
	oracle attribution make "$@" >g.json
	graph2frame g.json >graph
	oracle attribution distances g.json --seed 1 >dist
}

# agrees OPTION...: groups by these options are those of scipy, links those of plain Python
agrees() {
	[[ " $*" == *" --mix "* ]] || set -- "$@" dist
	supernode --quiet --graph graph "$@" >out
	oracle supernode groups out "$@" >count
}

@test "Ward's, average and complete linkage group as scipy does" {
	for seed in 1 2 3 4 5; do
		graph --seed $seed --features 90
		for linkage in ward average complete; do
			agrees --linkage $linkage --groups 20 --across-positions
			agrees --linkage $linkage --groups 40
			agrees --linkage $linkage --at .3
			agrees --linkage $linkage --at .3 --across-positions
		done
	done
}

@test "without a number the cut is where n free nodes are sqrt(n) groups" {
	for seed in 1 2 3 4 5; do
		graph --seed $seed --features 90
		agrees
		[ "$(<count)" -gt 3 ]
		agrees --across-positions
		supernode --graph graph --across-positions dist | frame2tsv --columns group |
			sed 1d | awk '$1 < 0 { n++ } $1 > top { top = $1 }
				END { print top + n - 6 }' >count
		[ "$(<count)" = 9 ]
	done
}

@test "nodes that cannot unite leave as few groups as there can be" {
	graph --features 90
	oracle attribution distances g.json --forbid 4000 >dist
	supernode --quiet --graph graph --across-positions dist >out
	supernode --quiet --graph graph --across-positions --groups 1 dist |
		frame2graph | cmp - <(frame2graph out)
}

@test "infinite distances keep features apart" {
	graph --features 90
	oracle attribution distances g.json --forbid 300 >dist
	for linkage in complete ward; do
		agrees --linkage $linkage --groups 1 --across-positions
		agrees --linkage $linkage --at 1
	done
}

@test "of a matrix that is not symmetric, the mean of both directions counts" {
	graph
	oracle attribution distances g.json --one-way >dist
	agrees --groups 30
}

@test "real graphs: groups and sums are those of scipy and plain Python" {
	real=()
	[ -z "$DATA" ] ||
		real=("$DATA"/graphs/{gemma/dollar,llama/puppy-clt-llama,haiku/bomb-a}.json)
	for f in "$SAMPLE"/graphs/*.json "${real[@]}"; do
		graph2frame "$f" >graph
		oracle attribution distances "$f" >dist
		agrees --groups 80
		agrees
		edgeprofile graph >dist
		agrees --to 10% --across-positions
		agrees
	done
}

@test "what a mixed stream has wrong is told with its name" {
	graph
	oracle supernode mixed graph dist >nodes
	sed 's/"slug": "toy"/"slug": "two"/' g.json | graph2frame >second
	fails 1 supernode --quiet --graph second --groups 20 --mix dist:1 --mix nodes:1
	[ "$line" = "supernode: nodes: the distances of graph toy, where those of two are next" ]
}

@test "--keep and --pinned that find nothing say so" {
	graph
	"$PY" -c 'import json
d = json.load(open("g.json"))
d["qParams"] = {"pinnedIds": ["gone"], "supernodes": []}
json.dump(d, open("g.json", "w"))'
	graph2frame g.json >graph
	supernode --graph graph --keep dist 2>&1 >out |
		grep -qx "supernode: graph: --keep: the graph has no groups"
	supernode --graph graph --pinned dist 2>&1 >out |
		grep -qx "supernode: graph: --pinned: no feature of the graph is pinned"
	supernode --graph graph --pinned dist 2>&1 >out |
		grep -qx "supernode: graph: 1 of 1 pins are not nodes of the graph"
}

@test "streams are mixed by weight, each in units of its root mean square" {
	graph --features 70
	edgeprofile graph >profile
	oracle attribution distances g.json --seed 9 --skip 6 >other
	agrees --mix dist:.7 --mix profile:.3
	agrees --mix dist:2 --mix profile:1 --mix other:1e-3 --groups 30
	agrees --mix other:1 --across-positions --at .5
	supernode --quiet --graph graph --mix dist:1 --mix dist:3 --groups 20 | frame2graph >a.json
	supernode --quiet --graph graph --groups 20 dist | frame2graph >b.json
	cmp a.json b.json
	supernode --quiet --graph graph --mix -:1 --groups 20 <dist | frame2graph | cmp - b.json
}

@test "distances by node group as those by layer and feature; each graph takes the next stream" {
	graph
	oracle supernode mixed graph dist >nodes
	supernode --quiet --graph graph --groups 20 nodes | frame2graph >a.json
	supernode --quiet --graph graph --groups 20 dist | frame2graph | cmp - a.json
	sed 's/"slug": "toy"/"slug": "two"/' g.json | graph2frame >second
	oracle supernode mixed second dist >more
	supernode --quiet --graph <(cat graph second) --groups 20 <(cat nodes more) | frame2graph |
		head -c "$(wc -c <a.json)" | cmp - a.json
	fails 1 supernode --quiet --graph <(cat graph second) --groups 20 nodes
	[[ $line == *": no distances for graph two" ]]
	fails 1 supernode --quiet --graph <(cat second graph) --groups 20 <(cat nodes more)
	[[ $line == *": the distances of graph toy, where those of two are next" ]]
	fails 1 supernode --quiet --graph graph --groups 20 <(cat nodes more)
	[[ $line == *": a second stream of distances" ]]
}

@test "--acyclic leaves no cycle between groups, and without it a note names one" {
	graphs=("$SAMPLE"/graphs/twohop-kuviville.json)
	[ -z "$DATA" ] ||
		graphs+=("$DATA"/graphs/{gemma/dollar,llama/puppy-clt-llama,haiku/rabbit-poem}.json)
	for f in "${graphs[@]}"; do
		graph2frame "$f" >graph
		edgeprofile graph >dist
		for options in "--to 20%" "--linkage average --to 10%" \
			"--across-positions --to 5%"; do
			supernode --graph graph $options dist >out 2>notes
			oracle supernode acyclic out --cyclic
			grep -q "^supernode: graph: groups make a cycle: .* -> .* (see --acyclic)" \
				notes
			supernode --graph graph --acyclic $options dist >out 2>notes
			oracle supernode acyclic out
			refute grep -q cycle notes
		done
	done
}

@test "--max-hidden stops before more is inside groups, and no earlier" {
	graph --features 90
	hidden() {
		supernode --quiet --graph graph "$@" dist | graph-score --quiet |
			frame2tsv | awk '$1 == "hidden" || $1 == "ratio/features" { print $2 }'
	}
	for most in 0 .1 .3; do
		for linkage in ward average; do
			options="--linkage $linkage --across-positions --groups"
			read -d '' -r ratio share \
				<<<"$(hidden $options 1 --max-hidden $most)" || true
			awk "BEGIN { exit $share > $most }"
			read -d '' -r _ share <<<"$(hidden $options \
				"$(awk "BEGIN { print int($ratio * 90 - .5) }")")" || true
			awk "BEGIN { exit $share <= $most }"
		done
		read -d '' -r _ share <<<"$(hidden --max-hidden $most)" || true
		awk "BEGIN { exit $share > $most }"
	done
	cmp <(hidden --max-hidden 1) <(hidden)
}

@test "groups that are kept and hide too much stay, and a note says so" {
	graph --features 90
	supernode --quiet --graph graph --groups 5 dist >begun
	supernode --graph begun --keep --max-hidden .01 dist 2>notes >out
	grep -q "^supernode: begun: groups that are kept hide .* more than --max-hidden 0.01$" notes
	cmp <(frame2graph out) <(frame2graph begun)
}

@test "the cycle of the note is one" {
	graph --features 90
	supernode --graph graph --groups 20 dist 2>notes >out
	"$PY" - <<-'E'
	from attribution import one, units
	nodes, _, _, found = one("out")[1]
	name = dict(enumerate(found["group_name"]))
	for unit, node, group in zip(units(found), nodes["node_id"], found["group"]):
	    if group < 0:
	        name[unit] = node
	ends = (found["group_link_" + end].tolist() for end in ("source", "target"))
	links = {(name[a], name[b]) for a, b in zip(*ends)}
	way = open("notes").read().split(": ")[3].rsplit(" (see", 1)[0].split(" -> ")
	assert len(way) > 2 and way[0] == way[-1] and set(zip(way, way[1:])) <= links
	E
}

@test "--keep leaves people's groups as they are but for more members, and apart" {
	graph
	"$PY" - <<-'E'
	import json
	d = json.load(open("g.json"))
	def of(position, kind="trans"):
	    return [n["node_id"] for n in d["nodes"]
	            if kind in n["feature_type"] and position in (None, n["ctx_idx"])]
	d["qParams"]["supernodes"] = [
	    ["one", *of(0)[:3], "gone"], ["one", of(0)[3]], ["wide", of(1)[0], of(2)[0]],
	    ["ends", *of(None, "embedding")[:2]]]
	json.dump(d, open("g.json", "w"))
	E
	graph2frame g.json >graph
	for options in "" "--groups 25 --across-positions" \
		"--linkage average --groups 5 --across-positions" "--linkage complete --at 0"; do
		supernode --graph graph --keep $options dist >out 2>notes
		grep -q "^supernode: graph: 1 members of supernodes are not nodes of the" notes
		oracle supernode kept out g.json >counts
		frame2graph --quiet out | grep -q '\["one", '
	done
	[ "$(<counts)" = "8 8 0" ]		# at distance 0 nothing grows
	supernode --quiet --graph graph --keep --groups 5 --across-positions dist >out
	read -r named grown others < <(oracle supernode kept out g.json)
	[ "$grown" -gt 20 ]
	supernode --quiet --graph out --keep --groups 5 --across-positions dist |
		frame2graph --quiet >again.json
	frame2graph --quiet out | cmp - again.json
}

@test "--keep of the groups that people made of real graphs" {
	[ -n "$DATA" ] || skip "no real data"
	for name in bleach-ad michael-jordan-ha cot-faithful-math-sqrt rabbit-poem; do
		graph2frame "$DATA/graphs/haiku/$name.json" >graph
		edgeprofile graph | supernode --quiet --graph graph --keep >out
		oracle supernode kept out "$DATA/graphs/haiku/$name.json" >counts
		read -r named grown others <counts
		[ "$grown" -ge "$named" ]
		more=$((more + grown - named + others))
	done
	[ "$more" -gt 40 ]
}

@test "--pinned groups the pinned features only" {
	"$PY" "$ROOT/tests/oracle/attribution.py" make --features 90 | "$PY" -c '
import json, sys
d = json.load(sys.stdin)
ids = [n["node_id"] for n in d["nodes"]]
d["qParams"]["pinnedIds"] = [i for i in ids if i not in set(ids[:90:3])] + ["gone"]
json.dump(d, open("g.json", "w"))'
	graph2frame g.json >graph
	oracle attribution distances g.json --seed 1 >dist
	agrees --pinned
	agrees --pinned --groups 20
	agrees --pinned --to 30% --across-positions
}

@test "--errors makes one group of the errors at each position, whatever else" {
	graph2frame "$SAMPLE/graphs/twohop-kuviville.json" >graph
	edgeprofile graph >dist
	for across in "" --across-positions; do
		supernode --quiet --graph graph $across dist >without
		supernode --quiet --graph graph $across --errors dist >out
		"$PY" - $across <<-'E'
		import json, re, sys
		from attribution import ERROR, EMBEDDING, LOGIT, flows, links, one
		nodes, link, document, found = one("out")[1]
		tokens = json.loads(document["json"])["metadata"]["prompt_tokens"]
		before = one("without")[1][3]
		errors = nodes["type"] == ERROR
		assert (found["group"][~errors] == before["group"][~errors]).all()
		sets = {}
		for group, at in zip(found["group"][errors], nodes["ctx_idx"][errors]):
		    sets.setdefault(0 if sys.argv[1:] else at, []).append(group)
		for at, groups in sets.items():
		    assert len(set(groups)) == 1
		    assert (groups[0] >= len(before["group_name"])) == (len(groups) > 1)
		    if groups[0] >= 0:
		        name = re.sub(r" \(\d+\)$", "", found["group_name"][groups[0]])
		        place = "" if sys.argv[1:] else " @" + tokens[at].strip(" \t\r\n[]")
		        assert name == "errors" + place, name
		assert len(set(found["group_name"])) == len(found["group_name"])
		assert len(found["group_name"]) > len(before["group_name"])
		links(link, found)
		flows(nodes, link, found)
		E
	done
}

@test "groups of errors: told apart by tokens, then by numbers, and errors in the JSON as well" {
	oracle attribution make | "$PY" -c '
import json, sys
d = json.load(sys.stdin)
extra = [dict(n, node_id="0_3_%s" % n["ctx_idx"], layer="3")
         for n in d["nodes"] if "error" in n["feature_type"]]
d["nodes"] += extra
d["metadata"]["prompt_tokens"] = ["the", "DNA", "the"]
json.dump(d, sys.stdout)' >g.json
	graph2frame g.json >graph
	oracle attribution distances g.json >dist
	supernode --quiet --graph graph --errors --at 0 dist >out
	frame2json out | grep -o '"group_name":[^]]*' >names
	three='"errors @DNA" "errors @the (2)" "errors @the" '
	[ "$(grep -o '"errors[^"]*"' names | LC_ALL=C sort | tr '\n' ' ')" = "$three" ]
	frame2graph out | graph2frame >again
	graph2html again | grep -o '"group_name":[^]]*' | grep -o '"errors[^"]*"' |
		LC_ALL=C sort >shown
	[ "$(tr '\n' ' ' <shown)" = "$three" ]
}

@test "a group holds one token position unless told, and features only" {
	graph
	supernode --graph graph --quiet dist >here
	supernode --graph graph --across-positions dist >anywhere
	"$PY" - <<-'E'
	from attribution import one
	for path, several in ("here", False), ("anywhere", True):
	    nodes, _, _, found = one(path)[1]
	    at = {}
	    for group, position, kind in zip(found["group"], nodes["ctx_idx"], nodes["type"]):
	        at.setdefault(group, set()).add(position)
	        assert group < 0 or kind == 0
	    del at[-1]
	    assert any(len(positions) > 1 for positions in at.values()) == several
	E
}

@test "the order of nodes and links makes no difference" {
	graph
	supernode --graph graph --groups 30 dist >one
	oracle attribution make --shuffle | graph2frame >shuffled
	supernode --graph shuffled --groups 30 dist >two
	cmp <(oracle attribution by-id one) <(oracle attribution by-id two)
}

@test "--to counts all feature nodes and rounds up; so does --groups" {
	graph --features 61
	for to in "--to 33%" "--groups $(((61 * 33 + 99) / 100))"; do
		supernode --graph graph --across-positions $to dist |
			frame2graph --collapse >small.json
		features=$(grep -c '"feature_type": "cross layer' small.json)
		[ "$features" -eq $(((61 * 33 + 99) / 100)) ]
	done
}

@test "features without a distance stay alone and are counted" {
	graph
	oracle attribution distances g.json --skip 10 >dist
	supernode --graph graph --groups 40 dist >out 2>notes
	says="of 60 feature nodes have no distance and stay alone"
	[[ $(head -1 notes) == "supernode: graph: "*" $says" ]]
	oracle supernode groups out dist --groups 40
	[ -z "$(supernode --quiet --graph graph --groups 40 dist 2>&1 >out)" ]
}

@test "fewer groups than positions allow are not made, and a note says so" {
	graph
	supernode --graph graph --groups 2 dist 2>notes >out
	says="3 groups are made, not 2: no group spans token positions (see --across-positions)"
	[[ $(head -1 notes) == "supernode: graph: $says" ]]
}

# names LABEL...: the name of the first group of a graph in which all features of its first position
# bear these labels in turn, all others "other thing"
names() {
	"$PY" - "$@" <<-'E'
	import json, sys
	d = json.load(open("g.json"))
	for n in d["nodes"]:
	    n["clerp"], n["influence"] = "other thing", 1
	of = [n for n in d["nodes"] if n["ctx_idx"] == 0 and "trans" in n["feature_type"]]
	for k, n in enumerate(of):
	    n["clerp"], n["influence"] = sys.argv[1 + k % (len(sys.argv) - 1)], k / 100
	json.dump(d, open("labels.json", "w"))
	E
	graph2frame labels.json >graph
	oracle attribution distances labels.json >dist
	supernode --quiet --graph graph --at 100 dist >out
	"$PY" -c '
from attribution import one
nodes, _, _, found = one("out")[1]
node = next(i for i, at in enumerate(nodes["ctx_idx"]) if at == 0)
print(found["group_name"][found["group"][node]])'
}

@test "a group is named by the phrase that its members share and others do not" {
	graph
	says="capital: say austin, at last"
	[ "$(names "say Austin (strong)" "Say Austin" "$says")" = "say Austin" ]
	[ "$(names "the thing of Texas" "a thing in Texas")" = Texas ]
	[ "$(names "of Texas" "one" "to Texas" "two" "three")" = Texas ]
	[ "$(names "größer als ↵" "größer als →")" = "größer als" ]
	[ "$(names "a b c d e f g h i" "a b c d e f g h i j")" = "b c d e f g" ]
	# a remark is not what a feature is called by, and no word like "of" ends a name
	[ "$(names {slow,quick,red,old,big}" (F1 1.00)")" = "slow / quick / red" ]
	[ "$(names "(rare)")" = rare ]
	[ "$(names "the capital of (weak)" "capital of a" "one")" = capital ]
	[ "$(names "[Texas] cities" "[Texas] law" "one")" = Texas ]
	# the plural is the same word; quotes are closed; signs between words stay
	[ "$(names "poems" "poem")" = poems ]
	[ "$(names 'say "a" here' 'say "a", or b' 'one')" = 'say "a"' ]
	[ "$(names 'it is "big' 'was "big')" = big ]
	[ "$(names "_6 + _9  -> _5" "_6 + _9 -> _5")" = "_6 + _9 -> _5" ]
	[ "$(names "grab/grabs" "forms of grab")" = grab ]
	# members without labels do not count
	[ "$(names "" "" "" "" "one" "" "" "" "" "one")" = one ]
}

@test "without a shared phrase a name joins labels, without labels it has layers and token" {
	graph
	[ "$(names "one" "two" "three" "four" "five")" = "one / two / three" ]
	[ "$(names "of the "{one,two,three,four,five})" = "one / two / three" ]
	[ "$(names " [one] " " [two]" "three" "four" "five")" = "one / two / three" ]
	[ "$(names "one" "one two" "ones" "three, that is 3")" = one ]
	[ "$(names "one, or 1" "two; more" "a two")" = two ]
	[ "$(names "other thing")" = "other thing" ]
	[ "$(names "x y z of the" "")" = "x y z" ]
	[[ $(names "") == "layers "[1-4]-[1-4]" @a" ]]
	[ "$(names "(( ,;" "(( ,;")" = "(( ," ]
	[ "$(names "/ +" "/ -")" = "/ +" ]
}

@test "names that people gave are found again, where labels tell them" {
	[ -n "$DATA" ] || skip "no real data"
	read -r groups labelled head any < <(oracle group_names "$DATA"/graphs/haiku/*.json)
	echo "$groups groups, $labelled with labels, head word: $head, any word: $any"
	[ "$groups" -eq 123 ] && [ "$labelled" -eq 79 ]
	[ "$head" -ge 40 ] && [ "$any" -ge 58 ]
}

@test "no name comes twice, and none is empty" {
	graph --features 90
	supernode --quiet --graph graph --groups 40 dist >out
	"$PY" - <<-'E'
	from attribution import one
	nodes, links, _, found = one("out")[1]
	names = found["group_name"]
	assert len(names) == len(set(names)) > 5 and all(name.strip() for name in names)
	places = [name.split(" @")[1][0] for name in names if " @" in name]
	assert set(places) <= set("abc") and len(places) > 2
	assert any(name.endswith("(2)") for name in names)
	E
}

@test "groups that a graph has are replaced" {
	graph
	supernode --graph graph --at .5 dist >once
	supernode --graph once --groups 30 dist | frame2graph >a.json
	supernode --quiet --graph graph --groups 30 dist | frame2graph >b.json
	cmp a.json b.json
}

@test "several graphs are grouped one after another by the same distances" {
	graph
	supernode --graph <(cat graph graph) --groups 30 dist | frame2graph >two.json
	supernode --quiet --graph graph --groups 30 dist | frame2graph >one.json
	cmp two.json <(cat one.json one.json)
}

@test "unknown fields of the graph pass, and the history of both streams" {
	stream graph --unknown >graph
	oracle attribution distances <(frame2graph graph) >dist
	supernode --quiet --graph graph dist >out
	"$PY" - <<-'E'
	import numpy as np
	from semot import read
	[(before, frames)], [(after, more)] = read("graph"), read("out")
	assert [entry[0] for entry in after["history"]] == ["make_stream", "toy", "supernode"]
	assert after["unknown_field"] == before["unknown_field"] and after["metric"] == "toy"
	for old, new in zip(frames, more):
	    for name, value in old.items():
	        np.testing.assert_equal(new[name], value)
	E
}

@test "an empty stream of graphs passes" {
	graph
	supernode --graph <(stream graph --empty) dist | frame2graph | cmp - /dev/null
}

@test "distances between two sets are refused, with the way out" {
	graph
	oracle attribution distances g.json --two-sets >dist
	fails 1 supernode --graph graph dist
	[[ $line == *"give the distance stage one set"* ]]
}

@test "distances of other layers are refused" {
	graph
	"$PY" - <<-'E' >other
	from attribution import one
	from semot import write
	header, frames = one("dist")
	for side in "row", "col":
	    layers = frames[0][f"{side}_layer"]
	    frames[0][f"{side}_layer"] = ["blocks." + layer for layer in layers]
	write("-", header, frames)
	E
	fails 1 supernode --graph graph other
	says=", the distances feature "
	[[ $line == *"the graph has feature "*" of layer "*"$says"*" of layer blocks."* ]]
}

@test "a key that holds a NUL is not the key before it" {
	graph
	sed 's/"pinnedIds": \[/"pinnedIds\\u0000": [1], &/' g.json >nul.json
	graph2frame nul.json | supernode --quiet --graph - --pinned dist | frame2json >with
	grep -q pinnedIds.*u0000 with
	supernode --quiet --graph graph --pinned dist | frame2json >without
	cmp <(grep -o '"group":[^}]*' with) <(grep -o '"group":[^}]*' without)
	sed 's/"pinnedIds": \[/"was\\u0000": [1], "pinnedIds\\u0000": [/' g.json |
		graph2frame | graph2html >html
}

@test "--acyclic of thousands of nodes at equal distances takes no longer than of others" {
	"$PY" - <<-'E' >long.json
	import json, sys
	import numpy as np
	from semot import write
	n = 3000
	node = dict(layer="1", ctx_idx=0, feature_type="transcoder")
	nodes = [dict(node, node_id=f"n{i}", feature=i) for i in range(n)]
	print(json.dumps(dict(metadata=dict(slug="", scan=""), qParams={}, nodes=nodes, links=[])))
	ids = {}
	for side in "row", "col":
	    ids[side + "_layer"] = n * ["1"]
	    ids[side + "_feature"] = np.arange(n, dtype="<u4")
	block = dict(row0=0, dist=np.zeros((n, n), "<f4"))
	write("equal", dict(kind="distances", rows=n, cols=n), [ids, block], checksum=False)
	E
	graph2frame long.json | timeout 300 supernode --quiet --acyclic --graph - --groups 7 equal |
		framecat --header | grep -q '"groups":'
}

@test "a cycle through all of a large graph is noted at once" {
	"$PY" - <<-'E' >long.json
	import json
	n = 30000
	node = dict(layer="1", ctx_idx=0, feature_type="other")
	nodes = [dict(node, node_id=f"n{i}", feature=i) for i in range(n)]
	links = [dict(source=f"n{i}", target=f"n{(i + 1) % n}", weight=1) for i in range(n)]
	metadata = dict(slug="", scan="")
	print(json.dumps(dict(metadata=metadata, qParams={}, nodes=nodes, links=links)))
	E
	graph
	graph2frame long.json | timeout 300 supernode --graph - dist 2>notes >out
	grep -q "groups make a cycle: n0 -> n1 -> .* -> n12 -> ... (see --acyclic)" notes
}

@test "distances below 0 are as near as 0" {
	graph
	"$PY" - <<-'E'
	import numpy as np
	from attribution import one
	from semot import write
	header, (ids, *blocks) = one("dist")
	for name, less in ("negative", -9), ("zero", 0):
	    def near(dist):
	        return np.where(dist < .5, less, dist).astype("<f4")
	    moved = [dict(b, dist=near(b["dist"])) for b in blocks]
	    write(name, header, [ids, *moved], checksum=False)
	E
	for option in "--to 70%" "--at 0 --linkage average" "--groups 60 --linkage complete" ""; do
		for d in negative zero; do
			supernode --quiet --graph graph $option $d | frame2graph >$d.json
		done
		cmp negative.json zero.json
	done
}

@test "of endless labels the first 200 words are read" {
	graph
	# labelled WORDS: the groups' names, where members share what follows so many own words
	labelled() {
		"$PY" -c 'import json, sys
d = json.load(open("g.json"))
for n in d["nodes"]:
    words = ["%dx%d" % (hash(n["node_id"]), i) for i in range(int(sys.argv[1]))]
    n["clerp"] = " ".join(words) + " at position p%d" % n["ctx_idx"]
print(json.dumps(d))' "$1" | graph2frame | supernode --quiet --groups 9 --graph - dist |
			frame2json | grep -o '"group_name":[^]]*'
	}
	labelled 197 | grep -q '"position p'
	labelled 200 >names
	refute grep -q '"position p' names
}

@test "two streams of distances are refused" {
	graph
	fails 1 supernode --quiet --graph graph <(cat dist dist)
	[[ $line == *"a second stream of distances"* ]]
}

@test "a wrong command line is refused" {
	fails 2 supernode --graph g --max-hidden 2
	fails 2 supernode
	fails 2 supernode --graph g --to 10
	fails 2 supernode --graph g --to 0%
	fails 2 supernode --graph g --to 101%
	fails 2 supernode --graph g --to 10% --groups 5
	fails 2 supernode --graph g --groups 5 --at 1
	fails 2 supernode --graph g --linkage average
	fails 2 supernode --graph g --linkage centroid --groups 3
	fails 2 supernode --graph g --mix a
	fails 2 supernode --graph g --mix a:0
	fails 2 supernode --graph g --mix a:x
	fails 2 supernode --graph g --mix a:1e308 --mix b:1	# squares beyond a double
	fails 2 supernode --graph g --mix a:1e-300
	fails 2 supernode --graph g --mix a:inf
	fails 2 supernode --graph g --mix a:1 b
	fails 2 supernode --graph - --mix -:1
	fails 2 supernode --graph - -
	graph
	fails 1 supernode --graph missing dist
}
