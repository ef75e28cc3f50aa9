# contract: none graph2frame {sample}/graphs/add-three-four.json
load helper

# change EXPRESSION: a small graph as JSON after a change to its document d
change() {
	oracle attribution make >whole.json
	"$PY" -c 'import json, sys
d = json.load(open("whole.json"))
exec(sys.argv[1])
json.dump(d, sys.stdout)' "$1"
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
	assert header["kind"] == "graph"
	assert (header["slug"], header["scan"]) == ("add-three-four", "storyworld-A")
	number = {node["node_id"]: i for i, node in enumerate(graph["nodes"])}
	for i, node in enumerate(graph["nodes"]):
	    assert json.loads(nodes["node_json"][i]) == node
	    assert nodes["node_id"][i] == node["node_id"]
	    assert nodes["js_node_id"][i] == node["jsNodeId"]
	    assert nodes["layer"][i] == node["layer"] and nodes["ctx_idx"][i] == node["ctx_idx"]
	    assert KINDS[nodes["type"][i]] == node["feature_type"]
	    assert nodes["clerp"][i] == node["clerp"]
	    for key in "influence", "activation":
	        value = np.nan if node[key] is None else node[key]
	        np.testing.assert_equal(nodes[key][i], np.float32(value))
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
		    index, layer = int(nodes["feature"][i]), int(node["layer"].replace("E", "0"))
		    cantor = (layer + index) * (layer + index + 1) // 2 + index
		    forms = index, cantor, 100000 * layer + index
		    if nodes["type"][i] == FEATURE:
		        assert node["feature"] in forms, (node, index)
		E
	done
}

@test "a layer's lorsa and transcoder are two dictionaries, with the index of the node_id" {
	"$PY" - >crm.json <<-'E'
	import json
	cantor = lambda a, b: (a + b) * (a + b + 1) // 2 + b
	ids = "0_lor_7_2", "0_cro_7_2", "1_lor_7_3", "1_cro_11_4", "1_tra_12_4", "2_7_4"
	types = {"lor": "lorsa", "cro": "cross layer transcoder", "tra": "transcoder"}
	nodes = []
	for id in ids:
	    layer, word, index, at = id.split("_") if id.count("_") == 3 else \
	        (lambda a, b, c: (a, "cro", b, c))(*id.split("_"))
	    nodes.append(dict(node_id=id, layer=int(layer), ctx_idx=int(at), clerp="x",
	        feature_type=types[word], feature=cantor(int(layer), int(index))))
	for id, type in (("0_error_attn_4", "lorsa error"), ("1_-1_4", "mlp reconstruction error"),
	        ("1_bias_attn_bO_4", "bias")):
	    nodes.append(dict(node_id=id, layer=int(id[0]), ctx_idx=4, feature_type=type,
	        feature=-1))
	print(json.dumps(dict(metadata=dict(slug="s", scan="m"), qParams={}, nodes=nodes,
	    links=[dict(source=source, target=ids[3], weight=1) for source in ids[:2]])))
	E
	graph2frame crm.json >g
	frame2graph g >back.json && oracle attribution same crm.json back.json
	frame2tsv --columns node_id,layer,feature g | sed 1d | tr '\t' ' ' >found
	printf '%s\n' '0_lor_7_2 0_lor 7' '0_cro_7_2 0 7' '1_lor_7_3 1_lor 7' '1_cro_11_4 1 11' \
		'1_tra_12_4 1 12' '2_7_4 2 7' >expected
	head -n 6 found | diff expected -
	[ "$(tail -n 3 found | cut -d' ' -f3 | sort -u)" = 18446744073709551615 ]
	# distances of transcoder and lorsa features reach each their own
	layers='["0","0_lor","1"]' features='["<u4",[3],[7,7,11]]'
	cat >d.jsonl <<-E
	{"semot":1,"kind":"distances","metric":"x","rows":3,"cols":3}
	{"row_layer":$layers,"row_feature":$features,"col_layer":$layers,"col_feature":$features}
	{"row0":0,"dist":["<f4",[3,3],[0,9,1, 9,0,9, 1,9,0]]}
	{"end":2}
	E
	json2frame d.jsonl | supernode --quiet --graph g --across-positions --at 2 - >s
	frame2json s | head -n 1 | grep -q '"without_distance":3'
	frame2graph s | "$PY" -c 'import json, sys
groups = [each[1:] for each in json.load(sys.stdin)["qParams"]["supernodes"]]
assert groups == [["0_cro_7_2", "1_cro_11_4"]], groups'
}

