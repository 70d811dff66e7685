// What to try next: what happens in real life, or goes wrong there, and one button for the next step.

import { act } from "./act.js";
import { config, host, simulator } from "./api.js";
import { tellBehind } from "./behind.js";
import { $, el, icon, setAttribute, setText } from "./dom.js";
import {
  askApp, dieUnsaid, followers, letAllFollow, moveOn, others, rename, scheduleAgain, scheduled,
} from "./console.js";
import { isBehind, running } from "./facts.js";
import { isOver, isWrong, store } from "./store.js";
import { tellUnfollowed, tellWrong } from "./why.js";

const { changes, unsaid } = config.console ?? {};
const STORIES = {
  cancel: "Cancel",
  ...(changes ? { rename: "Rename", move: "Move" } : {}),
  flight: "Flight mode",
  rotate: "New token",
  apple: "Apple down",
  ...(unsaid ? { unsaid: "Host dies" } : {}),
};

const THAT_IS_ALL = "That was the tour: now break it your own way.";

const done = new Set();
const seen = new Set(); // the first half of a story
const tokens = new Map(); // of running activities, to see one rotate
const contents = new Map(); // what they showed, to see one follow
let latest = null; // the story that was done last

export function renderCoach() {
  watch();
  renderSteps();
  const next = advise();
  setText($("#coach-text"), next.text);
  setText($("#coach-label"), next.label ?? "Watch");
  const button = $("#coach-action");
  setAttribute(button, "aria-disabled", !next.run);
  button.onclick = next.run ? () => act(button, () => once(button, next.run)) : null;
  highlight(next);
}

/** The label changes under the pointer: a double click must not do the next step too. */
async function once(button, run) {
  const result = await run();
  await new Promise((resolve) => setTimeout(resolve, 400));
  return result;
}

function watch() {
  const all = running();
  const { up, answer } = store.state.apple;
  for (const { activity } of all) {
    const before = tokens.get(activity.id);
    if (before && before !== activity.token) seen.add("rotate");
    tokens.set(activity.id, activity.token);
  }
  watchContents(all);
  if (all.some(({ outlook }) => outlook?.found)) seen.add("unsaid");
  const wrong = all.filter(({ activity }) => isWrong(activity));
  if (wrong.length === 0) {
    if (!all.some(isBehind)) finish("rename", "move");
    finish("flight");
    if (up) finish("apple");
    if (store.pushes.some((push) => push.event === "end" && push.status === 200)) {
      seen.add("cancel");
      finish("cancel");
      if (all.length === 0) finish("rotate", "unsaid");
    }
    return;
  }
  if (wrong.some(({ phone }) => phone.flightMode)) seen.add("flight");
  if (!up || answer !== "as-usual") seen.add("apple");
}

/** A countdown follows when it shows another time, or anything else that it did not show before. */
function watchContents(all) {
  for (const { activity } of all) {
    const { startsAt, ...rest } = activity.contentState ?? {};
    const shows = { startsAt, rest: JSON.stringify(rest, sorted) };
    const before = contents.get(activity.id);
    if (before && before.startsAt !== startsAt) seen.add("move");
    if (before && before.rest !== shows.rest) seen.add("rename");
    contents.set(activity.id, shows);
  }
}

/** The same in whatever order it comes: an answer and an event have others. */
const sorted = (_, value) =>
  value?.constructor === Object
    ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, value[key]]))
    : value;

function finish(...stories) {
  for (const story of stories) {
    if (!seen.has(story) || done.has(story)) continue;
    done.add(story);
    latest = story;
  }
}

function renderSteps() {
  const list = $("#steps");
  if (!list.children.length) {
    list.append(...Object.entries(STORIES).map(([name, words]) =>
      el("li", { "data-story": name }, el("i", { "aria-hidden": "true" }, icon("check")), words,
        el("span", { class: "unseen" }))));
  }
  const current = currentStory();
  for (const item of list.children) {
    const name = item.dataset.story;
    const state = done.has(name) ? "done" : name === current ? "current" : "open";
    setAttribute(item, "data-state", state);
    setText($(".unseen", item), state === "done" ? " (seen)" : state === "current" ? " (next)" : "");
  }
}

const currentStory = () => Object.keys(STORIES).find((name) => !done.has(name)) ?? null;

function advise() {
  const all = running();
  const wrong = all.filter(({ activity }) => isWrong(activity));
  const amiss = tellWrong(wrong) ?? tellBehind(all) ?? tellUnfollowed(all);
  if (!host.there) return amiss ?? { text: "Watch what your app does to these phones." };
  return amiss ?? setScene() ?? tell(currentStory());
}

