"""nearest.py WHOLE NEAREST K: the second is what --top K makes of the rows of the first, ties by lower column; with
--budget, columns of them, nearest first, and beyond, which is above no other column; all of them where that proves it."""
import sys

import numpy as np

from semot import read

[(header, (ids, *blocks))], [(less, (names, *near))] = map(read, sys.argv[1:3])
whole, k = np.concatenate([b["dist"] for b in blocks]), min(int(sys.argv[3]), header["cols"])
assert less["top"] == k and (less["rows"], less["cols"]) == whole.shape, less
assert all(np.array_equal(ids[name], names[name]) for name in ids)
order, col = np.argsort(whole, 1, kind="stable")[:, :k], np.concatenate([b["col"] for b in near])
if "budget" in less:
    beyond, others = np.concatenate([b["beyond"] for b in near]), whole.copy()
    np.put_along_axis(others, col.astype(int), np.inf, 1)
    assert (beyond <= others.min(1)).all(), "beyond is above a column that is not there"
    proved = np.take_along_axis(whole, col.astype(int), 1)[:, -1] <= beyond
    assert less["budget"] < 1 or proved.all()
    assert np.array_equal(np.isinf(beyond), np.full(len(beyond), k == whole.shape[1]))
    assert np.array_equal(col[proved], order[proved])
    assert all(len(set(row)) == k for row in col)
    near_first = np.lexsort((col, np.take_along_axis(whole, col.astype(int), 1)), axis=1)
    assert (near_first == np.arange(k)).all(), "not nearest first"
    order = col
    print(proved.sum())
assert np.array_equal(col, order)
for name in set(blocks[0]) - {"row0"}:
    all_of_it = np.concatenate([b[name] for b in blocks])
    assert np.array_equal(np.concatenate([b[name] for b in near]), np.take_along_axis(all_of_it, order, 1)), name
assert [b["row0"] for b in near] == list(np.cumsum([0] + [len(b["col"]) for b in near])[:-1])
