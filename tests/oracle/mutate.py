"""Runs a program on input that was cut or changed at many places. It has to take it as it is or to end with
status 1 and one line that begins with its name.

    mutate.py FILE COMMAND...       {} in COMMAND is the changed file, {/} a copy of its folder with it
    mutate.py --stream KIND COMMAND...  on stdin, a stream of that kind with tensors and a header that lie"""
import io
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import make_stream
from semot import read

ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}   # a program that dies need not free
TIMES = int(os.environ.get("TIMES", 15 if os.environ.get("SAN") else 50))


def mutants(data, dice):
    """Cuts and flipped bits, half of them near the beginning or the end, where headers are."""
    def place():
        near = min(300, len(data))
        return dice.choice([dice.randrange(len(data)), dice.randrange(near), len(data) - 1 - dice.randrange(near)])

    for cut in [0, 1, 5, 6, 7, 8, 9, 10, 11, 12] + [place() for _ in range(TIMES)]:
        yield f"cut at {cut}", data[:cut]
    for _ in range(TIMES):
        at, bit = place(), 1 << dice.randrange(8)
        yield f"bit {bit} of byte {at}", data[:at] + bytes([data[at] ^ bit]) + data[at + 1:]
    for _ in range(TIMES):
        at, n = place(), dice.randrange(1, 9)
        yield f"{n} bytes at {at}", data[:at] + dice.choice([dice.randbytes(n), b"\xff" * n, bytes(n)]) + data[at + n:]
    yield "bytes behind", data + b"more"


def lie(fields, dice):
    """One change to a frame: a number, a tensor's length, its dtype, or that it is there."""
    name = dice.choice(list(fields))
    x, change = fields[name], dice.randrange(7)
    if isinstance(x, list):
        fields[name] = dice.choice([x[:-1], x + x[-1:], ["none such"] + x[1:]])
    elif not isinstance(x, np.ndarray):
        fields[name] = dice.choice([0, 1, 60, -1, 2**31, 2**63, "x"])
    elif change < 3 and x.size:
        numbers = [np.nan, np.inf, -np.inf, 0, -1, 3e38, 1e-45] if x.dtype.kind == "f" else \
            [0, 1, 11, 12, 60, 119, 120, 2**31, 2**32 - 1]
        x.reshape(-1)[dice.randrange(x.size)] = dice.choice(numbers)
    elif change == 3:
        fields[name] = x[:-1]
    elif change == 4:
        fields[name] = np.concatenate([x, x[-1:]])
    elif change == 5:
        fields[name] = x.astype(dice.choice(["<f2", "<f8", "<u8", "<i4", "|u1"]))
    elif change == 6 and len(fields) > 1:
        del fields[name]


def streams(kind):
    for seed in range(3 * TIMES):
        dice = random.Random(seed)
        (header, frames), = read(io.BytesIO(make_stream.make(kind, seed=seed)))
        header["sae"] = f"{os.environ['SAMPLE']}/sae_L1_s0"
        for _ in range(dice.randrange(1, 4)):
            lie(dice.choice(frames), dice)
        if dice.random() < 0.2:
            header[dice.choice(list(header))] = dice.choice([0, -1, 5, 2**26, 2**40, "x", None, [1]])
        yield f"seed {seed}", make_stream.packed(header, frames, checksum=False)


def run(data, path, command):
    if path is None:
        return subprocess.run(command, input=data, capture_output=True, timeout=300, env=ENVIRONMENT)
    with tempfile.TemporaryDirectory() as folder:
        changed = pathlib.Path(folder, path.name)
        if "{/}" in command:
            shutil.copytree(path.parent, folder, dirs_exist_ok=True)
        changed.write_bytes(data)
        words = [{"{}": str(changed), "{/}": folder}.get(word, word) for word in command]
        return subprocess.run(words, capture_output=True, timeout=300, env=ENVIRONMENT)


def problem(what, data, path, command):
    result = run(data, path, command)
    lines = result.stderr.decode(errors="replace").splitlines()
    if result.returncode == 0 and not lines:
        return None
    if result.returncode == 1 and len(lines) == 1 and lines[0].startswith(f"{command[0]}: "):
        return None
    return f"{path.name if path else command}: {what}: status {result.returncode}: {lines[:3]}"


def main():
    if sys.argv[1] == "--stream":
        path, command, inputs = None, sys.argv[3:], streams(sys.argv[2])
    else:
        path, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
        inputs = mutants(path.read_bytes(), random.Random(path.name))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda mutant: problem(*mutant, path, command), inputs)
        sys.exit("\n".join(line for line in found if line) or 0)


if __name__ == "__main__":
    main()
