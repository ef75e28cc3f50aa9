# contract: activations frame2npz

load helper

# back FILE: npz2frame of frame2npz is the stream, to the byte
back() {
	frame2npz "$1" >back.npz
	npz2frame back.npz >again
	framecat "$1" | cmp - again
}

# The streams of one small job, as programs write them.
setup_file() {
	mkdir "$BATS_FILE_TMPDIR/job" && cd "$BATS_FILE_TMPDIR/job" || exit
	for l in 1 2 3; do
		act-dump --hidden "$SAMPLE/hidden_L$l.npy" --sae "$SAMPLE/sae_L${l}_s0" --layer $l \
			--features 0:90 --tokens "$SAMPLE/tokens.npy" >$l.activations
		featdist --quiet --support 8 $l.activations |
			refproj --lift "$SAMPLE/hidden_L6.npy" --whiten --dim 16 >$l.distributions
	done
	for pair in 1-2 2-3; do
		emd --quiet --error 2 ${pair%-*}.distributions ${pair#*-}.distributions \
			>$pair.distances
		hungarian --quiet $pair.distances >$pair.matching
		nearest --quiet $pair.distances >$pair.nearest
	done
	sinkhorn --quiet --top 3 1.distributions 2.distributions >top.distances
	flow ?-?.matching ?-?.nearest >chains.flow
	act-dump --hidden "$SAMPLE/hidden_L3.npy" --sae "$SAMPLE/sae_L3_s0" --features 0:30 >points
	couple --quiet points points >tokens.coupling
	contexts --quiet --tokens "$SAMPLE/tokens.npy" --vocab "$SAMPLE/vocab.txt" \
		1.activations >1.contexts
	match-eval --a 1.activations --b 2.activations 1-2.matching >1-2.scores
	refaxes --whiten "$SAMPLE/hidden_L6.npy" >whole.axes
	graph2frame "$SAMPLE/graphs/add-three-four.json" >whole.graph
	edgeprofile whole.graph >nodes.distances
	supernode --quiet --graph whole.graph --to 10% nodes.distances >grouped.graph
}

job() {
	cp "$BATS_FILE_TMPDIR"/job/*.* .
}

@test "every kind comes back to the byte, as programs write it" {
	job
	for stream in *.*; do
		echo "$stream"
		back "$stream"
	done
}

@test "so do streams of many and of no frames, unknown fields, LZ4, values of every sort" {
	for kind in activations distributions distances coupling matching graph; do
		stream $kind --frames 7 --unknown >a
		back a
		stream $kind --frames 7 --unknown --lz4 >packed
		frame2npz packed | cmp - back.npz
		stream $kind --empty >a
		back a
	done
	for seed in $(seq 30); do
		oracle values make "$seed" | framecat >a
		frame2npz a | npz2frame >b
		oracle values same a b
	done
}

@test "NumPy reads the fields of all frames as one array, and scipy the sparse matrices" {
	job
	"$PY" - *.* <<-'END'
	import io, json, sys, subprocess, zipfile
	import numpy as np, scipy.sparse
	from semot import read
	renamed = {"activations": ("feature", "value"), "distributions": ("row", "weight"),
	           "coupling": ("col", "weight")}
	offsets = "indptr", "begin"
	for name in sys.argv[1:]:
	    [stream] = read(name)
	    data = subprocess.run(["frame2npz", name], capture_output=True, check=True).stdout
	    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
	    z = np.load(io.BytesIO(data))
	    kind = stream.header["kind"]
	    assert json.loads(str(z["header"])) == stream.header, name
	    left = set(z.files) - {"header", "frames", "shape", "format"}
	    sparse = dict(zip(renamed.get(kind, ()), ("indices", "data")))
	    for field in {field for frame in stream.frames for field in frame}:
	        if kind == "flow" or field in ("row0", "json"):
	            continue
	        member = sparse.get(field, field)
	        left.remove(member)
	        x, y = z[member], stream[field]
	        assert np.array_equal(x, y, x.dtype.kind == "f"), (name, field)
	        assert x.dtype.str == (y.dtype.str if x.dtype.kind == "U" else "<i4" if
	            member == "indices" else "<i8" if field in offsets else y.dtype.str), field
	    assert kind == "flow" or not left, left
	    if sparse:
	        m = scipy.sparse.load_npz(io.BytesIO(data))
	        m.check_format()
	        assert m.format == "csr" and m.indices.dtype == np.int32
	        columns = {"activations": "features", "coupling": "cols"}
	        assert m.shape == (len(z["indptr"]) - 1, len(z["token"]) if kind == "distributions"
	                           else stream.header[columns[kind]]), name
	        if kind == "distributions":
	            assert np.allclose(m.sum(axis=1), 1, atol=1e-5)
	END
}

@test "a flow's frames get names of their own; a name that is there twice gets a number" {
	job
	frame2npz chains.flow >flow.npz
	"$PY" - <<-'END'
	import numpy as np
	from semot import read
	z, [f] = np.load("flow.npz"), read("chains.flow")
	path, pairs, chains, merges = f.frames
	assert z["layer"].tolist() == path["layer"]
	assert z["row_layer"].tolist() == pairs["row_layer"]
	for prefix, frame in ("chain_", chains), ("merge_", merges):
	    for field in frame:
	        assert np.array_equal(z[prefix + field], frame[field]), field
	END
	printf '%s\n' '{"semot":1}' '{"a":["<u4",[1],[1]],"header":["x"]}' \
		'{"a":["<f4",[2],[1,2]]}' '{"a":["<u4",[2],[3,4]]}' '{"a":["<u4",[1],[5]]}' \
		'{"end":4}' | json2frame >s
	back s
	"$PY" -c '
import numpy as np
z = np.load("back.npz")
assert z.files == ["a", "header_2", "a_2", "a_3", "header", "frames"], z.files
assert z["a_3"].tolist() == [3, 4, 5] and z["header_2"].tolist() == ["x"]'
}

@test "bits of every dtype stay, those of NaN too; bf16 becomes <f4 on the way" {
	"$PY" - <<-'END'
	import numpy as np
	from semot import DTYPES, write
	bits = np.random.default_rng(5).bytes(1 << 16)
	def frames(n):
	    for i in range(n):
	        part = bits[i << 10:][:4096]
	        bf16 = ["bf16", [2, 512, 2], part]
	        yield {"bf16": bf16, **{d: np.frombuffer(part, d) for d in DTYPES}}
	write("a", {}, frames(5))
	END
	framecat a >b
	back b
	"$PY" -c '
import numpy as np
z = np.load("back.npz")
assert z["bf16"].dtype == "<f4" and z["bf16"].shape == (10, 512, 2)
assert not (z["bf16"].view("<u4") & 0xffff).any()'
}

@test "strings: all of Unicode, bytes that are no UTF-8, none, very unlike lengths" {
	"$PY" - <<-'END'
	import numpy as np
	from semot import write
	wrong = b"\xff\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80".decode(errors="surrogateescape")
	text = ["", "a", "\u00e9\u2028\U0001f600", "\x7f\t\n", wrong,
	        "".join(map(chr, range(0xd7f0, 0xd800))) + chr(0x10ffff)]
	write("a", {}, [{"text": text, "none": []}, {"text": text[::-1], "none": []}])
	write("long", {}, [{"short": ["x"] * 4000, "long": ["y" * 9999] + ["x"] * 3999}])
	END
	framecat a >b
	back b
	framecat long >b
	back b
	frame2npz a >a.npz
	frame2npz long >long.npz
	"$PY" - <<-'END'
	import numpy as np
	from semot import read
	z, [s] = np.load("a.npz"), read("a")
	assert z["text"].tolist() == s.frames[0]["text"] + s.frames[1]["text"]
	assert z["none"].shape == (0,) and z["none"].dtype.kind == "U"
	assert np.load("long.npz").files == ["short", "header", "frames"]
	END
}

@test "of several streams one: --stream N; the others are read to their ends" {
	stream matching >one
	stream distances >two
	cat one two >both
	fails 1 frame2npz both
	says="an .npz holds one stream: --stream N says which"
	[ "$line" = "frame2npz: both: stream 2: header: $says" ]
	[ ! -s stdout ]
	frame2npz --stream 2 both | cmp - <(frame2npz two)
	frame2npz --stream 1 both | cmp - <(frame2npz <one)
	fails 1 frame2npz --stream 3 both
	[ "$line" = "frame2npz: both: no stream 3: there are 2" ]
	head -c -9 both >cut
	fails 1 frame2npz --stream 1 cut
	[ ! -s stdout ]
	fails 2 frame2npz one two
}

@test "a matrix whose rows or columns are not what they say is refused" {
	bad() {
		json2frame >s
		fails 1 frame2npz s
		[ "$line" = "frame2npz: s: frame 1: $1" ] || { echo "$line"; false; }
	}
	bad "indptr does not begin with 0" <<-'END'
	{"semot":1,"kind":"activations","features":3}
	{"indptr":["<u4",[2],[1,1]],"feature":["<u4",[0],[]],"value":["<f4",[0],[]]}
	{"end":1}
	END
	bad "indptr row 1 descends" <<-'END'
	{"semot":1,"kind":"activations","features":3}
	{"indptr":["<u4",[3],[0,2,1]],"feature":["<u4",[1],[0]],"value":["<f4",[1],[1]]}
	{"end":1}
	END
	bad "feature 3 of 3" <<-'END'
	{"semot":1,"kind":"activations","features":3}
	{"indptr":["<u4",[2],[0,1]],"feature":["<u4",[1],[3]],"value":["<f4",[1],[1]]}
	{"end":1}
	END
	printf '{"semot":1,"kind":"activations"}\n%s\n{"end":1}' \
		'{"indptr":["<u4",[2],[0,1]],"feature":["<u4",[1],[3]],"value":["<f4",[1],[1]]}' |
		json2frame | frame2npz >s.npz
	"$PY" -c '
import scipy.sparse
assert scipy.sparse.load_npz("s.npz").shape == (1, 4)'
}

@test "a terminal gets no .npz" {
	stream matching >a
	oracle terminal 'frame2npz a' >said 2>&1 || true
	grep -q "stdout is a terminal: send the .npz to a file" said
}
