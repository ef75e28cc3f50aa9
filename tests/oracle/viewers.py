"""What the viewers that people use make of a graph's JSON and of links, in plain Python: viewers.py COMMAND
ARGUMENT...; see the functions. A viewer draws the first 200 pins, and of a group its pinned members."""
import argparse
import json
import re
import sys
from urllib.parse import parse_qs, unquote, urlsplit

from attribution import EMBEDDING, KINDS, LOGIT, load, one

NAMES = ['50% "a+b" & c', "täglich #1", "a\\b/c?d=e", "<b>%41</b>", "x, y", "😀 [z]"]


def make(groups, members, embeddings, logits, pins, scan, unique):
    """A graph on stdout whose supernodes are groups of so many features, all logits, and one feature alone. --pins: it
    pins its strongest embedding, two features and a node that it has not."""
    nodes, links, supernodes = [], [], []

    def node(layer, index, at, kind, **more):
        nodes.append(dict(node_id=f"{layer}_{index}_{at}", jsNodeId=f"{layer}_{index}_-{at}", layer=layer, feature=index,
                          ctx_idx=at, feature_type=KINDS[kind], clerp=f"label {index % 5}", run_idx=0, **more))
        return nodes[-1]["node_id"]
    feature = [node(str(1 + i % 3), i, 0, 0, influence=(i * 7919 % 10007 + 1) / 10008) for i in range(groups * members + 2)]
    embedding = [node("E", i, i, EMBEDDING) for i in range(embeddings)]
    logit = [node("9", i, 0, LOGIT, token_prob=.5 ** (i + 1)) for i in range(logits)]
    for entry in nodes:
        if "token_prob" in entry:
            entry["clerp"] = f'Output "{entry["feature"]}" (p={entry["token_prob"]:.3f})'
    for i, name in enumerate(feature):
        links += [dict(source=embedding[(i * k) % embeddings], target=name, weight=1 + i * k % 17 + i / 1000) for k in (1, 5)]
        links += [dict(source=name, target=each, weight=1 / (2 + (i * 31 + k) % 23)) for k, each in enumerate(logit)]
    for i in range(groups):
        name = NAMES[i % len(NAMES)] + (f" {i}" if unique or i >= len(NAMES) else "")
        supernodes.append([name] + feature[i * members:(i + 1) * members])
    supernodes += [["the outputs"] + logit, ["alone", feature[-2]]]
    links = list({(link["source"], link["target"]): link for link in links}.values())
    json.dump({"metadata": {"slug": "made-1", "scan": scan, "prompt_tokens": ["a"] * embeddings, "prompt": "a"},
               "qParams": {"pinnedIds": [embedding[-1], feature[-1], feature[1], "gone"] if pins else [],
                           "supernodes": supernodes, "sg_pos": "1 2 3", "linkType": "both"},
               "nodes": nodes, "links": links}, sys.stdout)


def called(document, viewer):
    """The field by which the viewer knows a node."""
    anthropic = document["metadata"]["scan"] == "jackl-circuits-runs-1-4-sofa-v3_0"
    return "jsNodeId" if viewer == "anthropic" or viewer == "neuronpedia" and anthropic else "node_id"


def query(link, viewer):
    """What the viewer takes from a link; circuit-tracer decodes it once more."""
    found = {key: value for key, [value] in parse_qs(urlsplit(link).query, strict_parsing=True).items()}
    if viewer == "circuit-tracer":
        assert not any(re.search("%(?![0-9a-fA-F]{2})", value) for value in found.values()), "URIError"
        found = {key: unquote(value, errors="strict") for key, value in found.items()}
    return found