@test "an error whose node_id is that of a feature keeps its own links" {
	[ -n "$DATA" ] || skip "no real data"
	graph2frame "$DATA/graphs/gemma/dollar.json" >stream
	oracle attribution collision "$DATA/graphs/gemma/dollar.json" stream
}

@test "where the order of links does not tell whose they are, a note counts them" {
	change 'n = d["nodes"][0]; old = n["node_id"]; n["node_id"], n["layer"] = "0_2_1", "0"
for l in d["links"]:
    l.update({k: "0_2_1" for k in ("source", "target") if l[k] == old})' >twins.json
	graph2frame twins.json 2>notes | frame2graph >back.json
	oracle attribution same twins.json back.json
	says=" links come from a node_id that several nodes bear"
	[[ $(<notes) == "graph2frame: twins.json: "*"$says"* ]]
}

@test "unknown fields, odd numbers and odd orders come back as they were" {
	change 'd["more"] = [1e300, 2**70, "\u00e9\u2028", {"a": []}]; d = dict(reversed(d.items()))
for l in d["links"]: l["why"] = [1]
l = d["links"][3]
d["links"][3] = {"weight": 2, "target": l["target"], "source": l["source"]}
d["links"] += d["links"][:3]
d["nodes"][0]["huge"] = 12345678901234567890
d["nodes"][1].update(layer=7, feature=None)' >odd.json
	graph2frame odd.json | frame2graph >back.json
	oracle attribution same odd.json back.json
}

@test "numbers, escapes and line ends of any form come back as they were" {
	oracle attribution make --features 8 >small.json
	for number in -0.0 -0 2 1E5 1e-05 0.00001 1.50 1e15 100000000000000000000 \
		12345678901234567890123 0.1000000000000000055511; do
		sed "s/\"weight\": [-0-9.e]*/\"weight\": $number/" small.json >a.json
		graph2frame a.json | frame2graph >back.json
		oracle attribution same a.json back.json
	done
	for text in 1e400 -1E-400 12345678901234567890 '"\u0000"' '"\ud800 \udc00\ud83d\ude00"' \
		'"\/\b\f\n\r\t\"\\"' '{"a": 1, "a": 2}'; do
		"$PY" -c 'import sys
t, v = open("small.json").read(), sys.argv[1]
t = t.replace("[0, null]", v)
print(t.replace("\"metadata\": {", "\"metadata\": {\"more\": " + v + ", "))' "$text" >a.json
		[ "$(grep -oF -e "$text" a.json | wc -l)" -eq 2 ]
		graph2frame a.json | frame2graph >back.json
		oracle attribution same a.json back.json
	done
	"$PY" -c 'import json, sys
json.dump(json.load(open("small.json")), sys.stdout, indent="\t")' | sed 's/$/\r/' >a.json
	graph2frame a.json | frame2graph >back.json && oracle attribution same a.json back.json
	{ printf '\357\273\277'; cat small.json; } >a.json
	graph2frame a.json | frame2graph >back.json && oracle attribution same small.json back.json
}

@test "links that name a node in escapes are its links" {
	oracle attribution make | "$PY" -c '
import json, sys
d = json.load(sys.stdin)
first, second = (n["node_id"] for n in d["nodes"][:2])
names = {first: "0\u00e9\U0001f600", second: "tab\t\ud800"}
for n in d["nodes"]: n["node_id"] = names.get(n["node_id"], n["node_id"])
for l in d["links"]: l.update({k: names.get(l[k], l[k]) for k in ("source", "target")})
json.dump(d, sys.stdout)' >a.json
	graph2frame a.json >stream
	frame2graph stream >back.json && oracle attribution same a.json back.json
	"$PY" - <<-'E'
	from attribution import load, one
	nodes, links, _ = one("stream")[1]
	number = {node["node_id"]: i for i, node in enumerate(load("a.json")["nodes"])}
	for name in "source", "target":
	    assert links[name].tolist() == [number[link[name]] for link in load("a.json")["links"]]
	assert nodes["node_id"][:2] == ["0\u00e9\U0001f600", "tab\t\ufffd"]
	plain = [link["source"] not in list(number)[:2] for link in load("a.json")["links"]]
	assert [text == "" for text in links["link_json"]] == plain and not all(plain)
	E
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
		[[ $line == *"cut.json: "*byte* || $line == *"cut.json: no "* ]] ||
			{ echo "$n: $line"; return 1; }
	done
}

