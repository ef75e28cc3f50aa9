"""Assignments by scipy and by brute force: of a thousand small problems, of the k nearest columns of each row, and of what
hungarian completes to all.

    partial.py small OUT            1,000 problems of up to 8 x 8 of every kind, half of them with forbidden pairs; some
                                    leave no assignment, which the file OUT.none lists
    partial.py solved MATCHED OUT   they have the totals of brute force and scipy
    partial.py nearest ALL TOP      random matrices, and the same by their k nearest
    partial.py budget ALL TOP       the same by k of their columns, and what the others are beyond
    partial.py blocks ROWS COLS     a large matrix
    partial.py given MATCHED TOP ALL    optimal among the given pairs, proved, and what is open is told; margins no larger
                                    than they are among all
    partial.py complete MATCHED WHOLE   optimal for all: as the matching of the whole matrix, with no larger margins"""
import sys

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from hungarian import KINDS, write_distances
from semot import read, write


def dense(frames):
    return np.concatenate([f["dist"] for f in frames[1:]]).astype(float)


def brute(cost):
    """The least sum of an assignment of the smaller side, over all of them; infinite without one."""
    cost = cost if cost.shape[0] <= cost.shape[1] else cost.T
    best = np.full(1 << cost.shape[1], np.inf)
    best[0] = 0
    for row in cost:
        after = np.full_like(best, np.inf)
        for taken in np.flatnonzero(np.isfinite(best)):
            for j in range(len(row)):
                if not taken >> j & 1:
                    after[taken | 1 << j] = min(after[taken | 1 << j], best[taken] + row[j])
        best = after
    return best.min()


def small(out):
    rng = np.random.default_rng(0)
    with open(out, "wb") as some, open(out + ".none", "wb") as none:
        for trial in range(1000):
            cost = list(KINDS.values())[trial % len(KINDS)](rng, *rng.integers(1, 9, 2)).astype("<f4").astype(float)
            if trial % 2:
                cost[rng.random(cost.shape) < rng.random()] = np.inf
            best = brute(cost)
            write_distances(some if best < np.inf else none, cost, best=float(best) if best < np.inf else 0.0)


def solved(matched, problems):
    count = 0
    for (out, frames), (before, given) in zip(read(matched), read(problems), strict=True):
        cost, count = dense(given), count + 1
        close = dict(rtol=1e-9, atol=1e-9 * np.abs(cost[np.isfinite(cost)]).max())
        assert out["matched"] == min(cost.shape), out
        assert np.isclose(out["total"], before["best"], **close), (out["total"], before["best"])
        finite = np.isfinite(cost)
        shift = 1 - cost[finite].min()                  # scipy takes zeros for missing
        lift = np.where(finite, cost + shift, 0)
        if (lift[finite] <= 0).any():                   # 1e30 beside 1e-30: it would
            continue
        row, col = min_weight_full_bipartite_matching(csr_array(lift if lift.shape[0] <= lift.shape[1] else lift.T))
        row, col = (row, col) if lift.shape[0] <= lift.shape[1] else (col, row)
        assert np.isclose(out["total"], cost[row, col].sum(), **close)
    assert count > 500


def budget(whole, top):
    nearest(whole, top, part=True)


def nearest(whole, top, part=False):
    rng = np.random.default_rng(1)
    with open(whole, "wb") as every, open(top, "wb") as some:
        for trial in range(120):
            kind = ("uniform", "integers", "near", "geometric", "signed")[trial % 5]
            n, m = rng.integers(1, 31, 2)
            cost = KINDS[kind](rng, n, m).astype("<f4")
            k = int(min(m, rng.choice([1, 2, 3, 6, 30])))
            looked = np.where(rng.random(cost.shape) < (.7 if part else 1), cost, np.inf)
            at = np.argsort(looked, 1, kind="stable")[:, :k].astype("<u4")
            at = np.take_along_axis(at, np.argsort(np.take_along_axis(cost, at, 1), 1, kind="stable"), 1)
            ids = {"row_layer": ["3"] * n, "row_feature": np.arange(n, dtype="<u4"),
                   "col_layer": ["4"] * m, "col_feature": np.arange(m, dtype="<u4")}
            header = {"kind": "distances", "rows": int(n), "cols": int(m), "metric": kind}
            write(every, header, [ids, {"row0": 0, "dist": cost}])
            half = n // 2
            blocks = [{"row0": int(i), "col": at[i:j], "dist": np.take_along_axis(cost, at, 1)[i:j]}
                      for i, j in ((0, half), (half, n)) if j > i]
            for block in blocks if part else ():
                rows = cost[block["row0"]:][:len(block["col"])].copy()
                np.put_along_axis(rows, block["col"].astype(int), np.inf, 1)
                beyond = rows.min(1) - rng.choice([0, .1], len(rows))
                block["beyond"] = np.nextafter(beyond.astype("<f4"), np.float32(-1e30 if k < m else np.inf))
            write(some, {**header, "top": k}, [ids, *blocks])


