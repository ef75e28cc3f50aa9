"""Takes from every program what it needs of the system; prints what it should not have done, one line each.

    faults.py calls|limits|ends [--all] [--seed N] [--only CLASS,...] [--programs NAME,...]

calls: system calls, allocations and starts of threads fail, one at a time, or all from one on; or read and write
a few bytes at a time. tests/faults/shim.c does that: SHIM is where it was built. limits: less address space than is
needed. ends: no stdin, stdout or stderr, or a full one. The command lines are those of the contract (attack.py) and FURTHER
ones. Without --all, FEW calls of each class and limits of each command line are tried, which --seed chooses.

A program then has to write what it always does, in silence, or to end with status 1, one line that says what
failed, and nothing that looks complete."""
import argparse
import collections
import copy
import errno
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import attack
import make_stream

SHIM = os.environ.get("SHIM", "shim.so")
FEW = int(os.environ.get("FEW", 2))
NAMES = ("memory", "thread", "read", "write", "open", "close", "stat", "access", "folder", "seek", "map", "break",
         "short")
MEMORY = "out of memory"
ENDS = ("tried", "status 1", "same bytes", "violations")
KEPT = None                                              # has to write what it always does

# (class, errno, how many calls in a row, what the line says)
FAULTS = [
    ("memory", "ENOMEM", 1, MEMORY), ("memory", "ENOMEM", 1 << 40, MEMORY),
    ("map", "ENOMEM", 1, MEMORY), ("map", "ENOMEM", 1 << 40, MEMORY), ("break", "ENOMEM", 1 << 40, MEMORY),
    ("thread", "EAGAIN", 1, MEMORY),
    ("read", "EIO", 1, os.strerror(errno.EIO)), ("read", "EINTR", 1, KEPT),
    ("write", "ENOSPC", 1, os.strerror(errno.ENOSPC)), ("write", "EIO", 1 << 40, os.strerror(errno.EIO)),
    ("write", "EINTR", 1, KEPT),
    ("open", "EMFILE", 1, os.strerror(errno.EMFILE)), ("open", "ENOMEM", 1, MEMORY), ("open", "EINTR", 1, KEPT),
    ("close", "EIO", 1, os.strerror(errno.EIO)), ("close", "EINTR", 1, os.strerror(errno.EINTR)),
    ("stat", "EIO", 1, os.strerror(errno.EIO)), ("stat", "ENOMEM", 1, MEMORY),
    ("access", "EIO", 1, os.strerror(errno.EIO)), ("access", "ENOMEM", 1, MEMORY),
    ("folder", "EIO", 1, os.strerror(errno.EIO)), ("folder", "ENOMEM", 1, MEMORY),
    ("seek", "EIO", 1, os.strerror(errno.EIO)),
]

# What the contract's lines leave out: other readers, writers and solvers. KIND COMMAND, as there.
FURTHER = """
none act-dump --hidden {states} --sae {sae} --layer 3 --context 10 --skip 1 --tokens {tokens}
none act-dump --hidden {safetensors} --sae {sae} --layer 3
none act-dump --hidden {npz} --sae {sae} --layer 3 --check
none act-dump --hidden {states} --sae {pt} --layer 3
none act-import {states} --layer 3 --no-point --signed positive
none act-import {csr} --layer 3
distributions refproj --lift {states} --whiten --dim 3
activations refproj --map {matrix} --space other
distributions sinkhorn --top 3 --error 2
distributions sinkhorn - {distributions}
distributions emd --top 2
distributions emd --error 2
activations coact --top 3 --coupling {coupling} - {next}
activations couple --by sinkhorn - {next}
activations couple --by cells --cells 4 - {next}
none decoder --folded --top 2 {sae} {sae}
distances nearest --mutual
distances hungarian --max-cost 0.5
nearest hungarian --open
nearest hungarian --complete {distributions} {distributions}
matching match-eval --a {activations} --b {next} --labels {labels}
matching match2html --contexts {contexts} --labels {labels} --distances {distances}
matching show --contexts {contexts} --labels {labels}
contexts show
matching frame2tsv --labels {labels}
distances frame2tsv
contexts frame2tsv
flow frame2tsv
graph frame2json
contexts frame2json
distances frame2npz
graph frame2npz
grouped frame2graph --collapse
graph frame2graph --link circuit-tracer
graph graph2html --contexts {contexts}
none graph2frame --labels {labels} {sample}/graphs/add-three-four.json
none json2frame {lines}
none npz2frame {npzed}
graph graph-prune --nodes 0.5
activations featpick --graph {graph}
graph supernode --graph - --groups 3 --pinned {distances}
graph supernode --graph - --groups 2 --keep={truth} {distances}
grouped graph-score --distances {distances} --effects {effects}
graph supernode --graph - --max-hidden .1 {distances}
activations framecat --compress
activations framecat --check
activations framecat --header
none framecat --merge {part1} {part2} {part3}
"""


