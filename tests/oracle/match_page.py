"""Pages of match2html: what they hold, and what a reader does with them in Chromium: match_page.py COMMAND
ARGUMENT...; see the functions. Screenshots stay in build/pages."""
import base64
import json
import pathlib
import re
import sys
import time

import numpy as np

from semot import read, write

NONE = 0xffffffff


# -- Streams --------------------------------------------------------------------------------------


def one(path):
    [(header, frames)] = read(path)
    return header, frames


def made_contexts(layer, n, words, out, per=3, long=32, seed=0):
    rng = np.random.default_rng(seed)
    shape = n * per * long
    value = rng.random((n, per, long), "<f4") ** 8
    value[..., 20] = np.linspace(2, 1, per)
    frame = {"feature": np.arange(n, dtype="<u4"), "count": np.full(n, 99, "<u4"), "density": (10 ** rng.uniform(-5, -1, n)).astype("<f4"),
             "mean": np.full(n, .5, "<f4"), "max": np.full(n, 2, "<f4"), "indptr": np.arange(0, n * per + 1, per, dtype="<u4"),
             "range": np.zeros(n * per, "|u1"), "token": rng.integers(0, 1 << 20, n * per).astype("<u4"),
             "peak": value[..., 20].ravel(), "at": np.full(n * per, 20, "<u4"), "begin": np.arange(0, shape + 1, long, dtype="<u4"),
             "id": (rng.geometric(3e-4, shape) % len(words)).astype("<u4"), "value": value.ravel()}
    header = {"kind": "contexts", "layer": layer, "tokens_read": 1 << 20, "before": 20, "after": 11, "top": per, "lower": 0, "seed": 0, "history": []}
    write(out, header, [{"vocab": np.arange(len(words), dtype="<u4"), "text": list(words)}, frame])


def matching(out, cost, row="1", col="2", extra=(), free=(0, 0), scale=(), **columns):
    n = len(cost)
    numbers = np.arange(n, dtype="<u4")
    pairs = {"row_layer": [row] * n, "row_feature": numbers, "col_layer": [col] * n, "col_feature": np.roll(numbers, 1).astype("<u4"),
             "cost": np.asarray(cost, "<f4"), "margin": np.ones(n, "<f4"), "row": numbers, "col": numbers, **columns}
    rest = {name: np.array(x, "<f4") for name, x in dict(scale).items()}
    for side, name, k in zip(("row", "col"), (row, col), free):
        rest.update({f"free_{side}_layer": [name] * k, f"free_{side}_feature": np.arange(n, n + k, dtype="<u4")})
    write(out, {"kind": "matching", "method": "assignment", "metric": "made", "history": [["made", "0", ["a b", "'"]]], **dict(extra)}, [pairs, rest])


def big(n="16384", words="50000"):
    """big.matching, 1.contexts, 2.contexts, labels.tsv: a made matching of n pairs, with three contexts a side."""
    n, rng = int(n), np.random.default_rng(0)
    text = [" " + "".join(rng.choice(list("etaoinshrdlu"), 2 + i % 7)) for i in range(int(words))]
    for layer in "12":
        made_contexts(layer, n, text, f"{layer}.contexts", seed=int(layer))
    matching("big.matching", rng.gamma(4, 1, n), free=(100, 50), chance=rng.random(n).astype("<f4"),
             scale={"second": np.sort(rng.gamma(9, 1, n)), "random": np.sort(rng.gamma(20, 1, 1024))},
             certified=(rng.random(n) < .3).astype("|u1"), error=np.full(n, .1, "<f4"))
    with open("labels.tsv", "w") as file:
        for layer in "12":
            for i in range(n):
                print(layer, i, f"made label {i * 7919 % 1009} of kind {'xyzw'[i % 4]}", sep="\t", file=file)


BAD = ["</script><script>document.title = 'owned'</script>", "<img src=x onerror=\"document.title = 'owned'\">", "'\"\\ \u2028\u2029 <!-- <script>",
       "\u202eevil\u202c", "a\tb\nc\rd", "\x01\x1b[31mred\x7f\x85", "x" * 10000, "\u0634\u0628\u0643\u0629", "\U0001f9e0" * 400, "&lt;b&amp;", "<b>b</b>", "\ufeff\u200b\u2066x"]


