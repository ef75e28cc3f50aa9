#!/usr/bin/env python3
"""How well supernode's groups agree with people's: `make bench-groups`.

Haiku graphs (where ../shared/data is), with clerps, qParams and metadata.info removed and the nodes that people grouped
pinned: the adjusted Rand index of groups by edgeprofile, for the true number of groups and for the program's own. Then the
same with edgeprofile's and supernode's settings chosen on all families of graphs but the one that is scored.
Sample: the same against its true groups, by every distance stage.
All graphs: what graph-score says of them when their features are a tenth, by edgeprofile.

    groups.py [haiku|folds|sample|kept]...

Appends JSON lines to bench/out/groups.jsonl. The programs have to be on PATH."""
import io
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "oracle"), str(ROOT / "examples")]
from semot import read
from graph_score import agreement

OUT = ROOT / "bench" / "out"
HAIKU = ROOT / ".." / "shared" / "data" / "graphs" / "haiku"
SAMPLE = ROOT / "examples" / "storyworld"
FAMILIES = ("bomb", "calc", "opposite")


def run(command, given=b""):
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], input=given, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True)
    return done.stdout


def numbers(labels):
    """Groups as 0, 1, ...; a node without one is one of its own."""
    return np.unique([g if g >= 0 else -2 - i for i, g in enumerate(labels)], return_inverse=True)[1]


class Graph:
    """A graph without what tells its groups; `true` is the group of each node that is to be grouped."""

    def __init__(self, path, supernodes):
        self.name = path.stem
        self.family = next((f for f in FAMILIES if self.name.startswith(f)), self.name)
        document = json.load(open(path))
        by = {key: {} for key in ("node_id", "jsNodeId")}
        for node in document["nodes"]:
            for key in by:
                if "error" not in node["feature_type"]:
                    by[key].setdefault(node[key], node["node_id"])
            node["clerp"] = ""
        members = [m for s in supernodes for m in s[1:]]
        names = max(by.values(), key=lambda names: sum(m in names for m in members))
        self.true = {}
        for k, (_, *group) in enumerate(supernodes):
            for member in group:
                if member in names:
                    self.true.setdefault(names[member], k)
        self.k = len(set(self.true.values()))
        document["metadata"].pop("info", None)
        document["qParams"] = {"pinnedIds": list(self.true), "supernodes": [], "linkType": "both"}
        self.frames = run("graph2frame", json.dumps(document).encode())

    def score(self, distances, options):
        with tempfile.NamedTemporaryFile() as g, tempfile.NamedTemporaryFile() as d:
            g.write(self.frames), d.write(distances), g.flush(), d.flush()
            [(header, frames)] = read(io.BytesIO(run(f"supernode --quiet --graph {g.name} {options} {d.name}")))
        group = dict(zip(frames[0]["node_id"], frames[3]["group"]))
        found = numbers([group[node] for node in self.true])
        return dict(agreement(found, list(self.true.values())))["adjusted_rand"], header["groups"], header["acyclic"]


def haiku():
    for path in sorted(HAIKU.glob("*.json")):
        supernodes = json.load(open(path))["qParams"]["supernodes"]
        if supernodes:
            yield Graph(path, supernodes)


def sample():
    truth = json.load(open(SAMPLE / "truth_supernodes.json"))
    for path in sorted((SAMPLE / "graphs").glob("*.json")):
        yield Graph(path, [s for s in truth[path.stem]["supernodes_strong"] if len(s) > 2])


def say(what, scores):
    ari = np.array([s[0] for s in scores])
    line = {"what": what, "mean": ari.mean(), "sd": ari.std(), "least": ari.min(), "each": [round(a, 3) for a in ari]}
    print(f"{what:<60}{line['mean']:6.3f}  sd {line['sd']:.3f}  least {line['least']:.3f}"
          f"  acyclic {sum(s[2] for s in scores)}/{len(scores)}", flush=True)
    OUT.mkdir(exist_ok=True)
    with open(OUT / "groups.jsonl", "a") as f:
        print(json.dumps(line), file=f)


def on_haiku():
    graphs = list(haiku())
    for profile in ("", "--position 0", "--layer .3", "--position 1e6"):
        distances = [run(f"edgeprofile {profile}", g.frames) for g in graphs]
        for linkage, more in itertools.product(("ward", "average", "complete"), ("", "--acyclic")):
            options = f"--pinned --across-positions --linkage {linkage} {more}"
            say(f"haiku edgeprofile {profile} {linkage} {more}, number given",
                [g.score(d, f"{options} --groups {g.k}") for g, d in zip(graphs, distances)])
            if linkage == "ward":
                say(f"haiku edgeprofile {profile} {linkage} {more}, number chosen",
                    [g.score(d, options) for g, d in zip(graphs, distances)])
        for options in ("", "--across-positions", "--acyclic", "--to 10%"):
            say(f"haiku edgeprofile {profile} {options}, whole graph" + ", number chosen" * ("--to" not in options),
                [g.score(d, options) for g, d in zip(graphs, distances)])


