// The app: set this phone up by a code, then show what waits for an answer.

import { ApiError } from "../challenge/api.js";
import { contactForm } from "../challenge/forms.js";
import { config, text } from "../challenge/page.js";
import { allowQuit, announce, loading, screen } from "../challenge/view.js";
import * as calls from "./calls.js";
import { canScan, watch } from "./camera.js";
import { inFragment, read } from "./codes.js";
import * as installing from "./install.js";
import * as keys from "./keys.js";
import * as notifications from "./notifications.js";
import * as requests from "./requests.js";
import * as store from "./store.js";

const POLL_MS = 4000;
// So long home waits for what it is to show: what comes later moves the rest of it.
const FIRST_LOOK_MS = 1500;
const PATHS = { PUSH: "push", QR_CODE: "qr-code", IN_APP: "in-app" };

const accounts = () => store.accountsOf(config.tenantId);

// The code leaves the address and the history before anything else happens. Anybody may have sent the link.
function takeLink() {
  const given = inFragment(window.location.hash);
  window.history.replaceState(null, "", window.location.pathname);
  return given && { ...given, byLink: true };
}

async function run() {
  let wanted = takeLink();
  let problem = "";
  for (;;) {
    const known = await accounts();
    if (wanted?.enrol) wanted = await enrol(wanted.enrol);
    else if (wanted?.scan && known.length) wanted = await scanned(known, wanted);
    else if (!known.length) {
      problem = wanted?.scan ? text("not-this-phone") : "";
      wanted = await start(problem);
    } else wanted = await home(known);
  }
}

// -- setting up --------------------------------------------------------------------------------------------------

function start(problem) {
  return screen("start", {
    slots: { problem },
    when: { camera: canScan, install: !("PushManager" in window) },
    setup(ui, done) {
      readForm(ui, done);
      ui.on("scan", async () => done(await scan()));
    },
  });
}

function readForm(ui, done) {
  const given = (typed) => {
    done(read(typed));
    return null;
  };
  contactForm(ui, given, (typed) => (read(typed) ? "" : text("no-code")));
  if (!canScan) typeInstead(ui);
}

// Where there is no camera to look through, typing is the way.
function typeInstead(ui) {
  ui.find("form button").className = "primary";
}

function scan() {
  return screen("scan", {
    when: { camera: canScan, plain: !canScan },
    setup(ui, done) {
      let stop = () => {};
      let left = false;
      readForm(ui, done);
      ui.on("back", () => done(null));
      const found = (words) => (read(words) ? done(read(words)) : (ui.slot("problem").textContent = text("no-code")));
      const unseen = () => {
        ui.show("camera", false);
        typeInstead(ui);
        ui.slot("problem").textContent = text("no-camera");
      };
      if (canScan) watch(ui.slot("camera"), found).then((made) => (left ? made() : (stop = made)), unseen);
      return () => {
        left = true;
        stop();
      };
    },
  });
}

async function enrol(code) {
  const name = await askName();
  if (name === "back") return null;
  loading();
  try {
    const key = await keys.make();
    const { userId } = await calls.enrol(code, key, name);
    await added({ ...key, tenantId: config.tenantId, userId, name, since: Date.now() });
  } catch (problem) {
    return explain(problem, enrolProblem(problem), { enrol: code });
  }
  await screen("result", { when: { enrolled: true } });
  return null;
}

// The key is useless unless it is kept; the one before of the same user is done with.
async function added(account) {
  const former = (await accounts()).filter(({ userId }) => userId === account.userId);
  await store.keep(account);
  await store.persist();
  for (const one of former) {
    await calls.remove(one).catch(() => {});
    await store.forget(one);
  }
}

function askName() {
  return screen("enrol", {
    setup(ui, done) {
      ui.find("#contact").value = deviceName();
      const given = (typed) => {
        done(typed.trim());
        return null;
      };
      contactForm(ui, given, (typed) => (typed.trim() ? "" : text("no-name")));
    },
  });
}

