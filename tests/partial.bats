# Assignments against brute force and scipy: small problems by the thousand, and those of which only
# some pairs are given.
load helper
load stages

# completed OPTION... -- COMMAND...: hungarian --complete of the stage's nearest is hungarian of all
# its distances
completed() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	"${@:2}" a b | hungarian "${options[@]}" >whole
	for k in 1 3; do
		"${@:2}" --quiet --top $k a b >top
		hungarian --quiet "${options[@]}" --complete a b top >out
		oracle partial complete out whole
	done
	"${@:2}" --quiet --top 3 --budget .1 a b >top
	hungarian --quiet "${options[@]}" --complete a b top >out
	oracle partial complete out whole
}

@test "a thousand small problems of every shape have the totals of brute force and of scipy" {
	oracle partial small in
	hungarian --quiet in >out
	oracle partial solved out in
	"$PY" - <<-'E'
	from semot import read, write
	for k, (header, frames) in enumerate(read("in.none")):
	    write(f"none.{k}", header, frames)
	E
	for file in none.*; do
		fails 1 hungarian "$file"
		[[ $line == *"infinite distances leave no assignment"* ]]
	done
}

@test "of the k nearest columns, the largest and cheapest matching; open pairs are counted" {
	oracle partial nearest all top
	hungarian --quiet top >out
	oracle partial given out top all
	hungarian --quiet --open top >listed
	oracle partial given listed top all
	cmp <(hungarian --quiet --threads 3 --open top) listed
}

@test "of columns that a budget left, what is open counts from beyond them" {
	oracle partial budget all top
	hungarian --quiet top >out
	oracle partial given out top all
	hungarian --quiet --open top >listed
	oracle partial given listed top all
}

@test "all columns as the nearest are the whole matrix" {
	two --features 20 --points 1:9
	emd a b | hungarian >whole
	emd --quiet --top 1000 a b | hungarian >out
	oracle partial complete out whole
}

@test "--complete finds the assignment of all pairs: of any shape, solver and order" {
	for shape in "60 60" "40 70" "70 40"; do
		set -- $shape
		oracle sinkhorn make --features $1 --points 1:20 --seed 3 >a
		oracle sinkhorn make --features $2 --points 1:20 --seed 4 >b
		completed -- emd
		completed --max-cost 3 -- emd
		completed -- emd --p 2
		completed -- sinkhorn --epsilon .02
		completed -- sinkhorn --epsilon-abs .1 --p 2 --tol 1e-5
	done
}

@test "--complete solves a part of the pairs, says how many, the same for any threads" {
	act-dump --no-point --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 2 >2
	act-dump --no-point --hidden "$SAMPLE/hidden_L4.npy" --sae "$SAMPLE/sae_L4_s0" --layer 4 >4
	for l in 2 4; do
		featdist --quiet --support 16 $l |
			refproj --lift "$SAMPLE/hidden_L6.npy" --whiten >$l.dist
	done
	emd --quiet --top 8 2.dist 4.dist >top
	hungarian --complete 2.dist 4.dist top >out 2>words
	emd 2.dist 4.dist | hungarian >whole
	oracle partial complete out whole
	cmp <(hungarian --quiet --threads 3 --complete 2.dist 4.dist top) out
	"$PY" -c "
from semot import read
(header, _), = read('out')
total = header['rows'] * header['cols']
assert header['open'] == 0 and header['rows'] * 8 < header['pairs'] < total / 4, header
given = header['rows'] * 8
words = f\"{header['pairs'] - given} pairs were solved beside the {given} given, of {total}\"
assert words in open('words').read()"
}

@test "what cannot be completed is refused by name" {
	two --features 5 --points 1:4
	emd --quiet --top 2 a b >top
	fails 1 hungarian --complete a a top
	[ "$line" = "hungarian: a: its features are not those of the distances' columns" ]
	centroid --top 2 a b >centroids
	fails 1 hungarian --complete a b centroids
	why="cannot be completed: compute all of them (it completes those of emd and sinkhorn)"
	[ "$line" = "hungarian: --complete: distances by centroid $why" ]
	frame2json <(sinkhorn --quiet --top 2 a b) | sed 's/"tol":[^,]*,//' | json2frame >settings
	fails 1 hungarian --complete a b settings
	[ "$line" = "hungarian: --complete: the header of the distances does not say tol" ]
}

@test "an assignment holds the matrix once, wide or tall, and little else" {
	[ -z "$SAN" ] || skip "sanitizers take their own"
	for shape in "5200 5300" "5300 5200"; do
		set -- $shape
		oracle partial blocks $1 $2 >in
		"$PY" -c "
import resource, subprocess
subprocess.run(['hungarian', '--quiet', 'in'], check=True, stdout=open('out', 'wb'))
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
assert peak < 1.3 * 4 * $1 * $2, peak / (4 * $1 * $2)"
	done
}
