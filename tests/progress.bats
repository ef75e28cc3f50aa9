# What long work says on stderr: base/progress.c, by a clock of its own (tests/progress.c), and the
# programs that use it.
load helper

# long WORD...: the work that these words say, in ./said what it said
long() {
	"$BUILD/tests/progress" "$@" 2>said
}

# says LINE...: these lines were said
says() {
	printf '%s\n' "$@" | diff - said
}

@test "--progress: the count, the share, the rate and the time left, every so many seconds" {
	long --progress 2 begin:16384 wait:1 add:30 wait:1 add:52 wait:1 add:1 wait:1 to:164 \
		wait:396 to:16000 wait:4 add:384 end
	says "progress: 82 of 16,384 tokens, 41/s, 7 min left" \
		"progress: 164 of 16,384 tokens, 41/s, 7 min left" \
		"progress: 16,000 of 16,384 tokens, 40/s, 10 s left" \
		"progress: 16,384 of 16,384 tokens, 41/s" \
		"progress: 16,384 tokens in 6 min 44 s, 41/s"
	long --progress .5 begin:1234567 wait:36000 add:0 wait:0.5 add:123456 wait:1e6 add:1 end
	says "progress: 0 of 1,234,567 tokens" \
		"progress: 123,456 of 1,234,567 tokens, 3.4/s, 90 h 0 min left" \
		"progress: 123,457 of 1,234,567 tokens, 0.12/s, 2590 h 0 min left" \
		"progress: 123,457 tokens in 287 h 46 min, 0.12/s"
}

@test "where nobody knows how much there is: the count and the rate" {
	long --progress 1 begin:0 wait:2 add:100000 end
	says "progress: 100,000 tokens, 50,000/s" "progress: 100,000 tokens in 2 s, 50,000/s"
}

@test "what is short says nothing, and so does --quiet, and who is not asked, off a terminal" {
	long --progress 3 begin:10 wait:1 add:5 wait:1 add:5 end
	says | [ ! -s said ]
	for options in "--quiet --progress 1" "--progress 0" ""; do
		long $options begin:10 wait:9 add:5 wait:9 add:5 end
		[ ! -s said ]
	done
}

@test "a work ends where another begins, and says what it took once" {
	long --progress 1 begin:4 wait:2 add:2 begin:8 end wait:2 add:1 end
	says "progress: 2 of 4 tokens, 1/s, 2 s left" "progress: 2 tokens in 2 s, 1/s"
}

@test "more words on the work end its lines" {
	long --progress 1 begin:4 detail:'25% of their pairs solved' wait:2 add:2 end
	says "progress: 2 of 4 tokens, 1/s, 2 s left; 25% of their pairs solved" \
		"progress: 2 tokens in 2 s, 1/s; 25% of their pairs solved"
}

@test "on a terminal work is shown once it takes two seconds, on a line that stays one line" {
	work="'$BUILD/tests/progress' begin:100 wait:1 add:10 wait:1 add:10 wait:.5 add:10"
	work+=" wait:.5 add:10"
	oracle terminal "$work" >said
	[ "$(<said)" = "progress: 40 of 100 tokens, 13/s, 5 s left" ]
	oracle terminal "$work" 20 >said
	[ "$(<said)" = "progress: 40 of 100t" ]
	oracle terminal "$work wait:3 add:60 end" >said
	says "progress: 100 tokens in 6 s, 17/s"
	oracle terminal "'$BUILD/tests/progress' begin:100 wait:1.9 add:100 end" >said
	[ ! -s said ]
	for options in --quiet "--progress 0"; do
		oracle terminal "$work wait:3 end $options" >said
		[ ! -s said ]
	done
	TERMINAL=dumb oracle terminal "$work end" >said
	[ ! -s said ]
}

