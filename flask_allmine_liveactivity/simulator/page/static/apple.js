// Apple: there or not, and what it answers.

import { act } from "./act.js";
import { config, simulator } from "./api.js";
import { $, el, setAttribute, setText } from "./dom.js";

let prepared = false;

export function renderApple({ state }) {
  if (!prepared) prepare();
  const { up, answer } = state.apple;
  setAttribute($("#apple-up"), "aria-checked", up);
  setText($("#apple-up-text"), up ? "Up" : "Down");
  const select = $("#answer");
  if (select.value !== answer && select.getAttribute("aria-busy") !== "true") select.value = answer;
  const chosen = config.answers.find((it) => it.name === answer);
  setText($("#answer-note"), up ? chosen.then : "Nobody answers.");
}

function prepare() {
  prepared = true;
  const select = $("#answer");
  select.append(...config.answers.map((it) => el("option", { value: it.name }, it.label)));
  select.addEventListener("change", () => {
    act(select, () => simulator.apple({ answer: select.value }));
  });
  const toggle = $("#apple-up");
  toggle.setAttribute("aria-label", "Apple is up");
  toggle.addEventListener("click", () => {
    const up = toggle.getAttribute("aria-checked") !== "true";
    act(toggle, () => simulator.apple({ up }));
  });
}
