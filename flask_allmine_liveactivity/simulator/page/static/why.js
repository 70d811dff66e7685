// Why a countdown runs on though its stream is over, or will, and what helps: a case for each thing
// that there is to be seen. The first that fits is told.

import { config, host, simulator } from "./api.js";
import { now } from "./clock.js";
import { answered, isAccepted, isKnown, isTaken, nextQuestion, nextTry } from "./facts.js";
import { store, streamOf } from "./store.js";

const ENDPOINT = {
  0: "Does the host run?",
  200: "Another page of the host’s has answered.",
  400: "The stream id or the token does not have the form that the settings ask for.",
  401: "The access token has expired, is revoked, or is of another app.",
  403: "The stream guard does not let this user follow.",
  404: "The stream guard knows no such stream: is its id right?",
  409: "If the stream is over, its end push comes; if not, another user or stream has this activity.",
  413: "A limit of the host’s is lower than a registration is long.",
  429: "This user has too many sessions, or a rate limit is in the way.",
  500: "The host has failed: its log says why.",
  503: "The host cannot reach its storage: its log says why.",
};
const MOMENT = {
  cancelled: "cancel", cancelled_by_host: "cancel", cancelled_by_guest: "cancel",
  ready: "ready", preparing: "ready", started: "start", active: "start", ended: "start",
  expired: "expire",
};
const LONG = 60; // seconds: longer than somebody watches

/** What to say of countdowns that will not be told of the end; null: all will be. */
export const tellUnfollowed = (all) =>
  first(UNREGISTERED, all.filter(isUnregistered)) ?? first([GIVEN_UP, TOLD], all);

/** What to say of countdowns that should have ended. */
export const tellWrong = (all) => first([...AT_APPLE, ...UNREGISTERED, ...AT_THE_HOST], all);

export function first(cases, all) {
  for (const { is, tell } of cases) {
    const group = all.filter(is);
    if (group.length) return tell(group, group[0]);
  }
  return null;
}

export const who = (group) => {
  const names = [...new Set(group.map(({ phone }) => phone.name))];
  return names.length > 2 ? `${names.length} phones` : names.join(" and ");
};
export const some = (group, one, many) => (group.length === 1 ? one : many);
export const isAway = ({ phone }) => phone.flightMode;
const isUnregistered = (it) => !isKnown(it) || it.activity.awaitsRegistration;
export const isAmiss = () => !store.state.apple.up || store.state.apple.answer !== "as-usual";
const needsPush = (it) =>
  isKnown(it) && !isAccepted(it.activity) && it.outlook?.fate !== "given-up";

/** What Apple has answered to whom, of those that it has not accepted; each answer once. */
export function apple(group, isDone = isAccepted) {
  const pushed = group.filter(({ activity }) => activity.push && !isDone(activity));
  const said = new Set(pushed.map(({ activity: { push } }) =>
    push.status === 0 ? "nothing" : answered(push)));
  return pushed.length ? `Apple answered ${[...said].join(", ")} to ${who(pushed)}.` : null;
}

// What helps

async function each(group, doing) {
  let state;
  for (const it of group) state = await doing(it);
  return state;
}

export const land = (group) => ({
  label: some(group, `End flight mode on ${group[0].phone.name}`, "End flight mode on all of them"),
  run: () => each(group, ({ phone }) => simulator.phone(phone.id, "flight-mode", { on: false })),
  highlight: `[data-key="${group[0].phone.id}"] .flight`,
});

const open = (group) => ({
  label: some(group, `Open the app on ${group[0].phone.name}`, "Open the app on these phones"),
  run: () => each(group, ({ phone }) => simulator.phone(phone.id, "open-app")),
  highlight: `[data-key="${group[0].phone.id}"] .open`,
});

const swipe = (group) => ({
  label: some(group, "Swipe it away", "Swipe them away"),
  run: () => each(group, ({ phone, activity }) =>
    simulator.phone(phone.id, "swipe-away", { activityId: activity.id })),
});

