"""Runs the commands that a page or the README shows, in the working directory, and compares what
they print with what is shown; prints what is wrong.

    examples.py PAGE.1|README.md

A page's are the displays (.Bd, .Dl) of its EXAMPLES; the README's the blocks of ```sh. All blocks of
a file run in one shell, in order. A block without a line that begins with "$ " is commands. In one
with such lines these are the commands (a line that ends in a backslash, a pipe or a quote that is
open goes on), and the lines between are what they print: the same words and, within 1 in 1000, the
same numbers. "..." stands for any number of lines. In the README a block of ```text after one of
```sh is what that prints."""
import math
import pathlib
import re
import subprocess
import sys
import tempfile


def plain(line):
    line = re.sub(r"\\f[A-Z]|\\&", "", line).replace(r"\(aq", "'").replace(r"\-", "-")
    return re.sub(r"\\e|\\\(rs", r"\\", line)


def page_blocks(text):
    """The lines of each display in the EXAMPLES of an mdoc page."""
    inside, block = False, None
    for line in text.splitlines():
        if line.startswith(".Sh"):
            inside = line == ".Sh EXAMPLES"
        elif not inside:
            continue
        elif line.startswith(".Dl "):
            yield [plain(line[4:])], None
        elif line.startswith(".Bd"):
            block = []
        elif line.startswith(".Ed"):
            yield block, None
            block = None
        elif block is not None:
            block.append(plain(line))


def readme_blocks(text):
    """The blocks of ```sh and what a ```text right behind them says that they print."""
    found = re.findall(r"^```sh\n(.*?)^```\n(?:\n*```text\n(.*?)^```\n)?", text, re.M | re.S)
    for commands, printed in found:
        yield commands.splitlines(), printed.splitlines() if printed else None


def steps(lines, printed):
    """(command, what it prints or None) of a block."""
    if not any(line.startswith("$ ") for line in lines):
        yield "\n".join(lines), printed
        return
    command, shown = None, []
    for line in lines:
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], []
        elif re.search(r"[|\\]$", command) and not shown:
            command += "\n" + line
        else:
            shown.append(line)
    yield command, shown


def number(word):
    try:
        return float(word)
    except ValueError:
        return math.nan


def same_word(shown, got):
    return shown == got or math.isclose(number(shown), number(got), rel_tol=1e-3)


def same_line(shown, got):
    a, b = shown.split(), got.split()
    return len(a) == len(b) and all(map(same_word, a, b))


def differs(shown, got):
    """The first line that is not as it is shown, or None."""
    shown = [line for line in shown if line.strip()]
    got = [line for line in got if line.strip()]
    at = 0
    for i, line in enumerate(shown):
        if line.strip() in ("...", "…"):
            rest = len(shown) - i - 1
            at = max(at, len(got) - rest)
        elif at == len(got) or not same_line(line, got[at]):
            return f"shown: {line}\n  printed: {got[at] if at < len(got) else '(the end)'}"
        else:
            at += 1
    return None if at == len(got) else f"printed as well: {got[at]}"


def main(path):
    text = pathlib.Path(path).read_text()
    blocks = readme_blocks(text) if path.endswith(".md") else page_blocks(text)
    all_steps = [step for block in blocks for step in steps(*block)]
    with tempfile.TemporaryDirectory() as folder:
        # head reads on, so that what writes to it does not end by SIGPIPE.
        script = ["set -eo pipefail", 'head() { command head "$@" && cat >/dev/null; }']
        for i, (command, _) in enumerate(all_steps):
            script.append(f"{{\n{command}\n}} >{folder}/{i}.out 2>{folder}/{i}.err")
        run = subprocess.run(["bash", "-c", "\n".join(script)], stdin=subprocess.DEVNULL)
        folder, failed = pathlib.Path(folder), run.returncode != 0
        wrong = False
        for i, (command, shown) in enumerate(all_steps):
            out, err = folder / f"{i}.out", folder / f"{i}.err"
            if not out.exists():
                break
            got = out.read_text(errors="replace").splitlines()
            said = err.read_text(errors="replace").splitlines()
            if shown is not None:
                line = differs(shown, got) and differs(shown, said + got)
                if line:
                    print(f"{path}: {command}\n  {line}")
                    wrong = True
        if failed:
            print(f"{path}: {command}\n  status {run.returncode}: {' '.join(said[-3:])}")
    return failed or wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
