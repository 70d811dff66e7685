// Doing something, and saying so where it fails.

import { readStreams, take } from "./store.js";
import { $ } from "./dom.js";

let hide = 0;

export function complain(message) {
  const toast = $("#toast");
  toast.hidden = false;
  toast.textContent = message;
  clearTimeout(hide);
  hide = setTimeout(() => {
    toast.hidden = true;
  }, 8000);
}

/**
 * Do what a button says. `doing` returns a promise of the simulator's new state, or of what the host
 * has answered; a button is deaf until then.
 */
export async function act(button, doing) {
  if (button?.getAttribute("aria-busy") === "true") return;
  button?.setAttribute("aria-busy", "true");
  try {
    const said = await doing();
    if (said?.version !== undefined) take(said);
    await readStreams();
  } catch (error) {
    complain(error.message);
  } finally {
    button?.removeAttribute("aria-busy");
  }
}