const deviceName = () => requests.browserOf(navigator.userAgent) || text("this-phone");

function enrolProblem(problem) {
  if (problem.code === "expired_token") return text("code-over");
  return problem.status === 403 ? text("not-allowed") : "";
}

// -- answering ---------------------------------------------------------------------------------------------------

// A link asks before it claims anything: a page may have opened it, and nobody scanned.
async function scanned(known, { scan: challengeId, byLink = false }) {
  if (byLink && (await screen("linked")) === "back") return null;
  const account = known.length === 1 ? known[0] : await choose(known);
  if (account === "back") return null;
  return answered(() => requests.byScan(account, challengeId, byLink), { scan: challengeId, byLink });
}

function choose(known) {
  return screen("choose", {
    setup: (ui, done) => ui.slot("accounts").append(...known.map((one) => accountRow(one, () => done(one)))),
  });
}

async function answered(work, again) {
  try {
    const outcome = await work();
    await screen("result", { when: { [outcome]: true } });
    return null;
  } catch (problem) {
    const isOver = problem.status === 400;
    return explain(problem, isOver ? text("not-for-this-phone") : "", isOver ? null : again);
  }
}

// What to do next: `again`, or nothing.
async function explain(problem, words, again) {
  const known = problem instanceof ApiError;
  const reason = words || (known ? calls.sentence(problem) : text("no-storage"));
  const retry = known && !words && again !== null;
  const when = { retry, back: retry, "only-back": !retry };
  const answer = await screen("error", { slots: { reason }, when });
  return answer === "retry" ? again : null;
}

// -- home --------------------------------------------------------------------------------------------------------

async function home(known) {
  notifications.keepOn(known);
  loading();
  const first = waitingFor(known);
  const soon = await Promise.race([first, new Promise((resolve) => setTimeout(resolve, FIRST_LOOK_MS))]);
  const chosen = await screen("home", {
    when: { asking: true, notify: notifications.permission() === "default", denied: notifications.permission() === "denied" },
    setup(ui, done) {
      const removed = new Set();
      const showAccounts = () =>
        ui.slot("accounts").replaceChildren(...known.map((one) => accountRow(one, () => done({ account: one }), removed)));
      showAccounts();
      ui.on("notify", async () => {
        const words = text((await notifications.turnOn(known)) ? "notifications-on" : "notifications-off");
        ui.show("notify", notifications.permission() === "default");
        ui.show("denied", notifications.permission() === "denied");
        ui.slot("problem").textContent = notifications.permission() === "granted" ? "" : words;
        announce(words);
      });
      const showInstall = () => ui.show("install", installing.isOffered());
      showInstall();
      installing.whenOffered(showInstall);
      ui.on("install", () => installing.install().then(showInstall));
      const tell = (found) => {
        ui.show("asking", false);
        for (const account of found.gone) removed.add(account.publicKey);
        if (found.gone.length) showAccounts();
        showRequests(ui, found, done);
      };
      if (soon) tell(soon);
      return watchRequests(known, soon ? null : first, tell);
    },
  });
  if (chosen === "scan") return scan();
  if (chosen.account) return oneAccount(chosen.account);
  return answered(() => requests.byPush(chosen.of, chosen.told), null);
}

let shown = "";

function showRequests(ui, { waiting, problem }, done) {
  ui.slot("problem").textContent = problem ? calls.sentence(problem) : "";
  ui.show("failing", Boolean(problem));
  ui.show("empty", waiting.length === 0 && !problem);
  const ids = waiting.map(({ told }) => told.challengeId).join();
  if (ids === shown && ui.slot("requests").childElementCount === waiting.length) return;
  if (ids && ids !== shown) announce(text("new-request"));
  shown = ids;
  ui.slot("requests").replaceChildren(...waiting.map((one) => requestRow(one, () => done(one))));
}

