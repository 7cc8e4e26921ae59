// The hosted page: takes the token out of the address, asks what is to be done, and leads through it.

import { useToken } from "./api.js";
import { end, expired, leave } from "./leaving.js";
import * as opener from "./opener.js";
import { config, embedded, session } from "./page.js";
import { signalAccepted } from "./passkey.js";
import { canAdd, noWay, prove } from "./prove.js";
import { saveRecoveryCodes } from "./recovery.js";
import { failed, finish, quit, refresh, succeeded } from "./session.js";
import { fetched, persistently } from "./troubles.js";
import { loading } from "./view.js";

// States in which there is nothing left for the user to do here.
const CLOSED = {
  BLOCK: "blocked",
  REVIEW_REQUIRED: "review",
  REVIEW_SUCCEEDED: "used",
  REVIEW_FAILED: "blocked",
  CHALLENGE_FAILED: "failed",
};

const PROBLEMS = { expired, missing: reloaded, "other-browser": () => end("other-browser") };

// Most who come have something to prove with, and add nothing.
const enrolment = () => fetched(() => import("./enrol.js"));
const enrol = async (asked) => (await enrolment()).enrol(asked);
const offerPasskey = async () => Boolean(session.state.prompt) && (await enrolment()).offerPasskey();

// The token leaves the address, the history and any Referer before anything else happens. Without one, this entry of
// the history may know the way back.
function takeToken() {
  const query = new URLSearchParams(window.location.search);
  const token = query.get("token");
  window.history.replaceState(token ? null : window.history.state, "", window.location.pathname);
  return token;
}

// Where the server said that the app wants its user back, without the token: all that a reload leaves of this page.
function keepWayBack() {
  const { backUrl } = session.state;
  if (backUrl && opener.isAlone && !config.nativeScheme) window.history.replaceState({ backUrl }, "");
}

async function reloaded() {
  config.returnUrl = opener.isAlone && window.history.state?.backUrl;
  await end("missing");
  leave({ redirectUrl: config.returnUrl }, "quit");
}

async function run() {
  await persistently(refresh);
  keepWayBack();
  const { state, isEnrolled: wasEnrolled, settings: wantsSettings } = session.state;
  if (CLOSED[state]) return failed(CLOSED[state]);
  // Back from a sign-in elsewhere; what it is worth is in the state and the token that came with it.
  const connected = config.returned === "enrolled";
  session.proved = connected || config.returned === "verified";
  if (state === "CHALLENGE_SUCCEEDED" && !wantsSettings && !config.enrol && !session.proved) return used();

  const wantsNew = () =>
    !connected && (!session.state.isEnrolled || config.forceEnrollment || config.enrol || isWaiting());
  await proveIfNeeded({ wantsMore: wantsNew() || (wantsSettings && !session.state.vouched) });
  const enrolled = wantsNew() && canAdd() && (await enrol({ first: !wasEnrolled, forced: config.forceEnrollment }));
  // Who came for the settings finds passkeys there.
  const offered = !enrolled && !wantsSettings && session.proved && (await offerPasskey());
  if (session.state.passkeys) signalAccepted(session.state.passkeys);
  // The window that set it up shows the codes: made here too, they would end those that it shows.
  if ((!wasEnrolled || connected) && !session.elsewhere) await saveRecoveryCodes();
  if (wantsSettings && config.mode !== "continue") {
    await (await fetched(() => import("./settings.js"))).settings();
    return finish("succeeded");
  }
  return session.proved ? succeeded({ enrolled: enrolled || offered || connected }) : finish("succeeded");
}

// Where the app vouches for its user, the settings need no proof.
const isWaiting = () => session.state.state === "CHALLENGE_REQUIRED" && !session.state.vouched;

// A first method needs no proof; everything else does, where the app did not vouch for the user.
async function proveIfNeeded({ wantsMore }) {
  const { methods, isEnrolled, canEnrol } = session.state;
  const enrolInstead = !isEnrolled && canAdd();
  if (methods.length && !enrolInstead && (isWaiting() || (wantsMore && !canEnrol))) {
    await prove();
    await persistently(refresh);
  }
  const stuck = isWaiting() || (wantsMore && !session.state.isEnrolled && !session.state.vouched);
  if (stuck && !canAdd()) await noWay();
}

async function used() {
  await end("used");
  return finish("succeeded");
}

document.body.classList.toggle("framed", embedded);
document.getElementById("quit").addEventListener("click", quit);
opener.followHeight(document.getElementById("card"));

const token = takeToken();
useToken(token);
const problem = config.problem || (token ? "" : "missing");
if (problem) {
  if (problem === "expired") opener.apiError({ code: "expired_token", status: 401 });
  PROBLEMS[problem]();
} else {
  loading();
  run();
}
