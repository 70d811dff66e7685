// Pushes with the npm package @parse/node-apn, as published, to a local APNs instead of Apple.
//
// On its standard input: {"apn": folder of the package, "port", "ca", "key", "keyId", "team",
// "topic", "rounds": [[token, ...], ...]}: what is of one round is sent at once, the rounds one after
// the other by one provider. On its standard output: for each round [[token, status, reason], ...];
// status 0 where there was no answer.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const given = JSON.parse(readFileSync(0, "utf8"));
const apn = createRequire(given.apn + "/")("@parse/node-apn");
const provider = new apn.Provider({
  token: { key: given.key, keyId: given.keyId, teamId: given.team },
  production: false,
  address: "localhost",
  port: given.port,
  ca: [readFileSync(given.ca)],
});

const results = [];
for (const tokens of given.rounds) {
  const push = new apn.Notification();
  push.topic = given.topic;
  push.pushType = "liveactivity";
  push.rawPayload = { aps: { event: "end", timestamp: Math.floor(Date.now() / 1000) } };
  const { sent, failed } = await provider.send(push, tokens);
  results.push([
    ...sent.map(({ device }) => [device, 200, null]),
    ...failed.map(({ device, status, response, error }) => [
      device,
      status ?? 0,
      response?.reason ?? String(error?.message),
    ]),
  ]);
}
process.stdout.write(JSON.stringify(results));
await provider.shutdown();
