"""Scores of matchings in numpy and scipy, from dense matrices in double.

    match_eval.py make FILE A B [OPTION]...      a random matching of what two files of activations hold
    match_eval.py check SCORES MATCHING A B [OPTION]...
                                                 what match-eval made of it; options as match-eval's
    match_eval.py explained SCORES MATCHING A B [OPTION]...
                                                 what match-subst made of it; options as match-subst's"""
import argparse
import csv
import functools

import numpy as np
from scipy.optimize import linear_sum_assignment

import arrays
from act_dump import dense, load_sae
from coact import joint, pearson, similarity
from sampling import uniform
from semot import read, write

BLOCK, SHUFFLES = 256, 4


class Side:
    """All features of a file of activations, by (layer, feature)."""
    def __init__(self, path):
        streams = list(read(path))
        self.names = [(header["layer"], i) for header, _ in streams for i in range(header["features"])]
        self.place = {name: i for i, name in enumerate(self.names)}
        self.tokens, self.x = dense(*streams[0])[0], np.hstack([dense(*stream)[1].astype("f8") for stream in streams])


def interval(part, whole, draws, seed):
    n = len(part)
    drawn = []
    for r in range(draws):
        i = [int(uniform(seed, r << 32, k) * n) for k in range(n)]
        drawn.append(part[i].sum() / whole[i].sum())
    return np.quantile(drawn, [.025, .975])


def level(x, cost):
    """Rows of x, in ascending order of cost: those of one cost become their mean."""
    return np.concatenate([np.repeat(part.mean(0, keepdims=True), len(part), 0)
                           for part in np.split(x, 1 + np.flatnonzero(np.diff(cost)))])


def coverage(values, cost, count):
    """The mean of values of the 1, 2, ... cheapest pairs, of those that count; and the mean of these, over those that count."""
    order = np.argsort(cost, kind="stable")
    values, one = (level(x[order].astype("f8"), cost[order]) for x in (np.where(count, values, 0), count))
    n = np.cumsum(one)
    with np.errstate(invalid="ignore"):
        curve = np.cumsum(values) / n
    return curve, (one * np.where(one, curve, 0)).sum() / max(n[-1], 1)


def means_of_best(worth, rows, cols, given):
    """MMCS and PW-MCC: the mean of each row's largest, and of the best assignment's."""
    some = worth[rows][:, cols]
    ways = [some.max(1)] + [some[linear_sum_assignment(some, maximize=True)]] * (len(rows) <= len(cols))
    for values in ways:
        yield (values.mean(), *interval(values, np.ones(len(rows)), given.bootstrap, given.seed), values.mean(),
               some.mean(), np.nan, len(rows))


def scored(worth, rows, cols, at, repeat, given, area, less=False, of=None):
    """(value, low, high, best, random, area, pairs): worth (rows, cols), column at[k] of row rows[k]; `of` columns count."""
    some = worth[rows][:, cols]
    value = worth[rows, at]
    pick = (lambda x: (np.arange(len(x)), (x if less else -x).argmin(1))) if repeat else \
        (lambda x: linear_sum_assignment(x, maximize=not less))
    return (value.mean(), *interval(value, np.ones(len(value)), given.bootstrap, given.seed), some[pick(some)].mean(),
            some.sum() / len(rows) / (len(cols) if of is None else of), area, len(rows))


def labels_of(paths, sides):
    found = []
    for k, side in enumerate(sides):
        found.append([None] * len(side.names))
        for row in csv.DictReader(open(paths[k]), delimiter="\t", quoting=csv.QUOTE_NONE):
            if (row["layer"], int(row["feature"])) in side.place and row["label"]:
                found[k][side.place[row["layer"], int(row["feature"])]] = row["label"]
    return found


def folded(sae):
    theta = np.maximum(sae["threshold"], 1e-6)[:, None]
    return np.hstack([sae["W_dec"] * theta, sae["W_enc"].T / theta])


