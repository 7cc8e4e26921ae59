// What the server says about this verification, and how it is finished.

import { ApiError, call, currentToken } from "./api.js";
import { canLeave, end, leave, watchExpiry } from "./leaving.js";
import { config, session, text } from "./page.js";
import { renewRecoveryCodes } from "./recovery.js";
import { persistently } from "./troubles.js";
import { screen, setMessage, stopScreens } from "./view.js";

const SUCCESS_MS = 900;

const never = new Promise(() => {});

export async function refresh() {
  session.state = await call("/challenge/api/state", {});
  session.skew = Math.round(Math.abs(Date.now() - session.state.now) / 1000);
  setMessage(session.state.message);
  watchExpiry(session.state.expiresIn);
}

// The server learns of it at once: many close the page instead of leaving it. Nobody waits for its answer.
export async function failed(name, when = {}) {
  askToFinish().catch(() => {});
  await end(name, { when });
  await finish("quit");
  return never;
}

export async function succeeded({ enrolled }) {
  if (!(enrolled && session.state.hideSuccess)) {
    await (session.state.remember || runsLow() ? choices({ enrolled }) : success({ enrolled, leaving: canLeave() }));
  }
  await finish("succeeded");
}

function success({ enrolled, leaving }) {
  const shown = screen("success", { when: { verified: !enrolled, enrolled, leaving }, quit: false });
  return Promise.race([shown, new Promise((resolve) => setTimeout(resolve, SUCCESS_MS))]);
}

// Whoever proved themselves by one of the last recovery codes hears of it.
const runsLow = () => session.state.recoveryCodes.wasUsed && session.state.recoveryCodes.isLow;

// A choice waits for whoever has to make it: here nobody is taken back by a timer.
async function choices({ enrolled }) {
  for (;;) {
    const { remember: days, recoveryCodes } = session.state;
    const { pressed, wanted } = await screen("success", {
      slots: {
        "remember-words": days ? text(days === 1 ? "remember-1" : "remember", { days }) : "",
        remaining: recoveryCodes.remaining ?? "",
      },
      when: { verified: !enrolled, enrolled, remember: days, low: runsLow() },
      quit: false,
      setup(ui, done) {
        for (const name of ["finish", "codes"]) {
          ui.on(name, () => done({ pressed: name, wanted: ui.slot("remember").checked }));
        }
      },
    });
    if (wanted) await persistently(() => call("/challenge/api/remember-device", {}));
    if (pressed === "finish") return;
    await renewRecoveryCodes();
    await persistently(refresh);
    if (!runsLow()) return;
  }
}

export async function finish(outcome) {
  leave(await persistently(askToFinish), outcome);
}

// Whoever wants to go may go, whatever the flow is waiting for and whether or not the server answers.
export async function quit() {
  stopScreens();
  let answer = { redirectUrl: session.state?.returnUrl };
  try {
    answer = await askToFinish();
  } catch (problem) {
    if (!(problem instanceof ApiError)) throw problem;
  }
  leave(answer, "quit");
}

function askToFinish() {
  return call("/challenge/api/finish", config.nativeScheme ? { nativeScheme: config.nativeScheme } : {});
}

// The same page at top level, where what a frame may not do can be done; it stays within this origin.
export function openElsewhere(method, what = "enrol") {
  const query = new URLSearchParams({ token: currentToken(), mode: "continue", [what]: method });
  window.open(`/challenge?${query}`, "_blank", "popup,width=480,height=720");
}
