# examples/semot.py, against the programs.

load helper

# copied [True]: the streams on stdin, read and written by semot.py; True: as LZ4
copied() {
	"$PY" -c 'from semot import read, write
for header, frames in read("-"):
    write("-", header, frames, '"${1-False}"')'
}

@test "every example in its docstrings runs, and hungarian takes what one of them makes" {
	"$PY" -m doctest "$ROOT/examples/semot.py"
	[ "$(hungarian own.dist | framecat --count | cut -f 2,3)" = $'matching\t2' ]
}

@test "what it reads and writes is the same stream: kinds, and fields of every sort" {
	for kind in activations distributions distances coupling matching graph; do
		stream $kind --frames 5 --unknown | framecat >a
		copied <a >b
		framecat b | cmp - a
	done
	for seed in $(seq 20); do
		oracle values make "$seed" | framecat >a
		copied <a >b
		framecat --check b
		oracle values same a b
	done
}

@test "numbers of every dtype keep their bits; those of bf16 become f4" {
	"$PY" - <<-'END'
	import numpy as np
	from semot import DTYPES, bf16, read, write
	bits = np.random.default_rng(3).bytes(4096)
	for dtype in DTYPES:
	    x = np.nan_to_num(np.frombuffer(bits, dtype), nan=1)
	    write(dtype[1:], {}, [{"a": x, "b": x.reshape(4, 2, 1, -1).T},
	                          {"a": x[:0].reshape(0, 3), "b": x[5:6].reshape(())}])
	all16 = np.arange(65536, dtype="<u2")
	all16 = all16[all16 & 0x7fff <= 0x7f80]
	bits = all16.astype("<u4") << 16
	write("bf16", {}, [{"a": ["bf16", [len(all16)], all16.tobytes()]}])
	[(_, [frame])] = read("bf16")
	assert frame["a"].dtype == "<f4" and (frame["a"].view("<u4") == bits).all()
	write("again", {}, [{"a": bf16(frame["a"])}])
	[(_, [frame])] = read("again")
	assert (frame["a"].view("<u4") == bits).all()
	between = bf16([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8 - 2**-20, np.nan, 3.4e38])[2]
	assert np.frombuffer(between, "<u2").tolist() == [0x3f80, 0x3f82, 0xbf81, 0x7fc0, 0x7f80]
	END
	for dtype in f4 f8 f2 u4 u8 i4 u1; do
		copied <$dtype | frame2json | cmp - <(frame2json $dtype)
		frame2json $dtype | json2frame | copied | framecat | cmp - <(framecat $dtype)
	done
	cmp <(framecat bf16) <(framecat again)
}

@test "LZ4 both ways" {
	for kind in activations graph; do
		stream $kind --frames 9 | framecat >a
		framecat --compress a >packed
		copied <packed | framecat | cmp - a
		copied True <a >packed
		[ "$(stat -c %s packed)" -lt "$(stat -c %s a)" ]
		framecat packed | cmp - a
	done
}

@test "kinds of the sample pass through it unchanged" {
	graph2frame "$SAMPLE"/graphs/add-three-four.json >graph
	copied <graph | frame2graph | cmp - <(frame2graph graph)
	act-dump --hidden "$SAMPLE/hidden_L1.npy" --sae "$SAMPLE/sae_L1_s0" >activations
	featdist --quiet <activations >distributions
	cmp distributions <(copied <activations | featdist --quiet)
	centroid <distributions >distances
	cmp distances <(copied <distributions | centroid)
	hungarian --quiet <distances >matching
	cmp matching <(copied <distances | hungarian --quiet)
	cmp <(frame2tsv matching) <(copied <matching | frame2tsv)
}

@test "files of several streams, open files, generators, numpy's numbers" {
	"$PY" - <<-'END'
	import io, pathlib
	import numpy as np
	from semot import read, write
	with open("two", "wb") as file:
	    rows = ({"row0": np.uint8(i)} for i in range(3))
	    write(file, {"p": np.float32(.5), "n": np.int64(3)}, rows)
	    write(file, {"kind": "y", "history": [["a", "1", ["b"]]]}, [])
	expected = [({"semot": 1, "p": .5, "n": 3}, [{"row0": 0}, {"row0": 1}, {"row0": 2}]),
	            ({"semot": 1, "kind": "y", "history": [["a", "1", ["b"]]]}, [])]
	path = pathlib.Path("two")
	for given in "two", path, path.open("rb"), io.BytesIO(path.read_bytes()):
	    assert list(read(given)) == expected
	END
	[ "$(framecat --count two | cut -f 3)" = $'3\n0' ]
	[ "$(cat two two | copied | framecat --count | wc -l)" -eq 4 ]
}

