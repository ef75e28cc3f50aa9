"""Scores of graphs and of groups on dense matrices, in plain numpy: graph_score.py COMMAND ARGUMENT...; see the
functions."""
import argparse
import json
from collections import Counter

import numpy as np

from attribution import EMBEDDING, ERROR, FEATURE, LOGIT, load, one
from graph_prune import influence, logit_weights, matrix, normalized
from semot import write


def group(path, seed, groups, every):
    """The graph with random groups, on stdout, of features or with --every of all kinds; some nodes stay alone."""
    rng = np.random.default_rng(seed)
    header, frames = one(path)
    kind = frames[0]["type"]
    label = np.where(rng.random(len(kind)) < .8, rng.integers(groups, size=len(kind)), -1)
    label = np.where((kind == FEATURE) | every, label, -1)
    used, number = np.unique(label[label >= 0], return_inverse=True)
    label[label >= 0] = number
    none = np.zeros(0)
    write("-", header, frames[:3] + [{
        "group": label.astype("<i4"), "group_name": [f"group {i}" for i in used],
        "group_link_source": none.astype("<u4"), "group_link_target": none.astype("<u4"),
        "group_link_weight": none.astype("<f4"), "group_link_abs": none.astype("<f4")}], checksum=False)


def listed(nodes, supernodes, least=1):
    """The class of each node by a list of supernodes, the members that are none, and how many supernodes count."""
    def lookup(names):
        found = {}
        for i, name in enumerate(names):
            if name not in found or nodes["type"][i] == FEATURE != nodes["type"][found[name]]:
                found[name] = i
        return found
    tables = [lookup(nodes["node_id"]), lookup(nodes["js_node_id"])]
    members = [name for _, *names in supernodes for name in names]
    first = max(tables, key=lambda table: sum(name in table for name in members))
    table = tables[0] | tables[1] | first
    label = np.full(len(nodes["type"]), -1)
    sets = [{table[name] for name in names if name in table} for _, *names in supernodes]
    sets = [found for found in sets if len(found) >= least]
    for i, found in enumerate(sets):
        for node in found:
            label[node] = i if label[node] < 0 else label[node]
    return label, sum(name not in table for name in members), len(sets)


def replacement(share, total, kind):
    return total[kind == EMBEDDING].sum() / (total[kind == EMBEDDING].sum() + total[kind == ERROR].sum())


def completeness(share, total, kind):
    return ((1 - share[:, kind == ERROR].sum(1)) * total).sum() / total.sum()


