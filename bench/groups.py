#!/usr/bin/env python3
"""How well supernode's groups agree with people's: `make bench-groups`.

Haiku graphs (where the real data is), with clerps, qParams and metadata.info removed and the nodes that people grouped
pinned: the adjusted Rand index of groups by edgeprofile, for the true number of groups and for the program's own. Then the
same with edgeprofile's settings chosen on all families of graphs but the one that is scored.
Sample: the same against its true groups, by every distance stage; and of eight further graphs of its model, by some, after
`make -C examples/storyworld/make`.
All graphs: what graph-score says of groups by edgeprofile, and of people's.
Sample: how often held-out members are found by another distance.
Sample: how often the signs of links are those of measured effects, after the same.

    groups.py [haiku|folds|sample|kept|odd|signs]...

The rows go to bench/results/groups.tsv, kept.tsv, odd.tsv and signs.tsv. The programs have to be on PATH."""
import argparse
import io
import itertools
import json
import subprocess
import tempfile

import numpy as np

from record import DATA, SAMPLE, Table
from semot import read
from graph_score import agreement

HAIKU = DATA / "graphs" / "haiku"
FAMILIES = ("bomb", "calc", "opposite")
GROUPS = Table("groups", ("data", "stage", "options", "number", "nodes", "settings"), dict(
    graphs="d", mean=".3f", sd=".3f", least=".3f", most=".3f", without_cycles="d"))
KEPT = Table("kept", ("graphs", "options", "score"), dict(least=".3f", median=".3f", most=".3f"))
ODD = Table("odd", ("groups", "distances"), dict(
    graphs="d", mean=".3f", least=".3f", chance=".3f", people=".3f", people_least=".3f"))
SIGNS = Table("signs", ("effects", "score"), dict(graphs="d", least=".2f", median=".2f", most=".2f"))
MADE = SAMPLE / "make" / "work"
PEOPLES, ALL = "people's", "all features"


def run(command, given=b""):
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], input=given, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True)
    return done.stdout


def graph_scores(command, names):
    """What graph-score says, whose stream the command writes."""
    lines = run(f"{command} | frame2tsv").decode().splitlines()
    scores = dict(line.split("\t")[:2] for line in lines)
    return [float(scores[name]) for name in names]


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
        document["qParams"]["supernodes"] = supernodes
        self.with_people = run("graph2frame", json.dumps(document).encode())

    def score(self, distances, options):
        with tempfile.NamedTemporaryFile() as g, tempfile.NamedTemporaryFile() as d:
            g.write(self.frames), d.write(distances), g.flush(), d.flush()
            made = run(f"supernode --quiet --graph {g.name} {options} {d.name}")
        [(header, frames)] = read(io.BytesIO(made))
        group = dict(zip(frames[0]["node_id"], frames[3]["group"]))
        found = numbers([group[node] for node in self.true])
        return dict(agreement(found, list(self.true.values())))["adjusted_rand"], header["groups"], header["acyclic"]


def haiku():
    for path in sorted(HAIKU.glob("*.json")):
        supernodes = json.load(open(path))["qParams"]["supernodes"]
        if supernodes:
            yield Graph(path, supernodes)


def known(paths, truth):
    """Graphs of the sample's model, and what their features are known to mean."""
    for path in paths:
        yield Graph(path, [s for s in truth[path.stem]["supernodes_strong"] if len(s) > 2])


def sample():
    return known(sorted((SAMPLE / "graphs").glob("*.json")), json.load(open(SAMPLE / "truth_supernodes.json")))


def others():
    """Those that are not in the sample."""
    return known((path for path in sorted((MADE / "graphs_wide").glob("*.json")) if not (SAMPLE / "graphs" / path.name).exists()),
                 json.load(open(MADE / "truth_supernodes.json"))["graphs_wide"])


def add(scores, settings="default", **what):
    ari = np.array([s[0] for s in scores])
    GROUPS.add(**what, settings=settings, graphs=len(ari), mean=ari.mean(), sd=ari.std(),
               least=ari.min(), most=ari.max(),
               without_cycles=None if scores[0][2] is None else sum(s[2] for s in scores))


