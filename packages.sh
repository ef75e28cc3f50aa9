#!/bin/sh
# packages.sh PACKAGE...: installs what is missing of these Debian packages, through sudo when not
# root. NAME/NAME is a package that has another name in other releases: any of them will do.
# Elsewhere it names them and goes on: they may be there under other names.

# first TEST NAME/NAME: prints the first name that passes the test
first() {
	for name in $(echo "$2" | tr / ' '); do
		"$1" "$name" && echo "$name" && return
	done
	return 1
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

offered() {
	apt-cache show "$1" 2>/dev/null | grep -q .
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	command -v pkg-config >/dev/null && exit 0
	echo "semot needs what Debian calls: $*" >&2
	exit 1
fi

missing=
for package; do
	first installed "$package" >/dev/null || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	as_root=sudo
	command -v sudo >/dev/null ||
		{ echo "as root, please: apt-get install$missing" >&2; exit 1; }
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq || exit 1
names='' unknown=''
for package in $missing; do
	name=$(first offered "$package") && names="$names $name" || unknown="$unknown $package"
done
[ -z "$unknown" ] || { echo "no package here is called$unknown" >&2; exit 1; }
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $names >/dev/null
