load helper
load stubs

# A Slurm of two nodes, which are this machine, on loopback.
setup_file() {
	[ -z "$SAN$COV" ] || export LACKS="once is enough"
	PATH=$PATH:/usr/sbin
	for program in munged slurmctld slurmd srun scontrol; do
		command -v $program >/dev/null || export LACKS="without slurm-wlm and munge"
	done
	[ -z "$LACKS" ] || return 0
	export BATS_TEST_TIMEOUT=900	# a job that never begins ends the test
	cd "$BATS_FILE_TMPDIR"
	head -c 128 /dev/urandom >key
	chmod 600 key
	mkdir state
	port=$((20000 + RANDOM % 10000))
	cat >slurm.conf <<-CONF
	ClusterName=test
	SlurmctldHost=$(hostname -s)(127.0.0.1)
	CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
	SlurmctldPort=$port
	SlurmUser=$(id -un)
	SlurmdUser=$(id -un)
	AuthType=auth/munge
	AuthInfo=socket=$PWD/munge.socket
	StateSaveLocation=$PWD/state
	SlurmdSpoolDir=$PWD/%n
	SlurmctldPidFile=$PWD/slurmctld.pid
	SlurmdPidFile=$PWD/%n.pid
	SlurmctldLogFile=$PWD/slurmctld.log
	SlurmdLogFile=$PWD/%n.log
	ProctrackType=proctrack/linuxproc
	TaskPlugin=task/none
	SelectType=select/cons_tres
	SelectTypeParameters=CR_Core_Memory
	MpiDefault=none
	ReturnToService=2
	KillWait=1
	MinJobAge=4
	SlurmdParameters=config_overrides
	NodeName=DEFAULT CPUs=16 RealMemory=32000
	NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((port + 1))
	NodeName=n2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((port + 2))
	PartitionName=cpu Nodes=n[1-2] Default=YES State=UP
	CONF
	export SLURM_CONF=$PWD/slurm.conf
	munged --force --key-file="$PWD/key" --socket="$PWD/munge.socket" --seed-file="$PWD/seed" \
		--pid-file="$PWD/munged.pid" --log-file="$PWD/munged.log" 3>&- &&
		slurmctld 3>&- && slurmd -N n1 3>&- && slurmd -N n2 3>&- && ready ||
		export LACKS="Slurm does not start here: $(cat ./*.log 2>/dev/null | tail -n 1)"
}

teardown_file() {
	cd "$BATS_FILE_TMPDIR"
	for pid in n1.pid n2.pid slurmctld.pid munged.pid; do
		[ ! -s $pid ] || kill -9 "$(<$pid)" || true
	done
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	[ -z "$LACKS" ] || skip "$LACKS"
	stubs
	cat >site.mk <<-'SITE'
	CORES = 1
	MEMORY = 16000
	$(foreach k,$(kinds),$(eval MEMORY.$k = $(MEMORY))$(eval CORES.$k = $(CORES)))
	SITE
}

# Waits until both nodes can work. A node that does not come back by itself is taken into service,
# and jobs that nobody waits for are cancelled: a killed controller may believe in old ones.
ready() {
	local i
	for ((i = 1; i <= 900; i++)); do
		[ "$(sinfo -h -N -t idle 2>/dev/null | wc -l)" -ne 2 ] || return 0
		((i % 50)) || { scancel --user="$(id -un)" && up n1 && up n2; } 2>/dev/null || true
		sleep .1
	done
	sinfo -N
	return 1
}

# Takes a node into service again, if it did not come back by itself.
up() {
	scontrol update nodename="$1" state=resume 2>/dev/null || true
}

# released PID: waits for it; jobs that Slurm would begin again in two minutes begin at once
released() {
	local job
	while kill -0 "$1" 2>/dev/null; do
		for job in $(squeue -h -r -t pending -o %i); do
			scontrol update jobid="$job" starttime=now 2>/dev/null || true
		done
		sleep .3
	done
	wait "$1"
}

# running TASK: waits until this task of an array runs
running() {
	until squeue -h -r -t running -o %i | grep -q "_$1$"; do sleep .1; done
}

# arrays: sbatch leaves what it was given in ./submitted
arrays() {
	cat >bin/sbatch <<-'STUB'
	#!/bin/bash
	echo "$TASKS $*" >>submitted
	exec /usr/bin/sbatch "$@"
	STUB
	chmod +x bin/sbatch
}

# cluster VARIABLE=...: the jobs of quick, on the nodes
cluster() {
	make --no-print-directory -j4 -f "$ROOT/pipelines/slurm.mk" -f site.mk \
		-f "$ROOT/pipelines/match.mk" BLOCKS=4 "$@" 3>&-
}

# both_nodes: a block ends when one has begun on each node, or after five minutes
both_nodes() {
	cat >wait <<-'STUB'
	if [ -n "${SLURMD_NODENAME-}" ]; then
		touch "began.$SLURMD_NODENAME"
		for ((i = 0; i < 3000; i++)); do
			[ ! -e began.n1 ] || [ ! -e began.n2 ] || break
			sleep .1
		done
	fi
	STUB
	sed -i "1r wait" bin/sinkhorn
}

