"""Inputs for tests/fuzz to begin with, each the files of a folder: "NAME LENGTH\\n" and its bytes, of each; the first
is the one that is changed most.

    fuzz.py make FOLDER           FOLDER/TARGET/NAME: of readers, of every filter, as its test says it is run, and tests/fuzz/corpus
    fuzz.py pack FOLDER FILE      the inputs of a folder in one .xz, each "input LENGTH\\n" and its bytes
    fuzz.py unpack FILE FOLDER"""
import bisect
import hashlib
import io
import json
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile

import numpy as np

import arrays
import attack
import dialects
import make_stream
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


class Pipe:
    """What zipfile cannot go back in, so that lengths stand behind the members."""
    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data
        return len(data)

    def flush(self):
        pass


def archives(out):
    """Zip files in all forms: with zip64, comments, descriptors, extra fields, a folder, a name twice."""
    member = numpy_file(np.save, np.eye(2, dtype="f4"))
    def zipped(name, *names, comment=b"", large=False, extra=b"", method=zipfile.ZIP_STORED, pipe=False):
        file = Pipe() if pipe else io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as z:
            warnings.simplefilter("ignore")
            z.comment = comment
            for n in names:
                info = zipfile.ZipInfo(n)
                info.extra, info.compress_type = extra, method
                with z.open(info, "w", force_zip64=large) as to:
                    to.write(b"" if n.endswith("/") else member)
        put(out, "npz", name, {"x.npz": file.data if pipe else file.getvalue()})
    zipped("comment", "x.npy", comment=b"a comment")
    zipped("zip64", "x.npy", "y.npy", large=True)
    zipped("deflated64", "x.npy", large=True, method=zipfile.ZIP_DEFLATED)
    zipped("pipe", "x.npy", "y.npy", pipe=True)
    zipped("pipe64", "x.npy", pipe=True, large=True, method=zipfile.ZIP_DEFLATED)
    zipped("extra", "x.npy", extra=b"ab\4\0four")
    zipped("bzip2", "x.npy", method=zipfile.ZIP_BZIP2)
    zipped("folder", "a/", "a/x.npy")
    zipped("twice", "x.npy", "x.npy")
    zipped("none")


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


# What lets a program run a thousand times a second; a command line that has such an option keeps its own.
QUICK = {"match-eval": "--bootstrap 9", "match-subst": "--bootstrap 9", "sliced": "--projections 4", "sinkhorn": "--max-iters 50"}


def commands(program):
    """How a program is run: the lines of its test, with @x for a file x, and its files."""
    places = {kind: f"@{kind}" for kind in make_stream.KINDS} | {"root": attack.ROOT, "sample": attack.ROOT / "examples" / "storyworld"}
    places |= {name.partition(".")[0]: f"@{name}" for name in FILES if name not in make_stream.KINDS}
    text = (attack.ROOT / "tests" / f"{program}.bats").read_text()
    for kind, line in re.findall(r"^# (?:contract|fuzz): *(\S+) +\S+(.*)$", text, re.M):
        words, files = [], {}
        if QUICK.get(program, "").split(" ")[0] not in line.split():
            line += " " + QUICK.get(program, "")
        for word in line.split():
            word = word.format(**places)
            path = pathlib.Path(word)
            if path.is_absolute():
                found = sorted(path.iterdir()) if path.is_dir() else [path]
                files |= {p.name: p.read_bytes() for p in found}
                word = "@" if path.is_dir() else f"@{path.name}"
            elif word.startswith("@"):
                files[word[1:]] = FILES[word[1:]]()
            words.append(word)
        if sum(map(len, files.values())) < 16384:
            yield kind, {"args": "".join(f"{word}\n" for word in words).encode()} | files


def numpy_file(save, *arrays, **named):
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


FILES = {kind: (lambda kind=kind: make_stream.make(kind, frames=1)) for kind in make_stream.KINDS} | {
    "next": lambda: make_stream.make("activations", frames=1, layer="4"),
    "truth": lambda: b'[["one", "3_0_0", "4_0_1"], ["two", "3_1_2"]]',
    "sae.npz": lambda: numpy_file(np.savez, **make_stream.sae()),
    "states.npy": lambda: numpy_file(np.save, make_stream.states()),
    "tokens.npy": lambda: numpy_file(np.save, make_stream.tokens()),
    "arrays.npz": lambda: numpy_file(np.savez, dist=np.eye(3), row_layer="3", col_layer="4", kind="distances")}


