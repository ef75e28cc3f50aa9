# contract: matching show
# fuzz: matching show --contexts {contexts}
load helper

# given: ./c, contexts of features 1 and 2 of layer a; ./m, pairs of them and of b:7; ./labels
given() {
	unfolded >contexts.json <<-'END'
	{"semot":1,"kind":"contexts","layer":"a","features":9,"tokens_read":1000}
	{"vocab":["<u4",[7],[0,1,2,3,4,5,6]],
	 "text":[" the"," capital"," of"," texas"," is","\n","中文"]}
	{"feature":["<u4",[2],[1,2]],"count":["<u4",[2],[4,20]],"density":["<f4",[2],[0.004,0.02]],
	 "mean":["<f4",[2],[2.5,1]],"max":["<f4",[2],[5.25,9.5]],"indptr":["<u4",[3],[0,2,4]],
	 "range":["|u1",[4],[0,2,0,1]],"token":["<u4",[4],[10,20,30,40]],
	 "peak":["<f4",[4],[5.25,0.5,9.5,2]],"at":["<u4",[4],[3,1,1,0]],
	 "begin":["<u4",[5],[0,6,8,10,12]],"id":["<u4",[12],[0,1,2,3,4,5,5,6,8,0,6,3]],
	 "value":["<f4",[12],[0,0,1,5.25,0,0,0,0.5,0,9.5,2,1]]}
	{"end":2}
	END
	json2frame contexts.json >c
	unfolded >pairs.json <<-'END'
	{"semot":1,"kind":"matching"}
	{"row_layer":["a","a"],"row_feature":["<u4",[2],[1,2]],"col_layer":["a","b"],
	 "col_feature":["<u4",[2],[2,7]],"cost":["<f4",[2],[1.853147,0.5]],
	 "margin":["<f4",[2],[14.797655,"Infinity"]],"certified":["|u1",[2],[1,0]]}
	{"end":1}
	END
	json2frame pairs.json >m
	printf 'a\t1\tstates of the union\na\t2\tnames\nb\t7\t"x"\e[2J\n' >labels
}

@test "a pair: its numbers, names, labels, how often both fire, contexts with their peaks" {
	given
	COLUMNS=80 show --contexts c --labels labels m >out
	cat >expected <<-'END'
	cost 1.853   margin 14.8   certified 1
	a:1  states of the union               | a:2  names
	0.4% of tokens (4), mean 2.5, max 5.25 | 2% of tokens (20), mean 1, max 9.5
	   5.25 the capital of [texas] is\n    |     9.5 <8> [the]
	    0.5 \n[中文]                       |       2 [中文] texas

	cost 0.5   margin inf   certified 0
	a:2  names                             | b:7  "x"\x1b[2J
	2% of tokens (20), mean 1, max 9.5     | no contexts
	    9.5 <8> [the]
	      2 [中文] texas
	END
	cmp out expected
	cmp <(COLUMNS=80 show --contexts c --labels labels <m) expected
	cmp <(COLUMNS=80 show --contexts c --contexts-b c --labels labels --labels-b labels m) \
		expected
	show m >out
	[ "$(sed -n 2p out)" = "a:1                                              | a:2" ]
	[ "$(wc -l <out)" = 5 ]
}

@test "a narrow terminal holds one feature above the other" {
	given
	COLUMNS=30 show --contexts c --labels labels m | head -n 11 >out
	cat >expected <<-'END'
	cost 1.853   margin 14.8   certified 1
	a:1  states of the union
	0.4% of tokens (4), mean 2.5,
	  max 5.25
	   5.25 … capital of [texas]…
	    0.5 \n[中文]
	a:2  names
	2% of tokens (20), mean 1, max
	  9.5
	    9.5 <8> [the]
	      2 [中文] texas
	END
	cmp out expected
}

@test "contexts alone: each feature, or those that are named" {
	given
	show --labels labels c >out
	cat >expected <<-'END'
	a:1  states of the union
	0.4% of tokens (4), mean 2.5, max 5.25
	   5.25 the capital of [texas] is\n
	    0.5 \n[中文]

	a:2  names
	2% of tokens (20), mean 1, max 9.5
	    9.5 <8> [the]
	      2 [中文] texas
	END
	cmp out expected
	show --labels labels --feature a:2 c | cmp - <(tail -n 4 expected)
	show --labels labels --feature a:2,a:1 <c | cmp - expected
	fails 1 show --feature a:3 c
	[ "$line" = "show: c: layer 'a' holds no feature 3" ]
	fails 1 show --feature b:3 c
	fails 2 show --feature 3 c
}

@test "--feature keeps the pairs that have one of them on either side" {
	given
	show --feature b:7 m | cmp - <(show m | tail -n 2)
	show --feature a:2 m | cmp - <(show m)
	show --feature a:1,b:7 m | cmp - <(show m)
	fails 1 show --feature b:8 m
	[ "$line" = "show: m: no pair has feature 8 of layer 'b'" ]
}

@test "all that pairs features can be shown: distances, scores, merges of a flow" {
	stream distances >d
	show d >out
	[ "$(grep -c '^dist ' out)" = 100 ]
	nearest --mutual d >m
	[ "$(show m | grep -c '^cost ')" = "$(frame2tsv m | sed 1d | wc -l)" ]
	emd --top 2 <(stream distributions) >top
	[ "$(show top | grep -c '^dist ')" = 24 ]
	frame2tsv --columns row_feature,col_feature,dist top | awk 'NR > 1 {
		printf "dist %.4g\n3:%d 3:%d\n", $3, $1, $2 }' >expected
	show top | grep . | sed 's/   *lower.*//; s/ *| / /; s/ *random.*//; s/   chance.*//' |
		cmp - expected
	stream activations >3
	named activations layer=4 >4
	match-eval --quiet --bootstrap 3 --a 3 --b 4 <(stream matching) | show >out
	[ "$(grep -c 'correlation' out)" = 12 ]
	stream distributions >s
	fails 1 show s
	[[ $line == "show: s: a stream of kind distributions, which pairs no features: "* ]]
	[ -z "$(stream matching --empty | show)" ]
	[ -z "$(stream contexts --empty | show)" ]
}

