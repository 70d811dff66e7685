// Pushes with node's own HTTP/2 client over one connection, so many in flight at a time.
//
// On its standard input: {"url", "ca", "count", "bearer", "topic", "payload", "inFlight"}. On its
// standard output: {"per_second"}.

import { readFileSync } from "node:fs";
import http2 from "node:http2";

const given = JSON.parse(readFileSync(0, "utf8"));
const session = http2.connect(given.url, { ca: readFileSync(given.ca) });
const payload = Buffer.from(given.payload);

function push(number) {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": `/3/device/${number.toString(16).padStart(160, "0")}`,
      authorization: `bearer ${given.bearer}`,
      "apns-push-type": "liveactivity",
      "apns-topic": given.topic,
      "apns-priority": "10",
      "apns-expiration": "1790000000",
      "content-type": "application/json",
    });
    stream.on("response", (headers) => {
      if (headers[":status"] !== 200) {
        reject(new Error(String(headers[":status"])));
      }
    });
    stream.on("error", reject);
    stream.on("close", resolve);
    stream.resume();
    stream.end(payload);
  });
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
session.destroy();