def variants(kind):
    """Small streams of a kind, so that a solver is run a thousand times a second."""
    yield "one", make_stream.make(kind, frames=1)
    yield "two", make_stream.make(kind, frames=2, seed=1)
    yield "lz4", make_stream.make(kind, frames=1, compress=True)
    yield "empty", make_stream.make(kind, empty=True)
    yield "unknown", make_stream.make(kind, frames=1, unknown=True)


def filtered(program, data, *options):
    return subprocess.run([attack.BIN / program, "--quiet", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def more(kind):
    """What other programs make of them: nearest columns with errors, groups."""
    if kind == "distances":
        yield "near", filtered("emd", make_stream.make("distributions", frames=1), "--top", "2", "--error", "2")
        yield "solver", filtered("sinkhorn", make_stream.make("distributions", frames=1))
    if kind == "graph":
        with tempfile.NamedTemporaryFile() as file:
            file.write(make_stream.make("distances", frames=1))
            file.flush()
            yield "grouped", filtered("supernode", make_stream.make("graph", frames=1), "--graph", "-", "--to", "50%", file.name)


def filters(out):
    make_stream.FEATURES, make_stream.TOKENS, make_stream.D = 4, 8, 2
    for program in sorted(path.stem for path in (attack.ROOT / "filters").glob("*.c")):
        for i, (kind, files) in enumerate(commands(program)):
            streams = [("none", None)] if kind == "none" else [*variants(kind), *more(kind)]
            for name, data in streams:
                put(out, program, f"{i}-{name}", ({} if data is None else {"stdin": data}) | files)


def written():
    """What programs write of every kind, for those that read it again."""
    for kind in make_stream.KINDS:
        for name, data in (*variants(kind), *more(kind)):
            yield f"{kind}-{name}", data


def trips(out):
    for name, data in written():
        for target in "trip_json", "trip_npz", "frame2json", "frame2npz", "framecat", "frame2tsv":
            put(out, target, name, {"stdin": data})
        put(out, "json2frame", name, {"stdin": filtered("frame2json", data)})
        put(out, "npz2frame", name, {"stdin": filtered("frame2npz", data)})
        if name.startswith("graph-") and not name.endswith("-empty"):
            for target in "trip_graph", "graph2frame":
                put(out, target, name, {"stdin": filtered("frame2graph", data)})


def squeezed(found, preset):
    return lzma.compress(b"".join(b"input %d\n" % len(data) + data for data in found), preset=preset)


def pack(folder, file, most=6000):
    """The least inputs of a folder, in one file of about `most` bytes."""
    found = sorted((path.read_bytes() for path in pathlib.Path(folder).iterdir()), key=lambda x: (len(x), x))
    n = bisect.bisect(range(len(found)), most, key=lambda i: len(squeezed(found[:i + 1], 1)))
    pathlib.Path(file).write_bytes(squeezed(found[:max(n, 1)], 9))


def unpack(file, folder):
    os.makedirs(folder, exist_ok=True)
    text = lzma.decompress(pathlib.Path(file).read_bytes())
    while text:
        head, _, text = text.partition(b"\n")
        n = int(head.split()[1])
        pathlib.Path(folder, hashlib.sha1(text[:n]).hexdigest()).write_bytes(text[:n])
        text = text[n:]


def make(out):
    out = pathlib.Path(out)
    work = f"{out}/work"
    os.makedirs(work)
    examples(out, work)
    states(out, work)
    archives(out)
    caches(out)
    texts(out)
    vocabularies(out)
    labels(out)
    filters(out)
    trips(out)
    shutil.rmtree(work)
    for file in (attack.ROOT / "tests" / "fuzz" / "corpus").glob("*.xz"):
        unpack(file, out / file.stem)


if __name__ == "__main__":
    {"make": make, "pack": pack, "unpack": unpack}[sys.argv[1]](*sys.argv[2:])
