#!/usr/bin/env python3
"""What matchings between two models with other tokenizers are worth: part of `make bench-quality`.

A is bl361, a model of characters, B a model of pieces of words: 512 pieces, 5 layers, 64 wide. Both read the same
stories. The SAEs of B are trained here. Features are matched on 120 stories and scored by match-eval
on 240 others, over tokens that end at the same place, beside the best that any matching reaches there.

    models.py [--only WAYS]

The rows go to bench/results/models.tsv. The programs have to be on PATH."""
import argparse
import json
import os
import re
import struct
import sys

import quality
from quality import read, run
from record import DATA, OUT, ROOT, Table

import numpy as np

STORIES, LENGTH = 120, 255                          # stories that are matched by; characters of each
PAIRS = [("5", "5"), ("3", "4"), ("2", "3"), ("5", "3")]
# ENDS: each token of A with the one of B that ends where it ends, or none; COVERS: with the one that covers its end.
WAYS = ["coact ENDS", "coact COVERS", "sinkhorn ENDS", "sinkhorn | rescale ENDS", "sinkhorn COVERS", "centroid ENDS",
        "centroid | rescale ENDS"]
TABLE = Table("models", ("way", "a", "b"),
              dict.fromkeys(("one_to_one", "nearest", "best_one_to_one", "best_nearest"), ".3f"))


class Pieces:
    """The tokenizer of llama2.c: the pair of pieces whose union has the largest score becomes one, until there is none."""

    def __init__(self, path):
        raw, at, self.piece, self.score = open(path, "rb").read(), 4, [], []
        while at < len(raw):
            score, length = struct.unpack_from("<fi", raw, at)
            self.piece.append(raw[at + 8:at + 8 + length])
            self.score.append(score)
            at += 8 + length
        self.id = {piece: i for i, piece in reversed(list(enumerate(self.piece)))}

    def encode(self, text):
        """Ids, and where each begins and ends in the text, in characters."""
        tokens = []                                 # (id, begin, end)
        for i, c in enumerate(text):
            known = self.id.get(c.encode())
            tokens += [(known, i, i + 1)] if known else [(b + 3, i, i + 1) for b in c.encode()]
        while True:
            unions = [self.id.get(self.piece[x[0]] + self.piece[y[0]]) for x, y in zip(tokens, tokens[1:])]
            best = max((k for k, u in enumerate(unions) if u), key=lambda k: self.score[unions[k]], default=None)
            if best is None:
                return [t[0] for t in tokens], [t[1:] for t in tokens]
            tokens[best:best + 2] = [(unions[best], tokens[best][1], tokens[best + 1][2])]


def language_model_code():
    """The functions of the program that makes hidden states, without running it."""
    code = (DATA / ".." / "tools" / "lm_hidden.py").read_text().rsplit("\nmain()", 1)[0]
    names = {}
    exec(compile(code, "lm_hidden.py", "exec"), names)
    return names


def stories(model):
    """The texts that A has read: of the ids of its characters."""
    chars = [line.split("\t")[0] for line in open(f"{DATA}/models/tok105.vocab", encoding="utf8").read().split("\n") if line]
    chars = chars[:3] + [""] * 256 + chars[3:]
    ids = np.load(f"{model.folder}/tokens.npy").reshape(-1, LENGTH)
    return ["".join(chars[i] for i in story).replace("\u2581", " ") for story in ids]


def make_states(model, folder):
    """B's states on A's stories, and the offsets of both models' tokens in all of the text."""
    code, pieces = language_model_code(), Pieces(DATA / "models" / "tok512.bin")
    h, m = code["load"](DATA / "models" / "stories260K.bin")
    states, offsets = [], []
    for k, text in enumerate(stories(model)):
        ids, at = pieces.encode(text)
        states.append(code["hidden"](h, m, np.array([1] + ids))[:, 1:].astype("f4"))
        offsets.append(np.array(at) + k * LENGTH)
    of_story = np.repeat(np.arange(len(offsets)), [len(x) for x in offsets])
    ends = np.arange(1, len(offsets) * LENGTH + 1)
    parts = {"matched": slice(0, STORIES), "unseen": slice(-2 * STORIES, None)}
    for name, part in parts.items():
        which = np.isin(of_story, np.arange(len(offsets))[part])
        np.save(folder / f"{name}_offsets.npy", np.concatenate(offsets)[which])
        first = np.arange(len(offsets))[part][0] * LENGTH
        np.save(folder / f"{name}_characters.npy", np.stack([ends - 1, ends], 1)[first:first + LENGTH * len(offsets[part])])
        for layer, x in enumerate(np.concatenate(states, 1)):
            np.save(folder / f"{name}_L{layer}.npy", x[which])
    for layer, x in enumerate(np.concatenate(states, 1)):
        np.save(folder / f"all_L{layer}.npy", x)


