# contract: none npz2frame {arrays}

load helper

# saved PYTHON: own.npz with these arguments of np.savez; D is a matrix (5, 6), S a sparse one
saved() {
	"$PY" -c "
import sys
import numpy as np, scipy.sparse
D = np.random.default_rng(1).random((5, 6))
S = scipy.sparse.random(8, 6, .5, 'csr', random_state=1, dtype='f4')
S.data += 1
np.savez('own.npz', $1)"
}

# refused COMPLAINT OPTION...: own.npz is refused with "npz2frame: own.npzCOMPLAINT"
refused() {
	fails 1 npz2frame "${@:2}" own.npz
	[ "$line" = "npz2frame: own.npz$1" ] || { echo "$line"; false; }
	[ ! -s stdout ] || fails 1 framecat --check stdout
}

@test "a matrix of one's own is matched as scipy does" {
	"$PY" - <<-'END'
	import numpy as np
	rng = np.random.default_rng(0)
	d = rng.random((40, 50))
	d[3, 7] = np.inf
	np.savez("own.npz", dist=d, row_layer="12", col_layer=np.array(["20"] * 50),
	         row_feature=np.arange(100, 140), metric="mine", row_model="toy")
	np.savez_compressed("bare.npz", dist=d.astype("f2"))
	END
	npz2frame --kind distances own.npz >d
	npz2frame --kind distances <own.npz | framecat --check
	hungarian --quiet d >m
	"$PY" - <<-'END'
	import numpy as np, scipy.optimize
	from semot import read
	z, [d], [m] = np.load("own.npz"), read("d"), read("m")
	assert np.array_equal(d["dist"], z["dist"].astype("f4"))
	rows, cols = scipy.optimize.linear_sum_assignment(np.nan_to_num(z["dist"], posinf=9))
	assert m["row_feature"].tolist() == (rows + 100).tolist()
	assert m["col_feature"].tolist() == cols.tolist() and set(m["row_layer"]) == {"12"}
	assert d.header["metric"] == "mine" and d.header["row_model"] == "toy"
	assert (d.header["rows"], d.header["cols"]) == (40, 50)
	assert d.header["history"][-1][0] == "npz2frame"
	END
	npz2frame --kind distances --set row_layer=12 --set col_layer=20 --set note=x bare.npz >b
	hungarian --quiet b | framecat --check
	framecat --header b | grep -q '"note":"x".*"metric":"own"'
	cat bare.npz | npz2frame --kind distances --set row_layer=12 --set col_layer=20 |
		framecat --check
}

@test "distances of one's own in blocks, of nearest columns, with names of nodes" {
	"$PY" -c '
import numpy as np
d = np.sort(np.random.default_rng(0).random((3000, 200)).astype("f4"))
np.savez("top.npz", dist=d, col=np.tile(np.arange(200), (3000, 1)), row_layer="1", col_layer="2",
         col_feature=np.arange(700, dtype="u8"), beyond=d[:, -1], kind="distances",
         row_node=[f"n{i}" for i in range(3000)])'
	npz2frame top.npz >d
	nearest --quiet d | framecat --check
	"$PY" - <<-'END'
	import numpy as np
	from semot import read
	z, [d] = np.load("top.npz"), read("d")
	assert len(d.frames) == 4 and [b["row0"] for b in d.frames[1:]] == [0, 1310, 2620]
	for name in "dist", "col", "beyond", "row_node":
	    assert np.array_equal(d[name], z[name]), name
	assert d.header["top"] == 200 and d.header["cols"] == 700
	END
}

@test "distributions of one's own are those that featdist would have made" {
	act-dump --hidden "$SAMPLE/hidden_L3.npy" --sae "$SAMPLE/sae_L3_s0" --layer 3 \
		--features 0:60 | featdist --quiet >d
	frame2npz d >d.npz
	"$PY" - <<-'END'
	import numpy as np, scipy.sparse
	z = np.load("d.npz")
	w = scipy.sparse.load_npz("d.npz")
	scipy.sparse.save_npz("w.npz", w)
	beside = {name: z[name] for name in ("point", "token", "feature", "mass", "count")}
	np.savez("own.npz", **np.load("w.npz"), **beside, layer="3",
	         space="layer 3", kind="distributions")
	END
	npz2frame own.npz >own
	"$PY" - <<-'END'
	import numpy as np
	from semot import read
	[a], [b] = read("d"), read("own")
	for name in a.frames[0].keys() | a.frames[-1].keys():
	    assert np.array_equal(a[name], b[name]), name
	assert len(b.frames) == 3				# points beyond a megabyte are two
	END
	cmp <(emd --quiet d own | frame2json | sed 1d) <(emd --quiet d d | frame2json | sed 1d)
}

