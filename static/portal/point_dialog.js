// The dialog in which a data point is searched for, chosen, or made.
import { Trouble, ask } from "./asking.js";

const dialog = document.getElementById("points");
const content = document.getElementById("points-content");
let settle = null;

const find = (selector) => dialog.querySelector(selector);
const options = () => [...dialog.querySelectorAll("[role=option]")];
const shown = () => options().filter((option) => !option.hidden);
const tabs = () => [...dialog.querySelectorAll("[role=tab]")];

// Resolves to {key, label} of the data point chosen, or to null when the dialog was closed.
export function choosePoint(current) {
  fill();
  for (const option of options()) option.setAttribute("aria-selected", String(option.dataset.key === current));
  dialog.showModal();
  find("#points-search").focus();
  return new Promise((resolve) => {
    settle = resolve;
  });
}

function fill(drawn = content) {
  dialog.replaceChildren(drawn.content.cloneNode(true));
  show(tabs()[0]);
}

function close(chosen) {
  settle?.(chosen);
  settle = null;
  if (dialog.open) dialog.close();
}

function choose(option) {
  if (option) close({ key: option.dataset.key, label: option.querySelector("strong").textContent });
}

function filter() {
  const words = find("#points-search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const category = find("[role=tab][aria-selected=true]").dataset.category;
  for (const option of options()) {
    const fits = !category || option.dataset.category === category;
    option.hidden = !(fits && words.every((word) => option.dataset.words.includes(word)));
    option.tabIndex = -1;
  }
  const found = shown();
  // One stop for the Tab key, from which the arrows go on.
  if (found.length) found[0].tabIndex = 0;
  find("[data-none]").hidden = found.length > 0;
  find("[data-count]").textContent = found.length === 1 ? "One data point" : `${found.length} data points`;
}

function show(tab) {
  for (const one of tabs()) {
    one.setAttribute("aria-selected", String(one === tab));
    one.tabIndex = one === tab ? 0 : -1;
  }
  find("#points-panel").setAttribute("aria-labelledby", tab.id);
  filter();
}

// Where an arrow, Home or End leads from this one of a row of things.
function destination(things, from, key, [back, on]) {
  const at = things.indexOf(from);
  if (key === "Home") return things[0];
  if (key === "End") return things.at(-1);
  if (key === on) return things[Math.min(at + 1, things.length - 1)];
  return key === back ? things[Math.max(at - 1, 0)] : null;
}

function keyOnOption(event, option) {
  const next = destination(shown(), option, event.key, ["ArrowUp", "ArrowDown"]);
  if (next) {
    if (event.key === "ArrowUp" && next === option) find("#points-search").focus();
    else next.focus();
  } else if (event.key === "Enter" || event.key === " ") choose(option);
  else {
    // Whoever goes on typing goes on searching.
    if (event.key.length === 1 && !event.ctrlKey && !event.metaKey) find("#points-search").focus();
    return;
  }
  event.preventDefault();
}

function keyOnSearch(event) {
  const found = shown();
  const isSought = event.target.value.trim() !== "" || found.length === 1;
  if (event.key === "ArrowDown") found[0]?.focus();
  else if (event.key === "Enter" && isSought) choose(found[0]);
  // Nobody means the first of all: to the one that is chosen already.
  else if (event.key === "Enter") (found.find((option) => option.matches("[aria-selected=true]")) ?? found[0])?.focus();
  else return;
  event.preventDefault();
}

async function add(form) {
  const { sessionUrl } = document.getElementById("rule_form").dataset;
  const drawn = document.createElement("template");
  drawn.innerHTML = await ask(form.action, new FormData(form), { sessionUrl });
  const made = drawn.content.querySelector("[data-added]").dataset.added;
  // From now on there is one more; what is wrong with a form is gone with the dialog.
  if (made) content.innerHTML = drawn.innerHTML;
  if (!dialog.open) return;
  fill(drawn);
  if (made) choose(options().find((option) => option.dataset.key === made));
  else (find("[aria-invalid=true]") ?? find("form input"))?.focus();
}

dialog?.addEventListener("keydown", (event) => {
  const option = event.target.closest("[role=option]");
  const tab = event.target.closest("[role=tab]");
  if (event.key === "Escape") {
    event.preventDefault();
    close(null);
  } else if (option) keyOnOption(event, option);
  else if (tab) {
    const next = destination(tabs(), tab, event.key, ["ArrowLeft", "ArrowRight"]);
    if (!next) return;
    event.preventDefault();
    show(next);
    next.focus();
  } else if (event.target.id === "points-search") keyOnSearch(event);
});
dialog?.addEventListener("input", (event) => {
  if (event.target.id === "points-search") filter();
});
dialog?.addEventListener("click", (event) => {
  const tab = event.target.closest("[role=tab]");
  if (event.target === dialog || event.target.closest("[data-close]")) close(null);
  else if (tab) show(tab);
  else choose(event.target.closest("[role=option]"));
});
dialog?.addEventListener("submit", (event) => {
  event.preventDefault();
  const status = find("[data-count]");
  add(event.target).catch((error) => {
    if (!(error instanceof Trouble)) throw error;
    status.classList.remove("portal-hidden");
    status.textContent = error.message;
  });
});
dialog?.addEventListener("close", () => {
  // The event comes a task after the closing; whoever has opened the dialog again by then keeps it.
  if (dialog.open) return;
  close(null);
  dialog.replaceChildren();
});
