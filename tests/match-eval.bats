# contract: matching match-eval --a {activations} --b {next}
# fuzz: matching match-eval --a {activations} --b {next} --sae-a {sae} --sae-b {sae}
load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
	oracle coact make a 600 1 silent always constant offset nearly
	oracle coact make b 600 2 constant silent always
}

# agrees MATCHING [OPTION]...: scores of a and b are numpy's
agrees() {
	match-eval --quiet "$1" --a a --b b --bootstrap 30 "${@:2}" >scores
	oracle match_eval check scores "$1" a b --bootstrap 30 "${@:2}"
}

# saes: random ones of 30 features with thresholds, and hidden states
saes() {
	oracle act_dump sae sa --npz --threshold --features 30
	oracle act_dump sae sb --npz --threshold --features 30 --seed 1
	"$PY" -c '
import numpy as np
np.save("h.npy", np.random.default_rng(0).standard_normal((2000, 6)).astype("f2"))'
}

# labels LAYER...: a table of five labels, none for some features, its columns in another order
labels() {
	printf 'more\tfeature\tlabel\tlayer\n'
	for layer; do
		for i in {0..29}; do
			label=$([ $((i % 7)) = 0 ] || echo "label $((i * i % 5))")
			printf '%s\t%s\t%s\t%s\n' "$i" "$i" "$label" "$layer"
		done
	done
}

# score NAME: value, best and random of a score in ./scores
score() {
	frame2tsv --columns score,value,best,random scores |
		awk -F'\t' -v name="$1" '$1 == name { print $2, $3, $4 }'
}

@test "correlation and probability of firing together are numpy's, with best, random and interval" {
	oracle match_eval make m a b
	agrees m
	oracle match_eval make m a b --pairs 30 --seed 1
	agrees m --seed 7
	oracle match_eval make m a b --pairs 1
	agrees m
}

@test "free columns are there for the best and the random matching" {
	oracle match_eval make m a b
	agrees m
	score correlation >none
	oracle match_eval make m a b --free 10
	agrees m
	refute cmp none <(score correlation)
}

@test "certified pairs are scored once more by themselves" {
	oracle match_eval make m a b --free 7 --certified
	agrees m
	[ -n "$(score joint/certified)" ]
}

@test "pairs of one cost are covered alike, in whatever order they stand" {
	oracle match_eval make m a b --ties --certified
	agrees m
	frame2tsv --columns score,area scores >areas
	oracle match_eval make m a b --ties --certified
	"$PY" -c '
import numpy as np
from semot import read, write
header, (pairs, *rest) = next(read("m"))
turned = np.argsort(-pairs["row"].astype(int))
pick = lambda x: x[turned] if isinstance(x, np.ndarray) else [x[i] for i in turned]
write("turned", header, [{name: pick(x) for name, x in pairs.items()}, *rest])'
	agrees turned
	frame2tsv --columns score,area scores >again
	"$PY" -c '
import sys
for a, b in zip(open("areas").read().split(), open("again").read().split(), strict=True):
    assert a == b or abs(float(a) - float(b)) < 1e-6, (a, b)'
}

@test "of nearest columns the best is each row's best" {
	oracle match_eval make m a b --free 20 --nearest
	agrees m
}

@test "several layers a side, several matchings in a file" {
	mv a one; mv b two
	oracle coact make three 600 3
	oracle coact make four 600 4
	cat one three >a
	cat four two >b
	oracle match_eval make m a b --pairs 50 --free 10
	oracle match_eval make n a b --pairs 50 --nearest
	cat m n m >three
	agrees three
	match-eval three --a a --b b >of_file
	match-eval --a a --b b <three >of_stdin
	cmp <(frame2tsv of_file) <(frame2tsv of_stdin)
}

