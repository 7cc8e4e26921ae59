// Showing one screen at a time: a copy of its template, filled with text only.

import { arm } from "./armed.js";
import * as opener from "./opener.js";
import { text } from "./page.js";

const stage = document.getElementById("screen");
const announcer = document.getElementById("announcer");
const contextual = document.getElementById("message");
const quitButton = document.getElementById("quit");
const never = new Promise(() => {});

let ended = false;
let quitAllowed = true;
let messageSpoken = false;
let revealed = false;
let leaveScreen = () => {};

// Shows a screen and resolves with what its buttons or its `setup(ui, done)` decide. A button with data-act="x"
// resolves with "x"; parts with data-if="x" show only when `when.x` holds.
export function screen(name, { slots = {}, when = {}, quit = true, message = true, setup, final = false } = {}) {
  if (ended && !final) return never;
  ended = final;
  leaveScreen();
  const copy = document.getElementById(`screen-${name}`).content.cloneNode(true);
  fill(copy, slots, when);
  // The message stands within the screen: where it appears, nothing that was there before moves.
  stage.replaceChildren(contextual, copy);
  stage.setAttribute("aria-busy", String(name === "loading"));
  quitButton.hidden = !quit || !quitAllowed || final;
  contextual.hidden = !message || final || !contextual.textContent;
  const ui = interfaceOf(stage);
  focusFirst(ui, { speak: name !== "loading" });
  if (name !== "loading" && !revealed) {
    revealed = true;
    opener.reveal(document.getElementById("card"));
  }
  return new Promise((settle) => {
    const resolve = (value) => {
      ended = false;
      settle(value);
    };
    for (const button of stage.querySelectorAll("[data-act]")) {
      button.addEventListener("click", () => {
        if (!button.matches('[aria-disabled="true"], [data-busy]')) ui.act(button.dataset.act, resolve);
      });
    }
    leaveScreen = setup?.(ui, resolve) ?? (() => {});
    arm();
  });
}

export function loading() {
  screen("loading");
}

// Nothing is shown any more but the screen that ends it all.
export function stopScreens() {
  ended = true;
  quitButton.hidden = true;
}

export function announce(words) {
  announcer.textContent = "";
  // A live region speaks only of changes that happen after it was emptied.
  setTimeout(() => (announcer.textContent = words), 50);
}

export function setMessage(words) {
  contextual.textContent = words ?? "";
}

export function allowQuit(allowed) {
  quitAllowed = allowed;
}

export function tag(words) {
  const mark = document.createElement("span");
  mark.className = "tag";
  mark.textContent = words;
  return mark;
}

function fill(copy, slots, when) {
  for (const part of copy.querySelectorAll("[data-if]")) part.hidden = !when[part.dataset.if];
  for (const [name, words] of Object.entries(slots)) {
    const slot = copy.querySelector(`[data-slot="${name}"]`);
    if (slot) slot.textContent = words;
  }
}

function interfaceOf(root) {
  const handlers = {};
  return {
    find: (selector) => root.querySelector(selector),
    slot: (name) => root.querySelector(`[data-slot="${name}"]`),
    button: (name) => root.querySelector(`[data-act="${name}"]`),
    show: (name, visible) => root.querySelectorAll(`[data-if="${name}"]`).forEach((part) => (part.hidden = !visible)),
    on: (name, handler) => (handlers[name] = handler),
    act: (name, resolve) => (handlers[name] ? handlers[name]() : resolve(name)),
    busy: (busy) => {
      root.setAttribute("aria-busy", String(busy));
      for (const button of root.querySelectorAll(".primary")) button.toggleAttribute("data-busy", busy);
      if (busy) announce(text("sending"));
    },
  };
}

export function setDisabled(button, disabled) {
  // Not `disabled`: the button would lose the focus and fall silent.
  button.setAttribute("aria-disabled", String(disabled));
}

// The heading takes the focus; where a screen is one field, the field does and the heading is spoken. Not where there is
// something better to do than to type: a phone would show its keyboard over it.
function focusFirst(ui, { speak }) {
  const heading = ui.find("h1");
  const field = ui.find("input:not([type=checkbox], [data-later])");
  (field ?? heading).focus({ preventScroll: true });
  window.scrollTo(0, 0);
  const spoken = field ? [heading.innerText] : [];
  if (speak && !contextual.hidden && !messageSpoken) {
    messageSpoken = true;
    spoken.unshift(contextual.textContent);
  }
  if (spoken.length) announce(spoken.join(". "));
}
