"""Two made models that have read one text, with tokenizers, widths and SAEs of their own.

    cross.py make [SEED]            A.npy, B.npy: states; A/, B/: SAEs; A_offsets.npy, B_offsets.npy: where each token begins and
                                    ends in the text; planted.npy: the feature of A that each feature of B is
    cross.py planted MATCHING       all features are matched as they were planted
    cross.py rows ROWS A B [cover]  examples/token_rows.py, with loops
    cross.py lift POINTS BEFORE STATES ROWS     of activations: points are the tokens' rows, tokens without one are gone"""
import json
import os
import sys

import numpy as np

import arrays
from semot import read

CHARACTERS, LATENTS, FEATURES = 9000, 12, 48


def offsets(rng, longest, empty):
    """Tokens of 1 to `longest` characters; at first an empty one, such as <s>, if A's tokenizer has one."""
    ends = np.cumsum(rng.integers(1, longest + 1, CHARACTERS))
    ends = np.append(ends[ends < CHARACTERS], CHARACTERS)
    at = np.stack([np.append(0, ends[:-1]), ends], 1)
    return np.concatenate([np.zeros((empty, 2), int), at])


def make(seed="0"):
    rng = np.random.default_rng(int(seed))
    latent = np.repeat(rng.normal(size=(CHARACTERS // 20, LATENTS)), 20, 0) + .5 * rng.normal(size=(CHARACTERS, LATENTS))
    directions = rng.normal(size=(FEATURES, LATENTS))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    planted = rng.permutation(FEATURES)
    np.save("planted.npy", planted)
    for name, d, longest, empty, order in ("A", 24, 4, 1, np.arange(FEATURES)), ("B", 32, 3, 0, planted):
        at = offsets(rng, longest, empty)
        to_states = rng.normal(size=(LATENTS, d))
        states = latent[at[:, 1] - 1] @ to_states + .3 * rng.normal(size=(len(at), d))
        states[:empty] = 50
        encoder = (np.linalg.pinv(to_states) @ directions.T)[:, order]
        encoder /= (states[empty:] @ encoder).std(0)
        os.makedirs(name, exist_ok=True)
        arrays.save(f"{name}/sae_weights.safetensors", {
            "W_enc": encoder.astype("f4"), "W_dec": np.ascontiguousarray(encoder.T, "f4"),
            "b_enc": np.full(FEATURES, -1.2, "f4"), "b_dec": np.zeros(d, "f4")})
        json.dump({"architecture": "standard", "apply_b_dec_to_input": False}, open(f"{name}/cfg.json", "w"))
        np.save(f"{name}.npy", states.astype("f4"))
        np.save(f"{name}_offsets.npy", at)


def planted(matching):
    (_, (pairs, *_)), = read(matching)
    right = np.load("planted.npy")[pairs["col_feature"]] == pairs["row_feature"]
    assert len(right) == FEATURES and right.all(), (right.sum(), len(right))


def rows(path, a, b, cover=None):
    a, b, found = np.load(a), np.load(b), np.load(path)
    assert len(found) == len(a)
    for (begin, end), row in zip(a, found):
        same = [i for i, (x, y) in enumerate(b) if x < y == end]
        over = [i for i, (x, y) in enumerate(b) if x < end <= y]
        expected = same[-1] if same else over[0] if cover and over else -1
        assert row == (expected if begin < end else -1), (begin, end, row, expected)


def lift(points, before, states, path):
    (_, old), = read(before)
    (_, new), = read(points)
    states, row = np.load(states), np.load(path).astype("i8")
    row[row == 2**32 - 1] = -1
    fires = {}
    for f in old:
        for i, token in enumerate(f["token"]):
            own = slice(f["indptr"][i], f["indptr"][i + 1])
            fires[token] = f["feature"][own].tolist(), f["value"][own].tolist(), f["vocab"][i] if "vocab" in f else None
    kept = [token for token in fires if row[token] >= 0]
    assert np.array_equal(np.concatenate([f["token"] for f in new]), kept)
    for f in new:
        assert np.array_equal(f["point"], states[row[f["token"]]].astype("f4"))
        for i, token in enumerate(f["token"]):
            own = slice(f["indptr"][i], f["indptr"][i + 1])
            assert fires[token] == (f["feature"][own].tolist(), f["value"][own].tolist(), f["vocab"][i] if "vocab" in f else None)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
