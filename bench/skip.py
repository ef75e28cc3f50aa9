#!/usr/bin/env python3
"""Can a layer be left out, its features replaced by their matches? Part of `make bench-quality`.

SAE Match's test (Balagansky et al. 2025): the state after layer b becomes b_dec + sum_i s_i a_i(t) d_j, of the
activations a_i of layer b - 1, which is read last, and of the decoder rows d_j of their matches; the layers behind b run on.
The score is the loss of the model on text that was not used for matching, in nats a token, less its loss as it is. s_i is the
least squares of b_j by s_i a_i on the text that is matched by, or, as in SAE Match, the ratio of the folded thresholds. Beside
it: b's own reconstruction, the state before layer b as it is, and random matchings.

    skip.py [--only TEXT] [--stories N]

bl361 alone: the sample has no model. The rows go to bench/results/skip.tsv. The programs have to be on PATH."""
import argparse
import tempfile

import numpy as np

import models
import quality
from quality import read, run
from record import DATA, Table

WAYS = ["decoder --folded", "decoder", "centroid | rescale", "sinkhorn | rescale", "coact"]
SCALES = ["least squares", "thresholds"]
TABLE = Table("skip", ("data", "way", "scale", "a", "b"), {"delta": ".3f", "loss": ".3f", "explained": ".3f", "stories": "d"})
LENGTH = models.LENGTH


class Runs:
    """bl361's layers from one on, over whole stories; the first position, BOS, has no feature."""

    def __init__(self, model, stories):
        code, path = models.language_model_code(), DATA / "models" / "babyllama361.bin"
        self.hidden, self.rms, (self.h, self.m) = code["hidden"], code["rms"], code["load"](path)
        at = sum(x.size for x in self.m.values())
        self.last = np.fromfile(path, "<f4", offset=28)[at:at + self.h["dim"]]
        tokens = np.load(model.folder / "tokens.npy").reshape(-1, LENGTH)[-stories:]
        self.tokens = np.concatenate([np.ones_like(tokens[:, :1]), tokens], 1)
        self.begins = self.hidden(self.h, self.m, self.tokens[0])[:, 0]     # BOS: the same in all stories

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


def measure(model, runs, a, b, only, folder):
    n = runs.tokens.shape[0] * LENGTH
    states = {layer: np.load(f"{model.folder}/hidden_L{layer}.npy") for layer in (a, b)}
    unseen, matched = {}, {}
    for layer in (a, b):
        unseen[layer] = dense(states[layer][-n:], model.sae(layer, "0"), folder)
        matched[layer] = dense(states[layer][:quality.MATCHED], model.sae(layer, "0"), folder)
    weights = {layer: np.load(f"{model.sae(layer, '0')}/params.npz") for layer in (a, b)}
    decode, mean = weights[b]["W_dec"], weights[b]["b_dec"]
    x = states[b][-n:]
    as_it_is = runs.loss(int(b), x)

    def add(way, scale, y):
        loss = runs.loss(int(b), y)
        TABLE.add(data=model.name, way=way, scale=scale, a=a, b=b, delta=loss - as_it_is, loss=loss,
                  explained=1 - ((x - y) ** 2).sum() / ((x - x.mean(0)) ** 2).sum(), stories=len(runs.tokens))

    def substituted(row, col, scale):
        if scale == "thresholds":
            s = weights[b]["threshold"][col] / weights[a]["threshold"][row]
        else:
            one, other = matched[a][:, row], matched[b][:, col]
            s = (one * other).sum(0) / np.maximum((one * one).sum(0), 1e-12)
        return mean + unseen[a][:, row] * s @ decode[col]

    if only in "own, before, random":
        add("own features", "", mean + unseen[b] @ decode)
        add("the state before it", "", states[a][-n:])
        rows = np.arange(len(decode))
        add("random", "least squares", substituted(rows, np.random.default_rng(0).permutation(len(decode)), "least squares"))
    for way in WAYS:
        if only in way:
            pairs = partners(model, way, a, b, folder)
            for scale in SCALES[:1 + (way == "decoder --folded")]:
                add(way, scale, substituted(*pairs, scale))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="ways with this text in them")
    parser.add_argument("--stories", type=int, default=20, help="so many are scored on")
    args = parser.parse_args()
    if not DATA.exists():
        return
    model = quality.LanguageModel()
    runs = Runs(model, args.stories)
    for a, b in zip(model.layers, model.layers[1:]):
        with tempfile.TemporaryDirectory() as folder:
            measure(model, runs, a, b, args.only, folder)


if __name__ == "__main__":
    main()
