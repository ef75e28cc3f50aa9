# contract: activations frame2tsv

load helper

# table OPTION...: of the lines of JSON on stdin, as lines with | for tabs
table() {
	json2frame | frame2tsv "$@" | tr '\t' '|'
}

@test "columns by name, a row for each entry; scalars and other lengths are left out" {
	unfolded >lines <<-'END'
	{"semot":1}
	{"row0":3,"row_layer":["a","b"],"cost":["<f4",[2],[0.5,1]],"other":["<u4",[3],[1,2,3]],
	 "d":["<f4",[2,2],[1,2,3,"NaN"]],"flat":["<u4",[],[1]],"none":["<f4",[2,0],[]],
	 "u":["<u8",[2],[1,"18446744073709551615"]]}
	{"end":1}
	END
	table <lines >out
	cat >expected <<-'END'
	row_layer|cost|d.0|d.1|u
	a|0.5|1.0|2.0|1
	b|1.0|3.0|NaN|18446744073709551615
	END
	cmp out expected
}

@test "one table, whose names stand once; another one of the same stream is left out" {
	printf '%s\n' '{"semot":1}' '{}' '{"a":["<u4",[2],[1,2]]}' '{"a":["<u4",[1],[3]]}' \
		'{"b":["x"]}' '{}' '{"a":["<u4",[0],[]]}' '{"end":6}' | json2frame >s
	frame2tsv s | cmp - <(printf '%s\n' a 1 2 3)
	frame2tsv --columns b s | cmp - <(printf '%s\n' b x)
	cat s s | frame2tsv | cmp - <(printf '%s\n' a 1 2 3 1 2 3)
	frame2tsv s s | cmp - <(printf '%s\n' a 1 2 3 1 2 3)
	printf '%s\n' '{"semot":1}' '{"b":["x"],"a":["y"]}' '{"end":1}' | json2frame >other
	fails 1 frame2tsv s other
	[ "$line" = "frame2tsv: other: frame 1: the columns b,a, where those before are a: \
--columns names what to print" ]
	frame2tsv --columns a s other | cmp - <(printf '%s\n' a 1 2 3 y)
	printf '%s\n' '{"semot":1}' '{"d":["<f4",[1,2],[1,2]]}' '{"d":["<f4",[1,1],[1]]}' \
		'{"end":2}' | json2frame >wider
	fails 1 frame2tsv --columns d wider
}

@test "--columns picks and orders columns, and with them frames" {
	printf '%s\n' '{"semot":1}' '{"a":["<u4",[2],[1,2]],"b":["x","y"],"c":["<u4",[1],[7]]}' \
		'{"c":["<u4",[3],[7,8,9]]}' '{"end":2}' >lines
	table --columns b,a <lines | cmp - <(printf '%s\n' 'b|a' 'x|1' 'y|2')
	table --columns c <lines | cmp - <(printf '%s\n' c 7 7 8 9)
	json2frame lines >s
	fails 1 frame2tsv --columns a,c s
	[ "$line" = "frame2tsv: s: frame 1: c has 1 rows, a has 2" ]
	fails 1 frame2tsv --columns a,nothing s
	[ "$line" = "frame2tsv: no frame has the columns a,nothing: there are a,b or c or c" ]
	printf '%s\n' '{"semot":1}' '{"row0":1}' '{"end":1}' | json2frame | fails 1 frame2tsv \
		--columns row0
}

@test "a tensor of several dimensions that holds no number has no columns" {
	printf '%s\n' '{"semot":1}' '{"x":["<f4",[0,4294967295],[]],"a":["<u4",[0],[]]}' \
		'{"end":1}' | json2frame >s
	[ "$(frame2tsv s)" = a ]
	[ "$(frame2tsv --columns x,a s)" = a ]
	[ -z "$(frame2tsv --columns x s)" ]
}

@test "a row is a line whatever the strings hold" {
	printf '%s\n' '{"semot":1}' '{"a":["x\ty\nz\\n\r",""],"b":["<u4",[2],[1,2]]}' '{"end":1}' \
		| table >out
	printf '%s\n' 'a|b' 'x\ty\nz\\n\r|1' '|2' | cmp out -
}

