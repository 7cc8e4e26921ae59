// After the proof, where the app asked for it: what is set up, adding to it, preferring one, taking one away.

import { call } from "./api.js";
import { devices } from "./user_devices.js";
import { canAdd, enrol } from "./enrol.js";
import { session, text } from "./page.js";
import { saveRecoveryCodes } from "./recovery.js";
import { refresh } from "./session.js";
import { persistently } from "./troubles.js";
import { announce, loading, screen } from "./view.js";

// Resolves when the user is done.
export async function settings() {
  for (;;) {
    loading();
    const list = await persistently(() => call("/v1/client/user-authenticators", undefined, "GET"));
    const { recoveryCodes, canEnrol, isEnrolled } = session.state;
    const answer = await screen("settings", {
      slots: { remaining: recoveryCodes.remaining ?? "" },
      when: {
        some: list.length,
        none: !list.length,
        recovery: recoveryCodes.enabled && recoveryCodes.remaining !== undefined,
        add: canAdd(),
        codes: canEnrol && isEnrolled && recoveryCodes.enabled,
        devices: session.state.seesDevices,
      },
      message: false,
      setup: (ui, done) => ui.slot("rows").append(...list.map((one) => row(ui, one, done))),
    });
    if (answer === "finish") return;
    if (answer === "add") await enrol({ first: false, back: true });
    else if (answer === "devices") await devices();
    else if (answer === "codes") await saveRecoveryCodes({ again: true });
    else await manage(answer);
    await persistently(refresh);
  }
}

// A method's card, as a plain row.
function row(ui, authenticator, done) {
  const copy = ui.slot("row").content.cloneNode(true);
  const part = (name) => copy.querySelector(`[data-slot="${name}"]`);
  const name = nameOf(authenticator);
  part("icon").replaceWith(cardOf(authenticator).querySelector(".icon"));
  part("name").append(name);
  if (authenticator.isDefault) part("name").append(" ", tag(text("default")));
  part("detail").textContent = detailOf(authenticator);
  part("whose").textContent = ` ${name}`;
  const button = part("manage");
  const { mayRemove, mayPrefer, keepsLast } = session.state;
  button.hidden = !mayRemove && !mayPrefer && !keepsLast;
  button.addEventListener("click", () => done(authenticator));
  return copy;
}

async function manage(authenticator) {
  const { mayRemove, mayPrefer, keepsLast } = session.state;
  const answer = await screen("manage", {
    slots: { name: nameOf(authenticator), detail: detailOf(authenticator) },
    when: { remove: mayRemove, prefer: mayPrefer && !authenticator.isDefault, last: keepsLast },
    message: false,
  });
  if (answer === "back") return;
  loading();
  const done = await persistently(
    () => call(`/challenge/api/${answer}-method`, { id: authenticator.userAuthenticatorId }),
    { back: true },
  );
  if (done !== "back") announce(text(answer === "remove" ? "method-removed" : "method-preferred"));
}

const cardOf = ({ verificationMethod }) => document.getElementById(`card-${verificationMethod}`).content.cloneNode(true);

// As the tenant calls it (an identity provider), else as the method's card does.
function nameOf({ verificationMethod }) {
  const named = session.state.methods.find(({ method }) => method === verificationMethod)?.name;
  if (named) return named;
  const name = cardOf({ verificationMethod }).querySelector(".choice-name");
  for (const part of name.querySelectorAll("[data-if]")) part.remove();
  return name.textContent.trim();
}

// The address, the phone's name, or "iCloud Keychain", "YubiKey 5": who made it, where the key says so.
const detailOf = ({ email, phoneNumber, displayName, webauthnCredential }) =>
  email ?? phoneNumber ?? displayName ?? webauthnCredential?.aaguidMapping?.name ?? "";

function tag(words) {
  const mark = document.createElement("span");
  mark.className = "tag";
  mark.textContent = words;
  return mark;
}