def drawn(document, viewer, link=None):
    """The pinned nodes by id, and the groups as [name, pinned member, ...]: those with such a member. A member of
    two groups is in the last."""
    found = query(link, viewer) if link else {}
    state = document["qParams"]
    pins = found["pinnedIds"].split(",") if "pinnedIds" in found else state["pinnedIds"]
    supernodes = json.loads(found["supernodes"]) if "supernodes" in found else state["supernodes"]
    if viewer == "circuit-tracer" and "supernodes" not in found:
        supernodes = []
    for node in document["nodes"]:
        if node["feature_type"] == "logit" and node["clerp"]:
            float(node["clerp"].split("(p=")[1].split(")")[0])
    assert link or not state.get("sg_pos"), "boxes at the places of others"
    field = called(document, viewer)
    shown = {node[field]: node for node in document["nodes"] if node[field] in pins[:200]}
    assert len(pins) == len(set(pins)) <= 200 and set(pins) <= set(shown), "pins that are no nodes"
    last = {member: i for i, (_, *members) in enumerate(supernodes) for member in members}
    groups = [[name] + [member for member in members if member in shown and last[member] == i]
              for i, (name, *members) in enumerate(supernodes)]
    return shown, [group for group in groups if len(group) > 1]


def shows(stream, file, viewer, link=None, less=0):
    """The viewer draws every group of the stream (all but --less), and logits and embeddings where there are any."""
    document, [nodes, _, _, found] = load(file), one(stream)[1]
    shown, groups = drawn(document, viewer, open(link).read().rstrip("\n") if link else None)
    assert len(groups) == len(found["group_name"]) - less, (len(groups), len(found["group_name"]))
    names = nodes["js_node_id" if called(document, viewer) == "jsNodeId" else "node_id"]
    every = [[name] for name in found["group_name"]]
    for name, group in zip(names, found["group"].tolist()):
        every[group].extend([name] if group >= 0 else [])
    expected = iter(every)
    for name, *members in groups:
        assert any(name == title and set(members) <= set(rest) for title, *rest in expected), name
    for kind in LOGIT, EMBEDDING:
        wanted = [each for each in shown.values() if each["feature_type"] == KINDS[kind]]
        assert wanted or kind not in nodes["type"] or less or len(groups) > 190, KINDS[kind]
    print(len(groups), len(shown))


def small(stream, file, viewer, less=0):
    """The viewer draws a node for every group (all but --less) in the collapsed file."""
    document, [*_, found] = load(file), one(stream)[1]
    shown, groups = drawn(document, viewer)
    members = [node for node in document["nodes"] if "supernode_members" in node]
    assert groups == [] and len(members) == len(found["group_name"])
    assert sum(node in shown.values() for node in members) == len(members) - less
    assert any(node["feature_type"] == "logit" for node in shown.values())


def every(less):
    """shows() and small() of ./graph for each viewer, with what it can show: ./plain.json or ./file with a link that is
    named for the viewer (VIEWER.link), ./file, ./small."""
    anthropic = load("plain.json")["metadata"]["scan"].startswith("jackl")
    for viewer in "neuronpedia", "circuit-tracer":
        for file in "plain.json", "file":
            shows("graph", file, viewer, viewer + ".link", less)
    for viewer in ("neuronpedia", "anthropic") if anthropic else ("neuronpedia",):
        shows("graph", "file", viewer, None, less)
    for viewer in ("neuronpedia", "anthropic" if anthropic else "circuit-tracer"):
        small("graph", "small", viewer, less)


def saved(path):
    """The file as circuit-tracer's Save leaves it, on stdout."""
    document = load(path)
    state = document["qParams"]
    state["pinnedIds"], state["supernodes"] = ",".join(state["pinnedIds"]), json.dumps(state["supernodes"])
    json.dump(document, sys.stdout, indent=2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("make")
    for name, value in dict(groups=20, members=3, embeddings=6, logits=3).items():
        command.add_argument(f"--{name}", type=int, default=value)
    command.add_argument("--pins", action="store_true")
    command.add_argument("--unique", action="store_true")
    command.add_argument("--scan", default="gemma-2-2b")
    command = commands.add_parser("shows")
    for name in "stream", "file", "viewer", "--link":
        command.add_argument(name)
    commands.add_parser("every").add_argument("--less", type=int, default=0)
    commands.add_parser("saved").add_argument("path")
    given = vars(parser.parse_args())
    {"make": make, "shows": shows, "every": every, "saved": saved}[given.pop("command")](**given)


if __name__ == "__main__":
    main()
