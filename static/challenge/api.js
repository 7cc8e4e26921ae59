// Calls to this server with the user's token, which lives in this module's memory and nowhere else.

import { embedded } from "./page.js";
import * as opener from "./opener.js";

const TIMEOUT_MS = 20_000;

let bearer = null;

export class ApiError extends Error {
  // `reason`: the text that tells the user what is wrong, where the server names one.
  constructor({ status, code, retryAfter, reason }) {
    super(code);
    Object.assign(this, { status, code, retryAfter, reason });
  }
}

export function useToken(token) {
  bearer = token;
}

export function currentToken() {
  return bearer;
}

export async function call(path, body, method = "POST") {
  const answer = await request(path, body, method);
  const data = await answer.json().catch(() => ({}));
  if (answer.ok) return data;
  const problem = new ApiError({
    status: answer.status,
    code: data.errorCode ?? "unexpected_error",
    retryAfter: Number(answer.headers.get("Retry-After")) || 0,
    reason: answer.headers.get("Error-Reason"),
  });
  opener.apiError(problem);
  throw problem;
}

async function request(path, body, method) {
  const headers = {
    Authorization: `Bearer ${bearer}`,
    // What is sent to the user is in the language of this page.
    "Accept-Language": document.documentElement.lang,
    "X-Challenge-Embedded": embedded ? "yes" : "no",
  };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new ApiError({ status: 0, code: "network_error", retryAfter: 0 });
  }
}

// A verification that succeeded hands back a stronger token; it takes the place of the one before.
export async function verify(path, body) {
  const answer = await call(path, body);
  if (answer.isVerified && answer.accessToken) useToken(answer.accessToken);
  return answer;
}
