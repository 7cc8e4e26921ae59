// Setting up the web app on a phone: the code is shown here, and the phone does the rest.

import { ApiError, call } from "./api.js";
import { copyOnClick } from "./copy.js";
import { persistently } from "./troubles.js";
import { loading, screen } from "./view.js";

const POLL_MS = 1500;

// "added" once the phone is enrolled, or "back".
export async function addPhone({ back }) {
  for (;;) {
    loading();
    const invited = await persistently(() => call("/challenge/api/invite-app", {}), { another: back });
    if (invited === "another") return "back";
    const outcome = await show(invited, { back });
    if (outcome !== "over") return outcome;
  }
}

function show({ id, link, code, image }, { back }) {
  return screen("app_enrol", {
    slots: { code },
    when: { back },
    setup(ui, done) {
      ui.slot("qr").src = image;
      ui.slot("link").href = link;
      copyOnClick(ui, () => code);
      return poll(id, done);
    },
  });
}

function poll(id, done) {
  let stopped = false;
  let timer = 0;
  const step = async () => {
    try {
      const { isUsed, isOver } = await call("/challenge/api/invitation", { id });
      if (isUsed) done("added");
      else if (isOver) done("over");
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      const passes = problem.status === 0 || problem.status >= 500 || problem.status === 429;
      if (!stopped && !passes) done(persistently(() => Promise.reject(problem)));
    }
    if (!stopped) timer = setTimeout(step, POLL_MS);
  };
  timer = setTimeout(step, POLL_MS);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
