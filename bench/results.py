#!/usr/bin/env python3
"""Makes bench/RESULTS.md of the tables in bench/results: `make results`.

    results.py [FILE]     without FILE, on stdout

A table of which no row has been measured is left out."""
import argparse
import collections
import math
import sys
import textwrap

from record import ENVIRONMENT, RESULTS, read_table

ABOUT = """# Measurements

`make results` makes this file of the tables in `bench/results`, which hold more rows and digits.
`make bench` (speed), `bench-scale`, `bench-quality`, `bench-certified` and `bench-groups` measure
again.

Below each table stand the CPU, the x86-64 level that the kernels ran at, OpenBLAS's core type, the
compiler, and the versions of the other libraries. `source` says who measured a row: `bench` is
these programs; `README of 0.1.0`, or another page of that version, had the figure before these
tables were kept; `reported` is somebody else, with data or a machine that this repository does not
have.

Two models occur. *bl361* is a model of characters: 5 layers, 128 wide, SAEs of 256 features; 30,600
tokens are matched by, 61,200 others are scored on. *sample* is the bundled storyworld: 6 layers,
128 wide, SAEs of 512 features whose meanings are known; 4,096 tokens are matched by. A pair "4, two
SAEs" matches two SAEs of the same layer.

`featdist` kept 128 points and weighed them by their activation, and `sinkhorn` and `emd` compared
features whole, when some of these tables were made (`featdist --support 128 --power 1`, `--part
0`). Rows of those defaults say so: "(128 points, weights a)". In the chapter of the size of the work,
and among certified matches of made dictionaries, every row of a stage between distributions is of
those defaults.
"""
UNKNOWN = "not recorded"
NAMES = {"cpu": "CPU", "level": "level", "blas": "BLAS core", "compiler": "compiler",
         "peers": "peers"}


# -- Tables of the page ---------------------------------------------------------------------------

def table(name, **having):
    """The rows of a table that have these values."""
    path = RESULTS / f"{name}.tsv"
    rows = read_table(path) if path.exists() else []
    return [row for row in rows if all(row[key] == value for key, value in having.items())]


def number(text, digits=2):
    """0.593 as 0.59; what is no single number stays."""
    try:
        return f"{float(text):.{digits}f}"
    except ValueError:
        return text


def column(name, digits=None):
    return lambda row: row[name] if digits is None else number(row[name], digits)


def distinct(values):
    return list(dict.fromkeys(values))


def by_key(rows, key):
    found = collections.defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def measured(rows):
    """Lines that say who measured rows, with what."""
    sources = distinct(row["source"] for row in rows)
    lines = []
    for source, *used in distinct((row["source"], *(row[name] for name in ENVIRONMENT))
                                  for row in rows):
        said = [f"{NAMES[name]}: {value}" for name, value in zip(ENVIRONMENT, used)]
        if set(used) == {UNKNOWN}:
            said = [f"{', '.join(NAMES.values())}: {UNKNOWN}"]
        lines.append(f"- {source + '. ' if len(sources) > 1 else ''}{'; '.join(said)}.")
    if any(row.get("machine") == "shared" for row in rows):
        lines.append("- Other programs ran on the machine at the same time.")
    return "\n".join(lines)


def layout(heads, body):
    """A table in Markdown that reads as plain text, too."""
    lines = [[cell.replace("|", r"\|") for cell in line] for line in [heads] + body]
    width = [max(len(line[k]) for line in lines) for k in range(len(heads))]
    lines = [[cell.ljust(w) for cell, w in zip(line, width)] for line in lines]
    lines.insert(1, ["-" * w for w in width])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def finish(text, heads, body, rows, per_line):
    """Text, table, and what its rows were measured with; per_line has the rows of each line."""
    if len(distinct(row["source"] for row in rows)) > 1:
        heads = [*heads, "source"]
        body = [[*line, ", ".join(distinct(row["source"] for row in some))]
                for line, some in zip(body, per_line)]
    text = textwrap.fill(" ".join(text.split()), 100)
    return f"{text}\n\n{layout(heads, body)}\n\n{measured(rows)}\n"


def grid(text, rows, labels, head, cell):
    """A line for all rows with the same labels {heading: function}, a column for each head(row)."""
    if not rows:
        return ""
    lines = by_key(rows, lambda row: tuple(function(row) for function in labels.values()))
    heads = distinct(head(row) for row in rows)
    body = []
    for label, some in lines.items():
        by_head = {head(row): cell(row) for row in some}
        body.append([*label, *(by_head.get(name, "") for name in heads)])
    return finish(text, [*labels, *heads], body, rows, list(lines.values()))


def listing(text, rows, columns):
    """A line for each row, its columns {heading: function}."""
    if not rows:
        return ""
    body = [[function(row) for function in columns.values()] for row in rows]
    return finish(text, list(columns), body, rows, [[row] for row in rows])


def mean_of(rows, names):
    """One row for some: means of what is a number in more than one of them."""
    row = dict(rows[0])
    for name in names:
        values = [r[name] for r in rows if r[name]]
        row[name] = (str(math.fsum(map(float, values)) / len(values)) if len(values) > 1
                     else "".join(values))
    return row


# -- Matchings ------------------------------------------------------------------------------------

DEFAULT = dict(featdist="", reference="last", refproj="--whiten")
BEFORE = " (128 points, weights a)"     # what was measured with the defaults of before


def pair(row):
    """The layers of a pair: 2 -> 3; of two SAEs of one, 5, two SAEs."""
    (a, s), (b, t) = (row[side].split(".") for side in "ab")
    return f"{a} -> {b}" if s == t else f"{a}, two SAEs"


