#!/usr/bin/env python3
"""Are certified matches right? The real features of bench/quality.py: `make bench-certified`.

    certified.py [--error R] [--stage COMMAND]

For each way to match, the share of pairs certified, and among the certified and the rest: the share that are right, which
means that the column is the row's best partner of all by correlation on tokens not used for matching, and the mean of that
correlation; for the sample also the share with the same label, of those with a sure one on both sides. Then the share and
the right ones if the margin of a nearest pair had to be above 1, 2, 3, 4, 6 errors. The programs have to be on PATH."""
import argparse
import tempfile

import numpy as np

import quality

METHODS = ["nearest", "mutual", "assignment"]


def judged(model, labels, args, folder):
    """Of all layers' pairs by one method: certified, right, correlation, same label, and margin in errors."""
    found = {method: [] for method in METHODS}
    for a, b in model.pairs:
        worth, same = model.worth(a, b), labels.worth(a, b) if labels else None
        sides = " ".join(quality.side(model, key, quality.DEFAULT, folder)[1] for key in (a, b))
        quality.run(f"{args.stage} --quiet --error {args.error} {sides} >{folder}/distances")
        for method in METHODS:
            option = "" if method == "assignment" else f"--{method}"
            _, (pairs, *_) = quality.read(quality.run(f"hungarian --quiet {option} {folder}/distances"))
            row, col = pairs["row_feature"], pairs["col_feature"]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = pairs["margin"] / pairs["error"]
            found[method].append([pairs["certified"] == 1, worth[row].argmax(1) == col, worth[row, col],
                                  same[row, col] if labels else np.full(len(row), np.nan), ratio])
    return {method: [np.concatenate(x) for x in zip(*some)] for method, some in found.items()}


def line(name, sure, *scores):
    print(f"{name:20} {sure.mean():5.3f} of {len(sure)}", *(
        f"{np.nanmean(x[sure]):6.3f} {np.nanmean(x[~sure]):6.3f}" for x in scores if np.isfinite(x[sure]).any()), sep="  ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--error", type=int, default=8)
    parser.add_argument("--stage", default="sinkhorn")
    args = parser.parse_args()
    quality.OUT.mkdir(exist_ok=True)
    there = {quality.UnseenSample: quality.UnseenSample.folder.exists(), quality.LanguageModel: (quality.SHARED / "data").exists()}
    for model in (kind() for kind in there if there[kind]):
        print(f"\n{model.name}, {args.stage} --error {args.error}: certified; right, correlation, label: of the certified, the rest")
        with tempfile.TemporaryDirectory() as folder:
            found = judged(model, quality.Sample() if model.name.startswith("sample") else None, args, folder)
        for method in METHODS:
            line(method, *found[method][:4])
        for factor in 1, 2, 3, 4, 6:
            line(f"nearest, {factor} errors", found["nearest"][4] > factor, *found["nearest"][1:4])


if __name__ == "__main__":
    main()
