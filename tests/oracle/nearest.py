"""nearest.py WHOLE NEAREST K: the second is what --top K makes of the rows of the first, ties by lower column."""
import sys

import numpy as np

from semot import read

[(header, (ids, *blocks))], [(less, (names, *near))] = map(read, sys.argv[1:3])
whole, k = np.concatenate([b["dist"] for b in blocks]), min(int(sys.argv[3]), header["cols"])
assert less["top"] == k and (less["rows"], less["cols"]) == whole.shape, less
assert all(np.array_equal(ids[name], names[name]) for name in ids)
order = np.argsort(whole, 1, kind="stable")[:, :k]
assert np.array_equal(np.concatenate([b["col"] for b in near]), order)
for name in set(blocks[0]) - {"row0"}:
    all_of_it = np.concatenate([b[name] for b in blocks])
    assert np.array_equal(np.concatenate([b[name] for b in near]), np.take_along_axis(all_of_it, order, 1)), name
assert [b["row0"] for b in near] == list(np.cumsum([0] + [len(b["col"]) for b in near])[:-1])