def share(row, name, digits=2):
    """Of the best possible."""
    best = row[f"best_{name}"]
    return number(str(float(row[name]) / float(best)), digits) if best and row[name] else ""


def both(row, of):
    return "/".join(filter(None, (of(row, "one_to_one"), of(row, "nearest"))))


def setting(row):
    """What differs from the defaults."""
    if row["reference"] != "last":
        return f"lift to {row['reference']}"
    if row["refproj"] != "--whiten":
        return row["refproj"] or "no whitening"
    return row["featdist"] or "the defaults"


def best_rows(rows):
    """The best possible of each pair, as one more way to match."""
    first = {(row["data"], row["a"], row["b"]): row for row in reversed(rows)}
    return [dict(row, stage="best possible", one_to_one=row["best_one_to_one"])
            for row in reversed(first.values())]


def matching():
    by = {"model": column("data"), "distance": column("stage")}
    yield "## Matching\n"
    labelled = by_key(table("quality", scores="label agreement", **DEFAULT), column("data"))
    yield grid("""The share of matched features with the same meaning, of those whose
        meaning is sure on both sides (F1 of .7 or more); one to one / nearest neighbour. One to one, that is said of
        147 pairs (1 -> 6), 210 (2 -> 4) and 166 (3 -> 6): the standard error of a share is .03 to .04. That of the
        difference of transport and coact, by a bootstrap over rows, is .02 to .03: on labels they differ by less.""",
               labelled.pop("sample", []), by, pair, lambda row: both(row, lambda r, name: number(r[name])))
    for rows in labelled.values():
        yield grid("""The same of features of the sample and those of another training of its model, of another
            seed, which has another basis: read on one text, lifted to states of the sample's model.""",
                   rows, by, pair, lambda row: both(row, lambda r, name: number(r[name])))
    for rows in by_key(table("quality", scores="correlation", **DEFAULT), column("data")).values():
        yield grid("""Mean correlation between the activations of features matched one to one, on
            tokens that the matching has not seen. "Best possible" is the assignment that maximises
            the very correlation that is scored.""",
                   best_rows(rows) + rows, by, pair, column("one_to_one", 3))
        yield grid("""The same as a share of the best possible; one to one / nearest neighbour.
            `coact` compares activations on one text; like all others it is scored on another.""",
                   rows, by, pair, lambda row: both(row, share))
    yield listing("""Held-out models, which are not in this repository: the share of the best
        possible, one to one, of `sinkhorn` with the defaults of before (128 points, weights a), beside that of the
        model here that is most like it. No default was chosen by them. The report does not name the pairs of
        layers.""",
                  table("heldout"),
                  {"model": column("data"), "pair": column("pair"), "share": column("share"),
                   "compared with": column("beside"), "its share": column("beside_share")})
    powers = table("quality", data="bl361", scores="correlation", stage="sinkhorn")
    yield grid("""What the defaults are worth: the share of the best possible, one to one / nearest
        neighbour, of `sinkhorn` with one setting changed (bl361). The defaults are 256 points, compared
        in parts of 64, weighed by the square of the activation.""",
               powers if len(powers) > 5 else [], {"setting": setting}, pair,
               lambda row: both(row, lambda r, name: share(r, name, 3)))
    yield grid("""The same for the defaults of before: the share of the best possible, one to one, of
        `sinkhorn` with one setting changed, when the defaults were 128 points a feature, compared
        whole (`--part 0`) and weighed by their activation (`--power 1`), coordinated samples, a
        lift to the last layer, and whitening (bl361).""",
               table("quality", data="bl361", scores="correlation", stage=f"sinkhorn{BEFORE}"),
               {"setting": setting}, pair, lambda row: share(row, "one_to_one"))


# -- The same text and other text -------------------------------------------------------------------

SPACE = dict(skip="0", reference="last", refproj="--whiten")


def worth(row):
    """Of the best possible; of labels, the rate itself."""
    return both(row, (lambda r, name: share(r, name, 3)) if row["scores"] == "correlation"
                else (lambda r, name: number(r[name], 3)))


def space(row):
    """What differs from the defaults."""
    found = [f"lift to {row['reference']}"] * (row["reference"] != "last")
    found += [row["refproj"] or "no whitening"] * (row["refproj"] != "--whiten")
    found += [f"without the first {row['skip']}"] * (row["skip"] != "0")
    return ", ".join(found) or "the defaults"


def best_by_correlation(rows):
    """Of labels: the matching that is best by correlation, as one more way to match."""
    return [dict(row, text="unseen", tokens="", way="best by correlation",
                 one_to_one=row["best_one_to_one"], nearest=row["best_nearest"])
            for row in {(row["a"], row["b"]): row for row in rows if row["tokens"] == "4096" and row["text"] == "other"
                        and row["scores"] != "correlation"}.values()]