def hostile():
    """hostile.matching, 1.contexts, 2.contexts, labels.tsv: names, labels and tokens that are code."""
    n = len(BAD)
    names = ["<b>1</b>", "2</script>"]
    for layer, name in zip("12", names):
        made_contexts(name, n, [""] + BAD, f"{layer}.contexts", long=21)
    matching("hostile.matching", [np.inf, *range(n - 1)], *names, extra={"metric": BAD[0], "space": BAD[1]})
    with open("labels.tsv", "w") as file:
        for layer in names:
            for i, text in enumerate(BAD):
                print(layer, i, re.sub("[\t\n\r]", " ", text), sep="\t", file=file)


# -- What a page holds ----------------------------------------------------------------------------


def column(text):
    return np.frombuffer(base64.b64decode(text[3:]), "<" + text[:2])


def carried(page):
    """The data of a page, with its columns as arrays."""
    def arrays(x):
        if isinstance(x, dict):
            return {key: arrays(value) for key, value in x.items()}
        if isinstance(x, list):
            return [arrays(value) for value in x]
        return column(x) if isinstance(x, str) and re.match("[uf][124]:", x) else x
    text = pathlib.Path(page).read_text()
    begin = text.index('id="data">') + 10
    return arrays(json.loads(text[begin:text.index("</script>", begin)]))


def names(data):
    """(layer, feature) of every feature by number."""
    return [(d["layer"], int(f)) for d in data["dictionaries"] for f in d["feature"]]


def holds(page, *streams):
    """The page's views are these matchings, and its contexts those of these streams of contexts."""
    data = carried(page)
    name, views = names(data), iter(data["views"])
    for path in streams:
        header, frames = one(path)
        if header["kind"] == "matching":
            holds_matching(next(views), name, frames)
        elif header["kind"] == "contexts":
            holds_contexts(data["contexts"], name, header["layer"], frames)
        else:
            holds_distances(data["distances"][0], name, frames)
    assert not list(views)


def holds_matching(view, name, frames):
    for side in "row", "col":
        for key, frame in (side, frames[0]), *[(f"free_{side}", f) for f in frames[1:]]:
            assert [name[f] for f in view[key]] == list(zip(frame[f"{key}_layer"], frame[f"{key}_feature"].tolist())), key
    for frame in frames:
        for key in {"cost", "margin", "error", "certified", "chance", "second", "random"} & frame.keys():
            assert np.array_equal(view[key], frame[key]), key


def holds_contexts(found, name, layer, frames):
    frame = {key: np.concatenate([f[key] for f in frames if key in f]) for key in frames[-1]}
    text = dict(zip(frames[0]["vocab"].tolist(), frames[0]["text"])) if "vocab" in frames[0] else {}
    number = {own: f for f, own in enumerate(name)}
    for i, feature in enumerate(frame["feature"].tolist()):
        f = number.get((layer, feature))
        if f is None:
            continue
        for key in "density", "mean", "max":
            assert found[key][f] == frame[key][i]
        listed = range(frame["indptr"][i], frame["indptr"][i + 1])
        assert found["contexts"][f] == len(listed)
        for place, c in enumerate(listed, int(found["first"][f])):
            own, given = slice(*found["begin"][place:place + 2]), slice(*frame["begin"][c:c + 2])
            words = [text.get(t, f"[{t}]") for t in frame["id"][given].tolist()]
            assert [found["text"][t] for t in found["id"][own]] == words
            value = frame["value"][given] / frame["max"][i]
            assert np.all(np.abs(found["value"][own] / 255 - value) <= 1 / 200), (found["value"][own], value)
            assert np.array_equal(found["value"][own] > 0, value > 0)
            for key in "token", "at", "range":
                assert found[key][place] == frame[key][c]


def holds_distances(found, name, frames):
    dist = np.concatenate([frame["dist"] for frame in frames[1:]])
    assert "col" not in frames[1]
    ids = {side: list(zip(frames[0][f"{side}_layer"], frames[0][f"{side}_feature"].tolist())) for side in ("row", "col")}
    for side, other, matrix in ("row", "col", dist), ("col", "row", dist.T):
        own, k = found[side], found[side]["k"]
        assert [name[f] for f in own["feature"]] == ids[side]
        order = np.argsort(matrix, axis=1, kind="stable")[:, :k]
        assert [name[f] for f in own["near"]] == [ids[other][j] for j in order.ravel()]
        assert np.array_equal(own["dist"], np.take_along_axis(matrix, order, 1).ravel())