class Case:
    def __init__(self, kind, command, where):
        self.command = [attack.BIN / command[0]] + [word.format(**where) for word in command[1:]]
        self.name = command[0]
        self.title = " ".join(re.sub(r"[{}]", "", word) for word in command)
        self.stdin = where.get(kind, os.devnull)

    def with_command(self, *words):
        other = copy.copy(self)
        other.command = self.command[:1] + list(words)
        return other

    def run(self, environment=None, before=None, **streams):
        with open(self.stdin, "rb") as source:
            streams = {"stdin": source, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
            try:
                return subprocess.run((before or []) + self.command + ["--quiet"], timeout=300,
                                      env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **(environment or {})}, **streams)
            except subprocess.TimeoutExpired:
                return subprocess.CompletedProcess(self.command, "none after 300 s", b"", b"")

    def faulty(self, fault):
        """The result, how many calls failed, and how many there were of each class."""
        with tempfile.NamedTemporaryFile(dir=FOLDER) as file:
            file.truncate(4096)
            result = self.run({"LD_PRELOAD": SHIM, "FAULT": fault, "FAULT_COUNTS": file.name})
            counts = struct.unpack(f"{2 + len(NAMES)}q", open(file.name, "rb").read(8 * (2 + len(NAMES))))
        if not counts[0]:
            raise OSError("no seccomp here: no system call can be made to fail")
        return result, counts[1], dict(zip(NAMES, counts[2:]))


def looks_complete(out):
    """Does what was written look complete?"""
    if out[:1] in (b"\xc7", b"\xc8", b"\xc9") or out[:1] == b"{":
        return attack.end_marks(out) > 0
    return out.endswith(b"</html>\n") or (out[:2] == b"PK" and b"PK\5\6" in out)


def wrong(case, whole, result, says, late):
    """What is wrong with what a program did; None: nothing. late: it may have written all of its output."""
    written = result.stdout or b""
    lines = result.stderr.decode(errors="replace").splitlines()
    if result.returncode == 0:
        if written != whole.stdout:
            return f"status 0 and another output of {len(written)} bytes, not {len(whole.stdout)}"
        return f"status 0 and {lines}" if lines else None
    if result.returncode != 1:
        return f"status {result.returncode}: {lines}"
    if len(lines) != 1 or not lines[0].startswith(case.name + ": "):
        return f"not one line that begins with its name: {lines}"
    if says is KEPT:
        return f"status 1: {lines[0]}"
    if not re.search(says, lines[0], re.I) or (MEMORY in lines[0] and MEMORY not in says):
        return f"not '{says}': {lines[0]}"
    if not late and looks_complete(written):
        return f"its output looks complete: {lines[0]}"
    return None


FOLDER = None


