"""Matchings between layers for the tests of flow, and what permutation matrices and dicts say about them.

    flow.py make LAYER... [--share P] [--direct] [--nearest] [--certified] [--silent] [--seed S]
                                matchings of each layer with the next, in any order, of P of the features; of all
                                layers with all later ones; of nearest pairs too, forward and back; without the
                                features left alone
    flow.py check OUT IN LAYER...           OUT is the flow of the matchings of IN through these layers
    flow.py composed OUT IN FROM TO LAYER...    or the composed matching"""
import argparse
import itertools

import numpy as np

from semot import read, write

DICTIONARY = 50


def matching(rng, ids, a, b, share, nearest, certified, silent):
    n, m = len(ids[a]), len(ids[b])
    if nearest:
        row, col = np.arange(n), rng.integers(0, m, n)
    else:
        k = int(share * min(n, m))
        row, col = np.sort(rng.permutation(n)[:k]), rng.permutation(m)[:k]
    pairs = {"row_layer": [a] * len(row), "row_feature": ids[a][row], "col_layer": [b] * len(row),
             "col_feature": ids[b][col], "cost": rng.exponential(1, len(row)).astype("<f4"),
             "margin": rng.exponential(1, len(row)).astype("<f4"), "row": row.astype("<u4"), "col": col.astype("<u4")}
    if certified:
        pairs["certified"] = rng.integers(0, 2, len(row)).astype("|u1")
    row, col = np.setdiff1d(np.arange(n), row), np.setdiff1d(np.arange(m), col)
    rest = {"free_row_layer": [a] * len(row), "free_row_feature": ids[a][row], "free_col_layer": [b] * len(col),
            "free_col_feature": ids[b][col], "row_dual": rng.random(n), "col_dual": rng.random(m)}
    header = {"kind": "matching", "method": "nearest" if nearest else "assignment", "rows": n, "cols": m,
              "matched": len(pairs["row"]), "total": float(pairs["cost"].sum()), "metric": "toy"}
    return header, [pairs] if silent else [pairs, rest]


def make(layers, share, direct, nearest, certified, silent, seed):
    rng = np.random.default_rng(seed)
    ids = {l: np.sort(rng.permutation(DICTIONARY)[:rng.integers(20, DICTIONARY)]).astype("<u4") for l in layers}
    jobs = [(a, b, False) for a, b in (itertools.combinations if direct else lambda l, _: zip(l, l[1:]))(layers, 2)]
    if nearest:
        jobs += [(a, b, True) for a, b in itertools.permutations(layers, 2)]
    out = [matching(rng, ids, a, b, share, kind, certified, silent) for a, b, kind in jobs]
    for i in rng.permutation(len(out)):
        write("-", *out[i])


class Given:
    """Matrices of the matchings, (features of the row layer, of the column layer) of the whole dictionary."""

    def __init__(self, path):
        self.one, self.near, self.links, self.named, self.certified = {}, {}, {}, {}, False
        for header, frames in read(path):
            pairs, rest = frames[0], frames[1] if len(frames) > 1 else {}
            a, b = pairs["row_layer"][0], pairs["col_layer"][0]
            p = np.zeros((DICTIONARY, DICTIONARY), int)
            p[pairs["row_feature"], pairs["col_feature"]] = 1
            (self.near if header["method"] == "nearest" else self.one)[a, b] = p
            self.certified = "certified" in pairs      # of all or of none
            sure = pairs.get("certified", [None] * len(pairs["cost"]))
            self.links[a, b, header["method"]] = {int(i): link for i, *link in zip(
                pairs["row_feature"], pairs["col_feature"], pairs["cost"], pairs["margin"], sure)}
            self.named.setdefault(a, set()).update(pairs["row_feature"].tolist(), rest.get("free_row_feature", []))
            self.named.setdefault(b, set()).update(pairs["col_feature"].tolist(), rest.get("free_col_feature", []))

    def composed(self, layers, a, b):
        p = np.eye(DICTIONARY, dtype=int)
        for pair in zip(layers[layers.index(a):], layers[layers.index(a) + 1:layers.index(b) + 1]):
            p = p @ self.one[pair]
        return p[np.ix_(sorted(self.named[a]), range(DICTIONARY))]

    def walk(self, layers, a, i, end=None):
        """The features from feature i of layer a on, and the links between."""
        features, links = [i], []
        for pair in zip(layers[layers.index(a):], layers[layers.index(a) + 1:]):
            link = self.links[(*pair, "assignment")].get(i)
            if pair[0] == end or link is None:
                break
            i = int(link[0])
            features.append(i)
            links.append(link)
        return features, links


def same(frame, name, expected):
    got = frame[name] if isinstance(frame[name], list) else frame[name].tolist()
    assert got == expected, f"{name}: {got} and not {expected}"


def check_pairs(frame, given, layers):
    pairs = list(itertools.combinations(layers, 2))
    nothing = np.zeros((DICTIONARY, DICTIONARY), int)
    composed = [given.composed(layers, *pair) for pair in pairs]
    direct = [given.one.get((a, b), nothing)[sorted(given.named[a])] for a, b in pairs]
    same(frame, "row_layer", [a for a, b in pairs])
    same(frame, "col_layer", [b for a, b in pairs])
    same(frame, "composed", [p.sum() for p in composed])
    same(frame, "direct", [d.sum() for d in direct])
    same(frame, "both", [(p.sum(1) * d.sum(1)).sum() for p, d in zip(composed, direct)])
    same(frame, "agree", [(p * d).sum() for p, d in zip(composed, direct)])
    same(frame, "merges", [(given.near.get((a, b), nothing).sum(0) > 1).sum() for a, b in pairs])
    same(frame, "splits", [(given.near.get((b, a), nothing).sum(0) > 1).sum() for a, b in pairs])


