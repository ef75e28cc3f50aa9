# contract: graph graph-score
# fuzz: graph graph-score --distances {distances}
load helper
load scores

# scored OPTION...: ./scores are those of ./graph, as the plain version has them
scored() {
	graph-score --quiet "$@" graph >scores
	oracle graph_score check graph scores "$@"
}

@test "every graph has the scores of the plain version, by itself and with the supernodes in it" {
	for f in $(graphs); do
		echo "$f"
		graph2frame "$f" >graph
		scored
	done
}

@test "so it has with random groups, of features or of all kinds of nodes" {
	for f in $(graphs); do
		echo "$f"
		graph2frame "$f" >plain
		oracle graph_score group plain >graph
		scored
		[[ $f == *haiku* ]] || continue
		oracle graph_score group plain --every --groups 40 --seed 1 >graph
		scored
	done
}

@test "so have random graphs, with cycles and nodes of other types" {
	for seed in $(seq 12); do
		oracle graph_prune random --seed "$seed" --other --features 60 >graph
		scored
		oracle graph_score group graph --seed "$seed" >grouped
		mv grouped graph
		scored
		oracle graph_prune random --seed "$seed" --cyclic >plain
		oracle graph_score group plain --seed "$seed" >graph
		scored
	done
}

@test "groups of one leave a graph as it is" {
	graph2frame "$SAMPLE/graphs/add-three-four.json" >plain
	oracle graph_score group plain --groups 1000000 >graph
	scored
	is ratio 1.0 ratio/features 1.0 balance 1.0 acyclic 1.0
	is kept/weights 1.0 between 1.0 within 0.0
	"$PY" -c "assert abs($(score kept) - 1) < 1e-12"
	is units "$(score nodes)" unit_links "$(score links)"
	is replacement/units "$(score replacement)" completeness/units "$(score completeness)"
}

@test "one group of all features lets everything through, in one unit" {
	graph2frame "$SAMPLE/graphs/add-three-four.json" >plain
	"$PY" - <<-'E'
	from attribution import FEATURE, one
	import numpy as np
	from semot import write
	header, frames = one("plain")
	none = np.zeros(0)
	write("graph", header, frames + [{
	    "group": np.where(frames[0]["type"] == FEATURE, 0, -1).astype("<i4"),
	    "group_name": ["all"],
	    "group_link_source": none.astype("<u4"), "group_link_target": none.astype("<u4"),
	    "group_link_weight": none.astype("<f4"),
	    "group_link_abs": none.astype("<f4")}], checksum=False)
	E
	scored
	is balance 1.0 acyclic 1.0 units "$(score units)"
	frame2tsv --columns type plain | awk 'NR > 1 && $1 { n++ } END { print n + 1 ".0" }' >others
	[ "$(score units)" = "$(<others)" ]
}

@test "the order of nodes and links makes no difference" {
	graph2frame "$SAMPLE/graphs/opposite-small-en.json" >plain
	oracle graph_score group plain | frame2graph --quiet >a.json
	"$PY" -c 'import json, random
d = json.load(open("a.json"))
random.shuffle(d["nodes"]), random.shuffle(d["links"])
json.dump(d, open("b.json", "w"))'
	for side in a b; do
		graph2frame $side.json | graph-score | frame2tsv |
			awk -F'\t' 'NR > 1 { printf "%s %.9f\n", $1, $2 }' >$side
	done
	grep -q "^kept/weights 0\.[0-9]*" a
	cmp a b
}

@test "missing members are counted, and a node in two groups is in the first" {
	toy '[["one", "A", "B", "gone"], ["one", "B", "C", "D"], ["gone", "gone"]]'
	scored
	nodes=$(score nodes)
	is missing 2.0 units "$((${nodes%.0} - 2)).0"
}

@test "a member whose name an error bears as well is the feature" {
	toy '[["x", "A", "0_2_1"]]'
	"$PY" -c 'import json, sys
d = json.load(open("toy.json"))
d["nodes"][1].update(node_id="0_2_1", layer="0")
for link in d["links"]: link.update({k: "0_2_1" for k in ("source", "target") if link[k] == "B"})
d["nodes"].sort(key=lambda node: node["feature_type"] != "mlp reconstruction error")
assert sum(node["node_id"] == "0_2_1" for node in d["nodes"]) == 2
json.dump(d, sys.stdout)' >twins.json
	graph2frame --quiet twins.json >graph
	scored
	nodes=$(score nodes)
	is units "$((${nodes%.0} - 1)).0"
}

@test "a graph without groups has the scores of a graph alone" {
	graph2frame "$SAMPLE/graphs/add-three-four.json" >graph
	scored
	frame2tsv --columns score scores | tr '\n' ' ' >names
	[ "$(<names)" = "score nodes links replacement completeness " ]
}

