// Sends many pushes at once over one connection of node's HTTP/2 client.
//
// On its standard input: {"url", "ca", "token", "topic", "count", "warm", "alpn"}. On its standard
// output: how many answers of each kind there were, the limits of streams that the server has named,
// and its GOAWAY.

import { readFileSync } from "node:fs";
import http2 from "node:http2";
import tls from "node:tls";

const { url, ca, token, topic, count, warm, alpn } = JSON.parse(readFileSync(0, "utf8"));
const result = { answers: {}, limits: [], goaway: null };

const trusted = { ca: readFileSync(ca) };
const { hostname, port } = new URL(url);
const session = http2.connect(
  url,
  alpn ? trusted : { createConnection: () => tls.connect({ ...trusted, host: hostname, port }) },
);
session.on("error", () => {});
session.on("remoteSettings", ({ maxConcurrentStreams }) => {
  if (result.limits.at(-1) !== maxConcurrentStreams) {
    result.limits.push(maxConcurrentStreams);
  }
});
session.on("goaway", (code, lastStream, debug) => {
  result.goaway = { code, lastStream, debug: Buffer.from(debug ?? "").toString() };
});

function push(number) {
  return new Promise((resolve) => {
    const stream = session.request({
      ":method": "POST",
      ":path": `/3/device/${number.toString(16).padStart(64, "a")}`,
      authorization: `bearer ${token}`,
      "apns-push-type": "liveactivity",
      "apns-topic": topic,
    });
    let kind = "closed";
    stream.setTimeout(5000, () => stream.close());
    stream.on("response", (headers) => (kind = String(headers[":status"])));
    stream.on("error", (error) => (kind = error.message.split(" ").at(-1)));
    stream.on("close", () => resolve(kind));
    stream.resume();
    stream.end('{"aps": {"event": "end"}}');
  });
}

if (warm) {
  await push(0);
}
for (const kind of await Promise.all(Array.from({ length: count }, (_, n) => push(n + 1)))) {
  result.answers[kind] = (result.answers[kind] ?? 0) + 1;
}
process.stdout.write(JSON.stringify(result));
session.destroy();
