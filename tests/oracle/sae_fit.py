"""What act-dump --check says, compared with numpy in double.

    sae_fit.py dialects [--d D] [--features F] [--seed S] [NAME]...     of the examples of dialects.py
    sae_fit.py real SAE STATES                                          of an SAE that act_dump.py reads
    sae_fit.py plant FOLDER OTHER [--tokens N] [--massive FACTOR]       makes an SAE and its states, and other states

The examples are compared also where the share is far below 0, as their weights are random."""
import argparse
import os
import subprocess

import numpy as np

import act_dump
import arrays
import dialects
from dialects import layer_norm, scaled, unit


def told(sae, states, *args):
    """The table, and what stands on stderr."""
    done = subprocess.run(["act-dump", "--check", "--hidden", states, "--sae", sae, *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {name: value if value == "-" else float(value) for name, value, *_ in rows}, done


def share(u, decoded):
    return 1 - ((u - decoded) ** 2).sum() / ((u - u.mean(0)) ** 2).sum()


def compare(name, found, a, u=None, decoded=None):
    n = (a != 0).sum(1)
    wanted = {"tokens": len(a), "features": a.shape[1], "L0_mean": n.mean(), "L0_median": np.median(n),
              "dead": (a == 0).all(0).sum(), "dead_share": (a == 0).all(0).mean()}
    if u is not None:
        length = (u ** 2).sum(1)
        rest = length <= 16 * np.sort(length[:2048])[len(length[:2048]) // 2]
        wanted.update(explained=share(u, decoded), massive=(~rest).sum(),
                      explained_without_massive=share(u[rest], decoded[rest]))
    for key, x in wanted.items():
        assert abs(found[key] - x) <= 2e-5 * max(1, abs(x)), (name, key, found[key], x)
    if u is None:
        assert found["explained"] == found["explained_without_massive"] == "-", name
    return wanted


# Of the examples: what they encode, the rows and the bias that decode it; without a row here the states, W_dec and b_dec.
def unit_rows(w):
    return w.unit_rows


INPUT = {"layer_norm": lambda w: layer_norm(w.x.astype("f8")), "constant_norm": lambda w: unit(w.x.astype("f8")),
         "saelens_scalar": lambda w: .5 * w.x, "saelens_average": lambda w: .7 * w.x, "saelens_normalize_true": lambda w: .7 * w.x,
         "embedding": lambda w: w.x / np.sqrt(w.d), "openai_v5": lambda w: layer_norm(w.x.astype("f8")),
         "pt_prisma": lambda w: layer_norm(w.x.astype("f8")), "pt_llamascopium": scaled, "llama_scope": scaled,
         "llamascopium_scaled": scaled}
ROWS = {"topafa": unit_rows, "pursuit": unit_rows, "mp_sae": unit_rows, "overcomplete": unit_rows, "itda": unit_rows,
        "finetuned": lambda w: w.W_dec * w.gain[:, None]}
NO_BIAS = "mp_sae", "overcomplete", "itda", "plain_no_b_dec"
RESCALED = "rescaled", "saelens_batchtopk", "saelens_matryoshka"
ELSEWHERE = {"learned": "decoders lie one after the other"} | dict.fromkeys(
    ("transcoder", "other_output", "tracer", "clt", "hooks"), "decodes to")


def of(name, table, w, other):
    return next((make(w) for part, make in table.items() if part in name), other)


def example(name, w):
    files, wanted, rest = dialects.EXAMPLES[name](w)
    if wanted is None:
        return
    states = rest.get("states")
    dialects.write(name, files, w.x if states is None else states)
    operand = f"{name}/{rest['operand']}" if rest.get("operand") else name
    found, done = told(operand, f"{name}/states.npy", *(rest.get("args") or []))
    reason = next((reason for part, reason in ELSEWHERE.items() if part in name), None)
    if reason:
        compare(name, found, wanted)
        assert reason in done.stdout, done.stdout
        return
    rows, a = of(name, ROWS, w, w.W_dec).astype("f8")[:wanted.shape[1]], wanted
    if any(part in name for part in RESCALED):
        a = wanted / w.norms
    bias = 0 if any(part in name for part in NO_BIAS) else w.b_dec
    compare(name, found, wanted, of(name, INPUT, w, w.x).astype("f8"), a @ rows + bias)
    print(name)


def real(given):
    sae, x = act_dump.load_sae(given.sae), np.load(given.states)
    x = x.reshape(-1, x.shape[-1]).astype("f8")
    a = act_dump.encode(sae, act_dump.pre_activations(sae, x))
    rows = sae["W_dec"] / np.linalg.norm(sae["W_dec"], axis=1, keepdims=True) if sae["norms"] else sae["W_dec"]
    found, _ = told(given.sae, given.states)
    wanted = compare(given.sae, found, a, x, a @ rows + sae["b_dec"])
    print(*(f"{wanted[key]:.4g}" for key in ("L0_mean", "L0_median", "dead", "explained", "massive")))


def plant(given):
    """TopK of the dictionary that the states are made of, and states of another. With --massive every eighth state of both is
    longer, along a dimension of its own: nothing explains the SAE's, and a feature all of the others'."""
    rng = np.random.default_rng(given.seed)
    d, features, k = 64, 96, 4
    rows = rng.standard_normal((features + 1, d)).astype("f4")
    rows[:, -2:], rows[features] = 0, np.eye(d)[-1]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    def states(rows, bias):
        a = np.zeros((given.tokens, len(rows)))
        np.put_along_axis(a, rng.random(a.shape).argsort(1)[:, :k], rng.gamma(4, size=(given.tokens, k)) + 1, 1)
        return a @ rows + bias
    bias, other = rng.standard_normal((2, d)) * ((1,), (3,))
    own = states(rows[:features], bias)
    others = states(rng.standard_normal((features, d)) / d ** .5, other)
    if given.massive:
        own[::8] = bias + given.massive * np.eye(d)[-2]
        others[::8] = bias + given.massive * np.eye(d)[-1]
    os.makedirs(given.folder, exist_ok=True)
    arrays.save(f"{given.folder}/sae_weights.safetensors", {
        "W_enc": np.ascontiguousarray(rows.T), "W_dec": rows, "b_enc": np.zeros(features + 1, "f4"), "b_dec": bias.astype("f4")})
    open(f"{given.folder}/cfg.json", "w").write(f'{{"architecture": "topk", "k": {k}}}')
    np.save(f"{given.folder}/states.npy", own.astype("f4"))
    np.save(given.other, others.astype("f4"))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = arguments.add_subparsers(dest="command", required=True)
    command = commands.add_parser("dialects")
    command.add_argument("names", nargs="*")
    command.add_argument("--d", type=int, default=24)
    command.add_argument("--features", type=int, default=96)
    command = commands.add_parser("real")
    command.add_argument("sae")
    command.add_argument("states")
    command = commands.add_parser("plant")
    command.add_argument("folder")
    command.add_argument("other")
    command.add_argument("--tokens", type=int, default=600)
    command.add_argument("--massive", type=float, default=0)
    for command in commands.choices.values():
        command.add_argument("--seed", type=int, default=7)
    given = arguments.parse_args()
    if given.command == "dialects":
        for name in given.names or dialects.EXAMPLES:
            example(name, dialects.Weights(given.d, given.features, given.seed))
    else:
        {"real": real, "plant": plant}[given.command](given)


if __name__ == "__main__":
    main()
