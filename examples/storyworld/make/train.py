#!/usr/bin/env python3
"""Train a small decoder-only transformer on storyworld text.

Pre-norm (RMSNorm with gain), rotary positions, ReLU MLP, no biases anywhere: with the attention
patterns, the norms' denominators and the ReLU gates held fixed every layer is an exactly linear
map of its input, which is what graphs.py relies on.

  python3 train.py --out DIR --name A --seed 1     writes model_A.npz, model_A.json
"""
import argparse
import json
import math
import time

import numpy as np
import torch
import torch.nn.functional as F

import text

LAYERS, D, HEADS, FF, V = 6, 128, 4, 512, len(text.VOCAB)
D_HEAD = D // HEADS


# ---------------------------------------------------------------- the network

def init(seed):
    """Fresh parameters {name: tensor}; matrices are [in, out]."""
    g = torch.Generator().manual_seed(seed)

    def normal(rows, columns, std):
        return torch.randn(rows, columns, generator=g) * std

    P = {}
    P['embed'] = normal(V, D, .5)
    P['norm_f'] = torch.ones(D)
    P['unembed'] = normal(D, V, D ** -.5 / 2)
    for l in range(LAYERS):
        P[f'{l}.norm_a'] = torch.ones(D)
        P[f'{l}.qkv'] = normal(D, 3 * D, D ** -.5)
        P[f'{l}.o'] = normal(D, D, D ** -.5 / 3)
        P[f'{l}.norm_m'] = torch.ones(D)
        P[f'{l}.up'] = normal(D, FF, (2 / D) ** .5)
        P[f'{l}.down'] = normal(FF, D, FF ** -.5 / 3)
    return P


def load(path):
    return {name: torch.from_numpy(w) for name, w in np.load(path).items()}


def rms(x):
    """Inverse root mean square of each state: [..., D] -> [..., 1]."""
    return (x.pow(2).mean(-1, keepdim=True) + 1e-6).rsqrt()


def rope(T):
    """Cosines and sines of the rotary positions, each [T, D_HEAD / 2]."""
    frequency = 100.0 ** (-torch.arange(0, D_HEAD, 2) / D_HEAD)
    angle = torch.arange(T)[:, None] * frequency[None]
    return torch.cos(angle).float(), torch.sin(angle).float()


COS, SIN = rope(text.T)


def rotate(x):
    """Rotary positions for queries or keys x [..., T, D_HEAD]."""
    c, s = COS[:x.shape[-2]], SIN[:x.shape[-2]]
    a, b = x.chunk(2, -1)
    return torch.cat([a * c - b * s, a * s + b * c], -1)


def attention(q, k):
    """Causal attention pattern [B, HEADS, T, T] of queries and keys [B, HEADS, T, D_HEAD]."""
    T = q.shape[-2]
    score = rotate(q) @ rotate(k).transpose(-1, -2) * D_HEAD ** -.5
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    return score.masked_fill(future, -1e9).softmax(-1)


def block(P, l, x, cache=None, frozen=None):
    """One layer, x [B, T, D] -> [B, T, D].

    The dict `cache` receives what can be held fixed; such a dict as `frozen` imposes it."""
    B, T, _ = x.shape
    ra = frozen['ra'] if frozen else rms(x)
    qkv = (x * ra * P[f'{l}.norm_a']) @ P[f'{l}.qkv']
    q, k, v = qkv.view(B, T, 3, HEADS, D_HEAD).permute(2, 0, 3, 1, 4)
    A = frozen['A'] if frozen else attention(q, k)
    x = x + (A @ v).transpose(1, 2).reshape(B, T, D) @ P[f'{l}.o']
    rm = frozen['rm'] if frozen else rms(x)
    h = (x * rm * P[f'{l}.norm_m']) @ P[f'{l}.up']
    h = h * frozen['gate'] if frozen else torch.relu(h)
    if cache is not None:
        cache.update(ra=ra, A=A, rm=rm, gate=(h > 0).float())
    return x + h @ P[f'{l}.down']


def unembed(P, x, r=None):
    """Logits of final states x; r is the norm's inverse denominator if held fixed."""
    if r is None:
        r = rms(x)
    return (x * r * P['norm_f']) @ P['unembed']


def residuals(P, tokens, patch=None):
    """States after 0..LAYERS layers, each [B, T, D]; patch=(layer, function) edits one of them."""
    hs = [P['embed'][tokens]]
    for l in range(LAYERS):
        x = block(P, l, hs[-1])
        if patch and patch[0] == l + 1:
            x = patch[1](x)
        hs.append(x)
    return hs


def forward(P, tokens, patch=None):
    """Logits [B, T, V]."""
    return unembed(P, residuals(P, tokens, patch)[-1])


