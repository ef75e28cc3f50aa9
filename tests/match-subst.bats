# contract: matching match-subst --a {activations} --b {next} --sae-b {sae} --hidden-b {states}
load helper

# encode SIDE: activations of the SAE of a side
encode() {
	act-dump --hidden h.npy --sae "s$1" --context 10 --skip 1 --layer "$1" --no-point
}

# better: a and b become those of SAEs that explain more than the mean does
better() {
	sae-random --hidden h.npy --sae sa --seed 1 >ra.npz
	sae-random --hidden h.npy --sae sb --seed 2 >rb.npz
	for side in a b; do
		act-dump --hidden h.npy --sae r$side.npz --context 10 --skip 1 --layer $side \
			--no-point >$side
	done
}

# Activations of random SAEs of 30 features; states in one file, and in two
setup() {
	cd "$BATS_TEST_TMPDIR"
	oracle act_dump sae sa --npz --threshold --features 30
	oracle act_dump sae sb --npz --threshold --features 30 --seed 1
	"$PY" -c '
import numpy as np
h = np.random.default_rng(0).standard_normal((2000, 6)).astype("f2")
for name, part in ("h", h), ("h1", h[:777]), ("h2", h[777:]), ("short", h[:1800]):
    np.save(name + ".npy", part)'
	for side in a b; do
		encode $side >$side
	done
}

# agrees MATCHING [OPTION]...: the score of a and b is numpy's
agrees() {
	match-subst --quiet "$1" --a a --b b --bootstrap 30 "${@:2}" >scores
	oracle match_eval explained scores "$1" a b --bootstrap 30 "${@:2}"
}

@test "explained variance is numpy's; layer b's own activations are the best" {
	oracle match_eval make m a b --free 5
	agrees m --sae-b sb --hidden-b h.npy
	agrees m --sae-b sb --hidden-b h.npy --seed 7
	agrees m --sae-b sb --hidden-b h1.npy --hidden-b h2.npy
	agrees m --sae-a sa --sae-b sb --hidden-b h.npy
	cfg='{"architecture": "standard", "rescale_acts_by_decoder_norm": true}'
	oracle act_dump sae sb --features 30 --cfg "$cfg"
	encode b >b
	agrees m --sae-b sb --hidden-b h.npy
}

@test "from the cheapest pair to all: the curves are numpy's, and their ends are the scores" {
	better
	oracle match_eval make m a b --free 5
	agrees m --sae-a ra.npz --sae-b rb.npz --hidden-b h.npy
	frame2tsv --columns score,value,low,high scores | awk '$1 == "kept"' >kept
	agrees m --sae-b rb.npz --hidden-b h.npy
	refute cmp -s kept <(frame2tsv --columns score,value,low,high scores | awk '$1 == "kept"')
	awk '{ exit !(0 < $3 && $3 < $2 && $2 < $4 && $4 < 1) }' kept
	oracle match_eval make tied a b --free 5 --ties
	agrees tied --sae-a ra.npz --sae-b rb.npz --hidden-b h.npy
	agrees m --sae-b rb.npz --hidden-b h.npy
	frame2tsv --columns score,value,random scores >table
	frame2tsv --columns covered,replaced/covered,replaced/random scores | tail -n 1 >end
	awk -F '\t' 'NR == FNR { value[$1] = $2; random[$1] = $3; next }
		{ exit !($1 == 20 && ($2 - value["replaced"]) ^ 2 < 1e-12 &&
			($3 - random["replaced"]) ^ 2 < 1e-12) }' table end
	frame2tsv --columns score,area,best scores |
		awk '$1 == "kept" { exit !($2 < 1 && $3 == 1) }'
}

@test "a feature that always fires explains what it did before its mean was taken" {
	oracle coact make a 600 1 silent always constant offset nearly
	oracle coact make b 600 2 constant silent always
	oracle match_eval make m a b --pairs 30
	agrees m --sae-b sb --hidden-b short.npy
}

