# contract: graph graph2html
# fuzz: graph graph2html --contexts {contexts}
load helper

# grouped FILE OPTION...: the graph in ./stream, with groups by random distances
grouped() {
	graph2frame "$1" >plain
	oracle attribution distances "$1" | supernode --graph plain --quiet "${@:2}" >stream
}

# carried FILE: what a page carries of its only graph, as ./carried.json
carried() {
	sed -n '/id="graphs">$/,/^<.script>$/p' "$1" | sed '1d;$d' >carried.json
}

@test "a page carries the units of the stream and the sums of their links" {
	for f in $(graphs); do
		grouped "$f"
		graph2html stream >html
		carried html
		"$PY" - "$f" <<-'E'
		import json, sys
		import numpy as np
		from attribution import load, one, units
		from graph_prune import logit_weights
		(page,), (nodes, link, _, found) = load("carried.json"), one("stream")[1]
		assert np.allclose(page["output"], logit_weights(nodes), rtol=1e-5)
		assert page["unit"] == [int(unit) for unit in units(found)]
		assert page["group_name"] == found["group_name"]
		for name in "node_id", "layer", "clerp":
		    assert page[name] == nodes[name], name
		given = [node.get("token_prob") for node in load(sys.argv[1])["nodes"]]
		nodes["token_prob"] = np.array(given, float)
		for name in "ctx_idx", "type", "influence", "activation", "token_prob":
		    carried = np.array(page[name], float)
		    assert np.allclose(carried, nodes[name], rtol=1e-5, equal_nan=True), name
		for name in "source", "target":
		    assert page[name] == found["group_link_" + name].tolist()
		assert np.allclose(page["weight"], found["group_link_weight"], rtol=1e-5)
		assert page["links"] == len(link["source"])
		E
	done
}

@test "a graph that was not grouped has its file's supernodes, each node in the first of them" {
	oracle attribution make | "$PY" -c '
import json, sys
graph = json.load(sys.stdin)
ids = [node["node_id"] for node in graph["nodes"]]
js = [node["jsNodeId"] for node in graph["nodes"]]
graph["qParams"]["supernodes"] = [["gone", "nowhere"], ["a", ids[0], ids[1]],
                                  ["a", ids[1], js[5], "gone"], ["none"]]
json.dump(graph, sys.stdout)' >g.json
	graph2frame g.json | graph2html >html 2>notes
	[ "$(<notes)" = "graph2html: stdin: 2 members of supernodes are not nodes of the graph" ]
	carried html
	"$PY" - <<-'E'
	from attribution import load
	(page,), graph = load("carried.json"), load("g.json")
	assert page["group_name"] == ["a", "a"], page["group_name"]
	assert page["unit"][:2] == [0, 0]
	js = [node["jsNodeId"] for node in graph["nodes"]]
	assert [i for i, unit in enumerate(page["unit"]) if unit == 1] == [
	    i for i, name in enumerate(js) if name == js[5] and i > 1]
	E
}

@test "a page needs nothing but itself, and no label can end its script" {
	oracle attribution make | sed 's|"label 3"|"</script><!--"|' >g.json
	grouped g.json
	graph2html stream >html
	[ "$(grep -o '</script>' html | wc -l)" -eq 2 ]
	grep -q 'u003c/script>.u003c!--' html
	refute grep -nE '(src|href) *=|url\(|@import|innerHTML|fetch\(|XMLHttpRequest' html
	# addresses are those of links, which only a click opens
	refute grep -E 'https?:' <(grep -v -e www.w3.org/2000/svg -e '^const SITE = ' \
		-e '^	const prefix = ' html)
}

@test "a page of a large graph with many names is made at once" {
	"$PY" - <<-'E' >large.json
	import json
	nodes = [dict(node_id=f"n{i}", jsNodeId=f"js{i}", layer="1", feature=i, ctx_idx=0,
	              feature_type="transcoder") for i in range(20000)]
	query = dict(supernodes=[["none"] + 30000 * ["x"], ["a", "js3", "n1"], ["b", "n3", "n2"]],
	             pinnedIds=30000 * ["y"] + ["js4", "n0"])
	metadata = dict(slug="", scan="")
	print(json.dumps(dict(metadata=metadata, qParams=query, nodes=nodes, links=[])))
	E
	graph2frame large.json | timeout 300 graph2html >html
	carried html
	"$PY" -c 'import json
(page,) = json.load(open("carried.json"))
assert page["group_name"] == ["a", "b"] and page["pinned"] == [0, 4]
assert page["unit"][:5] == [2, 0, 1, 0, 3], page["unit"][:5]'
}

