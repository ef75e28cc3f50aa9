# contract: graph edgeprofile
# fuzz: graph edgeprofile --layer 1 --top 2
load helper
load stages

# graph [SEED [STATEMENT]]: a random graph, after a statement on its document d, in ./g.json and ./g
graph() {
	oracle edgeprofile make g.json "$@"
	graph2frame g.json >g
}

# data: streams as JSON without their history
data() {
	frame2json | sed 's/"history":.*//'
}

# distance I J: between two features of ./g
distance() {
	edgeprofile g | frame2tsv --columns dist | sed 1d |
		awk -v i="$1" -v j="$2" '{ d[NR - 1] = $1 } END { print d[i * sqrt(NR) + j] }'
}

@test "numpy's distances, by the inverse of a matrix, on random graphs" {
	for seed in 1 2 3; do
		graph $seed
		edgeprofile g >d
		oracle edgeprofile check g d
		edgeprofile --position 0 --layer .7 g >d
		oracle edgeprofile check g d 0 .7
	done
	cmp <(edgeprofile <g | data) <(edgeprofile g | data)
}

@test "numpy's distances on real graphs" {
	graphs=("$SAMPLE"/graphs/*.json)
	real=(haiku/rabbit-poem haiku/medical-diagnosis gemma/dollar clt/son-clt-hp)
	[ -z "$DATA" ] || for name in "${real[@]}"; do graphs+=("$DATA/graphs/$name.json"); done
	for f in "${graphs[@]}"; do graph2frame "$f"; done >g
	edgeprofile g >d
	oracle edgeprofile check g d
}

@test "doubled links, links without weight and features without links" {
	graph 4 'd["links"] += d["links"][:40]; d["links"][7]["weight"] = 0.0'
	edgeprofile g >d
	oracle edgeprofile check g d
	graph 5 'gone = {n["node_id"] for n in d["nodes"][3:5]}
d["links"] = [l for l in d["links"] if not gone & {l["source"], l["target"]}]'
	edgeprofile g >d
	oracle edgeprofile check g d
	graph 6 'd["links"] = []'
	edgeprofile --position 0 g | frame2tsv --columns dist | sed 1d | tr '\t' '\n' |
		sort -u >found
	[ "$(<found)" = 0.0 ]
}

@test "scaling all that comes into a node changes nothing, nor does the order of nodes and links" {
	graph 1
	edgeprofile g >d
	graph 1 'for l in d["links"]: l["weight"] *= 1 + hash(l["target"]) % 7'
	edgeprofile g >other
	oracle edgeprofile same d other
	graph 1 'np.random.default_rng(0).shuffle(d["nodes"])
np.random.default_rng(1).shuffle(d["links"])'
	edgeprofile g >other
	oracle edgeprofile same d other
}

@test "two features with the same links are at no distance, unless at two positions" {
	graph 1 'a, b = d["nodes"][:2]; b["ctx_idx"] = a["ctx_idx"]
d["links"] = [l for l in d["links"] if b["node_id"] not in l.values()]
d["links"] += [dict(l, source=b["node_id"]) for l in d["links"] if l["source"] == a["node_id"]]'
	[ "$(distance 0 1)" = 0.0 ] && [ "$(distance 0 2)" != 0.0 ]
	graph 1 'b = d["nodes"][1]; b["ctx_idx"] = d["nodes"][0]["ctx_idx"] + 5
d["links"] = [l for l in d["links"] if b["node_id"] not in l.values()]
first = d["nodes"][0]["node_id"]
d["links"] += [dict(l, source=b["node_id"]) for l in d["links"] if l["source"] == first]'
	"$PY" -c "assert abs($(distance 0 1) - (.3 * __import__('math').log(6)) ** .5) < 1e-6"
}

@test "nodes of one feature are at no distance, of the same index in another layer they are" {
	graph 1 'a, b, c = (d["nodes"][i] for i in (0, 1, 4))
b.update(layer=a["layer"], feature=a["feature"], ctx_idx=a["ctx_idx"] + 5)
c.update(layer="4", feature=a["feature"])'
	[ "$(distance 0 1)" = 0.0 ] && [ "$(distance 0 4)" != 0.0 ]
	edgeprofile --layer .5 g >d
	oracle edgeprofile check g d .3 .5
	graph 1 'for n in d["nodes"][:2]: n.update(layer="1", feature=None)'
	[ "$(distance 0 1)" != 0.0 ]
}

@test "--rows and --top are parts of the whole, and any number of threads gives the same bytes" {
	graph 2
	merges edgeprofile g
	merges edgeprofile --top 5 g
	cmp <(edgeprofile --threads 1 g) <(edgeprofile --threads 3 g)
}

@test "each graph has a stream, an empty one an empty one" {
	graph 1
	cp g one
	graph 2 'd["metadata"]["slug"] = "two"'
	cmp <(edgeprofile <(cat one g) | data) <(edgeprofile one | data; edgeprofile g | data)
	stream graph --empty | edgeprofile | framecat --header | grep -q '"rows":0,"cols":0'
	graph 3 'keep = {n["node_id"] for n in d["nodes"] if "transcoder" not in n["feature_type"]}
d["nodes"] = [n for n in d["nodes"] if n["node_id"] in keep]
d["links"] = [l for l in d["links"] if {l["source"], l["target"]} <= keep]'
	edgeprofile g | framecat --header | grep -q '"rows":0,"cols":0'
}

@test "a cycle, and layers that --layer cannot place, are named" {
	graph 1 'l = d["links"][0]
d["links"].append(dict(l, source=l["target"], target=l["source"]))'
	fails 1 edgeprofile g
	[[ $line == "edgeprofile: g: the links make a cycle through node "* ]]
	graph 1 'for n in d["nodes"][:9]: n["layer"] = "deep"'
	edgeprofile g >d
	fails 1 edgeprofile --layer 1 g
	[[ $line == "edgeprofile: g: --layer: layer deep has no number" ]]
}

@test "a layer of any number leaves distances numbers" {
	graph 1 'odd = "1e999", "9" * 500, "0x7", "3.5"
for i, n in enumerate(d["nodes"]): n["layer"] = odd[i % 4]'
	edgeprofile g >d
	edgeprofile --layer 1 g >e
	refute grep -qi nan <(frame2tsv --columns dist d; frame2tsv --columns dist e)
}

@test "a wrong command line is refused" {
	graph
	fails 2 edgeprofile --position -1 g
	fails 2 edgeprofile --layer x g
	fails 2 edgeprofile g g
	fails 1 edgeprofile <(stream distances)
}
