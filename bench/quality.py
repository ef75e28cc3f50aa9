#!/usr/bin/env python3
"""What each distance stage's matchings are worth: `make bench-quality`.

Language model (where the real data is): the mean correlation, on tokens not used for matching, between the activations of
matched features, one to one and nearest neighbour, and its share of the best that any matching reaches there.
Sample: the share of matched features with the same label, of those that have a sure one on both sides.

    quality.py [stages|settings]... [--only TEXT]

`stages` compares the distance stages as they come, `settings` what they and those before them can be set to. The rows go
to bench/results/quality.tsv; what is costly to make stays in bench/out. The programs have to be on PATH."""
import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tempfile

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from scipy.optimize import linear_sum_assignment

from record import DATA, OUT, SAMPLE, Table
import semot

MATCHED, UNSEEN = 30600, 61200          # tokens: of the first 120 stories, of the last 240
DEFAULT = {"featdist": "", "reference": "last", "refproj": "--whiten", "stage": "sinkhorn"}
STAGES = ["decoder", "decoder --folded", "coact", "centroid", "bures", "bures --diagonal", "sliced", "energy",
          "sinkhorn", "sinkhorn --epsilon .02", "sinkhorn --p 2", "sinkhorn --debias",
          "sinkhorn --part 0", "sinkhorn --unbalanced 4", "sinkhorn | rescale", "centroid | rescale", "emd", "emd --p 2"]
SETTINGS = (
    [{}]
    + [{"featdist": f"--support {k}"} for k in (64, 128, 512)]
    + [{"featdist": f"--power {q}"} for q in (1, 1.5, 3)]
    + [{"featdist": f"--select {s}"} for s in ("top", "random")]
    + [{"refproj": r} for r in ("", "--unit", "--whiten --unit", "--whiten --dim 64", "--whiten --dim 96")]
    + [{"reference": r} for r in ("first", "middle", "first+last", "middle+last", "all")])


TABLE = Table("quality", ("data", "scores", "a", "b", *DEFAULT),
              dict.fromkeys(("one_to_one", "nearest", "best_one_to_one", "best_nearest"), ".3f"))


def run(command):
    return subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True, stdout=subprocess.PIPE).stdout


def activations(model, layer, seed, skip=0):
    """On the unseen tokens, but the first few of every story: centred, of length 1, (tokens, features)."""
    header, frames = read(run(f"act-dump --no-point --hidden {model.folder}/unseen_L{layer}.npy "
                              f"--sae {model.sae(layer, seed)}"))
    dense = np.zeros((header["tokens"], header["features"]), "f4")
    for frame in frames:
        dense[np.repeat(frame["token"], np.diff(frame["indptr"].astype(int))), frame["feature"]] = frame["value"]
    dense = dense[np.arange(len(dense)) % model.context >= skip] if skip else dense
    dense -= dense.mean(0)
    return dense / np.maximum(np.linalg.norm(dense, axis=0), 1e-12)


class LanguageModel:
    """data/lm/bl361: five layers; two SAEs a layer, as trained (TopK)."""
    name, data, made = "bl361", "bl361", DATA           # made: there, if it can be measured
    layers = "12345"
    pairs = [("5.0", "5.1"), ("2.0", "3.0"), ("4.0", "5.0"), ("2.0", "5.0"), ("1.0", "5.0")]
    scores = "correlation"

    def __init__(self):
        self.folder = OUT / "bl361"
        if not (self.folder / "hidden_L5.npy").exists():
            run(f"{sys.executable} {DATA}/../tools/lm_hidden.py {DATA}/models/babyllama361.bin "
                f"{DATA}/models/tok105.vocab {DATA}/text/tinystories_1000.json {self.folder}")
        for layer in self.layers:
            states = np.load(self.folder / f"hidden_L{layer}.npy")
            np.save(self.folder / f"matched_L{layer}.npy", states[:MATCHED])
            np.save(self.folder / f"unseen_L{layer}.npy", states[-UNSEEN:])
            for seed in "01":           # TopK as trained, with thresholds too, so that it can be folded
                sae = np.load(DATA / "lm" / "bl361" / f"L{layer}_s{seed}" / "params.npz")
                os.makedirs(self.sae(layer, seed), exist_ok=True)
                np.savez(f"{self.sae(layer, seed)}/params.npz", **sae, k=np.int64(8))
                with open(f"{self.sae(layer, seed)}/cfg.json", "w") as file:
                    json.dump({"architecture": "topk", "k": 8, "d_in": 128, "d_sae": 256,
                               "apply_b_dec_to_input": False}, file)

    def states(self, layer):
        return f"{self.folder}/matched_L{layer}.npy"

    def sae(self, layer, seed):
        return f"{self.folder}/L{layer}_s{seed}"

    def worth(self, a, b, skip=0):
        """(features, features): what it is worth to match two; all count."""
        return activations(self, *a.split("."), skip).T @ activations(self, *b.split("."), skip)


class Sample:
    name, data, made = "sample", "sample", SAMPLE
    layers = "123456"
    pairs = [("1.0", "6.0"), ("2.0", "4.0"), ("3.0", "6.0"), ("4.0", "4.1")]
    scores = "label agreement"

    def __init__(self):
        self.labels = {}
        self.read_labels(SAMPLE / "feature_labels.tsv")

    def read_labels(self, path, suffix=""):
        with open(path) as file:
            for row in csv.DictReader(file, delimiter="\t"):
                sure = float(row["f1_half"] or 0) >= 0.7
                self.labels[row["layer"] + suffix, row["seed"], int(row["feature"])] = row["label_half"] if sure else None

    def states(self, layer):
        return f"{SAMPLE}/hidden_L{layer}.npy"

    def sae(self, layer, seed):
        return f"{SAMPLE}/sae_L{layer}_s{seed}/params.npz"

    def worth(self, a, b):
        """1 where both have the same sure label, 0 where they differ, NaN where one has none."""
        one, other = ([self.labels.get((*side.split("."), i)) for i in range(512)] for side in (a, b))
        return np.array([[np.nan if x is None or y is None else x == y for y in other] for x in one], float)


