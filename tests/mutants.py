"""mutants.py [-n N] [--seed S] [--again] [--list] [PATH...]: a mutation test of the kernels and solvers.

One token of a random place is changed, in a copy of the tree (build-mutants): a comparison, a sign, a factor, a constant, a
condition, a bound, a result. What is made of it has to fail: the programs of tests/*.c that the code is linked into first,
then the same under the sanitizers, then tests/x.bats of the filters x. A mutant that compiles to the same code, or to none, is
not counted. One that takes much longer than the code does is killed.

It prints a table and, as diffs, the survivors, and exits 1 when more than a tenth of all survive. build-mutants/survivors.json
keeps them: --again tries these again, after tests were added. What tests/mutants.txt explains is not tried: its lines are
PATH: OLD LINE => NEW LINE, or PATH: OLD LINE for all of its changes, under a line that says why."""
import argparse
import filecmp
import glob
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build-mutants"
PATHS = ["common/kernel/*.[ch]", "common/match/assignment*.c", "common/match/column_generation.c", "common/match/certify.c",
         "common/match/chance.c", "common/match/layer_path.c", "common/distance/transport.c", "common/distance/bounds.c",
         "common/distance/token_plan.c"]
# All mutants are tried in the one; in the other, of which only the changed code is made, what is read or written beside an
# array is seen.
PLAIN, SAN = "build-v3", "build-v3-san"
SAN_FLAGS = ["-fsanitize=address,undefined"]
ENV = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", ASAN_OPTIONS="hard_rss_limit_mb=3000")

# -- Changes ------------------------------------------------------------------------------------

SWAPS = [("<", "<="), ("<=", "<"), (">", ">="), (">=", ">"), ("==", "!="), ("!=", "=="), ("+", "-"), ("-", "+"), ("*", "/"),
         ("/", "*"), ("%", "/"), ("+=", "-="), ("-=", "+="), ("*=", "/="), ("/=", "*="), ("&&", "||"), ("||", "&&"), ("<<", ">>"),
         (">>", "<<"), ("|=", "&="), ("&=", "|=")]
BINARY = {f" {old} ": f" {new} " for old, new in SWAPS}
WORDS = {"true": "false", "false": "true", "fmin": "fmax", "fmax": "fmin", "fminf": "fmaxf", "fmaxf": "fminf",
         "INFINITY": "-INFINITY", "continue": "break"}
TOKEN = re.compile("|".join(map(re.escape, BINARY)) +		# they stand between spaces
                   r"|(?<![\w.])(?:0[xX][\w.]+(?:[pP]-?\d+)?|\d[\d.]*(?:[eE]-?\d+)?)[fuUlL]*(?![\w.])"
                   r"|!(?=[\w(])|(?<=[(=,?:\[] )-(?=[\w(])|(?<=[(\[])-(?=[\w(])|(?<=return )[^;{}\"]+(?=;)"
                   r"|\b(?:" + "|".join(WORDS) + r")\b")
NOT_CODE = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\])+'"
                      r"|^\#(?:\\\n|[^\n])*|\b(?:static_)?assert\(.*?\);|^(?:LEVELS|struct|typedef)\b[^{=]*;", re.S | re.M)


def changed(token):
    """What a token may become."""
    if token in BINARY:
        return [BINARY[token]]
    if token in WORDS:
        return [WORDS[token]]
    if token in "!-":
        return [""]
    if re.fullmatch(r"\d+[uUlL]*", token):
        digits = re.match(r"\d+", token)[0]
        return [f"{int(digits) + step}{token[len(digits):]}" for step in (1, -1) if int(digits) + step >= 0]
    if token[0].isdigit():
        return [f"(2 * {token})"]
    return ["0"] if token not in ("0", "true", "false") else []


