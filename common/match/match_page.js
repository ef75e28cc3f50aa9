// -- The data -------------------------------------------------------------------------------------

const data = JSON.parse($("data").textContent);
$("data").remove();
const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };
const NONE = 0xffffffff;

// "f4:AACAPw==" as a typed array.
function column(text) {
	const binary = atob(text.slice(3)), bytes = new Uint8Array(binary.length);
	for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
	return new TYPES[text.slice(0, 2)](bytes.buffer);
}

// All columns of an object, in place.
function columns(object, ...names) {
	for (const name of names) if (typeof object[name] === "string") object[name] = column(object[name]);
	return object;
}

// Features by number: dictionary (of data.dictionaries) and index; label, contexts, density where known.
const features = { n: sum(data.dictionaries.map(d => columns(d, "feature").feature.length)) };
features.dictionary = new Uint16Array(features.n);
features.index = new Uint32Array(features.n);
data.dictionaries.forEach((d, k) => {
	features.dictionary.fill(k, d.first, d.first + d.feature.length);
	features.index.set(d.feature, d.first);
});
const contexts = data.contexts && columns(data.contexts, "density", "mean", "max", "first", "contexts", "range", "token", "at", "begin", "id", "value");
const labelled = data.labels.some(label => label !== null);
for (const d of data.distances)
	for (const side of [d.row, d.col]) columns(side, "feature", "near", "dist");

const dictionary = f => data.dictionaries[features.dictionary[f]];
const layerOf = f => dictionary(f).layer;
const nameOf = f => `${layerOf(f)}/${features.index[f]}`;
const labelOf = f => data.labels[f];
const density = f => contexts ? contexts.density[f] : NaN;
const contextsOf = f => contexts ? Array.from({ length: contexts.contexts[f] }, (_, i) => contexts.first[f] + i) : [];

// -- Text -----------------------------------------------------------------------------------------

