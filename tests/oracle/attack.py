"""Holds every program of filters to a rule of the contract; prints what breaks it, one line each.

    attack.py RULE [PROGRAM...]

How to run a program stands in its own test, as a line

    # contract: KIND COMMAND

where KIND is the kind of stream on its stdin (see make_stream.py), or `none` when it reads something
else and only some rules make sense. {activations}, {graph}, ... in COMMAND are files of such streams, {next}
one of activations of the layer after that of {activations}, {arrays} an .npz of distances, {sae}, {states} and
{tokens} an SAE, hidden states and vocabulary ids of them, {truth} people's groups of {graph} as JSON, {sample} is
the bundled sample and {root} the repository."""
import io
import itertools
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import make_stream
from semot import objects, read, write

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BUILD", ROOT / "build")) / "bin"
TIMES = int(os.environ.get("TIMES", 40 if os.environ.get("SAN") else 200))
FULL = open("/dev/full", "wb")


def places(folder):
    """What the names in braces of a command stand for."""
    return {**{kind: folder / kind for kind in make_stream.KINDS},
            **{name: folder / name for name in ("next", "truth")},
            "sae": folder / "sae.npz", "states": folder / "states.npy", "tokens": folder / "tokens.npy",
            "arrays": folder / "arrays.npz", "root": ROOT, "sample": ROOT / "examples" / "storyworld"}


def write_places(folder):
    for kind in make_stream.KINDS:
        (folder / kind).write_bytes(make_stream.make(kind))
    (folder / "next").write_bytes(make_stream.make("activations", layer="4"))
    (folder / "truth").write_text('[["one", "3_0_0", "4_0_1"], ["two", "3_1_2"]]')
    np.savez(folder / "sae.npz", **make_stream.sae())
    np.save(folder / "states.npy", make_stream.states())
    np.save(folder / "tokens.npy", make_stream.tokens())
    np.savez(folder / "arrays.npz", dist=np.eye(5), row_layer="3", col_layer="4", kind="distances")


class Program:
    def __init__(self, name, folder):
        self.name, self.kind, self.command, self.environment = name, None, [], os.environ
        try:
            text = (ROOT / "tests" / f"{name}.bats").read_text()
        except FileNotFoundError:
            return
        line = re.search(r"^# contract: *(\S+) +(.+)$", text, re.M)
        if not line:
            return
        self.kind = line[1]
        self.command = [word.format(**places(folder)) for word in line[2].split()]

    @property
    def reads_streams(self):
        return self.kind in make_stream.KINDS

    def run(self, data=b"", *options, stdin=None, stdout=subprocess.PIPE):
        command = [BIN / self.name] + self.command[1:] + ["--quiet", *options]
        source = {"stdin": stdin} if stdin else {"input": data}
        try:
            return subprocess.run(command, **source, stdout=stdout, stderr=subprocess.PIPE, timeout=300,
                                  env=self.environment)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, "none after 300 s", b"", b"")

    def make(self, **options):
        return make_stream.make(self.kind, **options)


def end_marks(out):
    """How many end marks are in what a program wrote: a stream or lines of JSON."""
    if out[:1] not in (b"\xc7", b"\xc8", b"\xc9"):
        return sum(line.startswith(b'{"end":') for line in out.splitlines())
    marks = 0
    try:
        for fields, _ in objects(io.BytesIO(out)):
            marks += "end" in fields
    except ValueError:
        pass
    return marks


def refused(program, result, what, ends=0):
    """Status 1, one line that begins with the name, no end mark but those of whole streams before."""
    lines = result.stderr.decode(errors="replace").splitlines()
    if result.returncode != 1:
        yield f"{what}: exit status {result.returncode}, not 1: {lines[-1:]}"
    elif len(lines) != 1 or not lines[0].startswith(program.name + ": "):
        yield f"{what}: not one line that begins with its name: {lines}"
    elif end_marks(result.stdout or b"") > ends:
        yield f"{what}: an end mark was written"


def accepted(result, what):
    if result.returncode != 0 or result.stderr:
        yield f"{what}: exit status {result.returncode}: {result.stderr.decode(errors='replace').strip()}"


