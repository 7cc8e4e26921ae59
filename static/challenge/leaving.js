// How it ends: in time, too late, or because the user wants to go.

import * as opener from "./opener.js";
import { clockText, config, countdown, session, text } from "./page.js";
import { announce, screen } from "./view.js";

// When the time that is left is spoken; it is seen from the first of these on.
const SPOKEN_SECONDS = [60, 15];

// A window that only helps the page that opened it has nowhere to go back to.
const helper = config.mode === "continue";

let stopClock = () => {};
let toSpeak = [...SPOKEN_SECONDS];

export const canLeave = () => !helper && (opener.launched || Boolean(session.state?.returnUrl || config.returnUrl));

export function watchExpiry(seconds) {
  const note = document.getElementById("expiry");
  stopClock();
  if (seconds > SPOKEN_SECONDS[0]) toSpeak = [...SPOKEN_SECONDS];
  stopClock = countdown(seconds, (left) => {
    note.hidden = left > SPOKEN_SECONDS[0] || left === 0;
    const words = text("expires-in", { time: clockText(left) });
    if (note.textContent !== words) note.textContent = words;
    let due = false;
    while (left <= toSpeak[0]) due = Boolean(toSpeak.shift());
    if (due && left) announce(words);
    if (left === 0) expired();
  });
}

// A screen after which nothing follows but leaving.
export async function end(name, options = {}) {
  stopClock();
  document.getElementById("expiry").hidden = true;
  await screen(name, { ...options, final: true, when: { leave: canLeave(), ...options.when } });
}

export async function expired() {
  const atOnce = config.redirectExpired && canLeave();
  if (atOnce) goBack();
  else await over("expired");
}

// Nothing is left to be done here.
export async function over(name, options) {
  await end(name, options);
  goBack();
}

const goBack = () => leave({ redirectUrl: config.returnUrl || session.state?.returnUrl }, "quit");

// Replaces this page in the history: going back to it without its token would lead nowhere.
export function leave({ token, redirectUrl }, outcome) {
  opener.close(token);
  if (redirectUrl && !opener.launched && !helper) {
    window.location.replace(redirectUrl);
    return;
  }
  if (helper) window.close();
  end("done", { when: { good: outcome === "succeeded", quit: outcome === "quit" } });
}
