#!/usr/bin/env python3
"""Train TopK sparse autoencoders on the residual stream, measure them, label their features.

The inference form, which is exported and measured (K = 8 features a token):
    pre = x W_enc + b_enc;  f = relu(pre) on the K largest pre of the token, else 0
    x' = f W_dec + b_dec
TopK and not JumpReLU: a few words ('.', <bos>, 'de') have states up to 7 times longer than the
rest, and one absolute threshold a feature then spends most of the active features on them.
`threshold` in params.npz is NOT part of the inference: it is the 5th percentile of each feature's
positive activations, for rules that need a scale of a feature (folded matching).
Weights are rounded to values that float16 can hold before anything is measured.

  python3 sae.py --out DIR --model A --seed 0     writes sae_A_L1..6_s0/, feature_labels_A0.tsv
"""
import argparse
import json
import os
import struct

import numpy as np
import torch

import text
import train

FEATURES, K = 512, 8


# ---------------------------------------------------------------- states, codes

@torch.no_grad()
def states(P, tokens):
    """States after each layer on tokens [B, T]: a list of LAYERS tensors [B * T, D]."""
    hs = [train.residuals(P, x)[1:] for x in train.batches(tokens, 128)]
    return [torch.cat([h[l].reshape(-1, train.D) for h in hs]) for l in range(train.LAYERS)]


def topk(pre):
    """relu of the K largest entries of each row, 0 elsewhere (entries tied with the K-th stay)."""
    return torch.relu(pre) * (pre >= pre.topk(K, dim=-1)[0][..., -1:])


def encode(S, x):
    return topk(x @ S['W_enc'] + S['b_enc'])


def decode(S, f):
    return f @ S['W_dec'] + S['b_dec']


def jump(S, x):
    """The codes if `threshold` were a JumpReLU's: for comparison only."""
    pre = x @ S['W_enc'] + S['b_enc']
    return pre * ((pre > S['threshold']) & (S['threshold'] > 0))


def percentiles(f, q):
    """The q-th percentile of each feature's positive activations f [N, FEATURES]; 0 if none."""
    return [np.percentile(c[c > 0], q) if (c > 0).any() else 0 for c in f.T]


# ---------------------------------------------------------------- training

def scaling(X):
    """Centre of the states, a factor giving a typical state unit variance, token weights.

    So weighted, no token's squared error counts for more than the median token's could."""
    norm2 = (X - X.median(0)[0]).pow(2).sum(1)
    typical = norm2.median()
    w = (typical / norm2).clamp(max=1.)
    mean = (w[:, None] * X).sum(0) / w.sum()
    return mean, (X.shape[1] / typical).sqrt(), w


def restart(par, opt, dead, x, w, r, g):
    """Points dead features at inputs with a large weighted error r = reconstruction - x."""
    We, Wd, be, bd = par
    e = -r[torch.multinomial(w * r.pow(2).sum(1), min(len(dead), len(x)), generator=g)]
    dead = dead[:len(e)]
    e = e / e.norm(dim=1, keepdim=True)
    Wd[dead] = e
    We[:, dead] = e.t()
    be[dead] = -(bd @ e.t())
    for moment in ('exp_avg', 'exp_avg_sq'):
        opt.state[We][moment][:, dead] = 0
        opt.state[Wd][moment][dead] = 0
        opt.state[be][moment][dead] = 0


def fit(X, seed, steps, batch=1024, lr=2e-3):
    """Trains one SAE on states X [N, D]; returns its arrays at the scale of X.

    Decoder rows have unit norm (in scaled units) for 2/3 of the training, then are free."""
    g = torch.Generator().manual_seed(seed)
    mean, scale, weight = scaling(X)
    Xs, mean = X * scale, mean * scale
    start = Xs[torch.randint(len(X), (FEATURES,), generator=g)] - mean
    start = start + .3 * torch.randn(FEATURES, X.shape[1], generator=g)
    Wd = start / start.norm(dim=1, keepdim=True)
    We = Wd.t().clone()
    be = -(mean @ We)
    bd = mean.clone()
    par = [We, Wd, be, bd]
    for p in par:
        p.requires_grad_()
    opt = torch.optim.Adam(par, lr=lr, betas=(.9, .99), foreach=True)
    seen = torch.zeros(FEATURES)
    for step in range(steps):
        opt.param_groups[0]['lr'] = train.rate(lr, step, steps, 50, .05)
        pick = torch.randint(len(X), (batch,), generator=g)
        x, w = Xs[pick], weight[pick]
        f = topk(x @ We + be)
        r = f @ Wd + bd - x
        loss = (w * r.pow(2).sum(1)).mean()
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        with torch.no_grad():
            if step < steps * 2 // 3:
                Wd /= Wd.norm(dim=1, keepdim=True)
            seen += (f > 0).sum(0)
            if step % 100 == 99:
                dead = (seen == 0).nonzero()[:, 0]
                seen.zero_()
                if len(dead) and step < .75 * steps:
                    restart(par, opt, dead, x, w, r, g)
    return rounded(dict(W_enc=We * scale, W_dec=Wd / scale, b_enc=be, b_dec=bd / scale), X)


