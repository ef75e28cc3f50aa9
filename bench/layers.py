#!/usr/bin/env python3
"""Layers of one model aligned with those of another by layeralign: part of `make bench-quality`.

two SAEs     of each layer, of seed 0 and of seed 1
two texts    one SAE a layer, whose features are read on the first and on the second half of the text
two models   the sample's and a second training of it, on one text, if `make -C examples/storyworld/make second` made it

    layers.py [--only TEXT]

The rows go to bench/results/layers.tsv. The programs have to be on PATH."""
import argparse
import itertools
import os
import tempfile

import numpy as np

import quality
from quality import read, run
from record import Table

TABLE = Table("layers", ("data", "beside", "way"), {
    **dict.fromkeys(("transport", "in_order", "random_layers", "random_features"), ".3f"),
    "same_layer": ".2f"})       # the share of the plan between layers of one number


# What stands beside a model, the ways, and of each side the seed of the SAEs and the part of the text.
BESIDE = (("two SAEs", ("coact", "sinkhorn", "centroid", "decoder"), ("0", (0, 1)), ("1", (0, 1))),
          ("two texts", ("sinkhorn", "centroid"), ("0", (0, 2)), ("0", (1, 2))),
          ("two models", ("coact", "sinkhorn", "centroid"), ("0", (0, 1)), ("0", (0, 1))))


class Second(quality.SecondTraining):
    """Its layers, which are called as the first model's."""
    layers = [f"{layer}B" for layer in quality.Sample.layers]


class Side:
    """The layers of a model by the SAEs of a seed, on part I of N of the matched text."""

    def __init__(self, model, seed, part, folder):
        self.model, self.seed, self.folder, self.part = model, seed, folder, part

    def once(self, name, command):
        path = f"{self.folder}/{self.model.layers[-1]}.{self.seed}.{self.part[0]}of{self.part[1]}.{name}"
        if not os.path.exists(path):
            run(f"{command} >{path}")
        return path

    def acts(self, layer):
        tokens = len(np.load(self.model.states(layer), mmap_mode="r"))
        mask = f"{self.folder}/{self.part[0]}of{self.part[1]}.npy"
        np.save(mask, np.arange(tokens) * self.part[1] // tokens == self.part[0])
        return self.once(f"{layer}.acts", f"act-dump --quiet --no-point --hidden {self.model.states(layer)} --mask {mask} "
                                          f"--sae {self.model.sae(layer, self.seed)} --layer {layer[0]}")

    def features(self, layer, way):
        if way == "coact":
            return self.acts(layer)
        last = self.model.states(self.model.layers[-1][0])
        return self.once(f"{layer}.dist", f"featdist --quiet {self.acts(layer)} | refproj --quiet --whiten --lift {last}")


def pairs(a, b, way):
    for x in a.model.layers:
        for y in b.model.layers:
            path = f"{a.folder}/{x}-{y}.distances"
            run(f"{way} --quiet {a.features(x, way)} {b.features(y, way)} >{path}")
            yield path


def measure(data, beside, way, files):
    _, (scores, plan) = read(run(f"layeralign {' '.join(map(str, files))}"))
    same = [share for share, row, col in zip(plan["share"], plan["row_layer"], plan["col_layer"]) if row == col]
    TABLE.add(data=data, beside=beside, way=way, **dict(zip(scores["score"], map(float, scores["value"]))),
              same_layer=float(sum(same)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="rows with this text in data, what is beside it, or way")
    args = parser.parse_args()
    for kind, (beside, ways, one, other) in itertools.product((quality.Sample, quality.LanguageModel), BESIDE):
        second = kind if beside != "two models" else Second if kind is quality.Sample else None
        if not second or not kind.made.exists() or not second.made.exists():
            continue
        for way in ways:
            if args.only in f"{kind.name}, {beside}, {way}":
                with tempfile.TemporaryDirectory() as folder:
                    a, b = Side(kind(), *one, folder), Side(second(), *other, folder)
                    measure(kind.name, beside, way, list(pairs(a, b, way)))


if __name__ == "__main__":
    main()
