# What frame2graph writes, as the viewers read it that people use: see oracle/viewers.py. The links
# between them and this suite, in both directions.

load helper
load scores

# grouped FILE: the graph in ./plain, and with its own groups, as they are, in ./graph
grouped() {
	graph2frame "$1" >plain
	edgeprofile plain | supernode --quiet --graph plain --keep --at 0 >graph
}

# every [--less N]: each viewer draws every group of ./graph, from ./plain.json or the file or a
# link, as it does for such a graph, and every group that is a node in the collapsed graph
every() {
	frame2graph --quiet graph >file
	frame2graph --quiet --collapse graph >small
	for viewer in neuronpedia circuit-tracer; do
		frame2graph --quiet --link $viewer graph >$viewer.link
	done
	oracle viewers every "$@"
}

@test "every viewer draws every group of every graph, from a file or a link, and collapsed" {
	for f in $(graphs); do
		echo "$f"
		cp "$f" plain.json
		if grep -q '"mntss/' plain.json; then		# Neuronpedia has no such model
			sed 's#"mntss/[^"]*"#"llama"#' "$f" >plain.json
		fi
		graph2frame plain.json >plain
		edgeprofile plain | supernode --quiet --graph plain >graph
		every
		"$PY" -c 'import json
d = json.load(open("plain.json"))
d["qParams"]["pinnedIds"] = []
json.dump(d, open("plain.json", "w"))'
		graph2frame plain.json >plain
		edgeprofile plain | supernode --quiet --graph plain --errors >graph
		every
	done
}

@test "every viewer draws many groups, of any names, whatever the file pins" {
	for options in '--pins --scan jackl-circuits-runs-1-4-sofa-v3_0' '--embeddings 300' \
			'--groups 150 --pins' '--groups 100 --embeddings 190' \
			'--groups 197 --members 2'; do
		echo "$options"
		# shellcheck disable=SC2086
		oracle viewers make --unique $options >plain.json
		grouped plain.json
		every
	done
	oracle viewers make --groups 230 --unique --members 2 --embeddings 9 >plain.json
	grouped plain.json
	every --less 32			# 232 groups and 200 pins
	frame2graph graph 2>&1 >file | grep -q "; 32 groups have no pin, and viewers do not show"
	frame2graph --link neuronpedia graph 2>&1 >one.link | grep -q "the link has [0-9]* bytes: "
}

@test "a link is kept within 8,000 bytes, and a note counts what it leaves out" {
	oracle viewers make --unique --groups 40 --members 6 --pins >plain.json
	"$PY" -c 'import json
d = json.load(open("plain.json"))
for group in d["qParams"]["supernodes"]:
    group[0] = group[0] * 4 + " of long name"
json.dump(d, open("plain.json", "w"))'
	grouped plain.json
	frame2graph --link circuit-tracer graph >one.link 2>notes
	[ "$(wc -c <one.link)" -le 8001 ]
	grep -q "^frame2graph: graph: the link leaves out [0-9]* members of groups$" notes
	[ "$(wc -l <notes)" -eq 1 ]
	oracle viewers shows graph plain.json circuit-tracer --link one.link
}

@test "a file's pins of no node are left out, and a note counts them" {
	oracle viewers make --pins >plain.json
	grouped plain.json
	[ "$(frame2graph graph 2>&1 >file)" = \
		"frame2graph: graph: 1 pins are not nodes of the graph, and are left out" ]
}

@test "a logit keeps its probability when it is collapsed, and a group of logits has their sum" {
	oracle viewers make --logits 3 >plain.json
	grouped plain.json
	frame2graph --collapse graph | "$PY" -c '
import json, sys
[node] = [n for n in json.load(sys.stdin)["nodes"] if n["feature_type"] == "logit"]
assert node["clerp"] == "the outputs (p=0.875)" and node["token_prob"] == .875, node'
	sed 's/"the outputs"/"say (p=1)"/' plain.json >named.json
	grouped named.json
	frame2graph --collapse graph | grep -q '"clerp":  *"say (p=1)"'
	sed 's/"token_prob"/"probability"/g' plain.json >without.json
	grouped without.json
	frame2graph --collapse graph | grep -q '"clerp":  *"the outputs (p=0.500)"'
}