def pinned(what, graphs, distances, options, chosen):
    """Only the nodes that people grouped: number given and, where Ward's linkage can, chosen."""
    what = dict(what, options=options.strip(), nodes=PEOPLES)
    add([g.score(d, f"--pinned {options} --groups {g.k}") for g, d in zip(graphs, distances)],
        number="given", **what)
    if chosen:
        add([g.score(d, f"--pinned {options}") for g, d in zip(graphs, distances)],
            number="chosen", **what)


def whole(what, graphs, distances, options):
    add([g.score(d, options) for g, d in zip(graphs, distances)], options=options, nodes=ALL,
        number="10%" if "--to" in options else "chosen", **what)


def on_haiku():
    graphs = list(haiku())
    for profile in ("", " --position 0", " --layer .3", " --position 1e6"):
        distances = [run(f"edgeprofile{profile}", g.frames) for g in graphs]
        what = dict(data="haiku", stage=f"edgeprofile{profile}")
        for linkage, more in itertools.product(("ward", "average", "complete"), ("", " --acyclic")):
            pinned(what, graphs, distances, f"--across-positions --linkage {linkage}{more}",
                   linkage == "ward")
        for options in ("", "--across-positions", "--acyclic", "--to 10%"):
            whole(what, graphs, distances, options)


def sample_distances(graphs, stages):
    """The distances of each graph by each stage, one stage after another."""
    layers = range(1, 7)
    with tempfile.TemporaryDirectory() as folder:
        for l in layers:
            run(f"act-dump --quiet --layer {l} --hidden {SAMPLE}/hidden_L{l}.npy --sae {SAMPLE}/sae_L{l}_s0 | "
                f"tee {folder}/{l}.act | featdist --quiet | refproj --lift {SAMPLE}/hidden_L6.npy --whiten >{folder}/{l}.d")
        run(f"cat {folder}/?.d >{folder}/all.d; cat {folder}/?.act >{folder}/all.act")
        for stage in stages:
            given = "act" if stage == "coact" else "d"
            distances = []
            for g in graphs:
                open(f"{folder}/g", "wb").write(g.frames)
                distances.append(run(f"edgeprofile {folder}/g" if stage == "edgeprofile" else
                                     f"featpick --quiet --graph {folder}/g {folder}/all.{given} | {stage} -"))
            yield stage, distances


def on_sample():
    graphs = list(sample())
    for stage, distances in sample_distances(graphs, ("sinkhorn", "emd", "centroid", "bures", "sliced", "energy",
                                                      "decoder", "coact", "edgeprofile")):
        what = dict(data="sample", stage=stage)
        for linkage, more in itertools.product(("ward", "average"), ("", " --acyclic")):
            pinned(what, graphs, distances, f"--linkage {linkage}{more}", linkage == "ward")
        for options in "", "--acyclic":
            whole(what, graphs, distances, options)
    graphs = list(others()) if MADE.exists() else []
    for stage, distances in sample_distances(graphs, ("sinkhorn", "centroid", "decoder", "coact", "edgeprofile")):
        what = dict(data="sample's model", stage=stage)
        pinned(what, graphs, distances, "--linkage ward", True)
        whole(what, graphs, distances, "")


def odd():
    """Groups by one distance, held-out members found by another."""
    graphs = list(sample())
    by = dict(sample_distances(graphs, ("sinkhorn", "centroid", "coact", "decoder", "edgeprofile")))
    names = ("odd_one_out", "odd_one_out/chance", "odd_one_out/people")
    for groups, judge in itertools.permutations(by, 2):
        table = []
        for i, g in enumerate(graphs):
            with tempfile.TemporaryDirectory() as folder:
                for name, made in ("g", g.with_people), ("d", by[groups][i]), ("e", by[judge][i]):
                    open(f"{folder}/{name}", "wb").write(made)
                table.append(graph_scores(f"cd {folder} && supernode --quiet --graph g d | graph-score --quiet --distances e", names))
        found, chance, people = np.array(table).T
        ODD.add(groups=groups, distances=judge, graphs=len(table), mean=found.mean(), least=found.min(),
                chance=chance.mean(), people=people.mean(), people_least=people.min())


LINKAGES = ("ward", "average", "complete")
FOLDS = (       # number, nodes, options, and what is chosen beside edgeprofile's settings
    ("given", PEOPLES, "--across-positions", LINKAGES),
    ("chosen", PEOPLES, "--across-positions", LINKAGES[:1]),
    ("chosen", ALL, "", LINKAGES[:1]),
    ("chosen", ALL, "--across-positions", LINKAGES[:1]))


