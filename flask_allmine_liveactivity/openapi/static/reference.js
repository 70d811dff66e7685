// The playground: Swagger UI, which asks again before it sends to production.

const dark = matchMedia("(prefers-color-scheme: dark)");
const playground = document.getElementById("playground");
const dialog = document.getElementById("confirm");
const production = JSON.parse(playground.dataset.production).map(absolute);

/** The renderer knows a class, and not the system's setting. */
function wearColours() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

function absolute(url) {
  return new URL(url, location.href).href;
}

function isProduction(url) {
  return production.some((base) => absolute(url).startsWith(base));
}

/** Whether the user wants it, who is asked. */
function agreed() {
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "send"), { once: true });
  });
}

async function askAgain(request) {
  if (isProduction(request.url) && !(await agreed())) {
    request.userFetch = refuse;
  }
  return request;
}

async function refuse() {
  throw new Error("Not sent: you have kept it from Production.");
}

/** Says so for as long as a production server is the selected one. */
function watchTheServer() {
  const select = playground.querySelector(".servers select");
  document.getElementById("selected").hidden = !(select && isProduction(select.value));
}

wearColours();
dark.addEventListener("change", wearColours);

const description = await (await fetch(playground.dataset.document)).json();
// The first one is selected: that is not to be production where there is another.
description.servers.sort((one, other) => isProduction(one.url) - isProduction(other.url));

window.SwaggerUIBundle({
  spec: description,
  domNode: playground,
  deepLinking: true,
  docExpansion: "full",
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  requestInterceptor: askAgain,
  onComplete: watchTheServer,
});
playground.addEventListener("change", watchTheServer);