// What a reader does not see, or what turns the direction of what follows, by its number.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
const SIGNS = { "\n": "↵", "\r": "␍", "\t": "⇥" };
const visible = text => text.replace(HIDDEN, c => SIGNS[c] || `⟨${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
const isolated = (text, className = "") => make("bdi", { textContent: text, className });

function textOf(context) {
	let text = "";
	for (let t = contexts.begin[context]; t < contexts.begin[context + 1]; t++) text += contexts.text[contexts.id[t]];
	return text;
}

// What is searched: label, and contexts; kept once it was made.
const searched = new Array(features.n);
function searchText(f) {
	if (searched[f] === undefined)
		searched[f] = [labelOf(f) || "", ...contextsOf(f).map(textOf)].join("\n").toLowerCase();
	return searched[f];
}

// Where there is no label: the strongest token and what stands around it.
function snippet(f) {
	const node = make("bdi", { className: "hint" }), context = contexts && contexts.contexts[f] > 0 ? contexts.first[f] : -1;
	if (context < 0) return node;
	const begin = contexts.begin[context], peak = begin + contexts.at[context];
	const words = (from, to) => visible(Array.from({ length: Math.max(0, to - from) }, (_, i) => contexts.text[contexts.id[from + i]]).join(""));
	node.append(...[["before", Math.max(begin, peak - 3), peak], ["peak", peak, peak + 1], ["after", peak + 1, Math.min(contexts.begin[context + 1], peak + 4)]]
		.map(([className, from, to]) => make(className === "peak" ? "b" : "span", { className, textContent: words(from, to) })));
	return node;
}

const called = f => labelOf(f) === null ? snippet(f) : isolated(visible(short(labelOf(f), 300)));

const whole = n => n.toLocaleString("en");
const ratio = x => !(x < 1) ? "100%" : x >= .0995 ? percent(x) : x >= 1e-6 ? `${+(100 * x).toPrecision(x < .001 ? 1 : 2)}%` : x > 0 ? `${(100 * x).toExponential(0)}%` : "0";
// What flow leaves out unless told otherwise; semot(7) says how often that is right.
const LIMIT = .2, likely = v => v.chance.reduce((n, x) => n + (x <= LIMIT), 0);
// A chance, which was counted in some second nearest.
const rarely = (x, second) => x === 0 && second.length ? `<${ratio(1 / second.length)}` : ratio(x);
const real = x => Number.isFinite(x) ? number(x) : Number.isNaN(x) ? "" : x > 0 ? "∞" : "−∞";
// For a column of a list: as many places for all.
function aligned(list) {
	const most = list.reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 0), places = most >= 1000 ? 0 : most >= 100 ? 1 : most >= 1 ? 2 : 3;
	return x => !Number.isFinite(x) || most >= 1e6 || most < .01 ? real(x) : x.toFixed(places).replace("-", "−");
}
const exact = x => x === undefined || Number.isNaN(x) ? "" : x === Infinity ? "inf" : x === -Infinity ? "-inf" : String(+x.toPrecision(7));
const cellOf = text => String(text).replace(/[\\\t\n\r]/g, c => ({ "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" })[c]);

// -- Views: rows of a list, and what is known of them --------------------------------------------

// The distances between two dictionaries, where they were given.
const distancesOf = (a, b) => data.distances.find(d => d.row.feature.length > 0 && d.col.feature.length > 0
	&& features.dictionary[d.row.feature[0]] === a && features.dictionary[d.col.feature[0]] === b);

// The share of a sorted sample that is no farther.
function shareBelow(sample, x) {
	let low = 0, high = sample.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (sample[middle] <= x) low = middle + 1;
		else high = middle;
	}
	return low / sample.length;
}

function matchingView(v) {
	columns(v, "row", "col", "free_row", "free_col", "cost", "margin", "error", "certified", "chance", "second", "random");
	const pairs = v.pairs = v.row.length, rows = v.rows = pairs + v.free_row.length + v.free_col.length;
	v.a = new Uint32Array(rows).fill(NONE);
	v.b = new Uint32Array(rows).fill(NONE);
	v.a.set(v.row), v.a.set(v.free_row, pairs);
	v.b.set(v.col), v.b.set(v.free_col, pairs + v.free_row.length);
	const first = list => { for (const f of list) if (f !== NONE) return features.dictionary[f]; };
	v.sides = [first(v.a), first(v.b)];
	v.distances = distancesOf(...v.sides);
	const times = new Uint32Array(features.n), timesB = new Uint32Array(features.n);
	for (let r = 0; r < pairs; r++) times[v.a[r]]++, timesB[v.b[r]]++;
	v.single = r => r < pairs && times[v.a[r]] === 1 && timesB[v.b[r]] === 1;
	v.title = sides(v, k => `${layerTitle(k)}`).join(" → ") || "an empty matching";
	v.sorts = matchingColumns(v);
	v.names = r => [v.a[r], v.b[r]].filter(f => f !== NONE);
}

const layerTitle = k => k === undefined ? "?" : /^\d/.test(data.dictionaries[k].layer) ? `layer ${data.dictionaries[k].layer}` : data.dictionaries[k].layer;
const sides = (v, of) => v.sides.filter(k => k !== undefined).length ? v.sides.map(of) : [];

// A list's columns: title, what it sorts by, what it shows, how wide it is, what a table has.
function matchingColumns(v) {
	const paired = (list, r) => r < v.pairs ? list[r] : NaN, words = labelled || contexts, cost = aligned(v.cost), margin = aligned(v.margin);
	const side = (of, tone) => [
		{ key: `${tone}`, title: layerName(v.sides[tone === "a" ? 0 : 1]), className: `id n ${tone} of-${tone}`, wide: "42px", by: r => of[r] === NONE ? NaN : of[r],
			show: r => of[r] === NONE ? "—" : String(features.index[of[r]]) },
		...words ? [{ key: `label-${tone}`, title: labelled ? "label" : "top context", className: `words of-${tone}`, wide: "minmax(0, 1fr)",
			by: r => of[r] === NONE ? "" : labelOf(of[r]) || (contexts ? searchText(of[r]).slice(1, 40) : ""), show: r => of[r] === NONE ? isolated("unmatched", "hint") : called(of[r]) }] : [],
	];
	return [...side(v.a, "a"), ...side(v.b, "b"),
		{ key: "cost", title: "distance", className: "n main", wide: "54px", by: r => paired(v.cost, r), show: r => cost(paired(v.cost, r)) },
		...v.chance ? [{ key: "chance", title: "chance", className: "n next", wide: "58px", by: r => paired(v.chance, r), show: r => r < v.pairs ? rarely(v.chance[r], v.second) : "", help: "how often a feature without a partner has a nearest as near" }] : [],
		{ key: "margin", title: "margin", className: `n${v.chance ? "" : " next"}`, wide: "44px", by: r => paired(v.margin, r), show: r => margin(paired(v.margin, r)), help: "how much dearer the next choice is" },
		...v.certified ? [{ key: "certified", title: "✓", className: "n", wide: "22px", by: r => r < v.pairs ? -v.certified[r] : NaN, show: r => v.certified[r] ? "✓" : "", help: "certified: sure in spite of sampling" }] : [],
		...contexts ? [{ key: "density", title: "density", className: "n", wide: "50px", help: "on how many tokens the first feature fires",
			by: r => density(v.a[r] === NONE ? v.b[r] : v.a[r]), show: r => { const x = density(v.a[r] === NONE ? v.b[r] : v.a[r]); return Number.isNaN(x) ? "" : ratio(x); } }] : [],
	];
}

const layerName = k => k === undefined ? "" : (/^\d/.test(data.dictionaries[k].layer) ? "L" : "") + data.dictionaries[k].layer;

function flowView(v) {
	const chains = v.chains ||= { feature: "u1:", layer: "u1:", indptr: "u1:AA==", cost: "f4:", margin: "f4:" };
	columns(v, "features", "births", "deaths", "through");
	columns(chains, "feature", "layer", "indptr", "cost", "margin", "chance", "certified");
	if (v.pairs) columns(v.pairs, "composed", "direct", "both", "agree", "merges", "splits");
	if (v.merges) columns(v.merges, "row", "col", "cost");
	const c = v.rows = chains.indptr.length - 1;
	v.from = r => chains.layer[chains.indptr[r]];
	v.length = r => chains.indptr[r + 1] - chains.indptr[r];
	v.members = r => chains.feature.subarray(chains.indptr[r], chains.indptr[r + 1]);
	v.links = r => [chains.indptr[r], chains.indptr[r + 1] - 1];
	const least = (list, most) => Float32Array.from({ length: c }, (_, r) => {
		let found = NaN;
		for (let i = v.links(r)[0]; i < v.links(r)[1]; i++)
			if (!(most ? list[i] <= found : list[i] >= found)) found = list[i];
		return found;
	});
	v.weakest = least(chains.margin, false);
	v.dearest = least(chains.cost, true);
	v.likeliest = chains.chance && least(chains.chance, true);
	v.title = v.dictionaries.length ? `${layerTitle(v.dictionaries[0])} → ${layerTitle(v.dictionaries[v.dictionaries.length - 1])}` : "an empty flow";
	v.names = r => [...v.members(r)];
	const weakest = aligned(v.weakest), dearest = aligned(v.dearest);
	v.sorts = [
		{ key: "from", title: "from", className: "n", wide: "36px", by: v.from, show: r => layerName(v.dictionaries[v.from(r)]) },
		{ key: "length", title: "layers", className: "n main", wide: "44px", by: r => -v.length(r), show: r => String(v.length(r)) },
		{ key: "features", title: "features", className: "id over", wide: "minmax(0, .9fr)", by: r => v.members(r)[0], show: r => Array.from(v.members(r), f => features.index[f]).join(" → ") },
		...labelled || contexts ? [{ key: "label", title: labelled ? "label" : "top context", className: "words over", wide: "minmax(0, 1fr)",
			by: r => labelOf(v.members(r)[0]) || "", show: r => called(v.members(r)[0]) }] : [],
		{ key: "weakest", title: "weakest", className: "n", wide: "56px", by: r => v.weakest[r], show: r => weakest(v.weakest[r]), help: "the smallest margin of its links" },
		{ key: "dearest", title: "dearest", className: "n next", wide: "56px", by: r => v.dearest[r], show: r => dearest(v.dearest[r]), help: "the largest distance of its links" },
		...v.likeliest ? [{ key: "chance", title: "chance", className: "n", wide: "52px", by: r => v.likeliest[r], show: r => v.length(r) > 1 ? ratio(v.likeliest[r]) : "", help: "the largest chance of its links" }] : [],
		...chains.certified ? [{ key: "certified", title: "✓", className: "n", wide: "22px", by: r => -chains.certified[r], show: r => chains.certified[r] ? "✓" : "" }] : [],
	];
}

// -- State, which the address keeps ---------------------------------------------------------------

const DEFAULTS = { view: "0", sort: "", q: "", only: "", chance: "", pick: "", open: "" };
const state = { ...DEFAULTS };
let now = null, shown = new Uint32Array(0), here = 0;

function readAddress() {
	const given = new URLSearchParams(location.hash.slice(1));
	for (const key in DEFAULTS) state[key] = given.get(key) ?? DEFAULTS[key];
	if (!(state.view in data.views)) state.view = "0";
}

function writeAddress() {
	const kept = Object.entries(state).filter(([key, value]) => value !== DEFAULTS[key]);
	const hash = new URLSearchParams(kept).toString().replaceAll("%2F", "/").replaceAll("%2C", ",");
	history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

// A row's name in the address: its features.
const rowName = r => now.kind === "flow" ? nameOf(now.members(r)[0]) : [now.a[r], now.b[r]].map(f => f === NONE ? "" : nameOf(f)).join(",");
function rowNamed(name) {
	for (let r = 0; r < now.rows; r++) if (rowName(r) === name) return r;
	return -1;
}

// -- What is listed -------------------------------------------------------------------------------

const FILTERS = [
	{ key: "certified", title: "certified", of: v => v.kind === "flow" ? v.chains.certified : v.certified, test: r => (now.kind === "flow" ? now.chains : now).certified[r] },
	{ key: "single", title: "one to one", help: "neither feature is in another pair", of: v => v.kind !== "flow" && v.pairs > 0 && !v.allSingle, test: r => now.single(r) },
	{ key: "whole", title: "through all layers", of: v => v.kind === "flow", test: r => now.length(r) === now.dictionaries.length },
	{ key: "unmatched", title: "unmatched", of: v => v.kind !== "flow" && v.rows > v.pairs },
];

const termsOf = query => Array.from(query.toLowerCase().matchAll(/"([^"]+)"|(\S+)/g), m => m[1] || m[2]);
const hit = (f, term) => (/^\d+$/.test(term) && String(features.index[f]) === term) || nameOf(f).toLowerCase() === term || searchText(f).includes(term);

// A part of a picture that was clicked: "cost:1:2", "from:0:3" (chains that begin in the first layer and reach the fourth).
function picked() {
	const [kind, low, high] = state.pick.split(":");
	if (kind === "cost" && now.kind !== "flow") return { title: `distance ${real(+low)} to ${real(+high)}`, test: r => r < now.pairs && now.cost[r] >= +low && now.cost[r] <= +high };
	if (kind === "from" && now.kind === "flow" && now.dictionaries[+high] !== undefined)
		return { title: `${layerName(now.dictionaries[+low])} to ${layerName(now.dictionaries[+high])}`, test: r => now.from(r) === +low && now.from(r) + now.length(r) > +high };
	return null;
}

function select() {
	const only = new Set(state.only.split(",")), terms = termsOf(state.q), pick = picked();
	const active = FILTERS.filter(f => f.test && only.has(f.key) && f.of(now)), alone = only.has("unmatched") && now.kind !== "flow";
	const far = state.chance.startsWith(">"), limit = +state.chance.replace(">", ""), list = [];
	for (let r = 0; r < now.rows; r++) {
		if (now.kind !== "flow" && (alone ? r < now.pairs : r >= now.pairs && terms.length === 0)) continue;
		if (!alone && !active.every(f => f.test(r))) continue;
		if (state.chance && now.chance && !alone && !(far ? now.chance[r] > limit : now.chance[r] <= limit)) continue;
		if (pick && !alone && !pick.test(r)) continue;
		if (terms.length && !terms.every(term => now.names(r).some(f => hit(f, term)))) continue;
		list.push(r);
	}
	shown = sorted(Uint32Array.from(list));
}

function sorted(list) {
	const key = state.sort.replace(/^-/, ""), by = now.sorts.find(c => c.key === key), sign = state.sort.startsWith("-") ? -1 : 1;
	if (!by) return list;
	const values = Array.from({ length: now.rows });
	for (const r of list) values[r] = by.by(r);
	const missing = x => x === "" || Number.isNaN(x);
	return list.sort((p, q) => {
		const x = values[p], y = values[q];
		if (missing(x) || missing(y)) return missing(x) - missing(y) || p - q;
		return (typeof x === "string" ? x.localeCompare(y) : x - y) * sign || p - q;
	});
}

// -- The list, of which only what is seen is drawn ------------------------------------------------

let pool = [];
const high = () => parseInt(getComputedStyle(document.body).getPropertyValue("--high"), 10);

function listHead() {
	const head = make("div", { className: "row head" });
	head.setAttribute("role", "row");
	now.sorts.forEach(c => {
		const cell = make("div", { className: c.className.replace(/\b[ab]\b/, "") }), on = state.sort.replace(/^-/, "") === c.key;
		const button = make("button", { type: "button", tabIndex: -1, textContent: c.title + (on ? state.sort.startsWith("-") ? " ▾" : " ▴" : ""), title: `sort by ${c.title === "✓" ? "certified" : c.title}${c.help ? `: ${c.help}` : ""}`, onclick: () => sortBy(c.key) });
		cell.setAttribute("role", "columnheader");
		cell.setAttribute("aria-sort", !on ? "none" : state.sort.startsWith("-") ? "descending" : "ascending");
		cell.append(button);
		head.append(cell);
	});
	return head;
}

function sortBy(key) {
	state.sort = state.sort === key ? `-${key}` : state.sort === `-${key}` ? "" : key;
	refresh();
}

function newRow() {
	const row = make("div", { className: "row", onclick: () => { here = row.place; open(shown[here]); } });
	row.setAttribute("role", "row");
	for (const c of now.sorts) {
		const cell = make("div", { className: c.className });
		cell.setAttribute("role", "gridcell");
		row.append(cell);
	}
	return row;
}

function fillRow(row, place) {
	const r = shown[place];
	row.place = place;
	row.id = `row-${place}`;
	row.setAttribute("aria-rowindex", place + 2);
	row.style.top = `${place * high()}px`;
	row.classList.toggle("here", place === here);
	row.setAttribute("aria-selected", place === here);
	now.sorts.forEach((c, k) => row.children[k].replaceChildren(c.show(r)));
}

// Rows that are seen, and a few above and below.
function drawRows() {
	const list = $("list"), rows = $("rows"), h = high(), print = document.documentElement.classList.contains("print");
	const from = print ? 0 : Math.max(0, Math.floor(list.scrollTop / h) - 6);
	const to = Math.min(shown.length, print ? 60 : Math.ceil((list.scrollTop + list.clientHeight) / h) + 6);
	const count = Math.max(0, to - from);
	while (pool.length < count) pool.push(newRow());
	for (let i = 0; i < count; i++) fillRow(pool[i], from + i);
	if (rows.childElementCount !== count) rows.replaceChildren(...pool.slice(0, count));
	rows.style.height = `${(print ? count : shown.length) * h}px`;
	list.setAttribute("aria-activedescendant", shown.length ? `row-${here}` : "");
}

function makeList() {
	const rows = make("div", { id: "rows" });
	rows.setAttribute("role", "rowgroup");
	pool = [];
	$("list").style.setProperty("--columns", now.sorts.map(c => c.wide).join(" "));
	$("list").replaceChildren(listHead(), rows, ...shown.length === 0 ? [make("p", { className: "none", textContent: now.rows === 0 ? `There is nothing in this ${now.kind}.` : "Nothing fits." })] : []);
	$("list").setAttribute("aria-rowcount", shown.length + 1);
	$("list").setAttribute("aria-label", now.kind === "flow" ? "chains" : "matched features");
	drawRows();
}

function scrollTo(place, middle = false) {
	const list = $("list"), h = high(), top = place * h, room = list.clientHeight - list.firstChild.offsetHeight;
	if (middle) list.scrollTop = top - room / 2;
	else if (top < list.scrollTop) list.scrollTop = top;
	else if (top + h > list.scrollTop + room) list.scrollTop = top + h - room;
}

function go(place) {
	if (shown.length === 0) return;
	here = Math.max(0, Math.min(shown.length - 1, place));
	scrollTo(here);
	drawRows();
	if (state.open) open(shown[here]);
}

// After a change of search, filter or order: a row that is open stays chosen, where it is still there.
function refresh() {
	select();
	here = state.open ? Math.max(0, shown.indexOf(rowNamed(state.open))) : 0;
	makeList();
	scrollTo(here);
	const all = now.kind === "flow" ? now.rows : state.only.split(",").includes("unmatched") ? now.rows - now.pairs : now.pairs;
	$("count").textContent = shown.length === all ? whole(all) : `${whole(shown.length)} of ${whole(all)}`;
	makeFilters();
	writeAddress();
}

function makeFilters() {
	const only = new Set(state.only.split(",").filter(x => x)), pick = picked(), chips = [];
	for (const f of FILTERS.filter(f => f.of(now)))
		chips.push(chip(f.title, f.help || "", only.has(f.key), () => {
			only.has(f.key) ? only.delete(f.key) : only.add(f.key);
			state.only = [...only].join(",");
			refresh();
		}));
	if (now.chance && now.kind !== "flow") {
		const choice = make("select", { title: "how often a feature without a partner has a nearest as near", onchange: () => { state.chance = choice.value; refresh(); } },
			...[["", "any chance"], ...[LIMIT, .1, .05, .01].map(x => [String(x), `chance ≤ ${ratio(x)}`]), ...[LIMIT, .5].map(x => [`>${x}`, `chance > ${ratio(x)}`])].map(([value, text]) => new Option(text, value)));
		choice.setAttribute("aria-label", "chance");
		choice.value = state.chance;
		chips.push(choice);
	}
	if (pick) chips.push(chip(`${pick.title} ×`, "show all again", true, () => { state.pick = ""; refresh(); }));
	const focused = [...$("filters").children].indexOf(document.activeElement);
	$("filters").replaceChildren(...chips.flatMap(c => [c, " "]));
	if (focused >= 0 && $("filters").children[focused]) $("filters").children[focused].focus();
}

function chip(text, help, on, act) {
	const button = make("button", { type: "button", className: "chip", textContent: text, title: help, onclick: act });
	button.setAttribute("aria-pressed", on);
	return button;
}

// -- A match, or a chain, opened ------------------------------------------------------------------

function contextLine(context, f, first) {
	const line = make("p", { className: `context${first ? " first" : ""}`, dir: "auto", title: `token ${contexts.token[context]}` });
	for (let t = contexts.begin[context]; t < contexts.begin[context + 1]; t++) {
		const value = contexts.value[t], text = visible(contexts.text[contexts.id[t]]), space = /^ (?=.)|/.exec(text)[0];
		if (t > contexts.begin[context]) line.append(space);
		if (value === 0) {
			line.append(text.slice(space.length));
			continue;
		}
		const token = make("span", { textContent: text.slice(space.length), title: `${real(value / 255 * contexts.max[f])}` });
		token.style.setProperty("--v", (value / 255).toFixed(2));
		if (t === contexts.begin[context] + contexts.at[context]) token.className = "peak";
		line.append(token);
	}
	return line;
}

const RANGES = ["strongest", "middle third", "lowest third"];

function contextList(f, most = Infinity) {
	const nodes = [];
	let range = -1;
	for (const context of contextsOf(f).slice(0, most)) {
		const first = contexts.range[context] !== range;
		range = contexts.range[context];
		if (first && most === Infinity) nodes.push(make("h3", { textContent: RANGES[range] || `range ${range}` }));
		nodes.push(contextLine(context, f, first));
	}
	return nodes;
}

function statistics(f) {
	const parts = [];
	if (contexts && !Number.isNaN(contexts.density[f])) parts.push(`fires on ${ratio(contexts.density[f])} of tokens`, `mean ${real(contexts.mean[f])}`, `max ${real(contexts.max[f])}`);
	else if (contexts) parts.push("no contexts given");
	return parts.join(" · ");
}

function elsewhere(f) {
	const { source, layer } = dictionary(f);
	if (!source) return [];
	const path = source.replaceAll("%", layer).split("/").map(encodeURIComponent).join("/");
	return [" ", make("a", { href: `https://www.neuronpedia.org/${path}/${features.index[f]}`, target: "_blank", rel: "noopener noreferrer", textContent: "Neuronpedia ↗" })];
}

