// Setting up the web app on a phone: the code is shown here, and the phone does the rest.

import { call } from "./api.js";
import { copyOnClick } from "./copy.js";
import { text } from "./page.js";
import { poll } from "./poll.js";
import { persistently } from "./troubles.js";
import { announce, loading, screen } from "./view.js";

// Long enough to read which phone it was: somebody else may have got hold of the code.
const SHOWN_MS = 3000;

// "added" once the phone is enrolled, or "back".
export async function addPhone({ back }) {
  for (;;) {
    loading();
    const invited = await persistently(() => call("/challenge/api/invite-app", {}), { another: back });
    if (invited === "another") return "back";
    const outcome = await show(invited, { back });
    if (outcome !== "over") return outcome;
  }
}

function show({ id, link, code, image }, { back }) {
  return screen("app_enrol", {
    slots: { code },
    when: { back, waiting: true },
    setup(ui, done) {
      ui.slot("qr").src = image;
      ui.slot("link").href = link;
      copyOnClick(ui, () => code);
      const came = (name) => {
        tell(ui, text("phone-added", { name }));
        setTimeout(() => done("added"), SHOWN_MS);
      };
      return poll({
        ask: () => call("/challenge/api/invitation", { id }),
        told({ isUsed, isOver, name, platform }) {
          if (isUsed) came(name || platform || "");
          else if (isOver) done("over");
          return isUsed;
        },
        done,
      });
    },
  });
}

function tell(ui, words) {
  ui.show("waiting", false);
  ui.show("added", true);
  ui.slot("added").textContent = words;
  announce(words);
}
