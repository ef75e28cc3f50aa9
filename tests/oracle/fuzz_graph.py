"""fuzz_graph.py [--seed S] [--runs N]: a small graph is changed at random, as bytes and as values. graph2frame
either refuses it with one line, or it comes back as it was; with groups it is written or refused, in one line."""
import argparse
import json
import os
import random
import subprocess
import sys

from attribution import same

TEXTS = ["null", "true", "0", "-1", "-0.0", "1E5", "1.50", "1e400", "-1e-400", "12345678901234567890", "2.5", "5e3", "[]",
         "{}", '""', '"x"', '"0_2_1"', r'"\u0000"', r'"\ud83d\ude00"', r'"\udc00"', r'"\/\u00e9"', "[[1]]", '[["a", 3]]',
         '{"a": [1e999, {"a": 2}]}', "NaN", "-Infinity", "01", "1.", "'a'", "[" * 1500, "[" * 900 + "]" * 900, "tru",
         '"\t"', '"\\x"', '"\\ud8"', '"unterminated', ",", "}", '"a": 1, "a": 2', "/**/1"]
BYTES = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80",
         b"\xc0\xaf", b"\xef\xbb\xbf", b"\r\n", b"1", b"-", b"e", b".", b"\\u", b"\x7f", b"\x01"]


def places(value, path=()):
    """The paths of all values within."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))


def change_value(text, rng):
    """Another value at a random place, or none; or another key."""
    document = json.loads(text)
    *path, last = rng.choice([path for path in places(document) if path])
    parent = document
    for key in path:
        parent = parent[key]
    action = rng.random()
    if action < .15:
        del parent[last]
    elif action < .25 and isinstance(parent, dict):
        parent[rng.choice(["node_id", "weight", "nodes", "qParams", "n\u00e9w"])] = parent.pop(last)
    elif action < .35 and isinstance(parent, list):
        parent.insert(rng.randrange(len(parent) + 1), parent[last])
    else:
        parent[last] = "@@"
    return json.dumps(document, indent=rng.choice([None, 1])).replace('"@@"', rng.choice(TEXTS)).encode()


def change_bytes(text, rng):
    a, b = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    b = min(b, a + rng.choice([1, 1, 3, 1000]))
    return rng.choice([text[:a], text[:a] + text[b:], text[:b] + text[a:], text[:a] + rng.choice(BYTES) + text[a:],
                       text[:a] + rng.choice(BYTES) + text[a + 1:], text.replace(b'"', rng.choice(BYTES), 1)])


def run(*command, output):
    """Does it succeed? If not, it says why in one line."""
    with open(output, "wb") as stdout:
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, timeout=300)
    lines = done.stderr.decode().splitlines()
    fine = done.returncode == 0 or (done.returncode == 1 and len(lines) == 1)
    assert fine and all(line.startswith(command[0] + ": ") for line in lines), (command, done)
    return done.returncode == 0


def bounded(text):
    """Without the deep lists that Python itself cannot read."""
    return b"[" * 900 not in text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=150)
    parser.add_argument("graph")
    parser.add_argument("distances")
    given = parser.parse_args()
    os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
    with open(given.graph, "rb") as file:
        whole = file.read()
    passed = 0
    for number in range(given.runs):
        rng = random.Random(f"{given.seed} {number}")
        text = whole
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            try:
                text = rng.choice([change_value, change_bytes])(text, rng)
            except (ValueError, IndexError, RecursionError):
                text = change_bytes(text, rng)
        with open("fuzz.json", "wb") as file:
            file.write(text)
        if not run("graph2frame", "fuzz.json", output="fuzz.frames"):
            continue
        passed += 1
        assert run("frame2graph", "fuzz.frames", output="fuzz.back"), number
        if bounded(text):
            same("fuzz.json", "fuzz.back")
        if run("supernode", "--quiet", "--across-positions", "--graph", "fuzz.frames", given.distances, output="fuzz.grouped"):
            run("frame2graph", "--quiet", "fuzz.grouped", output="fuzz.back")
            run("frame2graph", "--quiet", "--collapse", "fuzz.grouped", output="fuzz.back")
    if not given.runs / 10 < passed < given.runs * 9 / 10:
        sys.exit(f"{passed} of {given.runs} passed: too few or too many for a test")


if __name__ == "__main__":
    main()