def further_places(folder):
    """Files of FURTHER that the contract has no names for."""
    import pt
    where = attack.places(folder)
    run = lambda *command, stdin=None: subprocess.run(
        [attack.BIN / command[0], *map(str, command[1:]), "--quiet"], check=True, stdout=subprocess.PIPE,
        stdin=open(stdin, "rb") if stdin else subprocess.DEVNULL).stdout
    states, sae = make_stream.states(), make_stream.sae()
    made = {name: folder / name for name in ("labels", "effects", "nearest", "grouped", "flow", "lines", "part1", "part2", "part3")}
    made.update(safetensors=folder / "h.safetensors", npz=folder / "h.npz", pt=folder / "sae.pt",
                csr=folder / "csr.npz", matrix=folder / "matrix.npy", npzed=folder / "npzed.npz")
    made["labels"].write_text("layer\tfeature\tlabel\n" + "".join(f"{3 + i % 2}\t{i}\tword {i}\n" for i in range(12)))
    made["effects"].write_text("".join(f"3_{i}_0\t4_{i}_0\t{i - 3}\n" for i in range(80)))
    write_safetensors(made["safetensors"], {"h": states.astype("<f4")})
    np.savez_compressed(made["npz"], h=states)
    pt.save(str(made["pt"]), {name: np.ascontiguousarray(x, "f4") for name, x in sae.items()})
    np.savez_compressed(made["csr"], format=b"csr", shape=(4, 6), indptr=np.array([0, 2, 3, 3, 5]),
                        indices=np.array([0, 3, 1, 2, 5]), data=np.ones(5, "f4"))
    np.save(made["matrix"], np.eye(make_stream.D, 4, dtype="f4"))
    made["nearest"].write_bytes(run("sinkhorn", "--top", 3, where["distributions"]))
    made["grouped"].write_bytes(run("supernode", "--graph", where["graph"], "--groups", 3, where["distances"]))
    made["flow"].write_bytes(run("flow", where["matching"]))
    made["lines"].write_bytes(run("frame2json", where["contexts"]))
    made["npzed"].write_bytes(run("frame2npz", where["distances"]))
    for i in 1, 2, 3:
        made[f"part{i}"].write_bytes(run("sinkhorn", "--rows", f"{i}/3", where["distributions"]))
    return {**where, **made}


def write_safetensors(path, tensors):
    import json
    header, at, body = {}, 0, b""
    for name, x in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + x.nbytes]}
        at += x.nbytes
        body += x.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def cases(where, names):
    lines = []
    for path in sorted((attack.ROOT / "tests").glob("*.bats")):
        lines += re.findall(r"^# contract: *(.+)$", path.read_text(), re.M)
    for line in lines + FURTHER.strip().splitlines():
        kind, *command = line.split()
        if (attack.BIN / command[0]).exists() and (not names or command[0] in names):
            yield Case(kind, command, where)


BLAS = ("bures", "refaxes", "refproj")       # which tries for ever where memory never comes back


class Tally:
    """Of one command line: how many of what ended how, and what was found."""

    def __init__(self, case):
        self.case, self.whole = case, case.run()
        self.count, self.lines = collections.Counter(), []
        self.works = self.whole.returncode == 0 and not self.whole.stderr
        if not self.works:
            self.lines.append(f"{case.title}: {self.whole.stderr.decode(errors='replace').strip()}")

    def add(self, what, where, result, says, late=False):
        problem = wrong(self.case, self.whole, result, says, late)
        self.count[what, "tried"] += 1
        self.count[what, "violations" if problem else "status 1" if result.returncode else "same bytes"] += 1
        if problem:
            self.lines.append(f"{self.case.title}: {what} {where}: {problem}")


def calls(tally, options, dice):
    """The calls of every class fail."""
    case = tally.case
    number = case.faulty("none 0 0 0")[2]
    for name, error, row, says in FAULTS:
        if options.only and name not in options.only:
            continue
        places = range(1, number[name] + 1)
        if name in ("memory", "map") and row > 1 and case.name in BLAS:
            continue
        if not options.all and len(places) > FEW:
            places = sorted(dice.sample(places, FEW))
        for n in places:
            result, hit, _ = case.faulty(f"{name} {getattr(errno, error)} {n} {n + row - 1}")
            if hit > 0:                                  # threads may make fewer calls in another run
                tally.add(f"{name} {error}{' from there on' if row > 1 else ''}", n, result, says, name == "close")
    if not options.only or "short" in options.only:
        tally.add("short", "", case.faulty("short 0 0 0")[0], KEPT)


