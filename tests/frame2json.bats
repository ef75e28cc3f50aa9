# contract: activations frame2json

load helper

@test "a small stream, to the letter" {
	"$PY" - >s <<-'END'
	import numpy as np
	from semot import bf16, write
	write("-",
	    {"kind": "x", "p": 1, "epsilon": 0.02, "one": 1.0, "nan": float("nan"),
	     "history": [["a", "1", ["--b"]]]},
	    [{"f": np.array([[1, -0.0, 0.1234567], [np.inf, -np.inf, np.nan]], "<f4"),
	      "d": np.array([0.1, 1e300, 1 / 3, 0.1234567890123456])},
	     {"u": np.array([0, 2**53 + 1, 2**64 - 1], "<u8"), "i": np.array([-2**31], "<i4"),
	      "b": np.array([[255]], "|u1"), "h": np.array([0.1], "<f2"), "n": bf16([0.1]),
	      "none": np.zeros((0, 3), "<u4"), "point": np.array(7, "<u4"),
	      "names": ["a\tb", "é", ""], "empty": [], "big": 2**64 - 1}, {}])
	END
	frame2json s >out
	unfolded >expected <<-'END'
	{"semot":1,"kind":"x","p":1,"epsilon":0.02,"one":1.0,"nan":{"$number":"NaN"},
	 "history":[["a","1",["--b"]]]}
	{"f":["<f4",[2,3],[1.0,-0.0,0.1234567,"Infinity","-Infinity","NaN"]],
	 "d":["<f8",[4],[0.1,1e+300,0.3333333333333333,0.1234567890123456]]}
	{"u":["<u8",[3],[0,9007199254740993,"18446744073709551615"]],
	 "i":["<i4",[1],[-2147483648]],"b":["|u1",[1,1],[255]],"h":["<f2",[1],[0.099976]],
	 "n":["bf16",[1],[0.1001]],"none":["<u4",[0,3],[]],"point":["<u4",[],[7]],
	 "names":["a\tb","é",""],"empty":[],"big":{"$number":"18446744073709551615"}}
	{}
	{"end":3}
	END
	cmp out expected
}

@test "what JSON lacks is marked" {
	"$PY" - >s <<-'END'
	import msgpack
	from semot import write
	write("-", {"a": [None, True, b"\0\xff", msgpack.ExtType(5, b"x")], "b": {1: 2, "k": []},
	    "c": {"$x": 1}, "d": ["<f4", [1], [2]], "e": {"x y": {"z": -1.5}}, "f": "a\0b"}, [])
	END
	frame2json s | head -n 1 >out
	unfolded >expected <<-'END'
	{"semot":1,"a":[null,true,{"$bytes":"00ff"},{"$extension":[5,"78"]}],
	 "b":{"$map":[[1,2],["k",[]]]},"c":{"$map":[["$x",1]]},"d":{"$list":["<f4",[1],[2]]},
	 "e":{"x y":{"z":-1.5}},"f":"a\u0000b"}
	END
	cmp out expected
}

@test "json2frame makes the same stream again, for every kind and every sort of value" {
	for kind in activations distributions distances coupling matching graph; do
		stream $kind --unknown >a
		frame2json a | json2frame | cmp - <(framecat a)
	done
	for seed in $(seq 30); do
		oracle values make $seed --lz4 >a
		frame2json a >lines
		json2frame lines >b
		oracle values same a b
		"$PY" -c 'import json, sys; [json.loads(line) for line in sys.stdin]' <lines
	done
}

@test "all numbers of 16 bits and many of 32 and 64 keep their bits" {
	"$PY" - >s <<-'END'
	import numpy as np
	from semot import write
	all16, bits = np.arange(65536, dtype="<u2"), np.random.default_rng(1).bytes(80000)
	f2 = np.where(np.isnan(all16.view("<f2")), 0, all16.view("<f2")).astype("<f2")
	bf16 = np.where((all16 & 0x7fff) > 0x7f80, 0, all16).astype("<u2")
	f4, f8 = (np.nan_to_num(np.frombuffer(bits, dtype), nan=0, posinf=1, neginf=2)
	          for dtype in ("<f4", "<f8"))
	write("-", {}, [{"f2": f2, "bf16": ["bf16", [65536], bf16.tobytes()], "f4": f4, "f8": f8}])
	END
	frame2json s | json2frame | cmp - <(framecat s)
}

@test "a cut stream gives no end line" {
	stream activations | head -c 3000 | fails 1 frame2json
	[ "$(grep -c end stdout)" -eq 0 ]
	stream activations | head -c 5000 | frame2json 2>/dev/null | fails 1 json2frame
}

@test "a name that is not UTF-8 is an error, a text is marked" {
	printf '\xc7\x0d\x01\x82\xa5semot\x01\xa1a\xa2\xff\xfe\xc7\x06\x01\x81\xa3end\x00' >s
	frame2json s | grep -qF '{"semot":1,"a":{"$text":"fffe"}}'
	frame2json s | json2frame | frame2json | grep -qF '"a":{"$text":"fffe"}'
	printf '\xc7\x0b\x01\x82\xa5semot\x01\xa1\xff\x01\xc7\x06\x01\x81\xa3end\x00' >s
	fails 1 frame2json s
	[ "$line" = "frame2json: s: header: a field's name is not UTF-8" ]
}

@test "what a terminal obeys is spelled, and comes back" {
	"$PY" -c '
import semot
texts = [chr(c) for c in (0, 7, 27, 127, 155, 0x61c, 0x200e, 0x2028, 0x202e, 0x2066, 0x206f,
                          0xfeff)]
semot.write("a", {"kind": "x", "history": [], "h": "".join(texts[1:])},
            [{"t": texts[1:], "a b": "\u05d0\"\\/\n\t\r\b\f", "v": [1, "".join(texts)]}])'
	frame2json a >lines
	"$PY" -c '
import json
text = open("lines", encoding="utf-8").read()
assert all(c == "\n" or (c.isprintable() and c != "\ufeff") for c in text), text
assert "\\u009b" in text and "\u05d0" in text and "\\n" in text
assert json.loads(text.splitlines()[1])["a b"] == "\u05d0\"\\/\n\t\r\b\f"'
	json2frame lines | cmp - <(framecat a)
	framecat --header a | head -n 1 | cmp - <(head -n 1 lines)
}