def blocks(n, m):
    """A large matrix as stages write it."""
    n, m = int(n), int(m)
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((n, 1, 8)), rng.standard_normal((m, 8))
    ids = {"row_layer": ["3"] * n, "row_feature": np.arange(n, dtype="<u4"),
           "col_layer": ["4"] * m, "col_feature": np.arange(m, dtype="<u4")}
    write("-", {"kind": "distances", "rows": n, "cols": m},
          [ids, *({"row0": i, "dist": np.sqrt(((a[i:i + 64] - b) ** 2).sum(2)).astype("<f4")}
                  for i in range(0, n, 64))], checksum=False)


def best_of_given(cost):
    """How many pairs a largest matching has, and the least sum of one."""
    worst = 1 + np.abs(cost[np.isfinite(cost)]).sum() * 2
    row, col = linear_sum_assignment(np.where(np.isfinite(cost), cost, worst))
    there = np.isfinite(cost[row, col])
    return there.sum(), cost[row[there], col[there]].sum()


def given(matched, top, whole):
    proved = 0
    for (out, (pairs, rest)), (_, some), (_, every) in zip(*map(read, (matched, top, whole)), strict=True):
        cost = dense(every)
        at = np.concatenate([f["col"] for f in some[1:]])
        k, scale = at.shape[1], 1e-6 * (1 + np.abs(cost).max())
        known = np.full(cost.shape, np.inf)
        np.put_along_axis(known, at, np.take_along_axis(cost, at, 1), 1)
        count, total = best_of_given(known)
        row, col = pairs["row"], pairs["col"]
        assert out["matched"] == len(row) == count and np.isclose(out["total"], total, 1e-9, scale), (out, count, total)
        assert np.array_equal(pairs["cost"], known[row, col].astype("<f4"))
        assert sorted([*row, *rest["free_row_feature"]]) == list(range(len(cost)))
        assert sorted([*col, *rest["free_col_feature"]]) == list(range(cost.shape[1]))
        u, v = rest["row_dual"], rest["col_dual"]
        slack = known - u[:, None] - v
        assert (slack >= -scale).all() and np.allclose(slack[row, col], 0, atol=scale)
        least = known.copy()
        if k < cost.shape[1]:
            beyond = (np.concatenate([f["beyond"] for f in some[1:]]) if "beyond" in some[-1]
                      else cost[np.arange(len(cost)), at[:, -1]])
            least[~np.isfinite(known)] = np.repeat(beyond, cost.shape[1] - k)
        gap = (u[:, None] + v - least)[~np.isfinite(known)]
        assert (gap > scale).sum() <= out["open"] <= (gap > -scale).sum(), (out["open"], (gap > 0).sum())
        if "open_row" in rest:
            i, j = rest["open_row"], rest["open_col"]
            assert len(i) == out["open"] and not np.isfinite(known[i, j]).any() and len(set(zip(i, j))) == len(i)
            assert np.allclose(rest["open_least"], least[i, j]) and (rest["open_least"] < rest["open_below"] + scale).all()
            assert np.allclose(rest["open_below"], u[i] + v[j], 1e-5, scale)
        if out["open"] == 0 and count == min(cost.shape):
            proved += 1
            best = cost[linear_sum_assignment(cost)].sum()
            assert np.isclose(total, best, 1e-9, scale), "not optimal for all, though nothing is open"
            for i, j, margin in list(zip(row, col, pairs["margin"]))[:4]:
                without = cost.copy()
                without[i, j] = 1e6
                assert margin <= without[linear_sum_assignment(without)].sum() - best + scale or margin == np.inf
    assert proved > 20


def complete(matched, whole):
    for (out, (pairs, rest)), (before, (plain, _)) in zip(*map(read, (matched, whole)), strict=True):
        assert out["matched"] == before["matched"] and out.get("open", 0) == 0
        assert np.isclose(out["total"], before["total"], 1e-6, 0), (out["total"], before["total"])
        margin = dict(zip(zip(plain["row"], plain["col"]), plain["margin"]))
        for i, j, m, cost in zip(pairs["row"], pairs["col"], pairs["margin"], pairs["cost"]):
            if plain["margin"].min() > 1e-4 * cost:                 # else another assignment is as good
                assert m <= margin[i, j] + 1e-5 * cost, (m, margin[i, j])


if __name__ == "__main__":
    {f.__name__: f for f in (small, solved, nearest, budget, blocks, given, complete)}[sys.argv[1]](*sys.argv[2:])
