// What the user sees when a call does not succeed, and what they can do about it.

import { ApiError } from "./api.js";
import { clockText, countdown, text } from "./page.js";
import { announce, screen } from "./view.js";
import { end, expired } from "./leaving.js";

const never = new Promise(() => {});

// Runs `work` until it answers. Resolves with its answer, or with "another" or "back" when the user gives it up.
export async function persistently(work, { another = false, back = false } = {}) {
  for (;;) {
    try {
      return await work();
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
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

export function sentence(problem) {
  if (problem.status === 0) return text("network");
  if (problem.status >= 500) return text(problem.sending ? "not-sent" : "server");
  return problem.description;
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
  if (problem.soon) return limited(problem.retryAfter, { another: other, title: text("soon"), reason: text(problem.soon) });
  if (problem.status === 429) return limited(problem.retryAfter, { another: other, reason: problem.sending ? text("not-now") : "" });
  return screen("error", { slots: { reason: sentence(problem) }, when: { another, back } });
}

export function limited(seconds, { another, title = "", reason = "" }) {
  return screen("limited", {
    slots: { ...(title && { title }), ...(reason && { reason }) },
    when: { another, ready: false },
    setup(ui) {
      const until = ui.slot("until");
      announce(text("try-again-in", { time: clockText(seconds) }));
      return countdown(seconds, (left) => {
        until.textContent = left ? text("try-again-in", { time: clockText(left) }) : "";
        until.hidden = left === 0;
        if (left === 0) ui.slot("reason").textContent = "";
        ui.show("ready", left === 0);
      });
    },
  });
}

export function locked({ another }) {
  return screen("locked", { when: { another } });
}