def texts():
    order = ["same", "other", "pages", "halved"]
    rows = sorted(table("texts"), key=lambda row: (row["data"], row["scores"], -int(row["tokens"]),
                                                   order.index(row["text"])))
    scored = {"correlation": "the share of the best possible correlation",
              "label agreement": "the share of same labels, of those that are sure"}
    by = {"text": column("text"), "tokens": column("tokens"), "distance": column("way")}
    yield "## The same text, and other text\n"
    yield textwrap.fill(" ".join("""Both dictionaries are read on one text ("same"), or each on a
        text of its own, with no token in common ("other"; "pages": stories and manual pages), or
        the columns' on every second token of one text ("halved"), as if by a tokenizer whose tokens
        are twice as long: COVERS couples a token with the one that covers it, ENDS only those that
        end at the same place. Tokens are those of a text. `couple` stands for `coact --coupling`,
        with that coupling; N is the number of tokens of a text. "emd over cells" is `emd` between
        the features' whole masses, each token moved to the nearest of N/4 tokens.""".split()),
                        100) + "\n"
    for (data, scores), some in by_key(rows, lambda row: (row["data"], row["scores"])).items():
        plain = [row for row in some if all(row[k] == v for k, v in SPACE.items())]
        yield grid(f"{data}: {scored[scores]}; one to one / nearest neighbour.",
                   best_by_correlation(plain) + plain, by, pair, worth)
        other = [row for row in some if row not in plain]
        yield grid(f"""{data}, other settings: {scored[scores]}; one to one / nearest neighbour.
            Stories and sequences begin alike; "without the first 40" leaves their first 40 tokens out
            of matching and scoring.""",
                   other, {"setting": space, **by}, pair, worth)


def models():
    rows = [dict(row, scores="correlation") for row in table("models")]
    best = [dict(row, way="(the best itself)") for row in {(r["a"], r["b"]): r for r in rows}.values()]
    yield grid("""Two models that read one text by other tokenizers: bl361, of characters, and a model of
        512 pieces of words (5 layers, 64 wide; SAEs of 256 features). Features are matched on 120
        stories, 30,600 characters, and scored by `match-eval --coupling` on 240 others, over
        tokens that end at the same place: the share of the best possible correlation; one to one
        / nearest neighbour. ENDS and COVERS as above; `coact` stands for `coact --coupling`, the
        others are of tokens that `refproj --rows` moved into the other model's last layer,
        whitened. Layers are those of the one model and of the other.""",
               best + rows, {"distance": column("way")}, lambda row: f"{row['a']} -> {row['b']}",
               lambda row: both(row, lambda r, name: number(r["best_" + name], 3))
               if row["way"].startswith("(") else worth(row))


def least(rows):
    """The least share of the best possible, one to one / nearest neighbour: .98 / .99."""
    shares = [[float(row[name]) / float(row[f"best_{name}"]) for row in rows] for name in ("one_to_one", "nearest")]
    return " / ".join(f"{min(some):.2f}".lstrip("0") for some in shares) if rows else ""


def advice():
    """README and semot(7) say the same (tests/bench.bats)."""
    used = []

    def share_of(name, **having):
        rows = table(name, **having)
        used.extend(rows)
        return least([dict(row, scores="correlation") for row in rows])

    def texts_of(text, way, **having):
        return [share_of("texts", data="bl361", scores="correlation", text=text, tokens=tokens, way=way, **SPACE, **having)
                for tokens in ("30600", "4096")]
    one, far = (texts_of("same", "decoder", a=layer)[0] for layer in ("5.0", "1.0"))
    graphs = [row for row in table("groups", data="haiku", stage="edgeprofile", options="--across-positions",
                                   nodes="people's", settings="of the other families")]
    used.extend(graphs)
    people = " / ".join(number(row["mean"]).lstrip("0") for row in graphs)

    def beside_transport(text, way):
        pairs = zip(texts_of(text, way), texts_of(text, "sinkhorn | rescale"))
        return [share for pair in pairs for share in pair]
    lines = [["the text", "`coact`", *beside_transport("same", "coact")],
             ["nothing: two texts, one model", "`couple`, `coact --coupling`", *beside_transport("other", "couple")],
             ["the text, by two models", "`couple --by rows`, `coact --coupling`", share_of("models", way="coact ENDS"),
              share_of("models", way="sinkhorn | rescale ENDS"), "", ""],
             ["weights only", "`decoder`", f"{one} for one layer, {far} far apart", "", "", ""],
             ["a graph only", "`edgeprofile`", f"Rand index {people}", "", "", ""]]
    yield "## Which distance when\n"
    yield textwrap.fill(" ".join("""Shares of the best possible correlation on unseen text, one to one / nearest
        neighbour, each the least of five pairs of layers of bl361 (of four, for two models), with so many
        tokens of each text, beside those of transport, which is `sinkhorn | rescale`; of a graph, the adjusted Rand index with people's groups on 17 graphs, their number
        given / chosen, by settings that are chosen on other families of graphs. The tables below have all
        figures.""".split()), 100) + "\n"
    yield layout(["in common", "use", "30,600 tokens", "transport", "4,096 tokens", "transport"], lines) + "\n"
    yield measured(used) + "\n"


def untrained():
    """Each way for trained dictionaries, and below it for untrained ones."""
    rows = table("untrained")
    first = [row for row in rows if row["way"] == "coact"]
    rows = ([dict(row, way="best possible", one_to_one=row["best_one_to_one"], nearest=row["best_nearest"])
             for row in first] + rows +
            [dict(row, way="random matching", one_to_one=row["random"], nearest="") for row in first])
    order = distinct((row["data"], row["way"]) for row in rows)
    fire = {kind: sorted(int(row["rows"]) for row in first if row["dictionaries"] == kind and row["data"] == "sample")
            for kind in ("trained", "untrained")}
    if not first:
        return
    yield "## Dictionaries that were never trained\n"
    yield grid(f"""The same pipes for trained dictionaries and for those that `sae-random` makes in their
        place: mean correlation on unseen text over all features of the rows' dictionary; one to one /
        nearest neighbour. A feature that fires on fewer than five tokens of the text that is matched by has no
        partner and counts 0: of the sample's 512 features of a layer, {fire['trained'][0]} to {fire['trained'][-1]}
        trained and {fire['untrained'][0]} to {fire['untrained'][-1]} untrained ones fire. PW-MCC and MMCS are of the
        decoder rows by themselves. The sample is matched by its first half and scored on its second.""",
               sorted(rows, key=lambda row: (row["data"], order.index((row["data"], row["way"])))),
               {"model": column("data"), "tokens": column("tokens"), "distance": column("way"),
                "dictionaries": column("dictionaries")},
               pair, lambda row: both(row, lambda r, name: number(r[name], 3)))


