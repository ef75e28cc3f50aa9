"""A dictionary of features and copies of it of which all is known: the same features in another order, in a rotated and
scaled space with as many directions of noise beside it, every feature's activations scaled by a factor of its own, and noise
on the states (each token's its own) and on the activations (by the directions beside).

    planted.py make FOLDER [--features N] [--tokens T] [--noise S]... [--alone SHARE] [--seed R]
                        a.npy, a.npz, and for each noise bS.npy, bS.npz and order.npy: row i of a is column k of b
                        where order[k] = i. A share of the features of either side has no partner: the first rows of
                        a, and the columns of b whose order is N or more
    planted.py partners FOLDER STREAM CHANCE    of the pairs of at most that chance: how many of their rows have a partner,
                        and of how many rows that have one it says so; fails when either share is below .95
    planted.py check FOLDER STREAM...    what was recovered and certified, a line each; fails when a certified pair is wrong

Noise is measured in standard deviations of the states."""
import argparse
import sys

import numpy as np

from semot import read

DIMS, SHARE = 32, 0.01          # of the space; of the tokens on which a feature fires


def save(path, states, encoder, bias):
    np.save(f"{path}.npy", states.astype("f4"))
    d, n = encoder.shape
    np.savez(f"{path}.npz", W_enc=encoder.astype("f4"), b_enc=bias.astype("f4"), W_dec=np.zeros((n, d), "f4"),
             b_dec=np.zeros(d, "f4"))


def make(folder, features, tokens, noises, seed, alone=0):
    """Features look for the directions of some tokens, and fire on those nearest to them; returns order."""
    rng = np.random.default_rng(seed)
    states = rng.standard_normal((features // 4, DIMS))[rng.integers(0, features // 4, tokens)]
    states += 0.7 * rng.standard_normal(states.shape)
    states /= states.std()
    first = round(alone * features)
    encoder = states[rng.choice(tokens, features + first, replace=False)].T
    encoder /= np.linalg.norm(encoder, axis=0)
    some = states[:4096].astype("f4") @ encoder.astype("f4")
    bias = -np.partition(some, int((1 - SHARE) * len(some)), axis=0)[int((1 - SHARE) * len(some))]
    save(f"{folder}/a", states, encoder[:, :features], bias[:features])
    encoder, bias, order = encoder[:, first:], bias[first:], rng.permutation(features)
    np.save(f"{folder}/order.npy", first + order)
    turn = np.linalg.qr(rng.standard_normal((2 * DIMS, 2 * DIMS)))[0]
    scale, own = np.exp(rng.standard_normal()), np.exp(rng.standard_normal(features))
    stray = rng.standard_normal(encoder.shape)
    stray /= np.linalg.norm(stray, axis=0)
    for noise in noises:
        around, beside = rng.standard_normal((2, tokens, DIMS))
        save(f"{folder}/b{noise}", scale * np.hstack([states + noise * around, beside]) @ turn,
             (turn.T @ np.vstack([encoder, noise * stray]) / scale * own)[:, order], (bias * own)[order])
    return first + order


def recovered(order, matching):
    """Of a matching of a and b: which pairs are right, which are certified, and margins in errors."""
    (_, (pairs, *_)), = read(matching)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = pairs["margin"] / pairs["error"]
    return order[pairs["col_feature"]] == pairs["row_feature"], pairs["certified"] == 1, ratio


def partners(order, matching, chance):
    """Precision and recall of the pairs of at most that chance, as signs that a row has a partner."""
    (_, (pairs, *_)), = read(matching)
    true = np.isin(np.arange(len(order)), order)
    said = np.isin(np.arange(len(order)), pairs["row_feature"][pairs["chance"] <= np.float32(chance)])
    return (true & said).sum() / max(said.sum(), 1), (true & said).sum() / true.sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("make")
    command.add_argument("folder")
    command.add_argument("--features", type=int, default=256)
    command.add_argument("--tokens", type=int, default=4096)
    command.add_argument("--noise", action="append", default=[])
    command.add_argument("--alone", type=float, default=0)
    command.add_argument("--seed", type=int, default=0)
    command = commands.add_parser("partners")
    command.add_argument("folder")
    command.add_argument("stream")
    command.add_argument("chance", type=float)
    command = commands.add_parser("check")
    command.add_argument("folder")
    command.add_argument("streams", nargs="+")
    args = parser.parse_args()
    if args.command == "make":
        make(args.folder, args.features, args.tokens, [float(s) for s in args.noise], args.seed, args.alone)
        return
    if args.command == "partners":
        found = partners(np.load(f"{args.folder}/order.npy"), args.stream, args.chance)
        print(f"{args.stream}: precision {found[0]:.3f}, recall {found[1]:.3f}")
        sys.exit(int(min(found) < .95))
    order, wrong = np.load(f"{args.folder}/order.npy"), 0
    for path in args.streams:
        right, sure, _ = recovered(order, path)
        print(f"{path}: {right.sum() / len(order):.3f} recovered, {sure.sum() / len(order):.3f} certified, "
              f"{(sure & ~right).sum()} wrongly")
        wrong += (sure & ~right).sum()
    sys.exit(int(wrong > 0))


if __name__ == "__main__":
    main()
