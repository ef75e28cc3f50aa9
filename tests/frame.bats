# The stream itself, common/stream/, through framecat, which does nothing else; and frame(5).

load helper

# refuses NAME PATTERN: framecat refuses that stream of broken.py in little memory, and says so
refuses() {
	oracle broken "$1" >in
	status=0
	ASAN_OPTIONS=detect_leaks=0 peak framecat --check in 2>stderr || status=$?
	# shellcheck disable=SC2053
	[ "$status" -eq 1 ] && [[ $(<stderr) == framecat:\ in:\ $2 ]] ||
		{ echo "$1: $(<stderr)"; false; }
}

# peak COMMAND...: runs it, and fails with status 99 when it took more than 64 MB (the sanitizers
# take more)
peak() {
	"$PY" -c 'import resource, subprocess, sys
most, *command = sys.argv[1:]
status = subprocess.call(command)
megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
sys.exit(99 if megabytes > int(most) else status)' ${SAN:+5}64 "$@"
}

@test "the framing" {
	refuses "empty" "empty: not even a header (did the program before this one fail?)"
	local cut="cut short: no end mark (did the program before this one fail?)"
	refuses "claims 4 GiB" "header: $cut"
	refuses "claims 4 GiB, LZ4" "header: $cut"
	refuses "ext type 3" "frame 1: not a semot stream: ext type 3"
	refuses "no ext" "frame 1: not a semot stream: byte 0x81 where an ext object begins"
	oracle broken forms >s
	[ "$(framecat --count s | cut -f 3 | tr '\n' ' ')" = "1 1 1 2 " ]
}

@test "header, frames, end mark" {
	refuses "no header" "header: not a semot stream: it begins with no header"
	refuses "version 2" "header: version 2 of the stream, where this program knows 1"
	refuses "version in words" "header: not a semot stream: it begins with no header"
	refuses "history no list" "header: the history is no list"
	refuses "header again" "frame 1: a header where a frame or the end mark has to be"
	refuses "no end" "frame 2: cut short: no end mark (did the program before this one fail?)"
	refuses "wrong count" "frame 2: the end mark counts other frames than the 1 read"
	refuses "count in words" "frame 2: the end mark counts other frames than the 1 read"
	local checksum="frame 2: the checksum of the end mark is not that of the bytes read"
	refuses "wrong checksum" "$checksum"
	refuses "checksum in words" "$checksum"
	refuses "more in the end" \
		"frame 2: the end mark holds a field that is neither end nor xxh64"
	refuses "frame behind the end" \
		"stream 2: header: not a semot stream: it begins with no header"
	oracle broken "no checksum" | framecat --check
}

@test "maps whose counts and lengths lie" {
	for name in "nothing" "no map" "two maps" "list of 4 GiB" "map of 4 GiB" "lists in lists" \
		"bytes of 4 GiB" "text of 4 GiB" "extension of 4 GiB" "lists of too many" "byte c1"
	do
		refuses "$name" "frame 1: the payload is no MessagePack map"
	done
	refuses "32 deep" "frame 1: values are nested deeper than 31"
	refuses "100000 deep" "frame 1: values are nested deeper than 31"
	refuses "name twice" "frame 1: the field a stands twice"
	refuses "name no text" "frame 1: a field's name is no string"
	refuses "name with NUL" "frame 1: a field's name is no string"
	refuses "4097 fields" "frame 1: 4097 fields: the limit is 4096"
	for name in "31 deep" "4096 fields"; do
		oracle broken "$name" >a
		framecat a >b
		framecat b | cmp - b
	done
}

@test "tensors whose shape and bytes disagree" {
	refuses "too few bytes" "frame 1: a: 20 bytes where its shape needs 24"
	refuses "too many bytes" "frame 1: a: 28 bytes where its shape needs 24"
	refuses "length -1" "frame 1: a: shape holds something that is no length"
	refuses "length 1.5" "frame 1: a: shape holds something that is no length"
	refuses "length 2^32" "frame 1: a: shape holds something that is no length"
	refuses "lengths overflow" "frame 1: a: shape overflows"
}

