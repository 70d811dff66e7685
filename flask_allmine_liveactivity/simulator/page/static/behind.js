// Why a countdown shows what was, though its stream has been renamed or moved, and what helps.

import { config, simulator } from "./api.js";
import { now } from "./clock.js";
import { isBehind, isToDo, nextQuestion, nextTry } from "./facts.js";
import { store } from "./store.js";
import { apple, first, isAmiss, isAway, land, meansTo, sendAgain, some, who } from "./why.js";

const APART = 5; // seconds between two updates of one stream: who waits longer does so for another reason

/** What to say of running countdowns that show what was; null: none does, or nobody tells them. */
export const tellBehind = (all) => first(CASES, all.filter(isBehind));

const isDone = (activity) => activity.push.status === 200;

const CASES = [
  {
    is: ({ outlook }) => !store.state.apple.up && (!outlook || isToDo(outlook)),
    tell: (group) => ({
      text: `Apple is down: ${some(group, "1 countdown shows", `${group.length} countdowns show`)} what was.`,
      label: "Bring Apple back",
      run: () => simulator.apple({ up: true }),
      highlight: "#apple-up",
    }),
  },
  {
    is: ({ outlook }) => isAmiss() && (!outlook || isToDo(outlook)),
    tell: (group, { outlook }) => {
      const chosen = config.answers.find(({ name }) => name === store.state.apple.answer);
      return {
        text: `${apple(group, isDone) ?? `Apple is told to answer “${chosen.label}”.`} ${meansTo(outlook)}`,
        label: "Let Apple answer as usual",
        run: () => simulator.apple({ answer: "as-usual" }),
        highlight: "#answer",
      };
    },
  },
  {
    is: (it) => isAway(it) && it.activity.storedAtApple,
    tell: (group) => ({
      text: `${who(group)} ${some(group, "is", "are")} in flight mode. Apple keeps the update until ${
        some(group, "it is", "they are")} back.`,
      ...land(group),
    }),
  },
  {
    is: ({ outlook }) => outlook?.fate === "held",
    tell: (_, it) => ({
      text: `The host holds the update (${it.outlook.reason}). ${nextTry(it.outlook)}`,
      ...(config.resends ? sendAgain(it) : { label: "Wait" }),
    }),
  },
  {
    is: ({ outlook }) => outlook?.fate === "waits",
    tell: (group, { outlook }) => ({
      text: `The host is to tell ${who(group)} of the change${
        outlook.reason ? ` (${outlook.reason})` : ""}. ${nextTry(outlook)}${
        outlook.nextTry < now() + APART ? " Updates of one stream keep a distance." : ""}`,
      label: "Wait",
    }),
  },
  {
    is: ({ activity }) => activity.dropped,
    tell: (group, { activity }) => ({
      text: `Apple accepted the update, and ${who(group)} never showed it: ${activity.dropped}`,
      label: "Wait",
    }),
  },
  {
    is: ({ outlook }) => outlook?.askedAt,
    tell: (_, { outlook }) => ({
      text: `The stream has changed, and the host has not said so. It is asked what its streams are: ${nextQuestion(outlook)}.`,
      label: "Wait",
    }),
  },
];