def structure(nodes, link, label):
    """The scores of a graph, and of its units where label is one."""
    kind, weight, n = np.asarray(nodes["type"]), logit_weights(nodes), len(nodes["type"])
    share = normalized(matrix(nodes, link))
    total = influence(share, weight) + weight
    yield "nodes", n
    yield "links", len(link["source"])
    yield "replacement", replacement(share, total, kind)
    yield "completeness", completeness(share, total, kind)
    if label is None:
        return
    keys = [("group", label[i], kind[i]) if kind[i] in (FEATURE, ERROR) and label[i] >= 0 else ("node", i) for i in range(n)]
    first = {key: i for i, key in reversed(list(enumerate(keys)))}
    names = sorted(first, key=first.get)
    unit = np.array([names.index(key) for key in keys])
    small_kind = np.array([kind[first[key]] for key in names])
    absolute = matrix(nodes, link, unit)
    small_share = normalized(absolute)
    small_weight = np.bincount(unit, weight, len(names))
    small_total = influence(small_share, small_weight) + small_weight
    sizes = np.bincount(unit)[small_kind == FEATURE]
    part = sizes / sizes.sum()
    joined = {(unit[s], unit[t]) for s, t in zip(link["source"], link["target"])}
    left = set(range(len(names)))
    while any(not absolute[i, list(left)].any() for i in left):
        left = {i for i in left if absolute[i, list(left)].any()}
    yield "units", len(names)
    yield "unit_links", sum(a != b for a, b in joined)
    yield "ratio", len(names) / n
    yield "ratio/features", len(sizes) / np.sum(kind == FEATURE)
    yield "balance", -(part * np.log(part)).sum() / np.log(len(sizes)) if len(sizes) > 1 else 1
    yield "acyclic", not left
    yield "replacement/units", replacement(small_share, small_total, small_kind)
    yield "completeness/units", completeness(small_share, small_total, small_kind)
    into = share * ((kind != EMBEDDING) & (kind != ERROR))[:, None]
    start = (kind == EMBEDDING).astype(float)
    flow = share * (influence(into.T, start) + start) * total[:, None]
    inside = unit[:, None] == unit
    yield "between", flow[~inside].sum() / flow.sum()
    yield "within", flow[inside].sum() / flow.sum()
    tokens = np.flatnonzero(kind == EMBEDDING)
    member = np.eye(len(names))[unit]
    flowing = member.T @ (share * total[:, None]) @ member
    np.fill_diagonal(flowing, 0)
    for name, small in ("kept", normalized(flowing)), ("kept/weights", small_share):
        kept = whole = 0
        for i in np.flatnonzero(kind == LOGIT):
            p = influence(share, weight * (np.arange(n) == i))[tokens]
            q = influence(small, small_weight * (np.arange(len(names)) == unit[i]))[unit[tokens]]
            kept, whole = kept + np.minimum(p, q).sum(), whole + p.sum()
        yield name, kept / whole
    deep = depths(nodes, link)
    yield "dag_loss", backward(flowing.T, np.bincount(unit, deep) / np.bincount(unit)) / flowing.sum()
    signed = np.zeros((n, n))
    np.add.at(signed, (link["target"], link["source"]), link["weight_exact"])
    np.fill_diagonal(signed, 0)
    yield "hidden", matrix(nodes, link)[inside].sum() / matrix(nodes, link).sum()
    yield "hidden/signed", signed[inside].sum() / signed.sum()
    yield "role_gap", role_gap(signed, np.where(kind == FEATURE, label, -1))


def backward(w, depth):
    """Least weight of a dense matrix (from, to) that runs backwards: exact for 16 nodes or fewer on ways between cycles;
    else from the order of depth, moving nodes one by one to where least runs backwards."""
    way = w > 0
    for _ in range(len(w).bit_length()):
        way = way | (way.astype(float) @ way > 0)
    cyclic = np.diag(way)
    core = np.flatnonzero((way[cyclic].any(0) | cyclic) & (way[:, cyclic].any(1) | cyclic))
    core = np.array(sorted(core, key=lambda i: (depth[i], i)), int)
    w, n = w[np.ix_(core, core)], len(core)
    if n <= 16:
        to = [[0.0] * 2 ** n for _ in range(n)]
        least = [0.0] + [np.inf] * (2 ** n - 1)
        for some in range(2 ** n):
            low = (some & -some).bit_length() - 1
            for v in range(n):
                if some:
                    to[v][some] = to[v][some & some - 1] + w[v, low]
                if some >> v & 1:
                    least[some] = min(least[some], least[some - 2 ** v] + to[v][some - 2 ** v])
        return least[-1]
    order, moved = list(range(n)), True
    start, least = np.tril(w, -1).sum(), np.minimum(w, w.T).sum() / 2
    while moved:
        moved = False
        for v in range(n):
            others = [u for u in order if u != v]
            cost = w[others, v].sum() + np.concatenate([[0], np.cumsum(w[v, others] - w[others, v])])
            own, best = order.index(v), None
            for p, c in enumerate(cost):
                if c < (cost[own] if best is None else cost[best]) - 1e-12 * w.sum():
                    best = p
            if best is not None:
                order, moved = others[:best] + [v] + others[best:], True
    found = np.tril(w[np.ix_(order, order)], -1).sum()
    assert least * (1 - 1e-9) <= found <= start * (1 + 1e-9)
    return found