def on_sample():
    graphs = list(sample())
    layers = range(1, 7)
    with tempfile.TemporaryDirectory() as folder:
        for l in layers:
            run(f"act-dump --quiet --layer {l} --hidden {SAMPLE}/hidden_L{l}.npy --sae {SAMPLE}/sae_L{l}_s0 | "
                f"tee {folder}/{l}.act | featdist --quiet | refproj --lift {SAMPLE}/hidden_L6.npy --whiten >{folder}/{l}.d")
        run(f"cat {folder}/?.d >{folder}/all.d; cat {folder}/?.act >{folder}/all.act")
        for stage in ("sinkhorn", "emd", "centroid", "bures", "sliced", "energy", "decoder", "coact", "edgeprofile"):
            given = "act" if stage == "coact" else "d"
            distances = []
            for g in graphs:
                open(f"{folder}/g", "wb").write(g.frames)
                distances.append(run(f"edgeprofile {folder}/g" if stage == "edgeprofile" else
                                     f"featpick --quiet --graph {folder}/g {folder}/all.{given} | {stage} -"))
            for linkage, more in itertools.product(("ward", "average"), ("", "--acyclic")):
                options = f"--pinned --linkage {linkage} {more}"
                say(f"sample {stage} {linkage} {more}, number given",
                    [g.score(d, f"{options} --groups {g.k}") for g, d in zip(graphs, distances)])
                if linkage == "ward":
                    say(f"sample {stage} {linkage} {more}, number chosen",
                        [g.score(d, options) for g, d in zip(graphs, distances)])
                    say(f"sample {stage} {linkage} {more}, whole graph, number chosen",
                        [g.score(d, f"--linkage {linkage} {more}") for g, d in zip(graphs, distances)])


def spread(graph, distances):
    """The root mean square distance of the features that are to be grouped, which supernode's cut is a multiple of."""
    (_, (ids, *blocks)), = read(io.BytesIO(distances))
    at = [i for i, node in enumerate(ids["row_node"]) if node in graph.true]
    dist = np.concatenate([b["dist"] for b in blocks]).astype(float)[np.ix_(at, at)]
    return np.sqrt((dist ** 2).sum() / (len(at) * (len(at) - 1)))


def folds():
    """Settings chosen without the family that they are scored on: of edgeprofile, and the linkage or the cut."""
    graphs = list(haiku())
    family = np.array([g.family for g in graphs])
    profiles = {(position, layer): [run(f"edgeprofile --position {position} --layer {layer}", g.frames) for g in graphs]
                for position, layer in itertools.product((.1, .2, .3, .4, .6), (0, .1, .3))}
    for number, last in ("given", ("ward", "average", "complete")), ("chosen", (1, 1.1, 1.2, 1.3, 1.4, 1.5)):
        settings, table = [], []
        for profile, distances in profiles.items():
            for choice in last:
                settings.append((*profile, choice))
                table.append([g.score(d, "--pinned --across-positions " + (
                    f"--linkage {choice} --groups {g.k}" if number == "given" else f"--at {choice * spread(g, d)}"))[0]
                    for g, d in zip(graphs, distances)])
        table = np.array(table)
        scores, chosen = np.zeros(len(graphs)), {}
        for f in sorted(set(family)):
            best = table[:, family != f].mean(1).argmax()
            scores[family == f] = table[best, family == f]
            chosen[f] = settings[best]
        say(f"haiku, number {number}, settings of the other families", [(s, 0, 0) for s in scores])
        print("   ", chosen, "\n    all settings: from", table.mean(1).min().round(3), "to", table.mean(1).max().round(3))


def kept():
    paths = [p for p in sorted(HAIKU.parent.glob("*/*.json")) if p.stem != "human_supernodes"]
    names = ("ratio/features", "ratio", "between", "kept", "kept/weights")
    for options in "", "--across-positions", "--acyclic", "--errors":
        table = []
        for path in paths + sorted((SAMPLE / "graphs").glob("*.json")):
            with tempfile.NamedTemporaryFile() as g:
                g.write(run(f"graph2frame {path}")), g.flush()
                lines = run(f"edgeprofile {g.name} | supernode --to 10% {options} --graph {g.name} | graph-score | frame2tsv")
            scores = dict(line.split("\t")[:2] for line in lines.decode().splitlines())
            table.append([float(scores[name]) for name in names])
        for name, column in zip(names, np.array(table).T):
            line = {"what": f"{len(table)} graphs --to 10% {options}, {name}", "least": column.min(),
                    "median": np.median(column), "most": column.max()}
            print(f"{line['what']:<60}least {column.min():.3f}  median {np.median(column):.3f}  most {column.max():.3f}")
            with open(OUT / "groups.jsonl", "a") as f:
                print(json.dumps(line), file=f)


if __name__ == "__main__":
    parts = sys.argv[1:] or ["haiku", "folds", "sample", "kept"]
    for part in parts:
        if part in ("haiku", "folds") and not HAIKU.exists():
            print(f"{part}: no real data")
            continue
        {"haiku": on_haiku, "sample": on_sample, "folds": folds, "kept": kept}[part]()
