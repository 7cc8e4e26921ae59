// The three forms: a one-time code, a recovery code, an address. They show what is wrong and stay usable.

import { text } from "./page.js";

// `submit(value)` returns null when it is done with the screen, or the sentence that says what is wrong.
export function codeForm(ui, submit) {
  const input = ui.find("input.code");
  const digits = Number(input.dataset.digits);
  const send = wire(ui, { input, problem: ui.find("#code-problem"), submit, clear: true });
  input.addEventListener("input", () => {
    const typed = input.value.replace(/[^0-9]/g, "").slice(0, digits);
    if (typed !== input.value) input.value = typed;
    if (typed.length === digits) send();
  });
  return send.checking((value) => (value.length === digits ? "" : text("wrong-length", { digits })));
}

const RECOVERY_LENGTH = 24;

export function recoveryForm(ui, submit) {
  const input = ui.find("input.code");
  const compact = () => input.value.toUpperCase().replace(/[^A-Z2-7]/g, "");
  const send = wire(ui, { input, problem: ui.find("#code-problem"), submit, clear: false });
  // By itself once: whoever mends a wrong one says when it is done, since each is a guess.
  let isFirst = true;
  input.addEventListener("input", () => {
    if (!isFirst || compact().length !== RECOVERY_LENGTH) return;
    isFirst = false;
    send();
  });
  return send.checking(() => (compact().length === RECOVERY_LENGTH ? "" : text("recovery-length")));
}

// `wrong`: what is with the address that stands there already.
export function contactForm(ui, submit, valid, wrong) {
  const input = ui.find("#contact");
  wire(ui, { input, problem: ui.find("#contact-problem"), submit, clear: false, wrong }).checking(valid);
}

export function nameForm(ui, submit) {
  return wire(ui, { input: ui.find("#name"), problem: ui.find("#name-problem"), submit, clear: false });
}

function wire(ui, { input, problem, submit, clear, wrong }) {
  const form = ui.find("form");
  let busy = false;
  let check = () => "";

  // What could not be judged (`guess` is false) is not marked as wrong.
  const complain = (words, guess) => {
    problem.textContent = words;
    if (guess !== false) input.setAttribute("aria-invalid", "true");
    if (clear && guess) input.value = "";
    if (guess) restart(form, "shake");
    input.focus();
  };

  const send = async () => {
    if (busy) return;
    const words = check(input.value);
    if (words) {
      complain(words);
      return;
    }
    busy = true;
    input.readOnly = true;
    ui.busy(true);
    problem.textContent = "";
    const refused = await submit(input.value);
    busy = false;
    input.readOnly = false;
    ui.busy(false);
    if (refused) complain(refused.words, refused.guess);
  };
  if (wrong) complain(wrong);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  input.addEventListener("input", () => {
    if (input.value) input.removeAttribute("aria-invalid");
  });
  send.checking = (rule) => {
    check = rule;
    return send;
  };
  return send;
}

function restart(element, animation) {
  element.classList.remove(animation);
  void element.offsetWidth;
  element.classList.add(animation);
}
