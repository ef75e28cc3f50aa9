"""Ready-made activations in every form that act-import reads, each compared with what numpy and scipy make of it.

    act_import.py layouts | caches | hostile | encoders"""
import os
import subprocess
import sys

import numpy as np
import scipy.sparse as sparse

import arrays
import dialects
import pt
from act_dump import dense
from semot import read

rng = np.random.default_rng(3)
T, F, K, CONTEXT = 90, 70, 7, 15
BF16 = np.array([1, 1.5, -2, .125, 3], "f4")


def run(*command, stdin=None, quiet=True, leaks=False):
    command = ["act-import", *(["--quiet"] if quiet else []), *map(str, command)]
    return subprocess.run(command, capture_output=True, stdin=stdin and open(stdin, "rb"),
                          env={**os.environ, "ASAN_OPTIONS": "" if leaks else "detect_leaks=0"})     # what fails ends at once


def imported(*command, stdin=None, notes=None):
    """Header, tokens, activations (tokens, features)."""
    done = run(*command, stdin=stdin, quiet=notes is None, leaks=True)
    assert done.returncode == 0, (command, done.stderr.decode())
    assert (notes or "") in done.stderr.decode() and bool(notes) == bool(done.stderr), (command, done.stderr.decode())
    open("out", "wb").write(done.stdout)
    (header, frames), = read("out")
    return header, *dense(header, frames)


def same(wanted, *command, arch="ready-made", **rest):
    header, tokens, found = imported(*command, **rest)
    assert header["arch"] == arch and header["features"] == wanted.shape[1] and header["tokens"] == len(wanted), (command, header)
    assert np.array_equal(tokens, np.arange(len(wanted))) and np.array_equal(found, wanted), command
    return header


def refused(words, *command, status=1, **rest):
    done = run(*command, **rest)
    line = done.stderr.decode()
    assert done.returncode == status and line.startswith("act-import: ") and line.count("\n") == 1 and words in line, \
        (words, command, done.returncode, line)


def sparse_acts(signed=False):
    """K of F active on a token, on some none; exact in every type."""
    x = rng.choice(np.abs(BF16) if not signed else BF16, (T, F)).astype("f4")
    keep = np.argsort(rng.random((T, F)), 1) < K
    keep[rng.random(T) < .1] = False
    keep[0, F - 1] = True
    return np.where(keep, x, 0)


def pairs(x):
    """(tokens, K) indices in the order of the values, padded with values of 0 and an index that is none."""
    index = np.argsort(-np.abs(x), 1, kind="stable")[:, :K + 1]
    value = np.take_along_axis(x, index, 1)
    return np.where(value != 0, index, -1), value