def streams_of(result):
    """What was written as streams, checked; None when it is text."""
    if result.stdout[:1] not in (b"\xc7", b"\xc8", b"\xc9"):
        return None
    return list(read(io.BytesIO(result.stdout)))


# -- The rules: each yields what is wrong ---------------------------------------------------------


def declared(program):
    """says in its test how it is run"""
    if not program.kind or program.command[0] != program.name:
        yield f"tests/{program.name}.bats has no line '# contract: KIND {program.name} ...'"
    elif program.kind != "none" and not program.reads_streams:
        yield f"tests/{program.name}.bats: {program.kind} is no kind of stream"


def works(program):
    """accepts valid input in silence and ends its output"""
    result = program.run(program.make() if program.reads_streams else b"")
    yield from accepted(result, "valid input")
    streams_of(result)


def usage(program):
    """--help and --version name it and exit 0, an unknown option exits 2"""
    for option in "--help", "--version":
        result = subprocess.run([BIN / program.name, option], capture_output=True, env=program.environment)
        if result.returncode != 0 or program.name.encode() not in result.stdout or result.stderr:
            yield f"{option}: status {result.returncode}, {result.stdout[:60]}"
        result = subprocess.run([BIN / program.name, option], stdout=FULL, stderr=subprocess.PIPE,
                                env=program.environment)
        if result.returncode != 1 or result.stderr.count(b"\n") != 1:
            yield f"{option} >/dev/full: status {result.returncode}, not 1: {result.stderr}"
    for option in "--no-such-option", "-z":
        result = subprocess.run([BIN / program.name, option], capture_output=True, env=program.environment)
        if result.returncode != 2 or result.stdout or result.stderr.count(b"\n") != 1:
            yield f"{option}: status {result.returncode}, not 2: {result.stderr}"


def cut(program):
    """refuses a stream that was cut anywhere"""
    data, dice = program.make(), random.Random(program.name)
    for place in sorted({*range(8), *dice.sample(range(len(data)), min(TIMES, len(data)))}):
        yield from refused(program, program.run(data[:place]), f"cut at {place}")


def flipped(program):
    """refuses a stream with any bit changed"""
    data, dice = program.make(), random.Random(program.name)
    for _ in range(TIMES):
        place, bit = dice.randrange(len(data)), 1 << dice.randrange(8)
        bad = data[:place] + bytes([data[place] ^ bit]) + data[place + 1:]
        yield from refused(program, program.run(bad), f"bit {bit} of byte {place}")


def garbage(program):
    """refuses what is no stream"""
    data = program.make()
    noise = np.random.default_rng(0).bytes(10000)
    for what, bad in {"empty input": b"", "noise": noise, "text": b"no stream\n" * 99, "zeros": bytes(9999),
                      "a NumPy file": b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}",
                      "no header": data[len(next(objects(io.BytesIO(data)))[1]):]}.items():
        yield from refused(program, program.run(bad), what)
    yield from refused(program, program.run(data + noise), "noise behind a stream", ends=1)


