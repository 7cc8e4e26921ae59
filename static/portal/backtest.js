// How far a backtest is, while its page is open. Without scripts the page loads itself again.
import { isSignedOut } from "./asking.js";

const EVERY = 1000;
const AT_MOST = 30_000;
const place = document.querySelector("[data-progress]");
const bar = place.querySelector("progress");
const text = place.querySelector("[data-progress-text]");
const said = place.querySelector("[data-progress-said]");
let heard = 0;
let wait = EVERY;

function show(told) {
  bar.value = told.percent;
  bar.setAttribute("aria-valuenow", told.percent);
  text.textContent = told.text;
  // Read aloud now and then, not every second.
  if (told.percent >= heard + 20) {
    heard = told.percent;
    said.textContent = told.text;
  }
}

// The backtest goes on meanwhile, and so does the asking, ever more seldom.
function tellTrouble(words) {
  wait = Math.min(2 * wait, AT_MOST);
  text.textContent = said.textContent = words;
}

async function look() {
  try {
    const answer = await fetch(place.dataset.progress, { headers: { Accept: "application/json" }, redirect: "manual" });
    if (isSignedOut(answer)) tellTrouble("You were signed out. Sign in in another tab; this page then goes on.");
    else if (!answer.ok) tellTrouble("The server could not say how far it is. Asking again …");
    else {
      const told = await answer.json();
      if (told.status !== "queued" && told.status !== "running") {
        location.reload();
        return;
      }
      wait = EVERY;
      show(told);
    }
  } catch {
    tellTrouble("The server did not answer. Asking again …");
  }
  setTimeout(look, wait);
}

setTimeout(look, EVERY);
