load helper

@test "make install puts programs, pages and pipelines in place, and uninstall takes them away" {
	[ -z "$SAN" ] || skip "what is installed is the plain build"
	make -s -C "$ROOT" install DESTDIR="$PWD/root" PREFIX=/usr >/dev/null
	for source in "$ROOT"/filters/*.c; do
		name=$(basename "$source" .c)
		"root/usr/bin/$name" --version | grep -q "^$name "
		[ -f "root/usr/share/man/man1/$name.1" ]
	done
	[ -f root/usr/share/man/man5/frame.5 ] && [ -f root/usr/share/man/man7/semot.7 ]
	PATH=$PWD/root/usr/bin:/usr/bin:/bin make -C "$SAMPLE" -n -f "$PWD/root/usr/share/semot/pipelines/match.mk" \
		OUT="$PWD/out" | grep -q '^hungarian'
	make -s -C "$ROOT" uninstall DESTDIR="$PWD/root" PREFIX=/usr
	[ -z "$(find root -type f)" ]
}

@test "every program's page leads to semot(7), and semot(7) to every program" {
	for source in "$ROOT"/filters/*.c; do
		name=$(basename "$source" .c)
		grep -q "^\.Xr semot 7" "$ROOT/man/$name.1" || { echo "$name.1: no semot(7)"; false; }
		grep -q "^\.It Xr $name 1" "$ROOT/man/semot.7" || { echo "semot(7): no $name"; false; }
	done
}

@test "only one module knows MessagePack and LZ4" {
	[ "$(grep -l -e '<msgpack' -e '<lz4' "$ROOT"/common/*/*.[ch] "$ROOT"/filters/*.c)" = "$ROOT/common/stream/stream.c" ]
}

@test "kernels neither print, exit nor allocate" {
	refute grep -nE '\b(printf|fprintf|exit|malloc|calloc|realloc|xalloc|xcalloc|xrealloc|die|note)\(' \
		"$ROOT"/common/kernel/*.c
}

@test "gcc and clang compile without a warning" {
	for compiler in gcc clang; do
		command -v $compiler >/dev/null || continue
		for source in "$ROOT"/common/*/*.c "$ROOT"/filters/*.c; do
			$compiler -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DVERSION='"x"' -I"$ROOT/common" \
				-O1 -fopenmp -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only \
				$(pkg-config --cflags openblas jansson libzip) "$source" || { echo "$compiler"; exit 1; }
		done
	done
}

@test "no tracked file holds a path of one machine" {
	cd "$ROOT"
	git rev-parse 2>/dev/null || skip "not a checkout"
	refute git grep -nIE '(^|[^A-Za-z0-9_./])/(home|root|work|Users)/' -- . ':!tests/house.bats'
}