class Substitution:
    """What match-subst computes, one pair after the other."""
    def __init__(self, sides, saes, states, given):
        self.a, self.b = sides[0].x, sides[1].x
        self.e, self.d = (sae and (sae["W_dec"] / np.linalg.norm(sae["W_dec"], axis=1, keepdims=True) if sae["norms"]
                                   else sae["W_dec"]) for sae in saes)
        self.given, x = given, states[sides[0].tokens]
        self.less_bias = x - saes[1]["b_dec"]
        self.spread = ((x - x.mean(0)) ** 2).sum(1)
        self.blocks = [slice(i, i + BLOCK) for i in range(0, len(x), BLOCK)]

    def errors(self, y):
        return np.array([(y[i] ** 2).sum() for i in self.blocks])

    def of(self, rows, cols):
        """Errors by blocks, of the 0, 1, ... first pairs: (pairs + 1, blocks), for `alone` and `replaced`."""
        alone, rest = self.less_bias.copy(), self.less_bias - self.b @ self.d
        found = [self.errors(alone)], [self.errors(rest)]
        for i, j in zip(rows, cols):
            e = self.d[j] if self.e is None else self.e[i]
            length = (self.a[:, i] ** 2).sum() * (e @ e)
            scale = (self.a[:, i] @ self.b[:, j]) * (e @ self.d[j]) / length if length > 0 else 0
            alone -= np.outer(scale * self.a[:, i], e)
            rest += np.outer(self.b[:, j], self.d[j]) - np.outer(scale * self.a[:, i], e)
            found[0].append(self.errors(alone))
            found[1].append(self.errors(rest))
        return np.array(found)

    def levelled(self, error):
        """Errors of the 0, 1, ... cheapest pairs: pairs of one cost change them alike."""
        change = level(np.diff(error).T, np.sort(self.cost)).T
        return np.concatenate([error[:, :1], error[:, :1] + change.cumsum(1)], 1)

    def scores(self, rows, at, cols):
        """The scores, and the curves."""
        given, whole = self.given, np.array([self.spread[i].sum() for i in self.blocks])
        shuffled = []
        for r in range(SHUFFLES):
            order = list(cols)
            for i in range(len(rows)):
                j = i + int(uniform(given.seed, given.bootstrap + r << 32, i) * (len(order) - i))
                order[i], order[j] = order[j], order[i]
            shuffled.append(order[:len(rows)])
        cheapest = np.argsort(self.cost, kind="stable")
        error = self.of(rows[cheapest], at[cheapest])
        other = np.mean([self.of(rows[cheapest], np.array(s)[cheapest]) for s in shuffled], 0)
        curve, random = (1 - self.levelled(e.sum(2)) / whole.sum() for e in (error, other))
        own, end = curve[1][0], error[:, -1]
        over = (own - random[1])[1:]
        with np.errstate(invalid="ignore", divide="ignore"):
            kept = np.where(over > 0, (curve[1] - random[1])[1:] / over, np.nan)
        mean, mean_random = curve[:, 1:].mean(1), random[:, 1:].mean(1)
        of = lambda part, whole: (part.sum() / whole.sum(), *interval(part, whole, given.bootstrap, given.seed))
        scores, curves = ({"explained_variance": (*of(whole - end[0], whole), own, random[0][-1], mean[0], len(rows)),
                 "replaced": (*of(whole - end[1], whole), own, random[1][-1], mean[1], len(rows)),
                 "kept": (*of(other[1][-1] - end[1], other[1][-1] - error[1][0]), 1, 0,
                          (mean[1] - mean_random[1]) / (own - mean_random[1]), len(rows))},
                {"covered": np.arange(len(rows)) + 1, "explained_variance/covered": curve[0][1:],
                 "replaced/covered": curve[1][1:], "kept/covered": kept,
                 "explained_variance/random": random[0][1:], "replaced/random": random[1][1:]})
        if over[-1] <= 0:
            del scores["kept"], curves["kept/covered"]
        return scores, curves


