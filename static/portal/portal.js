// Small comforts of the portal's pages; everything works without them.

// "Copy" beside something that is shown once.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = button.dataset.copied;
  });
}

// After a refused form the first field that is wrong has the focus, so that a screen reader starts there.
const wrong = document.querySelector("[aria-invalid=true]");
if (wrong) wrong.focus();

// What counts only with one choice of another field is shown only with it.
for (const field of document.querySelectorAll("[data-only-with]")) {
  const [name, wanted] = field.dataset.onlyWith.split("=");
  const choice = field.form.elements[name];
  const show = () => {
    field.closest(".portal-field").hidden = choice.value !== wanted;
  };
  choice.addEventListener("change", show);
  show();
}

// A second click while the first is on its way must not do a thing twice.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
