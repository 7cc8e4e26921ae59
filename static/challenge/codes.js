// Screens on which a code is typed: from a message, from an app, or a saved recovery code.

import { ApiError, call, verify } from "./api.js";
import { codeForm, recoveryForm } from "./forms.js";
import { clockProblem, clockText, countdown, session, text } from "./page.js";
import { refresh } from "./session.js";
import { limited, locked, lockOf, persistently, sentence } from "./troubles.js";
import { announce, loading, screen, setDisabled } from "./view.js";

// A code that is on its way already is used, if it is one for this; only a longer pause is worth a screen of its own.
const SHORT_WAIT_SECONDS = 60;

const POLL_DELIVERY_MS = 2000;
const POLLS_OF_DELIVERY = 8;

export const MESSAGE = {
  EMAIL_OTP: { screen: "email_otp", path: "email-otp", field: "email" },
  SMS: { screen: "sms", path: "sms", field: "phoneNumber", other: "WHATSAPP" },
  WHATSAPP: { screen: "whatsapp", path: "whatsapp", field: "phoneNumber", enrol: "/challenge/api/whatsapp", other: "SMS" },
};

// Sends a code and asks for it. Resolves with "proved", "another" or "change". `contact` is set when enrolling it: where
// nothing can be sent to it, resolves with what is `{ wrong }`. `onFile`: it goes to the address that the app gave us, to
// add that. `id`: which one, of several.
export async function byMessage({ method, id, target, contact, onFile, another, change, others = [] }) {
  const way = MESSAGE[method];
  const enrols = Boolean(contact || onFile);
  const send = () => {
    if (contact) return call(way.enrol ?? `/v1/client/user-authenticators/${way.path}`, { [way.field]: contact });
    return onFile ? sendOnFile(method) : call(`/v1/client/challenge/${way.path}`, { userAuthenticatorId: id });
  };
  loading();
  const how = { another: another || change, form: Boolean(contact) };
  const sent = await persistently(() => firstSend(send, method, { id, enrols }), how);
  if (sent.wrong) return sent;
  if (sent === "another") return change ? "change" : "another";
  return screen(way.screen, {
    slots: { target: contact ?? target },
    when: { another, change, switch: !contact && others.includes(way.other) },
    setup(ui, done) {
      const instead = insteadOfSent(ui);
      const stop = resendButton(ui, { ...sent, send, instead });
      ui.on("switch", () => done(way.other));
      if (sent.early) ui.slot("note").textContent = text("recently-sent");
      const path = `/v1/client/verify/${way.path}`;
      codeForm(ui, judge(path, { method, enrols, done, another: another || change, wrong: "wrong-code" }));
      return stop;
    },
  });
}

export const sendOnFile = (method) => call("/challenge/api/enrol-on-file", { verificationMethod: method });

export async function firstSend(send, method, { id, enrols }) {
  try {
    const { challengeId } = await send();
    return { wait: session.state.resendWait, early: false, challengeId };
  } catch (problem) {
    if (problem.status !== 429) throw Object.assign(problem, { sending: true });
    await refresh();
    const lock = lockOf(method, { enrols });
    if (lock || problem.retryAfter > SHORT_WAIT_SECONDS) throw Object.assign(problem, { lock, sending: true });
    // What was sent for something else cannot work here, and what could not be sent is on no way.
    const sent = session.state.sent?.[id ? `${method}:${id}` : method];
    if (sent) return { wait: problem.retryAfter, early: true };
    throw Object.assign(problem, { soon: sent === false ? "not-sent" : "sent-elsewhere" });
  }
}

// What could not be sent stands in the place of "We sent…", until something is sent after all.
export function insteadOfSent(ui) {
  const lead = ui.find(".lead");
  const note = ui.slot("note");
  const sent = [...lead.childNodes];
  return (problem) => {
    lead.replaceChildren(...(problem ? [problem] : sent));
    for (const mark of ["note", "note-problem"]) lead.classList.toggle(mark, Boolean(problem));
    ui.show("sent", !problem);
    note.textContent = "";
    if (problem) announce(problem);
  };
}

