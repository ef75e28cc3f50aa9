"""featdist in plain Python, from the formulas of featdist(1).

    sampling.py check ACTIVATIONS DISTRIBUTIONS [--support K] [--seed S] [--select HOW] [--min-count N]
    sampling.py unbiased ACTIVATIONS SEED... < distributions of each seed, one after another"""
import argparse
import math
import sys

import numpy as np

from stream import read

MASK = 2**64 - 1


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def uniform(seed, token):
    return ((mix((mix(seed) + token + 1) & MASK) >> 12) + 0.5) * 2.0**-52


def firings(frames):
    """feature -> [(token, activation), ...]"""
    found = {}
    for frame in frames:
        for t, token in enumerate(frame["token"]):
            for k in range(frame["indptr"][t], frame["indptr"][t + 1]):
                if frame["value"][k] > 0:
                    found.setdefault(int(frame["feature"][k]), []).append((int(token), float(frame["value"][k])))
    return found


def sample(fired, support, seed, how):
    """{token: weight} that the formulas give."""
    rank = (lambda token, a: -a) if how == "top" else (lambda token, a: -math.log(uniform(seed, token)) / a)
    ranked = sorted((rank(token, a), token, a) for token, a in fired)
    kept, tau = ranked[:support], ranked[support][0] if len(ranked) > support else math.inf
    if how == "top":
        tau = math.inf
    weights = {token: a / -math.expm1(-a * tau) for _, token, a in kept}
    total = sum(weights.values())
    return {token: weight / total for token, weight in weights.items()}


def samples(frames):
    """The support table, and feature -> ({token: weight}, mass, count)."""
    table = np.concatenate([f["token"] for f in frames if "token" in f] or [np.zeros(0, int)])
    found = {}
    for f in frames:
        for i, feature in enumerate(f.get("feature", [])):
            span = slice(f["indptr"][i], f["indptr"][i + 1])
            found[int(feature)] = (dict(zip(table[f["row"][span]].tolist(), f["weight"][span].tolist())),
                                   f["mass"][i], f["count"][i])
    return table, found


def check(args):
    fired = firings(read(open(args.files[0], "rb"))[0][1])
    header, frames = read(open(args.files[1], "rb"))[0]
    table, found = samples(frames)
    wanted = {i: f for i, f in fired.items() if len(f) >= args.min_count}
    assert sorted(found) == list(found) == sorted(wanted), (sorted(found), sorted(wanted))
    assert header["left_out"] == header["features"] - len(wanted), header
    assert (np.diff(table.astype(int)) > 0).all()
    assert set(table.tolist()) == {t for weights, *_ in found.values() for t in weights}
    for i, (weights, mass, count) in found.items():
        expected = sample(wanted[i], args.support, args.seed, args.select)
        assert weights.keys() == expected.keys(), (i, sorted(weights), sorted(expected))
        worst = max(abs(weights[t] - expected[t]) for t in weights)
        assert worst < 1e-6, (i, worst)
        assert count == len(wanted[i]) and math.isclose(mass, sum(a for _, a in wanted[i]), rel_tol=1e-9)


def unbiased(args):
    """The mean over seeds of each feature's estimate of sum_t w(t) x(t) is near the truth."""
    fired = firings(read(open(args.files[0], "rb"))[0][1])
    estimates = {}
    for _, frames in read(sys.stdin.buffer):
        for i, (weights, *_) in samples(frames)[1].items():
            estimates.setdefault(i, []).append(sum(w * (t % 7) for t, w in weights.items()))
    for i, values in estimates.items():
        mass = sum(a for _, a in fired[i])
        truth = sum(a * (t % 7) for t, a in fired[i]) / mass
        error = np.std(values) / math.sqrt(len(values)) + 0.02
        assert abs(np.mean(values) - truth) < 4 * error, (i, np.mean(values), truth, error)


parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["check", "unbiased"])
parser.add_argument("files", nargs="+")
parser.add_argument("--support", type=int, default=64)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--select", default="coordinated")
parser.add_argument("--min-count", type=int, default=5)
arguments = parser.parse_args()
globals()[arguments.what](arguments)