def layouts():
    x = sparse_acts()
    for dtype in "f2", "f4", "f8":
        np.save("x.npy", x.astype(dtype))
        same(x, "x.npy")
        same(x, "-", "--layer", "3", stdin="x.npy")
    arrays.save("x.safetensors", {"acts": x}, ["acts"])
    same(x, "x.safetensors")
    np.savez_compressed("x.npz", acts=x, other=x[:3])
    same(x, "x.npz:acts")
    np.savez_compressed("one.npz", x)
    same(x, "one.npz")
    pt.save("x.pt", x)
    same(x, "x.pt")
    pt.save("named.pt", {"acts": x, "more": 3})
    same(x, "named.pt:acts")
    np.save("a.npy", x[:40])
    np.save("b.npy", x[40:].astype("f2"))
    same(x, "a.npy", "b.npy")
    np.save("cube.npy", x.reshape(-1, CONTEXT, F))
    same(x, "cube.npy", "--context", CONTEXT)
    _, tokens, found = imported("cube.npy", "--context", CONTEXT, "--skip", 2)
    kept = np.arange(T) % CONTEXT >= 2
    assert np.array_equal(tokens, np.arange(T)[kept]) and np.array_equal(found, x[kept])

    matrix = sparse.csr_matrix(x)
    for name, compressed in ("packed.npz", True), ("plain.npz", False):
        sparse.save_npz(name, matrix, compressed)
        assert same(x, name)["layer"] == name[:-4]
    shuffled = matrix.copy()
    for row in range(T):
        its = slice(*shuffled.indptr[row:row + 2])
        order = rng.permutation(its.stop - its.start)
        shuffled.indices[its], shuffled.data[its] = shuffled.indices[its][order], shuffled.data[its][order]
    shuffled.has_sorted_indices = False
    sparse.save_npz("shuffled.npz", shuffled)
    same(x, "shuffled.npz")
    stored = matrix.copy()
    stored.data[::5] = 0                        # zeros that are stored
    sparse.save_npz("stored.npz", stored)
    same(stored.toarray(), "stored.npz")
    parts = {"data": matrix.data.astype("f8"), "indices": matrix.indices.astype("i8"), "indptr": matrix.indptr.astype("i8"),
             "shape": np.array(matrix.shape)}
    arrays.save("csr.safetensors", parts)
    same(x, "csr.safetensors")
    pt.save("csr.pt", parts)
    same(x, "csr.pt")
    sparse.save_npz("none.npz", sparse.csr_matrix((T, F), dtype="f4"))
    same(0 * x, "none.npz")
    _, tokens, found = imported("packed.npz", "--features", "20:50")
    assert np.array_equal(found, np.where((np.arange(F) >= 20) & (np.arange(F) < 50), x, 0))

    index, value = pairs(x)
    for i, v in (("top_indices", "top_acts"), ("latent_indices", "latent_acts"), ("indices", "values")):
        for save, name in ((arrays.save, "p.npz"), (arrays.save, "p.safetensors"), (pt.save, "p.pt")):
            save(name, {i: index, v: value, "pre_acts": x})
            same(x, name, "--width", F)
            same(x, name, notes=f"{F} features, by the largest index")
    np.save("index.npy", index.astype("i2").reshape(-1, CONTEXT, K + 1))
    np.savez("value.npz", mine=value.astype("f2").reshape(-1, CONTEXT, K + 1))
    same(x, "--indices", "index.npy", "value.npz:mine", "--width", F, "--context", CONTEXT)
    wide = same(np.pad(x, ((0, 0), (0, 9))), "p.npz", "--width", F + 9, "--model", "m")
    assert wide["space"] == "layer p of m"

    signed = sparse_acts(True)
    sparse.save_npz("signed.npz", sparse.csr_matrix(signed))
    np.save("signed.npy", signed)
    for name in "signed.npz", "signed.npy":
        count = (signed < 0).sum()
        refused(f"{name}: {count} activations are negative: --signed split|abs|positive", name)
        split = np.hstack([np.maximum(signed, 0), np.maximum(-signed, 0)])
        assert same(split, name, "--signed", "split")["signed"] == F
        same(np.abs(signed), name, "--signed", "abs")
        same(np.maximum(signed, 0), name, "--signed", "positive", notes=f"{count} negative activations are left out")
    assert same(np.hstack([x, 0 * x]), "x.npy", "--signed", "split")["signed"] == F

    states = rng.standard_normal((T, 4, 6)).astype("f4")
    mask = (rng.random(T) < .7).astype("u1")
    np.save("states.npy", states)
    np.save("mask.npy", mask)
    np.save("ids.npy", np.arange(T) % 11)
    _, tokens, found = imported("packed.npz", "--hidden", "states.npy", "--mask", "mask.npy", "--tokens", "ids.npy",
                                "--skip-ids", "3,5")
    kept = (mask == 1) & (np.arange(T) % 11 != 3) & (np.arange(T) % 11 != 5)
    assert np.array_equal(tokens, np.arange(T)[kept]) and np.array_equal(found, x[kept])
    (_, frames), = read("out")
    assert np.array_equal(np.concatenate([f["point"] for f in frames]), states.reshape(T, -1)[kept])
    assert np.array_equal(np.concatenate([f["vocab"] for f in frames]), (np.arange(T) % 11)[kept])


