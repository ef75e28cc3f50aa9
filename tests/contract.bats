# The rules that every program of build/bin keeps. How to run one stands in its own test, in a line
# "# contract: ..."; see oracle/attack.py. ONLY="featdist refproj" holds only these to them.

load helper

@test "every filter has a page and a test" {
	missing=
	for source in "$ROOT"/filters/*.c; do
		name=$(basename "$source" .c)
		[ -f "$ROOT/man/$name.1" ] || missing+=" man/$name.1"
		[ -f "$ROOT/tests/$name.bats" ] || missing+=" tests/$name.bats"
	done
	echo "missing:$missing"
	[ -z "$missing" ]
}

@test "every page is silent under groff and names its program" {
	for page in "$ROOT"/man/*.[157]; do
		name=$(basename "$page")
		[ -z "$(groff -mdoc -ww -z -Tutf8 "$page" 2>&1)" ] ||
			{ echo "$page: groff complains"; false; }
		grep -q "^\.Nm ${name%.*}" "$page"
	done
}

@test "every page names every option of its program" {
	for page in "$ROOT"/man/*.1; do
		name=$(basename "$page" .1)
		"$name" --help | grep -o '^  --[a-z-]*' | while read -r option; do
			grep -q -e "^\.\(It \)\?.*Fl \\\\*-\?\\\\*-${option#--}" "$page" ||
				{ echo "$page: nothing about $option"; exit 1; }
		done
	done
}

@test "every test says how its program is run" {
	oracle attack declared
}

@test "--help and --version exit 0, an unknown option 2" {
	oracle attack usage
}

@test "valid input passes in silence" {
	oracle attack works
}

@test "a stream that was cut anywhere is refused" {
	oracle attack cut
}

@test "a stream with any bit flipped is refused" {
	oracle attack flipped
}

@test "empty input and garbage are refused" {
	oracle attack garbage
}

@test "a dead upstream is noticed" {
	oracle attack upstream
}

@test "a full disk is noticed, a closed pipe is silent" {
	oracle attack full
}

@test "an empty stream passes" {
	oracle attack empty
}

@test "unknown fields pass, and the history grows by the program" {
	oracle attack unknown
}

@test "input whose fields and numbers are others is taken or refused" {
	oracle attack lying
}

@test "plain and LZ4 input make the same output" {
	oracle attack lz4
}

@test "the output is the same for any number of threads" {
	oracle attack threads
}

@test "distance stages read sets alike, and write rows and nearest alike" {
	oracle attack stages
}
