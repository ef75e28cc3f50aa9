#!/usr/bin/env python3
"""Speed, side by side with other libraries: `make bench`.

    run.py [--runs N] [--sizes N,...] [PART]...     without a part, all of them

Both sides have one thread, where nothing else is said, and their values are compared. A time is the
median of --runs (5) runs, in which the two sides alternate. A ratio is their median by ours; least
and most are those of single runs. Our times are those of the whole program, from reading to
writing; the other side gets its input ready in memory. The rows go to bench/results/speed-*.tsv and
bounds.tsv; `machine` says whether something else was running. Needs python3-numpy, -scipy, -pot and
-msgpack; the programs have to be on PATH."""
import argparse
import collections
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import ot
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from record import DATA, OUT, ROOT, Table
from semot import objects, read, write
import sinkhorn
import stages


def seconds(run):
    start = time.perf_counter()
    value = run()
    return time.perf_counter() - start, value


class Sides:
    """Two that alternate: the times of all runs, and what each returned last."""

    def __init__(self, runs, ours, theirs):
        self.times, self.values = ([], []), [None, None]
        for _ in range(runs):
            for side, run in enumerate((ours, theirs)):
                elapsed, self.values[side] = seconds(run)
                self.times[side].append(elapsed)
        self.ours, self.theirs = (statistics.median(t) for t in self.times)

    def ratios(self, ours=1, theirs=1, at_most=float("inf")):
        """Columns: how much longer the other takes for one of the units that a run does."""
        each = [min(b, at_most) / theirs / (a / ours) for a, b in zip(*self.times)]
        return dict(ratio=min(self.theirs, at_most) / theirs / (self.ours / ours), least=min(each),
                    most=max(each))


RATIO = dict(ratio=".3g", least=".3g", most=".3g")


def shell(command):
    subprocess.run(command, shell=True, check=True)


def cost(command):
    """Seconds, and the most megabytes that were ever resident, pages of mapped files included."""
    timed = ["/usr/bin/time", "-f", "%M", "-o", "peak", "sh", "-c", "exec " + command]
    elapsed, _ = seconds(lambda: subprocess.run(timed, check=True))
    return elapsed, int(open("peak").read()) / 1e3


