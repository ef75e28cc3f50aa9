"""Distances by activations in numpy, in double, from dense matrices.

    coact.py check METRIC DISTANCES A [B]       of two files of activations, or of one with itself
    coact.py lifted METRIC DISTANCES COUPLING A B    of features that a coupling compares
    coact.py errors METRIC PLAIN DISTANCES A B [COUPLING]
    coact.py resampled FOLDER; coact.py deviations DISTANCES...
    coact.py couple FILE A B SEED MOST [ALONE]  writes a random coupling of their tokens: up to MOST entries a row, and
                                                none for some tokens of either side if ALONE is given
    coact.py make FILE TOKENS SEED [SORT...]    writes a random stream; sorts are put over its first features: silent,
                                                always, constant, offset (always, far from 0), nearly (all but one token)"""
import sys

import numpy as np

from act_dump import dense
from sampling import uniform
from semot import read, write

FEATURES = 30


def matrix(path):
    """(tokens, features), those of later streams behind."""
    return np.hstack([dense(*stream)[1].astype("f8") for stream in read(path)])


def pearson(x, y):
    if not len(x):
        return np.zeros((x.shape[1], y.shape[1]))
    x, y = x - x.mean(0), y - y.mean(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (x.T @ y) / np.sqrt((x * x).sum(0)[:, None] * (y * y).sum(0))
    return np.where((np.ptp(x, 0) > 0)[:, None] & (np.ptp(y, 0) > 0), r, 0)


def jaccard(x, y):
    x, y = x > 0, y > 0
    both = x.T.astype("f8") @ y
    return both / np.maximum(x.sum(0)[:, None] + y.sum(0) - both, 1)


def joint(x, y):
    """The smaller of P(j fires | i fires) and P(i fires | j fires)."""
    x, y = (x > 0).astype("f8"), (y > 0).astype("f8")
    both = x.T @ y
    return np.minimum(both / np.maximum(x.sum(0)[:, None], 1), both / np.maximum(y.sum(0), 1))


def check(metric, path, *sides):
    (header, (ids, *blocks)), = read(path)
    x, y = matrix(sides[0]), matrix(sides[-1])
    found = np.concatenate([b["dist"] for b in blocks])
    wanted = 1 - globals()[metric](x, y)
    if metric == "pearson":     # numpy's own, of the features that it is defined for
        some, others = (np.flatnonzero(np.ptp(z, 0) > 0)[:40] for z in (x, y))
        own = np.corrcoef(x[:, some].T, y[:, others].T)[:len(some), len(some):]
        assert np.abs(1 - own - wanted[np.ix_(some, others)]).max() < 1e-9
    if len(sides) == 1:
        np.fill_diagonal(wanted, 0)
        assert (np.diag(found) == 0).all() and np.array_equal(found, found.T)
    assert "space" not in header and header["tokens"] == len(x), header
    assert found.shape == wanted.shape and np.abs(found - wanted).max() < 1e-5, np.abs(found - wanted).max()


def dense_coupling(path):
    """G, and the tokens of its rows and columns."""
    (_, (tokens, *blocks)), = read(path)
    g = np.zeros((len(tokens["row_token"]), len(tokens["col_token"])))
    for b in blocks:
        row = b["row0"] + np.repeat(np.arange(len(b["indptr"]) - 1), np.diff(b["indptr"].astype(int)))
        g[row, b["col"]] = b["weight"]
    return g, tokens["row_token"], tokens["col_token"]


def compared(coupling, x, y):
    """On each text that features are compared on: x, y, and of each token the one that halves it; x and y without a coupling."""
    if coupling is None:
        return [(x, y, np.arange(len(x)))]
    g = dense_coupling(coupling)[0]
    row, col = np.flatnonzero(g.sum(1)), np.flatnonzero(g.sum(0))
    g, x, y = g[row][:, col], x[row], y[col]
    lifted_y, lifted_x = (g / g.sum(1, keepdims=True)) @ y, (g / g.sum(0)).T @ x
    for z in lifted_x, lifted_y:            # what is the same on all tokens is so after rounding, too
        if len(z):
            z[:, np.ptp(z, 0) < 1e-9 * z.max(0)] = 1
    return [(x, lifted_y, row), (lifted_x, y, row[g.argmax(0)] if len(row) else row)]


def similarity(metric, coupling, x, y):
    """The mean of x with b~ and of a~ with y, over the tokens that have a partner."""
    return np.mean([globals()[metric](one, other) for one, other, _ in compared(coupling, x, y)], axis=0)


def errors(metric, plain, path, a, b, coupling=None):
    """What --error adds to PLAIN is the sampling error by halvings of the tokens."""
    (_, (_, *without)), (header, (ids, *blocks)) = (next(read(p)) for p in (plain, path))
    for f, g in zip(without, blocks, strict=True):
        assert f["dist"].tobytes() == g["dist"].tobytes()
    found = np.concatenate([block["error"] for block in blocks])
    x, y, token = matrix(a), matrix(b), np.concatenate([f["token"] for f in next(read(a))[1]])
    texts, squares, undivided = compared(coupling, x, y), 0, 0
    for r in range(header["halvings"]):
        dist = []
        for second in False, True:
            half = np.array([(uniform(r, 1 << 63, int(t)) > .5) == second for t in token])
            parts = [(one[half[by]], other[half[by]]) for one, other, by in texts]
            dist.append(1 - np.mean([globals()[metric](*part) for part in parts], axis=0))
            undivided = undivided | ~(parts[0][0] > 0).any(0)[:, None] | ~(parts[-1][1] > 0).any(0)
        squares = squares + (dist[0] - dist[1]) ** 2 / 4
    wanted = np.where(undivided, np.inf, np.sqrt(squares / header["halvings"]))
    if a == b:
        np.fill_diagonal(wanted, np.where(np.isinf(np.diag(wanted)), np.inf, 0))
    assert np.isinf(found).any() and (found[np.isfinite(found)] > 0).any()
    assert np.allclose(found, wanted, rtol=1e-4, atol=1e-6), np.nanmax(np.abs(found - wanted))


def resampled(folder, n=900, features=80):
    """once, and coupled in several ways: .a and .b, whose features are pairs of samples of one distribution."""
    rng = np.random.default_rng(0)
    moved = lambda z: np.maximum(.7 * z + .7 * rng.standard_normal(z.shape) - .8, 0)
    for name, most in ("same", 0), ("one", 1), ("few", 3):
        z = rng.standard_normal((n, features))
        order = rng.integers(n, size=n) if most else np.arange(n)
        token = np.arange(n, dtype="<u4")
        write_dense(f"{folder}/{name}.a", np.maximum(z - 1, 0), token)
        write_dense(f"{folder}/{name}.b", moved(z[order]), token)
        g = np.zeros((n, n))
        g[order, np.arange(n)] = 1
        for s in range(n):
            g[s, rng.integers(n, size=max(most - 1, 0))] += .3
        write_coupling(f"{folder}/{name}.g", token, token, g)


def deviations(*outs):
    """The errors of such samples are about the standard deviation of their distances."""
    for out in outs:
        (_, (ids, *blocks)), = read(out)
        dist, error = (np.diag(np.concatenate([b[name] for b in blocks])).astype(float) for name in ("dist", "error"))
        ratio = np.mean(error ** 2) ** .5 / dist.std()
        print(out, ratio)
        assert 3 / 4 < ratio < 4 / 3, (out, ratio)


def lifted(metric, path, coupling, a, b):
    (header, (ids, *blocks)), = read(path)
    found = np.concatenate([block["dist"] for block in blocks])
    wanted = 1 - similarity(metric, coupling, matrix(a), matrix(b))
    assert "space" not in header and header["by"] == "test", header
    assert found.shape == wanted.shape and np.abs(found - wanted).max() < 1e-5, np.abs(found - wanted).max()


def couple(path, a, b, seed, most, alone=None):
    rng = np.random.default_rng(int(seed))
    row_token, col_token = (np.concatenate([f["token"] for f in frames]) for (_, frames), in map(read, (a, b)))
    n, m, block = len(row_token), len(col_token), 90
    g = np.zeros((n, m))
    for s in range(n):
        t = np.append(rng.permutation(m)[:rng.integers(int(most))], s % m)
        g[s, t] = rng.random(len(t)) + .1
    for t in np.flatnonzero(g.sum(0) == 0):
        g[rng.integers(n), t] = .5
    if alone:
        g[rng.random(n) < .2], g[:, rng.random(m) < .1] = 0, 0
    write_coupling(path, row_token, col_token, g, block)


def write_coupling(path, row_token, col_token, g, block=90):
    frames = [{"row_token": row_token, "col_token": col_token}]
    for i in range(0, len(g), block):
        row, col = np.nonzero(g[i:i + block])
        frames.append({"row0": i, "indptr": np.searchsorted(row, np.arange(len(g[i:i + block]) + 1)).astype("<u4"),
                       "col": col.astype("<u4"), "weight": g[i:i + block][row, col].astype("<f4")})
    write(path, {"kind": "coupling", "by": "test", "rows": len(row_token), "cols": len(col_token), "history": []}, frames)


def write_dense(path, x, token):
    row, feature = np.nonzero(x)
    write(path, {"kind": "activations", "layer": path[-1], "features": x.shape[1], "tokens": len(x), "history": []}, [
        {"token": token, "feature": feature.astype("<u4"), "value": x[row, feature].astype("<f4"),
         "indptr": np.searchsorted(row, np.arange(len(x) + 1)).astype("<u4")}])


def make(path, tokens, seed, *sorts):
    rng, n = np.random.default_rng(int(seed)), int(tokens)
    shared = np.random.default_rng(0).exponential(1, (n, FEATURES))
    x = np.where(rng.random((n, FEATURES)) < (.02 + rng.random(FEATURES) ** 3), shared + rng.exponential(.5, shared.shape), 0)
    for i, sort in enumerate(sorts):
        x[:, i] = {"silent": 0, "constant": .1, "always": shared[:, i] + .1, "nearly": 1000 + shared[:, i],
                   "offset": 1e6 + shared[:, i]}[sort]
        if sort == "nearly":
            x[i, i] = 0
    frames = []
    for i in range(0, n, 70):
        part = x[i:i + 70].astype("f4")
        row, feature = np.nonzero(part)
        frames.append({"token": 3 * np.arange(i, i + len(part), dtype="<u4"), "feature": feature.astype("<u4"),
                       "indptr": np.concatenate([[0], np.cumsum((part != 0).sum(1))]).astype("<u4"),
                       "value": part[row, feature]})
    write(path, {"kind": "activations", "layer": path, "features": FEATURES, "tokens": 3 * n, "history": []}, frames)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
