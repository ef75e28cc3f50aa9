#!/bin/sh
# licenses.sh SAID FOLDER: what the licences say of the libraries that the linker names in SAID, a
# file for each Debian package, and the licences that these refer to.
set -e

put() {
	cp -L "$1" "$2" && chmod 644 "$2"
}

grep '^/.*\.[ao]$' "$1" | grep -v '^/tmp/' | xargs readlink -f | sort -u | xargs dpkg -S |
		cut -d : -f 1 | sort -u | while read -r package; do
	put "/usr/share/doc/$package/copyright" "$2/$package"
done
[ -f "$2/libc6-dev" ] || [ -f "$2/libc6-dev-arm64-cross" ] ||
	{ echo "licenses.sh: $1 names no C library that dpkg knows" >&2; exit 1; }
grep -oh '/usr/share/common-licenses/[A-Za-z0-9.-]*[A-Za-z0-9]' "$2"/* | sort -u |
		while read -r license; do
	[ ! -f "$license" ] || put "$license" "$2/${license##*/}"
done
cat >"$2/README" <<'END'
The programs are linked with the libraries of these Debian packages, and have their code inside.
What is said of them stands in the file of each. To link them anew with other versions, of glibc
(LGPL 2.1) for one, take the sources of semot and run `make static`.
END
