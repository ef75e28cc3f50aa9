# What a shell is helped with: the list of programs, and completion.

load helper

@test "semot lists every program once, by task, in lines of a terminal" {
	semot >list
	sed -n 's/^  \([a-z0-9-]*\) .*/\1/p' list | sort >listed
	printf '%s\n' "$ROOT"/filters/*.c | sed 's|.*/||; s/\.c$//' | sort >programs
	diff listed programs
	[ "$(grep -c ':$' list)" -eq 5 ] && grep -q '^Matchings:$' list
	refute grep -nE '\\|^\.|.{81}' list
	[ "$(semot --help)" = "$(<list)" ]
	grep -q 'man semot' list
}

@test "semot --version is that of the programs, and semot takes nothing else" {
	[ "semot $(semot --version | cut -d ' ' -f 2)" = "$(semot --version)" ]
	[ "$(emd --version)" = "emd (semot) $(semot --version | cut -d ' ' -f 2)" ]
	fails 2 semot emd
	fails 2 semot --version --help
}

# completed WORD...: what bash offers in place of the last word, one a line
completed() {
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	_semot "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
	printf '%s\n' "${COMPREPLY[@]}"
}

@test "completion offers the options that every program prints, and no others" {
	source "$ROOT/shell/completion.bash"
	for source in "$ROOT"/filters/*.c; do
		name=$(basename "$source" .c)
		completed "$name" - | sort >offered
		"$name" --help | awk '/^  --/ { sub(/\[=.*/, "", $1); print $1 }' | sort >printed
		diff offered printed
		grep -qx -e --version offered
	done
}

@test "completion offers the words that an option takes, after a space or =" {
	source "$ROOT/shell/completion.bash"
	words=$(printf '%s\n' ward average complete)
	[ "$(completed supernode --linkage '')" = "$words" ]
	[ "$(completed supernode x --linkage =)" = "$words" ]
	[ "$(completed supernode --linkage = a)" = average ]
	[ "$(completed sinkhorn --p '')" = $'1\n2' ]
	# a value that is longer than its column in --help
	[ "$(completed contexts --marks w)" = $'wordpiece\nwords' ]
	[ "$(completed contexts --m)" = --marks ]
	[ "$(completed supernode --k)" = --keep ]
}

@test "completion leaves values, operands and what it does not know to file names" {
	source "$ROOT/shell/completion.bash"
	[ -z "$(completed supernode --graph '')" ]
	[ -z "$(completed supernode '')" ]
	[ -z "$(completed supernode --keep = x)" ]
	[ -z "$(completed group-agree --truth '')" ]
	[ -z "$(completed ./none --)" ]
	complete -p | grep -q -e '-o default .*-F _semot'
}

@test "bash completes command lines, without the bash-completion package, once installed" {
	[ "$BUILD" = "$ROOT/build" ] || skip "what is installed is the plain build"
	make -s -C "$ROOT" install DESTDIR="$PWD/dest" PREFIX=/usr >/dev/null
	folder=dest/usr/share/bash-completion/completions
	for source in "$ROOT"/filters/*.c; do
		diff "$folder/$(basename "$source" .c)" "$folder/semot"
		bash -c "source $folder/semot; complete -p $(basename "$source" .c)" >how
		grep -q -e '-F _semot' how
	done
	# On a terminal: what the line is, typed with tabs, when "printf" is put before it (C-a).
	touch "one file"
	"$PY" -c '
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", INPUTRC="/dev/null", HISTFILE="")
    os.execlp("bash", "bash", "--norc", "--noprofile", "-i")
os.write(terminal, sys.argv[1].encode())
try:
    while chunk := os.read(terminal, 65536):
        sys.stdout.write(chunk.decode())
except OSError:         # the other side is closed
    pass' "source $folder/semot"$'\nsupernode --li\tw\t--gra\ton\t\x01printf "<%s>" \nexit\n' >shown
	grep -qF '<supernode><--linkage><ward><--graph><one file>' shown
}