def places(header, frames, sides):
    """Rows and columns of the pairs, and all columns, matched or free; and whether columns may repeat."""
    pairs, rest = frames[0], frames[1] if len(frames) > 1 else {}
    ids = [[sides[k].place[name] for name in zip(pairs[f"{side}_layer"], pairs[f"{side}_feature"].tolist())]
           for k, side in enumerate(("row", "col"))]
    free = zip(rest.get("free_col_layer", []), np.array(rest.get("free_col_feature", []), int).tolist())
    cols = sorted({*ids[1], *(sides[1].place[name] for name in free)})
    repeat = header.get("method") == "nearest" or len(set(ids[1])) < len(ids[1])
    return *map(np.array, ids), cols, repeat


def wanted(header, frames, given):
    """name -> scores, and name -> each pair's."""
    sides = [Side(path) for path in (given.a, given.b)]
    rows, at, cols, repeat = places(header, frames, sides)
    pairs = frames[0]
    alike = {"pearson": pearson, "joint": joint}
    if given.coupling:
        alike = {metric: functools.partial(similarity, metric, given.coupling) for metric in alike}
    worths = {name: alike[metric](sides[0].x, sides[1].x) for name, metric in (("correlation", "pearson"), ("joint", "joint"))}
    counts = {}
    if given.labels:
        one, other = labels_of((given.labels, given.labels_b or given.labels), sides)
        worths["same_label"] = np.array([[x is not None and x == y for y in other] for x in one], float)
        counts["same_label"] = np.array([one[i] is not None and other[j] is not None for i, j in zip(rows, at)])
        labelled = sum(other[j] is not None for j in cols)
    saes = [load_sae(path) for path in (given.sae_a, given.sae_b) if path]
    if saes:
        one, other = (sae["W_dec"] / np.linalg.norm(sae["W_dec"], axis=1, keepdims=True) for sae in saes)
        worths["decoder_cosine"] = one @ other.T
    if saes and all("threshold" in sae for sae in saes):
        one, other = map(folded, saes)
        worths["folded_mse"] = ((one[:, None] - other[None]) ** 2).sum(2)
    scores, each, covered = {}, {}, {}
    for name, worth in worths.items():
        count = counts.get(name, np.ones(len(rows), bool))
        each[name] = np.where(count, worth[rows, at], -1)
        covered[name] = coverage(worth[rows, at], pairs["cost"], count)[0]
        for suffix, chosen in (("", count), ("/certified", count & (pairs.get("certified", 0 * rows) > 0))):
            if chosen.any() and ("certified" in pairs or not suffix):
                area = coverage(worth[rows, at], pairs["cost"], chosen)[1]
                scores[name + suffix] = scored(worth, rows[chosen], cols, at[chosen], repeat, given, area, name == "folded_mse",
                                               labelled if name == "same_label" else None)
            if name == "decoder_cosine" and not suffix:
                scores.update(zip(("mmcs", "pw_mcc"), means_of_best(worth, rows, cols, given)))
    return scores, each, covered


def same_scores(table, scores, fields=("value", "low", "high", "best", "random", "area", "pairs")):
    assert table["score"] == list(scores), (table["score"], list(scores))
    for i, (name, numbers) in enumerate(scores.items()):
        for field, number in zip(fields, numbers, strict=True):
            assert np.isclose(table[field][i], number, 2e-6, 2e-6, True), (name, field, table[field][i], number)


