"""What emd has to say, by POT and closed forms in float64. Streams are made and read as in sinkhorn.py.

    emd.py pot OUT A B ...           the values are ot.emd2's, within 1e-6; lower and upper hold them
    emd.py line OUT A B ...          of one dimension, p 1: those of the closed form
    emd.py bounds OUT EXACT ...      OUT's lower <= EXACT's distance <= OUT's upper, pair by pair
    emd.py triangle OUT ...          of a set with itself: a metric
    emd.py dotmark FOLDER N GROUND A B  two streams: a problem of DOTmark under L1, L2 or Linf
    emd.py published OUT ...         its cost, to the decimals that were published
    emd.py rubner A B                two streams: Rubner's example"""
import sys

import numpy as np

import sinkhorn
from semot import read


def matrices(path, *names):
    """The header and whole matrices, each entry at its column, NaN where --top left it out."""
    (header, (_, *blocks)), = read(path)
    found = [np.full((header["rows"], header["cols"]), np.nan, "f4") for _ in names]
    for block in blocks:
        rows = block["row0"] + np.arange(len(block["dist"]))[:, None]
        cols = block.get("col", np.arange(header["cols"])[None])
        for matrix, name in zip(found, names):
            matrix[rows, cols] = block[name]
    return (header, *found)


def check_pairs(out, a, b, value):
    """Within 1e-6 of the value, or where costs are large beside it, within 1e-7 of these: weights are floats."""
    header, *found = matrices(out, "dist", "lower", "upper")
    dist, lower, upper = (matrix.astype(float) ** header["p"] for matrix in found)
    assert np.isfinite(dist).all() and (lower <= dist).all() and (dist <= upper).all(), "bounds"
    for i, j, (wa, x), (wb, y) in sinkhorn.pairs(header, a, b):
        cost = sinkhorn.cost_matrix(x, y, header["p"])
        expected, at = value(wa, x, wb, y, cost), (i, j)
        slack = max(1e-6 * expected, 1e-7 * cost.max())
        if not abs(dist[at] - expected) <= slack:
            yield f"{at}: {dist[at]}, not {expected}"
        if not expected - slack <= lower[at] or not upper[at] <= expected + slack:
            yield f"{at}: [{lower[at]}, {upper[at]}] is wide around {expected}"


def by_pot(wa, x, wb, y, cost):
    import ot                       # which takes a second
    scale = cost.max() or 1         # its tolerance is absolute
    return scale * ot.emd2(wa, wb, cost / scale, numItermax=10**7)


def by_line(wa, x, wb, y, cost):
    at = np.sort(np.concatenate([x[:, 0], y[:, 0]]))
    under = [np.interp(np.searchsorted(np.sort(z[:, 0]), at, "right"), np.arange(len(w) + 1),
                       np.concatenate([[0], np.cumsum(w[np.argsort(z[:, 0])])])) for w, z in ((wa, x), (wb, y))]
    return (abs(under[0] - under[1])[:-1] * np.diff(at)).sum()


def check_bounds(out, exact):
    _, dist, lower, upper = matrices(out, "dist", "lower", "upper")
    _, known = matrices(exact, "dist")
    for name, wrong in (("lower", lower > known), ("upper", upper < known), ("dist above upper", dist > upper)):
        if wrong[~np.isnan(dist)].any():
            i, j = np.argwhere(wrong)[0]
            yield f"{name}: {i}, {j}: {known[i, j]} is not in [{lower[i, j]}, {upper[i, j]}]"


def check_triangle(out):
    _, d = matrices(out, "dist")
    d = d.astype(float)
    if (d != d.T).any() or (np.diag(d) > 1e-7 * d.max()).any():
        yield "not symmetric, or a feature is not at itself"
    if (d[:, None, :] > (d[:, :, None] + d[None, :, :]) + 1e-6 * d.max()).any():
        yield "the triangle inequality"


def one_feature(path, point, weight, **header):
    sinkhorn.write(path, point, weight, np.arange(len(point)), [len(point)], **header)


def unary(x):
    """Squared Euclidean distances of these are differences of whole numbers x."""
    x = x - x.min()
    return (x[:, None] > np.arange(x.max())).astype(float)


def make_dotmark(folder, n, ground, a, b):
    """The pixels of 32 x 32 pictures. Supply and demand are on one grid, the demand negative. With --p 2 where the ground
    distance is not Euclidean."""
    weight = np.loadtxt(f"{folder}/class_1_prob_{n}_res_32.txt").reshape(2, 1024)
    x, y = np.divmod(np.arange(1024), 32)
    grid = {"L2": np.stack([x, y], 1), "L1": np.hstack([unary(x), unary(y)]),
            "Linf": np.hstack([unary(x + y), unary(x - y)]) / np.sqrt(2)}[ground]
    known = [line.split() for line in open(f"{folder}/dotmark_expected.tsv")]
    (cost,) = [float(line[2]) for line in known if line[0] == f"class_1_prob_{n}_res_32.txt" and line[1] == ground]
    one_feature(a, grid, weight[0], known=cost / weight[0].sum(), decimal=1e-3 / weight[0].sum())
    one_feature(b, grid, -weight[1])


def check_dotmark(out):
    header, dist = matrices(out, "dist")
    got = float(dist[0, 0]) ** header["p"]
    if abs(got - header["known"]) > .55 * header["decimal"]:
        yield f"{got}, published {header['known']}"


def make_rubner(a, b):
    """Example 1 of Rubner's emd.c (1998): 160.54277."""
    one_feature(a, np.array([[100, 40, 22], [211, 20, 2], [32, 190, 150], [2, 100, 100]]), np.array([.4, .3, .2, .1]))
    one_feature(b, np.array([[0, 0, 0], [50, 100, 80], [255, 255, 255]]), np.array([.5, .3, .2]))


MAKE = {"dotmark": make_dotmark, "rubner": make_rubner}
CHECK = {"pot": (3, lambda out, a, b: check_pairs(out, a, b, by_pot)),
         "line": (3, lambda out, a, b: check_pairs(out, a, b, by_line)),
         "bounds": (2, check_bounds), "triangle": (1, check_triangle), "published": (1, check_dotmark)}


def main(command, *given):
    if command in MAKE:
        return MAKE[command](*given)
    operands, check = CHECK[command]
    groups = [given[i:i + operands] for i in range(0, len(given), operands)]
    return "\n".join([f"{files[0]}: {line}" for files in groups for line in check(*files)][:10]) or 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