def mapped(page, *distributions):
    """The map's coordinates are those of directions of mean points on their first two principal axes, by numpy."""
    data, points = carried(page), {}
    for path in distributions:
        header, frames = one(path)
        table = np.concatenate([f["point"] for f in frames if "point" in f]).astype(float)
        for frame in frames:
            for i, feature in enumerate(frame.get("feature", [])):
                own = slice(*frame["indptr"][i:i + 2])
                points[header["layer"], int(feature)] = frame["weight"][own].astype(float) @ table[frame["row"][own]]
    known = [f for f, own in enumerate(names(data)) if own in points]
    x = np.array([points[names(data)[f]] for f in known])
    x -= x.mean(0)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    x -= x.mean(0)
    axes, values = np.linalg.svd(x, full_matrices=False)[2][:2], np.linalg.svd(x, compute_uv=False)
    assert np.allclose(data["map"]["share"], (values ** 2 / np.sum(values ** 2))[:2], rtol=1e-3)
    for own, axis in zip((data["map"]["x"], data["map"]["y"]), axes):
        expected = x @ axis
        assert min(np.abs(own[known] - expected).max(), np.abs(own[known] + expected).max()) < 1e-3
        assert np.isnan(np.delete(own, known)).all()


# -- In the browser -------------------------------------------------------------------------------

LOOK = """
return {
	rows: [...document.querySelectorAll("#rows .row")].map(e => [...e.children].map(c => c.textContent)),
	count: document.getElementById("count").textContent, title: document.title, hash: decodeURIComponent(location.hash),
	open: document.getElementById("panel").classList.contains("open"), panel: document.getElementById("panel").innerText,
	heading: (document.querySelector("#panel h2") || {}).textContent, figures: [...document.querySelectorAll("figcaption")].map(e => e.textContent),
	contexts: [...document.querySelectorAll(".side")].map(e => [...e.querySelectorAll(".context")].map(c => c.textContent)),
	here: (document.querySelector("#rows .here") || { children: [] }).children.length && [...document.querySelector("#rows .here").children].map(c => c.textContent),
	size: [document.documentElement.scrollWidth, innerWidth],
};"""


def browser():
    from page import Browser

    class Matches(Browser):
        def look(self):
            return self.driver.execute_script(LOOK)

        def keys(self, *keys, where="list"):
            self.driver.find_element("id", where).send_keys(*keys)
            self.settle()
            return self.look()

        def press_button(self, css):
            self.driver.find_element("css selector", css).click()
            self.settle()
            return self.look()

        def goto(self, page, hash):
            self.driver.get("about:blank")
            self.driver.get(pathlib.Path(page).resolve().as_uri() + hash)
            return self.look()

        def quiet(self):
            words = [entry["message"] for entry in self.driver.get_log("browser")]
            assert not words, words

        def window(self, width, height, dark=False):
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    return Matches()


def rows_of(data):
    view, name = data["views"][0], names(data)
    return [(name[a], name[b]) for a, b in zip(view["row"], view["col"])], view


def find(data, term):
    """The pairs in which a word occurs, in label, contexts or number, by a plain loop."""
    found, name = [], names(data)
    for r, pair in enumerate(zip(data["views"][0]["row"], data["views"][0]["col"])):
        for f in pair:
            text = [data["labels"][f] or ""]
            for c in range(data["contexts"]["first"][f], data["contexts"]["first"][f] + data["contexts"]["contexts"][f]):
                text.append("".join(data["contexts"]["text"][t] for t in data["contexts"]["id"][slice(*data["contexts"]["begin"][c:c + 2])]))
            if term == str(name[f][1]) or term in "\n".join(text).lower():
                found.append(r)
                break
    return found


def first(seen, places=(0, 2)):
    return [int(seen["rows"][0][k]) for k in places]