@test "no line is wider than the terminal, every peak is seen, and no text is obeyed" {
	"$PY" - <<-'END'
	import make_stream, numpy as np, semot
	words = ["\u4e2d\u6587", " e\u0301", "\t", "\x1b[31m", "\u202eabc", "\U0001f600", " word",
	         "]", "", " a" * 60, "\u0645\u0631\u062d\u0628\u0627", "\x9b", "x" * 300]
	make = make_stream.contexts
	rng = np.random.default_rng(3)
	header, (vocab, *body) = make(rng, 3)
	vocab = {"vocab": np.arange(len(words), dtype="<u4"), "text": words}
	for f in body:
	    f["id"] = rng.integers(0, len(words) + 1, len(f["id"])).astype("<u4")
	semot.write("c", {"kind": "contexts", **header}, [vocab, *body])
	with open("labels", "w") as file:
	    for i in range(12):
	        file.write(f"3\t{i}\t" + " ".join(rng.choice(words, 40)).replace("\t", " ") + "\n")
	END
	"$PY" -c '
import io, make_stream, semot
[(header, [f])] = semot.read(io.BytesIO(make_stream.make("matching")))
semot.write("m", header, [{**f, "col_layer": f["row_layer"]}])'
	for columns in 60 61 80 100 133 250 1 10 24 59; do
		COLUMNS=$columns show --contexts c --labels labels m >out
		"$PY" - $columns <<-'END'
		import sys, unicodedata
		columns = max(int(sys.argv[1]), 24)
		def width(c):
		    wide = unicodedata.east_asian_width(c) in "WF"
		    return 0 if unicodedata.combining(c) else 1 + wide
		peaks = 0
		for line in open("out", newline="\n").read().split("\n"):
		    assert not {"Cc", "Cf", "Zl", "Zp"} & set(map(unicodedata.category, line))
		    if not line.startswith("cost"):
		        assert sum(map(width, line)) <= columns, (sum(map(width, line)), line)
		    if line.startswith("     ") and line.strip()[:1].isdigit():
		        peaks += 1
		        assert "[" in line and "]" in line, line
		assert peaks > 50
		END
	done
}

@test "activations are coloured on a terminal, but for NO_COLOR and TERM=dumb" {
	given
	cat >terminal.py <<-'END'
	import os, pty, struct, sys, fcntl, termios
	pid, terminal = pty.fork()
	if pid == 0:
	    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
	    os.execvp("bash", ["bash", "-c", sys.argv[1]])
	text = b""
	try:
	    while chunk := os.read(terminal, 65536):
	        text += chunk
	except OSError:
	    pass
	sys.stdout.buffer.write(text.replace(b"\r\n", b"\n"))
	END
	COLUMNS=80 show --contexts c --labels labels m >plain
	unset COLUMNS NO_COLOR
	export TERM=xterm
	"$PY" terminal.py "show --contexts c --labels labels m" >coloured
	grep -q $'\e\[[0-9;]*m texas\e\[0m' coloured
	refute grep -q '\[texas\]' coloured
	sed $'s/\e\\[[0-9;]*m//g' coloured | tr -d ' ' | cmp - <(sed -E 's/\[(.[^ ]+)\]/\1/' plain |
		sed -E 's/\[([^ ]+)\]/\1/g; s/x1b2J/x1b[2J/' | tr -d ' ')
	for no in NO_COLOR=1 TERM=dumb; do
		"$PY" terminal.py "$no show --contexts c --labels labels m" | cmp - plain
	done
	NO_COLOR= "$PY" terminal.py "show --contexts c --labels labels m" | cmp - coloured
}

@test "contexts of other layers, models or SAEs are told" {
	given
	sed 's/"layer":"a"/"layer":"x"/' contexts.json | json2frame >x
	fails 1 show --contexts x m
	[[ $line == "show: m: no contexts of any of its features: layer, model and SAE have to "* ]]
	sed 's/"layer":"a"/"layer":"a","sae":"one"/' contexts.json | json2frame >one
	sed 's/"layer":"a"/"layer":"a","sae":"two"/' contexts.json | json2frame >two
	sed 's/"kind"/"row_sae":"one","col_sae":"three","kind"/' pairs.json | json2frame >n
	show --contexts one --contexts two n >out
	refute grep -q '|     9.5' out
	grep -q "| contexts of another model or SAE alone$" out
	grep -q "^   5.25 the capital" out
	printf '9\t1\tx\n' >other
	fails 1 show --labels other m
	[[ $line == "show: other: none of its 1 labels is of a feature of m: "* ]]
	fails 1 show --labels labels n
	[[ $line == *"layer a is of two dictionaries: give the labels of the columns by "* ]]
}

@test "streams whose tensors lie: taken or refused, never a crash" {
	stream contexts >c
	oracle mutate --stream matching show --contexts "$PWD/c"
	oracle mutate --stream contexts show
	oracle mutate --stream distances show --contexts "$PWD/c"
	stream matching >m
	oracle mutate --stream contexts show --contexts - "$PWD/m"
}

@test "a wrong command line is refused" {
	fails 2 show a b
	fails 1 show --contexts missing m
	stream matching >m
	fails 1 show --contexts m m
	[[ $line == *"m: "*"contexts"* ]]
}
