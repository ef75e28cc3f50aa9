# contract: activations framecat
# fuzz: none framecat --merge {distances}
# fuzz: activations framecat --compress
# fuzz: matching framecat --history

load helper

@test "joins all streams of all operands, stdin where - stands" {
	stream activations >a
	stream matching --lz4 >b
	cat b b | framecat a - a >joined
	oracle values same joined <(cat a b b a)
	printf 'joined\t%s\t%s\n' activations 2 matching 1 matching 1 activations 2 >expected
	framecat --count joined | cmp - expected
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
	for kind in activations distributions distances coupling matching graph; do
		stream $kind --frames 9 --unknown | framecat >plain
		framecat --compress plain >packed
		oracle values same plain packed
		framecat --decompress packed | cmp - plain
	done
	[ "$(head -c 10 packed | tail -c 3 | od -An -tx1)" = " 22 4d 18" ]
	[ "$(stat -c %s packed)" -lt "$(stat -c %s plain)" ]
}

@test "--check is silent and reads to the last byte" {
	stream graph >a
	[ -z "$(framecat --check a a 2>&1)" ]
	head -c -1 a >cut
	fails 1 framecat --check a cut
	says="cut short: no end mark (did the program before this one fail?)"
	[ "$line" = "framecat: cut: frame 4: $says" ]
	(cat a; echo) >more
	fails 1 framecat --check more
	says="not a semot stream: byte 0x0a where an ext object begins"
	[ "$line" = "framecat: more: stream 2: header: $says" ]
}

