# Scores of graphs: load scores

# score NAME: of ./scores
score() {
	frame2tsv scores |
		awk -F'\t' -v name="$1" '$1 == name { print $2; found = 1 } END { exit !found }'
}

# is NAME VALUE...: scores of these names have these values
is() {
	for ((; $# > 0;)); do
		[ "$(score "$1")" = "$2" ] || { echo "$1 is $(score "$1"), not $2"; return 1; }
		shift 2
	done
}

# toy SUPERNODES: a small graph with these as its own in ./graph; A B C D E are features
toy() {
	oracle attribution toy "$1" >toy.json
	graph2frame toy.json >graph
}