def layers():
    if not table("layers"):
        return
    yield "## Two models, layer by layer\n"
    yield listing("""All layers of two models aligned by `layeralign`: the cost of the best plan, of the plan
        that keeps the order of the layers, and of random pairings of layers, and of layers and
        features; "same layer" is the share of the best plan between layers of one number. Two
        SAEs: of seeds 0 and 1. Two texts: the first and the second half of the tokens that are
        matched by, one SAE. Two models: the sample's and a second training of it, on one text. Distances between distributions: lift to the last layer, whitened,
        with the defaults of now (256 points, weights a^2).""",
                  table("layers"),
                  {"model": column("data"), "beside": column("beside"), "distance": column("way"),
                   "transport": column("transport", 3), "in order": column("in_order", 3),
                   "random layers": column("random_layers", 3),
                   "random features": column("random_features", 3),
                   "same layer": column("same_layer", 2)})


def graded():
    meaning = {"kind": "same kind", "tokens": "labels of tokens", "numbers": "numbers",
               "tree": "tree"}
    ways = by_key(table("graded"), lambda row: tuple(row[key] for key in
                                                     ("truth", "text", "way", "refproj")))
    yield grid("""Features that are alike without being the same: pairs that never fire on one
        token. Means over rows. "Same kind": how often a feature whose label is of the row's kind
        (digit=3 and digit=4) is nearer than one of another kind, .5 by chance. The others are rank
        correlations of the distance, 0 by chance: with how unlike the labels of the features'
        tokens are (classes, roles, slots), with the difference of the numbers that features stand for,
        and with the way between leaves of a made tree. Of the sample (lift to the last layer, 4,096
        tokens) the mean of four pairs of layers.""",
               [mean_of(some, ["score"]) for some in ways.values()],
               {"text": column("text"), "distance": column("way"),
                "refproj": lambda row: "(made)" if row["truth"] == "tree"
                else row["refproj"] or "no whitening"},
               lambda row: meaning[row["truth"]], column("score", 2))


def certified():
    yield "## Certified matches\n"
    scores = {"right": "right", "correlation": "correlation", "same label": "label"}
    yield listing("""A match is certified when the row's next nearest column is farther by more than
        four standard errors; the column "errors" has this number. A match is right when no other
        column's activations correlate better with the row's, on unseen tokens. Certificates by an
        assigned pair's own margin, in place of the row's next nearest column, are right less
        often.""",
                  table("certified"),
                  {"model": column("data"), "stage": column("stage"), "pairs by": column("method"),
                   "errors": column("errors"), "pairs": column("pairs"),
                   "certified": column("certified", 2),
                   **{f"{head}, {which}": column(f"{name}_{which}", 2)
                      for head, name in scores.items() for which in ("certified", "rest")}})
    yield listing("""Made dictionaries, and copies of them in another order, rotated, rescaled and
        with noise on states and activations: the share of features that are matched with their
        copies, the share certified, the number of certified pairs that are wrong, and the largest
        margin of a wrong nearest pair, in errors.""",
                  table("planted"),
                  {"features": column("features"), "seeds": column("seeds"),
                   "noise": column("noise"), "command": column("command"),
                   "right, assigned": column("assigned", 3), "right, nearest": column("nearest", 3),
                   "certified": column("nearest_certified", 3), "wrong": column("wrong"),
                   "margin": column("worst"), "note": column("note")})
    yield listing("""Which features have a partner. Assigned pairs whose chance is at most .2, .1 or
        .05 say that their rows have one: the share of these rows that do (precision), and the share
        of the rows that do which are found (recall). "best" is the largest number that both reach at
        any limit of the cost. Rows
        whose nearest column has a chance above .5, which was chosen on the sample, say that they
        have none ("none").
        Planted: 256 features, of which a share has no copy on the other side; each is like four
        others. Sample: a feature of the same sure label is there. bl361: a feature is there whose
        activations correlate by .5 or more, on unseen text.""",
                  table("partners"),
                  {"model": column("data"), "without partner": column("alone"),
                   "noise": column("noise"), "a": column("a"), "b": column("b"),
                   "distance": column("way"), "have one": column("share"),
                   **{f"{score}, {chance}": column(f"{score}_0{chance}") for chance in (".2", ".1", ".05")
                      for score in ("precision", "recall")}, "best": column("best"),
                   "none, precision": column("alone_precision"), "none, recall": column("alone_recall")})
    yield listing("""Standard errors beside what they estimate, the deviation of distances between
        independent samples of the tokens.""",
                  table("sampling"),
                  {"distances": column("distances"), "mean distance": column("distance"),
                   "deviation": column("deviation"), "error": column("error"),
                   "note": column("note")})


def apart(row):
    """How many layers lie between."""
    return str(int(row["b"]) - int(row["a"])) if row["a"].isdigit() else row["b"]


