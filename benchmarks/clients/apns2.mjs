// Pushes with the npm package apns2, as published, so many in flight at a time.
//
// On its standard input: {"package": its folder, "url", "count", "key", "keyId", "team", "topic",
// "payload", "inFlight"}. On its standard output: {"per_second"}.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import tls from "node:tls";

const given = JSON.parse(readFileSync(0, "utf8"));

// The package knows port 443 only.
const port = Number(new URL(given.url).port);
const connect = tls.connect;
tls.connect = (options, ...rest) => connect({ ...options, port }, ...rest);

const { ApnsClient, Notification, PushType } = createRequire(given.package + "/")("apns2");
const client = new ApnsClient({
  team: given.team,
  keyId: given.keyId,
  signingKey: given.key,
  defaultTopic: given.topic,
  host: "localhost",
});
const { aps } = JSON.parse(given.payload);

function push(number) {
  const token = number.toString(16).padStart(160, "0");
  return client.send(new Notification(token, { type: PushType.liveactivity, expiration: 0, aps }));
}

await push(0);
const began = performance.now();
let next = 0;
async function keepSending() {
  while (next < given.count) {
    await push(next++);
  }
}
await Promise.all(Array.from({ length: given.inFlight }, keepSending));
const seconds = (performance.now() - began) / 1000;
process.stdout.write(JSON.stringify({ per_second: given.count / seconds }));
await client.close();
process.exit(0);