@test "features matched with themselves explain what they decode to" {
	better
	cp b a
	coact a b | hungarian --quiet >m
	for rows in "" "--sae-a rb.npz"; do
		agrees m $rows --sae-b rb.npz --hidden-b h.npy
	done
	frame2tsv --columns value,best scores |
		awk 'NR > 1 { n++; if (($1 - $2) ^ 2 > 1e-18) exit 1 } END { exit n != 3 }'
	frame2tsv --columns kept/covered scores | awk 'NR > 1 && ($1 - 1) ^ 2 > 1e-12 { exit 1 }'
}

@test "what a matching of the sample explains: numpy's numbers" {
	for l in 2 4; do
		"$PY" -c "import numpy as np
np.save('$l.npy', np.load('$SAMPLE/hidden_L$l.npy')[:700])"
		act-dump --hidden $l.npy --sae "$SAMPLE/sae_L${l}_s0" --layer $l --no-point >$l
	done
	coact 2 4 | hungarian >m
	options=(--sae-b "$SAMPLE/sae_L4_s0" --hidden-b 4.npy)
	match-subst m --a 2 --b 4 --bootstrap 5 "${options[@]}" >scores
	oracle match_eval explained scores m 2 4 --bootstrap 5 "${options[@]}"
	frame2tsv --columns value,best,random scores | awk 'NR == 2 { exit !($3 < $1 && $1 < $2) }'
}

@test "several matchings in a file, from a file or stdin" {
	oracle match_eval make one a b --free 5
	oracle match_eval make two a b --pairs 10 --seed 3
	cat one two one >m
	agrees m --sae-b sb --hidden-b h.npy
	options=(--a a --b b --bootstrap 30 --sae-b sb --hidden-b h.npy)
	cmp <(match-subst "${options[@]}" <m | frame2tsv) <(frame2tsv scores)
}

@test "the interval holds the value; another seed moves it and the random score, and nothing else" {
	oracle match_eval make m a b --free 5
	options=(--a a --b b --sae-b sb --hidden-b h.npy)
	match-subst m "${options[@]}" >scores
	read -r value low high < <(frame2tsv --columns value,low,high scores | sed -n 2p)
	awk "BEGIN { exit !($low < $value && $value < $high) }"
	match-subst m "${options[@]}" --seed 1 >other
	refute cmp <(frame2tsv --columns low scores) <(frame2tsv --columns low other)
	cmp <(frame2tsv --columns value,best scores) <(frame2tsv --columns value,best other)
}

@test "an empty matching has no score" {
	stream matching --empty >m
	match-subst m --a a --b b --sae-b sb --hidden-b h.npy >scores
	[ "$(framecat --count scores)" = "$(printf 'scores\tscores\t1\n')" ]
	frame2json scores | grep -q '"score":\[\]'
}

@test "the same bytes for any number of threads" {
	oracle match_eval make m a b --free 5
	options=(--a a --b b --sae-b sb --hidden-b h.npy)
	match-subst --threads 1 m "${options[@]}" >one
	match-subst --threads 3 m "${options[@]}" | cmp one -
}

@test "columns that repeat are refused" {
	for made in "--pairs 30 --nearest" "--pairs 1 --nearest"; do
		oracle match_eval make m a b $made
		fails 1 match-subst m --a a --b b --sae-b sb --hidden-b h.npy
		why="a column may have several rows: a column is replaced by one row"
		[[ $line == "match-subst: m: "*"$why" ]]
	done
}

