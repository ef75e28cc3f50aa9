# contract: matching flow
load helper

# agrees OPTION...: flows of random matchings through two, three and five layers, made with these
# options, are those of permutation matrices and dicts
agrees() {
	for path in "b a" "mid first last" "5 4 3 2 1"; do
		for seed in 1 2 3; do
			oracle flow make $path --seed $seed "$@" >in
			flow in >out
			oracle flow check out in $path
		done
	done
}

# given STATEMENT: matchings A -> B -> C of 4 features as streams, after a statement of Python on
# `ab` and `bc`, the frames [pairs, rest] of each
given() {
	"$PY" - "$1" <<-'E'
	import sys
	import numpy as np
	from semot import write
	def matching(a, b, col):
	    n = len(col)
	    row, col, one = np.arange(n, dtype="<u4"), np.array(col, "<u4"), np.ones(n, "<f4")
	    return [{"row_layer": [a] * n, "row_feature": row, "col_layer": [b] * n,
	             "col_feature": col, "cost": one, "margin": one, "row": row, "col": col},
	            {"free_row_layer": [], "free_row_feature": row[:0],
	             "free_col_layer": [], "free_col_feature": row[:0]}]
	ab, bc = matching("A", "B", [1, 2, 3, 0]), matching("B", "C", [3, 0, 1, 2])
	method = ["assignment"] * 2
	exec(sys.argv[1])
	for frames, how in zip((ab, bc), method):
	    write("-", {"kind": "matching", "method": how, "stray": 1}, frames)
	E
}

# values STATEMENT: runs it on `header` and `frames` of the stream in ./out
values() {
	"$PY" -c "
import numpy as np
from semot import read
(header, frames), = read('out')
$1"
}

@test "layers, pairs and chains are those of permutation matrices and dicts" {
	agrees
	agrees --share .7
	agrees --share .2 --silent
}

@test "and so is what agrees with direct matchings" {
	agrees --direct
	agrees --direct --share .6
}

@test "and so are merges and splits" {
	agrees --nearest --share .9
	agrees --nearest --direct
}

@test "what is certified by all links is certified" {
	agrees --certified --share .8
	given "ab[0]['certified'] = np.ones(4, '|u1')" | flow >out
	values "assert 'certified' not in frames[2]"
}

@test "births and those with a partner before are all features, and each feature is in one chain" {
	oracle flow make 1 2 3 --share .5 >in
	flow in >out
	values "
layers, pairs, chains = frames
composed = dict(zip(zip(pairs['row_layer'], pairs['col_layer']), pairs['composed']))
for l in 1, 2:
    assert layers['births'][l] + composed[str(l), str(l + 1)] == layers['features'][l]
    assert layers['deaths'][l - 1] + composed[str(l), str(l + 1)] == layers['features'][l - 1]
assert len(chains['length']) == layers['features'][0] + layers['births'].sum()
assert len(set(zip(chains['layer'], chains['feature']))) == len(chains['feature'])
assert len(chains['feature']) == layers['features'].sum()"
}

@test "the order of the matchings does not matter, nor in how many files they are" {
	oracle flow make one two three four --direct >in
	"$PY" -c "
from semot import read, write
for k, (header, frames) in enumerate(sorted(read('in'), key=str)):
    write(f'part{k}', header, frames)"
	flow in >out
	flow part? >sorted
	oracle same out sorted history
	cat part[135] | flow part0 - part2 part4 >mixed
	oracle same out mixed history
}

@test "a table spells the chains" {
	given "ab[0] = {name: x[:2] for name, x in ab[0].items()}" | flow |
		frame2tsv --columns chain,length,weakest,weakest_layer,dearest >table
	printf '%s\t%s\t%s\t%s\t%s\n' chain length weakest weakest_layer dearest \
		"A:0 B:1 C:0" 3 1.0 A 1.0 "A:1 B:2 C:1" 3 1.0 A 1.0 \
		"B:0 C:3" 2 1.0 B 1.0 "B:3 C:2" 2 1.0 B 1.0 | cmp table -
	given "" | flow | frame2tsv | cut -f 1 |
		cmp - <(given "" | flow | frame2tsv --columns chain)
	[ "$(given "" | flow | frame2tsv | wc -l)" = $((1 + 4)) ]
	[ "$(given "" | flow | frame2tsv --columns layer,births | wc -l)" = $((1 + 3)) ]
	[ "$(given "" | flow | frame2tsv --columns row_layer,both | wc -l)" = $((1 + 3)) ]
}

