// Lists of boxes to tick: a search over them, what is ticked in the summary, and the arrow keys.

const boxes = (picker) => [...picker.querySelectorAll("input[type=checkbox]")].filter((box) => !box.closest("label").hidden);

function filter(picker, text) {
  const wanted = text.trim().toLowerCase();
  for (const label of picker.querySelectorAll(".portal-pick")) label.hidden = !label.textContent.toLowerCase().includes(wanted);
}

function summarise(picker) {
  const ticked = [...picker.querySelectorAll("input:checked")].map((box) => box.closest("label").textContent.trim());
  picker.querySelector("[data-picked]").textContent = ticked.join(", ") || "Choose …";
}

function step(picker, from, by) {
  const shown = boxes(picker);
  const next = shown[shown.indexOf(from) + by];
  if (next) next.focus();
  else if (by < 0) picker.querySelector("[data-filter]").focus();
}

export function allowPicking(form) {
  form.addEventListener("input", (event) => {
    if (event.target.matches("[data-filter]")) filter(event.target.closest("[data-picker]"), event.target.value);
  });
  form.addEventListener("change", (event) => {
    const picker = event.target.closest("[data-picker]");
    if (picker && event.target.type === "checkbox") summarise(picker);
  });
  form.addEventListener("keydown", (event) => {
    const picker = event.target.closest("[data-picker]");
    if (!picker || event.altKey || event.target.matches("summary")) return;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") {
      picker.open = false;
      picker.querySelector("summary").focus();
    } else if (by) {
      step(picker, event.target, by);
    } else if (event.key === "Enter") {
      // In the search: tick the first that is found. On a box: as the space bar does.
      (event.target.matches("[data-filter]") ? boxes(picker)[0] : event.target)?.click();
    } else return;
    event.preventDefault();
  });
  // The event does not bubble.
  form.addEventListener(
    "toggle",
    (event) => {
      const search = event.target.matches?.("[data-picker][open]") && event.target.querySelector("[data-filter]");
      if (search && event.target.contains(document.activeElement)) search.focus();
    },
    true,
  );
}

// After each drawing: what only works with scripts is there now.
export function readyPickers(builder) {
  for (const search of builder.querySelectorAll("[data-filter]")) search.hidden = false;
}
