"""contexts in plain Python, from contexts(1).

    contexts.py make SEED > activations     of few features, dense and sparse, with equal values, gaps, ids
    contexts.py check ACTIVATIONS CONTEXTS [--top K] [--lower K] [--before N] [--after N] [--seed S] [--context N]
    contexts.py large TOKENS FEATURES ACTIVE > activations
    contexts.py print CONTEXTS              feature, range, token, text with the peak in [ ] on each line"""
import argparse
import io
import sys

import numpy as np

from make_stream import csr
from sampling import firings, uniform
from semot import read, write


def check_stream(header, frames, given, text):
    """Is the stream what the formulas give for these activations?"""
    ids = {int(t): int(i) for f in frames for t, i in zip(f["token"], f["vocab"])}
    context = given.context or header.get("context", 0)
    run, last = {}, None                    # token -> the first of those that follow one another
    for token in ids:
        follows = last is not None and token == last + 1 and not (context and token % context == 0)
        run[token] = run[last] if follows else token
        last = token
    expected = {}
    for feature, fired in sorted(firings(frames).items()):
        value = dict(fired)
        largest = max(value.values())
        apart = given.before + given.after
        peaks = [t for t, a in fired if all(
            not (run.get(u) == run[t] and (value.get(u, 0) > a or (value.get(u, 0) == a and u < t)))
            for u in range(t - apart, t + apart + 1))]
        by_peak = sorted(peaks, key=lambda t: (-value[t], t))
        ranges = [by_peak[:given.top]]
        rest = sorted(by_peak[given.top:], key=lambda t: (uniform(given.seed, 0, t), t))
        for low, high in (1, 2), (0, 1):
            third = [t for t in rest if low * largest < 3 * value[t] <= high * largest]
            ranges.append(sorted(third[:given.lower], key=lambda t: (-value[t], t)))
        found = []
        for number, chosen in enumerate(ranges):
            for t in chosen:
                window = [u for u in range(t - given.before, t + given.after + 1) if run.get(u) == run[t]]
                found.append((number, t, value[t], window.index(t), [ids[u] for u in window],
                              [value.get(u, 0) for u in window]))
        mean = np.float32(sum(value.values()) / len(value))
        expected[feature] = (len(value), np.float32(len(value) / len(ids)), mean, largest, found)
    (header, frames), = text
    assert header["tokens_read"] == len(ids), header
    got = unpack(frames)
    assert list(got) == list(expected), (list(got), list(expected))
    for feature in expected:
        want, have = expected[feature], got[feature]
        assert have[:2] == want[:2] and have[3:] == want[3:], (feature, have, want)
        assert abs(have[2] - want[2]) <= 1e-6 * want[2], (feature, have[2], want[2])
        spans = sorted((t - at, t - at + len(ids)) for _, t, _, at, ids, _ in have[4])
        assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:])), (feature, spans)


def unpack(frames):
    """feature -> count, density, mean, max, [(range, token, peak, at, ids, values)]"""
    found = {}
    for f in frames:
        for i, feature in enumerate(f.get("feature", [])):
            contexts = []
            for c in range(f["indptr"][i], f["indptr"][i + 1]):
                part = slice(f["begin"][c], f["begin"][c + 1])
                contexts.append((int(f["range"][c]), int(f["token"][c]), float(f["peak"][c]), int(f["at"][c]),
                                 f["id"][part].tolist(), f["value"][part].tolist()))
            found[int(feature)] = (int(f["count"][i]), f["density"][i], f["mean"][i], float(f["max"][i]), contexts)
    return found


def make(seed):
    rng = np.random.default_rng(seed)
    features, n = 12, int(rng.integers(1, 1500))
    rate = rng.choice([1, .5, .1, .02, .001, 0], features)
    token = np.flatnonzero(rng.random(int(n * 1.05) + 1) < rng.choice([1, .99, .7])).astype("<u4")
    n = len(token)
    kind = rng.integers(0, 3, features)
    value = np.where(kind == 0, rng.exponential(1, (n, features)), np.where(
        kind == 1, np.ceil(rng.exponential(2, (n, features))), np.sort(rng.random((n, features)), 0) + .01))
    value = np.where(rng.random((n, features)) < rate, value, 0).astype("<f4")
    header = {"layer": "7", "features": features, "history": [], "kind": "activations"}
    if rng.random() < .5:
        header.update(context=int(rng.integers(1, 100)), skip=0)
    frames, at = [], 0
    while at < n:
        part = value[at:at + int(rng.integers(1, 300))]
        row, feature = np.nonzero(part)
        frames.append({"token": token[at:at + len(part)], "vocab": token[at:at + len(part)] * 7 % 50,
                       "indptr": csr(rng, np.bincount(row, minlength=len(part))),
                       "feature": feature.astype("<u4"), "value": part[row, feature]})
        at += len(part)
    write("-", header, frames)


def large(tokens, features, active):
    """A stream without end in memory: frames of 1000 tokens, values of features of unlike density."""
    rng, n = np.random.default_rng(0), 1000

    def frames():
        for i in range(tokens // n):
            u = rng.random((n, active))
            feature = np.sort((features * u ** 2).astype("<u4"), 1)
            keep = np.diff(feature, axis=1, prepend=-1) > 0
            yield {"token": np.arange(i * n, (i + 1) * n, dtype="<u4"),
                   "vocab": rng.integers(0, 50000, n).astype("<u4"),
                   "indptr": csr(rng, keep.sum(1)), "feature": feature[keep].astype("<u4"),
                   "value": rng.exponential(1, keep.sum()).astype("<f4") + np.float32(.1)}
    write("-", {"kind": "activations", "layer": "7", "features": features, "context": 500, "skip": 0},
          frames(), checksum=False)


def show(path):
    for header, frames in read(path):
        text = {int(i): t for f in frames if "text" in f for i, t in zip(f["vocab"], f["text"])}
        for feature, (*_, contexts) in unpack(frames).items():
            for number, token, _, at, ids, _ in contexts:
                words = [text.get(i, f"#{i}") for i in ids]
                words[at] = f"[{words[at]}]"
                print(feature, number, token, "".join(words).encode("unicode_escape").decode(), sep="\t")


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "make":
        make(int(rest[0]))
    elif command == "large":
        large(*map(int, rest))
    elif command == "print":
        show(*rest)
    else:
        options = argparse.ArgumentParser()
        options.add_argument("files", nargs=2)
        for name, value in ("top", 3), ("lower", 1), ("before", 10), ("after", 5), ("seed", 0), ("context", 0):
            options.add_argument(f"--{name}", type=int, default=value)
        given = options.parse_args(rest)
        (header, frames), = read(given.files[0])
        check_stream(header, frames, given, list(read(given.files[1])))