def train(x, folder, features=256, k=8, steps=3000, batch=1024):
    """A TopK SAE by Adam; a feature that has not fired for long begins anew as a state that is reconstructed badly."""
    rng = np.random.default_rng(0)
    mean, scale = x.mean(0), np.sqrt(((x - x.mean(0)) ** 2).mean())
    x = ((x - mean) / scale).astype("f4")
    dec = x[rng.choice(len(x), features, False)]
    dec /= np.linalg.norm(dec, axis=1, keepdims=True)
    weights = [dec.T.copy(), np.zeros(features, "f4"), dec]
    first, second = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    fired = np.zeros(features, int)
    for step in range(1, steps + 1):
        enc, bias, dec = weights
        some = x[rng.integers(0, len(x), batch)]
        z = some @ enc + bias
        z[z < np.partition(z, -k, 1)[:, -k, None]] = 0
        z = np.maximum(z, 0)
        rest = z @ dec - some
        back = rest @ dec.T * (z > 0)
        for w, a, b, g in zip(weights, first, second, (some.T @ back, back.sum(0), z.T @ rest)):
            a += .1 * (g / batch - a)
            b += .001 * ((g / batch) ** 2 - b)
            w -= .002 * min(1, 3 - 3 * step / steps) * a / (1 - .9 ** step) / (np.sqrt(b / (1 - .999 ** step)) + 1e-8)
        dec /= np.linalg.norm(dec, axis=1, keepdims=True)
        fired[(z > 0).any(0)] = step
        dead = np.flatnonzero(step - fired > 300)
        if step % 300 == 0 and step < .7 * steps and len(dead):
            worst = np.argsort(-(rest ** 2).sum(1))[:len(dead)]
            dead, new = dead[:len(worst)], some[worst] - some[worst].mean(0)
            dec[dead] = new / np.linalg.norm(new, axis=1, keepdims=True)
            enc[:, dead], bias[dead], fired[dead] = .5 * dec[dead].T, 0, step
    enc, bias, dec = weights
    print(f"SAE: unexplained {(rest ** 2).sum() / ((some - some.mean(0)) ** 2).sum():.3f}, "
          f"{(fired > steps - 300).sum()} features fire", flush=True)
    os.makedirs(folder, exist_ok=True)
    np.savez(f"{folder}/params.npz", W_enc=enc / scale, b_enc=bias - mean @ enc / scale, W_dec=dec * scale, b_dec=mean, k=np.int64(k))
    with open(f"{folder}/cfg.json", "w") as file:
        json.dump({"architecture": "topk", "k": k, "apply_b_dec_to_input": False}, file)


class Models:
    def __init__(self):
        self.a, self.folder = quality.LanguageModel(), OUT / "stories260K"
        os.makedirs(self.folder, exist_ok=True)
        if not (self.folder / "all_L5.npy").exists():
            make_states(self.a, self.folder)
        for layer in {b for _, b in PAIRS}:
            if not (self.folder / f"L{layer}").exists():
                train(np.load(self.folder / f"all_L{layer}.npy"), self.folder / f"L{layer}")

    def once(self, name, command):
        path = self.folder / re.sub(r"\W", "_", name)
        if not path.exists():
            run(f"{command} >{path}.new && mv {path}.new {path}")
        return path

    def rows(self, part, how):
        path = self.folder / f"{part}_{how}.npy"
        run(f"{sys.executable} {ROOT}/examples/token_rows.py {self.folder}/{part}_characters.npy "
            f"{self.folder}/{part}_offsets.npy {path} {'cover' * (how == 'COVERS')}")
        return path

    def acts(self, side, layer, part):
        states = (self.a if side == "A" else self).folder / f"{part}_L{layer}.npy"
        sae = self.a.sae(layer, "0") if side == "A" else self.folder / f"L{layer}"
        return self.once(f"{side}{layer} {part} acts",
                         f"act-dump --quiet --no-point --hidden {states} --sae {sae} --layer {side}{layer}")

    def coupling(self, a, b, part, how):
        return self.once(f"{part} {how} coupling", f"couple --quiet --by rows --rows {self.rows(part, how)} "
                         f"{self.acts('A', a, part)} {self.acts('B', b, part)}")

    def distances(self, way, a, b):
        way, how = way.rsplit(" ", 1)
        stage, *filters = way.split(" | ")
        one, other = self.acts("A", a, "matched"), self.acts("B", b, "matched")
        if stage == "coact":
            return self.once(f"coact {how} {a} {b}", f"coact --quiet --coupling {self.coupling(a, b, 'matched', how)} {one} {other}")
        lift = f"refproj --quiet --whiten --lift {self.folder}/matched_L5.npy"
        one = self.once(f"A{a} {how} dist", f"{lift} --rows {self.rows('matched', how)} {one} | featdist --quiet")
        other = self.once(f"B{b} dist", f"featdist --quiet {other} | {lift}")
        found = self.once(f"{stage} {how} {a} {b}", f"{stage} --quiet {one} {other}")
        return self.once(f"{way} {how} {a} {b}", " | ".join([f"cat {found}", *filters])) if filters else found

    def score(self, way, a, b):
        """Correlation on other stories, and the best there."""
        values = []
        for match in "hungarian", "nearest":
            _, (scores, *_) = read(run(
                f"{match} --quiet {self.distances(way, a, b)} | match-eval --quiet --bootstrap 1 "
                f"--a {self.acts('A', a, 'unseen')} --b {self.acts('B', b, 'unseen')} "
                f"--coupling {self.coupling(a, b, 'unseen', 'ENDS')}"))
            at = list(scores["score"]).index("correlation")
            values.append((scores["value"][at], scores["best"][at]))
        return [x for pair in zip(*values) for x in pair]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="ways that this expression is found in")
    args = parser.parse_args()
    models = Models()
    for way in WAYS:
        for a, b in PAIRS if re.search(args.only, way) else ():
            TABLE.add(way=way, a=a, b=b, **dict(zip(TABLE.values, models.score(way, a, b))))


if __name__ == "__main__":
    main()
