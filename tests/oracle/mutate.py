"""Runs a program on a file that was cut or changed at many places. It has to take it as it is or to end
with status 1 and one line that begins with its name.

    mutate.py FILE COMMAND...       {} in COMMAND is the changed file, {/} a copy of its folder with it"""
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}   # a program that dies need not free
TIMES = int(os.environ.get("TIMES", 20 if os.environ.get("SAN") else 80))


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


def problem(what, data, path, command):
    with tempfile.TemporaryDirectory() as folder:
        changed = pathlib.Path(folder, path.name)
        if "{/}" in command:
            shutil.copytree(path.parent, folder, dirs_exist_ok=True)
        changed.write_bytes(data)
        words = [{"{}": str(changed), "{/}": folder}.get(word, word) for word in command]
        result = subprocess.run(words, capture_output=True, timeout=60, env=ENVIRONMENT)
    lines = result.stderr.decode(errors="replace").splitlines()
    if result.returncode == 0 and not lines:
        return None
    if result.returncode == 1 and len(lines) == 1 and lines[0].startswith(f"{words[0]}: "):
        return None
    return f"{path.name}: {what}: status {result.returncode}: {lines[:3]}"


def main():
    path, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda mutant: problem(*mutant, path, command),
                         mutants(path.read_bytes(), random.Random(path.name)))
        sys.exit("\n".join(line for line in found if line) or 0)


if __name__ == "__main__":
    main()
