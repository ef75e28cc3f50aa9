# One reader of labels for all programs that take --labels; match-eval counts what it finds.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
	oracle coact make a 300 1
	oracle match_eval make m a a
	printf '%s\t%s\t%s\n' a 1 x a 2 'y z' a 3 x a 10 '"quoted' >plain
}

# same FILE: match-eval finds the labels of ./plain in it
same() {
	match-eval m --a a --b a --bootstrap 3 --labels "$1" 2>notes | frame2json | sed 1d >found
	cmp notes "${2-/dev/null}" && cmp found expected
}

@test "a table with or without names of its columns, explanations in lines or in a list" {
	match-eval m --a a --b a --bootstrap 3 --labels plain | frame2json | sed 1d >expected
	grep -q '"same_label"' expected
	{ printf 'layer\tfeature\tlabel\n'; cat plain; } >named
	same named
	awk -F'\t' -v OFS='\t' 'BEGIN { print "more", "label", "layer", "feature" }
		{ print 7, $3, $1, $2; print "", "", $1, 99 }' plain >other
	same other
	sed 's/$/\tmore\tand more\r/' plain >longer
	same longer
	sort -r plain >backwards
	same backwards
	cat plain plain >twice
	same twice
	{ printf '\xef\xbb\xbf'; cat named; } >marked
	same marked
	"$PY" - <<-'END'
	import json
	rows = [line.rstrip("\n").split("\t") for line in open("plain")]
	said = [{"modelId": "toy", "layer": layer, "index": feature, "description": text,
	         "typeName": "t", "scores": [{"value": 1}]} for layer, feature, text in rows]
	said.append({"layer": "a", "index": 5, "description": None})
	said.append({"layer": "a", "index": 6, "description": ""})
	open("lines", "w").write("\n".join(map(json.dumps, said)) + "\n\n")
	json.dump(said, open("list", "w"), indent=1)
	for x in said:
	    x["index"] = int(x["index"])
	json.dump(said, open("numbers", "w"), ensure_ascii=False)
	said.insert(1, said[0] | {"description": "another explanation, of no account"})
	open("several", "w").write("".join(json.dumps(x) + "\n" for x in said))
	END
	same lines
	same list
	same numbers
	echo "match-eval: several: of 5 labels 1 are other ones of a feature that has one before:" \
		"the first counts" >told
	same several told
}

@test "the number before a hyphen in the file's layer is the stream's layer" {
	named activations layer=12 >s
	emd <(named distributions layer=12) <(named distributions layer=12) | hungarian >n
	score="match-eval n --a s --b s --bootstrap 3 --labels"
	row='{"modelId": "g", "layer": "%s", "index": "1", "description": "x"}\n'
	printf "$row" 12-res-16k 1-res-16k 121-res-16k 120-a 12res >exported
	$score exported 2>notes >scores
	grep -q "^match-eval: exported: 4 of 5 features are not in the activations" notes
	printf "$row" 12 12-res-16k >exported
	$score exported 2>notes >scores
	grep -q "feature 1 of layer '12-res-16k'" notes
	printf "$row" 12-res-16k 12-att-16k >exported
	fails 1 $score exported
	[ "${line#*: }" = \
		"exported: layer 12 is 12-att-16k and 12-res-16k: leave the labels of one" ]
	printf "$row" 13-res-16k 1-res-16k >exported
	fails 1 $score exported
	[[ $line == *"exported: none of its 2 labels is of a feature of the activations: it has \
labels of layer 1-res-16k, 13-res-16k, those features are of layer 12 (act-dump"* ]]
}

@test "the clerps of a graph's features, by layer and index in every dialect" {
	"$PY" - <<-'END'
	import json
	def node(id, layer, feature, ctx, kind, clerp):
	    return {"node_id": id, "layer": layer, "feature": feature, "ctx_idx": ctx,
	            "feature_type": kind, "clerp": clerp, "jsNodeId": id}
	nodes = [node("3_2_5", "3", 23, 5, "cross layer transcoder", "of two"),
	         node("3_2_6", 3, 23, 6, "cross layer transcoder", "of two"),
	         node("3_2_7", "3", 23, 7, "cross layer transcoder", "another"),
	         node("3_lor_4_7", "3", 23, 7, "lorsa", "a head's"),
	         node("3_cro_5_7", "3", 23, 7, "cross layer transcoder", "five"),
	         node("E_7_0", "E", 7, 0, "embedding", "none"),
	         node("3_8_1", "3", 8, 1, "logit", "none"),
	         node("0_3_1", "3", -1, 1, "mlp reconstruction error", "none"),
	         node("x", "3", 6, 1, "sae", "six"), node("3_9_1", "3", 9, 1, "transcoder", None),
	         node("3_10_1", "3", 10, 1, "transcoder", "")]
	json.dump({"metadata": {"slug": "x"}, "nodes": nodes, "links": [{"a": 1}]}, open("g", "w"))
	END
	named distributions layer=3 | frame2tsv --columns feature,label --labels g 2>notes |
		awk -F'\t' '$2 != ""' >found
	printf '%s\t%s\n' feature label 2 "of two" 5 five 6 six | cmp - found
	grep -q "^frame2tsv: g: of 6 labels 1 are other ones" notes
	named distributions layer=3_lor | frame2tsv --columns feature,label --quiet --labels g |
		grep -qx $'4\ta head\'s'
	graph2frame "$SAMPLE/graphs/add-three-four.json" >s
	frame2tsv --columns type,clerp,label --labels "$SAMPLE/graphs/add-three-four.json" s |
		awk -F'\t' '$1 == 0 && $2 != "" { n++; if ($2 != $3) exit 1 } END { exit n < 100 }'
}

@test "what is no file of labels is refused by its line" {
	refused() {
		fails 1 match-eval m --a a --b a --labels "$1"
		[ "$line" = "match-eval: $1: $2" ]
	}
	: >x
	refused x "nothing in it, where labels were expected"
	printf 'layer\tfeature\tname\na\t1\tx\n' >x
	refused x "no column 'label' in the first line"
	printf 'Layer\tIndex\tText\na\t1\tx\n' >x
	refused x "the first line names no columns layer, feature and label, and 'Index' is no \
feature's index"
	printf 'a\t1\n' >x
	refused x "line 1: fewer cells than columns"
	printf 'a\t1\tx\na\t4294967296\ty\n' >x
	refused x "line 2: '4294967296' is no feature's index"
	printf 'a\t1\tx\na\t1\ty\n' >x
	refused x "line 2: feature 1 of layer a occurs twice"
	echo '{"layer": "a", "index": "1"}{"index": 2, "description": "x"}' >x
	refused x "explanation 1: no layer"
	echo '{"layer": "a", "index": "-1", "description": "x"}' >x
	refused x "explanation 0: index '-1' is no feature's"
	echo '{"layer": "a", "index": 1.5, "description": "x"}' >x
	refused x "explanation 0: index '1.5' is no feature's"
	echo '[{"layer": ["a"], "index": 1, "description": "x"}]' >x
	refused x "explanation 0: layer is neither a string nor a number"
	echo '{"layer": "a", "index": 1, "description": "x\u0000y"}' >x
	refused x "explanation 0: description holds a NUL"
	printf '{"modelId": "%s", "layer": "a", "index": 1, "description": "x"}\n' A B >x
	refused x "explanation 1: modelId is B, of others A"
	for text in '{' '[' '[1]' '{"layer":"a","index":1,"description":"x"}]' '{"layer":"a"'; do
		echo "$text" >x
		fails 1 match-eval m --a a --b a --labels x
	done
}
