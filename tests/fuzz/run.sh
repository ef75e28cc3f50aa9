#!/bin/sh
# run.sh FOLDER SECONDS [TARGET]...: each target, or all, for that long by FOLDER/tests/fuzzer,
# which clang's libFuzzer drives; FOLDER/found/TARGET keeps what inputs it found. A line for each:
# executions, per second of CPU time, edges, inputs kept, peak MB. What crashes, takes 10 seconds or
# 512 MB ends all with its log, and leaves the input in FOLDER/TARGET-....
folder=$1 seconds=$2
shift 2
# shellcheck disable=SC2046	# names have no spaces
[ $# -gt 0 ] || set -- $("$folder/tests/fuzzer")
export OPENBLAS_NUM_THREADS=1
[ -d "$folder/seeds" ] || "${PYTHON:-python3}" tests/oracle/fuzz.py make "$folder/seeds" || exit 1
printf 'target\texecutions\tper CPU s\tedges\tinputs\tMB\n'
for target; do
	found=$folder/found/$target log=$folder/$target.log
	mkdir -p "$found" "$folder/seeds/$target"
	FUZZ=$target /usr/bin/time -f 'cpu: %U %S' "$folder/tests/fuzzer" -timeout=10 \
		-rss_limit_mb=512 -max_len=16384 -max_total_time="$seconds" -print_funcs=0 \
		-print_final_stats=1 -artifact_prefix="$folder/$target-" \
		"$found" "$folder/seeds/$target" >"$log" 2>&1 || {
		tail -n 40 "$log"
		exit 1
	}
	awk -v name="$target" '
		/^stat::number_of_executed_units/ { n = $2 }
		/^stat::peak_rss_mb/ { mb = $2 }
		/^cpu:/ { cpu = $2 + $3 }
		/ cov: / { cov = $4; kept = $8 }
		END { printf "%s\t%d\t%d\t%d\t%s\t%d\n", name, n, n / (cpu + .001), cov,
			kept, mb }' \
		"$log"
done
