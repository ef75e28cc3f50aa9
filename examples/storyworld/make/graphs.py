#!/usr/bin/env python3
"""Attribution graphs (the JSON of Neuronpedia and circuit-tracer) through the SAEs of model A.

Residual SAEs after each layer cut the network into layers.  Held fixed for one prompt: attention
patterns, both norms' denominators of each layer, ReLU gates, the final norm's denominator.  Then
layer l -> l+1 is exactly linear, and the pre-activation of a feature at l+1 is the sum of its
in-edges (features of l and reconstruction error of l, each by position) and of two bias terms
(b_dec of layer l carried through the layer, and b_enc).  This sum is checked on every graph.
An edge is  act_u * (W_dec_u . J^T w_d),  J the frozen layer, w_d the encoder column of d.

  python3 graphs.py --out DIR     writes graphs/ (node threshold 0.8), graphs_wide/ (0.98), copies
                                  without labels in blind/, blind_wide/, and truth_supernodes.json
"""
import argparse
import json
import os

import numpy as np
import torch

import sae
import text
import train

LAYERS = train.LAYERS
MAX_LOGITS, LOGIT_MASS = 10, .95
EDGE_THRESHOLD = .98
SETS = {'graphs': ('blind', .8), 'graphs_wide': ('blind_wide', .98)}  # copies, node threshold


# ---------------------------------------------------------------- attribution

def trace(P, tokens):
    """States [T, D] after 0..LAYERS layers, what to freeze in each layer, and in the final norm."""
    x = P['embed'][torch.tensor(tokens)][None]
    states, frozen = [x], []
    for l in range(LAYERS):
        frozen.append({})
        states.append(train.block(P, l, states[-1], cache=frozen[-1]))
    return [h[0] for h in states], frozen, train.rms(states[-1])


def top_logits(logits):
    """The likeliest words: as few as hold LOGIT_MASS, at most MAX_LOGITS; and all probabilities."""
    prob = logits.softmax(-1)
    words = prob.argsort(descending=True)[:MAX_LOGITS]
    n = int((prob[words].cumsum(0) < LOGIT_MASS).sum()) + 1
    return words[:n], prob


def feature_nodes(S, layer, x):
    """Active features of states x [T, D]: their nodes, and what each adds to its position."""
    f = sae.encode(S, x)
    nodes, vectors = [], []
    for p, i in f.nonzero():
        act = f[p, i]
        nodes.append(dict(kind='feature', layer=layer, pos=int(p), feature=int(i), act=float(act)))
        vectors.append(act * S['W_dec'][i])
    return nodes, vectors


def collect(SAE, tokens, states, words, prob):
    """All nodes (features, errors, embeddings, logits) and the vector of each but the logits."""
    T = len(tokens)
    nodes, vectors = [], []
    for l, S in SAE.items():
        more, their = feature_nodes(S, l, states[l])
        nodes += more
        vectors += their
    for l, S in SAE.items():
        nodes += [dict(kind='error', layer=l, pos=p) for p in range(T)]
        vectors += list(states[l] - sae.decode(S, sae.encode(S, states[l])))
    nodes += [dict(kind='embedding', layer=0, pos=p, feature=tokens[p]) for p in range(T)]
    vectors += list(states[0])
    nodes += [dict(kind='logit', layer=LAYERS + 1, pos=T - 1, feature=int(v), prob=float(prob[v]))
              for v in words]
    return nodes, vectors


def spread_out(nodes, vectors, sources, T, bias):
    """One input [T, D] for each source, its vector at its position; the last one is the bias."""
    out = torch.zeros(len(sources) + 1, T, train.D)
    for row, n in enumerate(sources):
        out[row, nodes[n]['pos']] = vectors[n]
    if bias is not None:
        out[-1] = bias
    return out


