# contract: matching match2html
# fuzz: matching match2html --contexts {contexts} --distances {distances} --points {distributions}
load helper

# sides LAYER...: of each layer the points and contexts of its features.
sides() {
	for l; do
		act-dump --hidden "$SAMPLE/hidden_L$l.npy" --sae "$SAMPLE/sae_L${l}_s0" --layer $l \
			>$l.act
		featdist --quiet $l.act | refproj --lift "$SAMPLE/hidden_L6.npy" --whiten >$l.dist
		contexts --tokens "$SAMPLE/tokens.npy" --vocab "$SAMPLE/vocab.txt" $l.act \
			>$l.contexts
	done
}

# sample: streams of layers 2 and 4 of the sample, and 2-4.html
sample() {
	sides 2 4
	centroid 2.dist 4.dist >2-4.distances
	hungarian --max-cost 6 2-4.distances >2-4.matching 2>/dev/null
	awk -F'\t' '$2 == 0 || NR == 1' "$SAMPLE/feature_labels.tsv" >labels.tsv
	match2html --contexts 2.contexts --contexts 4.contexts --labels labels.tsv \
		--distances 2-4.distances 2-4.matching >2-4.html
}

browser() {
	command -v chromium >/dev/null && command -v chromedriver >/dev/null &&
		"$PY" -c "import selenium" 2>/dev/null ||
		skip "no chromium, chromedriver and python3-selenium"
}

@test "a page holds the pairs, the contexts and the nearest features of the streams" {
	sample
	oracle match_page holds 2-4.html 2-4.matching 2.contexts 4.contexts 2-4.distances
	stream matching >one
	stream matching --seed 1 >two
	cat one two | match2html >both.html
	oracle match_page holds both.html one two
	match2html two one >turned.html
	oracle match_page holds turned.html two one
}

@test "the map has the directions of mean points, on their first two axes" {
	sample
	"$PY" -c '
import semot
[(header, (pairs, rest))] = semot.read("2-4.matching")
rest["free_row_layer"].append("2")
import numpy as np
rest["free_row_feature"] = np.append(rest["free_row_feature"], 9999).astype("<u4")
semot.write("more", header, [pairs, rest])'
	match2html --points 2.dist --points 4.dist more >map.html
	oracle match_page mapped map.html 2.dist 4.dist
	stream distributions >other
	fails 1 match2html --points 2.dist --points other 2-4.matching && [ ! -s stdout ]
	[[ $line == "match2html: other: points of space"* ]]
}

@test "columns of the same layer's name have contexts and labels of their own" {
	"$PY" - <<-'E'
	import match_page as m
	import numpy as np
	m.matching("m", [1, 2], "1", "1")
	for i, name in enumerate("ab"):
	    m.made_contexts("1", 2, [name], name + ".contexts")
	    with open(name + ".tsv", "w") as file:
	        print("1\t0\t" + name, file=file)
	E
	match2html --contexts a.contexts --contexts-b b.contexts --labels a.tsv --labels-b b.tsv \
		--source m/%-x --source-b n/y m >html
	"$PY" -c '
from match_page import carried
d = carried("html")
assert d["labels"] == ["a", None, "b", None], d["labels"]
assert [x["source"] for x in d["dictionaries"]] == ["m/%-x", "n/y"]
assert [x["side"] for x in d["dictionaries"]] == [0, 1]
c = d["contexts"]
for f, word in zip(range(4), "aabb"):
    own = slice(*c["begin"][c["first"][f]:c["first"][f] + 2])
    assert {c["text"][i] for i in c["id"][own]} == {word}'
}

