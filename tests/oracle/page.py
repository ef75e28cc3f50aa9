"""Opens pages of graph2html in Chromium and does what a reader would: page.py COMMAND ARGUMENT...;
see the functions. Screenshots stay in build/pages."""
import atexit
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from attribution import EMBEDDING, ERROR, FEATURE, LOGIT, one
from attribution import units as numbered
from semot import write

SHOTS = pathlib.Path(os.environ["BUILD"]) / "pages"
MOST = 12

LOOK = """
const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
const graph = document.getElementById("graph"), units = [...graph.querySelectorAll(".unit")];
return {
	numbers: units.map(e => +e.dataset.unit), boxes: units.map(box), room: box(graph),
	spilled: units.filter(e => [...e.children].some(child => [2, 3].some(k => box(child)[k] > box(e)[k] - .5))).map(e => e.textContent),
	size: [document.documentElement.scrollWidth, document.documentElement.scrollHeight],
	inner: [graph.scrollWidth - graph.clientWidth, graph.scrollHeight - graph.clientHeight],
	members: [...document.querySelectorAll("#members tr")].map(e => e.dataset.node).filter(e => e),
	near: graph.querySelectorAll("path.near").length, paths: graph.querySelectorAll("path").length,
	title: document.title, label: document.getElementById("shown").textContent,
	top: [...document.querySelectorAll("#panel .top td:first-child")].map(e => parseFloat(e.textContent)),
	heading: (document.querySelector("#panel h2") || {}).textContent,
	weights: [...document.querySelectorAll(".inputs, .outputs")].map(table =>
		[...table.querySelectorAll("td:first-child")].map(e => e.textContent)),
};"""


class Browser:
    def __init__(self):
        options = webdriver.ChromeOptions()
        for word in "headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage":
            options.add_argument(f"--{word}")
        options.binary_location = shutil.which("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.chrome.service.Service(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        atexit.register(self.driver.quit)
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False})

    def open(self, page):
        """The page has to open without a word on the console and without a request."""
        address = pathlib.Path(page).resolve().as_uri()
        self.driver.get_log("performance")
        self.driver.get(address)
        words = [entry["message"] for entry in self.driver.get_log("browser")]
        assert not words, f"{page}: {words}"
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        assert asked == [address], f"{page}: {asked}"
        return self.look()

    def look(self):
        return self.driver.execute_script(LOOK)

    def settle(self):
        """Waits for the page's timers of up to .15 s and for what it draws in the frames after: by its own clock, on any machine."""
        self.driver.execute_async_script("""const done = arguments[0], frames = n => n ? requestAnimationFrame(() => frames(n - 1)) : done();
            setTimeout(frames, 150, 3);""")

    def shot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        path = SHOTS / f"{name}.png"
        self.driver.save_screenshot(str(path))
        print(path)

    def unit(self, number):
        return self.driver.find_element("css selector", f'#graph [data-unit="{number}"]')

    def click(self, element):
        ActionChains(self.driver).move_to_element(element).click().perform()
        return self.look()

    def press(self, key, element=None):
        (element or self.driver.find_element("tag name", "body")).send_keys(key)
        return self.look()


def people(nodes, supernodes):
    """Each node's group among the document's: the first that lists it; and their names."""
    def first(i):
        names = {nodes["node_id"][i], nodes["js_node_id"][i]}
        found = [k for k, (_, *members) in enumerate(supernodes) if names & set(members)]
        return found[0] if found and nodes["type"][i] != ERROR else None
    listed = [first(i) for i in range(len(nodes["type"]))]
    order = list(dict.fromkeys(k for k in listed if k is not None))
    return [-1 if k is None else order.index(k) for k in listed], [supernodes[k][0] for k in order]


def groups(stream):
    nodes, _, text, *found = one(stream)[1]
    if found:
        return found[0]
    group, names = people(nodes, json.loads(text["json"])["qParams"].get("supernodes") or [])
    return {"group": group, "group_name": names}


