// The web app's key, where this very browser holds it: proving is a click here.

import { call, currentToken, useToken } from "./api.js";
import { sign } from "../app/keys.js";
import { accountsOf } from "../app/store.js";
import { persistently } from "./troubles.js";
import { loading, screen } from "./view.js";

let account = null;

// Whether it holds one of whoever the token is of; in a frame of another site the browser keeps another store, or none.
export async function look() {
  try {
    const { sub, other } = claims(currentToken());
    account = (await accountsOf(other.tenantId)).find(({ userId }) => userId === sub) ?? null;
  } catch {
    account = null;
  }
  return account !== null;
}

export async function byThisDevice({ another }) {
  if ((await screen("in_app", { when: { another } })) === "another") return "another";
  loading();
  const answer = await persistently(prove, { another });
  if (answer === "another") return answer;
  useToken(answer.token);
  return "proved";
}

async function prove() {
  const action = claims(currentToken()).other.actionCode;
  const { challengeId } = await call("/v1/client/challenge", { action });
  const { publicKey } = account;
  return call("/v1/client/verify/in-app", { challengeId, publicKey, signature: await sign(account, challengeId) });
}

function claims(token) {
  const part = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (char) => char.charCodeAt(0))));
}
