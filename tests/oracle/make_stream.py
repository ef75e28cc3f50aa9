"""Writes a small random stream of a kind to stdout."""
import argparse
import io
import json
import sys

import numpy as np

from semot import write

FEATURES, TOKENS, D = 12, 60, 6


def csr(rng, counts):
    return np.concatenate([[0], np.cumsum(counts)]).astype("<u4")


def activations(rng, frames):
    header = {"model": "toy", "layer": "3", "space": "toy/3", "d": D, "features": FEATURES,
              "tokens": 9 * TOKENS, "arch": "topk"}
    body = []
    for i in range(frames):
        counts = rng.integers(1, 5, TOKENS)
        body.append({
            "token": np.arange(i * TOKENS, (i + 1) * TOKENS, dtype="<u4"),
            "point": rng.standard_normal((TOKENS, D)).astype("<f4"),
            "indptr": csr(rng, counts),
            "feature": np.concatenate([np.sort(rng.permutation(FEATURES)[:n]) for n in counts]).astype("<u4"),
            "value": rng.exponential(1, counts.sum()).astype("<f4"),
        })
    return header, body


def distributions(rng, frames):
    header = {"model": "toy", "layer": "3", "space": "reference", "d": D, "features": FEATURES,
              "support": 8, "select": "coordinated", "seed": 0}
    tables = [{
        "token": np.arange(i * TOKENS, (i + 1) * TOKENS, dtype="<u4"),
        "point": rng.standard_normal((TOKENS, D)).astype("<f4"),
    } for i in range(frames)]
    counts = rng.integers(1, 9, FEATURES)
    indptr = csr(rng, counts)
    weight = rng.exponential(1, indptr[-1])
    for begin, end in zip(indptr, indptr[1:]):
        weight[begin:end] /= weight[begin:end].sum()
    features = {
        "feature": np.arange(FEATURES, dtype="<u4"),
        "indptr": indptr,
        "row": np.concatenate([np.sort(rng.permutation(TOKENS * frames)[:n]) for n in counts]).astype("<u4"),
        "weight": weight.astype("<f4"),
        "mass": rng.exponential(9, FEATURES),
        "count": (counts * 3).astype("<u4"),
    }
    return header, tables + [features]


def ids(side, n):
    """Features 0 0 1 1 2 2 ... of layers 3 and 4."""
    return {f"{side}_layer": ["34"[i % 2] for i in range(n)],
            f"{side}_feature": (np.arange(n) // 2).astype("<u4")}


def contexts(rng, frames):
    """Of the features of layer 3 but one, five contexts each; an id without a text is among them."""
    header = {"model": "toy", "layer": "3", "space": "toy/3", "features": FEATURES, "arch": "topk",
              "tokens_read": TOKENS * frames, "before": 3, "after": 2, "top": 3, "lower": 1, "seed": 0}
    words = [" the", " cat", "\n", " \u05d0\u05d1\u202e", " <b>&amp;\"", "\x1b[31m", "\\xe2\\x80", ""]
    body = [{"vocab": np.arange(len(words), dtype="<u4"), "text": words}]
    for features in np.array_split(np.arange(1, FEATURES), frames):
        b, c = len(features), 5 * len(features)
        peak = np.tile(np.array([9, 8, 7, 4, 2], "<f4"), b)
        before = rng.integers(0, 4, c)
        length = before + 1 + rng.integers(0, 3, c)
        begin = csr(rng, length)
        value = np.where(rng.random(begin[-1]) < 0.5, 0, rng.random(begin[-1])).astype("<f4")
        value[begin[:-1] + before] = peak
        body.append({
            "feature": features.astype("<u4"), "count": np.full(b, 6, "<u4"),
            "density": np.full(b, 6 / (TOKENS * frames), "<f4"), "mean": np.full(b, 5, "<f4"),
            "max": np.full(b, 9, "<f4"), "indptr": csr(rng, [5] * b),
            "range": np.tile(np.array([0, 0, 0, 1, 2], "|u1"), b),
            "token": np.tile(np.arange(5, dtype="<u4") * 10 + 5, b), "peak": peak,
            "at": before.astype("<u4"), "begin": begin,
            "id": rng.integers(0, len(words) + 1, begin[-1]).astype("<u4"), "value": value,
        })
    return header, body


def distances(rng, frames):
    """Of one set with itself."""
    n = 5 * frames
    header = {"metric": "wasserstein", "p": 1, "epsilon": 0.02, "rows": n, "cols": n, "space": "reference"}
    dist = rng.random((n, n)) * (1 - np.eye(n))
    dist = (dist + dist.T).astype("<f4")
    blocks = [{"row0": i, "dist": dist[i:i + 5]} for i in range(0, n, 5)]
    return header, [{**ids("row", n), **ids("col", n)}] + blocks


def coupling(rng, frames):
    """Of texts of as many tokens as the activations have; some tokens have no partner."""
    n = TOKENS * frames
    token = np.arange(n, dtype="<u4")
    header = {"rows": n, "cols": n, "by": "nearest", "neighbours": 1, "space": "reference"}
    body = [{"row_token": token, "col_token": token}]
    for i in range(frames):
        counts = rng.integers(0, 4, TOKENS)
        body.append({
            "row0": i * TOKENS,
            "indptr": csr(rng, counts),
            "col": np.concatenate([np.sort(rng.permutation(n)[:k]) for k in counts]).astype("<u4"),
            "weight": rng.integers(1, 3, counts.sum()).astype("<f4"),
        })
    return header, body


def matching(rng, frames):
    """Of layer 3 with layer 4."""
    header = {"metric": "wasserstein", "rows": FEATURES, "cols": FEATURES, "space": "reference", "method": "assignment"}
    col = rng.permutation(FEATURES).astype("<u4")
    row = np.arange(FEATURES, dtype="<u4")
    body = {"row": row, "col": col, "row_layer": ["3"] * FEATURES, "row_feature": row,
            "col_layer": ["4"] * FEATURES, "col_feature": col,
            "cost": rng.random(FEATURES).astype("<f4"), "margin": rng.random(FEATURES).astype("<f4")}
    return header, [body]


def graph(rng, frames):
    """Embeddings, features of layers 3 and 4 at a few positions, an error node and a logit."""
    nodes = [{"node_id": "E_5_0", "layer": "E", "feature": 5, "ctx_idx": 0, "type": 2}]
    for i in range(4 * frames):
        layer = str(3 + i % 2)
        feature = i // 2 % FEATURES
        place = i % 3 + i // (2 * FEATURES)
        nodes.append({"node_id": f"{layer}_{feature}_{place}", "layer": layer, "feature": feature,
                      "ctx_idx": place, "type": 0})
    nodes.append({"node_id": "0_3_2", "layer": "3", "feature": 2**64 - 1, "ctx_idx": 2, "type": 1})
    nodes.append({"node_id": "27_9_2", "layer": "27", "feature": 9, "ctx_idx": 2, "type": 3})
    kinds = ("cross layer transcoder", "mlp reconstruction error", "embedding", "logit")
    n = len(nodes)
    texts = [json.dumps({"node_id": node["node_id"], "jsNodeId": node["node_id"] + "-0",
                         "layer": node["layer"], "ctx_idx": node["ctx_idx"],
                         "feature_type": kinds[node["type"]], "clerp": f"clerp {i}"})
             for i, node in enumerate(nodes)]
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n) if rng.random() < 0.5]
    weight = rng.standard_normal(len(pairs))
    head = {"metadata": {"slug": "toy", "scan": "toy", "prompt": "a b", "prompt_tokens": ["a", "b", "c"]},
            "qParams": {}, "nodes": [], "links": []}
    return {}, [
        {"node_id": [node["node_id"] for node in nodes],
         "js_node_id": [node["node_id"] + "-0" for node in nodes],
         "layer": [node["layer"] for node in nodes],
         "feature": np.array([node["feature"] for node in nodes], "<u8"),
         "ctx_idx": np.array([node["ctx_idx"] for node in nodes], "<i4"),
         "type": np.array([node["type"] for node in nodes], "|u1"),
         "influence": rng.random(n).astype("<f4"),
         "activation": rng.random(n).astype("<f4"),
         "clerp": [f"clerp {i}" for i in range(n)],
         "node_json": texts},
        {"source": np.array([i for i, j in pairs], "<u4"), "target": np.array([j for i, j in pairs], "<u4"),
         "weight": weight.astype("<f4"), "weight_exact": weight},
        {"json": json.dumps(head)},
    ]


