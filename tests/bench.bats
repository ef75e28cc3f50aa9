# The benches' tables, the page that is made of them, and the smallest run of each bench.
load helper

# bench NAME ARGUMENT...: bench/NAME.py, which writes its rows to ./results
bench() {
	RESULTS=$PWD/results "$PY" "$ROOT/bench/$1.py" "${@:2}"
}

# rows NAME FIELD=TEXT... -- FIELD...: these fields of the rows of ./results/NAME.tsv that match
rows() {
	"$PY" - "$@" <<-'END'
		import csv, sys
		name, end = sys.argv[1], sys.argv.index("--")
		where = dict(text.split("=", 1) for text in sys.argv[2:end])
		for row in csv.DictReader(open(f"results/{name}.tsv"), delimiter="\t"):
		    if all(row[field] == text for field, text in where.items()):
		        print(*(row[field] for field in sys.argv[end + 1:]))
	END
}

@test "RESULTS.md is what the tables say" {
	env -u RESULTS "$PY" "$ROOT/bench/results.py" | diff -u "$ROOT/bench/RESULTS.md" -
}

# advice FILE: the figures of its table of distances, in order
advice() {
	sed -n '/^[| ]*in common/,/^[.]Ed\|^$/p' "$1" | grep -oE '[.][0-9][0-9]'
}

@test "README and semot(7) advise what the tables say" {
	advice "$ROOT/bench/RESULTS.md" >tables
	[ "$(wc -l <tables)" -ge 24 ]
	advice "$ROOT/man/semot.7" | diff tables -
	cut -d '|' -f 1-5 "$ROOT/bench/RESULTS.md" >most_tokens	# the README has these alone
	advice most_tokens >tables
	[ "$(wc -l <tables)" -ge 18 ]
	advice "$ROOT/README.md" | diff tables -
}

@test "every row of every table says its source, CPU, level, BLAS, compiler and peers" {
	for table in "$ROOT"/bench/results/*.tsv; do
		head -n 1 "$table" | tr '\t' ' ' |
			grep -q " note source cpu level blas compiler peers$"
		awk -F '\t' -v table="${table##*/}" '
			NR == 1 { fields = NF }
			NF != fields { print table ":" NR ": " NF " fields, not " fields; exit 1 }
			{
				for (k = NF - 5; k <= NF; k++)
					if ($k == "") { print table ":" NR ": no " k; exit 1 }
			}' "$table"
	done
}

@test "below every table of RESULTS.md stand CPU, level, compiler and peers" {
	awk '/^\|/ { if (!table) { table = NR; n++ } next }
		/^- / { if ($0 ~ /CPU.*level.*compiler.*peers/) said = 1; next }
		/^[^-]/ && table {
			if (!said) { print "table at line " table; exit 1 }
			table = said = 0
		}
		END { if (table && !said || n < 15) { print n " tables"; exit 1 } }' \
		"$ROOT/bench/RESULTS.md"
}