@test "what divides by nothing is no number" {
	toy '[["x", "A", "B"]]'
	"$PY" -c 'import json
d = json.load(open("toy.json"))
json.dump(dict(d, links=[]), open("unlinked.json", "w"))
json.dump(dict(d, links=[], nodes=[]), open("empty.json", "w"))'
	graph2frame unlinked.json | graph-score >scores
	is links 0.0 unit_links 0.0 acyclic 1.0
	is replacement NaN completeness 1.0 between NaN kept NaN
	graph2frame empty.json | graph-score >scores
	is nodes 0.0 units 0.0 missing 2.0 ratio NaN
}

@test "supernodes of the document that are none are refused" {
	toy '[["x", 1]]'
	fails 1 graph-score graph
	[ "$line" = "graph-score: graph: supernode 0: item 1 is no string" ]
}

@test "several graphs are scored one after another, each under its slug" {
	for f in "$SAMPLE"/graphs/*.json; do graph2frame "$f"; done | graph-score | frame2tsv >table
	awk -F'\t' '$1 == "nodes" { print $3 ".json" }' table | sort |
		cmp - <(ls "$SAMPLE/graphs" | sort)
}

@test "where a logit has no probability, all weigh the same" {
	oracle graph_prune random --features 60 >with
	graph-score with | frame2tsv >weighted
	for some in "" g; do
		frame2json with | sed "s/\\\\\"token_prob\\\\\": /\\\\\"other\\\\\": /$some" |
			json2frame >graph
		scored
		frame2tsv scores >"equal$some"
		refute cmp -s weighted "equal$some"
	done
	cmp equal equalg
}

@test "a probability beyond 1 is none" {
	oracle graph_prune random --features 60 >with
	frame2json with | sed 's/\\"token_prob\\": /&9/' | json2frame >graph
	scored
	frame2tsv scores >large
	frame2json with | sed 's/\\"token_prob\\": /\\"other\\": /' | json2frame >graph
	scored
	frame2tsv scores | cmp - large
}

@test "a logit whose text is no JSON is named with its stream" {
	oracle graph_prune random --features 60 >with
	"$PY" - <<-'E'
	from attribution import one
	from semot import write
	header, (nodes, *rest) = one("with")
	texts = zip(nodes["type"], nodes["node_json"])
	nodes["node_json"] = ["" if t == 3 else j for t, j in texts]
	write("graph", header, [nodes, *rest])
	E
	for program in graph-score graph-prune; do
		fails 1 $program graph
		[[ $line == "$program: graph: node "*": byte 0: the text ends too early" ]]
	done
}

@test "influence that goes round a cycle for good makes a note and no score" {
	oracle graph_prune random >whole
	"$PY" - <<-'E'
	import numpy as np
	from attribution import one
	from semot import write
	header, (nodes, link, document) = one("whole")
	a, b, c, d = np.flatnonzero(nodes["type"] == 0)[:4]
	logit, token = (np.flatnonzero(nodes["type"] == kind)[0] for kind in (3, 2))
	def put(name, pairs, group):
	    n, none = len(pairs), np.zeros(0)
	    source, target = np.array(pairs, "<u4").T
	    links = dict(source=source, target=target, weight=np.ones(n, "<f4"),
	                 weight_exact=np.ones(n))
	    label = np.full(len(nodes["type"]), -1, "<i4")
	    label[group] = 0
	    write(name, header, [nodes, links, document, {
	        "group": label, "group_name": ["g"], "group_link_source": none.astype("<u4"),
	        "group_link_target": none.astype("<u4"), "group_link_weight": none.astype("<f4"),
	        "group_link_abs": none.astype("<f4")}], checksum=False)
	# a and b hand each other all that they have
	put("round", [(a, b), (b, a), (a, logit)], [c, d])
	# the graph has no cycle; that of its units has: {a c} and b
	put("units", [(a, b), (b, c), (c, logit)], [a, c])
	E
	graph-score round 2>notes >scores
	why="influence goes round a cycle of links and does not settle: scores that need it are NaN"
	[ "$(<notes)" = "graph-score: round: $why" ]
	is replacement NaN completeness NaN replacement/units NaN completeness/units NaN
	is between NaN within NaN kept NaN kept/weights NaN
	is links 3.0 acyclic 0.0
	[ -z "$(graph-score --quiet round 2>&1 >scores)" ]
	graph-score units 2>notes >scores
	grep -q "does not settle" notes
	is acyclic 0.0 completeness 1.0
	is replacement/units NaN completeness/units NaN kept/weights NaN
}

@test "the order of groups is the best of few, and of many one that no move betters" {
	for seed in 1 2 3; do
		oracle graph_prune random --seed "$seed" --features 60 >plain
		for groups in 4 12 40; do
			oracle graph_score group plain --groups $groups --seed "$seed" >graph
			scored
		done
	done
	"$PY" -c "assert $(score dag_loss) > 0"
}

@test "held-out members are found as often as over all draws, for people's groups as well" {
	for f in $(graphs); do
		[[ $f != *llama* && $f != *dollar* ]] || continue
		graph2frame --quiet "$f" >plain
		edgeprofile plain >dist
		supernode --quiet --graph plain dist >graph
		edgeprofile --position 0 plain >other
		scored --distances other
		cp plain graph
		scored --distances other
	done
	oracle attribution make >g.json
	oracle attribution distances g.json --forbid 300 --skip 5 >dist
	graph2frame g.json >plain
	for groups in 20 60; do
		oracle graph_score group plain --groups $groups >graph
		graph-score --quiet --distances dist graph >scores
		"$PY" - <<-'E'
		from attribution import one
		from graph_score import expected
		wanted, (frame,) = dict(expected("graph", "dist")), one("scores")[1]
		found = dict(zip(frame["score"], frame["value"]))
		for name in "odd_one_out", "odd_one_out/chance", "odd_one_out/members":
		    assert abs(found[name] - wanted[name]) < 1e-9, name
		E
	done
}

@test "equal distances find a member one time in ten" {
	oracle attribution make >g.json
	oracle attribution distances g.json >dist
	frame2npz dist >dist.npz
	"$PY" -c 'import numpy as np
d = dict(np.load("dist.npz", allow_pickle=False))
d["dist"][:] = 1
np.savez("same.npz", **d)'
	npz2frame same.npz >same
	graph2frame g.json >plain
	oracle graph_score group plain >graph
	graph-score --distances same graph >scores
	for chance in odd_one_out odd_one_out/chance; do
		"$PY" -c "assert abs($(score $chance) - .1) < 1e-9"
	done
}

@test "signs of links and of all ways are those of measured effects, by plain Python" {
	graph2frame "$SAMPLE/graphs/add-three-four.json" >plain
	edgeprofile plain | supernode --quiet --graph plain - >graph
	"$PY" - >effects <<-'E'
	import numpy as np
	from attribution import one
	nodes, _, _, found = one("graph")[1]
	rng = np.random.default_rng(0)
	names = list(found["group_name"]) + list(nodes["node_id"])
	print("source\ttarget\teffect")
	for a, b in rng.integers(len(names), size=(400, 2)):
	    print(names[a], names[b], rng.integers(-2, 3) / 2, sep="\t")
	print(names[0], "gone", 1, sep="\t")
	E
	scored --effects effects
	is signs/missing 1.0
	cp plain graph
	scored --effects effects
}

@test "effects by the weights themselves have all signs right" {
	graph2frame "$SAMPLE/graphs/add-three-four.json" >graph
	"$PY" - >effects <<-'E'
	from attribution import one
	nodes, link = one("graph")[1][:2]
	for s, t, w in zip(link["source"], link["target"], link["weight_exact"]):
	    print(nodes["node_id"][s], nodes["node_id"][t], w, sep="\t")
	E
	graph-score --effects effects graph >scores
	is signs 1.0 signs/missing 0.0
	{ printf '\357\273\277'; sed 's/$/\r/' effects; } >windows
	cmp <(graph-score --effects windows graph | frame2tsv) <(frame2tsv scores)
}

@test "what is wrong with effects is told with its line" {
	graph2frame "$SAMPLE/graphs/add-three-four.json" >graph
	printf 'a\tb\teffect\na\tb\t1\n' >effects
	graph-score --effects effects graph 2>&1 >scores |
		grep -qx "graph-score: graph: no line of effects has two names of the graph"
	printf 'a\tb\t1\na\tb\tnan\n' >effects
	fails 1 graph-score --effects effects graph
	[ "$line" = "graph-score: effects: line 2: 'nan' is no effect" ]
	printf 'a\tb\n' >effects
	fails 1 graph-score --effects effects graph
	[ "$line" = "graph-score: effects: line 1: fewer cells than columns" ]
	for bad in 1e400 inf nan '1 ' 1,5; do	# on the first line, too: these name no column
		printf 'a\tb\t%s\n' "$bad" >effects
		fails 1 graph-score --effects effects graph
		[ "$line" = "graph-score: effects: line 1: '$bad' is no effect" ]
	done
	printf 'a\tb\t1\rc\td\t1\r' >effects
	fails 1 graph-score --effects effects graph
	[[ $line == *": line 1: a carriage return within it: lines end with a newline" ]]
	fails 2 graph-score --effects - --distances - graph
	fails 2 graph-score --effects -
	fails 1 graph-score --effects gone graph
}
