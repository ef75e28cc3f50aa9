"""Layers of two models aligned, by linear programs of scipy.

    layeralign.py make OPTION...       distances of layers 0, 1, .. with other.0, other.1, .., one stream each
    layeralign.py check OUT IN...      OUT is what layeralign makes of the streams of IN, together"""
import argparse
import itertools
import sys

import numpy as np
from scipy.optimize import linear_sum_assignment, linprog

from semot import read, write


def transport(cost):
    """min <P, C> where rows of P sum to 1 / n and columns to 1 / m."""
    n, m = cost.shape
    if n == m:                          # a permutation is among the best (Birkhoff)
        return cost[linear_sum_assignment(cost)].sum() / n
    ones = np.concatenate([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    size = np.abs(cost).max() or 1
    found = linprog(cost.ravel() / size, A_eq=ones, b_eq=np.repeat([1 / n, 1 / m], [n, m]), method="highs")
    assert found.status == 0, found.message
    return found.fun * size


def in_order(cost):
    """The northwest corner rule, in lots of 1 / (n m)."""
    n, m = cost.shape
    return np.mean([cost[k // m, k // n] for k in range(n * m)])


def costs_of(paths):
    """{(row layer, column layer): its distances}, and the layers of each side as they come."""
    found, layers = {}, ({}, {})
    for header, frames in (stream for path in paths for stream in read(path)):
        if not frames:
            continue
        names, *blocks = frames
        dist = np.concatenate([b["dist"] for b in blocks]).astype(float)
        row, col = np.array(names["row_layer"]), np.array(names["col_layer"])
        for side, some in zip(layers, (row, col)):
            side.update(dict.fromkeys(some))
        for a, b in itertools.product(dict.fromkeys(row), dict.fromkeys(col)):
            assert (a, b) not in found
            found[a, b] = dist[np.ix_(row == a, col == b)]
    return found, [list(side) for side in layers]


def check(out, paths):
    (header, (scores, plan)), = read(out)
    found, (rows, cols) = costs_of(paths)
    assert header["kind"] == "scores" and header["history"][-1][0] == "layeralign"
    value = dict(zip(scores["score"], scores["value"]))
    names = list(itertools.product(rows, cols))
    assert list(zip(plan["row_layer"], plan["col_layer"])) == names
    assert [*zip(plan["rows"], plan["cols"])] == [found[name].shape for name in names]
    size = max(np.abs(x).max() for x in found.values()) or 1
    close = lambda x, y, near: np.testing.assert_allclose(np.array(x, float) / size, np.array(y) / size, rtol=0, atol=near)
    close(plan["cost"], [transport(found[name]) for name in names], 2e-7)
    close(plan["random"], [found[name].mean() for name in names], 2e-7)
    cost = np.array(plan["cost"], float).reshape(len(rows), len(cols))
    share = np.array(plan["share"], float).reshape(cost.shape)
    assert (share >= 0).all()
    np.testing.assert_allclose(share.sum(1), 1 / len(rows), atol=1e-7)
    np.testing.assert_allclose(share.sum(0), 1 / len(cols), atol=1e-7)
    close(value.pop("transport"), (share * cost).sum(), 2e-7)
    close((share * cost).sum(), transport(cost), 2e-7)
    close(value.pop("in_order"), in_order(cost), 1e-9)
    close(value.pop("random_layers"), cost.mean(), 1e-9)
    close(value.pop("random_features"), plan["random"].astype(float).mean(), 1e-9)
    assert not value, value


def make(given):
    rng = np.random.default_rng(given.seed)

    def side(layers, prefix):
        """{name: points}"""
        sizes = rng.integers(given.least, given.most + 1, layers)
        return {f"{prefix}{l}": rng.normal(size=(n, 3)) + l * given.apart for l, n in enumerate(sizes)}
    a, b = side(given.layers[0], ""), side(given.layers[1], "other.")
    for (x, p), (y, q) in itertools.product(a.items(), b.items()):
        dist = np.sqrt(((p[:, None] - q) ** 2).sum(2))
        if given.random:                # whole numbers, zeros and negative ones: many plans cost the same
            dist = rng.integers(-2, 4, dist.shape)
        dist = (dist * given.times).astype("<f4")
        ids = {"row_layer": [x] * len(p), "row_feature": np.arange(len(p), dtype="<u4"),
               "col_layer": [y] * len(q), "col_feature": np.arange(len(q), dtype="<u4")}
        blocks = [{"row0": i, "dist": dist[i:i + 5]} for i in range(0, len(p), 5)]
        write("-", {"kind": "distances", "metric": "made", "rows": len(p), "cols": len(q), "row_model": "A",
                    "col_model": "B"}, [ids, *blocks])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("make", "check"))
    parser.add_argument("files", nargs="*")
    parser.add_argument("--layers", type=int, nargs=2, default=(3, 3))
    parser.add_argument("--least", type=int, default=2, help="features of a layer")
    parser.add_argument("--most", type=int, default=9)
    parser.add_argument("--apart", type=float, default=1, help="from layer to layer, in widths of a layer")
    parser.add_argument("--times", type=float, default=1)
    parser.add_argument("--random", action="store_true", help="no distances of points")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.what == "make":
        make(given)
    else:
        check(given.files[0], given.files[1:])
