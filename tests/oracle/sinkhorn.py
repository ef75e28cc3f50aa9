"""Distributions for the tests of sinkhorn, and what POT and numpy say about them in float64.

    sinkhorn.py make [--features N] [--points LOW:HIGH] [--d D] [--seed S] [--shape WORD] ...
    sinkhorn.py pot OUT A [B] [--near E]      the values are POT's, relative to E
    sinkhorn.py exact OUT A [B] [--above E]   from ot.emd2's value on to E more, relative to the largest
    sinkhorn.py sane OUT [--tol T]            finite, not negative, residual within T

A and B are files of one stream each; what was asked for is read from OUT's header."""
import argparse
import sys
import warnings

import numpy as np
import ot
from scipy.special import logsumexp

import stream

SHAPES = ("normal", "grid", "identical", "far", "tiny-weights", "one-weight", "duplicates", "shared")


def make(features, low, high, d, seed, shape="normal", layer="3", space="reference", scale=1.0, **header):
    """A distributions stream: its header and frames."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(low, high + 1, features)
    total = counts.sum()
    point = rng.standard_normal((total, d)) + np.repeat(rng.standard_normal((features, d)), counts, axis=0)
    weight = rng.exponential(1, total)
    row = np.arange(total)
    if shape == "grid":
        point = rng.integers(0, 3, (total, d)).astype(float)
    elif shape == "identical":
        point[:] = point[0]
    elif shape == "far":
        point += 1e6
    elif shape == "tiny-weights":
        weight = 10 ** rng.uniform(-6, 0, total)
    elif shape == "one-weight":
        weight[:] = 0
        weight[np.cumsum(counts) - 1] = 1
    elif shape == "duplicates":
        point = point[rng.integers(0, 3, total)]
    elif shape == "shared":
        point = point[:high]
        row = np.concatenate([rng.permutation(high)[:n] for n in counts])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    for begin, end in zip(indptr, indptr[1:]):
        weight[begin:end] /= weight[begin:end].sum()
    head = {"kind": "distributions", "model": "toy", "layer": layer, "space": space, "d": d, **header,
            "history": [["oracle", "1", []]]}
    return head, [
        {"token": np.arange(len(point), dtype="<u4"), "point": (scale * point).astype("<f4")},
        {"feature": np.arange(features, dtype="<u4"), "indptr": indptr.astype("<u4"), "row": row.astype("<u4"),
         "weight": weight.astype("<f4"), "mass": np.ones(features), "count": counts.astype("<u4")}]


def distributions(path):
    """The features of a file: (weights, points) each, in float64."""
    found = []
    for _, frames in stream.read(open(path, "rb")):
        point = np.concatenate([f["point"] for f in frames if "point" in f]).astype(float)
        for f in frames:
            for begin, end in zip(f.get("indptr", ()), f.get("indptr", ())[1:]):
                weight = f["weight"][begin:end].astype(float)
                found.append((weight / weight.sum(), point[f["row"][begin:end]]))
    return found


def result(path):
    """The header, and dist, iters and residual as whole matrices."""
    (header, frames), = stream.read(open(path, "rb"))
    whole = [np.concatenate([f[name] for f in frames[1:]]) if len(frames) > 1
             else np.zeros((header["rows"], header["cols"])) for name in ("dist", "iters", "residual")]
    return (header, *whole)


def cost_matrix(x, y, p):
    return np.sqrt(((x[:, None] - y[None]) ** 2).sum(2)) ** p


def epsilon_of(header, cost):
    return header["epsilon_abs"] if "epsilon_abs" in header else header["epsilon"] * cost.mean()


def regularised(a, b, cost, eps):
    """min <P, C> + eps KL(P | a b'), and <P, C> at the minimum, by POT's potentials."""
    keep = np.ix_(a > 0, b > 0)
    a, b, cost = a[a > 0], b[b > 0], cost[keep]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan, log = ot.sinkhorn(a, b, cost, eps, stopThr=1e-11, numItermax=200000, log=True)
    if not np.isfinite(plan).all() or abs(plan.sum(0) - b).sum() > 1e-7:
        plan = ot.bregman.sinkhorn_log(a, b, cost, eps, stopThr=1e-9, numItermax=20000)
    outer = np.outer(a, b)
    ratio = np.where(plan > 0, plan / outer, 1)
    transport = (plan * cost).sum()
    return transport + eps * (plan * np.log(ratio)).sum(), transport


def value(header, one, other):
    """What sinkhorn is to print for a pair."""
    p = header["p"]
    (a, x), (b, y) = one, other
    cost = cost_matrix(x, y, p)
    eps = epsilon_of(header, cost)
    if cost.max() == 0:
        return 0.0
    total, transport = regularised(a, b, cost, eps)
    if header["metric"] == "sinkhorn":
        return transport ** (1 / p)
    selves = (regularised(w, w, cost_matrix(z, z, p), eps)[0] for w, z in (one, other))
    return max(total - sum(selves) / 2, 0) ** (1 / p)


def pairs(header, a, b):
    """All pairs as (i, j, A's, B's); of one set with itself those above the diagonal."""
    one = distributions(a)
    other = distributions(b) if b else one
    assert (header["rows"], header["cols"]) == (len(one), len(other)), "rows or cols"
    return [(i, j, one[i], other[j]) for i in range(len(one)) for j in range(0 if b else i, len(other))]


def check_pot(given):
    header, dist, _, _ = result(given.out)
    for i, j, one, other in pairs(header, given.a, given.b):
        expected, got, p = value(header, one, other), float(dist[i, j]), header["p"]
        if header["metric"] == "sinkhorn":
            apart = abs(got - expected) / max(expected, 1e-30)
        else:       # a difference of large terms: relative to these
            apart = abs(got ** p - expected ** p) / max(cost_matrix(one[1], other[1], p).mean(), 1e-30)
        if not apart <= given.near:
            yield f"{i}, {j}: {got}, POT has {expected}: {apart:.2g} apart"


def check_exact(given):
    header, dist, _, _ = result(given.out)
    for i, j, (a, x), (b, y) in pairs(header, given.a, given.b):
        cost, p = cost_matrix(x, y, header["p"]), header["p"]
        exact, got = ot.emd2(a, b, cost, numItermax=10**7), float(dist[i, j]) ** p
        slack = 1e-4 * cost.max()
        if not exact - slack <= got <= exact + slack + given.above * cost.mean():
            yield f"{i}, {j}: {got}, exact {exact}, mean {cost.mean()}"


def check_sane(given):
    header, dist, iters, residual = result(given.out)
    if not (np.isfinite(dist).all() and (dist >= 0).all()):
        yield "a distance that is none"
    if not (np.isfinite(residual).all() and (residual >= 0).all() and (residual < 2).all()):
        yield "a residual that is none"
    late = residual > header["tol"]
    if (iters[late] < given.max_iters).any() or (iters > given.max_iters).any() or (iters < 1).any():
        yield f"{late.sum()} pairs end at {iters[late]} iterations with residual {residual[late]}"
    if given.residual is not None and residual.max() > given.residual:
        yield f"residual {residual.max()}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = arguments.add_subparsers(required=True)
    command = commands.add_parser("make")
    command.set_defaults(run=None)
    command.add_argument("--features", type=int, default=4)
    command.add_argument("--points", default="8:20", help="how many a feature has: N or LOW:HIGH")
    command.add_argument("--d", type=int, default=6)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--shape", choices=SHAPES, default="normal")
    command.add_argument("--layer", default="3")
    command.add_argument("--space", default="reference")
    command.add_argument("--scale", type=float, default=1)
    for name, run in ("pot", check_pot), ("exact", check_exact), ("sane", check_sane):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        command.add_argument("out")
        command.add_argument("a", nargs="?")
        command.add_argument("b", nargs="?")
        command.add_argument("--near", type=float, default=1e-4)
        command.add_argument("--above", type=float, default=0)
        command.add_argument("--max-iters", type=int, default=2000)
        command.add_argument("--residual", type=float)
    given = arguments.parse_args()
    if given.run:
        sys.exit("\n".join(list(given.run(given))[:10]) or 0)
    low, _, high = given.points.partition(":")
    sys.stdout.buffer.write(stream.pack(*make(given.features, int(low), int(high or low), given.d, given.seed,
                                              given.shape, given.layer, given.space, given.scale)))


if __name__ == "__main__":
    main()
