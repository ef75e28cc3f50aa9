"""Matrices for the tests of hungarian, and what scipy and plain Python say about them.

    hungarian.py make KIND [--count N] [--rows N] [--cols N] [--seed S] [--transpose] [--errors] [--top K]
                                    N streams of distances, of up to 40 x 40 unless told
    hungarian.py published FOLDER   problems whose optimum is known, one stream each
    hungarian.py check OUT IN       optimal, proved by its duals, margins as defined; OUT's header says how
    hungarian.py optima OUT IN      the totals are those that IN's headers name
    hungarian.py verdicts OUT IN    errors and what is certified are by the rule; some pairs are, some are not"""
import argparse
import gzip
import json
import sys

import numpy as np
from scipy.optimize import linear_sum_assignment

from semot import read, write

NONE = 2**32 - 1


def uniform(rng, n, m):
    return rng.random((n, m))


def integers(rng, n, m):
    return rng.integers(0, 4, (n, m))


def equal(rng, n, m):
    return np.ones((n, m))


def near(rng, n, m):
    """Ties but for the last bits of a float."""
    return 1 + rng.integers(0, 4, (n, m)) * 2.0**-23


def additive(rng, n, m):
    """Row and column terms, so that every assignment costs nearly the same."""
    return rng.random((n, 1)) + rng.random(m) + 1e-6 * rng.random((n, m))


def forbidden(rng, n, m):
    cost = np.where(rng.random((n, m)) < 0.7, np.inf, rng.integers(0, 9, (n, m)))
    k = min(n, m)
    cost[rng.permutation(n)[:k], rng.permutation(m)[:k]] = 9
    return cost


def signed(rng, n, m):
    return 1e4 * rng.standard_normal((n, m))


def geometric(rng, n, m, d=8):
    return np.sqrt(((rng.standard_normal((n, 1, d)) - rng.standard_normal((m, d))) ** 2).sum(2))


def heavy(rng, n, m):
    """Norms of heavy tails: some margins lie far along the rows."""
    a = rng.standard_normal((max(n, m), 8)) * np.exp(rng.standard_normal((max(n, m), 1)))
    return np.sqrt(((a[:n, None] + rng.standard_normal((n, 1, 8)) - a[:m]) ** 2).sum(2))


def rounded(rng, n, m):
    """Distances of few different values."""
    return np.round(8 * geometric(rng, n, m)) / 8


