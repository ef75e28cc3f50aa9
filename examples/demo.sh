#!/usr/bin/env bash
# demo.sh DIR: the main job on the bundled sample, through the pipelines; everything it makes stays
# in DIR.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$here/storyworld"

stages() {
	make --no-print-directory -s -f "$here/../pipelines/$1.mk" OUT="$out" TOKENS=tokens.npy \
		VOCAB=vocab.txt LABELS="$out/labels.tsv" "${@:2}" \
		2>>"$out/notes.txt" ||
		{ tail -n 5 "$out/notes.txt" >&2; exit 1; }
}

: >"$out/notes.txt"
awk -F '\t' -v OFS='\t' 'NR > 1 && $2 == 0 { print $1, $3, $8 }' feature_labels.tsv \
	>"$out/labels.tsv"
echo "storyworld: a language model of six layers, 4096 tokens,"
echo "512 features a layer with known meanings"
for pair in "2 4" "1 6"; do
	read -r a b <<<"$pair"
	for distance in sinkhorn decoder; do
		stages match A="$a" B="$b" DISTANCE="$distance"
		echo
		echo "layer $a -> layer $b, one to one, by $distance:"
		awk -f "$here/agree.awk" feature_labels.tsv "$out/$a-$b.$distance.tsv" |
			tee "$out/$a-$b.$distance.txt"
	done
done

graph=add-three-four
stages circuit GRAPH=graphs/$graph.json
groups=$out/$graph.sinkhorn
frame2tsv --columns clerp,layer,ctx_idx "$groups.supernodes" >"$groups.nodes.tsv"
frame2tsv --columns group "$groups.supernodes" >"$groups.group.tsv"
frame2tsv --columns group_name "$groups.supernodes" >"$groups.names.tsv"
echo
echo "circuit $graph, the hundred features and errors of most influence in supernodes:"
paste "$groups.nodes.tsv" "$groups.group.tsv" | awk -f "$here/members.awk" "$groups.names.tsv" - \
	| tee "$groups.txt"
echo
echo "$(basename "$out")/ holds every stream (frame2json, frame2tsv, framecat --history read them),"
echo "the tables, the notes of the programs, and the compressed circuit: $graph.sinkhorn.json,"
echo "$graph.sinkhorn.small.json. Pages for the browser:"
printf '    %s\n' "$(basename "$out")/2-4.sinkhorn.html" "$(basename "$out")/$graph.sinkhorn.html"