function head(f, tone) {
	const section = make("section", { className: `side of-${tone}` }), title = make("h4", {}, isolated(visible(layerTitle(features.dictionary[f]))), ` · ${features.index[f]}`, ...elsewhere(f));
	section.append(title);
	if (labelOf(f) !== null) section.append(make("p", { className: "label", textContent: visible(labelOf(f)) }));
	section.append(make("div", { className: "faint", textContent: statistics(f) }));
	return section;
}

// The nearest of one feature on the other side.
function nearestOf(f, distances, side) {
	if (!distances) return [];
	const own = distances[side];
	own.place ||= new Map(Array.from(own.feature, (g, i) => [g, i]));
	const i = own.place.get(f);
	if (i === undefined) return [];
	return Array.from({ length: own.k }, (_, j) => ({ f: own.near[i * own.k + j], dist: own.dist[i * own.k + j] })).filter(x => x.f !== NONE);
}

function nearTable(f, partner, side) {
	const near = nearestOf(f, now.distances, side), { second } = now;
	if (near.length === 0) return [];
	const table = make("table", { className: "near" }, make("tr", {}, make("th", { textContent: side === "row" ? `nearest of ${layerTitle(now.sides[1])}` : `nearest of ${layerTitle(now.sides[0])}` }),
		make("th", { className: "n", textContent: "distance" }), ...second.length ? [make("th", { className: "n", textContent: "chance" })] : []));
	for (const x of near) {
		const button = make("button", { type: "button", className: `go${x.f === partner ? " partner" : ""}`, onclick: () => openFeature(x.f), title: x.f === partner ? "the match" : "open its match" },
			`${x.f === partner ? "● " : ""}${features.index[x.f]} `, called(x.f));
		table.append(make("tr", {}, make("td", {}, button), make("td", { className: "n", textContent: real(x.dist) }), ...second.length ? [make("td", { className: "n", textContent: rarely(shareBelow(second, x.dist), second) })] : []));
	}
	return [make("h3", { textContent: "nearest on the other side" }), table];
}

