# Streams that this version wrote, of every kind and with every field: golden/v1, which
# golden/make.sh adds to and never changes. What cannot read one is no version 1 of frame(5).
load helper

GOLDEN=$ROOT/tests/golden/v1

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	mkdir v1 && cp "$GOLDEN"/* v1 && cd v1 || exit
}

# reads PROGRAM WORD...: it reads the streams that its words name, and a stream that it writes has
# its end; the output is in ../out
reads() {
	"$@" >../out
	[ -s ../out ]
	case $(head -c 1 ../out | od -An -tx1) in
	*c[789]) framecat --check ../out ;;
	esac
}

@test "they are read to their ends, and hold what they held" {
	for stream in *.frame; do
		framecat --check "$stream"
		gzip -dc "${stream%.frame}.jsonl.gz" >text
		frame2json "$stream" | cmp - text
		framecat "$stream" | frame2json | cmp - text
		framecat --compress "$stream" | frame2json | cmp - text
		json2frame text | frame2json | cmp - text
	done
	# all that the script makes are here
	sed -n 's/.*kept \([a-z][a-z-]*\).*/\1/p' "$ROOT/tests/golden/make.sh" >names
	[ "$(wc -l <names)" -ge 25 ]
	while read -r name; do
		ls "$name"*.frame
	done <names
}

@test "they have every kind, and every field that frame(5) names" {
	oracle golden . >missing
	cat missing
	[ ! -s missing ]
	# some of them as LZ4, some plain
	[ "$(head -c 6 -q *.frame | tr -cd '\1' | wc -c)" -ge 9 ]
	[ "$(head -c 6 -q *.frame | tr -cd '\2' | wc -c)" -ge 9 ]
}

@test "the oracle misses a field that no stream has" {
	rm activations*.frame flow*.frame
	oracle golden . >missing
	grep -x "activations: signed" missing
	grep -x "flow: agree" missing
	refute grep distances missing
}

@test "a program reads each of them" {
	for stream in activations*.frame; do
		reads featdist --quiet --min-count 1 "$stream"
	done
	reads coact --quiet activations.frame
	reads coact --quiet --coupling coupling.frame activations.frame activations.frame
	reads coact --quiet --coupling coupling-nearest.frame activations.frame activations.frame
	reads show --contexts contexts.frame matching.frame
	reads centroid distributions.frame
	[ "$(frame2tsv --columns mean axes.frame | wc -l)" -ge 2 ]
	for stream in distances.frame distances-{atoms,bounds,budget,coupled,nodes,top}.frame; do
		reads nearest --quiet "$stream"
	done
	reads framecat --merge distances-rows-[12].frame
	for stream in matching*.frame; do
		reads show "$stream"
	done
	reads flow matching.frame
	reads flow matching-composed.frame
	frame2json activations.frame | sed '1s/"layer":"3"/"layer":"4"/' | json2frame >4
	reads match-eval --quiet --bootstrap 9 --a activations.frame --b 4 \
		matching-nearest.frame
	for stream in flow*.frame; do
		reads match2html "$stream"
	done
	for stream in scores*.frame; do
		reads frame2tsv "$stream"
	done
	for stream in graph*.frame; do
		reads frame2graph "$stream"
		reads graph2html "$stream"
		reads graph-score "$stream"
	done
	for stream in *.frame; do
		reads frame2npz "$stream"
		reads frame2tsv "$stream"
	done
}

@test "an attribution graph is the stream that it was, and the stream the graph" {
	graph2frame graph.json >new
	oracle same new graph.frame
	frame2graph graph.frame >again.json
	"$PY" -c '
import json
a, b = (json.load(open(name)) for name in ("graph.json", "again.json"))
assert a == b and any("more" in link for link in a["links"])'
}

@test "make.sh adds what is missing, and writes nothing again" {
	rm distances-nodes.*
	echo changed >axes.frame
	BUILD=$BUILD sh "$ROOT/tests/golden/make.sh" . >/dev/null 2>&1
	[ "$(cat axes.frame)" = changed ]
	cp "$GOLDEN/axes.frame" .
	for file in *; do
		[ "${file%%.*}" = distances-nodes ] || cmp "$file" "$GOLDEN/$file"
	done
	# (its distances are the same but for the last bits on another CPU)
	oracle same --near 1e-5 distances-nodes.frame "$GOLDEN/distances-nodes.frame"
}
