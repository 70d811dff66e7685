// What to try next: four things that go wrong in real life, and one button that does the next step.

import { act } from "./act.js";
import { host, simulator } from "./api.js";
import { $, el, icon, setAttribute, setText } from "./dom.js";
import { followers, letAllFollow, others, scheduleAgain, scheduled } from "./console.js";
import { running } from "./facts.js";
import { isOver, isWrong, store } from "./store.js";
import { tellUnfollowed, tellWrong } from "./why.js";

const STORIES = {
  cancel: "Cancel",
  flight: "Flight mode",
  rotate: "New token",
  apple: "Apple down",
};

const THAT_IS_ALL = "That was the tour: now break it your own way.";

const done = new Set();
const seen = new Set(); // the first half of a story
const tokens = new Map(); // of running activities, to see one rotate

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
  const wrong = all.filter(({ activity }) => isWrong(activity));
  if (wrong.length === 0) {
    if (seen.has("flight")) done.add("flight");
    if (seen.has("apple") && up) done.add("apple");
    if (store.pushes.some((push) => push.event === "end" && push.status === 200)) {
      done.add("cancel");
      if (seen.has("rotate") && all.length === 0) done.add("rotate");
    }
    return;
  }
  if (wrong.some(({ phone }) => phone.flightMode)) seen.add("flight");
  if (!up || answer !== "as-usual") seen.add("apple");
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
  const amiss = tellWrong(wrong) ?? tellUnfollowed(all);
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

let highlighted = null;

function highlight({ highlight: selector }) {
  const node = selector ? $(selector) : null;
  if (node === highlighted) return;
  highlighted?.classList.remove("next");
  node?.classList.add("next");
  highlighted = node;
}
