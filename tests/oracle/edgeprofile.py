"""edgeprofile's distances in plain numpy: edgeprofile.py COMMAND ARGUMENT...

    make FILE [SEED] [STATEMENT]    a random graph's JSON; STATEMENT changes its document d
    check STREAM DIST [POSITION [LAYER]]    the distances of the stream's graphs, one stream each
    same A B            by node: the same distances, whatever the order of the nodes"""
import json
import subprocess
import sys

import numpy as np

from semot import read

FEATURE = 0


def make(path, seed="0", statement=""):
    made = subprocess.run([sys.executable, __file__.replace("edgeprofile", "attribution"), "make", "--seed", seed],
                          stdout=subprocess.PIPE, check=True).stdout
    d = json.loads(made)
    exec(statement, {"d": d, "np": np})
    json.dump(d, open(path, "w"))


def cosine(x):
    length = np.linalg.norm(x, axis=1, keepdims=True)
    x = x / np.where(length > 0, length, 1)
    return x @ x.T


def expected(nodes, links, position, layer):
    n = len(nodes["type"])
    weight = np.zeros((n, n))
    total = np.zeros(n)
    np.add.at(weight, (links["target"], links["source"]), links["weight_exact"])
    np.add.at(total, links["target"], np.abs(links["weight_exact"]))
    share = weight / np.where(total > 0, total, 1)[:, None]
    effect = np.linalg.inv(np.eye(n) - share) - np.eye(n)
    root = np.sign(effect) * np.sqrt(np.abs(effect))
    features = np.flatnonzero(nodes["type"] == FEATURE)
    at = nodes["ctx_idx"][features].astype(float)
    deep = np.array([float(nodes["layer"][i]) for i in features])
    square = 1 - cosine(np.hstack([root[features], root[:, features].T]))
    lonely = ~(np.abs(effect).sum(0) + np.abs(effect).sum(1))[features].astype(bool)
    square[np.ix_(lonely, lonely)] = 0      # nothing tells them apart
    square += position * np.log1p(np.abs(at[:, None] - at))
    square += layer * np.abs(deep[:, None] - deep) / max(1, deep.max(initial=1))
    feature = [(nodes["layer"][i], nodes["feature"][i]) for i in features]
    square[np.array([[a == b for b in feature] for a in feature])] = 0
    return features, np.sqrt(np.maximum(square, 0))


def streams(graphs, distances):
    return zip(read(graphs), read(distances), strict=True)


def check(graphs, distances, position=".3", layer="0"):
    for (before, frames), (header, (ids, *blocks)) in streams(graphs, distances):
        nodes, links = frames[:2]
        features, dist = expected(nodes, links, float(position), float(layer))
        assert header["kind"] == "distances" and header["slug"] == before["slug"]
        assert (header["position"], header["layer"]) == (float(position), float(layer))
        for side in "row", "col":
            assert ids[f"{side}_node"] == [nodes["node_id"][i] for i in features]
            assert ids[f"{side}_layer"] == [nodes["layer"][i] for i in features]
            assert ids[f"{side}_feature"].tolist() == nodes["feature"][features].tolist()
        found = np.concatenate([b["dist"] for b in blocks])
        assert found.shape == dist.shape and len(dist) > 2
        assert np.abs(found.astype(float) ** 2 - dist ** 2).max() < 1e-5, np.abs(found ** 2 - dist ** 2).max()
        assert np.ptp(dist[~np.eye(len(dist), dtype=bool)]) > .1


def by_node(path):
    (_, (ids, *blocks)), = read(path)
    order = np.argsort(ids["row_node"])
    return sorted(ids["row_node"]), np.concatenate([b["dist"] for b in blocks])[np.ix_(order, order)]


def same(a, b):
    (names, x), (others, y) = by_node(a), by_node(b)
    assert names == others
    np.testing.assert_allclose(x ** 2, y ** 2, atol=1e-5)


if __name__ == "__main__":
    {f.__name__: f for f in (make, check, same)}[sys.argv[1]](*sys.argv[2:])
