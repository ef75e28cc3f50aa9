load helper

# match VARIABLE=...: the pipeline on the sample, in ./out
match() {
	make --no-print-directory -C "$SAMPLE" -f "$ROOT/pipelines/match.mk" \
		OUT="$BATS_TEST_TMPDIR/out" "$@"
}

# A distance stage that is as fast as a test wants it.
fast() {
	match DISTANCE='sinkhorn --quiet --epsilon 0.5' FEATDIST='featdist --quiet --support 8' "$@"
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	[ -z "$SAN$COV" ] || skip "once is enough"
	export MAKEFLAGS="bin=$BUILD/bin"	# of rules.mk
}

@test "matching leaves every stage and a table" {
	fast
	for stage in 2.activations 2.distributions 2.projected 4.projected; do
		framecat --check out/$stage
	done
	framecat --check out/2-4.*.distances out/2-4.*.matching
	[ "$(wc -l <out/2-4.*.tsv)" -eq 439 ]
}

@test "a second run does nothing" {
	fast
	[ -z "$(fast 2>&1)" ]
}

@test "an interrupted run goes on where it was" {
	fast MATCH=false || true
	[ ! -e out/2-4.*.matching ]
	fast >log
	refute grep -q act-dump log
	grep -q hungarian log
}

@test "a failed stage leaves no target, wherever in the pipe it failed" {
	refute match FEATDIST='false | featdist' 2>log
	[ -e out/2.activations ]
	[ ! -e out/2.distributions ]
	refute match FEATDIST='featdist --min-count 5 nowhere #' 2>log
	[ ! -e out/2.distributions ]
}

@test "a changed command redoes its stage and what follows, and nothing else" {
	fast
	match DISTANCE='sinkhorn --quiet --epsilon 0.5' FEATDIST='featdist --quiet --support 9' >log
	refute grep -q act-dump log
	grep -q "support 9" log
	grep -q sinkhorn log
}

@test "one word replaces the distance, and the other stages stay" {
	fast
	match DISTANCE=decoder FEATDIST='featdist --quiet --support 8' >log
	refute grep -q -e act-dump -e featdist -e refproj log
	framecat --header out/2-4.decoder.distances | grep -q "decoder cosine"
}

@test "make -n shows the pipe and runs nothing" {
	match -n >log
	for program in act-dump featdist refproj sinkhorn hungarian frame2tsv; do
		grep -q "^$program " log
	done
	[ ! -e out ]
	fast
	match -n DISTANCE='sinkhorn --quiet --epsilon 0.5' FEATDIST='featdist --quiet --support 9' |
		grep -q "support 9"
	[ -z "$(fast)" ]
}

@test "distances with errors make a table that says which pairs are certified" {
	fast DISTANCE='centroid --top 8 --error 8'
	head -n 1 out/2-4.*.tsv | grep -qw "margin	error	certified"
	grep -q '	1$' out/2-4.*.tsv
	grep -q '	0$' out/2-4.*.tsv
}