def unit_of(stream):
    return numbered(groups(stream))


def units(stream):
    """The node_ids of every unit, the names of groups, and the links between units."""
    nodes, link = one(stream)[1][:2]
    members, weight, unit = {}, {}, unit_of(stream)
    for name, number in zip(nodes["node_id"], unit):
        members.setdefault(int(number), []).append(name)
    for a, b, w in zip(link["source"], link["target"], link["weight_exact"]):
        if unit[a] != unit[b]:
            weight[int(unit[a]), int(unit[b])] = weight.get((int(unit[a]), int(unit[b])), 0) + w
    return members, groups(stream)["group_name"], weight


def influences(stream):
    """The largest influences in percent, by the inverse of I - shares; units that are all logits or embeddings,
    and alone, or all errors are left out."""
    members, names, weight = units(stream)
    nodes = one(stream)[1][0]
    shares, begin = np.zeros((len(members),) * 2), np.zeros(len(members))
    for (source, target), w in weight.items():
        shares[target, source] = abs(w)
    shares /= np.maximum(shares.sum(1, keepdims=True), 1e-300)
    probability = [json.loads(text).get("token_prob", 0) for text in nodes["node_json"]]
    kinds = [set() for _ in members]
    for i, unit in enumerate(unit_of(stream)):
        begin[unit] += probability[i] * (nodes["type"][i] == LOGIT)
        kinds[unit].add(int(nodes["type"][i]))
    every = np.linalg.inv(np.eye(len(members)) - shares)
    reached = begin / begin.sum() @ every
    reached[:len(names)] /= np.diag(every)[:len(names)]
    return sorted((100 * reached[unit] for unit, kind in enumerate(kinds)
                   if kind != {ERROR} and (unit < len(names) or kind not in ({LOGIT}, {EMBEDDING}))), reverse=True)[:10]


def meet(a, b):
    return a[0] < b[2] - .5 and b[0] < a[2] - .5 and a[1] < b[3] - .5 and b[1] < a[3] - .5


def drawn(seen, stream, name):
    """Every unit of the stream stands in the page, at a place of its own that is seen without scrolling."""
    members, _, weight = units(stream)
    assert sorted(seen["numbers"]) == sorted(members), f"{name}: units"
    assert seen["size"][0] <= 1280 and seen["size"][1] <= 800 and seen["inner"] == [0, 0], f"{name}: {seen['size']} {seen['inner']}"
    left, top, right, bottom = seen["room"]
    for i, box in enumerate(seen["boxes"]):
        assert left <= box[0] and top <= box[1] and box[2] <= right and box[3] <= bottom, f"{name}: {box} is out of the page"
        for other in seen["boxes"][:i]:
            assert not meet(box, other), f"{name}: {box} lies on {other}"
    assert not seen["spilled"], f"{name}: {seen['spilled']}"
    expected = influences(stream)
    assert len(seen["top"]) == len([x for x in expected if x > 1e-9]), f"{name}: {seen['top']}"
    assert np.allclose(seen["top"], expected[:len(seen["top"])], rtol=0, atol=.55), f"{name}: {seen['top']}, not {expected}"
    assert f" of {len(weight)} link" in seen["label"] and seen["paths"] == min(len(weight), int(seen["label"].split()[0]))


def fits(*pairs):
    """PAGE STREAM ...: each page shows its stream, and is kept as a picture."""
    browser = Browser()
    for page, stream in zip(pairs[::2], pairs[1::2]):
        name = pathlib.Path(page).stem
        seen = browser.open(page)
        browser.shot(name)
        drawn(seen, stream, name)


def number(text):
    return float(text.replace("−", "-"))