// The row in which a feature is; it is listed, if need be by taking filters away.
function openFeature(f) {
	for (let r = 0; r < now.rows; r++)
		if (now.names(r).includes(f)) {
			if (!shown.includes(r)) {
				Object.assign(state, { q: r >= now.pairs ? nameOf(f) : "", only: "", chance: "", pick: "" });
				$("find").value = state.q;
				refresh();
			}
			here = Math.max(0, shown.indexOf(r));
			open(r);
			scrollTo(here);
			return;
		}
}

function facts(list) {
	return make("dl", { className: "facts" }, ...list.filter(([, value]) => value !== "").map(([name, value]) => make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
}

function matchBody(r) {
	const [a, b] = [now.a[r], now.b[r]], paired = r < now.pairs;
	const side = (f, tone, other) => {
		if (f === NONE) return withoutPartner(other, tone);
		const section = head(f, tone);
		section.append(...contextList(f), ...nearTable(f, other, tone === "a" ? "row" : "col"));
		return section;
	};
	return [facts([["distance", paired ? real(now.cost[r]) : ""], ["chance", paired && now.chance ? rarely(now.chance[r], now.second) : ""],
		["margin", paired ? real(now.margin[r]) : ""], ["sampling error", paired && now.error ? real(now.error[r]) : ""],
		["certified", paired && now.certified ? now.certified[r] ? "yes" : "no" : ""], ["one to one", paired ? now.single(r) ? "yes" : "no" : ""]]),
	make("div", { className: "sides" }, side(a, "a", b), side(b, "b", a)), ...howMade()];
}

// Beside a feature without a partner: the nearest of the other side.
function withoutPartner(f, tone) {
	const [nearest] = nearestOf(f, now.distances, tone === "a" ? "col" : "row");
	if (!nearest) return make("section", { className: `side of-${tone}` }, make("h4", { textContent: "no partner" }));
	const section = head(nearest.f, tone), chance = now.second.length ? `, chance ${rarely(shareBelow(now.second, nearest.dist), now.second)}` : "";
	section.prepend(make("p", { className: "link", textContent: `no partner; the nearest is at distance ${real(nearest.dist)}${chance}` }));
	section.append(...contextList(nearest.f));
	return section;
}

function chainBody(r) {
	const [begin, end] = now.links(r), { chains } = now, nodes = [];
	for (let i = begin; i <= end; i++) {
		const f = chains.feature[i], section = head(f, "a"), all = contextsOf(f).length;
		section.append(...contextList(f, 2));
		if (all > 2) {
			const more = make("button", { type: "button", className: "more", textContent: `all ${all} contexts`, onclick: () => {
				section.replaceChildren(...head(f, "a").children, ...contextList(f));
			} });
			section.append(more);
		}
		const merged = now.merges ? Array.from(now.merges.col.keys()).filter(k => now.merges.col[k] === f && now.merges.row[k] !== chains.feature[i - 1]) : [];
		if (merged.length) section.append(make("p", { className: "faint", textContent: `also nearest of ${merged.slice(0, 12).map(k => nameOf(now.merges.row[k])).join(", ")}${merged.length > 12 ? " …" : ""}` }));
		nodes.push(section);
		if (i < end) nodes.push(make("p", { className: "link", textContent: `↓ distance ${real(chains.cost[i])}${chains.chance ? `, chance ${ratio(chains.chance[i])}` : ""}, margin ${real(chains.margin[i])}` }));
	}
	const ends = [now.from(r) > 0 ? `born in ${layerTitle(now.dictionaries[now.from(r)])}` : "", now.from(r) + now.length(r) < now.dictionaries.length ? `ends in ${layerTitle(now.dictionaries[now.from(r) + now.length(r) - 1])}` : ""];
	return [facts([["layers", String(now.length(r))], ["weakest margin", real(now.weakest[r])], ["dearest link", real(now.dearest[r])], ["", ends.filter(x => x).join(", ")]]), ...nodes, ...howMade()];
}

function open(r) {
	state.open = rowName(r);
	const title = now.kind === "flow" ? [...new Set([now.members(r)[0], now.members(r).at(-1)])].map(nameOf).join(" → ") : [now.a[r], now.b[r]].map(f => f === NONE ? "none" : nameOf(f)).join(" ↔ ");
	const button = (text, name, act) => {
		const node = make("button", { type: "button", className: "chip", textContent: text, title: name, onclick: act });
		node.setAttribute("aria-label", name);
		return node;
	};
	const bar = make("div", { className: "bar" }, make("h2", { textContent: visible(title) }),
		button("↑", "previous", () => go(here - 1)), button("↓", "next", () => go(here + 1)), button("×", "close", close));
	$("panel").replaceChildren(bar, ...now.kind === "flow" ? chainBody(r) : matchBody(r));
	$("panel").classList.add("open");
	$("panel").scrollTop = 0;
	if (getComputedStyle($("panel")).position === "fixed") bar.lastChild.focus();		// it hides the list
	drawRows();
	writeAddress();
}

function close() {
	state.open = "";
	overview();
	writeAddress();
	$("list").focus({ preventScroll: true });
}

// The commands that made it, as a shell would take them.
function howMade() {
	const quote = word => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
	const lines = now.history.filter(Array.isArray).map(([program, , words]) => visible([program, ...Array.isArray(words) ? words : []].map(w => quote(String(w))).join(" ")));
	const { metric, space, method, p, epsilon } = now.header, what = [["distance", metric], ["space", space], ["matched by", method], ["p", p], ["epsilon", epsilon], ["largest", now.header.max_cost]];
	const block = make("details", {}, make("summary", { className: "faint", textContent: "how it was made" }),
		facts(what.filter(([, x]) => x !== undefined && x !== null).map(([name, x]) => [name, visible(String(x))])), make("pre", { textContent: [...new Set(lines)].join("\n") }));
	return [block];
}

// -- Pictures -------------------------------------------------------------------------------------

const WIDE = 290, TALL = 176;

// name: of the file. A picture is drawn by draw(svg), which returns what stands below.
function figure(title, name, draw, { wide = WIDE, tall = TALL, span = false, controls = [] } = {}) {
	const svg = drawn("svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": title });
	const note = draw(svg);
	if (note === null) return [];
	const save = make("button", { type: "button", className: "small", textContent: "SVG", title: "download this picture", onclick: () => download(`${name}.svg`, "image/svg+xml", svgText(svg)) });
	save.setAttribute("aria-label", `download: ${title}`);
	return [make("figure", { className: span ? "wide" : "" }, make("figcaption", {}, title, ...controls, save), svg, make("p", { textContent: note }))];
}

const label = (svg, x, y, text, anchor = "middle", className = "") => {
	const node = drawn("text", { x, y, "text-anchor": anchor, class: className });
	node.textContent = text;
	svg.append(node);
	return node;
};

const hint = (node, text) => {
	const title = drawn("title", {});
	title.textContent = text;
	node.append(title);
	return node;
};

// Round numbers from low to high.
function ticks(low, high, most) {
	const rough = (high - low) / most || 1, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find(s => s * power >= rough) * power;
	const list = [];
	for (let x = Math.ceil(low / step) * step; x <= high + step * 1e-9; x += step) list.push(+x.toPrecision(12));
	return list;
}

function binned(list, low, high, bins) {
	const count = new Float64Array(bins);
	let all = 0;
	for (const x of list) {
		if (!Number.isFinite(x)) continue;
		all++;
		if (x >= low && x <= high) count[Math.min(bins - 1, Math.floor((x - low) / (high - low) * bins))]++;
	}
	return { count, share: count.map(c => c / (all || 1)) };
}

function extent(...lists) {
	let low = Infinity, high = -Infinity;
	for (const list of lists) for (const x of list) if (Number.isFinite(x)) low = Math.min(low, x), high = Math.max(high, x);
	return low < high ? [low, high] : low === high ? [low - .5, high + .5] : null;
}

// Distances of the pairs, beside those of second nearest and of random pairs.
function distancePicture() {
	const { cost, second, random } = now, range = extent(cost, second, random);
	if (!range) return [];
	return figure("distances", "distances", svg => {
		const [low, high] = range, bins = 30, left = 34, right = WIDE - 6, top = 14, base = TALL - 32;
		const x = v => left + (v - low) / (high - low) * (right - left), own = binned(cost, low, high, bins);
		const others = [[second, "second", "second nearest"], [random, "random", "random pairs"]].filter(([list]) => list.length).map(([list, tone, name]) => [binned(list, low, high, bins).share, tone, name]);
		const most = Math.max(...own.share, ...others.flatMap(([s]) => [...s])), y = s => base - s / most * (base - top);
		for (const t of ticks(0, most, 4).filter(t => t > 0)) {
			svg.append(drawn("line", { class: "gridline", x1: left, x2: right, y1: y(t), y2: y(t) }));
			label(svg, left - 4, y(t) + 3, ratio(t), "end");
		}
		own.share.forEach((s, i) => {
			if (s === 0) return;
			const edges = [low + i / bins * (high - low), low + (i + 1) / bins * (high - low)];
			const bar = drawn("rect", { class: "fill-a pick", x: x(edges[0]) + .5, width: (right - left) / bins - 1, y: y(s), height: base - y(s) });
			bar.onclick = () => { state.pick = ["cost", ...edges.map(e => e.toPrecision(5))].join(":"); refresh(); };
			svg.append(hint(bar, `${plural(own.count[i], "pair")} at ${real(edges[0])} to ${real(edges[1])}`));
		});
		for (const [s, tone] of others)
			svg.append(drawn("path", { class: tone, d: `M${left} ${base}` + Array.from(s, (h, i) => `V${y(h).toFixed(1)}H${(left + (i + 1) / bins * (right - left)).toFixed(1)}`).join("") + `V${base}` }));
		if (second.length) {
			const level = second[Math.floor(LIMIT * (second.length - 1))], after = x(level) < WIDE - 90;
			svg.append(drawn("line", { class: "level", x1: x(level), x2: x(level), y1: top - 6, y2: base }));
			label(svg, x(level) + (after ? 4 : -4), top, `chance ${percent(LIMIT)}`, after ? "start" : "end", "fill-level halo");
		}
		svg.append(drawn("line", { class: "axis", x1: left, x2: right, y1: base, y2: base }));
		for (const t of ticks(low, high, 6)) label(svg, x(t), base + 13, real(t));
		label(svg, (left + right) / 2, TALL - 4, `distance${now.header.metric ? ` (${visible(short(now.header.metric, 20))})` : ""}`);
		return ["Bars: matched.", second.length ? "Line: second nearest, which chances are from." : "", random.length ? "Dotted: random pairs." : "",
			now.chance ? `${whole(likely(now))} of ${whole(now.pairs)} have a chance of ${percent(LIMIT)} or less.` : ""].filter(t => t).join(" ");
	});
}

// On both sides, by density: how many features have a partner and how many do not.
function densityPicture() {
	if (!contexts) return [];
	const log = list => Array.from(new Set(list)).map(f => Math.log10(density(f))).filter(Number.isFinite);
	const parts = [[now.row, now.free_row], [now.col, now.free_col]].map(pair => pair.map(log)), range = extent(...parts.flat());
	if (!range) return [];
	return figure("density, matched and not", "density", svg => {
		const bins = 24, left = 34, right = WIDE - 6, top = 6, base = TALL - 32, middle = (top + base) / 2, [low, high] = range;
		const counts = parts.map(pair => pair.map(list => binned(list, low, high, bins).count)), most = Math.max(1, ...counts.flatMap(([m, u]) => Array.from(m, (c, i) => c + u[i])));
		const step = (right - left) / bins, scale = (middle - top - 2) / most;
		counts.forEach(([matched, free], side) => {
			const tone = side ? "fill-b" : "fill-a", name = layerTitle(now.sides[side]);
			for (let i = 0; i < bins; i++) {
				const heights = [matched[i] * scale, free[i] * scale], from = side ? middle + 1 : middle - heights[0], next = side ? middle + 1 + heights[0] : middle - heights[0] - heights[1];
				const text = `${name}, density ${ratio(10 ** (low + i / bins * (high - low)))} to ${ratio(10 ** (low + (i + 1) / bins * (high - low)))}: ${matched[i]} matched, ${free[i]} not`;
				if (heights[0]) svg.append(hint(drawn("rect", { class: tone, x: left + i * step + .5, width: step - 1, y: from, height: heights[0] }), text));
				if (heights[1]) svg.append(hint(drawn("rect", { class: "fill-none", x: left + i * step + .5, width: step - 1, y: next, height: heights[1] }), text));
			}
			label(svg, left - 4, side ? base - 4 : top + 8, layerName(now.sides[side]), "end", "strong");
		});
		svg.append(drawn("line", { class: "axis", x1: left, x2: right, y1: middle + .5, y2: middle + .5 }));
		const tens = ticks(low, high, 6).filter(Number.isInteger);
		for (const t of tens.length > 1 ? tens : ticks(low, high, 4)) label(svg, left + (t - low) / (high - low) * (right - left), base + 13, ratio(10 ** t));
		label(svg, (left + right) / 2, TALL - 4, "density: share of tokens on which a feature fires");
		return `Grey: without a partner (${now.free_row.length} above, ${now.free_col.length} below).`;
	});
}

// How often features of one label are matched with those of another: the labels that occur most.
function labelPicture() {
	if (!labelled || now.pairs === 0) return [];
	const count = new Map(), cells = new Map();
	for (let r = 0; r < now.pairs; r++) {
		const names = [labelOf(now.a[r]), labelOf(now.b[r])];
		for (const name of names) if (name !== null) count.set(name, (count.get(name) || 0) + 1);
		cells.set(names.join("\n"), (cells.get(names.join("\n")) || 0) + 1);
	}
	const top = [...count].filter(([, n]) => n > 2).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).slice(0, 14).map(([name]) => name).sort((a, b) => a.localeCompare(b));
	if (top.length < 3 || top.filter(a => top.some(b => cells.has(`${a}\n${b}`))).length < top.length / 2) return [];
	const left = 104, size = (WIDE - left - 4) / top.length, tall = top.length * size + 66;
	return figure("labels of matched pairs", "labels", svg => {
		const most = Math.max(...top.flatMap(a => top.map(b => cells.get(`${a}\n${b}`) || 0)), 1);
		top.forEach((a, i) => {
			label(svg, left - 4, (i + .5) * size + 3, visible(short(a, 18)), "end");
			const below = label(svg, 0, 0, visible(short(a, 12)), "end");
			below.setAttribute("transform", `translate(${left + (i + .6) * size} ${top.length * size + 7}) rotate(-50)`);
			top.forEach((b, j) => {
				const n = cells.get(`${a}\n${b}`) || 0, cell = drawn("rect", { class: "fill-a pick", x: left + j * size + .5, y: i * size + .5, width: size - 1, height: size - 1, "fill-opacity": n ? .12 + .88 * n / most : .05 });
				cell.onclick = () => { state.q = $("find").value = [...new Set([a, b])].map(t => `"${t}"`).join(" "); refresh(); };
				svg.append(hint(cell, `${plural(n, "pair")}: ${visible(a)} with ${visible(b)}`));
				if (n) label(svg, left + (j + .5) * size, (i + .5) * size + 3, n, "middle", n > most / 2 ? "on" : "strong");
			});
		});
		return `Rows: ${layerTitle(now.sides[0])}, columns: ${layerTitle(now.sides[1])}; the ${top.length} commonest labels of ${whole(count.size)}.`;
	}, { tall });
}

