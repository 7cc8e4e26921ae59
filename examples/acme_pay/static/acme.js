// What Acme Pay's pages do in the browser: send forms as JSON, and prove a transfer with the official browser SDK.
import { Authsignal } from "./authsignal-browser.js";

const { apiUrl, tenantId } = document.body.dataset;
const find = (selector, within = document) => within.querySelector(selector);

const authsignal = new Authsignal({
  tenantId,
  baseUrl: apiUrl,
  onTokenExpired: () => say("This request has expired. Reload the page to get a fresh one."),
});

/** A failure whose message is meant for the reader. */
class Shown extends Error {}

function say(text, { good = false } = {}) {
  for (const [selector, on] of [[".alert", !good], [".done", good]]) {
    const element = find(selector);
    if (!element) continue;
    element.hidden = !on || !text;
    element.textContent = on ? text : "";
  }
}

/** POST JSON to the bank; resolves the answer or throws what to tell the reader. */
async function post(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Shown("The bank cannot be reached. Check your connection and try again.");
  }
  if (response.status === 401) location.assign("/sign-in");
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Shown(answer.error), { field: answer.field });
  return answer;
}

/** Run it with the button busy, and tell the reader where it fails. */
async function busy(button, work) {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  say("");
  try {
    await work();
  } catch (error) {
    say(explain(error));
    if (!(error instanceof Shown)) console.error(error);
    if (error.field) mark(error.field);
  } finally {
    button.ariaBusy = "false";
  }
}

function explain(error) {
  if (error instanceof Shown) return error.message;
  if (error.name === "NotAllowedError") return "That was cancelled, or took too long. Nothing was sent.";
  if (error.name === "InvalidStateError") return "This device already has a passkey of yours.";
  if (error.message === "Window is not initialized") return "Your browser blocked the window. Allow it, or choose another way.";
  return "Something went wrong, and nothing was sent. Try again.";
}

function mark(name) {
  const input = find(`[name="${CSS.escape(name)}"]`);
  input?.setAttribute("aria-invalid", "true");
  input?.focus();
  input?.addEventListener("input", () => input.removeAttribute("aria-invalid"), { once: true });
}

// Forms.

for (const form of document.querySelectorAll("form[data-post]")) {
  // One id for this form, so that a second click or a repeated request makes no second transfer.
  let requestId = crypto.randomUUID();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form));
    busy(find("[type=submit]", form), async () => {
      const answer = await post(form.dataset.post, "once" in form.dataset ? { ...fields, requestId } : fields);
      location.assign(answer.next);
    });
  });
  addEventListener("pageshow", () => (requestId = crypto.randomUUID()));
}

for (const chip of document.querySelectorAll("[data-fill]")) {
  chip.addEventListener("click", () => {
    find(`#${chip.dataset.fill}`).value = chip.dataset.value;
  });
}

// Passkeys.

find("[data-enrol]")?.addEventListener("click", ({ currentTarget: button }) =>
  busy(button, async () => {
    const { token } = await post("/api/passkey/enroll", {});
    const result = await authsignal.passkey.signUp({ token, username: button.dataset.enrol });
    if (!result.data?.token) throw new Shown(result.errorDescription ?? "The passkey was not accepted. Try again.");
    const { isValid, state } = await post("/api/passkey/validate", { token: result.data.token });
    if (!isValid) throw new Shown(`The passkey was made, but the bank could not confirm it (${state || "no state"}).`);
    say("Your passkey is ready.", { good: true });
    setTimeout(() => location.reload(), 1200);
  }),
);

// Proving a transfer.

// The width is part of the style that the policy allows by its digest (config.py): change both or neither.
const POPUP_WIDTH = "min(385px, 100vw)";

const pending = find("[data-transfer]");

const ways = {
  async passkey({ token }) {
    const result = await authsignal.passkey.signIn({ token });
    if (!result.data?.token) throw new Shown(result.errorDescription ?? "The passkey was not accepted. Try again.");
    return result.data.token;
  },
  async popup({ url }) {
    return launched(await authsignal.launch(url, { mode: "popup", popupOptions: { width: POPUP_WIDTH }, onError }));
  },
  async window({ url }) {
    return launched(await authsignal.launch(url, { mode: "window", onError }));
  },
  redirect({ url }) {
    authsignal.launch(url, { mode: "redirect" });
    return new Promise(() => {}); // The page is about to go.
  },
};

const onError = ({ errorCode }) => say(`Authsignal reported a problem: ${errorCode ?? "no code"}.`);

function launched({ token }) {
  if (!token) throw new Shown("You closed it before confirming. Nothing was sent.");
  return token;
}

async function prove(way) {
  const token = await ways[way](pending.dataset);
  const { next } = await post(`/api/transfers/${pending.dataset.transfer}/validate`, { token });
  location.replace(next);
}

for (const button of pending?.querySelectorAll("[data-prove]") ?? []) {
  const way = button.dataset.prove;
  button.addEventListener("click", () => {
    if (way !== "window") return busy(button, () => prove(way));
    // The SDK does not learn that a window was closed by hand, so its button must not stay busy.
    say("Finish in the window that opened. If you closed it, choose again.", { good: true });
    prove(way).catch((error) => say(explain(error)));
  });
}

// The buttons are disabled in the HTML, so that no click is lost before this script has run.
for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
