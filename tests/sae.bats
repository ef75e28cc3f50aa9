load helper

@test "the page has the table that the reader uses" {
	sed -n '/^\.\\" as tests\/dialects prints it$/,/^\.\\" end$/p' "$ROOT/man/sae.5" |
		sed '1d;$d' >page
	"$BUILD/tests/dialects" | diff - page
}

@test "every dialect encodes as its library does; what its files leave open is refused" {
	oracle dialects | sort -u >read
	"$BUILD/tests/dialects" | awk '
		/^\.It Cm/ { name = $3; all[name] }
		/^Not encoded/ { delete all[name] }
		END { for (name in all) print name }' | sort | diff - read
}

@test "dialects of other sizes" {
	oracle dialects --d 38 --features 228 --seed 3 >read
	oracle dialects --d 60 --features 120 --seed 5 >read
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
