// How far a backtest is, while its page is open. Without scripts the page loads itself again.
const EVERY = 1000;
const place = document.querySelector("[data-progress]");
const bar = place.querySelector("progress");
const text = place.querySelector("[data-progress-text]");
const said = place.querySelector("[data-progress-said]");
let heard = 0;

async function look() {
  try {
    const answer = await fetch(place.dataset.progress, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) return;
    const told = await answer.json();
    if (told.status !== "queued" && told.status !== "running") {
      location.reload();
      return;
    }
    bar.value = told.percent;
    bar.setAttribute("aria-valuenow", told.percent);
    text.textContent = told.text;
    // Read aloud now and then, not every second.
    if (told.percent >= heard + 20) {
      heard = told.percent;
      said.textContent = told.text;
    }
  } catch {
    // The network is away for a moment.
  }
  setTimeout(look, EVERY);
}

setTimeout(look, EVERY);