def depths(nodes, link):
    """Of nodes, by longest ways; 0 where there is a cycle."""
    import networkx
    graph = networkx.DiGraph((s, t) for s, t in zip(link["source"].tolist(), link["target"].tolist()) if s != t)
    depth = np.zeros(len(nodes["type"]))
    if networkx.is_directed_acyclic_graph(graph):
        for t in networkx.topological_sort(graph):
            depth[t] = max((depth[s] + 1 for s in graph.predecessors(t)), default=0)
    return depth


def role_gap(weight, group):
    """Of signed weights (to, from): cosines of all pairs of members."""
    profile = np.hstack([weight, weight.T])[group >= 0]
    length = np.linalg.norm(profile, axis=1, keepdims=True)
    profile, group = profile / np.where(length > 0, length, 1), group[group >= 0]
    cosine, same = profile @ profile.T, group[:, None] == group
    twins = same & ~np.eye(len(group), dtype=bool)
    return cosine[twins].mean() - cosine[~same].mean() if twins.any() and not same.all() else np.nan


def odd_one_out(dist, group):
    """How often a member is nearest of ten to the others of its group, over all draws; and by chance."""
    from math import comb
    found, chance = [], []
    for i in np.flatnonzero(group >= 0):
        rest = np.flatnonzero((group == group[i]) & (np.arange(len(group)) != i))
        strangers = np.flatnonzero(group != group[i])
        if not len(rest) or not len(strangers):
            continue
        to = dist[np.ix_(strangers, rest)].mean(1)
        own = dist[i, rest].mean()
        equal = int(np.isclose(to, own, rtol=1e-9, atol=0).sum() if np.isfinite(own) else np.isinf(to).sum())
        farther = int((to > own).sum() - (to[np.isclose(to, own, rtol=1e-9, atol=0)] > own).sum())
        drawn = min(9, len(strangers))
        ways = sum(comb(equal, j) * comb(farther, drawn - j) / (j + 1) for j in range(drawn + 1))
        found.append(ways / comb(len(strangers), drawn))
        chance.append(1 / (drawn + 1))
    return np.mean(found), np.mean(chance), len(found)


def odd_scores(nodes, document, groups, label, path):
    from supernode import square
    features = np.flatnonzero(nodes["type"] == FEATURE)
    dist, has = square(nodes, features, path)
    of, dist = features[has], dist[np.ix_(has, has)]
    yield from zip(("odd_one_out", "odd_one_out/chance", "odd_one_out/members"), odd_one_out(dist, label[of]))
    listed_ones = json.loads(document["json"])["qParams"].get("supernodes")
    if groups and listed_ones:
        yield "odd_one_out/people", odd_one_out(dist, listed(nodes, listed_ones)[0][of])[0]


def signs(nodes, link, label, names, path):
    """Of lines source, target, effect: signs of links, and of the inverse of a matrix."""
    n, lines = len(nodes["type"]), [line.split("\t") for line in open(path).read().splitlines()][1:]
    weight = np.zeros((n, n))
    np.add.at(weight, (link["target"], link["source"]), link["weight_exact"])
    np.fill_diagonal(weight, 0)
    absolute = matrix(nodes, link)
    share = weight / np.where(absolute.sum(1) > 0, absolute.sum(1), 1)[:, None]
    def members(name):
        return label == names.index(name) if name in names else np.array([other == name for other in nodes["node_id"]])
    agree, ways, effects, missing = [], [], [], 0
    for source, target, effect in lines:
        a, b, effect = members(source), members(target), float(effect)
        if not a.any() or not b.any():
            missing += 1
        elif effect:
            held = np.where(a[:, None], 0, share)
            x = np.linalg.solve(np.eye(n) - held, a.astype(float))
            effects.append(effect > 0)
            for found, total in (agree, weight[np.ix_(b, a)].sum()), (ways, x[b & ~a].sum()):
                found += [(total > 0) == (effect > 0)] * (abs(total) > 1e-12)
    yield "signs", np.mean(agree)
    yield "signs/ways", np.mean(ways)
    yield "signs/chance", max(np.mean(effects), 1 - np.mean(effects))
    yield "signs/pairs", len(effects)
    yield "signs/missing", missing


