// After the proof, where the app asked for it: what is set up, adding to it, preferring one, taking one away.

import { call } from "./api.js";
import { dayText, session, text } from "./page.js";
import { canAdd, prove, usable } from "./prove.js";
import { renewRecoveryCodes } from "./recovery.js";
import { refresh } from "./session.js";
import { fetched, persistently } from "./troubles.js";
import { loading, screen, tag } from "./view.js";

const add = async () => (await fetched(() => import("./enrol.js"))).enrol({ first: false, back: true });
const devices = async () => (await fetched(() => import("./user_devices.js"))).devices();

// Resolves when the user is done.
export async function settings() {
  for (;;) {
    loading();
    const { methods: list } = await persistently(() => call("/challenge/api/methods", {}));
    const { recoveryCodes } = session.state;
    const answer = await screen("settings", {
      slots: { remaining: recoveryCodes.remaining ?? "" },
      when: {
        some: list.length > 1,
        none: !list.length,
        recovery: recoveryCodes.enabled && recoveryCodes.remaining !== undefined,
        add: canAdd(),
        low: recoveryCodes.isLow,
        codes: recoveryCodes.mayMake,
        devices: session.state.seesDevices,
      },
      message: false,
      setup: (ui, done) => ui.slot("rows").append(...list.map((one) => row(ui, one, done))),
    });
    if (answer === "finish") return;
    if (answer === "add") await add();
    else if (answer === "devices") await devices();
    else if (answer === "codes") await renewRecoveryCodes();
    else await manage(answer);
    await persistently(refresh);
    await proveAgain();
  }
}

// Whoever removed what they proved themselves with may do nothing more, until they prove themselves by something else.
async function proveAgain() {
  const { methods, canEnrol, vouched } = session.state;
  if (canEnrol || vouched || !usable(methods).length) return;
  await prove();
  await persistently(refresh);
}

async function manage(method) {
  const told = { title: titleOf(method), detail: detailOf(method), dates: datesOf(method) };
  await (await fetched(() => import("./manage.js"))).manage(method, told);
}

// A method's card, as a plain row.
function row(ui, method, done) {
  const copy = ui.slot("row").content.cloneNode(true);
  const part = (name) => copy.querySelector(`[data-slot="${name}"]`);
  const title = titleOf(method);
  part("icon").replaceWith(cardOf(method).querySelector(".icon"));
  part("name").append(title);
  for (const mark of [method.isDefault && "default", method.isExpired && "expired"]) {
    if (mark) part("name").append(" ", tag(text(mark)));
  }
  part("detail").textContent = detailOf(method);
  part("dates").textContent = datesOf(method);
  part("whose").textContent = ` ${title} ${detailOf(method)}`;
  const button = part("manage");
  button.hidden = !method.may.length && !method.isLast;
  button.addEventListener("click", () => done(method));
  return copy;
}

const cardOf = ({ method }) => document.getElementById(`card-${method}`).content.cloneNode(true);

// As the tenant calls it (an identity provider), else as the method's card does.
function nameOf({ name, ...method }) {
  if (name) return name;
  const words = cardOf(method).querySelector(".choice-name");
  for (const part of words.querySelectorAll("[data-if]")) part.remove();
  return words.textContent.trim();
}

// What its user called it comes first.
const titleOf = (method) => method.label ?? nameOf(method);
const detailOf = (method) => [method.label && nameOf(method), method.detail].filter(Boolean).join(" · ");

// "Chrome · Windows · Added 3 May 2026, last used 9 May 2026".
function datesOf({ madeOn, createdAt, lastUsedAt }) {
  const day = dayText(createdAt);
  const dates = lastUsedAt ? text("added-used", { day, used: dayText(lastUsedAt) }) : text("added", { day });
  return [madeOn, dates].filter(Boolean).join(" · ");
}
