# Writes the script semot, which lists the programs by task, of the lists that semot(7) begins with:
# awk -v version=VERSION -f semot.awk semot.7
BEGIN {
	print "#!/bin/sh"
	print "# Lists the programs of semot by task."
	print "case $#,$1 in"
	print "0, | 1,--help) ;;"
	print "1,--version) echo 'semot " version "'; exit ;;"
	print "*) echo \"semot: usage: semot [--help | --version]\" >&2; exit 2 ;;"
	print "esac"
	print "cat <<'END'"
}
/^\.Nd / { print "semot: " substr($0, 5) }
/^\.Sh METHOD/ { exit }
/^\.Pp/ { head = "" }
/^[^.]/ && name == "" && head == "" { head = $0; sub(/[.:]$/, "", head) }
/^\.Bl / { print "\n" head ":"; name = " " }
/^\.El/ { name = "" }
/^\.It Xr / { name = $3; next }
/^[^.]/ && name != "" { printf "  %-12s %s\n", name, $0 }
END {
	print "\nPROGRAM --help: its options.  man PROGRAM: all about it."
	print "man semot: the method, which distance to take, examples."
	print "END"
}