// Does near mean alike? How many pairs have one label, by tenths of the pairs in order of distance.
function alikePicture() {
	const rows = Array.from({ length: now.pairs }, (_, r) => r).filter(r => labelled && labelOf(now.a[r]) !== null && labelOf(now.b[r]) !== null && Number.isFinite(now.cost[r]));
	const parts = Math.min(10, Math.floor(rows.length / 5)), alike = r => labelOf(now.a[r]) === labelOf(now.b[r]);
	if (parts < 3 || !rows.some(alike)) return [];
	rows.sort((p, q) => now.cost[p] - now.cost[q] || p - q);
	return figure("pairs of one label, by distance", "alike", svg => {
		const left = 34, right = WIDE - 6, top = 14, base = TALL - 32, step = (right - left) / parts;
		for (const t of [.25, .5, .75, 1]) {
			svg.append(drawn("line", { class: "gridline", x1: left, x2: right, y1: base - t * (base - top), y2: base - t * (base - top) }));
			label(svg, left - 4, base - t * (base - top) + 3, percent(t), "end");
		}
		for (let k = 0; k < parts; k++) {
			const part = rows.slice(Math.round(k * rows.length / parts), Math.round((k + 1) * rows.length / parts)), s = share(part, alike), h = s * (base - top);
			const edges = [now.cost[part[0]], now.cost[part[part.length - 1]]], bar = drawn("rect", { class: "fill-a pick", x: left + k * step + 2, width: step - 4, y: base - h, height: h });
			bar.onclick = () => { state.pick = ["cost", ...edges].join(":"); refresh(); };
			svg.append(hint(bar, `${percent(s)} of ${plural(part.length, "pair")} at ${real(edges[0])} to ${real(edges[1])}`));
			label(svg, left + (k + .5) * step, base + 13, real(+edges[1].toPrecision(2)));
		}
		svg.append(drawn("line", { class: "axis", x1: left, x2: right, y1: base, y2: base }));
		label(svg, (left + right) / 2, TALL - 4, "distance, up to");
		return `Of the nearest ${percent(1 / parts)} of the pairs, the next, and so on. ${whole(rows.filter(alike).length)} of ${whole(rows.length)} labelled pairs have one label.`;
	});
}

