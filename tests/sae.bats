load helper

@test "the page has the table that the reader uses" {
	sed -n '/^\.\\" as tests\/dialects prints it$/,/^\.\\" end$/p' "$ROOT/man/sae.5" |
		sed '1d;$d' >page
	"$BUILD/tests/dialects" | diff - page
}

@test "every dialect encodes as its library does; what its files leave open is refused" {
	oracle dialects >all
	sort -u all >read
	"$BUILD/tests/dialects" | awk '
		/^\.It Cm/ { name = $3; all[name] }
		/^Not encoded/ { delete all[name] }
		END { for (name in all) print name }' | sort | diff - read
}

@test "an .npz with thresholds and another name than Gemma Scope's is said to be taken as that" {
	oracle dialects gemma_scope >read
	mv gemma_scope/params.npz other.npz
	read=(act-dump --no-point --hidden gemma_scope/states.npy --sae other.npz)
	"${read[@]}" 2>&1 >kept | grep -q "taken as Gemma Scope's params.npz: b_dec is not sub"
	"${read[@]}" --b-dec ignore >told 2>notes
	[ ! -s notes ] && oracle same kept told
	"${read[@]}" --b-dec subtract >other
	refute oracle same kept other >/dev/null
}

@test "dialects of other sizes" {
	oracle dialects --d 38 --features 228 --seed 3 >read
	oracle dialects --d 60 --features 120 --seed 5 >read
}

@test "of equal values those of the lower features are kept" {
	for features in 96 1200; do
		oracle dialects --integers --features $features saelens_topk saelens_abstopk \
			sparsify_groupmax sparsify_signed tracer_jumprelu plain_npz >read
	done
}

@test "the activations of a token are the same bits, whatever threads and tokens are beside it" {
	for name in saelens_pursuit itda saelens_topafa sparsify_groupmax saelens_layer_norm; do
		oracle dialects $name >read
		"$PY" -c "import numpy as np; np.save('few.npy', np.load('$name/states.npy')[61:])"
		act-dump --quiet --hidden $name/states.npy --sae $name --threads 1 >one
		act-dump --quiet --hidden $name/states.npy --sae $name --threads 5 | cmp - one
		act-dump --quiet --hidden few.npy --sae $name >few
		"$PY" -c 'from dialects import dense
whole, few = (dense(open(name, "rb").read())[1] for name in ("one", "few"))
assert (whole[61:] == few).all() and few.any()'
	done
}

@test "--signed: two features each, |a|, or the positive ones; decoder turns the second" {
	oracle dialects saelens_abstopk >read
	read=(--hidden saelens_abstopk/states.npy --sae saelens_abstopk --quiet)
	for how in split abs positive; do
		act-dump "${read[@]}" --signed $how >$how
	done
	act-dump "${read[@]:0:4}" --signed positive 2>&1 >/dev/null |
		grep -q ' negative activations are left out$'
	decoder --weights both saelens_abstopk >all
	featdist --quiet --min-count 1 split | decoder --weights both >few
	"$PY" - <<-'PYTHON'
	import numpy as np
	from dialects import dense
	from semot import read

	def distances(path):
	    (_, frames), = read(path)
	    ids, = (f["row_feature"] for f in frames if "row_feature" in f)
	    return ids, np.vstack([f["dist"] for f in frames if "dist" in f])

	(header, split), (_, both), (_, positive) = \
	    (dense(open(path, "rb").read()) for path in ("split", "abs", "positive"))
	n = header["signed"]
	assert header["features"] == 2 * n and (split[:, n:] > 0).any()
	assert (both == split[:, :n] + split[:, n:]).all() and (positive == split[:, :n]).all()
	_, dist = distances("all")
	assert np.allclose(np.diag(dist[:n, n:]), 2, atol=1e-6)
	assert np.allclose(dist[n:, n:], dist[:n, :n], atol=1e-6)
	ids, some = distances("few")
	assert (ids >= n).any() and np.allclose(some, dist[np.ix_(ids, ids)], atol=1e-6)
	PYTHON
}

@test "negative activations that a stream does not split are refused with their count" {
	"$PY" - <<-'PYTHON'
	import numpy as np
	from semot import write
	write("negative", {"kind": "activations", "layer": "1", "features": 2, "tokens": 3}, [{
	    "token": np.arange(3, dtype="<u4"), "indptr": np.array([0, 2, 3, 4], "<u4"),
	    "feature": np.array([0, 1, 0, 1], "<u4"), "value": np.array([1, -1, -2, 3], "<f4")}])
	PYTHON
	for command in featdist coact "coact negative"; do
		fails 1 $command negative
		[[ $line == *"negative: 2 activations are negative: act-dump --signed"* ]]
	done
}