@test "numbers read back to the same bits, and sort and awk take them" {
	stream matching >s
	frame2tsv s >t
	"$PY" - <<-'END'
	import numpy as np
	from semot import read
	(_, (frame,)), = read("s")
	names, *rows = (line.rstrip("\n").split("\t") for line in open("t"))
	assert names == list(frame)
	for name, column in zip(names, zip(*rows)):
	    assert list(column) == frame[name] if isinstance(frame[name], list) else \
	        np.array_equal(np.array(column, frame[name].dtype), frame[name]), name
	END
	frame2tsv --columns row_feature,cost s | tail -n +2 | sort -k2g | awk \
		'$2 < last { exit 1 } { last = $2 }'
}

@test "the nearest of each row are a line for each pair" {
	unfolded >lines <<-'END'
	{"semot":1,"kind":"distances","rows":3,"cols":9,"top":2}
	{"row_layer":["3","3","4"],"row_feature":["<u4",[3],[7,8,5]],
	 "col_layer":["a","a","a","a","a","a","b","b","b"],
	 "col_feature":["<u4",[9],[10,11,12,13,14,15,16,17,18]]}
	{"row0":0,"col":["<u4",[2,2],[4,0,3,8]],"dist":["<f4",[2,2],[0.5,1,0,2]],
	 "iters":["<u4",[2,2],[1,2,3,4]],"other":["<u4",[1],[3]]}
	{"row0":2,"col":["<u4",[1,2],[6,7]],"dist":["<f4",[1,2],[3,4]],"iters":["<u4",[1,2],[5,6]]}
	{"end":3}
	END
	table <lines >out
	cat >expected <<-'END'
	row_layer|row_feature|col_layer|col_feature|dist|iters
	3|7|a|14|0.5|1
	3|7|a|10|1.0|2
	3|8|a|13|0.0|3
	3|8|b|18|2.0|4
	4|5|b|16|3.0|5
	4|5|b|17|4.0|6
	END
	cmp out expected
	table --columns row_feature,dist <lines | head -n 3 | cmp - <(printf '%s\n' \
		'row_feature|dist' '7|0.5' '7|1.0')
	json2frame lines | frame2json | json2frame | frame2json | cmp - <(json2frame lines | \
		frame2json)
	decoder --top 3 "$SAMPLE"/sae_L{2,4}_s0 >d
	frame2json d | json2frame | cmp - d
	[ "$(frame2tsv --columns row_feature,col_feature,dist d | wc -l)" -eq $((3 * 512 + 1)) ]
	[ "$(nearest d | frame2tsv --columns row_feature,col_feature,cost | wc -l)" -eq 513 ]
	sed 's/"row0":2/"row0":4294967295/' lines | json2frame | fails 1 frame2tsv
	sed 's/"row0":2/"row0":-1/' lines | json2frame | fails 1 frame2tsv
	sed 's/6,7/6,9/' lines | json2frame >bad
	fails 1 frame2tsv bad
	[ "$line" = "frame2tsv: bad: frame 3: column 9 of 9" ]
}

@test "a coupling is a line for each pair of tokens" {
	unfolded >lines <<-'END'
	{"semot":1,"kind":"coupling","rows":3,"cols":4}
	{"row_token":["<u4",[3],[7,8,9]],"col_token":["<u4",[4],[20,21,22,25]],
	 "row_vocab":["<u4",[3],[1,2,3]],"col_vocab":["<u4",[4],[4,5,6,7]]}
	{"row0":0,"indptr":["<u4",[3],[0,2,2]],"col":["<u4",[2],[0,3]],"weight":["<f4",[2],[1,0.5]]}
	{"row0":2,"indptr":["<u4",[2],[0,1]],"col":["<u4",[1],[2]],"weight":["<f4",[1],[2]]}
	{"end":3}
	END
	table <lines >out
	cat >expected <<-'END'
	row_token|col_token|weight|row_vocab|col_vocab
	7|20|1.0|1|4
	7|25|0.5|1|7
	9|22|2.0|3|6
	END
	cmp out expected
	sed 's/"row0":2/"row0":3/' lines | json2frame >bad
	fails 1 frame2tsv bad
	[ "$line" = "frame2tsv: bad: frame 3: row 3 of 3" ]
	sed 's/\[0,3\]/[0,4]/' lines | json2frame >bad
	fails 1 frame2tsv bad
	[ "$line" = "frame2tsv: bad: frame 2: column 4 of 4" ]
	stream coupling >s
	"$PY" - <(frame2tsv s) <<-'END'
	import sys
	import numpy as np
	from semot import read
	(_, (tokens, *blocks)), = read("s")
	row, col, weight = np.loadtxt(sys.argv[1], skiprows=1, unpack=True)[:3]
	expected = np.concatenate([np.repeat(b["row0"] + np.arange(60), np.diff(b["indptr"]))
	                           for b in blocks])
	assert np.array_equal(row, tokens["row_token"][expected])
	assert np.array_equal(col, tokens["col_token"][np.concatenate([b["col"] for b in blocks])])
	assert np.array_equal(weight, np.concatenate([b["weight"] for b in blocks]))
	END
	stream coupling --empty | frame2tsv | cmp - /dev/null
}

