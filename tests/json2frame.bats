# contract: none json2frame {root}/tests/golden/activations.jsonl

load helper

# wrong COMPLAINT LINE...: these lines are refused with "json2frame: stdin: COMPLAINT"
wrong() {
	printf '%s\n' "${@:2}" | (
		fails 1 json2frame
		[ "$line" = "json2frame: stdin: $1" ] || { echo "got: $line"; false; }
		[ "$(stat -c %s stdout)" -eq 0 ] || fails 1 framecat --check stdout
	)
}

header='{"semot":1,"kind":"x"}'

@test "lines written by hand become a stream" {
	cat >lines <<-'END'
	{"semot": 1, "kind": "x", "note": {"by": "hand", "n": [1, 2.5]}}
	{"weight": ["<f4", [2, 2], [1, 0.5, -3, "NaN"]], "names": ["a", "b"], "row0": 0}
	{"end": 1}
	END
	json2frame lines >s
	"$PY" - <<-'END'
	import numpy as np
	from semot import read
	(header, (frame,)), = read("s")
	note = {"by": "hand", "n": [1, 2.5]}
	assert header == {"semot": 1, "kind": "x", "note": note, "history": []}
	weight = frame["weight"]
	assert weight.dtype == "<f4" and np.array_equal(weight, [[1, 0.5], [-3, np.nan]], True)
	assert frame["names"] == ["a", "b"] and frame["row0"] == 0
	END
}

@test "streams follow one another, and operands too" {
	printf '{"semot":1}\n{"end":0}\n{"semot":1}\n{}\n{"end":1}' >lines
	json2frame lines - <lines >s
	[ "$(framecat --count s | cut -f 3 | tr '\n' ' ')" = "0 1 0 1 " ]
}

@test "every number is rounded as numpy does" {
	"$PY" - >lines <<-'END'
	import numpy as np
	dice = np.random.default_rng(2)
	x = dice.standard_normal(4000) * 10.0 ** dice.integers(-9, 5, 4000)
	x = np.concatenate([x[np.abs(x) < 65000], [0.0, 5.96e-8, 2.98e-8, 2.9802322387695312e-8,
	                                           65504, 65519, 6.1e-5, 2048.5, 2049.5]])
	np.save("x.npy", x)
	numbers = [float(number) for number in x]
	fields = [f'"{d}":["{d}",[{len(x)}],{numbers}]' for d in ("<f2", "<f4", "<f8", "bf16")]
	print('{"semot":1}', '{%s}' % ", ".join(fields), '{"end":1}', sep="\n")
	END
	json2frame lines >s
	"$PY" - <<-'END'
	import numpy as np
	from semot import bf16, from_field, read
	(_, (frame,)), = read("s")
	x = np.load("x.npy")
	for dtype in "<f2", "<f4", "<f8":
	    assert np.array_equal(frame[dtype], x.astype(dtype)), dtype
	expected = from_field("x", bf16(x))
	assert np.array_equal(frame["bf16"], expected), np.nonzero(frame["bf16"] != expected)
	END
}

