"""Examples of the files that hold SAEs, of every dialect, each with what its own library makes of it in numpy, in double.

    dialects.py [--d D] [--features F] [--seed S] [NAME]...     makes ./NAME, runs act-dump on it, and compares

An example says which options it needs (args). Without them it has to be refused, and the line has to name the option (asks).
Prints the names of the dialects that were read."""
import argparse
import json
import os
import subprocess

import numpy as np

import arrays
import pt
from semot import read

EXAMPLES = {}


def example(make):
    EXAMPLES[make.__name__] = make
    return make


def relu(z):
    return np.maximum(z, 0)


def above(z, threshold):
    return np.where(z > np.maximum(threshold, 0), z, 0)


def largest(z, k, by=None, post=relu):
    """The k largest of each row, the first of equals, by another array if there is one."""
    out, order = np.zeros_like(z), np.argsort(-(z if by is None else by), 1, kind="stable")[:, :k]
    np.put_along_axis(out, order, post(np.take_along_axis(z, order, 1)), 1)
    return out


def topk(z, k):
    return largest(z, k)


def abstopk(z, k):
    return largest(z, k, np.abs(z), lambda a: a)


def groupmax(z, k):
    z = relu(z).reshape(len(z), k, -1)
    out = np.zeros_like(z)
    best = z.argmax(2)[..., None]
    np.put_along_axis(out, best, np.take_along_axis(z, best, 2), 2)
    return out.reshape(len(z), -1)


def topafa(z, u):
    a = relu(z)
    out = np.zeros_like(a)
    for t, row in enumerate(a):
        order = np.argsort(-row, kind="stable")
        sums = np.cumsum(row[order] ** 2)
        sums[-1] = np.inf
        kept = order[:np.argmin(np.abs(sums - (u[t] ** 2).sum())) + 1]
        out[t, kept] = row[kept]
    return out


def layer_norm(x):
    y = x - x.mean(1, keepdims=True)
    return y / (y.std(1, ddof=1, keepdims=True) + 1e-5)


def unit(x):
    return x * np.sqrt(x.shape[1]) / np.linalg.norm(x, axis=1, keepdims=True)


def pursuit(u, w, steps, residual=0.0, repeats=False, strength=relu, relative=0.0):
    """strength: of which the largest is taken; the value is the product itself, or 0."""
    out = np.zeros((len(u), len(w)))
    for t, r in enumerate(u):
        end, support = relative * np.linalg.norm(r), set()
        for _ in range(steps):
            products = (w * r).sum(1)       # the same for equal rows, unlike w @ r
            i = int(np.argmax(strength(products)))
            v = max(products[i], 0) if strength is relu else products[i]
            out[t, i] += v
            r = r - v * w[i]
            if v == 0 or np.linalg.norm(r) < residual or np.linalg.norm(r) <= end or (i in support and not repeats):
                break
            support.add(i)
    return out


class Weights:
    """Numbers to make examples of, in single precision as files have them, and what most rules share."""

    def __init__(self, d, features, seed, integers=False):
        rng = np.random.default_rng(seed)
        self.rng, self.d, self.features, self.k = rng, d, features, features // 12
        n = 90

        def normal(*shape, by=1.0):
            return rng.integers(-2, 3, shape).astype("f4") if integers else (rng.standard_normal(shape) * by).astype("f4")
        self.x = normal(n, d, by=2) + normal(d, by=1.5)
        self.W_dec = normal(features, d)
        self.W_dec[1::5] = self.W_dec[::5][:len(self.W_dec[1::5])]      # alike, as pursuits see them
        self.unit_rows = self.W_dec / np.linalg.norm(self.W_dec, axis=1, keepdims=True)
        self.W_dec = self.unit_rows * np.exp(normal(features, 1, by=.6))
        self.W_enc = normal(d, features) if integers else self.unit_rows.T + normal(d, features, by=.1)
        self.b_enc, self.b_dec = normal(features, by=.3), normal(d)
        self.threshold = np.abs(normal(features, by=.8) + 2)
        self.gate, self.mag, self.r_mag = (normal(features, by=.3) for _ in range(3))
        self.skip = normal(d, d, by=.1)
        self.gain = np.exp(self.mag)
        self.norms = np.linalg.norm(self.W_dec.astype("f8"), axis=1)

    def pre(self, u=None, c=0, bias=None):
        u = self.x.astype("f8") if u is None else u
        return (u - c) @ self.W_enc.astype("f8") + (self.b_enc if bias is None else bias)

    def gated(self, c):
        v = self.pre(c=c, bias=0)
        return np.where(v + self.gate > 0, relu(v * np.exp(self.r_mag.astype("f8")) + self.mag), 0)

    @property
    def standard(self):
        return {key: getattr(self, key) for key in ("W_enc", "b_enc", "W_dec", "b_dec")}

    def linear(self, **bias):
        return {"encoder.weight": self.W_enc.T, "encoder.bias": self.b_enc, "decoder.weight": self.W_dec.T,
                **{key.replace("_dot_", "."): x for key, x in bias.items()}}


def saelens(cfg, more=(), drop=(), **rest):
    def of(w, wanted, states=None):
        tensors = {key: x for key, x in {**w.standard, **dict(more(w) if more else {})}.items() if key not in drop}
        settings = {"d_in": w.d, "d_sae": w.features, **cfg(w)}
        return {"sae_weights.safetensors": tensors, "cfg.json": settings}, wanted, {"states": states, **rest}
    return of