quiet() {
	quick -s BLOCKS=4
	rm -rf quiet
	mv out quiet
}

@test "blocks on two nodes have the bytes of one machine, and what is there is not made again" {
	quiet
	both_nodes
	SLOW=.2 cluster -s
	as_quiet
	[ "$(cut -d' ' -f4 out/.*.block.status | sort -u | xargs)" = "n1 n2" ]
	[ -z "$(cluster)" ]
	[ -z "$(quick BLOCKS=4)" ]
}

@test "a failed block fails the make and is named" {
	sed -i '2i case $* in *2/4*) echo no such luck >&2; exit 1;; esac' bin/sinkhorn
	refute cluster -s -k 2>log
	grep -q '^stage: 2-4.sinkhorn.2.block: exit status 1' log
	[ ! -e out/2-4.sinkhorn.distances ]
	[ -e out/2-4.sinkhorn.3.block ]
	cluster status >table
	grep -q '^failed  *2-4.sinkhorn.2.block .* no such luck$' table
	refute cluster -s MEMORY.block=50000 2>log
	grep -q '^stage: 2-4.sinkhorn.[1-4].block: srun .* ended with 1 and left no output' log
}

@test "a node that goes down is survived" {
	quiet
	SLOW=2 cluster -s 2>log &
	until [ -n "$(squeue -h -w n1 -t running)" ]; do sleep .1; done
	sleep .5
	scontrol update nodename=n1 state=down reason=test
	wait $! || { cat log; false; }
	up n1
	as_quiet
	grep -q 'ended with [0-9]* and left no output' log
	ready
}

