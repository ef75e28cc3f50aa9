# Every command that the README and the EXAMPLES of the pages show runs, and prints what is shown.

load helper

# The files that the pages name, made of the sample: the layers 12, 20 and 25 of a model are its 2,
# 4 and 6, of which few points are kept, and on another text, a part of it; those of g.json are 1
# to 6.
setup_file() {
	mkdir "$BATS_FILE_TMPDIR/place" && cd "$BATS_FILE_TMPDIR/place" || exit
	mkdir -p saes saes_s1 gemma
	for pair in 12:2 20:4 25:6; do
		cp "$SAMPLE/hidden_L${pair#*:}.npy" "L${pair%:*}.npy"
		cp -R "$SAMPLE/sae_L${pair#*:}_s0" "saes/layer_${pair%:*}"
		cp -R "$SAMPLE/sae_L${pair#*:}_s0" "gemma/layer_${pair%:*}"
		cp -R "$SAMPLE/sae_L${pair#*:}_s1" "saes_s1/layer_${pair%:*}"
	done
	cp -R "$SAMPLE/sae_L2_s1" saes/layer_12_s1
	cp -R "$SAMPLE/sae_L2_s0" saes/layer_12_s2
	gzip <L12.npy >L12.npy.gz
	cp "$SAMPLE/tokens.npy" "$SAMPLE/vocab.txt" .
	mkdir other && "$PY" -c '
import numpy as np
for layer in 12, 20, 25:
    np.save(f"other/L{layer}", np.load(f"L{layer}.npy")[2048:])'
	mkdir shards && "$PY" -c '
import numpy as np
x = np.load("L12.npy").reshape(2, 16, 128, 128)
for i in 0, 1:
    stack = np.zeros((16, 13, 128, 128), "f2"); stack[:, 12] = x[i]
    np.save(f"shards/{i + 1}", stack)'
	mkdir cache && cp -R "$ROOT/tests/golden/cache" cache/layers.12
	"$PY" -c 'import numpy as np; np.save("cache/L25", np.load("L25.npy")[:6])'
	mkdir one two itda && oracle cross make && mv A one/sae && mv B two/sae
	mv A.npy one/L12.npy && mv A_offsets.npy one/offsets.npy
	cp B.npy two/L25.npy && mv B.npy two/L20.npy && mv B_offsets.npy two/offsets.npy
	(cd itda && oracle atoms make && mv a one && mv b two)
	cp "$ROOT/examples/token_rows.py" .
	cp "$SAMPLE/graphs/add-three-four.json" g.json
	cp "$SAMPLE/truth_supernodes.json" .
	graph2frame g.json >g.frames
	awk -F'\t' -v OFS='\t' '$2 == 0 { print $1 == 2 ? 12 : $1 == 4 ? 20 : $1, $3, $4 }' \
		"$SAMPLE/feature_labels.tsv" >labels.tsv
	for l in 12 20; do
		act-dump --hidden L$l.npy --sae saes/layer_$l --layer $l >$l.act
		featdist --quiet --support 16 $l.act | refproj --lift L25.npy --whiten >$l.dist
		cp $l.dist one.$l && cp $l.dist two.$l
		contexts --quiet --tokens "$SAMPLE/tokens.npy" --vocab "$SAMPLE/vocab.txt" $l.act \
			>$l.contexts
	done
	for l in 1 2 3 4 5 6; do
		act-dump --hidden "$SAMPLE/hidden_L$l.npy" --sae "$SAMPLE/sae_L${l}_s0" --layer $l |
			featpick --graph g.frames | featdist --quiet |
			refproj --lift L25.npy --whiten >$l.dist
	done
	cat [1-6].dist | featpick --graph g.frames | energy - >g.distances
	centroid 12.dist 20.dist >12-20.distances
	hungarian 12-20.distances >12-20.matching
}


@test "the README" {
	[ "$BUILD" = "$ROOT/build" ] || skip "it runs the programs of build/bin"
	cp -R "$ROOT"/{Makefile,config.mk,packages.sh,common,filters,man,pipelines,shell} .
	cp -R "$ROOT"/{examples,tests,build} .
	PATH=${PY%/*}:$PATH oracle examples "$ROOT/README.md"	# it says python3
}

@test "the pages, each in a copy of that place" {
	failed=
	PATH=$BUILD/bin:${PY%/*}:$PATH		# they say python3
	for page in "$ROOT"/man/*.[157]; do
		rm -rf here && cp -R "$BATS_FILE_TMPDIR/place" here
		(cd here && oracle examples "$page") || failed+=" $(basename "$page")"
	done
	echo "failed:$failed"
	[ -z "$failed" ]
}