def saelens_example(name, cfg, wanted, more=None, drop=(), states=None, **rest):
    def make(w):
        return saelens(cfg, more, drop, **rest)(w, wanted(w), states(w) if states else None)
    EXAMPLES[name] = make


def v6(kind, **more):
    return lambda w: {"architecture": kind, "normalize_activations": "none", "apply_b_dec_to_input": True,
                      **{key: f(w) if callable(f) else f for key, f in more.items()}}


def k_of(w):
    return w.k


for case in (
    ("saelens_standard", v6("standard"), lambda w: relu(w.pre(c=w.b_dec))),
    ("saelens_not_centred", v6("standard", apply_b_dec_to_input=False), lambda w: relu(w.pre())),
    ("saelens_topk", v6("topk", k=k_of), lambda w: topk(w.pre(c=w.b_dec), w.k)),
    ("saelens_topk_rescaled", v6("topk", k=k_of, rescale_acts_by_decoder_norm=True),
     lambda w: topk(w.pre(c=w.b_dec) * w.norms, w.k)),
    ("saelens_stray_kwargs", v6("standard", activation_fn_kwargs=lambda w: {"k": w.k}), lambda w: relu(w.pre(c=w.b_dec))),
    ("saelens_old_hook", lambda w: {"hook_point": "blocks.3", "activation_fn": "relu"}, lambda w: relu(w.pre(c=w.b_dec))),
    ("saelens_tanh_relu", v6("standard", activation_fn_str="tanh-relu"), lambda w: np.tanh(relu(w.pre(c=w.b_dec)))),
    ("saelens_layer_norm", v6("standard", activation_fn_str="topk", activation_fn_kwargs=lambda w: {"k": w.k},
                              normalize_activations="layer_norm"),
     lambda w: topk(w.pre(layer_norm(w.x.astype("f8")), w.b_dec), w.k)),
    ("saelens_constant_norm", v6("standard", normalize_activations="constant_norm_rescale"),
     lambda w: relu(w.pre(unit(w.x.astype("f8")), w.b_dec))),
    ("saelens_abstopk", v6("abstopk", k=k_of), lambda w: abstopk(w.pre(c=w.b_dec), w.k)),
    ("saelens_transcoder", v6("transcoder"), lambda w: relu(w.pre())),
    ("saelens_normalize_false", lambda w: {"activation_fn_str": "relu", "normalize_activations": False},
     lambda w: relu(w.pre(c=w.b_dec))),
    ("saelens_scalar", v6("standard", normalize_activations="constant_scalar_rescale", activation_normalization_factor=.5),
     lambda w: relu(w.pre(.5 * w.x.astype("f8"), w.b_dec))),
):
    saelens_example(*case)
saelens_example("saelens_jumprelu", v6("jumprelu", metadata={"training_architecture_details": {"k": 3}}),
                lambda w: above(w.pre(c=w.b_dec), w.threshold), lambda w: {"threshold": w.threshold})
saelens_example("saelens_finetuned", v6("standard", finetuning_scaling_factor=True), lambda w: relu(w.pre(c=w.b_dec)),
                lambda w: {"scaling_factor": w.gain})
saelens_example("saelens_jumprelu_stray_k", v6("jumprelu", k=k_of), lambda w: above(w.pre(c=w.b_dec), w.threshold),
                lambda w: {"threshold": w.threshold})
saelens_example("saelens_negative_threshold", v6("jumprelu"), lambda w: above(w.pre(c=w.b_dec), w.threshold - 2.2),
                lambda w: {"threshold": w.threshold - np.float32(2.2)})
saelens_example("saelens_log_threshold", v6("jumprelu"), lambda w: above(w.pre(c=w.b_dec), w.threshold),
                lambda w: {"log_threshold": np.log(w.threshold)})
saelens_example("saelens_batchtopk", v6("batchtopk", k=k_of, rescale_acts_by_decoder_norm=True),
                lambda w: above(w.pre(c=w.b_dec) * w.norms, 2.1), lambda w: {"topk_threshold": np.float64(2.1)})
saelens_example("saelens_matryoshka", v6("matryoshka_batchtopk", k=k_of, matryoshka_widths=[24, 96], rescale_acts_by_decoder_norm=True),
                lambda w: above(w.pre(c=w.b_dec) * w.norms, 2.1), lambda w: {"topk_threshold": np.float64(2.1)})
saelens_example("saelens_unnamed", lambda w: {"apply_b_dec_to_input": False}, lambda w: above(w.pre(), w.threshold),
                lambda w: {"threshold": w.threshold})
saelens_example("saelens_gated", v6("gated"), lambda w: w.gated(w.b_dec),
                lambda w: {"b_gate": w.gate, "b_mag": w.mag, "r_mag": w.r_mag}, ["b_enc"])
saelens_example("saelens_topafa", v6("topafa"), lambda w: topafa(w.pre(c=w.b_dec), w.x.astype("f8") - w.b_dec),
                lambda w: {"W_dec": w.unit_rows})
saelens_example("saelens_jumprelu_transcoder", v6("jumprelu_transcoder"), lambda w: above(w.pre(), w.threshold),
                lambda w: {"threshold": w.threshold})
saelens_example("saelens_relu_skip_transcoder", v6("skip_transcoder"), lambda w: relu(w.pre()), lambda w: {"W_skip": w.skip})
saelens_example("saelens_skip_transcoder", v6("jumprelu_skip_transcoder"), lambda w: above(w.pre(), w.threshold),
                lambda w: {"threshold": w.threshold, "W_skip": w.skip})
