# The page of graph2html, in a browser. Its pictures stay in build/pages.
load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
	command -v chromium >/dev/null && command -v chromedriver >/dev/null &&
		"$PY" -c "import selenium" 2>/dev/null ||
		skip "no chromium, chromedriver and python3-selenium"
}

# page NAME OPTION...: NAME.stream, with groups by its links, and NAME.html
page() {
	graph2frame "$(graph "$1")" >plain
	edgeprofile plain | supernode --graph plain --quiet "${@:2}" >"$1.stream"
	graph2html "$1.stream" >"$1.html"
}

# as_it_is NAME: NAME-file.stream and NAME-file.html, with the groups of the file
as_it_is() {
	graph2frame "$(graph "$1")" >"$1-file.stream"
	graph2html "$1-file.stream" >"$1-file.html"
}

graph() {
	ls "$SAMPLE/graphs/$1.json" "$DATA"/graphs/*/"$1.json" 2>/dev/null | head -n 1
}

# shown: all pages that are here
shown() {
	local pairs=()
	for html in *.html; do pairs+=("$html" "${html%.html}.stream"); done
	oracle page fits "${pairs[@]}"
}

@test "every unit has a place of its own on one screen, and the page asks for nothing" {
	for f in "$SAMPLE"/graphs/*.json; do page "$(basename "$f" .json)"; done
	shown
}

@test "so it is for large graphs" {
	[ -n "$DATA" ] || skip "no real data"
	for f in "$DATA"/graphs/{gemma,llama,clt}/*.json; do
		[[ $f == *human_supernodes* ]] || page "$(basename "$f" .json)"
	done
	shown
}

@test "a graph that nobody grouped has the groups of its file" {
	as_it_is add-three-four
	if [ -n "$DATA" ]; then
		for f in "$DATA"/graphs/haiku/*.json; do as_it_is "$(basename "$f" .json)"; done
		as_it_is puppy-clt-llama
	fi
	shown
}

@test "a click on a supernode shows its members and its links" {
	page opposite-small-en
	oracle page clicks opposite-small-en.html opposite-small-en.stream
}

@test "a person changes groups, and gets the file and the link of frame2graph" {
	page opposite-small-en --errors
	oracle page edits opposite-small-en.html opposite-small-en.stream
}

@test "so it is for real graphs, of Neuronpedia's and of Anthropic's names" {
	[ -n "$DATA" ] || skip "no real data"
	as_pruned() {
		graph2frame --quiet "$(graph "$1")" | graph-prune --quiet --most 100 >plain
		edgeprofile plain | supernode --graph plain --quiet --errors >"$1.stream"
		graph2html "$1.stream" >"$1.html"
		oracle page edits "$1.html" "$1.stream"
	}
	as_pruned dollar
	as_pruned capital-state-dallas
}

@test "members lead to their pages where the file says where they are, and show contexts" {
	page add-three-four
	oracle page features add-three-four.html add-three-four.stream
	"$PY" - "$SAMPLE/graphs/add-three-four.json" <<-'E'
	import json, sys
	def graph(name, scan, **metadata):
	    graph = json.load(open(sys.argv[1]))
	    graph["metadata"].update(metadata, scan=scan)
	    json.dump(graph, open(name + ".json", "w"))
	of = dict(neuronpedia_source_set="a set/<b>")
	graph("info", "m-1", info=of)
	graph("feature_details", "m-1", feature_details=of)
	graph("urls", "m-1", info=dict(source_urls=[
	    1, "https://x.org", "https://neuronpedia.org/m-1/clt-hp"]))
	E
	for where in info feature_details urls; do
		graph2frame $where.json >plain
		edgeprofile plain | supernode --graph plain --quiet >$where.stream
		graph2html $where.stream >$where.html
		set=$([ $where = urls ] && echo clt-hp || echo 'a%20set%2F%3Cb%3E')
		oracle page features $where.html $where.stream \
			"https://www.neuronpedia.org/m-1/LAYER-$set/NUMBER" 0
	done
	for layer in 1 2 3 4 5 6; do
		"$PY" - $layer <<-'E'
		import sys
		import numpy as np
		from semot import write
		def u4(*list):
		    return np.array(list, "<u4")
		n = 512			# two contexts of each, of three tokens
		header = dict(kind="contexts", layer=sys.argv[1], features=n, tokens_read=99)
		text = ["<b>", "\u202e\n", "</script>"]
		def full(count, value):
		    return np.full(count, value, "<f4")
		texts = dict(vocab=u4(3, 4, 9), text=text)
		write(f"{sys.argv[1]}.contexts", header, [texts, dict(
		    feature=u4(*range(n)), count=u4(*n * [7]), density=full(n, 7 / 99),
		    mean=full(n, 1), max=full(n, 2), indptr=u4(*range(0, 2 * n + 1, 2)),
		    range=np.zeros(2 * n, "|u1"), token=u4(*range(2 * n)), at=u4(*2 * n * [1]),
		    peak=full(2 * n, 2), begin=u4(*range(0, 6 * n + 1, 3)),
		    id=u4(*2 * n * [3, 4, 7]), value=np.array(2 * n * [0, 2, 1], "<f4"))])
		E
	done
	cat [1-6].contexts >all.contexts
	graph2html --contexts all.contexts info.stream >info.html
	oracle page features info.html info.stream \
		"https://www.neuronpedia.org/m-1/LAYER-a%20set%2F%3Cb%3E/NUMBER" 2
	# the second of two graphs, which share their features' contexts
	cat info.stream info.stream | graph2html --contexts all.contexts >two.html
	oracle page features two.html info.stream \
		"https://www.neuronpedia.org/m-1/LAYER-a%20set%2F%3Cb%3E/NUMBER" 2 1
}

@test "weights of any size are read as they are" {
	oracle attribution make | "$PY" -c '
import json, sys
graph = json.load(sys.stdin)
for i, link in enumerate(graph["links"]):
    link["weight"] = float("%.1g" % link["weight"]) * 10.0 ** (i % 9 - 4)
json.dump(graph, sys.stdout)' >g.json
	graph2frame g.json >plain
	oracle attribution distances g.json | supernode --graph plain --groups 9 >sizes.stream
	graph2html sizes.stream >sizes.html
	oracle page clicks sizes.html sizes.stream
}

@test "without probabilities all logits weigh the same, and what leads nowhere has no influence" {
	for chance in 0 .9; do
		"$PY" - $chance >logits.json <<-'E'
		import json, sys
		def node(l, i, p, t, **k):
		    return dict(node_id=f"{l}_{i}_{p}", layer=l, ctx_idx=p, feature_type=t,
		                feature=i, clerp=f"{l}/{i}", **k)
		nodes = [node("E", 0, 0, "embedding"), node("0", 1, 0, "transcoder"),
		         node("0", 2, 0, "transcoder"), node("1", 3, 0, "transcoder"),
		         node("5", 1, 0, "logit", token_prob=float(sys.argv[1]))]
		pairs = ("E_0_0", "0_1_0", 1), ("E_0_0", "0_2_0", 1), ("0_1_0", "1_3_0", 1), \
		    ("E_0_0", "1_3_0", 1), ("1_3_0", "5_1_0", 2), ("E_0_0", "5_1_0", 1)
		print(json.dumps(dict(metadata=dict(slug="s", scan="m", prompt_tokens=["a"]),
		    qParams={}, nodes=nodes, links=[
		        dict(source=s, target=t, weight=w) for s, t, w in pairs])))
		E
		graph2frame logits.json | graph2html >logits.html
		oracle page says logits.html "67%
1/3"
		oracle page says logits.html "33%
0/1"
		refute oracle page says logits.html "%
0/2"
	done
}

@test "keys do what clicks do, and the slider shows more links" {
	page add-three-four
	oracle page keys add-three-four.html add-three-four.stream
}

@test "labels that are code, endless, empty or right to left do no harm" {
	"$PY" - "$SAMPLE/graphs/add-three-four.json" >hostile.json <<-'E'
	import json, sys
	bad = ['</script><script>document.title = "owned"</script>',
	       '"><img src=x onerror="document.title = 1">', "'\"\\ \u2028 <!-- <script>",
	       "long " * 2000, "x" * 10000,
	       "\u0634\u0628\u0643\u0629 \u0639\u0635\u0628\u064a\u0629",
	       "\U0001f9e0" * 400, "\u21b5\n\t", "\u202eevil", "<b>b</b>"]
	graph = json.load(open(sys.argv[1]))
	for i, node in enumerate(graph["nodes"]):
	    node["clerp"] = bad[i % len(bad)]
	graph["metadata"]["slug"] = '</title><script>document.title = "owned"</script>'
	graph["metadata"]["prompt_tokens"] = ["<b>bos</b>", "</script>", "\n", "\U0001f9e0", '"']
	features = [node["node_id"] for node in graph["nodes"]
	            if node["feature_type"] == "cross layer transcoder"]
	graph["qParams"]["supernodes"] = [[name] + features[9 * i:9 * i + 9]
	                                  for i, name in enumerate(bad)]
	json.dump(graph, sys.stdout)
	E
	graph2frame hostile.json >hostile.stream
	graph2html hostile.stream >hostile.html
	oracle page harmless hostile.html hostile.stream
}

@test "several graphs are one page, in which one is selected" {
	page add-three-four
	page opposite-small-en
	cat add-three-four.stream opposite-small-en.stream | graph2html >both.html
	oracle page several both.html add-three-four.stream opposite-small-en.stream
}

@test "a stream without a graph is a page that says so" {
	stream graph --empty | graph2html >empty.html
	oracle page says empty.html "There is no graph in this stream."
}
