# contract: graph graph-prune
load helper

# prunes NODES LINKS: ./graph becomes what the plain version makes of it
prunes() {
	graph-prune --quiet --nodes "$1" --links "$2" graph >pruned
	oracle graph_prune check graph pruned "$1" "$2"
}

@test "every graph is pruned as circuit-tracer's rule has it" {
	for f in $(graphs); do
		graph2frame "$f" >graph
		echo "$f"
		prunes .8 .98
		prunes .4 .6
	done
}

@test "so are random graphs, with ties, cycles and nodes of other types, at any threshold" {
	for seed in $(seq 12); do
		oracle graph_prune random --seed "$seed" --dyadic --features 60 >graph
		for part in 0 .25 .5 .75 1; do
			prunes $part .9
			prunes .9 $part
		done
		oracle graph_prune random --seed "$seed" --other >graph
		prunes .8 .98
		prunes 1 1
		oracle graph_prune random --seed "$seed" --cyclic >graph
		prunes .7 .9
		prunes 1 .95
	done
}

@test "--most keeps so many features and errors, those of most influence" {
	for f in $(graphs); do
		graph2frame "$f" >graph
		for most in 1 30 100 5000; do
			graph-prune --quiet --most $most --links .9 graph >pruned
			oracle graph_prune check graph pruned 1 .9 $most
		done
	done
	fails 2 graph-prune --most 3 --nodes .5 graph
	[ "$line" = "graph-prune: --nodes and --most exclude each other (see graph-prune --help)" ]
	fails 2 graph-prune --most 0 graph
}

@test "nodes and links without influence are pruned once; notes and header count them" {
	graph2frame "$SAMPLE/graphs/add-three-four.json" >graph
	graph-prune --nodes 1 --links 1 graph >once 2>notes
	[[ $(<notes) == "graph-prune: graph: "*" nodes and "*" links are kept" ]]
	graph-prune --nodes 1 --links 1 once 2>notes | framecat --header |
		grep -q '"pruned_nodes":0,"pruned_links":0'
}

@test "every field of nodes, links and document goes to JSON as it was" {
	oracle attribution make >g.json
	graph2frame g.json | graph-prune --quiet --nodes .9 | frame2graph >small.json
	"$PY" - <<-'E'
	import json
	old, new = json.load(open("g.json")), json.load(open("small.json"))
	assert 0 < len(new["nodes"]) < len(old["nodes"])
	assert 0 < len(new["links"]) < len(old["links"])
	for kind in "nodes", "links":
	    assert new[kind] == [x for x in old[kind] if x in new[kind]]
	    old.pop(kind), new.pop(kind)
	assert old == new and new["qParams"]["pinnedIds"][-1] == "gone"
	E
	[ -n "$DATA" ] || return 0
	for f in "$DATA"/graphs/{haiku/bomb-a,gemma/dollar,llama/puppy-clt-llama}.json; do
		graph2frame "$f" | graph-prune --quiet | frame2graph >"$(basename "$f")"
	done
	oracle attribution schema "$DATA/graphs/graph-schema.json" \
		{bomb-a,dollar,puppy-clt-llama}.json
}

@test "groups lose dropped nodes, and their links are those of a graph grouped after pruning" {
	graph2frame "$SAMPLE/graphs/twohop-kuviville.json" >plain
	oracle attribution distances "$SAMPLE/graphs/twohop-kuviville.json" |
		supernode --graph plain --quiet --to 30% >grouped
	graph-prune --quiet --nodes .6 grouped >small
	"$PY" - <<-'E'
	from attribution import links, one
	before, after = one("grouped")[1], one("small")[1]
	def name(frames):
	    names = frames[3]["group_name"]
	    return dict(zip(frames[0]["node_id"], (g < 0 or names[g] for g in frames[3]["group"])))
	old, new = name(before), name(after)
	assert all(old[node] == group for node, group in new.items()) and len(new) < len(old)
	assert 0 < len(after[3]["group_name"]) < len(before[3]["group_name"])
	assert sorted(set(after[3]["group"]) - {-1}) == list(range(len(after[3]["group_name"])))
	links(after[1], after[3])
	E
}

@test "the order of nodes and links makes no difference" {
	for shuffle in "" --shuffle; do
		oracle attribution make $shuffle | graph2frame |
			graph-prune --quiet --nodes .5 | frame2json |
			grep -o '"node_id":\[[^]]*' | tr ',' '\n' | sort >"nodes$shuffle"
	done
	[ -s nodes ]
	cmp nodes nodes--shuffle
}

