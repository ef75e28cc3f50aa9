# What a small file may cost: a text, a name or a shape is read once, and used as often as numbers
# of a few bytes say.
load helper

# contexts TEXT TOKENS: a stream of one context, all of whose tokens are the text
contexts() {
	"$PY" - "$@" <<-'END'
	import sys, numpy as np, semot
	u4 = lambda *x: np.array(x, "<u4")
	f4 = np.ones(1, "<f4")
	n = int(sys.argv[2])
	header = {"kind": "contexts", "layer": "3", "features": 1, "tokens_read": 9, "history": []}
	semot.write("-", header, [{"vocab": u4(0), "text": [eval(sys.argv[1])]}, {
	    "feature": u4(0), "count": u4(1), "density": f4, "mean": f4, "max": f4,
	    "indptr": u4(0, 1), "range": np.zeros(1, "|u1"), "token": u4(0), "peak": f4,
	    "at": u4(n // 2),
	    "begin": u4(0, n), "id": np.zeros(n, "<u4"), "value": np.ones(n, "<f4")}])
	END
}

# chain NAME FEATURES N: a flow of one chain of N features of a layer, numbered in turn
chain() {
	"$PY" - "$@" <<-'END'
	import sys, numpy as np, semot
	u4 = lambda *x: np.array(x, "<u4")
	n = int(sys.argv[3])
	semot.write("-", {"kind": "flow", "history": []}, [{"layer": [eval(sys.argv[1])]}, {
	    "indptr": u4(0, n), "layer": np.zeros(n, "<u4"),
	    "feature": np.arange(n, dtype="<u4") % int(sys.argv[2])}])
	END
}

@test "show looks at no more of a text than fits, however often it stands there" {
	for text in '"x" * 10**6' '" \u0301" * 10**5' '"\u0301" * 10**5' '""' '"\x1b" * 10**6'; do
		contexts "$text" 100000 >c
		COLUMNS=80 timeout 300 show c >out
		[ "$(wc -c <out)" -lt 20000 ]
		"$PY" -c 'open("out", encoding="utf-8").read()'
	done
	stream matching >m
	printf '3\t%s\t%s\n' 0 "$(head -c 1000000 /dev/zero | tr '\0' y)" >labels
	COLUMNS=80 show --labels labels --feature 3:0 m >out
	[ "$(wc -c <out)" -lt 2000 ]
	grep -q 'yyy…' out
}

@test "a table spells out no more than 1,024 bytes for each token or feature" {
	contexts '"x" * 10**6' 1 >c
	frame2tsv --columns context c >out
	[ "$(wc -c <out)" -gt 1000000 ]
	contexts '"x" * 1000' 5000 >c
	frame2tsv --columns context c >out
	[ "$(wc -c <out)" -gt 5000000 ]
	contexts '"x" * 10**6' 900 >c
	fails 1 frame2tsv --columns context c
	[[ $line == *"frame 2: texts of more than 1024 bytes for each of 900 entries" ]]
	chain '"x" * 10000' 5 1000 >c
	fails 1 frame2tsv c
	[[ $line == *"frame 2: texts of more than 1024 bytes for each of 1000 entries" ]]
	chain '"3"' 2 1000 >c
	for feature in 0 1; do
		printf '3\t%s\t%s\n' $feature "$(head -c 10000 /dev/zero | tr '\0' $feature)"
	done >labels
	fails 1 frame2tsv --labels labels c
	[[ $line == *"frame 2: texts of more than 1024 bytes for each of 1000 entries" ]]
	frame2tsv c >out
	[ "$(wc -l <out)" -eq 2 ]
}

@test "where memory ends while a text is put together, the program says so" {
	[ -z "$SAN" ] || skip "the sanitizers need more"
	contexts '"x" * 1000' 300000 >c
	frame2tsv --columns context c >out
	[ "$(wc -c <out)" -gt 300000000 ]
	status=0
	(ulimit -v 200000 && frame2tsv --columns context c) >stdout 2>stderr || status=$?
	[ "$status" -eq 1 ]
	[ "$(wc -l <stderr)" -eq 1 ]
	grep -q "^frame2tsv: out of memory" stderr
}

@test "frame2npz: frames of two forms in turn make arrays of two names, and no more than 16,384" {
	"$PY" -c '
import numpy as np, semot
def frames(n):
    return ({"x": np.full(1, i, ["<u4", "<f4"][i % 2])} for i in range(n))
semot.write("some", {"kind": "x", "history": []}, frames(4000))
semot.write("many", {"kind": "x", "history": []}, frames(16385))'
	timeout 300 frame2npz some >some.npz
	"$PY" -c '
import numpy as np
z = np.load("some.npz")
assert z["x"][0] == 0 and all(z[f"x_{i + 1}"][0] == i for i in range(1, 4000))'
	npz2frame some.npz | frame2json | sed 1d | cmp - <(frame2json some | sed 1d)
	fails 1 frame2npz many
	[[ $line == "frame2npz: many: frame 16385: frames of too many forms: "* ]]
}

@test "points of no token take no memory, however many numbers one would have" {
	[ -z "$SAN" ] || skip "the sanitizers need more"
	"$PY" -c '
import numpy as np, semot
u4, none = np.zeros(1, "<u4"), np.zeros(0, "<u4")
csr = {"token": none, "indptr": u4, "feature": none, "value": none.astype("<f4")}
semot.write("a", {"kind": "activations", "layer": "2", "features": 5, "history": []},
            [{**csr, "point": np.zeros((0, 2**32 - 1), "<f4")}])'
	for program in featdist "refproj --identity"; do
		(ulimit -v 400000 && OPENBLAS_NUM_THREADS=1 taskset -c 0 $program --quiet a) >out
		framecat --check out
	done
	"$PY" -c '
import numpy as np, semot
u4, none = np.zeros(2, "<u4"), np.zeros(0, "<u4")
ones = {"mass": np.ones(1), "count": np.ones(1, "<u4"), "feature": np.zeros(1, "<u4")}
table = {"token": none, "point": np.zeros((0, 2**32 - 1), "<f4")}
features = {**ones, "indptr": u4, "row": none, "weight": none.astype("<f4")}
semot.write("d", {"kind": "distributions", "layer": "2", "features": 5, "space": "s",
                  "history": []}, [table, features])'
	for program in sinkhorn emd energy sliced bures centroid; do
		(ulimit -v 400000 && OPENBLAS_NUM_THREADS=1 taskset -c 0 $program --quiet d d) \
			>out 2>line || [ "$(wc -l <line)" -eq 1 ]
		refute grep -q memory line
	done
}

@test "npz2frame: a shape claims no length that no numbers fill" {
	"$PY" -c '
import numpy as np
np.savez("rows.npz", dist=np.zeros((10**9, 0), "f4"))
np.savez("cols.npz", dist=np.zeros((0, 10**12), "f4"))
np.savez("few.npz", dist=np.zeros((3, 0), "f4"))
csr = dict(indptr=[0, 1, 1], indices=[0], data=np.ones(1, "f4"), format=np.bytes_(b"csr"))
np.savez("sparse.npz", shape=[2, 2**31], **csr)
np.savez("wide.npz", shape=[2, 100000], **csr)'
	for file in rows cols; do
		fails 1 npz2frame --kind distances --set row_layer=1 --set col_layer=2 $file.npz
		[[ $line == "npz2frame: $file.npz: dist claims a length of 1000000000"* ]]
	done
	npz2frame --kind distances --set row_layer=1 --set col_layer=2 few.npz | framecat --check
	fails 1 npz2frame --kind coupling sparse.npz
	[[ $line == "npz2frame: sparse.npz: shape claims a length of 2147483648, "* ]]
	npz2frame --kind coupling wide.npz | framecat --check
}

@test "graph2html: texts of contexts that are no UTF-8, or outshine their feature's largest" {
	stream graph >g
	contexts '"a\udcff\udced\udca0\udc80b</script>"' 3 | frame2json |
		sed 's/"max":\["<f4",\[1\],\[1[.0]*\]\]/"max":["<f4",[1],[1e-38]]/' | json2frame >c
	graph2html --contexts c g >page.html
	grep -q 'a\(\\ufffd\|�\)\{4\}b' page.html
	refute grep -q 'b</script' page.html
}

@test "graph2html: a feature's contexts stand once in a page, in however many graphs" {
	stream graph >g
	contexts '"x" * 10**5' 9 | frame2json | sed 's/"features":1/"features":4/' | json2frame >c
	cat g g g >many
	graph2html --contexts c many >page.html
	[ "$(wc -c <page.html)" -lt 300000 ]
	"$PY" - <<-'END'
	import json, re
	page = open("page.html").read()
	graphs = json.loads(re.search(r'id="graphs"[^>]*>(.*?)</script', page, re.S)[1])
	of = [g["context_of"] for g in graphs]
	assert of[0] == of[1] == of[2] and set(of[0]) == {None, 0}
	assert [len(g["contexts"]) for g in graphs] == [1, 0, 0]
	assert [g["context_text"] for g in graphs] == [["x" * 10**5], [], []]
	END
}

@test "match2html: names, labels and contexts of many dictionaries, which share them" {
	# models N NAME: matchings of feature 0 of layer 3 of as many models
	models() {
		"$PY" - "$@" <<-'END'
		import sys, numpy as np, semot
		u4, none = np.zeros(1, "<u4"), np.zeros(0, "<u4")
		side = lambda s: {s + "_layer": ["3"], s + "_feature": u4}
		rest = {"free_row_layer": [], "free_row_feature": none, "free_col_layer": [],
		        "free_col_feature": none}
		cost = {"cost": np.ones(1, "<f4"), "margin": np.ones(1, "<f4")}
		for i in range(int(sys.argv[1])):
		    model = {"row_model": f"{i}{sys.argv[2]}", "col_model": "x"}
		    pair = {**side("row"), **side("col"), **cost}
		    semot.write("-", {"kind": "matching", **model}, [pair, rest])
		END
	}
	models 300 "" >m
	contexts '"x"' 100000 >c
	match2html --contexts c m >page.html
	[ "$(wc -c <page.html)" -lt 2000000 ]
	"$PY" -c '
from match_page import carried
c = carried("page.html")["contexts"]
assert list(c["first"]) == [0] * 301 and list(c["contexts"]) == [1] * 301
assert list(c["begin"]) == [0, 100000]'
	printf '3\t0\t%s\n' "$(head -c 10000 /dev/zero | tr '\0' y)" >labels
	fails 1 match2html --labels labels m
	[ "$line" = "match2html: labels of more than 1024 bytes for each of 301 features" ]
	[ ! -s stdout ]
	models 300 "$(head -c 4000 /dev/zero | tr '\0' y)" >m
	fails 1 match2html m
	[[ $line == "match2html: names of layers, models and SAEs of more than 1024 bytes for "* ]]
	[ ! -s stdout ]
}

@test "names and labels beside pairs, and ids beside links, have 1,024 bytes each on average" {
	"$PY" -c '
import numpy as np, semot
u4 = lambda n: np.arange(n, dtype="<u4")
def distances(name, n, blocks):
    ids = {"row_layer": [name] * blocks, "row_feature": u4(blocks),
           "col_layer": ["b"] * n, "col_feature": u4(n)}
    rows = [{"row0": i, "dist": np.ones((1, n), "<f4")} for i in range(blocks)]
    semot.write("d", {"kind": "distances", "rows": blocks, "cols": n, "history": []}, [ids] + rows)
distances("x" * 10**4, 900, 1)'
	fails 1 frame2tsv d
	[[ $line == *": texts of more than 1024 bytes for each of 900 entries" ]]
	fails 1 show d
	[[ $line == *": texts of more than 1024 bytes for each of 900 entries" ]]
	# the same label in each of many frames
	"$PY" -c '
import numpy as np, semot
one = {"layer": ["3"], "feature": np.zeros(1, "<u4")}
semot.write("f", {"kind": "x", "history": []}, [one] * 300)'
	printf '3\t0\t%s\n' "$(head -c 10000 /dev/zero | tr '\0' y)" >labels
	fails 1 frame2tsv --labels labels f
	[[ $line == *": texts of more than 1024 bytes for each of "*" entries" ]]
	stream graph >g
	"$PY" -c '
import semot
[(header, (nodes, *more))] = semot.read("g")
nodes["node_id"][1] = "y" * 10 ** 6
semot.write("long", header, [nodes, *more])'
	fails 1 frame2graph long
	[[ $line == "frame2graph: long: ids of more than 1024 bytes for each of "*" links" ]]
}
