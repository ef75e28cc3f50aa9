load helper
# contract: distributions refproj --identity --unit
# fuzz: distributions refproj --lift {states} --unit --whiten --dim 2
# fuzz: distributions refproj --fit {states} {states}

# dist LAYER: distributions of the sample, with the layer's own points
dist() {
	act-dump --hidden "$SAMPLE/hidden_L$1.npy" --sae "$SAMPLE/sae_L$1_s0" --layer "$1" |
		featdist --quiet
}

space() {
	framecat --header "$1" | sed 's/.*"space":"\([^"]*\)".*/\1/'
}

@test "the lift is the same token's state at the reference layer" {
	dist 2 | refproj --lift "$SAMPLE/hidden_L6.npy" >lifted
	oracle projection lift lifted "$SAMPLE/hidden_L6.npy"
}

@test "a lift from shards is the lift from their whole" {
	"$PY" -c 'import numpy as np, sys
x = np.load(sys.argv[1])
np.save("a.npy", x[:1000]); np.save("b.npy", x[1000:])' "$SAMPLE/hidden_L6.npy"
	dist 2 >d
	refproj --lift a.npy --lift b.npy d | frame2json | sed '1d;$d' >shards
	refproj --lift "$SAMPLE/hidden_L6.npy" d | frame2json | sed '1d;$d' | cmp - shards
	refproj --lift a.npy --lift b.npy --whiten d | frame2json | sed '1d;$d' >shards
	refproj --lift "$SAMPLE/hidden_L6.npy" --whiten d | frame2json | sed '1d;$d' | cmp - shards
}

@test "a map and a bias are numpy's" {
	dist 3 >d
	"$PY" -c 'import numpy as np
r = np.random.default_rng(0)
np.save("map.npy", r.standard_normal((128, 40)).astype("f4"))
np.save("bias.npy", r.standard_normal(40).astype("f4"))'
	refproj --map map.npy d >mapped
	oracle projection map mapped d map.npy
	refproj --map map.npy --bias bias.npy d >mapped
	oracle projection map mapped d map.npy bias.npy
	framecat --header mapped | grep -q '"d":40'
}

@test "the ridge map is that of the normal equations" {
	dist 2 >d
	for ridge in 1 1000; do
		refproj --fit "$SAMPLE/hidden_L2.npy" "$SAMPLE/hidden_L6.npy" --ridge $ridge d \
			>fitted
		oracle projection fit fitted d "$SAMPLE/hidden_L2.npy" "$SAMPLE/hidden_L6.npy" \
			$ridge
	done
}

@test "whitening is numpy's up to a rotation, whole and truncated" {
	dist 2 | refproj --lift "$SAMPLE/hidden_L6.npy" >lifted
	refproj --identity --reference "$SAMPLE/hidden_L6.npy" --whiten lifted >white
	oracle projection whiten white lifted "$SAMPLE/hidden_L6.npy"
	dist 2 | refproj --lift "$SAMPLE/hidden_L6.npy" --whiten | frame2json |
		grep '"point"' >direct
	frame2json white | grep '"point"' | cmp - direct
	refproj --identity --reference "$SAMPLE/hidden_L6.npy" --whiten --dim 20 lifted >white
	oracle projection whiten white lifted "$SAMPLE/hidden_L6.npy" 20
}

@test "whitened reference states have mean 0 and variance 1 in every direction" {
	act-dump --hidden "$SAMPLE/hidden_L5.npy" --sae "$SAMPLE/sae_L5_s0" |
		refproj --identity --reference "$SAMPLE/hidden_L5.npy" --whiten >white
	oracle projection white white
}

@test "--dim without --whiten keeps the directions of largest variance as they are" {
	dist 2 | refproj --lift "$SAMPLE/hidden_L6.npy" >lifted
	for r in 1 40 128; do
		refproj --identity --reference "$SAMPLE/hidden_L6.npy" --dim $r lifted >rotated
		oracle projection rotate rotated lifted "$SAMPLE/hidden_L6.npy" $r
		framecat --header rotated | grep -q "\"d\":$r[,}]"
	done
}