@test "a collapsed link keeps the members that all of its links share, a node those of its leader" {
	oracle viewers make | "$PY" -c '
import json, sys
d = json.load(sys.stdin)
for i, node in enumerate(d["nodes"]):
    node["vis"] = {"at": [i, None]}
for i, link in enumerate(d["links"]):
    link.update({"via": "mlp", "number": i, "influence": 1, "k\u00e9y": [1, {"a": 2}]})
    if link["target"].startswith("9_1_"):
        link["only"] = True
json.dump(d, sys.stdout)' >plain.json
	grouped plain.json
	frame2graph --collapse graph >small
	graph2frame small | frame2graph >again
	"$PY" - <<-'E'
	from collections import defaultdict
	from attribution import load, one, units
	nodes, link, _, found = one("graph")[1]
	before, after = load("plain.json"), load("small")
	assert load("again") == after
	unit, summed = units(found), defaultdict(list)
	for each, a, b in zip(before["links"], link["source"], link["target"]):
	    summed[unit[a], unit[b]].append(each)
	name = {n["node_id"]: n for n in before["nodes"]}
	number = {n: i for i, n in enumerate(nodes["node_id"])}
	known, alone = {"source", "target", "weight", "influence"}, 0
	for each in after["links"]:
	    links = summed[tuple(unit[number[each[end]]] for end in ("source", "target"))]
	    shared = {k: v for k, v in links[0].items() if all(k in l and l[k] == v for l in links)}
	    assert {k: v for k, v in each.items() if k not in known} == {
	        k: v for k, v in shared.items() if k not in known}, each
	    assert each["influence"] != 1
	    alone += "number" in each
	assert alone
	for node in after["nodes"]:
	    assert node["vis"] == name[node["node_id"]]["vis"]
	E
}

@test "what circuit-tracer saves is read, and comes back as it was saved" {
	oracle viewers make --pins >plain.json
	oracle viewers saved plain.json >saved.json
	graph2frame saved.json | frame2graph >back.json
	oracle attribution same saved.json back.json
	grouped plain.json
	frame2graph --quiet graph >expected
	mv graph first
	grouped saved.json
	frame2graph --quiet graph | "$PY" -c '
import json, sys
assert json.load(sys.stdin) == json.load(open("expected"))'
	group-agree --truth saved.json first >scores
	is adjusted_rand 1.0 truth_missing 0.0
	graph2html plain >one.html
	graph2frame saved.json | graph2html | cmp - one.html
	sed 's/"supernodes": "\[/"supernodes": "x[/' saved.json >bad.json
	fails 1 graph2frame bad.json
	[ "$line" = "graph2frame: bad.json: qParams: supernodes is no list" ]
	sed -E 's/"(supernodes|pinnedIds)": ".*"/"\1": ""/' saved.json | graph2frame |
		frame2graph --link neuronpedia >one.link
	refute grep -q supernodes one.link
}

@test "groups come back from links of both viewers, as an argument, in a file, among others" {
	oracle viewers make --unique --pins >plain.json
	grouped plain.json
	for viewer in neuronpedia circuit-tracer; do
		frame2graph --quiet --link $viewer graph >one.link
		[ "$(wc -l <one.link)" -eq 1 ]
		{
			printf '\n%s \n' 'https://www.neuronpedia.org/m/graph?slug=b&supernodes=[]'
			cat one.link
		} >links
		for truth in "$(<one.link)" one.link links; do
			group-agree --truth "$truth" graph >scores
			is adjusted_rand 1.0 truth_missing 0.0 truth_groups 22.0 truth_nodes 64.0
		done
		sed 's/"supernodes": \[\[.*\]\],/"supernodes": [],/' plain.json >bare.json
		graph2frame bare.json >bare
		for people in "$(<one.link)" links plain.json; do
			edgeprofile bare | supernode --graph bare "--keep=$people" --at 0 >kept
			frame2json kept | tail -n +5 | head -n 1 >found
			frame2json graph | tail -n +5 | head -n 1 | cmp - found
		done
	done
}