// Asks for all accounts until it is stopped: every few seconds while somebody looks, and at once when they come back.
// `asked`: the answer that is on its way already, if it is.
function watchRequests(known, asked, tell) {
  let timer = 0;
  let stopped = false;
  const take = async (asking) => {
    const found = await asking;
    if (stopped) return;
    tell(found);
    wait();
  };
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(step, POLL_MS);
  };
  const step = () => {
    clearTimeout(timer);
    if (!document.hidden) take(waitingFor(known));
  };
  document.addEventListener("visibilitychange", step);
  window.addEventListener("focus", step);
  hurry = step;
  if (asked) take(asked);
  else wait();
  return () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", step);
    window.removeEventListener("focus", step);
    hurry = () => {};
  };
}

let hurry = () => {};

async function waitingFor(known) {
  const found = { waiting: [], gone: [], problem: null };
  for (const account of known) {
    try {
      const told = await ask(account);
      // The key is another user's by now: what waits for them is not to be approved under this name.
      if (told.userId && told.userId !== account.userId) found.gone.push(account);
      else if (told.challengeId) found.waiting.push({ of: account, told });
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      if (problem.code === "invalid_credential") found.gone.push(account);
      else found.problem = problem;
    }
  }
  return found;
}

// Where push is not in use nothing can wait, but the account may be gone: from every method that it could be set up for.
async function ask(account) {
  let gone = null;
  for (const method of config.methods) {
    try {
      if (method === "PUSH") return await calls.pending(account);
      const { userId } = await calls.isEnrolled(account, PATHS[method]);
      return { userId };
    } catch (problem) {
      if (problem.code !== "invalid_credential") throw problem;
      gone = problem;
    }
  }
  if (gone) throw gone;
  return {};
}

async function oneAccount(account) {
  let problem = "";
  for (;;) {
    const detail = text("set-up-on", { day: day(account.since) });
    const answer = await screen("account", { slots: { name: account.userId, detail, problem } });
    if (answer === "back") return null;
    loading();
    try {
      await calls.remove(account);
      await store.forget(account);
      return null;
    } catch (failed) {
      problem = failed instanceof ApiError ? calls.sentence(failed) : text("no-storage");
    }
  }
}

// -- rows --------------------------------------------------------------------------------------------------------

function row({ icon, name, detail }, onClick) {
  const made = document.getElementById("row-choice").content.cloneNode(true);
  made.querySelector("use").setAttribute("href", icon);
  made.querySelector('[data-slot="name"]').textContent = name;
  made.querySelector('[data-slot="detail"]').textContent = detail;
  made.querySelector("button").addEventListener("click", onClick);
  return made;
}

const requestRow = ({ of, told }, onClick) =>
  row({ icon: "#icon-shield", name: told.message || told.actionName, detail: requests.joined([of.userId, ...origin(told)]) }, onClick);

const origin = ({ userAgent, ipAddress }) =>
  [userAgent && requests.browserShown(userAgent), ipAddress && requests.addressShown(ipAddress)];

function accountRow(account, onClick, removed = new Set()) {
  const detail = removed.has(account.publicKey) ? text("removed-account") : text("set-up-on", { day: day(account.since) });
  return row({ icon: "#icon-phone", name: account.userId, detail: requests.joined([account.name, detail]) }, onClick);
}

const day = (time) => new Date(time).toLocaleDateString(document.documentElement.lang, { dateStyle: "long" });

// -- beginning ---------------------------------------------------------------------------------------------------

window.addEventListener("hashchange", () => {
  if (inFragment(window.location.hash)) window.location.reload();
});
notifications.start(() => hurry());
allowQuit(false);
loading();
run().catch((problem) => {
  const reason = problem instanceof ApiError ? calls.sentence(problem) : text("no-storage");
  screen("error", { slots: { reason }, when: { retry: true } }).then(() => window.location.reload());
  if (!(problem instanceof ApiError) && !(problem instanceof DOMException)) throw problem;
});