@torch.no_grad()
def attribute(P, SAE, tokens):
    """One prompt: nodes, adj[target, source], and for the check of each feature and logit node
    |sum of its in-edges and biases - its value| and |its value|."""
    states, frozen, final_rms = trace(P, tokens)
    logits = train.unembed(P, states[-1], final_rms)[0, -1]
    words, prob = top_logits(logits)
    nodes, vectors = collect(SAE, tokens, states, words, prob)
    adj = np.zeros((len(nodes), len(nodes)))
    gap, size = [], []
    for l in range(LAYERS + 1):
        sources = [i for i, n in enumerate(nodes) if n['layer'] == l]
        targets = [i for i, n in enumerate(nodes) if n['layer'] == l + 1 and n['kind'] != 'error']
        bias = SAE[l]['b_dec'] if l > 0 else None
        x = spread_out(nodes, vectors, sources, len(tokens), bias)
        if l < LAYERS:
            S = SAE[l + 1]
            out = train.block(P, l, x, frozen=frozen[l])
            for t in targets:
                i = nodes[t]['feature']
                edges = (out[:, nodes[t]['pos']] @ S['W_enc'][:, i]).numpy()
                adj[t, sources] = edges[:-1]
                gap.append(abs(edges.sum() + float(S['b_enc'][i]) - nodes[t]['act']))
                size.append(abs(nodes[t]['act']))
        else:
            out = train.unembed(P, x, final_rms)
            edges = (out - out.mean(-1, keepdim=True))[:, -1, words]
            value = (logits - logits.mean())[words]
            adj[np.ix_(targets, sources)] = edges[:-1].numpy().T
            gap += list((edges.sum(0) - value).abs().numpy())
            size += list(value.abs().numpy())
    return nodes, adj, np.array(gap), np.array(size)


# ---------------------------------------------------------------- pruning, after circuit-tracer

def norm(adj):
    """Each target's in-edges as shares of their absolute sum."""
    adj = np.abs(adj)
    return adj / np.maximum(adj.sum(1, keepdims=True), 1e-10)


def influence(A, weight):
    """Of every node on the weighted outputs, over all paths: w A + w A^2 + ..."""
    step = weight @ A
    total = step
    while np.abs(step).sum() > 1e-12:
        step = step @ A
        total = total + step
    return total


def logit_weights(nodes):
    """Probability of logit nodes, 0 for the others."""
    return np.array([n.get('prob', 0) for n in nodes])


def kinds(nodes):
    return np.array([n['kind'] for n in nodes])


def share_cut(v, share):
    """The value at which the largest entries of v reach that share of the sum."""
    v = np.sort(v.ravel())[::-1]
    c = np.cumsum(v) / v.sum()
    return v[min(int(np.searchsorted(c, share)), len(v) - 1)]


def cumulative(v):
    """For each entry, the share of the sum held by it and all larger ones."""
    order = np.argsort(-v)
    out = np.empty(len(v))
    out[order] = np.cumsum(v[order]) / v.sum()
    return out


def prune(nodes, adj, infl, node_threshold):
    """Nodes and edges (bool) that hold their shares of the influence, without dangling nodes."""
    kind, weight = kinds(nodes), logit_weights(nodes)
    fixed = (kind == 'logit') | (kind == 'embedding')
    keep = (infl >= share_cut(infl, node_threshold)) | fixed
    adj = adj * keep[:, None] * keep[None]
    A = norm(adj)
    score = A * (influence(A, weight) + weight)[:, None]
    edge = (score >= share_cut(score, EDGE_THRESHOLD)) & (adj != 0)
    while True:
        edge = edge & keep[:, None] & keep[None]
        fed = (kind == 'error') | edge.any(1)
        still = keep & (fixed | (edge.any(0) & fed))
        if (still == keep).all():
            return keep, edge
        keep = still


def scores(nodes, adj, infl):
    """circuit-tracer's two: influence that ends in embeddings, not errors; inputs not errors."""
    kind = kinds(nodes)
    embedding, error = infl[kind == 'embedding'].sum(), infl[kind == 'error'].sum()
    explained = 1 - norm(adj)[:, kind == 'error'].sum(1)
    output = infl + logit_weights(nodes)
    return dict(
        replacement=round(float(embedding / (embedding + error)), 4),
        completeness=round(float((explained * output).sum() / output.sum()), 4))


# ---------------------------------------------------------------- JSON

def describe(row):
    """A feature's clerp: the better of its two labels."""
    if row['f1'] >= row['f1_half']:
        return '%s (F1 %.2f)' % (row['label'], row['f1'])
    return '%s (strong, F1 %.2f)' % (row['label_half'], row['f1_half'])


