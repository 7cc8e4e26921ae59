// The previews follow what is typed, and a click puts a placeholder in. As `rules/message_text.py` makes them.
const form = document.getElementById("messages");
const samples = JSON.parse(document.getElementById("samples").textContent);
const fields = [...form.querySelectorAll("textarea")];
const inserts = form.querySelector("[data-inserts]");
let current = fields[0];

function shown(part) {
  if (!part.startsWith("{{")) return part;
  const named = /^\{\{\s*((?:action|user)\.[A-Za-z0-9_-]+)\s*\}\}$/.exec(part);
  const sample = named && samples[named[1]];
  const mark = document.createElement("mark");
  mark.textContent = sample ?? part;
  mark.classList.toggle("bad", !sample);
  return mark;
}

function draw(field) {
  const pieces = field.value.trim().split(/(\{\{[^{}]*\}\})/);
  form.querySelector(`[data-preview-of="${field.name}"]`).replaceChildren(...pieces.filter(Boolean).map(shown));
}

function insert(name) {
  current.closest("details")?.setAttribute("open", "");
  current.setRangeText(`{{${name}}}`, current.selectionStart, current.selectionEnd, "end");
  current.focus();
  draw(current);
}

for (const field of fields) {
  field.addEventListener("input", () => draw(field));
  field.addEventListener("focus", () => (current = field));
}
inserts?.addEventListener("click", ({ target }) => target.dataset.insert && insert(target.dataset.insert));
