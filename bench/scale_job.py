#!/usr/bin/env python3
"""A made job of a real model's size: hidden states of two layers and a reference, an SAE of each layer, known partners.

    scale_job.py FOLDER [--tokens T,...] [--features N,...] [--dims D] [--seed S]

Latents are directions. A token is the sum of some of them: of those that its word has (Zipf), those that its topic has (which
lasts for dozens of tokens), and some by chance. Latents come in families, and a word or a topic has its latents from three.
Popularities are log-normal, so that few latents are dense and most are rare. Layer a has 8/9 of the latents, layer b another 8/9 in another order, the reference all. Each layer has the
directions with some of its own mixed in, leaves out a tenth of what a token has, and adds noise. The first token of each
context has massive activations in three dimensions.

Written are NAME.K.npy, states in f2, in shards of the least T; a-N.npz and b-N.npz, an SAE for each N, the smaller ones with a
part of the largest's features (the JumpReLU threshold lets as many features fire as a token has latents: about 50 of the largest
SAE's); and partner-N.npy, the feature of b that is the same latent as each of a, or -1. A seed makes it all."""
import argparse
import pathlib

import numpy as np
import scipy.sparse

CONTEXT, CHUNK = 1024, 4096
RUN, FAMILY = 64, 32            # tokens of a topic, latents of a family
MIX, DROPPED, NOISE = 0.6, 0.1, 0.2
MASSIVE, MASSIVE_DIMS = 3000, 3
LAYERS = ("a", "b", "reference")


