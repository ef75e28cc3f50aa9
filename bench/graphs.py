#!/usr/bin/env python3
"""Large attribution graphs, made and measured: time and memory of every stage from JSON to JSON.

    graphs.py make [--nodes N] [--links M] [--field BYTES] [--indent I] [--extra]     one graph on stdout
    graphs.py run  [the same]                            rows of bench/results/speed-graphs.tsv

--field is the length of a text in every node, --extra gives every link a field that no program knows. `run` pipes
the graph through graph2frame, edgeprofile, supernode, graph-score and frame2graph; the programs have to be on PATH. Peak memory is that of the process, beside the size of its input."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import numpy as np

from record import Table
from attribution import ERROR, EMBEDDING, FEATURE, KINDS, LOGIT

LAYERS, POSITIONS = 26, 12
RUNS = 5
TABLE = Table("speed-graphs", ("nodes", "links", "command"), dict(
    megabytes_in=".3g", seconds=".2f", peak_megabytes=".3g"), speed=True)


def node(name, layer, feature, position, kind, influence, field):
    return {"node_id": name, "feature": feature, "layer": layer, "ctx_idx": position, "feature_type": KINDS[kind],
            "token_prob": 0.0, "is_target_logit": False, "run_idx": 0, "reverse_ctx_idx": 0,
            "jsNodeId": f"{layer}_{feature}-0", "clerp": f"feature {feature}", "influence": influence,
            "activation": 1 + influence, "note": "\u00e9 text " * (field // 8)}


def graph(nodes, links, field, extra):
    """Errors, embeddings, features by layer and position, and a logit; links by target, sources ascending."""
    rng = np.random.default_rng(1)
    influence = rng.random(nodes).tolist()
    size = nodes - 2 * POSITIONS - 1
    features = [(1 + i * LAYERS // size, 3 * i + 1, i % POSITIONS) for i in range(size)]
    ends = [node(f"0_3_{at}", "3", -1, at, ERROR, influence[-1 - at], field) for at in range(POSITIONS)]
    ends += [node(f"E_{at}_{at}", "E", at, at, EMBEDDING, influence[-1 - at], field) for at in range(POSITIONS)]
    made = ends + [node(f"{layer}_{index}_{at}", str(layer), index, at, FEATURE, influence[i], field)
            for i, (layer, index, at) in enumerate(features)]
    made += [dict(node("27_9_11", "27", 9, 11, LOGIT, 1.0, field), influence=None)]
    target = np.sort(rng.integers(len(ends), nodes, links))
    source = (rng.random(links) * target).astype(int)
    order = np.lexsort((source, target))
    source, target = source[order].tolist(), target[order].tolist()
    weight = rng.standard_normal(links).astype("f4").tolist()
    more = {"why": [1, "x" * 20]} if extra else {}
    names = [each["node_id"] for each in made]
    return {
        "metadata": {"slug": "made", "scan": "made", "prompt_tokens": ["a"] * POSITIONS, "prompt": "a" * POSITIONS},
        "qParams": {"pinnedIds": names[:100], "supernodes": []},
        "nodes": made,
        "links": [{"source": names[a], "target": names[b], "weight": w, **more}
                  for a, b, w in zip(source, target, weight)],
    }


def stage(command, source, target):
    """Median seconds and peak bytes, by time(1): a child of this process would have its memory."""
    some = [stage_once(command, source, target) for _ in range(RUNS)]
    return statistics.median(seconds for seconds, _ in some), max(peak for _, peak in some)


def stage_once(command, source, target):
    with open(source, "rb") as stdin, open(target, "wb") as stdout, tempfile.NamedTemporaryFile("r") as log:
        subprocess.run(["time", "-f", "%e %M", "-o", log.name, *command], stdin=stdin, stdout=stdout, check=True)
        seconds, peak = log.read().split()
    return float(seconds), int(peak) * 1024


def run(document, nodes, indent, grouped):
    with tempfile.TemporaryDirectory() as folder:
        at = {name: os.path.join(folder, name) for name in ("json", "frames", "back", "dist", "grouped", "out")}
        with open(at["json"], "w") as file:
            file.write(json.dumps(document, indent=indent))
        stages = [(["graph2frame"], "json", "frames"), (["frame2graph"], "frames", "back")]
        if grouped:
            stages += [(["edgeprofile", "--quiet"], "frames", "dist"),
                       (["supernode", "--quiet", "--to", "10%", "--graph", at["frames"]], "dist", "grouped"),
                       (["graph-score"], "grouped", "out"), (["frame2graph", "--quiet"], "grouped", "out"),
                       (["frame2graph", "--quiet", "--collapse"], "grouped", "out"), (["graph-prune"], "frames", "out")]
        for command, source, target in stages:
            seconds, peak = stage(command, at[source], at[target])
            size = os.path.getsize(at[source])
            words = " ".join(word for word in command if not word.startswith((folder, "--quiet")))
            TABLE.add(nodes=len(document["nodes"]), links=len(document["links"]),
                      command=words.removesuffix(" --graph"), megabytes_in=size / 1e6,
                      seconds=seconds, peak_megabytes=peak / 1e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=("make", "run"))
    parser.add_argument("--nodes", type=int, default=20000)
    parser.add_argument("--links", type=int, default=1000000)
    parser.add_argument("--field", type=int, default=1600)
    parser.add_argument("--indent", type=int)
    parser.add_argument("--extra", action="store_true")
    given = parser.parse_args()
    document = graph(given.nodes, given.links, given.field, given.extra)
    if given.command == "make":
        sys.stdout.write(json.dumps(document, indent=given.indent))
    else:
        run(document, given.nodes, given.indent, given.nodes <= 8000)


if __name__ == "__main__":
    main()
