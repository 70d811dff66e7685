// The host's console: its streams, and what it may do to each.

import { act } from "./act.js";
import { config, host } from "./api.js";
import { now, remaining } from "./clock.js";
import { $, el, keyed, setAttribute, setText, show } from "./dom.js";
import { followStream, canFollow } from "./phones.js";
import { isFollowed, running, unfollowed } from "./facts.js";
import { isOver, store } from "./store.js";

const STATUS = {
  scheduled: "Scheduled",
  preparing: "Ready",
  ready: "Ready",
  active: "Started",
  started: "Started",
  ended: "Ended",
  expired: "Expired",
  cancelled: "Cancelled",
  cancelled_by_host: "Cancelled",
  cancelled_by_guest: "Cancelled",
};
const LATER = 600; // seconds
const MOMENTS = { cancel: "Cancel", ready: "Ready", start: "Start", expire: "Expire" };

/** Those that a phone can follow and the host can end. */
export const scheduled = () => store.streams.filter((stream) => !isOver(stream));

const countdowns = (stream) =>
  running().filter(({ activity }) => activity.streamId === stream.streamId);

/** Those that the host will tell. */
export const followers = (stream) => countdowns(stream).filter(isFollowed);

/** Phones that could follow a stream, and do not. */
export const others = (stream) =>
  store.state.phones.filter(
    (phone) => phone.installed && phone.user && canFollow(phone).includes(stream),
  );

export async function letAllFollow(stream) {
  let state;
  for (const phone of others(stream)) state = await followStream(phone, stream);
  return state;
}

/** Scheduled again; a time that has passed is put off by the host. */
export async function scheduleAgain(stream) {
  return host.happen(stream.streamId, "reschedule");
}

export const rename = (stream, title) => host.change(stream.streamId, { title });

export const moveOn = (stream) =>
  host.change(stream.streamId, { startsAt: stream.startsAt + LATER });

export const dieUnsaid = (stream) => host.die(stream.streamId);

/** What the app says of itself: its own tables are not known here. */
export const askApp = (stream) => host.happen(stream.streamId, "changed");

let prepared = false;

export function renderConsole({ streams }) {
  if (!host.there) return;
  if (!prepared) prepare();
  keyed($("#streams"), streams, {
    key: (stream) => stream.streamId,
    create: createStream,
    update: updateStream,
  });
}

function prepare() {
  prepared = true;
  $("#host").hidden = false;
  setText($("#host-note"), host.user ? `logged in as ${host.user}` : "your app, told from here");
  const typed = $("#field-id");
  typed.hidden = config.console.login !== null;
  $("input", typed).required = !typed.hidden;
  $("#schedule").addEventListener("submit", schedule);
}

function schedule(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const said = Object.fromEntries(new FormData(form));
  const stream = { title: said.title.trim(), startsAt: now() + Number(said.minutes) * 60 };
  if (config.console.login === null) stream.streamId = said.streamId.trim();
  act($("button", form), async () => {
    await host.schedule(stream);
    form.reset();
  });
}

function createStream(stream) {
  const id = stream.streamId;
  const latest = () => store.streams.find((it) => it.streamId === id);
  const click = (doing) => (event) => act(event.currentTarget, () => doing(latest()));
  const moment = (name, words) =>
    el("button", { type: "button", class: `button ${name}`, "data-moment": name,
      onclick: click(() => host.happen(id, name)) }, words);
  return el("article", { class: "stream", "aria-labelledby": `title-${id}` },
    el("div", { class: "stream-head" },
      el("h3", { id: `title-${id}` }),
      el("span", { class: "pill" })),
    el("p", { class: "stream-about" },
      el("span", { class: "starts", role: "timer", "aria-live": "off" }),
      el("span", { class: "followed" })),
    el("div", { class: "moments", role: "group" },
      ...Object.entries(MOMENTS).map(([name, words]) => moment(name, words)),
      ...changes(click),
      el("button", { type: "button", class: "button wide again", hidden: true,
        onclick: click(scheduleAgain) }, "Schedule again"),
      el("button", { type: "button", class: "button wide all", hidden: true,
        onclick: click(letAllFollow) }, "Follow it on all phones")),
    el("form", { class: "rename", hidden: true, onsubmit: saveTitle(latest) },
      el("input", { name: "title", autocomplete: "off", maxlength: "60", required: true,
        "aria-label": "New title" }),
      el("button", { class: "button", type: "submit" }, "Save")));
}

/** What may change while the countdowns run. */
function changes(click) {
  const button = (name, words, doing, more = {}) =>
    el("button", { type: "button", class: `button change ${name}`, onclick: doing, ...more }, words);
  if (config.console.login === null) {
    const title = "Calls stream_changed: your streams callback is asked, and what differs is told";
    return config.console.changes
      ? [button("wide ask", "Ask the app what it is now", click(askApp), { title })] : [];
  }
  return [
    button("retitle", "Rename", openTitle),
    button("move", "+10 min", click(moveOn)),
    ...(config.console.unsaid ? [button("die", "Cancel and die", click(dieUnsaid), {
      title: "The host commits that it is cancelled, and dies before it could say so" })] : []),
  ];
}

function openTitle(event) {
  const form = $(".rename", event.currentTarget.closest(".stream"));
  form.hidden = !form.hidden;
  if (form.hidden) return;
  const field = $("input", form);
  field.value = $("h3", form.parentNode).textContent;
  field.select();
}

const saveTitle = (latest) => (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const title = $("input", form).value.trim();
  if (!title) return;
  act($("button", form), async () => {
    await rename(latest(), title);
    show(form, false, $(".retitle", form.parentNode));
  });
};

function updateStream(node, stream) {
  const over = isOver(stream);
  setText($("h3", node), stream.title);
  const pill = $(".pill", node);
  setText(pill, STATUS[stream.status] ?? stream.status);
  setAttribute(pill, "data-status", stream.status);
  setAttribute(node, "data-over", over);
  setAttribute(node, "data-starts-at", stream.startsAt);
  setText($(".followed", node), followed(stream, over));
  const mine = !host.user || stream.host === host.user;
  const again = $(".again", node);
  // Shown before the others are hidden: it inherits the focus.
  show(again, over && mine, null);
  for (const button of node.querySelectorAll("[data-moment], .change")) {
    show(button, !over && mine, again);
  }
  if (over || !mine) show($(".rename", node), false, again);
  setAttribute($(".moments", node), "aria-label", `What happens to ${stream.title}`);
  if (!over && document.activeElement === document.body) again.blur();
  show($(".all", node), !over && others(stream).length > 0, $(".cancel", node));
  tickStream(node);
}

function followed(stream, over) {
  const all = countdowns(stream);
  if (over && all.length === 0) return "every countdown has ended";
  if (over) return `${phones(all.length)} still ${all.length === 1 ? "counts" : "count"} down`;
  const count = followers(stream).length;
  const words = count ? `${phones(count)} ${count === 1 ? "follows" : "follow"}` : "nobody follows yet";
  return all.length > count ? `${words}, ${unfollowed(all)}` : words;
}

const phones = (n) => (n === 1 ? "1 phone" : `${n} phones`);

function tickStream(node) {
  const over = node.dataset.over === "true";
  const startsAt = Number(node.dataset.startsAt);
  setText($(".starts", node), over ? "" : startsAt > now() ? `in ${remaining(startsAt)}` : "now");
}

export function tickConsole() {
  for (const node of $("#streams").children) tickStream(node);
}