def loss(P, x, patch=None, reduction='mean'):
    """Cross entropy of the next tokens of a batch x [B, T]."""
    logits = forward(P, x, patch)[:, :-1]
    return F.cross_entropy(logits.reshape(-1, V), x[:, 1:].reshape(-1), reduction=reduction)


def batches(tokens, size=64):
    return torch.from_numpy(tokens).long().split(size)


# ---------------------------------------------------------------- what it has learnt

def losses(P, tokens):
    """Loss of every token but the first, [B, T - 1]."""
    out = [loss(P, x, reduction='none').view(len(x), -1) for x in batches(tokens)]
    return torch.cat(out).numpy()


def accuracy(P, template, latents):
    """Share of the prompts of one skill whose answer has the largest logit."""
    prompts = [text.prompt(template, latent) for latent in latents]
    x = torch.tensor([tokens for tokens, _, _ in prompts])
    answers = torch.tensor([answer for _, answer, _ in prompts])
    return (forward(P, x)[:, -1].argmax(-1) == answers).float().mean().item()


def skills(P):
    """{skill: [accuracy, number of prompts]}"""
    return {name: [round(accuracy(P, *split), 4), len(split[1])]
            for name, split in text.SPLITS.items()}


@torch.no_grad()
def report(P):
    """Loss and accuracies on the held-out text."""
    tokens, _, nats = text.make(202, 512, False)
    out = {}
    out['heldout_loss'] = float(losses(P, tokens).mean())
    out['generator_entropy'] = float(nats[:, 1:].mean())
    predicted = [forward(P, x)[:, :-1].argmax(-1).numpy() for x in batches(tokens)]
    right = np.concatenate(predicted) == tokens[:, 1:]
    kind = np.array([text.INFO[word][0] for word in text.VOCAB])[tokens[:, 1:]]
    # Content words that the latents so far determine; function words also start other templates.
    determined = (nats[:, 1:] == 0) & (kind != 'func')
    out['determined_tokens'] = float(right[determined].mean())
    out['determined_by_class'] = {}
    for name in sorted(set(kind[determined])):
        of_kind = determined & (kind == name)
        share = round(float(right[of_kind].mean()), 4)
        out['determined_by_class'][name] = [share, int(of_kind.sum())]
    out['skills'] = skills(P)
    return out


# ---------------------------------------------------------------- training

def rate(lr, step, steps, warmup, floor):
    """Learning rate: linear warm-up to lr, then a cosine down to floor * lr."""
    wave = 0.5 * (1 + math.cos(math.pi * step / steps))
    return lr * min(1, (step + 1) / warmup) * (floor + (1 - floor) * wave)


def optimiser(P, lr):
    """AdamW; weight decay on the matrices except the embedding."""
    decayed = [w for name, w in P.items() if w.dim() == 2 and name != 'embed']
    others = [w for name, w in P.items() if w.dim() < 2 or name == 'embed']
    groups = [{'params': decayed, 'weight_decay': .1}, {'params': others, 'weight_decay': 0.}]
    return torch.optim.AdamW(groups, lr=lr, betas=(.9, .98), foreach=True)


def shuffled(pool, batch, seed):
    """Batches of the pool's sequences for ever, in a new order each epoch."""
    g = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(pool), generator=g)
        for at in range(0, len(pool) - batch + 1, batch):
            yield pool[order[at:at + batch]]


def train(name, seed, steps, batch, lr):
    """Trained parameters."""
    start = time.time()
    P = {k: w.requires_grad_() for k, w in init(seed).items()}
    opt = optimiser(P, lr)
    pool = torch.from_numpy(text.make(1000 + seed, 60000, False)[0]).long()
    stream = shuffled(pool, batch, seed)
    for step in range(steps):
        for group in opt.param_groups:
            group['lr'] = rate(lr, step, steps, 100, 0.02)
        error = loss(P, next(stream))
        opt.zero_grad(set_to_none=True)
        error.backward()
        torch.nn.utils.clip_grad_norm_(list(P.values()), 1.0)
        opt.step()
        if step % 100 == 99:
            seconds = time.time() - start
            print(f'{name} step {step + 1} loss {error.item():.4f} {seconds:.0f}s', flush=True)
    return {k: w.detach() for k, w in P.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', required=True)
    parser.add_argument('--name', default='A')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--steps', type=int, default=1800)
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--lr', type=float, default=2e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    start = time.time()
    P = train(args.name, args.seed, args.steps, args.batch, args.lr)
    np.savez(f'{args.out}/model_{args.name}.npz', **{k: w.numpy() for k, w in P.items()})
    out = report(P)
    out.update(seed=args.seed, steps=args.steps, batch=args.batch,
               seconds=round(time.time() - start),
               parameters=sum(w.numel() for w in P.values()))
    with open(f'{args.out}/model_{args.name}.json', 'w') as f:
        json.dump(out, f, indent=1)
    print(json.dumps(out, indent=1))


if __name__ == '__main__':
    main()
