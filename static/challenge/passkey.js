// WebAuthn ceremonies between the server's JSON and the browser's binary forms (WebAuthn L3 §5.1.8 to §5.1.10).

import { embedded } from "./page.js";

export const supported = Boolean(window.PublicKeyCredential && navigator.credentials);

// Whether this device could hold a passkey itself; a key or a phone beside it do not count.
export async function deviceCan() {
  return supported && (await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().catch(() => false));
}

// Creating inside somebody else's page is refused by some browsers; Chromium says so beforehand.
export function mayCreateHere() {
  const policy = document.permissionsPolicy ?? document.featurePolicy;
  return !embedded || !policy || policy.allowsFeature("publickey-credentials-create");
}

// A refusal of the frame looks like the user's own cancelling, so both ways on are offered.
export function maybeRefusedByFrame(problem) {
  return embedded && ["NotAllowedError", "NotSupportedError", "SecurityError"].includes(problem.name);
}

function decode(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}

function encode(buffer) {
  if (!buffer) return undefined;
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const descriptors = (list = []) => list.map((item) => ({ ...item, id: decode(item.id) }));

function common(credential) {
  return {
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

export async function create(options) {
  const publicKey = {
    ...options,
    challenge: decode(options.challenge),
    user: { ...options.user, id: decode(options.user.id) },
    excludeCredentials: descriptors(options.excludeCredentials),
  };
  const credential = await navigator.credentials.create({ publicKey });
  note(credential);
  const { response } = credential;
  return {
    ...common(credential),
    response: {
      clientDataJSON: encode(response.clientDataJSON),
      attestationObject: encode(response.attestationObject),
      transports: response.getTransports?.() ?? [],
    },
  };
}

export async function get(options) {
  const publicKey = {
    ...options,
    challenge: decode(options.challenge),
    allowCredentials: descriptors(options.allowCredentials),
  };
  const credential = await navigator.credentials.get({ publicKey });
  note(credential);
  const { response } = credential;
  return {
    ...common(credential),
    response: {
      clientDataJSON: encode(response.clientDataJSON),
      authenticatorData: encode(response.authenticatorData),
      signature: encode(response.signature),
      userHandle: encode(response.userHandle),
    },
  };
}

// -- which passkeys are on this device, as far as this browser saw them; only ids, which tell nothing by themselves -----

const HERE = "passkeys-here";
const KEPT = 20;

function seen() {
  try {
    const ids = JSON.parse(localStorage.getItem(HERE));
    return Array.isArray(ids) ? ids : [];
  } catch {
    return [];
  }
}

export function markHere(ids) {
  try {
    localStorage.setItem(HERE, JSON.stringify([...new Set([...ids, ...seen()])].slice(0, KEPT)));
  } catch {
    // Without a place to keep it, a passkey is offered once more.
  }
}

export const isHere = (ids) => seen().some((id) => ids.includes(id));

// One that came from a phone beside this device, or from a key, is not on it.
function note({ id, authenticatorAttachment }) {
  if (authenticatorAttachment !== "cross-platform") markHere([id]);
}

// -- what the password manager should know (WebAuthn L3 §5.1.10); browsers without it go on as before ------------------

export function signalUnknown(rpId, credentialId) {
  window.PublicKeyCredential?.signalUnknownCredential?.({ rpId, credentialId }).catch(() => {});
}

export function signalAccepted({ rpId, userId, credentialIds }) {
  const list = { rpId, userId, allAcceptedCredentialIds: credentialIds };
  window.PublicKeyCredential?.signalAllAcceptedCredentials?.(list).catch(() => {});
}