@test "a mapped stream is whitened where it is mapped to" {
	dist 3 >d
	"$PY" -c 'import numpy as np, sys
map = np.random.default_rng(0).standard_normal((128, 40)).astype("f4"); np.save("map.npy", map)
np.save("reference.npy", (np.load(sys.argv[1]).astype("f4") @ map))' "$SAMPLE/hidden_L3.npy"
	refproj --map map.npy d >mapped
	refproj --map map.npy --reference reference.npy --whiten d >white
	oracle projection whiten white mapped reference.npy
}

@test "--skip leaves the first states of a sequence out of what is estimated" {
	dist 2 >d
	"$PY" -c 'import numpy as np, sys
for l in "26":
    x = np.load(f"{sys.argv[1]}/hidden_L{l}.npy").reshape(64, 64, 128)
    np.save(f"few{l}.npy", x[:, 3:].reshape(-1, 128))' "$SAMPLE"
	refproj --lift "$SAMPLE/hidden_L6.npy" d >lifted
	refproj --lift "$SAMPLE/hidden_L6.npy" --whiten --context 64 --skip 3 d >white
	oracle projection whiten white lifted few6.npy
	refproj --fit "$SAMPLE"/hidden_L{2,6}.npy --context 64 --skip 3 d >fitted
	oracle projection fit fitted d few2.npy few6.npy 1
}

@test "states of another number of rows than the stream has tokens are refused" {
	"$PY" -c 'import numpy as np, sys
x = np.load(sys.argv[1]).reshape(64, 64, 128)
for name, y in ("all", x), ("nobos", x[:, 1:]):
    np.save(name + ".npy", y.reshape(-1, 128))' "$SAMPLE/hidden_L2.npy"
	for file in all nobos; do
		act-dump --hidden $file.npy --sae "$SAMPLE/sae_L2_s0" --context 32 --skip 1 |
			featdist --quiet >$file.d
		refproj --lift $file.npy $file.d >out
	done
	fails 1 refproj --lift all.npy nobos.d
	[[ $line == *"4032 tokens"*"all.npy has 4096 rows"* ]]
	fails 1 refproj --lift nobos.npy all.d
	[[ $line == *"4096 tokens"*"nobos.npy has 4032 rows"* ]]
	fails 1 refproj --lift nobos.npy --whiten --context 60 --skip 1 nobos.d
	[[ $line == *"nobos.npy: 4032 tokens are not whole sequences of 60"* ]]
}

@test "--mask and --skip-ids leave the same states out of what is estimated" {
	dist 2 >d
	"$PY" -c 'import numpy as np, sys
ids = np.load(sys.argv[1] + "/tokens.npy").ravel()
stays = ids % 5 != 3
np.save("mask.npy", stays)
print(*np.unique(ids[~stays]), sep=",", file=open("ids", "w"))
for l in "26":
    np.save(f"few{l}.npy", np.load(f"{sys.argv[1]}/hidden_L{l}.npy").reshape(-1, 128)[stays])' \
		"$SAMPLE"
	refproj --lift "$SAMPLE/hidden_L6.npy" d >lifted
	refproj --lift "$SAMPLE/hidden_L6.npy" --whiten --mask mask.npy d >white
	oracle projection whiten white lifted few6.npy
	refproj --lift "$SAMPLE/hidden_L6.npy" --whiten --tokens "$SAMPLE/tokens.npy" \
		--skip-ids "$(<ids)" d >same
	cmp <(frame2json white | sed 1d) <(frame2json same | sed 1d)
	[ "$(space white)" = "$(space same)" ]
	[[ $(space white) == *"whitened without "*" tokens #"* ]]
	refproj --lift "$SAMPLE/hidden_L6.npy" --whiten d >all
	[ "$(space white)" != "$(space all)" ]
	refproj --fit "$SAMPLE"/hidden_L{2,6}.npy --mask mask.npy d >fitted
	oracle projection fit fitted d few2.npy few6.npy 1
	fails 2 refproj --lift "$SAMPLE/hidden_L6.npy" --whiten --skip-ids 3 d
}

