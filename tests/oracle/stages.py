"""What numpy, scipy and POT say in float64 about the stages between distributions.

    stages.py cases FOLDER          pairs of sets FOLDER/NAME.a, FOLDER/NAME.b of many kinds
    stages.py values OUT...         NAME.out holds the distances of NAME.a and NAME.b, as its header says, within 1e-5
    stages.py itself OUT TWO        of one set: symmetric, 0 on the diagonal, and what it is as two operands
    stages.py scaled OUT TWO C      the second is C times the first
    stages.py parts WHOLE PART...   parts by --rows and --top hold the whole's rows, and of these the nearest columns, the
                                    lower one first of equals; each row is in a part
    stages.py errors PLAIN OUT A [B]  what --error adds to PLAIN is the sampling error by halvings of the tokens
    stages.py resampled FOLDER      FOLDER/NAME.a, FOLDER/NAME.b: all features of a side are samples of one distribution
    stages.py deviations OUT...     the errors of such samples are about the standard deviation of their distances

A metric's function takes the header and two features, each (weights, points), and returns the distance to a power,
and the power. One that is not here is in $METRIC, as a test that uses it defines it."""
import os
import sys
from argparse import Namespace
from types import SimpleNamespace

import numpy as np
from scipy.spatial.distance import cdist

import semot
import sinkhorn

MASK = (1 << 64) - 1


def cases(folder):
    kinds = {shape: {"shape": shape} for shape in sinkhorn.SHAPES}
    kinds.update(line={"d": 1}, single={"points": "1"}, few={"points": "2:5", "d": 20}, many={"points": "30:60", "d": 3},
                 square={"points": "64", "d": 64}, small={"scale": 1e-12}, large={"scale": 1e12})
    stdout = sys.stdout
    for name, options in kinds.items():
        for seed, side in enumerate("ab"):
            with open(f"{folder}/{name}.{side}", "wb") as file:
                sys.stdout = SimpleNamespace(buffer=file)
                sinkhorn.make(Namespace(**{"features": 5, "points": "1:30", "d": 6, "shape": "normal", "layer": "3",
                                           "space": "reference", "scale": 1, "seed": seed, **options}))
    sys.stdout = stdout


def tensors(path):
    """The header, and all tensors of the blocks as whole matrices."""
    (header, frames), = semot.read(path)
    blocks = frames[1:]
    return header, {name: np.concatenate([f[name] for f in blocks]) for name in blocks[0] if name != "row0"} if blocks else {}


def read(path):
    """The header, and dist and col."""
    header, found = tensors(path)
    return header, found.get("dist"), found.get("col")


def mix(x):
    x = x + 0x9e3779b97f4a7c15 & MASK
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & MASK
    x = (x ^ x >> 27) * 0x94d049bb133111eb & MASK
    return x ^ x >> 31


def uniform(seed, salt, token):
    return ((mix(mix(seed + salt & MASK) + token + 1 & MASK) >> 12) + .5) / 2 ** 52


def directions(n, d, seed):
    normal = np.array([[np.sqrt(-2 * np.log(uniform(seed, i << 32, 2 * c))) *
                        np.cos(2 * np.pi * uniform(seed, i << 32, 2 * c + 1)) for c in range(d)] for i in range(n)])
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def root(s):
    values, vectors = np.linalg.eigh(s)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


def moments(w, x):
    mean = w @ x
    return mean, (x - mean).T * w @ (x - mean)


def centroid(header, one, other):
    return np.linalg.norm(one[0] @ one[1] - other[0] @ other[1]), 1


def bures(header, one, other):
    (m, s), (n, t) = moments(*one), moments(*other)
    if header["metric"] == "bures diagonal":
        s, t = np.diag(np.diag(s)), np.diag(np.diag(t))
    return ((m - n) ** 2).sum() + np.trace(s + t - 2 * root(root(s) @ t @ root(s))), 2


def sliced(header, one, other):
    import ot       # here, as it takes a second
    (a, x), (b, y) = one, other
    p = header["p"]
    lines = directions(header["projections"], x.shape[1], header["projection_seed"])
    return np.mean([ot.lp.wasserstein_1d(x @ u, y @ u, a, b, p) for u in lines]), p


def energy(header, one, other):
    (a, x), (b, y) = one, other
    return 2 * a @ cdist(x, y) @ b - a @ cdist(x, x) @ a - b @ cdist(y, y) @ b, 2


def emd(header, one, other):
    import ot
    (a, x), (b, y) = one, other
    return ot.emd2(a, b, cdist(x, y) ** header["p"]), header["p"]


exec(os.environ.get("METRIC", ""))


def distance(header, one, other):
    if header["metric"].startswith("sinkhorn"):
        return sinkhorn.value(header, one, other)
    power_of_it, power = globals()[header["metric"].split()[0]](header, one, other)
    return max(power_of_it, 0) ** (1 / power)


def check_values(outs):
    for out in outs:
        name = out[:-len(".out")]
        header, dist, _ = read(out)
        a, b = (sinkhorn.distributions(f"{name}.{side}") for side in "ab")
        metric = globals()[header["metric"].split()[0]]
        for i, one in enumerate(a):
            for j, other in enumerate(b):
                expected, power = metric(header, one, other)    # of dist ** power, which is what is a sum
                apart = abs(float(dist[i, j]) ** power - expected)
                scale = cdist(one[1], other[1]).max() ** (1 if metric is energy else power)
                if not apart <= 1e-5 * scale:
                    yield f"{name}: {i}, {j}: {dist[i, j]}, not {expected} to 1/{power}: {apart / scale:.2g} apart"


