"""supernode's groups by scipy and networkx: supernode.py COMMAND ARGUMENT...

    groups OUT OPTION... DIST       they are those that scipy's linkage makes, by the same options as supernode's
    acyclic OUT                     links between groups make no cycle, as the header says; --cyclic: they do
    kept OUT GRAPH                  the supernodes of GRAPH's JSON are in OUT, apart from each other
    mixed OUT DIST                  by node, a stream of distances, from those of layers and features"""
import argparse
import json
import math
import sys
from collections import defaultdict

import numpy as np

from attribution import FEATURE, dialect, flows, links, one, units
from semot import read, write


def partition(labels):
    sets = defaultdict(set)
    for node, label in labels:
        sets[label].add(node)
    return {frozenset(members) for members in sets.values() if len(members) > 1}


def spread(dist):
    """The root mean square of the distances of all pairs that have one."""
    found = dist[~np.eye(len(dist), dtype=bool)]
    found = found[np.isfinite(found)]
    return np.sqrt((found ** 2).mean()) if len(found) else 0


def square(nodes, candidates, path):
    """Distances of the candidates: infinite where they have none; and which have."""
    [(header, (ids, *blocks))] = read(path)
    names = ids["row_node"] if "row_node" in ids else zip(ids["row_layer"], ids["row_feature"].tolist())
    row = {name: i for i, name in enumerate(names)}
    dist = np.concatenate([block["dist"] for block in blocks]).astype(float)
    dist = (dist + dist.T) / 2
    np.fill_diagonal(dist, 0)
    name = lambda i: nodes["node_id"][i] if "row_node" in ids else (nodes["layer"][i], int(nodes["feature"][i]))
    at = np.array([row.get(name(i), -1) for i in candidates])
    return np.where((at[:, None] < 0) | (at < 0), np.inf, dist[np.ix_(at, at)]), at >= 0


def chosen(heights):
    """Half way between the merge that leaves sqrt(n) groups of n free nodes and the next."""
    merges = len(heights) + 1 - round(math.sqrt(len(heights) + 1))
    return heights[merges - 1:merges + 1].mean()


def groups(out, *arguments):
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    parser = argparse.ArgumentParser()
    parser.add_argument("--linkage", default="ward")
    parser.add_argument("--groups", type=int)
    parser.add_argument("--to")
    parser.add_argument("--at", type=float)
    parser.add_argument("--across-positions", action="store_true")
    parser.add_argument("--pinned", action="store_true")
    parser.add_argument("--mix", action="append", default=[])
    parser.add_argument("dist", nargs="?")
    given = parser.parse_args(arguments)
    nodes, link, document, found = one(out)[1]
    pins = json.loads(document["json"])["qParams"].get("pinnedIds", [])
    called = nodes[dialect(nodes, pins)]
    candidates = [i for i in np.flatnonzero(nodes["type"] == FEATURE) if not given.pinned or called[i] in pins]
    streams = [text.rsplit(":", 1) for text in given.mix] or [(given.dist, 1)]
    squares = [square(nodes, candidates, path) for path, _ in streams]
    has = np.logical_and.reduce([h for _, h in squares])
    member = np.array(candidates)[has]
    squares = [d[np.ix_(has, has)] for d, _ in squares]
    dist = sum(float(w) * (d / spread(d) if len(streams) > 1 else d) for d, (_, w) in zip(squares, streams))
    number = given.groups or (math.ceil(float(given.to[:-1]) * len(candidates) / 100 - 1e-9) if given.to else None)
    trees = []
    for position in {0} if given.across_positions else set(nodes["ctx_idx"][member].tolist()):
        of = np.flatnonzero(nodes["ctx_idx"][member] == position) if not given.across_positions else np.arange(len(member))
        if len(of) > 1:
            part = np.minimum(dist[np.ix_(of, of)], 1e6)
            trees.append((member[of], linkage(squareform(part, checks=False), given.linkage)))
    heights = np.sort(np.concatenate([tree[:, 2] for _, tree in trees]))
    heights = heights[heights < 1e4]
    if number is None:
        at = chosen(linkage(squareform(np.minimum(dist, 1e6), checks=False), given.linkage)[:, 2]) \
            if given.at is None else given.at
    else:
        merges = min(len(candidates) - number, len(heights))
        at = heights[merges - 1] * (1 + 1e-9) if merges > 0 else -1
    expected = partition(((i, (t, label)) for t, (part, tree) in enumerate(trees)
                          for i, label in zip(part, fcluster(tree, min(at, 1e4), "distance"))))
    actual = partition((i, group) for i, group in enumerate(found["group"]) if group >= 0)
    assert actual == expected, f"{len(actual)} groups, {len(expected)} expected"
    assert len(actual) == len(found["group_name"]) == len(set(found["group_name"]))
    assert all(found["group_name"])
    links(link, found)
    flows(nodes, link, found)
    print(len(actual))


def acyclic(out, *expected):
    import networkx
    header, (nodes, _, _, found) = one(out)
    graph = networkx.DiGraph(zip(found["group_link_source"].tolist(), found["group_link_target"].tolist()))
    assert networkx.is_directed_acyclic_graph(graph) == bool(header["acyclic"]) == ("--cyclic" not in expected)
    links(one(out)[1][1], found)


def kept(out, path):
    nodes, _, _, found = one(out)[1]
    given = json.load(open(path))["qParams"]["supernodes"]
    called = nodes[dialect(nodes, [m for s in given for m in s[1:]])]
    node, seen, numbers = {name: i for i, name in reversed(list(enumerate(called)))}, set(), []
    for name, *members in given:
        members = [node[m] for m in members if m in node and m not in seen]
        seen |= {called[i] for i in members}
        if members:
            number, = {int(found["group"][i]) for i in members}
            assert number >= 0 and found["group_name"][number] == name, (name, number)
            numbers.append(number)
    assert len(numbers) == len(set(numbers)) > 0
    grown = np.bincount(found["group"][found["group"] >= 0])[numbers].sum()
    print(len(seen), grown, len(found["group_name"]) - len(numbers))


def mixed(graph, path):
    """The distances of a stream, by node."""
    header, (nodes, *_) = one(graph)
    candidates = np.flatnonzero(nodes["type"] == FEATURE)
    dist, has = square(nodes, candidates, path)
    candidates, dist = candidates[has], dist[np.ix_(has, has)]
    ids = {}
    for side in "row", "col":
        ids[f"{side}_layer"] = [nodes["layer"][i] for i in candidates]
        ids[f"{side}_feature"] = nodes["feature"][candidates].astype("<u4")
        ids[f"{side}_node"] = [nodes["node_id"][i] for i in candidates]
    write("-", {"kind": "distances", "slug": header["slug"], "rows": len(dist), "cols": len(dist), "history": []},
          [ids, {"row0": 0, "dist": dist.astype("<f4")}], checksum=False)


if __name__ == "__main__":
    {f.__name__: f for f in (groups, acyclic, kept, mixed)}[sys.argv[1]](*sys.argv[2:])