@test "on a terminal notes and errors stay whole, above what comes next" {
	work="'$BUILD/tests/progress' begin:100 wait:2 add:10"
	oracle terminal "$work note:'two words' wait:1 add:30 end" >said
	says "progress: two words" "progress: 40 tokens in 3 s, 13/s"
	status=0
	oracle terminal "$work die:'no more'" >said || status=$?
	[ $status = 1 ]
	says "progress: no more"
}

@test "the programs of a pipe take turns on the last line, and none tears another's" {
	cat >many <<-E
	one() {
		for i in 1 2 3 4 5 6 7 8; do printf 'wait:1 add:%s note:%s ' \$1 \$1; done
	}
	for n in 11 22 33; do
		"$BUILD/tests/progress" begin:900 \$(one \$n) end &
	done
	wait
	E
	for i in 1 2 3; do
		oracle terminal "source many" >said
		for n in 11 22 33; do
			[ "$(grep -cx "progress: $n" said)" = 8 ]
			grep -qx "progress: $((8 * n)) tokens in 8 s, $n/s" said
		done
		[ "$(wc -l <said)" = 27 ]
	done
}

@test "a program that is not in the foreground shows nothing by itself" {
	oracle terminal "set -m; '$BUILD/tests/progress' begin:9 wait:3 add:1 end & wait" >said
	refute grep progress: said
	oracle terminal "set -m; '$BUILD/tests/progress' --progress 1 begin:9 wait:3 add:1 end &
		wait" >said
	grep -q "progress: 1 tokens in 3 s" said
}

# slowly FILE: the file, two seconds of nothing before its last half
slowly() {
	local half=$(($(stat -c %s "$1") / 2))
	head -c $half "$1"
	sleep 2.1
	tail -c +$((half + 1)) "$1"
}
export -f slowly

@test "programs tell by themselves how many tokens they are through, on a terminal" {
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" >acts
	oracle terminal "slowly '$SAMPLE/hidden_L2.npy' |
		act-dump --hidden - --sae '$SAMPLE/sae_L2_s0' >a" >said
	grep -qx 'act-dump: 4,096 tokens in [0-9]* s, [0-9,]*/s' said
	oracle same acts a
	oracle terminal "slowly acts | featdist >a" >said
	grep -qx 'featdist: 4,096 tokens in [0-9]* s, [0-9,]*/s' said
	oracle terminal "slowly acts | refproj --identity >a" >said
	grep -qx 'refproj: 4,096 tokens in [0-9]* s, [0-9,]*/s' said
	oracle terminal "slowly acts | coact --top 1 - acts >a" >said
	grep -qx 'coact: 4,096 tokens read in [0-9]* s, [0-9,]*/s' said
}

@test "distance stages tell how many rows they are through" {
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" |
		featdist --quiet --support 16 >dist
	centroid --progress 1e-9 dist 2>said >d
	[ "$(grep -cx 'centroid: [0-9]* of 485 rows, [0-9,]*/s.*' said)" = 485 ]
	grep -qx 'centroid: 485 of 485 rows, [0-9,]*/s' said
	grep -qx 'centroid: 485 rows in [0-9]* s, [0-9,]*/s' said
}

@test "--top tells the share of pairs solved so far, and of the bounds before" {
	oracle sinkhorn make --features 60 --points 20 --d 3 --scale 5 >a
	sinkhorn --progress 1e-9 --top 1 a 2>said >out
	grep -q '^sinkhorn: [0-9,]* of 1,200 tokens for bounds, ' said
	grep -q '^sinkhorn: 1,200 tokens for bounds in ' said
	grep -q '^sinkhorn: 30 of 60 rows, .* left; [0-9.]*% of their pairs solved$' said
	solved=$(sed -n 's/^sinkhorn: \([0-9]*\) of 3600 pairs were solved.*/\1/p' said)
	share=$("$PY" -c "print('%.3g' % ($solved / 36))")
	grep -q "^sinkhorn: 60 rows in .*; $share% of their pairs solved$" said
}
