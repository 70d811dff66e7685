// What to try next: four things that go wrong in real life, and one button that does the next step.

import { act } from "./act.js";
import { host, simulator } from "./api.js";
import { $, el, icon, setAttribute, setText } from "./dom.js";
import { followers, letAllFollow, others, scheduleAgain, scheduled } from "./console.js";
import { isOver, isWrong, runs, shown, store } from "./store.js";

const STORIES = {
  cancel: "Cancel",
  flight: "Flight mode",
  rotate: "New token",
  apple: "Apple down",
};

const THAT_IS_ALL = "It does so whatever happens: now break it your own way.";

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
  const wrong = shown().filter(({ activity }) => isWrong(activity));
  const running = shown().filter(({ activity }) => runs(activity));
  const { up, answer } = store.state.apple;
  for (const { activity } of running) {
    const before = tokens.get(activity.id);
    if (before && before !== activity.token) seen.add("rotate");
    tokens.set(activity.id, activity.token);
  }
  if (wrong.length === 0) {
    if (seen.has("flight")) done.add("flight");
    if (seen.has("apple") && up) done.add("apple");
    if (store.pushes.some((push) => push.event === "end" && push.status === 200)) {
      done.add("cancel");
      if (seen.has("rotate") && running.length === 0) done.add("rotate");
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
  if (!host.there) return { text: "Watch what your app does to these phones." };
  return whileWrong() ?? setScene() ?? tell(currentStory());
}

/** Some lock screen is wrong: why, and what would help. */
function whileWrong() {
  const wrong = shown().filter(({ activity }) => isWrong(activity));
  if (wrong.length === 0) return null;
  const { up, answer } = store.state.apple;
  const still = wrong.length === 1 ? "1 countdown runs on" : `${wrong.length} countdowns run on`;
  if (!up) {
    return {
      text: `Apple is down: ${still}. Nothing is lost, bring Apple back.`,
      label: "Bring Apple back",
      run: () => simulator.apple({ up: true }),
      highlight: "#apple-up",
    };
  }
  if (answer !== "as-usual") {
    return {
      text: `Apple refuses: ${still}. The host tries again by itself.`,
      label: "Let Apple answer as usual",
      run: () => simulator.apple({ answer: "as-usual" }),
      highlight: "#answer",
    };
  }
  const away = wrong.filter(({ phone }) => phone.flightMode);
  if (away.length === wrong.length) {
    const [{ phone }] = away;
    return {
      text: `${phone.name} is in the air. Apple keeps the push until it lands.`,
      label: "Let it land",
      run: () => simulator.phone(phone.id, "flight-mode", { on: false }),
      highlight: `[data-key="${phone.id}"] .flight`,
    };
  }
  return { text: "The pushes are on their way. What failed is sent again by itself.", label: "Wait" };
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
  if (others(stream).length === 0) return { text: "Log a user in on a phone: only they can follow." };
  return {
    text: `Nobody follows “${stream.title}” yet.`,
    label: "Follow it on all phones",
    run: () => letAllFollow(stream),
    highlight: `[data-key="${stream.streamId}"] .all`,
  };
}

function afterwards() {
  if (currentStory() === null) return `Every countdown has ended. ${THAT_IS_ALL}`;
  if (done.has("cancel")) return "Every countdown has ended. Again, with something in the way?";
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
        return { text: "Now cancel: one phone is in the air and cannot hear it.", ...cancel };
      }
      const { phone } = followed[0];
      return {
        text: "A phone may be in the air when the stream is cancelled.",
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
        text: "And Apple itself may be away.",
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