@test "chains that do not fit their frame are refused" {
	given "" | flow >f
	for bend in "frames[2]['indptr'] = frames[2]['indptr'][::-1]" \
			"frames[2]['indptr'] = frames[2]['indptr'] * 2" \
			"frames[2]['layer'] = frames[2]['layer'] + 1"; do
		"$PY" -c "
import numpy as np
from semot import read, write
(header, frames), = read('f')
$bend
write('-', header, frames)" >bent
		fails 1 frame2tsv bent
	done
	[ "$line" = "frame2tsv: bent: frame 3: layer 3 of 3" ]
}

@test "a matching without features is left out and said so" {
	given "" >both
	given "ab = [{name: x[:0] for name, x in frame.items()} for frame in ab]" >some
	stream matching --empty >none
	flow some none 2>words >out
	for name in some none; do
		echo "flow: $name: a matching without features on one side is left out"
	done | cmp words -
	values "assert frames[0]['layer'] == ['B', 'C']"
	flow --quiet none >out
	values "assert frames[0]['layer'] == [] and header['kind'] == 'flow'"
	values "assert 'model' not in frames[0]"
}

@test "what makes no path is refused by name" {
	fails 1 flow <(given "bc[0]['row_layer'] = list('BBBA')")
	why="layers B and A on one side, where a matching leads from one layer to one other"
	[[ $line == *"stream 2: frame 2: $why" ]]
	given "bc[0]['row_layer'] = bc[0]['col_layer']" >in
	fails 1 flow in
	[[ $line == *"layer C on both sides: act-dump --layer gives names that differ" ]]
	given "bc[0]['col_layer'] = ['A'] * 4" >in
	fails 1 flow in
	why="the one-to-one matchings make no path through layer A"
	[ "$line" = "flow: in: layer A to B: $why" ]
	given "method = ['nearest'] * 2" >in
	fails 1 flow in
	given "bc[0].update(row_layer=['A'] * 4)" >in
	fails 1 flow in
	[ "$line" = "flow: no one-to-one matching from layer B to layer C" ]
	given "bc = ab" >in
	fails 1 flow in
	[ "$line" = "flow: in: layer A to B: a second one-to-one matching" ]
}

@test "a feature that stands twice is refused, but for the columns of nearest pairs" {
	given "bc[0]['row_feature'][1] = 0" >in
	fails 1 flow in
	[ "$line" = "flow: in: feature 0 of layer 'B' stands twice" ]
	given "ab[0]['col_feature'][1] = 1" >in
	fails 1 flow in
	[ "$line" = "flow: in: feature 1 of layer 'B' stands twice" ]
}

@test "what is no matching is refused by name" {
	given "bc[0]['cost'][2] = np.nan" >in
	fails 1 flow in
	[ "$line" = "flow: in: stream 2: frame 1: the cost or the margin of pair 2 is no number" ]
	given "del ab[0]['margin']" >in
	fails 1 flow in
	given "ab[0]['row_layer'].pop()" >in
	fails 1 flow in
	fails 1 flow <(stream distances)
	[[ $line == *"a stream of distances, where matchings are read: hungarian writes them" ]]
	fails 1 flow missing
}

@test "a wrong command line is refused" {
	fails 2 flow --compose A C
}

@test "a pair that chance is as near as is left out: a death and a birth" {
	given "
for frames, chance in (ab, [0, .1, .2, 1]), (bc, [0, 0, 0, .11]):
    frames[0]['chance'] = np.array(chance, '<f4')" >in
	flow --chance .1 in >out 2>notes
	values "
layers, pairs, chains = frames
assert layers['births'].tolist() == [0, 2, 1] and layers['deaths'].tolist() == [2, 1, 0]
assert pairs['direct'].tolist() == [2, 0, 3] and header['by_chance'] == 3 and header['chance'] == .1
assert chains['chance'].dtype == 'f4' and np.isinf(chains['chance'][chains['indptr'][1:] - 1]).all()
links = np.sort(chains['chance'][np.isfinite(chains['chance'])])
assert np.array_equal(links, np.array([0, 0, 0, 0, .1], 'f4'))"
	left="3 of 8 pairs are left out: their chance is above 0.1 (--chance)"
	[ "$(cat notes)" = "flow: $left" ]
	flow --chance 1 in >out 2>notes
	values "assert not frames[0]['births'].any() and 'by_chance' not in header"
	[ ! -s notes ]
	given "ab[0]['chance'] = np.full(4, 2, '<f4')" >in
	fails 1 flow in
	[ "$line" = "flow: in: frame 1: the chance of pair 0 is 2" ]
	given "ab[0]['chance'] = np.ones(4, '<f4')" | flow --quiet >out
	values "assert 'chance' not in frames[2] and frames[0]['births'].tolist() == [0, 4, 0]"
	fails 2 flow --chance 2 in
}
