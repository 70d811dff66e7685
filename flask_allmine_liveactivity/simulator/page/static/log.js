// Each push as it went by: to whom, what, and what Apple answered.

import { act } from "./act.js";
import { simulator } from "./api.js";
import { atTime } from "./clock.js";
import { answered } from "./facts.js";
import { $, animate, el, icon, keyed, setText, show } from "./dom.js";

let told = null; // the last push that was read out

export function renderLog({ pushes }) {
  if (told === null) $("#clear").addEventListener("click", clear);
  keyed($("#log"), [...pushes].reverse(), {
    key: (push) => push.id,
    create: createRow,
    update: () => undefined,
  });
  show($("#log-empty"), pushes.length === 0);
  show($("#clear"), pushes.length > 0, $("#log-title"));
  setText($("#log-count"), pushes.length ? `${pushes.length}, newest first` : "");
  renderLatest(pushes.at(-1));
  readOut(pushes);
}

/** Where the log is below the fold, that something went out is seen beside the phones. */
function renderLatest(push) {
  show($("#latest"), push !== undefined);
  if (push) setText($("#latest a"), `${push.event ?? "push"} to ${who(push)}, ${answered(push)}`);
}

function clear(event) {
  act(event.currentTarget, simulator.clear);
}

function readOut(pushes) {
  const latest = pushes.at(-1)?.id ?? 0;
  const fresh = told === null ? [] : pushes.filter((push) => push.id > told);
  told = Math.max(latest, told ?? 0);
  if (fresh.length === 0) return;
  const words = fresh.map((push) => `${push.event ?? "push"} to ${who(push)}: ${answered(push)}`);
  setText($("#announcer"), words.join(". "));
}

const who = (push) => push.to.phone ?? "a phone elsewhere";

/** The stream, and what has become of it. */
function about(push) {
  const status = push.payload?.aps?.["content-state"]?.status;
  return [push.to.title, typeof status === "string" ? status : null].filter(Boolean).join(" · ");
}

function createRow(push) {
  const kind = push.status === 200 ? (push.problems.length ? "doubt" : "good") : "bad";
  const row = el("details", { class: "push", "data-kind": kind, "data-event": push.event ?? "" },
    el("summary", {},
      el("time", {}, atTime(push.at)),
      el("span", { class: "event" }, push.event ?? "?"),
      el("span", { class: "to" }, el("b", {}, who(push)), el("span", {}, about(push))),
      el("span", { class: "answer" }, push.problems.length ? icon("warning") : null, answered(push)),
      icon("chevron")));
  row.addEventListener("toggle", () => fill(row, push), { once: true });
  animate(row, [{ opacity: 0, transform: "translateY(-8px)" }, {}], { duration: 260 });
  return row;
}

/** The rest is built only when somebody looks. */
function fill(row, push) {
  const problems = push.problems.length
    ? el("div", { class: "part problems" },
        el("h4", {}, "The phone would drop it, or not do what it says"),
        el("ul", {}, ...push.problems.map((problem) => el("li", {}, problem))))
    : null;
  const refusal = push.why
    ? el("div", { class: "part problems" },
        el("h4", {}, push.source ? `Why, by Apple’s “${push.source}”` : "Why"),
        el("p", {}, push.why))
    : null;
  row.append(
    el("div", { class: "parts" },
      refusal,
      problems,
      el("div", { class: "part" }, el("h4", {}, `Payload · ${push.bytes} bytes`), json(push.payload)),
      el("div", { class: "part" }, el("h4", {}, "Request"),
        pairs([["POST", push.path], ...headers(push.headers)])),
      el("div", { class: "part" }, el("h4", {}, "Answer"), pairs(answerOf(push)))),
  );
}

const headers = (all) =>
  Object.entries(all)
    .filter(([name]) => name.startsWith("apns-") || name === "authorization")
    .concat(Object.entries(all).filter(([name]) => !/^(apns-|authorization$)/.test(name)));

function answerOf(push) {
  if (push.status === 0) return [["nothing", push.fault ?? "no answer"]];
  return [
    ["status", String(push.status)],
    ...(push.reason ? [["reason", push.reason]] : []),
    ["apns-id", push.apnsId],
  ];
}

const pairs = (all) =>
  el("dl", {}, ...all.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null|-?\d[\d.eE+-]*)\b/g;

/** JSON with its keys, strings and numbers told apart. */
function json(value) {
  const pre = el("pre", { tabindex: "0", "aria-label": "Payload as JSON" });
  const text = JSON.stringify(value, null, 2) ?? "";
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    pre.append(text.slice(end, match.index));
    const kind = match[2] ? "key" : match[1] ? "string" : "number";
    pre.append(el("span", { class: kind }, match[1] ?? match[3]), match[2] ?? "");
    end = match.index + match[0].length;
  }
  pre.append(text.slice(end));
  return pre;
}