@test "links as people write them are read" {
	toy '[]'
	agrees() {
		group-agree --truth "$1" graph >scores
		is truth_groups 2.0 truth_nodes 4.0
	}
	at=https://www.neuronpedia.org/gemma/graph
	groups=%5B%5B%22a+b%22%2C%22A%22%2C%22B%22%5D%2C%5B%22c%22%2C%22C%22%2C%22D%22%5D%5D
	agrees "$at?sourceSet=x&slug=toy&pinnedIds=A%2CB&supernodes=$groups&pruningThreshold=.7#top"
	agrees $at'?supernodes=[["a b","A","B"],["c","C","D"]]'
	local=http://localhost:8032/
	agrees $local'index.html?slug=toy&supernodes=[["50%2525","A","B"],["c","C","D"]]'
	agrees $local'?slug=toy&supernodes=[["50%25","A","B"],["c","C","D"]]'
	refused() {
		fails 1 group-agree --truth "$1" graph
		[ "$line" = "group-agree: link: $2" ] || { echo "$line"; return 1; }
	}
	refused "$at?slug=b&supernodes=[[%22x%22,%22A%22]]" \
		"no list supernodes, and no entry for the slug toy"
	refused "$at?slug=toy&subgraph=abc" \
		"its groups are not in the link, but at Neuronpedia: subgraph abc"
	refused "$at" \
		"no link to a graph, like https://www.neuronpedia.org/MODEL/graph?slug=..."
	refused "$at?slug=toy&supernodes=%5" "supernodes: no percent-encoding"
	refused "$at?slug=toy&supernodes=%00" "supernodes: no percent-encoding"
	refused "$at?slug=toy&supernodes=%ff" "supernodes: no UTF-8"
	refused "$at?slug=toy&supernodes=[[" "supernodes are no list"
	refused "$at?slug=toy&pinnedIds=A" "no supernodes"
	printf '%s\n' "$at?slug=toy" 'here it is' >links
	fails 1 group-agree --truth links graph
	[ "$line" = "group-agree: links: line 2: no link" ]
}

@test "the links in which people published real graphs hold the groups of these graphs" {
	[ -n "$DATA" ] || skip "no real data"
	for f in "$DATA"/graphs/haiku/*.json "$DATA"/graphs/gemma/gemma-small*.json; do
		"$PY" -c 'import json, sys
d = json.load(open(sys.argv[1]))
print(d["metadata"]["info"]["neuronpedia_link"])' "$f" >one.link
		grep -q 'supernodes=' one.link || continue
		graph2frame "$f" >graph
		group-agree --quiet --truth one.link graph >scores
		is adjusted_rand 1.0
		frame2graph --quiet --link neuronpedia graph >mine
		group-agree --quiet --truth mine graph >scores
		is adjusted_rand 1.0
	done
}

@test "a link that no viewer could open is refused" {
	oracle viewers make >plain.json
	renamed() {
		sed "s#$1#$2#" plain.json | graph2frame >stream
	}
	for viewer in neuronpedia circuit-tracer; do
		renamed '"made-1"' '""'
		fails 1 frame2graph --link $viewer stream
		[[ $line == "frame2graph: stream: the graph's metadata has no slug:"* ]]
	done
	what="is none of Neuronpedia's: it has letters, digits, '_', '.' and '-'"
	renamed '"made-1"' '"made 1"'
	fails 1 frame2graph --link neuronpedia stream
	[ "$line" = "frame2graph: stream: the slug 'made 1' $what" ]
	frame2graph --link circuit-tracer stream | grep -q 'slug=made%201&'
	renamed '"gemma-2-2b"' '"someone/model"'
	fails 1 frame2graph --link neuronpedia stream
	[ "$line" = "frame2graph: stream: the scan 'someone/model' $what" ]
	[ ! -s stdout ]
	fails 2 frame2graph --link neuronpedia --collapse stream
	fails 2 frame2graph --link somewhere stream
}
