# The readers of .npy, .npz, .safetensors, of SAEs and delphi caches, by way of act-dump and
# act-import.

load helper

sae() {
	rm -rf sae
	oracle act_dump sae sae "$@"
}

# refuses WORDS FILE: as hidden states it is refused with these words
refuses() {
	[ -d sae ] || sae
	fails 1 act-dump --hidden "$2" --sae sae && [[ $line == "act-dump: ${2%%:*}"*": $1"* ]] ||
		{ echo "$line"; return 1; }
}

# takes FILE: as hidden states it is read
takes() {
	[ -d sae ] || sae
	act-dump --hidden "$1" --sae sae >out
	oracle act_dump check sae "$1" out
}

# python STATEMENTS: lines after the first are indented by one tab; with numpy as np, x (300, 6) in
# f4, and arrays from the oracles
python() {
	"$PY" - "$1" <<-'E'
	import io, json, struct, sys, zipfile
	import numpy as np
	import arrays
	x = arrays.random(300, 6)
	def npy(header, data=x.tobytes(), version=b"\1\0"):
	    length = struct.pack("<H" if version == b"\1\0" else "<I", len(header))
	    open("x.npy", "wb").write(b"\x93NUMPY" + version + length + header.encode() + data)
	def safe(header=None, data=x.tobytes(), length=None):
	    text = header if isinstance(header, bytes) else json.dumps(header).encode()
	    length = len(text) if length is None else length
	    open("x.safetensors", "wb").write(struct.pack("<Q", length) + text + data)
	def entry(begin=0, end=x.nbytes, shape=(300, 6), dtype="F32"):
	    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
	exec(sys.argv[1].replace("\n\t", "\n"))
	E
}

@test ".npy: versions 1, 2 and 3, and headers as other writers space them" {
	for version in 1 2 3; do
		python "np.lib.format.write_array(open('x.npy', 'wb'), x, ($version, 0))"
		takes x.npy
	done
	python 'text = "{\"shape\":(300,6,),\"descr\":\"<f4\",\"fortran_order\":False}"
	npy(text.replace(chr(34), chr(39)))'
	takes x.npy
}

@test ".npy: Fortran order is refused, with the way out" {
	python 'np.save("x.npy", np.asfortranarray(x))'
	refuses "Fortran order: save it in C order (np.ascontiguousarray)" x.npy
	python 'np.save("x.npy", np.asfortranarray(np.zeros((3, 4, 6))))'
	refuses "Fortran order" x.npy
	python 'np.savez("x.npz", x=np.asfortranarray(x))'
	refuses "Fortran order" x.npz
	sae
	python 'np.save("x.npy", np.asfortranarray(x))'
	fails 1 act-dump --hidden - --sae sae <x.npy
	[[ $line == "act-dump: stdin: Fortran order"* ]]
}

@test ".npy: objects, records, text, big-endian, complex and boolean numbers are refused" {
	python 'np.save("x.npy", np.array([[None]], object))'
	refuses "an array of Python objects" x.npy
	python 'np.save("x.npy", np.zeros((3, 6), "f4,i4"))'
	refuses "a structured array" x.npy
	for dtype in ">f4" U3 S3 c8 "?" i1 "M8[s]" f16; do
		python "np.save('x.npy', np.zeros((3, 6), '$dtype'))"
		refuses "numbers of type" x.npy
	done
}

@test ".npy: states that are no matrix, or of no dimensions, are refused" {
	python 'np.save("x.npy", x[0])'
	refuses "hidden states are a matrix (tokens, d), not of 1 dimensions" x.npy
	python 'np.save("x.npy", np.float32(3))'
	refuses "hidden states are a matrix" x.npy
	python 'np.save("x.npy", x[:, :0])'
	refuses "hidden states of 0 dimensions" x.npy
	python 'np.save("x.npy", np.zeros((1, 1, 1, 1, 1, 1, 6)))'
	refuses "a shape that cannot be read" x.npy
}