@test "an empty stream of the nearest of each row passes" {
	printf '%s\n' '{"semot":1,"kind":"distances","rows":0,"cols":0,"top":2}' '{"end":0}' \
		'{"semot":1}' '{"a":["x"]}' '{"end":1}' |
		table >out
	printf '%s\n' a x | cmp out -
}

# tables FILE: csv, numpy's genfromtxt and, where it is there, pandas read the table with its tabs
# as its only marks, and see as many rows
tables() {
	"$PY" - "$1" <<-'END'
	import csv, io, sys
	import numpy as np
	text = open(sys.argv[1], newline="").read()
	assert text.endswith("\n") and "\r" not in text
	lines = text[:-1].split("\n")
	names, rows = lines[0].split("\t"), len(lines) - 1
	assert len(set(names)) == len(names) and "" not in names, names
	assert all(line.count("\t") == len(names) - 1 for line in lines)
	strict = list(csv.reader(io.StringIO(text), delimiter="\t", strict=True))
	assert [len(row) for row in strict] == [len(names)] * (rows + 1)
	assert ["\t".join(row) for row in strict] == lines
	assert text.splitlines() == lines
	read = np.genfromtxt(sys.argv[1], delimiter="\t", names=True, dtype=None, encoding="utf-8",
	                     comments=None)
	assert read.size == rows and len(read.dtype.names) == len(names)
	if "#" not in text:
	    read = np.genfromtxt(sys.argv[1], delimiter="\t", ndmin=2)
	    assert read.shape == (rows + 1, len(names))
	try:
	    import pandas
	except ImportError:
	    sys.exit()
	read = pandas.read_csv(sys.argv[1], sep="\t")
	assert list(read.columns) == names and len(read) == rows, read
	END
}

@test "csv, numpy and pandas read the table of every kind" {
	for kind in activations distributions contexts distances coupling matching graph; do
		stream $kind | frame2tsv >table
		tables table
	done
	stream distances >d
	edgeprofile --top 2 <(stream graph) | frame2tsv >table
	[ "$(head -n 1 table | tr '\t' ,)" = \
		row_layer,row_feature,row_node,col_layer,col_feature,col_node,dist,random ]
	tables table
	nearest --mutual d | frame2tsv >table
	tables table
	nearest --mutual <(centroid --quiet <(named distributions) <(named distributions layer=4)) |
		flow - | frame2tsv >table
	tables table
	stream activations >3
	named activations layer=4 >4
	match-eval --quiet --bootstrap 3 --a 3 --b 4 <(stream matching) >s
	frame2tsv s >table
	tables table
	frame2tsv --columns row_feature,correlation s >table
	tables table
	stream contexts | frame2tsv --columns feature,range,peak,context >table
	tables table
	[ "$(wc -l <table)" = 56 ]
	graph-score <(stream graph) | frame2tsv >table
	tables table
	graph2frame "$SAMPLE/graphs/add-three-four.json" | frame2tsv >table
	tables table
}

@test "distances say how often a random pair is as near" {
	centroid --quiet --top 3 <(named distributions) <(named distributions layer=4) >d
	frame2tsv d >table
	"$PY" - table d <<-'END'
	import sys
	import numpy as np
	import semot
	(_, (names, *blocks)), = semot.read("d")
	said = np.genfromtxt("table", names=True, delimiter="\t")["random"]
	dist = np.concatenate([b["dist"].ravel() for b in blocks])
	assert np.allclose(said, [(names["random"] <= x).mean() for x in dist], atol=1e-6), said
	assert 0 < said.min() < said.max() <= 1
	END
	frame2json d | sed 's/"random":/"other":/' | json2frame | frame2tsv | head -n 1 |
		grep -v random
}

