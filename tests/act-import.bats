load helper
# contract: none act-import {root}/tests/golden/cache
# fuzz: none act-import {states} --signed abs

@test "a delphi cache is taken as it is" {
	[ -n "$DATA" ] || skip "no data"
	for layer in 0 1 2 3 4; do
		act-import "$DATA/lm/bl361/delphi/layers.$layer" >out
		oracle act_dump delphi "$DATA/lm/bl361/delphi/layers.$layer" out
		act-import "$DATA/lm/bl361/delphi/layers.$layer/" --skip 1 >out
		oracle act_dump delphi "$DATA/lm/bl361/delphi/layers.$layer" out --context 256 \
			--skip 1
		frame2json out | grep -q "\"layer\": *\"layers.$layer\""
	done
}

@test "a delphi cache holds what TopK encodes, rounded to f2; with --hidden it carries the states" {
	[ -n "$DATA" ] || skip "no data"
	for layer in 1 2 3 4 5; do
		act-import "$DATA/lm/bl361/delphi/layers.$((layer - 1))" --layer $layer \
			--hidden "$DATA/lm/bl361/hidden_L$layer.npy" >cache
		act-dump --sae "$DATA/lm/bl361/L${layer}_s0" --layer $layer \
			--tokens "$DATA/lm/bl361/tokens.npy" \
			--hidden "$DATA/lm/bl361/hidden_L$layer.npy" >encoded
		"$PY" - <<-'E'
		import numpy as np
		from act_dump import dense
		from semot import read
		[(header, frames)], [(other, more)] = read("cache"), read("encoded")
		assert header["space"] == other["space"]
		tokens, cached = dense(header, frames)
		same, encoded = dense(other, more)
		assert (tokens == same).all()
		assert ((cached > 0) == (encoded > 0)).all()
		assert (np.abs(cached - encoded) <= 2.0**-11 * encoded + 1e-6).all()
		points = [np.concatenate([frame["point"] for frame in stream])
		          for stream in (frames, more)]
		assert (points[0] == points[1]).all()
		E
	done
}

# refuses WORDS COMMAND...: status 1, and the line says these words
refuses() {
	fails 1 "${@:2}" && [[ $line == *"$1"* ]] || { echo "$line"; return 1; }
}

# cache STATEMENTS: a small delphi cache in ./cache after a change to its file f
cache() {
	rm -rf cache && mkdir cache
	"$PY" - "$1" <<-'E'
	import sys
	import numpy as np
	import arrays
	for first in (0, 2):
	    f = {"locations": np.array([[0, 0, 0], [0, 2, 1], [1, 1, 0]]),
	         "activations": np.array([1, 2, .5], "f2"), "tokens": np.arange(6).reshape(2, 3)}
	    if first:
	        exec(sys.argv[1])
	    arrays.save(f"cache/{first}_{first + 1}.safetensors", f)
	E
}