@test "a graph without logits stays as it is, and a note says so" {
	oracle attribution make | "$PY" -c 'import json, sys
d = json.load(sys.stdin)
gone = {n["node_id"] for n in d["nodes"] if n["feature_type"] == "logit"}
d["nodes"] = [n for n in d["nodes"] if n["node_id"] not in gone]
d["links"] = [l for l in d["links"] if l["target"] not in gone]
json.dump(d, sys.stdout)' >g.json
	graph2frame g.json >g
	graph-prune g 2>notes >pruned
	grep -qx "graph-prune: g: no logits to have influence on: nothing is dropped" notes
	cmp <(frame2graph g) <(frame2graph pruned)
	framecat --header pruned | grep -q '"pruned_nodes":0,"pruned_links":0'
}

@test "links from a node to itself count for nothing" {
	oracle attribution make >g.json
	"$PY" -c 'import json
d = json.load(open("g.json"))
ids = [n["node_id"] for n in d["nodes"][1::3]]
d["links"][:0] = [dict(source=i, target=i, weight=-9) for i in ids]
d["links"].append(d["links"][0])
json.dump(d, open("self.json", "w"))'
	graph2frame g.json >g
	graph2frame self.json >self
	for p in .4 .8 1; do
		graph-prune --quiet --nodes $p --links $p g | frame2graph >plain
		graph-prune --quiet --nodes $p --links $p self | frame2graph | cmp plain -
	done
	for f in g self; do
		graph-score $f | frame2tsv | grep -v '^links' >$f.scores
		edgeprofile $f | frame2tsv --columns dist >$f.dist
	done
	cmp g.scores self.scores
	cmp g.dist self.dist
}

@test "influence that goes round a cycle for good is noted" {
	oracle graph_prune random >graph
	"$PY" - <<-'E'
	import numpy as np
	from attribution import one
	from semot import write
	header, (nodes, link, document) = one("graph")
	a, b = np.flatnonzero(nodes["type"] == 0)[:2]
	logit = np.flatnonzero(nodes["type"] == 3)[0]
	link.update(source=np.array([a, b, a], "<u4"), target=np.array([b, a, logit], "<u4"),
	            weight=np.ones(3, "<f4"), weight_exact=np.ones(3),
	            mine=np.arange(3, dtype="<u4"))
	write("round", header, [nodes, link, document], checksum=False)
	E
	graph-prune round 2>notes >out
	why="influence goes round a cycle of links and does not settle"
	[ "$(grep -c "^graph-prune: round: $why" notes)" -eq 1 ]
	framecat --check out
}

@test "a long way that leads nowhere is left at once" {
	"$PY" - <<-'E' >long.json
	import json
	nodes = [dict(node_id=f"1_{i}_0", layer="1", feature=i, ctx_idx=0,
	              feature_type="transcoder") for i in range(30000)]
	nodes[-1]["feature_type"] = "logit"
	links = [dict(source=f"1_{i}_0", target=f"1_{i + 1}_0", weight=1) for i in range(29999)]
	metadata = dict(slug="", scan="")
	print(json.dumps(dict(metadata=metadata, qParams={}, nodes=nodes, links=links)))
	E
	graph2frame long.json >graph
	timeout 300 graph-prune graph 2>notes >pruned
	grep -q " 1 of 30000 nodes and 0 of 29999 links are kept" notes
}

@test "parts beyond 0 and 1 are refused" {
	fails 2 graph-prune --nodes 1.5 </dev/null
	fails 2 graph-prune --links -1 </dev/null
}

@test "a graph without links loses its features, and one without nodes stays empty" {
	oracle attribution make >whole.json
	"$PY" -c 'import json
d = json.load(open("whole.json"))
json.dump(dict(d, links=[]), open("unlinked.json", "w"))
json.dump(dict(d, links=[], nodes=[]), open("empty.json", "w"))'
	graph2frame unlinked.json | graph-prune --quiet | frame2graph >small.json
	"$PY" -c 'import json
nodes = json.load(open("small.json"))["nodes"]
assert [node["feature_type"] for node in nodes] == ["embedding"] * 3 + ["logit"]'
	graph2frame empty.json | graph-prune --quiet | frame2graph >back.json
	oracle attribution same empty.json back.json
}
