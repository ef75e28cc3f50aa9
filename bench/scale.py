#!/usr/bin/env python3
"""Every program on a made job of a real model's size: `make bench-scale`.

    scale.py [OPTION]... [PROGRAM]...     without a program, all of them

The job (scale_job.py) and what the programs make of it are kept in --folder and serve the next run. Each measured cell, a
command at a number of tokens and of features, goes to bench/results/scale.tsv at once. Cells that the table has of this
machine and of the same build of their program are left out, unless --again is given. A command that takes longer than
--limit seconds is stopped, and its row says so.

Seconds are those of the clock, core-seconds those of user and system. Peak memory is the largest resident set, pages of mapped
files included. Read and written is what went through read(2) and write(2), and the size of the arrays that are
mapped. "Solved" is the share of the pairs, "right" that of right partners, of the features that have one. The programs have to be on PATH."""
import argparse
import functools
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

from record import OtherWork, Table, environment, read_table
import results
import scale_job
from semot import objects

TABLE = Table("scale", ("command", "tokens", "features", "dims", "points", "threads"), dict(
    finished="s", seconds=".3g", core_seconds=".3g", megabytes=".3g", megabytes_read=".3g",
    megabytes_written=".3g", solved=".2%", right=".4f", limit="d", build="s"), speed=True)
SKIP = f"--context {scale_job.CONTEXT} --skip 1"

# A command reads what others write, by name; the last word is what it writes. {rows N} is a block of N rows.
STEPS = {
    "act-dump": f"act-dump --threads T --no-point a/states --sae a/sae --layer a {SKIP} >a.act",
    "act-dump, b": f"act-dump --threads T --no-point b/states --sae b/sae --layer b {SKIP} >b.act",
    "featdist": "featdist --support P a.act >a.raw",
    "featdist, b": "featdist --support P b.act >b.raw",
    "refproj": f"refproj --threads T reference/states --whiten --dim R {SKIP} a.raw >a.dist",
    "refproj, b": f"refproj --threads T reference/states --whiten --dim R {SKIP} b.raw >b.dist",
    "centroid": "centroid --threads T a.dist b.dist >distances",
    "centroid --top 10": "centroid --threads T --top 10 a.dist b.dist >centroid.top",
    "sliced, 64 rows": "sliced --threads T --rows 64 a.dist b.dist >sliced.rows",
    "energy, 64 rows": "energy --threads T --rows 64 a.dist b.dist >energy.rows",
    "bures, 16 rows": "bures --threads T --rows 16 a.dist b.dist >bures.rows",
    "sinkhorn, 16 rows": "sinkhorn --threads T --rows 16 a.dist b.dist >sinkhorn.rows",
    "emd, 16 rows": "emd --threads T --rows 16 a.dist b.dist >emd.rows",
    "sinkhorn --top 10": "sinkhorn --threads T --top 10 a.dist b.dist >sinkhorn.top",
    "emd --top 10": "emd --threads T --top 10 a.dist b.dist >emd.top",
    "sinkhorn --top 10 --budget 0.01":
        "sinkhorn --threads T --top 10 --budget 0.01 a.dist b.dist >sinkhorn.budget",
    "emd --top 10 --budget 0.01": "emd --threads T --top 10 --budget 0.01 a.dist b.dist >emd.budget",
    "decoder --top 10": "decoder --threads T --top 10 a/sae b/sae >decoder.top",
    "coact": "coact --threads T a.act b.act >coact.distances",
    "coact --top 10": "coact --threads T --top 10 a.act b.act >coact.top",
    "hungarian": "hungarian --threads T distances >matching",
    "hungarian of sinkhorn --top 10": "hungarian --threads T sinkhorn.top >sinkhorn.matching",
    "hungarian of sinkhorn --top 10 --budget 0.01":
        "hungarian --threads T sinkhorn.budget >budget.matching",
    "hungarian --complete": "hungarian --threads T --complete a.dist b.dist emd.top >complete.matching",
    "nearest": "nearest distances >nearest.matching",
    "match-eval": "match-eval --threads T --a a.act --b b.act matching >scores",
    "flow": "flow matching >flow.frames",
}
WRITES = {command.split(">")[1]: name for name, command in STEPS.items()}
UNMEASURED = {name for name in STEPS if name.endswith(", b")}


@functools.cache
def build(program):
    """What the program is made of, without what the debugger reads: eight digits."""
    path = shutil.which(program) or sys.exit(f"scale: {program} is not on PATH: run make first")
    with tempfile.TemporaryDirectory() as folder:
        bare = pathlib.Path(folder) / program
        done = subprocess.run(["strip", "-R", ".note.gnu.build-id", "-o", bare, path],
                              stderr=subprocess.DEVNULL)
        code = pathlib.Path(path if done.returncode else bare).read_bytes()
    return hashlib.sha256(code).hexdigest()[:8]


