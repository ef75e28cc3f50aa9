#!/usr/bin/env python3
"""What matchings of dictionaries that were never trained score: part of `make bench-quality`.

sae-random makes a dictionary of the size and sparsity of each trained one. Both are matched on one text and scored on
another: mean correlation, one to one and by nearest neighbours, beside the best that any matching reaches there and what a
random matching has. The mean is over all features of a dictionary: one that fires on fewer than five tokens of the first
text has no partner and counts 0. Of the decoders by themselves: PW-MCC and MMCS of the features that fire.
The sample is matched by its first half and scored on its second.

    untrained.py [--data TEXT] [--only TEXT]

The rows go to bench/results/untrained.tsv. The programs have to be on PATH."""
import argparse
import os
import tempfile

import numpy as np
from scipy.optimize import linear_sum_assignment

import quality
from quality import read, run
from record import DATA, OUT, Table
import texts

WAYS = ["coact", "sinkhorn | rescale", "centroid | rescale", "decoder"]
TABLE = Table("untrained", ("data", "tokens", "dictionaries", "way", "a", "b"), dict.fromkeys(
    ("one_to_one", "nearest", "best_one_to_one", "best_nearest", "random"), ".3f") | {"rows": "d", "cols": "d"})


class Sample(texts.Sample):
    matched = 2048

    def prepare(self, folder):
        self.folder = folder
        for layer in self.layers:
            np.save(f"{folder}/unseen_L{layer}.npy", np.load(self.states(layer))[self.matched:])


class LanguageModel(texts.LanguageModel):
    matched = 4096

    def prepare(self, folder):
        pass


class Untrained:
    """A model with a dictionary of sae-random in place of each of its own; no two have one seed."""

    def __init__(self, model, made):
        self.model, self.made = model, made

    def __getattr__(self, name):
        return getattr(self.model, name)

    def sae(self, layer, seed):
        path = f"{self.made}/L{layer}_s{seed}.npz"
        if not os.path.exists(path):
            run(f"sae-random --seed {layer}{seed} --hidden {self.states(layer)} --sae {self.model.sae(layer, seed)} >{path}")
        return path


def decoders(model, case, a, b):
    """PW-MCC and MMCS, which are the same whatever the matching is."""
    sides = " ".join(f"--{side} {case.acts(key, False)} --sae-{side} {model.sae(*key.split('.'))}"
                     for side, key in (("a", a), ("b", b)))
    _, (scores, *_) = read(run(f"centroid --quiet {case.dist(a, False)} {case.dist(b, False)} | hungarian --quiet | "
                               f"match-eval --quiet --bootstrap 1 {sides}"))
    values = dict(zip(scores["score"], scores["value"].tolist()))
    return values.get("pw_mcc"), values["mmcs"]


def measure(model, name, case, only):
    for a, b in model.pairs:
        _, rows, cols = case.distances("centroid", a, b)        # features that fire enough
        where = dict(data=model.name, tokens=str(case.n), dictionaries=name, a=a, b=b, rows=len(rows), cols=len(cols))
        worth = quality.LanguageModel.worth(model, a, b)
        features, worth = len(worth), worth[np.ix_(rows, cols)]

        def scores(cost):
            pairs = linear_sum_assignment(cost), (np.arange(len(rows)), cost.argmin(1))
            return [worth[pair].sum() / features for pair in pairs]
        rest = [*scores(-worth), worth.mean() * min(worth.shape) / features]
        for way in WAYS:
            if only in way:
                dist, row, col = case.distances(way, a, b)
                dist = dist[np.ix_(np.searchsorted(row, rows), np.searchsorted(col, cols))]
                TABLE.add(**where, way=way, **dict(zip(TABLE.values, [*scores(dist), *rest])))
        if only in "PW-MCC, MMCS":
            TABLE.add(**where, way="PW-MCC, MMCS", **dict(zip(TABLE.values, decoders(model, case, a, b))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default="", help="models with this text in their names")
    parser.add_argument("--only", default="", help="ways with this text in them")
    args = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    there = {Sample: True, LanguageModel: DATA.exists()}
    for model in [kind() for kind in there if there[kind] and args.data in kind.name]:
        for name in "trained", "untrained":
            with tempfile.TemporaryDirectory() as folder:
                model.prepare(folder)
                some = model if name == "trained" else Untrained(model, folder)
                measure(some, name, texts.Case(some, "same", folder, model.matched), args.only)


if __name__ == "__main__":
    main()
