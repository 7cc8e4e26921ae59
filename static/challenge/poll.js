// Waiting for what happens elsewhere: on a phone, in another window.

import { ApiError } from "./api.js";
import { persistently } from "./troubles.js";

const POLL_MS = 1500;

// Asks until somebody stops it, or `told` returns true. A server that cannot be reached for a moment is asked again.
export function poll({ ask, told, done }) {
  let stopped = false;
  let timer = 0;
  const step = async () => {
    try {
      const answer = await ask();
      if (!stopped) stopped = told(answer) === true;
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      const passes = problem.status === 0 || problem.status >= 500 || problem.status === 429;
      if (!stopped && !passes) done(persistently(() => Promise.reject(problem)));
    }
    if (!stopped) timer = setTimeout(step, POLL_MS);
  };
  step();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
