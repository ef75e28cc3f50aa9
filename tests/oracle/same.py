"""Compares two files of streams: equal but for the histories and the header fields that are named.

    same.py A B [FIELD...]          bit for bit
    same.py A B --near E [FIELD...] numbers within E of each other, relative to the tensor's largest"""
import argparse
import sys

import numpy as np

from semot import read


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
                    if not np.allclose(x, y, rtol=0, atol=near * np.abs(x).max()):
                        yield f"frame {i}: {name}: {np.abs(x - y).max()} apart"
                elif not np.array_equal(x, y) or getattr(x, "dtype", 0) != getattr(y, "dtype", 0):
                    yield f"frame {i}: {name} differs"


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("a")
    arguments.add_argument("b")
    arguments.add_argument("ignore", nargs="*")
    arguments.add_argument("--near", type=float)
    given = arguments.parse_args()
    a, b = list(read(given.a)), list(read(given.b))
    found = list(differences(a, b, given.ignore + ["history"], given.near))
    sys.exit("\n".join(found[:20]) or 0)
