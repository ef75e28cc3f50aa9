#!/usr/bin/env python3
"""Lay out the sample from what the other scripts made, and check that every file opens.

  python3 pack.py --out DIR --dest DEST     writes the sample to DEST (over what is there)
"""
import argparse
import json
import os
import shutil
import struct

import numpy as np
import torch

import sae
import train

GRAPHS = {'twohop': 1, 'add': 1, 'opposite': 2}  # how many of each kind
SAFETENSORS = (1, 3, 6)                          # layers, seed 0; all would double the size


def labels(out, dest):
    """labels.tsv without the words, which tokens.npy gives."""
    with open(out + '/labels.tsv') as source, open(dest + '/labels.tsv', 'w') as f:
        for line in source:
            fields = line.rstrip('\n').split('\t')
            kept = [x for x in fields if not x.startswith(('tok=', 'next:tok='))]
            f.write('\t'.join(kept) + '\n')


def support_overlap(S, h, h16):
    """Jaccard index of the codes' supports from float32 and from float16 states."""
    on = sae.encode(S, h) > 0
    on16 = sae.encode(S, torch.from_numpy(h16.astype(np.float32))) > 0
    return float((on & on16).sum() / (on | on16).sum())


def hidden(out, dest):
    """hidden_L*.npy, float16."""
    P = train.load(f'{out}/model_A.npz')
    SAE = sae.load_all(out, 'A', 0)
    for l, h in enumerate(sae.states(P, np.load(f'{out}/tokens.npy')), 1):
        h16 = h.numpy().astype(np.float16)
        np.save(f'{dest}/hidden_L{l}.npy', h16)
        print(f'hidden_L{l}: same features from float16 as from float32 states, share '
              f'{support_overlap(SAE[l], h, h16):.5f}')


def saes(out, dest):
    """The SAEs of both seeds as float16, and their label tables in one."""
    tables = []
    for seed in (0, 1):
        for l in range(1, train.LAYERS + 1):
            arrays = dict(np.load(f'{out}/sae_A_L{l}_s{seed}/params.npz'))
            del arrays['k']
            sae.export(arrays, f'{dest}/sae_L{l}_s{seed}', 'A', l, seed, np.float16,
                       safetensors=seed == 0 and l in SAFETENSORS)
        with open(f'{out}/feature_labels_A{seed}.tsv') as f:
            tables.append(f.readlines())
    with open(dest + '/feature_labels.tsv', 'w') as f:
        f.writelines(tables[0] + tables[1][1:])


def graphs(out, dest):
    """Some of the wide graphs, and their groups."""
    os.makedirs(dest + '/graphs', exist_ok=True)
    with open(out + '/truth_supernodes.json') as f:
        truth = json.load(f)['graphs_wide']
    slugs = []
    for kind, n in GRAPHS.items():
        slugs += [slug for slug in truth if slug.startswith(kind)][:n]
    for slug in slugs:
        shutil.copy(f'{out}/graphs_wide/{slug}.json', dest + '/graphs')
    with open(dest + '/truth_supernodes.json', 'w') as f:
        json.dump({slug: truth[slug] for slug in sorted(slugs)}, f, indent=1)


def check_safetensors(path):
    """Sizes of the tensors against dtypes, shapes and the length of the file."""
    with open(path, 'rb') as f:
        data = f.read()
    n = struct.unpack('<Q', data[:8])[0]
    head = json.loads(data[8:8 + n])
    size = {'F16': 2, 'F32': 4}
    for t in head.values():
        start, end = t['data_offsets']
        assert end - start == size[t['dtype']] * np.prod(t['shape'])
    assert max(t['data_offsets'][1] for t in head.values()) + 8 + n == len(data)
    return f'{len(head)} tensors'


def check(path):
    """Opens a file, returns what it holds."""
    kind = path.split('.')[-1]
    if kind == 'npy':
        a = np.load(path)
        assert np.isfinite(a.astype(np.float64)).all()
        return f'{a.dtype}{list(a.shape)}'
    if kind == 'npz':
        arrays = np.load(path)
        assert all(np.isfinite(a.astype(np.float64)).all() for a in arrays.values())
        return f'{len(arrays)} arrays'
    if kind == 'safetensors':
        return check_safetensors(path)
    with open(path) as f:
        if kind == 'json':
            return f'{len(json.load(f))} entries'
        return f'{len(f.readlines())} lines'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', required=True)
    parser.add_argument('--dest', required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(args.dest, exist_ok=True)
    for name in ('vocab.txt', 'tokens.npy'):
        shutil.copy(f'{args.out}/{name}', args.dest)
    for part in (labels, hidden, saes, graphs):
        part(args.out, args.dest)
    total = 0
    for folder, _, names in sorted(os.walk(args.dest)):
        for name in sorted(names):
            path = os.path.join(folder, name)
            size = os.path.getsize(path)
            total += size
            print(os.path.relpath(path, args.dest), size, check(path))
    print('bytes', total)


if __name__ == '__main__':
    main()