@test "a cut anywhere is a ValueError with its stream and frame; any bit that flips is one, too" {
	printf '%s\n' '{"semot":1}' '{"a":["<u4",[2],[1,2]],"b":["c"]}' '{"end":1}' >lines
	json2frame lines >plain
	stream matching | framecat >>plain
	framecat --compress plain >packed
	"$PY" - <<-'END'
	import io
	from semot import read
	def refused(data):
	    try:
	        return len(list(read(io.BytesIO(data)))) and None
	    except ValueError as problem:
	        return str(problem)
	for name in "plain", "packed":
	    data, boundary = open(name, "rb").read(), open(name, "rb")
	    next(read(boundary))
	    boundary = boundary.tell()
	    for n in set(range(len(data))) - {boundary}:
	        found = refused(data[:n])
	        where = f"input: stream {1 + (n > boundary)}: "
	        assert found and found.startswith(where), (name, n, found)
	    assert refused(data[:-1]) == "input: stream 2: frame 2: cut short: no end mark"
	    assert refused(data[:1]) == "input: stream 1: header: cut short: no end mark"
	    assert refused(b"") == "input: stream 1: header: empty: no header"
	    assert refused(data[:boundary]) is None
	    assert "stream 2: header: not a semot stream: byte" in refused(data[:boundary] + b"x")
	    for bit in range(8 * boundary):
	        flipped = bytearray(data[:boundary])
	        flipped[bit // 8] ^= 1 << bit % 8
	        assert refused(flipped), (name, bit)
	END
	head -c -1 plain >cut
	"$PY" -c 'from semot import read; list(read("cut"))' 2>&1 |
		grep -qx "ValueError: cut: stream 2: frame 2: cut short: no end mark"
}

@test "it refuses every broken stream that the programs refuse, and takes what they take" {
	"$PY" - <<-'END'
	import io, os, resource, subprocess
	import broken
	from semot import read
	os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
	free = {"32 deep", "name with NUL", "4097 fields"}	# limits that Python need not have
	before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
	for name, make in broken.STREAMS.items():
	    data = make()
	    program = subprocess.run(["framecat", "--check"], input=data, capture_output=True)
	    try:
	        list(read(io.BytesIO(data)))
	        assert program.returncode == 0 or name in free, name
	    except ValueError as problem:
	        assert program.returncode == 1 and str(problem).startswith("input: stream "), name
	assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10
	for seed in range(500):
	    try:
	        list(read(io.BytesIO(broken.mutate(seed, "activations"))))
	    except ValueError:
	        pass
	END
}

@test "what cannot be written is a ValueError with its field, and leaves no whole stream" {
	"$PY" - <<-'END'
	import numpy as np
	from semot import write
	for name, field, complaint in [
	        ("i8", np.arange(3), "a: dtype <i8 is none of <f4 <f8 <f2 <u4 <u8 <i4 |u1: "),
	        ("b1", np.ones(3, bool), "a: dtype |b1 is none of "),
	        ("big", np.ones(3, ">f4"), "a: dtype >f4 "),
	        ("text", np.array(["b"]), "a: dtype <U1 "),
	        ("5d", np.ones((1,) * 5), "a: 5 dimensions: the limit is 4"), ("set", {1}, ""),
	        ("end", None, "semot and end are no names for fields")]:
	    try:
	        write(name, {}, [{}, {"end" if name == "end" else "a": field}])
	    except ValueError as problem:
	        assert str(problem).startswith("frame 2: " + complaint), problem
	    else:
	        assert False, name
	END
	for name in i8 b1 big text 5d set end; do
		fails 1 framecat "$name"
		[[ $line == "framecat: $name: frame 2: cut short: no end mark"* ]]
	done
}

@test "without xxhash there are no checksums, without lz4 no compressed streams" {
	stream matching | framecat >a
	framecat --compress a >packed
	oracle broken "wrong checksum" >wrong
	"$PY" - <<-'END'
	import sys
	sys.modules.update(xxhash=None, lz4=None)
	from semot import objects, read, write
	[(header, frames)] = read("a")
	write("b", header, frames)
	assert [fields for fields, _ in objects(open("b", "rb"))][-1] == {"end": 1}
	list(read("wrong"))
	for attempt in lambda: list(read("packed")), lambda: write("c", header, frames, True):
	    try:
	        attempt()
	        raise AssertionError
	    except ModuleNotFoundError as problem:
	        assert "lz4" in str(problem)
	END
	framecat b | cmp - a
}

@test "run() runs a program on paths, numbers and streams in memory, as the shell does" {
	for seed in 0 1; do stream distributions --seed $seed >$seed.dist; done
	"$PY" - <<-'END'
	import pathlib
	from semot import read, run, write
	def same(found, command):
	    [stream] = found
	    stream.header["history"].clear()
	    [expected] = run("sh", "-c", command)
	    expected.header["history"].clear()
	    for name, stream in ("a", stream), ("b", expected):
	        write(name, *stream)
	    assert pathlib.Path("a").read_bytes() == pathlib.Path("b").read_bytes(), command
	[a], [b] = read("0.dist"), read("1.dist")
	command = "sinkhorn --top 5 0.dist 1.dist"
	same(run("sinkhorn", "--top", 5, pathlib.Path("0.dist"), "1.dist"), command)
	same(run("sinkhorn", "--top", 5, a, b), command)
	same(run("sinkhorn", "--top", 5, [a], tuple(b)), command)
	same(run("sinkhorn", "--top", 5, a, "-", input=b), command)
	same(run("sinkhorn", "--top", 5, input=[a, b]), command)
	same(run("hungarian", "--quiet", run("emd", a, b)), "emd 0.dist 1.dist | hungarian --quiet")
	assert run("frame2tsv", a) == run("frame2tsv", "0.dist") == run("frame2tsv", input=a)
	assert run("framecat", "--check", a) == ""
	assert len(run("framecat", a, "0.dist", [a, b])) == 4
	END
}

@test "run() passes more than pipes hold, both ways, and what is not read does not hang" {
	"$PY" - <<-'END'
	import numpy as np
	from semot import run
	big = {"kind": "x", "history": []}, [{"a": np.ones(1 << 18, "<f4")}] * 3
	streams = run("framecat", big, "-", [big, big], input=[big])
	assert len(streams) == 4 and all(s["a"].sum() == 3 << 18 for s in streams)
	assert len(run("framecat", big, input=[big] * 9)) == 1
	try:
	    run("hungarian", big, big)
	    assert False
	except RuntimeError as problem:
	    assert "at most 1 operand" in str(problem) or "hungarian: " in str(problem), problem
	END
}

@test "run() works where stdin, stdout and stderr are closed" {
	stream matching >m
	"$PY" - <<-'END'
	import os
	from semot import read, run
	[m] = read("m")
	for fd in range(3):
	    os.close(fd)
	with open("again", "w") as file:
	    print(run("framecat", "--count", m, m), file=file)
	END
	[ "$(grep -c . again)" -eq 2 ]
}

@test "run() raises the program's line, passes on its notes, and says what cannot be written" {
	stream activations >a
	"$PY" - 2>notes <<-'END'
	import numpy as np
	from semot import read, run
	[a] = read("a")
	for words, kind, line in [
	        (("hungarian", a), RuntimeError,
	         "hungarian: <stream 1>: header: a stream of activations, where "),
	        (("hungarian",), RuntimeError, "hungarian: stdin: empty: not even a header"),
	        (("hungarian", "nothing"), RuntimeError, "hungarian: nothing: No such file"),
	        (("sinkhorn", "--top", 0), RuntimeError, "sinkhorn: --top"),
	        (("sh", "-c", "framecat a | head -c 99"), ValueError,
	         "sh: stream 1: header: cut short"),
	        (("sh", "-c", "kill -9 $$"), RuntimeError, "sh: exit status -9"),
	        (("nonesuch", a), FileNotFoundError, "[Errno 2] No such file"),
	        (("framecat", ({}, [{"a": np.arange(3)}])), ValueError,
	         "frame 1: a: dtype <i8 is none")]:
	    try:
	        run(*words)
	        assert False, words
	    except kind as problem:
	        assert str(problem).startswith(line), problem
	[d] = run("featdist", a)
	assert d.header["kind"] == "distributions"
	END
	featdist <a 2>&1 >/dev/null | cmp - notes
}

@test "a name in brackets is that field of all frames, and an error names those that there are" {
	for kind in activations distributions distances coupling; do
		stream $kind --frames 3 >$kind
		frame2npz $kind >$kind.npz
	done
	"$PY" - <<-'END'
	import numpy as np
	from semot import read
	for kind in "activations", "distributions", "distances", "coupling":
	    [s], z = read(kind), np.load(kind + ".npz")
	    for name in z.files:
	        if name not in ("data", "indices", "shape", "format", "header", "frames"):
	            assert np.array_equal(s[name], z[name]), (kind, name)
	[s] = read("distances")
	assert repr(s).startswith("<distances: ") and len(repr(s)) < 200, repr(s)
	assert all(name in repr(s) for frame in s.frames for name in frame), repr(s)
	assert s["row_layer"].dtype.kind == "U" and s["row0"].tolist() == [0, 5, 10]
	assert s[0] is s.header and s[1] is s.frames
	try:
	    s["distance"]
	    assert False
	except KeyError as problem:
	    assert problem.args[0] == "no distance: there are row_layer, row_feature, col_layer, " \
	        "col_feature, row0, dist", problem
	END
}