const rotate = (group) => ({
  label: some(group, "Give it a new token", "Give them new tokens"),
  run: () => each(group, ({ phone, activity }) =>
    simulator.phone(phone.id, "rotate-token", { activityId: activity.id })),
  highlight: `[data-key="${group[0].phone.id}"] .rotate`,
});

export const sendAgain = ({ activity }) => ({
  label: "Let the host send it again",
  run: () => simulator.resend(activity.streamId),
});

function sayAgain({ activity }) {
  const stream = streamOf(activity.streamId);
  const moment = MOMENT[stream?.status];
  if (!moment || (host.user && stream.host !== host.user)) return { label: "Wait" };
  return { label: "Let the host say it again", run: () => host.happen(stream.streamId, moment) };
}

// What there is to be seen

const AT_APPLE = [
  {
    is: (it) => !store.state.apple.up && needsPush(it),
    tell: (group) => ({
      text: `Apple is down: ${some(group, "1 countdown runs", `${group.length} countdowns run`)} on.${
        group.every(({ outlook }) => outlook?.fate === "waits") ? " The host has it on its list." : ""}`,
      label: "Bring Apple back",
      run: () => simulator.apple({ up: true }),
      highlight: "#apple-up",
    }),
  },
  {
    is: (it) => isAmiss() && isKnown(it) && !isAccepted(it.activity),
    tell: (group, { outlook }) => {
      const chosen = config.answers.find(({ name }) => name === store.state.apple.answer);
      return {
        text: `${apple(group) ?? `Apple is told to answer “${chosen.label}”.`} ${meansTo(outlook)}`,
        label: "Let Apple answer as usual",
        run: () => simulator.apple({ answer: "as-usual" }),
        highlight: "#answer",
      };
    },
  },
  {
    is: (it) => isAway(it) && it.activity.storedAtApple,
    tell: (group) => ({
      text: `${who(group)} ${some(group, "is", "are")} in flight mode. Apple keeps the push until ${
        some(group, "it is", "they are")} back.`,
      ...land(group),
    }),
  },
];

/** What the host means to do, where it says so. */
export function meansTo(outlook) {
  switch (outlook?.fate) {
    case "given-up": return "The host has given up, and sends nothing more until the app registers again.";
    case "held": return `The host holds the stream: it is the same for every token. ${nextTry(outlook)}`;
    case "waits": return `The host has not given up. ${nextTry(outlook)}`;
    default: return "";
  }
}

/** What is not registered, where the host has the countdown itself. */
const what = (group) =>
  group.every(isKnown) ? some(group, " its new token", " their new tokens") : "";

const because = ({ reason }) => (reason ? ` (${reason})` : "");

const UNREGISTERED = [
  {
    is: (it) => it.activity.awaitsRegistration && isAway(it),
    tell: (group) => ({
      text: `${who(group)} could not register${what(group)}: ${some(group, "it is", "they are")} in flight mode.`,
      ...land(group),
    }),
  },
  {
    is: (it) => it.activity.awaitsRegistration && !it.phone.user,
    tell: (group, { phone, activity }) => ({
      text: `${who(group)} could not register${what(group)}: nobody is logged in${
        activity.registration?.status === 401 ? ", since the access token was refused (401)" : ""}.`,
      label: "Log in below the phone",
      highlight: `[data-key="${phone.id}"] .log-in`,
    }),
  },
  {
    is: (it) => !isKnown(it) && isTaken(it.activity.registration),
    tell: (group) => ({
      text: `The host has no record of ${who(group)} any more, though it has registered.`,
      ...open(group),
    }),
  },
  {
    is: (it) => isUnregistered(it) && it.activity.registration && !isTaken(it.activity.registration),
    tell: (group, { activity: { registration: it, awaitsRegistration } }) => {
      const same = group.filter(({ activity }) => activity.registration.status === it.status);
      const words = it.status ? `answered ${it.status}${it.said ? ` (${it.said})` : ""}` : "did not answer";
      const advice = ENDPOINT[it.status] ?? "Is the endpoint there, at this path?";
      const next = awaitsRegistration ? open(same) : swipe(same);
      return {
        text: `${who(same)}:${what(same)} not registered, so no end push comes. The endpoint ${words}. ${advice}`,
        ...next,
      };
    },
  },
  {
    is: isUnregistered,
    tell: (group) => ({ text: `${who(group)} has not registered${what(group)} yet.`, ...open(group) }),
  },
];

