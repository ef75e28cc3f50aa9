"""Hidden states in the wrappings that people have them in, and the options that say which numbers are meant, for act-dump.

    states.py [NAME]...     makes ./NAME, runs act-dump on it, and compares points and activations with numpy's

An example says what has to be refused without its options (asks), and other options that have to be refused (refused)."""
import json
import os
import subprocess
import sys

import numpy as np

import arrays
import pt
from dialects import Weights, dense, relu
from semot import bf16, read

D, FEATURES, CONTEXT = 24, 96, 10
EXAMPLES = {}
IDS = "which dimensions"


def upper(x):
    """The bits of bfloat16 as u2, and the same as floats."""
    bits = np.frombuffer(bf16(x)[2], "<u2").reshape(x.shape)
    return bits, (bits.astype("<u4") << 16).view("<f4")


def stacked(x, axis):
    return np.stack([x * np.float32(.5), x, x * np.float32(1.5)], axis)


def sequences(x):
    return x.reshape(-1, CONTEXT, *x.shape[1:])


def heads(x):
    return x.reshape(*x.shape[:-1], 2, -1)


def example(name, make, args=(), asks=None, refused=(), wanted=lambda x: x, files=("states.npy",), also=()):
    """make(x): the array of each file; refused: options, words; also: options that mean the same."""
    EXAMPLES[name] = make, args, asks, refused, wanted, files, also


SEQUENCES, LAYERS = ("--context", "10"), ("--axis", "0=1")
example("matrix", lambda x: x, refused=[(LAYERS, "its shape is (90, 24): no stack"), (("--bf16",), "--bf16 is for those of V2, u2 or i2")])
example("one_layer", lambda x: x[None])
example("one_position", lambda x: x[:, None], also=[("--context", "9")])
example("sequences", sequences, SEQUENCES, "(9, 10, 24): if it is 9 sequences of 10 tokens, --context 10; if one dimension is layers, "
        "--axis 0=I takes one of 9, --axis 1=I one of 10", [(("--context", "9"), "sequences are of 9 tokens (--context)"),
                                                         (("--tokens", "few.npy"), "90 tokens; ")],
        also=[("--tokens", "ids.npy"), ("--mask", "mask.npy")])
example("one_layer_of_sequences", lambda x: sequences(x)[:, None], SEQUENCES, "--context 10")
example("layers_first", lambda x: stacked(x, 0), LAYERS, "--axis 0=I takes one of 3", [
    (SEQUENCES, "(3, 90, 24), where sequences are of 10 tokens"),
    (("--tokens", "ids.npy"), "where there are 270 tokens; layers_first/states.npy is of shape (3, 90, 24): if one dimension is layers, "
     "--axis 0=I takes one of 3"), (("--mask", "mask.npy"), "--axis 0=I takes one of 3"), (("--axis", "0=3"), "dimension 0 there are 3,"),
    (("--axis", "2=0"), "dimensions before the last are 0 to 1")], also=[("--axis", "0=1", "--context", "10")])
example("layers_second", lambda x: stacked(x, 1), ("--axis", "1=1"), "--axis 1=I one of 3", [(SEQUENCES, "--axis 1=I one of 3")],
        also=[("--axis", "1=1", "--tokens", "ids.npy")])
example("layers_batched", lambda x: stacked(sequences(x), 1), ("--axis", "1=1"), "(9, 3, 10, 24): which dimensions are tokens?", [
    (SEQUENCES, IDS), (("--axis", "1=1", "--context", "9"), "sequences are of 9")], also=[("--axis", "1=1", "--context", "10")])
example("layers_third", lambda x: stacked(sequences(x), 2), ("--axis", "2=1"), "--axis 2=I one of 3", [(SEQUENCES, IDS)])
example("models_and_layers", lambda x: stacked(stacked(x, 0), 0), ("--axis", "0=1,1=1"), IDS, [(SEQUENCES, IDS)])
example("models_layers_sequences", lambda x: stacked(stacked(sequences(x), 0), 2), ("--axis", "2=1,0=1", "--context", "10"), IDS,
        [(LAYERS, IDS)])
example("heads", heads)
example("heads_sequences", lambda x: sequences(heads(x)), SEQUENCES, "--context 10")
example("heads_layers", lambda x: stacked(heads(x), 0), LAYERS, "--axis 0=I takes one of 3")
example("heads_layers_second", lambda x: stacked(heads(x), 1), ("--axis", "1=1"), "--axis 1=I one of 3")
example("heads_layers_batched", lambda x: stacked(sequences(heads(x)), 1), ("--axis", "1=1", "--context", "10"), IDS)
for file in "states.npz:x", "states.safetensors:x", "states.pt":
    example("layers_" + file[7:9], lambda x: stacked(x, 1), ("--axis", "1=1"), "--axis 1=I one of 3", files=(file,))
example("pt_tuple", lambda x: {str(i): y for i, y in enumerate(stacked(x, 0)[:, None])}, files=("states.pt:1",))
example("pt_turned", lambda x: np.ascontiguousarray(stacked(x, 1).transpose(1, 2, 0)).transpose(2, 0, 1), ("--axis", "1=1"),
        "--axis 1=I one of 3", files=("states.pt",))