@test "labels: of both sides from one table, or from two" {
	oracle match_eval make m a b --free 5 --certified
	labels a b >both
	agrees m --labels both
	read -r value best random < <(score same_label)
	awk "BEGIN { exit !($value < $best && $random < $best) }"
	labels a | sed 's/label 1/label 4/' >rows
	labels b >cols
	agrees m --labels rows --labels-b cols
	sed 's/$/\r/' both >dos
	cmp <(match-eval m --a a --b b --labels both | frame2json | tail -n +2) \
		<(match-eval m --a a --b b --labels dos | frame2json | tail -n +2)
	labels x a >other
	agrees m --labels other
	[ -z "$(score same_label)" ]
	match-eval m --a a --b b --bootstrap 3 --labels other 2>notes >scores
	why="25 of 50 features are not in the activations, such as feature 1 of layer 'x'"
	grep -qx "match-eval: other: $why" notes
	labels x >other
	fails 1 match-eval m --a a --b b --labels other
	why="none of its 25 labels is of a feature of the activations: it has labels of layer x, "
	why+="those features are of layer a, b (act-dump --layer names layers)"
	[ "$line" = "match-eval: other: $why" ]
	fails 1 match-eval m --a a --b b --labels rows --labels-b rows
	[[ $line == "match-eval: rows: none of its 25 labels"* ]]
	printf 'layer\tfeature\tlabel\na\t1\t\n' >other
	agrees m --labels other
}

@test "a matching of other models, and a table that serves two models, are refused" {
	named matching row_model=A col_model=B >m
	named activations model=A >a
	named activations layer=4 model=B >b
	match-eval --quiet --bootstrap 3 m --a a --b b >scores
	named activations layer=4 >c
	fails 1 match-eval m --a a --b c
	[[ $line == "match-eval: m: its columns are of model B, where c is of model toy: "* ]]
	fails 1 match-eval m --a b --b a
	[[ $line == "match-eval: m: its rows are of model A, where b is of model B: "* ]]
	named activations layer=4 model= >c
	match-eval --quiet --bootstrap 3 m --a a --b c >scores
	named matching row_sae=x >n
	named activations sae=y >c
	why="match-eval: n: its rows are of the SAE x, where c is of y"
	[ "$(match-eval --bootstrap 3 n --a c --b b 2>&1 >scores)" = "$why" ]
	emd <(named distributions model=A) <(named distributions model=B) | hungarian >m
	named activations model=B >b
	printf 'layer\tfeature\tlabel\n3\t1\tx\n' >table
	fails 1 match-eval m --a a --b b --labels table
	why="layer 3 is of two dictionaries: give the labels of the columns by --labels-b"
	[ "$line" = "match-eval: table: $why" ]
	match-eval --bootstrap 3 m --a a --b b --labels table --labels-b table >scores
}

@test "folded parameters differ as in numpy, and as decoder --folded says" {
	saes
	oracle match_eval make m a b --free 5 --certified
	agrees m --sae-a sa --sae-b sb
	decoder --folded sa sb | hungarian >m
	for side in a b; do
		act-dump --hidden h.npy --sae s$side >$side
	done
	agrees m --sae-a sa --sae-b sb
	total=$(framecat --header m | grep -o '"total":[0-9.]*')
	score folded_mse | awk -v total="${total#*:}" \
		'{ exit !($1 == $2 && ($1 * 30 / total - 1) ^ 2 < 1e-12) }'
}

@test "features matched with themselves score 1" {
	saes
	act-dump --hidden h.npy --sae sb --no-point >a
	cp a b
	decoder --quiet --squared sb sb | hungarian --quiet >m
	agrees m --sae-a sb --sae-b sb
	score correlation | awk '{ exit !($1 > .999999 && $1 == $2) }'
	score folded_mse | awk '{ exit !($1 == 0) }'
}

@test "what a matching of the sample is worth: numpy's numbers" {
	for l in 2 4; do
		act-dump --hidden "$SAMPLE/hidden_L$l.npy" --sae "$SAMPLE/sae_L${l}_s0" \
			--layer $l --no-point >$l
	done
	coact 2 4 | hungarian >m
	awk -F'\t' -v OFS='\t' 'NR == 1 { print "layer", "feature", "label" }
		NR > 1 && $2 == 0 { print $1, $3, ($9 >= .7 ? $8 : "") }' \
		"$SAMPLE/feature_labels.tsv" >labels
	options=(--labels labels --sae-a "$SAMPLE/sae_L2_s0" --sae-b "$SAMPLE/sae_L4_s0")
	match-eval --quiet m --a 2 --b 4 --bootstrap 5 "${options[@]}" >scores
	oracle match_eval check scores m 2 4 --bootstrap 5 "${options[@]}"
	score correlation | awk '{ exit !(($1 - $2) ^ 2 < 1e-12) }'
}