@test "what scancel ends, and a controller that is killed, leave nothing that looks complete" {
	quiet
	SLOW=2 cluster -s 2>log &
	until [ -e out/2.activations ] && [ -n "$(squeue -h -t running)" ]; do sleep .1; done
	while kill -0 $! 2>/dev/null; do
		scancel --user="$(id -un)"
		sleep .3
	done
	refute wait $!
	for target in out/*; do
		cmp "$target" "quiet/${target#out/}"
	done
	ready
	SLOW=.5 cluster -s 2>log &
	sleep .7
	kill -9 "$(<"$BATS_FILE_TMPDIR/slurmctld.pid")"
	sleep .3
	slurmctld 3>&-
	wait $! || true
	cluster -s cancel
	ready
	cluster -s
	as_quiet
}

@test "the blocks of a pair are tasks of one job, those that are there are none of it" {
	quiet
	both_nodes
	arrays
	cluster -s ARRAY=3
	as_quiet
	grep -q '^1,2,3,4 .*--array=1,2,3,4%3 ' submitted
	[ "$(cut -d' ' -f4 out/.*.block.status | sort -u | xargs)" = "n1 n2" ]
	[ -z "$(cluster ARRAY=3)" ]
	rm out/2-4.sinkhorn.3.block
	cluster -s ARRAY=3
	as_quiet
	[ "$(cut -d' ' -f1 submitted | xargs)" = "1,2,3,4 3" ]
	cluster ARRAY=3 measured >measured.mk
	grep -q '^MEMORY.block = [0-9]*$' measured.mk
}

@test "a task of an array that fails, or that scancel ends, is named; the others stay" {
	arrays
	sed -i '2i case $* in *2/4*) echo no such luck >&2; exit 1;; esac' bin/sinkhorn
	SLOW=2 cluster -s ARRAY=4 2>log &
	running 3
	scancel "$(squeue -h -r -t running -o %i | grep _3)"
	refute wait $!
	grep -q '^stage: 2-4.sinkhorn.2.block: exit status 1; out/.*.log has' log
	grep -q '^stage: 2-4.sinkhorn.all.block: the job .* [1-9].* without a word of 3$' log
	[ "$(echo out/*.block)" = "out/2-4.sinkhorn.1.block out/2-4.sinkhorn.4.block" ]
	cluster status >table
	grep -q '^failed  *2-4.sinkhorn.2.block .* no such luck$' table
	sed -i 2d bin/sinkhorn
	cluster -s ARRAY=4
	rm -rf quiet && mv out quiet
	quick -s BLOCKS=4
	as_quiet
	refute cluster -s MEMORY.block=50000 ARRAY=4 DISTANCE='sinkhorn --other' 2>log
	grep -q 'without a word of 1 2 3 4$' log
}

@test "tasks of a node that goes down begin again; those of a killed make or controller go on" {
	quiet
	arrays
	SLOW=2 cluster -s ARRAY=4 2>log &
	running 4
	sleep .5
	scontrol update nodename=n1 state=down reason=test
	sleep .5
	up n1
	released $! || { cat log; false; }
	as_quiet
	ready
	rm -rf out/2-4.*
	SLOW=8 setsid make -s -f "$ROOT/pipelines/slurm.mk" -f site.mk \
		-f "$ROOT/pipelines/match.mk" BLOCKS=4 ARRAY=4 >log 2>&1 3>&- &
	group=$!
	running 4
	kill -9 -- "-$group"
	touch then	# its state is saved every few seconds; else old numbers begin again
	until [ "$BATS_FILE_TMPDIR/state/job_state" -nt then ]; do sleep .1; done
	kill -9 "$(<"$BATS_FILE_TMPDIR/slurmctld.pid")"
	sleep .3
	slurmctld 3>&-
	cluster -s ARRAY=4
	as_quiet
	[ -z "$(cluster ARRAY=4)" ]
}

@test "names hold anything on a cluster too" {
	name='a b"$(touch pwned)`touch pwned`'\''%j;&#%%é'
	file=${name//%%/%}
	echo hostile >"$file"
	quick -s BLOCKS=2 HIDDEN.2="$name" MASK="$file" 2-4.sinkhorn.distances
	mv out quiet
	cluster -s BLOCKS=2 ARRAY=2 HIDDEN.2="$name" MASK="$file" OUT="out $file" \
		2-4.sinkhorn.distances
	mv "out $file" out
	as_quiet
	[ ! -e pwned ]
}

@test "what semot-cluster(7) has one type on a cluster" {
	cluster_page 'slurm.mk\|RUN='
	mapfile -t lines <lines
	[ ${#lines[@]} -eq 6 ]
	for line in "${lines[@]}"; do
		[[ $line == *measured* ]] || rm -rf out
		eval "${line/make /make -s } 3>&-"
		[ "$(echo out/*.tsv)" = "out/2-4.sinkhorn.tsv out/4-6.sinkhorn.tsv" ]
		[ ! -d quiet ] || [[ $line != *BLOCKS* ]] || as_quiet
		[[ -d quiet || $line != *BLOCKS* ]] || mv out quiet
	done
	grep -q '^MEMORY.block = [0-9]*$' site.mk
}

# interrupt KIND MAKE...: starts it, and some time later kills it, a task of it, or a node. What
# becomes of it does not matter.
interrupt() {
	local node=n$((RANDOM % 2 + 1)) group task
	setsid "${@:2}" >log 2>&1 3>&- &
	group=$!
	sleep "$((RANDOM % 3)).$((RANDOM % 10))"
	task=$(pgrep -f "$PWD/bin/" | shuf -n 1 --random-source=<(yes $RANDOM)) || true
	case $1 in
	make) kill -9 -- "-$group" || true ;;
	task) [ -z "$task" ] || kill -9 "$task" || true ;;
	node)
		kill -9 "$(<"$BATS_FILE_TMPDIR/$node.pid")" || true
		scontrol update nodename=$node state=down reason=test
		sleep .3
		slurmd -N $node 3>&-
		up $node
		;;
	esac 2>/dev/null
	[ "$1" = make ] || released "$group" || true
	cluster -s cancel
	[ "$1" != node ] || ready
}

@test "killed make, tasks and nodes at any moment: the next make has the bytes of a quiet run" {
	quiet
	RANDOM=3
	kinds=(make task node) array=("" 4)
	for ((round = 1; round <= ${ROUNDS:-10}; round++)); do
		rm -rf out
		export SLOW=.2
		interrupt "${kinds[round % 3]}" make -s -j4 -f "$ROOT/pipelines/slurm.mk" \
			-f site.mk -f "$ROOT/pipelines/match.mk" BLOCKS=4 \
			ARRAY="${array[round % 2]}"
		SLOW=0 cluster -s 2>>log || { cat log; false; }
		as_quiet
	done
}

@test "26 layers of 256 features, followed, and interrupted ten times: the bytes of a quiet run" {
	PATH=${PATH#"$PWD/bin:"}
	oracle layers 26 256
	follow() {
		MAKEFLAGS='' OMP_NUM_THREADS=1 make -s --no-print-directory -j4 "$@" \
			-f "$ROOT/pipelines/flow.mk" bin="$BUILD/bin" LAYERS="$(seq -s ' ' 26)" \
			HIDDEN=states/L%.npy SAE=saes/L% REFERENCE=states/L26.npy \
			ACT_DUMP='act-dump --no-point --quiet' FLOW='flow --quiet' \
			FEATDIST='featdist --quiet --support 8' \
			DISTANCE='sinkhorn --quiet --epsilon .5'
	}
	export -f follow
	export ROOT BUILD
	follow -j2
	mv out quiet
	kinds=(make task node)
	RANDOM=${SEED:-5}
	for ((round = 1; round <= ${ROUNDS:-10}; round++)); do
		interrupt "${kinds[round % 3]}" bash -c \
			"follow -f '$ROOT/pipelines/slurm.mk' -f site.mk"
	done
	follow -f "$ROOT/pipelines/slurm.mk" -f site.mk
	as_quiet
}