// A heat map of layer against layer. cells: [row, column, value, text, act]; rows and columns are titles.
function heatMap(svg, rows, cols, cells, tall) {
	const left = 60, size = Math.min(44, (WIDE - left - 6) / cols.length, (tall - 30) / rows.length), values = cells.map(c => c.value).filter(Number.isFinite);
	const low = Math.min(0, ...values), most = Math.max(...values, 1e-12);
	rows.forEach((name, i) => label(svg, left - 6, 4 + (i + .5) * size + 3, visible(short(name, 9)), "end"));
	cols.forEach((name, j) => label(svg, left + (j + .5) * size, 4 + rows.length * size + 13, visible(short(name, 7))));
	for (const c of cells) {
		const cell = drawn("rect", { class: `fill-a${c.act ? " pick" : ""}`, x: left + c.col * size + 1, y: 4 + c.row * size + 1, width: size - 2, height: size - 2, rx: 2,
			"fill-opacity": Number.isFinite(c.value) ? .08 + .87 * (c.value - low) / (most - low) : .04 });
		if (c.act) cell.onclick = c.act;
		svg.append(hint(cell, c.text));
		if (size > 18 && Number.isFinite(c.value)) label(svg, left + (c.col + .5) * size, 4 + (c.row + .5) * size + 3, c.shown, "middle", (c.value - low) / (most - low) > .55 ? "on" : "strong");
	}
}

const median = list => { const s = Float64Array.from(list).filter(Number.isFinite).sort(); return s.length ? (s[(s.length - 1) >> 1] + s[s.length >> 1]) / 2 : NaN; };
const share = (list, test) => list.length ? list.reduce((n, x, i) => n + (test(x, i) ? 1 : 0), 0) / list.length : NaN;

const MEASURES = [
	{ title: "pairs", of: v => v.pairs, show: whole },
	{ title: "median distance", of: v => median(v.cost), show: real },
	{ title: `chance ≤ ${percent(LIMIT)}`, of: v => v.chance ? likely(v) / v.pairs : NaN, show: percent },
	{ title: "certified", of: v => v.certified ? share(v.certified, x => x) : NaN, show: percent },
	{ title: "one label", of: v => labelled ? share(v.row, (_, r) => labelOf(v.a[r]) !== null && labelOf(v.a[r]) === labelOf(v.b[r])) : NaN, show: percent },
];

// Of several matchings: layer against layer, by one of the above.
let measure = 0;
function layersPicture() {
	const matchings = data.views.filter(v => v.kind !== "flow" && v.sides[0] !== undefined && v.sides[1] !== undefined);
	if (matchings.length < 2) return [];
	const rows = [...new Set(matchings.map(v => v.sides[0]))], cols = [...new Set(matchings.map(v => v.sides[1]))];
	const fit = MEASURES.filter(m => matchings.some(v => Number.isFinite(m.of(v)))), chosen = fit[measure] || fit[0];
	const choice = make("select", { onchange: () => { measure = choice.selectedIndex; overview(); } }, ...fit.map(m => new Option(m.title)));
	choice.setAttribute("aria-label", "what the cells show");
	choice.selectedIndex = fit.indexOf(chosen);
	const tall = 30 + rows.length * Math.min(44, (WIDE - 66) / cols.length, 230 / rows.length);
	return figure("layer by layer", "layers", svg => {
		heatMap(svg, rows.map(layerName), cols.map(layerName), matchings.map(v => ({ row: rows.indexOf(v.sides[0]), col: cols.indexOf(v.sides[1]), value: chosen.of(v), shown: chosen.show(chosen.of(v)),
			text: `${v.title}: ${chosen.title} ${chosen.show(chosen.of(v))}`, act: () => show(data.views.indexOf(v)) })), tall);
		return `Rows lead to columns. A click shows that matching${now.title ? `; this is ${now.title}` : ""}.`;
	}, { tall, controls: [choice] });
}

// A flow's composed links beside direct matchings.
function composedPicture() {
	const p = now.pairs;
	if (!p || p.row_layer.length < 2 || !Array.from(p.both).some(n => n > 0)) return [];
	const names = now.dictionaries.map(k => data.dictionaries[k].layer), size = Math.min(44, 264 / names.length), tall = 30 + (names.length - 1) * size;
	return figure("composed links, and direct", "composed", svg => {
		heatMap(svg, names.slice(0, -1).map((_, i) => layerName(now.dictionaries[i])), names.slice(1).map((_, i) => layerName(now.dictionaries[i + 1])), p.row_layer.map((name, k) => {
			const value = p.both[k] ? p.agree[k] / p.both[k] : NaN;
			return { row: names.indexOf(name), col: names.indexOf(p.col_layer[k]) - 1, value, shown: Number.isNaN(value) ? "" : percent(value),
				text: `${visible(name)} to ${visible(p.col_layer[k])}: ${p.composed[k]} composed, ${p.direct[k]} direct; ${p.agree[k]} of ${p.both[k]} are the same` };
		}), tall);
		return "Of features with a partner by both ways, how many have the same. Empty: no direct matching.";
	}, { tall });
}

