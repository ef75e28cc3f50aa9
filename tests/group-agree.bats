# contract: graph group-agree --truth {truth}
load helper
load scores

# agrees OPTION...: ./scores are those of ./graph, as the plain version has them
agrees() {
	group-agree --quiet "$@" graph >scores
	oracle graph_score check graph scores "$@"
}

@test "random groups of every graph, of any nodes, agree as the plain version has it" {
	[ -n "$DATA" ] || skip "no real data"
	for f in "$DATA"/graphs/haiku/*.json; do
		[[ $f != *calc-17-plus-22* ]] || continue		# nobody grouped it
		echo "$f"
		graph2frame "$f" >plain
		cp plain graph
		agrees --truth "$f"
		oracle graph_score group plain >graph
		agrees --truth "$f"
		oracle graph_score group plain --every --groups 40 --seed 1 >graph
		agrees --truth "$f" --min 2
	done
}

@test "supernodes of a file by slugs, and those under another key" {
	truth=$SAMPLE/truth_supernodes.json
	[ -f "$truth" ] || { [ -n "$DATA" ] && truth=$DATA/../sample/truth_supernodes.json; }
	[ -f "$truth" ] || skip "no file of true supernodes"
	for f in "$SAMPLE"/graphs/*.json; do
		graph2frame "$f" >plain
		oracle graph_score group plain --groups 10 >graph
		agrees --truth "$truth"
		group-agree --truth "$truth:supernodes_strong" --min 3 graph >scores
		oracle graph_score check graph scores --truth "$truth" --key supernodes_strong \
			--min 3
	done
}

@test "a grouping agrees with itself, whatever its groups are called and in whatever order" {
	graph2frame "$SAMPLE/graphs/twohop-kuviville.json" >plain
	oracle graph_score group plain >graph
	frame2graph --quiet graph >grouped.json
	group-agree --truth grouped.json graph >scores
	is adjusted_rand 1.0 purity 1.0 v_measure 1.0
	oracle graph_score group plain --seed 5 | frame2graph --quiet >other.json
	group-agree --truth other.json graph | frame2json | tail -n +2 >first
	refute grep -q '"adjusted_rand",1.0' first
	"$PY" -c 'import json, random
lists = json.load(open("other.json"))["qParams"]["supernodes"]
lists = [["new name"] + random.sample(names[1:], len(names) - 1) for names in lists]
json.dump(lists[::-1], open("list.json", "w"))'
	group-agree --truth list.json graph | frame2json | tail -n +2 | head -n 1 >second
	head -n 1 first | cmp - second
}

@test "missing members are counted, and a node in two groups is in the first" {
	toy '[["one", "A", "B", "gone"], ["one", "B", "C", "D"], ["gone", "gone"]]'
	echo '[["x", "A", "C"], ["x", "B", "C", "no", "D", "B"], ["x", "E", "none"]]' >truth
	agrees --truth truth
	is truth_missing 2.0 truth_groups 3.0 truth_nodes 5.0
	# {A B} {C D} {E} against {A C} {B D} {E}: no pair of eight is in both
	is adjusted_rand -0.25 purity 0.6
	agrees --truth truth --min 2
	is truth_groups 2.0 truth_nodes 4.0
}

@test "node_id and jsNodeId may stand in one list, and errors are members like others" {
	toy '[["one", "A", "B"], ["two", "C", "D"]]'
	# people SUPERNODES: ./truth; js[i] is the jsNodeId of node i
	people() {
		"$PY" -c '
import json, sys
js = [node["jsNodeId"] for node in json.load(open("toy.json"))["nodes"]]
print(json.dumps(eval(sys.argv[1])))' "$1" >truth
	}
	people '[["x", "A", js[1]], ["y", "C", js[3]], ["z", "0_2_0", "0_2_1"]]'
	agrees --truth truth
	is truth_missing 0.0 truth_groups 3.0 truth_nodes 6.0 purity 1.0
	refute is adjusted_rand 1.0
	people '[["x", "A", js[1]], ["y", "C", js[3]]]'
	agrees --truth truth
	is truth_nodes 4.0 adjusted_rand 1.0
}

@test "references of which half are missing make a note, and a single node no score" {
	toy '[["x", "A", "B"]]'
	echo '[["x", "A", "gone"]]' >truth
	group-agree --truth truth graph 2>notes >scores
	why="1 of 2 members are not nodes of graph toy (are these groups of another graph?)"
	[ "$(<notes)" = "group-agree: truth: $why" ]
	is truth_nodes 1.0 adjusted_rand NaN purity NaN v_measure NaN
	echo '[["x", "A", "B", "gone"]]' >truth
	[ -z "$(group-agree --truth truth graph 2>&1 >scores)" ]
	is truth_nodes 2.0 adjusted_rand 1.0
	echo '[{"slug": "other", "supernodes": 3}, {"slug": "toy", "supernodes": [["x", "A"],
		["y", "B"]]}, {"slug": "toy"}]' >truth
	group-agree --truth truth graph >scores
	is truth_groups 2.0 adjusted_rand 0.0
}

@test "references that are none are refused" {
	toy '[]'
	refused() {
		printf '%s' "$2" >truth
		fails 1 group-agree --truth truth graph
		[[ $line == "group-agree: truth: "$1 ]] || { echo "$line"; return 1; }
	}
	refused "byte *" '[["x", "A"'
	refused "supernode 1 is no list that begins with its name" '[["x", "A"], []]'
	refused "supernode 0: item 2 is no string" '[["x", "A", 7]]'
	refused "supernodes are no list" '{"toy": {"qParams": {"supernodes": 3}}}'
	refused "no list supernodes, and no entry for the slug toy" '{"other": [["x", "A"]]}'
	refused "none of 2 members is a node of graph toy (are these groups of another graph?)" \
		'[["x", "gone", "away"]]'
	refused "no supernodes" '[]'
	refused "no supernodes" '{"toy": {"supernodes": [["x"]]}}'
	graph2frame "$SAMPLE/graphs/add-three-four.json" >truth
	fails 1 group-agree --truth truth graph
	[ "$line" = "group-agree: truth: a stream, where JSON is read" ]
	fails 1 group-agree --truth missing.json graph
	[[ $line == *missing.json* ]]
	fails 2 group-agree --min 2 graph
	fails 2 group-agree graph
	toy '[["x", 1]]'
	echo '[["x", "A"]]' >truth
	fails 1 group-agree --truth truth graph
	[ "$line" = "group-agree: graph: supernode 0: item 1 is no string" ]
}
