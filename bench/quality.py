#!/usr/bin/env python3
"""What matchings are worth on tokens that they were not made from.

    quality.py --states S/hidden_L%.npy --unseen U/hidden_L%.npy --sae S/sae_L%_s@ --reference 6 1:6 2:4 4:4@1

For every pair of layers, and per distance stage: the mean correlation, on the unseen tokens, between the
activations of matched features, one to one and with the nearest neighbour, beside the best that any
matching reaches there. In the patterns % stands for the layer and @ for the SAE's seed; 4:4@1 matches
seed 0 of layer 4 with seed 1. The programs have to be on PATH; python3-msgpack, -numpy, -scipy."""
import argparse
import subprocess
import tempfile

import msgpack
import numpy as np
from scipy.optimize import linear_sum_assignment

STAGES = ["sinkhorn --quiet", "decoder --quiet"]


def run(command):
    return subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True, stdout=subprocess.PIPE).stdout


def frames(data):
    """Header and frames of a stream; tensors as arrays."""
    unpacker = msgpack.Unpacker(ext_hook=lambda code, payload: msgpack.unpackb(payload),
                                max_buffer_size=2**31 - 1)
    unpacker.feed(data)
    for fields in unpacker:
        yield {name: np.frombuffer(value[2], value[0]).reshape(value[1])
               if isinstance(value, list) and len(value) == 3 and isinstance(value[2], bytes) else value
               for name, value in fields.items()}


def activations(states, sae):
    """Dense (tokens, features) activations."""
    header, *rest = frames(run(f"act-dump --no-point --hidden {states} --sae {sae}"))
    dense = np.zeros((header["tokens"], header["features"]), "f4")
    for frame in rest[:-1]:
        rows = np.repeat(frame["token"], np.diff(frame["indptr"].astype(int)))
        dense[rows, frame["feature"]] = frame["value"]
    return dense


def correlations(a, b):
    """Between the columns of a (n, d) and b (n, e)."""
    def unit(x):
        x = x - x.mean(0)
        return x / np.maximum(np.linalg.norm(x, axis=0), 1e-12)
    return unit(a).T @ unit(b)


def main():
    parser = argparse.ArgumentParser()
    for name in ("states", "unseen", "sae", "reference"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--featdist", default="featdist --quiet")
    parser.add_argument("--refproj", default="--whiten")
    parser.add_argument("pair", nargs="+")
    args = parser.parse_args()
    reference = args.states.replace("%", args.reference)
    with tempfile.TemporaryDirectory() as folder:
        for pair in args.pair:
            layers, _, seed = pair.partition("@")
            dense, sides = [], []
            for layer, seed in zip(layers.split(":"), ("0", seed or "0")):
                sae = args.sae.replace("%", layer).replace("@", seed)
                side = f"{folder}/{layer}.{seed}"
                run(f"act-dump --no-point --hidden {args.states.replace('%', layer)} --sae {sae} --layer {layer} |"
                    f"{args.featdist} | refproj --lift {reference} {args.refproj} >{side}")
                dense.append(activations(args.unseen.replace("%", layer), sae))
                sides.append(side)
            scored = correlations(*dense)
            for stage in STAGES:
                run(f"{stage} {sides[0]} {sides[1]} >{folder}/distances")
                ids = list(frames(open(f"{folder}/distances", "rb").read()))[1]
                possible = scored[np.ix_(ids["row_feature"], ids["col_feature"])]
                best = possible[linear_sum_assignment(-possible)].mean(), possible.max(1).mean()
                got = []
                for match in ("hungarian", "hungarian --nearest"):
                    _, matches, *_ = frames(run(f"{match} {folder}/distances"))
                    got.append(scored[matches["row_feature"], matches["col_feature"]].mean())
                print(f"{pair:8} {stage.split()[0]:10} one to one {got[0]:.3f} of {best[0]:.3f} ({got[0] / best[0]:.2f})"
                      f"   nearest {got[1]:.3f} of {best[1]:.3f} ({got[1] / best[1]:.2f})", flush=True)


main()