@test "a coupling of one's own, in blocks, and a matching" {
	stream activations --frames 200 >a
	"$PY" - <<-'END'
	import numpy as np, scipy.sparse
	n = 12000
	g = scipy.sparse.random(n, n, 24 / n, "csr", random_state=1, dtype="f4")
	g.data += 1
	scipy.sparse.save_npz("g.npz", g)
	np.savez("m.npz", row_layer="3", col_layer="3", row_feature=[0, 1, 2],
	         col_feature=[2, 0, 5], cost=[.5, 1, 2], margin=np.zeros(3),
	         certified=np.array([1, 0, 1]))
	END
	npz2frame --kind coupling g.npz >g
	[ "$(framecat --count g | cut -f 3)" = 3 ]
	frame2npz g >again.npz
	"$PY" -c '
import scipy.sparse
a, b = (scipy.sparse.load_npz(f) for f in ("g.npz", "again.npz"))
assert (a != b).nnz == 0'
	coact --coupling g a a | framecat --check
	npz2frame --kind matching m.npz >m
	frame2tsv --columns row_feature,col_feature,cost,margin,certified m | tr '\t' ' ' |
		cmp - <(printf '%s\n' "row_feature col_feature cost margin certified" \
			"0 2 0.5 0.0 1" "1 0 1.0 0.0 0" "2 5 2.0 0.0 1")
	match-eval --a a --b a m | framecat --check
}

@test "what frame2npz wrote may be changed in Python, number by number" {
	stream distances --frames 3 >d
	frame2npz d >d.npz
	"$PY" -c '
import numpy as np
z = dict(np.load("d.npz"))
z["dist"] = (z["dist"] + 1).astype("f8")
np.savez_compressed("more.npz", **z)
del z["frames"]
rows = ("dist", "row_layer", "row_feature")
np.savez("fewer.npz", **{k: v[:6] if k in rows else v for k, v in z.items()})
z["dist"] = z["dist"].T
np.savez("turned.npz", **z)'
	npz2frame more.npz >e
	npz2frame fewer.npz >f
	"$PY" - <<-'END'
	import numpy as np
	from semot import read
	[d], [e], [f] = read("d"), read("e"), read("f")
	assert np.array_equal(e["dist"], d["dist"] + 1) and len(e.frames) == len(d.frames)
	assert e.header == d.header
	assert np.array_equal(f["dist"], d["dist"][:6] + 1) and f.header["rows"] == 6
	assert [h[0] for h in f.header["history"]] == ["make_stream", "npz2frame"]
	END
	cp turned.npz own.npz
	refused ":dist: Fortran order: save it in C order (np.ascontiguousarray)"
}

@test "what is open or wrong is refused, and the line names what there is, or the option" {
	saved "dist=D, other=D"
	refused ": --kind says of what stream these are the arrays: dist, other"
	refused ": no row_layer, which is the layer of each: $(
		)--set row_layer=LAYER for all of them" --kind distances
	both="--kind distances --set row_layer=1 --set col_layer=2"
	# shellcheck disable=SC2086
	refused ": distances have no array other; see npz2frame(1)" $both
	saved "distance=D"
	# shellcheck disable=SC2086
	refused ": no array dist, which distances have; there are distance" $both
	saved "dist=D, row_layer='1', col_layer=['2'] * 7"
	refused ": dist has 6, where col_layer has 7" --kind distances
	saved "dist=D[0], row_layer='1', col_layer='2'"
	refused ":dist: 1 dimensions of numbers, where 2 of numbers are wanted" --kind distances
	saved "dist=D, row_layer='1', col_layer='2', row_feature=np.arange(5) - 1"
	refused ":row_feature: a number that does not fit into <u4" --kind distances
	saved "dist=D, row_layer='1', col_layer='2', row_feature=np.arange(5) / 2"
	refused ":row_feature: a number that does not fit into <u4" --kind distances
	saved "dist=D * 1e300, row_layer='1', col_layer='2'"
	refused ":dist: a number that does not fit into <f4" --kind distances
	saved "data=[1.], indices=[0], indptr=[0, 1], point=[[1., 2.]], layer='3'"
	refused ": no space for the header: --set space=TEXT gives it" --kind distributions
	saved "data=[1.], indices=[0], indptr=[0, 2], point=[[1., 2.]]"
	refused ":indptr: row 1 begins with entry 2 of 1" --kind distributions
	saved "data=[1.], indices=[0], indptr=[0, 1, 0], point=[[1., 2.]]"
	refused ":indptr: row 2 begins with entry 0 of 1" --kind distributions
	saved "data=[1.], indices=[0], indptr=[0, 1], shape=[1, 3], point=[[1., 2.]]"
	refused ": shape has 3, where point has 1" --kind distributions
	saved "data=[1.], indices=[0], indptr=[0, 1], format='csc', shape=[1, 3]"
	refused ": a sparse matrix in csc format: save_npz(FILE, matrix.tocsr())" --kind coupling
	saved "data=[1.], indices=[0], indptr=[0, 1]"
	refused ": nothing says how many col_token there are" --kind coupling
	refused ": activations of one's own: act-import reads them" --kind activations
	refused ": no array frames, which a stream of flow needs: frame2npz writes it; $(
		)without it distances, distributions, coupling, matching can be made" --kind flow
	saved "dist=D, kind='distances'"
	refused ": of kind distances, where --kind is matching" --kind matching
	np=$'not an .npz: np.savez(FILE, NAME=ARRAY, ...) writes one'
	cp "$SAMPLE/tokens.npy" own.npz
	refused ": $np"
	stream matching | frame2npz >own.npz
	fails 2 npz2frame --set a=b own.npz
	fails 2 npz2frame --kind matching own.npz
	saved "dist=D"
	fails 2 npz2frame --kind distances --set row_layer own.npz
	fails 2 npz2frame --kind distances --set dist=1 own.npz
}

