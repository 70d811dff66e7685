// A lock screen: status bar, clock, Live Activities, an alert.

import { act } from "./act.js";
import { simulator } from "./api.js";
import { hourAndMinute, now, remaining, today } from "./clock.js";
import { $, animate, el, icon, keyed, setAttribute, setText } from "./dom.js";
import { isWrong, titleOf } from "./store.js";

const ALERT_STAYS = 7; // seconds

const WORDS = {
  scheduled: "Starts soon",
  cancelled: "Cancelled",
  cancelled_by_host: "Cancelled by the host",
  cancelled_by_guest: "Cancelled",
  ready: "About to begin",
  preparing: "About to begin",
  started: "Live now",
  active: "Live now",
  expired: "Did not take place",
};

export function lockScreen(phone) {
  return el("div", { class: "device" },
    el("span", { class: "halo", "aria-hidden": "true" }),
    el("div", { class: "screen" },
      el("div", { class: "status-bar", "aria-hidden": "true" },
        el("span", { class: "carrier" }, "Allmine"),
        el("span", { class: "island" }),
        el("span", { class: "glyphs" }, el("span", { class: "air" }, icon("signal"), icon("wifi")),
          el("span", { class: "plane" }, icon("plane")), icon("battery"))),
      el("p", { class: "date", "aria-hidden": "true" }),
      el("p", { class: "clock", "aria-hidden": "true" }),
      el("div", { class: "alert", hidden: true },
        el("span", { class: "app-icon" }, icon("allmine")),
        el("div", {}, el("p", { class: "alert-title" }), el("p", { class: "alert-body" }))),
      el("ul", { class: "cards", "aria-label": `Live Activities of ${phone.name}` }),
      el("p", { class: "quiet" }),
      el("div", { class: "corners", "aria-hidden": "true" },
        el("span", {}, icon("torch")), el("span", {}, icon("camera"))),
      el("span", { class: "home", "aria-hidden": "true" })));
}

export function updateLockScreen(node, phone) {
  keyed($(".cards", node), phone.activities, {
    key: (activity) => activity.id,
    create: (activity) => createCard(phone.id, activity),
    update: updateCard,
    leave: (card) =>
      animate(card, { opacity: 0, transform: "translateY(14px) scale(.94)" },
        { duration: 320, easing: "ease-in", fill: "forwards" }),
  });
  setText($(".quiet", node), quiet(phone));
  showAlert(node, phone.alert);
}

function quiet(phone) {
  if (phone.activities.length) return "";
  return phone.installed ? "No Live Activities" : "Allmine is not installed";
}

export function tickLockScreen(node) {
  setText($(".date", node), today());
  setText($(".clock", node), hourAndMinute());
  for (const card of node.querySelectorAll(".card")) tickCard(card);
  const alert = $(".alert", node);
  if (!alert.hidden && now() > Number(alert.dataset.until)) alert.hidden = true;
}

// Cards

function createCard(phoneId, { id, attributes }) {
  const swipe = (event) =>
    act(event.currentTarget, () => simulator.phone(phoneId, "swipe-away", { activityId: id }));
  const card = el("li", { class: "card" },
    el("div", { class: "card-head" },
      el("span", { class: "app-icon" }, icon("allmine")),
      el("span", { class: "card-host" }, attributes.host ? `Allmine · ${attributes.host}` : "Allmine"),
      el("button", { class: "swipe", type: "button", title: "Swipe away", onclick: swipe },
        icon("close"))),
    el("p", { class: "card-title" }),
    el("p", { class: "card-count", role: "timer", "aria-live": "off" }),
    el("p", { class: "card-state" }),
    el("span", { class: "bar", "aria-hidden": "true" }, el("i")));
  animate(card, [{ opacity: 0, transform: "translateY(20px) scale(.92)" }, {}],
    { duration: 420, easing: "cubic-bezier(.2, 1.2, .4, 1)" });
  return card;
}

function updateCard(card, activity) {
  const { state, contentState, startedAt, dismissesAt } = activity;
  setAttribute(card, "data-state", state);
  setAttribute(card, "data-wrong", isWrong(activity));
  const title = titleOf(activity);
  setText($(".card-title", card), title);
  setAttribute($(".swipe", card), "aria-label", `Swipe away ${title}`);
  const startsAt = contentState?.startsAt;
  Object.assign(card.dataset, {
    startsAt: typeof startsAt === "number" ? startsAt : "",
    startedAt,
    dismissesAt: dismissesAt ?? "",
    words: words(contentState),
  });
  tickCard(card);
}

function words(contentState) {
  const said = contentState?.status ?? contentState?.phase ?? contentState?.state;
  return typeof said === "string" ? (WORDS[said] ?? said) : "";
}

function tickCard(card) {
  const { state, startsAt, startedAt, dismissesAt } = card.dataset;
  const runs = state === "active" || state === "stale";
  const count = $(".card-count", card);
  setText(count, runs && startsAt ? remaining(Number(startsAt)) : card.dataset.words || "Ended");
  setText($(".card-state", card), runs ? running(card) : leaving(dismissesAt));
  const share = startsAt
    ? (now() - Number(startedAt)) / Math.max(1, Number(startsAt) - Number(startedAt))
    : 1;
  const width = `${Math.round(Math.min(1, Math.max(0.02, share)) * 1000) / 10}%`;
  $(".bar i", card).style.setProperty("inline-size", width);
}

function running(card) {
  if (card.dataset.wrong === "true") return "The stream is over";
  if (card.dataset.state === "stale") return "Out of date";
  if (card.dataset.startsAt && Number(card.dataset.startsAt) < now()) return "Any moment now";
  return card.dataset.words || "Running";
}

function leaving(dismissesAt) {
  const seconds = Number(dismissesAt) - now();
  if (!dismissesAt || seconds > 4 * 3600) return "Ended";
  return seconds > 90 ? "Ended" : `Ended · leaves in ${Math.max(0, Math.ceil(seconds))} s`;
}

// An alert

function showAlert(node, alert) {
  const banner = $(".alert", node);
  if (!alert || alert.at + ALERT_STAYS < now() || banner.dataset.at === String(alert.at)) return;
  banner.dataset.at = alert.at;
  banner.dataset.until = alert.at + ALERT_STAYS;
  setText($(".alert-title", banner), alert.title);
  setText($(".alert-body", banner), alert.body);
  banner.hidden = false;
  animate(banner, [{ opacity: 0, transform: "translateY(-16px) scale(.94)" }, {}],
    { duration: 380, easing: "cubic-bezier(.2, 1.1, .4, 1)" });
}
