#!/usr/bin/env python3
"""Side-by-side measurements: `make bench`. Medians of five alternating runs, one thread each, values compared.

Prints a table, and appends JSON lines to bench/out/run.jsonl. Needs python3-numpy, -scipy, -pot and -msgpack;
the programs have to be on PATH."""
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

import msgpack
import numpy as np
import ot
from scipy.optimize import linear_sum_assignment

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
from sinkhorn import pack, result
from stream import pack as pack_stream

RUNS = 5


def seconds(run):
    start = time.perf_counter()
    value = run()
    return time.perf_counter() - start, value


def alternate(a, b):
    """Medians of both, and what they returned last."""
    times = [[], []]
    for _ in range(RUNS):
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


def bench_sinkhorn(out, epsilon, n=512, points=64, d=64, sampled=200):
    """All pairs of n features against a loop over POT, which gets a sample of the pairs."""
    rng = np.random.default_rng(0)
    sets = []
    for path in "ab":
        point = rng.standard_normal((n * points, d)) + np.repeat(rng.standard_normal((n, d)), points, 0)
        weight = rng.exponential(1, n * points).astype("f4")
        with open(path, "wb") as file:
            file.write(pack(point, weight, np.arange(n * points), [points] * n))
        weight = weight.reshape(n, points).astype(float)
        sets.append((point.astype("f4").reshape(n, points, d).astype(float), weight / weight.sum(1, keepdims=True)))
    pairs = rng.integers(0, n, (sampled, 2))
    (x, a), (y, b) = sets

    def peer():
        values = []
        for i, j in pairs:
            cost = ot.dist(x[i], y[j], "euclidean")
            values.append(float(ot.sinkhorn2(a[i], b[j], cost, epsilon * cost.mean(), stopThr=1e-6, numItermax=10000)))
        return np.array(values)

    def own():
        shell(f"sinkhorn --quiet --threads 1 --epsilon {epsilon} --tol 1e-6 --max-iters 10000 a b >distances")
    ours, theirs, _, values = alternate(own, peer)
    dist = result("distances")[1][pairs[:, 0], pairs[:, 1]]
    per_pair, peer_pair = ours / n / n, theirs / sampled
    report(out, bench="sinkhorn", epsilon=epsilon, microseconds=1e6 * per_pair, pot=1e6 * peer_pair,
           ratio=peer_pair / per_pair, apart=float(np.abs(dist / values - 1).max()))


def bench_hungarian(out, n):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, n, 8))
    dist = ot.dist(x, y, "euclidean").astype("f4")
    ids = {"row_layer": ["a"] * n, "row_feature": np.arange(n, dtype="<u4"),
           "col_layer": ["b"] * n, "col_feature": np.arange(n, dtype="<u4")}
    blocks = [{"row0": i, "dist": dist[i:i + 64]} for i in range(0, n, 64)]
    with open("in", "wb") as file:
        file.write(pack_stream({"kind": "distances", "rows": n, "cols": n}, [ids, *blocks], checksum=False))
    ours, theirs, _, best = alternate(lambda: shell("hungarian --quiet --threads 1 in >out"),
                                      lambda: dist[linear_sum_assignment(dist)].sum(dtype="f8"))
    total = next(msgpack.Unpacker(open("out", "rb"), ext_hook=lambda code, data: msgpack.unpackb(data),
                                  max_buffer_size=2**31 - 1))["total"]
    report(out, bench="hungarian with margins", n=n, seconds=ours, scipy=theirs, ratio=theirs / ours,
           apart=float(abs(total / best - 1)))


def bench_encode(out, d=1024, features=16384, tokens=8192):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((tokens, d)).astype("f4")
    w = rng.standard_normal((d, features)).astype("f4") / d ** 0.5
    np.save("x.npy", x)
    np.savez("params.npz", W_enc=w, W_dec=w.T.copy(), b_enc=np.zeros(features, "f4"), b_dec=np.zeros(d, "f4"),
             threshold=np.full(features, 3, "f4"))
    start = seconds(lambda: shell("head -c 4000 /dev/null; act-dump --hidden one.npy --sae params.npz >/dev/null")
                    if np.save("one.npy", x[:1]) is None else None)[0]
    ours, theirs, _, _ = alternate(
        lambda: shell("act-dump --threads 1 --no-point --hidden x.npy --sae params.npz >/dev/null"), lambda: x @ w)
    report(out, bench="act-dump", seconds=ours - start, sgemm=theirs, share_of_sgemm_rate=theirs / (ours - start))


def bench_streams(out):
    shell("act-dump --hidden x.npy --sae params.npz >stream")
    size = os.path.getsize("stream")
    for name, own, peer in (("framecat", "framecat stream >/dev/null", "cat stream | cat >/dev/null"),
                            ("framecat --compress", "framecat --compress stream >/dev/null", "cat stream >/dev/null")):
        ours, theirs, *_ = alternate(lambda: shell(own), lambda: shell(peer))
        report(out, bench=name, gigabytes_a_second=size / ours / 1e9, cat=size / theirs / 1e9)


def main():
    folder = ROOT / "bench" / "out"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, open(folder / "run.jsonl", "a") as out:
        os.chdir(scratch)
        for epsilon in (0.05, 0.02):
            bench_sinkhorn(out, epsilon)
        for n in (1000, 2000):
            bench_hungarian(out, n)
        bench_encode(out)
        bench_streams(out)


main()
