#!/bin/sh
# packages.sh PACKAGE...: installs what is missing of these Debian packages, through sudo when not
# root.
# Elsewhere it names them and goes on: they may be there under other names.

have() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	command -v pkg-config >/dev/null && exit 0
	echo "semot needs what Debian calls: $*" >&2
	exit 1
fi

missing=
for package; do
	have "$package" && continue
	# msgpack-c's package has a new name since Debian 13
	[ "$package" = libmsgpack-dev ] && have libmsgpack-c-dev && continue
	missing="$missing $package"
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
case $missing in
*libmsgpack-dev*)
	apt-cache show libmsgpack-c-dev >/dev/null 2>&1 \
		&& missing=$(echo "$missing" | sed 's/libmsgpack-dev/libmsgpack-c-dev/') ;;
esac
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