def right(path, partner):
    """The share of right partners in a stream of distances or a matching; None of another stream."""
    row, col, columns, names = [], [], set(), None
    with open(path, "rb") as file:
        for fields, _ in objects(file):
            if "free_col_feature" in fields:
                columns.update(fields["free_col_feature"].tolist())
            elif "cost" in fields and "col_feature" in fields:
                row.append(fields["row_feature"])
                col.append(fields["col_feature"])
                columns.update(fields["col_feature"].tolist())
            elif "col_feature" in fields and "row_feature" in fields:
                names = fields
                columns.update(fields["col_feature"].tolist())
            elif names and "row0" in fields and "dist" in fields:
                dist = fields["dist"]
                nearest = fields["col"][:, 0] if "col" in fields else dist.argmin(1)
                row.append(names["row_feature"][fields["row0"]:][:len(dist)])
                col.append(names["col_feature"][nearest])
    if not row:
        return None
    row, col = np.concatenate(row), np.concatenate(col)
    known = np.isin(partner[row], list(columns))
    return float((partner[row] == col)[known].mean()) if known.any() else None


class Size:
    """The job at a number of tokens and of features, in a folder of its own."""

    def __init__(self, job, tokens, features, args):
        self.job, self.tokens, self.features, self.args = job, tokens, features, args
        self.folder = args.folder / f"{tokens}-{features}-{args.points}-{args.dim}"
        self.folder.mkdir(exist_ok=True)
        self.failed = []

    def files(self, word):
        """A name of STEPS as operands."""
        layer, _, what = word.partition("/")
        if what == "sae":
            return [f"../{layer}-{self.features}.npz"]
        option = "--lift" if layer == "reference" else "--hidden"
        shards = self.tokens // self.job.tokens[0]
        return [text for k in range(shards) for text in (option, f"../{layer}.{k}.npy")]

    def command(self, name):
        """Its words, and what it writes."""
        words, out = STEPS[name].split(" >")
        values = {"T": self.args.threads, "P": self.args.points, "R": self.args.dim}
        given, last = [], None
        for word in words.split():
            if "/" in word:
                given += self.files(word)
            elif last == "--rows":
                given.append(f"1/{max(self.features // int(word), 1)}")
            else:
                given.append(str(values.get(word, word)))
            last = word
        return given, self.folder / out

    def key(self, name):
        by_weights = name.startswith("decoder")
        return dict(command=name, tokens=None if by_weights else self.tokens, features=self.features,
                    dims=self.job.dims if by_weights else self.args.dim,
                    points=None if by_weights else self.args.points, threads=self.args.threads)

    def known(self, name):
        """Whether the table has this cell, of this machine and build, with as long a limit."""
        key = {k: "" if v is None else str(v) for k, v in self.key(name).items()}
        key |= {k: environment()[k] for k in ("cpu", "level")}
        key |= dict(build=build(self.command(name)[0][0]))
        rows = read_table(TABLE.path) if TABLE.path.exists() else []
        row = next((r for r in rows if all(r[k] == v for k, v in key.items())), None)
        return row and (row["finished"] == "yes" or int(row["limit"]) >= self.args.limit)

    def inputs(self, name):
        return [WRITES[word] for word in self.command(name)[0][1:] if word in WRITES]

    def fresh(self, name):
        """Whether what it writes is there, of this build of the program, and newer than what it reads."""
        words, out = self.command(name)
        before = [self.command(each)[1] for each in self.inputs(name)]
        by = out.with_name(out.name + ".build")
        return (out.exists() and by.exists() and by.read_text() == build(words[0])
                and all(map(self.fresh, self.inputs(name)))
                and all(path.stat().st_mtime_ns <= out.stat().st_mtime_ns for path in before))

    def need(self, name):
        """Makes what it writes where that is not fresh; false if that cannot be made."""
        return self.fresh(name) or name not in self.failed and self.measure(name)

    def measure(self, name):
        missing = [before for before in self.inputs(name) if not self.need(before)]
        if missing:
            print(f"{name} at {self.tokens} tokens, {self.features} features: left out, for want "
                  f"of what {' and '.join(missing)} would write", flush=True)
            self.failed.append(name)
            return False
        words, out = self.command(name)
        TABLE.others = OtherWork()
        row, finished = timed(words, out, self.folder, self.args.limit)
        if finished:
            out.with_name(out.name + ".build").write_text(build(words[0]))
            partner = np.load(self.args.folder / f"partner-{self.features}.npy")
            row["right"] = right(out, partner)
        else:
            out.unlink()                # of which a part may be written
            self.failed.append(name)
        if name not in UNMEASURED:
            TABLE.add(**self.key(name), **row, limit=self.args.limit, build=build(words[0]))
        return finished


def mapped(words, folder):
    return sum((folder / word).stat().st_size for word in words if word.endswith((".npy", ".npz")))


def through_system():
    """Bytes that this process and those that ended before now read and wrote."""
    lines = (line.split(": ") for line in open("/proc/self/io").read().splitlines())
    numbers = {name: int(value) for name, value in lines}
    return np.array([numbers["rchar"], numbers["wchar"]])


