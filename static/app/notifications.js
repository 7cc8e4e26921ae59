// Web Push: the worker, and telling the server where this browser is reached.

import { config } from "../challenge/page.js";
import * as calls from "./calls.js";
import * as store from "./store.js";

const DAY_MS = 86_400_000;

const POLICY = window.trustedTypes?.createPolicy(config.policy, {
  createScriptURL(address) {
    if (address !== config.worker) throw new TypeError(address);
    return address;
  },
});

export function start(onRequest) {
  if (!("serviceWorker" in navigator)) return;
  const address = POLICY ? POLICY.createScriptURL(config.worker) : config.worker;
  // Without a worker the app works as long as it is open.
  navigator.serviceWorker.register(address, { scope: config.scope }).catch(() => {});
  navigator.serviceWorker.addEventListener("message", onRequest);
}

// On an iPhone only an app on the home screen has a PushManager.
const isPossible = () =>
  Boolean(config.pushKey) &&
  config.methods.includes("PUSH") &&
  "serviceWorker" in navigator &&
  "PushManager" in window &&
  "Notification" in window;

// "default", "granted", "denied", or "impossible".
export const permission = () => (isPossible() ? Notification.permission : "impossible");

// Whether they are on now. To be called by a click: browsers ask for nothing else.
export async function turnOn(accounts) {
  if ((await Notification.requestPermission()) !== "granted") return false;
  try {
    await tell(accounts, await subscription());
    return true;
  } catch {
    return false;
  }
}

// A subscription may change at any time, and an account may be new.
export async function keepOn(accounts) {
  if (permission() !== "granted") return;
  try {
    await tell(accounts, await subscription());
  } catch {
    // Tried again when the app is opened the next time.
  }
}

async function subscription() {
  const worker = await navigator.serviceWorker.ready;
  const had = await worker.pushManager.getSubscription();
  return had ?? worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: config.pushKey });
}

async function tell(accounts, found) {
  for (const account of accounts.filter((one) => one.endpoint !== found.endpoint || isLongAgo(one.told))) {
    await calls.renew(account, JSON.stringify(found));
    await store.keep(Object.assign(account, { endpoint: found.endpoint, told: Date.now() }));
  }
}

// The server forgets a subscription that a push service does not know for a moment.
const isLongAgo = (time = 0) => Date.now() - time > DAY_MS;
