"""Pictures of streams: a histogram or a heat map of distances, or the flow of features.

    plots.py histogram|heat|flow FILE PICTURE       PICTURE.svg, .png or .pdf

It needs semot.py beside it or on PYTHONPATH, and matplotlib (Debian: python3-matplotlib)."""
import sys

import matplotlib
import numpy as np

from semot import read

matplotlib.use("Agg")
from matplotlib import pyplot


def histogram(d, axes):
    """Of all distances that are given, of each row's nearest, and of random pairs."""
    dist = d["dist"]
    kinds = {"pairs": dist[np.isfinite(dist)], "nearest of each row": dist.min(axis=1)}
    if "random" in d.frames[0]:
        kinds["random pairs"] = d["random"]
    edges = np.linspace(0, max(x[np.isfinite(x)].max() for x in kinds.values()), 60)
    for label, x in kinds.items():
        axes.hist(x, edges, density=True, alpha=.7, label=f"{label} ({x.size:,})",
                  histtype="step" if label == "random pairs" else "stepfilled")
    axes.set(xlabel=f"distance ({d.header['metric']})", ylabel="density")
    axes.legend()


def heat(d, axes):
    """Rows in the order of their nearest column, so that matches lie along the diagonal."""
    dist = d["dist"]
    if "top" in d.header:                               # columns that are not given stay white
        near, dist = dist, np.full((len(dist), d.header["cols"]), np.nan)
        np.put_along_axis(dist, d["col"].astype(int), near, axis=1)
    order = np.argsort(np.nanargmin(dist, axis=1), kind="stable")
    image = axes.imshow(dist[order], aspect="auto", interpolation="nearest", cmap="viridis_r")
    axes.set(xlabel=f"features of layer {', '.join(np.unique(d['col_layer']))}",
             ylabel=f"features of layer {', '.join(np.unique(d['row_layer']))}, by their nearest")
    axes.figure.colorbar(image, label=f"distance ({d.header['metric']})")


def flow(f, axes):
    """A bar for each layer: on its left what comes from the layer before and what is born, on its
    right what goes on and what ends."""
    features, births, deaths = (f[name].astype(int) for name in ("features", "births", "deaths"))
    x, on, old = np.arange(len(features)), features - deaths, features - births
    for i in x[:-1]:
        axes.fill_between([i + .15, i + .85], [on[i], old[i + 1]], color="C0", alpha=.25, lw=0)
    axes.bar(x[1:] - .075, old[1:], .15, color="C0", label="matched")
    axes.bar(x[:-1] + .075, on[:-1], .15, color="C0")
    axes.bar(x - .075, births, .15, old, color="C2", label="born: none before")
    axes.bar(x + .075, deaths, .15, on, color="C3", label="ends: none after")
    axes.bar([-.075, x[-1] + .075], [features[0], features[-1]], .15, color=".8")
    axes.set(xticks=x, xticklabels=f.frames[0]["layer"], xlabel="layer", ylabel="features")
    axes.legend(loc="lower center", bbox_to_anchor=(.5, 1), ncol=3, frameon=False)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("histogram", "heat", "flow"):
        sys.exit(__doc__)
    [stream] = read(sys.argv[2])
    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    try:
        {"histogram": histogram, "heat": heat, "flow": flow}[sys.argv[1]](stream, axes)
    except KeyError as problem:
        sys.exit(f"{sys.argv[2]}: {problem.args[0]}")
    figure.savefig(sys.argv[3], dpi=150)
