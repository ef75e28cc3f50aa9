#!/usr/bin/env python3
"""Do the graphs say what matters?  Each feature node is removed from the real network (its
act * W_dec is subtracted at its layer and position, everything downstream recomputed) and the
change of the top logit (minus the mean logit) is compared with the node's influence in the
unpruned graph.

  python3 causal.py --out DIR     writes causal.json and, for graph-score --effects,
                                  DIR/effects/SLUG.tsv
"""
import argparse
import json
import os

import numpy as np
import torch
from scipy.stats import spearmanr

import graphs
import sae
import text
import train


@torch.no_grad()
def effects(P, SAE, tokens, nodes, word):
    """Fall of the logit of `word` when a node is removed (NaN but for features), and the logit."""
    def logit(h):
        logits = train.unembed(P, h)[:, -1]
        return (logits[:, word] - logits.mean(-1)).numpy()

    hs = train.residuals(P, torch.tensor([tokens]))
    base = float(logit(hs[-1])[0])
    out = np.full(len(nodes), np.nan)
    for l, S in SAE.items():
        ix = [i for i, n in enumerate(nodes) if n['kind'] == 'feature' and n['layer'] == l]
        h = hs[l].repeat(len(ix), 1, 1)
        for row, i in enumerate(ix):
            n = nodes[i]
            h[row, n['pos']] -= n['act'] * S['W_dec'][n['feature']]
        for m in range(l, train.LAYERS):
            h = train.block(P, m, h)
        out[ix] = base - logit(h)
    return out, base


def compare(slug, infl, effect, base):
    """How well influence ranks the sizes of the effects."""
    size = np.abs(effect)
    removed = ~np.isnan(effect)
    used = np.flatnonzero(removed & (infl > 0))
    by_influence = used[np.argsort(-infl[used])[:20]]
    by_size = used[np.argsort(-size[used])[:20]]
    return dict(
        slug=slug, nodes=len(used), spearman=float(spearmanr(infl[used], size[used])[0]),
        top20_overlap=len(set(by_influence) & set(by_size)) / 20,
        effect_top20=float(size[by_influence].mean()), effect_all=float(size[used].mean()),
        effect_zero_influence=float(size[removed & (infl == 0)].max(initial=0)), logit=base)


def write_effects(path, nodes, word, effect):
    """Lines of node_ids: a feature, the logit of `word`, and what the feature adds to it."""
    def name(n):
        return f"{n['layer']}_{n['feature']}_{n['pos']}"
    to = next(name(n) for n in nodes if n['kind'] == 'logit' and n['feature'] == word)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write('source\ttarget\teffect\n')
        for n, x in zip(nodes, effect):
            if not np.isnan(x):
                f.write(f'{name(n)}\t{to}\t{x:.6g}\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', required=True)
    out = parser.parse_args().out
    torch.set_num_threads(1)
    P = train.load(f'{out}/model_A.npz')
    SAE = sae.load_all(out, 'A', 0)
    report = []
    for slug, template, latents in graphs.chosen():
        tokens = text.prompt(template, latents)[0]
        nodes, adj, _, _ = graphs.attribute(P, SAE, tokens)
        weight = graphs.logit_weights(nodes)
        infl = graphs.influence(graphs.norm(adj), weight)
        word = nodes[int(weight.argmax())]['feature']
        effect, base = effects(P, SAE, tokens, nodes, word)
        report.append(compare(slug, infl, effect, base))
        write_effects(f'{out}/effects/{slug}.tsv', nodes, word, effect)
        print(json.dumps(report[-1]), flush=True)
    print({k: round(float(np.mean([row[k] for row in report])), 3)
           for k in report[0] if k != 'slug'})
    with open(f'{out}/causal.json', 'w') as f:
        json.dump(report, f, indent=1)


if __name__ == '__main__':
    main()