def features(path, seed, n, points, d=64, tokens=4096):
    """n features, each of `points` of the tokens around one; their points and weights, float64."""
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((tokens, d))
    table += 0.7 * rng.standard_normal((64, d)).repeat(tokens // 64, 0)
    table = table.astype("f4")
    rows, weights = [], rng.exponential(1, (n, points)).astype("f4")
    for anchor in rng.integers(0, tokens, n):
        near = np.argpartition(((table - table[anchor]) ** 2).sum(1), 4 * points)[:4 * points]
        rows.append(rng.choice(near, points, replace=False))
    sinkhorn.write(path, table, weights.ravel(), np.concatenate(rows), [points] * n)
    weights = weights.astype(float)
    return table[np.array(rows)].astype(float), weights / weights.sum(1, keepdims=True)


def sgemm_rate():
    """Multiplications and additions a second, on one thread: what the machine can do."""
    x = np.random.default_rng(0).standard_normal((1024, 1024)).astype("f4")
    return 2 * 1024 ** 3 / statistics.median(seconds(lambda: x @ x)[0] for _ in range(5))


def problems(n, points, sampled):
    """Two files of features, a sample of their pairs, and these as problems for POT."""
    (x, a), (y, b) = features("a", 1, n, points), features("b", 2, n, points)
    pairs = np.random.default_rng(0).integers(0, n, (sampled, 2))
    given = [(a[i], b[j], ot.dist(x[i], y[j], "euclidean")) for i, j in pairs]
    return pairs, given, [(x[i], y[j]) for i, j in pairs]


POT = Table("speed-pot", ("program", "points", "dims", "p", "epsilon"), dict(
    microseconds=".3g", pot_microseconds=".3g", pot_costs_microseconds=".3g", **RATIO,
    ratio_with_costs=".3g", apart=".1e", iterations=".3g", not_converged="d",
    share_of_flop_limit=".2f"), speed=True)


def bench_sinkhorn(args):
    rate = sgemm_rate()
    for points, epsilon, n, sampled in (
            (64, 0.05, 512, 200), (64, 0.01, 512, 200), (64, 0.001, 64, 16),
            (128, 0.05, 512, 200), (128, 0.01, 512, 200), (128, 0.001, 64, 8)):
        pairs, given, clouds = problems(n, points, sampled)
        method = "sinkhorn" if epsilon > 0.001 else "sinkhorn_log"

        def peer(dtype):
            return np.array([float(ot.sinkhorn2(
                a.astype(dtype), b.astype(dtype), c.astype(dtype),
                                                (epsilon * c.mean()).astype(dtype),
                method=method, stopThr=1e-6, numItermax=10000)) for a, b, c in given])

        def own():
            shell(f"sinkhorn --quiet --part 0 --threads 1 --epsilon {epsilon} --tol 1e-6 "
                  "--max-iters 10000 a b >distances")
        sides = Sides(args.runs, own, lambda: peer("f8"))
        values, single = sides.values[1], float("inf")
        if method == "sinkhorn":
            single, alike = seconds(lambda: peer("f4"))
            if np.abs(alike / values - 1).max() >= 1e-4:        # it did not converge
                single = float("inf")
        costs = seconds(lambda: [ot.dist(x, y, "euclidean") for x, y in clouds])[0] / sampled
        _, dist, iters, residual = sinkhorn.result("distances")
        apart = np.abs(dist[pairs[:, 0], pairs[:, 1]] / values - 1).max()
        per_pair, peer_pair = sides.ours / n / n, min(sides.theirs, single) / sampled
        POT.add(program="sinkhorn", points=points, dims=64, p=1, epsilon=epsilon,
                microseconds=1e6 * per_pair,
                pot_microseconds=1e6 * peer_pair, pot_costs_microseconds=1e6 * costs,
                **sides.ratios(n * n, sampled, single),
                ratio_with_costs=(peer_pair + costs) / per_pair,
                apart=float(apart), iterations=float(iters.mean()),
                not_converged=int((residual > 1e-6).sum()),
                share_of_flop_limit=4 * points ** 2 * iters.mean() / rate / per_pair,
                note="against ot.sinkhorn2" + " by sinkhorn_log" * (method != "sinkhorn"))


def bench_emd(args):
    for points, n, sampled in ((32, 256, 300), (64, 256, 200), (128, 128, 100)):
        pairs, given, clouds = problems(n, points, sampled)
        sides = Sides(args.runs, lambda: shell("emd --quiet --part 0 --threads 1 a b >distances"),
                      lambda: np.array([ot.emd2(a, b, c) for a, b, c in given]))
        costs = seconds(lambda: [ot.dist(x, y, "euclidean") for x, y in clouds])[0] / sampled
        dist, = entries("distances", "dist")
        apart = np.abs(dist[pairs[:, 0], pairs[:, 1]] / sides.values[1] - 1).max()
        per_pair, peer_pair = sides.ours / n / n, sides.theirs / sampled
        POT.add(program="emd", points=points, dims=64, p=1, epsilon=None,
                microseconds=1e6 * per_pair,
                pot_microseconds=1e6 * peer_pair, pot_costs_microseconds=1e6 * costs,
                **sides.ratios(n * n, sampled),
                ratio_with_costs=(peer_pair + costs) / per_pair, apart=float(apart),
                note="against ot.emd2")


# Rows of a matrix of distances, by plain NumPy and POT, of features x (n, points, d) with weights a and of y and b. What
# depends on one feature only is made ready before the clock starts, but for centroid, where it is all the work.

def plain_centroid(x, a, y, b):
    def all_rows(rows):
        m, n = np.einsum("ik,ikd->id", a[rows], x[rows]), np.einsum("ik,ikd->id", b, y)
        return cdist(m, n)
    return all_rows


def mean_distances(x, a, y, b):
    """E|X - Y| of one feature and many, by one matrix product."""
    flat = y.reshape(-1, y.shape[2])
    squares = (x ** 2).sum(1)[:, None] + (flat ** 2).sum(1) - 2 * x @ flat.T
    return ((a @ np.sqrt(np.maximum(squares, 0))).reshape(b.shape) * b).sum(1)


def plain_energy(x, a, y, b):
    one, other = (np.concatenate([mean_distances(p, w, p[None], w[None]) for p, w in zip(*side)])
                  for side in ((x, a), (y, b)))
    return lambda rows: np.array([np.sqrt(np.maximum(
        2 * mean_distances(x[i], a[i], y, b) - one[i] - other, 0)) for i in rows])


def plain_bures(x, a, y, b):
    (m, s), (n, t) = (zip(*(stages.moments(w, p) for p, w in zip(*side)))
                      for side in ((x, a), (y, b)))
    m, s, n, t = map(np.array, (m, s, n, t))
    roots = [stages.root(each) for each in s]
    traces, others = s.trace(axis1=1, axis2=2), t.trace(axis1=1, axis2=2)

    def row(i):
        both = np.linalg.eigvalsh(roots[i] @ t @ roots[i])
        return np.sqrt(((m[i] - n) ** 2).sum(1) + traces[i] + others
                       - 2 * np.sqrt(np.maximum(both, 0)).sum(1))
    return lambda rows: np.array([row(i) for i in rows])


def plain_sliced(x, a, y, b, projections=64):
    lines = np.ascontiguousarray(stages.directions(projections, x.shape[2], 0).T)
    return lambda rows: np.array([[ot.sliced_wasserstein_distance(
        x[i], y[j], a[i], b[j], n_projections=projections, p=1, projections=lines)
        for j in range(len(y))] for i in rows])


STAGES = Table("speed-stages", ("program", "features", "points", "dims"), dict(
    microseconds=".3g", peer_microseconds=".3g", **RATIO, apart=".0e"), speed=True)
PEERS = {"centroid": (plain_centroid, "NumPy and SciPy", 1024), "energy": (plain_energy, "NumPy", 8),
         "sliced": (plain_sliced, "ot.sliced_wasserstein_distance", 1),
         "bures": (plain_bures, "NumPy", 2)}


def bench_stages(args):
    """A pair by each distance stage, the time of the whole program, against some rows by plain NumPy or POT."""
    for points, d, few in (64, 64, 128), (128, 256, 64):
        for program in "centroid", "sinkhorn", "emd", "sliced", "bures", "energy":
            n = 1024 if program == "centroid" else few
            sides = [features(name, seed, n, points, d) for name, seed in (("a", 1), ("b", 2))]

            def own():
                shell(f"{program} --quiet --threads 1 a b >distances")
            row = dict(program=program, features=n, points=points, dims=d)
            if program not in PEERS:                    # bench_sinkhorn() and bench_emd() have theirs
                took = statistics.median(seconds(own)[0] for _ in range(args.runs))
                STAGES.add(**row, microseconds=1e6 * took / n / n)
                continue
            plain, name, some = PEERS[program]
            peer = plain(*sides[0], *sides[1])
            rows = np.arange(min(some, n))
            both = Sides(args.runs, own, lambda: peer(rows))
            dist, = entries("distances", "dist")
            apart = np.abs(dist[rows] / both.values[1] - 1).max()
            STAGES.add(**row, microseconds=1e6 * both.ours / n / n,
                       peer_microseconds=1e6 * both.theirs / len(rows) / n,
                       **both.ratios(n * n, len(rows) * n), apart=float(apart),
                       note=f"against {name}")


def entries(path, *names):
    (_, frames), = read(path)
    return [np.concatenate([f[name] for f in frames[1:]]) for name in names]


def make_features(folder, *options, points=64):
    """Distributions folder/a.dist and folder/b.dist of made features; see features.py."""
    os.makedirs(folder, exist_ok=True)
    shell(f"{sys.executable} {ROOT}/bench/features.py {folder} {' '.join(options)}")
    for side in "ab":
        shell(f"cd {folder} &&"
              f"act-dump --quiet --hidden {side}.npy --no-point --sae {side}.npz --layer {side} |"
              f"featdist --quiet --support {points} |"
              f"refproj --lift reference.npy --whiten >{side}.dist")


BOUNDS = Table("bounds", ("features",), dict(
    low=".3f", median=".3f", high=".3f", left_1=".4f", left_5=".4f", left_10=".4f", nearest=".3f"))


def bounds(name, a, b, n=256):
    """How tight the relaxed bound is, and how many pairs it leaves, of the first n features."""
    sides = []
    both = []
    for path in (a, b):
        (_, frames), = read(path)
        table = [f["point"] for f in frames if "point" in f]
        both.append(np.concatenate(table).astype(float))
    middle = np.concatenate(both).mean(0)
    variance = ((np.concatenate(both) - middle) ** 2).sum(1).mean()
    for path, point in zip((a, b), both):
        (_, frames), = read(path)
        some = [(f["weight"][i:j].astype(float), point[f["row"][i:j]]) for f in frames
                if "feature" in f
                for i, j in zip(f["indptr"], f["indptr"][1:])][:n]
        sides.append(some)
        sinkhorn.write(f"some.{len(sides)}", np.concatenate([x for _, x in some]),
                       np.concatenate([w for w, _ in some]).astype("f4"),
                       np.arange(sum(len(w) for w, _ in some)), [len(w) for w, _ in some])
    shell("emd --quiet some.1 some.2 >some")
    dist, = entries("some", "dist")
    bound = np.zeros_like(dist)
    paid = [[0.75 * np.sqrt(((x - middle) ** 2).sum(1) + variance) for _, x in side]
            for side in sides]                              # as common/distance/bounds.c
    for i, (v, x) in enumerate(sides[0]):
        for j, (w, y) in enumerate(sides[1]):
            f, g = paid[0][i], paid[1][j]
            cost = np.sqrt(np.maximum((x ** 2).sum(1)[:, None] + (y ** 2).sum(1) - 2 * x @ y.T, 0))
            bound[i, j] = max(v @ (cost - g).min(1) + w @ g,
                              w @ (cost - f[:, None]).min(0) + v @ f)
    low, median, high = np.quantile((bound / dist)[dist > 0], (0.1, 0.5, 0.9))
    left = {f"left_{k}": float((bound <= np.sort(dist, 1)[:, k - 1:k]).mean()) for k in (1, 5, 10)}
    BOUNDS.add(features=name, low=low, median=median, high=high, **left,
               nearest=np.median(dist.min(1)) / np.median(dist))


NEAREST = Table("speed-nearest", ("program", "features", "points", "dims"), dict(
    seconds=".3g", gigabytes=".2g", solved=".2%", all_pairs_seconds=".3g", ratio=".3g", same="s"),
                speed=True)


def nearest_row(program, n, points, dims, k):
    """The k nearest of the made features, and the first of them against all pairs."""
    command = f"{program} --threads 2 --top {k} made/a.dist made/b.dist"
    log = subprocess.run(["/usr/bin/time", "-f", "%e %M", *command.split()], check=True, text=True,
                         stdout=open("top", "wb"), stderr=subprocess.PIPE).stderr
    name = program.split()[0]
    solved, _, pairs = log.split(f"{name}: ")[1].split()[:3]
    elapsed, memory = (float(x) for x in log.split()[-2:])
    part = n // 16
    command = f"{name} --quiet --threads 2 --rows 1/{part} made/a.dist made/b.dist >some"
    some = seconds(lambda: shell(command))[0]
    dist, = entries("some", "dist")
    nearest, col = (x[:len(dist)] for x in entries("top", "dist", "col"))
    order = np.argsort(dist, 1, kind="stable")[:, :k]
    same = ((order == col) & (np.take_along_axis(dist, order, 1) == nearest)).all(1).mean()
    all_pairs = some * int(pairs) / dist.size
    NEAREST.add(program=f"{program} --top {k}", features=n, points=points, dims=dims,
                seconds=elapsed, gigabytes=memory / 1e6, solved=int(solved) / int(pairs),
                all_pairs_seconds=all_pairs, ratio=all_pairs / elapsed,
                same="yes" if same == 1 else f"{same:.0%} of rows")


def bench_nearest(args, k=10):
    n = args.sizes[-1]
    states = OUT / "bl361"                                  # made by quality.py
    if (states / "matched_L5.npy").exists():
        for layer in "45":
            shell(f"act-dump --quiet --no-point --hidden {states}/matched_L{layer}.npy --layer {layer} "
                  f"--sae {DATA}/lm/bl361/L{layer}_s0/sae_weights.safetensors |"
                  f"featdist --quiet --support 64 |"
                  f"refproj --lift {states}/matched_L5.npy --whiten >{layer}.dist")
        bounds("bl361, layers 4 and 5", "4.dist", "5.dist")
    make_features("made", "--features", "4096", "--tokens", "32768")
    bounds("made, 4,096", "made/a.dist", "made/b.dist")
    make_features("made", "--features", str(n), "--tokens", str(4 * n))
    nearest_row("emd", n, 64, 64, k)
    make_features("made", "--features", str(n), "--tokens", str(16 * n), "--dims", "256",
                  points=128)
    bounds(f"made, {n:,}, 256 dimensions, 128 points", "made/a.dist", "made/b.dist", 64)
    for program in "emd", "sinkhorn", "emd --budget 0.001", "sinkhorn --budget 0.01":
        nearest_row(program, n, 128, 256, k)


COMPLETE = Table("speed-complete", ("features", "points", "dims"), dict(
    pairs="d", top_solved="d", besides="d", share=".2%", top_seconds=".3g",
    complete_seconds=".3g"), speed=True)


def bench_complete(args, k=10):
    """hungarian --complete: the assignment of all pairs from each row's k nearest; two threads."""
    for n in args.sizes[1:]:
        make_features("made", "--features", str(n), "--tokens", str(4 * n))

        def run(command, target):
            return seconds(lambda: subprocess.run(
                command.split(), stdout=open(target, "wb"), stderr=subprocess.PIPE, check=True,
                text=True).stderr)
        top, log = run(f"emd --threads 2 --top {k} made/a.dist made/b.dist", "top")
        solved, _, pairs = (int(x) if x.isdigit() else 0 for x in log.split("emd: ")[1].split()[:3])
        took, log = run("hungarian --threads 2 --complete made/a.dist made/b.dist top", "matching")
        besides = int(log.split("top: ")[1].split()[0])
        COMPLETE.add(features=n, points=64, dims=64, pairs=pairs, top_solved=solved,
                     besides=besides,
                     share=(n * k + besides) / pairs, top_seconds=top, complete_seconds=took)


ERROR = Table("speed-error", ("command", "features", "points"), dict(error="d", **RATIO),
              speed=True)


def bench_error(args):
    """What --error costs."""
    features("a", 1, 256, 128), features("b", 2, 256, 128)
    for command in "emd --top 8", "sinkhorn":
        sides = Sides(args.runs, *(
            lambda o=option: shell(f"{command} --quiet --threads 1 {o} a b >/dev/null")
            for option in ("", "--error 4")))
        ERROR.add(command=command, features=256, points=128, error=4, **sides.ratios())


THREADS = Table("speed-threads", ("command", "threads"), dict(one=".3g", many=".3g", **RATIO),
                speed=True)


def bench_threads(args):
    features("a", 1, 256, 64), features("b", 2, 256, 64)
    make_features("made", "--features", "4096", "--tokens", "16384")
    for command in ("sinkhorn a b", "emd a b", "emd --top 10 made/a.dist made/b.dist"):
        name, rest = command.split(" ", 1)
        sides = Sides(args.runs, *(
            lambda t=t: shell(f"{name} --quiet --threads {t} {rest} >/dev/null") for t in (2, 1)))
        THREADS.add(command=command.replace("made/", ""), threads=2, one=sides.theirs,
                    many=sides.ours, **sides.ratios())


SCALING = Table("speed-scaling", ("program", "features", "iterations"), dict(microseconds=".3g"),
                speed=True)


def bench_scaling(args):
    for n in args.sizes:
        make_features("made", "--features", str(n), "--tokens", str(4 * n))
        rows = max(min(65536, n * n // 5) // n, 1)
        sides = Sides(args.runs, *(
            lambda r=r: shell("sinkhorn --quiet --part 0 --threads 1 --tol 0 --max-iters 10 "
                              f"--rows 1/{n // r} made/a.dist made/b.dist >/dev/null")
            for r in (rows, 5 * rows)))
        SCALING.add(program="sinkhorn", features=n, iterations=10,
                    microseconds=1e6 * (sides.theirs - sides.ours) / (4 * rows * n))


def whole(path, name):
    """A tensor of all frames that have it, unchecked: checksums of gigabytes take long."""
    with open(path, "rb") as file:
        return np.concatenate([frame[name] for frame, _ in objects(file) if name in frame])


ASSIGNMENT = Table("speed-assignment", ("costs", "rows", "threads"), dict(
    seconds=".3g", scipy_seconds=".3g", **RATIO, apart=".0e", memory_to_matrix=".2f"), speed=True)
COSTS = {"made features": "made/a.dist made/b.dist", "normal points in 8 dimensions": "a b",
         "near ties": "a b"}


def near_ties(path, n):
    """The distances of a stream become 1 + .001 u, u uniform."""
    (header, frames), = read(path)
    rng = np.random.default_rng(1)
    for frame in frames[1:]:
        frame["dist"] = (1 + 0.001 * rng.random(frame["dist"].shape)).astype("f4")
    write(path, header, frames)


def bench_assignment(args):
    """Two threads; scipy has one. The largest is run once: scipy takes minutes. Near ties: all costs
    are within a thousandth."""
    for n in args.sizes:
        make_features("made", "--features", str(n), "--tokens", str(4 * n))
        points = np.random.default_rng(0).standard_normal((2, n, 8)).astype("f4")
        for side, point in zip("ab", points):
            sinkhorn.write(side, point, np.ones(n, "f4"), np.arange(n), [1] * n)
        for name, operands in COSTS.items():
            shell(f"centroid --quiet {operands} >distances")
            if name == "near ties":
                near_ties("distances", n)
            dist = whole("distances", "dist")
            sides = Sides(args.runs if n <= 4096 else 1,
                          lambda: cost("hungarian --quiet --threads 2 distances >matching"),
                          lambda: dist[linear_sum_assignment(dist)].sum(dtype="f8"))
            (_, megabytes), best = sides.values
            total = whole("matching", "cost").sum(dtype="f8")
            costs = name if name == "near ties" else f"distances of means, {name}"
            ASSIGNMENT.add(costs=costs, rows=len(dist), threads=2, seconds=sides.ours,
                           scipy_seconds=sides.theirs, **sides.ratios(),
                           apart=float(abs(total / best - 1)),
                           memory_to_matrix=megabytes * 1e6 / dist.nbytes)


# Every program on features, and then on nodes of a graph; the later read what the earlier wrote.
GROWTH = {
    "act-dump": "act-dump --threads 2 --no-point --hidden a.npy --sae a.npz --layer a >a.act",
    "featdist": "featdist --quiet --support 64 a.act >a.raw",
    "refproj": "refproj --threads 2 --lift reference.npy --whiten a.raw >a.dist",
    "featpick": "featpick --list half a.dist >/dev/null",
    "centroid": "centroid --threads 2 a.dist b.dist >distances",
    "centroid --top 10": "centroid --threads 2 --top 10 a.dist b.dist >top",
    "decoder": "decoder --threads 2 a.dist b.dist >/dev/null",
    "coact": "coact --threads 2 a.act b.act >/dev/null",
    "energy *": "energy --threads 2 --rows 1/{blocks} a.dist b.dist >/dev/null",
    "sliced *": "sliced --threads 2 --rows 1/{blocks} a.dist b.dist >/dev/null",
    "bures *": "bures --threads 2 --rows 1/{blocks} a.dist b.dist >/dev/null",
    "sinkhorn *": "sinkhorn --quiet --threads 2 --rows 1/{blocks} a.dist b.dist >/dev/null",
    "sinkhorn --top 10": "sinkhorn --quiet --threads 2 --top 10 a.dist b.dist >/dev/null",
    "emd *": "emd --quiet --threads 2 --rows 1/{blocks} a.dist b.dist >/dev/null",
    "emd --top 10": "emd --quiet --threads 2 --top 10 a.dist b.dist >/dev/null",
    "hungarian": "hungarian --threads 2 distances >matching",
    "hungarian of --top 10": "hungarian --quiet --threads 2 top >/dev/null",
    "nearest": "nearest distances >/dev/null",
    "match-eval": "match-eval --threads 2 --a a.act --b b.act matching >/dev/null",
    "flow": "flow --quiet matching next >/dev/null",
    "framecat": "framecat a.dist >/dev/null",
    "frame2tsv": "frame2tsv matching >/dev/null",
    "frame2json": "frame2json a.dist >json",
    "json2frame": "json2frame json >/dev/null",
    "graph2frame": "graph2frame graph.json >graph",
    "supernode": "supernode --quiet --across-positions --graph graph own >groups",
    "frame2graph": "frame2graph --quiet groups >/dev/null",
}


def make_graph(n, links=32):
    """graph.json: a node for each feature of layer a, each with links to some before it."""
    rng = np.random.default_rng(0)
    nodes = [dict(node_id=f"a_{i}_{i % 16}", jsNodeId=f"a_{i}-{i % 16}", feature=i, layer="a",
                  ctx_idx=i % 16, feature_type="cross layer transcoder", clerp=f"feature {i}",
                  influence=i / n) for i in range(n)]
    ends = [dict(source=nodes[j]["node_id"], target=nodes[i]["node_id"], weight=1 + int(j) / n)
            for i in range(links, n) for j in rng.choice(i, links, replace=False)]
    with open("graph.json", "w") as file:
        json.dump(dict(metadata=dict(slug="made", scan="made"), qParams={}, nodes=nodes,
                       links=ends), file)


def by_rows(command, n, few=8):
    """What all rows would take, by a few and thrice as many; by more where these take no time."""
    (short, _), (long, megabytes) = (cost(command.format(blocks=n // rows))
                                     for rows in (few, 3 * few))
    if long - short < max(short / 2, 0.5) and 12 * few <= n:
        return by_rows(command, n, 4 * few)
    return short + (long - short) / (2 * few) * (n - few), megabytes


GROWING = Table("speed-growth", ("program", "size"), dict(seconds=".3g", megabytes=".3g"),
                speed=True)


def bench_growth(args):
    """Seconds, on two threads where there are, and megabytes; *: all pairs, from few rows."""
    for n in args.sizes:
        shell(f"{sys.executable} {ROOT}/bench/features.py . --features {n} --tokens {4 * n}")
        for side, states in ("b", "b"), ("c", "a"):
            shell(f"act-dump --quiet --no-point --hidden {states}.npy --sae {states}.npz --layer {side} "
                  f">{side}.act && featdist --quiet --support 64 {side}.act |"
                  f"refproj --lift reference.npy --whiten >{side}.dist")
        pathlib.Path("half").write_text("".join(f"a\t{i}\n" for i in range(0, n, 2)))
        make_graph(n)
        shell("centroid --top 10 b.dist c.dist | hungarian --quiet >next")
        for name, command in GROWTH.items():
            if name == "supernode":
                shell("centroid a.dist >own")
            elapsed, megabytes = by_rows(command, n) if "{blocks}" in command else cost(command)
            GROWING.add(program=name, size=n, seconds=elapsed, megabytes=megabytes)


def encoder(d=1024, features=16384, tokens=8192):
    """Hidden states x.npy and an SAE params.npz; returns the states and W_enc."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((tokens, d)).astype("f4")
    w = rng.standard_normal((d, features)).astype("f4") / d ** 0.5
    np.save("x.npy", x)
    np.savez("params.npz", W_enc=w, W_dec=w.T.copy(), b_enc=np.zeros(features, "f4"),
             b_dec=np.zeros(d, "f4"), threshold=np.full(features, 3, "f4"))
    return x, w


COSTS_RATE = Table("speed-costs", ("points", "dims"), dict(
    gflops=".3g", sgemm_gflops=".3g", share_of_sgemm_rate=".2f", least=".2f", most=".2f"),
                   speed=True)


def bench_costs(args):
    """Cost matrices as a share of SGEMM's rate, by cost_rate, which is built beside the programs."""
    program = pathlib.Path(shutil.which("sinkhorn")).parent.parent / "bench" / "cost_rate"
    runs = collections.defaultdict(list)
    for line in subprocess.check_output([program, str(args.runs)], text=True).splitlines():
        dims, *rates = line.split()
        runs[int(dims)].append([float(rate) for rate in rates])
    for dims, rates in runs.items():
        ours, sgemm = (statistics.median(side) for side in zip(*rates))
        shares = [a / b for a, b in rates]
        COSTS_RATE.add(points=128, dims=dims, gflops=ours, sgemm_gflops=sgemm,
                       share_of_sgemm_rate=ours / sgemm, least=min(shares), most=max(shares))


ENCODE = Table("speed-encode", ("program", "tokens", "dims", "features"), dict(
    seconds=".3g", sgemm_seconds=".3g", share_of_sgemm_rate=".2f"), speed=True)


def bench_encode(args):
    x, w = encoder()
    np.save("one.npy", x[:1])
    start = seconds(lambda: shell("act-dump --hidden one.npy --sae params.npz >/dev/null"))[0]
    ours = "act-dump --threads 1 --no-point --hidden x.npy --sae params.npz >/dev/null"
    sides = Sides(args.runs, lambda: shell(ours), lambda: x @ w)
    ours = sides.ours - start
    ENCODE.add(program="act-dump", tokens=len(x), dims=len(w), features=w.shape[1], seconds=ours,
               sgemm_seconds=sides.theirs, share_of_sgemm_rate=sides.theirs / ours)


STREAMS = Table("speed-streams", ("program", "peer"), dict(
    gigabytes_a_second=".2g", peer_gigabytes_a_second=".2g"), speed=True)


def bench_streams(args):
    encoder()
    shell("act-dump --hidden x.npy --sae params.npz >stream")
    size = os.path.getsize("stream")
    for program, peer in ("framecat", "cat stream | cat"), ("framecat --compress", "cat stream"):
        sides = Sides(args.runs, lambda: shell(f"{program} stream >/dev/null"),
                      lambda: shell(f"{peer} >/dev/null"))
        STREAMS.add(program=program, peer=peer, gigabytes_a_second=size / sides.ours / 1e9,
                    peer_gigabytes_a_second=size / sides.theirs / 1e9)


PARTS = {"stages": bench_stages, "sinkhorn": bench_sinkhorn, "emd": bench_emd,
         "nearest": bench_nearest, "complete": bench_complete, "error": bench_error,
         "threads": bench_threads, "scaling": bench_scaling, "assignment": bench_assignment,
         "costs": bench_costs, "encode": bench_encode, "streams": bench_streams,
         "growth": bench_growth}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", type=lambda text: [int(n) for n in text.split(",")],
                        default=[1024, 4096, 16384],
                        help="of made dictionaries, ascending (1024,4096,16384)")
    args = parser.parse_args()
    for name in args.parts:
        if name not in PARTS:
            parser.error(f"no part {name}")
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        for name in args.parts or PARTS:
            print(f"\n{name}", flush=True)
            PARTS[name](args)
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
