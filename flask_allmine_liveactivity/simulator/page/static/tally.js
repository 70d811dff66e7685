// Whether the page is live, and whether the lock screens tell the truth.

import { isBehind, isFollowed, running, unfollowed } from "./facts.js";
import { isWrong } from "./store.js";
import { $, setAttribute, setText } from "./dom.js";

const LINKS = { connecting: "Connecting", live: "Live", lost: "Connection lost, trying again" };

export function renderTally(store) {
  setAttribute($("#link"), "data-state", store.link);
  setText($("#link-text"), LINKS[store.link]);
  if (!store.state) return;
  const all = running();
  const wrong = all.filter(({ activity }) => isWrong(activity));
  const isTold = all.every(isFollowed);
  const behind = all.filter(isBehind).length;
  const words = wrong.length
    ? `${wrong.length === 1 ? "1 countdown" : `${wrong.length} countdowns`} should have ended`
    : all.length === 0
      ? "No countdown runs"
      : behind
        ? `${count(all.length)}, ${behind === 1 ? "1 shows" : `${behind} show`} what was`
        : `${count(all.length)}, ${isTold ? `as ${all.length === 1 ? "it" : "they"} should` : unfollowed(all)}`;
  const tally = $("#tally");
  setAttribute(tally, "data-state", wrong.length || behind || !isTold ? "wrong" : all.length ? "right" : "none");
  setText(tally, words);
}

const count = (n) => (n === 1 ? "1 countdown runs" : `${n} countdowns run`);
