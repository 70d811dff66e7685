// The phones and the buttons under each.

import { act } from "./act.js";
import { simulator } from "./api.js";
import { atTime, now } from "./clock.js";
import { $, animate, el, icon, keyed, setAttribute, setText, show } from "./dom.js";
import { factsOf } from "./facts.js";
import { lockScreen, tickLockScreen, updateLockScreen } from "./lock-screen.js";
import { isOver, runs, store, titleOf } from "./store.js";

let lastPush = 0;

export function renderPhones({ state, pushes }) {
  keyed($("#phones"), state.phones, {
    key: (phone) => phone.id,
    create: createPhone,
    update: updatePhone,
  });
  tickPhones();
  for (const push of pushes) {
    if (push.id > lastPush && lastPush && push.to.phoneId && push.status === 200) {
      pulse(push.to.phoneId);
    }
  }
  lastPush = pushes.at(-1)?.id ?? (lastPush || -1);
}

export function tickPhones() {
  for (const article of $("#phones").children) tickLockScreen(article);
}

function pulse(phoneId) {
  const device = $(`#phones [data-key="${phoneId}"] .device`);
  const ring = (spread, alpha) => ({ boxShadow: `0 0 0 ${spread}px rgb(120 90 255 / ${alpha})` });
  if (device) {
    const halo = $(".halo", device);
    animate(halo, [ring(0, 0.7), ring(18, 0)], { duration: 900, easing: "ease-out" });
  }
}

const latest = (id) => store.state.phones.find((phone) => phone.id === id);

function createPhone(phone) {
  const number = store.state.phones.indexOf(phone) % 3;
  const title = `${phone.id}-name`;
  const click = (doing) => (event) => act(event.currentTarget, () => doing(latest(phone.id)));
  const button = (name, image, words, doing, more = {}) =>
    el("button", { type: "button", class: `tool ${name}`, onclick: click(doing), ...more },
      icon(image), el("span", { class: "words" }, words));
  return el("article", { class: "phone", "aria-labelledby": title, "data-wallpaper": number },
    el("div", { class: "phone-head" },
      el("h3", { id: title }),
      el("p", { class: "about" })),
    lockScreen(phone),
    el("div", { class: "facts", role: "group", "aria-label": `What is known of ${phone.name}` }),
    el("div", { class: "tools" },
      el("form", { class: "log-in", hidden: true, onsubmit: logIn(phone.id) },
        el("input", { name: "username", required: true, autocomplete: "off",
          placeholder: "User id, or access token",
          "aria-label": `User id or access token of ${phone.name}` }),
        el("button", { class: "button small", type: "submit" }, "Log in")),
      el("div", { class: "follow", hidden: true },
        el("span", { class: "select" },
          el("select", { "aria-label": `Stream to follow on ${phone.name}` }), icon("chevron")),
        el("button", { type: "button", class: "button", onclick: click(follow) }, "Follow")),
      button("flight", "plane", "Flight mode",
        (p) => simulator.phone(p.id, "flight-mode", { on: !p.flightMode }),
        { role: "switch", "aria-checked": "false" }),
      button("rotate", "key", "Rotate token", rotate),
      button("open", "open", "Open app", (p) => simulator.phone(p.id, "open-app")),
      button("delete", "bin", "Delete app",
        (p) => simulator.phone(p.id, p.installed ? "delete-app" : "install-app"))),
    el("details", { class: "saw" },
      el("summary", {}, icon("chevron"), el("span", {}, "What it saw"),
        el("span", { class: "last" })),
      el("ol", { class: "events", tabindex: "0", "aria-label": `What ${phone.name} saw` })));
}

