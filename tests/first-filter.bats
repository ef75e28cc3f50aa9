# The two first filters of frame(5), in C and in Python.
# contract: activations first-filter --by 0.5

load helper

# build NAME FLAG...: NAME.c, here or of examples, against the installed files and nothing else
build() {
	local source=$1.c
	[ -e "$source" ] || source=$ROOT/examples/$1.c
	PKG_CONFIG_PATH=$BATS_FILE_TMPDIR/installed/lib/pkgconfig
	export PKG_CONFIG_PATH
	${CC:-cc} ${SAN:+-fsanitize=address,undefined} ${COV:+--coverage} "${@:2}" \
		-o "bin/$1" "$source" $(pkg-config --cflags --libs semot)
}

setup_file() {
	make -s -C "$ROOT" ${LEVEL:+LEVEL=$LEVEL} ${SAN:+SAN=1} ${COV:+COV=1} \
		${CC:+CC="$CC"} install PREFIX="$BATS_FILE_TMPDIR/installed" >/dev/null
}

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	mkdir bin
	build first-filter -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Werror
	printf '%s\n' '#!/bin/sh' "exec $PY $ROOT/examples/first_filter.py \"\$@\"" \
		>bin/first_filter.py
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
		past = given.pop("history")
		half = np.float32(0.5)
		scaled = [{**frame, "value": frame["value"] * half} for frame in before]
		for name, program, arguments in (("c", "first-filter", ["--by", "0.5", "a"]),
		                                 ("python", "first_filter.py", ["0.5"])):
		    (header, frames), = read(name)
		    *history, own = header.pop("history")
		    assert history == past and own[0] == program and own[2] == arguments
		    assert header == given
		    for x, y in zip(frames, scaled, strict=True):
		        assert list(x) == list(y)
		        assert all(np.array_equal(x[key], y[key]) for key in x)
		END
	done
	cmp <(frame2json c | tail -n +2) <(frame2json python | tail -n +2)
}

@test "the one in C keeps the contract" {
	fails 1 first-filter nowhere
	fails 2 first-filter --by none
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

@test "the library shows only names that begin with sm_" {
	nm -g --defined-only "$BATS_FILE_TMPDIR/installed/lib/libsemot-stream.a" |
		awk 'NF == 3 { print $3 }' >names
	grep -q '^sm_read_frame$' names
	refute grep -v '^sm_' names
}

@test "a program may take its errors itself" {
	cat >taking.c <<-'END'
	#include <semot/stream.h>
	#include <setjmp.h>
	#include <stdio.h>
	static jmp_buf failed;
	static void take(int status, const char *line)
	{
		printf("%d %s\n", status, line);
		longjmp(failed, 1);
	}
	int main(int argc, char **argv)
	{
		static struct sm_frame frame;
		static struct sm_reader *in;
		sm_on_error(take);
		for (volatile int i = 1; i < argc; i++) {
			in = NULL;
			if (!setjmp(failed)) {
				in = sm_reader_open(argv[i]);
				while (sm_read_header(in, &frame))
					while (sm_read_frame(in, &frame))
						;
				puts("whole");
			}
			if (in)
				sm_reader_close(in);
		}
		sm_frame_free(&frame);
		return 0;
	}
	END
	build taking
	stream activations >a
	head -c 3000 a >cut
	taking cut nowhere a >out
	says="cut short: no end mark (did the program before this one fail?)"
	printf '%s\n' "1 cut: frame 1: $says" "1 nowhere: No such file or directory" whole |
		diff - out
}
