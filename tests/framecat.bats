# contract: activations framecat

load helper

@test "joins all streams of all operands, stdin where - stands" {
	stream activations >a
	stream matching --lz4 >b
	cat b b | framecat a - a >joined
	oracle values same joined <(cat a b b a)
	[ "$(framecat --count joined)" = "$(printf 'joined\t%s\t%s\n' activations 2 matching 1 matching 1 activations 2)" ]
}

@test "keeps fields of every sort, and packs the same when packed again" {
	for seed in 1 2 3 4 5 6 7 8; do
		oracle values make $seed >a
		framecat a >b
		oracle values same a b
		framecat b | cmp - b
	done
}

@test "--compress and --decompress change the packing only" {
	for kind in activations distributions distances matching graph; do
		stream $kind --frames 9 --unknown | framecat >plain
		framecat --compress plain >packed
		oracle values same plain packed
		framecat --decompress packed | cmp - plain
	done
	head -c 4 <(tail -c +8 packed) | cmp - <(printf '\x22\x4d\x18'; tail -c +11 packed | head -c 1)
	[ "$(stat -c %s packed)" -lt "$(stat -c %s plain)" ]
}

@test "--check is silent and reads to the last byte" {
	stream graph >a
	[ -z "$(framecat --check a a 2>&1)" ]
	head -c -1 a >cut
	fails 1 framecat --check a cut
	[ "$line" = "framecat: cut: frame 4: cut short: no end mark (did the program before this one fail?)" ]
	(cat a; echo) >more
	fails 1 framecat --check more
	[ "$line" = "framecat: more: stream 2: header: not a semot stream: byte 0x0a where an ext object begins" ]
}

@test "--header prints every header as a line of JSON" {
	stream matching >a
	stream graph >b
	[ "$(framecat --header a b | "$PY" -c 'import json, sys
for line in sys.stdin: print(json.loads(line)["kind"])')" = $'matching\ngraph' ]
	framecat --header a | cmp - <(frame2json a | head -n 1)
}

@test "--history prints the commands as a shell takes them" {
	echo '{"semot":1,"history":[["a","1",["--b","1.5","f.npz"]],["c","2",["x y","it'"'"'s","","$HOME"]],["d","1",[]]]}
{"end":0}' | json2frame >s
	framecat --history s >out
	cat >expected <<-'END'
	a --b 1.5 f.npz
	c 'x y' 'it'\''s' '' '$HOME'
	d
	END
	cmp out expected
	echo '{"semot":1,"history":[["a",1]]}' | json2frame | fails 1 framecat --history
	echo '{"semot":1,"history":[["a","1",[2]]]}' >bad
	echo '{"end":0}' >>bad
	json2frame bad | fails 1 framecat --history
}

@test "a file that is not there, two modes at once" {
	fails 1 framecat nothing
	[ "$line" = "framecat: nothing: No such file or directory" ]
	fails 2 framecat --check --count
	fails 1 framecat .
	[ "$line" = "framecat: .: Is a directory" ]
}
