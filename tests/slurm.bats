load helper
load stubs

# A Slurm of two nodes, which are this machine, on loopback.
setup_file() {
	[ -z "$SAN$COV" ] || skip "once is enough"
	PATH=$PATH:/usr/sbin
	for program in munged slurmctld slurmd srun scontrol; do
		command -v $program >/dev/null || skip "without slurm-wlm and munge"
	done
	export BATS_TEST_TIMEOUT=300	# a job that never begins ends the test
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
	NodeName=DEFAULT CPUs=2 RealMemory=1000
	NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((port + 1))
	NodeName=n2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((port + 2))
	PartitionName=test Nodes=n[1-2] Default=YES State=UP
	CONF
	export SLURM_CONF=$PWD/slurm.conf
	munged --force --key-file="$PWD/key" --socket="$PWD/munge.socket" --seed-file="$PWD/seed" \
		--pid-file="$PWD/munged.pid" --log-file="$PWD/munged.log" 3>&- &&
		slurmctld 3>&- && slurmd -N n1 3>&- && slurmd -N n2 3>&- && ready ||
		skip "Slurm does not start here: $(cat ./*.log 2>/dev/null | tail -n 1)"
}

teardown_file() {
	cd "$BATS_FILE_TMPDIR"
	for pid in n1.pid n2.pid slurmctld.pid munged.pid; do
		[ ! -s $pid ] || kill -9 "$(<$pid)" || true
	done
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	stubs
	cat >site.mk <<-'SITE'
	CORES = 1
	MEMORY = 100
	$(foreach k,$(kinds),$(eval MEMORY.$k = $(MEMORY))$(eval CORES.$k = $(CORES)))
	SITE
}

# Waits until both nodes can work.
ready() {
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(sinfo -h -N -t idle 2>/dev/null | wc -l)" -ne 2 ] || return 0
		sleep .1
	done
	sinfo -N
	return 1
}

# Takes a node into service again, if it did not come back by itself.
up() {
	scontrol update nodename="$1" state=resume 2>/dev/null || true
}

# cluster VARIABLE=...: the jobs of quick, on the nodes
cluster() {
	make --no-print-directory -j4 -f "$ROOT/pipelines/slurm.mk" -f site.mk \
		-f "$ROOT/pipelines/match.mk" BLOCKS=4 "$@" 3>&-
}

quiet() {
	quick -s BLOCKS=4
	rm -rf quiet
	mv out quiet
}

@test "blocks on two nodes have the bytes of one machine, and what is there is not made again" {
	quiet
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
	refute cluster -s MEMORY.block=5000 2>log
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
	sleep .5
	scancel --user="$(id -un)"
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

@test "killed make, tasks and nodes at any moment: the next make has the bytes of a quiet run" {
	quiet
	RANDOM=3
	for ((round = 1; round <= ${ROUNDS:-10}; round++)); do
		rm -rf out
		SLOW=.2 setsid make -s -j4 -f "$ROOT/pipelines/slurm.mk" -f site.mk \
			-f "$ROOT/pipelines/match.mk" BLOCKS=4 >log 2>&1 3>&- &
		group=$!
		sleep "$((RANDOM % 3)).$((RANDOM % 10))"
		node=n$((RANDOM % 2 + 1))
		case $((round % 3)) in
		0) kill -9 -- "-$group" && sleep .2 && cluster -s cancel || true ;;
		1)
			task=$(pgrep -f "$PWD/bin/" | shuf -n 1 --random-source=<(yes $round))
			[ -z "$task" ] || kill -9 "$task" || true
			;;
		2) scontrol update nodename=$node state=down reason=test ;;
		esac 2>/dev/null
		[ $((round % 3)) -eq 2 ] || wait "$group" || true
		[ $((round % 3)) -ne 2 ] || { sleep .3; up $node; }
		wait "$group" || true
		cluster -s 2>>log || { cat log; false; }
		as_quiet
	done
}