// Says so when no provider took the message; what a provider took is only waited for.
function watchDelivery(ui, { challengeId, instead }) {
  if (!challengeId) return () => {};
  let timer = 0;
  let polls = 0;
  let stopped = false;
  const look = async () => {
    const { status } = await call("/challenge/api/delivery", { challengeId }).catch(() => ({ status: "waiting" }));
    polls += 1;
    if (stopped) return;
    if (status === "failed") {
      instead(text(ui.button("another").hidden ? "not-sent" : "not-sent-another"));
    } else if (status === "waiting" && polls < POLLS_OF_DELIVERY) {
      timer = setTimeout(look, POLL_DELIVERY_MS);
    }
  };
  timer = setTimeout(look, POLL_DELIVERY_MS);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

// Sends once more, watches what becomes of what was sent, and returns how to stop both.
export function resendButton(ui, { send, instead, wait, challengeId, what = "resend", done = "resent" }) {
  const button = ui.button("resend");
  const note = ui.slot("note");
  let stop = () => {};
  let unwatch = watchDelivery(ui, { challengeId, instead });
  const pause = (seconds, tell = () => {}) => {
    stop();
    stop = countdown(seconds, (left) => {
      tell(left);
      setDisabled(button, left > 0);
      button.textContent = left ? text(`${what}-in`, { time: clockText(left) }) : text(what);
    });
  };
  const tooEarly = (left) => {
    const words = left ? text("try-again-in", { time: clockText(left) }) : text("try-again-now");
    note.classList.toggle("note-problem", left > 0);
    if (note.textContent !== words) note.textContent = words;
    // Not every second.
    if (!left) announce(words);
  };
  ui.on("resend", async () => {
    setDisabled(button, true);
    note.classList.remove("note-problem");
    try {
      const sent = await send();
      unwatch();
      instead("");
      unwatch = watchDelivery(ui, { challengeId: sent.challengeId, instead });
      note.textContent = text(done);
      pause(session.state.resendWait);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      problem.sending = true;
      if (problem.status === 429) {
        pause(problem.retryAfter || 1, tooEarly);
      } else {
        pause(1);
        instead(sentence(problem));
        return;
      }
    }
    announce(note.textContent);
  });
  pause(wait);
  return () => {
    stop();
    unwatch();
  };
}

export async function byApp({ method, another }) {
  const { slots, when } = clockProblem();
  return screen("authenticator_app", {
    slots,
    when: { another, ...when },
    setup: (ui, done) => {
      codeForm(ui, judge("/v1/client/verify/totp", { method, done, another, wrong: "wrong-code" }));
    },
  });
}

export async function byRecoveryCode({ method, another }) {
  return screen("recovery_code", {
    when: { another },
    setup: (ui, done) => {
      recoveryForm(ui, judge("/challenge/api/recovery-code", { method, done, another, wrong: "wrong-recovery" }));
    },
  });
}

// A form's submit: the server judges; what ends the screen resolves it, anything else is said beside the field.
export function judge(path, { method, enrols, done, another, wrong }) {
  return async (verificationCode) => {
    try {
      const answer = await verify(path, { verificationCode });
      if (answer.isVerified) {
        done("proved");
        return null;
      }
      if (answer.failureReason === "MAX_ATTEMPTS_EXCEEDED") {
        await persistently(refresh);
        done(await locked(lockOf(method, { enrols }), { another }));
        return null;
      }
      return { words: text(wrong), guess: true };
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      if (problem.code === "expired_token") {
        done(await persistently(() => Promise.reject(problem)));
        return null;
      }
      if (problem.status === 429) {
        done(await limited(problem.retryAfter, { another }));
        return null;
      }
      return { words: sentence(problem), guess: false };
    }
  };
}
