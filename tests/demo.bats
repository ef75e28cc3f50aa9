load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
	[ -z "$SAN$COV" ] || skip "once is enough"
	export MAKEFLAGS="bin=$BUILD/bin"	# of rules.mk
}

# share FILE: the percentage that agree.awk printed
share() {
	sed -n 's/.*agree in \([0-9.]*\)%.*/\1/p' "$1"
}

@test "the demo: semantic OT finds the meaning again, the more so the farther the layers" {
	bash "$ROOT/examples/demo.sh" demo >printed
	near=$(share demo/2-4.sinkhorn.txt) far=$(share demo/1-6.sinkhorn.txt)
	near_decoder=$(share demo/2-4.decoder.txt) far_decoder=$(share demo/1-6.decoder.txt)
	echo "2-4: $near against $near_decoder; 1-6: $far against $far_decoder"
	awk "BEGIN { exit !($near > 68 && $near > $near_decoder + 5) }"
	awk "BEGIN { exit !($far > 49 && $far > $far_decoder + 12) }"
	[ "$(grep -c ' = *$' demo/2-4.sinkhorn.txt)" -ge 5 ]
	grep -q "features at position 4" printed
	framecat --check demo/*.matching demo/*.distances demo/*.supernodes
	grep -q 'ctx:sum=7@ask' demo/add-three-four.sinkhorn.html
	"$PY" -m json.tool demo/add-three-four.sinkhorn.small.json >small.json
}
