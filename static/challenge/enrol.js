// Setting up something new: choose what, prove to have it, and keep recovery codes for the day it is lost.

import { call } from "./api.js";
import { MAKE } from "./ceremonies.js";
import { byMessage, judge } from "./codes.js";
import { codeForm, contactForm } from "./forms.js";
import { clockProblem, config, session, text } from "./page.js";
import * as passkey from "./passkey.js";
import { byAccount, byCheck, byLink, listChoices, prove, usable } from "./prove.js";
import { openElsewhere, refresh } from "./session.js";
import { fetched, persistently, sentence } from "./troubles.js";
import { copyOnClick } from "./copy.js";
import { allowQuit, announce, loading, screen } from "./view.js";

const POLL_MS = 2000;
const EMAIL = /^[^@\s]+@[^@\s]+$/;
const PHONE = /^\+?[0-9]{7,15}$/;

// Only a number needs the list of countries.
const numbers = () => fetched(() => import("./phone.js"));
const addPhone = async (asked) => (await fetched(() => import("./app_enrol.js"))).addPhone(asked);

const WAYS = {
  PASSKEY: createCredential,
  SECURITY_KEY: createCredential,
  AUTHENTICATOR_APP: addApp,
  EMAIL_OTP: addContact,
  EMAIL_MAGIC_LINK: addContact,
  SMS: addContact,
  WHATSAPP: addContact,
  PUSH: addPhone,
  QR_CODE: addPhone,
  IN_APP: addPhone,
  APPLE_ID_TOKEN: connect(byAccount),
  GOOGLE_ID_TOKEN: connect(byAccount),
  OIDC_PROVIDER: connect(byAccount),
  VERIFF: connect(byCheck),
  IPROOV: connect(byCheck),
  IDVERSE: connect(byCheck),
  ONFIDO: connect(byCheck),
  PALM_BIOMETRICS_RR: connect(byCheck),
};

const EXISTS = { PASSKEY: "passkey-exists", SECURITY_KEY: "key-exists" };

// Resolves with true once something was added, or with false when the user went back.
export async function enrol({ first, forced = false, back = false }) {
  const choices = usable(session.state.enrollable);
  allowQuit(!forced);
  let choice = choices.length === 1 ? choices[0] : choices.find(({ method }) => method === (config.linkConfirmed ? "EMAIL_MAGIC_LINK" : config.enrol));
  let outcome;
  for (;;) {
    choice ??= await chooseNew(choices, { first, forced, back });
    if (choice === "back") return false;
    outcome = await WAYS[choice.method]({ ...choice, back: choices.length > 1 || back });
    if (outcome === "proved" || outcome === "elsewhere" || outcome === "added") break;
    if (outcome === "retry") continue;
    if (choices.length === 1 && back) return false;
    if (choices.length > 1) choice = undefined;
  }
  allowQuit(true);
  session.elsewhere = outcome === "elsewhere";
  if (outcome === "added") await proveByNew(choice.method);
  else session.proved = true;
  await persistently(refresh);
  return true;
}

// A phone that was set up has proved nothing yet: that is its first use.
async function proveByNew(method) {
  await persistently(refresh);
  if (session.state.state === "CHALLENGE_REQUIRED" || !session.state.canEnrol) await prove(method);
}

function chooseNew(choices, { first, forced, back }) {
  return screen("enrol", {
    when: { first, further: !first, back: back && !forced },
    setup: (ui, done) => listChoices(ui.slot("choices"), choices, done, { isNew: true }),
  });
}

function connect(way) {
  return async ({ method, name, back }) => {
    const outcome = await way({ method, name, back, enrols: true });
    return outcome === "another" ? "back" : outcome;
  };
}

// -- email and text message --------------------------------------------------------------------------------------

async function addContact({ method, target, editable, back }) {
  // An address that the app gave us needs no typing, only its code.
  let known = target;
  let given = {};
  for (;;) {
    if (!known) given = await askContact(method, { ...given, back: back || Boolean(target) });
    if (given === "back" && !target) return given;
    if (given === "back") {
      known = target;
      given = {};
    }
    const { contact } = given;
    const send = method === "EMAIL_MAGIC_LINK" ? byLink : byMessage;
    // Of whoever has nothing yet, it is proved, and with that enrolled.
    const onFile = known && !session.state.isNew;
    const outcome = await send({ method, target: known, contact, onFile, another: back, change: !known || editable });
    if (outcome === "another") return "back";
    if (outcome !== "change" && !outcome.wrong) return outcome;
    given = { ...given, wrong: outcome.wrong };
    known = undefined;
  }
}