class UnseenSample(Sample):
    """The sample once more, by correlation, if its model's states on other text are in bench/out/storyworld, as
    unseen_L1.npy to unseen_L6.npy."""
    name, scores, worth = "sample, unseen text", "correlation", LanguageModel.worth
    folder = OUT / "storyworld"
    made = folder / "unseen_L1.npy"


class SecondTraining(Sample):
    """The sample's model beside another training of it, of another seed: layers 1B to 6B, on the sample's text, if
    `make -C examples/storyworld/make second` has made them. Their tokens are lifted to states of the sample's model."""
    name = "sample, second training"
    pairs = [("1.0", "1B.0"), ("2.0", "2B.0"), ("3.0", "3B.0")]
    work, folder = SAMPLE / "make" / "work", OUT / "storyworld"
    made = folder / "second_L1.npy"

    def __init__(self):
        super().__init__()
        self.read_labels(self.work / "feature_labels_B0.tsv", "B")

    def states(self, layer):
        return self.folder / f"second_L{layer[0]}.npy" if layer.endswith("B") else super().states(layer)

    def sae(self, layer, seed):
        return self.work / f"sae_B_L{layer[0]}_s{seed}" / "params.npz" if layer.endswith("B") else super().sae(layer, seed)


def read(data):
    [(header, frames)] = semot.read(io.BytesIO(data))
    return header, frames


def reference(model, name, folder):
    """The states of the layers that a name stands for, side by side."""
    layers = model.layers
    middle = layers[(len(layers) - 1) // 2]
    chosen = layers if name == "all" else [dict(first=layers[0], middle=middle, last=layers[-1])[n] for n in name.split("+")]
    path = f"{folder}/{name}.npy"
    if not os.path.exists(path):
        np.save(path, np.concatenate([np.load(model.states(l)).astype("f4") for l in chosen], 1))
    return path


def side(model, key, how, folder):
    """The files of activations and projected distributions of layer.seed; made once."""
    layer, seed = key.split(".")
    acts = f"{folder}/{key}.acts"
    if not os.path.exists(acts):
        run(f"act-dump --no-point --hidden {model.states(layer)} --sae {model.sae(layer, seed)} --layer {layer} >{acts}")
    path = f"{folder}/{key} {how['featdist']} {how['reference']} {how['refproj']}".replace(" ", "_")
    if not os.path.exists(path):
        lift = f"--lift {reference(model, how['reference'], folder)}"
        run(f"featdist --quiet {how['featdist']} {acts} | refproj --quiet {lift} {how['refproj']} >{path}")
    return acts, path


def distances(model, a, b, how, folder):
    """The stage's distances, and the features of its rows and columns."""
    files = [side(model, key, how, folder)[not how["stage"].startswith("coact")] for key in (a, b)]
    stage, *filters = how["stage"].split(" | ")
    path = f"{files[0]}-{b}.{stage}".replace(" ", "_")
    if not os.path.exists(path):
        run(f"{stage} --quiet {files[0]} {files[1]} >{path}")
    header, frames = read(run(" | ".join([f"cat {path}", *filters])))
    return np.concatenate([f["dist"] for f in frames[1:]]), frames[0]["row_feature"], frames[0]["col_feature"]


def measure(model, how, folder, worths):
    for a, b in model.pairs:
        _, rows, cols = distances(model, a, b, {**DEFAULT, "stage": "centroid"}, folder)    # features that fire enough
        if (a, b) not in worths:
            worths[a, b] = model.worth(a, b)
        worth = worths[a, b][np.ix_(rows, cols)]
        dist, row, col = distances(model, a, b, how, folder)
        dist = dist[np.ix_(np.searchsorted(row, rows), np.searchsorted(col, cols))]
        pair = linear_sum_assignment(dist)
        got = float(np.nanmean(worth[pair])), float(np.nanmean(worth[np.arange(len(rows)), dist.argmin(1)]))
        best = ((float(worth[linear_sum_assignment(-worth)].mean()), float(worth.max(1).mean()))
                if model.scores == "correlation" else (None, None))
        TABLE.add(data=model.name, a=a, b=b, scores=model.scores, **how, one_to_one=got[0],
                  nearest=got[1], best_one_to_one=best[0], best_nearest=best[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="*", default=["stages"])
    parser.add_argument("--only", default="", help="stages or settings with this text in them")
    parser.add_argument("--data", default="", help="models with this text in their names")
    args = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    kinds = Sample, UnseenSample, SecondTraining, LanguageModel
    models = [kind() for kind in kinds if kind.made.exists() and args.data in kind.name]
    hows = [{**DEFAULT, **change} for what in args.what
            for change in ([{"stage": s} for s in STAGES] if what == "stages" else SETTINGS)]
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            worths, own = {}, f"{folder}/{model.data}"
            os.makedirs(own, exist_ok=True)
            for how in hows:
                if args.only in str(how):
                    measure(model, how, own, worths)


if __name__ == "__main__":
    main()