def of_others(table, worth, family):
    """Each graph's score by the setting that is worth most on all families but its own; and these settings."""
    best = [worth[:, family != f].mean(1).argmax() for f in family]
    return table[best, np.arange(len(family))], best


def folds():
    """Settings chosen on all families but the one that is scored: one for all columns, by the mean of these, and each
    column's own (edgeprofile's two, and the linkage of a given number)."""
    graphs = list(haiku())
    family = np.array([g.family for g in graphs])
    profiles = {(position, layer): [run(f"edgeprofile --position {position} --layer {layer}", g.frames)
                                    for g in graphs]
                for position, layer in itertools.product((.1, .2, .3, .4, .6), (0, .1, .3))}
    tables = []
    for number, nodes, options, linkages in FOLDS:
        more = options + " --pinned" * (nodes == PEOPLES)
        tables.append(np.array([[g.score(d, f"{more} --linkage {linkage}" + f" --groups {g.k}" * (number == "given"))[0]
                                 for g, d in zip(graphs, profiles[profile])]
                                for linkage, profile in itertools.product(linkages, profiles)]))
    wards = [table[:len(profiles)] for table in tables]
    for (number, nodes, options, _), table, ward in zip(FOLDS, tables, wards):
        what = dict(data="haiku", stage="edgeprofile", number=number, nodes=nodes, options=options)
        for settings, of, worth in (("of the other families", ward, np.mean(wards, 0)),
                                    ("of the other families, each column's own", table, table)):
            scores, best = of_others(of, worth, family)
            print([list(profiles)[b % len(profiles)] for b in sorted(set(best))])
            add([(s, 0, None) for s in scores], settings=settings, **what)
        for name, k in ("worst", table.mean(1).argmin()), ("best", table.mean(1).argmax()):
            add([(s, 0, None) for s in table[k]], settings=f"{name} of {len(table)}", **what)


def kept():
    paths = [p for p in sorted(HAIKU.parent.glob("*/*.json")) if p.stem != "human_supernodes"]
    paths += sorted((SAMPLE / "graphs").glob("*.json"))
    peoples = [p for p in paths if json.load(open(p))["qParams"].get("supernodes")]
    names = ("ratio/features", "ratio", "between", "kept", "kept/weights", "hidden", "dag_loss", "role_gap")
    tenths = [f"--to 10% {more}".strip() for more in ("", "--across-positions", "--acyclic", "--errors")]
    for options in *tenths, "", "--across-positions", PEOPLES:
        table = []
        for path in peoples if options == PEOPLES else paths:
            with tempfile.NamedTemporaryFile() as g:
                g.write(run(f"graph2frame {path}")), g.flush()
                made = f"cat {g.name}" if options == PEOPLES else \
                    f"edgeprofile {g.name} | supernode {options} --graph {g.name}"
                table.append(graph_scores(f"{made} | graph-score", names))
        for name, column in zip(names, np.array(table).T):
            KEPT.add(graphs=len(table), options=options, score=name,
                     least=column.min(), median=np.median(column), most=column.max())


def signs():
    """What features add to the answer when they are not taken away, beside the signs of links and ways to it."""
    names = ("signs", "signs/ways", "signs/chance")
    for which, most in ("all", None), ("50 largest", 50), ("20 largest", 20):
        table = []
        for path in sorted((MADE / "effects").glob("*.tsv")):
            effects = [line.split("\t") for line in path.read_text().splitlines()[1:]]
            effects.sort(key=lambda line: -abs(float(line[2])))
            with tempfile.NamedTemporaryFile("w") as file:
                file.write("".join("\t".join(line) + "\n" for line in effects[:most])), file.flush()
                table.append(graph_scores(f"graph2frame {MADE}/graphs_wide/{path.stem}.json | "
                                          f"graph-score --quiet --effects {file.name}", names))
        for name, column in zip(names, np.array(table).T):
            SIGNS.add(effects=which, score=name, graphs=len(table), least=column.min(), median=np.median(column), most=column.max())


PARTS = {"haiku": on_haiku, "folds": folds, "sample": on_sample, "kept": kept, "odd": odd, "signs": signs}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS])
    for part in parser.parse_args().parts or PARTS:
        if part not in ("sample", "odd", "signs") and not HAIKU.exists():
            print(f"{part}: no real data")
        else:
            PARTS[part]()


if __name__ == "__main__":
    main()