@test "every bench tells how it is used" {
	for source in "$ROOT"/bench/*.py; do
		name=$(basename "$source" .py)
		case $name in record | results) continue ;; esac
		bench "$name" --help | grep -q "^usage: $name.py" || { echo "$name"; false; }
	done
	[ ! -e results ]
}

@test "a figure of the tables is what its bench measures" {
	[ -z "$SAN" ] || skip "slow under the sanitizers"
	bench quality --data sample --only centroid
	mkdir committed
	cp "$ROOT/bench/results/quality.tsv" committed
	rows quality data=sample stage=centroid -- a b one_to_one nearest >now
	[ "$(wc -l <now)" -eq 4 ]
	(mv results new && mv committed results)
	rows quality data=sample stage=centroid source=bench -- a b one_to_one nearest | sort >then
	sort now | paste -d ' ' - then | awk '
		function far(x, y) { return x - y > .02 || y - x > .02 }
		$1 != $5 || $2 != $6 || far($3, $7) || far($4, $8) { print; exit 1 }'
}

@test "on other text a coupling and centroids match as their table says" {
	[ -z "$SAN" ] || skip "slow under the sanitizers"
	bench texts tokens --data sample --tokens 1000 --only '^couple$|centroid'
	rows texts scores="label agreement" text=other -- way a b one_to_one |
		grep -E '^(couple|centroid) [0-9]' | sort >now
	[ "$(wc -l <now)" -eq 8 ]
	(cp "$ROOT/bench/results/texts.tsv" results &&
		rows texts scores="label agreement" text=other tokens=1000 skip=0 reference=last \
			refproj=--whiten -- way a b one_to_one) |
		grep -E '^(couple|centroid) [0-9]' | sort >then
	paste -d ' ' now then | awk '$1 != $5 || $2 != $6 || $3 != $7 ||
		$4 - $8 > .03 || $8 - $4 > .03 { print; exit 1 }'
}

@test "untrained dictionaries score what their table says, and trained ones more" {
	[ -z "$SAN" ] || skip "slow under the sanitizers"
	bench untrained --data sample --only coact
	rows untrained way=coact -- dictionaries a b one_to_one | sort >now
	[ "$(wc -l <now)" -eq 8 ]
	(cp "$ROOT/bench/results/untrained.tsv" results &&
		rows untrained data=sample way=coact -- dictionaries a b one_to_one) | sort >then
	paste -d ' ' now then | awk '$1 != $5 || $2 != $6 || $3 != $7 ||
		$4 - $8 > .03 || $8 - $4 > .03 { print; exit 1 }'
	awk '{ of[$2, $3, $1] = $4 }
		END { for (k in of) if (split(k, p, SUBSEP) && p[3] == "trained" &&
			of[k] < of[p[1], p[2], "untrained"] + .1) { print k; exit 1 } }' now
}

@test "distances of features that never fire together follow a made tree" {
	[ -z "$SAN" ] || skip "slow under the sanitizers"
	bench graded --only centroid
	rows graded truth=tree -- text score >tree
	[ "$(wc -l <tree)" -eq 2 ]
	awk '$2 < .5 { print; exit 1 }' tree
	[ "$(rows graded truth=kind -- score | wc -l)" -eq 32 ]
}

@test "a row that is measured again stands where it stood, and the others stay" {
	[ -z "$SAN" ] || skip "slow under the sanitizers"
	bench graphs run --nodes 300 --links 2000 --field 0
	rows speed-graphs -- command source >first
	awk -F '\t' -v OFS='\t' 'NR == 2 {
		$1 = 7
		for (k = 1; k <= NF; k++) if ($k == "bench") $k = "elsewhere"
		print
	}' results/speed-graphs.tsv >other
	awk '{ print } NR == 3 { while ((getline line <"other") > 0) print line }' \
		results/speed-graphs.tsv >with && mv with results/speed-graphs.tsv
	bench graphs run --nodes 300 --links 2000 --field 0
	rows speed-graphs source=bench -- command source | diff first -
	rows speed-graphs source=elsewhere -- nodes command | grep -q '^7 graph2frame$'
	[ "$(sed -n 4p results/speed-graphs.tsv | cut -f 1)" = 7 ]
}

@test "the smallest runs of the other benches end with a row" {
	[ -z "$SAN" ] || skip "slow under the sanitizers"
	bench run --runs 1 --sizes 512 scaling
	rows speed-scaling features=512 -- microseconds | grep -qE '^[0-9.e+-]+$'
	bench run --runs 1 costs
	[ "$(rows speed-costs points=128 -- dims share_of_sgemm_rate | wc -l)" -eq 4 ]
	bench planted --seeds 1 --jobs 1 --features 128 --tokens 1024
	[ "$(rows planted features=128 -- noise | wc -l)" -eq 6 ]
	refute env RESULTS="$PWD/results" "$PY" "$ROOT/bench/run.py" nothing 2>said
	grep -q "no part nothing" said
}

# scale OPTION...: bench/scale.py on a small job
scale() {
	bench scale --folder . --tokens 1024,2048 --features 64,128 --dims 128 --dim 16 \
		--points 16 "$@"
}

@test "bench-scale measures every program at every size, and then only what is not known" {
	[ -z "$SAN" ] || skip "slow under the sanitizers"
	scale >first
	rows scale finished=yes -- command tokens features build | sort -u >all
	measured=$(grep -cE '^    "[^"]*":( f?"|$)' "$ROOT/bench/scale.py")
	grep -q '^decoder --top 10  64 ' all
	# Three prepare layer b; decoder does not depend on the tokens.
	[ "$(wc -l <all)" -eq $((4 * (measured - 3) - 2)) ]
	for command in act-dump emd sinkhorn hungarian match-eval flow; do
		[ "$(grep -c "^$command" all)" -ge 4 ]
	done
	rows scale "command=coact" tokens=2048 -- right | awk '$1 < .4 { exit 1 }'
	rows scale "command=emd --top 10" tokens=2048 -- right solved |
		awk '$1 < .2 || $2 !~ /%/ { exit 1 }'
	grep -q 'core-hours to match all neighbouring layers' first
	scale | refute grep '^command'
	sed -i '/^nearest\t2048\t128/d' results/scale.tsv
	scale | grep '^command' >again
	[ "$(wc -l <again)" -eq 1 ]
	[ "$(scale --again nearest | grep -c '^command nearest')" -eq 4 ]
	[ "$(scale --again --at 1024x128 nearest | grep -c '^command nearest')" -eq 1 ]
}

@test "bench-scale says what was stopped, what failed, and what that leaves out" {
	[ -z "$SAN" ] || skip "slow under the sanitizers"
	mkdir stub
	printf '#!/bin/sh\nexec sleep 60\n' >stub/emd
	printf '#!/bin/sh\necho nearest: no >&2; exit 1\n' >stub/nearest
	chmod +x stub/*
	PATH=$PWD/stub:$PATH run scale --tokens 1024 --features 64 --limit 3 emd nearest hungarian
	[ "$status" -eq 1 ]
	rows scale "command=emd --top 10" -- finished limit note | sort -u >stopped
	[ "$(<stopped)" = "no 3 stopped after 3 s" ]
	[ "$(rows scale command=nearest -- finished note | sort -u)" = "failed nearest: no" ]
	grep -q '^hungarian --complete at .*: left out, .*emd --top 10' <<<"$output"
	grep -q 'no: stopped after 3 s' <<<"$output"
}

@test "a made job is its seed's: finite f2, massive first tokens, a heavy tail, known partners" {
	for folder in a b; do
		bench scale_job $folder --tokens 4096 --features 256,512 --dims 128
	done
	diff -r a b
	bench scale_job c --tokens 4096 --features 256,512 --dims 128 --seed 1
	refute cmp -s a/a.0.npy c/a.0.npy
	"$PY" - <<-'END'
		import numpy as np
		for n in 256, 512:
		    fires = []
		    for layer in "ab":
		        states = np.load(f"a/{layer}.0.npy")
		        first = np.arange(len(states)) % 1024 == 0
		        assert states.dtype == np.float16 and np.isfinite(states).all()
		        largest = abs(states).max(1)
		        assert (largest[first] > 2000).all() and largest[~first].max() < 100
		        sae = np.load(f"a/{layer}-{n}.npz")
		        pre = states[~first].astype("f4") @ sae["W_enc"] + sae["b_enc"]
		        fires.append(pre > sae["threshold"])
		    share = fires[0].mean(0)
		    assert share.max() > 8 * np.median(share) > 0, (share.max(), np.median(share))
		    partner = np.load(f"a/partner-{n}.npy")
		    has = partner >= 0
		    assert len(set(partner[has])) == has.sum() and 0.8 < has.mean() < 0.95
		    a, b = fires[0][:, has], fires[1][:, partner[has]]
		    together, by_chance = (a & b).mean(0), a.mean(0) * b.mean(0)
		    assert np.median(together[together > 0] / by_chance[together > 0]) > 3
	END
}

@test "bench-scale says what it takes, and refuses what does not fit" {
	run scale --tokens 1073741824
	[ "$status" -eq 1 ]
	grep -q 'GB of disk, of .* and .* GB of memory, of ' <<<"$output"
	grep -q '^scale: the disk has not enough room' <<<"$output"
	[ ! -e results ]
}
