"""Compares two files of streams: equal but for the histories and the header fields that are named.
Or two folders: their files of one name; those that hold no streams have to be equal byte for byte.

    same.py A B [FIELD...]          bit for bit
    same.py A B --near E [FIELD...] numbers within E of each other, relative to the tensor's largest"""
import argparse
import pathlib
import sys

import numpy as np

from semot import read


def equal(x, y):
    """To the bit, where NaN is itself."""
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return x.tobytes() == y.tobytes()
    return np.array_equal(x, y)


def differences(a, b, ignore, near):
    if len(a) != len(b):
        yield f"{len(a)} and {len(b)} streams"
    for (header, frames), (other, more) in zip(a, b):
        for name in sorted(set(header) | set(other) - set(ignore)):
            if name not in ignore and header.get(name) != other.get(name):
                yield f"header: {name}: {header.get(name)} and {other.get(name)}"
        if len(frames) != len(more):
            yield f"{len(frames)} and {len(more)} frames"
        for i, (frame, twin) in enumerate(zip(frames, more)):
            if list(frame) != list(twin):
                yield f"frame {i}: {list(frame)} and {list(twin)}"
                continue
            for name, x in frame.items():
                y = twin[name]
                if np.shape(x) != np.shape(y):
                    yield f"frame {i}: {name}: {np.shape(x)} and {np.shape(y)}"
                elif near and getattr(x, "dtype", np.dtype("u4")).kind == "f" and x.size:
                    if not np.allclose(x, y, rtol=0, atol=near * np.nanmax(np.abs(x), initial=0),
                                       equal_nan=True):
                        yield f"frame {i}: {name}: {np.abs(x - y).max()} apart"
                elif not equal(x, y) or getattr(x, "dtype", 0) != getattr(y, "dtype", 0):
                    yield f"frame {i}: {name} differs"


def files(a, b, ignore, near):
    """What differs between two files."""
    if a.read_bytes()[:1] in (b"\xc7", b"\xc8", b"\xc9"):
        yield from differences(list(read(a)), list(read(b)), ignore, near)
    elif a.read_bytes() != b.read_bytes():
        yield "the bytes differ"


def folders(a, b, ignore, near):
    names = [{x.relative_to(y) for x in y.rglob("[!.]*") if x.is_file()} for y in (a, b)]
    for name in sorted(names[0] ^ names[1]):
        yield f"{name}: in {a if name in names[0] else b} only"
    for name in sorted(names[0] & names[1]):
        yield from (f"{name}: {line}" for line in files(a / name, b / name, ignore, near))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("a", type=pathlib.Path)
    arguments.add_argument("b", type=pathlib.Path)
    arguments.add_argument("ignore", nargs="*")
    arguments.add_argument("--near", type=float)
    given = arguments.parse_args()
    compare = folders if given.a.is_dir() else files
    found = list(compare(given.a, given.b, given.ignore + ["history"], given.near))
    sys.exit("\n".join(found[:100]) or 0)