def entropy(counts):
    p = np.array(list(counts.values())) / sum(counts.values())
    return -(p * np.log(p)).sum()


def agreement(a, b):
    """By pairs of things, and by entropies of counts."""
    a, b = np.asarray(a), np.asarray(b)
    pair = np.triu(np.ones((len(a), len(a)), bool), 1)
    same_a, same_b = (a[:, None] == a)[pair], (b[:, None] == b)[pair]
    tp, tn = float(np.sum(same_a & same_b)), float(np.sum(~same_a & ~same_b))
    fp, fn = float(np.sum(same_a & ~same_b)), float(np.sum(~same_a & same_b))
    below = (tp + fn) * (fn + tn) + (tp + fp) * (fp + tn)
    yield "adjusted_rand", 2 * (tp * tn - fn * fp) / below if below else 1
    yield "purity", sum(max(Counter(b[a == x]).values()) for x in set(a)) / len(a)
    whole, classes, sets = entropy(Counter(zip(a, b))), entropy(Counter(b)), entropy(Counter(a))
    h = 1 - (whole - sets) / classes if classes else 1
    c = 1 - (whole - classes) / sets if sets else 1
    yield "v_measure", 2 * h * c / (h + c) if h + c else 0


def expected(path, distances=None, effects=None):
    header, (nodes, link, document, *groups) = one(path)
    label = np.array(groups[0]["group"]) if groups else None
    missing = None
    supernodes = json.loads(document["json"])["qParams"].get("supernodes")
    if label is None and supernodes:
        label, missing, _ = listed(nodes, supernodes)
    yield from structure(nodes, link, label)
    if missing is not None:
        yield "missing", missing
    if distances and label is not None:
        yield from odd_scores(nodes, document, groups, label, distances)
    if effects:
        names = list(groups[0]["group_name"]) if groups else []
        yield from signs(nodes, link, np.full(len(nodes["type"]), -1) if label is None else label, names, effects)


def compared(path, truth, key, least):
    """The scores of a graph's groups against people's."""
    header, (nodes, link, document, *groups) = one(path)
    label = np.array(groups[0]["group"]) if groups else None
    supernodes = json.loads(document["json"])["qParams"].get("supernodes")
    if label is None and supernodes:
        label = listed(nodes, supernodes)[0]
    wanted = load(truth)
    if isinstance(wanted, dict) and header["slug"] in wanted:
        wanted = wanted[header["slug"]]
    if isinstance(wanted, dict):
        wanted = wanted.get("qParams", wanted)[key]
    reference, missing, count = listed(nodes, wanted, least)
    named = np.flatnonzero(reference >= 0)
    yield "truth_groups", count
    yield "truth_nodes", len(named)
    yield "truth_missing", missing
    yield from agreement([-2 - i if label is None or label[i] < 0 else label[i] for i in named], reference[named])


def check(graph, scores, truth, key, least, distances=None, effects=None):
    """The scores are those of the graph, or with --truth of its groups against people's."""
    header, (frame,) = one(scores)
    wanted = dict(expected(graph, distances, effects) if truth is None else compared(graph, truth, key, least))
    assert header["kind"] == "scores" and set(frame["slug"]) == {header["slug"]}
    assert frame["score"] == list(wanted), frame["score"]
    np.testing.assert_allclose(frame["value"], np.array(list(wanted.values()), float), rtol=1e-8, atol=1e-10)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("group", "check"))
    parser.add_argument("path", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--truth")
    parser.add_argument("--key", default="supernodes")
    parser.add_argument("--min", type=int, default=1)
    parser.add_argument("--distances")
    parser.add_argument("--effects")
    given = parser.parse_args()
    if given.command == "group":
        group(*given.path, given.seed, given.groups, given.every)
    else:
        check(*given.path, given.truth, given.key, given.min, given.distances, given.effects)


if __name__ == "__main__":
    main()