@test "a graph becomes supernodes and a small graph" {
	make --no-print-directory -C "$SAMPLE" -f "$ROOT/pipelines/circuit.mk" OUT="$PWD/out" \
		GRAPH=graphs/opposite-small-en.json FEATDIST='featdist --quiet --support 16' \
		DISTANCE='sinkhorn --quiet --epsilon 0.2' >log 2>notes
	tail -n 1 out/opposite-small-en.*0.2.html | grep -q "</html>"
	"$PY" - out/opposite-small-en.*0.2.json out/*.small.json <<-'PYTHON'
	import json, sys
	whole, small = (json.load(open(path)) for path in sys.argv[1:])
	assert len(whole['qParams']['supernodes']) > 5
	features = lambda g: sum(n['feature_type'] == 'cross layer transcoder' for n in g['nodes'])
	print(features(whole), features(small))
	assert features(small) <= features(whole) * 0.12
	PYTHON
}

@test "a graph's links alone make supernodes, which are scored against people's" {
	circuit() {
		make --no-print-directory -C "$SAMPLE" -f "$ROOT/pipelines/circuit.mk" \
			OUT="$BATS_TEST_TMPDIR/out" GRAPH=graphs/opposite-small-en.json \
			DISTANCE=edgeprofile TRUTH=truth_supernodes.json "$@" >log 2>notes
	}
	circuit
	awk '$1 == "ratio/features" { found = $2 <= .11 } END { exit !found }' out/*.scores.tsv
	awk '$1 == "adjusted_rand" { found = $2 > .2 } END { exit !found }' out/*.agreement.tsv
	circuit SUPERNODE='supernode --quiet --linkage average --groups 40'
	grep -q '^units' out/*.scores.tsv
	refute grep -q '^edgeprofile' log
	refute ls out/*.projected
}

@test "any distance stands where sinkhorn stands" {
	for distance in emd centroid energy coact decoder 'bures --diagonal' \
			'sliced --projections 8'; do
		match DISTANCE="$distance"
		[ "$(wc -l <"out/2-4.${distance// /}.tsv")" -gt 400 ]
	done
}

@test "two texts are matched through a coupling, or by transport; the coupling is one word" {
	"$PY" - "$SAMPLE" <<-'PYTHON'
	import numpy as np, os, sys
	for text, rows in ("one", slice(0, 2048)), ("two", slice(2048, None)):
	    os.mkdir(text)
	    for l in 2, 4, 6:
	        np.save(f"{text}/L{l}.npy", np.load(f"{sys.argv[1]}/hidden_L{l}.npy")[rows])
	PYTHON
	texts() {
		match HIDDEN="$PWD/one/L%.npy" REFERENCE="$PWD/one/L6.npy" \
			HIDDEN.4="$PWD/two/L4.npy" REFERENCE.4="$PWD/two/L6.npy" "$@"
	}
	texts DISTANCE=coact COUPLE=couple
	framecat --check out/2-4.coupling out/2-4.coact.distances
	framecat --header out/2-4.coact.distances | grep -q '"by":"nearest"'
	[ "$(wc -l <out/2-4.coact.tsv)" -eq 513 ]
	[ -z "$(texts DISTANCE=coact COUPLE=couple)" ]
	texts DISTANCE=coact COUPLE='couple --by cells --cells 500' >log
	refute grep -q -e act-dump -e refproj log
	framecat --header out/2-4.coact.distances | grep -q '"by":"cells"'
	texts DISTANCE=centroid >log
	refute grep -q act-dump log
	[ "$(wc -l <out/2-4.centroid.tsv)" -gt 400 ]
	match -n OUT=none COUPLE=couple DISTANCE=coact >log
	grep -q "^couple " log
}

@test "two models of other tokenizers are matched by coact or transport, by a list of rows" {
	mkdir data && cd data
	oracle cross make
	"$PY" "$ROOT/examples/token_rows.py" A_offsets.npy B_offsets.npy rows.npy
	models() {
		make --no-print-directory -f "$ROOT/pipelines/match.mk" OUT=../out A=A B=B \
			HIDDEN=%.npy SAE=% REFERENCE=B.npy ROWS.A=rows.npy "$@"
	}
	models DISTANCE=coact
	oracle cross planted ../out/A-B.coact.matching
	framecat --header ../out/A-B.coact.distances | grep -q '"by":"rows"'
	[ ! -e ../out/A.projected ]
	[ -z "$(models DISTANCE=coact)" ]
	models DISTANCE=emd >log
	refute grep -q act-dump log
	oracle cross planted ../out/A-B.emd.matching
	[ -z "$(models DISTANCE=emd)" ]
	touch rows.npy
	models DISTANCE=emd >log
	grep -q "^refproj .*--rows 'rows.npy' " log
	refute grep -q act-dump log
	"$PY" -c 'import numpy as np		# a map from the one space to the other
a, b, row = (np.load(name + ".npy").astype("f8") for name in ("A", "B", "rows"))
a, b = a[row >= 0], b[row[row >= 0].astype(int)]
m = np.linalg.lstsq(b - b.mean(0), a - a.mean(0), None)[0]
np.save("map", m); np.save("bias", a.mean(0) - b.mean(0) @ m)'
	space="--space A --axes \"\$OUT\"/reference.axes"
	models ROWS.A= OUT=../mapped ACT_DUMP=act-dump DISTANCE=emd REFERENCE=A.npy \
		REFPROJ.A="refproj --lift A.npy $space" \
		REFPROJ.B="refproj --map map.npy --bias bias.npy $space"
	oracle cross planted ../mapped/A-B.emd.matching
}

@test "features are followed through layers, and a second run does nothing" {
	follow() {
		make --no-print-directory -C "$SAMPLE" -f "$ROOT/pipelines/flow.mk" \
			OUT="$BATS_TEST_TMPDIR/out" LAYERS='2 3 4' DISTANCE=centroid \
			FEATDIST='featdist --quiet --support 8' "$@"
	}
	follow
	framecat --check out/*.matching out/*.nearest out/2-4.centroid.flow
	grep -P '^2\t4\t' out/2-4.centroid.pairs.tsv |
		awk '!($6 > 20 && $6 < $5 && $5 <= $3) { exit 1 }'
	composed=$(awk '$1 == 2 && $2 == 4 { print $3 }' out/2-4.centroid.pairs.tsv)
	[ "$(grep -c '^2:.* 3:.* 4:' out/2-4.centroid.chains.tsv)" -eq "$composed" ]
	[ "$(wc -l <out/2-4.centroid.merges.tsv)" -gt 200 ]
	[ -z "$(follow)" ]
	follow MATCH='nearest --mutual' >log
	refute grep -q '^centroid ' log
	[ "$(wc -l <out/2-4.centroid.layers.tsv)" -eq 4 ]
}