@test "text after the graph, a NUL and a doubled key are refused" {
	oracle attribution make >whole.json
	{ cat whole.json; echo x; } >more.json
	fails 1 graph2frame more.json
	[[ $line == *"byte $(wc -c <whole.json): more text"* ]]
	{ cat whole.json; printf '\0'; } >nul.json
	fails 1 graph2frame nul.json
	sed 's/"metadata"/"qParams": {}, &/' whole.json >twice.json
	fails 1 graph2frame twice.json
	[[ $line == *"duplicate key qParams" ]]
}

@test "UTF-16, gzip and two features of one node_id are named" {
	oracle attribution make >g.json
	iconv -t UTF-16 g.json >changed.json
	fails 1 graph2frame changed.json
	[[ $line == "graph2frame: changed.json: UTF-16: "* ]]
	for order in LE BE; do
		iconv -t UTF-16$order g.json >changed.json
		fails 1 graph2frame changed.json
		[[ $line == "graph2frame: changed.json: UTF-16: "* ]]
	done
	gzip -c g.json >changed.json
	fails 1 graph2frame changed.json
	[ "$line" = "graph2frame: changed.json: compressed by gzip: give it to gunzip first" ]
	refuses "node 4: node_id 1_0_0 is that of node 2, too" \
		'd["nodes"][4]["node_id"] = d["nodes"][2]["node_id"] = "1_0_0"; d["links"] = []'
	refuses "no qParams, an object" 'd["qParams"] = 1'
}

@test "a field that is missing or of a wrong type is named with its node or link" {
	for key in node_id layer ctx_idx feature_type; do
		refuses "node 17: no $key" "del d['nodes'][17]['$key']"
	done
	refuses "node 3: layer is no string" 'd["nodes"][3]["layer"] = [1]'
	refuses "node 3: layer is no whole number" 'd["nodes"][3]["layer"] = 1.5'
	refuses "node 3: feature_type is no string" 'd["nodes"][3]["feature_type"] = 1'
	refuses "node 3: jsNodeId is no string" 'd["nodes"][3]["jsNodeId"] = 1'
	refuses "node 3: clerp is no string" 'd["nodes"][3]["clerp"] = {}'
	refuses "node 3: clerp holds a NUL" 'd["nodes"][3]["clerp"] = "a\0b"'
	refuses "node 3: feature is no number" 'd["nodes"][3]["feature"] = "3"'
	refuses "node 3: feature is no whole number" \
		'd["nodes"][3].update(node_id="a", feature=2**70); d["links"] = []'
	refuses "node 3: activation is no number" 'd["nodes"][3]["activation"] = True'
	refuses "node 3: ctx_idx is no whole number" 'd["nodes"][3]["ctx_idx"] = "3"'
	refuses "node 3: ctx_idx is no whole number" 'd["nodes"][3]["ctx_idx"] = 1.5'
	refuses "node 3: ctx_idx is beyond 32 bits" 'd["nodes"][3]["ctx_idx"] = 2**40'
	refuses "node 5: node_id is no string" 'd["nodes"][5]["node_id"] = 5'
	refuses "node 5: influence is no number" 'd["nodes"][5]["influence"] = "x"'
	refuses "node 2: byte" 'd["nodes"][2] = 17'
	refuses "node 2: byte" 'd["nodes"][2] = []'
	refuses "link 4: no weight" 'd["links"][4]["weight"] = None'
	refuses "link 4: weight is no number" 'd["links"][4]["weight"] = "1"'
	refuses "link 4: weight is 1e+300: too large" 'd["links"][4]["weight"] = 1e300'
	refuses "byte" 'd["links"][4]["weight"] = float("nan")'
	refuses "byte" 'd["links"][4]["weight"] = float("-inf")'
	refuses "link 4: byte" 'd["links"][4] = "x"'
	refuses "link 4: source is no string" 'd["links"][4]["source"] = 4'
	refuses "link 4: no target" 'del d["links"][4]["target"]'
	refuses "link 4: source 1_2_3_4 is no node" 'd["links"][4]["source"] = "1_2_3_4"'
	refuses "no nodes" 'del d["nodes"]'
	refuses "links is no list" 'd["links"] = {}'
	refuses "no metadata" 'd["metadata"] = []'
	refuses "no metadata" 'd["metadata"]["scan"] = None'
	refuses "qParams: a pin or clickedId holds a NUL" 'd["qParams"]["pinnedIds"][1] = "a\0"'
	refuses "qParams: supernodes is no list" 'd["qParams"]["supernodes"] = "x"'
	refuses "no qParams" 'del d["qParams"]'
	refuses "qParams: pin 1 is no string" 'd["qParams"]["pinnedIds"][1] = 1'
}

