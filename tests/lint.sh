#!/bin/sh
# lint.sh FLAG...: what is wrong with the form of the sources, one line each: lines of more than 100
# columns, functions of more than 60 lines, mains of more than 40, filters of more than 250, modules
# of more than 500, an include of a later folder, a function for several levels that is not static,
# what shellcheck says, what gcc and clang say when they make code with these flags, what groff says
# of the pages. Exits 1 when there is anything.
cd "$(dirname "$0")/.." || exit 1
found=$(mktemp)
trap 'rm -f "$found"' EXIT

# listed PATTERN...: the sources whose paths match, outside of what make builds.
listed() {
	for pattern; do
		find . -path './build*' -prune -o -path ./.git -prune -o \
			-type f -path "./$pattern" -print
	done | sed 's|^\./||' | sort
}

# Tabs count up to the next multiple of 8.
listed '*.[ch]' '*.sh' '*.bash' '*.bats' '*.mk' '*.awk' pipelines/stage Makefile |
		while read -r file; do
	expand "$file" |
		awk -v file="$file" 'length > 100 { print file ":" NR ": " length " columns" }'
done >>"$found"

listed '*.c' | xargs awk '
	FNR == 1 { begin = 0 }
	/^[a-zA-Z_]/ && !/;$/ { begin = FNR; name = $0 }
	/^}/ && begin {
		lines = FNR - begin + 1
		most = name ~ /^int main\(/ && FILENAME ~ /^filters/ ? 40 : 60
		if (lines > most && name ~ /\(/)
			print FILENAME ":" begin ": " lines " lines: " most " are the most"
		begin = 0
	}' >>"$found"
listed 'common/*.[ch]' 'filters/*.c' | while read -r file; do
	case $file in filters/*) most=250 ;; *) most=500 ;; esac
	lines=$(wc -l <"$file")
	[ "$lines" -le "$most" ] || echo "$file: $lines lines: $most are the most"
done >>"$found"

# A folder includes itself and those before it.
layers="base kernel stream file distance match graph"
before=
for layer in $layers; do
	before="$before $layer"
	listed "common/$layer/*.[ch]" | xargs grep -nH '^#include "' |
			while IFS=: read -r file line text; do
		folder=${text#*\"}
		folder=${folder%%/*}
		case " $before " in
		*" $folder "*) ;;
		*) echo "$file:$line: $layer includes $folder, of: $layers" ;;
		esac
	done
done >>"$found"

# What clang gives a name of its own no other file finds.
listed 'common/*.c' | xargs awk '
	last == "MULTIVERSION" && !/^static / { print FILENAME ":" FNR ": not static" }
	{ last = $0 }' >>"$found"

if command -v shellcheck >/dev/null; then
	listed '*.sh' '*.bash' .ci/run pipelines/stage |
		xargs shellcheck -S warning -f gcc >>"$found"
else
	echo "lint: without shellcheck" >&2
fi

for compiler in gcc clang; do
	command -v $compiler >/dev/null || { echo "lint: without $compiler" >&2; continue; }
	listed 'common/*.c' 'filters/*.c' | xargs -n 1 -P "$(nproc)" \
		$compiler -O2 -c -o /dev/null "$@" -Werror >>"$found" 2>&1
done

for page in man/*.[157]; do
	groff -mdoc -ww -z -Tutf8 "$page" 2>&1
done >>"$found"

cat "$found"
[ ! -s "$found" ]
