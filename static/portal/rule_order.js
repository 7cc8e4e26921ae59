// Rules by drag or by the arrows without a page load for each step; saved when the button is pressed.
import { warnBeforeLoss } from "./unsaved.js";

const form = document.getElementById("order");
const list = form?.querySelector(".portal-rules");
const save = form?.querySelector("[data-save-order]");

if (save) {
  const status = form.querySelector("[data-order-status]");
  const note = form.querySelector("[data-order-note]");
  const rules = () => [...list.querySelectorAll("[data-rule]")];
  const order = () => rules().map((rule) => rule.dataset.rule).join();
  const before = order();
  let isSending = false;

  function renumber() {
    const now = rules();
    now.forEach((rule, place) => {
      rule.querySelector(".place").value = place + 1;
      const [up, down] = rule.querySelectorAll("[name=move]");
      up.disabled = place === 0;
      down.disabled = place === now.length - 1;
    });
    const changed = order() !== before;
    save.classList.toggle("primary", changed);
    note.textContent = changed ? "The new order is not saved yet." : "";
  }

  function move(rule, other, after) {
    if (after) other.after(rule);
    else other.before(rule);
    renumber();
    const place = rules().indexOf(rule) + 1;
    status.textContent = `${rule.querySelector("h2 a").textContent}: place ${place} of ${rules().length}`;
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("[name=move]");
    if (!button) return;
    event.preventDefault();
    const rule = button.closest("[data-rule]");
    const isUp = button.value.endsWith(":up");
    const now = rules();
    const other = now[now.indexOf(rule) + (isUp ? -1 : 1)];
    if (!other) return;
    move(rule, other, !isUp);
    (button.disabled ? rule.querySelector("[name=move]:not(:disabled)") : button).focus();
  });

  // A grip for pointers; it has no use without this script.
  let dragged = null;
  for (const rule of rules()) {
    rule.querySelector(".portal-grip").addEventListener("pointerdown", (event) => {
      event.preventDefault();
      dragged = rule;
      rule.classList.add("dragged");
      // Not by the grip: it is taken out of the page and put back with every move, and would lose the pointer.
      list.setPointerCapture(event.pointerId);
    });
  }
  list.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    const other = rules().find((one) => {
      const box = one.getBoundingClientRect();
      return one !== dragged && event.clientY > box.top && event.clientY < box.bottom;
    });
    if (!other) return;
    const isBelow = rules().indexOf(other) > rules().indexOf(dragged);
    const box = other.getBoundingClientRect();
    const isPastTheMiddle = event.clientY > box.top + box.height / 2;
    if (isBelow === isPastTheMiddle) move(dragged, other, isBelow);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    list.addEventListener(end, () => {
      dragged?.classList.remove("dragged");
      dragged = null;
    });
  }
  form.addEventListener("submit", () => {
    isSending = true;
  });
  window.addEventListener("pageshow", () => {
    isSending = false;
  });
  warnBeforeLoss(() => !isSending && order() !== before);
}