@test "--drop-nonfinite: of the reference, of a pair, and of activations, each counted" {
	"$PY" -c 'import numpy as np, sys
for l in "26":
    x = np.load(f"{sys.argv[1]}/hidden_L{l}.npy").astype("f2").reshape(-1, 128)
    bad = np.zeros(4096, bool); bad[[5, 2100] if l == "6" else [7, 8, 4095]] = True
    x[bad, 3] = np.inf; np.save(f"bad{l}.npy", x); np.save(f"stays{l}.npy", ~bad)
    if l == "2": also = ~bad
both = also & ~bad
for l in "26":
    np.save(f"few{l}.npy", np.load(f"bad{l}.npy")[both])
np.save("rest6.npy", np.load("bad6.npy")[~bad]); np.save("both.npy", both)
x[bad] = 0; np.save("zero6.npy", x)' "$SAMPLE"
	encode="act-dump --hidden bad2.npy --sae $SAMPLE/sae_L2_s0 --quiet"
	$encode --drop-nonfinite >a
	fails 1 refproj --lift bad6.npy --whiten a
	[[ $line == *"bad6.npy: row 5 "*"2 of 4096 rows: f2 overflows"*"--drop-nonfinite of "* ]]
	refproj --lift bad6.npy --drop-nonfinite a >moved 2>notes
	grep -q "2 tokens whose reference state is not finite are left out" notes
	$encode --mask both.npy | refproj --lift zero6.npy >masked
	cmp <(featdist --quiet moved | frame2json | sed '1d;$d') \
		<(featdist --quiet masked | frame2json | sed '1d;$d')
	refproj --lift bad6.npy --drop-nonfinite --whiten a >white 2>notes
	grep -q "bad6.npy: 2 states that are not finite" notes
	oracle projection whiten white moved rest6.npy
	refaxes --drop-nonfinite --whiten bad6.npy >axes
	refproj --lift bad6.npy --drop-nonfinite --axes axes a | cmp <(frame2json white | sed 1d) \
		<(frame2json | sed 1d)
	refproj --fit bad2.npy bad6.npy --drop-nonfinite a >fitted 2>notes
	grep -q "5 pairs of states" notes
	oracle projection fit fitted a few2.npy few6.npy 1
	featdist --quiet --support 4096 a >d
	fails 1 refproj --lift bad6.npy --drop-nonfinite d
	[[ $line == *"refproj has to come before featdist"* ]]
}

