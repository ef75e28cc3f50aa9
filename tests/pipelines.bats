load helper
load stubs

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
	head -n 1 out/2-4.*.tsv | grep -qw "cost	chance	margin	error	certified"
	grep -q '	1$' out/2-4.*.tsv
	grep -q '	0$' out/2-4.*.tsv
}

@test "a graph becomes supernodes and a small graph" {
	make --no-print-directory -C "$SAMPLE" -f "$ROOT/pipelines/circuit.mk" OUT="$PWD/out" \
		GRAPH=graphs/opposite-small-en.json FEATDIST='featdist --quiet --support 16' \
		DISTANCE='sinkhorn --quiet --epsilon 0.2' PRUNE=cat SUPERNODE='supernode --to 10%' \
		>log 2>notes
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
	circuit PRUNE=cat SUPERNODE='supernode --to 10%'
	awk '$1 == "ratio/features" { found = $2 <= .11 } END { exit !found }' out/*.scores.tsv
	awk '$1 == "adjusted_rand" { found = $2 > .2 } END { exit !found }' out/*.agreement.tsv
	circuit
	awk '$1 == "nodes" { found = $2 < 110 } END { exit !found }' out/*.scores.tsv
	groups=$("$PY" -c 'import glob, json
print(len(json.load(open(*glob.glob("out/*profile.json")))["qParams"]["supernodes"]))')
	[ "$groups" -ge 7 ] && [ "$groups" -le 20 ]
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
			FEATDIST='featdist --quiet --support 8' FLOW='flow --chance 1' "$@"
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

# From here on the programs are stubs: tests/stubs.bash

@test "killed at any moment, make goes on, and ends with the bytes of a quiet run" {
	stubs
	quick -s
	cp -r out quiet
	RANDOM=7
	for ((round = 1; round <= ${ROUNDS:-10}; round++)); do
		rm -rf out
		SLOW=.04 setsid make -s -j2 -f "$ROOT/pipelines/match.mk" >log 2>&1 3>&- &
		group=$!
		sleep ".$((RANDOM % 6))$((RANDOM % 10))"
		mapfile -t alive < <(pgrep -g "$group")
		if [ "${#alive[@]}" -gt 0 ]; then
			case $((round % 3)) in
			0) kill -9 -- "-$group" || true ;;
			*) kill -9 "${alive[RANDOM % ${#alive[@]}]}" || true ;;
			esac
		fi 2>/dev/null
		wait "$group" || true
		quick -s -j2 2>>log || { cat log; false; }
		as_quiet
	done
}

@test "two makes in one OUT share the work" {
	stubs
	quick -s
	mv out quiet
	for round in 1 2 3; do
		rm -rf out
		SLOW=.02 quick -j2 >one 2>notes &
		SLOW=.02 quick -j2 >two 2>>notes
		wait $!
		[ "$(cat one two | wc -l)" -eq 11 ]
		as_quiet
	done
}

@test "of two makes in one OUT, one is killed: the other ends with all" {
	stubs
	quick -s
	mv out quiet
	RANDOM=5
	for round in 1 2 3 4; do
		rm -rf out
		SLOW=.05 quick -s -j2 2>log 3>&- &
		one=$!
		SLOW=.05 setsid make -s -j2 -f "$ROOT/pipelines/match.mk" >/dev/null 2>&1 3>&- &
		sleep ".$((RANDOM % 6 + 1))"
		kill -9 -- "-$!" || true
		wait $one || { cat log; false; }
		as_quiet
		[ -z "$(quick 2>&1)" ]
	done
}

@test "no clock decides: targets of the future and inputs of the past" {
	stubs
	quick -s MATCH='hungarian --other'
	mv out quiet
	quick -s
	touch -d '+1 hour' out/*
	quick -s MATCH='hungarian --other'
	as_quiet
	touch -d '+1 hour' hidden_L4.npy
	quick -s MATCH='hungarian --other'
	[ -z "$(quick MATCH='hungarian --other')" ]
	echo older >older && touch -d '1 day ago' older && mv older hidden_L4.npy
	quick -s MATCH='hungarian --other'
	grep -q older out/2-4.sinkhorn.tsv
}

@test "what an SAE's folder holds, and what a command names, are inputs" {
	stubs
	echo 1 >seeds.txt
	quick -s DISTANCE='sinkhorn seeds.txt'
	echo '{}' >sae_L2_s0/cfg.json
	quick DISTANCE='sinkhorn seeds.txt' >log
	grep -q '^act-dump .*L2' log
	echo 2 >seeds.txt
	quick DISTANCE='sinkhorn seeds.txt' >log
	[ "$(wc -l <log)" -eq 4 ]
	mv sae_L4_s0/params.npz w.safetensors
	quick -s SAE.4=w.safetensors
	echo '{}' >cfg.json
	quick SAE.4=w.safetensors >log
	grep -q '^act-dump .*L4' log
	[ -z "$(quick SAE.4=w.safetensors)" ]
}

@test "OUT may be moved, and a program built again to the same code: nothing is made again" {
	stubs
	quick -s
	mv out elsewhere
	[ -z "$(quick OUT="$PWD/elsewhere")" ]
	touch bin/*
	[ -z "$(quick OUT=elsewhere)" ]
	[ -z "$(quick OUT=elsewhere)" ]
	sed -i 's/^echo /echo new /' bin/hungarian
	quick OUT=elsewhere >log
	[ "$(cut -d' ' -f1 log | xargs)" = "hungarian frame2tsv match2html" ]
}

@test "a target that someone changed or cut short is made again" {
	stubs
	quick -s
	cp -r out quiet
	: >out/2.projected
	echo x >>out/2-4.sinkhorn.matching
	quick -s
	as_quiet
}

@test "a full disk and one that cannot be written are an error, and the next make goes on" {
	unshare -rm true || skip "no file systems of our own here"
	stubs
	head -c 30000 /dev/zero >>hidden_L2.npy
	quick -s
	mv out quiet
	mkdir out
	export -f quick as_quiet refute
	unshare -rm bash -ec '
		mount -t tmpfs -o size=140k tmpfs out
		refute quick -s 2>log
		grep -q "No space" log
		for name in out/*; do
			[ ! -e "out/.${name#out/}.record" ] || cmp "$name" "quiet/${name#out/}"
		done
		mount -o remount,size=10m tmpfs out
		quick -s
		as_quiet
		mount -o remount,ro tmpfs out
		[ -z "$(quick 2>&1)" ]
		refute quick -s MATCH=nearest 2>log
		grep -q "Read-only" log
		mount -o remount,rw tmpfs out
		as_quiet'
}

@test "a command that ends well and writes nothing has failed, and so has a RUN that starts none" {
	stubs
	refute quick -s DISTANCE=true 2>log
	grep -q "^stage: 2-4.true.distances: exit status 0, and no output" log
	TRIES=2 refute quick -s RUN="true --nodes=1" OUT=other 2>log
	grep -q "^stage: 2.activations: true --nodes=1 ended with 0 and left no output" log
	refute compgen -G 'other/[0-9]*'
	quick -s RUN='nice env SLOW=.01'
}

@test "work that nobody waits for any longer leaves nothing, when it begins and when it ends" {
	mkdir out
	export OUT=out
	refute "$ROOT/pipelines/stage" --run x.frames 'echo late' out/.x.frames=1.2
	: >out/.x.frames=1.2
	refute "$ROOT/pipelines/stage" --run x.frames 'rm out/.x.frames=1.2*; echo late' \
		out/.x.frames=1.2
	[ "$(ls -A out)" = .x.frames.log ]
	: >out/.x.frames=1.2
	"$ROOT/pipelines/stage" --run x.frames 'echo awaited' out/.x.frames=1.2
	read -r status _ _ _ _ number <out/.x.frames=1.2.status
	[ "$status $(<out/.x.frames=1.2.$number)" = "0 awaited" ]
}

@test "RUN_BLOCKS makes the blocks of a pair at once, those that are missing; RUN what it leaves" {
	stubs
	cat >bin/many <<-'MANY'
	#!/bin/bash
	echo "$TASKS $MB" >>submitted
	for SLURM_ARRAY_TASK_ID in ${TASKS//,/ }; do
		export SLURM_ARRAY_TASK_ID
		[ "$SLURM_ARRAY_TASK_ID" = "$1" ] || "${@:2}" || failed=1
	done
	exit "${failed:-0}"
	MANY
	chmod +x bin/many
	export PATH=$PWD/bin:$PATH
	head -c 3000000 /dev/zero >>hidden_L2.npy
	quick BLOCKS=12 >commands
	mv out quiet
	quick BLOCKS=12 RUN_BLOCKS='many 0' >log
	diff <(sort commands) <(sort -u log)
	as_quiet
	[ -z "$(quick BLOCKS=12 RUN_BLOCKS='many 0')" ]
	quick status BLOCKS=12 RUN_BLOCKS='many 0' | awk 'NR > 1 && $1 != "done" { exit 1 }'
	rm out/2-4.sinkhorn.{3,11}.block
	[ "$(quick -n BLOCKS=12 RUN_BLOCKS='many 0' | grep -c ^sinkhorn)" -eq 2 ]
	quick -s BLOCKS=12 RUN_BLOCKS='many 11'
	as_quiet
	[ "$(xargs <submitted)" = "1,2,3,4,5,6,7,8,9,10,11,12 4 3,11 4" ]
	sed -i '2i case $* in *7/12*) exit 3;; esac' bin/sinkhorn
	refute quick -k -s BLOCKS=12 RUN_BLOCKS='many 2' 2>log
	grep -q '^stage: 2-4.sinkhorn.7.block: exit status 3; out/.2-4.sinkhorn.7.block.log' log
	grep -q '^stage: 2-4.sinkhorn.all.block: the job ended with 1, and without a word of 2$' log
	[ ! -e out/2-4.sinkhorn.7.block ] && [ -e out/2-4.sinkhorn.12.block ]
}

@test "slurm.mk asks for more memory than the programs took at 16,384 features" {
	stubs
	sbatch() {
		make -s -f "$ROOT/pipelines/slurm.mk" -f "$ROOT/pipelines/pairs.mk" "$@"
	}
	printf 'formulas:\n\t@%s\n' \
		'$(foreach k,$(kinds),echo "$(k) $(or $(MEMORY.$(k)),$(MEMORY))";)' >more.mk
	declare -A formula
	while read -r kind text; do
		formula[$kind.]=$text
	done < <(sbatch -f more.mk formulas)
	kinds=(act-dump:activations featdist:distributions refproj:projected hungarian:matching
		nearest:nearest {coact,sinkhorn,emd,centroid,sliced,energy,bures,decoder}:block)
	rows=0
	while IFS=$'\t' read -r command measured MB; do
		kind=" ${kinds[*]} "
		kind=${kind#* "${command%%[ ,]*}":}
		text=${formula[${kind%% *}.]}
		[ -n "$text" ] || continue
		rows=$((rows + 1))
		[ $((${text//T/2})) -gt "$measured" ] || { echo "$command: $text"; false; }
	done < <(awk -F'\t' -v OFS='\t' '$3 == 16384 && $7 == "yes" {
		print $1, int($10), int($11) }' "$ROOT/bench/results/scale.tsv")
	[ "$rows" -gt 20 ]
	for bad in ARRAY=0 ARRAY=2 CORES.block=x 'MEMORY=a[$(touch pwned)]'; do
		refute sbatch "$bad" 2>log
		[ "$(wc -l <log)" -eq 1 ]
	done
	[ ! -e pwned ]
}

@test "what semot-cluster(7) has one type, on one machine and on a big one" {
	stubs
	cluster_page '^make -f pairs.mk [Hs]\|^OMP'
	[ "$(wc -l <lines)" -eq 3 ]
	eval "$(sed -n 1p lines) -s"
	eval "$(sed -n 2p lines)" >table
	[ "$(grep -c '^done' table)" -eq 16 ]
	mv out whole
	eval "$(sed -n 3p lines)" >log
	[ "$(echo out/*.block | wc -w)" -eq 32 ]
	[ "$(echo out/*.tsv)" = "out/2-4.sinkhorn.tsv out/4-6.sinkhorn.tsv" ]
}

@test "what semot-cluster(7) has one type for GNU parallel over ssh" {
	command -v parallel >/dev/null || skip "without parallel"
	stubs
	cluster_page '^parallel\|^framecat'
	cat >bin/ssh <<-'SSH'
	#!/bin/bash
	while [[ $1 != @(one|two) ]]; do shift; done
	echo "$1" >>"$HOME/hosts"
	shift
	[ "$1" != -- ] || shift
	cd "$HOME" && exec bash -c "$*"
	SSH
	chmod +x bin/ssh
	export PATH=$PWD/bin:$PATH PARALLEL_SSH=$PWD/bin/ssh HOME=$PWD/home
	mkdir home
	echo 2 >2.projected
	echo 4 >4.projected
	eval "$(<lines)"
	for i in {1..16}; do printf 'sinkhorn\n--rows\n%s/16\n2\n4\n' $i; done |
		cat <(printf 'framecat\n--merge\n') - | cmp - 2-4.distances
	[ "$(sort -u home/hosts | xargs)" = "one two" ]
}

@test "a variable that no pipeline has is an error, and so is a layer without a name" {
	stubs
	for bad in DISTNACE=decoder HIDDEN.5=x SHELL=/bin/true 'A=a b' 'A=$(shell touch pwned)' \
			'A=../x' A=-x 'B=a;b' OUT= $'HIDDEN=a\nb' $'MASK=a\eb' $'OUT=\u202ea'; do
		refute quick "$bad" >log 2>&1
		[ "$(wc -l <log)" -eq 1 ]
		grep -q "^$ROOT/pipelines/.*\*\*\*" log
		[ ! -e out ]
	done
	refute quick -n DISTNACE=decoder 2>log
	grep -q "no variable is named DISTNACE" log
	DISTANCE='$(shell touch pwned)' SKIP=3 quick -n >log
	refute grep -q -e --skip -e pwned log
	[ ! -e pwned ]
}

@test "names of files hold anything, of which nothing is run" {
	stubs
	RANDOM=11
	part=(' ' '  ' \" "'" '`touch pwned`' '$(touch pwned)' '$(shell touch pwned)' '${HOME}' \
		'$$' '&touch pwned&' ';touch pwned;' '|' '<' '>pwned' '(' ')' '#' '%' '*' '?' \
		'[a]' '{a,b}' \
		'!' '~' \\ '\n' = , : @ ^ + - -- --help é 'ü ' 日本 $'\xff' a b.npy x/y $'\\\'')
	name() {
		local i
		name=
		for ((i = RANDOM % 5 + 1; i > 0; i--)); do
			name+=${part[RANDOM % ${#part[@]}]}
		done
		name="${name#"${name%%[! ]*}"}z"	# make takes blanks before a value away
	}
	pattern() {
		printf %s "${1//%/%%}"
	}
	for round in {1..100}; do
		name && states=$name && name && mask=$name && name && out=out$round$name
		name && sae=$name.sae
		for file in "$states" "$mask" "$sae"; do
			mkdir -p "./$(dirname "./$file")"
			echo "in $file" >"./$file"
		done
		rm -rf pwned
		quick -s "HIDDEN.2=$(pattern "$states")" MASK="$mask" "SAE.2=$(pattern "$sae")" \
			OUT="$out" 2.activations
		printf '%s\n' act-dump --no-point --hidden "in $states" --sae "in $sae" --layer 2 \
			--mask "in $mask" | cmp - "./$out/2.activations"
		[ ! -e pwned ]
	done
	for round in {1..50}; do
		name
		graph=$name.json
		mkdir -p "./$(dirname "./$graph")"
		echo "in $graph" >"./$graph"
		stem=$("$ROOT/pipelines/stage" --stem "$graph")
		[[ $stem != *[\ /\$\'\"\`\;\&\|%\#]* ]]
		make -s -f "$ROOT/pipelines/circuit.mk" GRAPH="$graph" DISTANCE=edgeprofile \
			"$stem.whole"
		printf '%s\n' graph2frame "in $graph" | cmp - "out/$stem.whole"
		name
		if quick -n "A=$name" >log 2>&1; then
			grep -qF -e "--hidden 'hidden_L$name.npy'" log
		else
			[ "$(wc -l <log)" -eq 1 ]
		fi
		[ ! -e pwned ]
	done
}

@test "make status prints a table: done, changed, failed with its last words, missing" {
	stubs
	quick -s
	quick status MATCH=other >table
	awk 'NR > 1 { print $1, $2 }' table | sort >states
	[ "$(grep -c ^done states)" -eq 8 ]
	grep -q '^changed 2-4.sinkhorn.matching$' states
	grep -q '^changed 2-4.sinkhorn.tsv$' states
	grep -q '^changed 2-4.sinkhorn.html$' states
	refute quick -s MATCH='echo no such luck >&2; false #' 2>/dev/null
	quick status MATCH='echo no such luck >&2; false #' >table
	grep -q '^failed  *2-4.sinkhorn.matching .* no such luck$' table
	quick status DISTANCE=other >table
	[ "$(grep -c '^missing' table)" -eq 4 ]
	[ "$(grep -c '^done' table)" -eq 7 ]
	awk '$1 == "done" && !($3 ~ /^[0-9]+[.][0-9][0-9][0-9]$/) { exit 1 }' table
	SLOW=1 quick -s MATCH='hungarian --slow' >/dev/null &
	for ((i = 0; i < 50; i++)); do
		sleep .1
		quick status | grep -q '^running  *2-4.sinkhorn.matching' && break
	done
	[ "$i" -lt 50 ]
	wait $!
}

@test "what counts of a text is said once, to all that read states" {
	stubs
	quick -n CONTEXT=64 SKIP=1 MASK=mask.npy TOKENS=ids.npy SKIP_IDS=0,1 >log
	[ "$(grep -c -e "--context '64' --skip '1' --mask 'mask.npy' --skip-ids '0,1'" log)" -eq 3 ]
	grep -q "^refaxes .*--tokens 'ids.npy' >" log
	quick -n REFPROJ='refproj --identity --dim 8' SKIP=1 >log
	grep -q "^refproj .*--skip '1'" log
	quick -n TOKENS=ids.npy SKIP.4=2 CONTEXT.4=8 SHARDS='one two' HIDDEN='%/*.npy' >log
	grep -q "^act-dump .* --hidden '2/one.npy' --hidden '2/two.npy' .*--tokens 'ids.npy' >" log
	grep -q "^act-dump .* --layer 4 --context '8' --skip '2'" log
	refute grep -q '^refaxes.*--tokens' log
	quick -n A=one.3 B=two.5 HIDDEN.one=1/L%.npy SAE.two=/two/%/%% ACT_DUMP.two=act-import >log
	grep -q "^act-dump .* '1/L3.npy' --sae 'sae_Lone.3_s0' --layer one.3" log
	grep -q "^act-import --hidden 'hidden_Ltwo.5.npy' --sae '/two/5/%' --layer two.5" log
}

@test "all pairs, or those of a list, of layers of several models; in blocks, which are stages" {
	stubs
	pairs() {
		make --no-print-directory -f "$ROOT/pipelines/pairs.mk" "$@"
	}
	pairs -n LAYERS='2 a.4 6' HIDDEN.a='a/%.npy' >log
	grep -q "^act-dump .* 'a/4.npy' .* --layer a.4 " log
	[ "$(grep -o '^sinkhorn .*' log | grep -o '[^/]*$')" = "$(printf '%s\n' \
		2-a.4.sinkhorn.distances 2-6.sinkhorn.distances a.4-6.sinkhorn.distances)" ]
	pairs -n LAYERS='2 4 6' PAIRS='6-2 2-2' >log
	[ "$(grep -c '^sinkhorn' log)" -eq 2 ]
	refute grep -q 'layer 4' log
	for bad in PAIRS=2-8 "LAYERS=2 4 2" "LAYERS=1 1-2 2-3 3" BLOCKS=0 BLOCKS=x; do
		refute pairs "$bad" 2>log
		[ "$(wc -l <log)" -eq 1 ]
	done
	pairs -s LAYERS='2 4' BLOCKS=3
	grep -q -e '^2/3' out/2-4.sinkhorn.2.block
	rm out/2-4.sinkhorn.2.block
	pairs LAYERS='2 4' BLOCKS=3 >log
	[ "$(grep -c '^sinkhorn' log)" -eq 1 ]
	grep -q '^framecat --merge out/2-4.sinkhorn.1.block out/2-4.sinkhorn.2.block out/2' log
}

@test "the goal align compares the layers of two models, by one stage more" {
	align() {
		make --no-print-directory -C "$SAMPLE" -f "$ROOT/pipelines/pairs.mk" align \
			OUT="$PWD/out" LAYERS='2 4 s1.2 s1.4' HIDDEN.s1=hidden_L%.npy \
			SAE.s1=sae_L%_s1 DISTANCE=centroid "$@"
	}
	align PAIRS='2-s1.2 2-s1.4 4-s1.2 4-s1.4' >log
	refute grep -q '^hungarian' log
	[ "$(grep -c '^centroid' log)" -eq 4 ]
	cut -f 1,2,5 out/layers.centroid.tsv |
		diff - <(printf '%s\t%s\t%s\n' row_layer col_layer share 2 s1.2 0.5 \
			2 s1.4 0.0 4 s1.2 0.0 4 s1.4 0.5)
	[ "$(cut -f 1 out/layers.centroid.scores.tsv | sed -n 2p)" = transport ]
	refute align PAIRS='2-s1.2 2-s1.4 4-s1.2' 2>log
	grep -q "no distances of layer 4, of the rows, with layer s1.4, of the columns" log
}

@test "blocks of distances are the distances" {
	fast
	fast BLOCKS=3 OUT="$PWD/blocks"
	framecat --check blocks/2-4.*.{block,distances}
	cmp out/2-4.*.tsv blocks/2-4.*.tsv
	PYTHONPATH=$ROOT/examples "$PY" "$ROOT/tests/oracle/same.py" out/2-4.*.distances \
		blocks/2-4.*.distances
}

@test "a page shows the matches, with what features fire on and what they are called" {
	fast
	tail -n 1 out/2-4.*.html | grep -q "</html>"
	match -n TOKENS=tokens.npy VOCAB='a vocab' LABELS=a.tsv LABELS.4=b.tsv >log
	grep -q "^act-dump .* --tokens 'tokens.npy'" log
	[ "$(grep -c "^contexts --vocab 'a vocab' " log)" -eq 2 ]
	grep -q "^match2html .*/2.contexts .*/4.contexts --labels 'a.tsv' --labels-b 'b.tsv' " log
	grep -q "^frame2tsv .* --labels 'a.tsv' --labels-b 'b.tsv' " log
	refute match -n VOCAB=vocab.txt 2>log
	grep -q "VOCAB .* TOKENS" log
	match -n LABELS=a.tsv >log
	refute grep -q -e --labels-b -e contexts log
	make -n -f "$ROOT/pipelines/circuit.mk" GRAPH='a b.json' LABELS=l TOKENS=t LAYERS='1 2' >log
	grep -q "^graph2frame --labels 'l' 'a b.json' >out/a_b.whole" log
	grep -q "^graph2html --contexts out/1.contexts --contexts out/2.contexts out/a_b.s" log
	match -s DISTANCE=centroid TOKENS=tokens.npy VOCAB=vocab.txt CONTEXT=64 OUT="$PWD/shown"
	framecat --header shown/2.contexts | grep -q '"kind":"contexts"'
	grep -q capital shown/2-4.centroid.html
	# what the README asks a matching
	head -n 1 shown/2-4.*.tsv | grep -qw chance
	nearest --max-cost chance:.5 shown/2-4.centroid.distances |
		frame2tsv --columns free_row_feature >free
	[ "$(awk 'NR > 1 && $6 > .2' shown/2-4.centroid.tsv | wc -l)" -gt 0 ]
	[ "$(wc -l <free)" -gt 1 ]
	show --feature 2:215 --contexts shown/2.contexts --contexts shown/4.contexts \
		shown/2-4.centroid.matching | grep -q "2:215 .*4:433"
	featpick 2:215 shown/2.projected | emd --quiet --top 5 - shown/4.projected | frame2tsv >near
	[ "$(wc -l <near)" -eq 6 ]
}