def json_node(n, words, labels):
    """One node in the viewers' form; `influence` and the target mark are set by to_json."""
    l, p, f = n['layer'], n['pos'], n.get('feature')
    name, layer = f'{l}_{f}_{p}', str(l)
    if n['kind'] == 'feature':
        kind = 'cross layer transcoder'
        js_id, clerp = f'{l}_{f}-0', describe(labels[l, f])
    elif n['kind'] == 'error':
        kind = 'mlp reconstruction error'
        name, js_id, clerp = f'0_{l}_{p}', f'{l}_{p}-0', f'Err: layer {l} "{words[p]}"'
        f = -1
    elif n['kind'] == 'embedding':
        kind, layer = 'embedding', 'E'
        name, js_id, clerp = f'E_{f}_{p}', f'E_{f}-{p}', f'Emb: "{words[p]}"'
        f = p
    else:
        kind = 'logit'
        js_id, clerp = f'L_{f}-{p}', 'Output "%s" (p=%.3f)' % (text.VOCAB[f], n['prob'])
    return dict(
        node_id=name, feature=f, layer=layer, ctx_idx=p, feature_type=kind,
        token_prob=n.get('prob', 0.0), is_target_logit=False, run_idx=0, reverse_ctx_idx=0,
        jsNodeId=js_id, clerp=clerp, influence=None,
        activation=round(n['act'], 6) if 'act' in n else None)


def pinned(nodes, keep, infl, js, count=12):
    """Ids of the most influential features and embeddings, and of the target logit."""
    order = [i for i in np.argsort(-infl)
             if keep[i] and nodes[i]['kind'] in ('feature', 'embedding')]
    target = [n['node_id'] for n in js.values() if n['is_target_logit']]
    return [js[i]['node_id'] for i in order[:count]] + target


def metadata(slug, words, node_threshold):
    info = dict(
        description='residual-stream TopK (k=8) SAEs, seed 0; edges join consecutive layers only',
        creator_name='storyworld', generator=dict(name='storyworld graphs.py', version='1'))
    return dict(
        slug=slug, scan='storyworld-A', transcoder_list=[], prompt_tokens=words,
        prompt=' '.join(words), node_threshold=node_threshold, schema_version=1, info=info,
        generation_settings=dict(max_n_logits=MAX_LOGITS, desired_logit_prob=LOGIT_MASS),
        pruning_settings=dict(node_threshold=node_threshold, edge_threshold=EDGE_THRESHOLD))


def to_json(slug, tokens, nodes, adj, keep, edge, infl, labels, node_threshold):
    """The pruned graph as a dict to be dumped."""
    words = [text.VOCAB[t] for t in tokens]
    held = cumulative(infl)
    js = {i: json_node(n, words, labels) for i, n in enumerate(nodes) if keep[i]}
    logits = [i for i in js if nodes[i]['kind'] == 'logit']
    js[logits[0]]['is_target_logit'] = True
    for i in js:
        if i not in logits:
            js[i]['influence'] = round(float(held[i]), 6)
    links = [dict(source=js[s]['node_id'], target=js[t]['node_id'],
                  weight=float('%.5g' % adj[t, s])) for t, s in zip(*edge.nonzero())]
    view = dict(linkType='both', pinnedIds=pinned(nodes, keep, infl, js), clickedId='',
                supernodes=[], sg_pos='')
    return dict(metadata=metadata(slug, words, node_threshold), qParams=view,
                nodes=list(js.values()), links=links)


def write(graph, folder):
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{graph['metadata']['slug']}.json", 'w') as f:
        json.dump(graph, f)


def blind(graph):
    """The graph without labels and pins."""
    nodes = [dict(n, clerp='') for n in graph['nodes']]
    return dict(graph, qParams=dict(graph['qParams'], pinnedIds=[]), nodes=nodes)


def true_groups(nodes, keep, labels, token_labels, strong):
    """{'label @ role of the position': node ids} of the features with a label of F1 >= 0.7.

    With strong, the labels of strong activations, and only nodes with one."""
    half = '_half' if strong else ''
    groups = {}
    for n, kept in zip(nodes, keep):
        if not kept or n['kind'] != 'feature':
            continue
        row = labels[n['layer'], n['feature']]
        if row['f1' + half] < .7 or (strong and n['act'] <= row['cut_half']):
            continue
        role = next(x[5:] for x in token_labels[n['pos']] if x.startswith('role='))
        name = row['label' + half].split('@')[0] + ' @ ' + role
        groups.setdefault(name, []).append('%d_%d_%d' % (n['layer'], n['feature'], n['pos']))
    return groups


