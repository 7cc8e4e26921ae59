// Recovery codes: made once, shown once, and not left before the user says they are saved.

import { call } from "./api.js";
import { copyOnClick } from "./copy.js";
import { config, session, text } from "./page.js";
import { persistently } from "./troubles.js";
import { loading, screen } from "./view.js";

export async function saveRecoveryCodes({ again = false } = {}) {
  const { isEnrolled, recoveryCodes } = session.state;
  const { enabled, remaining } = recoveryCodes;
  if (!isEnrolled || !enabled || (remaining !== undefined && !again)) return;
  loading();
  const made = await persistently(() => call("/challenge/api/recovery-codes", {}), { another: true });
  if (made === "another") return;
  const codes = made.recoveryCodes;
  await screen("recovery_code_enrol", {
    quit: false,
    message: false,
    setup(ui, done) {
      ui.slot("codes").append(...codes.map(listItem));
      const file = `${text("codes-title", { tenant: config.tenant })}\n\n${codes.join("\n")}\n`;
      copyOnClick(ui, () => file);
      ui.on("download", () => download(`${text("codes-file")}.txt`, file));
      ui.on("finish", () => {
        if (ui.slot("saved").checked) {
          done();
        } else {
          ui.slot("problem").textContent = text("confirm-saved");
          ui.slot("saved").focus();
        }
      });
    },
  });
}

function listItem(code) {
  const item = document.createElement("li");
  item.textContent = code;
  return item;
}

function download(name, contents) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([contents], { type: "text/plain" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