@test "LZ4 frames that lie" {
	refuses "LZ4 without size" "frame 1: LZ4 frame without content size or checksum"
	refuses "LZ4 without checksum" "frame 1: LZ4 frame without content size or checksum"
	refuses "LZ4 skipped" "frame 1: LZ4 frame without content size or checksum"
	refuses "LZ4 cut" "frame 1: LZ4 frame cut short"
	refuses "LZ4 and more" "frame 1: LZ4 frame of the wrong length"
	refuses "LZ4 twice" "frame 1: LZ4 frame of the wrong length"
	refuses "LZ4 flipped" "frame 1: LZ4 frame: ERROR_contentChecksum_invalid"
	refuses "LZ4 claims 8 GiB" "frame 1: LZ4 frame claims 8589934592 bytes of 4375"
	refuses "LZ4 claims 1 MiB" "frame 1: LZ4 frame cut short"
	refuses "LZ4 claims more" "frame 1: LZ4 frame: ERROR_frameSize_wrong"
	refuses "LZ4 claims less" "frame 1: LZ4 frame cut short"
	refuses "LZ4 nils" "frame 1: more than 47????? values in a payload of 3???? bytes"
	refuses "LZ4 empty texts" "frame 1: more than 47????? values in a payload of 3???? bytes"
	refuses "no LZ4" "frame 1: not an LZ4 frame: ERROR_frameHeader_incomplete"
	oracle broken LZ4 | framecat --check
}

@test "what would be more values than LZ4 may hold is not compressed" {
	"$PY" -c 'import sys, semot
for n in 1 << 22, 5 << 20:
    header = {"kind": "x", "history": []}
    semot.write(f"{n >> 20}", header, [{"a": [""] * n}])'
	framecat --compress 4 >4.lz4
	framecat --compress 5 >5.lz4
	[ "$(wc -c <4.lz4)" -lt 20000 ]
	[ "$(wc -c <5.lz4)" -gt 5000000 ]
	for n in 4 5; do
		framecat --decompress $n.lz4 | cmp - <(framecat $n)
	done
}

@test "what is no tensor of ours passes as it is" {
	oracle broken "unusual tensors" >a
	framecat a >b
	framecat --compress b >c
	"$PY" - <<-'END'
	import msgpack
	frame = lambda name: msgpack.unpackb(list(msgpack.Unpacker(open(name, "rb")))[1].data)
	assert frame("a") == frame("b")
	END
	framecat c | cmp - b
}

@test "tensors lie at multiples of 8 bytes, whatever the names" {
	"$PY" - >a <<-'END'
	import random
	import numpy as np
	from semot import write
	dice = random.Random(0)
	shapes = [(-1,), (1, -1), (1, -1, 1), (-1, 1, 1, 1)]
	def tensor():
	    raw = dice.randbytes(8 * (1 + dice.randrange(3)))
	    values = np.frombuffer(raw, dice.choice(["<u4", "|u1", "<u8", "<i4"]))
	    return values.reshape(dice.choice(shapes))
	frames = [{"n" * (dice.randrange(40) + 40 * k): tensor() for k in range(6)}
	          for _ in range(60)]
	write("-", {"history": []}, frames)
	END
	framecat a >b
	oracle values same a b
	"$PY" - <<-'END'
	import msgpack
	from semot import objects
	for (fields, _), raw in zip(objects(open("b", "rb")), msgpack.Unpacker(open("b", "rb"))):
	    for name, tensor in fields.items():
	        if hasattr(tensor, "tobytes"):
	            at = raw.data.index(name.encode()) + len(name)
	            assert raw.data.index(tensor.tobytes(), at) % 8 == 0, name
	END
}

@test "the checksum is XXH64 of all bytes before the end mark" {
	for kind in activations graph; do
		for packing in --decompress --compress; do
			stream $kind | framecat $packing >s
			"$PY" - <<-'END'
			from semot import objects
			from xxhash import xxh64
			*hashed, (end, _) = objects(open("s", "rb"))
			checksum = xxh64(b"".join(raw for _, raw in hashed)).intdigest()
			assert end == {"end": len(hashed) - 1, "xxh64": checksum}
			END
		done
	done
}

@test "read in Python as frame(5) says" {
	stream activations | framecat --compress >a
	stream distributions >12.dist
	cp 12.dist 20.dist
	sed -n '/^\.Sh READING/,/^\.Sh A FILTER/p' "$ROOT/man/frame.5" >section
	sed -n '/^\.Bd/,/^\.Ed/p' section | sed '/^\.Bd/d' |
		sed 's/^\.Ed/assert point.shape == (60, 6) and point.any(); del point/' >read.py
	[ "$(grep -c assert read.py)" -eq 2 ]
	echo 'assert end["end"] == len(frames) == 2' >>read.py
	"$PY" read.py
}

@test "memory is the largest frame, not the stream" {
	[ -z "$SAN" ] || skip "the sanitizers keep what was freed"
	"$PY" -c 'import numpy
from semot import write
write("-", {}, [{"a": numpy.zeros(1 << 20, "|u1")}] * 150, checksum=False)' >s
	peak framecat s >/dev/null
	peak framecat --compress s >packed
	peak framecat packed >/dev/null
}

