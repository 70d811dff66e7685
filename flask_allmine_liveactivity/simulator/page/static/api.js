// What the page asks of the simulator, and of the host through the host's own API.

export const config = JSON.parse(document.getElementById("config").textContent);

async function ask(method, url, body, token) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(url, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const why = said.error ?? said.errors?.join(" ") ?? said.msg ?? answer.statusText;
    throw Object.assign(new Error(`${answer.status}: ${why}`), { status: answer.status });
  }
  return said;
}

export const simulator = {
  phone: (id, action, body = {}) => ask("POST", `${config.base}phones/${id}/${action}`, body),
  apple: (body) => ask("POST", `${config.base}apple`, body),
  resend: (streamId) => ask("POST", `${config.base}resend/${streamId}`, {}),
  clear: () => ask("POST", `${config.base}clear`, {}),
};

let accessToken = null;

async function logIn() {
  const { path, username, password } = config.console.login;
  accessToken = (await ask("POST", path, { username, password })).accessToken;
}

async function asHost(method, path, body) {
  const url = config.console.streams + path;
  if (!config.console.login) return ask(method, url, body);
  if (!accessToken) await logIn();
  try {
    return await ask(method, url, body, accessToken);
  } catch (error) {
    if (error.status !== 401) throw error;
    await logIn(); // the access token has expired
    return ask(method, url, body, accessToken);
  }
}

export const host = {
  there: config.console !== null,
  user: config.console?.login?.username ?? null,
  streams: () => ask("GET", config.console.streams),
  schedule: (stream) => asHost("POST", "", stream),
  happen: (streamId, moment) => asHost("POST", `/${streamId}/${moment}`, {}),
  change: (streamId, changes) => asHost("PATCH", `/${streamId}`, changes),
  /** It commits that the stream is cancelled, and dies before it could say so. */
  die: (streamId) => ask("POST", `${config.base}die/${streamId}`, {}),
};