def alike(rng, n, m):
    """Rows in groups of up to eight that are nearly equal."""
    return geometric(rng, 1 + n // 8, m)[rng.integers(0, 1 + n // 8, n)] + 1e-4 * rng.random((n, m))


def extremes(rng, n, m):
    """1e30 beside 1e-30."""
    return np.where(rng.random((n, m)) < 0.5, 1e30, 1e-30) * rng.integers(1, 4, (n, m))


KINDS = {make.__name__: make for make in (uniform, integers, equal, near, additive, forbidden, signed, geometric, heavy,
                                          rounded, alike, extremes)}


def write_distances(path, cost, error=None, top=None, **header):
    n, m = cost.shape
    block = {"dist": cost.astype("<f4")} | ({} if error is None else {"error": error.astype("<f4")})
    if top:
        near = block["dist"].argsort(1, kind="stable")[:, :top]
        block = {name: np.take_along_axis(x, near, 1) for name, x in block.items()} | {"col": near.astype("<u4")}
        header["top"] = near.shape[1]
    ids = {"row_layer": ["3"] * n, "row_feature": np.arange(n, dtype="<u4") + 100,
           "col_layer": ["4"] * m, "col_feature": np.arange(m, dtype="<u4") + 200}
    write(path, {"kind": "distances", "rows": n, "cols": m, **header, "history": [["oracle", "1", []]]},
          [ids, {"row0": 0, **block}], checksum=cost.size < 1e5)


def errors(rng, cost):
    """About as large as what lies between the nearest; some are unknown."""
    least = np.sort(np.where(np.isfinite(cost), cost, 0), axis=1)
    gap = np.diff(least[:, :9]).mean() if cost.size > len(cost) else 1
    return np.where(rng.random(cost.shape) < 0.1, np.inf, 0.3 * gap * rng.exponential(size=cost.shape))


def make(given):
    rng = np.random.default_rng(given.seed)
    for _ in range(given.count):
        n, m = (rng.integers(1, 41) if k is None else k for k in (given.rows, given.cols))
        cost = KINDS[given.kind](rng, n, m)
        cost = cost.T if given.transpose else cost
        write_distances("-", cost, errors(rng, cost) if given.errors else None, given.top)


def published(given):
    folder = given.folder
    for problem in json.load(open(f"{folder}/golden.json"))["assignment"]:
        cost = np.load(f"{folder}/{problem['file']}") if "file" in problem else problem["cost"]
        cost = np.array(cost, float)
        write_distances("-", np.where(np.isnan(cost), np.inf, cost), optimum=problem["optimum"])
    for name, optimum in ("orlib_assign100.txt", 305), ("orlib_assign500.txt", 991):
        numbers = np.array(open(f"{folder}/{name}").read().split(), float)
        n = int(numbers[0])
        write_distances("-", numbers[1:].reshape(n, n), optimum=optimum)
    cost = np.loadtxt(gzip.open(f"{folder}/cost_eps.csv.gz"), delimiter=",")
    write_distances("-", cost, optimum=224.8899507294651)


def pairs_of(out, expected):
    """OUT's and IN's streams side by side: header, frames, the matrix, and each row's column or NONE."""
    for (header, frames), (before, (_, *blocks)) in zip(read(out), read(expected), strict=True):
        cost = np.concatenate([b["dist"] for b in blocks]) if blocks else np.zeros((before["rows"], before["cols"]))
        assert (np.diff(frames[0]["row"].astype(int)) > 0).all(), "rows out of order"
        col = np.full(len(cost), NONE, "u4")
        col[frames[0]["row"]] = frames[0]["col"]
        yield header, frames, before, cost.astype(float), col


def best(cost, ceiling=np.inf):
    """The least total, where leaving one of the smaller side alone costs the ceiling; infinite when there is none."""
    cost = np.minimum(cost if len(cost) <= len(cost.T) else cost.T, ceiling)
    try:
        return cost[linear_sum_assignment(cost)].sum()
    except ValueError:
        return np.inf


def by_nearest(cost):
    return [min(range(len(row)), key=row.__getitem__) if len(row) and min(row) < np.inf else NONE
            for row in cost.tolist()]


def by_mutual(cost):
    back = by_nearest(cost.T)
    return [j if j != NONE and back[j] == i else NONE for i, j in enumerate(by_nearest(cost))]


def by_greedy(cost):
    col, taken = [NONE] * len(cost), set()
    for c, i, j in sorted((c, i, j) for i, row in enumerate(cost.tolist()) for j, c in enumerate(row)):
        if c < np.inf and col[i] == NONE and j not in taken:
            col[i] = j
            taken.add(j)
    return col


def chances(cost, paid):
    """The share of mutual rows of which the nearest column that belongs to another row is as near; None: unknown."""
    if min(cost.shape[1] - 1, len(cost)) < 1:
        return None
    owner = cost.argmin(0)
    second = [min((x for x, o in zip(row, owner) if o != i), default=np.inf)
              for i, (row, j) in enumerate(zip(cost.tolist(), by_mutual(cost))) if j != NONE]
    return np.array([np.mean([x <= c for x in second]) for c in paid], "<f4") if second else None


def wrong(header, frames, before, cost, col):
    """What is wrong with a matching."""
    ceiling, scale = header.get("max_cost", np.inf), 1 + np.abs(cost[np.isfinite(cost)]).max(initial=0)
    match, rows = frames[0], np.flatnonzero(col != NONE)
    paid = cost[rows, col[rows]]
    for side, index in ("row", rows), ("col", col[rows]):
        if match[f"{side}_feature"].tolist() != (index + (100 if side == "row" else 200)).tolist():
            yield f"{side}_feature"
        if match[f"{side}_layer"] != ["3" if side == "row" else "4"] * len(rows):
            yield f"{side}_layer"
    if not np.array_equal(match["cost"], paid.astype("<f4")) or (paid > ceiling).any():
        yield "cost"
    if header["matched"] != len(rows) or not np.isclose(header["total"], paid.sum(), 1e-12, 1e-12 * scale):
        yield f"header: {header['matched']} matched of {len(rows)}, total {header['total']} of {paid.sum()}"
    chance = chances(cost, paid)
    if (chance is None) != ("chance" not in match) or chance is not None and not np.array_equal(match["chance"], chance):
        yield f"chance: {match.get('chance')}, {chance}"
    if header["method"] != "assignment":
        plain = np.array({"nearest": by_nearest, "mutual": by_mutual, "greedy": by_greedy}[header["method"]](cost), "u4")
        i = np.flatnonzero(plain != NONE)
        i = i[cost[i, plain[i]] <= ceiling]
        if not np.array_equal(i, rows) or not np.array_equal(plain[i], col[i]):
            yield f"not what plain Python finds: {col}, {plain}"
        least = np.sort(np.hstack([cost[rows], np.full((len(rows), 2), np.inf)]), axis=1)
        with np.errstate(invalid="ignore"):
            if not np.allclose(match["margin"], least[:, 1] - least[:, 0], 1e-6, 0):
                yield "margin"
        return
    # optimal
    if len(set(col[rows])) != len(rows):
        yield "a column twice"
    alone = min(cost.shape) - len(rows)
    total = paid.sum() + (ceiling * alone if alone else 0)
    optimum = best(cost, ceiling)
    if not abs(total - optimum) <= 1e-9 * scale * len(cost):
        yield f"total {total}, scipy has {optimum}"
    # proved
    u, v = frames[1]["row_dual"], frames[1]["col_dual"]
    slack = np.minimum(cost, ceiling) - u[:, None] - v
    if not (slack >= -1e-9 * scale).all() or not (slack[rows, col[rows]] <= 1e-9 * scale).all():
        yield "duals: not feasible, or slack where something is matched"
    if not abs(u.sum() + v.sum() - total) <= 1e-9 * scale * len(cost):
        yield f"duals sum to {u.sum() + v.sum()}, total {total}"
    for dual, count, other in (u, *cost.shape), (v, *cost.shape[::-1]):
        if count > other and not (dual <= 0).all():
            yield "duals: the larger side's are not all <= 0"
    # margins, of some pairs
    for k in range(0, len(rows), 1 + len(rows) // 6):
        i, j = rows[k], col[rows[k]]
        without = np.minimum(cost, ceiling)
        without[i, j] = ceiling
        margin = best(without) - optimum
        if not (match["margin"][k] == margin or abs(match["margin"][k] - margin) <= 1e-6 * scale):
            yield f"margin of {i}, {j}: {match['margin'][k]}, by scipy {margin}"
    # the same pairs, when no others are as good
    if not alone and ceiling == np.inf and match["margin"].min(initial=np.inf) > 1e-6 * scale:
        if not np.array_equal(np.array(linear_sum_assignment(cost)), np.array([rows, col[rows]])):
            yield "pairs are not scipy's"


def check(given):
    for i, parts in enumerate(pairs_of(given.out, given.expected)):
        for what in wrong(*parts):
            yield f"stream {i + 1}, {parts[3].shape}: {what}"


def optima(given):
    for i, (header, _, before, cost, _) in enumerate(pairs_of(given.out, given.expected)):
        optimum = before["optimum"]
        if not abs(header["total"] - optimum) <= 1e-7 * optimum:
            yield f"stream {i + 1}, {cost.shape}: {header['total']}, not {optimum}"


def verdict(row, j, all_given):
    """Of one row's (dist, error, column), of which j is matched: the error and whether it is certified."""
    (cost, own), = ((dist, error) for dist, error, k in row if k == j)
    others = [(dist, error) for dist, error, k in row if k != j and dist < np.inf]
    if not others:
        return (own, own < np.inf) if all_given else (np.inf, False)
    dist, other = min(others, key=lambda x: x[0])
    return max(own, other), dist - cost > 4 * max(own, other)


def verdicts(given):
    found = 0, 0
    for i, ((header, frames), (before, (ids, block))) in enumerate(zip(
            read(given.out), read(given.expected), strict=True)):
        match, shape = frames[0], block["dist"].shape
        dist = block["dist"].astype(float) * (-1 if "--maximize" in header["history"][-1][2] else 1)
        col = block["col"] if "col" in block else np.broadcast_to(np.arange(shape[1]), shape)
        plain = [verdict(list(zip(dist[row], block["error"][row].astype(float), col[row])), j,
                         before["cols"] == shape[1] or shape[1] > 1) for row, j in zip(match["row"], match["col"])]
        if plain and not np.array_equal(match["error"], [error for error, _ in plain]):
            yield f"stream {i + 1}, {shape}: error {match['error']}, {plain}"
        if match["certified"].tolist() != [sure for _, sure in plain] or header["certified"] != match["certified"].sum():
            yield f"stream {i + 1}, {shape}: certified {header['certified']}: {match['certified']}, {plain}"
        found = found[0] + match["certified"].sum(), found[1] + len(plain)
    if not 0 < found[0] < found[1]:
        yield f"{found[0]} of {found[1]} certified: the test shows nothing"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = arguments.add_subparsers(required=True)
    command = commands.add_parser("make")
    command.set_defaults(write=make)
    command.add_argument("kind", choices=KINDS)
    command.add_argument("--count", type=int, default=1)
    command.add_argument("--rows", type=int)
    command.add_argument("--cols", type=int)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--transpose", action="store_true")
    command.add_argument("--errors", action="store_true")
    command.add_argument("--top", type=int)
    command = commands.add_parser("published")
    command.set_defaults(write=published)
    command.add_argument("folder")
    for run in check, optima, verdicts:
        command = commands.add_parser(run.__name__)
        command.set_defaults(write=None, run=run)
        command.add_argument("out")
        command.add_argument("expected")
    given = arguments.parse_args()
    if given.write:
        given.write(given)
    else:
        sys.exit("\n".join(list(given.run(given))[:10]) or 0)


if __name__ == "__main__":
    main()
