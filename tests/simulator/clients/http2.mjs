// Sends requests with node's own HTTP/2 client, one after the other over one connection.
//
// On its standard input: {"url", "ca", "requests": [{"method", "path", "headers", "body"}]}, headers
// as pairs. On its standard output: [[status, body], ...]; status 0 where there was no answer, and
// what happened instead as the body.

import { readFileSync } from "node:fs";
import http2 from "node:http2";

const { url, ca, requests } = JSON.parse(readFileSync(0, "utf8"));
const session = http2.connect(url, { ca: readFileSync(ca) });
session.on("error", () => {});

function send({ method, path, headers, body }) {
  return new Promise((resolve) => {
    const all = { ":method": method, ":path": path };
    for (const [name, value] of headers) {
      all[name] = name in all ? [all[name], value].flat() : value;
    }
    const stream = session.request(all, { endStream: body === "" });
    let status = 0;
    let answer = "";
    stream.setEncoding("utf8");
    stream.setTimeout(5000, () => resolve([0, "timeout"]));
    stream.on("response", (received) => (status = received[":status"]));
    stream.on("data", (chunk) => (answer += chunk));
    stream.on("error", (error) => resolve([0, error.message]));
    stream.on("close", () => resolve([status, status ? answer : "closed"]));
    if (body !== "") {
      stream.end(Buffer.from(body, "base64"));
    }
  });
}

const answers = [];
for (const request of requests) {
  answers.push(session.destroyed ? [0, "closed"] : await send(request));
}
process.stdout.write(JSON.stringify(answers));
session.destroy();