def lowered():
    """By how much folding lowers the squared difference of folded parameters: a row a model."""
    pairs = collections.defaultdict(dict)
    for row in table("saematch", score="folded_mse"):
        if row["a"].isdigit():
            pairs[row["data"], row["a"], row["b"]][row["way"]] = row
    shares = collections.defaultdict(list)
    for (data, *_), ways in pairs.items():
        if "folded" in ways and "unfolded" in ways:
            after, before = (float(ways[way]["value"]) for way in ("folded", "unfolded"))
            shares[data].append((1 - after / before, ways["folded"]))
    return [dict(some[0][1], way="folding lowers it by",
                 value=f"{min(x for x, _ in some):.3f} to {max(x for x, _ in some):.3f}")
            for some in shares.values()]


def saematch():
    adjacent = [mean_of(rows, ["value"]) for rows in
                by_key(table("saematch"), lambda r: (r["data"], r["way"], r["score"])).values()]
    names = {"best": "best possible", "direct": "direct", "composed": "composed", "agree": "agree",
             "mutual_agree": "agree, mutual", "where_same": "where the same",
             "direct_elsewhere": "direct elsewhere", "composed_elsewhere": "composed elsewhere"}
    composition = [mean_of(rows, names) for rows in
                   by_key(table("composition"), lambda r: (r["data"], r["way"], apart(r))).values()]
    yield "## SAE Match, and matchings composed layer by layer\n"
    yield grid("""Matchings by weights (`decoder`) and by `sinkhorn` (transport), scored by
        `match-eval` and `match-subst`: means over adjacent layers. Folding lowers the squared difference of the
        folded parameters; it does not make the matched features fire more alike.""",
               adjacent + lowered(), {"model": column("data"), "matching": column("way")},
               column("score"),
               lambda row: number(row["value"], 1 if row["score"] == "folded_mse" else 2))
    yield listing("""Mean correlation on unseen tokens of features that are matched directly, and by
        composing the matchings of adjacent layers. "Agree" is the share of features whose direct
        and composed partners are the same, of all and of mutual pairs alone; then follows the
        correlation where they are the same, and that of each partner elsewhere.""",
                  composition,
                  {"model": column("data"), "layers apart": apart, "matching": column("way"),
                   **{head: column(name, 2) for name, head in names.items()}})


# -- Supernodes -----------------------------------------------------------------------------------

SETTINGS = ("of the other families", "of the other families, each column's own", "default",
            "best of 45", "worst of 45", "best of 15", "worst of 15")
SCORES = {"ratio/features": "units for each feature", "ratio": "units for each node",
          "between": "influence between groups", "kept": "influence kept",
          "kept/weights": "influence kept by sums of weights", "hidden": "weight hidden in groups",
          "dag_loss": "influence against the best order", "role_gap": "role gap"}


def grouped(row):
    number_of = {"given": "number given", "chosen": "number chosen", "10%": "a tenth"}
    whole = row["nodes"] == "all features"
    across = whole and row["options"] == "--across-positions" and row["stage"] == "edgeprofile"
    return "whole graph, " * whole + "across positions, " * across + number_of[row["number"]]


def agreement(row):
    around = [f"{name} {number(row[name])}" for name in ("sd", "least") if row[name]]
    return number(row["mean"]) + (f" ({', '.join(around)})" if around else "")


def options(row):
    """What differs from the defaults: across positions where people's groups are made so."""
    text = row["options"].replace("--linkage ward", "")
    if row["nodes"] != "all features" or "across" in grouped(row):
        text = text.replace("--across-positions", "").strip(", ")
    return text.strip() or "-"


def chosen_settings(row):
    """Best and worst without the number of settings."""
    settings = row["settings"]
    settings = settings.split(" of ")[0] if settings.startswith(("best", "worst")) else settings
    return ", ".join(text for text in (settings, row["note"]) if text)


def skipped():
    by = {"in its place": column("way"), "scale": lambda row: row["scale"] or "-"}
    yield grid("""A layer left out, as SAE Match tests it: bl361 runs on from the state after a layer, which is
        made of the features of the layer before it and of the decoder rows of their matches. How much the loss rises
        on unseen stories, in nats a character. "Least squares": each activation is scaled to that of its match on the
        text that is matched by; "thresholds": by the ratio of the folded thresholds. "Own features" is the
        layer's own reconstruction, "the state before it" nothing in its place. 20 stories, 5,100 characters. Of
        the matchings, transport and coact lose least on average, but leaving out the layer loses less than any of them.""",
               skips("bl361"), by, lambda row: f"{row['a']} -> {row['b']}", column("delta", 2))
    yield grid("""The same of the sample, on its 512 held-out sequences, in nats a token.""",
               skips("sample"), by, lambda row: f"{row['a']} -> {row['b']}", column("delta", 2))


def skips(data):
    return sorted((row for row in table("skip") if row["data"] == data), key=lambda row: row["a"])


