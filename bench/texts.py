#!/usr/bin/env python3
"""What distances are worth on the same text and on other text: `make bench-quality`.

A is read on text 1; B on text 1 too ("same"), on text 2 ("other"), which has no token in common, or
on every second token of text 1 ("halved"), as if by a tokenizer whose tokens are twice as long, or
on text of another kind, manual pages where text 1 is stories ("pages").
The scores are quality.py's, on text 3: mean correlation, and on the sample the share of same
labels, beside those of the matching that is best by correlation there.

    texts.py [PART]...

tokens     every way to match, with fewer and fewer tokens of each text
begins     without the first 40 tokens of every story or sequence, in matching and in scoring
reference  lift to the first and the middle layer; other ways to scale the space

The rows go to bench/results/texts.tsv. The programs have to be on PATH. The sample has other text
and correlations only after `make -C examples/storyworld/make states`."""
import argparse
import json
import os
import re
import sys
import tempfile

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix, vstack

import quality
from quality import read, run
from record import DATA, ROOT, Table
import semot

SKIP = 40
DISTANCES = ["sinkhorn", "sinkhorn | rescale", "sinkhorn --unbalanced 4", "emd", "centroid", "centroid | rescale", "decoder"]
WAYS = {"same": ["coact", *DISTANCES],
        "other": ["couple", "couple --neighbours 2", "couple --neighbours 4",
                  "couple --neighbours 8", "couple --by sinkhorn",
                  "couple --by cells --cells N/4", "couple --cells N/256", "emd over cells",
                  *DISTANCES],
        "halved": ["couple", "couple --by rows ENDS", "couple --by rows COVERS"],
        "pages": ["couple", "sinkhorn", "sinkhorn | rescale", "centroid"]}
SHORT = {"same": ["coact", "sinkhorn", "centroid"], "other": ["couple", "sinkhorn", "centroid"]}
NONE = 2 ** 32 - 1                                  # a token without a partner
MOST = {"emd over cells": 4096, "pages": 16000}     # tokens: more take too long, or are not there

TABLE = Table("texts", ("data", "scores", "text", "tokens", "skip", "reference", "refproj", "way",
                        "a", "b"),
              dict.fromkeys(("one_to_one", "nearest", "best_one_to_one", "best_nearest"), ".3f"))


class LanguageModel(quality.LanguageModel):
    tokens, context = (30600, 16000, 4096, 1000), 255       # of a text, of a story

    def text(self, layer, number, tokens):
        """The states of text 1 or 2, so many or more."""
        if number == "pages":
            return np.load(self.pages() / f"hidden_L{layer}.npy", mmap_mode="r")
        states = np.load(f"{self.folder}/hidden_L{layer}.npy", mmap_mode="r")
        return states[(number - 1) * quality.MATCHED:number * quality.MATCHED]

    def has(self, text, tokens):
        """Are there two texts of so many tokens?"""
        return True

    def pages(self):
        """A folder: the states of the manual pages."""
        folder = self.folder / "pages"
        if not folder.exists():
            words = run(f"for f in {ROOT}/man/*.[1-9]; do nroff -mdoc $f; done 2>/dev/null"
                        " | col -b")
            words = " ".join(re.sub(r"[^A-Za-z0-9 .,!?'\":;()-]", " ", words.decode()).split())
            with open(self.folder / "pages.json", "w") as file:
                json.dump([words[k:k + 255] for k in range(0, len(words) - 254, 255)], file)
            run(f"{sys.executable} {DATA}/../tools/lm_hidden.py {DATA}/models/babyllama361.bin "
                f"{DATA}/models/tok105.vocab {self.folder}/pages.json {folder} 64")
        return folder