def places(path):
    """(path, offset, old, new), all that can be changed of a file."""
    text = (ROOT / path).read_text()
    code = NOT_CODE.sub(lambda m: re.sub(r"[^\n]", "\x00", m[0]), text)
    for m in TOKEN.finditer(code):
        for new in changed(m[0]):
            yield path, m.start(), m[0], new
        if " " in m[0].strip() or "(" in m[0]:			# a result: what is in it as well
            for inner in TOKEN.finditer(code, m.start() + 1, m.end()):
                for new in changed(inner[0]):
                    yield path, inner.start(), inner[0], new


class Mutant:
    def __init__(self, path, offset, old, new):
        self.path, text = path, (ROOT / path).read_text()
        self.text = text[:offset] + new + text[offset + len(old):]
        begin, end = text.rfind("\n", 0, offset) + 1, text.find("\n", offset + len(old))
        self.line = text.count("\n", 0, offset) + 1
        self.old, self.new = text[begin:end], self.text[begin:end + len(new) - len(old)]

    def key(self):
        return f"{self.path}: {' '.join(self.old.split())} => {' '.join(self.new.split())}"

    def diff(self):
        return f"{self.path}:{self.line}\n-{self.old}\n+{self.new}"


# -- The copy, and what is made of it -----------------------------------------------------------

def run(command, seconds=None, cpu=None, memory=None, until=None, env=ENV):
    """The status of a command, None when it took too long; it ends when a line of its begins with `until`."""
    def limits():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if cpu:
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    process = subprocess.Popen(command, cwd=WORK, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                               env=env, start_new_session=True, preexec_fn=limits, text=True, errors="replace")
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(process.pid, signal.SIGKILL))
    signal.alarm(int(seconds or 0))
    status = 0
    for line in process.stdout:
        if until and line.startswith(until):
            status = 1
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.stdout.close()
    process.wait()
    signal.alarm(0)
    return status or process.returncode


def make(build, targets, *options):
    """The library is a shared one here, so that a mutant is compiled and linked once, not 40 times."""
    link = f"-Wl,-rpath,{WORK}/{build} -L{build} -lsemot -Wl,--as-needed $(PKG_L) -lm"
    return run(["make", "-s", "LEVEL=v3", *(["SAN=1"] if build == SAN else []), "CFLAGS=-O2 -fPIC", f"LINK={link}", *options,
                *targets])


def link_library(build, made=()):
    objects = [s if (s := o.replace(PLAIN, build)) in made else o for o in sorted(glob.glob(f"{PLAIN}/*/*.o", root_dir=WORK))]
    libraries = subprocess.run("pkg-config --libs-only-l liblz4 libxxhash openblas libzip jansson zlib $(pkg-config --exists "
                               "msgpack-c && echo msgpack-c || echo msgpack)", shell=True, capture_output=True, text=True)
    return run(["gcc", "-shared", "-fopenmp", *(SAN_FLAGS if build == SAN else []), "-o", f"{build}/libsemot.so.new", *objects,
                *libraries.stdout.split(), "-lm"]) or os.rename(WORK / build / "libsemot.so.new", WORK / build / "libsemot.so")


