// Pushes with the npm package apns2, as published, to a local APNs instead of Apple.
//
// On its standard input: {"apns2": folder of the package, "port", "key", "keyId", "team", "topic",
// "pushes": [[token, aps], ...]}. On its standard output: [[status, reason], ...].

import { File } from "node:buffer";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import tls from "node:tls";

const given = JSON.parse(readFileSync(0, "utf8"));

// Of Node 18, as in Debian 12, the package lacks nothing else.
globalThis.File ??= File;

// The package knows port 443 only.
const connect = tls.connect;
tls.connect = (options, ...rest) => connect({ ...options, port: given.port }, ...rest);

const { ApnsClient, Notification, PushType } = createRequire(given.apns2 + "/")("apns2");
const client = new ApnsClient({
  team: given.team,
  keyId: given.keyId,
  signingKey: given.key,
  defaultTopic: given.topic,
  host: "localhost",
});

const answers = await Promise.all(
  given.pushes.map(([token, aps]) =>
    client.send(new Notification(token, { type: PushType.liveactivity, expiration: 0, aps })).then(
      () => [200, null],
      (error) => [error.statusCode ?? 0, error.reason ?? String(error)],
    ),
  ),
);
process.stdout.write(JSON.stringify(answers));
await client.close();
