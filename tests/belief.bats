# What a stream says of itself is believed only where it can be so: each feature and token once,
# numbers as an option could have them, proofs of the problem that is stated.
load helper

# edited FILE CODE: the stream of the file after this code, of header and frames
edited() {
	"$PY" - "$@" <<-'END'
	import sys, numpy as np, semot
	[(header, frames)] = semot.read(sys.argv[1])
	frames = [{k: v.copy() if hasattr(v, "copy") else v for k, v in f.items()} for f in frames]
	exec(sys.argv[2])
	semot.write("-", header, frames)
	END
}

# refused STAGES WHY: each stage refuses ./bad, as its operand, with this end of its line
refused() {
	for stage in $1; do
		fails 1 $stage bad
		[[ $line == "$stage: bad: "*"$2" ]]
	done
}

@test "distributions: a feature or a token twice, and features beyond the dictionary" {
	stages="centroid sinkhorn emd energy sliced bures"
	stream distributions >good
	edited good 'frames[-1]["feature"][3] = 4' >bad
	refused "$stages" "feature 4 of layer '3' stands twice"
	cat good good >bad
	refused "$stages" "feature 0 of layer '3' stands twice"
	cat good good | centroid | framecat --check
	{ cat good; renamed 4 <good; } >bad
	centroid bad | framecat --check
	edited good 'frames[-1]["feature"][11] = 12' >bad
	refused "$stages" "frame 3: feature 12 of 12"
	edited good 'frames[0]["token"][1] = frames[0]["token"][0]' >bad
	refused "$stages" "token 0 stands twice in the support table"
	edited good 'frames[1]["token"][1] = frames[0]["token"][2]' >bad
	refused centroid "token 2 stands twice in the support table"
	edited good 'for f in frames[:2]: f["token"][:] = f["token"][::-1].copy()' >bad
	centroid bad | framecat --check
	edited good 'header["layer"] = "x" * 1025' >bad
	refused "$stages" "header: the layer's name has 1025 bytes: the limit is 1024"
}

@test "activations: tokens ascend, a layer stands once, and something fires" {
	stream activations >good
	for place in 1 59; do
		edited good "frames[1]['token'][$place] = frames[0]['token'][-1]" >bad
		refused "coact featdist couple" "tokens have to ascend"
	done
	cat good good >bad
	refused coact "a second stream of layer '3': act-dump --layer gives names that differ"
	edited good 'header["features"] = 2 ** 24' >bad
	refused coact " activations of them"
	edited good 'header["layer"] = "x" * 1025' >bad
	refused coact "the layer's name has 1025 bytes: the limit is 1024"
}

@test "couplings: tokens ascend" {
	stream activations >a
	stream coupling >good
	for side in row col; do
		edited good "frames[0]['${side}_token'][7] = 6" >bad
		fails 1 coact --coupling bad a a
		[[ $line == *": ${side}_token 6 after 6: tokens have to ascend" ]]
	done
}

@test "distances: a feature twice, and other rows or columns than the header says" {
	stages="hungarian nearest"
	stream distances >good
	for side in row col; do
		edited good "frames[0]['${side}_feature'][2] = 0" >bad
		refused "$stages" "feature 0 of layer '3' stands twice"
		edited good "header['${side}s'] = 11" >bad
		refused "$stages" "names of 10, where the header's ${side}s is 11"
	done
	stream graph >g
	edgeprofile g >d
	edited d 'for k in ("row_node", "col_node"): frames[0][k] = ["a"] * len(frames[0][k])' >bad
	fails 1 supernode --graph g bad
	[[ $line == "supernode: bad: node a stands twice" ]]
	stream matching >m
	edited good 'frames[0]["row_feature"][2] = 0' >bad
	fails 1 match2html --distances bad m
	[[ $line == "match2html: bad: feature 0 of layer '3' stands twice" ]]
}

@test "matchings: a row twice, a column twice unless rows share their nearest" {
	stream matching >good
	stream activations >a
	renamed 4 <a >b
	for side in row col; do
		edited good "frames[0]['${side}_feature'][2] = frames[0]['${side}_feature'][1]" >bad
		for stage in flow compose match2html "match-eval --a a --b b"; do
			fails 1 $stage bad
			[[ $line == "${stage%% *}: bad: feature "*" of layer '"?"' stands twice" ]]
		done
	done
	edited good 'header["method"] = "nearest"
frames[0]["col_feature"][2] = frames[0]["col_feature"][1]' >bad
	match2html bad >page.html
	edited good 'frames.append({
    "free_row_layer": ["3"], "free_row_feature": np.array([3], "<u4"),
    "free_col_layer": [], "free_col_feature": np.array([], "<u4")})' >bad
	refused "flow compose match2html" "feature 3 of layer '3' stands twice"
}

@test "graphs: two features of one node_id; the last end mark comes after the last distances" {
	stream graph >good
	edited good 'frames[0]["node_id"][2] = frames[0]["node_id"][1]' >bad
	refused "edgeprofile graph-prune frame2graph graph2html graph-score" \
		"frame 1: node_id 3_0_0 is that of nodes 1 and 2"
	edgeprofile good >d
	cat d d >two
	fails 1 supernode --quiet --graph good two
	[ "$line" = "supernode: two: a second stream of distances" ]
	fails 1 frame2json stdout
}

@test "--complete: a header that no stage writes, and distances of other points" {
	stream distributions >a
	"$PY" -c '
import make_stream
open("b", "wb").write(make_stream.make("distributions", seed=1, layer="4"))
open("c", "wb").write(make_stream.make("distributions", seed=2, layer="4"))
open("d", "wb").write(make_stream.make("distributions", seed=1, layer="4", space="other"))
open("e", "wb").write(make_stream.make("distributions", space="other"))'
	for stage in sinkhorn emd; do
		$stage --quiet --top 2 a b >good
		hungarian --quiet --complete a b good | framecat --check
		fails 1 hungarian --quiet --complete a c good
		[[ $line == *"apart in a and c, and the distances say "*": they are of other "* ]]
		fails 1 hungarian --quiet --complete e d good
		[[ $line == *"e is of space 'other', and the distances are of 'reference'" ]]
	done
	sinkhorn --quiet --top 2 a b >good
	edited good 'for f in frames[1:]: f["dist"][:] = np.inf' >bad
	fails 1 hungarian --quiet --complete a b bad
	[[ $line == "hungarian: --complete: infinite distances leave no assignment: "* ]]
	for set in epsilon=inf epsilon=-1.0 epsilon=1e-300 epsilon=nan tol=-1.0 tol=3.0 tol=nan \
			max_iters=1e308 max_iters=0 max_iters=2**63-1 p=3 p=0 p=1.5 p=nan; do
		edited good "from math import inf, nan
header['${set%=*}'] = ${set#*=}" >bad
		fails 1 hungarian --quiet --complete a b bad
		[[ $line == "hungarian: --complete: the header of the distances says ${set%=*} "* ]]
	done
}
