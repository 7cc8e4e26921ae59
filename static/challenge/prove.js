// Proving with something the user has: choose, then challenge, until one succeeds.

import { isCeremony, PROVE } from "./ceremonies.js";
import { byApp, byMessage, byRecoveryCode } from "./codes.js";
import { config, dayText, session, text } from "./page.js";
import * as passkey from "./passkey.js";
import { failed, refresh } from "./session.js";
import { fetched, locked, lockOf, persistently, sentence } from "./troubles.js";
import { loading, screen } from "./view.js";

// Few pages get so far: an app on a phone or in this browser, a link by email, somebody else who answers for the user.
const devices = () => fetched(() => import("./devices.js"));
const byPush = async (asked) => (await devices()).byPush(asked);
const byQrCode = async (asked) => (await devices()).byQrCode(asked);
export const byLink = async (asked) => (await fetched(() => import("./links.js"))).byLink(asked);
const thisDevice = () => fetched(() => import("./this_device.js"));
const byThisDevice = async (asked) => (await thisDevice()).byThisDevice(asked);
const identity = () => fetched(() => import("./identity.js"));
export const byAccount = async (asked) => (await identity()).byAccount(asked);
export const byCheck = async (asked) => (await identity()).byCheck(asked);

const WAYS = {
  PASSKEY: byCredential,
  SECURITY_KEY: byCredential,
  AUTHENTICATOR_APP: byApp,
  EMAIL_OTP: byMessage,
  EMAIL_MAGIC_LINK: byLink,
  SMS: byMessage,
  WHATSAPP: byMessage,
  PUSH: byPush,
  QR_CODE: byQrCode,
  IN_APP: byThisDevice,
  APPLE_ID_TOKEN: byAccount,
  GOOGLE_ID_TOKEN: byAccount,
  OIDC_PROVIDER: byAccount,
  VERIFF: byCheck,
  IPROOV: byCheck,
  IDVERSE: byCheck,
  ONFIDO: byCheck,
  PALM_BIOMETRICS_RR: byCheck,
  RECOVERY_CODE: byRecoveryCode,
};

export const usable = (choices) => choices.filter(({ method }) => !isCeremony(method) || passkey.supported);

export const canAdd = () => session.state.canEnrol && usable(session.state.enrollable).length > 0;

// Where only a passkey would do that this browser cannot use, another browser will.
export function noWay() {
  const { methods, enrollable, canEnrol } = session.state;
  const offered = canEnrol ? [...methods, ...enrollable] : methods;
  const unsupported = !passkey.supported && offered.some(({ method }) => isCeremony(method));
  return failed("unavailable", { unsupported, none: !unsupported });
}

// Resolves once the user is proved. `wanted`: the method to begin with, if it is there.
export async function prove(wanted = "") {
  const choices = await ready();
  if (!choices.length) await noWay();
  const another = choices.length > 1;
  const others = choices.map(({ method }) => method);
  let choice = another ? (choices.find(({ method }) => method === wanted) ?? choices.find(isFirst)) : choices[0];
  for (;;) {
    choice ??= await choose(choices);
    const way = WAYS[choice.method];
    const outcome = (await whileLocked(choice.method, { another })) ?? (await way({ ...choice, another, others }));
    if (outcome === "proved") break;
    if (others.includes(outcome)) choice = switched(choices, choice, outcome);
    if (outcome === "another") choice = undefined;
  }
  session.proved = true;
}

// By SMS instead of WhatsApp or the other way round: to the same number, where the user has several.
function switched(choices, { id }, to) {
  const offered = choices.filter(({ method }) => method === to);
  return offered.find((one) => one.id === id) ?? offered[0];
}

// The web app's own proof is there only where this very browser holds its key.
async function ready() {
  const choices = usable(session.state.methods);
  const isInApp = ({ method }) => method === "IN_APP";
  if (!choices.some(isInApp) || (await (await thisDevice()).look())) return choices;
  return choices.filter((one) => !isInApp(one));
}

// The link's own tab goes on with the link. What takes no code now is not where to begin.
export const isFirst = ({ method, isDefault }) => {
  const asked = config.linkConfirmed ? "EMAIL_MAGIC_LINK" : config.use;
  return asked ? method === asked : isDefault && !lockOf(method);
};

// Nothing is sent, and nothing asked for, that would not be taken.
async function whileLocked(method, { another }) {
  if (!lockOf(method)) return undefined;
  await persistently(refresh);
  const seconds = lockOf(method);
  return seconds ? locked(seconds, { another }) : undefined;
}

function choose(choices) {
  return screen("choose", {
    setup: (ui, done) => listChoices(ui.slot("choices"), choices, done),
  });
}

export function listChoices(list, choices, done, { isNew = false } = {}) {
  for (const choice of choices) {
    const card = document.getElementById(`card-${choice.method}`).content.cloneNode(true);
    const detail = card.querySelector('[data-slot="detail"]');
    const added = choice.addedAt && text("added", { day: dayText(choice.addedAt) });
    const known = [choice.label, choice.target, added].filter(Boolean).join(" · ");
    if (known) detail.textContent = known;
    if (choice.name) card.querySelector('[data-slot="name"]').textContent = choice.name;
    if (choice.replaces) detail.textContent = text("replaces");
    if (lockOf(choice.method, { enrols: isNew })) {
      detail.textContent = text("locked");
      card.querySelector("use").setAttribute("href", "#icon-lock");
    }
    for (const part of card.querySelectorAll('[data-if="new"]')) part.hidden = !isNew;
    card.querySelector("button").addEventListener("click", () => done(choice));
    list.append(card);
  }
}

async function byCredential({ method, another }) {
  let problem = "";
  for (;;) {
    const when = { another, fresh: !problem, retry: problem };
    const answer = await screen(method.toLowerCase(), { slots: { problem }, when });
    if (answer === "another") return answer;
    const outcome = await persistently(() => ceremony(PROVE[method]), { another });
    if (outcome === "proved" || outcome === "another") return outcome;
    problem = outcome;
  }
}

// "proved", or the sentence that says why not.
async function ceremony({ begin, finish }) {
  const begun = await begin();
  let credential;
  try {
    credential = await passkey.get(begun.options);
  } catch {
    // Cancelled, timed out or refused: browsers do not say which, on purpose.
    return text("passkey-cancelled");
  }
  loading();
  try {
    const answer = await finish(begun, credential);
    return answer.isVerified ? "proved" : text("passkey-cancelled");
  } catch (problem) {
    if (problem.code === "unknown_credential") {
      passkey.signalUnknown(begun.options.rpId, credential.id);
    }
    if (problem.status === 400) return sentence(problem);
    throw problem;
  }
}