@test "--rows: each token's row of the reference, in the space that it has without; -1 is dropped" {
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 2 \
		--tokens "$SAMPLE/tokens.npy" --context 64 --skip 1 >a
	"$PY" -c 'import numpy as np, sys
rng = np.random.default_rng(0)
x = np.load(sys.argv[1]).astype("f4")[:3000]
x[7] = np.nan
np.save("ref.npy", x)
row = rng.integers(0, 3000, 4096)
row[row == 7] = 8
np.save("all.npy", row.astype("<u4"))
row[rng.random(4096) < .3] = -1
np.save("some.npy", row)
np.save("some4.npy", row.astype("<u4"))
row[(row < 0) & (rng.random(4096) < .5)] = 7
np.save("bad.npy", row)
np.save("none.npy", np.full(4096, -1))
print(((row == -1) & (np.arange(4096) % 64 > 0)).sum(),
      ((row == 7) & (np.arange(4096) % 64 > 0)).sum(), file=open("counts", "w"))' \
		"$SAMPLE/hidden_L6.npy"
	for rows in all some some4; do
		refproj --quiet --lift ref.npy --rows $rows.npy a >$rows
		oracle cross lift $rows a ref.npy $rows.npy
	done
	cmp <(frame2json some | sed 1d) <(frame2json some4 | sed 1d)
	read -r rowless dropped <counts
	refproj --lift ref.npy --rows bad.npy --drop-nonfinite a >bad 2>notes
	cmp <(frame2json some | sed 1d) <(frame2json bad | sed 1d)
	grep -qx "refproj: $rowless tokens without a row are left out of the stream" notes
	grep -q "^refproj: $dropped tokens whose reference state is not finite are" notes
	refproj --lift ref.npy --rows none.npy a 2>notes | featdist --quiet | framecat --check
	grep -qx "refproj: 4032 tokens without a row are left out of the stream" notes
	featdist --quiet a >d
	refproj --lift ref.npy --rows all.npy d >lifted
	refproj --lift ref.npy --rows all.npy a | featdist --quiet >early
	oracle same early lifted
	"$PY" -c 'import numpy as np; x = np.load("ref.npy"); x[7] = 0; np.save("ref", x)
np.save("same.npy", np.arange(3000))'
	refproj --lift ref.npy --rows all.npy --whiten --dim 9 --unit a >white
	act-dump --hidden ref.npy --sae "$SAMPLE/sae_L2_s0" --layer 2 >own
	for rows in "" "--rows same.npy"; do
		refproj --lift ref.npy --whiten --dim 9 --unit $rows own >other
		[ "$(space white)" = "$(space other)" ]
		frame2json other | sed 1d >"rows$rows"
	done
	cmp rows "rows--rows same.npy"
	refaxes --whiten --dim 9 ref.npy >axes
	refproj --lift ref.npy --rows all.npy --axes axes --unit a | cmp <(frame2json | sed 1d) \
		<(frame2json white | sed 1d)
	fails 1 refproj --lift ref.npy --rows some.npy d
	[[ $line == *" has no row in ref.npy: for it to be left out refproj has to come before "* ]]
}

@test "--rows that is no map of the stream's tokens is refused" {
	dist 2 >d
	"$PY" -c 'import numpy as np, sys
np.save("short.npy", np.zeros(4095, "<u4")); np.save("beyond.npy", np.full(4096, 4096))
np.save("real.npy", np.zeros(4096)); np.save("square.npy", np.zeros((4096, 1), "<u4"))
np.save("below.npy", np.full(4096, -3))
from semot import read, write
(header, frames), = read("d")
del header["tokens"]; write("some", header, frames)'
	lift=(refproj --lift "$SAMPLE/hidden_L6.npy")
	fails 1 "${lift[@]}" --rows short.npy d
	needed="left out or not: a row for each is needed"
	[ "$line" = "refproj: short.npy: 4095 rows, where d is of 4096 tokens, $needed" ]
	fails 1 "${lift[@]}" --rows short.npy some
	[[ $line == *": token 4095, where short.npy has 4095 rows" ]]
	fails 1 "${lift[@]}" --rows beyond.npy d
	last="beyond the last token of $SAMPLE/hidden_L6.npy, 4095"
	[ "$line" = "refproj: beyond.npy: row 0 is 4096, $last" ]
	for rows in real.npy square.npy below.npy nowhere.npy /dev/zero /dev/null; do
		fails 1 "${lift[@]}" --rows $rows d
		[[ $line == "refproj: $rows: "* ]]
	done
	fails 1 "${lift[@]}" --rows <(yes) d
	[[ $line == *": neither .npy, .npz, .safetensors nor .pt"* ]]
	fails 2 refproj --identity --rows short.npy d
	fails 2 refproj --identity --lift-vocab short.npy d
	fails 2 "${lift[@]}" --space "" d
}

