#!/bin/sh
# coverage.sh BUILD: after the tests ran programs built with COV=1, the share of its lines that they
# ran, of each source file and of all of common/ and filters/; then, of each reader that they ran
# less than 90 % of, the lines that they did not run. Two are below for good: mapping.c, whose
# handler of a file that shrinks ends by _exit(), which writes no counts; and npz_writer.c, whose
# zip64 form is of archives of 4 GB.
set -eu
readers='^common/(file/.*|stream/.*|base/(json|utf8)|graph/graph_json)\.c$'
shares=$(mktemp)
trap 'rm -f "$shares"' EXIT

find "$1" -name '*.gcda' -exec gcov -n {} + 2>/dev/null | awk '
	/^File / { file = substr($2, 2, length($2) - 2) }
	/^Lines executed:/ && file ~ /^(common|filters)\/.*\.c$/ {
		split($2, part, /[:%]/)
		if (!(file in share) || part[2] > share[file])
			share[file] = part[2]
		lines[file] = $4
		file = ""
	}
	END {
		for (file in share)
			printf "%6.2f%% of %4d  %s\n", share[file], lines[file], file
	}' | sort -n >"$shares"
cat "$shares"
awk '{ ran += $1 / 100 * $3; all += $3 }
	END { if (all) printf "coverage: %.1f%% of %d lines\n", 100 * ran / all, all }' "$shares"

awk -v readers="$readers" '$4 ~ readers { n++; if ($1 + 0 < 90) print $4; else most++ }
	END { printf "readers: %d of %d with 90%% of their lines\n", most, n >"/dev/stderr" }' \
	"$shares" | while read -r source; do
	object=$1/${source#common/}
	gcov -t "${object%.c}.gcda" 2>/dev/null | awk -F: -v source="$source" '
		$3 == "Source" { mine = $4 == source }
		mine && $1 ~ /#####/ && $2 + 0 == last + 1 { last++; next }
		mine && $1 ~ /#####/ { out(); first = last = $2 + 0 }
		function out() {
			if (first)
				list = list " " first (last > first ? "-" last : "")
		}
		END { out(); print source ": not run:" list }'
done
