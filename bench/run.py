#!/usr/bin/env python3
"""Side-by-side measurements: `make bench`. Medians of five alternating runs, one thread each, values compared.

    run.py [PART]...    sinkhorn emd nearest threads scaling assignment encode streams growth; all of them without one

Prints a table, and appends JSON lines to bench/out/run.jsonl. Own times are those of the whole program, from reading to
writing; peers get their inputs ready in memory. Needs python3-numpy, -scipy, -pot and -msgpack; the programs have
to be on PATH."""
import json
import os
import pathlib
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

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "oracle"), str(ROOT / "examples")]
import sinkhorn
from semot import objects, read

RUNS = 5
SIZES = 1024, 4096, 16384


def seconds(run):
    start = time.perf_counter()
    value = run()
    return time.perf_counter() - start, value


def alternate(a, b, runs=RUNS):
    """Medians of both, and what they returned last."""
    times = [[], []]
    for _ in range(runs):
        values = []
        for side, run in enumerate((a, b)):
            elapsed, value = seconds(run)
            times[side].append(elapsed)
            values.append(value)
    return *(statistics.median(t) for t in times), *values


def report(out, **row):
    print("  ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                    for key, value in row.items()), flush=True)
    out.write(json.dumps(row) + "\n")


def shell(command):
    subprocess.run(command, shell=True, check=True)


def cost(command):
    """Seconds, and the most megabytes that were ever resident, pages of mapped files included."""
    timed = ["/usr/bin/time", "-f", "%M", "-o", "peak", "sh", "-c", "exec " + command]
    elapsed, _ = seconds(lambda: subprocess.run(timed, check=True))
    return elapsed, int(open("peak").read()) / 1e3


def features(path, seed, n, points, d=64, tokens=4096):
    """n features, each of `points` of the tokens around one; returns their points and weights in float64."""
    rng = np.random.default_rng(seed)
    table = (rng.standard_normal((tokens, d)) + 0.7 * rng.standard_normal((64, d)).repeat(tokens // 64, 0)).astype("f4")
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
    return 2 * 1024 ** 3 / statistics.median(seconds(lambda: x @ x)[0] for _ in range(RUNS))


def problems(n, points, sampled):
    """Two files of features, a sample of their pairs, and these as problems for POT: weights and costs."""
    (x, a), (y, b) = features("a", 1, n, points), features("b", 2, n, points)
    pairs = np.random.default_rng(0).integers(0, n, (sampled, 2))
    return pairs, [(a[i], b[j], ot.dist(x[i], y[j], "euclidean")) for i, j in pairs], [(x[i], y[j]) for i, j in pairs]


def bench_sinkhorn(out):
    rate = sgemm_rate()
    for points, epsilon, n, sampled in ((64, 0.05, 512, 200), (64, 0.01, 512, 200), (64, 0.001, 64, 16),
                                        (128, 0.05, 512, 200), (128, 0.01, 512, 200), (128, 0.001, 64, 8)):
        pairs, given, clouds = problems(n, points, sampled)
        method = "sinkhorn" if epsilon > 0.001 else "sinkhorn_log"

        def peer(dtype):
            return np.array([float(ot.sinkhorn2(a.astype(dtype), b.astype(dtype), c.astype(dtype),
                                                (epsilon * c.mean()).astype(dtype), method=method, stopThr=1e-6,
                                                numItermax=10000)) for a, b, c in given])

        def own():
            shell(f"sinkhorn --quiet --threads 1 --epsilon {epsilon} --tol 1e-6 --max-iters 10000 a b >distances")
        ours, theirs, _, values = alternate(own, lambda: peer("f8"))
        if method == "sinkhorn":
            single, alike = seconds(lambda: peer("f4"))
            if np.abs(alike / values - 1).max() < 1e-4:         # otherwise it did not converge
                theirs = min(theirs, single)
        costs = seconds(lambda: [ot.dist(x, y, "euclidean") for x, y in clouds])[0] / sampled
        _, dist, iters, residual = sinkhorn.result("distances")
        apart = np.abs(dist[pairs[:, 0], pairs[:, 1]] / values - 1).max()
        per_pair, peer_pair, limit = ours / n / n, theirs / sampled, 4 * points ** 2 * iters.mean() / rate
        report(out, bench="sinkhorn", points=points, epsilon=epsilon, microseconds=1e6 * per_pair, pot=1e6 * peer_pair,
               pot_costs=1e6 * costs, ratio=peer_pair / per_pair, ratio_with_costs=(peer_pair + costs) / per_pair,
               apart=float(apart), iterations=float(iters.mean()), late=int((residual > 1e-6).sum()),
               share_of_flop_limit=limit / per_pair)


def bench_emd(out):
    rate = sgemm_rate()
    for points, n, sampled in ((32, 256, 300), (64, 256, 200), (128, 128, 100)):
        pairs, given, clouds = problems(n, points, sampled)
        ours, theirs, _, values = alternate(lambda: shell("emd --quiet --threads 1 a b >distances"),
                                            lambda: np.array([ot.emd2(a, b, c) for a, b, c in given]))
        costs = seconds(lambda: [ot.dist(x, y, "euclidean") for x, y in clouds])[0] / sampled
        dist, lower, upper = entries("distances", "dist", "lower", "upper")
        apart = np.abs(dist[pairs[:, 0], pairs[:, 1]] / values - 1).max()
        per_pair, peer_pair = ours / n / n, theirs / sampled
        report(out, bench="emd", points=points, microseconds=1e6 * per_pair, pot=1e6 * peer_pair, pot_costs=1e6 * costs,
               ratio=peer_pair / per_pair, ratio_with_costs=(peer_pair + costs) / per_pair, apart=float(apart),
               gap=float((upper / lower - 1).max()), passes_over_costs=per_pair * rate / (2 * points ** 2))


def entries(path, *names):
    (_, frames), = read(path)
    return [np.concatenate([f[name] for f in frames[1:]]) for name in names]


def make_features(folder, *options):
    """Distributions folder/a.dist and folder/b.dist of made features; see features.py."""
    os.makedirs(folder, exist_ok=True)
    shell(f"{sys.executable} {ROOT}/bench/features.py {folder} {' '.join(options)}")
    for side in "ab":
        shell(f"cd {folder} && act-dump --hidden {side}.npy --no-point --sae {side}.npz --layer {side} |"
              f"featdist --quiet --support 64 | refproj --lift reference.npy --whiten >{side}.dist")


def likeness(out, name, a, b, n=256):
    """How tight the relaxed bound is, and how many pairs it leaves, among the first n features of a and b."""
    sides = []
    for path in (a, b):
        (_, frames), = read(path)
        point = np.concatenate([f["point"] for f in frames if "point" in f]).astype(float)
        some = [(f["weight"][i:j].astype(float), point[f["row"][i:j]]) for f in frames if "feature" in f
                for i, j in zip(f["indptr"], f["indptr"][1:])][:n]
        sides.append(some)
        sinkhorn.write(f"some.{len(sides)}", np.concatenate([x for _, x in some]),
                       np.concatenate([w for w, _ in some]).astype("f4"),
                       np.arange(sum(len(w) for w, _ in some)), [len(w) for w, _ in some])
    shell("emd --quiet some.1 some.2 >some")
    dist, = entries("some", "dist")
    bound = np.zeros_like(dist)
    for i, (v, x) in enumerate(sides[0]):
        for j, (w, y) in enumerate(sides[1]):
            cost = np.sqrt(np.maximum((x ** 2).sum(1)[:, None] + (y ** 2).sum(1) - 2 * x @ y.T, 0))
            bound[i, j] = max(v @ cost.min(1), w @ cost.min(0))
    tight = np.quantile((bound / dist)[dist > 0], (0.1, 0.5, 0.9))
    left = [float((bound <= np.sort(dist, 1)[:, k - 1:k]).mean()) for k in (1, 5, 10)]
    spread = np.quantile(dist, (0, 0.01, 0.1, 0.9)) / np.median(dist)
    report(out, bench="likeness", features=name, bound_to_distance=[round(float(x), 3) for x in tight],
           left_for_1_5_10=[round(x, 4) for x in left], nearest=float(np.median(dist.min(1)) / np.median(dist)),
           distances_to_median=[round(float(x), 2) for x in spread])


def bench_nearest(out, n=16384, k=10):
    lm = ROOT / ".." / "shared" / "data" / "lm" / "bl361"
    states = ROOT / "bench" / "out" / "bl361"               # made by quality.py
    if (states / "matched_L5.npy").exists():
        for layer in "45":
            shell(f"act-dump --no-point --hidden {states}/matched_L{layer}.npy --layer {layer} "
                  f"--sae {lm}/L{layer}_s0/sae_weights.safetensors | featdist --quiet --support 64 |"
                  f"refproj --lift {states}/matched_L5.npy --whiten >{layer}.dist")
        likeness(out, "bl361, layers 4 and 5", "4.dist", "5.dist")
    make_features("made", "--features", "4096", "--tokens", "32768")
    likeness(out, "made", "made/a.dist", "made/b.dist")
    make_features("made", "--features", str(n), "--tokens", str(4 * n))
    log = subprocess.run(["/usr/bin/time", "-f", "%e %M", "emd", "--threads", "2", "--top", str(k), "made/a.dist",
                          "made/b.dist"], stdout=open("top", "wb"), stderr=subprocess.PIPE, check=True, text=True).stderr
    solved, _, pairs = log.split("emd: ")[1].split()[:3]
    elapsed, memory = log.split()[-2:]
    tokens, d = (np.load("made/reference.npy", mmap_mode="r").shape)
    limit = 2 * 3 * tokens ** 2 * d / (2 * sgemm_rate())      # every token's distance to every other, from both sides
    part = n // 16
    whole = seconds(lambda: shell(f"emd --quiet --threads 2 --rows 1/{part} made/a.dist made/b.dist >some"))[0]
    dist, = entries("some", "dist")
    nearest, col = (x[:len(dist)] for x in entries("top", "dist", "col"))
    order = np.argsort(dist, 1, kind="stable")[:, :k]
    report(out, bench=f"emd --top {k}", features=n, seconds=float(elapsed), gigabytes=int(memory) / 1e6,
           solved=int(solved) / int(pairs), all_pairs_seconds=whole * int(pairs) / dist.size,
           ratio=whole * int(pairs) / dist.size / float(elapsed),
           share_of_flop_limit=limit / float(elapsed), same=bool((order == col).all() and (np.take_along_axis(dist, order, 1) == nearest).all()))


def bench_threads(out):
    features("a", 1, 256, 64), features("b", 2, 256, 64)
    make_features("made", "--features", "4096", "--tokens", "16384")
    for command in ("sinkhorn a b", "emd a b", "emd --top 10 made/a.dist made/b.dist"):
        name, rest = command.split(" ", 1)
        one, two, *_ = alternate(*(lambda t=t: shell(f"{name} --quiet --threads {t} {rest} >/dev/null") for t in (1, 2)))
        report(out, bench="two threads", command=command, one=one, two=two, ratio=one / two)


def bench_scaling(out):
    for n in SIZES:
        make_features("made", "--features", str(n), "--tokens", str(4 * n))
        rows = max(65536 // n, 1)
        short, long, *_ = alternate(*(lambda r=r: shell(f"sinkhorn --quiet --threads 1 --tol 0 --max-iters 10 --rows 1/{n // r} made/a.dist "
                                                        "made/b.dist >/dev/null") for r in (rows, 5 * rows)))
        report(out, bench="scaling", features=n, microseconds=1e6 * (long - short) / (4 * rows * n))


def whole(path, name):
    """A tensor of all frames that have it, unchecked: a checksum in Python would take minutes of a gigabyte."""
    with open(path, "rb") as file:
        return np.concatenate([frame[name] for frame, _ in objects(file) if name in frame])


def bench_assignment(out):
    for n in SIZES:
        make_features("made", "--features", str(n), "--tokens", str(4 * n))
        for side, point in zip("ab", np.random.default_rng(0).standard_normal((2, n, 8)).astype("f4")):
            sinkhorn.write(side, point, np.ones(n, "f4"), np.arange(n), [1] * n)
        for name, sides in ("made features", "made/a.dist made/b.dist"), ("normal points in 8 dimensions", "a b"):
            shell(f"centroid --quiet {sides} >distances")
            dist = whole("distances", "dist")
            ours, theirs, (_, megabytes), best = alternate(
                lambda: cost("hungarian --quiet --threads 1 distances >matching"),
                lambda: dist[linear_sum_assignment(dist)].sum(dtype="f8"), RUNS if n < SIZES[-1] else 1)
            total = whole("matching", "cost").sum(dtype="f8")
            report(out, bench="hungarian with margins", distances=name, rows=len(dist), seconds=ours, scipy=theirs,
                   ratio=theirs / ours, apart=float(abs(total / best - 1)), memory_to_matrix=megabytes * 1e6 / dist.nbytes)


# Every program on features, and then on nodes of a graph, of one size; the later read what the earlier wrote.
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
    nodes = [dict(node_id=f"a_{i}_{i % 16}", jsNodeId=f"a_{i}-{i % 16}", feature=i, layer="a", ctx_idx=i % 16,
                  feature_type="cross layer transcoder", clerp=f"feature {i}", influence=i / n) for i in range(n)]
    ends = [(int(j), i) for i in range(links, n) for j in rng.choice(i, links, replace=False)]
    with open("graph.json", "w") as file:
        json.dump(dict(metadata=dict(slug="made", scan="made"), qParams={}, nodes=nodes, links=[
            dict(source=nodes[j]["node_id"], target=nodes[i]["node_id"], weight=1 + j / n) for j, i in ends]), file)


def by_rows(command, n, few=8):
    """What all rows would take: by a few, and thrice as many; by more where it is not they that take the time."""
    (short, _), (long, megabytes) = (cost(command.format(blocks=n // rows)) for rows in (few, 3 * few))
    if long - short < max(short / 2, 0.5) and 12 * few <= n:
        return by_rows(command, n, 4 * few)
    return short + (long - short) / (2 * few) * (n - few), megabytes


def bench_growth(out):
    found = {name: [] for name in GROWTH}
    for n in SIZES:
        shell(f"{sys.executable} {ROOT}/bench/features.py . --features {n} --tokens {4 * n}")
        for side, states in ("b", "b"), ("c", "a"):
            shell(f"act-dump --no-point --hidden {states}.npy --sae {states}.npz --layer {side} >{side}.act &&"
                  f"featdist --quiet --support 64 {side}.act | refproj --lift reference.npy --whiten >{side}.dist")
        pathlib.Path("half").write_text("".join(f"a\t{i}\n" for i in range(0, n, 2)))
        make_graph(n)
        shell("centroid --top 10 b.dist c.dist | hungarian --quiet >next")
        for name, command in GROWTH.items():
            if name == "supernode":
                shell("centroid a.dist >own")
            found[name].append(by_rows(command, n) if "{blocks}" in command else cost(command))
    print("\ngrowth: seconds (two threads, where a program has them) and peak megabytes at", *SIZES,
          "features or nodes, each with its exponent; *: all pairs, from few rows")
    for name, costs in found.items():
        row = {}
        for what, numbers in zip(("seconds", "megabytes"), zip(*costs)):
            row |= {what: numbers, f"{what}_exponent": float(np.polyfit(np.log(SIZES), np.log(numbers), 1)[0])}
        print(f"{name:22}", *(f"{number:9.4g}" for number in row["seconds"]), f"{row['seconds_exponent']:6.2f}  ",
              *(f"{number:9.0f}" for number in row["megabytes"]), f"{row['megabytes_exponent']:6.2f}")
        out.write(json.dumps(dict(bench="growth", program=name, features=SIZES, **row)) + "\n")


def encoder(d=1024, features=16384, tokens=8192):
    """Hidden states x.npy and an SAE params.npz; returns the states and W_enc."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((tokens, d)).astype("f4")
    w = rng.standard_normal((d, features)).astype("f4") / d ** 0.5
    np.save("x.npy", x)
    np.savez("params.npz", W_enc=w, W_dec=w.T.copy(), b_enc=np.zeros(features, "f4"), b_dec=np.zeros(d, "f4"),
             threshold=np.full(features, 3, "f4"))
    return x, w


def bench_encode(out):
    x, w = encoder()
    np.save("one.npy", x[:1])
    start = seconds(lambda: shell("act-dump --hidden one.npy --sae params.npz >/dev/null"))[0]
    ours, theirs, *_ = alternate(
        lambda: shell("act-dump --threads 1 --no-point --hidden x.npy --sae params.npz >/dev/null"), lambda: x @ w)
    report(out, bench="act-dump", seconds=ours - start, sgemm=theirs, share_of_sgemm_rate=theirs / (ours - start))


def bench_streams(out):
    encoder()
    shell("act-dump --hidden x.npy --sae params.npz >stream")
    size = os.path.getsize("stream")
    for name, own, peer in (("framecat", "framecat stream >/dev/null", "cat stream | cat >/dev/null"),
                            ("framecat --compress", "framecat --compress stream >/dev/null", "cat stream >/dev/null")):
        ours, theirs, *_ = alternate(lambda: shell(own), lambda: shell(peer))
        report(out, bench=name, gigabytes_a_second=size / ours / 1e9, cat=size / theirs / 1e9)


PARTS = {name[6:]: part for name, part in list(globals().items()) if name.startswith("bench_")}


def main():
    folder = ROOT / "bench" / "out"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, open(folder / "run.jsonl", "a") as out:
        os.chdir(scratch)
        for part in sys.argv[1:] or PARTS:
            PARTS[part](out)


main()
