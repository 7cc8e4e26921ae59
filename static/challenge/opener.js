// What this page tells the page that launched it. Nothing is ever listened to.

import { config, embedded } from "./page.js";

const target = embedded ? window.parent : window.opener;

export const launched = config.mode === "popup" && Boolean(target);

// No other page of ours or the app's waits for this one.
export const isAlone = !embedded && !config.mode;

let closed = false;

// Not secret: may go to whoever frames the page, and the frame-ancestors header says who may.
function announce(message) {
  if (launched) target.postMessage(message, "*");
}

function ready() {
  announce(JSON.stringify({ event: "AUTHSIGNAL_READY" }));
}

export function apiError({ code, status }) {
  announce(JSON.stringify({ event: "AUTHSIGNAL_API_ERROR", errorCode: code, statusCode: status }));
}

// Carries the token: once, and per registered origin; the browser delivers only to the one that matches.
export function close(token) {
  if (!launched || closed) return;
  closed = true;
  const message = JSON.stringify({ event: "AUTHSIGNAL_CLOSE_POPUP", ...(token ? { token } : {}) });
  for (const origin of config.origins) target.postMessage(message, origin);
}

let lastHeight = 0;

function tellHeight(element) {
  const height = Math.ceil(element.getBoundingClientRect().height);
  if (height > 0 && height !== lastHeight) announce({ height });
  lastHeight = height;
}

export function followHeight(element) {
  if (launched && embedded) new ResizeObserver(() => tellHeight(element)).observe(element);
}

// The launching page shows the frame when it is told so: at its right height, and with something to see in it.
export function reveal(element) {
  if (embedded) tellHeight(element);
  ready();
}
