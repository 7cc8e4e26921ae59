// The phone's key: made here, usable here, and not to be taken out. Written as the mobile SDKs write theirs.

const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const SIGNED_WITH = { name: "ECDSA", hash: "SHA-256" };
const HALF = 32;

// `publicKey`: base64 of a SubjectPublicKeyInfo in DER.
export async function make() {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(CURVE, false, ["sign"]);
  return { privateKey, publicKey: base64(await crypto.subtle.exportKey("spki", publicKey)) };
}

// Base64 of the ASN.1 DER signature of the text's UTF-8 bytes.
export async function sign({ privateKey }, text) {
  const raw = new Uint8Array(await crypto.subtle.sign(SIGNED_WITH, privateKey, new TextEncoder().encode(text)));
  const body = [...integer(raw.subarray(0, HALF)), ...integer(raw.subarray(HALF))];
  return base64(Uint8Array.from([0x30, body.length, ...body]));
}

// WebCrypto gives two numbers of 32 bytes; DER wants each without leading zeros and never negative.
function integer(bytes) {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = [...bytes.subarray(first)];
  if (digits[0] & 0x80) digits.unshift(0);
  return [0x02, digits.length, ...digits];
}

function base64(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}

// In a query the base64 text is in base64 once more.
export const inQuery = (publicKey) => btoa(publicKey).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
