# contract: graph frame2graph
load helper

graphs() {
	ls "$SAMPLE"/graphs/*.json
	[ -z "$DATA" ] || ls "$DATA"/graphs/{haiku,gemma,clt,llama}/*.json | grep -v human_supernodes
}

# grouped FILE OPTION...: the graph in ./stream, with groups by random distances
grouped() {
	graph2frame "$1" >plain
	oracle attribution distances "$1" | supernode --graph plain --quiet "${@:2}" >stream
}

@test "groups become supernodes and pins, and nothing else changes, for every graph" {
	for f in $(graphs); do
		grouped "$f"
		frame2graph --quiet stream >json
		oracle attribution supernodes json stream "$f"
	done
}

@test "a collapsed graph has one node per group and the sums of links, for every graph" {
	for f in $(graphs); do
		grouped "$f" --to 20%
		frame2graph --quiet --collapse stream >json
		oracle attribution collapsed json stream "$f"
	done
}

@test "every form of every graph passes Neuronpedia's schema" {
	[ -n "$DATA" ] || skip "no real data"
	for f in $(graphs); do
		name=$(basename "$f")
		grouped "$f"
		graph2frame "$f" | frame2graph >"plain-$name"
		frame2graph --quiet stream >"grouped-$name"
		frame2graph --quiet --collapse stream >"small-$name"
	done
	oracle attribution schema "$DATA/graphs/graph-schema.json" ./*.json
}

@test "a collapsed graph goes in again and comes back as it is" {
	grouped "$SAMPLE/graphs/add-three-four.json"
	frame2graph --collapse stream >small.json
	graph2frame small.json | frame2graph >back.json
	oracle attribution same small.json back.json
}

@test "members are called what the file's pins are called" {
	[ -n "$DATA" ] || skip "no real data"
	grouped "$DATA/graphs/haiku/bomb-a.json" --groups 30
	frame2graph --quiet stream | grep -q '"supernodes": *\[\[[^]]*_-0"'
	grouped "$DATA/graphs/gemma/gemma-small-big-en.json" --groups 200
	frame2graph --quiet stream | grep -q '"supernodes": *\[\["[^"]*", "[0-9]*_[0-9]*_[0-9]*"'
}

@test "a pin that an error and a feature bear is the feature" {
	oracle attribution make >g.json
	"$PY" - <<-'E'
	import json
	d = json.load(open("g.json"))
	a, b = d["nodes"][:2]
	d["nodes"].sort(key=lambda node: node["feature_type"] != "mlp reconstruction error")
	assert d["nodes"][0]["node_id"] == "0_2_0"
	old, b["node_id"], b["layer"], b["influence"], a["influence"] = b["node_id"], "0_2_0", "0", .9, .1
	for link in d["links"]:
	    link.update({k: "0_2_0" for k in ("source", "target") if link[k] == old})
	d["qParams"].update(pinnedIds=["0_2_0"], clickedId=a["node_id"])
	json.dump(d, open("twins.json", "w"))
	E
	graph2frame --quiet twins.json >plain
	"$PY" - <<-'E'
	import numpy as np
	from attribution import FEATURE, one
	from semot import write
	header, frames = one("plain")
	group = np.full(len(frames[0]["type"]), -1, "<i4")
	group[np.flatnonzero(frames[0]["type"] == FEATURE)[:2]] = 0
	none = np.zeros(0)
	write("stream", header, frames + [{
	    "group": group, "group_name": ["both"], "group_link_source": none.astype("<u4"),
	    "group_link_target": none.astype("<u4"), "group_link_weight": none.astype("<f4"),
	    "group_link_abs": none.astype("<f4")}], checksum=False)
	E
	frame2graph --collapse stream >json
	"$PY" -c 'import json; q = json.load(open("json"))["qParams"]; assert q["pinnedIds"] == [q["clickedId"]], q'
}

@test "at most 200 nodes are pinned, and a note says how many are not" {
	oracle attribution make --features 400 >g.json
	grouped g.json --across-positions
	frame2graph stream >json 2>notes
	oracle attribution supernodes json stream g.json
	grep -q "^frame2graph: stream: [0-9]* nodes are not pinned: 200 pins are the most" notes
}

@test "a note is said once and --quiet leaves it out" {
	oracle attribution make --features 400 >g.json
	grouped g.json --across-positions
	[ "$(frame2graph stream 2>&1 >json | wc -l)" -eq 1 ]
	[ -z "$(frame2graph --quiet stream 2>&1 >json)" ]
}

@test "an id that many nodes would bear gets another number for each, when collapsed" {
	oracle attribution make | "$PY" -c '
import json, sys
d = json.load(sys.stdin)
last = d["nodes"][-1]["node_id"]
d["nodes"][1:1] = [dict(d["nodes"][-1], node_id=name) for name in [last + "_3"] + [last] * 20000 + [last + "_2", last]]
sys.stdout.write(json.dumps(d))' >g.json
	grouped g.json
	timeout 60 frame2graph --collapse --quiet stream >json
	"$PY" - <<-'E'
	from attribution import load, one
	before, after = ([node["node_id"] for node in load(name)["nodes"]] for name in ("g.json", "json"))
	last = before[-1]
	found = [name for name in after if name.startswith(last)]
	assert len(set(found)) == len(found) == 20004 and set(found) >= {last, last + "_2", last + "_3", last + "_2_2"}
	assert found[:4] == [last + "_3", last, last + "_2", last + "_4"]
	E
}

@test "pins keep their characters" {
	oracle attribution make | sed 's/"gone"/"g\\u00f6ne \\ud83d\\ude00\\n"/' >g.json
	grouped g.json
	frame2graph --quiet stream >json
	oracle attribution supernodes json stream g.json
	"$PY" -c 'import json; assert "g\u00f6ne \U0001f600\n" in json.load(open("json"))["qParams"]["pinnedIds"]'
}

@test "several graphs are written one after another" {
	for f in "$SAMPLE"/graphs/*.json; do graph2frame "$f"; done | frame2graph |
		"$PY" -c '
import json, sys
text, at = sys.stdin.read(), 0
for path in sys.argv[1:]:
    graph, at = json.JSONDecoder().raw_decode(text, at)
    at += 1
    assert graph == json.load(open(path))
' "$SAMPLE"/graphs/*.json
}

@test "a graph without groups cannot be collapsed" {
	graph2frame "$SAMPLE/graphs/add-three-four.json" >stream
	fails 1 frame2graph --collapse stream
	[[ $line == *supernode* ]]
}

@test "an empty stream gives nothing" {
	[ -z "$(stream graph --empty | frame2graph)" ]
}

# broken EXPRESSION: a stream after a change to its frames n (nodes), l (links), d (document), g (groups)
broken() {
	"$PY" - "$1" <<-'E'
	import sys
	import numpy as np
	from semot import read, write
	[(header, frames)] = read("stream")
	n, l, d, g = frames
	exec(sys.argv[1])
	write("broken", header, frames)
	E
	fails 1 frame2graph $form broken
	[ ! -s stdout ]
}

# carried FILE: what a page carries of its only graph, as ./carried.json
carried() {
	sed -n '/id="graphs">$/,/^<.script>$/p' "$1" | sed '1d;$d' >carried.json
}

@test "a page carries the units of the stream and the sums of their links" {
	for f in $(graphs); do
		grouped "$f"
		frame2graph --html stream >html
		carried html
		"$PY" - "$f" <<-'E'
		import json, sys
		import numpy as np
		from attribution import load, one, units
		(page,), (nodes, link, _, found) = load("carried.json"), one("stream")[1]
		assert page["unit"] == [int(unit) for unit in units(found)] and page["group_name"] == found["group_name"]
		for name in "node_id", "layer", "clerp":
		    assert page[name] == nodes[name], name
		nodes["token_prob"] = np.array([node.get("token_prob") for node in load(sys.argv[1])["nodes"]], float)
		for name in "ctx_idx", "type", "influence", "activation", "token_prob":
		    assert np.allclose(np.array(page[name], float), nodes[name], rtol=1e-5, equal_nan=True), name
		for name in "source", "target":
		    assert page[name] == found["group_link_" + name].tolist()
		assert np.allclose(page["weight"], found["group_link_weight"], rtol=1e-5)
		assert page["links"] == len(link["source"])
		E
	done
}

@test "a graph that was not grouped has the file's supernodes in its page, each node in the first that lists it" {
	oracle attribution make | "$PY" -c '
import json, sys
graph = json.load(sys.stdin)
ids = [node["node_id"] for node in graph["nodes"]]
js = [node["jsNodeId"] for node in graph["nodes"]]
graph["qParams"]["supernodes"] = [["gone", "nowhere"], ["a", ids[0], ids[1]], ["a", ids[1], js[5], "gone"], [], ["none"]]
json.dump(graph, sys.stdout)' >g.json
	graph2frame g.json | frame2graph --html >html
	carried html
	"$PY" - <<-'E'
	from attribution import load
	(page,), graph = load("carried.json"), load("g.json")
	assert page["group_name"] == ["a", "a"], page["group_name"]
	assert page["unit"][:2] == [0, 0]
	assert [i for i, unit in enumerate(page["unit"]) if unit == 1] == [i for i, node in enumerate(graph["nodes"])
	        if node["jsNodeId"] == graph["nodes"][5]["jsNodeId"] and i > 1]
	E
}

@test "a page needs nothing but itself, and no label can end its script" {
	oracle attribution make | sed 's|"label 3"|"</script><!--"|' >g.json
	grouped g.json
	frame2graph --html stream >html
	[ "$(grep -o '</script>' html | wc -l)" -eq 2 ]
	grep -q 'u003c/script>.u003c!--' html
	refute grep -nE '(src|href) *=|url\(|@import|innerHTML|fetch\(|XMLHttpRequest' html
	refute grep -E 'https?:' <(grep -v www.w3.org/2000/svg html)
}

@test "--collapse and --html exclude each other" {
	fails 2 frame2graph --collapse --html /dev/null
}

@test "a page of a large graph with many names is made at once" {
	"$PY" - <<-'E' >large.json
	import json
	nodes = [dict(node_id=f"n{i}", jsNodeId=f"js{i}", layer="1", feature=i, ctx_idx=0, feature_type="transcoder") for i in range(20000)]
	query = dict(supernodes=["n5", ["none"] + 30000 * ["x"], ["a", "js3", "n1", 7], ["b", "n3", "n2"]], pinnedIds=30000 * ["y"] + ["js4", "n0"])
	print(json.dumps(dict(metadata=dict(slug="", scan=""), qParams=query, nodes=nodes, links=[])))
	E
	graph2frame large.json | timeout 20 frame2graph --html >html
	carried html
	"$PY" -c 'import json
(page,) = json.load(open("carried.json"))
assert page["group_name"] == ["a", "b"] and page["pinned"] == [0, 4]
assert page["unit"][:5] == [2, 0, 1, 0, 3], page["unit"][:5]'
}

@test "a page is refused as the JSON is" {
	oracle attribution make >g.json
	grouped g.json
	form=--html
	broken 'n["clerp"][3] = "\udcff"' && [[ $line == "frame2graph: broken: clerp 3 is not UTF-8" ]]
	broken 'n["layer"][3] = "\udcff"' && [[ $line == *"layer 3 is not UTF-8" ]]
	broken 'n["node_json"][3] = "{"' && [[ $line == *"node 3: byte"* ]]
	broken 'd["json"] = "{}"' && [[ $line == *"no nodes"* ]]
}

@test "a stream that contradicts itself is refused before anything is written" {
	oracle attribution make >g.json
	grouped g.json
	broken 'l["source"][5] = 1000' && [[ $line == *"broken: frame 2: link 5 joins nodes 1000 and"* ]]
	broken 'l["weight"][5] = np.nan' && [[ $line == *"link 5: the weight is no number"* ]]
	broken 'l["weight_exact"][5] = np.inf' && [[ $line == *"link 5"* ]]
	broken 'l["weight_exact"][5] = 1e308' && [[ $line == *"link 5: the weight is no number of f4" ]]
	broken 'n["type"][3] = 9' && [[ $line == *"node 3 is of type 9"* ]]
	broken 'n["clerp"].pop()' && [[ $line == *clerp* ]]
	broken 'n["node_json"][3] = "{"' && [[ $line == *"node 3: byte"* ]]
	broken 'n["node_id"][3] = "\udcff"' && [[ $line == *"UTF-8"* ]]
	broken 'd["json"] = d["json"][:-1]' && [[ $line == *"byte"* ]]
	broken 'd["json"] = "{}"' && [[ $line == *"no nodes"* ]]
	broken 'd["json"] = d["json"].replace("slug", "snail")' && [[ $line == *metadata* ]]
	broken 'd["json"] = d["json"].replace("links", "lines")' && [[ $line == *"no links"* ]]
	broken 'n["node_json"][3] = "{} {}"' && [[ $line == *"node 3: byte 3: more text"* ]]
	broken 'n["node_json"][3] = "[]"' && [[ $line == *"node 3: byte 0: an object expected" ]]
	broken 'n["node_json"][3] = """{"clerp": 1, "clerp": 2}"""' && [[ $line == *"node 3: duplicate key clerp" ]]
	broken 'l["link_json"] = [""] * 7 + ["[]"] * (len(l["source"]) - 7)' && [[ $line == *"link 7: byte 0"* ]]
	broken 'g["group"][3] = 1000' && [[ $line == *"node 3 is in group 1000"* ]]
	broken 'g["group_name"].append("x")' && [[ $line == *"is empty"* ]]
	broken 'g["group_link_source"][0] = 1000' && [[ $line == *"group link 0"* ]]
	broken 'g["group_link_influence"] = g["group_link_influence"][:1]; frames.append({k: v for k, v in g.items() if k != "group_link_influence"})' &&
		[[ $line == *"group_link_influence"* ]]
	broken 'frames.append({k: v for k, v in g.items() if k != "group_link_influence"})' && [[ $line == *"a second frame of groups" ]]
	broken 'del frames[1:]' && [[ $line == *"ends before its frame of links"* ]]
	broken 'header["kind"] = "distances"' && [[ $line == *"a stream of distances"* ]]
}
