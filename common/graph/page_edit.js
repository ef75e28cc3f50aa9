// -- Groups as a person changes them --------------------------------------------------------------
//
// g.group has every node's group, or -1, and g.group_name their names; g.unit, and the links between
// units, follow from these. g.past and g.future hold states before and after, { group, group_name, said }.

const MOST_PINS = 200, LONG_LINK = 8000;
const canEdit = g => g.document !== undefined;

function beginEdits(g) {
	if (g.past) return;
	g.past = [], g.future = [];
	g.group = g.unit.map(unit => unit < g.group_name.length ? unit : -1);
	if (canEdit(g)) g.link_number = g.link_weight.map(Number);
}

// Takes a state; groups without members are gone.
function setGroups(g, { group, group_name }) {
	const left = group_name.map((_, k) => group.includes(k));
	const renumbered = left.map((has, k) => has ? left.slice(0, k).filter(Boolean).length : -1);
	g.group = group.map(k => k < 0 ? -1 : renumbered[k]);
	g.group_name = group_name.filter((_, k) => left[k]);
	let units = g.group_name.length;
	g.unit = g.group.map(k => k < 0 ? units++ : k);
	const sums = new Map();
	g.link_source.forEach((node, i) => {
		const source = g.unit[node], target = g.unit[g.link_target[i]], pair = source * units + target;
		if (source !== target) sums.set(pair, (sums.get(pair) || 0) + g.link_number[i]);
	});
	g.source = [...sums.keys()].map(pair => Math.floor(pair / units));
	g.target = [...sums.keys()].map(pair => pair % units);
	g.weight = [...sums.values()];
}

// edit(state) changes a copy of the groups, and returns a node whose unit is chosen then.
function change(said, edit) {
	const { g } = now, before = { group: g.group, group_name: g.group_name, said, at: chosen ? chosen.members[0] : null };
	const after = { group: g.group.slice(), group_name: g.group_name.slice() };
	const node = edit(after);
	g.past.push(before);
	g.future = [];
	setGroups(g, after);
	showGroups(node, said);
}

function step(from, to, word) {
	const { g } = now, state = g[from].pop();
	if (!state) return;
	g[to].push({ group: g.group, group_name: g.group_name, said: state.said, at: chosen ? chosen.members[0] : state.at });
	setGroups(g, state);
	showGroups(state.at, `${word}: ${state.said}`);
}

const undo = () => step("past", "future", "undone");
const redo = () => step("future", "past", "done again");

function rename(unit, name) {
	if (name.trim() !== "" && name !== unit.name) change(`renamed ${unit.name} to ${name}`, state => {
		if (unit.group) state.group_name[unit.number] = name;
		else putInto(state, unit.members, newGroup(state, name));
		return unit.members[0];
	});
}

const newGroup = (state, name) => state.group_name.push(name) - 1;

function putInto(state, nodes, group) {
	for (const node of nodes) state.group[node] = group;
}

// A group of these nodes: the unit's, or a new one of it and them.
function move(nodes, unit, said) {
	change(said, state => {
		const name = `${unit.name} / ${nameOf(now.g, nodes[0])}`;
		const group = unit.group ? unit.number : newGroup(state, name);
		putInto(state, [...unit.members, ...nodes], group);
		return unit.members[0];
	});
}

// The unit that is a group keeps its name.
function joinUnits(a, b) {
	const [into, from] = !a.group && b.group ? [b, a] : [a, b];
	move(from.members, into, `joined ${from.name} with ${into.name}`);
}

function split(nodes) {
	const names = [...new Set(nodes.map(node => nameOf(now.g, node)))].slice(0, 2).map(name => short(name, 40));
	change(`made a group of ${plural(nodes.length, "member")}`, state => {
		putInto(state, nodes, newGroup(state, names.join(" / ")));
		return nodes[0];
	});
}