def chosen(seen, stream, unit):
    """The panel and the highlighted links are those of this unit."""
    members, names, weight = units(stream)
    assert sorted(seen["members"]) == sorted(members[unit]), seen["members"]
    assert seen["heading"] == names[unit].strip(), seen["heading"]
    for k, shown in enumerate(seen["weights"]):
        own = sorted((w for ends, w in weight.items() if ends[1 - k] == unit), key=abs, reverse=True)
        assert len(shown) == min(MOST, len(own)), shown
        if k == 0:
            assert all(abs(number(a) - b) <= .006 * abs(b) for a, b in zip(shown, own)), (shown, own)
        else:
            assert all(min(abs(number(a) - b) - .006 * abs(b) for b in own) <= 0 for a in shown), (shown, own)
    assert seen["near"] == sum(map(len, seen["weights"])) > 0


def largest(stream):
    members, names, _ = units(stream)
    return max(range(len(names)), key=lambda unit: len(members[unit]))


def clicks(page, stream):
    """A click on a supernode shows its members and links; on one of these, that one; beside, none."""
    browser, unit = Browser(), largest(stream)
    before = browser.open(page)
    assert not before["members"] and before["near"] == 0
    chosen(browser.click(browser.unit(unit)), stream, unit)
    browser.shot(pathlib.Path(page).stem + "-chosen")
    link = browser.driver.find_element("css selector", "#panel .inputs .go")
    name = re.sub("^▢ |…$", "", link.text)
    assert browser.click(link)["heading"].startswith(name) and name
    graph = browser.driver.find_element("id", "graph")
    ActionChains(browser.driver).move_to_element_with_offset(graph, -graph.size["width"] // 2 + 4, 0).click().perform()
    after = browser.look()
    assert not after["members"] and after["near"] == 0 and after["paths"] == before["paths"]


def keys(page, stream):
    """Tab goes to units, Enter chooses, Escape clears, and the slider's arrows show more links."""
    browser, unit = Browser(), largest(stream)
    before = browser.open(page)
    seen = None
    for _ in range(len(before["numbers"]) + 5):
        browser.press(Keys.TAB, browser.driver.switch_to.active_element)
        focused = browser.driver.switch_to.active_element
        if focused.get_attribute("data-unit") == str(unit):
            seen = browser.press(Keys.ENTER, focused)
            break
    chosen(seen, stream, unit)
    after = browser.press(Keys.ESCAPE)
    assert not after["members"] and after["near"] == 0
    slider = browser.driver.find_element("id", "slider")
    more, fewer = browser.press(Keys.END, slider), browser.press(Keys.HOME, slider)
    assert more["paths"] == min(400, len(units(stream)[2])) > before["paths"] > fewer["paths"] == 0
    assert fewer["label"].startswith("0 of ")


# -- Groups as a person changes them ------------------------------------------------------------------------------------------

class Editor(Browser):
    def __init__(self):
        super().__init__()
        self.folder = pathlib.Path(tempfile.mkdtemp(dir="."))
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(self.folder.resolve())})

    def tool(self, text):
        found = [e for e in self.driver.find_elements("css selector", ".tool") if e.text == text]
        self.click(found[0])

    def pick(self, *nodes):
        for node in nodes:
            self.click(self.driver.find_element("css selector", f'#members input[value="{node}"]'))

    def select(self, label, text):
        select = self.driver.find_element("css selector", f'select[aria-label="{label}"]')
        [option] = [e for e in select.find_elements("tag name", "option") if e.text == text]
        option.click()

    def named(self, name):
        """The unit of this name, of which there is one."""
        [unit] = [e for e in self.driver.find_elements("css selector", "#graph .group") if e.get_attribute("title").split("\n")[0] == name]
        return unit

    def rename(self, name):
        self.press(Keys.F2)
        self.press(name + Keys.ENTER, self.driver.find_element("id", "name"))

    def download(self):
        for old in self.folder.iterdir():
            old.unlink()
        self.tool("save JSON")
        for _ in range(600):
            found = [f for f in self.folder.iterdir() if f.suffix == ".json"]
            if found:
                return found[0].read_bytes()
            time.sleep(.1)
        raise AssertionError("nothing was downloaded")

    def link(self):
        self.tool("link")
        return self.driver.find_element("id", "link").get_attribute("value")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout


