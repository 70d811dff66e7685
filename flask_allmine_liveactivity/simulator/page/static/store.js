// All that the page knows, and who wants to hear when it changes.

import { config, host } from "./api.js";
import { setNow } from "./clock.js";

export const store = {
  link: "connecting", // connecting, live, lost
  state: null, // of the simulator: apple and phones
  streams: [], // of the host, newest first
  pushes: [], // oldest first
};

const listeners = [];

export function onChange(listener) {
  listeners.push(listener);
}

export function changed() {
  for (const listener of listeners) listener(store);
}

/** Take a state, unless a newer one is there already. */
export function take(state) {
  if (store.state && state.version < store.state.version) return;
  setNow(state.now);
  store.state = state;
  store.pushes = store.pushes.filter((push) => push.id >= state.oldestPush);
  changed();
}

let reading = null;
let readAgain = false;

/** Read the host's streams; what asks meanwhile is served by one more reading. */
export function readStreams() {
  if (!host.there) return Promise.resolve();
  if (reading) {
    readAgain = true;
    return reading;
  }
  reading = host
    .streams()
    .then((streams) => {
      store.streams = streams.reverse();
      changed();
    })
    .catch(() => undefined) // the host is away: the link says so
    .finally(() => {
      reading = null;
      if (readAgain) {
        readAgain = false;
        readStreams();
      }
    });
  return reading;
}

export const isOver = (stream) => stream.status !== "scheduled";

export const streamOf = (streamId) =>
  store.streams.find((stream) => stream.streamId === streamId) ?? null;

/** What its app calls it: a name that may change is in what it shows, and no attribute. */
export const titleOf = ({ contentState, attributes }) =>
  [contentState?.title, attributes?.title].find((it) => typeof it === "string") ?? "Live Activity";

export const runs = (activity) => activity.state === "active" || activity.state === "stale";

/** A countdown on a lock screen to a stream that is over. */
export function isWrong(activity) {
  const stream = streamOf(activity.streamId);
  return runs(activity) && stream !== null && isOver(stream);
}

/** All activities on lock screens, each with its phone. */
export const shown = () =>
  (store.state?.phones ?? []).flatMap((phone) =>
    phone.activities.map((activity) => ({ phone, activity })),
  );

export function connect() {
  const source = new EventSource(`${config.base}events`);
  const hear = (name, listener) =>
    source.addEventListener(name, (event) => listener(JSON.parse(event.data)));
  hear("everything", (everything) => {
    store.link = "live";
    store.state = null; // a simulator that was started again counts from zero
    store.pushes = everything.pushes;
    readStreams();
    take(everything);
  });
  hear("state", (state) => {
    readStreams();
    take(state);
  });
  hear("push", (push) => {
    store.pushes.push(push);
    changed();
  });
  source.addEventListener("error", () => {
    store.link = "lost"; // the browser tries again by itself, unless it was refused
    changed();
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  });
}
