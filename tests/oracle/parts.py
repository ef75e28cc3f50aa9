"""Transport within parts, by POT, from the formulas of emd(1).

    parts.py OUT A B ...     the distances of OUT are those of A's and B's features, dealt by the header's part"""
import sys

import numpy as np
import ot
from scipy.spatial.distance import cdist

from emd import matrices
from sampling import uniform
from semot import read


def features(path):
    """Of each feature its weights, points and the numbers u of its tokens."""
    (_, frames), = read(path)
    token, point = (np.concatenate([f[name] for f in frames if "token" in f]) for name in ("token", "point"))
    number = np.array([uniform(0, 1 << 62, int(t)) for t in token])
    for f in frames:
        for i in range(len(f.get("feature", []))):
            row = f["row"][f["indptr"][i]:f["indptr"][i + 1]]
            weight = f["weight"][f["indptr"][i]:f["indptr"][i + 1]].astype(float)
            keep = weight >= 1e-12
            yield weight[keep], point[row[keep]].astype(float), number[row[keep]]


def parts(feature, most):
    """Its parts: (weights, points) of each."""
    weight, point, number = feature
    n = 1
    while most and len(weight) > n * most:
        n *= 2
    while True:
        of = (number * n).astype(int)
        if n == 1 or len(set(of)) == n:
            return [(weight[of == r] / weight[of == r].sum(), point[of == r]) for r in range(n)]
        n //= 2


def distance(a, b, p):
    n = max(len(a), len(b))
    costs = []
    for r in range(n):
        (wa, x), (wb, y) = a[r * len(a) // n], b[r * len(b) // n]
        cost = cdist(x, y) ** p
        costs.append(ot.emd2(wa / wa.sum(), wb / wb.sum(), cost / cost.max(), numItermax=10**7) * cost.max())
    return np.mean(costs) ** (1 / p)


for out, a, b in zip(*[iter(sys.argv[1:])] * 3):
    header, dist, lower, upper = matrices(out, "dist", "lower", "upper")
    one, other = ([parts(f, header["part"]) for f in features(side)] for side in (a, b))
    assert len({len(f) for f in one}) > 2, "features of 1, 2 and more parts"
    expected = np.array([[distance(x, y, header["p"]) for y in other] for x in one])
    assert (abs(dist - expected) < 1e-4 * expected.max() if header["metric"] == "sinkhorn"
            else abs(dist - expected) <= 2e-6 * expected.max()).all(), abs(dist - expected).max()
    assert (lower <= expected * (1 + 2e-6)).all() and (upper >= expected * (1 - 2e-6)).all()