@test "--concat: the states of a crosscoder's models from a file each" {
	oracle dialects crosscoder >read
	"$PY" -c 'import numpy as np
x = np.load("crosscoder/states.npy")
np.save("a.npy", x[:, 0]); np.save("b.npy", x[:, 1]); np.save("short.npy", x[1:, 1])
np.save("b2.npy", x[:, 1].astype("f2"))'
	act-dump --quiet --hidden crosscoder/states.npy --sae crosscoder >one
	act-dump --concat --hidden a.npy --hidden b.npy --sae crosscoder >two
	oracle same one two
	act-dump --concat --hidden a.npy --hidden b2.npy --sae crosscoder >mixed
	[ "$(frame2tsv --columns feature,value mixed | wc -l)" -gt 100 ]
	fails 1 act-dump --concat --hidden a.npy --hidden short.npy --sae crosscoder
	[[ $line == *"short.npy: 89 states, a.npy has 90: "* ]]
}

@test "--features keeps some of them, with their numbers" {
	oracle dialects saelens_topk >read
	read=(--hidden saelens_topk/states.npy --sae saelens_topk)
	act-dump "${read[@]}" >all
	act-dump "${read[@]}" --features 10:31 >some
	frame2tsv --columns feature,value all | awk 'NR == 1 || ($1 >= 10 && $1 < 31)' >a
	frame2tsv --columns feature,value some | diff a -
	[ "$(wc -l <a)" -gt 20 ]
	fails 1 act-dump "${read[@]}" --features 0:97
	fails 2 act-dump "${read[@]}" --features 5:5
	fails 2 act-dump "${read[@]}" --features 5
}

@test "--to-layer: the rows of a decoder to one of several layers, in one file or in another" {
	oracle dialects tracer_clt gemma_scope_2_clt >read
	"$PY" - <<-'PYTHON'
	import numpy as np
	import arrays
	w = np.random.default_rng(0).standard_normal((96, 3, 24)).astype("f4")
	arrays.save("tracer_clt/W_dec_7.safetensors", {"W_dec_7": w})
	file = "gemma_scope_2_clt/params_layer_0.safetensors"
	clt = dict(arrays.load_all(file))
	arrays.save(file, {**clt, "w_dec": w})
	for layer in range(3):
	    arrays.save(f"layer{layer}.npz", {key: np.ascontiguousarray(x) for key, x in
	                {**clt, "w_dec": w[:, layer]}.items()})
	arrays.save("all.safetensors", {**clt, "w_dec": w.reshape(96, -1),
	                                "b_dec": np.zeros(72, "f4")})
	PYTHON
	for layer in 0 1 2; do
		decoder layer$layer.npz | frame2tsv --columns dist >one
		decoder --to-layer $layer gemma_scope_2_clt | frame2tsv --columns dist | cmp - one
		decoder --to-layer $((7 + layer)) tracer_clt/W_enc_7.safetensors |
			frame2tsv --columns dist | cmp - one
	done
	decoder all.safetensors | frame2tsv --columns dist >one
	decoder gemma_scope_2_clt | frame2tsv --columns dist | cmp - one
	[ "$(wc -c <one)" -gt 10000 ]
	fails 1 decoder --to-layer 3 gemma_scope_2_clt
	[[ $line == *"it decodes to the layers 0 to 2" ]]
	fails 1 decoder --to-layer 6 tracer_clt/W_enc_7.safetensors
	fails 1 decoder --to-layer 0 layer0.npz
}

@test "signed activations decode to what their library decodes them to" {
	oracle dialects saelens_abstopk >read
	x=saelens_abstopk/states.npy
	act-dump --quiet --no-point --hidden $x --sae saelens_abstopk >a
	decoder --squared saelens_abstopk | hungarian --quiet >m
	match-subst --quiet --bootstrap 1 m --a a --b a --sae-b saelens_abstopk --hidden-b $x >s
	frame2tsv --columns value s | tail -n 1 >value
	"$PY" - <<-'PYTHON'
	import numpy as np
	import arrays
	from dialects import dense
	header, a = dense(open("a", "rb").read())
	n = header["signed"]
	sae = arrays.load_all("saelens_abstopk/sae_weights.safetensors")
	x = np.load("saelens_abstopk/states.npy").astype("f8")
	error = x - sae["b_dec"] - (a[:, :n] - a[:, n:]) @ sae["W_dec"].astype("f8")
	wanted = 1 - (error ** 2).sum() / ((x - x.mean(0)) ** 2).sum()
	assert abs(wanted - float(open("value").read())) < 1e-5, (wanted, open("value").read())
	PYTHON
}