class Sample(quality.Sample):
    """Text 2 is other text; for half of the tokens or fewer, the second half of the sample."""
    context = 64

    def __init__(self):
        super().__init__()
        self.folder = quality.UnseenSample.folder
        self.other = (self.folder / "other_L1.npy").exists()
        self.tokens = (4096, 2048, 1000)

    def has(self, text, tokens):
        return text != "pages" and (text != "other" or self.other or tokens <= 2048)

    def text(self, layer, number, tokens):
        states = np.load(self.states(layer))
        if tokens <= len(states) // 2:
            return states[(number - 1) * len(states) // 2:]
        return states if number == 1 else np.load(f"{self.folder}/other_L{layer}.npy")


class Case:
    """Activations, distributions and couplings of one choice of text, tokens and reference."""

    def __init__(self, model, text, folder, tokens, skip=0, reference="last", refproj="--whiten"):
        self.model, self.text, self.both, self.folder = model, text, text != "same", folder
        self.reference = dict(first=model.layers[0], last=model.layers[-1],
                              middle=model.layers[(len(model.layers) - 1) // 2])[reference]
        self.n, self.skip, self.refproj = tokens, skip, refproj

    def once(self, name, make):
        """A file, made by a function or by a command that writes it to stdout."""
        path = f"{self.folder}/{name}".replace(" ", "_")
        if not os.path.exists(path):
            make(path) if callable(make) else run(f"{make} >{path}")
        return path

    def states(self, layer, both):
        """Text 1; or text 1 and what B reads, one after the other."""
        def make(path):
            context = self.model.context
            rows = self.n * context // (context - self.skip)
            second = {"other": 2, "pages": "pages"}.get(self.text, 1)
            texts = [self.model.text(layer, text, rows) for text in (1, second)]
            kept = [text[np.arange(len(text)) % context >= self.skip][:self.n] for text in texts]
            assert len(kept[0]) == len(kept[1]) == self.n
            kept[1] = kept[1][1::2] if self.text == "halved" else kept[1]
            np.save(path, np.concatenate(kept[:1 + both]).astype("f4"))
        return self.once(f"{layer}.{both:d}.npy", make)

    def lift(self):
        states = self.states(self.reference, self.both)
        axes = self.refproj.replace("--unit", "").strip()
        if axes:
            axes = f"--axes {self.once('axes', f'refaxes --quiet {axes} {states}')}"
        return f"--lift {states} {axes} {'--unit' * ('--unit' in self.refproj)}"

    def acts(self, key, second):
        """Of text 1; or of what B reads, whose tokens go on where those of text 1 end."""
        layer, seed = key.split(".")
        states = self.states(layer, self.both)
        n = len(np.load(states, mmap_mode="r"))
        mask = self.once(f"mask.{second:d}.npy",
                         lambda path: np.save(path, (np.arange(n) < self.n) != second))
        part = f"--quiet --mask {mask}" if self.both else ""
        return self.once(f"{key}.{second:d}.acts", f"act-dump --no-point --hidden {states} {part} "
                         f"--sae {self.model.sae(layer, seed)} --layer {layer}")

    def moved(self, key, second):
        """The same with points, in the space of the reference."""
        return self.once(f"{key}.{second:d}.moved",
                         f"refproj --quiet {self.lift()} {self.acts(key, second)}")

    def dist(self, key, second):
        acts = self.acts(key, second)
        return self.once(f"{key}.{second:d}.dist",
                         f"featdist --quiet {acts} | refproj --quiet {self.lift()}")

    def filled(self, way):
        """The command. N is the number of tokens of a text. COVERS: each token of A goes with the
        one of B that covers it; ENDS: with one that ends where it ends, or with none."""
        def rows(path):
            token = np.arange(self.n)
            to = np.minimum(self.n + token // 2, self.n + self.n // 2 - 1)
            if "ENDS" in way:
                to[::2] = NONE
            np.save(path, to.astype("<u4"))
        if "rows" in way:
            return "couple --by rows --rows " + self.once(way.split()[-1] + ".npy", rows)
        return re.sub(r"N/(\d+)", lambda found: str(max(1, self.n // int(found[1]))), way)

    def coupling(self, way):
        """Of the two texts; every pair of layers is compared through it."""
        a, b = self.model.pairs[0]
        sides = self.moved(a, False), self.moved(b, self.both)
        return self.once(f"{way.replace('/', '.')}.coupling",
                         f"{self.filled(way)} --quiet {sides[0]} {sides[1]}")

    def over_cells(self, key, second):
        """Distributions over cells of both texts, whose centres are tokens of text 1."""
        centres = self.moved(self.model.pairs[0][0], False)
        return self.once(f"{key}.{second:d}.cells", lambda path: write_cells(
            path, self.moved(key, second), centres, self.n // 4))

    def distances(self, way, a, b):
        """Distances, and the features of rows and columns."""
        command, kind = way, self.dist
        if way.startswith(("coact", "couple")):
            command, kind = "coact", self.acts
            if way != "coact":
                command += f" --coupling {self.coupling(way)}"
        elif way.endswith(" over cells"):
            command, kind = way.split()[0], self.over_cells
        command, *filters = command.split(" | ")
        path = self.once(f"{a}-{b}.{way.split(' | ')[0].replace('/', '.')}.distances",
                         f"{command} --quiet {kind(a, False)} {kind(b, self.both)}")
        _, (names, *blocks) = read(run(" | ".join([f"cat {path}", *filters])))
        dist = np.concatenate([block["dist"] for block in blocks])
        return dist, names["row_feature"], names["col_feature"]


def points(path):
    """The header of activations, their points, and activations (tokens, features)."""
    header, frames = read(run(f"cat {path}"))
    parts = [csr_matrix((f["value"], f["feature"], f["indptr"].astype(int)),
                        (len(f["token"]), header["features"])) for f in frames]
    return header, np.concatenate([f["point"] for f in frames]), vstack(parts).tocsc()


def apart(x, y):
    return np.sqrt(np.maximum((x * x).sum(1)[:, None] + (y * y).sum(1) - 2 * x @ y.T, 0))


def write_cells(path, moved, first, cells):
    """Distributions: the whole mass of each feature, every token moved to the nearest centre."""
    (header, x, acts), (_, y, _) = points(moved), points(first)
    centre = y[np.random.default_rng(0).permutation(len(y))[:cells]]
    cell = np.concatenate([apart(x[k:k + 4096], centre).argmin(1) for k in range(0, len(x), 4096)])
    inside = csr_matrix((np.ones(len(x)), (cell, np.arange(len(x)))), (len(centre), len(x)))
    mass = (inside @ acts).T.tocsr()
    mass.sort_indices()
    total, count = np.asarray(mass.sum(1)).ravel(), acts.getnnz(0)
    kept = np.flatnonzero(count >= 5)
    mass = mass[kept]
    weight = mass.data / np.repeat(total[kept], np.diff(mass.indptr))
    header = {k: header[k] for k in ("layer", "features", "space", "d", "history")} | {
        "kind": "distributions", "support": int(cells), "select": "top", "seed": 0}
    semot.write(path, header, [
        {"token": np.arange(len(centre), dtype="<u4"), "point": centre},
        {"feature": kept.astype("<u4"), "indptr": mass.indptr.astype("<u4"),
         "row": mass.indices.astype("<u4"), "weight": weight.astype("<f4"),
         "mass": total[kept], "count": count[kept].astype("<u4")}])


def worths(model, skip):
    """{pair: {what is scored: what it is worth to match two}}"""
    known = {}
    for a, b in model.pairs:
        known[a, b] = {model.scores: model.worth(a, b)} if model.scores != "correlation" else {}
        if (model.folder / "unseen_L1.npy").exists():
            known[a, b]["correlation"] = quality.LanguageModel.worth(model, a, b, skip)
    return known


def measure(model, case, where, way, known):
    for a, b in model.pairs:
        _, rows, cols = case.distances("centroid", a, b)        # features that fire enough
        worth = {name: x[np.ix_(rows, cols)] for name, x in known[a, b].items()}
        dist, row, col = case.distances(way, a, b)
        dist = dist[np.ix_(np.searchsorted(row, rows), np.searchsorted(col, cols))]

        def pairs(cost):
            return linear_sum_assignment(cost), (np.arange(len(cost)), cost.argmin(1))
        found, best = pairs(dist), pairs(-worth["correlation"]) if "correlation" in worth else ()
        for name, x in worth.items():
            values = [float(np.nanmean(x[pair])) for pair in (*found, *best)] + [None, None]
            TABLE.add(data=model.name, scores=name, **where, way=way, a=a, b=b,
                      **dict(zip(TABLE.values, values)))


def cases(model, part):
    """(what differs from the rest, ways)"""
    some = dict.fromkeys((model.tokens[0], min(4096, model.tokens[0])))
    if part == "tokens":
        return [({"tokens": n}, WAYS) for n in model.tokens]
    if part == "begins":
        longest = model.tokens[0] * (model.context - SKIP) // model.context
        return [({"tokens": min(n, longest), "skip": SKIP}, SHORT) for n in some]
    changes = ({"reference": "first"}, {"reference": "middle"}, {"refproj": "--whiten --unit"},
               {"refproj": ""})
    return [({"tokens": n, **change}, SHORT) for n in some for change in changes]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", nargs="*", default=["tokens", "begins", "reference"])
    parser.add_argument("--data", default="", help="models with this text in their names")
    parser.add_argument("--only", default="", help="ways that this expression is found in")
    parser.add_argument("--tokens", type=int, help="this many alone")
    parser.add_argument("--text", choices=WAYS, help="this text alone")
    args = parser.parse_args()
    quality.OUT.mkdir(exist_ok=True)
    there = {Sample: True, LanguageModel: DATA.exists()}
    for model in [kind() for kind in there if there[kind] and args.data in kind.name]:
        known = {}
        for where, ways in [case for part in args.part for case in cases(model, part)]:
            where = {"skip": 0, "reference": "last", "refproj": "--whiten", **where}
            if args.tokens not in (None, where["tokens"]):
                continue
            if where["skip"] not in known:
                known[where["skip"]] = worths(model, where["skip"])
            for text in [args.text] if args.text else ways:
                if not model.has(text, where["tokens"] * model.context // (model.context - where["skip"])):
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    case = Case(model, text, folder, **where)
                    for way in ways[text]:
                        most = MOST.get(text, MOST.get(way, case.n))
                        if re.search(args.only, way) and case.n <= most:
                            measure(model, case, {"text": text, **where}, way, known[case.skip])


if __name__ == "__main__":
    main()
