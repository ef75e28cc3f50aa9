# contract: graph supernode --graph - {distances}
load helper
export PYTHONPATH=$ROOT/tests/oracle

# graph OPTION...: a small random graph in ./g.json and ./graph, and its distances in ./dist
graph() {
	oracle attribution make "$@" >g.json
	graph2frame g.json >graph
	oracle attribution distances g.json --seed 1 >dist
}

# agrees OPTION...: groups by these options are those of scipy, links those of plain Python
agrees() {
	supernode --quiet --graph graph "$@" dist >out
	oracle attribution groups out dist "$@"
}

@test "average and complete linkage group as scipy does" {
	for seed in 1 2 3 4 5; do
		graph --seed $seed --features 90
		for linkage in average complete; do
			agrees --linkage $linkage --groups 20 --across-positions
			agrees --linkage $linkage --groups 40
			agrees --linkage $linkage --at .3
			agrees --linkage $linkage --at .3 --across-positions
		done
	done
}

@test "infinite distances keep features apart" {
	graph --features 90
	oracle attribution distances g.json --forbid 300 >dist
	agrees --linkage complete --groups 1 --across-positions
	agrees --linkage complete --at 1
}

@test "of a matrix that is not symmetric, the mean of both directions counts" {
	graph
	oracle attribution distances g.json --one-way >dist
	agrees --groups 30
}

@test "real graphs: groups and sums are those of scipy and plain Python" {
	real=()
	[ -z "$DATA" ] || real=("$DATA"/graphs/{gemma/dollar,llama/puppy-clt-llama,haiku/bomb-a}.json)
	for f in "$SAMPLE"/graphs/*.json "${real[@]}"; do
		graph2frame "$f" >graph
		oracle attribution distances "$f" >dist
		agrees --groups 80
	done
}

@test "a group holds one token position unless told, and features only" {
	graph
	supernode --graph graph --quiet dist >here
	supernode --graph graph --across-positions dist >anywhere
	"$PY" - <<-'E'
	from attribution import one
	for path, several in ("here", False), ("anywhere", True):
	    nodes, _, _, found = one(path)[1]
	    at = {}
	    for group, position, kind in zip(found["group"], nodes["ctx_idx"], nodes["type"]):
	        at.setdefault(group, set()).add(position)
	        assert group < 0 or kind == 0
	    del at[-1]
	    assert any(len(positions) > 1 for positions in at.values()) == several
	E
}

@test "the order of nodes and links makes no difference" {
	graph
	supernode --graph graph --groups 30 dist >one
	oracle attribution make --shuffle | graph2frame >shuffled
	supernode --graph shuffled --groups 30 dist >two
	cmp <(oracle attribution by-id one) <(oracle attribution by-id two)
}

@test "--to counts all feature nodes and rounds up; so does --groups" {
	graph --features 61
	for to in "--to 33%" "--groups $(((61 * 33 + 99) / 100))"; do
		supernode --graph graph --across-positions $to dist | frame2graph --collapse >small.json
		[ "$(grep -c '"feature_type": "cross layer' small.json)" -eq $(((61 * 33 + 99) / 100)) ]
	done
}

@test "without --to it is 10%" {
	graph --features 61
	cmp <(supernode --graph graph --across-positions dist | frame2graph) \
		<(supernode --graph graph --across-positions --to 10% dist | frame2graph)
}

@test "features without a distance stay alone and are counted" {
	graph
	oracle attribution distances g.json --skip 10 >dist
	supernode --graph graph --groups 40 dist >out 2>notes
	[[ $(<notes) == "supernode: graph: "*" of 60 feature nodes have no distance and stay alone" ]]
	oracle attribution groups out dist --groups 40
	[ -z "$(supernode --quiet --graph graph --groups 40 dist 2>&1 >out)" ]
}

@test "fewer groups than positions allow are not made, and a note says so" {
	graph
	supernode --graph graph --groups 2 dist 2>notes >out
	[[ $(<notes) == "supernode: graph: 3 groups, not 2: no group spans token positions (see --across-positions)" ]]
}

@test "a group is named after its most influential member, and no name comes twice" {
	graph --features 90
	supernode --graph graph --groups 40 dist >out
	"$PY" - <<-'E'
	from attribution import one, ranked
	nodes, links, _, found = one("out")[1]
	first = {}
	for i in ranked(nodes, links):
	    first.setdefault(found["group"][i], i)
	plain = [nodes["clerp"][first[g]] or f"{nodes['layer'][first[g]]}/{nodes['feature'][first[g]]}"
	         for g in range(len(found["group_name"]))]
	assert all(name in (was, *(f"{was} ({k})" for k in range(2, 99)))
	           for name, was in zip(found["group_name"], plain))
	assert len(set(plain)) < len(set(found["group_name"])) == len(plain)
	E
}

@test "groups that a graph has are replaced" {
	graph
	supernode --graph graph --at .5 dist >once
	supernode --graph once --groups 30 dist | frame2graph >a.json
	supernode --graph graph --groups 30 dist | frame2graph >b.json
	cmp a.json b.json
}

@test "several graphs are grouped one after another by the same distances" {
	graph
	supernode --graph <(cat graph graph) --groups 30 dist | frame2graph >two.json
	supernode --graph graph --groups 30 dist | frame2graph >one.json
	cmp two.json <(cat one.json one.json)
}

@test "unknown fields of the graph pass, and the history of both streams" {
	stream graph --unknown >graph
	oracle attribution distances <(frame2graph graph) >dist
	supernode --quiet --graph graph dist >out
	"$PY" - <<-'E'
	import numpy as np
	from stream import read
	(before, frames), (after, more) = read(open("graph", "rb"))[0], read(open("out", "rb"))[0]
	assert [entry[0] for entry in after["history"]] == ["make_stream", "toy", "supernode"]
	assert after["unknown_field"] == before["unknown_field"] and after["metric"] == "toy"
	for old, new in zip(frames, more):
	    for name, value in old.items():
	        np.testing.assert_equal(new[name], value)
	E
}

@test "an empty stream of graphs passes" {
	graph
	supernode --graph <(stream graph --empty) dist | frame2graph | cmp - /dev/null
}

@test "distances between two sets are refused, with the way out" {
	graph
	oracle attribution distances g.json --two-sets >dist
	fails 1 supernode --graph graph dist
	[[ $line == *"give the distance stage one set"* ]]
}

@test "distances of other layers are refused" {
	graph
	"$PY" - <<-'E' >other
	import sys
	from attribution import one
	from stream import pack
	header, frames = one("dist")
	for side in "row", "col":
	    frames[0][f"{side}_layer"] = ["blocks." + layer for layer in frames[0][f"{side}_layer"]]
	sys.stdout.buffer.write(pack(header, frames))
	E
	fails 1 supernode --graph graph other
	[[ $line == *"named alike"*"blocks."* ]]
}

@test "two streams of distances are refused" {
	graph
	fails 1 supernode --graph graph <(cat dist dist)
	[[ $line == *"a second stream of distances"* ]]
}

@test "a wrong command line is refused" {
	fails 2 supernode
	fails 2 supernode --graph g --to 10
	fails 2 supernode --graph g --to 0%
	fails 2 supernode --graph g --to 101%
	fails 2 supernode --graph g --to 10% --groups 5
	fails 2 supernode --graph g --groups 5 --at 1
	fails 2 supernode --graph g --linkage ward
	fails 2 supernode --graph - -
	graph
	fails 1 supernode --graph missing dist
}
