// Puts the parts together.

import { changed, connect, onChange } from "./store.js";
import { eachSecond } from "./clock.js";
import { renderCoach } from "./coach.js";
import { renderConsole, tickConsole } from "./console.js";
import { renderApple } from "./apple.js";
import { renderLog } from "./log.js";
import { renderPhones, tickPhones } from "./phones.js";
import { renderTally } from "./tally.js";

onChange((store) => {
  renderTally(store);
  if (!store.state) return;
  renderPhones(store);
  renderConsole(store);
  renderApple(store);
  renderLog(store);
  renderCoach(store);
});

changed();
connect();
eachSecond(() => {
  tickPhones();
  tickConsole();
});