def rounded(weights, X):
    """float32 arrays that float16 can hold, with the descriptive threshold."""
    out = {}
    for name, w in weights.items():
        out[name] = w.detach().numpy().astype(np.float16).astype(np.float32)
    S = {name: torch.from_numpy(w) for name, w in out.items()}
    low = percentiles(encode(S, X[:65536]).numpy(), 5)
    out['threshold'] = np.array(low, np.float16).astype(np.float32)
    return out


# ---------------------------------------------------------------- files

def load(path):
    """params.npz as float32 tensors."""
    return {name: torch.from_numpy(w.astype(np.float32)) for name, w in np.load(path).items()}


def load_all(out, model, seed):
    """{layer: SAE}, layers from 1."""
    return {l: load(f'{out}/sae_{model}_L{l}_s{seed}/params.npz')
            for l in range(1, train.LAYERS + 1)}


def save_safetensors(path, arrays):
    """Length of the header, JSON header padded to 8 bytes, then the arrays' bytes."""
    code = {'float32': 'F32', 'float16': 'F16'}
    head, at = {}, 0
    for name, w in arrays.items():
        head[name] = dict(dtype=code[str(w.dtype)], shape=list(w.shape),
                          data_offsets=[at, at + w.nbytes])
        at += w.nbytes
    head = json.dumps(head).encode()
    head += b' ' * (-len(head) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(head)) + head)
        for w in arrays.values():
            f.write(np.ascontiguousarray(w).tobytes())


def export(arrays, folder, model, layer, seed, dtype=np.float32, safetensors=True):
    """Writes params.npz, cfg.json and, if wanted, the same weights as sae_weights.safetensors."""
    os.makedirs(folder, exist_ok=True)
    arrays = {name: np.asarray(w).astype(dtype) for name, w in arrays.items()}
    np.savez(folder + '/params.npz', **arrays, k=np.int32(K))
    if safetensors:
        del arrays['threshold']
        save_safetensors(folder + '/sae_weights.safetensors', arrays)
    metadata = dict(
        model_name='storyworld-' + model, hook_name=f'blocks.{layer - 1}.hook_resid_post',
        hook_layer=layer - 1, context_size=text.T, seed=seed)
    cfg = dict(
        architecture='topk', k=K, rescale_acts_by_decoder_norm=False, d_in=train.D,
        d_sae=FEATURES, dtype=str(np.dtype(dtype)), device='cpu', apply_b_dec_to_input=False,
        normalize_activations='none', reshape_activations='none', metadata=metadata)
    with open(folder + '/cfg.json', 'w') as f:
        json.dump(cfg, f, indent=1)


# ---------------------------------------------------------------- labels

def with_roles(labels):
    """Adds 'label@role' for concepts and sentence latents: digit=3@addend1, ctx:sum=7@ask."""
    skip = ('role=', 'slot=', 'tok=', 'class=', 'lang=', 'next:', 'ctx:lang')
    roles = [label[5:] for label in labels if label.startswith('role=')]
    return labels + [f'{label}@{role}' for role in roles
                     for label in labels if not label.startswith(skip)]


KINDS = ('concept', 'class', 'slot', 'role', 'ctx', 'next', 'next:class', 'tok', 'next:tok', 'lang')


def rank(label):
    """Sorts labels, most telling kind first."""
    kind = label.split('=')[0]
    if kind not in KINDS:
        kind = kind.split(':')[0] if ':' in kind else 'concept'
    return '@' in label, KINDS.index(kind), label


def label_matrix(labels):
    """Label names (most telling first: ties go to them) and a 0/1 matrix [N, names]."""
    labels = [with_roles(row) for row in labels]
    names = sorted({label for row in labels for label in row}, key=rank)
    column = {name: i for i, name in enumerate(names)}
    M = np.zeros((len(labels), len(names)), np.float32)
    for i, row in enumerate(labels):
        M[i, [column[label] for label in row]] = 1
    return names, M


def f1_matrix(on, M):
    """F1 of each feature with each label: on [N, features] bool, M [N, labels] 0/1."""
    on = on.astype(np.float32)
    return 2 * (on.T @ M) / np.maximum(on.sum(0)[:, None] + M.sum(0)[None], 1)


def best_labels(on, names, M):
    """For each feature its best label ('' if never on), the F1 and how often the feature is on."""
    f1 = f1_matrix(on, M)
    best = f1.argmax(1)
    n = on.sum(0)
    return [names[b] if k else '' for b, k in zip(best, n)], f1.max(1), n


def half_cut(f):
    """Half of the 99th percentile of each feature's positive activations."""
    return np.array([.5 * p for p in percentiles(f, 99)], np.float32)


def read_labels(path):
    """{(layer, feature): dict of label, f1, label_half, f1_half, cut_half}"""
    with open(path) as f:
        header, *lines = [line.rstrip('\n').split('\t') for line in f]
    out = {}
    for line in lines:
        row = dict(zip(header, line))
        for name in ('f1', 'f1_half', 'cut_half'):
            row[name] = float(row[name])
        out[int(row['layer']), int(row['feature'])] = row
    return out