def upstream(program):
    """fails when the program before it died"""
    with tempfile.NamedTemporaryFile() as file:
        data = program.make(frames=9)
        file.write(data[:len(data) // 2])
        file.flush()
        for what, command in {"false": "false", "killed": f"cat {file.name}; kill -9 $$"}.items():
            dying = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE)
            yield from refused(program, program.run(stdin=dying.stdout), what)
            dying.wait()


def full(program):
    """fails when its output cannot be written, and is silent when nobody reads it"""
    data = program.make(frames=9) if program.reads_streams else b""
    yield from refused(program, program.run(data, stdout=FULL), "/dev/full")
    unread, end = os.pipe()
    os.close(unread)
    result = program.run(data, stdout=end)
    os.close(end)
    if result.returncode != -signal.SIGPIPE or result.stderr:
        yield f"SIGPIPE: exit status {result.returncode}, {result.stderr}"


def empty(program):
    """passes an empty stream"""
    result = program.run(program.make(empty=True))
    yield from accepted(result, "empty stream")
    if result.returncode == 0 and end_marks(program.run(program.make()).stdout) and not end_marks(result.stdout):
        yield "empty stream: no end mark written"


def unknown(program):
    """passes on header fields that it does not know, fields of frames too when it keeps the frames, and
    adds to the history at most itself"""
    data = program.make(unknown=True)
    result = program.run(data)
    yield from accepted(result, "unknown fields")
    out = streams_of(result)
    if not out or result.returncode != 0:
        return
    header, frames = out[0]
    [(given, given_frames)] = read(io.BytesIO(data))
    if header.get("unknown_field") != given["unknown_field"]:
        yield f"unknown_field became {header.get('unknown_field')}"
    history = header["history"]
    if any(entry not in history for entry in given["history"]) \
            or history[-1][0] not in (program.name, given["history"][-1][0]):
        yield f"history became {history}"
    if header["kind"] != given["kind"] or len(frames) != len(given_frames):
        return
    for i, (frame, before) in enumerate(zip(frames, given_frames)):
        for name in "unknown_tensor", "unknown_list", "unknown_value":
            if not np.array_equal(frame.get(name), before[name]):
                yield f"frame {i}: {name} became {frame.get(name)}"


# What a field or a number may be instead.
NUMBERS = (0, -1, 1, 2**31, 2**32 - 1, 2**63 - 1, 1e308, float("nan"), float("inf"), -1.5, "text")
TEXTS = ("", "-", "../../x", "x" * 2000, "a\tb\nc", "\x1b[2J", "</script>", "\u202e", 5)


def lies(value):
    """(what, other values of a header's or a frame's field)"""
    if isinstance(value, (str, int, float)):
        return [(repr(x)[:20], x) for x in (TEXTS if isinstance(value, str) else NUMBERS)]
    if isinstance(value, list) and value and all(isinstance(x, str) for x in value):
        return [("empty", []), ("short", value[:-1]), ("long", value + ["z"])] + \
            [(f"all {x!r:.20}", [x] * len(value)) for x in TEXTS[:-1]]
    if not isinstance(value, np.ndarray):
        return []
    other = [("no rows", value[:0]), ("a row more", np.concatenate([value, value[-1:]]) if value.ndim else value),
             ("0 by 5e7", np.zeros((0, 50_000_000), value.dtype)), ("5e7 by 0", np.zeros((50_000_000, 0), value.dtype)),
             ("another dtype", value.astype("<f8" if value.dtype != "<f8" else "<f4")), ("reversed", value[::-1])]
    kinds = (np.nan, np.inf, -1, 1e-45, 3.4e38) if value.dtype.kind == "f" else (0, 1, np.iinfo(value.dtype).max)
    for x in kinds:
        last = value.copy()
        last.reshape(-1)[-1:] = x
        other += [(f"all {x}", np.full_like(value, x)), (f"last {x}", last)]
    return other


def lying(program):
    """takes or refuses input whose fields and numbers are others, one at a time"""
    [(header, frames)] = read(io.BytesIO(program.make()))
    changes = [(f"header: {name}: {what}", [{**header, name: x}, *frames])
               for name in header if name not in ("semot", "kind", "history") for what, x in lies(header[name])]
    for i, frame in enumerate(frames[:3]):
        for name in frame:
            others = [({**frame, name: x}, f"frame {i + 1}: {name}: {what}") for what, x in lies(frame[name])]
            others.append(({k: v for k, v in frame.items() if k != name}, f"frame {i + 1}: no {name}"))
            changes += [(what, [header, *frames[:i], other, *frames[i + 1:]]) for other, what in others]
    for what, (header, *frames) in random.Random(program.name).sample(changes, min(len(changes), TIMES // 8)):
        file = io.BytesIO()
        write(file, header, frames)
        result = program.run(file.getvalue())
        if result.returncode != 0:
            yield from refused(program, result, what)
        elif result.stderr:
            yield f"{what}: {result.stderr.decode(errors='replace').strip()}"
        else:
            streams_of(result)


def lz4(program):
    """writes the same for plain and for LZ4 input"""
    plain, packed = (program.run(program.make(compress=packed)) for packed in (False, True))
    yield from accepted(packed, "LZ4")
    if plain.stdout != packed.stdout:
        yield "LZ4 input makes another output"


def threads(program):
    """writes the same for any --threads"""
    if b"--threads" not in subprocess.run([BIN / program.name, "--help"], capture_output=True).stdout:
        return
    data = program.make(frames=5) if program.reads_streams else b""
    one, two = (program.run(data, "--threads", n) for n in "12")
    yield from accepted(two, "--threads 2")
    if one.stdout != two.stdout:
        yield "--threads 1 and --threads 2 differ"


def stages(program):
    """of a distance stage: reads sets, and writes blocks of rows and nearest columns, as all of them do"""
    usage = subprocess.run([BIN / program.name, "--help"], capture_output=True).stdout
    if b"--top" not in usage or b"--rows" not in usage:
        return
    if b"[B]" in usage:
        yield from read_alike(program)
    yield from written_alike(program)
    if b"--error" in usage:
        yield from written_alike(program, "--error", "2")


def tensors(program, data, *options):
    (header, frames), = read(io.BytesIO(program.run(data, *options).stdout))
    header.pop("history")
    return header, {name: np.concatenate([f[name] for f in frames[1:]]) for name in frames[1] if name != "row0"}


def same(found, expected):
    return set(found) == set(expected) and all(np.array_equal(found[name], expected[name]) for name in found)


def read_alike(program):
    sets = [program.make(seed=seed) for seed in (0, 1)]
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder, name) for name in "ab"]
        for path, data in zip(files, sets):
            path.write_bytes(data)
        header, two = tensors(program, b"", *files)
        for what, data, operands in (("a b | -", b"".join(sets), ()), ("a b | - -", b"".join(sets), ("-", "-")),
                                     ("b | a -", sets[1], (files[0], "-"))):
            again = tensors(program, data, *operands)
            if again[0] != header or not same(again[1], two):
                yield f"two sets as {what} are not the two files"


def written_alike(program, *always):
    data = program.make(seed=0)
    whole = tensors(program, data, *always)[1]
    dist = whole["dist"]
    if any(not np.array_equal(matrix, matrix.T) for matrix in whole.values()) or np.abs(np.diag(dist)).max() > 0.1 * dist.max():
        yield "a set with itself: not symmetric, or far from itself"
    parts = [tensors(program, data, *always, "--rows", f"{i}/3")[1] for i in (1, 2, 3)]
    if not same({name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, whole):
        yield "--rows 1/3, 2/3 and 3/3 are not the whole"
    for k in 1, 3, 99:
        order = np.argsort(dist, 1, kind="stable")[:, :k]
        near = {"col": order, **{name: np.take_along_axis(matrix, order, 1) for name, matrix in whole.items()}}
        if not same(tensors(program, data, *always, "--top", str(k))[1], near):
            yield f"--top {k}: not the nearest of the whole"


RULES = {rule.__name__: rule for rule in (declared, usage, works, cut, flipped, garbage, upstream, full, empty,
                                          unknown, lying, lz4, threads, stages)}


def applies(rule, program):
    if rule in (declared, usage) or program.reads_streams:
        return True
    return rule in (works, full, threads) and len(program.command) > 1


def problems(rule, program):
    if rule in (usage, cut, flipped, garbage, upstream, full, lying):     # what fails need not free its memory
        program.environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    try:
        found = rule(program) if applies(rule, program) else []
        return [f"{program.name}: {problem}" for problem in itertools.islice(found, 5)]
    except Exception as problem:
        return [f"{program.name}: {type(problem).__name__}: {problem}"]


def main():
    rule = RULES[sys.argv[1]]
    names = sys.argv[2:] or os.environ.get("ONLY", "").split() or sorted(
        path.stem for path in (ROOT / "filters").glob("*.c"))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = pathlib.Path(folder)
        write_places(folder)
        programs = [Program(name, folder) for name in names]
        lines = [line for found in pool.map(lambda program: problems(rule, program), programs) for line in found]
    sys.exit("\n".join(lines) or 0)


if __name__ == "__main__":
    main()