def timed(words, out, folder, limit):
    """Runs a command; the columns of its row, and whether it ended well."""
    with tempfile.NamedTemporaryFile("r") as log, open(out, "wb") as stdout:
        before = through_system()
        # time(1), since a child of this process would begin with this one's peak memory.
        done = subprocess.run(["/usr/bin/time", "-q", "-f", "%e %U %S %M", "-o", log.name, "timeout",
                               "--foreground", "-k", "9", str(limit), *words], cwd=folder, stdout=stdout,
                              stderr=subprocess.PIPE, text=True, errors="replace")
        read, written = (through_system() - before) / 1e6
        seconds, user, system, peak = (float(x) for x in log.read().split()[-4:])
    stopped = done.returncode in (124, 137)
    pairs = re.search(r"(\d+) of (\d+) pairs were solved", done.stderr.replace(",", ""))
    note = "; ".join(done.stderr.split("\n")).strip("; ").replace("\t", " ")
    if stopped:
        note = f"stopped after {limit} s; {note}".strip("; ")
    print(f"  {' '.join(words)}", flush=True)
    return dict(finished="yes" if done.returncode == 0 else "no" if stopped else "failed",
                seconds=seconds, core_seconds=user + system, megabytes=peak * 1024 / 1e6,
                megabytes_read=read + mapped(words, folder) / 1e6, megabytes_written=written,
                solved=pairs and int(pairs[1]) / int(pairs[2]), note=note), done.returncode == 0


def available():
    """Bytes of memory that are free, and that the control group leaves."""
    free = next(int(line.split()[1]) * 1024 for line in open("/proc/meminfo") if "MemAvailable" in line)
    try:
        return min(free, int(open("/sys/fs/cgroup/memory.max").read()))
    except (OSError, ValueError):
        return free


def check_room(job, args):
    """Says what disk and memory it takes; ends the program where there is not enough."""
    made, making = job.bytes()
    t, n = args.tokens[-1], args.features[-1]
    streams = sum(9 * n * n + 40 * job.active * t + 2 * t * (4 * args.dim + 8) + 48 * n * args.points
                  for t in args.tokens for n in args.features)
    memory = max(making, 5 * n * n + 56 * job.active * t + 8 * args.dim * t + 20 * n * args.dims)
    there = sum(path.stat().st_size for path in args.folder.rglob("*") if path.is_file())
    disk, free = max(made + streams - there, 0), shutil.disk_usage(args.folder).free
    print(f"{args.folder}: takes {disk / 1e9:.1f} GB of disk, of {free / 1e9:.1f} GB that are free, "
          f"and {memory / 1e9:.1f} GB of memory, of {available() / 1e9:.1f}", flush=True)
    if disk > free:
        sys.exit("scale: the disk has not enough room; --folder names another")
    if memory > available():
        sys.exit("scale: there is not enough memory; --tokens and --features make it less")


def make_job(job, folder):
    if not (folder / "made").exists():
        print("making hidden states and SAEs", flush=True)
        job.write(folder)
        (folder / "made").touch()


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    programs = sorted({command.split()[0] for command in STEPS.values()})
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=" ".join(programs))
    scale_job.add_arguments(parser)
    parser.add_argument("--dim", type=int, default=256, help="of the reference space (256)")
    parser.add_argument("--points", type=int, default=128, help="of a feature (128)")
    parser.add_argument("--threads", type=int, default=2, help="of a program (2)")
    parser.add_argument("--limit", type=int, default=1800, help="seconds for a cell (1800)")
    parser.add_argument("--at", action="append", metavar="TxN", help="only at T tokens and N features; "
                        "can be given several times")
    parser.add_argument("--again", action="store_true", help="measure what the table has, too")
    parser.add_argument("--folder", type=pathlib.Path,
                        help="of the job; below the system's temporary folder")
    args = parser.parse_args()
    for name in args.programs:
        if name not in programs:
            parser.error(f"no program {name}")
    args.sizes = {f"{t}x{n}": (t, n) for t in args.tokens for n in args.features}
    for at in args.at or ():
        if at not in args.sizes:
            parser.error(f"--at {at} is none of {' '.join(args.sizes)}")
    job = scale_job.Job(args.tokens, args.features, args.dims, args.seed)
    args.folder = (args.folder or pathlib.Path(tempfile.gettempdir()) / "semot-scale").resolve()
    args.folder /= "-".join(map(str, [*job.tokens, "tokens", *job.features, job.dims, args.seed]))
    args.folder.mkdir(parents=True, exist_ok=True)
    return args, job


def main():
    args, job = parse()
    check_room(job, args)
    make_job(job, args.folder)
    failed = False
    for at in args.at or args.sizes:
        size = Size(job, *args.sizes[at], args)
        for name in STEPS:
            asked = not args.programs or name.split(",")[0].split()[0] in args.programs
            if asked and name not in UNMEASURED and name not in size.failed and (
                    args.again or not size.known(name)):
                size.measure(name)
        failed |= bool(size.failed)
    print("", *results.scale(), sep="\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