@test "--header prints every header as a line of JSON" {
	stream matching >a
	stream graph >b
	[ "$(framecat --header a b | "$PY" -c 'import json, sys
for line in sys.stdin: print(json.loads(line)["kind"])')" = $'matching\ngraph' ]
	framecat --header a | cmp - <(frame2json a | head -n 1)
}

@test "--history prints the commands as a shell takes them" {
	unfolded <<-'END' | json2frame >s
	{"semot":1,"history":[["a","1",["--b","1.5","f.npz"]],
	 ["c","2",["x y","it's","","$HOME"]],["d","1",[]]]}
	{"end":0}
	END
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

@test "a history can be run again, also where a file's name begins with a dash" {
	stream activations >./-w
	featdist --quiet --min-count 2 --seed=3 -- -w >first
	framecat --history first | tail -n 1 >command
	[ "$(<command)" = "featdist --min-count 2 --seed=3 -- -w" ]
	sh ./command | cmp - first
}

@test "a file that is not there, two modes at once" {
	fails 1 framecat nothing
	[ "$line" = "framecat: nothing: No such file or directory" ]
	fails 2 framecat --check --count
	fails 1 framecat .
	[ "$line" = "framecat: .: Is a directory" ]
}

# Two SAEs whose distances take several blocks of rows, and activations for coact.
sides() {
	oracle act_dump sae a --npz --features 300
	oracle act_dump sae b --npz --features 2000 --seed 1
}

# parts N COMMAND...: its N parts in 1, 2, ...
parts() {
	local i
	for ((i = 1; i <= $1; i++)); do "${@:2}" --rows $i/$1 >$i; done
}

@test "--merge: blocks of rows in any order are the whole, to the byte" {
	sides
	for command in "decoder a b" "decoder a" "decoder --top 5 a b" \
		"decoder --top 5 --folded a"; do
		[[ $command != *folded* ]] || oracle act_dump sae a --npz --features 300 --threshold
		$command >whole
		for n in 1 3 7; do
			parts $n $command
			framecat --merge $(seq $n | shuf --random-source=a/params.npz) | cmp - whole
		done
	done
	framecat --count whole | grep -q "distances.2$"
	decoder a b | framecat --count | grep -q "distances.4$"
	[ "$(framecat --header 1 | grep -c first_row)" -eq 1 ]
}

@test "--merge: of centroid and coact as of decoder" {
	stream distributions --seed 1 >d
	stream distributions --seed 2 >e
	stream activations >x
	for command in "centroid d e" "centroid d" "centroid --top 3 d e" "coact x" \
		"coact --top 3 --metric jaccard x"; do
		$command >whole
		for n in 1 3 7 20; do		# of 12 rows: some of 20 parts are empty
			parts $n $command
			framecat --merge $(seq $n -1 1) | cmp - whole
		done
	done
}

@test "--merge: packing, where blocks were cut and what else is in them change nothing" {
	sides
	decoder a b >whole
	parts 3 decoder a b
	framecat --compress 2 >packed
	framecat --merge 1 3 packed | cmp - whole
	framecat --merge --compress 1 3 packed | framecat | cmp - whole
	"$PY" -c '
import numpy as np
from semot import read, write
for name in "123":
    (header, (ids, *blocks)), = read(name)
    rows = [{"row0": b["row0"] + i, "dist": b["dist"][i:i + 1]}
            for b in blocks for i in range(len(b["dist"]))]
    write("cut" + name, header, [ids] + rows, checksum=False)
    for r in rows:
        r["more"] = np.full((1, 2, 2), r["row0"], "<i4")
    write("more" + name, header, [ids] + rows, checksum=False)'
	framecat --merge cut3 cut1 cut2 | cmp - whole
	framecat --merge more3 more1 more2 >more
	"$PY" -c '
import numpy as np
from semot import read
(_, (_, *blocks)), = read("more")
more = np.concatenate([b["more"] for b in blocks])
assert more.shape == (300, 2, 2) and len(blocks) == 3
assert (more == np.arange(300)[:, None, None]).all()'
	fails 1 framecat --merge more1 cut2 cut3
	[[ $line == "framecat: cut2: frame 2: no more, which the blocks before hold" ]]
	fails 1 framecat --merge cut1 cut2 more3
	[[ $line == "framecat: more3: frame 2: more is not what the blocks before hold" ]]
}

@test "--merge refuses gaps, rows that are there twice, and what is not of one matrix" {
	sides
	parts 3 decoder a b
	fails 1 framecat --merge 3 1
	[ "$line" = "framecat: 3: frame 2: row 200, where 100 is next: a block is missing" ]
	fails 1 framecat --merge 2 3
	[ "$line" = "framecat: 2: frame 2: row 100, where 0 is next: a block is missing" ]
	fails 1 framecat --merge 2 1
	[ "$line" = "framecat: 2: the last, and with it 200 rows of 300: a block is missing" ]
	cp 2 again
	fails 1 framecat --merge 1 2 3 again
	[[ $line =~ ^"framecat: "(2|again)": frame 2: row 100 is in "(2|again)" already"$ ]]
	decoder --rows 2/4 a b >quarter
	fails 1 framecat --merge 1 quarter 2 3
	[ "$line" = "framecat: quarter: frame 2: row 75 is in 1 already" ]
	decoder --squared --rows 2/3 a b >other
	fails 1 framecat --merge 1 other 3
	[ "$line" = "framecat: other: not the header of 1: another metric" ]
	decoder --top 5 --rows 2/3 a b >other
	fails 1 framecat --merge 1 other 3
	[[ $line == *"not the header of 1: another top" ]]
	oracle act_dump sae c/b --npz --features 2000 --seed 2
	(cd c && ln -s ../a a && decoder --rows 2/3 a b >../other)
	fails 1 framecat --merge 1 other 3
	[ "$line" = "framecat: other: not the rows and columns of 1: another random" ]
	mkdir d			# the same command, but elsewhere
	(cd d && ln -s ../a ../b . && decoder --rows 2/3 a b >../other)
	framecat --merge 1 other 3 >/dev/null
	"$PY" -c '
from semot import read, write
(header, frames), = read("2")
frames[0]["col_feature"] = frames[0]["col_feature"][::-1]
write("other", header, frames, checksum=False)'
	fails 1 framecat --merge 1 other 3
	[ "$line" = "framecat: other: not the rows and columns of 1: another col_feature" ]
	decoder a b >whole
	fails 1 framecat --merge whole
	[[ $line == *"was not written with --rows" ]]
	stream matching >m
	fails 1 framecat --merge 1 m
}

@test "--merge: a part that was cut, two streams in a file, what cannot be read twice" {
	sides
	parts 3 decoder a b
	head -c -1 2 >cut
	fails 1 framecat --merge 1 cut 3
	[[ $line == "framecat: cut: frame 3: cut short"* ]]
	[ "$(framecat --check stdout 2>&1)" != "" ]
	head -c 400000 2 >cut
	fails 1 framecat --merge 1 cut 3
	[[ $line == "framecat: cut: frame 2: cut short"* ]]
	cat 2 3 >two
	fails 1 framecat --merge 1 two 3
	[[ $line == "framecat: two: stream 2: header: a second stream"* ]]
	fails 1 framecat --merge 1 2 <(cat 3)
	[[ $line == *"no regular file: --merge reads each twice" ]]
	fails 1 framecat --merge 1 2 nothing
	[ "$line" = "framecat: nothing: No such file or directory" ]
	fails 2 framecat --merge <1
	fails 2 framecat --merge 1 - 3
	fails 2 framecat --merge --check 1
	decoder --top 5 --rows 1/1 a >1
	oracle mutate 1 framecat --merge {}
}

@test "--merge holds a block, whatever the size of the parts" {
	"$PY" -c '
import numpy as np
from semot import write
ids = {side + "_" + what: ["3"] * n if what == "layer" else np.arange(n, dtype="<u4")
       for side, n in (("row", 20000), ("col", 1000)) for what in ("layer", "feature")}
for part in 0, 1:
    rows = range(10000 * part, 10000 * (part + 1), 250)
    header = {"kind": "distances", "rows": 20000, "cols": 1000, "first_row": rows[0], "history": []}
    blocks = [{"row0": i, "dist": np.full((250, 1000), i, "<f4")} for i in rows]
    write(str(part), header, [ids] + blocks, checksum=False)'
	oracle memory ${SAN:+4}20 framecat --merge 1 0
}
