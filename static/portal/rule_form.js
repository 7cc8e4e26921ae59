// The form of a rule as a whole: nothing that was written in it is lost unasked, nor sent where it would be refused.
import { TOO_MUCH, Trouble, renew } from "./asking.js";
import { warnBeforeLoss } from "./unsaved.js";

const form = document.getElementById("rule_form");
const isKept = (name) => !/^(csrfmiddlewaretoken|try.*|n\d+-was)$/.test(name);
const state = () => JSON.stringify([...new FormData(form)].filter(([name]) => isKept(name)));
const before = state();
let isSending = false;

export function tell(text) {
  form.querySelector("[data-trouble]").textContent = text;
}

// Says at the row that holds the most that it is too much for the server. Throws Trouble.
export function checkSize(sent) {
  const { maxBytes, maxFields } = form.dataset;
  if (sent.length <= maxFields && new URLSearchParams(sent).toString().length <= maxBytes) return;
  const sizes = new Map();
  for (const [name, value] of sent) {
    const row = /^n\d+(?=-)/.exec(name)?.[0];
    sizes.set(row, (sizes.get(row) ?? 0) + name.length + value.length);
  }
  const [largest] = [...sizes].sort(([, one], [, other]) => other - one)[0];
  const problem = document.getElementById(`${largest}-problem`);
  problem?.closest(".portal-row")?.classList.add("wrong");
  problem?.replaceChildren(TOO_MUCH);
  throw new Trouble(TOO_MUCH);
}

async function send(submitter) {
  try {
    checkSize([...new FormData(form)]);
    await renew(form.dataset.sessionUrl);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    tell(error.message);
    return;
  }
  isSending = true;
  form.requestSubmit(submitter);
}

// Before whatever else listens: a form that is not sent yet must not count as sent.
form.addEventListener(
  "submit",
  (event) => {
    if (isSending) return;
    event.preventDefault();
    send(event.submitter);
  },
  { capture: true },
);
window.addEventListener("pageshow", () => {
  isSending = false;
});
warnBeforeLoss(() => !isSending && ("unsaved" in form.dataset || state() !== before));