const GIVEN_UP = {
  is: ({ outlook }) => outlook?.fate === "given-up",
  tell: (group, { outlook }) => ({
    text: `The host has given up on ${who(group)}${because(outlook)}. It sends nothing more until the app registers again.`,
    ...(group.some(isAway) ? land(group.filter(isAway)) : open(group)),
  }),
};

const TOLD = {
  is: ({ outlook }) => outlook?.fate === "told",
  tell: (group) => ({
    text: `The host has told ${who(group)}, and the countdown runs on. An app that registers again is told again.`,
    ...(group.some(isAway) ? land(group.filter(isAway)) : open(group)),
  }),
};

const AT_THE_HOST = [
  GIVEN_UP,
  {
    is: ({ outlook }) => outlook?.fate === "held",
    tell: (_, it) => ({
      text: `The host holds the stream (${it.outlook.reason}). ${nextTry(it.outlook)} ${
        config.resends ? "“flask live-activity resend”" : "Saying it again"} lifts that.`,
      ...(config.resends ? sendAgain(it) : sayAgain(it)),
    }),
  },
  {
    is: ({ outlook }) => outlook?.fate === "waits" && outlook.nextTry > now() + LONG,
    tell: (group, { outlook }) => ({
      text: `The host lets ${who(group)} wait${because(outlook)}. ${nextTry(outlook)} A new token is told at once.`,
      ...rotate(group),
    }),
  },
  {
    is: ({ outlook }) => outlook?.fate === "waits",
    tell: (group, { outlook }) => ({
      text: `The host is to tell ${who(group)}${because(outlook)}. ${nextTry(outlook)}`,
      label: "Wait",
    }),
  },
  {
    is: ({ activity }) => isAccepted(activity) && activity.dropped,
    tell: (group, { activity }) => ({
      text: `Apple accepted the push, and ${who(group)} never showed it: ${activity.dropped}`,
      ...(group.some(isAway) ? land(group.filter(isAway)) : open(group)),
    }),
  },
  TOLD,
  {
    is: ({ outlook }) => outlook?.fate === "follows" && outlook.found,
    tell: (_, { outlook }) => ({
      text: `The host was asked, and says “${outlook.found}”. It is asked once more ${nextQuestion(outlook)}: two answers in a row are believed.`,
      label: "Wait",
    }),
  },
  {
    is: ({ outlook }) => outlook?.fate === "follows" && outlook.askedAt,
    tell: (_, { outlook }) => ({
      text: `The stream is over, and the host has not said so. It is asked what its streams are: ${nextQuestion(outlook)}.`,
      label: "Wait",
    }),
  },
  {
    is: ({ outlook }) => outlook?.fate === "follows",
    tell: (_, it) => ({
      text: "The stream is over, and the host has not announced it: notify_stream_state is to be called.",
      ...sayAgain(it),
    }),
  },
  {
    is: ({ activity }) => activity.push && activity.push.status !== 200,
    tell: (group) => ({
      text: `${apple(group)} The host does not say whether it tries again.`,
      ...open(group),
    }),
  },
  {
    is: () => true,
    tell: (group) => ({
      text: `${some(group, "1 countdown runs", `${group.length} countdowns run`)} on: the host has sent no end push to ${who(group)}.`,
      label: "Wait",
    }),
  },
];