@test ".npy: a header that lies is refused" {
	for shape in "(301, 6)" "(299, 6)" "(4611686018427387904, 6)" "(18446744073709551615, 6)" \
		"(4611686018427387905, 4)" "(99999999999999999999999, 6)" \
		"(4294967296, 4294967296, 6)" "(1, 2305843009213693952)" "(-300, 6)" "(300.0, 6)" \
		"300" "[300, 6]" "(300, 6" "" "()" "(,)"; do
		python "npy(\"{'descr': '<f4', 'fortran_order': False, 'shape': $shape}\")"
		refuses "" x.npy
	done
	for header in "" "{}" "{'descr': '<f4'}" "{'shape': (300, 6)}" "{'descr' '<f4'}" \
		"{'descr': <f4, 'shape': (300, 6)}" \
		"{'descr': '<f4', 'shape': (300, 6)}" \
		"{'descr': '<f4', 'fortran_order': , 'shape': (300, 6)}"; do
		python "npy(\"$header\")"
		refuses "" x.npy
	done
	for version in '\\0\\0' '\\4\\0' '\\2\\0'; do
		python "np.save('x.npy', x); b = bytearray(open('x.npy', 'rb').read())
	b[6:8] = b'$version'; open('x.npy', 'wb').write(b)"
		refuses "" x.npy
	done
}

@test "states of no token, whose dimensions overflow into those of the SAE, are refused" {
	sae --d 2
	python "npy(\"{'descr': '<f4', 'fortran_order': False,\"
	    \" 'shape': (0, 6148914691236517206, 3)}\", b'')"
	fails 1 act-dump --hidden x.npy --sae sae
	[[ $line == *"the SAE takes states of 2 dimensions, x.npy has 3" ]]
}

@test ".npy: a header of more than a megabyte is refused" {
	python 'npy("{}" + " " * 2**21, version=b"\2\0")'
	refuses ".npy version 2.0 with a header of 2097154 bytes" x.npy
}

@test "on stdin, a header that claims the world costs nothing" {
	sae
	for shape in "(1, 2305843009213693952)" "(4000000000, 6)" "(4294967296, 6)" \
		"(2, 1048576)"; do
		python "npy(\"{'descr': '<f4', 'fortran_order': False, 'shape': $shape}\")"
		fails 1 act-dump --hidden - --sae sae <x.npy
	done
	python 'np.save("x.npy", x)'
	fails 1 act-dump --hidden - --sae sae < <(cat x.npy; echo)
	[[ $line == *"bytes after the array" ]]
	fails 1 act-dump --hidden - --sae sae < <(head -c 5000 x.npy)
	[[ $line == *"cut short before row 300 of 300" ]]
	fails 1 act-dump --hidden - --sae sae </dev/null
	fails 1 act-dump --hidden - --sae sae <"$SAMPLE/sae_L1_s0/params.npz"
	[[ $line == *"stdin: not a .npy array" ]]
}

@test ".npz: stored, deflated, with and without the key of a single array" {
	python 'np.savez("x.npz", x)'
	takes x.npz
	takes x.npz:arr_0
	python 'np.savez_compressed("x.npz", a=x, b=x + 1)'
	takes x.npz:b
	refuses "several arrays: say which, as x.npz:KEY; there are a, b" x.npz
	refuses "no array c" x.npz:c
	python 'np.savez("x.npz", **{"a:b:c": x, "d": x + 1, "e": x, "f": x})'
	takes x.npz:a:b:c
	refuses "several arrays: say which, as x.npz:KEY; there are a:b:c, d, e, ..." x.npz
	python 'zipfile.ZipFile("x.npz", "w").close()'
	refuses "" x.npz
	python 'z = zipfile.ZipFile("x.npz", "w")
	z.writestr("readme.txt", "hello, hello, hello"); z.close()'
	refuses "" x.npz
}

@test ".npz: a member that claims more than its bytes can hold is refused before memory is taken" {
	python 'np.save("x.npy", np.zeros((10**6, 6), "f4"))
	z = zipfile.ZipFile("x.npz", "w", zipfile.ZIP_DEFLATED)
	z.writestr("x.npy", open("x.npy", "rb").read())
	z.close()
	b = bytearray(open("x.npz", "rb").read())
	for at in 22, b.rindex(b"PK\1\2") + 24:
	    b[at:at + 4] = struct.pack("<I", 2**32 - 2)
	open("y.npz", "wb").write(b)'
	takes x.npz
	refuses "claims to unpack to 4294967294 bytes" y.npz
}

