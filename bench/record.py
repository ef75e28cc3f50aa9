"""Where the benches keep what they measure: tables bench/results/NAME.tsv.

results.py makes RESULTS.md of them.

    table = Table("groups", keys=("data", "method"), values={"mean": ".3f", "graphs": "d"})
    table.add(data="haiku", method="edgeprofile", mean=.59, graphs=17)

A row is known by its keys. Measured again, it stands where it stood, so that a rerun without a
change is no diff; rows that are not measured again stay. A row ends with a note, with `source`
(bench; or who measured it, where this folder cannot), and with what it was measured with: cpu,
level (of x86-64), blas (OpenBLAS's core type), compiler, peers (versions of other libraries).

DATA is the folder of the real data (../shared/data), RESULTS another folder for the tables."""
import csv
import ctypes
import functools
import importlib.metadata
import os
import pathlib
import platform
import re
import shutil
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "bench" / "out"
SAMPLE = ROOT / "examples" / "storyworld"
DATA = pathlib.Path(os.environ.get("DATA") or ROOT / ".." / "shared" / "data").resolve()
RESULTS = pathlib.Path(os.environ.get("RESULTS") or ROOT / "bench" / "results").resolve()
sys.path[:0] = [str(ROOT / "tests" / "oracle"), str(ROOT / "examples")]

ENVIRONMENT = ("cpu", "level", "blas", "compiler", "peers")
LEVELS = {"x86-64-v4": "avx512f avx512bw avx512cd avx512dq avx512vl",
          "x86-64-v3": "avx2 bmi1 bmi2 f16c fma abm movbe",
          "x86-64-v2": "cx16 popcnt sse4_1 sse4_2 ssse3"}


def cpu_fields():
    """Of the first CPU in /proc/cpuinfo: {"model name": ..., "flags": ...}; else {}."""
    try:
        text = open("/proc/cpuinfo").read().split("\n\n")[0]
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def cpu_name():
    fields = cpu_fields()
    name = fields.get("model name", platform.processor() or platform.machine())
    if "cpu family" in fields:
        name += f", family {fields['cpu family']}, model {fields['model']}"
    return re.sub(r"\s+", " ", name)


def level():
    """The level that the programs were built for; the CPU's, where they choose when they start."""
    built = re.search(rb"GNU C\d+ [\d.]+ [^\0]*?-march=(\S+)", program())
    if built and built.group(1) != b"x86-64":
        return built.group(1).decode()
    flags = set(cpu_fields().get("flags", "").split())
    return next((level for level, needed in LEVELS.items() if flags.issuperset(needed.split())),
                platform.machine())


def openblas():
    """Its core type (which OPENBLAS_CORETYPE sets) and its version."""
    for name in ("libopenblas.so.0", "libopenblas.so"):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for function in library.openblas_get_corename, library.openblas_get_config:
            function.restype = ctypes.c_char_p
        version = re.search(r"[\d.]+", library.openblas_get_config().decode())
        return library.openblas_get_corename().decode(), version.group()
    return "unknown", "unknown"


@functools.cache
def program():
    """The bytes of one of the programs on PATH, in which compilers leave notes."""
    path = shutil.which("sinkhorn") or sys.exit("sinkhorn is not on PATH: run make first")
    return pathlib.Path(path).read_bytes()


def compiler():
    clang = re.search(rb"clang version ([\d.]+)", program())
    gcc = re.search(rb"GCC: \([^)]*\) ([\d.]+)", program())
    flags = re.search(rb"GNU C\d+ [\d.]+ [^\0]*?(-O\w+)", program())
    if clang:
        return "clang " + clang.group(1).decode()
    if not gcc:
        return "unknown"
    return "gcc " + b" ".join(found.group(1) for found in (gcc, flags) if found).decode()


def peers():
    def version(package):
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return "none"
    versions = [f"{name} {version(name)}" for name in ("POT", "scipy", "numpy")]
    return ", ".join([*versions, f"OpenBLAS {openblas()[1]}"])


@functools.cache
def environment():
    return dict(zip(ENVIRONMENT, (cpu_name(), level(), openblas()[0], compiler(), peers())))


class OtherWork:
    """How many cores do something else, from one look to the next."""

    def __init__(self):
        self.last = self.now()

    @staticmethod
    def now():
        try:
            ticks = [int(x) for x in open("/proc/stat").readline().split()[1:9]]
        except OSError:
            return time.perf_counter(), 0, 0
        busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), busy, sum(os.times()[:4])

    def look(self):
        """shared, where others took more than a tenth of a core since the last look, or idle"""
        before, self.last = self.last, self.now()
        elapsed, busy, own = (b - a for a, b in zip(before, self.last))
        return "shared" if busy - own > 0.1 * elapsed else "idle"


def read_table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


class Table:
    """values: the format of every column that is no key. Speed has rows for every CPU and level."""

    def __init__(self, name, keys, values, speed=False):
        self.path = RESULTS / f"{name}.tsv"
        self.values = {**values, "machine": "s"} if speed else values
        self.keys = (*keys, "cpu", "level") if speed else tuple(keys)
        self.columns = [*keys, *self.values, "note", "source", *ENVIRONMENT]
        self.others = OtherWork() if speed else None

    def add(self, **row):
        """Formats a row, prints it and puts it into the file."""
        if self.others:
            row["machine"] = self.others.look()
        row = {name: "" if value is None else format(value, self.values.get(name, ""))
               for name, value in row.items()}
        print("  ".join(f"{name} {value}" for name, value in row.items() if value), flush=True)
        row |= {"source": "bench", **environment()}
        rows = read_table(self.path) if self.path.exists() else []
        by_key = {tuple(some[key] for key in self.keys): some for some in rows}
        by_key[tuple(row[key] for key in self.keys)] = row
        self.write(by_key.values())

    def write(self, rows):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        with open(new, "w", newline="") as file:
            file.write("\t".join(self.columns) + "\n")
            for row in rows:
                file.write("\t".join(row.get(name) or "" for name in self.columns) + "\n")
        new.replace(self.path)
