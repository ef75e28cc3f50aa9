#!/usr/bin/env python3
"""States of the model on text that the sample does not hold, for the benches; or of its second training.

  python3 states.py --out DIR --dest DEST [--model B]     writes NAME_L1..6.npy to DEST

Of model A: `other`, 64 sequences of seed 303, as many as the sample; and `unseen`, the 512 held-out
ones.  Of model B: `second`, the sample's own text.
"""
import argparse
import os

import numpy as np
import torch

import sae
import text
import train

SETS = {'A': {'other': (303, 64), 'unseen': (202, 512)}, 'B': {'second': (101, 64)}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', required=True)
    parser.add_argument('--dest', required=True)
    parser.add_argument('--model', default='A')
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(args.dest, exist_ok=True)
    P = train.load(f'{args.out}/model_{args.model}.npz')
    if args.model == 'A':
        sample = np.load('../hidden_L6.npy').astype(np.float32)
        apart = np.abs(sae.states(P, np.load('../tokens.npy'))[-1].numpy() - sample)
        print(f'the sample: {(apart < 0.01).mean():.4f} of the states of layer 6 within .01')
    for name, (seed, n) in SETS[args.model].items():
        for l, h in enumerate(sae.states(P, text.make(seed, n, False)[0]), 1):
            np.save(f'{args.dest}/{name}_L{l}.npy', h.numpy().astype(np.float16))


if __name__ == '__main__':
    main()
