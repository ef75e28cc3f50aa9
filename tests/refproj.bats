load helper
# contract: distributions refproj --identity --unit

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
np.save("all.npy", x); np.save("nobos.npy", x[:, 1:])' "$SAMPLE/hidden_L2.npy"
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
	oracle mutate --stream distributions refproj --quiet --lift "$SAMPLE/hidden_L1.npy" \
		--whiten --dim 3 --threads 1
}