function takeOut(nodes, said) {
	change(said, state => {
		putInto(state, nodes, -1);
		return nodes[0];
	});
}

// -- The graph's JSON, as frame2graph(1) writes it ------------------------------------------------

// jansson writes control characters in capitals.
const textOf = string => JSON.stringify(string).replace(/\\(?:u(....)|.)/g, (all, hex) => hex ? `\\u${hex.toUpperCase()}` : all);
const listOf = (list, comma = ", ") => `[${list.map(item => Array.isArray(item) ? listOf(item, comma) : textOf(item)).join(comma)}]`;

// The nodes that viewers draw, at most 200, in the order of frame2graph(1), PINS; needed: how many of them
// come before other members of groups.
function pinsOf(g) {
	const pinned = new Set(g.pinned), taken = new Set(), shown = new Set(), first = new Map(), pins = [];
	const pin = node => {
		if (!taken.has(node) && pins.length < MOST_PINS) pins.push(node), shown.add(g.group[node]);
		taken.add(node);
	};
	let room = Math.max(0, MOST_PINS - g.group_name.length);
	for (const node of g.ends) {
		const own = g.group[node] >= 0 && !shown.has(g.group[node]);
		if (own || room > 0 || pins.length === 0) pin(node);
		else taken.add(node);
		if (!own && room > 0) room--;
	}
	const bearers = new Map();
	for (const id of g.id) bearers.set(id, (bearers.get(id) || 0) + 1);
	const fit = node => 2 * (bearers.get(g.id[node]) === 1) + pinned.has(node);
	const grouped = g.rank.filter(node => g.group[node] >= 0);
	for (const node of grouped) {
		const leader = first.get(g.group[node]);
		if (leader === undefined || fit(node) > fit(leader)) first.set(g.group[node], node);
	}
	for (const node of grouped) if (!shown.has(g.group[node]) && first.get(g.group[node]) === node) pin(node);
	g.rank.filter(node => pinned.has(node)).forEach(pin);
	const needed = pins.length;
	grouped.forEach(pin);
	return { pins, needed };
}

function documentOf(g) {
	const id = g.node_id.map(textOf), link = i => g.link_json && g.link_json[i]
		|| `{"source":${id[g.link_source[i]]},"target":${id[g.link_target[i]]},"weight":${g.link_weight[i]}}`;
	const members = g.group_name.map(name => [name]);
	g.group.forEach((k, node) => k >= 0 && members[k].push(g.id[node]));
	const text = {
		nodes: () => `[\n${g.node_json.join(",\n")}\n]`,
		links: () => `[\n${g.link_source.map((_, i) => link(i)).join(",\n")}\n]`,
		supernodes: () => listOf(members),
		pinnedIds: () => listOf([...new Set(pinsOf(g).pins.map(node => g.id[node]))]),
	};
	return g.document.map(piece => Array.isArray(piece) ? text[piece[0]]() : piece).join("");
}

function download() {
	const { g } = now, address = URL.createObjectURL(new Blob([documentOf(g)], { type: "application/json" }));
	make("a", { href: address, download: `${String(g.slug).replace(/[^\w.-]+/g, "_").slice(0, 80) || "graph"}.json` }).click();
	setTimeout(() => URL.revokeObjectURL(address), 60000);
	say("the graph's JSON is downloaded");
}

// -- Links to Neuronpedia -------------------------------------------------------------------------

const SITE = "https://www.neuronpedia.org/";
const isKnown = name => /^[\w.-]+$/.test(name);
const encoded = text => encodeURIComponent(text).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

// The set of dictionaries that the graph's features are of; undefined where the file does not say.
function sourceSet(g) {
	const { set, urls } = g.sources;
	if (!isKnown(g.scan) || typeof set === "string") return isKnown(g.scan) ? set : undefined;
	const prefix = new RegExp(`^https://(?:www\\.)?neuronpedia\\.org/${g.scan}/([\\w.-]+)/?$`);
	return (Array.isArray(urls) ? urls : []).map(url => (prefix.exec(url) || [])[1]).find(Boolean);
}

