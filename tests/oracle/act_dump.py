"""Encoding with an SAE in numpy, in double; shares nothing with common/encode.c and common/sae.c.

    act_dump.py sae FOLDER [OPTION]...          writes a random SAE
    act_dump.py check SAE HIDDEN STREAM         what act-dump made of them
    act_dump.py delphi FOLDER STREAM            the same for a delphi cache"""
import argparse
import glob
import json
import os

import numpy as np

import arrays
from semot import read


def load_sae(path, k=None, b_dec=None):
    """Weights in double, and in "arch", "k", "centre", "norms" how to use them."""
    if os.path.isdir(path):
        names = "sae_weights.safetensors", "params.npz"
        path = next(f"{path}/{name}" for name in names if os.path.exists(f"{path}/{name}"))
    sae = {key: x.astype("f8") for key, x in arrays.load_all(path).items()}
    cfg, folder = {}, os.path.dirname(path) or "."
    if os.path.exists(f"{folder}/cfg.json"):
        cfg = json.load(open(f"{folder}/cfg.json"))
        if path.endswith(".npz") and os.path.exists(f"{folder}/sae_weights.safetensors") and cfg.get("k") != sae.get("k"):
            cfg = {}
    of_keys = "topk" if k or "k" in sae else "jumprelu" if "threshold" in sae else "standard"
    sae["arch"] = cfg.get("architecture", "standard") if cfg else of_keys
    if sae["arch"] == "standard" and cfg.get("activation_fn_str") == "topk":
        sae["arch"] = "topk"
    sae["k"] = int(k or cfg.get("k", cfg.get("activation_fn_kwargs", {}).get("k", sae.get("k", 0)))) if sae["arch"] == "topk" else 0
    sae["centre"] = cfg.get("apply_b_dec_to_input", True) if cfg else b_dec == "subtract"
    sae["norms"] = cfg.get("rescale_acts_by_decoder_norm", False)
    return sae


def pre_activations(sae, x):
    x = x.astype("f8").reshape(-1, x.shape[-1])
    pre = (x - sae["b_dec"] if sae["centre"] else x) @ sae["W_enc"] + sae["b_enc"]
    return pre * np.linalg.norm(sae["W_dec"], axis=1) if sae["norms"] else pre


def cuts(sae, pre):
    """What a pre-activation has to exceed, for every token and feature."""
    if sae["arch"] == "jumprelu":
        return np.broadcast_to(np.maximum(sae["threshold"], 0), pre.shape)
    return np.zeros_like(pre)


def encode(sae, pre):
    active = pre > cuts(sae, pre)
    if sae["arch"] == "topk":
        order = np.argsort(-pre, 1, kind="stable")[:, :sae["k"]]
        best = np.zeros_like(active)
        np.put_along_axis(best, order, True, 1)
        active &= best
    return np.where(active, pre, 0)


def dense(header, frames):
    """Token numbers and activations (tokens, features); checks what a frame has to be."""
    tokens = np.concatenate([frame["token"] for frame in frames] or [[]])
    out = np.zeros((len(tokens), header["features"]), "f4")
    at = 0
    for frame in frames:
        n, indptr = len(frame["token"]), frame["indptr"].astype(int)
        assert n > 0 and len(indptr) == n + 1 and indptr[0] == 0 and indptr[-1] == len(frame["feature"])
        row = np.repeat(np.arange(n), np.diff(indptr))
        assert (np.diff(row * header["features"] + frame["feature"].astype(int)) > 0).all(), "features ascend"
        out[at + row, frame["feature"]] = frame["value"]
        at += n
    return tokens, out


def kept(tokens, given):
    return np.array([t for t in range(tokens) if not given.context or t % given.context >= given.skip], int)


