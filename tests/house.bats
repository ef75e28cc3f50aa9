load helper

@test "make install puts programs, pages, pipelines and semot.py in place, uninstall removes them" {
	[ "$BUILD" = "$ROOT/build" ] || skip "what is installed is the plain build"
	make -s -C "$ROOT" install DESTDIR="$PWD/dest" PREFIX=/usr >/dev/null
	for source in "$ROOT"/filters/*.c; do
		name=$(basename "$source" .c)
		"dest/usr/bin/$name" --version | grep -q "^$name "
		[ -f "dest/usr/share/man/man1/$name.1" ]
	done
	[ -f dest/usr/share/man/man5/frame.5 ] && [ -f dest/usr/share/man/man7/semot.7 ]
	PATH=$PWD/dest/usr/bin:/usr/bin:/bin make -C "$SAMPLE" -n OUT="$PWD/out" \
		-f "$PWD/dest/usr/share/semot/pipelines/match.mk" | grep -q '^hungarian'
	PYTHONPATH=$PWD/dest/usr/share/semot "$PY" -c 'import semot
assert semot.__file__.endswith("/dest/usr/share/semot/semot.py")
semot.write("s", {"kind": "x"}, [])'
	dest/usr/bin/framecat --check s
	make -s -C "$ROOT" uninstall DESTDIR="$PWD/dest" PREFIX=/usr
	[ -z "$(find dest -type f -o -type l)" ]
}

@test "every program's page leads to semot(7), and semot(7) to every program" {
	for source in "$ROOT"/filters/*.c; do
		name=$(basename "$source" .c)
		grep -q "^\.Xr semot 7" "$ROOT/man/$name.1" ||
			{ echo "$name.1: no semot(7)"; false; }
		grep -q "^\.It Xr $name 1" "$ROOT/man/semot.7" ||
			{ echo "semot(7): no $name"; false; }
	done
}

@test "only the stream knows MessagePack and LZ4" {
	users=$(grep -l -e '<msgpack' -e '<lz4' "$ROOT"/common/*/*.[ch] "$ROOT"/filters/*.c)
	[ "$users" = "$(printf '%s\n' "$ROOT"/common/stream/{payload,reader,writer}.c)" ]
}

@test "kernels neither print, exit nor allocate" {
	refute grep -nE '\b(f?printf|exit|x?[mc]?alloc|x?realloc|die|note)\(' \
		"$ROOT"/common/kernel/*.c
}

@test "lines, functions, files, layers, scripts and pages are as make lint wants them" {
	[ -z "$LEVEL$SAN$COV" ] || skip "once is enough"
	make -s -C "$ROOT" lint
}

@test "make compile_commands.json is JSON, and its commands compile" {
	cp -R "$ROOT"/{Makefile,config.mk,packages.sh,common,filters,tests,man} .
	make -s compile_commands.json
	"$PY" -c 'import json
for entry in json.load(open("compile_commands.json")):
	if entry["file"] == "common/base/die.c":
		print(entry["command"])' >command
	bash -c "$(<command) -o die.o" && [ -s die.o ]
}

@test "make has no rules of its own: packages is not made of packages.sh" {
	status=0
	make -n -C "$ROOT" packages >/dev/null 2>stderr || status=$?
	[ "$status" -eq 2 ]
	grep -q "No rule to make target 'packages'" stderr
}

@test "make dist refuses a tag that is not the version" {
	cp -R "$ROOT"/{Makefile,config.mk,packages.sh,common,filters,man} .
	git init -q && git add . && git -c user.name=x -c user.email=x@example.org commit -qm x
	version=$(sed -n 's/^VERSION *= *//p' config.mk)
	refute make -s dist 2>/dev/null
	git tag v0.0.0
	refute make -s dist 2>stderr
	grep -q "the tag of HEAD is not v$version" stderr
	git tag -d v0.0.0 >/dev/null && git tag "v$version" && make -s dist
	tar tzf "semot-$version.tar.gz" | grep -qx "semot-$version/config.mk"
}

@test "packages.sh installs what is missing, by the name that a package has here" {
	mkdir bin
	printf '%s\n' '#!/bin/sh' 'case $4 in here | new) echo installed ;; esac' >bin/dpkg-query
	printf '%s\n' '#!/bin/sh' 'case $2 in b-1 | a-2) echo "Package: $2" ;; esac' >bin/apt-cache
	printf '%s\n' '#!/bin/sh' 'echo "$*" >>apt' >bin/apt-get
	printf '%s\n' '#!/bin/sh' 'echo 0' >bin/id
	chmod +x bin/*
	PATH=$PWD/bin:$PATH
	[ -z "$(sh "$ROOT/packages.sh" here old/new)" ] && [ ! -e apt ]
	sh "$ROOT/packages.sh" here a-1/a-2 b-1/b-2
	[ "$(tail -n 1 apt)" = "install -y -qq --no-install-recommends a-2 b-1" ]
	refute sh "$ROOT/packages.sh" a-1/a-2 c/d e 2>stderr
	[ "$(<stderr)" = "no package here is called c/d e" ]
}

@test "no tracked file holds a path of one machine" {
	cd "$ROOT"
	git rev-parse 2>/dev/null || skip "not a checkout"
	refute git grep -nIE '(^|[^A-Za-z0-9_./])/(home|root|work|Users)/' -- . ':!tests/house.bats'
}
