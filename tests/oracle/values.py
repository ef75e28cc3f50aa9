"""Streams of fields of every sort.

    values.py make SEED [--lz4]     writes one
    values.py same A B              do two files hold the same, but for the bits of NaN?"""
import random
import struct
import sys

import msgpack
import numpy as np

from semot import read, write

WHOLE = [0, 1, -1, 127, 128, -32, -33, -128, -129, 255, 256, 65535, 65536, 2**31, -2**31, 2**32 - 1, 2**32,
         2**53 + 1, 2**63 - 1, -2**63, 2**63, 2**64 - 1]
REAL = [0.0, -0.0, 1.0, 0.1, 1e300, -1e-5, 5e-324, float("inf"), float("-inf"), float("nan")]
TEXT = ["", "a", "$bytes", "<f4", "a b", "tab\tnewline\n", "quote\"\\", "é\u2028😀", "zero\0inside", "\x7f"]
SIZES = {"<f4": 4, "<f8": 8, "<f2": 2, "bf16": 2, "<u4": 4, "<u8": 8, "<i4": 4, "|u1": 1, "<i8": 8}


def tensor(dice):
    dtype = dice.choice(list(SIZES))
    shape = [dice.randrange(4) for _ in range(dice.randrange(6))]
    return [dtype, shape, dice.randbytes(SIZES[dtype] * int(np.prod(shape)))]


def value(dice, depth=0):
    sort = dice.randrange(13 if depth < 5 else 8)
    if sort == 0:
        return dice.choice([None, True, False])
    if sort == 1:
        return dice.choice(WHOLE)
    if sort == 2:
        return dice.choice(REAL + [struct.unpack("<d", dice.randbytes(8))[0]])
    if sort == 3:
        return dice.choice(TEXT)
    if sort == 4:
        return dice.randbytes(dice.randrange(40))
    if sort == 5:
        return msgpack.ExtType(dice.randrange(128), dice.randbytes(dice.choice([0, 1, 2, 3, 4, 8, 16, 20])))
    if sort in (6, 7):
        return tensor(dice)
    if sort == 8:
        return [dice.choice(TEXT) for _ in range(dice.randrange(4))]
    if sort == 9:
        return ["<f4", [value(dice, depth + 1)], [value(dice, depth + 1)]]
    if sort == 10:
        return {dice.choice(TEXT + [1, None, 2.5, b"key"]): value(dice, depth + 1) for _ in range(dice.randrange(4))}
    return [value(dice, depth + 1) for _ in range(dice.randrange(5))]


def make(seed, compress):
    dice = random.Random(seed)
    names = [text for text in TEXT if "\0" not in text] + ["kind", "seven..", "eight..."]
    frames = [{dice.choice(names): value(dice) for _ in range(dice.randrange(9))} for _ in range(1 + dice.randrange(4))]
    write("-", {**frames[0], "history": [["a", "1", ["--b", "c d"]]]}, frames[1:], compress)


def canonical(x):
    """As text; tensors and numbers with one kind of NaN."""
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        unsigned = np.where(np.isnan(x), np.array(np.nan, x.dtype), x).astype(x.dtype).view(f"<u{x.itemsize}")
        return repr((x.dtype.str, x.shape, unsigned.tobytes()))
    if isinstance(x, np.ndarray):
        return repr((x.dtype.str, x.shape, x.tobytes()))
    return repr(x)


def contents(name):
    return [[{key: canonical(x) for key, x in fields.items()} for fields in (header, *frames)]
            for header, frames in read(name)]


def main():
    if sys.argv[1] == "make":
        make(int(sys.argv[2]), "--lz4" in sys.argv)
        return
    a, b = (contents(name) for name in sys.argv[2:])
    if a != b:
        for x, y in ((x, y) for s, t in zip(a, b) for x, y in zip(s, t)):
            print(*(f"{key}: {x.get(key)} | {y.get(key)}" for key in {**x, **y} if x.get(key) != y.get(key)), sep="\n")
        sys.exit("they differ")


if __name__ == "__main__":
    main()
