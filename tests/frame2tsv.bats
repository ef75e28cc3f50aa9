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

@test "the names stand once, and again after an empty line when they change" {
	printf '%s\n' '{"semot":1}' '{"a":["<u4",[2],[1,2]]}' '{"a":["<u4",[1],[3]]}' \
		'{"b":["x"]}' '{}' '{"a":["<u4",[0],[]]}' '{"end":5}' |
		table >out
	printf '%s\n' a 1 2 3 '' b x '' a | cmp out -
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
	[ "$line" = "frame2tsv: no frame has the columns a,nothing" ]
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
	 "row_vocab":["<u4",[3],[1,1,1]],"col_vocab":["<u4",[4],[2,2,2,2]]}
	{"row0":0,"indptr":["<u4",[3],[0,2,2]],"col":["<u4",[2],[0,3]],"weight":["<f4",[2],[1,0.5]]}
	{"row0":2,"indptr":["<u4",[2],[0,1]],"col":["<u4",[1],[2]],"weight":["<f4",[1],[2]]}
	{"end":3}
	END
	table <lines >out
	printf '%s\n' 'row_token|col_token|weight' '7|20|1.0' '7|25|0.5' '9|22|2.0' | cmp out -
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
	row, col, weight = np.loadtxt(sys.argv[1], skiprows=1, unpack=True)
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
