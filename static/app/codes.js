// What a QR code or a typed line says: an invitation to enrol, or a challenge to answer.

import { config } from "../challenge/page.js";

const INVITATION = /^[A-Z2-7]{24}$/;
const CHALLENGE = /^[0-9a-f]{64}$/;

// {enrol: code}, {scan: challenge id}, or null. A link counts only if it leads into this very app.
export function read(words) {
  const typed = words.trim();
  if (typed.includes("#")) return isOurs(typed) ? inFragment(typed.slice(typed.indexOf("#"))) : null;
  const code = typed.toUpperCase().replace(/[^A-Z0-9]/g, "");
  if (INVITATION.test(code)) return { enrol: code };
  return CHALLENGE.test(typed.toLowerCase()) ? { scan: typed.toLowerCase() } : null;
}

export function inFragment(fragment) {
  const given = new URLSearchParams(fragment.slice(1));
  if (INVITATION.test(given.get("enrol") ?? "")) return { enrol: given.get("enrol") };
  return CHALLENGE.test(given.get("scan") ?? "") ? { scan: given.get("scan") } : null;
}

function isOurs(link) {
  const url = URL.parse?.(link) ?? parsed(link);
  return url?.origin === window.location.origin && url.pathname === config.scope;
}

function parsed(link) {
  try {
    return new URL(link);
  } catch {
    return null;
  }
}
