#!/usr/bin/env python3
"""SAE Match's own properties, beside transport: `make bench-quality`.

Adjacent layers: what match-eval makes of matchings by weights, folded or not, of decoder, encoder or both. Layers farther and
farther apart: correlation of direct matchings and of those that flow composes of adjacent ones, and how many partners are the
same. Of features that fire, on tokens not used for matching; means over the pairs that a matching has. Appends JSON lines to
bench/out/quality.jsonl. The programs have to be on PATH."""
import json
import os
import tempfile

from quality import DEFAULT, OUT, SHARED, LanguageModel, UnseenSample, read, run, side

WAYS = {"unfolded": "decoder --weights both --squared", "folded": "decoder --folded",
        "folded decoder alone": "decoder --folded --weights decoder",
        "folded encoder alone": "decoder --folded --weights encoder", "decoder cosine": "decoder", "transport": "sinkhorn"}
SCORES = "folded_mse", "correlation", "explained_variance"


def matching(model, way, a, b, folder):
    """A file: the assignment of the features of layers a and b; made once."""
    path = f"{folder}/{a}-{b}.{way}".replace(" ", "_")
    if not os.path.exists(path):
        one, other = (side(model, f"{layer}.0", DEFAULT, folder)[1] for layer in (a, b))
        run(f"{WAYS[way]} --quiet {one} {other} | hungarian --quiet >{path}")
    return path


def links(model, way, a, b, folder):
    """The matchings that lead from a to b, layer by layer."""
    layers = model.layers[model.layers.index(a):model.layers.index(b) + 1]
    return [matching(model, way, *pair, folder) for pair in zip(layers, layers[1:])]


def frame_with(column, command):
    """The frame of what a command writes that has this column."""
    _, frames = read(run(command))
    return next(frame for frame in frames if column in frame)


def unseen(model, layer, folder):
    """A file: what fires on the tokens not used for matching; made once."""
    path = f"{folder}/{layer}.unseen"
    if not os.path.exists(path):
        run(f"act-dump --no-point --hidden {model.folder}/unseen_L{layer}.npy --sae {model.sae(layer, 0)} --layer {layer} >{path}")
    return path


def evaluate(model, a, b, matching, folder):
    """By score: its value, the best possible, and how many pairs count."""
    found = frame_with("score", f"match-eval --quiet --bootstrap 1 --a {unseen(model, a, folder)} --b {unseen(model, b, folder)} "
                                f"--sae-a {model.sae(a, 0)} --sae-b {model.sae(b, 0)} "
                                f"--hidden-b {model.folder}/unseen_L{b}.npy {matching}")
    return {score: dict(value=value, best=best, pairs=int(pairs)) for score, value, best, pairs in
            zip(*(found[name] for name in ("score", "value", "best", "pairs")))}


def adjacent(model, folder, out):
    pairs = list(zip(model.layers, model.layers[1:]))
    found = {way: [evaluate(model, a, b, matching(model, way, a, b, folder), folder) for a, b in pairs] for way in WAYS}
    for score in SCORES:
        print(f"\n{model.name}: {score}".ljust(40), *(f"{a}->{b}".rjust(8) for a, b in pairs))
        for way in WAYS:
            print(way.ljust(39), *(f"{scores[score]['value']:8.3f}" for scores in found[way]), flush=True)
            for (a, b), scores in zip(pairs, found[way]):
                out.write(json.dumps(dict(bench="adjacent", data=model.name, a=a, b=b, way=way, score=score,
                                          **scores[score])) + "\n")


def agreement(direct, links, a, b):
    """Features with both a direct and a composed partner, and those of them for which it is the same."""
    found = frame_with("agree", f"flow --quiet {' '.join({direct, *links})}")
    pair = list(zip(found["row_layer"], found["col_layer"])).index((a, b))
    return int(found["both"][pair]), int(found["agree"][pair])


def compare(model, way, a, b, folder):
    """Correlation of the direct and of the composed matching, and their agreement."""
    direct, path = matching(model, way, a, b, folder), links(model, way, a, b, folder)
    composed = f"{folder}/composed"
    run(f"flow --quiet --compose {a} {b} {' '.join(path)} >{composed}")
    one, other = (evaluate(model, a, b, made, folder)["correlation"] for made in (direct, composed))
    both, agree = agreement(direct, path, a, b)
    return dict(direct=one["value"], composed=other["value"], best=one["best"], both=both, agree=agree)


def plot(points):
    line = [" "] * 70
    for letter, value in points.items():
        line[max(round(100 * value), 0)] = letter
    return "".join(line)


def farther(model, folder, out):
    """For each distance the means over its pairs of layers, as places on a line."""
    print(f"\n{model.name}: correlation. T transport, M folded SAE Match; t, m composed; B best possible\napart",
          "".join(f".{tenth}".ljust(10) for tenth in range(7)), "agree")
    for distance in range(1, len(model.layers)):
        found = {}
        for way in ("transport", "folded"):
            found[way] = [dict(a=a, b=b, **compare(model, way, a, b, folder))
                          for a, b in zip(model.layers, model.layers[distance:])]
            out.writelines(json.dumps(dict(bench="composition", data=model.name, way=way, **pair)) + "\n" for pair in found[way])
        mean = lambda way, name: sum(pair[name] for pair in found[way]) / len(found[way])
        points = dict(m=mean("folded", "composed"), M=mean("folded", "direct"), t=mean("transport", "composed"),
                      T=mean("transport", "direct"), B=mean("transport", "best"))
        print(f"{distance:<5}", plot(points), f"{mean('transport', 'agree') / mean('transport', 'both'):5.0%}  ",
              *(f"{letter} {value:.3f}" for letter, value in points.items()), flush=True)


def main():
    there = {UnseenSample: UnseenSample.folder.exists(), LanguageModel: (SHARED / "data").exists()}
    with open(OUT / "quality.jsonl", "a") as out:
        for model in (kind() for kind in there if there[kind]):
            with tempfile.TemporaryDirectory() as folder:
                adjacent(model, folder, out)
                farther(model, folder, out)


if __name__ == "__main__":
    main()