def regrouped(stream, state):
    """./edited: the stream with these groups, [(name, members)]."""
    header, (nodes, link, document, *_) = one(stream)
    group = np.full(len(nodes["type"]), -1, "<i4")
    for k, (_, members) in enumerate(state):
        group[sorted(members)] = k
    names = [name for name, _ in state]
    unit, sums = numbered({"group": group, "group_name": names}), {}
    for s, t, w in zip(link["source"], link["target"], link["weight_exact"]):
        if unit[s] != unit[t]:
            pair = int(unit[t]), int(unit[s])
            sums[pair] = sums.get(pair, 0) + w
    pairs = sorted(sums)
    found = {"group": group, "group_name": names, "group_link_source": np.array([s for _, s in pairs], "<u4"),
             "group_link_target": np.array([t for t, _ in pairs], "<u4"),
             "group_link_weight": np.array([sums[p] for p in pairs], "<f4"),
             "group_link_abs": np.array([abs(sums[p]) for p in pairs], "<f4")}
    write("edited", header, [nodes, link, document, found], checksum=False)


def same_as_frame2graph(browser, stream, state):
    """What is downloaded, and the link, are those of frame2graph for these groups."""
    regrouped(stream, state)
    nodes = one(stream)[1][0]
    got = browser.download()
    expected = run("frame2graph", "--quiet", "edited")
    supernodes = json.loads(got)["qParams"]["supernodes"]
    assert [s[0] for s in supernodes] == [name for name, _ in state], supernodes
    ids = nodes["js_node_id"] if "jackl-circuits" in one(stream)[0]["scan"] else nodes["node_id"]
    assert [s[1:] for s in supernodes] == [[ids[i] for i in sorted(members)] for _, members in state]
    assert got == expected, "frame2graph writes another file"
    assert browser.link() == run("frame2graph", "--quiet", "--link", "neuronpedia", "edited").decode().strip()
    assert not browser.driver.get_log("browser")


def edits(page, stream):
    """Rename, join by list and by mouse, split, move, take out, undo and redo; after each the units are drawn and their links are
    those of the nodes; the download and the link are frame2graph's."""
    browser = Editor()
    browser.open(page)
    nodes, _, _, found = one(stream)[1]
    state = [(name, {int(i) for i in np.flatnonzero(found["group"] == k)}) for k, name in enumerate(found["group_name"])]
    same_as_frame2graph(browser, stream, state)
    states = [list(state)]

    def check():
        regrouped(stream, state)
        seen = browser.look()
        assert sorted(seen["numbers"]) == list(range(max(numbered(groups("edited"))) + 1))
        assert f" of {len(one('edited')[1][3]['group_link_weight'])} link" in seen["label"], seen["label"]
        states.append(list(state))

    by_size = sorted(state, key=lambda s: (-len(s[1]), s[0]))
    (big, members), (second, _), (third, _) = by_size[:3]
    at = {name: k for k, (name, _) in enumerate(state)}
    browser.click(browser.named(big))
    hostile = 'say "é" \\ </script> 🧠'
    browser.rename(hostile)
    state[at[big]] = (hostile, members)
    check()
    assert browser.look()["heading"] == hostile
    browser.select("join with…", "▢ " + second)
    state[at[big]] = (hostile, members | state[at[second]][1])
    del state[at[second]]
    check()
    split = sorted(members)[:2]
    browser.pick(*split)
    browser.tool("new group")
    k = [name for name, _ in state].index(hostile)
    name = browser.look()["heading"]
    state[k] = (hostile, state[k][1] - set(split))
    state.append((name, set(split)))
    check()
    browser.rename("two")
    state[-1] = ("two", set(split))
    check()
    browser.pick(split[0])
    browser.select("move to…", "▢ " + third)
    k = [name for name, _ in state].index(third)
    state[k] = (third, state[k][1] | {split[0]})
    state[-1] = ("two", {split[1]})
    check()
    browser.click(browser.named(third))
    browser.pick(split[0])
    browser.tool("take out")
    state[k] = (third, state[k][1] - {split[0]})
    check()
    single = browser.unit(numbered(groups("edited"))[split[0]])
    ActionChains(browser.driver).click_and_hold(single).move_by_offset(15, 9).move_to_element(browser.named("two")).release().perform()
    state[-1] = ("two", set(split))
    check()
    same_as_frame2graph(browser, stream, state)
    browser.shot(pathlib.Path(page).stem + "-edited")
    for before in reversed(states[:-1]):
        browser.press(Keys.CONTROL + "z")
        regrouped(stream, before)
        assert sorted(browser.look()["numbers"]) == list(range(max(numbered(groups("edited"))) + 1))
    same_as_frame2graph(browser, stream, states[0])
    for _ in states[1:]:
        browser.tool("redo")
    same_as_frame2graph(browser, stream, state)
    browser.click(browser.named(third))
    browser.tool("ungroup")
    del state[[name for name, _ in state].index(third)]
    same_as_frame2graph(browser, stream, state)


