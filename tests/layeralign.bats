# contract: distances layeralign
# fuzz: distances layeralign {distances}
load helper

# agrees OPTION...: random distances made with these options, of equal and unequal numbers of layers
# and features, are aligned as linear programs say
agrees() {
	for layers in "1 1" "3 3" "2 5" "6 4"; do
		oracle layeralign make --layers $layers "$@" >in
		layeralign in >out
		oracle layeralign check out in
	done
}

# value NAME FILE: a score of a stream
value() {
	frame2tsv "$2" | awk -v name="$1" '$1 == name { print $2 }'
}

# near X Y: but for the last digits
near() {
	awk -v x="$1" -v y="$2" 'BEGIN { exit !(x - y < 1e-6 * x && y - x < 1e-6 * x) }'
}

# edited STATEMENT: the streams on stdin, after a statement of Python on `header`, `ids` and `dist`
# of the n-th of them
edited() {
	"$PY" -c '
import io, sys
import numpy as np
from semot import read, write
for n, (header, (ids, *blocks)) in enumerate(read(io.BytesIO(sys.stdin.buffer.read()))):
    dist = np.concatenate([b["dist"] for b in blocks])
    exec(sys.argv[1])
    header |= {"rows": len(dist), "cols": dist.shape[1]}
    write("-", header, [ids, {"row0": 0, "dist": dist}])' "$1"
}

# cmp_frames FILE: on stdin is what layeralign makes of it, but for the header
cmp_frames() {
	cmp <(frame2json | grep -v '"history"') \
		<(layeralign "$1" | frame2json | grep -v '"history"')
}

# dist SEED >FILE: distributions of a layer of this name and model
dist() {
	"$PY" -c '
import io, sys, make_stream, semot
seed, layer, model, shift = sys.argv[1:]
[(header, (x, y, features))] = semot.read(io.BytesIO(make_stream.make(
    "distributions", seed=int(seed), layer=layer, model=model)))
for table in x, y:
    table["point"] = table["point"] + float(shift)
semot.write("-", header, [x, y, features])' "$@"
}

@test "costs of layers, plan and scores are those of linear programs" {
	agrees
	agrees --seed 1 --apart 0
	agrees --seed 2 --least 1 --most 40
	agrees --random
	agrees --random --least 9
}

@test "and so they are where distances are large, small or all the same" {
	agrees --times 1e37
	agrees --times 1e-38
	agrees --times 0
}

@test "the layers of a model are known in another sample of it, in any order" {
	for l in 1 2 3 4; do
		dist $l $l toy $l >a.$l
		dist 1$l $l other $l >b.$l
	done
	emd <(cat a.?) <(cat b.?) | layeralign >out
	frame2tsv --columns row_layer,col_layer,share out | awk '$3 > 0' |
		diff - <(printf '%s\t%s\t%s\n' row_layer col_layer share 1 1 0.25 2 2 0.25 \
			3 3 0.25 4 4 0.25)
	[ "$(value transport out)" = "$(value in_order out)" ]
	emd <(cat a.?) <(cat b.3 b.1 b.4 b.2) | layeralign >turned
	near "$(value transport out)" "$(value transport turned)"
	near "$(value random_layers out)" "$(value random_layers turned)"
	cmp <(frame2tsv --columns row_layer,col_layer,cost,share out | sort) \
		<(frame2tsv --columns row_layer,col_layer,cost,share turned | sort)
	refute near "$(value transport turned)" "$(value in_order turned)"
}

@test "a model costs nothing beside itself, and a layer that stands twice shares" {
	for l in 1 2 3; do
		dist $l $l toy $l >a.$l
		dist $l $l.again toy $l >b.$l
	done
	emd <(cat a.?) | layeralign >out
	[ "$(value transport out)" = 0.0 ]
	emd <(cat a.?) <(cat a.? b.?) | layeralign >out
	[ "$(value transport out)" = 0.0 ]
	[ "$(frame2tsv --columns share out | awk '$1 + 0 > 0' | sort -u)" = 0.16666667 ]
}

@test "the number is a metric of models where the distances are one of features" {
	for m in 1 2 3 4 5 6; do
		for l in 1 2 3; do
			dist $m$l $l $m $((m * l)) >$m.$l
		done
	done
	for pair in "1 2" "2 3" "1 3" "4 5" "5 6" "4 6" "3 4" "1 4"; do
		set -- $pair
		emd <(cat $1.?) <(cat $2.?) | layeralign >"$1$2"
		emd <(cat $2.?) <(cat $1.?) | layeralign >"$2$1"
		near "$(value transport $1$2)" "$(value transport $2$1)"
	done
	for three in "12 23 13" "12 13 23" "45 56 46" "13 34 14" "14 34 13"; do
		set -- $three
		echo "$(value transport $1) $(value transport $2) $(value transport $3)" |
			awk '{ exit !($1 + $2 >= $3 * .999999) }'
	done
}