@test "frames that are not those of the arrays are refused" {
	stream activations --frames 2 >a
	frame2npz a >a.npz
	changed() {
		"$PY" -c "
import numpy as np
z = dict(np.load('a.npz'))
text = str(z['frames'])
$1
np.savez('own.npz', **z)"
		refused "$2"
	}
	changed "z['data'] = z['data'][:-1]" ":data: fewer rows than the frames have"
	changed "z['token'] = np.arange(121)" ":token: 1 rows more than the frames have"
	changed "z['mine'] = np.arange(3)" ":mine: in none of the frames"
	changed "del z['data']" ":frames: line 1: no array data: there are $(
		)token, point, indptr, indices, shape, format, header, frames"
	changed "z['point'] = z['point'][:, 1:]" ":point: of another shape than the frames have"
	changed "z['point'] = z['point'].astype(str)" \
		":point: of another shape than the frames have"
	changed "z['indptr'] = z['indptr'] + 1" ":indptr: offsets that do not begin with 0"
	changed "z['indptr'][5] = 0" ":indptr: offsets that descend, or a frame of 2^32 entries"
	changed "z['frames'] = text.replace('\"data\"', '\"indices\"')" \
		":frames: line 1: indices twice"
	changed "z['frames'] = '{\"end\":1}'" \
		":frames: line 1: semot and end are no names for fields of a frame"
	changed "del z['header']" ": frames, but no header"
	changed "z['header'] = np.arange(2)" ":header: not a text, where one is expected"
}

@test "an .npz that is cut, or has any byte changed, is refused or the same stream" {
	stream distributions >a
	frame2npz a >a.npz
	framecat a >plain
	"$PY" - <<-'END'
	import os, random, subprocess
	os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
	data, plain, dice = open("a.npz", "rb").read(), open("plain", "rb").read(), random.Random(1)
	def tried(bad, what):
	    open("bad.npz", "wb").write(bad)
	    run = subprocess.run(["npz2frame", "bad.npz"], capture_output=True)
	    said = run.stderr.decode()
	    assert run.returncode == 0 and run.stdout == plain or run.returncode == 1 and \
	        said.startswith("npz2frame: bad.npz") and said.count("\n") == 1, (what, run)
	    return run.returncode
	for i in range(40):
	    assert tried(data[:dice.randrange(len(data))], "cut") == 1
	def flipped(at):
	    return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1:]
	refused = sum(tried(flipped(at), at) for at in dice.sample(range(len(data)), 120))
	assert refused > 60, refused
	END
}

@test "any text for frames, and any shape, type and bytes of arrays, is read or refused" {
	stream activations >a
	frame2npz a >a.npz
	TIMES=${TIMES:-150} "$PY" - <<-'END'
	import io, os, random, subprocess, zipfile
	import numpy as np
	os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
	dice = random.Random(2)
	members = {n: zipfile.ZipFile("a.npz").read(n) for n in zipfile.ZipFile("a.npz").namelist()}
	for i in range(int(os.environ["TIMES"])):
	    changed = dict(members)
	    name = dice.choice(["frames.npy", "header.npy", *members])
	    data = bytearray(changed[name])
	    for _ in range(dice.randrange(1, 4)):
	        if name in ("frames.npy", "header.npy"):	# characters, of four bytes
	            at = 4 * dice.randrange(len(data) // 4)
	            data[at] = ord(dice.choice('0123456789[]{}",:<u4fU8e-'))
	        else:
	            data[dice.randrange(dice.choice([128, len(data)]))] = dice.randrange(256)
	    changed[name] = bytes(data)
	    with zipfile.ZipFile("bad.npz", "w") as z:
	        for n, bytes_ in changed.items():
	            z.writestr(n, bytes_)
	    run = subprocess.run(["npz2frame", "bad.npz"], capture_output=True)
	    said = run.stderr.decode()
	    assert run.returncode == 0 and not said or run.returncode == 1 and \
	        said.startswith("npz2frame: ") and said.count("\n") == 1, (i, name, run)
	END
}