@test "what does not agree is refused, with its line" {
	wrong 'line 2: weight: 3 numbers where its shape needs 4' "$header" \
		'{"weight":["<f4",[2,2],[1,2,3]]}'
	wrong 'line 2: a: item 1 is no number that fits into |u1' "$header" \
		'{"a":["|u1",[2],[255,256]]}'
	wrong 'line 2: a: item 0 is no number that fits into <u4' "$header" '{"a":["<u4",[1],[-1]]}'
	wrong 'line 2: a: item 0 is no number that fits into <u4' "$header" \
		'{"a":["<u4",[1],[1.0]]}'
	wrong 'line 2: a: item 0 is no number that fits into <i4' "$header" \
		'{"a":["<i4",[1],[2147483648]]}'
	wrong 'line 2: a: item 0 is no number that fits into <u8' "$header" \
		'{"a":["<u8",[1],["18446744073709551616"]]}'
	wrong 'line 2: a: item 0 is no number that fits into <f4' "$header" \
		'{"a":["<f4",[1],[1e39]]}'
	wrong 'line 2: a: item 0 is no number that fits into <f2' "$header" \
		'{"a":["<f2",[1],[65520]]}'
	wrong 'line 2: a: item 0 is no number that fits into <f4' "$header" \
		'{"a":["<f4",[1],["nan"]]}'
	wrong 'line 2: a: item 0 is no number that fits into <f4' "$header" \
		'{"a":["<f4",[1],[null]]}'
	wrong 'line 2: a: dimension 0 of its shape is no length' "$header" '{"a":["<f4",[-1],[]]}'
	wrong 'line 2: a: dimension 1 of its shape is no length' "$header" \
		'{"a":["<f4",[1,4294967296],[]]}'
	wrong 'line 2: a: 5 dimensions: the limit is 4' "$header" '{"a":["<f4",[1,1,1,1,1],[1]]}'
	wrong 'line 2: a: <i8 is none of the dtypes of streams' "$header" '{"a":["<i8",[1],[1]]}'
	wrong 'line 1: the history is no list' '{"semot":1,"history":"x"}'
	wrong 'line 1: a version of the stream that is not 1' '{"semot":2}'
	wrong 'line 1: a header {"semot":1, ...} has to be here' '{"kind":"x"}'
	wrong 'line 2: a header where a frame or the end line has to be' "$header" "$header"
	wrong 'line 3: the end line counts 2 frames, not the 1 read' "$header" '{}' '{"end":2}'
	wrong 'line 2: the end line has to be {"end":<frames>}' "$header" '{"end":0,"a":1}'
	wrong 'line 2: cut short: no end line (did the program before this one fail?)' "$header" \
		'{}'
	wrong 'line 2: no object' "$header" '[]'
	wrong "line 2: '[' or '{' expected near end of file" "$header" ''
	wrong "line 2: duplicate object key near '\"a\"'" "$header" '{"a":1,"a":2}'
	wrong "line 2: 'g0' are no two hexadecimal digits" "$header" '{"a":{"$bytes":"g0"}}'
	wrong 'line 2: bytes have to be a string of hexadecimal digits, two for each' "$header" \
		'{"a":{"$bytes":"0"}}'
	wrong 'line 2: an object with the key $what: see frame2json(1)' "$header" \
		'{"a":{"$what":1}}'
	wrong 'line 2: the key $map beside others: see frame2json(1)' "$header" \
		'{"a":{"b":1,"$map":[]}}'
}

@test "nested 31 deep it passes, deeper it is refused here and not by the next" {
	deep() {
		local open close
		open=$(printf '[%.0s' $(seq "$1"))
		close=$(printf ']%.0s' $(seq "$1"))
		printf '{"semot":1,"a":%s%s}\n{"end":0}\n' "$open" "$close"
	}
	deep 31 | json2frame | framecat | frame2json |
		grep -qF "$(deep 31 | grep -o '"a".*' | tr -d '}')"
	deep 32 | fails 1 json2frame
	grep -q 'line 1: values are nested deeper than 31' stderr
}

@test "empty input and a file that is not there" {
	fails 1 json2frame </dev/null
	says="empty: not even a header line (did the program before this one fail?)"
	[ "$line" = "json2frame: stdin: $says" ]
	fails 1 json2frame nothing
	[ "$line" = "json2frame: nothing: No such file or directory" ]
}

@test "a text that was cut is refused" {
	cp "$ROOT/tests/golden/activations.jsonl" lines
	for n in $(seq 1 150 "$(stat -c %s lines)"); do
		head -c "$n" lines | fails 1 json2frame
	done
}

@test "reads that signals interrupt, and short ones, change nothing; one that fails is told" {
	[ -z "$SAN" ] || skip "the sanitizers come first"
	cat >shim.c <<-'END'
	#define _GNU_SOURCE
	#include <dlfcn.h>
	#include <errno.h>
	#include <stdlib.h>
	#include <unistd.h>
	ssize_t read(int fd, void *to, size_t n)
	{
		static ssize_t (*next)(int, void *, size_t);
		static int calls;
		const char *fails = getenv("FAILS");
		if (!next)
			next = dlsym(RTLD_NEXT, "read");
		calls++;
		errno = fails && calls > atoi(fails) ? EIO : EINTR;
		return errno == EIO || calls % 3 == 0 ? -1 : next(fd, to, n < 7 ? n : 7);
	}
	END
	gcc -shared -fPIC -o shim.so shim.c -ldl
	stream matching >m
	frame2json m >lines
	printf '3\t0\ta\n4\t1\tb\n' >labels
	json2frame lines >back
	LD_PRELOAD=$PWD/shim.so json2frame lines | cmp - back
	LD_PRELOAD=$PWD/shim.so json2frame <lines | cmp - back
	frame2tsv --labels labels m >table
	LD_PRELOAD=$PWD/shim.so frame2tsv --labels labels m | cmp - table
	for n in 1 5 50; do
		status=0
		FAILS=$n LD_PRELOAD=$PWD/shim.so json2frame lines >out 2>notes || status=$?
		[ "$status" -eq 1 ]
		[ "$(<notes)" = "json2frame: lines: Input/output error" ]
	done
}