def features(page, stream, address="", contexts=0, graph=None):
    """Members of a graph of the page, by its number, have layer and number, which lead to an address where one is
    given, and so many lines of context."""
    browser = Browser()
    browser.open(page)
    if graph:
        browser.driver.find_elements("css selector", "#which option")[int(graph)].click()
    unit = largest(stream)
    browser.click(browser.unit(unit))
    nodes = one(stream)[1][0]
    names = [f"{nodes['layer'][i]}/{nodes['feature'][i]}" for i, u in enumerate(unit_of(stream)) if u == unit and nodes["type"][i] == FEATURE]
    cells = browser.driver.find_elements("css selector", "#members td.which")
    assert sorted(cell.text for cell in cells) == sorted(names), names
    links = browser.driver.find_elements("css selector", "#members td.which a")
    assert len(links) == (len(names) if address else 0)
    for link in links:
        layer, number = link.text.split("/")
        assert link.get_attribute("href") == address.replace("LAYER", layer).replace("NUMBER", number), link.get_attribute("href")
        assert "noopener" in link.get_attribute("rel") and link.get_attribute("target") == "_blank"
    lines = browser.driver.find_elements("css selector", "#members .context")
    assert len(lines) == len(names) * int(contexts)
    if lines:
        assert lines[0].get_attribute("textContent") == "<b>\u202e↵[7]"
        assert [span.get_attribute("className") for span in lines[0].find_elements("tag name", "span")] == ["", "peak", ""]
        browser.click(browser.driver.find_element("css selector", "#members summary"))
        assert browser.driver.find_element("css selector", "#members .context").is_displayed()
    browser.shot(pathlib.Path(page).stem + "-features")


def harmless(page, stream):
    """Labels that are code stay text, whatever is chosen."""
    browser = Browser()
    seen = browser.open(page)
    drawn(seen, stream, "hostile")
    members, names, _ = units(stream)
    for unit in range(len(names)):
        seen = browser.click(browser.unit(unit))
        assert sorted(seen["members"]) == sorted(members[unit])
        assert seen["title"].startswith("</title>") and seen["size"] == [1280, 800], seen
    assert not browser.driver.find_elements("css selector", "img, b > *, #panel script")
    assert not browser.driver.get_log("browser")


def several(page, *streams):
    """A page of several graphs shows the first, and any other that is selected."""
    browser = Browser()
    browser.open(page)
    for i, stream in enumerate(streams):
        browser.driver.find_elements("css selector", "#which option")[i].click()
        drawn(browser.look(), stream, stream)
    assert len(browser.driver.find_elements("css selector", "#which option")) == len(streams)


def says(page, text):
    browser = Browser()
    browser.open(page)
    assert text in browser.driver.find_element("tag name", "body").text


if __name__ == "__main__":
    {"fits": fits, "clicks": clicks, "keys": keys, "harmless": harmless, "several": several,
     "says": says, "edits": edits, "features": features}[sys.argv[1]](*sys.argv[2:])