@test ".npz: what is no .npy is no array" {
	sae --npz --bare
	python 'np.save("x.npy", x)
	z, y = zipfile.ZipFile("sae/params.npz"), zipfile.ZipFile("y.npz", "w")
	for name in z.namelist():
	    y.writestr("b_dec" if name == "b_dec.npy" else name, z.read(name))
	y.close()'
	act-dump --hidden x.npy --sae sae --b-dec ignore >out
	fails 1 act-dump --hidden x.npy --sae y.npz --b-dec ignore
	[[ $line == *"y.npz: no b_dec: not an SAE"* ]]
}

@test ".npz: two members of one name are refused" {
	python 'z = zipfile.ZipFile("x.npz", "w")
	np.save("x.npy", x)
	for i in range(2):
	    z.writestr("x.npy", open("x.npy", "rb").read())
	z.close()' 2>/dev/null
	refuses "" x.npz
}

@test ".npz: a checksum that does not agree is refused" {
	for save in savez savez_compressed; do
		python "np.$save('x.npz', x=x)
	b = bytearray(open('x.npz', 'rb').read())
	for at in 14, b.rindex(b'PK\1\2') + 16:
	    b[at] ^= 1
	open('x.npz', 'wb').write(b)"
		refuses "damaged: not the checksum that its entry says" x.npz
		python "np.$save('x.npz', x=x); b = bytearray(open('x.npz', 'rb').read())
	b[4000] ^= 1; open('x.npz', 'wb').write(b)"
		refuses "damaged: " x.npz
	done
}

@test ".npz: zip64, a comment, and lengths that follow a member, as those written to a pipe have" {
	python 'np.savez_compressed(sys.stdout.buffer, x=x)' | cat >x.npz
	takes x.npz
	for method in STORED DEFLATED; do
		python "z = zipfile.ZipFile('x.npz', 'w', zipfile.ZIP_$method)
	z.comment = b'words' * 99
	with z.open('x.npy', 'w', force_zip64=True) as f:
	    np.save(f, x)
	z.writestr('none.npy', b''); z.close()"
		takes x.npz:x
		refuses "cut short: 0 bytes" x.npz:none
	done
}

@test ".npz: encrypted, packed by another method, overlapping or of other lengths: refused" {
	python 'import zlib
	f = io.BytesIO(); np.save(f, x); npy = f.getvalue()
	z = zlib.compressobj(9, zlib.DEFLATED, -15); packed = z.compress(npy) + z.flush()
	def write(file, *members):
	    out = directory = b""
	    for m in members:
	        m = {"name": b"x.npy", "method": 8, "packed": packed, "n": len(npy),
	             "crc": zlib.crc32(npy), "flags": 0, "at": len(out), **m}
	        common = struct.pack("<HHIIIIHH", m["flags"], m["method"], 2**21 + 2**16, m["crc"],
	                             len(m["packed"]), m["n"], len(m["name"]), 0)
	        directory += b"PK\1\2\24\0\24\0" + common + bytes(10)
	        directory += struct.pack("<I", m["at"]) + m["name"]
	        out += b"PK\3\4\24\0" + common + m.get("local", m["name"]) + m["packed"]
	    n = len(members)
	    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, n, n, len(directory), len(out), 0)
	    open(file + ".npz", "wb").write(out + directory + end)
	write("good", {}, {"name": b"y.npy", "method": 0, "packed": npy})
	write("encrypted", {"flags": 1})
	write("method", {"method": 12})
	write("name", {"local": b"y.npy"})
	write("zero", {"name": b"x\0.npy"})
	write("stored", {"method": 0})
	write("beyond", {"at": 2**31})
	inner = b"PK\3\4\24\0" + struct.pack("<HHIIIIHH", 0, 0, 0, zlib.crc32(npy), len(npy),
	                                     len(npy), 5, 0) + b"y.npy" + npy
	write("overlap", {"method": 0, "packed": inner, "n": len(inner), "crc": zlib.crc32(inner)},
	      {"name": b"y.npy", "method": 0, "packed": npy, "at": 35})
	write("twice", {}, {})
	write("garbage", {"packed": bytes(len(packed))})
	write("more", {"packed": packed + b"more"})
	write("less", {"packed": packed[:-9]})
	write("longer", {"n": len(npy) + 9})
	write("shorter", {"n": len(npy) - 9})'
	takes good.npz:x
	takes good.npz:y
	refuses "encrypted" encrypted.npz
	refuses "packed by method 12 of zip: stored (0) and deflated (8) can be read" method.npz
	for file in name zero stored beyond; do
		refuses "a zip archive that cannot be read: its directory is damaged" $file.npz
	done
	refuses "a zip archive that cannot be read: two members overlap" overlap.npz
	refuses "a zip archive that cannot be read: two members are named x.npy" twice.npz
	refuses "damaged: " garbage.npz
	refuses "damaged: more bytes than the 7328 that its entry says" more.npz
	refuses "damaged: fewer bytes than the 7328 that its entry says" less.npz
	refuses "damaged: fewer bytes than the 7337 that its entry says" longer.npz
	refuses "" shorter.npz
	head -c 3000 good.npz >cut.npz
	refuses "a zip archive that cannot be read: no directory at its end: cut short?" cut.npz
}

