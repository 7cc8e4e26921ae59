// A request on the screen: what it is about, and the answer, which is signed.

import { ApiError } from "../challenge/api.js";
import { contactForm } from "../challenge/forms.js";
import { text } from "../challenge/page.js";
import { loading, screen } from "../challenge/view.js";
import * as calls from "./calls.js";

const NUMBER = /^[0-9]{2}$/;
// A wrong number more and the server ends the request.
const WRONG_NUMBERS = 2;

export const byPush = (account, told) => decide(account, "push", told, { asksNumber: told.numberMatching });

// Scanned first, so that nobody else can answer it, then decided.
export async function byScan(account, challengeId, byLink) {
  loading();
  const told = await calls.claim(account, challengeId, byLink);
  return decide(account, "qr-code", { ...told, challengeId }, { asksNumber: false });
}

async function decide(account, path, told, { asksNumber }) {
  const send = (approved, number) => calls.answer(account, path, told, approved, number);
  let wrong = 0;
  const complain = (done) => {
    wrong += 1;
    if (wrong < WRONG_NUMBERS) return { words: text("wrong-number"), guess: true };
    done("over");
    return null;
  };
  const judged = (done, decided) => ({ done, decided, complain, asksNumber });
  const outcome = await screen("request", {
    slots: { transaction: told.message ?? "" },
    when: { transaction: told.message, number: asksNumber, plain: !asksNumber },
    setup(ui, done) {
      ui.slot("about").append(...about(account, told));
      const valid = (typed) => (NUMBER.test(typed.trim()) ? "" : text("two-digits"));
      contactForm(ui, (typed) => attempt(send(true, typed.trim()), judged(done, "approved")), valid);
      const press = (approved) => {
        ui.busy(true);
        attempt(send(approved), judged(done, approved ? "approved" : "declined"));
      };
      ui.on("approve", () => press(true));
      ui.on("decline", () => press(false));
    },
  });
  return outcome instanceof ApiError ? Promise.reject(outcome) : outcome;
}

// Null when the screen is done with; else the words that say what is wrong. A refusal that came too late stopped nothing.
async function attempt(sending, { done, decided, complain, asksNumber }) {
  try {
    const { isVerified, failureReason } = await sending;
    const isWrong = asksNumber && decided === "approved" && failureReason === "CODE_INVALID_OR_EXPIRED";
    if (isVerified || (decided === "declined" && !failureReason)) done(decided);
    else if (isWrong) return complain(done);
    else done("over");
  } catch (problem) {
    done(problem.status === 400 ? "over" : problem);
  }
  return null;
}

function about(account, told) {
  const known = { ...told.user?.custom, ...told.custom };
  const rows = [
    [text("about-account"), account.userId],
    [text("about-action"), told.actionName],
    [text("about-agent"), told.userAgent && browserShown(told.userAgent)],
    [text("about-address"), told.ipAddress && addressShown(told.ipAddress)],
    ...Object.entries(known).map(([name, value]) => [inWords(name), Array.isArray(value) ? value.join(", ") : String(value)]),
  ];
  return rows.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
}

// "merchantName" → "Merchant name", "IBAN_to" → "IBAN to": the app's own names, as people write them.
function inWords(name) {
  const apart = name.replace(/([\p{Ll}\d])(\p{Lu})/gu, "$1 $2").replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2");
  const parts = apart.split(/[\s_-]+/).filter(Boolean);
  const words = parts.map((part) => (/\p{Ll}/u.test(part) ? part.toLowerCase() : part)).join(" ");
  return words ? words[0].toUpperCase() + words.slice(1) : name;
}

function element(tag, words) {
  const made = document.createElement(tag);
  made.textContent = words;
  return made;
}

// "Chrome · Windows": as much as a person compares. Whoever asks writes what stands there, so that only names of ours show.
const BROWSERS = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
const SYSTEMS = [["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]];

export function browserOf(agent) {
  const named = [BROWSERS, SYSTEMS].map((list) => list.find(([mark]) => agent.includes(mark))?.[1]);
  return named.filter(Boolean).join(" · ");
}

export const browserShown = (agent) => browserOf(agent) || text("unknown-browser");

// A long one of IPv6 is broken between its groups.
export const addressShown = (address) => address.replaceAll(":", ":\u200b");

// No dot begins a line.
export const joined = (parts) => parts.filter(Boolean).join("\u00a0· ");
