#!/usr/bin/env python3
"""SAE Match's own properties, beside transport: `make bench-quality`.

Adjacent layers: what match-eval and match-subst make of matchings by weights, folded or not, of
decoder, encoder or both. Layers farther and farther apart: correlation of direct matchings and of
those that compose makes of adjacent ones, how many partners are the same, also of mutual pairs alone,
and the correlation where they are and where they are not. Of features that fire, on tokens not used
for matching; means over the pairs that a matching has. The rows go to bench/results/saematch.tsv and
composition.tsv. The programs have to be on PATH."""
import argparse
import os
import tempfile

import numpy as np

from quality import DEFAULT, LanguageModel, UnseenSample, read, run, side
from record import OUT, Table

WAYS = {"unfolded": "decoder --weights both --squared", "folded": "decoder --folded",
        "folded decoder alone": "decoder --folded --weights decoder",
        "folded encoder alone": "decoder --folded --weights encoder", "decoder cosine": "decoder", "transport": "sinkhorn"}
SCORES = "folded_mse", "correlation", "explained_variance"
ADJACENT = Table("saematch", ("data", "a", "b", "way", "score"), dict(
    value=".4g", best=".4g", pairs="d"))
COMPOSITION = Table("composition", ("data", "a", "b", "way"), dict(
    direct=".3f", composed=".3f", best=".3f", both="d", agree=".2f", where_same=".3f",
    direct_elsewhere=".3f", composed_elsewhere=".3f", mutual_both="d", mutual_agree=".2f"))


def matching(model, way, a, b, folder, matcher="hungarian"):
    """A file: the assignment of the features of layers a and b; made once."""
    path = f"{folder}/{a}-{b}.{way}.{matcher}".replace(" ", "_")
    if not os.path.exists(path):
        one, other = (side(model, f"{layer}.0", DEFAULT, folder)[1] for layer in (a, b))
        run(f"{WAYS[way]} --quiet {one} {other} | {matcher} --quiet >{path}")
    return path


def composed(model, way, a, b, folder, matcher="hungarian"):
    """A file: the matchings that lead from a to b, layer by layer, as one."""
    layers = model.layers[model.layers.index(a):model.layers.index(b) + 1]
    path = f"{folder}/composed.{matcher}".replace(" ", "_")
    links = [matching(model, way, *pair, folder, matcher) for pair in zip(layers, layers[1:])]
    run(f"compose --quiet --from {a} --to {b} {' '.join(links)} >{path}")
    return path


def frame_with(column, command):
    """The frame of what a command writes that has this column."""
    _, frames = read(run(command))
    return next(frame for frame in frames if column in frame)


def unseen(model, layer, folder):
    """A file: what fires on the tokens not used for matching; made once."""
    path = f"{folder}/{layer}.unseen"
    if not os.path.exists(path):
        run(f"act-dump --no-point --hidden {model.folder}/unseen_L{layer}.npy --sae {model.sae(layer, 0)} --layer {layer} >{path}")
    return path


def evaluate(model, a, b, matching, folder):
    """By score: its value, the best possible, and how many pairs count."""
    sides = f"--quiet --bootstrap 1 --a {unseen(model, a, folder)} --b {unseen(model, b, folder)} --sae-b {model.sae(b, 0)}"
    found = {}
    for command in f"match-eval --sae-a {model.sae(a, 0)}", f"match-subst --hidden-b {model.folder}/unseen_L{b}.npy":
        frame = frame_with("score", f"{command} {sides} {matching}")
        found |= {score: dict(value=value, best=best, pairs=int(pairs)) for score, value, best, pairs in
                  zip(*(frame[name] for name in ("score", "value", "best", "pairs")))}
    return found


def adjacent(model, folder):
    for way in WAYS:
        for a, b in zip(model.layers, model.layers[1:]):
            scores = evaluate(model, a, b, matching(model, way, a, b, folder), folder)
            for score in SCORES:
                ADJACENT.add(data=model.name, a=a, b=b, way=way, score=score, **scores[score])


def partners(path):
    frame = frame_with("row_feature", f"cat {path}")
    return dict(zip(frame["row_feature"].tolist(), frame["col_feature"].tolist()))


def agreement(direct, composed):
    """Features with a direct and a composed partner: those with the same, and the others."""
    one, other = partners(direct), partners(composed)
    both = [(row, col, other[row]) for row, col in one.items() if row in other]
    return [x for x in both if x[1] == x[2]], [x for x in both if x[1] != x[2]]


def compare(model, way, a, b, folder):
    """Correlation of the direct and of the composed matching, and their agreement."""
    files = matching(model, way, a, b, folder), composed(model, way, a, b, folder)
    one, other = (evaluate(model, a, b, made, folder)["correlation"] for made in files)
    same, apart = agreement(*files)
    both = len(same) + len(apart)
    row = dict(direct=one["value"], composed=other["value"], best=one["best"], both=both,
               agree=len(same) / both)
    worth = model.worth(f"{a}.0", f"{b}.0")
    row["where_same"] = np.mean([worth[pair[:2]] for pair in same])
    if apart:
        row |= dict(direct_elsewhere=np.mean([worth[pair[:2]] for pair in apart]),
                    composed_elsewhere=np.mean([worth[pair[::2]] for pair in apart]))
    same, apart = agreement(*(make(model, way, a, b, folder, "nearest --mutual")
                              for make in (matching, composed)))
    both = len(same) + len(apart)
    COMPOSITION.add(data=model.name, a=a, b=b, way=way, **row, mutual_both=both,
                    mutual_agree=len(same) / both if both else None)


def main():
    argparse.ArgumentParser(description=__doc__,
                            formatter_class=argparse.RawTextHelpFormatter).parse_args()
    OUT.mkdir(exist_ok=True)
    for model in (kind() for kind in (UnseenSample, LanguageModel) if kind.made.exists()):
        with tempfile.TemporaryDirectory() as folder:
            adjacent(model, folder)
            for way in "transport", "folded":
                for distance in range(1, len(model.layers)):
                    for a, b in zip(model.layers, model.layers[distance:]):
                        compare(model, way, a, b, folder)


if __name__ == "__main__":
    main()