@test "what a table of a kind holds" {
	first() {
		frame2tsv "${@:2}" | sed -n 1p | tr '\t' , | cmp - <(echo "$1")
	}
	stream activations | first token,feature,value
	stream activations | first token,point.0,point.1,point.2,point.3,point.4,point.5 \
		--columns token,point
	stream distributions | first feature,count,mass
	stream distributions | first row,weight --columns row,weight
	stream contexts | first feature,count,density,mean,max
	stream contexts | first feature,range,token,peak,at,context --columns \
		feature,range,token,peak,at,context
	stream contexts | first vocab,text --columns vocab,text
	stream distances | first row_layer,row_feature,col_layer,col_feature,dist
	stream matching |
		first row,col,row_layer,row_feature,col_layer,col_feature,cost,margin
	stream graph | first source,target,weight,weight_exact --columns \
		source,target,weight,weight_exact
	"$PY" - <(stream activations | frame2tsv) <(stream distances | frame2tsv) <<-'END'
	import io, sys
	import numpy as np
	import make_stream
	from semot import read
	(_, frames), = read(io.BytesIO(make_stream.make("activations")))
	table = np.loadtxt(sys.argv[1], skiprows=1, unpack=True)
	join = lambda of: np.concatenate([of(f) for f in frames])
	assert np.array_equal(table[0], join(lambda f: np.repeat(f["token"], np.diff(f["indptr"]))))
	assert np.array_equal(table[1], join(lambda f: f["feature"]))
	assert np.array_equal(table[2].astype("f4"), join(lambda f: f["value"]))
	(_, (ids, *blocks)), = read(io.BytesIO(make_stream.make("distances")))
	table = np.genfromtxt(sys.argv[2], names=True)
	row, col = np.indices((10, 10)).reshape(2, -1)
	dist = np.vstack([b["dist"] for b in blocks]).ravel()
	assert np.array_equal(table["dist"].astype("f4"), dist)
	for side, at in ("row", row), ("col", col):
	    assert np.array_equal(table[side + "_feature"], ids[side + "_feature"][at])
	    assert np.array_equal(table[side + "_layer"], np.array(ids[side + "_layer"], int)[at])
	END
	stream distances | frame2json | sed '3s/"row0":0/"row0":6/' | json2frame >bad
	fails 1 frame2tsv bad
	[ "$line" = "frame2tsv: bad: frame 2: row 10 of 10" ]
	unfolded >lines <<-'END'
	{"semot":1,"kind":"distances","rows":1,"cols":2}
	{"row_layer":["a"],"row_feature":["<u4",[1],[7]],"col_layer":["b","b"],
	 "col_feature":["<u4",[2],[8,9]],"row_node":["a_7_0"],"col_node":["b_8_1","b_9_1"]}
	{"row0":0,"dist":["<f4",[1,2],[1,"Infinity"]],"beyond":["<f4",[1],[3]]}
	{"end":2}
	END
	table <lines >out
	cat >expected <<-'END'
	row_layer|row_feature|row_node|col_layer|col_feature|col_node|dist|beyond
	a|7|a_7_0|b|8|b_8_1|1.0|3.0
	a|7|a_7_0|b|9|b_9_1|Infinity|3.0
	END
	cmp out expected
	sed 's/\[1,2\],\[1,"Infinity"\]/[1,1],[1]/' lines | json2frame >bad
	fails 1 frame2tsv bad
	[ "$line" = "frame2tsv: bad: frame 2: 1 distances a row, of 2 columns" ]
}

@test "an error names the columns that there are" {
	stream contexts >s
	fails 1 frame2tsv --columns feature,nothing s
	there="vocab,text or feature,count,density,mean,max or feature,range,token,peak,at,context"
	[[ $line == "frame2tsv: no frame has the columns feature,nothing: there are $there or "* ]]
	stream matching >s
	fails 1 frame2tsv --columns dist s
	there=row,col,row_layer,row_feature,col_layer,col_feature,cost,margin
	[ "$line" = "frame2tsv: no frame has the columns dist: there are $there" ]
}