# ---------------------------------------------------------------- measuring

HEADER = ('layer', 'seed', 'feature', 'label', 'f1', 'n_active', 'dead',
          'label_half', 'f1_half', 'n_half', 'cut_half')


def label_features(f, names, M):
    """Columns label to cut_half of the label table for codes f [N, FEATURES]."""
    label, f1, n = best_labels(f > 0, names, M)
    cut = half_cut(f)
    label_half, f1_half, n_half = best_labels(f > cut, names, M)
    return dict(label=label, f1=f1, n_active=n, dead=n == 0,
                label_half=label_half, f1_half=f1_half, n_half=n_half, cut_half=cut)


def write_labels(file, layer, seed, t):
    """One line a feature of the table t."""
    for i in range(FEATURES):
        row = ['%d' % layer, '%d' % seed, '%d' % i,
               t['label'][i], '%.4f' % t['f1'][i], '%d' % t['n_active'][i], '%d' % t['dead'][i],
               t['label_half'][i], '%.4f' % t['f1_half'][i], '%d' % t['n_half'][i],
               '%.5g' % t['cut_half'][i]]
        file.write('\t'.join(row) + '\n')


@torch.no_grad()
def patched_loss(P, tokens, layer, function):
    """Mean loss with the states after a layer replaced by a function of them."""
    out = [train.loss(P, x, patch=(layer, function)).item() for x in train.batches(tokens)]
    return float(np.mean(out))


def spread(v):
    return [float(v.min()), float(v.median()), float(v.max())]


def measure(P, S, layer, tokens, x, base, t):
    """Quality of one SAE: tokens [B, T], their states x [N, D], unpatched loss, label table."""
    f = encode(S, x)
    err = x - decode(S, f)
    alive = t['n_active'] > 0
    f1, strong = t['f1'][alive], t['f1_half']
    spliced = patched_loss(P, tokens, layer, lambda h: decode(S, encode(S, h)))
    as_jump = patched_loss(P, tokens, layer, lambda h: decode(S, jump(S, h)))
    ablated = patched_loss(P, tokens, layer, torch.zeros_like)
    fvu_token = err.pow(2).sum(1) / (x - x.median(0)[0]).pow(2).sum(1)
    return dict(
        L0=float((f > 0).float().sum(1).mean()),
        FVU=float(err.pow(2).sum() / (x - x.mean(0)).pow(2).sum()),
        FVU_median_token=float(fvu_token.median()),
        dead=int((~alive).sum()), loss=base, spliced=spliced, zero_ablated=ablated,
        as_jumprelu=dict(L0=float((jump(S, x) > 0).float().sum(1).mean()), spliced=as_jump),
        recovered=(ablated - spliced) / (ablated - base),
        f1_median=float(np.median(f1)), f1_ge_0_7=int((f1 >= .7).sum()),
        f1_ge_0_9=int((f1 >= .9).sum()), f1_half_median=float(np.median(strong[alive])),
        f1_half_ge_0_7=int((strong >= .7).sum()),
        threshold=spread(S['threshold']), dec_norm=spread(S['W_dec'].norm(dim=1)))


def fit_all(P, args):
    """Trains and writes the SAEs of all layers."""
    X = states(P, text.make(5000, args.sequences, False)[0])
    for l in range(train.LAYERS):
        arrays = fit(X[l], 100 * args.seed + l, args.steps)
        folder = f'{args.out}/sae_{args.model}_L{l + 1}_s{args.seed}'
        export(arrays, folder, args.model, l + 1, args.seed)
        print('trained', folder, flush=True)


def measure_all(P, args):
    """Labels and measures the SAEs of all layers on the held-out text."""
    tokens, labels, _ = text.make(202, 512)
    names, M = label_matrix(labels)
    xs = states(P, tokens)
    base = float(train.losses(P, tokens).mean())
    report = []
    with open(f'{args.out}/feature_labels_{args.model}{args.seed}.tsv', 'w') as file:
        file.write('\t'.join(HEADER) + '\n')
        for layer, S in load_all(args.out, args.model, args.seed).items():
            x = xs[layer - 1]
            table = label_features(encode(S, x).numpy(), names, M)
            write_labels(file, layer, args.seed, table)
            row = dict(model=args.model, layer=layer, seed=args.seed)
            row.update(measure(P, S, layer, tokens, x, base, table))
            report.append(row)
            print(json.dumps(row), flush=True)
    with open(f'{args.out}/sae_{args.model}{args.seed}.json', 'w') as file:
        json.dump(report, file, indent=1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', required=True)
    parser.add_argument('--model', default='A')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--steps', type=int, default=2400)
    parser.add_argument('--sequences', type=int, default=5000, help='of the training text')
    parser.add_argument('--reuse', action='store_true', help='measure and label existing SAEs')
    args = parser.parse_args()
    torch.set_num_threads(1)
    P = train.load(f'{args.out}/model_{args.model}.npz')
    if not args.reuse:
        fit_all(P, args)
    measure_all(P, args)


if __name__ == '__main__':
    main()
