// Dragging rows and groups by their grip, for pointers. The arrows do the same by keyboard.

// `moved` is told the row's number, the group that it is dropped into, and its place there.
export function allowDragging(form, moved) {
  let dragged = null;

  const places = (list) => [...list.children].filter((item) => item !== dragged);

  function placeAt(x, y) {
    const under = document.elementFromPoint(x, y);
    const list = under?.closest("#builder [data-nodes]") ?? under?.closest("#builder [data-group]")?.querySelector("[data-nodes]");
    if (!list || dragged.contains(list)) return null;
    const items = places(list);
    const index = items.findIndex((item) => y < item.getBoundingClientRect().top + item.offsetHeight / 2);
    return { list, index: index < 0 ? items.length : index, before: items[index], last: items.at(-1) };
  }

  // A line above what it would stand before, or below what it would stand last after.
  function mark({ list, before, last }) {
    if (before) before.classList.add("portal-target");
    else (last ?? list).classList.add("portal-target-after");
  }

  function unmark() {
    for (const item of document.querySelectorAll(".portal-target, .portal-target-after")) {
      item.classList.remove("portal-target", "portal-target-after");
    }
  }

  function drop() {
    dragged?.classList.remove("dragged");
    dragged = null;
    unmark();
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
    const place = placeAt(event.clientX, event.clientY);
    if (place) mark(place);
  });
  form.addEventListener("pointerup", (event) => {
    if (!dragged) return;
    const node = dragged.dataset.node;
    const place = placeAt(event.clientX, event.clientY);
    drop();
    if (place) moved(node, place.list.dataset.nodes, place.index);
  });
  form.addEventListener("pointercancel", drop);
}