def groups():
    rows = [row for row in table("groups")
            if not ("--linkage" in options(row) and "--acyclic" in options(row))]
    honest = [row for row in rows if row["stage"] == "edgeprofile" and row["data"] != "sample"
              and row["settings"] in SETTINGS and options(row) == "-"]
    honest.sort(key=lambda row: (row["data"] != "haiku", SETTINGS.index(row["settings"])))
    rest = [row for row in rows if row not in honest]
    by = {"distance": column("stage"), "options of supernode": options}
    yield "## Supernodes\n"
    yield grid("""Agreement with people's groups of groups by `edgeprofile`, all labels removed: the
        adjusted Rand index, mean over graphs, with standard deviation and least. "Of the other
        families": each graph is scored with the settings of edgeprofile that are best on all
        families of graphs but its own, by the mean of the four columns, because the programs have one
        set of defaults; "each column's own" are best in that column. "Best" and "worst" are of 15
        settings, with the number given of 45, since the linkage is chosen, too. The defaults were
        chosen on these 17 graphs, so their figures there are too good. With the number of groups given
        or chosen, only the nodes that people grouped are grouped, across positions as people do; of a
        whole graph all features are grouped, within positions where nothing else is said.""",
               honest,
               {"graphs": lambda row: row["data"].replace("haiku", "17 of Claude 3.5 Haiku"),
                "settings": chosen_settings},
               grouped, agreement)
    yield grid("The same on the 17 Haiku graphs with other options.",
               [row for row in rest if row["data"] == "haiku"], by, grouped, agreement)
    yield grid("""The four graphs of the sample, against what their features are known to mean
        (groups of two and more in `supernodes_strong`).""",
               [row for row in rest if row["data"] == "sample"], by, grouped, agreement)
    yield grid("""Eight further graphs of the sample's model, which its scripts make, and which chose nothing.""",
               [row for row in rest if row["data"] == "sample's model"], by, grouped, agreement)
    yield listing("""What groups leave of a circuit: `graph-score` on the graphs of Haiku, Gemma and
        Llama and on the sample's, grouped by `edgeprofile`, their features a tenth or as many groups
        as are chosen, and on the graphs that people grouped, who grouped fewer features.
        "Influence kept" is the share of each input's influence on each output that is the same in
        the compressed graph.""",
                  table("kept"),
                  {"graphs": column("graphs"), "options of supernode, or people's groups":
                   lambda row: row["options"] or "-", "score": lambda row: SCORES[row["score"]], "least": column("least"),
                   "median": column("median"), "most": column("most")})
    yield listing("""How often a held-out member of a group is found among nine strangers by another
        distance than made the groups, on the four graphs of the sample; beside it chance, and the
        groups by what the features are known to mean.""",
                  table("odd"),
                  {"groups by": column("groups"), "found by": column("distances"),
                   "found": lambda row: number(row["mean"]), "least": lambda row: number(row["least"]),
                   "chance": lambda row: number(row["chance"]),
                   "known groups": lambda row: number(row["people"]),
                   "least of these": lambda row: number(row["people_least"])})
    yield listing("""How often links to the answer, and all ways to it, have the sign of what a feature adds to the answer:
        of graphs of the sample's model, which was run without each feature. "Guess" is the share of the commoner sign. Most
        effects are next to nothing, and of all of them the ways say no more than a guess.""",
                  table("signs"),
                  {"graphs": column("graphs"), "effects": column("effects"), "score": lambda row: SIGNS[row["score"]],
                   "least": column("least"), "median": column("median"), "most": column("most")})


SIGNS = {"signs": "right, by links", "signs/ways": "right, by ways", "signs/chance": "guess"}

# -- Speed ----------------------------------------------------------------------------------------

def machine(row):
    return f"{row['cpu']}, {row['level']}"


def ratio(row):
    """The median and, of more than one run, the least and the most."""
    around = f"({row['least']} to {row['most']})" if row["least"] != row["most"] else ""
    return f"{row['ratio']} {around}".strip()


