// Asking the server from a page that may have been open for long, and what to tell where it gives no answer.

export const TOO_MUCH = "This is too much for one rule. Put the values on a value list.";
const SIGNED_OUT = "You were signed out. Sign in in another tab, then go on here: what you wrote is still on this page.";
const FORBIDDEN = "You may not change rules any more.";
const FAILED = "Something went wrong on the server; it is recorded there. Try again, or tell whoever runs it.";
const SILENT = "The server did not answer. Check your connection, then try again.";

// Its message is for the reader.
export class Trouble extends Error {}

// The server leads to the sign-in page whoever is not signed in.
export const isSignedOut = (answer) => answer.type === "opaqueredirect" || answer.status === 401;

function checked(answer) {
  if (answer.ok) return answer;
  if (isSignedOut(answer)) throw new Trouble(SIGNED_OUT);
  if (answer.status === 403) throw new Trouble(FORBIDDEN);
  throw new Trouble(answer.status === 400 || answer.status === 413 ? TOO_MUCH : FAILED);
}

// Rejects with an AbortError where the question was taken back.
async function reach(url, options) {
  try {
    return await fetch(url, { redirect: "manual", ...options });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Trouble(SILENT);
  }
}

// Whoever has signed in again since the page was loaded must send another token with its forms. Throws Trouble.
export async function renew(url) {
  const { token } = await checked(await reach(url)).json();
  for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = token;
}

// The text that the server answers to these fields. Throws Trouble.
export async function ask(url, sent, { sessionUrl, signal } = {}) {
  const post = () => {
    const body = new URLSearchParams(sent);
    body.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    return reach(url, { method: "POST", body, signal });
  };
  let answer = await post();
  if (answer.status === 403) {
    await renew(sessionUrl);
    answer = await post();
  }
  return checked(answer).text();
}