# ---------------------------------------------------------------- the prompts

def chosen():
    """12 prompts: (slug, template, latents)."""
    out = []
    for city in text.TWO_HOP[3:24:7] + text.HELD_CITIES[:2]:
        out.append((f'twohop-{text.CITIES[city]}', text.two_hop, city))
    for a, b in ((3, 4), (6, 9), (8, 5)):
        out.append((f'add-{text.NUMBERS[a]}-{text.NUMBERS[b]}', text.addition, (a, b)))
    for languages in ((0, 0), (1, 1), (0, 1), (1, 0)):  # of the word, of the frame
        pair, side, word, frame = next(c for c in text.OPPOSITES if c[2:] == languages)
        name = text.ADJ[pair][side + 2 * word]
        slug = f"opposite-{name}-{('en', 'es')[frame]}"
        out.append((slug, text.opposite, (pair, side, word, frame)))
    return out


def check(gap, size, rng):
    """Residues of up to 200 nodes drawn at random."""
    pick = rng.choice(len(gap), min(200, len(gap)), replace=False)
    return dict(
        check_max_abs=float(gap[pick].max()),
        check_max_rel=float((gap / np.maximum(size, 1e-3))[pick].max()),
        checked=len(pick))


def error_share(nodes, adj):
    """Mean over targets of the errors' share of the absolute in-edges."""
    A = np.abs(adj)
    A = A[A.sum(1) > 0]
    return round(float((A[:, kinds(nodes) == 'error'].sum(1) / A.sum(1)).mean()), 4)


def one_prompt(P, SAE, labels, out, prompt, truth, rng):
    """Writes the graphs of one prompt, adds to truth, returns a report."""
    slug, template, latents = prompt
    tokens, answer, token_labels = text.prompt(template, latents)
    nodes, adj, gap, size = attribute(P, SAE, tokens)
    infl = influence(norm(adj), logit_weights(nodes))
    top = max((n for n in nodes if n['kind'] == 'logit'), key=lambda n: n['prob'])
    row = dict(slug=slug, tokens=len(tokens), nodes_all=len(nodes), answer=text.VOCAB[answer],
               top=text.VOCAB[top['feature']], p=round(top['prob'], 4))
    row.update(check(gap, size, rng))
    row['error_share_of_in_edges'] = error_share(nodes, adj)
    row.update(scores(nodes, adj, infl))
    for name, (blind_name, threshold) in SETS.items():
        keep, edge = prune(nodes, adj, infl, threshold)
        graph = to_json(slug, tokens, nodes, adj, keep, edge, infl, labels, threshold)
        write(graph, f'{out}/{name}')
        write(blind(graph), f'{out}/{blind_name}')
        kept = kinds(nodes)[keep]
        counts = {kind: int((kept == kind).sum()) for kind in sorted(set(kept))}
        row[name] = dict(nodes=int(keep.sum()), links=int(edge.sum()), kinds=counts)
        truth[name][slug] = dict(answer=text.VOCAB[answer])
        for how, key in (('any', 'supernodes'), ('strong', 'supernodes_strong')):
            groups = true_groups(nodes, keep, labels, token_labels, how == 'strong')
            truth[name][slug][key] = [[x] + ids for x, ids in sorted(groups.items())]
            row[name][how] = dict(
                groups=len(groups), nodes=sum(len(ids) for ids in groups.values()),
                groups_ge_2=sum(len(ids) > 1 for ids in groups.values()))
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', required=True)
    out = parser.parse_args().out
    torch.set_num_threads(1)
    P = train.load(f'{out}/model_A.npz')
    SAE = sae.load_all(out, 'A', 0)
    labels = sae.read_labels(f'{out}/feature_labels_A0.tsv')
    rng = np.random.default_rng(0)
    truth = {name: {} for name in SETS}
    report = []
    for prompt in chosen():
        report.append(one_prompt(P, SAE, labels, out, prompt, truth, rng))
        print(json.dumps(report[-1]), flush=True)
    for name, content in (('truth_supernodes', truth), ('graphs', report)):
        with open(f'{out}/{name}.json', 'w') as f:
            json.dump(content, f, indent=1)


if __name__ == '__main__':
    main()