@test "mutated maps: refused in one line or passed, never more" {
	"$PY" - <<-'END'
	import os, subprocess
	import broken
	os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
	kinds = ["activations", "distributions", "distances", "coupling", "matching", "graph"]
	def framecat(stream, *options):
	    return subprocess.run(["framecat", *options], input=stream, capture_output=True,
	                          timeout=300)
	for seed in range(200 if os.environ.get("SAN") else 1000):
	    result = framecat(broken.mutate(seed, kinds[seed % 6]))
	    again = framecat(result.stdout, "--check")
	    status, lines = result.returncode, result.stderr.count(b"\n")
	    fine = status == 0 and not result.stderr and again.returncode == 0
	    refused = status == 1 and lines == 1 and again.returncode == 1
	    assert fine or refused, (seed, result.stderr, again.stderr)
	END
}

@test "a terminal is refused on stdout" {
	command -v script >/dev/null || skip "no script(1)"
	stream matching >s
	script -qec true /dev/null </dev/null >/dev/null 2>&1 || skip "no terminals here"
	script -qec "framecat s" /dev/null </dev/null |
		grep -q "framecat: stdout is a terminal: pipe the stream into frame2json"
}

@test "frame(5) holds both first filters, verbatim" {
	for file in first-filter.c first_filter.py; do
		groff -mdoc -Tutf8 -P-c -P-b -P-u "$ROOT/man/frame.5" | expand |
			sed 's/^ *//; s/ *$//' >page
		expand "$ROOT/examples/$file" | sed 's/^ *//; s/ *$//' >expected
		"$PY" -c 'assert open("expected").read() in open("page").read()'
	done
}

@test "the bytes of the example in frame(5) are those that json2frame makes" {
	printf '%s\n' '{"semot":1,"kind":"x"}' '{"a":["<f4",[2],[1,2]]}' '{"end":1}' | json2frame >s
	sed -n '/^\.Sh EXAMPLE/,/^\.Sh READING/p' "$ROOT/man/frame.5" |
		sed -n 's/^\([0-9a-f ]*\)  [ ]*[^ ].*/\1/p' | tr -d ' \n' >hex
	"$PY" -c 'assert bytes.fromhex(open("hex").read()) == open("s", "rb").read()'
}

@test "the bytes of version 1 are those that the programs make today" {
	golden=$ROOT/tests/golden/v1
	frame2json "$golden.frame" >lines
	json2frame "$golden.jsonl" >plain
	head -c "$(stat -c %s plain)" "$golden.frame" | cmp - plain
	head -n "$(wc -l <"$golden.jsonl")" lines | cmp - "$golden.jsonl"
	# the last stream stands there again, as LZ4, whose bytes are free to change
	json2frame lines >twice
	framecat "$golden.frame" | cmp - twice
	framecat "$golden.frame" | framecat --compress | framecat | cmp - twice
	tail -c "+$(($(stat -c %s plain) + 1))" "$golden.frame" >packed
	[ "$(head -c 10 packed | tail -c 5 | od -An -tx1)" = " 02 04 22 4d 18" ]
	[ "$(stat -c %s packed)" -lt "$(framecat packed | wc -c)" ]
}

@test "streams of version 1 are what Python and the programs read" {
	"$PY" - "$ROOT/tests/golden/v1" <<-'END'
	import json, sys
	import numpy as np
	from semot import DTYPES, read, write
	numbers = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}
	lines, found, seen = [json.loads(line) for line in open(sys.argv[1] + ".jsonl")], [], set()
	for header, frames in read(sys.argv[1] + ".frame"):
	    found += [header, *frames, {"end": len(frames)}]
	    write(header["kind"], header, frames)
	for fields, expected in zip(found, lines + lines[-3:], strict=True):
	    assert list(fields) == list(expected)
	    for name, value in expected.items():
	        if isinstance(value, list) and len(value) == 3 and value[0] in DTYPES + ["bf16"]:
	            seen.add(value[0])
	            numpys = value[0].replace("bf16", "<f4")
	            x = np.array([numbers.get(x, x) for x in value[2]], numpys)
	            if value[0] == "bf16":	# whose digits in JSON are those of the nearest
	                x = (x.view("<u4") + 0x8000 >> 16 << 16).view("<f4")
	            y = fields[name]
	            assert y.dtype == numpys and y.shape == tuple(value[1]), name
	            assert y.tobytes() == x.tobytes(), name
	        elif "$" not in str(value):
	            assert fields[name] == value, name
	assert seen == {*DTYPES, "bf16"}
	END
	featdist --quiet --min-count 1 activations | centroid | hungarian | framecat --check
	centroid distributions | framecat --check
	[ "$(hungarian distances | frame2tsv --columns cost | head -n 3)" = $'cost\n0.25\n0.125' ]
	[ "$(frame2tsv --columns col_feature matching)" = $'col_feature\n0\n2' ]
	frame2graph graph >json
	"$PY" -c 'import json; assert len(json.load(open("json"))["nodes"]) == 2'
}