/** There must be a stream, and somebody must follow it. */
function setScene() {
  const [stream] = scheduled();
  if (!stream) {
    const again = store.streams.find((it) => isOver(it) && (!host.user || it.host === host.user));
    if (!again) {
      const first = host.user ? "Schedule a stream" : "Name a stream of your app, log a user in";
      return { text: `${first}, and let the phones count down to it.` };
    }
    return {
      text: afterwards(),
      label: "Schedule and follow it again",
      run: async () => {
        const fresh = await scheduleAgain(again);
        const index = store.streams.findIndex((it) => it.streamId === fresh.streamId);
        store.streams[index] = fresh;
        return letAllFollow(fresh);
      },
      highlight: `[data-key="${again.streamId}"] .again`,
    };
  }
  if (scheduled().some((it) => followers(it).length)) return null;
  if (others(stream).length === 0) return { text: "Log a user in on a phone: nobody else can follow." };
  return {
    text: `Nobody follows “${stream.title}” yet.`,
    label: "Follow it on all phones",
    run: () => letAllFollow(stream),
    highlight: `[data-key="${stream.streamId}"] .all`,
  };
}

function afterwards() {
  const said = latest === "unsaid" ? "Nobody had said it, and every phone was told all the same. " : "";
  return said + whatIsOver();
}

function whatIsOver() {
  if (currentStory() === null) return `Every countdown has ended. ${THAT_IS_ALL}`;
  if (done.has("cancel")) return "Every countdown has ended. Once more, with something going wrong?";
  return "That stream is over. Schedule it again, and let the phones follow it.";
}

function tell(story) {
  const stream = scheduled().find((it) => followers(it).length);
  const cancel = {
    label: `Cancel “${stream.title}”`,
    run: () => host.happen(stream.streamId, "cancel"),
    highlight: `[data-key="${stream.streamId}"] .cancel`,
  };
  const followed = followers(stream);
  switch (story) {
    case "cancel":
      return { text: "Try it: press Cancel and watch the phones.", ...cancel };
    case "rename":
      return host.user ? renames(stream) : asks(stream, "Rename it in your app: the phones follow");
    case "move":
      return host.user ? moves(stream) : asks(stream, "Move it in your app: the countdowns follow");
    case "unsaid":
      return host.user ? dies(stream) : {
        text: "End it in your app without a call of ours, as if it died there: it is asked what its streams are, and believed at its second answer.",
      };
    case "flight": {
      if (followed.some(({ phone }) => phone.flightMode)) {
        return { text: "Now cancel: one phone is in flight mode and cannot hear it.", ...cancel };
      }
      const { phone } = followed[0];
      return {
        text: "A phone may be in flight mode when the stream is cancelled.",
        label: `Flight mode on ${phone.name}`,
        run: () => simulator.phone(phone.id, "flight-mode", { on: true }),
        highlight: `[data-key="${phone.id}"] .flight`,
      };
    }
    case "rotate": {
      if (seen.has("rotate")) {
        return { text: "The old token is dead, the host has the new one. Cancel.", ...cancel };
      }
      const { phone, activity } = followed.at(-1);
      return {
        text: "iOS may replace a token at any time.",
        label: `Rotate the token of ${phone.name}`,
        run: () => simulator.phone(phone.id, "rotate-token", { activityId: activity.id }),
        highlight: `[data-key="${phone.id}"] .rotate`,
      };
    }
    case "apple":
      if (!store.state.apple.up) return { text: "Now cancel: nothing can be sent.", ...cancel };
      return {
        text: "Apple itself may be down.",
        label: "Take Apple down",
        run: () => simulator.apple({ up: false }),
        highlight: "#apple-up",
      };
    default:
      return { text: THAT_IS_ALL, ...cancel };
  }
}

const renames = (stream) => ({
  text: "A stream may get another title while its countdowns run.",
  label: `Rename “${stream.title}”`,
  run: () => rename(stream, anotherTitle(stream)),
  highlight: `[data-key="${stream.streamId}"] .retitle`,
});

const LIVE = ", live";

const anotherTitle = ({ title }) =>
  title.endsWith(LIVE) ? title.slice(0, -LIVE.length) : title + LIVE;

const moves = (stream) => ({
  text: "It may begin later. Nobody’s countdown must run out too early.",
  label: `Move “${stream.title}” by 10 minutes`,
  run: () => moveOn(stream),
  highlight: `[data-key="${stream.streamId}"] .move`,
});

const asks = (stream, text) => ({
  text: `${text} when it calls stream_changed, or is asked by itself.`,
  label: "Ask the app what it is now",
  run: () => askApp(stream),
  highlight: `[data-key="${stream.streamId}"] .ask`,
});

const dies = (stream) => ({
  text: "The host may die after its commit, before it could say a word.",
  label: `Cancel “${stream.title}”, and die`,
  run: () => dieUnsaid(stream),
  highlight: `[data-key="${stream.streamId}"] .die`,
});

let highlighted = null;

function highlight({ highlight: selector }) {
  const node = selector ? $(selector) : null;
  if (node === highlighted) return;
  highlighted?.classList.remove("next");
  node?.classList.add("next");
  highlighted = node;
}
