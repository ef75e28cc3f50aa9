"""fuzz.py FOLDER: files for tests/fuzz to begin with, FOLDER/READER/NAME. Each is the files of a folder, of each
"NAME LENGTH\\n" and its bytes; the first is the one that is changed most."""
import json
import os
import pathlib
import shutil
import sys

import numpy as np

import arrays
import dialects
import pt
import vocab

SETTINGS = ".json", ".yaml"


def packed(files):
    return b"".join(f"{name} {len(data)}\n".encode() + data for name, data in files.items())


def put(out, reader, name, files):
    os.makedirs(out / reader, exist_ok=True)
    (out / reader / name).write_bytes(packed(files))


def of_file(out, name, path):
    """The file alone, for the reader of its kind."""
    kind = path.suffix[1:].replace("pth", "pt")
    put(out, kind, f"{name}{path.suffix}", {f"x.{kind}": path.read_bytes()})


def examples(out, work):
    """Every dialect: its files of weights, and its settings with them."""
    for name, make in dialects.EXAMPLES.items():
        w = dialects.Weights(4, 24, 7)
        files, _, rest = make(w)
        dialects.write(f"{work}/{name}", files, w.x[:3])
        found = {path: path.read_bytes() for path in sorted(pathlib.Path(work, name).rglob("*.*")) if path.name != "states.npy"}
        for path in found:
            if path.suffix not in SETTINGS:
                of_file(out, name, path)
        settings = {path.name: data for path, data in found.items() if path.suffix in SETTINGS}
        if settings and len(found) < 4:
            put(out, "cfg", name, {**settings, **{path.name: data for path, data in found.items()}})


def states(out, work):
    """Arrays of all types and shapes, in files of all kinds."""
    x = np.random.default_rng(0).standard_normal((6, 2, 3)).astype("f4")
    for name, y in (("f4", x[:, 0]), ("f2", x.astype("f2")), ("f8", x.astype("f8")[:, 1]), ("turned", np.asfortranarray(x[:, 0])),
                    ("mask", x[:, 0, 0] > 0), ("u2", np.arange(12, dtype="u2").reshape(4, 3)), ("empty", x[:0]), ("one", x[0, 0, 0])):
        np.save(f"{work}/{name}.npy", y)
        np.savez(f"{work}/{name}.npz", y)
        pt.save(f"{work}/{name}.pt", np.ascontiguousarray(y) if name != "u2" else y.astype("i2"))
        if y.dtype != bool:
            arrays.save(f"{work}/{name}.safetensors", {"x": np.ascontiguousarray(y), "y": x[0]})
        for path in sorted(pathlib.Path(work).glob(f"{name}.*")):
            of_file(out, name, path)
    arrays.save(f"{work}/bf16.safetensors", {"x": x[:, 0]}, ["x"])
    np.savez_compressed(f"{work}/deflated.npz", x=x[:, 0], y=x)
    pt.one(f"{work}/several.pt")
    np.savez(f"{work}/csr.npz", data=x[0, 0], indices=np.array([0, 2, 1], "i4"), indptr=np.array([0, 2, 2, 3], "i4"),
             shape=np.array([3, 4]), format=np.array("csr"))
    arrays.save(f"{work}/pairs.safetensors", {"top_acts": x[:, 0], "top_indices": np.arange(18, dtype="i8").reshape(6, 3)})
    for name in "bf16.safetensors", "deflated.npz", "several.pt", "csr.npz", "pairs.safetensors":
        of_file(out, name.split(".")[0], pathlib.Path(work, name))
    for i, (text, words) in enumerate(pt.HOSTILE):
        if len(text) < 5000 and "more than" not in words:
            put(out, "pt", f"hostile{i}", {"x.pt": pt.zipped(pt.members(text, [pt.FOUR]))})


def caches(out):
    """delphi's: latents 0 and 1 in one file, and in two."""
    def cache(latents, dtype="f2"):
        at = np.array([(s, p, i) for s in range(2) for p in range(3) for i in range(latents)], "i8")[::2]
        return arrays.safetensors({"locations": at, "activations": np.arange(1, len(at) + 1).astype(dtype),
                                   "tokens": np.arange(6, dtype="i8").reshape(2, 3)})
    put(out, "delphi", "one", {"0_1.safetensors": cache(2)})
    put(out, "delphi", "two", {"0_0.safetensors": cache(1), "1_3.safetensors": cache(3, "f4")})


def texts(out):
    graph = {"metadata": {"slug": "a", "scan": "x"}, "nodes": [{"node_id": "0_2_1", "layer": "0", "clerp": "\u00e9\U0001f600", "influence": .5}],
             "links": [{"source": "0_2_1", "target": "0_2_1", "weight": -1.5e-5}], "qParams": {"pinnedIds": ["0_2_1"], "supernodes": [["a", "b"]]}}
    for i, text in enumerate((json.dumps(graph), json.dumps(graph, ensure_ascii=False, indent=1), "[" * 900 + "]" * 900, '"\\ud83d\\ude00"', "[1e400]")):
        put(out, "json", str(i), {"x.json": text.encode()})


def vocabularies(out):
    for name, make in vocab.KINDS.items():
        data, _ = make(np.random.default_rng(0))
        put(out, "vocab", name, {"x.txt": data if isinstance(data, bytes) else data.encode()})


def labels(out):
    table = "layer\tfeature\tlabel\n3\t1\tone\n12\t2\ttwo\r\n"
    said = [{"modelId": "a", "layer": "12-res-16k", "index": str(i), "description": "\u00e9 \t"} for i in range(3)]
    graph = {"nodes": [{"node_id": f"3_{word}1_0", "layer": "3", "feature": 7, "ctx_idx": 0, "feature_type": "transcoder", "clerp": "c"}
                       for word in ("", "lor_")], "links": []}
    for i, text in enumerate((table, table[22:], json.dumps(said), "\n".join(map(json.dumps, said)), json.dumps(graph))):
        put(out, "labels", str(i), {"x.txt": text.encode()})


def main():
    out = pathlib.Path(sys.argv[1])
    work = f"{out}/work"
    os.makedirs(work)
    examples(out, work)
    states(out, work)
    caches(out)
    texts(out)
    vocabularies(out)
    labels(out)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
