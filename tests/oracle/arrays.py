"""Array files in Python, sharing nothing with common/array.c.

    x = load("f.npz:key"); save("f.safetensors", {"key": x}); save("f.npy", {"x": x})

    arrays.py random FILE... [--rows N] [--d D] [--dtype f2|bf16|f4|f8|...] [--seed S] [--integers]
    arrays.py part FILE FROM TO OUT     rows of a matrix as an .npy

bf16 is float32 in memory, and is written where dtype says so."""
import argparse
import json
import struct

import numpy as np

from semot import bf16

SAFE = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "U8": "|u1", "U16": "<u2", "U32": "<u4", "U64": "<u8",
        "I16": "<i2", "I32": "<i4", "I64": "<i8", "BF16": "<u2"}
NAMES = {dtype: name for name, dtype in SAFE.items() if name != "BF16"}


def safetensors(arrays, brains=(), header=None):
    """The bytes of a .safetensors; `brains` are written as bf16, `header` changes the header."""
    entries, data = {}, b""
    for key, x in arrays.items():
        name, raw = NAMES[x.dtype.str] if key not in brains else "BF16", x.tobytes()
        if key in brains:
            raw = bf16(x)[2]
        entries[key] = {"dtype": name, "shape": list(x.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header(entries) if header else entries).encode()
    return struct.pack("<Q", len(text)) + text + data


def read_safetensors(path):
    data = open(path, "rb").read()
    length = struct.unpack_from("<Q", data)[0]
    found = {}
    for key, entry in json.loads(data[8:8 + length]).items():
        if key == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        x = np.frombuffer(data[begin:end], SAFE[entry["dtype"]]).reshape(entry["shape"])
        found[key] = (x.astype("<u4") << 16).view("<f4") if entry["dtype"] == "BF16" else x
    return found


def load_all(path):
    if path.endswith(".safetensors"):
        return read_safetensors(path)
    x = np.load(path)
    return {"": x} if isinstance(x, np.ndarray) else dict(x)


def load(spec):
    path, _, key = spec.partition(":")
    arrays = load_all(path)
    return arrays[key] if key else next(iter(arrays.values()))


def save(path, arrays, brains=()):
    if path.endswith(".npy"):
        np.save(path, next(iter(arrays.values())))
    elif path.endswith(".npz"):
        np.savez(path, **arrays)
    else:
        with open(path, "wb") as file:
            file.write(safetensors(arrays, brains))


def random(rows, d, dtype="f4", seed=0, integers=False):
    rng = np.random.default_rng(seed)
    if integers or np.dtype(dtype.replace("bf16", "f4")).kind in "iu":
        return rng.integers(0 if dtype.startswith("u") else -4, 5, (rows, d)).astype(dtype.replace("bf16", "f4"))
    return rng.standard_normal((rows, d)).astype(dtype.replace("bf16", "f4"))


def main():
    arguments = argparse.ArgumentParser()
    commands = arguments.add_subparsers(dest="command")
    command = commands.add_parser("random")
    command.add_argument("files", nargs="+")
    command.add_argument("--rows", type=int, default=300)
    command.add_argument("--d", type=int, default=6)
    command.add_argument("--dtype", default="f4")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--integers", action="store_true")
    command = commands.add_parser("part")
    command.add_argument("file")
    command.add_argument("begin", type=int)
    command.add_argument("end", type=int)
    command.add_argument("out")
    given = arguments.parse_args()
    if given.command == "part":
        return np.save(given.out, load(given.file)[given.begin:given.end])
    x = random(given.rows, given.d, given.dtype, given.seed, given.integers)
    for path in given.files:
        save(path, {"states": x}, ["states"] if given.dtype == "bf16" else [])


if __name__ == "__main__":
    main()