def explained(given):
    found, matchings = list(read(given.scores)), list(read(given.matching))
    sides = [Side(path) for path in (given.a, given.b)]
    states = np.concatenate([arrays.load(path).astype("f8") for path in given.hidden_b])
    saes = [path and load_sae(path) for path in (given.sae_a, given.sae_b)]
    test = Substitution(sides, saes, states, given)
    assert len(found) == len(matchings)
    for (header, (table, curves)), matching in zip(found, matchings):
        rows, at, cols, repeat = places(*matching, sides)
        test.cost = matching[1][0]["cost"]
        assert header["kind"] == "scores" and not repeat
        scores, wanted = test.scores(rows, at, cols)
        same_scores(table, scores)
        assert list(curves) == list(wanted), list(curves)
        for name, curve in wanted.items():
            loose = 1e-9 / np.abs(table["best"][1] - wanted["replaced/random"]) + 2e-6
            same = np.isnan(curve)
            assert (same | (np.abs(curves[name] - curve) <= loose * (1 + np.abs(curve)))).all(), (name, curves[name], curve)


def check(given):
    for (header, (table, pairs, curve)), matching in zip(read(given.scores), read(given.matching), strict=True):
        scores, each, covered = wanted(*matching, given)
        assert header["kind"] == "scores"
        same_scores(table, scores)
        for field, values in matching[1][0].items():
            if field not in ("row", "col"):
                assert np.array_equal(pairs[field], values), field
        for name, values in each.items():
            assert np.allclose(pairs[name], values, rtol=1e-5, atol=1e-6), name
        assert np.array_equal(curve["covered"], np.arange(len(pairs["cost"])) + 1)
        for name, values in covered.items():
            assert np.allclose(curve[name + "/covered"], values, rtol=1e-5, atol=1e-6, equal_nan=True), name


def make(given):
    rng = np.random.default_rng(given.seed)
    rows, cols = (Side(path).names for path in (given.a, given.b))
    header = {"kind": "matching", "method": "nearest" if given.nearest else "assignment", "history": []}
    n = given.pairs
    row = rng.permutation(len(rows))
    col = rng.integers(len(cols), size=n) if given.nearest else rng.permutation(len(cols))
    free_col = sorted(set(range(len(cols))) - set(col[:n].tolist()))[:given.free]
    ids = lambda side, names, places: {f"{side}_layer": [names[i][0] for i in places],
                                       f"{side}_feature": np.array([names[i][1] for i in places], "<u4")}
    frames = [{**ids("row", rows, row[:n]), **ids("col", cols, col[:n]), "cost": given.cost(rng, n).astype("<f4"),
               "margin": np.where(rng.random(n) < .1, np.inf, rng.random(n)).astype("<f4"),
               "row": row[:n].astype("<u4"), "col": col[:n].astype("<u4")}]
    if given.certified:
        frames[0].update(error=rng.random(n).astype("<f4"), certified=(rng.random(n) < .4).astype("|u1"))
    if given.free:
        frames.append({**ids("free_row", rows, row[n:]), **ids("free_col", cols, free_col)})
    write(given.file, header, frames)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = arguments.add_subparsers(dest="command", required=True)
    command = commands.add_parser("make")
    for name in "file", "a", "b":
        command.add_argument(name)
    command.add_argument("--pairs", type=int, default=20)
    command.add_argument("--free", type=int, default=0, help="columns that no pair has")
    command.add_argument("--seed", type=int, default=0)
    for flag in "--nearest", "--certified":
        command.add_argument(flag, action="store_true")
    command.add_argument("--ties", dest="cost", action="store_const", const=lambda rng, n: rng.integers(0, 4, n) / 4,
                         default=lambda rng, n: rng.random(n), help="costs that many pairs have")
    for job in "check", "explained":
        command = commands.add_parser(job)
        for name in "scores", "matching", "a", "b":
            command.add_argument(name)
        if job == "explained":
            command.add_argument("--hidden-b", action="append")
        for name in ("--labels", "--labels-b", "--sae-a", "--sae-b", "--coupling") if job == "check" else ("--sae-a", "--sae-b"):
            command.add_argument(name)
        command.add_argument("--bootstrap", type=int, default=1000)
        command.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    {"make": make, "check": check, "explained": explained}[given.command](given)


if __name__ == "__main__":
    main()
