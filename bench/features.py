"""Made features that behave like those of a real model: hidden states of two layers and a reference, and a TopK SAE for each.

    features.py FOLDER [--features N] [--tokens T] [--dims D] [--k K] [--seed S]

A token's state is the sum of what its word is (Zipf), what its neighbours are (a slow random walk) and noise, seen through
a matrix of decaying singular values, as states of language models are; the layers see the same with more and more
noise mixed in. Each feature is the direction of a state, so that features are dense where states are, and fires on the
tokens for which it is among the k strongest."""
import argparse

import numpy as np

WORDS = 2000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    for name, default in (("features", 16384), ("tokens", 65536), ("dims", 64), ("k", 32), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    words = rng.choice(WORDS, args.tokens, p=1 / np.arange(5, WORDS + 5) / (1 / np.arange(5, WORDS + 5)).sum())
    context = rng.standard_normal((args.tokens, args.dims))
    for t in range(1, args.tokens):
        context[t] = 0.9 * context[t - 1] + 0.44 * context[t]
    base = rng.standard_normal((WORDS, args.dims))[words] + 0.6 * context
    anchors = rng.choice(args.tokens, args.features, replace=False)
    mixing = np.linalg.qr(rng.standard_normal((args.dims, args.dims)))[0] * np.geomspace(1, 0.1, args.dims)
    for name, noise in (("reference", 0), ("a", 0.7), ("b", 0.5)):
        turn = np.linalg.qr(rng.standard_normal((args.dims, args.dims)))[0]
        state = ((base + noise * rng.standard_normal(base.shape)) @ mixing @ turn).astype("f4")
        np.save(f"{args.folder}/{name}.npy", state)
        if name == "reference":
            continue
        anchor = state[anchors] - state.mean(0)
        anchor /= np.linalg.norm(anchor, axis=1, keepdims=True)
        np.savez(f"{args.folder}/{name}.npz", W_enc=anchor.T.astype("f4"), W_dec=anchor.astype("f4"),
                 b_enc=-(anchor @ state.mean(0)).astype("f4"), b_dec=np.zeros(args.dims, "f4"), k=np.int64(args.k))


if __name__ == "__main__":
    main()
