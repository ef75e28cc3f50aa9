"""Couplings in numpy, from dense matrices of distances.

    couple.py make FILE TOKENS D SEED [SORT] [NAME=VALUE...]    writes a stream of activations, the same tokens whatever D is;
            its points are normal, or of SORT grid (small integers, many of them equal), clusters, f2 or bf16
    couple.py nearest COUPLING K A B [CELLS PROBES]     exactly; or only pairs in cells near each other, drawn by seed 0
    couple.py cells COUPLING C A B                      of seed 0
    couple.py sinkhorn COUPLING K ITERATIONS EPSILON A B
    couple.py columns COUPLING A B COLUMN...            each row's column, or -
    couple.py notes NOTES COUPLING A B                  what couple says on stderr of nearest tokens, K = 1"""
import re
import sys

import numpy as np
from scipy.special import logsumexp

from sampling import uniform
from semot import bf16, read, write


def make(path, tokens, d, seed, sort="normal", *fields):
    tokens, d, rng = int(tokens), int(d), np.random.default_rng(int(seed))
    x = rng.standard_normal((tokens, d)).astype("f4")
    if sort == "grid":
        x = rng.integers(0, 3, (tokens, d)).astype("f4")
    if sort == "clusters":
        x = 3 * np.random.default_rng(9).standard_normal((9, d))[rng.integers(9, size=tokens)].astype("f4") + x
    pack = {"f2": lambda x: x.astype("<f2"), "bf16": bf16}.get(sort, lambda x: x.astype("<f4"))
    counts = rng.integers(0, 3, tokens)
    frames, token = [], 3 * np.arange(tokens, dtype="<u4") + 5
    for i in range(0, tokens, 700):
        n = len(token[i:i + 700])
        indptr = np.concatenate([[0], np.cumsum(counts[i:i + n])]).astype("<u4")
        frames.append({"token": token[i:i + n], "point": pack(x[i:i + n]), "indptr": indptr,
                       "feature": np.concatenate([np.arange(k) for k in counts[i:i + n]]).astype("<u4"),
                       "value": rng.exponential(1, indptr[-1]).astype("<f4")})
    header = {"kind": "activations", "model": "toy", "layer": "3", "space": "reference", "d": d, "features": 9,
              "tokens": 3 * tokens + 3, "history": [], **dict(field.split("=") for field in fields)}
    write(path, header, frames)


def points(path):
    (_, frames), = read(path)
    return np.concatenate([f["point"] for f in frames]).astype("f8") if frames else np.zeros((0, 1))


def dense(path):
    """The header, the tokens' frame, and G."""
    (header, (tokens, *blocks)), = read(path)
    g = np.zeros((len(tokens["row_token"]), len(tokens["col_token"])))
    for b in blocks:
        row = b["row0"] + np.repeat(np.arange(len(b["indptr"]) - 1), np.diff(b["indptr"]))
        g[row, b["col"]] = b["weight"]
    assert (header["rows"], header["cols"]) == g.shape, header
    return header, tokens, g


def squares(x, y):
    return np.array([((row - y) ** 2).sum(1) for row in x]).reshape(len(x), len(y))


def named(square, k):
    """Of each row the k nearest; of equal ones the lower token."""
    g = np.zeros(square.shape)
    np.put_along_axis(g, np.argsort(square, 1, kind="stable")[:, :k], 1, 1)
    return g * np.isfinite(square)


def union(square, k):
    return named(square, k) + named(square.T, k).T


def draw(x, y, c):
    """The centres, and the cells of both sides."""
    both = np.concatenate([x, y])
    rank = [uniform(0, 0, i) for i in range(len(both))]
    centre = both[np.argsort(rank)[:c]]
    return centre, squares(x, centre).argmin(1), squares(y, centre).argmin(1)


def seen(x, centre, cell, probes):
    """(tokens of x, tokens of the other side, which are in these cells): where do they look?"""
    nearest = np.argsort(squares(x, centre), 1, kind="stable")[:, :probes]
    looks = np.zeros((len(x), len(centre)), dtype=bool)
    np.put_along_axis(looks, nearest, True, 1)
    return looks[:, cell]