// From blue over grey to orange.
function shadeOf(i, n) {
	const stops = [[43, 108, 176], [122, 158, 190], [170, 168, 160], [214, 160, 96], [217, 115, 13]], at = n > 1 ? i / (n - 1) * (stops.length - 1) : 0;
	const k = Math.min(stops.length - 2, Math.floor(at));
	return `rgb(${stops[k].map((x, c) => Math.round(x + (stops[k + 1][c] - x) * (at - k))).join(",")})`;
}

// Chains by the layer that they begin in, as bands through the layers.
function flowPicture() {
	const n = now.dictionaries.length, reach = Array.from({ length: n }, () => new Float64Array(n));
	if (n === 0) return [];
	for (let r = 0; r < now.rows; r++) for (let l = now.from(r); l < now.from(r) + now.length(r); l++) reach[now.from(r)][l]++;
	const wide = 2 * WIDE, tall = 300, left = 8, right = wide - 8, top = 34, base = tall - 34, bar = 12, most = Math.max(1, ...now.features);
	const x = l => n > 1 ? left + 16 + l * (right - left - 32 - bar) / (n - 1) : wide / 2, high = count => count / most * (base - top);
	const bottom = (c, l) => base - high(sum(Array.from({ length: c }, (_, k) => reach[k][l])));
	return figure("features through the layers", "flow", svg => {
		for (let l = 0; l < n; l++)
			for (let c = 0; c <= l; c++) {
				if (reach[c][l] === 0) continue;
				const y = bottom(c, l), h = high(reach[c][l]), pick = node => { node.onclick = () => { state.pick = `from:${c}:${l}`; refresh(); }; return node; };
				const stay = l + 1 < n ? high(reach[c][l + 1]) : h, reached = Math.min(46, .32 * (x(1) - x(0)));
				if (h - stay > 0) svg.append(hint(drawn("path", { class: "dying", d: `M${x(l) + bar} ${y - stay}V${y - h}L${x(l) + bar + reached} ${y - h}Z` }), `${reach[c][l] - reach[c][l + 1]} without a partner in ${layerTitle(now.dictionaries[l + 1])}`));
				if (c === l && l > 0) svg.append(drawn("path", { fill: shadeOf(c, n), "fill-opacity": .6, d: `M${x(l)} ${y}V${y - h}L${x(l) - reached} ${y - h}Z` }));
				if (l + 1 < n && reach[c][l + 1] > 0) {
					const [x1, x2, y2, h2] = [x(l) + bar, x(l + 1), bottom(c, l + 1), high(reach[c][l + 1])], m = (x1 + x2) / 2;
					const band = drawn("path", { class: "pick", fill: shadeOf(c, n), "fill-opacity": .45, d: `M${x1} ${y}C${m} ${y} ${m} ${y2} ${x2} ${y2}V${y2 - h2}C${m} ${y2 - h2} ${m} ${y - h2} ${x1} ${y - h2}Z` });
					band.onclick = () => { state.pick = `from:${c}:${l + 1}`; refresh(); };
					svg.append(hint(band, `${reach[c][l + 1]} of the ${reach[c][c]} that begin in ${layerTitle(now.dictionaries[c])} reach ${layerTitle(now.dictionaries[l + 1])}`));
				}
				svg.append(hint(pick(drawn("rect", { class: "pick", fill: shadeOf(c, n), x: x(l), width: bar, y: y - h, height: Math.max(0, h - .6) })), `${reach[c][l]} in ${layerTitle(now.dictionaries[l])} from ${layerTitle(now.dictionaries[c])}`));
			}
		now.dictionaries.forEach((k, l) => {
			const merges = now.pairs ? now.pairs.row_layer.findIndex((name, i) => l > 0 && name === data.dictionaries[now.dictionaries[l - 1]].layer && now.pairs.col_layer[i] === data.dictionaries[k].layer) : -1;
			label(svg, x(l) + bar / 2, base + 14, visible(short(layerName(k), 12)), "middle", "strong");
			label(svg, x(l) + bar / 2, base + 27, whole(now.features[l]));
			if (l > 0) label(svg, x(l) + bar / 2, top - 20, `+${whole(now.births[l])}`, "middle", "strong");
			if (l + 1 < n) label(svg, x(l) + bar / 2 + (l > 0 ? 0 : 0), top - 8, `−${whole(now.deaths[l])}`, "middle");
			if (merges >= 0 && now.pairs.merges[merges] > 0) label(svg, (x(l - 1) + bar + x(l)) / 2, base + 14, `${whole(now.pairs.merges[merges])} merge`, "middle");
		});
		return `A band: features that are followed, in the colour of the layer where they begin. Above: births (+) and deaths (−), as wedges before and behind a layer.${now.header.chance < 1 ? ` Pairs with a chance above ${ratio(now.header.chance)} are left out.` : ""} Merges: columns that are nearest of several rows. A click lists the chains.`;
	}, { wide, tall, span: true });
}

// How long chains are.
function lengthPicture() {
	if (now.rows === 0) return [];
	const n = now.dictionaries.length, count = new Float64Array(n + 1);
	for (let r = 0; r < now.rows; r++) count[now.length(r)]++;
	return figure("lengths of chains", "lengths", svg => {
		const left = 40, right = WIDE - 6, top = 14, base = TALL - 30, step = (right - left) / n, most = Math.max(...count);
		for (let k = 1; k <= n; k++) {
			const h = count[k] / most * (base - top);
			svg.append(hint(drawn("rect", { class: "fill-a", x: left + (k - 1) * step + 2, width: step - 4, y: base - h, height: h }), `${whole(count[k])} chains of ${plural(k, "layer")}`));
			label(svg, left + (k - .5) * step, base + 13, k);
			if (count[k]) label(svg, left + (k - .5) * step, base - h - 3, whole(count[k]));
		}
		svg.append(drawn("line", { class: "axis", x1: left, x2: right, y1: base, y2: base }));
		label(svg, (left + right) / 2, TALL - 4, "layers");
		return `${whole(now.rows)} chains.`;
	});
}

// Features on two axes. Near the mouse is one of them; a line leads to its partner.
function mapPicture() {
	const { map } = data;
	if (!map || now.kind === "flow") return [];
	columns(map, "x", "y");
	const own = [...new Set([...now.a, ...now.b])].filter(f => f !== NONE && Number.isFinite(map.x[f]));
	const ranges = [extent(own.map(f => map.x[f])), extent(own.map(f => map.y[f]))];
	if (!ranges[0] || !ranges[1]) return [];
	const wide = 2 * WIDE + 20, tall = 300, scale = (x, [low, high], from, to) => from + (x - low) / (high - low) * (to - from);
	const x = f => scale(map.x[f], ranges[0], 8, wide - 8), y = f => scale(map.y[f], ranges[1], tall - 8, 8);
	const onB = new Set(now.b), rowOf = new Map();
	for (let r = now.rows - 1; r >= 0; r--) for (const f of now.names(r)) rowOf.set(f, r);
	const tone = f => rowOf.get(f) >= now.pairs ? "none" : onB.has(f) ? "b" : "a";
	return figure("a map of the features", "map", svg => {
		for (const t of ["none", "a", "b"])
			svg.append(drawn("path", { class: `dots dots-${t}`, "stroke-width": own.length > 4000 ? 2.2 : 4,
				d: own.filter(f => tone(f) === t).map(f => `M${x(f).toFixed(1)} ${y(f).toFixed(1)}h0`).join("") }));
		const line = drawn("path", { class: "level", fill: "none" }), name = drawn("text", { class: "strong halo" });
		svg.append(line, name);
		let near = -1;
		svg.onmousemove = event => {
			const box = svg.getBoundingClientRect(), at = [(event.clientX - box.left) * wide / box.width, (event.clientY - box.top) * tall / box.height];
			const away = f => (x(f) - at[0]) ** 2 + (y(f) - at[1]) ** 2;
			near = own.reduce((best, f) => away(f) < away(best) ? f : best, own[0]);
			const r = rowOf.get(near), ends = [now.a[r], now.b[r]].filter(f => f !== NONE && Number.isFinite(map.x[f]));
			line.setAttribute("d", ends.map((f, i) => `${i ? "L" : "M"}${x(f).toFixed(1)} ${y(f).toFixed(1)}`).join(""));
			name.textContent = visible(short(ends.map(f => `${nameOf(f)} ${labelOf(f) || ""}`).join(" ↔ "), 90));
			name.setAttribute("text-anchor", x(near) > wide / 2 ? "end" : "start");
			name.setAttribute("x", x(near) + (x(near) > wide / 2 ? -7 : 7));
			name.setAttribute("y", Math.max(10, y(near) - 6));
		};
		svg.onclick = () => near >= 0 && openFeature(near);
		return `Blue: ${layerTitle(now.sides[0])}, orange: ${layerTitle(now.sides[1])}, grey: without a partner. Where the mean points of features lie, seen from the mean of all: directions, on the two axes of largest variance (${percent(map.share[0])} and ${percent(map.share[1])} of it; near here need not be near)${map.space ? `, in the space ${visible(short(map.space, 60))}` : ""}.`;
	}, { wide, tall, span: true });
}