def speed():
    where = {"CPU, level": machine}
    yield "## Speed\n"
    yield textwrap.fill("Ratios say how many times as long the other takes; in brackets are the "
                        "least and the most of single runs. Our times are those of the whole "
                        "program, from reading to writing; the other's are those of its solver "
                        "alone.", 100) + "\n"
    yield listing("""`sinkhorn` and `emd` against POT, on one thread, for one pair of features.
         Epsilon is relative to the mean cost, the tolerance is 1e-6. "Apart" is the
        largest relative difference of the distances.""",
                  table("speed-pot"),
                  {"program": column("program"), "points": column("points"), "dims": column("dims"),
                   "p": column("p"), "epsilon": column("epsilon"), "ratio": ratio,
                   "microseconds": column("microseconds"), "POT's": column("pot_microseconds"),
                   "apart": column("apart"), **where, "note": column("note")})
    yield listing("""A pair of features by each distance stage, on one thread, beside the same distance by plain
        NumPy or POT in double precision, in the same runs. What depends on one feature only is made ready for the other before
        the clock starts.""",
                  table("speed-stages"),
                  {"program": column("program"), "points": column("points"), "dims": column("dims"),
                   "ratio": ratio, "microseconds": column("microseconds"),
                   "the other's": column("peer_microseconds"), "apart": column("apart"), **where,
                   "note": column("note")})
    yield listing("""Each feature's ten nearest of all features of another layer, exact and proved,
        on two threads. The time of all pairs is estimated from a part of the rows.""",
                  table("speed-nearest"),
                  {"program": column("program"), "features": column("features"),
                   "points": column("points"), "dims": column("dims"),
                   "seconds": column("seconds"), "GB": column("gigabytes"),
                   "pairs solved": column("solved"), "seconds, all": column("all_pairs_seconds"),
                   "same result": column("same"), **where})
    yield listing("""The bound that excludes pairs (relaxed word mover's distance, from both sides):
        quantiles of bound / distance, and the share of pairs that it leaves for each row's nearest
        1, 5 and 10.""",
                  table("bounds"),
                  {"features": column("features"), "10%": column("low"), "median": column("median"),
                   "90%": column("high"), "left for 1": column("left_1"),
                   "for 5": column("left_5"), "for 10": column("left_10")})
    yield listing("""`hungarian`, with margins and duals, against scipy's `linear_sum_assignment`,
        which has one thread. Memory is that of the program as a multiple of the matrix.""",
                  table("speed-assignment"),
                  {"costs": column("costs"), "rows": column("rows"),
                   "threads": column("threads"), "ratio": ratio,
                   "seconds": column("seconds"), "scipy's": column("scipy_seconds"),
                   "memory": column("memory_to_matrix"), **where})
    yield listing("""`hungarian --complete`: the optimal assignment of all pairs from each row's ten
        nearest (`emd --top 10`), on two threads. "Share" is the share of all pairs whose distance
        it was given or computed.""",
                  table("speed-complete"),
                  {"features": column("features"), "pairs": column("pairs"),
                   "solved for the nearest": column("top_solved"),
                   "besides": column("besides"), "share": column("share"),
                   "seconds for the nearest": column("top_seconds"),
                   "to complete": column("complete_seconds"), **where})
    yield listing("How many times as long a command takes with `--error 4`.", table("speed-error"),
                  {"command": column("command"), "features": column("features"),
                   "points": column("points"), "ratio": ratio, **where})
    yield listing("How many times as long one thread takes as two.", table("speed-threads"),
                  {"command": column("command"), "ratio": ratio, "seconds, one": column("one"),
                   "two": column("many"), **where})
    yield listing("Ten iterations of `sinkhorn` on a pair, by the number of features in the sets.",
                  table("speed-scaling"),
                  {"features": column("features"), "microseconds": column("microseconds"), **where})
    yield listing("""Costs between 128 points and 128, as a share of the rate of SGEMM (that of
        1,024 x 1,024 x 1,024) on one thread. A product of the same size is counted, two operations for a
        coordinate; times are the thread's own.""",
                  table("speed-costs"),
                  {"dims": column("dims"), "share": lambda row:
                   f"{row['share_of_sgemm_rate']} ({row['least']} to {row['most']})",
                   "GFLOP/s": column("gflops"), "SGEMM's": column("sgemm_gflops"), **where})
    yield listing("`act-dump` against the matrix product alone (SGEMM of that BLAS), one thread.",
                  table("speed-encode"),
                  {"tokens": column("tokens"), "dims": column("dims"),
                   "features": column("features"), "seconds": column("seconds"),
                   "SGEMM": column("sgemm_seconds"), "share of its rate":
                   column("share_of_sgemm_rate"), **where})
    yield listing("Streams, in GB a second.", table("speed-streams"),
                  {"program": column("program"), "GB/s": column("gigabytes_a_second"),
                   "beside": column("peer"), "its GB/s": column("peer_gigabytes_a_second"),
                   **where})
    yield listing("A large graph, from JSON to JSON.", table("speed-graphs"),
                  {"nodes": column("nodes"), "links": column("links"),
                   "program": column("command"), "MB read": column("megabytes_in"),
                   "seconds": column("seconds"), "peak MB": column("peak_megabytes"), **where})
    yield grid("""Seconds and peak megabytes by the number of features or nodes, on two threads
        where a program has them. *: all pairs, estimated from a part of the rows.""",
               table("speed-growth"), {"program": column("program"), **where}, column("size"),
               lambda row: f"{row['seconds']} s, {row['megabytes']} MB")


# What a kernel does for a vector of numbers, and what its time goes into. Read off the machine code
# of gcc 12; vectors of a level's own width, and no loop here keeps one on the stack.
KERNELS = [
    ["`cost_matrix`", "a subtraction, a fused multiply-add; a quarter of a load",
     "arithmetic: at most half of the CPU's peak, about .6 of SGEMM's rate"],
    ["`sinkhorn`, K", "13 of arithmetic (2^x: 4 fused), 3 loads, 2 stores", "arithmetic"],
    ["`sinkhorn`, an iteration", "2 fused multiply-adds, 2 loads of K",
     "arithmetic, with K in the first cache (64 points); loads from the second from 128 on"],
    ["`sinkhorn`, the plan's cost", "4 fused or multiplied, 2 minima and sums, 6 loads",
     "arithmetic, and 3 folds across lanes for as many columns as a vector has numbers"],
    ["`emd`, pricing", "a load, a subtraction, a minimum", "loads"],
    ["`emd`, a pivot", "no vectors: two paths up the tree; a part of it is copied and shifted",
     "the latency of loads that wait for each other"],
    ["`quantile_cost` (`sliced`)", "a comparison and 6 of logic, for 2 numbers", "arithmetic"],
    ["`mean_distances` (`energy`)", "as `cost_matrix`; sums in double", "arithmetic"],
    ["`product_add`", "as SGEMM", "arithmetic"],
]


def kernels():
    yield "### What bounds the kernels\n"
    yield textwrap.fill("Of the kernels that name their vectors: operations for one vector of 16 "
                        "floats (x86-64-v4), 8 (-v3) or 4 (x86-64, arm64). Before -v3 a fused "
                        "multiply-add is two operations.", 100) + "\n"
    yield layout(["kernel", "for a vector", "bound by"], KERNELS) + "\n"
    yield "- CPU: any; level: each; compiler: gcc 12.2.0 -O3; peers: none.\n"


# -- The size of the work -------------------------------------------------------------------------

