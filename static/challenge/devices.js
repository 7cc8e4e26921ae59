// Screens that wait for an app on the user's phone: a request sent there, or a QR code that it scans.

import { call, verify } from "./api.js";
import { session, text } from "./page.js";
import { poll } from "./poll.js";
import { failed, refresh } from "./session.js";
import { persistently } from "./troubles.js";
import { announce, loading, screen } from "./view.js";

export async function byPush({ another }) {
  for (;;) {
    loading();
    const sent = await persistently(() => call("/v1/client/challenge/push", {}), { another });
    if (sent === "another") return sent;
    const outcome = await waitForPush(sent, { another });
    if (outcome !== "over") return outcome;
    await leaveIfDeclined();
    if ((await screen("push_over", { when: { another } })) === "another") return "another";
  }
}

function waitForPush({ challengeId, verificationCode: number }, { another }) {
  return screen("push", {
    slots: { number: number ?? "" },
    when: { number, plain: !number, another },
    setup: (ui, done) =>
      poll({
        ask: () => verify("/v1/client/verify/push", { challengeId }),
        told({ isVerified, isConsumed }) {
          if (isVerified) done("proved");
          else if (isConsumed) done("over");
        },
        done,
      }),
  });
}

export async function byQrCode({ another }) {
  for (;;) {
    loading();
    const made = await persistently(newCode, { another });
    if (made === "another") return made;
    const outcome = await showCodes(made, { another });
    if (outcome !== "over") return outcome;
    await leaveIfDeclined();
  }
}

const newCode = () => call("/challenge/api/qr-challenge", {});

function showCodes(first, { another }) {
  return screen("qr_code", {
    when: { shown: true, linked: session.state.isLinked, another },
    setup(ui, done) {
      let stop = () => {};
      const show = ({ challengeId, deviceCode, image, renewAfter }) => {
        ui.slot("qr").src = image;
        const timer = setTimeout(renew, renewAfter * 1000);
        const stopPolling = poll({
          ask: () => verify("/v1/client/verify/qr-code", { challengeId, deviceCode }),
          told({ isVerified, isClaimed, isConsumed }) {
            if (isVerified) done("proved");
            else if (isConsumed) done("over");
            else if (isClaimed) scanned(ui, timer);
          },
          done,
        });
        stop = () => {
          clearTimeout(timer);
          stopPolling();
        };
      };
      const renew = async () => {
        stop();
        const next = await persistently(newCode, { another });
        if (next === "another") return done(next);
        ui.slot("note").textContent = text("new-code");
        return show(next);
      };
      show(first);
      return () => stop();
    },
  });
}

function scanned(ui, timer) {
  clearTimeout(timer);
  if (!ui.find('[data-if="claimed"]').hidden) return;
  ui.show("shown", false);
  ui.show("claimed", true);
  ui.slot("note").textContent = "";
  announce(text("scanned"));
}

// A request that was declined has ended the whole verification; one that only ran out has not.
async function leaveIfDeclined() {
  await persistently(refresh);
  if (session.state.state === "CHALLENGE_FAILED") await failed("declined");
}
