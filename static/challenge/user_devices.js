// The user's devices: which ones there are, and forgetting one.

import { call } from "./api.js";
import { dayText, text } from "./page.js";
import { persistently } from "./troubles.js";
import { announce, loading, screen, tag } from "./view.js";

// As `is_phone` in actions/devices.py.
const PHONE = /iPhone|iOS|Android/;

// Resolves when the user goes back.
export async function devices() {
  for (;;) {
    loading();
    const found = await persistently(() => call("/challenge/api/devices", {}), { back: true });
    if (found === "back") return;
    const list = found.devices;
    const answer = await screen("devices", {
      when: { some: list.length, none: !list.length },
      message: false,
      setup: (ui, done) => ui.slot("rows").append(...list.map((device) => row(ui, device, done))),
    });
    if (answer === "back") return;
    loading();
    const done = await persistently(() => call("/challenge/api/forget-device", { id: answer.id }), { back: true });
    if (done !== "back") announce(text("forgotten"));
  }
}

function row(ui, device, done) {
  const copy = ui.slot("row").content.cloneNode(true);
  const part = (name) => copy.querySelector(`[data-slot="${name}"]`);
  const name = device.name ?? text("unknown-device");
  part("name").append(name);
  for (const mark of [device.isThis && "this-device", device.isRemembered && "remembered"]) {
    if (mark) part("name").append(" ", tag(text(mark)));
  }
  if (PHONE.test(name)) copy.querySelector("use").setAttribute("href", "#icon-phone");
  const day = dayText(device.authenticatedAt ?? device.createdAt);
  part("detail").textContent = text(device.authenticatedAt ? "last-verified" : "first-seen", { day });
  part("whose").textContent = ` ${name}`;
  part("forget").addEventListener("click", () => done(device));
  return copy;
}