@test "--lift-vocab: the ids of the rows have to be the tokens', the first that differs is named" {
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 2 \
		--tokens "$SAMPLE/tokens.npy" >a
	featdist --quiet a >d
	"$PY" -c 'import numpy as np, sys
ids = np.load(sys.argv[1]).ravel()
row = np.random.default_rng(0).permutation(4096)
np.save("rows.npy", row); np.save("moved.npy", ids[np.argsort(row)])
print(row[9], ids[9], file=open("row", "w"))
ids[9] += 1; ids[3000] += 1
np.save("other.npy", ids); np.save("few.npy", ids[:-1])
moved = np.load("moved.npy"); moved[row[9]] += 1; np.save("bad.npy", moved)' \
		"$SAMPLE/tokens.npy"
	lift=(refproj --lift "$SAMPLE/hidden_L6.npy")
	for stream in a d; do
		"${lift[@]}" $stream >plain
		"${lift[@]}" --lift-vocab "$SAMPLE/tokens.npy" $stream |
			cmp <(frame2json | sed 1d) <(frame2json plain | sed 1d)
		"${lift[@]}" --rows rows.npy --lift-vocab moved.npy $stream | framecat --check
	done
	read -r row id <row
	fails 1 "${lift[@]}" --lift-vocab other.npy a
	words="token 9 is $id of the vocabulary, where row 9 of other.npy is $((id + 1)): "
	words+="other text, or another tokenizer"
	[ "$line" = "refproj: a: frame 1: $words" ]
	fails 1 "${lift[@]}" --rows rows.npy --lift-vocab bad.npy a
	words="token 9 is $id of the vocabulary, where row $row of bad.npy is $((id + 1)): "
	[[ $line == *"$words"* ]]
	fails 1 "${lift[@]}" --lift-vocab few.npy a
	[[ $line == "refproj: few.npy: 4095 vocabulary ids, where "*"_L6.npy has 4096 rows" ]]
	dist 2 >bare
	fails 1 "${lift[@]}" --lift-vocab "$SAMPLE/tokens.npy" bare
	[[ $line == *"no vocab, which --lift-vocab is compared with: act-dump --tokens carries"* ]]
}

@test "a relation that is linear is found by --fit" {
	dist 2 >d
	"$PY" -c 'import numpy as np, sys
x, r = np.load(sys.argv[1]).astype("f4"), np.random.default_rng(0)
map, bias = r.standard_normal((128, 20)), r.standard_normal(20)
np.save("dst.npy", x @ map.astype("f4") + bias.astype("f4"))' "$SAMPLE/hidden_L2.npy"
	refproj --fit "$SAMPLE/hidden_L2.npy" dst.npy --ridge 0 d >fitted
	refproj --lift dst.npy d >lifted
	oracle same --near 1e-3 fitted lifted
}

@test "a stream without points is lifted as one with points" {
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --no-point |
		featdist --quiet >bare
	dist 2 >d
	for file in bare d; do refproj --lift "$SAMPLE/hidden_L6.npy" $file >$file.lifted; done
	oracle same bare.lifted d.lifted layer
}

@test "reference states may come through a pipe" {
	stream distributions >d
	"$PY" -c 'import numpy as np
np.save("x.npy", np.random.default_rng(0).standard_normal((120, 9)).astype("f4"))'
	cmp <(refproj --lift x.npy --whiten d | frame2json | sed "1d;\$d") \
		<(refproj --lift <(cat x.npy) --whiten d | frame2json | sed "1d;\$d")
}

@test "directions without variance are dropped, and counted" {
	"$PY" -c 'import numpy as np
r = np.random.default_rng(0)
x = r.standard_normal((120, 3)) @ r.standard_normal((3, 6)); np.save("flat.npy", x.astype("f4"))'
	stream distributions >d
	refproj --lift flat.npy --whiten d >white 2>notes
	framecat --header white | grep -q '"d":3'
	grep -q "3 of 6 directions" notes
}

@test "unit length is unit length" {
	stream distributions >d
	refproj --identity --unit d >u
	oracle projection unit u d
}