def reads(page, word):
    """Sorting, searching, opening by mouse and keys, the address: against what the page holds."""
    data = carried(page)
    pairs, view = rows_of(data)
    b = browser()
    seen = b.open(page)
    b.shot(pathlib.Path(page).stem)
    assert seen["count"] == f"{len(pairs):,}" and first(seen) == [pairs[0][0][1], pairs[0][1][1]]
    assert len(seen["rows"]) < 60 and len(seen["figures"]) >= 4, seen["figures"]
    if "chance" in view:
        for text, far in ("%3E0.2", view["chance"] > .2), ("0.1", view["chance"] <= .1):
            assert b.goto(page, f"#chance={text}")["count"].split(" of ")[0] == f"{far.sum():,}", text
        b.goto(page, "")
    cut = b.driver.execute_script("""return [...document.querySelectorAll("#rows .hint .peak")].filter(e => {
        const peak = e.getBoundingClientRect(), cell = e.closest(".words").getBoundingClientRect();
        return peak.left < cell.left - 1 || peak.right > cell.right + 1; }).map(e => e.textContent)""")
    assert not cut, cut

    seen = b.press_button("#list .head .main button")
    nearest = np.lexsort((np.arange(len(pairs)), view["cost"]))
    assert first(seen) == [pairs[nearest[0]][side][1] for side in (0, 1)], seen["rows"][:3]
    assert seen["hash"] == "#sort=cost", seen["hash"]
    seen = b.press_button("#list .head .main button")
    assert first(seen) == [pairs[np.lexsort((np.arange(len(pairs)), -view["cost"]))[0]][side][1] for side in (0, 1)]
    b.press_button("#list .head .main button")

    seen = b.keys(word, where="find")
    found = find(data, word)
    free = seen["count"].split(" of ")
    assert len(found) > 0 and len(found) <= int(free[0].replace(",", "")) <= len(found) + len(view["free_row"]) + len(view["free_col"])
    assert first(seen) == [pairs[found[0]][side][1] for side in (0, 1)], (seen["rows"][0], pairs[found[0]])
    b.driver.execute_script("document.getElementById('find').value = ''; document.getElementById('find').oninput()")
    b.settle()

    from selenium.webdriver.common.keys import Keys
    seen = b.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
    opened(b, data, seen, 2)
    b.shot(pathlib.Path(page).stem + "-open")
    address = seen["hash"]
    seen = b.keys(Keys.ARROW_DOWN)
    opened(b, data, seen, 3)
    seen = b.keys(Keys.END)
    opened(b, data, seen, len(pairs) - 1)
    assert len(seen["rows"]) < 60
    assert not b.keys(Keys.ESCAPE)["open"] and b.look()["hash"] == ""
    opened(b, data, b.goto(page, address), 2)
    row = b.driver.find_elements("css selector", "#rows .row")[4]
    row.click()
    opened(b, data, b.look(), 4)
    assert not b.press_button("[aria-label=close]")["open"]
    b.keys("/")
    assert b.driver.switch_to.active_element.get_attribute("id") == "find"
    for width, height, dark, what in (375, 740, False, "phone"), (1280, 800, True, "dark"):
        b.window(width, height, dark)
        seen = b.goto(page, "")
        assert seen["size"][0] <= width, seen["size"]
        b.shot(f"{pathlib.Path(page).stem}-{what}")
        opened(b, data, b.goto(page, address), 2)
        assert seen["size"][0] <= width, seen["size"]
        b.shot(f"{pathlib.Path(page).stem}-{what}-open")
    b.quiet()


def opened(b, data, seen, r):
    """The panel shows row r, with all its contexts."""
    pairs, view = rows_of(data)
    assert seen["open"] and seen["heading"] == " ↔ ".join(f"{layer}/{i}" for layer, i in pairs[r]), (r, seen["heading"])
    assert seen["hash"].endswith("open=" + ",".join(f"{layer}/{i}" for layer, i in pairs[r])), seen["hash"]
    assert [int(seen["here"][k]) for k in (0, 2)] == [i for _, i in pairs[r]]
    for f, shown in zip((view["row"][r], view["col"][r]), seen["contexts"]):
        c = data["contexts"]
        assert shown == [re.sub("^ ", "", "".join(c["text"][t] for t in c["id"][slice(*c["begin"][k:k + 2])])) for k in range(c["first"][f], c["first"][f] + c["contexts"][f])]


def files(page):
    """What is saved: the table of what is listed, and each picture."""
    import tempfile
    import xml.dom.minidom
    data = carried(page)
    pairs, view = rows_of(data)
    b = browser()
    b.open(page)
    with tempfile.TemporaryDirectory() as folder:
        b.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": folder})
        b.driver.find_element("id", "table").click()
        buttons = b.driver.find_elements("css selector", "figcaption .small")
        for button in buttons:
            button.click()
            time.sleep(.2)
        for _ in range(600):
            time.sleep(.1)
            if len(list(pathlib.Path(folder).glob("*.[ts]v[vg]"))) + len(list(pathlib.Path(folder).glob("*.tsv"))) > len(buttons):
                break
        head, *lines = (pathlib.Path(folder) / "matches.tsv").read_text().split("\n")[:-1]
        cells = [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]
        assert [((c["row_layer"], int(c["row_feature"])), (c["col_layer"], int(c["col_feature"]))) for c in cells] == pairs
        assert np.allclose([float(c["cost"]) for c in cells], view["cost"], rtol=1e-6)
        pictures = list(pathlib.Path(folder).glob("*.svg"))
        assert len(pictures) == len(buttons) >= 4, pictures
        for path in pictures:
            document = xml.dom.minidom.parse(str(path))
            assert document.documentElement.tagName == "svg" and "var(" not in path.read_text()
    b.quiet()


