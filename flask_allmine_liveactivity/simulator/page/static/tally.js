// Whether the page is live, and whether the lock screens tell the truth.

import { isWrong, runs, shown } from "./store.js";
import { $, setAttribute, setText } from "./dom.js";

const LINKS = { connecting: "Connecting", live: "Live", lost: "Connection lost, trying again" };

export function renderTally(store) {
  setAttribute($("#link"), "data-state", store.link);
  setText($("#link-text"), LINKS[store.link]);
  if (!store.state) return;
  const running = shown().filter(({ activity }) => runs(activity));
  const wrong = running.filter(({ activity }) => isWrong(activity));
  const words = wrong.length
    ? `${wrong.length === 1 ? "1 countdown" : `${wrong.length} countdowns`} should have ended`
    : running.length
      ? `${count(running.length)}, as ${running.length === 1 ? "it" : "they"} should`
      : "No countdown runs";
  const tally = $("#tally");
  setAttribute(tally, "data-state", wrong.length ? "wrong" : running.length ? "right" : "none");
  setText(tally, words);
}

const count = (n) => (n === 1 ? "1 countdown runs" : `${n} countdowns run`);
