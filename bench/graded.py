#!/usr/bin/env python3
"""Do distances say how alike two features are that are not the same? `make bench-quality`.

Pairs of features of the sample that never fire on one token, so that activations by themselves say
nothing of them. Means over rows:

kind     how often a feature with a label of the same kind (digit=3 and digit=4, slot=add.0 and
         slot=add.1) is nearer than one with a label of another kind: the area under the curve
tokens   rank correlation of distance and of how unlike the tokens' classes, roles and slots are
numbers  of features that stand for numbers m and n, the rank correlation of distance and |m - n|
tree     made features that are the leaves of a tree: distance and the way between them in the tree

    graded.py [--only TEXT] [--text same|other]

The rows go to bench/results/graded.tsv. The programs have to be on PATH."""
import argparse
import os
import re
import sys
import tempfile

import numpy as np
from scipy.stats import rankdata

import quality
from record import SAMPLE, Table
from texts import Case, Sample, points
import semot

sys.path.append(str(SAMPLE / "make"))
import text as storyworld

SPACES = ["--whiten", "", "--unit", "--whiten --dim 32"]
WAYS = ([("same", way, "--whiten")
         for way in ("coact", "decoder", "emd", "energy", "sliced", "bures")]
        + [(text, way, space) for text in ("same", "other") for space in SPACES
           for way in ("sinkhorn", "centroid")]
        + [("same", "energy", ""), ("same", "emd", ""), ("other", "couple", "--whiten")]
        + [("other", "couple --neighbours 64", space) for space in ("--whiten", "", "--unit")]
        + [("other", f"couple --neighbours {k}", "--unit") for k in (16, 256)])
TABLE = Table("graded", ("data", "truth", "text", "way", "refproj", "a", "b"),
              {"score": ".3f", "pairs": "d"})
GENERAL = "(next:class|class|lang|role|slot|number|gender)="
WORDS = ("object", "name", "adj", "animal", "colour", "place", "verb", "state")


def kind(label):
    """digit=3@addend1 is number, as is tok=three; slot=add.1 is slot add; or None."""
    if not label:
        return None
    when, key, value = re.match(r"(next:|ctx:)?(\w+)=([^@]*)", label).groups()
    if key == "tok":
        key = storyworld.INFO[value][0]
        found = key not in ("func", "punct", "bos")
    elif key == "slot":
        key, found = f"slot {value.split('.')[0]}", True
    else:
        found = when == "ctx:" or key in WORDS or key == "digit"
    return f"{when or ''}{key.replace('digit', 'number')}" if found else None


def number(label):
    found = re.match(r"(?:digit=(\d+)|tok=(\w+))", label or "")
    if not found:
        return np.nan
    return float(found[1]) if found[1] else (
        float(storyworld.NUMBERS.index(found[2])) if found[2] in storyworld.NUMBERS else np.nan)


def profiles(acts):
    """(features, labels): how much of a feature lies on tokens with each label, of length 1."""
    with open(SAMPLE / "labels.tsv") as file:
        labels = [[x for x in line.split()[1:] if re.match(GENERAL, x)] for line in file]
    index = {name: k for k, name in enumerate(sorted({x for row in labels for x in row}))}
    shown = np.zeros((len(labels), len(index)), "f4")
    for k, row in enumerate(labels):
        shown[k, [index[x] for x in row]] = 1
    found = (acts.T @ (shown - shown.mean(0)))
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def area(distance, alike):
    """How often one of the alike is nearer than one of the others."""
    ranks, n = rankdata(distance), alike.sum()
    return 1 - (ranks[alike].sum() - n * (n + 1) / 2) / (n * (len(alike) - n))


def rank_correlation(distance, truth):
    return np.corrcoef(rankdata(distance), rankdata(truth))[0, 1]


def mean_of_rows(score, dist, truth, use):
    """Over the rows in which it has a meaning; and the number of pairs."""
    scores, pairs = [], 0
    for d, t, u in zip(dist, truth, use):
        if u.sum() > 2 and len(set(t[u])) > 1 and len(set(d[u])) > 1:
            scores.append(score(d[u], t[u]))
            pairs += int(u.sum())
    return float(np.mean(scores)) if scores else None, pairs