@test "contexts of another layer, or SAE, are told of and not shown" {
	"$PY" -c '
import match_page as m
m.matching("m", [1, 2], "1", "2", extra={"row_sae": "one", "col_sae": "two"})
m.made_contexts("1", 2, ["x"], "1.contexts")
m.made_contexts("3", 2, ["x"], "3.contexts")
import semot
[(header, frames)] = semot.read("1.contexts")
semot.write("sae.contexts", {**header, "sae": "other"}, frames)'
	match2html --contexts 3.contexts --contexts sae.contexts m >html 2>notes
	told="match2html: the page has no feature of these contexts: layer"
	[ "$(<notes)" = "$told 3, model unknown, SAE unknown
$told 1, model unknown, SAE other" ]
	"$PY" -c 'from match_page import carried
assert not carried("html")["contexts"]["contexts"].any()'
	match2html --contexts 1.contexts m >html 2>notes
	[ ! -s notes ]
}

@test "a page asks for nothing, and no text can end its script" {
	oracle match_page hostile
	match2html --contexts 1.contexts --contexts 2.contexts --labels labels.tsv \
		hostile.matching >html
	[ "$(grep -o '</script>' html | wc -l)" -eq 2 ]
	sed '/id="data"/,/^<.script>/d' html >own
	refute grep -E '(src|href) *=|url\(|@import|innerHTML|fetch\(|XMLHttpRequest|eval\(' own
	[ "$(grep -oE 'https?:[^"`]*' own | sort -u)" = 'http://www.w3.org/2000/svg
https://www.neuronpedia.org/${path}/${features.index[f]}' ]
	refute grep -q "$(printf '\u2028')" html
	oracle match_page holds html hostile.matching 1.contexts 2.contexts
}

@test "bytes that are no UTF-8 become U+FFFD" {
	for bytes in '\xff' '\xc0\xaf' '\xed\xa0\x80' '\xf4\x90\x80\x80' '\xe2\x82'; do
		printf "1\t0\ta${bytes}b\n" >labels.tsv
		stream matching >m
		printf "0\t0\ta${bytes}b\n1\t0\ta${bytes}b\n2\t0\ta${bytes}b\n" >labels.tsv
		match2html --title "$(printf "a${bytes}b")" m >html
		iconv -f UTF-8 -t UTF-8 html >/dev/null
		grep -qE '"title":"a(.ufffd)+b"' html
	done
}

@test "a matching without pairs, an empty stream and infinite costs are pages" {
	stream matching --empty >empty
	match2html empty | tail -n 1 | grep -q "</html>"
	"$PY" -c '
import match_page as m
import numpy as np
m.matching("m", [np.inf, 1], margin=np.array([np.inf, -np.inf], "<f4"))
m.matching("free", [], free=(3, 2))'
	match2html m free >html
	oracle match_page holds html m free
}

@test "what is no matching, no flow or no contexts is refused, and nothing is written" {
	"$PY" -c '
import match_page as m
import numpy as np
m.matching("nan", [np.nan, 1])
m.matching("short", [1, 2], chance=np.ones(1, "<f4"))
m.matching("scale", [1, 2], scale={"second": [2, 1]})'
	fails 1 match2html nan && [ ! -s stdout ]
	[ "$line" = "match2html: nan: frame 1: the cost or the margin of pair 0 is no number" ]
	fails 1 match2html short && [[ $line == *"chance"* ]]
	fails 1 match2html scale && [[ $line == *"second does not ascend" ]]
	stream distances >d
	fails 1 match2html d && [ ! -s stdout ]
	stream matching >m
	fails 1 match2html --contexts m m && [ ! -s stdout ]
	fails 1 match2html --distances m m && [ ! -s stdout ]
	fails 1 match2html --labels none m && [ ! -s stdout ]
	for source in x /x x/ a/b/c; do
		fails 2 match2html --source "$source" m
		[[ $line == "match2html: --source takes MODEL/SET"* ]]
	done
}

# damaged CHANGE: match2html has to refuse the flow after a line of Python
damaged() {
	"$PY" -c '
import sys, semot
[(header, frames)] = semot.read("flow")
exec(sys.argv[1])
semot.write("damaged", header, frames)' "$1"
	fails 1 match2html damaged && [ ! -s stdout ]
}

@test "a flow that contradicts itself is refused" {
	"$PY" -c '
import match_page as m
m.matching("1-2", [1, 2, 3], "1", "2", free=(1, 2))
m.matching("2-3", [1, 2], "2", "3")'
	flow 1-2 2-3 >flow
	match2html flow 1-2 2-3 >html
	"$PY" -c '
from match_page import carried, names
import semot
d, [(header, frames)] = carried("html"), semot.read("flow")
v, name, (layers, pairs, chains) = d["views"][0], names(d), frames
assert [name[f] for f in v["chains"]["feature"]] == [
    (layers["layer"][l], f) for l, f in zip(chains["layer"], chains["feature"].tolist())]
for key in "features", "births", "deaths", "through":
    assert v[key].tolist() == layers[key].tolist()
for key in "indptr", "cost", "margin":
    assert v["chains"][key].tolist() == chains[key].tolist()
assert v["pairs"]["composed"].tolist() == pairs["composed"].tolist()'
	damaged 'frames[2]["layer"][1] = 3' && [[ $line == *"layer 3 of 3"* ]]
	damaged 'frames[2]["indptr"][1] = 99'
	damaged 'frames[0]["births"] = frames[0]["births"][:1]'
	damaged 'del frames[1]["agree"]'
	damaged 'frames += [frames[0], frames[0]]'
}

@test "in a browser: sort, search, keys, address, contexts, on a phone and in the dark" {
	browser
	sample
	oracle match_page reads 2-4.html opuesto
}

@test "in a browser: the list is saved as a table, each picture as SVG" {
	browser
	sample
	oracle match_page files 2-4.html
}

@test "in a browser: 16384 pairs" {
	browser
	oracle match_page big
	match2html --contexts 1.contexts --contexts 2.contexts --labels labels.tsv big.matching \
		>large.html
	[ "$(wc -c <large.html)" -lt 30000000 ]
	oracle match_page large large.html
}

@test "in a browser: a flow, and its chains layer by layer" {
	browser
	sides 1 2 3
	for pair in "1 2" "2 3"; do
		centroid ${pair% *}.dist ${pair#* }.dist >d
		hungarian --quiet --max-cost 6 d
		nearest --quiet d
	done | flow >flow
	match2html --contexts 1.contexts --contexts 2.contexts --contexts 3.contexts \
		flow >flow.html
	oracle match_page flows flow.html flow
}

@test "in a browser: labels, tokens and names that are code, endless or right to left do no harm" {
	browser
	oracle match_page hostile
	match2html --contexts 1.contexts --contexts 2.contexts --labels labels.tsv \
		hostile.matching >hostile.html
	oracle match_page harmless hostile.html
}

@test "in a browser: little, or nothing, is known" {
	browser
	stream matching --empty | match2html >empty.html
	oracle match_page says empty.html "an empty matching" "There is nothing in this matching."
	"$PY" -c '
import match_page as m
import numpy as np
m.matching("m", [np.inf, 1], margin=np.array([np.inf, -np.inf], "<f4"))'
	match2html m >few.html
	oracle match_page says few.html "layer 1 → layer 2" "2 pairs" "∞"
}