// Resolves with the address and how it was typed, or "back". `wrong`: what is with the one typed before.
async function askContact(method, { back, typed = "", country, wrong }) {
  const isEmail = method.startsWith("EMAIL");
  const number = isEmail ? null : await numbers();
  return screen(`${method.toLowerCase()}_enrol`, {
    when: { back },
    setup(ui, done) {
      const address = (value) => (isEmail ? value.trim() : number.international(ui, value));
      const valid = (value) => ((isEmail ? EMAIL : PHONE).test(address(value)) ? "" : text(isEmail ? "bad-email" : "bad-phone"));
      const give = (value) => {
        done({ contact: address(value), typed: value, country: ui.slot("countries")?.dataset.picked });
        return null;
      };
      ui.find("#contact").value = typed;
      if (!isEmail) number.fillCountries(ui, country);
      contactForm(ui, give, valid, wrong);
    },
  });
}

// -- authenticator app ---------------------------------------------------------------------------------------------

async function addApp({ back, showsDownload }) {
  if (showsDownload && (await screen("get_app", { when: { back } })) === "back") return "back";
  loading();
  const made = await persistently(
    async () => {
      const { uri, secret } = await call("/v1/client/user-authenticators/totp", {});
      return { uri, secret, ...(await call("/challenge/api/qr", { uri })) };
    },
    { another: back },
  );
  if (made === "another") return "back";
  const clock = clockProblem();
  return screen("authenticator_app_enrol", {
    slots: { secret: made.secret.match(/.{1,4}/g).join(" "), ...clock.slots },
    when: { back, ...clock.when },
    setup(ui, done) {
      ui.slot("qr").src = made.image;
      ui.find('[data-href="uri"]').href = made.uri;
      const secret = ui.find("#secret");
      ui.on("secret", () => {
        secret.hidden = !secret.hidden;
        ui.button("secret").setAttribute("aria-expanded", String(!secret.hidden));
      });
      copyOnClick(ui, () => made.secret);
      const how = { method: "AUTHENTICATOR_APP", enrols: true, done, another: back, wrong: "wrong-code" };
      codeForm(ui, judge("/v1/client/verify/totp", how));
    },
  });
}

// -- passkey and security key -------------------------------------------------------------------------------------------------------

// After a proof, where the tenant or a rule wants it, this device can, and none is known to be on it; whoever does not
// want one now goes on and is not asked again for as long as the tenant says. True once there is one.
export async function offerPasskey() {
  const { prompt, canEnrol } = session.state;
  const wanted = prompt?.includes("PASSKEY") && canEnrol && !passkey.isHere(knownPasskeys());
  if (!wanted || !(await passkey.deviceCan())) return false;
  // The proof stands, and leaving would leave it.
  allowQuit(false);
  const outcome = await createCredential({ method: "PASSKEY", back: false, offered: true });
  allowQuit(true);
  if (outcome !== "proved" && outcome !== "elsewhere") {
    // Whether or not that could be kept, the user goes on.
    await call("/challenge/api/not-now", {}).catch(() => {});
    return false;
  }
  await persistently(refresh);
  return true;
}

const knownPasskeys = () => session.state.passkeys?.credentialIds ?? [];

async function createCredential({ method, back, offered = false }) {
  let problem = "";
  const here = passkey.mayCreateHere();
  let refused = false;
  for (;;) {
    const answer = await screen(`${method.toLowerCase()}_enrol`, {
      slots: { problem },
      when: { back, here, window: !here, also: here && refused, offered, asked: !offered },
    });
    if (answer === "back" || answer === "later") return answer;
    if (answer === "window") {
      if ((await elsewhere(method)) === "elsewhere") return "elsewhere";
      continue;
    }
    const outcome = await persistently(() => ceremony(method), { another: back || offered });
    if (outcome === "another") return offered ? "later" : "back";
    if (outcome === "proved") return outcome;
    problem = outcome.words;
    refused ||= outcome.refused;
  }
}

async function ceremony(method) {
  const { begin, finish } = MAKE[method];
  const begun = await begin();
  let credential;
  try {
    credential = await passkey.create(begun.options);
  } catch (problem) {
    if (problem.name === "InvalidStateError") {
      // Which of them is here, the browser does not say.
      if (method === "PASSKEY") passkey.markHere(knownPasskeys());
      return { words: text(EXISTS[method]) };
    }
    return { words: text("passkey-cancelled"), refused: passkey.maybeRefusedByFrame(problem) };
  }
  loading();
  try {
    const answer = await finish(begun, credential);
    return answer.isVerified ? "proved" : { words: text("passkey-cancelled") };
  } catch (problem) {
    if (problem.status === 400 || problem.status === 409) return { words: sentence(problem) };
    throw problem;
  }
}

// The other window works on the same verification, so the server knows when it has succeeded.
function elsewhere(method) {
  const before = session.state.enrolledCount;
  openElsewhere(method);
  return screen("elsewhere", {
    setup(ui, done) {
      ui.on("open", () => openElsewhere(method));
      const timer = setInterval(async () => {
        await refresh().catch(() => announce(text("network")));
        if (session.state.enrolledCount > before) done("elsewhere");
      }, POLL_MS);
      return () => clearInterval(timer);
    },
  });
}