function overview() {
	const pictures = now.kind === "flow" ? [...flowPicture(), ...lengthPicture(), ...composedPicture(), ...layersPicture()]
		: [...distancePicture(), ...densityPicture(), ...layersPicture(), ...alikePicture(), ...labelPicture(), ...mapPicture()];
	$("panel").classList.remove("open");
	$("panel").replaceChildren(make("div", { className: "pictures" }, ...pictures), ...howMade());
}

// -- Files ----------------------------------------------------------------------------------------

function download(name, type, text) {
	const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// A picture by itself: with the colours that it has in the page.
function svgText(svg) {
	const copy = svg.cloneNode(true), size = svg.viewBox.baseVal, originals = svg.querySelectorAll("*");
	copy.querySelectorAll("*").forEach((node, i) => {
		const style = getComputedStyle(originals[i]);
		for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-opacity", "fill-opacity", "font-size", "font-family"]) node.setAttribute(name, style.getPropertyValue(name));
		node.removeAttribute("class");
	});
	copy.prepend(drawn("rect", { width: size.width, height: size.height, fill: getComputedStyle(document.body).backgroundColor }));
	copy.setAttribute("width", size.width);
	copy.setAttribute("height", size.height);
	return new XMLSerializer().serializeToString(copy);
}

function tableText() {
	const lines = [];
	if (now.kind === "flow") {
		lines.push(["chain", "layer", "feature", "label", "cost", "margin"]);
		for (const r of shown) now.members(r).forEach((f, i) => {
			const at = now.links(r)[0] + i, last = at === now.links(r)[1];
			lines.push([r, layerOf(f), features.index[f], labelOf(f) || "", last ? "" : exact(now.chains.cost[at]), last ? "" : exact(now.chains.margin[at])]);
		});
	} else {
		const optional = ["chance", "error", "certified"].filter(name => now[name]), side = f => f === NONE ? ["", "", "", ""] : [layerOf(f), features.index[f], labelOf(f) || "", exact(density(f))];
		lines.push(["row_layer", "row_feature", "row_label", "row_density", "col_layer", "col_feature", "col_label", "col_density", "cost", "margin", ...optional]);
		for (const r of shown) lines.push([...side(now.a[r]), ...side(now.b[r]), ...["cost", "margin", ...optional].map(name => r < now.pairs ? exact(now[name][r]) : "")]);
	}
	return lines.map(line => line.map(cellOf).join("\t") + "\n").join("");
}

// -- What the reader does -------------------------------------------------------------------------

function summary() {
	const parts = now.kind === "flow" ? [plural(now.dictionaries.length, "layer"), `${whole(now.rows)} chains`, `${whole(sum(Array.from(now.births)))} births`, `${whole(sum(Array.from(now.deaths)))} deaths`]
		: [`${whole(now.pairs)} ${now.pairs === 1 ? "pair" : "pairs"}`, ...now.certified ? [`${whole(sum(Array.from(now.certified)))} certified`] : [],
			...now.chance ? [`${whole(likely(now))} of a chance ≤ ${percent(LIMIT)}`] : [], `unmatched: ${whole(now.free_row.length)} and ${whole(now.free_col.length)}`];
	return parts.join(" · ");
}

// The view of this number, as the state says.
function show(number, keep = false) {
	if (!keep) Object.assign(state, DEFAULTS, { view: String(number) });
	now = data.views[number];
	const models = now.kind === "flow" ? [] : [...new Set(now.sides.filter(k => k !== undefined).map(k => data.dictionaries[k].model).filter(m => m))];
	document.title = data.title || `${now.title} · matched features`;
	$("title").textContent = visible(data.title ? `${data.title}: ${now.title}` : now.title);
	$("summary").textContent = visible([...models, summary()].join(" · "));
	$("views").value = String(number);
	$("find").value = state.q;
	$("list").scrollTop = 0;
	here = 0;
	const opened = state.open;
	refresh();
	const r = opened ? rowNamed(opened) : -1;
	if (r < 0) {
		state.open = "";
		overview();
	} else {
		here = Math.max(0, shown.indexOf(r));
		open(r);
		scrollTo(here, true);
	}
	writeAddress();
}

const MOVES = { ArrowDown: () => 1, ArrowUp: () => -1, PageDown: page => page, PageUp: page => -page, Home: () => -Infinity, End: () => Infinity };

function listKey(event) {
	const page = Math.max(1, Math.floor($("list").clientHeight / high()) - 2), move = MOVES[event.key];
	if (move) go(here + move(page));
	else if (event.key === "Enter" && shown.length) open(shown[here]);
	else return;
	event.preventDefault();
}

function anyKey(event) {
	if (event.ctrlKey || event.metaKey || event.altKey) return;
	if (event.key === "Escape" && state.open) close();
	else if (event.key === "/" && !/^(INPUT|SELECT)$/.test(event.target.tagName)) {
		$("find").focus();
		event.preventDefault();
	}
}

function findKey(event) {
	if (event.key !== "ArrowDown" && event.key !== "Enter") return;
	$("list").focus();
	event.preventDefault();
}

let waiting = 0;
function begin() {
	data.views.forEach((v, i) => {
		v.kind === "flow" ? flowView(v) : matchingView(v);
		$("views").append(new Option(visible(short(`${v.title}${v.kind === "flow" ? " (flow)" : v.header.method && v.header.method !== "assignment" ? ` (${v.header.method})` : ""}`, 60)), i));
	});
	$("views").hidden = data.views.length < 2;
	$("views").onchange = () => show(+$("views").value);
	$("find").oninput = () => {
		clearTimeout(waiting);
		waiting = setTimeout(() => { state.q = $("find").value.trim(); refresh(); }, features.n > 4000 ? 120 : 0);
	};
	$("find").onkeydown = findKey;
	$("list").onkeydown = listKey;
	$("list").onscroll = () => requestAnimationFrame(drawRows);
	$("table").onclick = () => download("matches.tsv", "text/tab-separated-values", tableText());
	addEventListener("keydown", anyKey);
	addEventListener("resize", () => drawRows());
	addEventListener("hashchange", () => { readAddress(); show(+state.view, true); });
	for (const when of ["beforeprint", "afterprint"])
		addEventListener(when, () => {
			document.documentElement.classList.toggle("print", when === "beforeprint");
			drawRows();
		});
	readAddress();
	show(+state.view, true);
	prepare(0);
}

// Texts for the search are made while nothing else is to do.
function prepare(f) {
	const idle = window.requestIdleCallback || (act => setTimeout(() => act({ timeRemaining: () => 5 }), 50));
	idle(left => {
		while (f < features.n && left.timeRemaining() > 1) searchText(f++);
		if (f < features.n) prepare(f);
	});
}

if (data.views.length > 0) begin();
else $("panel").textContent = "There is no matching in this stream.";
