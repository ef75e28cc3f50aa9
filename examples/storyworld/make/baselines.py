#!/usr/bin/env python3
"""How well do simple rules match features?  Distances from the 4096-token sample, one-to-one
assignment (Hungarian), scores on the held-out tokens.

  python3 baselines.py --out DIR     writes baselines.json: layer pairs of model A (seed 0), and
                                     its two SAE seeds at each layer
"""
import argparse
import json

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

import sae
import text
import train

MIN_ACTIVE = 5  # features active on fewer sample tokens are left out
GOOD = .7       # F1 from which a label counts
PAIRS = [((1, 0), (2, 0)), ((2, 0), (4, 0)), ((1, 0), (6, 0)), ((3, 0), (6, 0))]  # (layer, seed)
PAIRS += [((l, 0), (l, 1)) for l in range(1, train.LAYERS + 1)]


# ---------------------------------------------------------------- the rules

def corr(a, b):
    """Pearson correlations of the columns of a [N, n] and b [N, m]: [n, m]."""
    a, b = a - a.mean(0), b - b.mean(0)
    a /= np.maximum(np.linalg.norm(a, axis=0), 1e-12)
    b /= np.maximum(np.linalg.norm(b, axis=0), 1e-12)
    return a.T @ b


def squared_distance(a, b):
    """Between the rows of a and of b."""
    return (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T


def unit_rows(w):
    return w / np.maximum(np.linalg.norm(w, axis=1, keepdims=True), 1e-12)


def unit_states(h):
    """Centred, with one scale for the layer."""
    h = h - h.mean(0)
    return h / np.sqrt((h * h).mean())


def centroids(f, h):
    """Activation-weighted mean state of each feature: f [N, n], h [N, D] -> [n, D]."""
    return (f.T @ h) / np.maximum(f.sum(0), 1e-12)[:, None]


def folded(S):
    """Decoder rows times, and encoder columns over, the descriptive threshold."""
    dec = S['W_dec'] * S['threshold'][:, None]
    enc = (S['W_enc'] / np.maximum(S['threshold'], 1e-6)[None]).T
    return dec, enc


def costs(x, y, last, rng):
    """{rule: cost matrix} for two sides (see `side`); last: states after the last layer."""
    x_dec, x_enc = folded(x['S'])
    y_dec, y_enc = folded(y['S'])
    own = squared_distance(centroids(x['sample'], unit_states(x['states'])),
                           centroids(y['sample'], unit_states(y['states'])))
    lift = squared_distance(centroids(x['sample'], unit_states(last)),
                            centroids(y['sample'], unit_states(last)))
    return {
        'decoder cosine': -unit_rows(x['S']['W_dec']) @ unit_rows(y['S']['W_dec']).T,
        'folded MSE': squared_distance(x_dec, y_dec) + squared_distance(x_enc, y_enc),
        'centroid, own layer': own,
        'centroid, token lift': lift,
        'activation corr (sample)': -corr(x['sample'], y['sample']),
        'random': rng.random((sae.FEATURES, sae.FEATURES))}


# ---------------------------------------------------------------- scores

def side(S, labels, states, held, M):
    """What is known of one SAE; labels: its rows of the label table, by feature."""
    z = dict(
        S={name: w.numpy().astype(np.float64) for name, w in S.items()},
        states=states.numpy().astype(np.float64),
        sample=sae.encode(S, states).numpy().astype(np.float64),
        held=sae.encode(S, held).numpy().astype(np.float64),
        label=np.array([row['label'] for row in labels]),
        good=np.array([row['f1'] for row in labels]) >= GOOD,
        label_half=np.array([row['label_half'] for row in labels]),
        good_half=np.array([row['f1_half'] for row in labels]) >= GOOD)
    z['alive'] = np.flatnonzero((z['sample'] > 0).sum(0) >= MIN_ACTIVE)
    z['F1_half'] = sae.f1_matrix(z['held'] > sae.half_cut(z['held']), M)
    return z


def mean(v):
    return round(float(np.mean(v)), 4)


def score(x, y, p, q, C, column):
    """The matching p[i] -> q[i]; C: held-out correlations, column: {label: column of F1_half}."""
    both = x['good'][p] & y['good'][q]
    both_half = x['good_half'][p] & y['good_half'][q]
    half = x['good_half'][p]
    carried = [y['F1_half'][j, column[x['label_half'][i]]] >= .5 for i, j in zip(p[half], q[half])]
    return dict(
        corr=mean(C[p, q]), corr_gt_0_5=mean(C[p, q] > .5),
        same_label=mean((x['label'][p] == y['label'][q])[both]),
        both_labelled=int(both.sum()),
        same_label_strong=mean((x['label_half'][p] == y['label_half'][q])[both_half]),
        both_labelled_strong=int(both_half.sum()),
        label_carried=mean(carried), labelled_strong=int(half.sum()))


def compare(u, v, sides, last, column, rng):
    """All rules on one pair of SAEs u, v, each (layer, seed)."""
    x, y = sides[u], sides[v]
    ix, iy = x['alive'], y['alive']
    C = corr(x['held'], y['held'])
    labelled = ix[x['good'][ix]]
    there = set(y['label'][iy[y['good'][iy]]])
    row = dict(
        pair=f'L{u[0]}s{u[1]}-L{v[0]}s{v[1]}', alive=[len(ix), len(iy)], labelled=len(labelled),
        labelled_with_partner=sum(x['label'][i] in there for i in labelled), rules={})
    print(row['pair'], row['alive'], 'labelled', row['labelled'],
          'with partner', row['labelled_with_partner'])
    for rule, cost in costs(x, y, last, rng).items():
        p, q = linear_sum_assignment(cost[np.ix_(ix, iy)])
        r = score(x, y, ix[p], iy[q], C, column)
        row['rules'][rule] = r
        print('   %-26s corr %.3f   same label %.3f of %d   strong %.3f of %d   carried %.3f of %d'
              % (rule, r['corr'], r['same_label'], r['both_labelled'], r['same_label_strong'],
                 r['both_labelled_strong'], r['label_carried'], r['labelled_strong']), flush=True)
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', required=True)
    out = parser.parse_args().out
    torch.set_num_threads(1)
    names, M = sae.label_matrix(text.make(202, 512)[1])
    column = {name: i for i, name in enumerate(names)}
    P = train.load(f'{out}/model_A.npz')
    sample = sae.states(P, np.load(f'{out}/tokens.npy'))
    held = sae.states(P, np.load(f'{out}/heldout_tokens.npy'))
    sides = {}
    for seed in (0, 1):
        labels = sae.read_labels(f'{out}/feature_labels_A{seed}.tsv')
        for l, S in sae.load_all(out, 'A', seed).items():
            rows = [labels[l, i] for i in range(sae.FEATURES)]
            sides[l, seed] = side(S, rows, sample[l - 1], held[l - 1], M)
    last = sample[-1].numpy().astype(np.float64)
    rng = np.random.default_rng(0)
    report = [compare(u, v, sides, last, column, rng) for u, v in PAIRS]
    with open(f'{out}/baselines.json', 'w') as f:
        json.dump(report, f, indent=1)


if __name__ == '__main__':
    main()
