// Named scenarios against a running server: each prints one JSON line, and any failure makes the process fail.
import { existsSync, readFileSync } from "node:fs";
import { createHmac, randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { Authsignal } from "@authsignal/node";

const need = (name) => {
  if (!process.env[name]) throw new Error(`${name} is not set: it comes from the test's "live" fixture.`);
  return process.env[name];
};

export const apiUrl = need("AUTHSIGNAL_API_URL");
export const apiSecretKey = need("AUTHSIGNAL_API_SECRET_KEY");
export const tenantId = need("AUTHSIGNAL_TENANT_ID");

/** Where the pages of an app would live; the tenant must list it among its origins. */
export const appOrigin = need("APP_ORIGIN");

export const authsignal = new Authsignal({ apiSecretKey, apiUrl, retries: 0 });

export const newUserId = () => `user-${randomUUID()}`;
export const newEmail = () => `${randomUUID()}@example.com`;
export const newPhone = () => `+6421${String(Math.floor(Math.random() * 1e7)).padStart(7, "0")}`;

const SECONDS = 30; // that one scenario may take
const scenarios = new Map();

export function scenario(name, run) {
  if (scenarios.has(name)) throw new Error(`There are two scenarios named "${name}".`);
  scenarios.set(name, run);
}

/** Run the scenarios named on the command line, or all of them; `--list` prints their names instead. */
export async function main() {
  const names = process.argv.slice(2);
  if (names[0] === "--list") return console.log([...scenarios.keys()].join("\n"));
  for (const name of names.length ? names : scenarios.keys()) {
    const result = { scenario: name, ...(await outcome(scenarios.get(name))) };
    console.log(JSON.stringify(result));
    if (!result.ok) process.exitCode = 1;
  }
  // A page of jsdom or a kept connection may hold the process open.
  process.exit();
}

async function outcome(run) {
  if (!run) return { ok: false, detail: "There is no scenario of that name." };
  const late = pause(SECONDS * 1000).then(() => Promise.reject(new Error(`No end after ${SECONDS} seconds.`)));
  try {
    return { ok: true, detail: (await Promise.race([run(), late])) ?? "" };
  } catch (error) {
    return { ok: false, detail: error.stack ?? String(error) };
  }
}

/** The newest code that was sent to that address or number; waits for it, at most ten seconds. */
export async function codeSentTo(to) {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await pause(50)) {
    const message = messages().findLast((each) => each.to === to && each.code);
    if (message) return message.code;
  }
  throw new Error(`No message with a code was sent to ${to}.`);
}

function messages() {
  const outbox = need("OUTBOX");
  if (!existsSync(outbox)) return []; // The first message makes it.
  // The last line may be half written.
  const lines = readFileSync(outbox, "utf8").split("\n").slice(0, -1);
  return lines.filter(Boolean).map((line) => JSON.parse(line));
}

/** A code of the right length that is not this one. */
export const otherThan = (code) => (code.startsWith("0") ? "1" : "0") + code.slice(1);

/** RFC 6238, SHA-1, six digits, 30 seconds; `steps` away from now. */
export function totp(secret, steps = 0) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const digest = createHmac("sha1", base32(secret)).update(counter).digest();
  const number = digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

function base32(text) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...text.replace(/=+$/, "")].map((c) => alphabet.indexOf(c).toString(2).padStart(5, "0")).join("");
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}