@test ".safetensors: metadata, empty tensors, padding and any order of entries pass" {
	python 'safe({"__metadata__": {"format": "pt"}, "x": entry()})'
	takes x.safetensors
	python 'safe({"b": entry(24, 24 + x.nbytes), "none": entry(24, 24, (0, 7)),
	      "a": entry(0, 24, (6,))}, bytes(24) + x.tobytes())'
	takes x.safetensors:b
	refuses "several arrays" x.safetensors
	python 'safe(json.dumps({"x": entry()}).encode() + b" " * 7)'
	takes x.safetensors
	python 'safe({"__metadata__": {"a": "b"}}, b"")'
	refuses "holds no array" x.safetensors
	refuses "no array __metadata__" x.safetensors:__metadata__
	python 'safe(json.dumps({"x": entry()}).encode() + bytes(7))'
	refuses "safetensors header: zero bytes" x.safetensors
}

@test ".safetensors: a header that lies is refused" {
	python 'safe({"x": entry()}, length=2**60)'
	refuses "a safetensors header of 1152921504606846976 bytes" x.safetensors
	for length in "2**64 - 1" "2**63" "10**8 + 1" "9999" "5" \
		"len(json.dumps({'x': entry()})) - 1"; do
		python "safe({'x': entry()}, length=$length)"
		refuses "" x.safetensors
	done
	for change in 'entry(0, x.nbytes - 4)' 'entry(4)' 'entry(0, x.nbytes + 4)' \
		'entry(x.nbytes, 0)' 'entry(-4, x.nbytes)' \
		'entry(0, 2**63)' 'entry(0, 2**64)' 'entry(0.0)' 'entry("0")' 'entry(None)' \
		'entry(shape=(300, 7))' 'entry(shape=(-300, -6))' \
		'entry(shape=(2**62, 2**62))' 'entry(shape=(2**62 + 450, 4))' \
		'entry(shape=(1800,))' 'entry(shape=("300", 6))' \
		'entry(shape=(1,) * 9 + (300, 6))' 'entry(dtype="F8_E4M3")' 'entry(dtype="BOOL")' \
		'entry(dtype=None)' 'entry(dtype="F64")' '[]' \
		'{}' 'None' '{**entry(), "shape": 300}' '{**entry(), "shape": None}' \
		'{**entry(), "data_offsets": [0]}'; do
		python "safe({'x': $change})"
		refuses "" x.safetensors
	done
	python 'safe({"x": entry(), "y": entry()})'
	refuses "tensors leave a hole or overlap" x.safetensors:x
	python 'y = entry(x.nbytes + 4, x.nbytes + 8, (1,))
	safe({"x": entry(), "y": y}, x.tobytes() + bytes(8))'
	refuses "tensors leave a hole or overlap" x.safetensors:x
	python 'safe({"x": entry()}, x.tobytes() + b"more")'
	refuses "the tensors end at byte" x.safetensors
	python 'e = json.dumps(entry()); safe(("{\"x\": %s, \"x\": %s}" % (e, e)).encode())'
	refuses "safetensors header: duplicate" x.safetensors
	python 'safe(b"{" * 99999)'
	refuses "safetensors header:" x.safetensors
	python 'safe(b"{\"x\": " + b"[" * 99999)'
	refuses "safetensors header:" x.safetensors
}