def large(page):
    """A page of many pairs; prints what it took."""
    from selenium.webdriver.common.keys import Keys
    data = carried(page)
    pairs, view = rows_of(data)
    b = browser()
    seen = b.open(page)
    assert seen["count"] == f"{len(pairs):,}" and len(seen["rows"]) < 60
    paint, heap = b.driver.execute_script("return [performance.getEntriesByName('first-contentful-paint')[0].startTime, performance.memory.usedJSHeapSize]")
    b.shot("large")
    figures = {"bytes": pathlib.Path(page).stat().st_size, "first paint, ms": round(paint), "heap, MB": round(heap / 1e6)}
    for name, script in ("search again", "state.q = 'made label 17'; refresh()"), ("sort", "state.sort = 'cost'; refresh()"), ("open", "open(shown[9000 % shown.length])"), ("sort by label", "state.q = ''; state.sort = 'label-a'; refresh()"):
        figures[f"{name}, ms"] = round(b.driver.execute_script(f"const t = performance.now(); {script}; return performance.now() - t"))
    b.driver.execute_script("state.sort = ''; refresh()")
    opened(b, data, b.keys(Keys.END, Keys.ENTER), len(pairs) - 1)
    b.shot("large-open")
    b.quiet()
    print(json.dumps(figures))


def flows(page, *flow):
    """A flow's page: chains are listed, and one is shown layer by layer; merges and counts of the picture."""
    from selenium.webdriver.common.keys import Keys
    _, frames = one(flow[0])
    layers, chains = frames[0], frames[2]
    b = browser()
    seen = b.open(page)
    b.shot(pathlib.Path(page).stem)
    n = len(chains["indptr"]) - 1
    assert seen["count"] == f"{n:,}" and seen["rows"][0][2] == " → ".join(map(str, chains["feature"][:chains["indptr"][1]]))
    text = b.driver.execute_script("return [...document.querySelectorAll('figure.wide svg text')].map(e => e.textContent)")
    for l in range(len(layers["layer"])):
        assert f"{layers['features'][l]:,}" in text and (l == 0 or f"+{layers['births'][l]:,}" in text)
    longest = int(np.argmax(np.diff(chains["indptr"])))
    for _ in range(longest):
        b.keys(Keys.ARROW_DOWN)
    seen = b.keys(Keys.ENTER)
    members = [f"layer {layers['layer'][chains['layer'][i]]} · {chains['feature'][i]}" for i in range(*chains["indptr"][longest:longest + 2])]
    assert b.driver.execute_script("return [...document.querySelectorAll('.side h4')].map(e => e.textContent)") == members
    b.shot(pathlib.Path(page).stem + "-open")
    seen = b.press_button("[aria-label=close]")
    b.driver.execute_script("const band = document.querySelector('figure.wide svg path.pick'); band.dispatchEvent(new MouseEvent('click', { bubbles: true }))")
    reach = sum(int(chains["layer"][chains["indptr"][c]]) == 0 and chains["indptr"][c + 1] - chains["indptr"][c] > 1 for c in range(n))
    assert b.look()["count"].startswith(f"{reach:,} of"), (b.look()["count"], reach)
    b.quiet()


def harmless(page):
    """Whatever names, labels and tokens hold, it is text."""
    b = browser()
    seen = b.open(page)
    b.shot("hostile")
    assert "owned" != seen["title"], seen["title"]
    for r in range(len(BAD)):
        b.driver.execute_script(f"here = {r}; open(shown[{r}])")
        seen = b.look()
        assert seen["open"] and seen["title"] != "owned" and seen["size"][0] <= 1280, seen["size"]
        shown = "\n".join(seen["rows"][0] + [seen["panel"]])
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", shown), ascii(shown)
    b.shot("hostile-open")
    assert not b.driver.find_elements("css selector", "img, b b, #panel script, #rows script, body > script ~ script ~ script")
    assert "⟨202E⟩evil" in b.driver.execute_script("return document.getElementById('rows').textContent")
    b.quiet()


def says(page, *texts):
    b = browser()
    seen = b.open(page)
    for text in texts:
        assert text in b.driver.find_element("tag name", "body").text, (text, seen)


if __name__ == "__main__":
    {f.__name__: f for f in (big, hostile, holds, mapped, reads, files, large, flows, harmless, says)}[sys.argv[1]](*sys.argv[2:])
