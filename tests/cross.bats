# Two models that have read one text, with tokenizers, widths and dictionaries of their own.

load helper

# sides [cover]: made models A and B, their activations, and rows.npy, the token of B for each of A
sides() {
	oracle cross make
	"$PY" "$ROOT/examples/token_rows.py" A_offsets.npy B_offsets.npy rows.npy "$@"
	for side in A B; do
		act-dump --hidden $side.npy --sae $side --layer $side --no-point >$side.act
	done
}

@test "the example names the token of B that ends where that of A ends, or covers that end" {
	oracle cross make 3
	"$PY" - <<-'PYTHON'		# two bytes of one letter, and empty tokens, also within
	import numpy as np
	for name in "AB":
	    x = np.load(name + "_offsets.npy")[:400]
	    np.save(name + "1", x)
	    x = np.repeat(x, 1 + (np.arange(400) % 7 == 0), 0)
	    np.save(name + "2", np.insert(x, [3, 90, 380], [[0, 0]], 0)[:-1])
	PYTHON
	for names in A1:B1 A2:B2 B2:A2; do
		for how in "" cover; do
			a=${names%:*}.npy b=${names#*:}.npy
			"$PY" "$ROOT/examples/token_rows.py" $a $b rows.npy $how
			oracle cross rows rows.npy $a $b $how
		done
	done
}

@test "transport finds what was planted, in the space that B has by itself" {
	for how in "" cover; do
		sides $how
		refproj --lift B.npy --rows rows.npy A.act >A.moved 2>notes
		oracle cross lift A.moved A.act B.npy rows.npy
		gone=$("$PY" -c 'import numpy as np; print((np.load("rows.npy") < 0).sum())')
		[ "$(<notes)" = "refproj: $gone tokens without a row are left out of the stream" ]
		refproj --quiet --lift B.npy --whiten --rows rows.npy A.act |
			featdist --quiet >A.dist
		featdist --quiet B.act | refproj --lift B.npy --whiten >B.dist
		for stage in emd sinkhorn centroid; do
			$stage --quiet A.dist B.dist | hungarian >matching
			oracle cross planted matching
		done
	done
}

@test "coupled by rows, coact finds what was planted, and match-eval scores it" {
	sides
	couple --quiet --by rows --rows rows.npy A.act B.act >coupling
	coact --quiet --coupling coupling A.act B.act | hungarian >matching
	oracle cross planted matching
	match-eval --quiet --a A.act --b B.act --coupling coupling matching >scores
	frame2tsv --columns score,value,best,random scores | awk '
		$1 == "correlation" { n++; if (!($2 > .7 && $2 > .999 * $3 && $4 < .2)) exit 1 }
		END { exit n != 1 }'
}

@test "without rows another text's states are refused, whichever comes first" {
	sides
	fails 1 refproj --lift B.npy A.act
	[[ $line == *"refproj: A.act: header: the states of "*" tokens were read"*"B.npy has "* ]]
	fails 1 refproj --lift A.npy B.act
	fails 1 refproj --lift A.npy --rows rows.npy B.act
	[[ $line == "refproj: rows.npy: row "*" is "*", beyond the last token of A.npy, "* ]]
	fails 1 refproj --lift B.npy --rows rows.npy B.act
	[[ $line == "refproj: rows.npy: "*" rows, where B.act is of "*" tokens, left out or "* ]]
	fails 1 couple --by rows --rows rows.npy B.act A.act
}
