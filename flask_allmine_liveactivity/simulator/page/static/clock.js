// Time as the simulator has it, and everything that ticks.

let offset = 0; // seconds that the simulator is ahead of this browser

export function setNow(now) {
  offset = now - Date.now() / 1000;
}

export const now = () => Date.now() / 1000 + offset;

/** 9:05, or 1:09:05; a time that has passed is 0:00. */
export function remaining(until) {
  const seconds = Math.max(0, Math.ceil(until - now()));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
}

const timeOfDay = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const dayAndDate = new Intl.DateTimeFormat("en-GB", {
  weekday: "long",
  day: "numeric",
  month: "long",
});

export const atTime = (seconds) => timeOfDay.format(new Date(seconds * 1000));
export const today = () => dayAndDate.format(new Date(now() * 1000));
export const hourAndMinute = () => atTime(now()).slice(0, 5);

/** Call at once, and at the beginning of each second. */
export function eachSecond(tick) {
  tick();
  const again = () => {
    setTimeout(() => {
      tick();
      again();
    }, 1000 - ((now() * 1000) % 1000) + 5);
  };
  again();
}
