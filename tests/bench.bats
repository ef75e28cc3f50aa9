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
	rows quality -- a b one_to_one nearest >now
	[ "$(wc -l <now)" -eq 4 ]
	(mv results new && mv committed results)
	rows quality data=sample stage=centroid source=bench -- a b one_to_one nearest | sort >then
	sort now | paste -d ' ' - then | awk '
		function far(x, y) { return x - y > .02 || y - x > .02 }
		$1 != $5 || $2 != $6 || far($3, $7) || far($4, $8) { print; exit 1 }'
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
	bench planted --seeds 1 --jobs 1 --features 128 --tokens 1024
	[ "$(rows planted features=128 -- noise | wc -l)" -eq 6 ]
	fails 2 env RESULTS="$PWD/results" "$PY" "$ROOT/bench/run.py" nothing ||
		grep -q "no part nothing" stderr
}
