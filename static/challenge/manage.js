// One of the user's methods: naming it, preferring it, taking it away.

import { call } from "./api.js";
import { nameForm } from "./forms.js";
import { text } from "./page.js";
import { persistently } from "./troubles.js";
import { announce, loading, screen } from "./view.js";

const DONE = { remove: "method-removed", prefer: "method-preferred", rename: "method-renamed" };

export async function manage({ id, label, may, isLast, isDefault }, { title, detail, dates }) {
  const answer = await screen("manage", {
    slots: { name: title, detail, dates },
    when: { ...Object.fromEntries(may.map((right) => [right, true])), last: isLast, default: isDefault },
    message: false,
  });
  if (answer === "back") return;
  const given = answer === "rename" ? await newName(label) : {};
  if (given === "back") return;
  loading();
  const done = await persistently(() => call(`/challenge/api/${answer}-method`, { id, ...given }), { back: true });
  if (done !== "back") announce(text(DONE[answer]));
}

function newName(label) {
  return screen("rename", {
    message: false,
    setup(ui, done) {
      ui.find("#name").value = label ?? "";
      nameForm(ui, async (typed) => {
        done({ newLabel: typed });
        return null;
      });
    },
  });
}