def limited(case, size, seconds=300):
    return case.run(before=["timeout", str(seconds), "sh", "-c", f"ulimit -v {size}; exec \"$0\" \"$@\""])


def least_that(works, least):
    most = 4000000
    while most > 1.02 * least:
        size = (least + most) // 2
        least, most = (least, size) if works(size) else (size, most)
    return most


BEGINS = {}     # program -> the least with which libraries let main() begin: OpenBLAS may wait for ever before it


def limits(tally, options, dice):
    """Less address space than the program needs."""
    case = tally.case
    if case.name not in BEGINS:
        version = case.with_command("--version")
        BEGINS[case.name] = least_that(lambda size: limited(version, size, 2).returncode == 0, 1000)
    least = BEGINS[case.name]
    most = least_that(lambda size: limited(case, size).returncode == 0, least)
    for share in np.linspace(0, 1, 60) if options.all else [dice.random() for _ in range(FEW)]:
        size = int(least + share * (1.02 * most - least))
        result = limited(case, size)
        if not result.stderr.startswith(b"\nlibgomp"):      # before main() begins
            tally.add("limits", f"{size} kB of {most}", result, f"{MEMORY}|of memory are needed")


def ends(tally, options, dice):
    """Standard streams that are closed, full, or that nobody reads."""
    case, closed = tally.case, os.strerror(errno.EBADF)
    shell = lambda redirections: ["sh", "-c", f"trap '' PIPE; exec \"$0\" \"$@\" {redirections}"]
    with open("/dev/full", "wb") as full:
        tally.add("full", "stdout", case.run(stdout=full), os.strerror(errno.ENOSPC))
        for option in "--help", "--version":
            tally.add("full", option, case.with_command(option).run(stdout=full), os.strerror(errno.ENOSPC))
        result = case.run(stdout=full, stderr=full)
        result.stderr = b"" if not tally.whole.stdout else f"{case.name}: {os.strerror(errno.ENOSPC)}\n".encode()
        tally.add("full", "stdout and stderr", result, os.strerror(errno.ENOSPC))
    tally.add("closed", "stdin", case.run(before=shell("<&-")), closed)
    tally.add("closed", "stdout", case.run(before=shell(">&-")), closed)
    tally.add("closed", "stderr", case.run(before=shell("2>&-")), KEPT)
    tally.add("closed", "all", subprocess.CompletedProcess([], case.run(before=shell("<&- >&- 2>&-")).returncode, b"",
              f"{case.name}: {closed}\n".encode()), closed)
    unread, end = os.pipe()
    os.close(unread)
    tally.add("closed", "pipe", case.run(before=shell(""), stdout=end), os.strerror(errno.EPIPE))
    os.close(end)


def take_from(case, rule, options):
    tally = Tally(case)
    if tally.works:
        rule(tally, options, random.Random(f"{options.seed} {case.title}"))
    print(case.title, *(f"{sum(n for (_, w), n in tally.count.items() if w == what)} {what}" for what in ENDS),
          sep="\t", file=sys.stderr, flush=True)
    return tally


def main():
    global FOLDER
    parser = argparse.ArgumentParser()
    parser.add_argument("rule", choices=("calls", "limits", "ends"))
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--only", type=lambda text: text.split(","))
    parser.add_argument("--programs", type=lambda text: text.split(","))
    options = parser.parse_args()
    rule = {"calls": calls, "limits": limits, "ends": ends}[options.rule]
    with tempfile.TemporaryDirectory() as FOLDER, ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = pathlib.Path(FOLDER)
        attack.write_places(folder)
        where = further_places(folder)
        tallies = list(pool.map(lambda case: take_from(case, rule, options), cases(where, options.programs)))
    total = sum((tally.count for tally in tallies), collections.Counter())
    for fault in [*sorted({fault for fault, _ in total}), None]:
        print(fault or "all", *(f"{sum(n for (f, w), n in total.items() if w == what and fault in (f, None))} {what}"
                                for what in ENDS), sep="\t", file=sys.stderr)
    sys.exit("\n".join(line for tally in tallies for line in tally.lines) or 0)


if __name__ == "__main__":
    main()
