"""circuit-tracer's pruning rule on dense matrices, in plain numpy: graph_prune.py COMMAND ARGUMENT...; see the
functions."""
import argparse
import json

import numpy as np

from attribution import EMBEDDING, ERROR, FEATURE, KINDS, LOGIT, one
from semot import write

OTHER = 4


def random(seed, features, dyadic, cyclic, other):
    """A random graph as a stream on stdout. --dyadic: influences are exact in binary, and many are the same; --cyclic:
    links lead back as well, and one from an embedding to every node; --other: with nodes of another type."""
    rng = np.random.default_rng(seed)
    types = [EMBEDDING] * 4 + [ERROR] * 4 + [OTHER] * (2 * other) + [FEATURE] * features + [LOGIT] * 3
    n, layer = len(types), {EMBEDDING: 0, ERROR: 0, OTHER: 0, LOGIT: 9}
    layers = [layer.get(kind, 1 + int(rng.integers(8))) for kind in types]
    links = []
    for target, kind in enumerate(types):
        sources = [i for i in range(n) if i != target and types[i] != LOGIT and
                   (layers[i] < layers[target] or cyclic and rng.random() < .1)]
        count = int(2 ** rng.integers(3)) if dyadic else int(rng.integers(9))
        if kind in (FEATURE, LOGIT) and len(sources) >= count:
            picked = {int(i) for i in rng.choice(sources, count, replace=False)} | ({0} if cyclic else set())
            links += [(i, target) for i in sorted(picked)]
    order = rng.permutation(len(links))
    links = [links[i] for i in order]
    weight = rng.choice([-1., 1.], len(links)) if dyadic else rng.standard_normal(len(links))
    chances = [.5, .25, .25] if dyadic else rng.dirichlet([1, 1, 1]) * .9
    place = rng.permutation(n)
    number, nodes = np.argsort(place), []
    for k, i in enumerate(place):
        nodes.append({"node_id": f"{layers[i]}_{i}_0", "jsNodeId": f"{layers[i]}_{i}-0", "layer": str(layers[i]),
                      "ctx_idx": 0, "feature": int(i), "feature_type": (*KINDS, "unexplored node")[types[i]], "clerp": f"node {i}"})
        if types[i] == LOGIT:
            nodes[k]["token_prob"] = float(chances[i - n])
    missing = np.full(n, np.nan, "<f4")
    document = {"metadata": {"slug": "toy", "scan": "toy"}, "qParams": {}, "nodes": [], "links": []}
    write("-", {"kind": "graph", "slug": "toy", "history": [["toy", "1", []]]}, [
        {"node_id": [x["node_id"] for x in nodes], "js_node_id": [x["jsNodeId"] for x in nodes],
         "layer": [x["layer"] for x in nodes], "feature": np.array([x["feature"] for x in nodes], "<u8"),
         "ctx_idx": np.zeros(n, "<i4"), "type": np.array([types[i] for i in place], "|u1"), "influence": missing,
         "activation": missing, "clerp": [x["clerp"] for x in nodes], "node_json": [json.dumps(x) for x in nodes],
         "mine": np.arange(2 * n, dtype="<u4").reshape(n, 2), "names": [f"mine {i}" for i in range(n)]},
        {"source": np.array([number[s] for s, _ in links], "<u4"),
         "target": np.array([number[t] for _, t in links], "<u4"), "weight": weight.astype("<f4"), "weight_exact": weight, "mine": np.arange(len(links), dtype="<u4")},
        {"json": json.dumps(document)}], checksum=False)


def logit_weights(nodes):
    """The logits' probabilities; equal ones unless all have one."""
    logit = np.asarray(nodes["type"]) == LOGIT
    chance = [json.loads(text).get("token_prob") for text in np.array(nodes["node_json"], object)[logit]]
    weight = np.zeros(len(logit))
    weight[logit] = 1 / len(chance) if None in chance or not 0 < sum(chance) <= 1.01 * len(chance) else chance
    return weight


