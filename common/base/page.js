const $ = id => document.getElementById(id);
const sum = list => list.reduce((a, b) => a + b, 0);
const short = (text, n) => text.length > n ? Array.from(text.slice(0, 2 * n)).slice(0, n).join("") + "…" : text;
const number = x => x === null || x === undefined ? "" : String(+x.toPrecision(3));
const percent = x => x >= .0995 ? `${Math.round(100 * x)}%` : `${(100 * x).toFixed(1)}%`;
const plural = (n, one, many) => `${n} ${n === 1 ? one : many || one + "s"}`;

function make(tag, properties, ...children) {
	const node = document.createElement(tag);
	Object.assign(node, properties);
	node.append(...children);
	return node;
}

function drawn(tag, attributes) {
	const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
	for (const name in attributes) node.setAttribute(name, attributes[name]);
	return node;
}