def copy_tree():
    """All that is tracked, or new; what is the same stays as it is."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in names.stdout.split("\n"):
        old, new = ROOT / name, WORK / name
        if name and old.is_file() and not (new.exists() and filecmp.cmp(old, new, shallow=False)):
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(old, new)
    for new in [*WORK.glob("common/*/*.*"), *WORK.glob("tests/*.*"), *WORK.glob("filters/*.c")]:
        if not (ROOT / new.relative_to(WORK)).exists():
            new.unlink()
            for stale in WORK.glob(f"build-*/{new.parent.name}/{new.stem}*"):
                stale.unlink()


def prepare(build):
    for left in WORK.glob(f"{build}/**/*.old"):
        left.unlink()
    archive = WORK / build / "libsemot.a"
    if build == SAN:
        archive.parent.mkdir(exist_ok=True)
        archive.touch()
    tests = [f"{build}/{p.relative_to(ROOT).with_suffix('')}" for p in sorted(ROOT.glob("tests/*.c"))]
    if (build == PLAIN and make(build, [f"{build}/libsemot.a"])) or link_library(build) or make(
            build, (["all"] if build == PLAIN else [f"{build}/dep"]) + tests, "-o", f"{build}/libsemot.a"):
        sys.exit(f"mutants: the copy in {WORK} does not build")


def symbols(path, *options):
    out = subprocess.run(["nm", *options, path], cwd=WORK, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in out.splitlines() if line.split()}


class Uses:
    """Which objects each program is linked with, and what is made of each file."""
    def __init__(self):
        objects = glob.glob(f"{PLAIN}/*/*.o", root_dir=WORK)
        of = {name: path for path in objects for name in symbols(path, "-g", "--defined-only")}
        wants = {path: {of[name] for name in symbols(path, "-u") if name in of} for path in objects}
        self.linked = {}
        for program in sorted(glob.glob(f"{PLAIN}/bin/*", root_dir=WORK) + glob.glob(f"{PLAIN}/tests/*", root_dir=WORK)):
            found, new = set(), {of[name] for name in symbols(program, "-D", "-u") if name in of}
            while new:
                found |= new
                new = {path for one in new for path in wants[one]} - found
            self.linked[program] = found
        self.made = {}
        for rule in glob.glob(f"{PLAIN}/dep/*.d", root_dir=WORK):
            target, _, files = (WORK / rule).read_text().replace("\\\n", " ").partition(":")
            for path in files.split("\n\n")[0].split():
                if target in self.linked or target in wants:
                    self.made.setdefault(path.rstrip(":"), set()).add(target)

    def killers(self, path):
        """Programs of tests, then files of bats, of all that is made of a file."""
        made = self.made.get(path, set())
        programs = [p for p, objects in self.linked.items() if p in made or objects & made]
        return ([p for p in programs if "/tests/" in p and os.path.basename(p) not in NO_TESTS],
                [f"tests/{name}.bats" for p in programs if "/bin/" in p
                 for name in [os.path.basename(p), *ALSO.get(os.path.basename(p), [])]])


# -- Trying -------------------------------------------------------------------------------------

NO_TESTS = {"fuzz", "memory", "stage", "progress", "dialects"}		# that need arguments
ALSO = {"hungarian": ["partial"]}		# where a filter's tests are as well


class Trial:
    def __init__(self, args):
        self.args, self.took, self.dirty = args, {}, set()
        for build in (PLAIN, SAN):
            prepare(build)
        self.uses = Uses()

    def survives(self, command):
        """Does the command succeed, in five times what it takes by itself and some seconds?"""
        took, env, memory = self.took[command], ENV, None
        if command.endswith(".bats"):
            env, line = {**ENV, "LEVEL": "v3"}, ["bats", "--tap", command]
        else:
            line, memory = [command], None if SAN in command else 4 << 30
        return not run(line, 60 + 50 * took, int(10 + 5 * took), memory, until="not ok", env=env)

    def measure(self, commands):
        """The commands, which have to succeed on the code as it is, the quickest first."""
        commands = list(commands)
        for command in commands:
            if command not in self.took:
                for build in self.dirty:
                    link_library(build)
                self.dirty = set()
                self.took[command] = 1e3
                begin = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
                if not self.survives(command):
                    sys.exit(f"mutants: {command} fails already")
                self.took[command] = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - begin
        return sorted((c for c in commands if self.took[c] <= self.args.seconds), key=self.took.get)

    def targets(self, build, mutant):
        return [t.replace(PLAIN, build) for t in sorted(self.uses.made.get(mutant.path, ())) if build == PLAIN or "/bin/" not in t]

    def killer(self, build, mutant, commands):
        """The first command that fails on it, "" when none does, None when it is no mutant."""
        targets = self.targets(build, mutant)
        self.dirty.add(build)
        for path in [mutant.path, *targets]:
            if (WORK / path).exists():
                os.rename(WORK / path, WORK / f"{path}.old")
        (WORK / mutant.path).write_text(mutant.text)
        try:
            if make(build, targets, "-o", f"{build}/libsemot.a") or link_library(build, targets) or (build == PLAIN and all(
                    filecmp.cmp(WORK / t, WORK / f"{t}.old", shallow=False) for t in targets)):
                return None
            return next((c for c in commands if not self.survives(c)), "")
        finally:
            for path in [mutant.path, *targets]:
                (WORK / path).unlink(missing_ok=True)
                if (WORK / f"{path}.old").exists():
                    os.rename(WORK / f"{path}.old", WORK / path)

    def fate(self, mutant):
        """What killed it, "" when nothing did, None when it is no mutant."""
        tests, bats = self.uses.killers(mutant.path)
        fate = self.killer(PLAIN, mutant, self.measure(tests))
        if fate == "":
            fate = self.killer(SAN, mutant, self.measure([t.replace(PLAIN, SAN) for t in tests])) or ""
        if fate == "" and not self.args.c_only:
            fate = self.killer(PLAIN, mutant, self.measure(b for b in bats if (WORK / b).exists())) or ""
        return fate


def explained():
    path = ROOT / "tests/mutants.txt"
    return {" ".join(line.split()) for line in path.read_text().splitlines()}


def drawn(args):
    """Mutants without end, in an order that the seed tells."""
    names = sorted(str(p.relative_to(ROOT)) for pattern in args.path or PATHS for p in ROOT.glob(pattern))
    everything = list(dict.fromkeys(place for name in names for place in places(name)))
    random.Random(args.seed).shuffle(everything)
    again = set(json.loads((WORK / "survivors.json").read_text())) if args.again else None
    known = explained()
    for place in everything:
        mutant = Mutant(*place)
        if {mutant.key(), mutant.key().split(" => ")[0]} & known:
            args.explained += 1
        elif again is None or mutant.key() in again:
            yield mutant


def report(tried, killed, survivors, explained):
    print("file\tmutants\tkilled")
    for path in sorted(tried):
        print(f"{path}\t{tried[path]}\t{killed.get(path, 0)}")
    for mutant in survivors:
        print(mutant.diff())
    n, k = sum(tried.values()), sum(killed.values())
    print(f"{k} of {n} killed: {100 * k / max(n, 1):.1f} % (left out: {explained}, which tests/mutants.txt explains)")
    return 10 * k < 9 * n


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=300, help="mutants that count")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120, help="leave out tests that take more, of a CPU")
    parser.add_argument("--c-only", action="store_true", help="without tests/*.bats")
    parser.add_argument("--again", action="store_true", help="the survivors of before")
    parser.add_argument("--list", action="store_true", help="only print the mutants")
    parser.add_argument("path", nargs="*", help="files, instead of kernels and solvers")
    args = parser.parse_args()
    args.explained = 0
    mutants = drawn(args)
    if args.list:
        for mutant in [m for m, _ in zip(mutants, range(args.n))]:
            print(mutant.diff())
        return 0
    WORK.mkdir(exist_ok=True)
    copy_tree()
    trial, tried, killed, survivors = Trial(args), {}, {}, []
    for mutant in mutants:
        begin, fate = time.time(), trial.fate(mutant)
        if fate is None:
            continue
        tried[mutant.path] = tried.get(mutant.path, 0) + 1
        killed[mutant.path] = killed.get(mutant.path, 0) + bool(fate)
        n = sum(tried.values())
        print(f"{n}\t{time.time() - begin:.0f} s\t{fate or 'SURVIVED'}\t{mutant.key()}", file=sys.stderr, flush=True)
        if not fate:
            survivors.append(mutant)
            (WORK / "survivors.json").write_text(json.dumps([m.key() for m in survivors], indent=1))
        if n == args.n:
            break
    return report(tried, killed, survivors, args.explained)


sys.exit(main())
