"""Distances by activations in numpy, in double, from dense matrices.

    coact.py check METRIC DISTANCES A [B]       of two files of activations, or of one with itself
    coact.py lifted METRIC DISTANCES COUPLING A B    of features that a coupling compares
    coact.py couple FILE A B SEED MOST [ALONE]  writes a random coupling of their tokens: up to MOST entries a row, and
                                                none for some tokens of either side if ALONE is given
    coact.py make FILE TOKENS SEED [SORT...]    writes a random stream; sorts are put over its first features: silent,
                                                always, constant, offset (always, far from 0), nearly (all but one token)"""
import sys

import numpy as np

from act_dump import dense
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


def similarity(metric, coupling, x, y):
    """The mean of x with b~ and of a~ with y, over the tokens that have a partner."""
    g = dense_coupling(coupling)[0]
    row, col = g.sum(1) > 0, g.sum(0) > 0
    g, x, y = g[row][:, col], x[row], y[col]
    lifted_y, lifted_x = (g / g.sum(1, keepdims=True)) @ y, (g / g.sum(0)).T @ x
    for z in lifted_x, lifted_y:            # what is the same on all tokens is so after rounding, too
        if len(z):
            z[:, np.ptp(z, 0) < 1e-9 * z.max(0)] = 1
    return (globals()[metric](x, lifted_y) + globals()[metric](lifted_x, y)) / 2


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
    write(path, {"kind": "activations", "layer": path, "features": FEATURES, "tokens": n, "history": []}, frames)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