saelens_example("saelens_other_output", v6("transcoder"), lambda w: relu(w.pre()),
                lambda w: {"W_dec": np.hstack([w.W_dec, w.W_dec[:, :3]]), "b_dec": np.zeros(w.d + 3, "f4")})
saelens_example("saelens_pursuit", v6("matching_pursuit", residual_threshold=1.0, max_iterations=None),
                lambda w: pursuit(w.x.astype("f8") - w.b_dec, w.unit_rows.astype("f8"), w.d, 1.0),
                lambda w: {"W_dec": w.unit_rows}, ["W_enc", "b_enc"])
saelens_example("saelens_pursuit_repeats", v6("matching_pursuit", max_iterations=12, stop_on_duplicate_support=False),
                lambda w: pursuit(w.x.astype("f8") - w.b_dec, w.unit_rows.astype("f8"), 12, 1e-2, True),
                lambda w: {"W_dec": w.unit_rows}, ["W_enc", "b_enc"])
saelens_example("saelens_heads", v6("standard"), lambda w: relu(w.pre(c=w.b_dec)),
                states=lambda w: w.x.reshape(90, 2, w.d // 2))
saelens_example("saelens_heads_of_tokens", v6("standard", reshape_activations="hook_z"), lambda w: relu(w.pre(c=w.b_dec)),
                states=lambda w: w.x.reshape(len(w.x), 2, w.d // 2))
saelens_example("saelens_heads_of_sequences", v6("standard"), lambda w: relu(w.pre(c=w.b_dec)), args=["--context", "10"],
                asks="--context 10", states=lambda w: w.x.reshape(9, 10, 2, w.d // 2))
saelens_example("saelens_average", v6("standard", normalize_activations="expected_average_only_in"),
                lambda w: relu(w.pre(.7 * w.x.astype("f8"), w.b_dec)), args=["--input-scale", ".7"], asks="--input-scale A")
saelens_example("saelens_normalize_true", v6("standard", normalize_activations=True),
                lambda w: relu(w.pre(.7 * w.x.astype("f8"), w.b_dec)), args=["--input-scale", ".7"], asks="--input-scale A")
saelens_example("saelens_standard_threshold", v6("standard"), lambda w: above(w.pre(c=w.b_dec), w.threshold),
                lambda w: {"threshold": w.threshold}, args=["--encoder", "saelens-jumprelu"], asks="--encoder")
saelens_example("saelens_standard_threshold_out", v6("standard"), lambda w: relu(w.pre(c=w.b_dec)),
                lambda w: {"threshold": w.threshold}, args=["--encoder", "saelens"], asks="--encoder")
saelens_example("saelens_two_functions", v6("jumprelu", activation_fn_str="topk", k=k_of),
                lambda w: topk(w.pre(c=w.b_dec), w.k), lambda w: {"threshold": w.threshold},
                args=["--encoder", "saelens-topk"], asks="--encoder NAME")
saelens_example("saelens_temporal", v6("temporal"), lambda w: None, lambda w: {"attn_layers.0.k": w.skip}, ["W_enc", "b_enc"],
                asks="act-import")
saelens_example("saelens_phases", v6("phase_multiplexed", num_phases=2), lambda w: None, asks="act-import")
saelens_example("saelens_unknown", v6("new_thing"), lambda w: None, asks="architecture 'new_thing'")
saelens_example("saelens_other_d", v6("standard", d_in=7), lambda w: None, asks="d_in is 7")
saelens_example("saelens_turned", v6("standard"), lambda w: None, lambda w: {"W_enc": w.W_enc.T}, asks="W_enc: dimension")


def bare(name, make, wanted, asks=None, args=(), file="sae_weights.safetensors", cfg=None, states=None, operand=None):
    def of(w):
        files = {file: make(w)}
        if cfg:
            files.update(cfg(w))
        return files, wanted(w), {"args": [a(w) if callable(a) else a for a in args], "asks": asks,
                                  "states": states(w) if states else None, "operand": operand}
    EXAMPLES[name] = of


def gemma(w):
    return {**w.standard, "threshold": w.threshold}


def lower(w):
    return {"w_enc": w.W_enc, "w_dec": w.W_dec, "b_enc": w.b_enc, "b_dec": w.b_dec, "threshold": w.threshold}


def tracer(w):
    return {**w.standard, "W_enc": w.W_enc.T}


def square(w):
    return {**{key: x[:w.d] for key, x in tracer(w).items()}, "b_dec": w.b_dec}


B_DEC = "--b-dec subtract|ignore"
bare("gemma_scope", gemma, lambda w: above(w.pre(), w.threshold), file="params.npz")
bare("gemma_scope_fortran", lambda w: {**gemma(w), "W_enc": np.asfortranarray(w.W_enc)}, lambda w: above(w.pre(), w.threshold),
     file="params.npz")
bare("gemma_scope_lower", lower, lambda w: above(w.pre(), w.threshold), file="params.npz")
bare("gemma_scope_embedding", gemma, lambda w: above(w.pre(w.x / np.sqrt(w.d)), w.threshold), "--input-scale A",
     ["--input-scale", lambda w: repr(w.d ** -.5)], "embedding/width/params.npz", operand="embedding/width")
bare("gemma_scope_2", lower, lambda w: above(w.pre(), w.threshold), file="params.safetensors",
     cfg=lambda w: {"config.json": {"architecture": "jump_relu", "hf_hook_point_in": "model.layers.3.output", "l0": 60}})
bare("gemma_scope_2_file", lower, lambda w: above(w.pre(), w.threshold), file="params.safetensors", operand="params.safetensors")
bare("gemma_scope_2_hooks", lower, lambda w: above(w.pre(), w.threshold), file="params.safetensors",
     cfg=lambda w: {"config.json": {"architecture": "jump_relu", "hf_hook_point_in": "model.layers.3.pre_feedforward_layernorm.output",
                                    "hf_hook_point_out": "model.layers.3.post_feedforward_layernorm.output"}})
bare("gemma_scope_2_transcoder", lambda w: {**lower(w), "affine_skip_connection": w.skip}, lambda w: above(w.pre(), w.threshold),
     file="params.safetensors")
bare("gemma_scope_2_clt", lambda w: {**lower(w), "w_dec": np.stack([w.W_dec] * 3, 1)}, lambda w: above(w.pre(), w.threshold),
     file="params_layer_0.safetensors")
bare("plain_npz", lambda w: w.standard, lambda w: relu(w.pre(c=w.b_dec)), B_DEC, ["--b-dec", "subtract"], "params.npz")
bare("plain_kept", lambda w: w.standard, lambda w: relu(w.pre()), B_DEC, ["--b-dec", "ignore"])
bare("plain_threshold", gemma, lambda w: above(w.pre(), w.threshold), B_DEC, ["--encoder", "gemma-scope"])
bare("plain_no_b_dec", lambda w: {**gemma(w), "b_dec": 0 * w.b_dec}, lambda w: above(w.pre(), w.threshold))
bare("plain_k", lambda w: {**gemma(w), "k": np.int32(w.k)}, lambda w: topk(w.pre(), w.k), "--k K",
     ["--k", lambda w: str(w.k), "--b-dec", "ignore"], "params.npz")
bare("random", lambda w: {**gemma(w), "random_seed": np.uint64(3)}, lambda w: above(w.pre(c=w.b_dec), w.threshold),
     file="params.npz")
bare("random_k", lambda w: {**w.standard, "k": np.uint64(w.k), "random_seed": np.uint64(3)},
     lambda w: topk(w.pre(c=w.b_dec), w.k), file="params.npz")
bare("npz_with_settings", lambda w: w.standard, lambda w: relu(w.pre(c=w.b_dec)), file="params.npz",
     cfg=lambda w: {"cfg.json": {"architecture": "standard"}})
bare("wrapped", lambda w: {"state_dict." + key: x for key, x in gemma(w).items()}, lambda w: above(w.pre(), w.threshold),
     file="params.npz")


def sparsify(w):
    return {"encoder.weight": w.W_enc.T, "encoder.bias": w.b_enc, "W_dec": w.W_dec, "b_dec": w.b_dec}


def sparsify_cfg(**more):
    return lambda w: {"cfg.json": {"activation": "topk", "num_latents": w.features, "k": w.k, "transcode": False, "d_in": w.d, **more}}


for case, cfg, rule in (("topk", {}, topk), ("groupmax", {"activation": "groupmax"}, groupmax), ("signed", {"signed": True}, abstopk)):
    bare(f"sparsify_{case}", sparsify, lambda w, rule=rule: rule(w.pre(c=w.b_dec), w.k), file="sae.safetensors",
         cfg=sparsify_cfg(**cfg))
bare("sparsify_transcoder", lambda w: {**sparsify(w), "W_skip": w.skip}, lambda w: topk(w.pre(), w.k), file="sae.safetensors",
     cfg=sparsify_cfg(transcode=True))
bare("sparsify_file", sparsify, lambda w: topk(w.pre(c=w.b_dec), w.k), file="sae.safetensors", cfg=sparsify_cfg(),
     operand="sae.safetensors")
bare("sparsify_alone", sparsify, lambda w: topk(w.pre(c=w.b_dec), w.k), "--encoder NAME",
     ["--encoder", "sparsify", "--k", lambda w: str(w.k), "--b-dec", "subtract"], "sae.safetensors")


def learning(kind):
    return lambda w: {"config.json": {"trainer": {"dict_class": kind, "activation_dim": w.d, "dict_size": w.features, "k": w.k}}}


def batchtopk(w):
    return {**w.linear(b_dec=w.b_dec), "k": np.int32(w.k), "threshold": np.float32(2.1)}


def matryoshka(w):
    return {**w.standard, "k": np.int32(w.k), "threshold": np.float32(2.1), "group_sizes": np.array([w.features // 2] * 2)}


def gated(w):
    weights = w.linear(decoder_bias=w.b_dec, r_mag=w.r_mag, gate_bias=w.gate, mag_bias=w.mag)
    return {key: x for key, x in weights.items() if key != "encoder.bias"}


bare("dl_autoencoder", lambda w: w.linear(bias=w.b_dec), lambda w: relu(w.pre(c=w.b_dec)))
bare("dl_autoencoder_new", lambda w: w.linear(decoder_dot_bias=w.b_dec), lambda w: relu(w.pre()), cfg=learning("AutoEncoderNew"))
bare("dl_autoencoder_new_alone", lambda w: w.linear(decoder_dot_bias=w.b_dec), lambda w: relu(w.pre()), "--encoder NAME",
     ["--encoder", "dl-autoencoder-new"])
bare("dl_gated", gated, lambda w: w.gated(w.b_dec))
bare("dl_topk", batchtopk, lambda w: topk(w.pre(c=w.b_dec), w.k), cfg=learning("AutoEncoderTopK"))
bare("dl_batchtopk", batchtopk, lambda w: above(w.pre(c=w.b_dec), 2.1), cfg=learning("BatchTopKSAE"))
bare("dl_batchtopk_unset", lambda w: {**batchtopk(w), "threshold": np.float32(-1)}, lambda w: topk(w.pre(c=w.b_dec), w.k),
     cfg=learning("BatchTopKSAE"))
bare("dl_batchtopk_alone", batchtopk, lambda w: above(w.pre(c=w.b_dec), 2.1), "dl-topk, dl-batchtopk: --encoder NAME",
     ["--encoder", "dl-batchtopk"], "params.npz")
bare("dl_matryoshka", matryoshka, lambda w: above(w.pre(c=w.b_dec), 2.1))
bare("dl_matryoshka_npz", lambda w: {**matryoshka(w), "threshold": np.full(w.features, 2.1, "f4")},
     lambda w: above(w.pre(c=w.b_dec), 2.1), file="params.npz")
bare("dl_jumprelu", gemma, lambda w: above(w.pre(), w.threshold), cfg=learning("JumpReluAutoEncoder"))
for container in "sae_weights.safetensors", "params.npz", "ae.pt":
    kind = container.split(".")[1]
    for case, make, rule, named in (
        ("autoencoder", lambda w: w.linear(bias=w.b_dec), lambda w: relu(w.pre(c=w.b_dec)), "AutoEncoder"),
        ("new", lambda w: w.linear(decoder_dot_bias=w.b_dec), lambda w: relu(w.pre()), "AutoEncoderNew"),
        ("gated", gated, lambda w: w.gated(w.b_dec), "GatedAutoEncoder"),
        ("topk", batchtopk, lambda w: topk(w.pre(c=w.b_dec), w.k), "AutoEncoderTopK"),
        ("batchtopk", batchtopk, lambda w: above(w.pre(c=w.b_dec), 2.1), "BatchTopKSAE"),
        ("matryoshka", matryoshka, lambda w: above(w.pre(c=w.b_dec), 2.1), "MatryoshkaBatchTopKSAE"),
        ("jumprelu", gemma, lambda w: above(w.pre(), w.threshold), "JumpReluAutoEncoder"),
    ):
        bare(f"dl_{case}_{kind}", make, rule, file=container, cfg=learning(named))
        if named in ("AutoEncoder", "GatedAutoEncoder", "MatryoshkaBatchTopKSAE"):
            bare(f"dl_{case}_{kind}_alone", make, rule, file=container)
        elif named in ("AutoEncoderTopK", "BatchTopKSAE"):
            bare(f"dl_{case}_{kind}_alone", make, rule, "dl-topk, dl-batchtopk: --encoder NAME", ["--encoder", f"dl-{case}"],
                 container)
bare("vsae", lambda w: {**w.linear(bias=w.b_dec), "k": np.int32(w.k), "var_encoder.weight": w.W_enc.T, "var_encoder.bias": w.b_enc},
     lambda w: topk(w.pre(c=w.b_dec), w.k))


def openai(w):
    return {"pre_bias": w.b_dec, "latent_bias": w.b_enc, "encoder.weight": w.W_enc.T, "decoder.weight": w.W_dec.T}


bare("openai_v5", openai, lambda w: topk(w.pre(layer_norm(w.x.astype("f8")), w.b_dec), w.k), "--encoder NAME",
     ["--encoder", "openai-v5", "--k", lambda w: str(w.k)])
bare("openai_v1", openai, lambda w: relu(w.pre(c=w.b_dec)), "--encoder NAME", ["--encoder", "openai-v1"])
bare("goodfire", lambda w: {key.replace("coder.", "coder_linear."): x for key, x in w.linear(decoder_dot_bias=w.b_dec).items()},
     lambda w: relu(w.pre()))

bare("tracer_relu", tracer, lambda w: relu(w.pre()), file="layer_3.safetensors")
bare("tracer_jumprelu", lambda w: {**tracer(w), "activation_function.threshold": w.threshold},
     lambda w: above(w.pre(), w.threshold), file="layer_3.safetensors")
bare("tracer_topk", lambda w: {**tracer(w), "k": np.int64(w.k)}, lambda w: topk(w.pre(), w.k), file="layer_3.safetensors")
bare("tracer_yaml", tracer, lambda w: topk(w.pre(), w.k), file="layer_3.safetensors",
     cfg=lambda w: {"config.yaml": f"# made here\nactivation: 'topk'\nk: {w.k}   # of them\nlist:\n  - k: 3\n"})
bare("tracer_square", square, lambda w: relu(w.pre())[:, :w.d], "--encoder NAME", ["--encoder", "circuit-tracer"],
     "layer_3.safetensors")
bare("tracer_clt", lambda w: {"W_enc_7": w.W_enc.T, "b_enc_7": w.b_enc, "b_dec_7": w.b_dec, "threshold_7": w.threshold},
     lambda w: above(w.pre(), w.threshold), file="W_enc_7.safetensors", operand="W_enc_7.safetensors",
     cfg=lambda w: {"W_dec_7.safetensors": {"W_dec_7": np.stack([w.W_dec] * 3, 1)}})
bare("qwen_scope", lambda w: {**tracer(w), "W_dec": w.W_dec.T}, lambda w: topk(w.pre(), w.k), "--k K", ["--k", lambda w: str(w.k)])


def average(w):
    return float(np.linalg.norm(w.x, axis=1).mean())


def scaled(w):
    return w.x.astype("f8") * np.sqrt(w.d) / average(w)


def moss(**more):
    return {"act_fn": "jumprelu", "norm_activation": "dataset-wise", **more}


bare("llama_scope", lambda w: w.linear(decoder_dot_bias=w.b_dec),
     lambda w: above(w.pre(scaled(w)), 1.1 * np.sqrt(w.d) / average(w)), file="checkpoints/final.safetensors",
     cfg=lambda w: {"hyperparams.json": moss(jump_relu_threshold=1.1, dataset_average_activation_norm={"in": average(w), "out": 1})})
bare("llama_scope_r1", lambda w: {**w.linear(decoder_dot_bias=w.b_dec), "log_jumprelu_threshold": np.log(w.threshold)},
     lambda w: above(w.pre(scaled(w)), w.threshold),
     cfg=lambda w: {"config.json": moss(dataset_average_activation_norm={"blocks.3.hook": average(w)})})


def scopium(w):
    return {"W_E": w.W_enc, "b_E": w.b_enc, "W_D": w.W_dec, "b_D": w.b_dec,
            "activation_function.log_jumprelu_threshold": np.log(w.threshold),
            "dataset_average_activation_norm.hook": np.float32(average(w))}


bare("llamascopium", scopium, lambda w: np.where(w.pre() * w.norms > w.threshold, w.pre(), 0),
     cfg=lambda w: {"config.json": moss(norm_activation="inference", sparsity_include_decoder_norm=True, top_k=50)})
bare("llamascopium_scaled", scopium, lambda w: above(w.pre(scaled(w)), w.threshold),
     cfg=lambda w: {"config.json": moss(hook_point_in="hook", sparsity_include_decoder_norm=False)})
bare("llamascopium_topk", scopium, lambda w: largest(w.pre(), w.k, w.pre() * w.norms),
     cfg=lambda w: {"config.json": {"act_fn": "topk", "norm_activation": "inference", "top_k": w.k}})
bare("llamascopium_glu", lambda w: {**scopium(w), "W_E_glu": w.W_enc, "b_E_glu": w.b_enc}, lambda w: None, "act-import")

bare("crosscoder", lambda w: {"W_enc": w.W_enc.reshape(2, w.d // 2, -1), "W_dec": w.W_dec.reshape(-1, 2, w.d // 2), "b_enc": w.b_enc,
                              "b_dec": w.b_dec.reshape(2, -1)}, lambda w: relu(w.pre()),
     file="cc_weights.safetensors", states=lambda w: w.x.reshape(-1, 2, w.d // 2))


def learned(w, code=1, **more):
    """crosscoder_learning's of two models; their parts of a feature's decoder are of other lengths."""
    parts = w.W_dec.reshape(-1, 2, w.d // 2).swapaxes(0, 1) * np.float32([[[1]], [[2.5]]])
    code = {} if code is None else {"code_normalization_id": np.int64(code)}
    return {"encoder.weight": w.W_enc.reshape(2, w.d // 2, -1), "encoder.bias": w.b_enc, "decoder.weight": parts,
            "decoder.bias": w.b_dec.reshape(2, -1), "target_rms": np.float32(1), **code,
            **{"activation_" + name: np.full((2, w.d // 2), np.nan, "f4") for name in ("mean", "std")},
            "activation_global_scale": np.ones(2, "f4"), **more}


def lengths(w, code=1):
    each = np.linalg.norm(learned(w)["decoder.weight"].astype("f8"), axis=2)
    return {1: each.sum(0), 2: np.sqrt((each ** 2).sum(0)), 4: 1, 5: each.sum(0)}[code]


def batch(w, **more):
    return {"k": np.int32(w.k), "threshold": np.float32(5.5), **more}


def statistics(w, scale):
    mean, std = w.x.mean(0), w.x.std(0)
    rows = {"activation_mean": mean.reshape(2, -1), "activation_std": std.reshape(2, -1)}
    return {**rows, **({} if scale is None else {"activation_global_scale": np.float32(scale)})}


def normalised(w, gain):
    return (w.x.astype("f8") - w.x.mean(0)) * gain


def models(w):
    return w.x.reshape(-1, 2, w.d // 2)


for code in 1, 2, 4, 5:
    bare(f"learned_{code}", lambda w, code=code: learned(w, code), lambda w, code=code: relu(w.pre()) * lengths(w, code),
         file="model.safetensors", states=models)
    if code != 5:
        bare(f"learned_batchtopk_{code}", lambda w, code=code: learned(w, code, **batch(w)),
             lambda w, code=code: above(w.pre() * lengths(w, code), 5.5), file="model.pt", states=models)
bare("learned_unset", lambda w: learned(w, **batch(w, threshold=np.float32(-1))), lambda w: topk(w.pre() * lengths(w), w.k),
     file="model.pt", states=models)
bare("learned_compiled", lambda w: {"_orig_mod." + key: x for key, x in learned(w, 2, **batch(w)).items()},
     lambda w: above(w.pre() * lengths(w, 2), 5.5), file="ae.pt", states=models)
bare("learned_old", lambda w: learned(w, None, **batch(w)), lambda w: above(w.pre() * lengths(w), 5.5), file="ae.pt", states=models)
bare("learned_named", lambda w: learned(w, 2), lambda w: relu(w.pre()) * lengths(w, 2), file="model.safetensors", states=models,
     cfg=lambda w: {"config.json": {"dict_class": "CrossCoder", "activation_dim": w.d // 2, "dict_size": w.features}})
bare("learned_mixed", lambda w: learned(w, 3), lambda w: None, "MIXED", file="model.safetensors", states=models)
bare("learned_decoupled", lambda w: learned(w, 5, **batch(w, threshold=np.ones(2, "f4"))), lambda w: None, "act-import", file="ae.pt",
     states=models)
bare("learned_scaled", lambda w: learned(w, **statistics(w, [.3, .2])), lambda w: relu(w.pre(normalised(w, np.repeat([.3, .2], w.d // 2)
     .astype("f4").astype("f8")))) * lengths(w), file="model.safetensors", states=models)
bare("learned_standardised", lambda w: learned(w, **statistics(w, [1, 1])),
     lambda w: relu(w.pre(normalised(w, 1 / (w.x.std(0) + 1e-8)))) * lengths(w), file="model.safetensors", states=models)
bare("mp_sae", lambda w: {"W": w.unit_rows}, lambda w: pursuit(w.x.astype("f8"), w.unit_rows.astype("f8"), 4 * w.d, 1.5),
     "--residual R", ["--residual", "1.5"])
bare("overcomplete", lambda w: {"dictionary._weights": 3 * w.unit_rows, "dictionary.multiplier": np.float32(0)},
     lambda w: pursuit(w.x.astype("f8"), w.unit_rows.astype("f8"), w.k, 0, True, lambda p: p), "--k K", ["--k", lambda w: str(w.k)])
bare("itda", lambda w: {"": w.unit_rows}, lambda w: pursuit(w.x.astype("f8"), w.unit_rows.astype("f8"), w.k, 0, True, np.abs, 1e-6),
     file="atoms.npy", cfg=lambda w: {"metadata.yaml": f"k: {w.k}\nlayer: 3\n"})
bare("itda_alone", lambda w: {"": w.unit_rows},
     lambda w: pursuit(w.x.astype("f8"), w.unit_rows.astype("f8"), 2 * w.k, 0, True, np.abs, 1e-6), "--k K",
     ["--k", lambda w: str(2 * w.k)], "atoms.npy")
bare("vl_sae", lambda w: {"encoder": w.W_enc.T, "vision_decoder.weight": w.W_dec.T}, lambda w: None, "act-import")
bare("writesae", lambda w: {"V_enc": w.W_enc, "V_dec": w.W_dec, "W_enc": w.W_enc, "W_dec": w.W_dec}, lambda w: None, "act-import")


# -- Files of torch.save: the same dialects, and those that are written so only ---------------------

def pt_openai(w):
    return {**openai(w), "stats_last_nonzero": np.zeros(w.features, "i8"), "activation": "TopK",
            "activation_state_dict": {"k": w.k, "postact_fn": "ReLU"}}


def prisma(w, **more):
    cfg = pt.Settings()
    vars(cfg).update(d_in=w.d, d_sae=w.features, activation_fn_str="relu", normalize_activations="layer_norm", layers=[1, 2], **more)
    return {"cfg": cfg, "state_dict": pt.OrderedDict(w.standard)}


def saev(kind, **params):
    def make(w):
        params_of = {key: getattr(w, at) for key, at in params.items()}
        cfg = {"d_model": w.d, "d_sae": w.features, "activation": {"cls": kind, "params": params_of}}
        return {"schema": 5, "cfg": cfg}, pt.OrderedDict(w.standard)
    return make


def views(w):
    """W_enc turned, W_dec every second column of a wider one, b_enc within another's numbers."""
    wide, long = np.zeros((w.features, 2 * w.d), "f4"), np.zeros(w.features + 9, "f4")
    wide[:, ::2], long[5:-4] = w.W_dec, w.b_enc
    return {"W_enc": pt.Parameter(np.ascontiguousarray(w.W_enc.T).T), "W_dec": wide[:, ::2], "b_enc": long[5:-4], "b_dec": w.b_dec}


bare("pt_autoencoder_new", lambda w: w.linear(decoder_dot_bias=w.b_dec), lambda w: relu(w.pre()), file="l19.pth")
bare("pt_topk", batchtopk, lambda w: topk(w.pre(c=w.b_dec), w.k), cfg=learning("AutoEncoderTopK"), file="ae.pt")
bare("pt_topk_alone", batchtopk, lambda w: topk(w.pre(c=w.b_dec), w.k), "--encoder NAME", ["--encoder", "dl-topk"], "ae.pt")
bare("pt_openai_v5", pt_openai, lambda w: topk(w.pre(layer_norm(w.x.astype("f8")), w.b_dec), w.k), file="3.pt")
bare("pt_openai_v1", openai, lambda w: relu(w.pre(c=w.b_dec)), file="3.pt")
bare("pt_openai_relu", lambda w: {**openai(w), "activation": "ReLU", "activation_state_dict": {}}, lambda w: relu(w.pre(c=w.b_dec)),
     file="3.pt")
bare("pt_prisma", prisma, lambda w: relu(w.pre(layer_norm(w.x.astype("f8")), w.b_dec)), file="n_images_13.pt")
bare("pt_prisma_other_d", lambda w: prisma(w, d_model=7), lambda w: None, "d_model is 7", file="n_images_13.pt")
bare("pt_saev", saev("Relu"), lambda w: relu(w.pre()), file="sae.pt")
bare("pt_saev_topk", saev("TopK", top_k="k"), lambda w: topk(w.pre(), w.k), file="sae.pt")
bare("pt_saev_other", saev("BatchTopK", top_k="k"), lambda w: None, "architecture 'BatchTopK'", file="sae.pt")
bare("pt_views", views, lambda w: relu(w.pre(c=w.b_dec)), B_DEC, ["--b-dec", "subtract"], "x.pt")
bare("pt_plain_k", lambda w: {**w.standard, "k": w.k}, lambda w: topk(w.pre(), w.k), B_DEC, ["--b-dec", "ignore"], "x.pt")
bare("pt_qwen", lambda w: {**tracer(w), "W_dec": w.W_dec.T}, lambda w: topk(w.pre(), w.k), "--k K", ["--k", lambda w: str(w.k)],
     "layer3.sae.pt")
bare("pt_itda", lambda w: w.unit_rows, lambda w: pursuit(w.x.astype("f8"), w.unit_rows.astype("f8"), w.k, 0, True, np.abs, 1e-6),
     file="atoms.pt", cfg=lambda w: {"metadata.yaml": f"k: {w.k}\n", "atom_indices.pt": np.zeros((w.features, 2), "i8")})
bare("pt_goodfire",
     lambda w: {key.replace("coder.", "coder_linear."): x for key, x in w.linear(decoder_dot_bias=w.b_dec).items()},
     lambda w: relu(w.pre()), file="l19.pth")
bare("pt_mp_sae", lambda w: {"W": w.unit_rows}, lambda w: pursuit(w.x.astype("f8"), w.unit_rows.astype("f8"), 4 * w.d, 1.5),
     "--residual R", ["--residual", "1.5"], "ae.pt")
bare("pt_overcomplete", lambda w: {"dictionary._weights": w.unit_rows, "dictionary.multiplier": np.float32(0)},
     lambda w: pursuit(w.x.astype("f8"), w.unit_rows.astype("f8"), w.k, 0, True, lambda p: p), "--k K", ["--k", lambda w: str(w.k)],
     "ae.pt")
bare("pt_vsae", lambda w: {**w.linear(bias=w.b_dec), "k": np.int32(w.k), "var_encoder.weight": w.W_enc.T, "var_encoder.bias": w.b_enc},
     lambda w: topk(w.pre(c=w.b_dec), w.k), file="ae.pt")
bare("pt_vsae_alike", lambda w: {**w.linear(bias=w.b_dec), "var_encoder.weight": w.W_enc.T}, lambda w: None, "no k", file="ae.pt")
bare("pt_llamascopium", lambda w: {"state_dict": pt.OrderedDict(scopium(w))}, lambda w: above(w.pre(scaled(w)), w.threshold),
     cfg=lambda w: {"config.json": moss(hook_point_in="hook", sparsity_include_decoder_norm=False)}, file="sae.pt")
bare("pt_writesae", lambda w: {"model_state_dict": {"V_enc": w.W_enc[None], "V_dec": w.W_enc[None], "b_enc": w.b_enc}, "config": {"k": 3}},
     lambda w: None, "act-import", file="best.pt")


def write(name, files, states):
    for path, content in files.items():
        path = f"{name}/{path}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, str):
            open(path, "w").write(content)
        elif path.endswith(".json"):
            json.dump(content, open(path, "w"))
        elif path.endswith((".pt", ".pth")):
            line, thing = content if isinstance(content, tuple) else (None, content)
            pt.save(path, thing, before=b"" if line is None else json.dumps(line).encode() + b"\n")
        else:
            arrays.save(path, {key: np.asarray(x, x.dtype) for key, x in content.items()})
    np.save(f"{name}/states.npy", states)


def act_dump(name, operand, *args, leaks=False):
    return subprocess.run(["act-dump", "--quiet", "--hidden", f"{name}/states.npy", "--sae", operand, "--threads", "1", *args],
                          capture_output=True, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0" if leaks else ""})


def dense(stream):
    open("out", "wb").write(stream)
    (header, frames), = read("out")
    out = np.zeros((header["tokens"], header["features"]))
    for f in frames:
        for i, token in enumerate(f["token"]):
            its = slice(f["indptr"][i], f["indptr"][i + 1])
            assert (np.diff(f["feature"][its].astype(int)) > 0).all() and (f["value"][its] > 0).all()
            out[token, f["feature"][its]] = f["value"][its]
    return header, out


def compare(name, w):
    files, wanted, rest = EXAMPLES[name](w)
    states = rest.get("states")
    write(name, files, w.x if states is None else states)
    operand = f"{name}/{rest['operand']}" if rest.get("operand") else name
    done = act_dump(name, operand, leaks=bool(rest.get("asks")))         # what fails ends at once
    if rest.get("asks"):
        line = done.stderr.decode()
        assert done.returncode == 1 and line.count("\n") == 1 and rest["asks"] in line, (name, done.returncode, line)
        if wanted is None:
            return None
        done = act_dump(name, operand, *rest["args"])
    assert done.returncode == 0, (name, done.stderr.decode())
    header, found = dense(done.stdout)
    if "signed" in header:
        assert (wanted < 0).any() or "overcomplete" in name
        wanted = np.hstack([relu(wanted), relu(-wanted)])
    assert found.shape == wanted.shape, (name, found.shape, wanted.shape)
    error = np.abs(found - wanted).max() / np.abs(wanted).max()
    assert error < 1e-5, (name, error, ((found > 0) != (wanted > 0)).sum())
    return header["encoder"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--d", type=int, default=24)
    arguments.add_argument("--features", type=int, default=96)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--integers", action="store_true", help="small ones: many are equal")
    given = arguments.parse_args()
    for name in given.names or EXAMPLES:
        encoder = compare(name, Weights(given.d, given.features, given.seed, given.integers))
        if encoder:
            print(encoder)


if __name__ == "__main__":
    main()
