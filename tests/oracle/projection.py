"""refproj and decoder in numpy.

    projection.py lift POINTS STATES            points are the tokens' rows of the states
    projection.py map POINTS BEFORE MAP [BIAS]  points are those before, times the map, plus the bias
    projection.py fit POINTS BEFORE SRC DST RIDGE
    projection.py whiten POINTS BEFORE STATES [DIMS]
    projection.py rotate POINTS BEFORE STATES DIMS
    projection.py white POINTS                  mean 0, variance 1 in every direction
    projection.py unit POINTS BEFORE
    projection.py decoder DISTANCES SAE SAE [cosine|squared|folded decoder|encoder|both [bias]]
    projection.py folded DISTANCES SAE SAE      SAE Match"""
import sys

import numpy as np

from act_dump import load_sae
from semot import read


def table(path):
    [(header, frames)] = read(path)
    return (np.concatenate([f["token"] for f in frames if "token" in f]),
            np.concatenate([f["point"] for f in frames if "point" in f]).astype("f8"))


def near(x, y, tolerance=1e-4):
    assert x.shape == y.shape, (x.shape, y.shape)
    worst = np.abs(x - y).max() / np.abs(y).max()
    assert worst < tolerance, worst


def distances(x):
    return np.sqrt(np.maximum(((x[:, None] - x[None]) ** 2).sum(-1), 0))


def lift(points, states):
    token, x = table(points)
    assert (x == np.load(states).reshape(-1, x.shape[1])[token]).all()


def map(points, before, matrix, bias=None):
    near(table(points)[1], table(before)[1] @ np.load(matrix).astype("f8") + (np.load(bias) if bias else 0))


def fit(points, before, src, dst, ridge):
    x, y = np.load(src).astype("f8"), np.load(dst).astype("f8")
    xc, yc = x - x.mean(0), y - y.mean(0)
    w = np.linalg.solve(xc.T @ xc + float(ridge) * np.eye(x.shape[1]), xc.T @ yc)
    near(table(points)[1], (table(before)[1] - x.mean(0)) @ w + y.mean(0), 1e-3)


def principal(states):
    """Mean, variances and axes of states, the largest variance first."""
    x = np.load(states).astype("f8")
    variance, axes = np.linalg.eigh(np.cov(x.T, bias=True))
    return x.mean(0), variance[::-1], axes[:, ::-1]


def up_to_rotation(points, expected, tolerance):
    some = np.random.default_rng(0).permutation(len(points))[:200]
    near(np.linalg.norm(points, axis=1), np.linalg.norm(expected, axis=1), tolerance)
    near(distances(points[some]), distances(expected[some]), tolerance)


def whiten(points, before, states, dims=None):
    mean, variance, axes = principal(states)
    r = int(dims) if dims else int((variance > 1e-6 * variance[0]).sum())
    up_to_rotation(table(points)[1], (table(before)[1] - mean) @ (axes[:, :r] / np.sqrt(variance[:r])), 1e-3)


def rotate(points, before, states, dims):
    mean, _, axes = principal(states)
    up_to_rotation(table(points)[1], (table(before)[1] - mean) @ axes[:, :int(dims)], 1e-4)


def white(points):
    x = table(points)[1]
    assert np.abs(x.mean(0)).max() < 1e-3 and np.abs(np.cov(x.T, bias=True) - np.eye(x.shape[1])).max() < 1e-3


def unit(points, before):
    y = table(before)[1]
    near(table(points)[1], y / np.linalg.norm(y, axis=1, keepdims=True))


def matrix(path):
    [(header, (ids, *blocks))] = read(path)
    return ids["row_feature"], ids["col_feature"], np.concatenate([b["dist"] for b in blocks]).astype("f8")


def decoder(path, a, b, how="cosine", parts="decoder", *bias):
    """How is cosine, squared or folded."""
    rows, cols, d = matrix(path)
    vectors = []
    for p, ids in ((a, rows), (b, cols)):
        s = load_sae(p)
        theta = np.maximum(s["threshold"], 1e-6)[:, None] if how == "folded" else 1
        offset = s["b_enc"] - s["b_dec"] @ s["W_enc"] if s["centre"] else s["b_enc"]
        x = [s["W_dec"] * theta] * (parts != "encoder") + [s["W_enc"].T / theta] * (parts != "decoder")
        vectors.append(np.hstack(x + [offset[:, None] / theta] * len(bias))[ids])
    if how == "cosine":
        x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in vectors)
        return near(d, 1 - x @ y.T, 1e-5)
    x, y = vectors
    exact = np.stack([((one - y) ** 2).sum(-1) for one in x])
    assert (np.abs(d - exact) <= 1e-5 * exact + 1e-9).all(), np.abs(d / exact - 1).max()


def folded(path, a, b):
    decoder(path, a, b, "folded", "both")


globals()[sys.argv[1]](*sys.argv[2:])
