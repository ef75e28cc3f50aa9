#!/bin/sh
# coverage.sh BUILD: after the tests ran programs built with COV=1, the share of its lines that they
# ran, of each source file and of all of common/ and filters/.
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
		for (file in share) {
			printf "%6.2f%% of %4d  %s\n", share[file], lines[file], file | "sort -n"
			ran += share[file] / 100 * lines[file]
			all += lines[file]
		}
		close("sort -n")
		if (all > 0)
			printf "coverage: %.1f%% of %d lines\n", 100 * ran / all, all
	}'
