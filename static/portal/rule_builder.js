// The rule builder made pleasant. The server draws it, also after every button; this only saves the page load.
const form = document.querySelector("form[data-builder-url]");

if (form) {
  const url = form.dataset.builderUrl;
  const undone = [];
  // Buttons wait for each other; only a question about the sentence gives way to them.
  let queue = Promise.resolve();
  let queued = 0;
  let telling = null;
  let typing = 0;

  const builder = () => document.getElementById("builder");
  const isOurs = (name) => name === "node" || /^n\d+-/.test(name);

  // What the builder holds now, as the form would send it.
  function rows() {
    return [...new FormData(form)].filter(([name]) => isOurs(name));
  }

  function body(fields, button) {
    const sent = new URLSearchParams(fields);
    sent.append("builder", button);
    sent.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    return sent;
  }

  // Ask the server to draw the rows after a button. Null when there is no answer, or none is wanted any more.
  async function drawn(fields, button, signal) {
    try {
      const answer = await fetch(url, { method: "POST", body: body(fields, button), signal, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const holder = document.createElement("template");
      holder.innerHTML = await answer.text();
      return holder.content.getElementById("builder");
    } catch (error) {
      if (error.name !== "AbortError") say("The server did not answer. Check your connection, then try again.");
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

  function say(text) {
    const note = document.getElementById("builder-sentence");
    note.textContent = text;
  }

  // Put the new drawing in place; what was typed meanwhile stays, and the focus is where the button or the reader put it.
  function swap(fresh, asked) {
    const typedSince = new Map(rows().filter(([name, value]) => name !== "node" && !asked.some(([a, b]) => a === name && b === value)));
    const old = builder().contains(document.activeElement) ? document.activeElement : null;
    const caret = old?.type === "text" || old?.tagName === "TEXTAREA" ? old.selectionStart : null;
    builder().replaceWith(fresh);
    for (const [name, value] of typedSince) {
      const field = fresh.querySelector(`[name="${name}"]`);
      if (field && (field.tagName === "TEXTAREA" || field.type === "text")) field.value = value;
    }
    const target = fresh.querySelector("[autofocus]") ?? (old?.id ? document.getElementById(old.id) : null);
    target?.focus();
    if (caret !== null && target?.id === old.id) target.setSelectionRange(caret, caret);
    ready();
  }

  const press = (button) => inTurn(() => pressed(button));

  async function pressed(button) {
    const asked = rows();
    const fresh = await drawn(asked, button);
    if (!fresh) return;
    if (button !== "refresh") undone.push(asked);
    swap(fresh, asked);
  }

  // Only the sentence, while somebody types.
  async function retell() {
    // A button that is on its way brings the sentence with it.
    if (queued) return;
    telling?.abort();
    telling = new AbortController();
    const fresh = await drawn(rows(), "refresh", telling.signal);
    const told = fresh?.querySelector("#builder-sentence");
    if (told) document.getElementById("builder-sentence").replaceChildren(...told.childNodes);
  }

  async function undo() {
    const before = undone.pop();
    if (!before) return;
    const fresh = await drawn(before, "refresh");
    if (!fresh) return undone.push(before);
    builder().replaceWith(fresh);
    ready();
    document.querySelector("[data-undo]:not(:disabled)")?.focus() ?? document.getElementById("n0-add")?.focus();
  }

  function ready() {
    const button = document.querySelector("[data-undo]");
    button.hidden = false;
    button.disabled = !undone.length;
    builder().classList.add("portal-scripted");
    builder().classList.toggle("busy", queued > 0);
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("#builder button");
    if (!button) return;
    event.preventDefault();
    if (button.matches("[data-undo]")) inTurn(undo);
    else press(button.value);
  });
  form.addEventListener("change", (event) => {
    if (!event.target.closest("#builder")) return;
    clearTimeout(typing);
    press("refresh");
  });
  form.addEventListener("input", (event) => {
    if (!event.target.closest("#builder") || event.target.tagName === "SELECT" || event.target.type === "radio") return;
    clearTimeout(typing);
    typing = setTimeout(retell, 350);
  });

  // -- dragging, for pointers; the arrows do the same by keyboard --

  let dragged = null;

  const places = (list) => [...list.children].filter((item) => item !== dragged);

  function placeAt(x, y) {
    const under = document.elementFromPoint(x, y);
    const list = under?.closest("#builder [data-nodes]") ?? under?.closest("#builder [data-group]")?.querySelector("[data-nodes]");
    if (!list || dragged.contains(list)) return null;
    const items = places(list);
    const index = items.findIndex((item) => y < item.getBoundingClientRect().top + item.offsetHeight / 2);
    return { list, index: index < 0 ? items.length : index, before: index < 0 ? null : items[index] };
  }

  function unmark() {
    for (const item of document.querySelectorAll(".portal-target")) item.classList.remove("portal-target");
  }

  form.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("#builder [data-grip]");
    if (!grip || event.button) return;
    event.preventDefault();
    dragged = grip.closest("li[data-node]");
    dragged.classList.add("dragged");
    grip.setPointerCapture(event.pointerId);
  });
  form.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    unmark();
    placeAt(event.clientX, event.clientY)?.before?.classList.add("portal-target");
  });
  form.addEventListener("pointerup", (event) => {
    if (!dragged) return;
    const node = dragged.dataset.node;
    const place = placeAt(event.clientX, event.clientY);
    dragged.classList.remove("dragged");
    dragged = null;
    unmark();
    if (place) press(`move:${node}:${place.list.dataset.nodes}:${place.index}`);
  });
  form.addEventListener("pointercancel", () => {
    dragged?.classList.remove("dragged");
    dragged = null;
    unmark();
  });

  ready();
}
