// Copying text for the user, also where a frame was not given the clipboard.

import { text } from "./page.js";
import { announce } from "./view.js";

export function copyOnClick(ui, contents) {
  ui.on("copy", async () => {
    const words = (await copy(contents())) ? text("copied") : text("copy-failed");
    ui.slot("copy").textContent = words;
    announce(words);
  });
}

async function copy(words) {
  try {
    await navigator.clipboard.writeText(words);
    return true;
  } catch {
    return copyBySelection(words);
  }
}

function copyBySelection(words) {
  const area = document.createElement("textarea");
  area.value = words;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
