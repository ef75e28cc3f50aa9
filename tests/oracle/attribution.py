"""Attribution graphs for the tests, in plain Python: attribution.py COMMAND ARGUMENT...; see the functions."""
import argparse
import json
import subprocess
import sys
from collections import Counter, defaultdict

import numpy as np

from semot import objects, read, write

KINDS = ("cross layer transcoder", "mlp reconstruction error", "embedding", "logit")
FEATURE, ERROR, EMBEDDING, LOGIT = range(4)


def make(seed, shuffle, features):
    """A small random graph as JSON on stdout; --shuffle permutes its nodes and links."""
    rng = np.random.default_rng(seed)
    nodes = [(f"{1 + i % 4}", i // 4 % 23, int(rng.integers(3)), FEATURE) for i in range(features)]
    nodes += [("2", -1, position, ERROR) for position in range(3)]
    nodes += [("E", 7, position, EMBEDDING) for position in range(3)] + [("5", 9, 2, LOGIT)]
    nodes = list(dict.fromkeys(nodes))
    ids = [f"0_{layer}_{at}" if kind == ERROR else f"{layer}_{index}_{at}"
           for layer, index, at, kind in nodes]
    document = {
        "metadata": {"slug": "toy", "scan": "toy", "prompt_tokens": ["a", "b", "c"], "prompt": "a b c"},
        "qParams": {"pinnedIds": [ids[-1], ids[0], "gone"], "supernodes": [["by hand", ids[0], ids[1]]]},
        "nodes": [{
            "node_id": name, "feature": index, "layer": layer, "ctx_idx": at, "feature_type": KINDS[kind],
            "jsNodeId": f"{layer}_{index}-0", "clerp": ["", "cat", "dog", f"label {i}"][i % 4],
            "influence": None if kind == LOGIT else rng.random(), "unknown": {"kept": [i, None]},
        } for i, (name, (layer, index, at, kind)) in enumerate(zip(ids, nodes))],
        "links": [{"source": a, "target": b, "weight": rng.standard_normal()}
                  for i, a in enumerate(ids) for b in ids[i + 1:] if rng.random() < .3],
    }
    if shuffle:
        np.random.default_rng(seed + 1).shuffle(document["nodes"])
        np.random.default_rng(seed + 2).shuffle(document["links"])
    json.dump(document, sys.stdout)


def of_kind(document, word):
    return [node for node in document["nodes"] if word in node["feature_type"]]


def name_of(node):
    return str(node["layer"]), int(node["node_id"].split("_")[1])


def distances(graph, seed, skip, forbid, one_way, two_sets):
    """A stream of distances between the graph's features, as between random points, on stdout. --skip of
    them are left out, --forbid pairs are infinite, --one-way makes both directions differ, --two-sets leaves
    one feature out of the columns only."""
    names = sorted({name_of(node) for node in of_kind(load(graph), "transcoder")})[skip:]
    point = np.array([np.random.default_rng([seed, *name[0].encode(), name[1]]).random(3) for name in names])
    dist = np.linalg.norm(point[:, None] - point[None], axis=2)
    rng = np.random.default_rng(seed)
    for i, j in rng.integers(len(names), size=(forbid, 2)):
        dist[i, j] = dist[j, i] = np.inf
    if one_way:
        dist += rng.random(dist.shape)
    columns = names[:-1] if two_sets else names
    write("-",
          {"kind": "distances", "metric": "toy", "rows": len(names), "cols": len(columns), "history": [["toy", "1", []]]},
          [{**ids("row", names), **ids("col", columns)}, {"row0": 0, "dist": dist[:, :len(columns)].astype("<f4")}],
          checksum=False)


def ids(side, names):
    return {f"{side}_layer": [layer for layer, _ in names],
            f"{side}_feature": np.array([index for _, index in names], "<u4")}


def load(path, exact=False):
    """With exact, objects are lists of pairs, so that the order of keys counts, and numbers are texts. A mark of
    UTF-8 at the beginning is none of the text; NaN is no number."""
    def number(text):
        return ("number", text)

    def refuse(text):
        raise ValueError(text)

    with open(path, encoding="utf-8-sig", newline="") as file:
        if not exact:
            return json.load(file)
        return json.load(file, object_pairs_hook=lambda pairs: ("object", pairs), parse_float=number,
                         parse_int=number, parse_constant=refuse)


def one(path):
    """The header and frames of a file with one stream; its checksum is not looked at, which takes long."""
    with open(path, "rb") as file:
        header, *frames, end = [fields for fields, _ in objects(file)]
    assert end["end"] == len(frames)
    return header, frames


def same(a, b):
    """Both files hold the same JSON, the order of keys and the digits of numbers included."""
    assert repr(load(a, True)) == repr(load(b, True)), f"{b} is not {a}"


def schema(path, *files):
    """Neuronpedia's schema holds for the files."""
    import jsonschema
    check = jsonschema.Draft7Validator(load(path))
    for file in files:
        for error in check.iter_errors(load(file)):
            raise AssertionError(f"{file}: {list(error.path)}: {error.message[:200]}")


def units(found):
    count = len(found["group_name"])
    out = []
    for group in found["group"]:
        out.append(group if group >= 0 else count)
        count += group < 0
    return out


def links(link, found):
    """Links between groups are the sums of links."""
    unit, signed, absolute = units(found), defaultdict(float), defaultdict(float)
    for a, b, weight in zip(link["source"], link["target"], link["weight_exact"]):
        if unit[a] != unit[b]:
            signed[unit[a], unit[b]] += weight
            absolute[unit[a], unit[b]] += abs(weight)
    pairs = list(zip(found["group_link_source"].tolist(), found["group_link_target"].tolist()))
    assert sorted(pairs) == sorted(signed) and len(pairs) == len(set(pairs))
    np.testing.assert_allclose(found["group_link_weight"], [signed[p] for p in pairs], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found["group_link_abs"], [absolute[p] for p in pairs], rtol=1e-6)


def flows(nodes, link, found):
    """The influence on links between groups, by circuit-tracer's rule, is the sum of that on their links."""
    absolute, n, total = np.abs(link["weight_exact"]), len(nodes["type"]), carried(nodes, link)
    share = absolute / np.maximum(np.bincount(link["target"], absolute, n), 1e-10)[link["target"]]
    unit, sums = np.array(units(found)), defaultdict(float)
    for a, b, flow in zip(unit[link["source"]], unit[link["target"]], share * total[link["target"]]):
        sums[a, b] += flow
    pairs = zip(found["group_link_source"].tolist(), found["group_link_target"].tolist())
    np.testing.assert_allclose(found["group_link_influence"], [sums[p] for p in pairs], rtol=1e-5, atol=1e-9)
    assert max(found["group_link_influence"], default=1) > .01


def by_id(path):
    """The groups of a stream as sets of node_ids, and its links between groups, one a line; for cmp."""
    nodes, _, _, found = one(path)[1]
    members = defaultdict(list)
    for name, kind, unit in zip(nodes["node_id"], nodes["type"].tolist(), units(found)):
        members[unit].append((name, kind))
    text = {unit: json.dumps(sorted(names)) for unit, names in members.items()}
    for line in sorted(text.values()):
        print(line)
    for line in sorted(f"{text[a]} -> {text[b]} {weight:.4f}" for a, b, weight in zip(
            found["group_link_source"].tolist(), found["group_link_target"].tolist(),
            found["group_link_weight"].tolist())):
        print(line)


def ranked(nodes, link):
    """Nodes by cumulative influence, where there is one that can be it, or else by the sum of absolute outgoing
    weights."""
    strength = np.bincount(link["source"], np.abs(link["weight"]).astype(float), len(nodes["type"]))
    influence = np.nan_to_num(nodes["influence"], nan=np.inf)
    given = np.isfinite(influence)
    both, rho = given & (np.asarray(nodes["type"]) == FEATURE), 0
    if both.sum() > 2 and np.ptp(influence[both]) and np.ptp(strength[both]):
        from scipy.stats import spearmanr
        rho = spearmanr(influence[both], strength[both])[0] * np.sqrt(both.sum() - 1)
    if rho > 2 or (influence[given] > 1.01).any() or (influence[given] < 0).any():
        influence = np.full(len(strength), np.inf)
    return sorted(range(len(strength)), key=lambda i: (influence[i], -strength[i]))


def dialect(nodes, pins):
    """The ids that pins are."""
    return max(("node_id", "js_node_id"), key=lambda field: sum(pin in set(nodes[field]) for pin in pins))


def viewer_ids(nodes, document):
    """The names by which the viewer of this graph knows its nodes."""
    return nodes["js_node_id" if document["metadata"]["scan"].startswith("jackl-circuits-runs-") else "node_id"]


def pinned_nodes(nodes, pins):
    """The nodes that pins are: by the name that more of them are, of alike names the first feature's."""
    def place(field):
        found = {}
        for i in sorted(range(len(nodes["type"])), key=lambda i: (nodes["type"][i] != FEATURE, i)):
            found.setdefault(nodes[field][i], i)
        return found
    first, second = sorted((place("node_id"), place("js_node_id")), key=lambda at: -sum(pin in at for pin in pins))
    return {first.get(pin, second.get(pin)) for pin in pins} - {None}


def carried(nodes, link):
    """Influence on the logits, by circuit-tracer's rule, and a logit's own weight."""
    from graph_prune import influence, logit_weights
    absolute, n = np.abs(link["weight_exact"]), len(nodes["type"])
    share = absolute / np.maximum(np.bincount(link["target"], absolute, n), 1e-10)[link["target"]]
    dense = np.zeros((n, n))
    np.add.at(dense, (link["target"], link["source"]), share)
    return influence(dense, logit_weights(nodes)) + logit_weights(nodes)


def pins(nodes, names, link, found, old, limit=200):
    """The nodes that are to be pinned, in order, and all groups' names that have none of them."""
    order, kind, group = ranked(nodes, link), nodes["type"], found["group"].tolist()
    mine, carries, ends = pinned_nodes(nodes, old), carried(nodes, link), []
    for one_kind in LOGIT, EMBEDDING:
        these = [i for i in range(len(kind)) if kind[i] == one_kind]
        these = [i for i in these if i in mine] or [i for i in these if carries[i] > 0]
        ends += sorted(these, key=lambda i: (-carries[i], i))
    taken, room = [], max(limit - len(found["group_name"]), 0)
    for i in ends:
        first = group[i] >= 0 and group[i] not in [group[k] for k in taken]
        if first or room or not taken:
            taken.append(i)
            room = max(room - (not first), 0)
    best, count = {}, Counter(names)
    for i in sorted(order, key=lambda i: (count[names[i]] > 1, i not in mine)):
        best.setdefault(group[i], i)
    best.pop(-1, None)
    others = [i for i in order if best.get(group[i]) == i and group[i] not in {group[k] for k in taken}]
    others += [i for i in order if i in mine] + [i for i in order if group[i] >= 0]
    return list(dict.fromkeys(taken + [i for i in others if i not in set(ends) - set(taken)]))[:limit]


def supernodes(path, stream, before):
    """frame2graph's file says of the stream's groups what it should, and is as before in all else."""
    nodes, link, _, found = one(stream)[1]
    document, old = load(path), load(before)
    names = viewer_ids(nodes, old)
    expected = [[name] + [names[i] for i, group in enumerate(found["group"]) if group == g]
                for g, name in enumerate(found["group_name"])]
    assert document["qParams"]["supernodes"] == expected
    wanted = [names[i] for i in pins(nodes, names, link, found, old["qParams"].get("pinnedIds", []))]
    assert document["qParams"]["pinnedIds"] == list(dict.fromkeys(wanted))
    assert document["qParams"].get("sg_pos", "") == ""
    for key in "supernodes", "pinnedIds", "sg_pos":
        document["qParams"].pop(key, None)
        old["qParams"].pop(key, None)
    assert document == old


def collapsed(path, stream, before):
    """A collapsed file: one node per unit with its leader's fields, links summed, pins within it."""
    nodes, link, _, found = one(stream)[1]
    document, old = load(path), load(before)
    names = viewer_ids(nodes, old)
    unit, leader = units(found), {}
    for i in ranked(nodes, link):
        leader.setdefault(unit[i], i)
    kept = sorted(leader.values())
    ids = [node["node_id"] for node in document["nodes"]]
    assert len(ids) == len(set(ids)) == len(kept)
    for i, node in zip(kept, document["nodes"]):
        expected = dict(old["nodes"][i], node_id=node["node_id"])
        assert node["node_id"] in (expected["node_id"], old["nodes"][i]["node_id"] + "_2")
        if found["group"][i] >= 0:
            expected["clerp"] = found["group_name"][found["group"][i]]
            expected["supernode_members"] = [names[k] for k, u in enumerate(unit) if u == unit[i]]
        assert node == expected
    place = {unit[i]: node["node_id"] for i, node in zip(kept, document["nodes"])}
    expected = {(place[a], place[b]): both for a, b, *both in zip(found["group_link_source"], found["group_link_target"],
                found["group_link_weight"].tolist(), found["group_link_influence"].tolist())}
    actual = {(each["source"], each["target"]): [each["weight"], each["influence"]] for each in document["links"]}
    assert actual == expected and len(actual) == len(document["links"])
    key = "node_id" if names is nodes["node_id"] else "jsNodeId"
    known = {node[key]: "supernode_members" in node for node in document["nodes"]}
    pins = document["qParams"]["pinnedIds"]
    assert len(pins) == len(set(pins)) <= 200 and all(pin in known for pin in pins)
    assert len(pins) == 200 or {name for name, group in known.items() if group} <= set(pins)
    assert document["qParams"]["supernodes"] == []
    for key in "qParams", "nodes", "links":
        document.pop(key)
        old.pop(key)
    assert document == old


def collision(path, stream):
    """Links whose source is a node_id of two nodes: in the stream, sources of one target ascend, and no link
    goes back to an earlier layer."""
    nodes, link = one(stream)[1][:2]
    twice = {name for name, n in Counter(nodes["node_id"]).items() if n > 1}
    layer = [-1 if name == "E" else int(name) for name in nodes["layer"]]
    source, target = link["source"].astype(int), link["target"].astype(int)
    assert twice and [nodes["node_id"][i] for i in source] == [each["source"] for each in load(path)["links"]]
    assert all(a < b for a, b, s, t in zip(source, source[1:], target, target[1:]) if s == t)
    assert all(layer[a] < layer[b] for a, b in zip(source, target))
    assert len({a for a in source if nodes["node_id"][a] in twice}) == 2


def toy(supernodes):
    """A small graph with these as its own supernodes, as JSON on stdout; its first features are A B C D E."""
    document = json.loads(subprocess.run([sys.executable, __file__, "make"], stdout=subprocess.PIPE, check=True).stdout)
    for node, name in zip(document["nodes"], "ABCDE"):
        old, node["node_id"] = node["node_id"], name
        for link in document["links"]:
            link.update({key: name for key in ("source", "target") if link[key] == old})
    document["qParams"]["supernodes"] = json.loads(supernodes)
    json.dump(document, sys.stdout)


def damage(path, change):
    """The grouped graph of a stream after a change to its frames n (nodes), l (links), d (document), g (groups), on
    stdout."""
    [(header, frames)] = read(path)
    n, l, d, g = frames
    exec(change, dict(header=header, frames=frames, n=n, l=l, d=d, g=g, np=np))
    write("-", header, frames)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command")
    parser.add_argument("path", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shuffle", action="store_true")
    parser.add_argument("--features", type=int, default=60)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--forbid", type=int, default=0)
    parser.add_argument("--one-way", action="store_true")
    parser.add_argument("--two-sets", action="store_true")
    given = parser.parse_args()
    if given.command == "make":
        make(given.seed, given.shuffle, given.features)
    elif given.command == "distances":
        distances(*given.path, given.seed, given.skip, given.forbid, given.one_way, given.two_sets)
    else:
        {"same": same, "schema": schema, "by-id": by_id, "supernodes": supernodes,
         "collapsed": collapsed, "collision": collision, "toy": toy, "damage": damage}[given.command](*given.path)


if __name__ == "__main__":
    main()
