#!/usr/bin/env python3
"""Are certified matches right? A planted permutation of 4,096 features, found again: `make bench-certified`.

    planted.py [--seeds N] [--features N] [--tokens T] [--error R] [--jobs J]

Of each seed a dictionary and, for each level of noise, a copy of it (tests/oracle/planted.py) go through act-dump, featdist,
refproj, `centroid --top 4 --error 8`, hungarian and nearest. Prints, by noise, the share of features recovered one to one and by
nearest neighbour, the share certified, how many certified pairs are wrong, and the largest ratio of margin to error of a
wrong nearest pair, which has to stay below 4; the rows go to bench/results/planted.tsv. The programs have to be on PATH.

    planted.py --partners       which features have a partner, and which have none, by chance: of 256 planted ones, of which a
                                share has none, of the sample (a feature of the same sure label) and of bl361 (a correlation
                                of .5 on unseen text); the rows go to bench/results/partners.tsv"""
import argparse
import concurrent.futures
import io
import itertools
import os
import subprocess
import sys
import tempfile

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

import quality
import semot
from record import Table
import planted                  # tests/oracle/planted.py, which record puts before this folder

NOISES = [0., .2, .4, .8, 1.6, 6.4]
TABLE = Table("planted", ("features", "seeds", "noise", "command"), dict(
    assigned=".4f", nearest=".4f", assigned_certified=".4f", nearest_certified=".4f", wrong="d",
    worst=".2f"))
CHANCES = .2, .1, .05
ALONE = .5                      # a row whose nearest has a larger chance has no partner; chosen on the sample
PARTNERS = Table("partners", ("data", "alone", "noise", "a", "b", "way"), dict(
    share=".2f", **{f"{score}_{chance}": ".2f" for chance in CHANCES for score in ("precision", "recall")}, best=".2f",
    alone_precision=".2f", alone_recall=".2f"))


def run(folder, command):
    return subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=folder, check=True, stdout=subprocess.PIPE).stdout


def measure(seed, features, tokens, error):
    """A row of figures for each noise."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        order = planted.make(folder, features, tokens, NOISES, seed)
        run(folder, "act-dump --no-point --hidden a.npy --sae a.npz --layer a | featdist --quiet |"
                    "refproj --quiet --lift a.npy --whiten >a.dist")
        for noise in NOISES:
            run(folder, f"act-dump --hidden b{noise}.npy --sae b{noise}.npz --layer b | featdist --quiet |"
                        f"refproj --quiet --fit b{noise}.npy a.npy --whiten |"
                        f"centroid --quiet --top 4 --error {error} a.dist - >distances")
            row = dict(noise=noise)
            for how, matcher in (("assigned", "hungarian"), ("nearest", "nearest")):
                out = run(folder, f"{matcher} --quiet distances")
                right, sure, ratio = planted.recovered(order, io.BytesIO(out))
                row |= {how: right.sum() / features, f"{how}_certified": sure.sum() / features,
                        f"{how}_wrong": int((sure & ~right).sum())}
            row["worst"] = float(ratio[~right].max(initial=0))
            rows.append(row)
    return rows


def score(folder, true, known, **row):
    """Of the pairs of an assignment at CHANCES, and the largest that precision and recall both reach at any cost; and of the
    rows whose nearest has a chance above ALONE."""
    def match(program):
        (_, (pairs, *_)), = semot.read(io.BytesIO(run(folder, f"{program} --quiet distances")))
        return pairs
    def both(rows, true):
        said = np.isin(np.arange(len(true)), rows)[known]
        return (said & true[known]).sum() / max(said.sum(), 1), (said & true[known]).sum() / max(true[known].sum(), 1)
    pairs, nearest = match("hungarian"), match("nearest")
    for chance in CHANCES:
        row[f"precision_{chance}"], row[f"recall_{chance}"] = both(pairs["row"][pairs["chance"] <= np.float32(chance)], true)
    if not true[known].all():
        alone = nearest["row"][nearest["chance"] > np.float32(ALONE)]
        row["alone_precision"], row["alone_recall"] = both(alone, ~true)
    PARTNERS.add(share=true[known].mean(), best=max(min(both(pairs["row"][pairs["cost"] <= cost], true))
                                                    for cost in pairs["cost"]), **row)


def planted_partners():
    for alone, noise in itertools.product((0, .2, .33, .5), (0., .2)):
        with tempfile.TemporaryDirectory() as folder:
            order = planted.make(folder, 256, 4096, [noise], 0, alone)
            for side, path, way in ("a", "a", "--lift a.npy"), ("b", f"b{noise}", f"--fit b{noise}.npy a.npy"):
                run(folder, f"act-dump --quiet --hidden {path}.npy --sae {path}.npz --layer {side} >{side}.acts;"
                            f"featdist --quiet {side}.acts | refproj --quiet {way} --whiten >{side}.dist")
            for way in ("sinkhorn", "centroid", "coact"):
                kind = "acts" if way == "coact" else "dist"
                run(folder, f"{way} --quiet a.{kind} b.{kind} >distances")
                score(folder, np.isin(np.arange(256), order), np.ones(256, bool), data="planted", alone=alone, noise=noise,
                      a="", b="", way=way)


def real_partners():
    for model in quality.Sample(), quality.LanguageModel():
        with tempfile.TemporaryDirectory() as folder:
            for (a, b), way in itertools.product(model.pairs, ("sinkhorn", "centroid", "coact", "decoder")):
                files = [quality.side(model, key, quality.DEFAULT, folder)[way != "coact"] for key in (a, b)]
                distances = run(folder, f"{way} --quiet '{files[0]}' '{files[1]}'")
                (_, (names, *_)), = semot.read(io.BytesIO(distances))
                worth = model.worth(a, b)[np.ix_(names["row_feature"], names["col_feature"])]
                known = ~np.isnan(worth).all(1)
                true = np.where(np.isnan(worth), -1, worth).max(1) >= .5
                with open(f"{folder}/distances", "wb") as file:
                    file.write(distances)
                score(folder, true, known, data=model.name, alone="", noise="", a=a, b=b, way=way)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("seeds", 100), ("features", 4096), ("tokens", 8192), ("error", 8), ("jobs", os.cpu_count())):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--partners", action="store_true")
    args = parser.parse_args()
    if args.partners:
        planted_partners()
        quality.OUT.mkdir(exist_ok=True)
        real_partners()
        return
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as jobs:
        found = jobs.map(lambda seed: measure(seed, args.features, args.tokens, args.error),
                         range(args.seeds))
        rows = [row for some in found for row in some]
    wrong = 0
    for noise in NOISES:
        of = [row for row in rows if row["noise"] == noise]
        mean = {name: sum(row[name] for row in of) / len(of)
                for name in ("assigned", "nearest", "assigned_certified", "nearest_certified")}
        here = sum(row["assigned_wrong"] + row["nearest_wrong"] for row in of)
        TABLE.add(features=args.features, seeds=args.seeds, noise=noise,
                  command=f"centroid --top 4 --error {args.error}", **mean, wrong=here,
                  worst=max(row["worst"] for row in of))
        wrong += here
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