@test "on a real model: the best possible is coact's assignment on the same tokens" {
	[ -n "$DATA" ] || skip "no $DATA"
	lm=$DATA/lm/bl361
	for l in 4 5; do
		read=(--hidden "$lm/hidden_L$l.npy" --sae "$lm/L${l}_s0" --layer $l)
		act-dump "${read[@]}" --no-point >$l
		act-dump "${read[@]}" | featdist --quiet >$l.dist
	done
	decoder 4.dist 5.dist | hungarian >m
	options=(--sae-a "$lm/L4_s0" --sae-b "$lm/L5_s0")
	match-eval --quiet m --a 4 --b 5 --bootstrap 5 "${options[@]}" >scores
	oracle match_eval check scores m 4 5 --bootstrap 5 "${options[@]}"
	read -r value best random < <(score correlation)
	awk "BEGIN { exit !($random < $value && $value < $best) }"
	[ -z "$(score folded_mse)" ]
}

@test "the best of rows that all like the same columns" {
	"$PY" -c '
import numpy as np
from semot import write
rng = np.random.default_rng(0)
shared = rng.exponential(1, 400)
for name in "ab":
    x = np.outer(shared, rng.random(200) ** 2) + rng.exponential(.3, (400, 200))
    x[rng.random(x.shape) < .3] = 0
    row, feature = np.nonzero(x)
    write(name, {"kind": "activations", "layer": name, "features": 200, "history": []}, [
        {"token": np.arange(400, dtype="<u4"), "feature": feature.astype("<u4"),
         "indptr": np.searchsorted(row, np.arange(401)).astype("<u4"),
         "value": x[row, feature].astype("<f4")}])'
	oracle act_dump sae sa --npz --threshold --features 200
	oracle act_dump sae sb --npz --threshold --features 200 --seed 1
	for options in "--pairs 190 --certified" "--pairs 200" "--pairs 150 --free 30 --nearest"; do
		oracle match_eval make m a b $options
		agrees m --sae-a sa --sae-b sb
	done
}

@test "the interval holds the value; another seed moves it, and nothing else" {
	oracle coact make c 600 1
	oracle coact make d 600 1 always		# the same features, but the first
	oracle match_eval make m c d --pairs 30
	match-eval m --a c --b d >scores
	read -r value low high < <(frame2tsv --columns value,low,high scores | sed -n 2p)
	awk "BEGIN { exit !($low < $value && $value < $high) }"
	match-eval m --a c --b d --seed 1 >other
	refute cmp <(frame2tsv --columns low scores) <(frame2tsv --columns low other)
	columns=value,best,random
	cmp <(frame2tsv --columns $columns scores) <(frame2tsv --columns $columns other)
}

@test "without a method and free features a matching is an assignment of what it names" {
	oracle match_eval make m a b
	frame2json m | sed 's/"method":"assignment",//' | json2frame >old
	refute grep -q method <(framecat --header old)
	cmp <(match-eval m --a a --b b | frame2tsv) <(match-eval old --a a --b b | frame2tsv)
}

@test "through a coupling: numpy's means over both texts; of the same tokens, the same bits" {
	oracle coact make c 400 3 silent offset always
	oracle coact couple g a c 1 3 alone
	oracle match_eval make m a c --free 5 --certified
	labels a c >both
	match-eval --quiet m --a a --b c --coupling g --bootstrap 30 --labels both >scores
	oracle match_eval check scores m a c --coupling g --bootstrap 30 --labels both
	framecat --header scores | grep -q '"by":"test"'
	match-eval m --a a --b c --coupling g 2>&1 >/dev/null |
		grep -q "^match-eval: .* of 600 .* have no partner"
	oracle match_eval make m a b
	"$PY" -c '
import coact, numpy as np
token = 3 * np.arange(600, dtype="<u4")
coact.write_coupling("g", token, token, np.eye(600))'
	match-eval m --a a --b b | frame2json | sed 1d >plain
	match-eval m --a a --b b --coupling g | frame2json | sed 1d | cmp - plain
	fails 1 match-eval m --a a --b c --coupling g
	[[ $line == *"c: frame 6: 400 tokens, where the column text of g has 600: "* ]]
}

@test "an empty matching has no scores" {
	stream matching --empty >m
	match-eval m --a a --b b >scores
	[ "$(framecat --count scores)" = "$(printf 'scores\tscores\t3\n')" ]
	frame2json scores | grep -q '"score":\[\]'
}

@test "the same bytes for any number of threads" {
	saes
	oracle match_eval make m a b --free 5
	options=(--a a --b b --sae-a sa --sae-b sb)
	cmp <(match-eval --threads 1 m "${options[@]}") <(match-eval --threads 3 m "${options[@]}")
}