# broken CHANGE: graph2html has to refuse ./stream after damage() of oracle/attribution.py
broken() {
	oracle attribution damage stream "$1" >broken
	fails 1 graph2html broken
	[ ! -s stdout ]
}

@test "a page is refused as the JSON is" {
	oracle attribution make >g.json
	grouped g.json
	broken 'n["clerp"][3] = "\udcff"'
	[ "$line" = "graph2html: broken: clerp 3 is not UTF-8" ]
	broken 'n["layer"][3] = "\udcff"' && [[ $line == *"layer 3 is not UTF-8" ]]
	broken 'n["node_json"][3] = "{"' && [[ $line == *"node 3: byte"* ]]
	broken 'd["json"] = "{}"' && [[ $line == *"no nodes"* ]]
}


@test "a stream without a graph is a page that ends" {
	stream graph --empty | graph2html | tail -n 1 | grep -q "</html>"
}

# listed SUPERNODES: ./g.json and ./graph, whose document has these; id[i], js[i]: names of node i
listed() {
	oracle attribution make | "$PY" -c '
import json, sys
d = json.load(sys.stdin)
id, js, kind = ([node[key] for node in d["nodes"]]
                for key in ("node_id", "jsNodeId", "feature_type"))
error = next(i for i, k in enumerate(kind) if "error" in k)
d["qParams"]["supernodes"] = eval(sys.argv[1])
json.dump(d, open("g.json", "w"))' "$1"
	graph2frame g.json >graph
}

# grouping: names and node numbers of the groups that the page and supernode --keep take from
# ./graph, which are the same; the scores, in ./scores, are those of these groups
grouping() {
	graph2html --quiet graph >html
	carried html
	edgeprofile graph | supernode --quiet --graph graph --keep --linkage complete --at 0 >kept
	graph-score graph >scores
	oracle graph_score check graph scores
	"$PY" - <<-'E'
	import json
	from attribution import one
	def sets(units, groups):
	    return [[i for i, unit in enumerate(units) if unit == g] for g in range(groups)]
	(page,), (*_, kept) = json.load(open("carried.json")), one("kept")[1]
	assert page["group_name"] == kept["group_name"]
	groups = len(page["group_name"])
	by_page, by_keep = sets(page["unit"], groups), sets(kept["group"].tolist(), groups)
	assert by_page == by_keep, (by_page, by_keep)
	print(json.dumps([page["group_name"], by_page]))
	E
}

@test "a list of supernodes is the same to the page, to supernode --keep and to graph-score" {
	listed '[["ids", id[0], id[1], "gone"], ["both", js[4], id[5], js[6]],
		["again", id[5], id[9]]]'
	[ "$(grouping)" = '[["ids", "both", "again"], [[0, 1], [4, 5, 6], [9]]]' ]
	[ "$(frame2tsv scores | awk '$1 == "missing" { print $2 }')" = 1.0 ]
	# an error is a member like others
	listed '[["with an error", id[0], id[error], id[error + 1]], ["error", id[error + 2]]]'
	[ "$(grouping)" = '[["with an error", "error"], [[0, 60, 61], [62]]]' ]
}

@test "what is no list of supernodes is refused by all of them for the same reason" {
	for case in '["x"]:supernode 0 is no list that begins with its name' \
			'[["x", "A"], []]:supernode 1 is no list that begins with its name' \
			'[["x", 7]]:supernode 0: item 1 is no string' \
			'[[7, "x"]]:supernode 0: item 0 is no string'; do
		listed "${case%%:*}"
		edgeprofile graph >dist
		for command in graph2html graph-score "supernode --graph graph --keep --at 0"; do
			[[ $command == supernode* ]] && file=dist || file=graph
			fails 1 $command $file
			[ "$line" = "${command%% *}: graph: ${case#*:}" ]
		done
	done
}
