// The page's own data: what the server configured, the translated texts, and how time is written.

export const config = JSON.parse(document.getElementById("challenge-config").textContent);

// `state` is the server's latest word; `proved` becomes true with the first proof given on this page; `skew` is by how
// many seconds this device's clock differs from the server's.
export const session = { state: null, proved: false, elsewhere: false, skew: 0 };

const SKEW_SECONDS = 30;

// What the screens of an authenticator app say of a clock that would make it show wrong codes.
export const clockProblem = () => ({
  slots: { skew: text("clock-skewed", { time: clockText(session.skew) }) },
  when: { skewed: session.skew > SKEW_SECONDS },
});

export const embedded = window.parent !== window;

const strings = document.getElementById("strings").content;

const named = (name) => strings.querySelector(`[data-text="${name}"]`);

// The first of these texts that there is.
export const firstText = (...names) => text(names.find(named));

export function text(name, values = {}) {
  const found = named(name).textContent;
  return found.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

// 90 → "1 min 30 s": symbols that are the same in every language.
export function clockText(seconds) {
  const left = Math.max(1, seconds);
  const parts = [[Math.floor(left / 3600), "h"], [Math.floor(left / 60) % 60, "min"], [left % 60, "s"]];
  return parts.filter(([count]) => count).map((part) => part.join("\u00a0")).join(" ");
}

// The day of a moment, as the page's language writes it.
export const dayText = (moment) => new Date(moment).toLocaleDateString(document.documentElement.lang, { dateStyle: "long" });

// Calls `tick(left)` now and every second until 0, unless the returned function is called first.
export function countdown(seconds, tick) {
  const end = performance.now() + seconds * 1000;
  let timer = 0;
  const step = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    if (left > 0) timer = setTimeout(step, 250);
    tick(left);
  };
  step();
  return () => clearTimeout(timer);
}
