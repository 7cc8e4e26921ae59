// The mobile endpoints of the Client API, called as the SDKs call them: with the tenant's id, and a signature.

import { ApiError } from "../challenge/api.js";
import { config, text } from "../challenge/page.js";
import { inQuery, sign } from "./keys.js";

const BASE = "/v1/client/user-authenticators";
const TIMEOUT_MS = 20_000;
const REMOVAL_STEP_MS = 600_000;
// The server takes the message of this minute and of the one before.
const QUESTION_LIVES_MS = 50_000;

async function call(path, { method = "POST", body, bearer, signature } = {}) {
  const headers = { Authorization: bearer ? `Bearer ${bearer}` : `Basic ${btoa(`${config.tenantId}:`)}` };
  if (body) headers["Content-Type"] = "application/json";
  if (signature) headers["X-Authsignal-Signature"] = signature;
  let answer;
  try {
    answer = await fetch(BASE + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new ApiError({ status: 0, code: "network_error" });
  }
  const data = await answer.json().catch(() => ({}));
  if (answer.ok) return data;
  throw new ApiError({ status: answer.status, code: data.errorCode ?? "unexpected_error" });
}

// Never the server's own description: that is for developers.
export function sentence(problem) {
  if (problem.status === 0) return text("network");
  if (problem.status === 429) return text("limited");
  return text(problem.status >= 500 ? "server" : "error");
}

export const enrol = (code, { publicKey }, deviceName) =>
  call("/device", {
    bearer: `app.${config.tenantId}.${code}`,
    body: { publicKey, deviceName, devicePlatform: "web" },
  });

const questions = new Map();

async function question({ publicKey, privateKey }) {
  const known = questions.get(publicKey);
  if (known && known.until > performance.now()) return known.signature;
  const until = performance.now() + QUESTION_LIVES_MS;
  const { message } = await call(`/push/challenge/sign?publicKey=${inQuery(publicKey)}`);
  const signature = await sign({ privateKey }, message);
  questions.set(publicKey, { until, signature });
  return signature;
}

export async function pending(account) {
  const signature = await question(account);
  return call(`/push/challenge?publicKey=${inQuery(account.publicKey)}`, { method: "GET", signature });
}

export const isEnrolled = ({ publicKey }, path) =>
  call(`/${path}?publicKey=${inQuery(publicKey)}`, { method: "GET" });

async function signed(account, message, more) {
  return { publicKey: account.publicKey, signature: await sign(account, message), ...more };
}

// Where the action is linked to its transaction, the challenge's id stands for that too (docs/dynamic_linking.md), and the
// hash says which one was shown here.
export async function answer(account, path, { challengeId, transaction }, approved, number = null) {
  const linked = transaction?.hash;
  const given = { challengeId, approved, verificationCode: number, ...(linked && { transactionHash: linked }) };
  return call(`/${path}/challenge`, { body: await signed(account, challengeId, given) });
}

export const claim = async (account, challengeId, byLink) =>
  call("/qr-code/challenge/claim", { body: await signed(account, challengeId, { challengeId, byLink }) });

export async function renew(account, pushToken) {
  const { challengeId, message } = await call(`/push/sign?publicKey=${inQuery(account.publicKey)}`);
  return call("/push", { method: "PATCH", body: await signed(account, message, { challengeId, pushToken }) });
}

// Signed with the ten minutes that it is, as a number with a fraction: as the SDKs print it.
export const remove = async (account) =>
  call("/device/remove", { body: await signed(account, `${Math.floor(Date.now() / REMOVAL_STEP_MS)}.0`) });
