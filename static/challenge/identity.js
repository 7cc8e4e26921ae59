// What somebody else answers for: an account with an identity provider, or a vendor who looks at the person.

import { call, verify } from "./api.js";
import { config, embedded, session, text } from "./page.js";
import { poll } from "./poll.js";
import { failed, openElsewhere, refresh } from "./session.js";
import { persistently } from "./troubles.js";
import { announce, loading, screen } from "./view.js";

const never = new Promise(() => {});

// -- accounts --------------------------------------------------------------------------------------------------------

// Leaves for the provider's page; whoever comes back does so to a new document. A frame has another window do it all.
export async function byAccount({ method, name, another, back, enrols = false }) {
  let problem = takeFailure(method) ? text("not-signed-in") : "";
  for (;;) {
    const answer = await accountScreen({ method, name, problem, another, back, enrols });
    if (answer !== "go") return answer;
    loading();
    const sent = await persistently(() => call("/challenge/api/authorize", asked(method, enrols)), {
      another: another || back,
    });
    if (sent === "another") return sent;
    window.location.assign(sent.url);
    await never;
  }
}

function takeFailure(method) {
  if (config.returned !== "failed" || config.use !== method) return false;
  config.returned = "";
  return true;
}

const asked = (method, enrols) => ({
  verificationMethod: method,
  enrol: enrols,
  ...(config.mode === "continue" && { mode: config.mode }),
  ...(config.nativeScheme && { nativeScheme: config.nativeScheme }),
  forceEnrollment: config.forceEnrollment,
});

function accountScreen({ method, name, problem, another, back, enrols }) {
  return screen("federated", {
    slots: { name: name ?? cardName(method), problem },
    when: { prove: !enrols, enrol: enrols, here: !embedded, window: embedded, another, back },
    setup(ui, done) {
      if (!embedded) return undefined;
      const before = session.state.enrolledCount;
      const wasWaiting = session.state.state === "CHALLENGE_REQUIRED";
      let stop = () => {};
      ui.on("go", () => {
        stop();
        openElsewhere(method, enrols ? "enrol" : "use");
        ui.slot("problem").textContent = "";
        announce(text("signing-in"));
        stop = poll({
          ask: async () => refresh(),
          told() {
            const { state, enrolledCount } = session.state;
            if (enrols && enrolledCount > before) done("elsewhere");
            else if (!enrols && wasWaiting && state === "CHALLENGE_SUCCEEDED") done("proved");
          },
          done,
        });
      });
      return () => stop();
    },
  });
}

// -- identity checks -------------------------------------------------------------------------------------------------

const START = {
  true: "/v1/client/user-authenticators/identity-check",
  false: "/v1/client/challenge/identity-check",
};

export async function byCheck({ method, name, another, back, enrols = false }) {
  for (;;) {
    loading();
    const begun = await persistently(() => call(START[enrols], { verificationMethod: method }), {
      another: another || back,
    });
    if (begun === "another") return begun;
    const outcome = await waitForCheck(begun, { method, name, another, back });
    if (outcome !== "over") return outcome;
    await persistently(refresh);
    if (session.state.state === "CHALLENGE_FAILED") await failed("failed");
    const answer = await screen("check_over", { when: { another, back } });
    if (answer !== "again") return answer;
  }
}

function waitForCheck({ challengeId, url }, { method, name, another, back }) {
  return screen("identity_check", {
    slots: { name: name ?? cardName(method) },
    when: { link: url, terminal: !url, another, back },
    setup(ui, done) {
      ui.on("open", () => {
        window.open(url, "_blank", "noopener,noreferrer");
        ui.slot("note").textContent = text("signing-in");
      });
      return poll({
        ask: () => verify("/v1/client/verify/identity-check", { challengeId }),
        told({ isVerified, isConsumed }) {
          if (isVerified) done("proved");
          else if (isConsumed) done("over");
        },
        done,
      });
    },
  });
}

// What the method's card calls it.
const cardName = (method) =>
  document.getElementById(`card-${method}`).content.querySelector('[data-slot="name"]').textContent;