function featurePage(g, node) {
	if (g.page_set === undefined) g.page_set = sourceSet(g) || null;
	if (!g.page_set || g.feature[node] === null) return null;
	return `${SITE}${g.scan}/${encoded(`${g.layer[node]}-${g.page_set}`)}/${g.feature[node]}`;
}

// Opens the groups in a graph that Neuronpedia has. Other members of groups are left out where it gets too
// long for servers.
function graphPage(g) {
	const { pins, needed } = pinsOf(g);
	for (let n = pins.length; ; n--) {
		const groups = g.group_name.map(name => [name]);
		for (const node of pins.slice(0, n)) if (g.group[node] >= 0) groups[g.group[node]].push(g.id[node]);
		const values = { pinnedIds: pins.slice(0, n).map(node => g.id[node]).join(","), supernodes: listOf(groups.filter(group => group.length > 1), ",") };
		const more = Object.keys(values).filter(key => values[key] !== "" && values[key] !== "[]").map(key => `&${key}=${encoded(values[key])}`);
		const link = `${SITE}${g.scan}/graph?slug=${encoded(g.slug)}${more.join("")}`;
		if (link.length <= LONG_LINK || n <= needed) return link;
	}
}

function showLink() {
	const link = graphPage(now.g), field = make("input", { id: "link", readOnly: true, value: link, ariaLabel: "link to Neuronpedia" });
	choose(null);
	$("panel").prepend(make("h3", { textContent: `link to Neuronpedia, ${link.length} characters${link.length > LONG_LINK ? ": many servers take no more than 8000" : ""}` }), field,
		make("p", {}, make("button", { type: "button", textContent: "copy", onclick: copy }), " ",
			make("a", { href: link, target: "_blank", rel: "noopener noreferrer", textContent: "open" })),
		make("p", { className: "faint", textContent: "It shows these groups where Neuronpedia has the graph under the same model and slug." }));
	field.select();
	async function copy() {
		field.select();
		try { await navigator.clipboard.writeText(link); } catch { document.execCommand("copy"); }
		say("the link is copied");
	}
}

// -- Mouse ----------------------------------------------------------------------------------------

// An element that can be dragged onto a unit; drop(unit) is called then. Fingers scroll instead.
function drags(element, text, drop) {
	element.addEventListener("pointerdown", down => {
		if (down.button !== 0 || down.pointerType === "touch" || down.target.closest("a, input, summary")) return;
		let ghost = null;
		const unitAt = event => {
			const over = document.elementFromPoint(event.clientX, event.clientY), target = over && over.closest("#graph .unit");
			return target && target !== element ? now.units[target.dataset.unit] : null;
		};
		const moved = event => {
			if (!ghost && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < 8) return;
			if (!ghost) document.body.append(ghost = make("div", { className: "ghost", textContent: short(text, 40) }));
			Object.assign(ghost.style, { left: `${event.clientX + 10}px`, top: `${event.clientY + 10}px` });
			for (const unit of now.units) unit.element.classList.toggle("target", unit === unitAt(event));
			event.preventDefault();
		};
		const done = event => {
			removeEventListener("pointermove", moved);
			removeEventListener("pointerup", done);
			removeEventListener("pointercancel", done);
			if (!ghost) return;
			ghost.remove();
			const unit = event.type === "pointerup" ? unitAt(event) : null;
			for (const other of now.units) other.element.classList.remove("target");
			const swallow = click => click.stopPropagation();		// that of this release
			addEventListener("click", swallow, true);
			setTimeout(() => {
				removeEventListener("click", swallow, true);
				if (unit) drop(unit);
			});
		};
		addEventListener("pointermove", moved);
		addEventListener("pointerup", done);
		addEventListener("pointercancel", done);
	});
}