def cache(folder, x, splits, tokens=True, config=None, location="u2", dtype="f2"):
    os.makedirs(folder, exist_ok=True)
    token, feature = np.nonzero(np.abs(x) > 1e-5)
    edges = np.linspace(0, x.shape[1], splits + 1).astype(int)
    for first, end in zip(edges, edges[1:]):
        its = (feature >= first) & (feature < end)
        arrays.save(f"{folder}/{first}_{end - 1}.safetensors", {
            "locations": np.stack([token[its] // CONTEXT, token[its] % CONTEXT, feature[its] - first], 1).astype(location),
            "activations": x[token[its], feature[its]].astype(dtype),
            **({"tokens": np.arange(len(x)).reshape(-1, CONTEXT)} if tokens else {})})
    if config:
        open(f"{folder}/config.json", "w").write(config)
    return folder


def caches():
    x, signed = sparse_acts(), sparse_acts(True)
    x[-1], x[-CONTEXT] = 0, x[0]
    config = f'{{"cache_ctx_len": {CONTEXT}, "n_tokens": {T}}}'
    same(x, cache("layers.1", x, 3), arch="delphi")
    same(x, cache("u4", x, 2, location="u4", dtype="f4"), arch="delphi")
    bare = cache("bare", x, 3, tokens=False, config=config)
    same(x, bare, arch="delphi")
    same(x, cache("nothing", x, 3, tokens=False), "--context", CONTEXT, arch="delphi")
    refused("how long is a sequence? --context N", "nothing")
    refused("--skip-ids needs --tokens", bare, "--skip-ids", "3", status=2)
    for change in '{"cache_ctx_len": "12"}', '{', '[]', '{"cache_ctx_len": -3}':
        refused("how long is a sequence?", cache("broken", x, 3, tokens=False, config=change))

    np.save("more.npy", rng.standard_normal((T + 2 * CONTEXT, 4)).astype("f4"))
    np.save("odd.npy", rng.standard_normal((T + 2, 4)).astype("f4"))
    same(np.pad(x, ((0, 2 * CONTEXT), (0, 0))), bare, "--hidden", "more.npy", arch="delphi")
    refused("a cache of 90 tokens, odd.npy has 92", bare, "--hidden", "odd.npy")
    refused("a cache of 90 tokens, more.npy has 120", "layers.1", "--hidden", "more.npy")

    split = np.hstack([np.maximum(signed, 0), np.maximum(-signed, 0)])
    count, folder = (signed < 0).sum(), cache("signed", signed, 3)
    header = same(split, folder, arch="delphi", notes=f"{count} activations are negative: each feature is two")
    assert header["signed"] == F
    assert "signed" not in same(np.abs(signed), folder, "--signed", "abs", arch="delphi")
    same(np.maximum(signed, 0), folder, "--signed", "positive", arch="delphi", notes=f"{count} negative activations")

    os.rename(cache("whole", x, 1, location="i8") + f"/0_{F - 1}.safetensors", "whole.safetensors")
    assert same(x, "whole.safetensors", "--width", F, arch="delphi")["layer"] == "whole"
    same(x, "whole.safetensors", arch="delphi", notes=f"{F} features, by the largest that is active")
    same(np.pad(x, ((0, 0), (0, 5))), "whole.safetensors", "--width", F + 5, arch="delphi")
    refused("location", "whole.safetensors", "--width", F - 1)
    refused(f"of {F} features, --width says 9", "layers.1", "--width", 9)

    for name in "b", "a":
        cache(f"all/layers.{name}", x, 2)
    os.mkdir("all/empty")
    refused("all: a folder of caches, each of one layer: name one of all/layers.a, all/layers.b", "all")
    last = f"{F // 2}_{F - 1}.safetensors"
    os.replace(f"{cache('bare2', x, 2, tokens=False)}/{last}", f"{cache('mixed', x, 2)}/{last}")
    refused(f"mixed/{last}: tokens of another shape than in mixed/0_", "mixed")


def csr(**change):
    parts = {"data": np.ones(3, "f4"), "indices": np.array([0, 2, 1], "i4"), "indptr": np.array([0, 2, 3], "i4"),
             "shape": np.array([2, 3]), "format": b"csr", **change}
    np.savez("x.npz", **{key: x for key, x in parts.items() if x is not None})
    return "x.npz"


def hostile():
    same(np.array([[1, 0, 1], [0, 1, 0]], "f4"), csr())
    same(np.array([[1, 0, 1], [0, 1, 0]], "f4"), csr(format="csr"))
    same(np.array([[1, 0, 1], [0, 1, 0]], "f4"), csr(format=None))
    nan, inf = np.array([1, np.nan, 1], "f4"), np.array([1, 1, 1e60])
    for words, change in (
        ("in csc format: save_npz(FILE, matrix.tocsr())", {"format": b"csc"}),
        ("in  format", {"format": b""}),
        ("where a short text is expected", {"format": b"csr" * 999}),
        ("indptr: 1 after 2", {"indptr": np.array([0, 2, 1])}),
        ("indptr: 9 after 0, of 3 entries", {"indptr": np.array([0, 9, 3])}),
        ("indptr: ends with 2, of 3 entries", {"indptr": np.array([0, 2, 2])}),
        ("indptr: does not begin with 0", {"indptr": np.array([1, 2, 3])}),
        ("indptr: 18446744073709551616 after 0", {"indptr": np.array([0, 2**64 - 1, 3], "u8")}),
        ("indptr: of 4 numbers, a CSR matrix of 2 rows has 3", {"indptr": np.array([0, 2, 3, 3])}),
        ("indptr: of 0 numbers", {"indptr": np.zeros(0, "i4")}),
        ("indptr: numbers of type '<f4', where integers are expected", {"indptr": np.array([0, 2, 3], "f4")}),
        ("token 0: feature 3, of 3", {"indices": np.array([0, 3, 1])}),
        ("token 1: feature -1, of 3", {"indices": np.array([0, 1, -1])}),
        ("token 0: feature 1 stands twice", {"indices": np.array([1, 1, 1])}),
        ("indices: of another length than x.npz:data", {"indices": np.array([0, 1])}),
        ("indices: of another length", {"indices": np.array([[0, 1, 1]])}),
        ("data: numbers of type '<i8', where f2, bf16, f4 or f8", {"data": np.ones(3, "i8")}),
        ("token 0: an activation that is not finite", {"data": nan}),
        ("token 1: an activation that is not finite", {"data": inf}),
        ("shape: of 3 numbers", {"shape": np.array([2, 3, 1])}),
        ("shape: -1, of 0 to 4294967295", {"shape": np.array([-1, 3])}),
        ("shape: 1e+12, of", {"shape": np.array([10**12, 3])}),
        ("shape: 1.5, of", {"shape": np.array([1.5, 3])}),
        ("3000000000 features: 1 to 2147483647", {"shape": np.array([2, 3 * 10**9])}),
        ("0 features", {"shape": np.array([2, 0])}),
        ("no array shape", {"shape": None}),
        ("no array data", {"data": None}),
    ):
        refused(words, csr(**change))
    refused("of 3 features, --width says 4", csr(), "--width", 4)
    refused("--features 2:4: x.npz has 3", csr(), "--features", "2:4")
    refused("--features 2", csr(), "--features", "2", status=2)
    open("cut.npz", "wb").write(open(csr(), "rb").read()[:-40])
    refused("cut.npz", "cut.npz")
    sparse.save_npz("coo.npz", sparse.coo_matrix(np.eye(3)))
    refused("in coo format", "coo.npz")

    def two(index, value):
        np.savez("p.npz", top_indices=np.array(index), top_acts=np.array(value, "f4"))
        return "p.npz"
    for words, index, value in (
        ("token 1: feature 5, of 4", [[0, 1], [5, 2]], [[1, 2], [3, 4]]),
        ("token 1: feature -2, of 4", [[0, 1], [-2, 2]], [[1, 2], [3, 4]]),
        ("token 0: feature 1 stands twice", [[1, 1], [0, 2]], [[1, 2], [3, 4]]),
        ("token 1: an activation that is not finite", [[0, 1], [0, 2]], [[1, 2], [3, np.inf]]),
        ("top_indices: of another shape than p.npz:top_acts", [[0, 1]], [[1, 2], [3, 4]]),
        ("top_indices: of another shape", [[0], [1]], [[1, 2], [3, 4]]),
        ("activations are a matrix (tokens, k), not of 1 dimensions", [0, 1], [1, 2]),
        ("top_indices: numbers of type '<f8', where integers", [[0.5]], [[1]]),
        ("no k", np.zeros((3, 0), "i4"), np.zeros((3, 0))),
    ):
        refused(words, two(index, value), "--width", 4)
    refused("features: 1 to 2147483647 are read", two([[2**40]], [[1]]))
    np.save("i.npy", np.zeros((2, 3), "i4"))
    np.save("v.npy", np.zeros((2, 2), "f4"))
    refused("i.npy: of another shape than v.npy", "--indices", "i.npy", "v.npy")
    refused("no array k", "--indices", two([[0]], [[1]]) + ":k", "v.npy")
    refused("--indices are those of one file", "--indices", "i.npy", "v.npy", "v.npy", status=2)

    np.save("x.npy", np.array([[0, 1], [np.nan, 0]]))
    refused("x.npy: token 1: the activation of feature 0 is not finite", "x.npy")
    refused("stdin: token 1: the activation of feature 0 is not finite", "-", "--layer", "3", stdin="x.npy")
    refused("--layer is needed", "-", stdin="x.npy", status=2)
    refused("stdin is either", "-", "--layer", "3", "--hidden", "-", stdin="x.npy", status=2)
    for words, x in (
        ("numbers of type '<u2', where f2, bf16, f4 or f8", np.zeros((3, 4), "u2")),
        ("a matrix (tokens, features), not of 1 dimensions", np.zeros(3, "f4")),
        ("of shape (3, 5, 4): are these sequences of 5 tokens? --context 5 says so", np.zeros((3, 5, 4), "f4")),
        ("not of 4 dimensions", np.zeros((2, 3, 5, 4), "f4")),
        ("no features", np.zeros((3, 0), "f4")),
        ("Fortran order", np.asfortranarray(np.zeros((3, 4), "f4"))),
    ):
        np.save("x.npy", x)
        refused(words, "x.npy")
    np.save("a.npy", np.zeros((3, 4), "f4"))
    np.save("b.npy", np.zeros((3, 5), "f4"))
    refused("b.npy: of 5 features, a.npy has 4", "a.npy", "b.npy")
    refused("a.npy: activations of 3 tokens, h.npy has 7", "a.npy", "--hidden",
            (np.save("h.npy", np.zeros((7, 2), "f4")), "h.npy")[1])
    refused("there are data, indices, indptr", csr(format=None), "a.npy")
    refused("No such file", "nowhere.npy")


# -- Encoders that act-dump refuses: the way out ----------------------------------------------------

def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def vl_sae(w):
    """2 - |y - e_i| of unit vectors, those above the (F - k)-th smallest."""
    e = w.W_enc.T
    z = 2 - np.sqrt(np.maximum(2 - 2 * unit(w.x.astype("f8")) @ unit(e.astype("f8")).T, 0))
    edge = np.sort(z, 1)[:, [-w.k - 1]]
    return {"vl.safetensors": {"encoder": e, "vision_decoder.weight": w.W_dec.T}}, w.x, np.where(z > edge, z, 0)


def writesae(w):
    """TopK of sum_r v_ir^T X w_ir."""
    rank, rows = 2, 4
    v, u = (rng.standard_normal((w.features, rank, n)).astype("f4") for n in (rows, w.d // rows))
    x = w.x.reshape(-1, rows, w.d // rows)
    z = np.einsum("irk,tkv,irv->ti", v.astype("f8"), x, u) + w.b_enc
    state = {"V_enc": v, "W_enc": u, "b_enc": w.b_enc, "V_dec": v, "W_dec": u}
    return {"best.pt": {"model_state_dict": state, "config": {"sae_type": "bilinear", "k": w.k}}}, x, dialects.topk(z, w.k)


def temporal(w):
    """TopK of what attention over the tokens before, in the space of the features, does not predict of the state."""
    heads, narrow, context = 4, w.features // 4, CONTEXT
    weight = {f"attn_layers.0.{name}.{part}": (rng.standard_normal((n, w.features) if part == "weight" else n) * .1).astype("f4")
              for name, n in (("k_ctx", narrow), ("q_target", narrow), ("v_ctx", w.features), ("c_proj", w.features))
              for part in ("weight", "bias")}
    dec = w.W_dec.astype("f8")

    def through(name, x):
        return x @ weight[f"attn_layers.0.{name}.weight"].T + weight[f"attn_layers.0.{name}.bias"]

    def split(x):
        return x.reshape(len(x), context, heads, -1).swapaxes(1, 2)
    x = .5 * w.x.astype("f8").reshape(-1, context, w.d) - w.b_dec
    code = dialects.relu(x @ dec.T / (4 * w.d))
    before = np.concatenate([0 * code[:, :1], code[:, :-1]], 1)
    q, k, v = split(through("q_target", code)), split(through("k_ctx", before)), split(through("v_ctx", before))
    score = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1]) + np.where(np.tri(context), 0, -np.inf)
    share = np.exp(score - score.max(-1, keepdims=True))
    mixed = (share / share.sum(-1, keepdims=True) @ v).swapaxes(1, 2).reshape(code.shape)
    seen = dialects.relu(through("c_proj", mixed)) @ dec
    x = x - seen * (seen * x).sum(-1, keepdims=True) / (np.linalg.norm(seen, axis=-1, keepdims=True) + 1e-6) ** 2
    novel = dialects.relu(x @ dec.T / (4 * w.d)).reshape(-1, w.features)
    settings = {"architecture": "temporal", "d_in": w.d, "d_sae": w.features, "n_heads": heads, "kval_topk": w.k,
                "bottleneck_factor": 4, "normalize_activations": "constant_scalar_rescale"}
    files = {"sae_weights.safetensors": {"W_dec": w.W_dec, "b_dec": w.b_dec, **weight}, "cfg.json": settings}
    return files, w.x, dialects.topk(novel, w.k)


def phases(w):
    """TopK of each phase's features in what the phases before left over."""
    half, k = w.features // 2, w.k // 2
    whole, coded = w.x.astype("f8") - w.b_dec, np.zeros((len(w.x), w.features))
    for its in slice(0, half), slice(half, None):
        left = whole - coded @ w.W_dec.astype("f8")
        coded[:, its] = dialects.topk(left @ w.W_enc[:, its].astype("f8") + w.b_enc[its], k)
    settings = {"architecture": "phase_multiplexed", "num_phases": 2, "k_per_phase": k, "d_in": w.d, "d_sae": w.features}
    return {"sae_weights.safetensors": w.standard, "cfg.json": settings}, w.x, coded


def encoders():
    for make in vl_sae, writesae, temporal, phases:
        name = make.__name__
        files, states, wanted = make(dialects.Weights(24, 96, 7))
        dialects.write(name, files, states)
        done = dialects.act_dump(name, name, leaks=True)
        assert done.returncode == 1 and b"act-import" in done.stderr, (name, done.stderr)
        assert (wanted > 0).sum(1).max() > 3, name
        wanted = wanted.astype("f4")
        np.save(f"{name}/acts.npy", wanted)
        sparse.save_npz(f"{name}/acts.npz", sparse.csr_matrix(wanted))
        for acts in "acts.npy", "acts.npz":
            header = same(wanted, f"{name}/{acts}", "--hidden", f"{name}/states.npy", "--layer", name)
            assert header["d"] == 24 and header["layer"] == name
            (_, frames), = read("out")
            assert np.array_equal(np.concatenate([f["point"] for f in frames]), states.reshape(len(states), -1))


if __name__ == "__main__":
    {"layouts": layouts, "caches": caches, "hostile": hostile, "encoders": encoders}[sys.argv[1]]()