def check_itself(paths):
    (header, dist, _), (_, two, _) = map(read, paths)
    if not (dist == dist.T).all() or np.diag(dist).any():
        yield "not symmetric, or not 0 on the diagonal"
    if not np.isfinite(dist).all() or (dist < 0).any() or not dist.any():
        yield "a distance that is none, or none but 0"
    if abs(dist - two).max() > 1e-6 * dist.max():
        yield f"as two sets: {abs(dist - two).max()} apart"


def check_scaled(arguments):
    (_, dist, _), (_, two, _) = map(read, arguments[:2])
    if not np.allclose(two, dist * float(arguments[2]), rtol=1e-5):
        yield f"off by factors from {(two / dist).min()} to {(two / dist).max()}"


def draw(n, parts, salt):
    """One of each part of 0 .. n - 1."""
    edge = n * np.arange(parts + 1) // parts
    return [int(a + uniform(0, salt, k) * (b - a)) for k, (a, b) in enumerate(zip(edge, edge[1:]))]


def random_pairs(path):
    """Distances of the pairs that frame(5) describes."""
    (_, (names, *_)), = semot.read(path)
    dist = read(path)[1]
    n, m = dist.shape
    same = [list(zip(names[f"{side}_layer"], names[f"{side}_feature"])) for side in ("row", "col")]
    same = same[0] == same[1]
    rows = min(64, n)
    cols = min(m - same, 1024 // rows)
    return np.sort([dist[i, j + (same and j >= i)] for k, i in enumerate(draw(n, rows, 0)) for j in draw(m - same, cols, k + 1)])


def random_of(path):
    (_, (names, *_)), = semot.read(path)
    return names["random"]


def check_parts(paths):
    (_, whole), *parts = map(tensors, paths)
    expected = random_pairs(paths[0])
    for path in paths:
        if not np.array_equal(random_of(path), expected):
            yield f"{path}: random is not of the random pairs"
    for path, (header, part) in zip(paths[1:], parts):
        first = header.get("first_row", 0)
        rows = {name: matrix[first:first + len(part["dist"])] for name, matrix in whole.items()}
        if "top" in header:
            order = np.argsort(rows["dist"], axis=1, kind="stable")[:, :header["top"]]
            rows = {"col": order, **{name: np.take_along_axis(matrix, order, 1) for name, matrix in rows.items()}}
        if set(part) != set(rows):
            yield f"{path}: {sorted(part)}, where {sorted(rows)} are expected"
        for name in set(part) & set(rows):
            if not np.array_equal(part[name], rows[name]):
                yield f"{path}: {name}: {(part[name] != rows[name]).sum()} differ"
    cut = [(header["first_row"], len(part["dist"])) for header, part in parts if "first_row" in header]
    if sum(rows for _, rows in set(cut)) != len(whole["dist"]):
        yield f"{cut} are not all rows"


def halves_of(feature, halving):
    """Two features, or None where all of it is in one half."""
    weight, point, token = feature
    first = np.array([uniform(halving, 1 << 63, int(t)) < .5 for t in token])
    return [(weight[half] / weight[half].sum(), point[half]) for half in (first, ~first)] if 0 < first.sum() < len(first) else None


def expected_error(header, one, other):
    squares = []
    for halving in range(header["halvings"]):
        halves = halves_of(one, halving), halves_of(other, halving)
        if None in halves:
            return np.inf
        first, second = (distance(header, a, b) for a, b in zip(*halves))
        squares.append((first - second) ** 2 / 4)
    return np.mean(squares) ** .5


def check_errors(paths):
    (plain, without), (header, found) = map(tensors, paths[:2])
    errors = found.pop("error")
    if {**header, "halvings": 0, "history": 0} != {**plain, "halvings": 0, "history": 0}:
        yield "the headers differ by more than they should"
    if set(found) != set(without) or any(found[name].tobytes() != without[name].tobytes() for name in found):
        yield "--error changes what stands beside it"
    if len(paths) == 3 and not np.array_equal(errors, errors.T):
        yield "errors of a set with itself are not symmetric"
    if not 0 < np.isinf(errors).sum() < errors.size or not (errors[np.isfinite(errors)] > 0).any():
        yield "no infinite errors, or no others: the case is too easy"
    a, b = (sinkhorn.sampled(path) for path in (paths[2], paths[-1]))
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            expected = 0 if len(paths) == 3 and i == j and np.isfinite(errors[i, j]) else expected_error(header, one, other)
            if not np.isclose(errors[i, j], expected, rtol=1e-3, atol=1e-4 * found["dist"].max()):
                yield f"{i}, {j}: {errors[i, j]}, not {expected}"


def resampled(folder, n=60, points=64, d=3):
    """With tokens of their own on each side, and with one's points as the other's, moved."""
    rng = np.random.default_rng(0)
    a, apart = rng.standard_normal((2, n * points, d)) * [[[1]], [[2]]] + [[[0]], [[.5]]]
    weight = rng.exponential(1, n * points)
    for name, b, first in ("own", apart, n * points), ("shared", a * 1.5 + [1, 0, 0], 0):
        for side, point, token in ("a", a, 0), ("b", b, first):
            sinkhorn.write(f"{folder}/{name}.{side}", point, weight, np.arange(n * points), [points] * n, token)


def check_deviations(outs):
    for out in outs:
        _, found = tensors(out)
        deviation, error = np.diag(found["dist"]).std(), np.mean(np.diag(found["error"]).astype(float) ** 2) ** .5
        if not 2 / 3 < error / deviation < 3 / 2:
            yield f"{out}: errors of {error}, where distances deviate by {deviation}"


def main():
    rule, *arguments = sys.argv[1:]
    if rule in ("cases", "resampled"):
        return globals()[rule](*arguments)
    sys.exit("\n".join(list(globals()[f"check_{rule}"](arguments))[:10]) or 0)


if __name__ == "__main__":
    main()