@test "a node may lack jsNodeId, clerp and feature, or have null for them" {
	change 'n = d["nodes"][:4]; n[0].update(clerp=None, jsNodeId=None, feature=None)
for key in "clerp", "jsNodeId", "feature": del n[1][key]
for key in "influence", "activation": n[2].pop(key, 0)
d["qParams"] = {"pinnedIds": None}' >bare.json
	graph2frame bare.json >stream
	frame2graph stream >back.json
	oracle attribution same bare.json back.json
	"$PY" - <<-'E'
	import numpy as np
	from attribution import load, one
	nodes = one("stream")[1][0]
	ids = [node["node_id"] for node in load("bare.json")["nodes"]]
	assert nodes["clerp"][:4] == ["", "", "dog", "label 3"]
	assert nodes["js_node_id"][:2] == ids[:2] and nodes["js_node_id"][2] != ids[2]
	assert nodes["feature"][:3].tolist() == [0, 0, 0]
	assert np.isnan(nodes["influence"][2]) and np.isnan(nodes["activation"][:4]).all()
	E
}

@test "what kind of node it is says its feature_type, and a layer is a text or a number" {
	change 'types = ("cross layer transcoder", "lorsa", "unexplored node",
    "mlp reconstruction error", "embedding", "logit", "lorsa error", "bias")
for n, t in zip(d["nodes"], types): n["feature_type"] = t
for n, l in zip(d["nodes"], (7, 7.0, "7", "E", "7", "7")): n["layer"] = l' >kinds.json
	graph2frame kinds.json >stream
	"$PY" -c 'from attribution import one; n = one("stream")[1][0]
assert n["type"][:8].tolist() == [0, 0, 0, 1, 2, 3, 1, 4], n["type"]
assert n["layer"][:6] == ["7", "7", "7", "E", "7", "7"]'
	frame2graph stream >back.json && oracle attribution same kinds.json back.json
}

@test "lists and objects may be a thousand deep" {
	oracle attribution make >whole.json
	deep() {
		local open close
		open=$(printf "%$1s" | tr ' ' '[')
		close=$(printf "%$1s" | tr ' ' ']')
		sed "s/\"kept\"/\"deep\": $open$close, &/" whole.json
	}
	deep 997 >deep.json
	graph2frame deep.json | frame2graph | grep -q '\[\[\['
	deep 998 >deep.json
	fails 1 graph2frame deep.json
	[[ $line == *"byte "*"too deep" ]]
	"$PY" -c 'print("[" * 1000000)' >bomb.json
	fails 1 graph2frame bomb.json
	"$PY" -c 'print("{\"a\":" * 1000000)' >bomb.json
	fails 1 graph2frame bomb.json
}