def sae():
    """The weights of an SAE of the activations, by name."""
    rng = np.random.default_rng(0)
    return {"W_enc": rng.standard_normal((D, FEATURES)).astype("f4"), "W_dec": rng.standard_normal((FEATURES, D)).astype("f4"),
            "b_enc": np.zeros(FEATURES, "f4"), "b_dec": np.zeros(D, "f4"), "threshold": np.ones(FEATURES, "f4")}


def states():
    """Of the tokens of the text, of which the activations have the first: a few in every frame."""
    return np.random.default_rng(0).standard_normal((9 * TOKENS, D)).astype("f4")


def tokens():
    """The vocabulary ids of the text."""
    return np.random.default_rng(0).integers(0, 20, 9 * TOKENS, dtype="<i4")


KINDS = {make.__name__: make for make in (activations, distributions, contexts, distances, coupling, matching, graph)}


def make(kind, frames=2, seed=0, empty=False, unknown=False, compress=False, **fields):
    header, body = KINDS[kind](np.random.default_rng(seed), frames)
    header = {"kind": kind, **header, **fields, "history": [["make_stream", "1", [kind]]]}
    if empty:
        body = []
        header.update({name: 0 for name in ("rows", "cols", "tokens") if name in header})
    if unknown:
        header["unknown_field"] = {"nested": [1, 2.5, None, True, b"\x00\xff", {"a b": "c"}]}
        for fields in body:
            fields["unknown_tensor"] = np.arange(2**63, 2**63 + 6, dtype="<u8").reshape(3, 2)
            fields["unknown_list"] = ["x", "y\tz", ""]
            fields["unknown_value"] = [1, {"k": None}]
    return packed(header, body, compress=compress)


def packed(header, frames, **how):
    """The bytes of a stream."""
    file = io.BytesIO()
    write(file, header, frames, **how)
    return file.getvalue()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("kind", choices=KINDS)
    arguments.add_argument("--frames", type=int, default=2, help="frames, or blocks of rows or nodes")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--empty", action="store_true", help="a header and an end mark, nothing else")
    arguments.add_argument("--unknown", action="store_true", help="with fields that no filter knows")
    arguments.add_argument("--lz4", action="store_true")
    given = arguments.parse_args()
    sys.stdout.buffer.write(make(given.kind, given.frames, given.seed, given.empty, given.unknown, given.lz4))