BITS = "in another type: --bf16"


def rounded(x):
    return upper(x)[1]


example("bf16_u2", lambda x: upper(x)[0], ("--bf16",), BITS, wanted=rounded)
example("bf16_i2", lambda x: upper(x)[0].view("<i2"), ("--bf16",), BITS, wanted=rounded)
example("bf16_V2", lambda x: upper(x)[0].view("V2"), ("--bf16",), BITS, wanted=rounded)
example("bf16_layers", lambda x: upper(stacked(x, 0))[0], ("--bf16", *LAYERS), BITS, wanted=rounded)
example("bf16_U16", lambda x: upper(x)[0], ("--bf16",), BITS, wanted=rounded, files=("states.safetensors:x",))
example("bf16_pt_i2", lambda x: upper(x)[0].view("<i2").copy(), ("--bf16",), BITS, wanted=rounded, files=("states.pt",))
for dtype in "u1", "u4", "u8", "i4", "i8":
    example("integers_" + dtype, lambda x, dtype=dtype: np.abs(x * 8).astype(dtype), None, "integers: states are of f2, bf16, f4 or f8",
            [(("--bf16",), "integers")])
example("integers_i1", lambda x: (x * 8).astype("i1"), None, "numbers of type '|i1' cannot be read (f2 f4 f8, and of what is no state")

PARTS = [slice(8 * i, 8 * i + 8) for i in range(11)] + [slice(88, 90)]
example("shards", lambda x: [x[part] for part in PARTS], files=["shards/*.npy"] + [f"shards/shard-{i + 1}.npy" for i in range(12)])
example("shards_of_a_key", lambda x: [x[part] for part in PARTS], files=["s/[a-z]*:x"] + [f"s/c{i:02}_{10 - i}.npz:x" for i in range(12)])
example("shards_of_layers", lambda x: [stacked(x[part], 0) for part in PARTS], LAYERS, "--axis 0=I takes one of 3",
        files=["*/s?*.npy"] + [f"x{i // 5 + 8}/s{i}.npy" for i in range(12)])


def save(path, x):
    """One file; "FILE:KEY" of those that have keys."""
    path, _, key = path.partition(":")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    if path.endswith(".pt"):
        pt.save(path, tuple(x.values()) if isinstance(x, dict) else x)
    elif x.dtype.kind == "V":
        np.save(path, x)
    else:
        arrays.save(path, {key or "x": x, **({} if path.endswith(".npy") else {"other": x[:1]})})


def act_dump(hidden, *args, stdin=None):
    given = [part for file in hidden for part in ("--hidden", file)]
    return subprocess.run(["act-dump", "--quiet", *given, "--sae", "sae", "--threads", "1", *args], capture_output=True, stdin=stdin,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})


def refused(name, words, hidden, *args):
    done = act_dump(hidden, *args)
    line = done.stderr.decode()
    assert done.returncode == 1 and line.count("\n") == 1 and words in line, (name, args, done.returncode, line)


def agrees(name, done, w, points):
    assert done.returncode == 0, (name, done.stderr.decode())
    _, found = dense(done.stdout)
    (_, frames), = read("out")
    assert np.array_equal(np.concatenate([frame["point"] for frame in frames]), points), name
    wanted = relu((points.astype("f8") - w.b_dec) @ w.W_enc.astype("f8") + w.b_enc)
    assert np.abs(found - wanted).max() < 1e-5 * wanted.max(), name


def run(name, w):
    make, args, asks, also_refused, wanted, files, also = EXAMPLES[name]
    arrays_made = make(w.x)
    pattern = isinstance(arrays_made, list)
    for file, x in zip(files[1:] if pattern else files, arrays_made if pattern else [arrays_made]):
        save(f"{name}/{file}", x)
    hidden = [f"{name}/{files[0]}"]
    if asks:
        refused(name, asks, hidden)
    for options, words in also_refused:
        refused(name, words, hidden, *options)
    if args is None:
        return
    points = wanted(w.x)
    for options in (args, *also):
        agrees(name, act_dump(hidden, *options), w, points)
    if pattern:
        agrees(name, act_dump([f"{name}/{file}" for file in files[1:]], *args), w, points)
    elif files[0].endswith(".npy"):
        with open(hidden[0]) as file:
            agrees(name, act_dump(["-"], *args, stdin=file), w, points)


def main():
    w = Weights(D, FEATURES, 11)
    arrays.save("ids.npy", {"": np.arange(90)})
    arrays.save("few.npy", {"": np.arange(30)})
    arrays.save("mask.npy", {"": np.ones(90, bool)})
    os.makedirs("sae", exist_ok=True)
    arrays.save("sae/sae_weights.safetensors", w.standard)
    with open("sae/cfg.json", "w") as file:
        json.dump({"architecture": "standard"}, file)
    for name in sys.argv[1:] or EXAMPLES:
        run(name, w)


if __name__ == "__main__":
    main()
