"""other_files.py PAGE: runs the lines of Python in the section OTHER FILES of act-dump's page on files that they are for,
pipes them into act-dump and act-import, and compares. Says which are left out, where their package is missing."""
import importlib.util
import json
import os
import re
import subprocess
import sys

import numpy as np

from act_dump import dense
from examples import plain
from semot import read

x = np.random.default_rng(0).standard_normal((5000, 6)).astype("f4")


def arrow():
    import pyarrow as pa
    cubes = x.reshape(-1, 20, 6)                            # as data sets of Hugging Face have them
    with pa.OSFile("a.arrow", "wb") as out:
        table = pa.table({"hook": pa.array(cubes.tolist(), pa.list_(pa.list_(pa.float32()))), "more": np.arange(len(cubes))})
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table, max_chunksize=100)
    return ["a.arrow", "hook", "6"]


def parquet():
    import pyarrow as pa
    import pyarrow.parquet as pq
    pq.write_table(pa.table({"hook": pa.array(x.tolist(), pa.list_(pa.float32())), "more": np.arange(len(x))}), "a.parquet",
                   row_group_size=700)
    return ["a.parquet", "hook", "6"]


def zarr():
    import zarr
    array = zarr.open("a.zarr", mode="w", shape=x.shape, chunks=(1000, 6), dtype="f4")
    array[:] = x
    return ["a.zarr"]


def saev():
    wide = np.random.default_rng(1).standard_normal((100, 3, 50, 6)).astype("f4")
    wide[:, 1] = x.reshape(100, 50, 6)
    wide.tofile("acts000000.bin")
    with open("metadata.json", "w") as out:
        json.dump({"layers": [3, 7, 9], "patches_per_ex": 49, "cls_token": True, "d_model": 6, "n_examples": 100}, out)
    return ["acts000000.bin", "metadata.json", "7"]


def lines_of(page):
    section = open(page).read().split(".Sh OTHER FILES")[1].split(".Sh ")[0]
    for name, text in re.findall(r"^\.Ss (\S+)$.*?^\.Bd[^\n]*\n(.*?)^\.Ed$", section, re.M | re.S):
        yield name.lower(), "\n".join(map(plain, text.splitlines()))


def main(page):
    found = dict(lines_of(page))
    assert list(found) == ["arrow", "parquet", "zarr", "saev"], found
    np.savez("sae.npz", W_enc=np.eye(6, dtype="f4"), W_dec=np.eye(6, dtype="f4"), b_enc=np.zeros(6, "f4"), b_dec=np.zeros(6, "f4"))
    dump = ["act-dump", "--hidden", "-", "--sae", "sae.npz", "--encoder", "plain"]
    for name, lines in found.items():
        package = {"arrow": "pyarrow", "parquet": "pyarrow", "saev": "numpy"}.get(name, name)
        assert lines.count("\n") < 7 and f"import {package}" in lines or f", {package}" in lines, name
        if not importlib.util.find_spec(package):
            print(f"{name}: left out, without {package}")
            continue
        operands = globals()[name]()
        for command, wanted in ((dump, np.maximum(x, 0)), (["act-import", "--signed", "abs", "--layer", "1", "-"], np.abs(x))):
            script = subprocess.Popen([sys.executable, "-c", lines, *operands], stdout=subprocess.PIPE)
            out = subprocess.run(command, stdin=script.stdout, capture_output=True)
            assert script.wait() == 0 and out.returncode == 0, (name, out.stderr)
            open("out", "wb").write(out.stdout)
            (header, frames), = read("out")
            assert np.array_equal(dense(header, frames)[1], wanted), name
        done = subprocess.run([operands[0] if word == "-" else word for word in dump], capture_output=True,
                              env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        assert done.returncode == 1 and b"act-dump(1), OTHER FILES" in done.stderr, done.stderr


if __name__ == "__main__":
    main(sys.argv[1])
