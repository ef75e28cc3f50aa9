"""An SAE with random weights, as sae-random makes it, in numpy in double.

    sae_random.py FILE SAE STATES [--seed S] [ACT-DUMP'S OPTIONS]     compares FILE

How many features of the trained SAE are active is what act-dump says."""
import subprocess
import sys

import numpy as np

import dialects
from sampling import uniform

SAMPLE = 2048


def rows(features, d, seed):
    """Normal numbers (Box and Muller 1958), each row of length 1."""
    u = np.array([[uniform(seed, i << 32, c) for c in range(2 * d)] for i in range(features)])
    w = np.sqrt(-2 * np.log(u[:, ::2])) * np.cos(2 * np.pi * u[:, 1::2])
    return w / np.linalg.norm(w, axis=1, keepdims=True)


def sample(n):
    """Of n states one of each 2048th part; no state twice."""
    if n <= SAMPLE:
        return np.arange(n)
    at = []
    for k in range(SAMPLE):
        at.append(max(int((k + uniform(0, 0, k)) * n / SAMPLE), at[-1] + 1 if at else 0))
    return np.array(at)


def made(trained, x, seed, k):
    """W_dec, b_dec, W_enc, and the threshold or the two between which it is; of activations (n, F) on the states."""
    w, b = rows(trained.shape[1], x.shape[1], seed), x.mean(0)
    pre = (x - b) @ w.T
    if k:
        a, threshold = dialects.topk(pre, k), None
    else:
        ordered = np.append(np.sort(np.maximum(pre, 0).ravel())[::-1], 0)
        n = np.count_nonzero(trained)
        threshold = ordered[n] if n < pre.size else 0
        a = np.where(pre > threshold, pre, 0)
    y = a @ w
    gain = ((x - b) * y).sum() / (y * y).sum()
    return w, b, gain * w.T, None if threshold is None else gain * threshold


def main(file, sae, states, *options):
    seed = int(options[options.index("--seed") + 1]) if "--seed" in options else 0
    options = [o for i, o in enumerate(options) if o != "--seed" and (i == 0 or options[i - 1] != "--seed")]
    stream = subprocess.run(["act-dump", "--quiet", "--hidden", states, "--sae", sae, *options], check=True,
                            capture_output=True).stdout
    header, trained = dialects.dense(stream)
    open("out", "wb").write(stream)
    (_, frames), = dialects.read("out")
    tokens = np.concatenate([f["token"] for f in frames])
    tokens = tokens[sample(len(tokens))]
    x = np.load(states).astype("f8")
    found = dict(np.load(file))
    assert int(found.pop("random_seed")) == seed and not found["b_enc"].any() and found["b_enc"].dtype == "f4"
    k = int(found["k"]) if "k" in found else 0
    assert ("threshold" in found) != bool(k) and bool(k) == (header["arch"] in ("topk", "abstopk", "groupmax", "itda",
                                                                               "matching_pursuit_k"))
    wanted = dict(zip(("W_dec", "b_dec", "W_enc", "threshold"), made(trained[tokens], x[tokens], seed, k)))
    if k:
        del wanted["threshold"], found["k"]
    for name, value in wanted.items():
        assert found[name].dtype == "f4" and found[name].shape == (np.shape(value) or (trained.shape[1],)), name
        error = np.abs(found[name] - value).max() / max(np.abs(value).max(), np.abs(x).max() if name == "b_dec" else 0)
        assert error < 1e-5, (name, error)
    print(header["arch"], k, np.count_nonzero(trained[tokens]) / len(tokens))


if __name__ == "__main__":
    main(*sys.argv[1:])