class Job:
    def __init__(self, tokens, features, dims, seed):
        """tokens, features: ascending; each divides the largest."""
        self.tokens, self.features, self.dims, self.seed = tokens, features, dims, seed
        if any(tokens[-1] % t or t % CONTEXT for t in tokens):
            raise SystemExit(f"scale_job: tokens have to divide {tokens[-1]}, and {CONTEXT} them")
        if any(features[-1] % n or n % 32 for n in features):
            raise SystemExit(f"scale_job: features have to divide {features[-1]}, and 32 them")
        n = features[-1]
        self.latents = n + n // 8
        self.active = min(75, n // 16, dims // 16)
        rng = self.rng("latents")
        popularity = np.exp(1.2 * rng.standard_normal(-(-self.latents // FAMILY))[:, None]
                            + rng.standard_normal(FAMILY))
        self.popularity = popularity.ravel()[:self.latents]
        self.popularity /= self.popularity.sum()
        self.families = popularity.sum(1) / popularity.sum()
        self.within = popularity[0] / popularity[0].sum()       # the same odds in every family
        self.strength = np.exp(0.2 * rng.standard_normal(self.latents)).astype("f4")
        self.words = self.lists(rng, n, self.active)
        self.topics = self.lists(rng, n // 16, self.active // 3)
        self.word_odds = self.zipf(n)
        # Feature k of a layer is this latent.
        self.latent = {"a": rng.permutation(n), "b": n // 8 + rng.permutation(n)}

    def rng(self, *what):
        names = [sum(256 ** i * ord(c) for i, c in enumerate(x)) if isinstance(x, str) else x for x in what]
        return np.random.default_rng([self.seed, *names])

    def lists(self, rng, many, latents):
        """The latents of words or topics, from three families each."""
        family = rng.choice(len(self.families), (many, 3), p=self.families)
        shape = many, latents
        family = np.take_along_axis(family, rng.integers(0, 3, shape), 1)
        return (family * FAMILY + rng.choice(FAMILY, shape, p=self.within)) % self.latents

    @staticmethod
    def zipf(n):
        odds = 1 / np.arange(5, n + 5)
        return odds / odds.sum()

    def codes(self, chunk, tokens):
        """What each token has of each latent, (tokens, latents): the same for all layers."""
        rng = self.rng("codes", chunk)
        word = self.words[rng.choice(len(self.words), tokens, p=self.word_odds)]
        topic = self.topics[rng.integers(0, len(self.topics), -(-tokens // RUN)).repeat(RUN)[:tokens]]
        alone = rng.choice(self.latents, (tokens, self.active // 6), p=self.popularity)
        latent = np.hstack([word, topic, alone])
        has = rng.random(latent.shape, "f4") < 0.85
        token = np.arange(tokens).repeat(has.sum(1))
        latent = latent[has]
        value = self.strength[latent] * (1.2 + 0.5 * rng.standard_exponential(len(latent), "f4"))
        codes = scipy.sparse.coo_array((value, (token, latent)), (tokens, self.latents)).tocsr()
        codes.data = np.minimum(codes.data, 3 * self.strength[codes.indices])   # of what a token has twice
        return codes

    def directions(self, layer):
        """(latents, dims), of length 1; 0 for those that the layer has not."""
        rng, own = self.rng("directions"), self.rng("directions", layer)
        shape = self.latents, self.dims
        spectrum = np.geomspace(1, 0.5, self.dims).astype("f4")
        turn = np.linalg.qr(rng.standard_normal((self.dims, self.dims)))[0].astype("f4")
        at = rng.standard_normal(shape, "f4")
        at += MIX * own.standard_normal(shape, "f4")
        at *= spectrum
        at = at @ turn
        at /= np.linalg.norm(at, axis=1, keepdims=True)
        if layer in self.latent:
            at[np.setdiff1d(np.arange(self.latents), self.latent[layer])] = 0
        return at

    def states(self, layer, directions, chunk, tokens):
        codes, rng = self.codes(chunk, tokens), self.rng("states", layer, chunk)
        codes.data *= np.exp(0.2 * rng.standard_normal(codes.nnz, "f4"))
        codes.data[rng.random(codes.nnz, "f4") < DROPPED] = 0
        x = codes @ directions
        deviation = NOISE * np.sqrt((x ** 2).sum(1).mean() / self.dims)
        x += np.float32(deviation) * rng.standard_normal(x.shape, "f4")
        x += self.rng("mean", layer).standard_normal(self.dims, "f4") * np.float32(3 * deviation)
        return x

    def write_sae(self, folder, layer, directions, x):
        """Encoders are decoders transposed; x: states that the mean and the threshold are estimated on."""
        mean = x.mean(0)
        latent = self.latent[layer]
        decoder = directions[latent]
        pre = (x - mean) @ decoder.T
        planted = self.codes(0, CHUNK)[:, latent].nnz / CHUNK * (1 - DROPPED)
        place = pre.size - int(len(x) * planted)
        threshold = np.partition(pre, place, axis=None)[place]
        for n in self.features:
            some = decoder[latent % (self.features[-1] // n) == 0]
            np.savez(folder / f"{layer}-{n}.npz", W_enc=np.ascontiguousarray(some.T), W_dec=some,
                     b_enc=-(some @ mean), b_dec=mean, threshold=np.full(n, threshold, "f4"))

    def write_partners(self, folder):
        for n in self.features:
            step = self.features[-1] // n
            a, b = (latent[latent % step == 0] for latent in self.latent.values())
            feature = np.full(self.latents, -1)
            feature[b] = np.arange(n)
            np.save(folder / f"partner-{n}.npy", feature[a])

    def write(self, folder):
        shard = self.tokens[0]
        for layer in LAYERS:
            directions = self.directions(layer)
            dims = self.rng("massive").choice(self.dims, MASSIVE_DIMS, replace=False)
            for first in range(0, self.tokens[-1], shard):
                out = np.lib.format.open_memmap(folder / f"{layer}.{first // shard}.npy", "w+", "f2",
                                                (shard, self.dims))
                for at in range(0, shard, CHUNK):
                    n = min(CHUNK, shard - at)
                    x = self.states(layer, directions, (first + at) // CONTEXT, n)
                    if first + at == 0 and layer != "reference":
                        self.write_sae(folder, layer, directions, x[::2])
                    for k in dims:
                        x[::CONTEXT, k] += MASSIVE
                    out[at:at + n] = x
                    assert np.isfinite(out[at:at + n]).all()
                out.flush()
        self.write_partners(folder)

    def bytes(self):
        """Of all files, and the most that making them takes of memory."""
        d, n = self.dims, self.features[-1]
        saes = 16 * d * sum(self.features)
        return (2 * 3 * self.tokens[-1] * d + saes,
                3 * 4 * self.latents * d + CHUNK * (4 * n + 16 * d) + 64 * self.active * n)


def sizes(text):
    return sorted({int(x) for x in text.split(",")})


def add_arguments(parser):
    parser.add_argument("--tokens", type=sizes, default=[65536, 262144], help="ascending (65536,262144)")
    parser.add_argument("--features", type=sizes, default=[4096, 16384], help="of a layer (4096,16384)")
    parser.add_argument("--dims", type=int, default=2304, help="of a state (2304)")
    parser.add_argument("--seed", type=int, default=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    add_arguments(parser)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    Job(args.tokens, args.features, args.dims, args.seed).write(args.folder)


if __name__ == "__main__":
    main()
