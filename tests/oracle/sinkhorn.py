"""Distributions for the tests of sinkhorn, and what POT and numpy say about them in float64.

    sinkhorn.py make [OPTION]...        a random stream
    sinkhorn.py known FOLDER A B        two streams; the W1 of feature i of each is in their headers
    sinkhorn.py pot OUT A [B] ...       the values are POT's, within --near of each other
    sinkhorn.py exact OUT A [B] ...     between ot.emd2's value and what epsilon and residual allow
    sinkhorn.py known-value OUT A B     the diagonal is what A's header says, within --near
    sinkhorn.py steps OUT A B N         residuals and values after N iterations are those of plain numpy
    sinkhorn.py sane OUT ...            finite, not negative, residual within the tolerance or --max-iters reached

A and B are files of streams; what was asked for is read from OUT's header."""
import argparse
import json
import sys
import warnings

import numpy as np
from scipy.special import logsumexp, rel_entr

import semot
from semot import read

SHAPES = ("normal", "grid", "identical", "far", "tiny-weights", "one-weight", "duplicates", "shared", "twins", "one-far")


def csr(counts):
    return np.concatenate([[0], np.cumsum(counts)])


def write(path, point, weight, row, counts, first_token=0, **header):
    """A stream of distributions; weights need not be normalised."""
    indptr = csr(counts)
    sums = np.add.reduceat(weight, indptr[:-1]) if len(counts) else []
    head = {"kind": "distributions", "model": "toy", "layer": "3", "space": "reference", "d": point.shape[1],
            "history": [["oracle", "1", []]], **header}
    features = {"feature": np.arange(len(counts), dtype="<u4"), "indptr": indptr.astype("<u4"),
                "row": row.astype("<u4"), "weight": (weight / np.repeat(sums, counts)).astype("<f4"),
                "mass": np.ones(len(counts)), "count": np.asarray(counts, "<u4")}
    table = {"token": first_token + np.arange(len(point), dtype="<u4"), "point": point.astype("<f4")}
    semot.write(path, head, [table, features], checksum=point.size < 1e5)


def make(given):
    rng = np.random.default_rng(given.seed)
    low, _, high = given.points.partition(":")
    counts = rng.integers(int(low), int(high or low) + 1, given.features)
    total = counts.sum()
    point = rng.standard_normal((total, given.d))
    point += np.repeat(rng.standard_normal((given.features, given.d)), counts, axis=0)
    weight, row = rng.exponential(1, total), np.arange(total)
    if given.shape == "grid":
        point = rng.integers(0, 3, (total, given.d)).astype(float)
    elif given.shape == "identical":
        point[:] = point[0]
    elif given.shape == "far":
        point += 1e6
    elif given.shape == "tiny-weights":
        weight = 10 ** rng.uniform(-6, 0, total)
    elif given.shape == "one-weight":
        weight[:] = 0
        weight[np.cumsum(counts) - 1] = 1
    elif given.shape == "one-far":      # half of each feature's weight on one token that all share
        row[np.cumsum(counts) - 1] = total
        point = np.concatenate([point, [[100] * given.d]])
        weight[np.cumsum(counts) - 1] = 0
        weight[np.cumsum(counts) - 1] = np.add.reduceat(weight, csr(counts)[:-1])
    elif given.shape == "duplicates":
        point = point[rng.integers(0, 3, total)]
    elif given.shape == "shared":
        point = point[:counts.max()]
        row = np.concatenate([rng.permutation(len(point))[:n] for n in counts])
    elif given.shape == "twins":        # once more all features, every other with its points at tokens of their own
        parts = [np.arange(end - n, end) for n, end in zip(counts, np.cumsum(counts))]
        again = np.concatenate([rng.permutation(part) for part in parts])
        own = np.concatenate([np.full(n, i % 2 > 0) for i, n in enumerate(counts)])
        row, weight = np.concatenate([row, again + own * total]), np.concatenate([weight, weight[again]])
        point, counts = np.concatenate([point, point]), np.concatenate([counts, counts])
    write("-", given.scale * point, weight, row, counts, layer=given.layer, space=given.space)


def make_known(given):
    problems = json.load(open(f"{given.folder}/golden.json"))["w1d"]
    for path, values, weights in (given.a, "u", "uw"), (given.b, "v", "vw"):
        counts = [len(p[values]) for p in problems]
        point = np.concatenate([p[values] for p in problems])[:, None]
        weight = np.concatenate([p[weights] or np.ones(len(p[values])) for p in problems]).astype(float)
        write(path, point, weight, np.arange(len(point)), counts, w1=[p["w1"] for p in problems])


