"""ITDA dictionaries, whose atoms are states of tokens, and Jaccard's index of two by sets.

    atoms.py make                       folders a, b, c, ...; states of a and b, a.npy and b.npy
    atoms.py check DISTANCES NOTES A B  0 where two features are atoms of the same token with the same sign, else 1; NOTES: - for none
    atoms.py matched MATCHING A B       the tokens in common, twice: for either sign"""
import os
import sys

import numpy as np

import arrays
import pt
from semot import read


def folder(name, atoms, index, settings="dataset: some/text\nseq_len: 128\nk: 3\n", kind="npy"):
    os.makedirs(name, exist_ok=True)
    open(f"{name}/metadata.yaml", "w").write(settings)
    np.save(f"{name}_index.npy", np.zeros(0) if index is None else index)
    for path, x in ("atoms", atoms), ("atom_indices", index):
        if x is not None and kind == "pt":
            pt.save(f"{name}/{path}.pt", x)
        elif x is not None:
            arrays.save(f"{name}/{path}.npy", {"": x})


def make():
    rng = np.random.default_rng(0)

    def rows(n, d):
        x = rng.normal(size=(n, d)).astype("f4")
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def index(n):
        return rng.permutation(120)[:n, None] // [1, 12] % [12, 10]
    np.save("a.npy", rng.normal(size=(300, 8)).astype("f4"))
    np.save("b.npy", rng.normal(size=(300, 12)).astype("f4"))
    a, other = rows(40, 8), index(40)
    folder("a", a, other)
    twice = np.concatenate([index(50), other[:5]])
    folder("b", rows(55, 12), np.concatenate([twice[:54], twice[:1]]), "dataset: some/text\nlm_name: x/y\nk: 4\n", "pt")
    folder("c", rows(10, 6), index(10) + 500, "k: 4\n")
    gone = other.copy()
    gone[[3, 8]] = -1
    folder("unknown", a, gone)
    folder("elsewhere", a, other, "dataset: other/text\nk: 3\n")
    folder("longer", a, other, "seq_len: 256\nk: 3\n")
    folder("alone", a, None)
    folder("few", a, other[1:])
    folder("wide", a, np.hstack([other, other]))
    folder("real", a, other.astype("f4"))
    far = other.copy()
    far[3] = 3000000000, 1
    folder("beyond", a, far)


def tokens(name):
    """Of features i and i + F, those of positive and negative activations: (sequence, position, sign), or None."""
    return [None if min(row) < 0 else (*row, sign) for sign in (0, 1) for row in np.load(f"{name}_index.npy").tolist()]


def check(path, notes, a, b):
    (header, (ids, *blocks)), = read(path)
    one, other = tokens(a), tokens(b)
    expected = np.array([[(one[i] is None or one[i] != other[j]) for j in ids["col_feature"]] for i in ids["row_feature"]])
    if a == b:
        np.fill_diagonal(expected, 0)
    assert np.array_equal(np.concatenate([f["dist"] for f in blocks]), expected)
    sets = [{key[:2] for key in keys if key} for keys in ([one[i] for i in ids["row_feature"]], [other[j] for j in ids["col_feature"]])]
    both, every = len(sets[0] & sets[1]), len(sets[0] | sets[1])
    assert header["common"] == both and np.isclose(header["jaccard"], both / every, rtol=1e-12), header
    if notes != "-":
        line = f"decoder: {both} of {every} tokens are in both: a Jaccard index of {both / every:.6g}"
        assert open(notes).read().strip() == line, (open(notes).read(), line)


def matched(path, a, b):
    (_, (pairs, *_)), = read(path)
    one, other = tokens(a), tokens(b)
    found = {one[i] for i, j in zip(pairs["row_feature"], pairs["col_feature"]) if one[i] == other[j]}
    assert found == set(one) & set(other) and len(found) == len(pairs["row_feature"])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