@test "a stream of all layers is aligned as one of each pair is" {
	for l in 1 2 3; do
		dist $l $l toy $l >a.$l
		dist 1$l $l other $l >b.$l
	done
	for pair in 1-1 1-2 1-3 2-1 2-2 2-3 3-1 3-2 3-3; do
		centroid a.${pair%-*} b.${pair#*-} >$pair
	done
	layeralign ?-? | frame2json | grep -v -e '"end"' -e '"history"' >each
	centroid <(cat a.?) <(cat b.?) | layeralign | frame2json |
		grep -v -e '"end"' -e '"history"' | cmp - each
	cat ?-? | layeralign | frame2json | grep -v -e '"end"' -e '"history"' | cmp - each
	cat 1-3 2-? | layeralign 1-1 1-2 - 3-? | frame2json | grep -v -e '"end"' -e '"history"' |
		cmp - each
	layeralign ?-? | framecat --header | grep -q '"row_model":"toy","col_model":"other"'
}

@test "features of layers in any order: those of streams with layers in turn" {
	stream distances --frames 4 >in
	layeralign in >out
	oracle layeralign check out in
}

@test "a pair of layers that is missing, or there twice, is named" {
	oracle layeralign make --layers 2 2 >in
	"$PY" -c "
from semot import read, write
for k, (header, frames) in enumerate(read('in')):
    write(f'part{k}', header, frames)"
	fails 1 layeralign part0 part3 part1
	[ "$line" = "layeralign: no distances of layer 1, of the rows, with layer other.0, of the \
columns: all pairs are needed" ]
	fails 1 layeralign in part2
	[ "$line" = "layeralign: part2: layer 1 with layer other.0 a second time" ]
	fails 1 layeralign part0 part0
}

@test "distances of other stages, spaces or settings are not mixed" {
	oracle layeralign make --layers 1 2 >in
	edited 'header["metric"] = ("emd", "sinkhorn")[n]' <in >bad
	fails 1 layeralign bad
	[ "$line" = "layeralign: bad: metric 'sinkhorn', where a stream before has 'emd': \
their costs do not compare" ]
	edited 'header["space"] = ("L4#1", "L5#2")[n]' <in >bad
	fails 1 layeralign bad
	[[ $line == *"space 'L5#2', where a stream before has 'L4#1'"* ]]
	for field in p part epsilon unbalanced support power tokens an_option_of_tomorrow; do
		edited "header['$field'] = 1 + n" <in >bad
		fails 1 layeralign bad
		[[ $line == *"another $field than a stream before: their costs do not compare" ]]
		edited "n and header.update($field=1)" <in >bad
		fails 1 layeralign bad
		[[ $line == *"another $field than a stream before: their costs do not compare" ]]
	done
	edited "header['an_option'] = str(n)" <in >bad
	fails 1 layeralign bad
	[[ $line == *": an_option '1', where a stream before has '0': their costs do not compare" ]]
}

@test "streams may differ in what their headers say of features and results" {
	oracle layeralign make --layers 1 2 >in
	for field in row_sae col_sae arch encoder centred signed picked dropped halvings common \
			jaccard; do
		edited "header['$field'] = str(n)" <in | layeralign --quiet | cmp_frames in
		edited "n and header.update($field='1')" <in | layeralign --quiet | cmp_frames in
	done
}

@test "a layer is of one model, and has the same features beside all layers" {
	oracle layeralign make --layers 1 2 >in
	edited 'header["row_model"] = str(n)' <in >bad
	fails 1 layeralign bad
	why="layer 0 is of model 1, where another stream's is of model 0"
	[[ $line == "layeralign: bad: $why: "* ]]
	edited '
if n:
    dist = dist[1:]
    ids |= {k: ids[k][1:] for k in ("row_layer", "row_feature")}' <in >bad
	fails 1 layeralign bad
	[[ $line == *": layer 0 has "*" features, and "*" in another stream" ]]
}

@test "what is no whole, finite matrix is refused, with the way out" {
	dist 1 1 toy 0 >a
	centroid --top 3 a >bad
	fails 1 layeralign bad
	[[ $line == *"k nearest distances, where the whole matrix is needed: without --top" ]]
	centroid --rows 1/2 a >bad
	fails 1 layeralign bad
	[[ $line == *"a block of rows, where all are needed: framecat --merge joins blocks" ]]
	centroid a | edited 'dist[1, 2] = np.inf' >bad
	fails 1 layeralign bad
	[[ $line == *"the distance of row 1 and column 2 is infinite" ]]
}

@test "distances without rows or columns are left out, and said so" {
	oracle layeralign make --layers 2 2 >in
	layeralign in >all
	edited 'dist, ids = dist[:0], {k: x[:0] if k[:3] == "row" else x for k, x in ids.items()}' \
		<in >none
	layeralign none in 2>words | frame2tsv | cmp - <(frame2tsv all)
	[ "$(grep -c "distances without rows or columns are left out" words)" = 4 ]
	layeralign --quiet none | framecat --header | grep -q '"kind":"scores"'
	edited 'header |= {"metric": "another", "space": "another"}' <none >other
	layeralign --quiet other in >out
	cmp_frames in <out
	framecat --header out | refute grep -q another
}

@test "more layers than can be aligned are refused" {
	"$PY" -c "
import numpy as np
from semot import write
ids = {'row_layer': [str(i) for i in range(257)], 'row_feature': np.zeros(257, '<u4'),
       'col_layer': ['a'], 'col_feature': np.zeros(1, '<u4')}
write('-', {'kind': 'distances'}, [ids, {'row0': 0, 'dist': np.ones((257, 1), '<f4')}])" >in
	fails 1 layeralign in
	[ "$line" = "layeralign: more than 256 layers on a side" ]
}

@test "two SAEs of the sample's model: each layer goes with itself" {
	sample() {
		act-dump --hidden "$SAMPLE/hidden_L$1.npy" --sae "$SAMPLE/sae_L${1}_s$2" \
			--layer $1 | featdist --quiet |
			refproj --quiet --lift "$SAMPLE/hidden_L6.npy" --whiten >$2.$1
	}
	for l in 1 2 3 4 5 6; do
		sample $l 0
		sample $l 1
	done
	centroid <(cat 0.?) <(cat 1.?) | layeralign |
		frame2tsv --columns row_layer,col_layer,share >plan
	[ "$(awk '$3 > 0 && $1 == $2' plan | wc -l)" -eq 6 ]
}
