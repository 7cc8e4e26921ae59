// The rule builder made pleasant. The server draws it, also after every button; this only saves the page load.
import { Trouble, ask } from "./asking.js";
import { allowDragging } from "./builder_drag.js";
import { makeHistory } from "./builder_history.js";
import { allowPicking, readyPickers } from "./builder_pickers.js";
import { choosePoint } from "./point_dialog.js";
import { checkSize, tell } from "./rule_form.js";

const form = document.querySelector("form[data-builder-url]");

if (form) {
  const url = form.dataset.builderUrl;
  // Buttons wait for each other; only a question about the sentence gives way to them.
  let queue = Promise.resolve();
  let queued = 0;
  let telling = null;
  let typing = 0;

  const builder = () => document.getElementById("builder");
  const isRow = (name) => name === "node" || /^n\d+-/.test(name);
  const isSent = (name) => isRow(name) || name.startsWith("try") || name === "outcome" || name === "when_unknown";
  const fields = (wanted) => [...new FormData(form)].filter(([name]) => wanted(name));
  // What the builder holds now, as the form would send it.
  const rows = () => fields(isRow);
  const history = makeHistory(rows());

  // -- asking the server ------------------------------------------------------------------------

  // The rows drawn after a button, with their trial. Null when there is no answer, or none is wanted any more.
  async function drawn(sent, button, signal) {
    try {
      checkSize(sent);
      const holder = document.createElement("template");
      holder.innerHTML = await ask(url, [...sent, ["builder", button]], { sessionUrl: form.dataset.sessionUrl, signal });
      tell("");
      return holder.content;
    } catch (error) {
      if (error instanceof Trouble) tell(error.message);
      else if (error.name !== "AbortError") throw error;
      return null;
    }
  }

  function inTurn(act) {
    telling?.abort();
    queued += 1;
    builder().classList.add("busy");
    queue = queue.then(act).finally(() => {
      queued -= 1;
      if (!queued) builder().classList.remove("busy");
    });
  }

  function announce(text) {
    document.querySelector("[data-builder-status]").textContent = text;
  }

  // -- putting an answer in place ---------------------------------------------------------------

  function replace(fresh) {
    for (const id of ["builder", "trial"]) document.getElementById(id).replaceWith(fresh.getElementById(id));
  }

  function grouped(sent) {
    const values = new Map();
    for (const [name, value] of sent) values.set(name, [...(values.get(name) ?? []), value]);
    return values;
  }

  // What was changed by hand since the question was asked, by name.
  function changedSince(asked) {
    const [before, now] = [grouped(asked), grouped(fields(isSent))];
    const names = new Set([...before.keys(), ...now.keys()]);
    return [...names]
      .filter((name) => name !== "node" && String(before.get(name) ?? "") !== String(now.get(name) ?? ""))
      .map((name) => [name, now.get(name) ?? []]);
  }

  function putBack(name, values) {
    for (const field of form.elements[name] instanceof RadioNodeList ? form.elements[name] : [form.elements[name]]) {
      if (!field || field.type === "hidden") continue;
      if (field.type === "checkbox" || field.type === "radio") field.checked = values.includes(field.value);
      else if (field.matches("[data-point]")) choosing(field, values[0], values[0]);
      else if (field.tagName !== "SELECT" || [...field.options].some((option) => option.value === values[0])) field.value = values[0] ?? "";
    }
  }

  // Also what the drop-down list does not hold, such as one of many velocities.
  function choosing(select, key, label) {
    if (![...select.options].some((option) => option.value === key)) select.add(new Option(label, key));
    select.value = key;
  }

  // With scripts a button stands for the long list of data points.
  const reach = (element) => (element?.matches("[data-point]") ? element.parentElement.querySelector("[data-choose]") : element);

  // Put the new drawing in place; what was typed meanwhile stays, and the focus is where the button or the reader put it.
  function swap(fresh, asked, { stay = false } = {}) {
    const changed = changedSince(asked);
    const old = form.contains(document.activeElement) ? document.activeElement : null;
    const caret = old?.type === "text" || old?.tagName === "TEXTAREA" ? old.selectionStart : null;
    const open = [...form.querySelectorAll("[data-picker][open] > summary")].map((summary) => summary.id);
    replace(fresh);
    for (const [name, values] of changed) putBack(name, values);
    for (const id of open) document.getElementById(id)?.closest("[data-picker]")?.setAttribute("open", "");
    const before = old?.closest("[data-picker]")?.querySelector("summary") ?? old;
    const same = before?.isConnected ? null : before?.id && document.getElementById(before.id);
    const target = (!stay && reach(builder().querySelector("[autofocus]"))) || same;
    ready();
    target?.focus();
    if (caret !== null && target?.id === old.id) target.setSelectionRange(caret, caret);
    if (changed.length) retellSoon();
  }

  function ready() {
    for (const [selector, by] of [["[data-undo]", -1], ["[data-redo]", 1]]) {
      const button = builder().querySelector(selector);
      button.hidden = false;
      button.disabled = !history.canStep(by);
    }
    for (const hidden of builder().querySelectorAll("[data-choose], [data-keys]")) hidden.hidden = false;
    readyPickers(builder());
    builder().classList.add("portal-scripted");
    builder().classList.toggle("busy", queued > 0);
  }

  // -- buttons ----------------------------------------------------------------------------------

  const press = (button, options) => inTurn(() => pressed(button, options));

  async function pressed(button, options) {
    const asked = fields(isSent);
    const fresh = await drawn(asked, button);
    if (!fresh) return;
    const [name, ident] = button.split(":");
    const place = () => document.querySelector(`#builder [data-node="${ident}"]`);
    const before = place()?.dataset.number;
    swap(fresh, asked, options);
    history.note(rows());
    ready();
    announce(happened(name, before, place()));
  }

  // In words, for those who do not see it.
  function happened(name, before, item) {
    const what = item?.querySelector(":scope > [data-group]") ? "Group" : "Condition";
    if (name === "copy") return `${what} ${before} was duplicated.`;
    if (name === "remove") return `${before} was removed. Undo brings it back.`;
    if (!["up", "down", "move"].includes(name) || !item) return "";
    const now = item.dataset.number;
    return now === before ? `${what} ${now} stays where it is.` : `${what} ${before} is now ${now}.`;
  }

  async function step(by) {
    const state = history.peek(by);
    if (!state) return;
    const fresh = await drawn([...state, ...fields((name) => isSent(name) && !isRow(name))], "refresh");
    if (!fresh) return;
    history.step(by);
    replace(fresh);
    ready();
    const wanted = by < 0 ? ["[data-undo]", "[data-redo]"] : ["[data-redo]", "[data-undo]"];
    builder().querySelector(wanted.map((selector) => `${selector}:not(:disabled)`)[0])?.focus() ?? document.getElementById("n0-add")?.focus();
    announce(by < 0 ? "Undone." : "Done again.");
  }

  // -- while somebody types ---------------------------------------------------------------------

  function retellSoon() {
    clearTimeout(typing);
    typing = setTimeout(retell, 350);
  }

  // Only the sentence, what is wrong with which row, and the verdicts.
  async function retell() {
    clearTimeout(typing);
    // A button that is on its way brings them with it.
    if (queued) return;
    telling?.abort();
    telling = new AbortController();
    const fresh = await drawn(fields(isSent), "retell", telling.signal);
    for (const told of fresh?.querySelectorAll("[data-told]") ?? []) {
      const slot = document.getElementById(told.id);
      if (!slot) continue;
      slot.replaceChildren(...told.childNodes);
      const row = slot.closest(".portal-row");
      if (row && "wrong" in told.dataset) markWrong(row, told.dataset.wrong);
    }
  }

  function markWrong(row, wrong) {
    row.classList.toggle("wrong", Boolean(wrong));
    for (const field of row.querySelectorAll("[data-field]")) {
      const isWrong = field.dataset.field === wrong;
      if (field.tagName === "SUMMARY") field.toggleAttribute("data-wrong-here", isWrong);
      else if (isWrong) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  }

  // -- events -----------------------------------------------------------------------------------

  async function choose(button) {
    const name = button.id.replace("-choose", "");
    const chosen = await choosePoint(document.getElementById(`${name}-point`).value);
    const select = document.getElementById(`${name}-point`);
    document.getElementById(`${name}-choose`)?.focus();
    if (!chosen || !select) return;
    choosing(select, chosen.key, chosen.label);
    press("refresh");
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("#builder button");
    if (!button) return;
    event.preventDefault();
    if (button.matches("[data-choose]")) choose(button);
    else if (button.matches("[data-undo], [data-redo]")) inTurn(() => step(button.matches("[data-undo]") ? -1 : 1));
    else press(button.value);
  });

  form.addEventListener("change", (event) => {
    const field = event.target;
    if (!field.name || !isSent(field.name)) return;
    // What reshapes its row is one step back with what the server makes of it, and is remembered then.
    if (field.matches("[data-reshapes], [type=radio]") || field.name.endsWith("-not")) {
      press("refresh");
      return;
    }
    if (isRow(field.name)) history.note(rows());
    ready();
    retell();
  });

  form.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.name || !isSent(field.name) || field.matches("select, [type=radio], [type=checkbox]")) return;
    retellSoon();
  });

  // Where these keys mean something already, they keep meaning it.
  const hasOwnArrows = (field) => field.matches("select, textarea, [type=date], [type=time]");
  const hasOwnUndo = (field) => field.matches("textarea, input:not([type=radio], [type=checkbox])");

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    const item = target.closest?.("#builder li[data-node]");
    if (item && event.altKey && ["ArrowUp", "ArrowDown"].includes(event.key) && !hasOwnArrows(target)) {
      event.preventDefault();
      press(`${event.key === "ArrowUp" ? "up" : "down"}:${item.dataset.node}`, { stay: true });
    }
    if (!(event.ctrlKey || event.metaKey) || event.altKey || hasOwnUndo(target) || target.closest?.("dialog")) return;
    const key = event.key.toLowerCase();
    const by = key === "y" || (key === "z" && event.shiftKey) ? 1 : key === "z" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    if (history.canStep(by)) inTurn(() => step(by));
  });

  allowDragging(form, (node, group, place) => press(`move:${node}:${group}:${place}`));
  allowPicking(form);
  ready();
  // A list that was hidden from the page's own script may be what is wrong first.
  const wrong = form.querySelector("[aria-invalid=true], [data-wrong-here]");
  if (wrong && builder().contains(wrong)) reach(wrong).focus();
}