function updatePhone(node, phone) {
  const running = phone.activities.filter(runs);
  setText($("h3", node), phone.name);
  setText($(".about", node), about(phone));
  setAttribute(node, "data-flight", phone.flightMode);
  updateLockScreen(node, phone);
  show($(".log-in", node), phone.installed && !phone.user);
  updateFacts($(".facts", node), phone);
  updateFollow(node, phone);
  setAttribute($(".flight", node), "aria-checked", phone.flightMode);
  disable($(".rotate", node), running.length === 0, "No Live Activity runs on it");
  disable($(".open", node), !phone.installed, "The app is not installed");
  setText($(".delete .words", node), phone.installed ? "Delete app" : "Install app");
  const image = phone.installed ? "#i-bin" : "#i-load";
  setAttribute($(".delete use", node), "href", image);
  updateEvents(node, phone);
}

function about(phone) {
  const parts = [`${phone.model}, iOS ${phone.osVersion}`];
  if (phone.missed) {
    parts.push(phone.missed === 1 ? "1 registration waits" : `${phone.missed} registrations wait`);
  }
  return parts.join(" · ");
}

function disable(button, disabled, why) {
  setAttribute(button, "aria-disabled", disabled);
  if (disabled) button.title = why;
  else button.removeAttribute("title");
}

// What is known

function updateFacts(list, phone) {
  keyed(list, phone.activities, {
    key: (activity) => activity.id,
    create: () => el("div", {}, el("b", {}), el("dl", {})),
    update: (item, activity) => updateFact(item, phone, activity),
  });
}

function updateFact(item, phone, activity) {
  setText($("b", item), phone.activities.length > 1 ? titleOf(activity) : "");
  keyed($("dl", item), factsOf(phone, activity), {
    key: ([name]) => name,
    create: ([name]) => el("div", {}, el("dt", {}, name), el("dd", {})),
    update: (line, [, words, kind]) => {
      setText($("dd", line), words);
      setAttribute(line, "data-kind", kind);
    },
  });
}

// Following

export const canFollow = (phone) =>
  store.streams.filter(
    (stream) =>
      !isOver(stream) &&
      stream.startsAt > now() &&
      !phone.activities.some((it) => it.streamId === stream.streamId && runs(it)),
  );

function updateFollow(node, phone) {
  const streams = phone.installed && phone.user ? canFollow(phone) : [];
  keyed($(".follow select", node), streams, {
    key: (stream) => stream.streamId,
    create: (stream) => el("option", { value: stream.streamId }),
    update: (option, stream) => setText(option, stream.title),
  });
  show($(".follow", node), streams.length > 0, $(".flight", node));
}

export function followStream(phone, stream) {
  return simulator.phone(phone.id, "follow", {
    streamId: stream.streamId,
    // The title in both: an app whose ContentState has none shows the one that it began with.
    attributes: { title: stream.title, host: stream.host },
    contentState: { title: stream.title, status: "scheduled", startsAt: stream.startsAt },
  });
}

function follow(phone) {
  const chosen = $(`[data-key="${phone.id}"] .follow select`).value;
  const stream = store.streams.find((it) => it.streamId === chosen);
  return stream ? followStream(phone, stream) : Promise.resolve();
}

async function rotate(phone) {
  let state;
  for (const activity of phone.activities.filter(runs)) {
    state = await simulator.phone(phone.id, "rotate-token", { activityId: activity.id });
  }
  return state;
}

// A JWT begins with the "{\"" of its header, in base64.
const ACCESS_TOKEN = /^eyJ[\w-]+\.[\w-]+\.[\w-]*$/;

function logIn(phoneId) {
  return (event) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget).get("username").trim();
    const who = ACCESS_TOKEN.test(given) ? { accessToken: given } : { username: given };
    act($("button", event.currentTarget), () => simulator.phone(phoneId, "log-in", who));
  };
}

// What it saw

function updateEvents(node, phone) {
  const events = [...phone.log].reverse();
  setText($(".last", node), events.length ? events[0].text : "nothing yet");
  keyed($(".events", node), events, {
    key: (event) => `${event.at} ${event.kind} ${event.text}`,
    create: (event) =>
      el("li", { "data-kind": event.kind },
        el("time", {}, atTime(event.at)), el("span", {}, event.text)),
    update: () => undefined,
  });
}
