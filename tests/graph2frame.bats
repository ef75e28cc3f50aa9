# contract: none graph2frame {sample}/graphs/add-three-four.json
load helper
export PYTHONPATH=$ROOT/tests/oracle

graphs() {
	ls "$SAMPLE"/graphs/*.json
	[ -z "$DATA" ] || ls "$DATA"/graphs/{haiku,gemma,clt,llama}/*.json | grep -v human_supernodes
}

# change EXPRESSION: a small graph as JSON after a change to its document d
change() {
	oracle attribution make >whole.json
	"$PY" -c 'import json, sys; d = json.load(open("whole.json")); exec(sys.argv[1]); json.dump(d, sys.stdout)' "$1"
}

# refuses WORDS EXPRESSION: after this change, graph2frame says these words and nothing else
refuses() {
	change "$2" >changed.json
	fails 1 graph2frame changed.json
	[[ $line == "graph2frame: changed.json: $1"* ]] || { echo "$line"; return 1; }
}

@test "every graph comes back as it was, by file and by pipe" {
	for f in $(graphs); do
		graph2frame "$f" | frame2graph >back.json
		oracle attribution same "$f" back.json
	done
	graph2frame <"$f" | frame2graph | cmp - back.json
}

@test "what came back once comes back byte for byte" {
	for f in $(graphs); do
		graph2frame "$f" | frame2graph >once.json
		graph2frame once.json | frame2graph | cmp - once.json
	done
}

@test "the arrays hold what the nodes and links say" {
	graph2frame "$SAMPLE/graphs/add-three-four.json" >stream
	"$PY" - "$SAMPLE/graphs/add-three-four.json" <<-'E'
	import sys
	import json, numpy as np
	from attribution import KINDS, load, one
	header, (nodes, links, document) = one("stream")
	graph = load(sys.argv[1])
	assert (header["kind"], header["slug"], header["scan"]) == ("graph", "add-three-four", "storyworld-A")
	number = {node["node_id"]: i for i, node in enumerate(graph["nodes"])}
	for i, node in enumerate(graph["nodes"]):
	    assert json.loads(nodes["node_json"][i]) == node
	    assert (nodes["node_id"][i], nodes["js_node_id"][i]) == (node["node_id"], node["jsNodeId"])
	    assert (nodes["layer"][i], nodes["ctx_idx"][i]) == (node["layer"], node["ctx_idx"])
	    assert KINDS[nodes["type"][i]] == node["feature_type"] and nodes["clerp"][i] == node["clerp"]
	    for key in "influence", "activation":
	        np.testing.assert_equal(nodes[key][i], np.float32(np.nan if node[key] is None else node[key]))
	for name in "source", "target":
	    assert links[name].tolist() == [number[link[name]] for link in graph["links"]]
	assert links["weight_exact"].tolist() == [link["weight"] for link in graph["links"]]
	assert (links["weight"] == links["weight_exact"].astype("f4")).all()
	assert list(json.loads(document["json"])) == list(graph)
	E
}

@test "a feature's index is the same in every dialect" {
	[ -n "$DATA" ] || skip "no real data"
	for f in $(graphs); do
		graph2frame "$f" >stream
		"$PY" - "$f" <<-'E'
		import sys
		from attribution import FEATURE, load, one
		nodes = one("stream")[1][0]
		for i, node in enumerate(load(sys.argv[1])["nodes"]):
		    index, layer, feature = int(nodes["feature"][i]), int(node["layer"].replace("E", "0")), node["feature"]
		    cantor = (layer + index) * (layer + index + 1) // 2 + index
		    if nodes["type"][i] == FEATURE:
		        assert feature in (index, cantor, 100000 * layer + index), (node, index)
		E
	done
}

@test "an error whose node_id is that of a feature keeps its own links" {
	[ -n "$DATA" ] || skip "no real data"
	graph2frame "$DATA/graphs/gemma/dollar.json" >stream
	oracle attribution collision "$DATA/graphs/gemma/dollar.json" stream
}

@test "where the order of links does not tell whose they are, a note counts them" {
	change 'n = d["nodes"][0]; old = n["node_id"]; n["node_id"], n["layer"] = "0_2_1", "0"
for l in d["links"]: l.update({k: "0_2_1" for k in ("source", "target") if l[k] == old})' >twins.json
	graph2frame twins.json 2>notes | frame2graph >back.json
	oracle attribution same twins.json back.json
	[[ $(<notes) == "graph2frame: twins.json: "*" links come from a node_id that several nodes bear"* ]]
}

@test "unknown fields, odd numbers and odd orders come back as they were" {
	change 'd["more"] = [1e300, 2**70, "\u00e9\u2028", {"a": []}]; d = dict(reversed(d.items()))
for l in d["links"]: l["why"] = [1]
d["links"][3] = {"weight": 2, "target": d["links"][3]["target"], "source": d["links"][3]["source"]}
d["nodes"][0]["huge"] = 12345678901234567890; d["nodes"][1]["layer"] = 7; d["nodes"][1]["feature"] = None' >odd.json
	graph2frame odd.json | frame2graph >back.json
	oracle attribution same odd.json back.json
}

@test "a graph without nodes or links comes back as well" {
	change 'd["links"] = []' >a.json
	graph2frame a.json | frame2graph >back.json && oracle attribution same a.json back.json
	change 'd["nodes"] = d["links"] = []' >a.json
	graph2frame a.json | frame2graph >back.json && oracle attribution same a.json back.json
}

@test "wherever the JSON is cut, it says so" {
	oracle attribution make --features 20 >whole.json
	size=$(wc -c <whole.json)
	for ((n = 0; n < size; n += 1 + size / 97)); do
		head -c "$n" whole.json >cut.json
		fails 1 graph2frame cut.json
		[[ $line == *"cut.json: "*byte* || $line == *"cut.json: no "* ]] || { echo "$n: $line"; return 1; }
	done
}

@test "text after the graph, a NUL and a doubled key are refused" {
	oracle attribution make >whole.json
	{ cat whole.json; echo x; } >more.json
	fails 1 graph2frame more.json
	[[ $line == *"byte $(($(wc -c <whole.json) + 1))"* ]]
	{ cat whole.json; printf '\0'; } >nul.json
	fails 1 graph2frame nul.json
	sed 's/"metadata"/"qParams": {}, &/' whole.json >twice.json
	fails 1 graph2frame twice.json
	[[ $line == *duplicate* ]]
}

@test "a field that is missing or of a wrong type is named with its node or link" {
	refuses "node 17: no clerp" 'del d["nodes"][17]["clerp"]'
	refuses "node 3: ctx_idx is no whole number" 'd["nodes"][3]["ctx_idx"] = "3"'
	refuses "node 3: ctx_idx is no whole number" 'd["nodes"][3]["ctx_idx"] = 1.5'
	refuses "node 3: ctx_idx is beyond 32 bits" 'd["nodes"][3]["ctx_idx"] = 2**40'
	refuses "node 5: node_id is no string" 'd["nodes"][5]["node_id"] = 5'
	refuses "node 5: influence is no number" 'd["nodes"][5]["influence"] = "x"'
	refuses "node 2: byte" 'd["nodes"][2] = 17'
	refuses "node 2: a list where an object has to be" 'd["nodes"][2] = []'
	refuses "link 4: no weight" 'd["links"][4]["weight"] = None'
	refuses "link 4: weight is no number" 'd["links"][4]["weight"] = "1"'
	refuses "link 4: weight is 1e+300: too large" 'd["links"][4]["weight"] = 1e300'
	refuses "link 4: byte" 'd["links"][4]["weight"] = float("nan")'
	refuses "link 4: no target" 'del d["links"][4]["target"]'
	refuses "link 4: source 1_2_3_4 is no node" 'd["links"][4]["source"] = "1_2_3_4"'
	refuses "no nodes" 'del d["nodes"]'
	refuses "links is no list" 'd["links"] = {}'
	refuses "no metadata" 'd["metadata"] = []'
	refuses "no qParams" 'del d["qParams"]'
	refuses "qParams: pin 1 is no string" 'd["qParams"]["pinnedIds"][1] = 1'
}

@test "what is no JSON, and a file that is not there, are refused" {
	stream graph >stream
	fails 1 graph2frame stream
	fails 1 graph2frame missing.json
	[[ $line == *"missing.json: No such file"* ]]
	printf '' | fails 1 graph2frame
}
