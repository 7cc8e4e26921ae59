// A link by email: this page waits until it was confirmed, or takes the code that it shows in another browser.

import { call, verify } from "./api.js";
import { firstSend, insteadOfSent, judge, resendButton, sendOnFile } from "./codes.js";
import { codeForm } from "./forms.js";
import { config } from "./page.js";
import { poll } from "./poll.js";
import { persistently } from "./troubles.js";
import { loading, screen } from "./view.js";

const METHOD = "EMAIL_MAGIC_LINK";
const FINALIZE = "/v1/client/verify/email-magic-link/finalize";

// As `byMessage` in codes.js.
export async function byLink({ id, target, contact, onFile, another, change }) {
  loading();
  if (await confirmedAlready()) return "proved";
  const send = () => (onFile ? sendOnFile(METHOD) : call("/challenge/api/magic-link", contact ? { email: contact } : { userAuthenticatorId: id }));
  const enrols = Boolean(contact || onFile);
  const how = { another: another || change, form: Boolean(contact) };
  let sent = await persistently(() => firstSend(send, METHOD, { id, enrols }), how);
  if (sent.wrong) return sent;
  if (sent === "another") return change ? "change" : "another";
  for (;;) {
    const outcome = await wait({ sent, send, target: contact ?? target, another, change });
    if (outcome !== "code") return outcome;
    const answer = await typeCode({ enrols, another: another || change });
    if (answer !== "back") return answer;
    sent = { wait: 0 };
  }
}

// The link's own tab goes on with what was confirmed there; every other one sends a link.
async function confirmedAlready() {
  if (!config.linkConfirmed) return false;
  config.linkConfirmed = false;
  return (await persistently(() => verify(FINALIZE, {}))).isVerified;
}

function wait({ sent, send, target, another, change }) {
  return screen("email_magic_link", {
    slots: { target },
    when: { another, change, sent: true },
    setup(ui, done) {
      const instead = insteadOfSent(ui);
      const stops = [
        resendButton(ui, { ...sent, send, instead, what: "resend-link", done: "resent-link" }),
        poll({
          ask: () => verify(FINALIZE, {}),
          told({ isVerified }) {
            if (isVerified) done("proved");
            return isVerified;
          },
          done,
        }),
      ];
      return () => stops.forEach((stop) => stop());
    },
  });
}

function typeCode({ enrols, another }) {
  return screen("link_code", {
    setup: (ui, done) => {
      codeForm(ui, judge("/challenge/api/magic-link/code", { method: METHOD, enrols, done, another, wrong: "wrong-code" }));
    },
  });
}