def sampled(path):
    """The features of a file: (weights, points, tokens) each, in float64, without zero weights."""
    found = []
    for _, frames in read(path):
        point, token = (np.concatenate([f[name] for f in frames if name in f]) for name in ("point", "token"))
        for f in frames:
            for begin, end in zip(f.get("indptr", ()), f.get("indptr", ())[1:]):
                weight, row = f["weight"][begin:end].astype(float), f["row"][begin:end]
                row, weight = row[weight > 0], weight[weight > 0]
                found.append((weight / weight.sum(), point[row].astype(float), token[row]))
    return found


def distributions(path):
    """The same without the tokens."""
    return [feature[:2] for feature in sampled(path)]


def result(path):
    """The header, and dist, iters and residual as whole matrices."""
    (header, frames), = read(path)
    whole = [np.concatenate([f[name] for f in frames[1:]]) if len(frames) > 1
             else np.zeros((header["rows"], header["cols"])) for name in ("dist", "iters", "residual")]
    return (header, *whole)


def cost_matrix(x, y, p):
    return np.sqrt(((x[:, None] - y[None]) ** 2).sum(2)) ** p


def epsilon_of(header, cost):
    """A fraction of the mean cost, in which a cost above three times the mean counts as three times it."""
    if "epsilon_abs" in header:
        return header["epsilon_abs"]
    mean, before = cost.mean(), np.inf
    while mean < before:
        mean, before = np.minimum(cost, 3 * mean).mean(), mean
    return header["epsilon"] * mean


def regularised(a, b, cost, eps):
    """min <P, C> + eps KL(P | a b') by POT, and <P, C> at the minimum."""
    import ot       # here, as it takes a second
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = ot.sinkhorn(a, b, cost, eps, stopThr=1e-9, numItermax=50000)
        if not np.isfinite(plan).all():
            plan = ot.bregman.sinkhorn_log(a, b, cost, eps, stopThr=1e-9, numItermax=20000)
    return whole(plan, a, b, cost, eps), (plan * cost).sum()


def whole(plan, a, b, cost, eps):
    ratio = np.where(plan > 0, plan / np.outer(a, b), 1)
    return (plan * cost).sum() + eps * (plan * np.log(ratio)).sum()


def regularised_self(a, cost, eps):
    """The same between equal distributions, where the mean of two scalings converges at once."""
    kernel, u = np.exp(-cost / eps), np.ones(len(a))
    for _ in range(2000):
        u = np.sqrt(u * a / (kernel @ u))
    return whole(u[:, None] * kernel * u, a, a, cost, eps)


def unbalanced(a, b, cost, eps, rho):
    """<P, C> + rho KL(P 1 | a) + rho KL(P'1 | b) of the plan that minimises this and eps KL(P | a b'), by steps in the
    log domain; a cost above 100 log(2) eps counts as that."""
    cost = np.minimum(cost, 100 * np.log(2) * eps)
    f, g, share = np.zeros(len(a)), np.zeros(len(b)), rho / (rho + eps)
    for _ in range(20000):
        before = f
        f = -share * eps * logsumexp((g - cost) / eps + np.log(b), axis=1)
        g = -share * eps * logsumexp((f[:, None] - cost) / eps + np.log(a)[:, None], axis=0)
        if abs(f - before).max() < 1e-9 * eps:
            break
    plan = np.outer(a, b) * np.exp((f[:, None] + g - cost) / eps)
    return (plan * cost).sum() + rho * sum(rel_entr(x, w).sum() - x.sum() + w.sum()
                                           for x, w in ((plan.sum(1), a), (plan.sum(0), b)))


def value(header, one, other):
    """What sinkhorn is to print for a pair."""
    p = header["p"]
    (a, x), (b, y) = one, other
    cost = cost_matrix(x, y, p)
    eps = epsilon_of(header, cost)
    if cost.max() == 0:
        return 0.0
    if "unbalanced" in header:
        return unbalanced(a, b, cost, eps, header["unbalanced"]) ** (1 / p)
    total, transport = regularised(a, b, cost, eps)
    if header["metric"] == "sinkhorn":
        return transport ** (1 / p)
    selves = sum(regularised_self(w, cost_matrix(z, z, p), eps) for w, z in (one, other))
    return max(total - selves / 2, 0) ** (1 / p)


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
        if header["metric"] != "sinkhorn divergence":
            apart = abs(got - expected) / max(expected, 1e-30)
        else:       # a difference of large terms: relative to these
            apart = abs(got ** p - expected ** p) / max(cost_matrix(one[1], other[1], p).mean(), 1e-30)
        if not apart <= given.near:
            yield f"{i}, {j}: {got}, POT has {expected}: {apart:.2g} apart"