def nearest(path, k, a, b, *cells):
    header, tokens, g = dense(path)
    x, y = points(a), points(b)
    square = squares(x, y)
    wanted = union(square, int(k))
    if cells:
        centre, row, col = draw(x, y, int(cells[0]))
        here = np.where(seen(x, centre, col, int(cells[1])), square, np.inf)
        there = np.where(seen(y, centre, row, int(cells[1])), square.T, np.inf)
        wanted = named(here, int(k)) + named(there, int(k)).T
    assert header["by"] == "nearest" and header["neighbours"] == int(k) and header["space"] == "reference", header
    assert np.array_equal(g, wanted), np.argwhere(g != wanted)[:9]


def cells(path, c, a, b):
    header, tokens, g = dense(path)
    _, row, col = draw(points(a), points(b), int(c))
    same = row[:, None] == col
    wanted = np.where(same, 1 / np.maximum(same.sum(0), 1) + 1 / np.maximum(same.sum(1), 1)[:, None], 0)
    assert header["by"] == "cells" and header["cells"] == int(c), header
    assert np.allclose(g, wanted, rtol=1e-6, atol=0), np.abs(g - wanted).max()


def sinkhorn(path, k, iterations, epsilon, a, b):
    header, tokens, g = dense(path)
    x, y = points(a), points(b)
    square = squares(x, y)
    cost, (n, m) = np.where(union(square, int(k)) > 0, np.sqrt(square), np.inf), square.shape
    drawn = [int(uniform(0, 1, i) * m) for i in range(n)]
    epsilon = float(epsilon) * np.sqrt(square[np.arange(n), drawn]).mean()
    f, u = np.zeros((n, 1)), np.zeros((1, m))
    f = -epsilon * logsumexp((u - cost) / epsilon + np.log(n), 1, keepdims=True)
    for _ in range(int(iterations)):
        u = -epsilon * logsumexp((f - cost) / epsilon + np.log(m), 0, keepdims=True)
        f, before = -epsilon * logsumexp((u - cost) / epsilon + np.log(n), 1, keepdims=True), f
        if np.abs(np.exp((before - f) / epsilon) - 1).mean() < 1e-6:
            break
    plan = np.exp((f + u - cost) / epsilon)
    wanted = plan / plan.sum(1, keepdims=True) + plan / plan.sum(0)
    assert np.abs(g - wanted).max() < 1e-4, np.abs(g - wanted).max()
    assert np.abs(g.sum() - n - m) < .01 and ((g > 0) <= np.isfinite(cost)).all()
    if int(k) >= max(n, m):
        import ot
        plan = ot.sinkhorn(np.full(n, 1 / n), np.full(m, 1 / m), cost, epsilon, "sinkhorn_log", stopThr=1e-9)
        assert np.abs(g - (n + m) * plan).max() < .01 * g.max(), np.abs(g - (n + m) * plan).max()


def columns(path, a, b, *column):
    header, tokens, g = dense(path)
    wanted = np.zeros(g.shape)
    for row, col in enumerate(column):
        if col != "-":
            wanted[row, int(col)] = 1
    assert np.array_equal(g, wanted) and "space" not in header, header
    for side, name in ("row", a), ("col", b):
        (_, frames), = read(name)
        assert np.array_equal(tokens[side + "_token"], np.concatenate([f["token"] for f in frames]))


def notes(path, coupling, a, b):
    text = open(path).read()
    x, y = points(a), points(b)
    square, (_, _, g) = squares(x, y), dense(coupling)
    near = np.sqrt(np.sort(np.concatenate([square.min(1), square.min(0)])))
    said = re.search(r"median distance (\S+), 90% quantile (\S+); any token: (\S+), (\S+)\n", text).groups()
    some = np.sort(np.sqrt(square).ravel())
    for value, of, q in zip(map(float, said), (near, near, some, some), (.5, .9) * 2):
        expected = of[int(q * (len(of) - 1))]
        assert abs(value - expected) < (.001 if of is near else .05) * expected, (value, expected)
    some = np.argwhere(g > 0)
    rows, cols = (len(np.unique(square.argmin(axis))) for axis in (0, 1))
    line = f"among no token's 1 nearest: {len(x) - rows} of {len(x)} tokens of A, {len(y) - cols} of {len(y)} of B"
    assert line in text, (line, text)
    assert len(np.unique(some[:, 0])) == len(x) and len(np.unique(some[:, 1])) == len(y)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
