load helper
# contract: distributions featpick --list {root}/tests/golden/picks.tsv

# features KIND: the features that the stream on stdin holds, in order
features() {
	frame2tsv --columns feature | sed 1d
}

@test "the features of a list stay, with all that belongs to them" {
	stream distributions >all
	printf '3\t%d\n' 1 4 7 >list
	featpick --list list all >some
	printf '%d\n' 1 4 7 | diff - <(features <some)
	"$PY" - <<-'PYTHON'
	import sys; sys.path.insert(0, __import__('os').environ['ROOT'] + '/tests/oracle')
	from stream import read
	def features(path):
	    frames = read(open(path, 'rb'))[0][1]
	    return {int(i): (f['row'][f['indptr'][k]:f['indptr'][k + 1]].tolist(),
	                     f['weight'][f['indptr'][k]:f['indptr'][k + 1]].tolist(), f['mass'][k], f['count'][k])
	            for f in frames if 'feature' in f for k, i in enumerate(f['feature'])}
	every, picked = features('all'), features('some')
	assert picked and all(picked[i] == every[i] for i in picked), (picked, every)
	PYTHON
}

@test "picking before sampling is picking after it" {
	stream activations >all
	printf '3\t%d\n' 0 2 5 >list
	featpick --list list all | featdist --min-count 1 >before
	featdist --min-count 1 all | featpick --list list >after
	features <before | diff - <(features <after)
	sinkhorn before after | hungarian | frame2tsv --columns row_feature,col_feature,cost | sed 1d |
		while read -r a b cost; do [ "$a" = "$b" ] || { echo "$a $b $cost"; exit 1; }; done
}

@test "a layer of another name has none of the listed features" {
	printf '4\t1\n' >list
	stream activations | featpick --list list | features >left
	[ ! -s left ]
}

@test "the features of a graph are those of its feature nodes" {
	graph2frame "$SAMPLE/graphs/add-three-four.json" >g
	act-dump --hidden "$SAMPLE/hidden_L3.npy" --sae "$SAMPLE/sae_L3_s0" --layer 3 --no-point |
		featpick --graph g | featdist --quiet --min-count 1 | features >picked
	"$PY" - "$SAMPLE/graphs/add-three-four.json" <<-'PYTHON' >nodes
	import json, sys
	nodes = json.load(open(sys.argv[1]))['nodes']
	print(*sorted({n['feature'] for n in nodes if n['layer'] == '3' and n['feature_type'].startswith('cross')}),
	      sep='\n')
	PYTHON
	diff nodes picked
}

@test "a list that is none is refused with its line" {
	printf '3\t1\n3 2\n' >list
	stream activations >all
	fails 1 featpick --list list all
	[[ $line == *"line 2"* ]]
	fails 1 featpick --list nowhere all
	fails 2 featpick all
	fails 2 featpick --list list --graph g all
	stream distances >d
	fails 1 featpick --list "$ROOT/tests/golden/picks.tsv" d
}
