#!/usr/bin/env python3
"""Which token of B ends where each token of A ends: the rows that `couple --rows` and `refproj --rows` read.

    token_rows.py A.npy B.npy ROWS.npy [cover]

A and B are what two tokenizers say of one text, (tokens, 2): where each token begins and ends in it, as with Hugging Face's
np.save("A", tok(text, return_offsets_mapping=True).offset_mapping). A token of A that ends inside a token of B has none, -1;
with `cover` it has that one. An empty token, such as <s>, has none and is no other's."""
import sys

import numpy as np

a, b = (np.load(path) for path in sys.argv[1:3])
token = np.flatnonzero(b[:, 0] < b[:, 1])                               # those of B that are not empty
end = b[token, 1]
cover = np.searchsorted(end, a[:, 1])                                   # the first of B that ends there or later
last = np.searchsorted(end, a[:, 1], "right") - 1                       # the last of B that ends there or before
there = (last >= 0) & (end[last] == a[:, 1])                            # of several, as of bytes of a letter, the last
place = np.where(there, last, cover)
there |= (sys.argv[4:] == ["cover"]) & (cover < len(end))
np.save(sys.argv[3], np.where(there & (a[:, 0] < a[:, 1]), token[np.minimum(place, len(end) - 1)], -1))