@test "bytes that are no UTF-8, and what only looks like JSON, are refused with their place" {
	oracle attribution make >whole.json
	at=$(grep -abo cat whole.json | head -n 1 | cut -d: -f1)
	for bytes in '\xff' '\x80' '\xc0\xaf' '\xed\xa0\x80' '\xf4\x90\x80\x80' '\xe2\x82' '\x01' \
		'\t' '\\x' '\\u12g4'; do
		{
			head -c "$at" whole.json
			printf "$bytes"
			tail -c +$((at + 4)) whole.json
		} >odd.json
		fails 1 graph2frame odd.json
		place=${line#*byte }
		place=${place%%:*}
		[ "$place" -ge "$at" ] && [ "$place" -lt $((at + 6)) ] ||
			{ echo "$bytes: $line"; return 1; }
	done
	for bytes in NaN Infinity -Infinity 01 1. .5 +1 0x10 1e True "'a'" '[1,]' '{"a":1,}' \
		'{a:1}' '{"a" 1}' undefined /**/1; do
		"$PY" -c 'import sys
t = open("whole.json").read()
print(t.replace("{\"kept\": [0, null]}", sys.argv[1]))' "$bytes" >odd.json
		refute cmp -s whole.json odd.json
		fails 1 graph2frame odd.json
		[[ $line == *": byte "* ]] || { echo "$bytes: $line"; return 1; }
	done
}

@test "a graph changed at random is refused in one line, or comes back as it was" {
	oracle attribution make --features 12 >g.json
	oracle attribution distances g.json >distances
	oracle fuzz_graph g.json distances --runs "${TIMES:-150}"
}

@test "a million pins, supernodes, doubled ids or shared sources take no quadratic time" {
	oracle attribution make --features 30 >small.json
	oracle attribution distances small.json >distances
	many() {
		"$PY" -c 'import json, sys
d, n = json.load(open("small.json")), int(sys.argv[2])
exec(sys.argv[1])
sys.stdout.write(json.dumps(d))' "$1" "$([ -n "$SAN" ] && echo 100000 || echo 1000000)" >many.json
		timeout 300 graph2frame --quiet many.json >plain
		timeout 300 supernode --quiet --across-positions --graph plain distances >stream
		timeout 300 frame2graph --quiet stream >/dev/null
		timeout 300 frame2graph --quiet --collapse stream >/dev/null
	}
	many 'd["qParams"]["pinnedIds"] = [f"1_{i}_0" for i in range(n)]'
	many 'd["qParams"]["supernodes"] = [[f"name {i}", "1_0_0", "gone"] for i in range(n)]'
	many 'l = dict(d["links"][0]); d["links"] = [l] * n
d["nodes"] += [dict(d["nodes"][-1], node_id=l["source"])] * (n // 10)'
}

@test "what is no JSON, and a file that is not there, are refused" {
	stream graph >stream
	fails 1 graph2frame stream
	[ "$line" = "graph2frame: stream: a stream, where JSON is read" ]
	fails 1 graph2frame missing.json
	[[ $line == *"missing.json: No such file"* ]]
	printf '' | fails 1 graph2frame
}

@test "--labels are the clerps of features that have none, in the stream and in the JSON" {
	"$PY" - "$SAMPLE/graphs/add-three-four.json" <<-'E'
	import json, sys
	graph = json.load(open(sys.argv[1]))
	nodes = [n for n in graph["nodes"] if "transcoder" in n["feature_type"]]
	for n in nodes[1:]:
	    n["clerp"] = ""
	json.dump(graph, open("bare.json", "w"))
	with open("labels.tsv", "w") as f:
	    ids = {tuple(map(int, n["node_id"].split("_")[:2])) for n in nodes}
	    for layer, feature in sorted(ids):
	        f.write(f'{layer}\t{feature}\tsay "{feature}"\n')
	E
	graph2frame --labels labels.tsv bare.json >graph
	frame2graph graph >labelled.json
	"$PY" - <<-'E'
	import json
	from attribution import one
	nodes = one("graph")[1][0]
	before, after = (json.load(open(f))["nodes"] for f in ("bare.json", "labelled.json"))
	first = True
	for i, (old, new) in enumerate(zip(before, after)):
	    if "transcoder" in old["feature_type"] and not first:
	        said = 'say "%s"' % old["node_id"].split("_")[1]
	        assert new.pop("clerp") == nodes["clerp"][i] == said
	        old.pop("clerp")
	    first &= "transcoder" not in old["feature_type"]
	    assert old == new
	E
	sed 's/^/9/' labels.tsv >other.tsv
	fails 1 graph2frame --labels other.tsv bare.json
	[[ $line == *"none of its"*"labels"* ]]
}