def matrix(nodes, link, unit=None):
    """(target, source): sums of absolute weights, between units where given; none within."""
    unit = np.arange(len(nodes["type"])) if unit is None else np.asarray(unit)
    size = max(unit, default=-1) + 1
    out = np.zeros((size, size))
    np.add.at(out, (unit[link["target"]], unit[link["source"]]), np.abs(link["weight_exact"]))
    np.fill_diagonal(out, 0)
    return out


def normalized(absolute):
    return absolute / np.maximum(absolute.sum(1, keepdims=True), 1e-10)


def influence(share, weight):
    """weight (A + A^2 + ...), by the powers where they end and by solving where they go on."""
    total, added = np.zeros(len(weight)), weight
    for _ in range(len(weight)):
        added = added @ share
        total = total + added
        if not added.any():
            return total
    return np.linalg.solve(np.eye(len(weight)) - share.T, weight) - weight


def threshold(scores, part):
    ordered = np.sort(scores.ravel())[::-1]
    with np.errstate(invalid="ignore"):
        at = int(np.searchsorted(np.cumsum(ordered) / ordered.sum(), part))
    return ordered[min(at, max(np.count_nonzero(ordered > 0) - 1, 0))]


def prune(nodes, link, node_part, edge_part, most=None):
    """Which nodes and links are kept, and the cumulative shares. most: features and errors in place of a part."""
    kind = np.asarray(nodes["type"])
    absolute, weight = matrix(nodes, link), logit_weights(nodes)
    end = (kind == EMBEDDING) | (kind == LOGIT)
    score = influence(normalized(absolute), weight)
    least = threshold(score, node_part) if most is None else np.sort(score[~end])[::-1][:most].min(initial=np.inf)
    node = (score >= least) | end
    absolute = absolute * node[:, None] * node
    share = normalized(absolute)
    edge_score = share * (influence(share, weight) + weight)[:, None]
    edge = (edge_score >= threshold(edge_score, edge_part)) & (absolute > 0)
    before = None
    while before is None or (before != node).any():
        before = node.copy()
        node &= end | edge.any(0)
        node &= (kind != FEATURE) | edge.any(1)
        edge &= node[:, None] & node
    order = np.argsort(-score, kind="stable")
    cumulative = np.empty(len(score))
    cumulative[order] = np.cumsum(score[order]) / score.sum()
    return node, edge[link["target"], link["source"]], cumulative


def check(before, after, node_part, edge_part, most=None):
    """The second stream is what the rule leaves of the first."""
    header, (nodes, link, document, *_) = one(before)
    pruned, (kept_nodes, kept_link, same, *_) = one(after)
    node, edge, cumulative = prune(nodes, link, float(node_part), float(edge_part), most and int(most))
    assert same == document
    assert pruned["pruned_nodes"] == np.sum(~node) and pruned["pruned_links"] == np.sum(~edge)
    assert 0 < node.sum() and (float(edge_part) < 1 or edge.any())
    number = np.cumsum(node) - 1
    for name, value in link.items():
        expected = number[value[edge]] if name in ("source", "target") else np.array(value, object)[edge]
        assert list(kept_link[name]) == list(expected), name
    for name, value in nodes.items():
        if name not in ("influence", "node_json"):
            np.testing.assert_array_equal(kept_nodes[name], np.array(value)[node], name)
    for i, k in enumerate(np.flatnonzero(node)):
        text, old = json.loads(kept_nodes["node_json"][i]), json.loads(nodes["node_json"][k])
        if np.isnan(nodes["influence"][k]) and nodes["type"][k] != LOGIT:
            for value in kept_nodes["influence"][i], text["influence"]:
                assert abs(value - cumulative[k]) < 1e-6
            text.pop("influence"), old.pop("influence", None)
        else:
            np.testing.assert_equal(kept_nodes["influence"][i], nodes["influence"][k])
        assert text == old


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("random", "check"))
    parser.add_argument("argument", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--features", type=int, default=40)
    parser.add_argument("--dyadic", action="store_true")
    parser.add_argument("--cyclic", action="store_true")
    parser.add_argument("--other", action="store_true")
    given = parser.parse_args()
    if given.command == "random":
        random(given.seed, given.features, given.dyadic, given.cyclic, given.other)
    else:
        check(*given.argument)


if __name__ == "__main__":
    main()