@test "settings that are no file, no text, too long, or of too long lines" {
	oracle dialects itda >read
	read=(act-dump --quiet --hidden itda/states.npy --sae itda)
	"${read[@]}" >kept
	mv itda/metadata.yaml k
	{ cat k; printf 'note: %04089dk: 99\n' 0; } >itda/metadata.yaml
	"${read[@]}" | cmp - kept
	printf 'k: \0' >itda/metadata.yaml
	fails 1 "${read[@]}"
	[[ $line == *"metadata.yaml: a zero byte"* ]]
	printf 'k: \377\n' >itda/metadata.yaml
	fails 1 "${read[@]}"
	[[ $line == *"metadata.yaml: k: no UTF-8" ]]
	truncate -s 5M itda/metadata.yaml
	fails 1 "${read[@]}"
	[[ $line == *"metadata.yaml: settings of 5242880 bytes"* ]]
	rm itda/metadata.yaml
	mkdir itda/metadata.yaml
	fails 1 "${read[@]}"
	[[ $line == *"metadata.yaml: Is a directory" ]]
}

@test "settings whose numbers and words make no sense are refused" {
	oracle act_dump sae sae --threshold
	oracle arrays random x.npy
	settings() {	# JSON WORDS: with this added they are refused
		printf '{"architecture": "standard", "apply_b_dec_to_input": true, %s}' "$1" \
			>sae/cfg.json
		fails 1 act-dump --hidden x.npy --sae sae --encoder saelens
		[[ $line == *"$2"* ]] || { echo "$line"; return 1; }
	}
	scaled='"normalize_activations": "constant_scalar_rescale", '
	for factor in 0 -1 1e300 1e-300; do
		settings "$scaled\"activation_normalization_factor\": $factor" "multiply the states"
	done
	for kind in '"standard|unnamed"' 5 '["standard"]' '{}' true; do
		printf '{"architecture": %s}' "$kind" >sae/cfg.json
		fails 1 act-dump --hidden x.npy --sae sae
		[[ $line == *"architecture"* ]]
	done
}

@test "steps of matching pursuit without end, and numbers beyond a float, are refused" {
	oracle dialects itda saelens_pursuit saelens_standard saelens_log_threshold >read
	echo 'k: 4000000000' >itda/metadata.yaml
	fails 1 act-dump --hidden itda/states.npy --sae itda
	[[ $line == *"k = 4e+09 of 96 features: 1 to 65536" ]]
	sed -i 's/"max_iterations": null/"max_iterations": 4000000000/' saelens_pursuit/cfg.json
	fails 1 act-dump --hidden saelens_pursuit/states.npy --sae saelens_pursuit
	[[ $line == *"matching pursuit of 4000000000 steps, where 65536 are the most: --k K" ]]
	"$PY" - <<-'PYTHON'
	import numpy as np
	import arrays
	np.save("itda/atoms.npy", 1e12 * np.load("itda/atoms.npy"))
	for name, key in ("saelens_standard", "W_enc"), ("saelens_log_threshold", "log_threshold"):
	    path = f"{name}/sae_weights.safetensors"
	    weights = dict(arrays.load_all(path))
	    x = weights[key].astype("f8")
	    arrays.save(path, {**weights, key: (x / np.abs(x).max() * 3e38).astype("f4")})
	PYTHON
	echo 'k: 65536' >itda/metadata.yaml
	for name in itda saelens_standard; do
		fails 1 act-dump --hidden $name/states.npy --sae $name
		[[ $line == *"an activation of feature "*" is not finite: "* ]]
	done
	fails 1 act-dump --hidden saelens_log_threshold/states.npy --sae saelens_log_threshold
	[[ $line == *"the threshold of feature "*" is not finite" ]]
}

@test "b_dec of one layer, where the decoder goes to several, is not subtracted" {
	"$PY" - <<-'PYTHON'
	import numpy as np
	rng = np.random.default_rng(0)
	def normal(*shape):
	    return rng.standard_normal(shape).astype("f4")
	np.savez("x.npz", W_enc=normal(6, 40), W_dec=normal(40, 2, 6), b_enc=normal(40),
	         b_dec=normal(6), threshold=np.abs(normal(40)))
	np.save("x.npy", normal(9, 6))
	PYTHON
	act-dump --hidden x.npy --sae x.npz >out
	[ "$(frame2tsv --columns feature out | wc -l)" -gt 9 ]
	fails 1 act-dump --hidden x.npy --sae x.npz --b-dec subtract
	[[ $line == *"b_dec of 12 dimensions cannot be subtracted from states of 6"* ]]
}