class Truth:
    """Of a pair of layers: what is true of each pair of features, and which pairs count."""

    def __init__(self, model, case, a, b):
        sides = [points(case.moved(key, False))[2] for key in (a, b)]
        apart = np.asarray((sides[0].T @ sides[1]).todense()) == 0
        label = [[model.labels.get((*key.split("."), i)) for i in range(512)] for key in (a, b)]
        kinds = [np.array([kind(x) for x in some], object) for some in label]
        known = [np.array([x is not None for x in some]) for some in kinds]
        differ = np.array([[x != y for y in label[1]] for x in label[0]])
        numbers = [np.array([number(x) for x in some]) for some in label]
        away = abs(numbers[0][:, None] - numbers[1])
        profile = [profiles(side) for side in sides]
        self.of = {
            "kind": (area, kinds[0][:, None] == kinds[1], 
                     apart & known[0][:, None] & known[1] & differ),
            "tokens": (rank_correlation, -profile[0] @ profile[1].T, apart),
            "numbers": (rank_correlation, away, apart & (away > 0))}


def sample(only, texts):
    model = Sample()
    with tempfile.TemporaryDirectory() as one:
        whole = Case(model, "same", one, 4096)
        truths = {pair: Truth(model, whole, *pair) for pair in model.pairs}
    for text, way, space in WAYS:
        if only not in way or text not in texts:
            continue
        with tempfile.TemporaryDirectory() as folder:
            tokens = 4096 if model.has(text, 4096) else 2048
            case = Case(model, text, folder, tokens, refproj=space)
            for a, b in model.pairs:
                _, rows, cols = case.distances("centroid", a, b)        # features that fire enough
                dist, row, col = case.distances(way, a, b)
                dist = dist[np.ix_(np.searchsorted(row, rows), np.searchsorted(col, cols))]
                for name, (score, truth, use) in truths[a, b].of.items():
                    here = np.ix_(rows, cols)
                    value, pairs = mean_of_rows(score, dist, truth[here], use[here])
                    TABLE.add(data="sample", truth=name, text=text, way=way, refproj=space, a=a,
                              b=b, score=value, pairs=pairs)


BRANCH, DEPTH, DIMS, TOKENS = 4, 3, 32, 4096


def write_tree(folder, seed=0):
    """Files of activations {(layer, text)}, and the way between any two leaves of a tree. A leaf's
    tokens lie around the sum of what the branches to it are; feature i of a layer fires on leaf i's
    tokens alone."""
    rng, leaves, paths = np.random.default_rng(seed), BRANCH ** DEPTH, {}
    branch = np.arange(leaves)[:, None] // BRANCH ** np.arange(DEPTH)[::-1]
    centre = sum(.7 ** k * rng.standard_normal((BRANCH ** (k + 1), DIMS))[branch[:, k]]
                 for k in range(DEPTH))
    for text in (1, 2):
        leaf = rng.integers(leaves, size=TOKENS)
        states = centre[leaf] + .5 * rng.standard_normal((TOKENS, DIMS))
        for layer in "ab":
            paths[layer, text] = f"{folder}/{layer}{text}"
            semot.write(paths[layer, text], {
                "kind": "activations", "layer": layer, "space": "made", "d": DIMS,
                "features": leaves, "tokens": TOKENS, "arch": "made", "history": []}, [{
                    "token": np.arange(TOKENS, dtype="<u4"), "point": states.astype("<f4"),
                    "indptr": np.arange(TOKENS + 1, dtype="<u4"), "feature": leaf.astype("<u4"),
                    "value": np.exp(rng.standard_normal(TOKENS)).astype("<f4")}])
            quality.run(f"featdist --quiet {paths[layer, text]} >{paths[layer, text]}.dist")
    return paths, DEPTH - (branch[:, None] == branch).sum(2)


def made(only):
    with tempfile.TemporaryDirectory() as folder:
        paths, apart = write_tree(folder)
        for text, way in dict.fromkeys((text, way) for text, way, _ in WAYS
                                       if only in way and way != "decoder"):
            one, other = paths["a", 1], paths["b", 1 if text == "same" else 2]
            command = f"{way} {one}.dist {other}.dist"
            if way == "coact":
                command = f"coact {one} {other}"
            elif way.startswith("couple"):
                command = f"coact --coupling <({way} --quiet {one} {other}) {one} {other}"
            _, frames = quality.read(quality.run(command + " --quiet"))
            dist = np.concatenate([f["dist"] for f in frames[1:]])
            score, pairs = mean_of_rows(rank_correlation, dist, apart, apart > 0)
            TABLE.add(data="made", truth="tree", text=text, way=way, refproj="", a="a", b="b",
                      score=score, pairs=pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="ways with this text in them")
    parser.add_argument("--text", choices=("same", "other"), help="this text of the sample alone")
    args = parser.parse_args()
    quality.OUT.mkdir(exist_ok=True)
    made(args.only)
    sample(args.only, [args.text] if args.text else ["same", "other"])


if __name__ == "__main__":
    main()
