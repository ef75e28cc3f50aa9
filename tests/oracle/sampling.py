"""featdist in plain Python, from the formulas of featdist(1).

    sampling.py check ACTIVATIONS DISTRIBUTIONS [--support K] [--seed S] [--select HOW] [--power Q]
        [--min-count N]
    sampling.py unbiased ACTIVATIONS < distributions of 200 seeds, one after another"""
import argparse
import math

import numpy as np

from semot import read
from xxhash import xxh64

MASK = 2**64 - 1


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def uniform(seed, salt, token):
    return ((mix((mix((seed + salt) & MASK) + token + 1) & MASK) >> 12) + 0.5) * 2.0**-52


def salt_of(how, layer, feature):
    return (xxh64(layer.encode()).intdigest() + feature + 1) & MASK if how == "random" else 0


def firings(frames):
    """feature -> [(token, activation), ...]"""
    found = {}
    for frame in frames:
        for t, token in enumerate(frame["token"]):
            for k in range(frame["indptr"][t], frame["indptr"][t + 1]):
                if frame["value"][k] > 0:
                    found.setdefault(int(frame["feature"][k]), []).append((int(token), float(frame["value"][k])))
    return found


def sample(fired, support, seed, how, salt, power):
    """{token: a^q / P} that the formulas give."""
    rank = (lambda token, a: -a) if how == "top" else (lambda token, a: -math.log(uniform(seed, salt, token)) / a**power)
    ranked = sorted((rank(token, a), token, a) for token, a in fired)
    kept, tau = ranked[:support], ranked[support][0] if len(ranked) > support else math.inf
    if how == "top":
        tau = math.inf
    return {token: a**power / -math.expm1(-(a**power) * tau) for _, token, a in kept}


def compare(found, expected):
    assert found.keys() == expected.keys(), (sorted(found), sorted(expected))
    total = sum(expected.values())
    worst = max(abs(found[token] - expected[token] / total) for token in found)
    assert worst < 1e-6, worst


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
    [(_, given)], [(header, frames)] = map(read, args.files)
    fired = firings(given)
    table, found = samples(frames)
    wanted = {i: f for i, f in fired.items() if len(f) >= args.min_count}
    assert sorted(found) == list(found) == sorted(wanted), (sorted(found), sorted(wanted))
    assert header["left_out"] == header["features"] - len(wanted), header
    assert (np.diff(table.astype(int)) > 0).all()
    assert set(table.tolist()) == {t for weights, *_ in found.values() for t in weights}
    for i, (weights, mass, count) in found.items():
        compare(weights, sample(wanted[i], args.support, args.seed, args.select,
                                salt_of(args.select, header["layer"], i), args.power))
        assert abs(sum(weights.values()) - 1) < 1e-5
        assert count == len(wanted[i]) and math.isclose(mass, sum(a for _, a in wanted[i]), rel_tol=1e-9)


def unbiased(args):
    """The mean over seeds of sum_t x(t) a(t)^q / P(t), with any x, is sum_t x(t) a(t)^q of all tokens."""
    [(_, given)] = read(args.files[0])
    fired = firings(given)
    estimates = {}
    for header, frames in read("-"):
        for i, (weights, *_) in list(samples(frames)[1].items())[:15]:
            expected = sample(fired[i], header["support"], header["seed"], header["select"],
                              salt_of(header["select"], header["layer"], i), header["power"])
            compare(weights, expected)
            estimates.setdefault(i, []).append(sum(w * (token % 7) for token, w in expected.items()))
    for i, values in estimates.items():
        truth = sum(a ** header["power"] * (token % 7) for token, a in fired[i])
        error = np.std(values) / math.sqrt(len(values))
        assert len(values) == 200 and 0 < abs(np.mean(values) - truth) < 4 * error, (i, np.mean(values), truth, error)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["check", "unbiased"])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--support", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--select", default="coordinated")
    parser.add_argument("--power", type=float, default=2)
    parser.add_argument("--min-count", type=int, default=5)
    arguments = parser.parse_args()
    globals()[arguments.what](arguments)
