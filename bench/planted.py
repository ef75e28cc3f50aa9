#!/usr/bin/env python3
"""Are certified matches right? A planted permutation of 4,096 features, found again: `make bench-certified`.

    planted.py [--seeds N] [--features N] [--tokens T] [--error R] [--jobs J]

Of each seed a dictionary and, for each level of noise, a copy of it (tests/oracle/planted.py) go through act-dump, featdist,
refproj, `centroid --top 4 --error 8` and hungarian. Prints, by noise, the share of features recovered one to one and by
nearest neighbour, the share certified, how many certified pairs are wrong, and the largest ratio of margin to error of a
wrong nearest pair, which has to stay below 4. Appends JSON lines, one a seed and noise, to bench/out/planted.jsonl. The
programs have to be on PATH."""
import argparse
import concurrent.futures
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "oracle"), str(ROOT / "examples")]
import planted

OUT = ROOT / "bench" / "out"
NOISES = [0., .2, .4, .8, 1.6, 6.4]


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
            row = dict(seed=seed, noise=noise, features=features)
            for how, option in (("assigned", ""), ("nearest", "--nearest")):
                out = run(folder, f"hungarian --quiet {option} distances")
                right, sure, ratio = planted.recovered(order, io.BytesIO(out))
                row |= {how: right.sum() / features, f"{how}_certified": sure.sum() / features,
                        f"{how}_wrong": int((sure & ~right).sum())}
            row["worst"] = float(ratio[~right].max(initial=0))
            rows.append(row)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("seeds", 100), ("features", 4096), ("tokens", 8192), ("error", 8), ("jobs", os.cpu_count())):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as jobs, open(OUT / "planted.jsonl", "a") as out:
        rows = []
        for some in jobs.map(lambda seed: measure(seed, args.features, args.tokens, args.error), range(args.seeds)):
            rows += some
            out.writelines(json.dumps(row) + "\n" for row in some)
            out.flush()
    print(f"{args.features} features, {args.seeds} seeds\nnoise  recovered: assigned  nearest  certified: assigned  nearest  "
          "wrongly  largest margin of a wrong pair, in errors")
    for noise in NOISES:
        of = [row for row in rows if row["noise"] == noise]
        mean = {key: sum(row[key] for row in of) / len(of) for key in of[0]}
        print(f"{noise:5} {mean['assigned']:20.4f} {mean['nearest']:8.4f} {mean['assigned_certified']:20.4f} "
              f"{mean['nearest_certified']:8.4f} {sum(r['assigned_wrong'] + r['nearest_wrong'] for r in of):8} "
              f"{max(r['worst'] for r in of):10.2f}")
    sys.exit(any(r["assigned_wrong"] + r["nearest_wrong"] for r in rows))


if __name__ == "__main__":
    main()
