#!/usr/bin/env python3
"""Are certified matches right? The real features of bench/quality.py: `make bench-certified`.

    certified.py [--error R] [--stage COMMAND] [--data TEXT]

For each way to match, the share of pairs certified, and among the certified and the rest: the share that are right, which
means that the column is the row's best partner of all by correlation on tokens not used for matching, and the mean of that
correlation; for the sample also the share with the same label, of those with a sure one on both sides. Then the share and
the right ones if the margin of a nearest pair had to be above 1, 2, 3, 4, 6 errors. The rows go to
bench/results/certified.tsv. The programs have to be on PATH."""
import argparse
import tempfile

import numpy as np

import quality
from record import OUT, Table

METHODS = ["nearest", "mutual", "assignment"]
SCORES = "right", "correlation", "label"
TABLE = Table("certified", ("data", "stage", "method", "errors"), dict(
    pairs="d", certified=".3f",
    **{f"{score}_{which}": ".3f" for score in SCORES for which in ("certified", "rest")}))


def judged(model, labels, args, folder):
    """Of all layers' pairs by one method: certified, right, correlation, same label, and margin in errors."""
    found = {method: [] for method in METHODS}
    for a, b in model.pairs:
        worth, same = model.worth(a, b), labels.worth(a, b) if labels else None
        sides = " ".join(quality.side(model, key, quality.DEFAULT, folder)[1] for key in (a, b))
        quality.run(f"{args.stage} --quiet --error {args.error} {sides} >{folder}/distances")
        for method in METHODS:
            matcher = dict(nearest="nearest", mutual="nearest --mutual", assignment="hungarian")[method]
            _, (pairs, *_) = quality.read(quality.run(f"{matcher} --quiet {folder}/distances"))
            row, col = pairs["row_feature"], pairs["col_feature"]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = pairs["margin"] / pairs["error"]
            found[method].append([pairs["certified"] == 1, worth[row].argmax(1) == col, worth[row, col],
                                  same[row, col] if labels else np.full(len(row), np.nan), ratio])
    return {method: [np.concatenate(x) for x in zip(*some)] for method, some in found.items()}


def add(model, stage, method, errors, sure, scores):
    row = dict(data=model.name, stage=stage, method=method, errors=errors, pairs=len(sure),
               certified=sure.mean())
    for name, x in zip(SCORES, scores):
        if np.isfinite(x[sure]).any():
            row |= {f"{name}_certified": np.nanmean(x[sure]), f"{name}_rest": np.nanmean(x[~sure])}
    TABLE.add(**row)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--error", type=int, default=8)
    parser.add_argument("--stage", default="sinkhorn --part 0")
    parser.add_argument("--data", default="", help="models with this text in their names")
    args = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    kinds = quality.UnseenSample, quality.LanguageModel
    for model in (kind() for kind in kinds if kind.made.exists() and args.data in kind.name):
        with tempfile.TemporaryDirectory() as folder:
            found = judged(model, quality.Sample() if model.name.startswith("sample") else None, args, folder)
        stage = f"{args.stage} --error {args.error}"
        for method in METHODS:
            add(model, stage, method, "4", found[method][0], found[method][1:4])
        for errors in 1, 2, 3, 6:
            add(model, stage, "nearest", str(errors), found["nearest"][4] > errors,
                found["nearest"][1:4])


if __name__ == "__main__":
    main()