@test ".safetensors: more than 65536 arrays are refused" {
	python 'safe({f"x{i}": entry(0, 0, (0,)) for i in range(65536)}, b"")'
	refuses "several arrays: say which" x.safetensors
	python 'safe({f"x{i}": entry(0, 0, (0,)) for i in range(65537)}, b"")'
	refuses "65537 arrays: 65536 are the most" x.safetensors
}

@test "names of arrays do not reach the terminal's controls" {
	python 'none = entry(0, 0, (0,))
	safe({"a\u009b2J\u001b\u007f\u00e9": none, "b": none}, b"")'
	refuses "several arrays: say which, as x.safetensors:KEY; there are a??2J??é, b" \
		x.safetensors
}

@test "what is no array file at all is refused" {
	for text in "" "short" "a text of more than ten bytes" "12345678{but then nothing" \
		"PK, but no more than that"; do
		printf '%s' "$text" >x.npy
		refuses "" x.npy
	done
	mkdir d.npy
	refuses "Is a directory" d.npy
	refuses "No such file" missing.npy
	refuses "No such file" missing.npz:key
}

@test "a file whose name holds a colon is opened as it is" {
	python 'np.save("a:b.npy", x)'
	sae
	act-dump --hidden a:b.npy --sae sae >out
	python 'np.savez("a:b.npz", x=x, y=x)'
	act-dump --hidden a:b.npz:y --sae sae >same
	oracle same out same
}

@test "a file that becomes shorter while it is read ends the program with a line" {
	sae
	for file in x.npy x.safetensors; do
		oracle arrays random $file --rows 200000
		mkfifo out
		act-dump --hidden $file --sae sae >out 2>stderr &
		exec {pipe}<out
		head -c 1 <&$pipe >/dev/null	# it has mapped the file, and cannot write all of it
		truncate -s 4096 $file
		cat <&$pipe >rest
		status=0
		wait $! || status=$?
		exec {pipe}<&-
		[ "$status" -eq 1 ]
		[ "$(<stderr)" = "act-dump: $file: became shorter while it was read" ]
		fails 1 frame2json rest
		rm out
	done
}

@test "hidden states that were cut or changed: read or refused, never a crash" {
	sae
	oracle arrays random x.npy x.npz x.safetensors --rows 40
	python 'np.savez_compressed("deflated.npz", x[:40])'
	for file in x.npy x.npz deflated.npz x.safetensors; do
		oracle mutate $file act-dump --hidden {} --sae sae --threads 1
	done
}

@test "SAEs that were cut or changed: read or refused, never a crash" {
	oracle arrays random x.npy --rows 40
	sae --npz --threshold --k 3
	oracle mutate sae/params.npz act-dump --hidden x.npy --sae {} --threads 1
	sae --threshold --cfg '{"architecture": "topk", "k": 3, "normalize_activations": "none",
		"apply_b_dec_to_input": true}'
	oracle mutate sae/sae_weights.safetensors act-dump --hidden x.npy --sae {} --threads 1
	oracle mutate sae/cfg.json act-dump --hidden x.npy --sae {/} --threads 1
}

@test "a delphi cache that was cut or changed: read or refused, never a crash" {
	mkdir cache
	cp "$ROOT/tests/golden/cache/0_1.safetensors" cache
	oracle mutate cache/0_1.safetensors act-import {/}
}

@test "a map that was cut or changed: read or refused, never a crash" {
	python 'np.save("map.npy", x[:6]); np.save("bias.npy", x[0])'
	stream activations >act
	oracle mutate map.npy refproj --map {} --bias bias.npy --threads 1 act
	oracle mutate bias.npy refproj --map map.npy --bias {} --threads 1 act
}
