// What is known of a Live Activity, and nothing else: what the endpoint has answered, what the host
// has written down, what Apple has answered, and what the phone has made of it.

import { host as theHost } from "./api.js";
import { atTime, now } from "./clock.js";
import { isOver, runs, shown, store, streamOf } from "./store.js";

/** Those that run, each with its phone and what the host means to do (null: nothing is known). */
export const running = () =>
  shown()
    .filter(({ activity }) => runs(activity))
    .map((it) => ({ ...it, outlook: outlookOf(it.activity) }));

const outlookOf = (activity) => store.state.outlooks?.[activity.id] ?? null;

/** Whether the host knows of it: by what it has written down, or else by what it has done. */
export const isKnown = ({ activity, outlook }) =>
  store.state.outlooks
    ? Boolean(outlook)
    : isTaken(activity.registration) || Boolean(activity.push);

/** Whether the host will tell it of the end: it knows it, and has not done with it already. */
export const isFollowed = (it) => isKnown(it) && !["given-up", "told"].includes(it.outlook?.fate);

/** Whether it runs, and rightly, and the host will tell it, but it shows what was: by the host’s own
 * list, where the page knows that, or else by what the host has to do yet. */
export function isBehind(it) {
  const { activity, outlook } = it;
  const stream = streamOf(activity.streamId);
  if (!stream || isOver(stream) || !isFollowed(it)) return false;
  if (!theHost.user) {
    return activity.storedAtApple || (outlook?.event === "update" && isToDo(outlook));
  }
  const { title, startsAt } = activity.contentState ?? {};
  return (
    (typeof title === "string" && title !== stream.title) ||
    (typeof startsAt === "number" && startsAt !== stream.startsAt)
  );
}

/** Whether the host has something to tell it yet. */
export const isToDo = (outlook) => ["waits", "held"].includes(outlook?.fate);

/** Those that are not followed, in a few words. */
export const unfollowed = (all) => {
  const left = all.filter((it) => !isFollowed(it));
  return `${left.length} ${left.some(isKnown) ? "not to be told" : "not registered"}`;
};

/** Whether the endpoint has taken a registration: another page’s 200 says something else. */
export const isTaken = (registration) => registration?.status === 200 && !registration.said;

/** Whether Apple has accepted a push of its end, to the token that it has now. */
export const isAccepted = ({ push }) =>
  Boolean(push) && push.event === "end" && push.status === 200 && push.toItsToken;

export const answered = (push) =>
  push.status === 0 ? `no answer (${push.fault})` : [push.status, push.reason ?? "OK"].join(" ");

/** Lines of a phone about one activity: a name, words, and whether they are good. */
export function factsOf(phone, activity) {
  const lines = [["Endpoint", ...endpoint(phone, activity)]];
  if (runs(activity) && store.state.outlooks) lines.push(["Host", ...host(outlookOf(activity))]);
  if (activity.push) lines.push(["Apple", ...apple(activity)]);
  return lines;
}

function endpoint(phone, { registration: it, awaitsRegistration, token }) {
  const waits = phone.flightMode ? "offline" : phone.user ? "not yet" : "nobody is logged in";
  if (!it) return [token ? `not asked: ${waits}` : "not asked: no token yet", "doubt"];
  if (isTaken(it) && awaitsRegistration) return [`the new token waits: ${waits}`, "doubt"];
  if (isTaken(it)) return ["200, has its token", "good"];
  return [it.status ? `${it.status} ${it.said}` : "no answer", it.status === 409 ? "doubt" : "bad"];
}

function host(outlook) {
  if (!outlook) return ["does not know it", "bad"];
  const { fate, reason, nextTry, event, found } = outlook;
  const because = reason ? `, ${reason}` : "";
  if (found) return [`was asked, and says “${found}”: once`, "doubt"];
  if (fate === "follows") return ["will send its end push", "good"];
  if (fate === "told") return ["has sent its end push", "good"];
  if (fate === "given-up") return [`has given it up${because}`, "bad"];
  if (fate === "held") return [`holds the stream${because}`, "bad"];
  const what = event === "update" ? "an update" : "its end push";
  return [`has to send ${what}${nextTry > now() ? `, next try ${atTime(nextTry)}` : ""}`, "doubt"];
}

function apple({ push, storedAtApple, dropped }) {
  if (push.status !== 200) return [answered(push), "bad"];
  if (storedAtApple) return ["200, kept for later", "doubt"];
  return dropped ? ["200, but the phone dropped it", "bad"] : ["200 OK", "good"];
}

/** When the host is asked what its streams are. */
export const nextQuestion = ({ askedAt }) =>
  askedAt > now() ? `at ${atTime(askedAt)}` : "now";

/** When the host tries again: a time of day. */
export const nextTry = ({ nextTry: at }) =>
  at > now() ? `It tries again at ${atTime(at)}.` : "It is due now.";
