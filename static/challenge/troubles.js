// What the user sees when a call does not succeed, and what they can do about it.

import { ApiError } from "./api.js";
import { clockText, countdown, firstText, session, text } from "./page.js";
import { announce, screen } from "./view.js";
import { end, expired, over } from "./leaving.js";

const never = new Promise(() => {});

// Runs `work` until it answers. Resolves with its answer, or with "another" or "back" when the user gives it up. `form`:
// what was typed is to be typed again where it is wrong; resolves with what is, `{ wrong }`.
export async function persistently(work, { another = false, back = false, form = false } = {}) {
  for (;;) {
    try {
      return await work();
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      if (form && problem.status === 400 && problem.reason) return { wrong: sentence(problem) };
      const answer = await explain(problem, { another, back });
      if (answer === "another" || answer === "back") return back ? "back" : "another";
    }
  }
}

// A part of the script that most pages never need.
export const fetched = (load) =>
  persistently(() =>
    load().catch(() => {
      throw new ApiError({ status: 0, code: "network_error" });
    }),
  );

// Never the server's own description: that is for developers. By its reason, its code, its status; the last is for all.
export function sentence(problem) {
  if (problem.status === 0) return text("network");
  if (problem.status >= 500) return text(problem.sending ? "not-sent" : "server");
  return firstText(problem.reason, `error-${problem.code}`, `error-${problem.status}`, "error");
}

async function explain(problem, { another, back }) {
  const other = another || back;
  if (problem.code === "expired_token") {
    await expired();
    return never;
  }
  if (problem.code === "opened_elsewhere") {
    await end("other-browser");
    return never;
  }
  if (problem.lock) return locked(problem.lock, { another: other });
  if (problem.soon) return limited(problem.retryAfter, { another: other, title: text("soon"), reason: text(problem.soon) });
  if (problem.status === 429) return limited(problem.retryAfter, { another: other, reason: problem.sending ? text("not-now") : "" });
  const slots = { reason: sentence(problem) };
  // What is not allowed is not allowed at the next try either.
  const isForbidden = problem.status === 403;
  if (isForbidden && !other) {
    await over("error", { slots });
    return never;
  }
  const proving = !isForbidden && !session.proved && !session.state?.settings;
  return screen("error", { slots, when: { another, back, proving, retry: !isForbidden } });
}

export function limited(seconds, { another, title = "", reason = "" }) {
  return screen("limited", {
    slots: { ...(title && { title }), ...(reason && { reason }) },
    when: { another, ready: false },
    setup: (ui) => untilReady(ui, seconds),
  });
}

function untilReady(ui, seconds) {
  const until = ui.slot("until");
  const words = (left) => (left ? text("try-again-in", { time: clockText(left) }) : text("try-again-now"));
  announce(words(seconds));
  return countdown(seconds, (left) => {
    until.textContent = words(left);
    if (seconds && !left) announce(words(left));
    ui.show("paused", left > 0);
    ui.show("ready", left === 0);
  });
}

// For how many seconds, from when the state was read, no code is taken: 0 where it is, Infinity where that has no end.
export function lockOf(method, { enrols = false } = {}) {
  const { methods, enrollable, now } = session.state;
  const { disabled, lockedUntil } = (enrols ? enrollable : methods).find((one) => one.method === method) ?? {};
  if (disabled) return Infinity;
  return lockedUntil ? Math.max(1, Math.ceil((lockedUntil - now) / 1000)) : 0;
}

export function locked(seconds, { another }) {
  const disabled = seconds === Infinity;
  return screen("locked", {
    when: { another, disabled },
    setup: (ui) => (disabled ? undefined : untilReady(ui, seconds)),
  });
}
