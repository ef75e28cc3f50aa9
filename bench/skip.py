#!/usr/bin/env python3
"""Can a layer be left out, its features replaced by their matches? Part of `make bench-quality`.

SAE Match's test (Balagansky et al. 2025): the state after layer b becomes b_dec + sum_i s_i a_i(t) d_j, of the
activations a_i of layer b - 1, which is read last, and of the decoder rows d_j of their matches; the layers behind b run on.
The score is the loss of the model on text that was not used for matching, in nats a token, less its loss as it is. s_i is the
least squares of b_j by s_i a_i on the text that is matched by, or, as in SAE Match, the ratio of the folded thresholds. Beside
it: b's own reconstruction, the state before layer b as it is, and random matchings.

    skip.py [--data TEXT] [--only TEXT]

The sample is scored on its 512 held-out sequences, and only after `make -C examples/storyworld/make states`, which trains its
model. The rows go to bench/results/skip.tsv. The programs have to be on PATH."""
import argparse
import pathlib
import sys
import tempfile

import numpy as np

import models
import quality
from quality import read, run
from record import DATA, SAMPLE, Table

WAYS = ["decoder --folded", "decoder", "centroid | rescale", "sinkhorn | rescale", "coact"]
SCALES = ["least squares", "thresholds"]
TABLE = Table("skip", ("data", "way", "scale", "a", "b"), {"delta": ".3f", "loss": ".3f", "explained": ".3f", "stories": "d"})
LENGTH = models.LENGTH
STORIES = 20                                            # of bl361 are scored on


class LanguageModel(quality.LanguageModel):
    """bl361's layers from one on, over whole stories; the first position, BOS, has no feature."""

    def __init__(self):
        super().__init__()
        code, path = models.language_model_code(), DATA / "models" / "babyllama361.bin"
        self.hidden, self.rms, (self.h, self.m) = code["hidden"], code["rms"], code["load"](path)
        at = sum(x.size for x in self.m.values())
        self.last = np.fromfile(path, "<f4", offset=28)[at:at + self.h["dim"]]
        tokens = np.load(self.folder / "tokens.npy").reshape(-1, LENGTH)[-STORIES:]
        self.tokens = np.concatenate([np.ones_like(tokens[:, :1]), tokens], 1)
        self.begins = self.hidden(self.h, self.m, self.tokens[0])[:, 0]     # BOS: the same in all stories

    def unseen(self, layer):
        return np.load(f"{self.folder}/hidden_L{layer}.npy")[-STORIES * LENGTH:]

    def loss(self, layer, states):
        """Of the states after a layer, (tokens, dim): mean nats a token; 1 and later positions are predicted."""
        per, rest = {k: v[layer:] for k, v in self.m.items()}, dict(self.h, layers=self.h["layers"] - layer)
        total = 0
        for story, x in zip(self.tokens, states.reshape(len(self.tokens), LENGTH, -1)):
            start = np.concatenate([self.begins[layer][None], x[:-1]])
            end = self.hidden(rest, {**per, "emb": start}, np.arange(LENGTH))[-1]
            z = self.rms(end, self.last) @ self.m["emb"].T
            z -= z.max(1, keepdims=True)
            total -= (z[np.arange(LENGTH), story[1:]] - np.log(np.exp(z).sum(1))).sum()
        return total / states.shape[0]


class Sample(quality.Sample):
    """The sample's layers from one on, over its held-out sequences; the first token is not predicted."""
    made = SAMPLE / "make" / "work" / "model_A.npz"

    def __init__(self):
        super().__init__()
        sys.path.append(str(SAMPLE / "make"))
        import text, torch, train
        self.torch, self.train, self.P = torch, train, train.load(self.made)
        self.tokens = torch.from_numpy(text.make(202, 512, False)[0]).long()
        self.after = train.residuals(self.P, self.tokens)

    def unseen(self, layer):
        return self.after[int(layer)].flatten(0, 1).numpy()

    def loss(self, layer, states):
        x = self.torch.from_numpy(states.astype("f4")).view(*self.tokens.shape, -1)
        for l in range(layer, self.train.LAYERS):
            x = self.train.block(self.P, l, x)
        z = self.train.unembed(self.P, x)[:, :-1].flatten(0, 1)
        return self.torch.nn.functional.cross_entropy(z, self.tokens[:, 1:].flatten()).item()


def dense(states, sae, folder):
    """Activations, (tokens, features)."""
    np.save(f"{folder}/states.npy", states)
    header, frames = read(run(f"act-dump --quiet --no-point --hidden {folder}/states.npy --sae {sae}"))
    found = np.zeros((header["tokens"], header["features"]), "f4")
    for frame in frames:
        found[np.repeat(frame["token"], np.diff(frame["indptr"].astype(int))), frame["feature"]] = frame["value"]
    return found


def partners(model, way, a, b, folder):
    """Rows and columns of the assignment."""
    stage, *filters = way.split(" | ")
    sides = [quality.side(model, f"{layer}.0", quality.DEFAULT, folder)[stage != "coact"] for layer in (a, b)]
    _, (pairs, *_) = read(run(" | ".join([f"{stage} --quiet {sides[0]} {sides[1]}", *filters, "hungarian --quiet"])))
    return pairs["row_feature"].astype(int), pairs["col_feature"].astype(int)


def weights_of(path):
    path = pathlib.Path(path)
    return np.load(path / "params.npz" if path.is_dir() else path)


def measure(model, a, b, only, folder):
    saes = {layer: model.sae(layer, "0") for layer in (a, b)}
    unseen, matched, weights = ({layer: make(layer) for layer in (a, b)} for make in (
        lambda layer: dense(model.unseen(layer), saes[layer], folder),
        lambda layer: dense(np.load(model.states(layer)).astype("f4"), saes[layer], folder),
        lambda layer: weights_of(saes[layer])))
    decode, mean = (weights[b][name].astype("f4") for name in ("W_dec", "b_dec"))
    x = model.unseen(b)
    as_it_is = model.loss(int(b), x)

    def add(way, scale, y):
        loss = model.loss(int(b), y)
        TABLE.add(data=model.name, way=way, scale=scale, a=a, b=b, delta=loss - as_it_is, loss=loss,
                  explained=1 - ((x - y) ** 2).sum() / ((x - x.mean(0)) ** 2).sum(), stories=len(model.tokens))

    def substituted(row, col, scale):
        if scale == "thresholds":
            s = weights[b]["threshold"][col] / weights[a]["threshold"][row]
        else:
            one, other = matched[a][:, row], matched[b][:, col]
            s = (one * other).sum(0) / np.maximum((one * one).sum(0), 1e-12)
        return mean + unseen[a][:, row] * s @ decode[col]

    if only in "own, before, random":
        add("own features", "", mean + unseen[b] @ decode)
        add("the state before it", "", model.unseen(a))
        rows = np.arange(len(decode))
        add("random", "least squares", substituted(rows, np.random.default_rng(0).permutation(len(decode)), "least squares"))
    for way in WAYS:
        if only in way:
            pairs = partners(model, way, a, b, folder)
            for scale in SCALES[:1 + (way == "decoder --folded")]:
                add(way, scale, substituted(*pairs, scale))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default="", help="models with this text in their names")
    parser.add_argument("--only", default="", help="ways with this text in them")
    args = parser.parse_args()
    for kind in LanguageModel, Sample:
        if kind.made.exists() and args.data in kind.name:
            model = kind()
            for a, b in zip(model.layers, model.layers[1:]):
                with tempfile.TemporaryDirectory() as folder:
                    measure(model, a, b, args.only, folder)


if __name__ == "__main__":
    main()
