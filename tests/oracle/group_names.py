"""How often a group that people made gets a name that shares a word with people's: group_names.py GRAPH.json...

The graphs' labels begin with the names of people's groups, in brackets, which are taken away. supernode groups the features as
people did, and names the groups by what is left. The head word of a name is the last of those that say something before a
preposition, a bracket, a slash or an arrow. Printed: groups of two features or more, those with a label left, those whose name
has the head word of people's, and those that share any word with people's."""
import io
import json
import re
import subprocess
import sys

import numpy as np

from semot import read, write

SILENT = set("""a after an and any are as at be by etc for from has have in into is it its of on or predict say something that
the their this to was when which with""".split())


def words(text):
    return [re.sub("s$", "", word) for word in re.findall(r"[^\W_]+(?:'\w+)?", text.lower())]


def saying(text):
    return [word for word in words(text) if word not in SILENT]


def head(name):
    name = re.sub(r"^\W*(say|predict)\s+", "", name.lower())
    parts = re.split(r"\b(?:of|in|with|after|at|that|for|on|to)\b|[/(]|->|→", name)
    return next((saying(part)[-1] for part in parts if saying(part)), None)


def without_title(label):
    return re.sub(r"^(\s*\[(?:[^\[\]]|\[[^\]]*\])*\])+", "", label).strip()


def run(*command, given=b""):
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def score(path):
    document = json.load(open(path))
    people = document["qParams"]["supernodes"]
    document["qParams"] = {"pinnedIds": [], "supernodes": []}
    document["metadata"].pop("info", None)
    feature = {node["jsNodeId"]: node for node in document["nodes"] if "transcoder" in node["feature_type"]}
    group = {}
    for node in document["nodes"]:
        node["clerp"] = without_title(node["clerp"])
    for k, (_, *members) in enumerate(people):
        for member in members:
            if member in feature:
                group.setdefault(feature[member]["node_id"], k)
    with open("people.frames", "wb") as f:
        f.write(run("graph2frame", given=json.dumps(document).encode()))
    [(header, (ids, *_))] = read(io.BytesIO(run("edgeprofile", "people.frames")))
    of = np.array([group.get(node, -1 - i) for i, node in enumerate(ids["row_node"])])
    write("people.dist", header, [ids, {"row0": 0, "dist": (of[:, None] != of).astype("<f4")}], checksum=False)
    made = run("supernode", "--quiet", "--graph", "people.frames", "--across-positions", "--linkage", "complete",
               "--at", "0", "people.dist")
    [(_, (nodes, _, _, found))] = read(io.BytesIO(made))
    is_feature = nodes["type"] == 0
    count = np.zeros(4, int)
    for k, (name, *_) in enumerate(people):
        members = [i for i, node in enumerate(nodes["node_id"]) if is_feature[i] and group.get(node) == k]
        if len(members) < 2:
            continue
        number, = {int(found["group"][i]) for i in members}
        mine, labelled = found["group_name"][number], any(nodes["clerp"][i].strip() for i in members)
        count += (True, labelled, labelled and head(name) in words(mine), labelled and bool(set(saying(name)) & set(words(mine))))
        print(f"{name!r}: {mine!r}", file=sys.stderr)
    return count


if __name__ == "__main__":
    print(*sum(score(path) for path in sys.argv[1:]))
