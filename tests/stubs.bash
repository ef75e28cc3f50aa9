# shellcheck shell=bash
# Programs that write what they were given, in bin, and files for them; SLOW makes them take long.
stubs() {
	mkdir -p bin sae_L2_s0 sae_L4_s0
	cat >bin/featdist <<-'STUB'
	#!/bin/bash
	echo "${0##*/}"
	sleep "${SLOW:-0}"
	for word; do
		if [ -f "$word" ]; then cat "$word"; else echo "$word"; fi
	done
	STUB
	chmod +x bin/featdist
	for name in act-dump refaxes refproj sinkhorn hungarian frame2tsv framecat nearest flow \
			contexts match2html graph2frame; do
		cp bin/featdist "bin/$name"
	done
	for layer in 2 4 6; do
		echo "states $layer" >hidden_L$layer.npy
	done
	touch sae_L2_s0/params.npz sae_L4_s0/params.npz
	export MAKEFLAGS="bin=$PWD/bin" PATIENCE=0
}

# quick VARIABLE=...: match on them, in ./out
quick() {
	make --no-print-directory -f "$ROOT/pipelines/match.mk" "$@"
}

# The targets in ./out are those in ./quiet, and no half of one is left.
as_quiet() {
	diff -r -x '.*' quiet out
	refute compgen -G 'out/.*=*'
}

# cluster_page PATTERN: the commands of semot-cluster(7) that have PATTERN, in ./lines, one a line,
# and what they name, in this folder
cluster_page() {
	local layer first
	cp "$ROOT"/pipelines/* .
	for layer in 2 4 6 25; do
		mkdir -p saes/L$layer states
		echo $layer | tee states/L$layer.npy >saes/L$layer/params.npz
	done
	sed -n '/^\.Bd/,/^\.Ed/p' "$ROOT/man/semot-cluster.7" | sed -z 's/ \\e\n  */ /g' |
		grep -E '^(OMP_[A-Z_=0-9]* |)(make|salloc|parallel|framecat) ' >all
	first=$(head -n 1 all)
	[[ $first == "make -f pairs.mk "* && $(wc -l <all) -eq 11 ]]
	first=${first#make -f pairs.mk }
	while IFS= read -r line; do
		echo "${line//.../$first}"
	done <all | grep -e "$1" >lines
}