def check(given):
    sae, x = load_sae(given.sae, given.k, given.b_dec), np.concatenate([arrays.load(spec) for spec in given.hidden.split(",")])
    (header, frames), = read(given.stream)
    x = x.reshape(-1, x.shape[-1])
    rows = kept(len(x), given)
    assert (header["kind"], header["features"], header["d"], header["tokens"], header["arch"]) == \
        ("activations", sae["W_enc"].shape[1], x.shape[1], len(x), sae["arch"]), header
    tokens, found = dense(header, frames)
    assert np.array_equal(tokens, rows)
    if not given.no_point:
        points = np.concatenate([frame["point"] for frame in frames])
        assert np.array_equal(points, x[rows].astype(points.dtype)) and points.dtype.itemsize <= max(4, x.itemsize)
    pre = pre_activations(sae, x[rows])
    wanted = encode(sae, pre)
    scale = np.abs(pre).max(1, keepdims=True)
    if given.exact:
        assert np.array_equal(found, wanted)
        return
    edge = cuts(sae, pre)
    if sae["arch"] == "topk":
        edge = np.maximum(edge, np.sort(pre, 1)[:, [-sae["k"]]])
    wrong = ((found > 0) != (wanted > 0)) & (np.abs(pre - edge) > 1e-6 * scale)
    assert not wrong.any(), f"{wrong.sum()} activations too many or too few"
    both = (found > 0) & (wanted > 0)
    error = np.abs(found - wanted)[both]
    assert (error <= 1e-5 * np.maximum(wanted, np.broadcast_to(wanted.max(1, keepdims=True), wanted.shape))[both]).all()
    assert np.quantile(error / wanted[both], .99) < 1e-5 if both.any() else True
    assert both.any() != given.silent


def delphi(given):
    (header, frames), = read(given.stream)
    tokens, found = dense(header, frames)
    files = sorted(glob.glob(f"{given.folder}/*.safetensors"), key=lambda f: int(os.path.basename(f).split("_")[0]))
    wanted = None
    for path in files:
        cache = arrays.read_safetensors(path)
        first, last = map(int, os.path.basename(path).split(".")[0].split("_"))
        if wanted is None:
            ids = cache["tokens"]
            wanted = np.zeros((ids.size, header["features"]), "f4")
        sequence, position, latent = cache["locations"].astype(int).T
        wanted[sequence * ids.shape[1] + position, first + latent] = cache["activations"]
    rows = kept(ids.size, given)
    assert header["features"] == last + 1 and header["tokens"] == ids.size and header["arch"] == "delphi"
    assert np.array_equal(tokens, rows) and np.array_equal(found, wanted[rows])
    assert np.array_equal(np.concatenate([frame["vocab"] for frame in frames]), ids.reshape(-1)[rows])


def make_sae(given):
    rng = np.random.default_rng(given.seed)
    shape = given.d, given.features
    normal = (lambda *n: rng.integers(-2, 3, n).astype("f4")) if given.integers else \
        (lambda *n: rng.standard_normal(n).astype("f4"))
    sae = {"W_enc": normal(*shape), "W_dec": normal(*shape[::-1]), "b_enc": normal(shape[1]) + np.float32(given.bias),
           "b_dec": normal(shape[0])}
    if given.threshold:
        sae["threshold"] = np.abs(normal(shape[1]))
    os.makedirs(given.folder, exist_ok=True)
    sae = {key: x.astype(given.dtype.replace("bf16", "f4")) for key, x in sae.items()}
    if given.npz:
        if given.k:
            sae["k"] = np.int32(given.k)
        return np.savez(f"{given.folder}/params.npz", **sae)
    arrays.save(f"{given.folder}/sae_weights.safetensors", sae, sae if given.dtype == "bf16" else [])
    if not given.bare:
        with open(f"{given.folder}/cfg.json", "w") as file:
            file.write(given.cfg or json.dumps({"architecture": "jumprelu" if given.threshold else "standard"}))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = arguments.add_subparsers(dest="command", required=True)
    command = commands.add_parser("sae")
    command.add_argument("folder")
    command.add_argument("--features", type=int, default=40)
    command.add_argument("--d", type=int, default=6)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--bias", type=float, default=0)
    command.add_argument("--k", type=int)
    command.add_argument("--dtype", default="f4")
    for flag in "--threshold", "--npz", "--integers", "--bare":
        command.add_argument(flag, action="store_true")
    command.add_argument("--cfg", help="text of cfg.json; by default the architecture, unless --bare")
    for name in "check", "delphi":
        command = commands.add_parser(name)
        command.add_argument("folder" if name == "delphi" else "sae")
        if name == "check":
            command.add_argument("hidden", help="files, with commas between shards")
            command.add_argument("--k", type=int)
            command.add_argument("--b-dec")
        command.add_argument("stream")
        command.add_argument("--context", type=int, default=0)
        command.add_argument("--skip", type=int, default=0)
        for flag in "--exact", "--no-point", "--silent":
            command.add_argument(flag, action="store_true")
    given = arguments.parse_args()
    {"sae": make_sae, "check": check, "delphi": delphi}[given.command](given)


if __name__ == "__main__":
    main()
