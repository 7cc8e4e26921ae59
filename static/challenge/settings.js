// After the proof, where the app asked for it: what is set up, and adding to it.

import { call } from "./api.js";
import { devices } from "./user_devices.js";
import { canAdd, enrol } from "./enrol.js";
import { session, text } from "./page.js";
import { saveRecoveryCodes } from "./recovery.js";
import { refresh } from "./session.js";
import { persistently } from "./troubles.js";
import { loading, screen } from "./view.js";

// Resolves when the user is done.
export async function settings() {
  for (;;) {
    loading();
    const list = await persistently(() => call("/v1/client/user-authenticators", undefined, "GET"));
    const { recoveryCodes, canEnrol } = session.state;
    const answer = await screen("settings", {
      slots: { remaining: recoveryCodes.remaining ?? "" },
      when: {
        recovery: recoveryCodes.enabled && recoveryCodes.remaining !== undefined,
        add: canAdd(),
        codes: canEnrol && recoveryCodes.enabled,
        devices: session.state.seesDevices,
      },
      message: false,
      setup: (ui) => ui.slot("rows").append(...list.map(row)),
    });
    if (answer === "finish") return;
    if (answer === "add") await enrol({ first: false, back: true });
    if (answer === "devices") await devices();
    if (answer === "codes") await saveRecoveryCodes({ again: true });
    await persistently(refresh);
  }
}

// A method's card, as a plain row.
function row(authenticator) {
  const card = document.getElementById(`card-${authenticator.verificationMethod}`).content.cloneNode(true);
  const item = card.querySelector("li");
  const content = document.createElement("div");
  content.className = "row";
  content.append(...item.querySelector("button").children);
  for (const part of content.querySelectorAll(".icon-next, [data-if]")) part.remove();
  const detail = authenticator.email ?? authenticator.phoneNumber ?? authenticator.displayName ?? providerOf(authenticator);
  const named = session.state.methods.find(({ method }) => method === authenticator.verificationMethod);
  if (named?.name) content.querySelector(".choice-name").textContent = named.name;
  if (detail) content.querySelector('[data-slot="detail"]').textContent = detail;
  if (authenticator.isDefault) content.querySelector(".choice-name").append(" ", tag(text("default")));
  item.replaceChildren(content);
  return item;
}

// "iCloud Keychain", "YubiKey 5": who made it, where the key says so and it is known.
const providerOf = ({ webauthnCredential }) => webauthnCredential?.aaguidMapping?.name;

function tag(words) {
  const mark = document.createElement("span");
  mark.className = "tag";
  mark.textContent = words;
  return mark;
}