LAYERS, LAYER = 26, ("act-dump", "featdist", "refproj")
PAIRS = [(f"sinkhorn --top 10{budget}", f"hungarian of sinkhorn --top 10{budget}")
         for budget in ("", " --budget 0.01")] + [("sinkhorn, 16 rows", "hungarian")]


def grown(rows, what, value):
    """How many times the value becomes as the number of tokens (or features) grows from the least to the largest, by one
    build, with the other number as it is."""
    other = {"tokens": "features", "features": "tokens"}[what]
    for some in by_key([row for row in rows if row[what] and row["finished"] == "yes"],
                       lambda row: (int(row[other] or 0), row["build"])).values():
        least, *_, most = sorted(2 * some, key=lambda row: int(row[what]))
        if least[what] != most[what] and float(least[value]):
            return f"{float(most[value]) / float(least[value]):.2g}"
    return ""


def growth(rows):
    """Of one command, a row of these."""
    return dict(rows[0], **{f"{value}, {what}": grown(rows, what, value)
                            for what in ("tokens", "features")
                            for value in ("core_seconds", "megabytes")})


def of_all_layers(rows, pair):
    """Core-hours of all neighbouring layers, matched by these commands; rows of one machine."""
    tokens, features = (max(int(row[what] or 0) for row in rows) for what in ("tokens", "features"))
    hours, scaled = 0, []
    for command, times in [(c, LAYERS) for c in LAYER] + [(c, LAYERS - 1) for c in pair]:
        some = [row for row in rows if row["command"] == command and row["finished"] == "yes"]
        if not some:
            return None
        row = max(some, key=lambda row: (int(row["features"]), int(row["tokens"])))
        factor = features / int(row["features"])
        factor *= tokens / int(row["tokens"]) if command in LAYER else factor
        if command.endswith(" rows"):
            factor *= int(row["features"]) / int(command.split()[-2])
        if factor > 1:
            scaled.append(f"{command} (times {factor:g})")
        hours += times * factor * float(row["core_seconds"]) / 3600
    return dict(rows[0], pair=" + ".join(pair), hours=f"{hours:.3g}", scaled=", ".join(scaled) or "-",
                tokens=f"{tokens}", features=f"{features}")


def scale():
    rows = table("scale")
    if not rows:
        return
    where = {"CPU, level": machine}
    rows.sort(key=lambda row: (machine(row), int(row["features"]), int(row["tokens"] or 0)))
    by_machine = by_key(rows, machine).values()
    yield "## The size of the work\n"
    yield listing("""A made job like one of Gemma-2-2B (`make bench-scale`, bench/scale_job.py): states of two layers and
        a reference in f2, a JumpReLU SAE of each layer; points and dims are those of a feature in the reference space. One
        run. Seconds are those of the clock, core-seconds those of user and system. Peak memory has the pages of
        mapped files in it; what is read has the size of mapped files, each once. "Solved" is the share of the
        pairs that had to be solved, "right" that of right partners, of the features that have one, by the nearest or by the
        matching. "N rows" is a part of the pairs, N rows with all columns.""",
                  rows,
                  {"program": column("command"), "tokens": column("tokens"), "features": column("features"),
                   "dims": column("dims"), "points": column("points"), "threads": column("threads"),
                   "seconds": lambda row: row["seconds"] if row["finished"] == "yes" else
                   f"{row['finished']}: {row['note'].split(';')[0]}",
                   "core-s": column("core_seconds"), "peak MB": column("megabytes"),
                   "MB read": column("megabytes_read"), "written": column("megabytes_written"),
                   "solved": column("solved"), "right": column("right", 3), "build": column("build"),
                   **where})
    several = [growth(some) for of in by_machine
               for some in by_key(of, lambda row: row["command"]).values()]
    several = [row for row in several if any(", " in name and row[name] for name in row)]
    counts = [", ".join(distinct(f"{int(row[what]):,}" for row in rows if row[what]))
              for what in ("tokens", "features")]
    yield listing(f"""How many times core-seconds and peak memory become as the tokens grow ({counts[0]}) with the
        features as they are, and the features ({counts[1]}) with the tokens as they are; of the same build of a
        program. With a number of rows, these stay.""",
                  several,
                  {"program": column("command"),
                   **{f"{value.replace('_', '-')}, {what}": column(f"{value}, {what}")
                      for what in ("tokens", "features") for value in ("core_seconds", "megabytes")},
                   **where})
    yield listing(f"""An extrapolation: core-hours to match all neighbouring layers of a model of {LAYERS} layers,
        {LAYERS} ({' + '.join(LAYER)}) + {LAYERS - 1} (commands of a pair), of the core-seconds measured at the largest
        number of tokens and features. What did not finish there is scaled from the largest that did: by tokens
        times features for a layer, by features squared for a pair. "N rows" stands for all rows, by its
        number of rows.""",
                  [row for of in by_machine for pair in PAIRS for row in [of_all_layers(of, pair)] if row],
                  {"commands of a pair": column("pair"), "tokens": column("tokens"), "features": column("features"), "core-hours": column("hours"),
                   "scaled": column("scaled"), **where})


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", nargs="?")
    file = parser.parse_args().file
    parts = [ABOUT, *advice(), *matching(), *texts(), *models(), *graded(), *untrained(), *layers(), *certified(), *saematch(), *skipped(), *groups(), *speed(), *kernels(),
             *scale()]
    page = "\n".join(part for part in parts if part)
    if file:
        with open(file, "w") as out:
            out.write(page)
    else:
        sys.stdout.write(page)


if __name__ == "__main__":
    main()