@test "what the sides do not have is refused by name" {
	oracle match_eval make m a b
	fails 1 match-eval m --a b --b b
	[[ $line == "match-eval: m: "*"of layer a is not in b" ]]
	fails 1 match-eval m --a a --b <(oracle coact make c 500 1; cat c)
	[[ $line == *"500 tokens, where a has 600: the tokens have to be the same" ]]
	fails 1 match-eval a --a a --b b
	[[ $line == *"a stream of activations, where matchings are read: hungarian writes them" ]]
	fails 1 match-eval m --a m --b b
	fails 1 match-eval missing --a a --b b
	fails 1 match-eval --a a --b - <b
	again="its streams were read as another input, which is stdin, too"
	[ "$line" = "match-eval: stdin: empty: $again" ]
	fails 1 match-eval m --a a --b - </dev/null
	[[ $line == "match-eval: stdin: empty: not even a header "* ]]
}

@test "SAEs that are not of these activations are refused" {
	saes
	oracle match_eval make m a b
	oracle act_dump sae small --npz --threshold --features 29
	fails 1 match-eval m --a a --b b --sae-a small --sae-b sb
	[ "$line" = "match-eval: small: 29 features, a has 30" ]
	oracle act_dump sae wide --npz --threshold --features 30 --d 7
	fails 1 match-eval m --a a --b b --sae-a sa --sae-b wide
	[ "$line" = "match-eval: sa: an SAE of 6 dimensions, wide has 7" ]
	oracle act_dump sae flat --npz --features 30
	match-eval m --a a --b b --sae-a sa --sae-b flat 2>&1 >/dev/null |
		grep -qx 'match-eval: flat: no threshold: folded_mse is left out'
	"$PY" -c '
import numpy as np
s = dict(np.load("sb/params.npz"))
s["W_dec"] *= 1e25
np.savez("huge.npz", **s)'
	fails 1 match-eval m --a a --b b --sae-a sa --sae-b huge.npz
	[ "$line" = "match-eval: huge.npz: feature 0: a weight beyond 1e15" ]
	{ cat a; renamed other <a; } >two
	fails 1 match-eval m --a two --b b --sae-a sa --sae-b sb
	[ "$line" = "match-eval: two: 2 streams, where --sae-a and --sae-b need one" ]
}

@test "tables that are none are refused by line" {
	oracle match_eval make m a b
	fails 1 match-eval m --a a --b b --labels <(printf 'layer\tfeature\tname\n')
	[[ $line == *": no column 'label' in the first line" ]]
	fails 1 match-eval m --a a --b b --labels <(printf 'layer\tfeature\tlabel\na\t1\n')
	[[ $line == *": line 2: fewer cells than columns" ]]
	for feature in -1 x "" 1.5; do
		printf 'layer\tfeature\tlabel\n\na\t%s\tx\n' "$feature" >table
		fails 1 match-eval m --a a --b b --labels table
		[[ $line == *": line 3: '$feature' is no feature's index" ]]
	done
	printf 'layer\tfeature\tlabel\na\t1\tx\na\t1\ty\n' >table
	fails 1 match-eval m --a a --b b --labels table
	[[ $line == *": line 3: feature 1 of layer a occurs twice" ]]
	fails 1 match-eval m --a a --b b --labels <(printf 'layer\tfeature\tlabel\n\0')
	fails 1 match-eval m --a a --b b --labels <(:)
	[[ $line == *": nothing in it, where labels were expected" ]]
	fails 1 match-eval m --a a --b b --labels missing
}

@test "streams whose tensors lie: taken or refused, never a crash" {
	stream activations >3
	"$PY" -c '
import sys, make_stream
sys.stdout.buffer.write(make_stream.make("activations", layer="4"))' >4
	oracle mutate --stream matching match-eval --quiet --threads 1 --a "$PWD/3" --b "$PWD/4"
	stream matching >m
	oracle mutate --stream coupling match-eval --quiet --threads 1 --bootstrap 9 \
		--a "$PWD/3" --b "$PWD/4" --coupling - "$PWD/m"
}

@test "a wrong command line is refused" {
	fails 2 match-eval m --a a
	fails 2 match-eval m --b b
	fails 2 match-eval m --a a --b b --sae-a sa
	fails 2 match-eval m --a a --b b --labels-b x
	fails 2 match-eval m --a a --b b --bootstrap 0
	fails 2 match-eval m n --a a --b b
}