def check_exact(given):
    """The plan is feasible, so it costs no less than the optimum. Before it was made so it was the best for its own
    marginals but for epsilon log n, and both steps cost at most the residual times the largest cost."""
    import ot
    header, dist, _, residual = result(given.out)
    for i, j, (a, x), (b, y) in pairs(header, given.a, given.b):
        cost, p = cost_matrix(x, y, header["p"]), header["p"]
        exact, got, most = ot.emd2(a, b, cost, numItermax=10**7), float(dist[i, j]) ** p, cost.max()
        eps = max(epsilon_of(header, cost), 1e-6 * most)
        slack = 2e-5 * most
        if not exact - slack <= got <= exact + slack + eps * np.log(min(cost.shape)) + 2 * residual[i, j] * most:
            yield f"{i}, {j}: {got}, exact {exact}, largest {most}"


def check_known(given):
    header, dist, _, _ = result(given.out)
    [(known, _)] = read(given.a)
    for i, w1 in enumerate(known["w1"]):
        if not abs(dist[i, i] - w1) <= given.near:
            yield f"{i}: {dist[i, i]}, not {w1}"


def plain(a, b, cost, eps, n):
    """Residual and value after n scalings from v = b; the plan made feasible."""
    kernel, v = np.exp(-cost / eps), b
    for _ in range(n):
        u = a / (kernel @ v)
        v = b / (u @ kernel)
    plan = u[:, None] * kernel * v
    residual = abs(plan.sum(1) - a).sum() + abs(plan.sum(0) - b).sum()
    plan *= np.minimum(a / plan.sum(1), 1)[:, None]
    plan *= np.minimum(b / plan.sum(0), 1)
    left, right = a - plan.sum(1), b - plan.sum(0)
    if left.sum() > 0:
        plan += np.outer(left, right) / left.sum()
    return residual, (plan * cost).sum()


def check_steps(given):
    header, dist, iters, residual = result(given.out)
    for i, j, (a, x), (b, y) in pairs(header, given.a, given.b):
        cost, p, n = cost_matrix(x, y, header["p"]), header["p"], int(given.n)
        expected, value_then = plain(a, b, cost, epsilon_of(header, cost), n)
        if iters[i, j] != n or abs(residual[i, j] - expected) > 1e-5 + 1e-4 * expected:
            yield f"{i}, {j}: residual {residual[i, j]} after {iters[i, j]}, numpy has {expected}"
        if abs(dist[i, j] ** p - value_then) > 1e-5 * cost.max():
            yield f"{i}, {j}: {dist[i, j] ** p}, numpy has {value_then}"


def check_sane(given):
    header, dist, iters, residual = result(given.out)
    if not (np.isfinite(dist).all() and (dist >= 0).all()):
        yield "a distance that is none"
    if not (np.isfinite(residual).all() and (residual >= 0).all() and (residual <= 2).all()):
        yield "a residual that is none"
    late = residual > header["tol"]
    if (iters[late] < given.max_iters).any() or (iters > given.max_iters).any() or (iters < 1).any():
        yield f"{late.sum()} pairs end at {iters[late]} iterations with residual {residual[late]}"


def all_of(given):
    """What is wrong with the files, as many at a time as one check takes: Python takes its time to start."""
    step, found = {check_sane: 1, check_steps: 4}.get(given.run, 3), []
    for i in range(0, len(given.files), step):
        given.out, given.a, given.b, given.n = (given.files[i:i + step] + [None] * 3)[:4]
        found += [f"{given.out}: {line}" for line in given.run(given)]
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = arguments.add_subparsers(required=True)
    command = commands.add_parser("make")
    command.set_defaults(write=make)
    command.add_argument("--features", type=int, default=4)
    command.add_argument("--points", default="8:20", help="how many a feature has: N or LOW:HIGH")
    command.add_argument("--d", type=int, default=6)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--shape", choices=SHAPES, default="normal")
    command.add_argument("--layer", default="3")
    command.add_argument("--space", default="reference")
    command.add_argument("--scale", type=float, default=1)
    command = commands.add_parser("known")
    command.set_defaults(write=make_known)
    for name in "folder", "a", "b":
        command.add_argument(name)
    for name, run in (("pot", check_pot), ("exact", check_exact), ("known-value", check_known),
                      ("steps", check_steps), ("sane", check_sane)):
        command = commands.add_parser(name)
        command.set_defaults(write=None, run=run)
        command.add_argument("files", nargs="+", help="more than three: of many, three each (sane: one)")
        command.add_argument("--near", type=float, default=1e-4)
        command.add_argument("--max-iters", type=int, default=2000)
    given = arguments.parse_args()
    if given.write:
        given.write(given)
    else:
        sys.exit("\n".join(all_of(given)[:10]) or 0)


if __name__ == "__main__":
    main()