@test "a delphi cache that is not in order is refused" {
	cache ''
	act-import cache >out
	oracle act_dump delphi cache out
	oracle arrays random x.npy --rows 5
	refuses "cache of 6 tokens, x.npy has 5" act-import cache --hidden x.npy
	refuses "--skip 3" act-import cache --skip 3
	cache 'f["activations"][:] = 1e-8, -1, 1'
	act-import --signed positive cache | frame2json | grep -q '"value": *\["<f4", *\[4\],'
	act-import cache | frame2json | grep -q '"value": *\["<f4", *\[5\],'
	for change in 'f["locations"][1] = 0' 'f["locations"] = f["locations"][::-1].copy()' \
		'f["locations"][2, 0] = 2' \
		'f["locations"][0, 1] = 3' 'f["locations"][0, 2] = 2' 'f["locations"][0, 0] = -1' \
		'f["locations"] = f["locations"].astype("f4"); f["locations"][1, 1] = np.nan' \
		'f["activations"][1] = np.inf' 'f["activations"] = f["activations"][:2]' \
		'f["tokens"] = f["tokens"][:1]' \
		'f["locations"] = f["locations"][:, :2].copy()' 'del f["locations"]' \
		'del f["activations"]' 'del f["tokens"]' \
		'f["tokens"] = f["tokens"] - 5'; do
		cache "$change"
		refuses "cache" act-import cache
	done
	cache ''
	mv cache/2_3.safetensors cache/3_4.safetensors
	refuses "latents from 3 on, where 2 is next" act-import cache
	rm cache/*
	refuses "cache: holds no files" act-import cache
	refuses "nowhere: No such file" act-import nowhere
}

@test "a wrong command line is refused" {
	fails 2 act-import
	fails 2 act-import --skip 3 --context 3 cache
	fails 2 act-import --sae sae cache
	cache ''
	fails 2 act-import cache cache
}

@test "dense arrays, sparse matrices of scipy, pairs: in all files, types and shapes, with signs" {
	oracle act_import layouts
}

@test "delphi caches without tokens, in one file, with signs, of several layers" {
	oracle act_import caches
}

@test "arrays that lie are refused in one line" {
	oracle act_import hostile
}

@test "what act-dump refuses to encode is read with act-import" {
	oracle act_import encoders
}

@test "the layer is named after the folder, or as told; so is the space" {
	cache ''
	mkdir here
	mv cache here/layers.12
	for folder in here/layers.12 here/layers.12/ "$PWD/here/layers.12//"; do
		act-import "$folder" | frame2json | \
			grep -q '"layer": *"layers.12", *"space": *"layer layers.12"'
	done
	act-import --layer 12 --model gemma here/layers.12 >out
	frame2json out | \
		grep -q '"model": *"gemma", *"layer": *"12", *"space": *"layer 12 of gemma"'
}

@test "--tokens takes the place of the cache's ids, --context of its sequences" {
	cache ''
	"$PY" -c 'import numpy as np; np.save("ids.npy", np.arange(6) + 40)'
	act-import --tokens ids.npy --context 2 --skip 1 cache | frame2json |
		grep -q '"vocab": *\["<u4", *\[3\], *\[41,43,45\]\]'
	"$PY" -c 'import numpy as np; np.save("ids.npy", np.arange(5))'
	refuses "ids.npy: 5 vocabulary ids, where there are 6 tokens" act-import --tokens ids.npy \
		cache
}

@test "--hidden carries the states, but for --no-point" {
	cache ''
	oracle arrays random x.npy --rows 6
	act-import --hidden x.npy cache | frame2json | grep -q '"point"'
	act-import --hidden x.npy --no-point cache | frame2json >out
	refute grep -q '"point"' out
}

@test "memory does not grow with the tokens" {
	[ -z "$SAN" ] || skip "the sanitizers need more"
	mkdir cache
	"$PY" - <<-'E'
	import numpy as np
	import arrays
	n = 1 << 22
	at = np.arange(n)
	locations = np.stack([at // 256, at % 256, 0 * at], 1).astype("u4")
	arrays.save("cache/0_0.safetensors",
	            {"locations": locations, "activations": np.ones(n, "f2"),
	             "tokens": np.zeros((n // 256, 256), "u4")})
	E
	oracle memory 20 act-import cache
	rm -r cache
	"$PY" - <<-'E'
	import numpy as np
	import scipy.sparse as sparse
	n = 1 << 21
	matrix = sparse.csr_matrix((np.ones(2 * n, "f4"), np.arange(2 * n, dtype="i4") % 64,
	                            np.arange(0, 2 * n + 1, 2)), (n, 64))
	sparse.save_npz("packed.npz", matrix)
	dense = np.zeros((n // 8, 64), "f4")
	dense[:, 3] = 1
	np.savez_compressed("dense.npz", dense)
	np.save("dense.npy", dense)
	np.savez("pairs.npz", indices=np.zeros((n, 4), "i8"),
	         values=np.eye(4, dtype="f2")[np.arange(n) % 4])
	E
	oracle memory 20 act-import packed.npz
	oracle memory 20 act-import pairs.npz --width 9
	oracle memory 20 act-import dense.npz
	oracle memory 20 act-import dense.npy
}

@test "the lines of act-dump(1) for Arrow, parquet, zarr and saev write what act-dump reads" {
	oracle other_files "$ROOT/man/act-dump.1"
}
