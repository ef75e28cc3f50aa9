#!/usr/bin/env python3
"""Are certified matches right? A planted permutation of 4,096 features, found again: `make bench-certified`.

    planted.py [--seeds N] [--features N] [--tokens T] [--error R] [--jobs J]

Of each seed a dictionary and, for each level of noise, a copy of it (tests/oracle/planted.py) go through act-dump, featdist,
refproj, `centroid --top 4 --error 8`, hungarian and nearest. Prints, by noise, the share of features recovered one to one and by
nearest neighbour, the share certified, how many certified pairs are wrong, and the largest ratio of margin to error of a
wrong nearest pair, which has to stay below 4; the rows go to bench/results/planted.tsv. The programs have to be on PATH."""
import argparse
import concurrent.futures
import io
import os
import subprocess
import sys
import tempfile

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

from record import Table
import planted                  # tests/oracle/planted.py, which record puts before this folder

NOISES = [0., .2, .4, .8, 1.6, 6.4]
TABLE = Table("planted", ("features", "seeds", "noise", "command"), dict(
    assigned=".4f", nearest=".4f", assigned_certified=".4f", nearest_certified=".4f", wrong="d",
    worst=".2f"))


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


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("seeds", 100), ("features", 4096), ("tokens", 8192), ("error", 8), ("jobs", os.cpu_count())):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
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
