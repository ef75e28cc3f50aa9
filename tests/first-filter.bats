# The two first filters of frame(5), in C and in Python.
# contract: activations first-filter --by 0.5

load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
	mkdir bin
	libs="$(pkg-config --exists msgpack-c && echo msgpack-c || echo msgpack) liblz4 libxxhash"
	${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Werror -DVERSION='"1"' ${SAN:+-fsanitize=address,undefined} \
		-I"$ROOT/common" -o bin/first-filter "$ROOT/examples/first-filter.c" \
		"$BUILD/libsemot.a" -fopenmp $(pkg-config --libs $libs) -lm
	printf '%s\n' '#!/bin/sh' "exec $PY $ROOT/examples/first_filter.py \"\$@\"" >bin/first_filter.py
	chmod +x bin/first_filter.py
	PATH=$PWD/bin:$PATH
}

@test "both scale the activations and keep everything else" {
	for packing in "" --lz4; do
		stream activations --unknown $packing >a
		first-filter --by 0.5 a >c
		first_filter.py 0.5 <a >python
		"$PY" - <<-'END'
		import numpy as np
		from semot import read
		(given, before), = read("a")
		for name, entry in {"c": ["first-filter", None, ["--by", "0.5", "a"]], "python": ["first_filter.py", "1", ["0.5"]]}.items():
		    (header, frames), = read(name)
		    *history, own = header.pop("history")
		    assert history == given["history"] and own[0] == entry[0] and own[2] == entry[2]
		    assert header == {key: value for key, value in given.items() if key != "history"}
		    for x, y in zip(frames, before, strict=True):
		        assert list(x) == list(y)
		        assert all(np.array_equal(x[key], y[key] * np.float32(0.5) if key == "value" else y[key]) for key in x)
		END
	done
	cmp <(frame2json c | tail -n +2) <(frame2json python | tail -n +2)
}

@test "the one in C keeps the contract" {
	for rule in works usage cut flipped garbage upstream full empty unknown lz4; do
		BUILD=$PWD oracle attack $rule first-filter
	done
}

@test "the one in Python notices what ends early or counts wrong" {
	stream activations >a
	cat a a | first_filter.py 2 | framecat --check
	stream activations --empty | first_filter.py 2 | framecat --check
	for n in 0 1 5 200 3000 $(($(stat -c %s a) - 1)); do
		head -c "$n" a >cut
		fails 1 first_filter.py 2 <cut
		[ ! -s stdout ] || fails 1 framecat --check stdout
		[ "$n" -eq 0 ] || cat a cut | fails 1 first_filter.py 2
	done
	oracle broken "wrong count" >bad
	fails 1 first_filter.py 2 <bad
	[[ $line == *"end mark"* ]]
	stream matching | fails 1 first_filter.py 2
}
