// The preview follows what is typed; the server makes the style sheet, as it does for the pages themselves.
const AFTER = 250;
const form = document.getElementById("theme");
const said = document.querySelector("[data-preview-said]");
const frames = [...document.querySelectorAll("[data-preview]")];
const sheets = new Map();
let waiting = 0;
let asked = 0;

// A picker beside each colour; the text stays what is sent, so that it can be emptied.
for (const field of form.querySelectorAll("input[data-color]")) {
  const picker = document.createElement("input");
  picker.type = "color";
  picker.value = field.value || field.dataset.color;
  const label = form.querySelector(`label[for="${field.id}"]`).textContent;
  picker.setAttribute("aria-label", `${label}: ${form.dataset.picker}`);
  picker.disabled = field.matches(":disabled");
  const box = document.createElement("div");
  box.className = "theme-color";
  field.before(box);
  box.append(picker, field);
  picker.addEventListener("input", () => {
    field.value = picker.value;
    later();
  });
  field.addEventListener("input", () => {
    if (/^#[0-9a-f]{6}$/i.test(field.value)) picker.value = field.value;
    if (!field.value) picker.value = field.dataset.color;
  });
}

function later() {
  clearTimeout(waiting);
  waiting = setTimeout(draw, AFTER);
}

async function draw() {
  const number = ++asked;
  const body = new FormData(form);
  for (const [name, value] of [...body]) if (value instanceof File) body.delete(name);
  try {
    const answer = await fetch(form.dataset.sheet, { method: "POST", body, redirect: "error" });
    if (!answer.ok) return;
    const told = await answer.json();
    if (number === asked) show(told);
  } catch {
    // Away for a moment: the next change asks again, and saving checks everything.
  }
}

function show({ errors, sheets: drawn, classes }) {
  mark(errors);
  if (!drawn) return;
  for (const frame of frames) {
    const page = frame.contentDocument;
    if (!page) continue;
    const sheet = sheetOf(frame);
    sheet.replaceSync(drawn[frame.dataset.preview]);
    page.adoptedStyleSheets = [sheet];
    page.body.className = classes;
  }
}

function sheetOf(frame) {
  const page = frame.contentDocument;
  // A frame that was loaded again has another document.
  if (sheets.get(frame)?.page !== page) sheets.set(frame, { page, sheet: new frame.contentWindow.CSSStyleSheet() });
  return sheets.get(frame).sheet;
}

function mark(errors) {
  const texts = Object.entries(errors);
  for (const place of form.querySelectorAll(".portal-field")) {
    const field = place.querySelector("[name]");
    const told = errors[field.name] ?? [];
    place.classList.toggle("wrong", told.length > 0);
    field.setAttribute("aria-invalid", String(told.length > 0));
    let list = place.querySelector(".portal-errors");
    if (!list && told.length) {
      list = document.createElement("ul");
      list.className = "portal-errors";
      list.id = `${field.id}_error`;
      place.append(list);
    }
    list?.replaceChildren(
      ...told.map((text) => {
        const item = document.createElement("li");
        item.textContent = text;
        return item;
      }),
    );
    if (list && !told.length) list.remove();
  }
  said.textContent = texts.length ? texts[0][1][0] : "";
}

form.addEventListener("input", later);
form.addEventListener("change", later);