@test "text of any kind is one cell, and no terminal obeys it" {
	"$PY" - >s <<-'END'
	import sys
	import make_stream
	texts = ['"open', 'in"side', '""', "#", "a\tb\nc\rd\\", "", "\x1b[31m", "\x7f",
	         "\x85\x9b1m",
	         "\u202e\u2066\u200f\u061c\u2028\u2029", "caf\u00e9 \u05d0 \u4e2d \U0001f600",
	         "\ufffd"]
	number = make_stream.np.arange(len(texts), dtype="<u4")
	sys.stdout.buffer.write(make_stream.packed({"kind": "x"}, [{"text": texts, "n": number}]))
	END
	frame2tsv s >table
	tables table
	cat >expected <<-'END'
	text|n
	\"open|0
	in"side|1
	\""|2
	#|3
	a\tb\nc\rd\\|4
	|5
	\x1b[31m|6
	\x7f|7
	\u0085\u009b1m|8
	\u202e\u2066\u200f\u061c\u2028\u2029|9
	café א 中 😀|10
	�|11
	END
	tr '\t' '|' <table | cmp - expected
	printf 'a\t1\t\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xe2\x80x\n' >labels
	named distributions layer=a | frame2tsv --columns feature,label --labels labels |
		sed -n 3p | cmp - <(printf '1\t%s\n' \
		'\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xe2\x80x')
}

@test "--labels joins the labels of rows and columns, and of one-sided kinds" {
	for l in 3 4; do
		for i in {0..11..2}; do printf '%s\t%s\tlabel %s of %s\n' $l $i $i $l; done
	done >labels
	stream matching >m
	frame2tsv --columns row_feature,col_feature,row_label,col_label --labels labels m |
		sed 1d >table
	awk -F'\t' '$3 != ($1 % 2 ? "" : "label " $1 " of 3") { exit 1 }
		$4 != ($2 % 2 ? "" : "label " $2 " of 4") { exit 1 }' table
	[ "$(frame2tsv --labels labels m | sed -n 1p | cut -f 9,10)" = $'row_label\tcol_label' ]
	frame2tsv --labels labels m >table
	tables table
	grep ^3 labels >rows
	grep ^4 labels >cols
	cmp <(frame2tsv --labels labels m) <(frame2tsv --labels rows --labels-b cols m)
	[ "$(frame2tsv --labels-b cols m | sed -n 1p | cut -f 9,10)" = col_label ]
	stream distances | frame2tsv --labels labels |
		awk -F'\t' 'NR > 1 && $6 != ($2 % 2 ? "" : "label " $2 " of " $1) { exit 1 }'
	for kind in activations distributions contexts; do
		stream $kind | frame2tsv --labels rows --columns feature,label >table
		[ "$(grep -c 'label 4 of 3' table)" -gt 0 ]
		awk -F'\t' 'NR > 1 && $2 != ($1 % 2 ? "" : "label " $1 " of 3") { exit 1 }' table
	done
	stream graph | frame2tsv --labels labels --columns layer,feature,label |
		awk -F'\t' '$1 == 4 && $2 == 0 && $3 != "label 0 of 4" { exit 1 }'
	nearest --mutual <(centroid --quiet <(named distributions) <(named distributions layer=4)) |
		flow - | frame2tsv --labels labels --columns chain,label >table
	grep -q $'^3:2 4:2\tlabel 2 of 3; label 2 of 4$' table
	printf '5\t1\tx\n' >other
	fails 1 frame2tsv --labels other m
	why="none of its 1 labels is of a feature of m: it has labels of layer 5, "
	[ "$line" = "frame2tsv: other: ${why}those features are of layer 3, 4 (act-dump --layer \
names layers)" ]
	named matching col_model=b row_model=a >n
	frame2tsv --labels labels n >table
	"$PY" -c '
import io, make_stream, semot
[(header, [f])] = semot.read(io.BytesIO(make_stream.make("matching", row_sae="a", col_sae="b")))
semot.write("-", header, [{**f, "col_layer": f["row_layer"]}])' >twins
	fails 1 frame2tsv --labels labels twins
	[ "$line" = "frame2tsv: labels: layer 3 is of two dictionaries: give the labels of the \
columns by --labels-b" ]
	frame2tsv --labels labels --labels-b rows twins >table
}