@test "SAEs, states and activations that are not of one another are refused" {
	oracle match_eval make m a b
	oracle act_dump sae small --npz --threshold --features 29
	fails 1 match-subst m --a a --b b --sae-b small --hidden-b h.npy
	[ "$line" = "match-subst: small: 29 features, b has 30" ]
	oracle act_dump sae wide --npz --threshold --features 30 --d 7
	fails 1 match-subst m --a a --b b --sae-b wide --hidden-b h.npy
	[ "$line" = "match-subst: h.npy: states of 6 dimensions, wide has 7" ]
	fails 1 match-subst m --a a --b b --sae-a wide --sae-b sb --hidden-b h.npy
	[ "$line" = "match-subst: wide: an SAE of 7 dimensions, sb has 6" ]
	last=$("$PY" -c 'from semot import read; print(next(read("a"))[1][-1]["token"][-1])')
	"$PY" -c 'import numpy as np; np.save("short.npy", np.load("h.npy")[:1000])'
	fails 1 match-subst m --a a --b b --sae-b sb --hidden-b short.npy
	[[ $line == "match-subst: short.npy: 1000 states, and a has token "* ]]
	[ "$last" -ge 1000 ]
	"$PY" -c '
import numpy as np
h = np.load("h.npy")
h[31, 2] = np.nan
np.save("nan.npy", h)'
	fails 1 match-subst m --a a --b b --sae-b sb --hidden-b nan.npy
	[[ $line == *"nan.npy: row 31 holds a number that is not finite, as do 1 of "*" rows"* ]]
	{ cat a; renamed other <a; } >two
	fails 1 match-subst m --a two --b b --sae-b sb --hidden-b h.npy
	[ "$line" = "match-subst: two: 2 streams, where one layer is needed" ]
	{ cat b; renamed other <b; } >two
	fails 1 match-subst m --a a --b two --sae-b sb --hidden-b h.npy
	[ "$line" = "match-subst: two: 2 streams, where --sae-a and --sae-b need one" ]
	fails 1 match-subst m --a b --b b --sae-b sb --hidden-b h.npy
	[[ $line == "match-subst: m: "*"of layer a is not in b" ]]
}

@test "a wrong command line is refused" {
	fails 2 match-subst m --a a --b b --hidden-b h.npy
	fails 2 match-subst m --a a --b b --sae-b sb
	fails 2 match-subst m --a a --sae-b sb --hidden-b h.npy
	fails 2 match-subst m --a a --b b --sae-b sb --hidden-b -
	fails 2 match-subst m --a a --b b --sae-b sb --hidden-b h.npy --bootstrap 0
	fails 2 match-subst m n --a a --b b --sae-b sb --hidden-b h.npy
}

@test "stable features, by the pipes of semot(7): plain Python's shares; what they explain" {
	for seed in 0 1; do
		act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s$seed" \
			--layer $seed | featdist --quiet --support 16 |
			refproj --quiet --lift "$SAMPLE/hidden_L6.npy" --whiten >$seed.dist
	done
	centroid --quiet --top 8 --error 8 0.dist 1.dist |
		nearest --quiet --mutual --certified >pairs
	cat pairs pairs pairs >seeds.matching
	frame2tsv --columns row_feature seeds.matching >reappears
	frame2tsv --columns feature,mass 0.dist | awk -v k=3 'NR == FNR { n[$1]++; next }
		FNR > 1 { print $1, n[$1] / k, $2 }' reappears - >stability
	carried=$(awk '{ all += $3; held += $2 * $3 } END { print held / all }' stability)
	"$PY" - "$carried" <<-'END'
		import sys
		from semot import read
		pairs = {int(i) for i in next(read("pairs"))[1][0]["row_feature"]}
		[(_, frames)] = read("0.dist")
		mass = {int(i): m for f in frames if "mass" in f
			for i, m in zip(f["feature"], f["mass"])}
		found = {int(i): float(s) for i, s, _ in map(str.split, open("stability"))}
		assert pairs and found == {i: float(i in pairs) for i in mass}
		held = sum(mass[i] for i in pairs) / sum(mass.values())
		assert abs(held - float(sys.argv[1])) < 1e-5, (held, sys.argv[1])
	END
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 0 \
		--no-point >a
	awk -v OFS='\t' '$2 == 1 { print 0, $1 }' stability >stable
	featpick --list stable 0.dist | centroid --quiet - 0.dist | nearest --quiet --mutual >m
	frame2tsv --columns row_feature,col_feature m | awk 'NR > 1 && $1 != $2 { exit 1 }'
	match-subst m --a a --b a --sae-b "$SAMPLE/sae_L2_s0" \
		--hidden-b "$SAMPLE/hidden_L2.npy" --bootstrap 5 >scores
	frame2tsv --columns value,best,pairs scores >table
	cat table; wc -l stable
	awk -v n="$(wc -l <stable)" '
		NR == 2 { exit !($1 < $2 && $3 == n) }' table
}