@test "layers that were lifted to one reference are in one space, all else is not" {
	for l in 2 4; do dist $l | refproj --lift "$SAMPLE/hidden_L6.npy" --whiten >$l; done
	[ "$(space 2)" = "$(space 4)" ]
	dist 4 | refproj --lift "$SAMPLE/hidden_L6.npy" >bare
	dist 4 | refproj --lift "$SAMPLE/hidden_L5.npy" --whiten >other
	for file in bare other; do
		[ "$(space 2)" != "$(space $file)" ]
		fails 1 sinkhorn 2 $file
		[[ $line == *"$(space 2)"* && $line == *"$(space $file)"* && $line == *refproj* ]]
	done
}

@test "the space says what was done, in equal words for equal deeds" {
	stream distributions >d
	mkdir there
	"$PY" -c 'import numpy as np
x = np.random.default_rng(0).standard_normal((120, 6)).astype("f4")
for name, y in (("x", x), ("there/x", x), ("y", x + 1), ("map", x[:6]), ("map2", x[6:12]),
                ("there/bias", x[0]), ("there/map", x[:6])):
    np.save(name + ".npy", y)'
	spaces=()
	while read -r words; do
		refproj $words d >out
		spaces+=("$(space out)")
	done <<-'END'
		--lift x.npy
		--lift y.npy
		--lift x.npy --unit
		--lift x.npy --whiten
		--lift x.npy --whiten --dim 3
		--lift x.npy --whiten --dim 4
		--lift x.npy --dim 3
		--lift x.npy --dim 6
		--lift x.npy --whiten --unit
		--lift x.npy --whiten --context 10 --skip 1
		--lift x.npy --whiten --context 10 --skip 2
		--lift x.npy --whiten --context 12 --skip 1
		--map map.npy
		--map map2.npy
		--map map.npy --space common
		--map map.npy --bias there/bias.npy
		--identity
		--identity --unit
		--identity --reference x.npy --whiten
		--identity --reference y.npy --whiten
	END
	printf '%s\n' "${spaces[@]}"
	[ "$(printf '%s\n' "${spaces[@]}" | sort | uniq -d)" = "" ]
	while read -r words; do
		refproj ${words%|*} d >one
		refproj ${words#*|} d >other
		[ "$(space one)" = "$(space other)" ] || { space one; space other; false; }
	done <<-'END'
		--lift x.npy|--lift there/x.npy
		--lift x.npy|--fit y.npy x.npy
		--lift x.npy|--lift x.npy --context 10 --skip 1
		--lift x.npy --whiten|--lift x.npy --whiten --dim 6
		--map map.npy|--map there/map.npy
		--map map.npy --space common|--map map2.npy --space common
	END
}

@test "the identity leaves points and space alone" {
	stream distributions >d
	refproj --identity d >same
	cmp <(frame2json d | sed '1d;$d') <(frame2json same | sed '1d;$d')
	[ "$(space d)" = "$(space same)" ]
}

@test "activations are projected as distributions are" {
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 2 >a
	refproj --lift "$SAMPLE/hidden_L6.npy" --whiten a | featdist --quiet | frame2json |
		sed '1d;$d' >early
	featdist --quiet a | refproj --lift "$SAMPLE/hidden_L6.npy" --whiten | frame2json |
		sed '1d;$d' | cmp - early
}

# Whitening stretches a coordinate by at most 1000, and what a float is off by with it.
@test "OpenBLAS's code for another CPU changes whitened points by rounding only" {
	dist 2 >d
	refproj --lift "$SAMPLE/hidden_L6.npy" --whiten d >here
	OPENBLAS_CORETYPE=Nehalem refproj --lift "$SAMPLE/hidden_L6.npy" --whiten d >there
	oracle same --near 6e-5 here there
	for what in whiten "dim 9"; do
		refproj --fit "$SAMPLE"/hidden_L{2,6}.npy --$what d >here
		OPENBLAS_CORETYPE=Nehalem refproj --fit "$SAMPLE"/hidden_L{2,6}.npy --$what d >there
		oracle same --near 6e-5 here there
	done
}

@test "the output is the same for any number of threads" {
	dist 3 >d
	cmp <(refproj --lift "$SAMPLE/hidden_L6.npy" --whiten --threads 1 <d) \
		<(refproj --lift "$SAMPLE/hidden_L6.npy" --whiten --threads 2 <d)
	cmp <(refproj --fit "$SAMPLE"/hidden_L{3,6}.npy --whiten --threads 1 <d) \
		<(refproj --fit "$SAMPLE"/hidden_L{3,6}.npy --whiten --threads 2 <d)
}

@test "what cannot be projected is said in one line" {
	stream distributions >d
	"$PY" -c 'import numpy as np
np.save("few.npy", np.zeros((10, 6), "f4"))
np.save("wide.npy", np.random.default_rng(0).standard_normal((9, 4)))
x = np.ones((120, 6), "f4"); np.save("flat.npy", x); x[77, 2] = np.nan; np.save("nan.npy", x)'
	fails 1 refproj --lift few.npy d
	[[ $line == *"has 10 rows"* ]]
	fails 1 refproj --map wide.npy d
	[[ $line == *"point"* ]]
	fails 1 refproj --lift flat.npy --whiten d
	[[ $line == *"no variance"* ]]
	fails 1 refproj --lift nan.npy --whiten d
	[[ $line == *"row 77"* ]]
	fails 1 refproj --lift nowhere.npy d
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --no-point |
		featdist --quiet >bare
	fails 1 refproj --identity --unit bare
	[[ $line == *"no point"* ]]
	fails 2 refproj d
	fails 2 refproj --identity --whiten d
	fails 2 refproj --lift few.npy --identity d
	fails 2 refproj --fit few.npy few.npy --fit few.npy few.npy d
	[[ $line == *"--fit is given twice"* ]]
	fails 1 refproj --map nan.npy d
	[[ $line == *"nan.npy: number 464 is not finite"* ]]
	fails 1 refproj --map flat.npy --bias flat.npy d
	[[ $line == *"flat.npy: 720 numbers, where the map leads to 6"* ]]
	fails 1 refproj --fit flat.npy few.npy d
	[[ $line == *"120 rows, few.npy has 10"* ]]
	fails 1 refproj --fit flat.npy flat.npy --ridge 0 d
	[[ $line == *"raise --ridge"* ]]
	fails 1 refproj --identity --reference wide.npy --whiten d
	[[ $line == *"points of 6 dimensions, the reference states have 4"* ]]
	fails 1 refproj --lift nan.npy d
	[[ $line == *"the point of token 77 is not finite"* ]]
	fails 1 refproj --lift few.npy <(stream distances)
	[[ $line == *"a stream of distances"* ]]
	fails 2 refproj --fit one
	fails 2 refproj --lift - d
	fails 2 refproj --fit - few.npy d
	fails 2 refproj --lift few.npy --reference few.npy d
	fails 2 refproj --lift few.npy --bias few.npy d
	fails 2 refproj --identity --space here d
	fails 2 refproj --fit few.npy few.npy --space here d
	fails 2 refproj --lift few.npy --skip 1 d
	fails 2 refproj --lift few.npy --context 3 --skip 3 d
}

@test "streams whose tensors lie: taken or refused, never a crash" {
	oracle mutate --stream activations refproj --quiet --identity --unit --threads 1
	"$PY" -c 'import numpy as np
np.save("rows.npy", np.where(np.arange(120) % 3, np.arange(120) % 50, -1))'
	oracle mutate --stream activations refproj --quiet --lift "$SAMPLE/hidden_L1.npy" \
		--rows rows.npy --drop-nonfinite --threads 1
	oracle mutate --stream distributions refproj --quiet --lift "$SAMPLE/hidden_L1.npy" \
		--whiten --dim 3 --threads 1
}
