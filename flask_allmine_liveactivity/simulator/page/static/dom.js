// Building and changing elements. What stays the same is left alone: focus and scroll survive.

export const $ = (selector, root = document) => root.querySelector(selector);

const SVG = "http://www.w3.org/2000/svg";

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  const wanted = String(value);
  if (node.getAttribute(name) !== wanted) node.setAttribute(name, wanted);
}

/** Hide or show; a focus that would be lost goes to `heir`. */
export function show(node, visible, heir) {
  if (node.hidden === !visible) return;
  const focused = !visible && node.contains(document.activeElement);
  node.hidden = !visible;
  if (focused && heir) heir.focus();
}

/**
 * Let `parent` have one child for each item, in their order. `leave(node)` may take its time to go:
 * it returns a promise, and the node counts as gone meanwhile.
 */
export function keyed(parent, items, { key, create, update, leave }) {
  const present = new Map();
  for (const node of parent.children) {
    if (!node.dataset.leaving) present.set(node.dataset.key, node);
  }
  let before = null;
  for (const item of items) {
    const id = String(key(item));
    let node = present.get(id);
    present.delete(id);
    if (!node) {
      node = create(item);
      node.dataset.key = id;
    }
    update(node, item);
    const place = before ? before.nextSibling : parent.firstChild;
    if (place !== node) parent.insertBefore(node, place);
    before = node;
  }
  for (const node of present.values()) {
    if (!leave) {
      node.remove();
      continue;
    }
    node.dataset.leaving = "true";
    leave(node).then(() => node.remove());
  }
}

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Animate, unless the person has asked for stillness; resolves at the end. */
export function animate(node, frames, options) {
  if (still.matches || document.hidden) return Promise.resolve();
  return node.animate(frames, options).finished.catch(() => undefined);
}