def check_layers(frame, given, layers):
    before = {b: set(np.flatnonzero(given.one[a, b].sum(0))) for a, b in zip(layers, layers[1:])}
    after = {a: set(np.flatnonzero(given.one[a, b].sum(1))) for a, b in zip(layers, layers[1:])}
    same(frame, "layer", layers)
    same(frame, "features", [len(given.named[l]) for l in layers])
    same(frame, "births", [0] + [len(given.named[l] - before[l]) for l in layers[1:]])
    same(frame, "deaths", [len(given.named[l] - after[l]) for l in layers[:-1]] + [0])
    same(frame, "through", [len(before.get(l, set()) & after.get(l, set())) for l in layers])


def check_chains(frame, given, layers):
    reached, chains = set(), []
    for l in layers:
        for i in sorted(given.named[l]):
            if (l, i) in reached:
                continue
            features, links = given.walk(layers, l, i)
            reached.update(zip(layers[layers.index(l):], features))
            chains.append((layers.index(l), features, links))
    inf = float("inf")
    same(frame, "length", [len(features) for _, features, _ in chains])
    same(frame, "indptr", [0] + np.cumsum(frame["length"]).tolist())
    same(frame, "layer", [k for first, features, _ in chains for k in range(first, first + len(features))])
    same(frame, "feature", [i for _, features, _ in chains for i in features])
    same(frame, "cost", [x for *_, links in chains for x in [link[1] for link in links] + [inf]])
    same(frame, "margin", [x for *_, links in chains for x in [link[2] for link in links] + [inf]])
    same(frame, "weakest", [min([link[2] for link in links] + [inf]) for *_, links in chains])
    same(frame, "dearest", [max([link[1] for link in links] + [-inf]) for *_, links in chains])
    same(frame, "weakest_layer", [layers[first + (int(np.argmin([link[2] for link in links])) if links else 0)]
                                  for first, _, links in chains])
    if given.certified:
        same(frame, "certified", [int(bool(links) and all(link[3] for link in links)) for *_, links in chains])
    else:
        assert "certified" not in frame


def check_merges(frame, given, layers):
    rows = []
    for a, b in itertools.permutations(layers, 2):
        links = given.links.get((a, b, "nearest"), {})
        columns = [int(link[0]) for link in links.values()]
        rows += sorted(((layers.index(a), layers.index(b), int(j), i, cost, margin) for i, (j, cost, margin, _) in links.items()
                        if columns.count(j) > 1))
    rows.sort(key=lambda row: row[:2])
    for name, column in zip(("row_layer", "col_layer", "col_feature", "row_feature", "cost", "margin"), zip(*rows)):
        same(frame, name, [layers[x] for x in column] if name.endswith("layer") else list(column))


def check(out, given, layers):
    (header, frames), = read(out)
    assert header["kind"] == "flow" and not {"rows", "matched", "method"} & set(header), header
    check_layers(frames[0], given, layers)
    check_pairs(frames[1], given, layers)
    check_chains(frames[2], given, layers)
    assert len(frames) == 3 + bool(given.near)
    if given.near:
        check_merges(frames[3], given, layers)


def check_composed(out, given, a, b, layers):
    (header, (pairs, rest)), = read(out)
    named, matrix = sorted(given.named[a]), np.zeros((DICTIONARY, DICTIONARY), int)
    matrix[pairs["row_feature"], pairs["col_feature"]] = 1
    assert np.array_equal(matrix[named], given.composed(layers, a, b)) and matrix.sum() == len(pairs["cost"])
    walks = [given.walk(layers, a, i, b)[1] for i in pairs["row_feature"].tolist()]
    assert np.allclose(pairs["cost"], [sum(link[1] for link in links) for links in walks], rtol=1e-6)
    same(pairs, "margin", [min(link[2] for link in links) for links in walks])
    same(pairs, "row", [named.index(i) for i in pairs["row_feature"]])
    same(pairs, "col", [sorted(given.named[b]).index(i) for i in pairs["col_feature"]])
    same(pairs, "row_layer", [a] * len(walks))
    same(pairs, "col_layer", [b] * len(walks))
    same(rest, "free_row_feature", [i for i in named if not matrix[i].any()])
    same(rest, "free_col_feature", [i for i in sorted(given.named[b]) if not matrix[:, i].any()])
    same(rest, "free_row_layer", [a] * len(rest["free_row_feature"]))
    same(rest, "free_col_layer", [b] * len(rest["free_col_feature"]))
    if given.certified:
        same(pairs, "certified", [int(all(link[3] for link in links)) for links in walks])
    else:
        assert "certified" not in pairs
    assert header["kind"] == "matching" and header["method"] == "composed" and header["matched"] == len(walks)
    assert (header["rows"], header["cols"]) == (len(named), len(given.named[b]))
    assert np.isclose(header["total"], pairs["cost"].sum(), rtol=1e-5)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("job", choices=["make", "check", "composed"])
    arguments.add_argument("operand", nargs="+")
    arguments.add_argument("--share", type=float, default=1)
    for option in "direct", "nearest", "certified", "silent":
        arguments.add_argument(f"--{option}", action="store_true")
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    if given.job == "make":
        make(given.operand, given.share, given.direct, given.nearest, given.certified, given.silent, given.seed)
    elif given.job == "check":
        check(given.operand[0], Given(given.operand[1]), given.operand[2:])
    else:
        check_composed(given.operand[0], Given(given.operand[1]), *given.operand[2:4], given.operand[4:])
