// A passkey provider in software for pages of jsdom: what the browser asks of a device, answered with real keys.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

const UP = 0x01;
const UV = 0x04;
const BACKED_UP = 0x18; // eligible and done
const ATTESTED = 0x40;
const GOOGLE_PASSWORD_MANAGER = "ea9b8d664d011d213ce4b6b48cb575d4";

/** A device with its passkeys; `origin` is the page's, as a browser would fill it in. */
export function softAuthenticator({ origin }) {
  const passkeys = [];
  const device = { passkeys, cancels: false };

  device.credentials = {
    async create({ publicKey }) {
      if (device.cancels) throw new DOMException("The user said no.", "NotAllowedError");
      const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const passkey = { id: randomBytes(32), rpId: publicKey.rp.id, userHandle: bytes(publicKey.user.id), keys };
      passkeys.push(passkey);
      const data = Buffer.concat([header(passkey.rpId, UP | UV | BACKED_UP | ATTESTED), attested(passkey)]);
      return credential(passkey, {
        attestationObject: buffer(cbor(new Map([["fmt", "none"], ["attStmt", new Map()], ["authData", data]]))),
        clientDataJSON: buffer(clientData("webauthn.create", publicKey.challenge, origin)),
        getTransports: () => ["internal"],
        getPublicKeyAlgorithm: () => -7,
        getPublicKey: () => buffer(keys.publicKey.export({ type: "spki", format: "der" })),
        getAuthenticatorData: () => buffer(data),
      });
    },

    async get({ publicKey }) {
      const allowed = (publicKey.allowCredentials ?? []).map((each) => bytes(each.id));
      const passkey = passkeys.findLast(
        ({ id, rpId }) => rpId === publicKey.rpId && (!allowed.length || allowed.some((each) => each.equals(id))),
      );
      if (device.cancels || !passkey) throw new DOMException("Nothing was chosen.", "NotAllowedError");
      const data = header(passkey.rpId, UP | UV | BACKED_UP);
      const client = clientData("webauthn.get", publicKey.challenge, origin);
      const signed = Buffer.concat([data, createHash("sha256").update(client).digest()]);
      return credential(passkey, {
        authenticatorData: buffer(data),
        clientDataJSON: buffer(client),
        signature: buffer(sign("sha256", signed, passkey.keys.privateKey)),
        userHandle: buffer(passkey.userHandle),
      });
    },
  };
  return device;
}

const bytes = (source) => Buffer.from(source.buffer ?? source, source.byteOffset ?? 0, source.byteLength);
const buffer = (source) => source.buffer.slice(source.byteOffset, source.byteOffset + source.byteLength);

const credential = ({ id }, response) => ({
  id: id.toString("base64url"),
  rawId: buffer(id),
  type: "public-key",
  authenticatorAttachment: "platform",
  response,
  getClientExtensionResults: () => ({}),
});

const clientData = (type, challenge, origin) =>
  Buffer.from(JSON.stringify({ type, challenge: bytes(challenge).toString("base64url"), origin, crossOrigin: false }));

/** Authenticator data up to the counter, which a passkey that is backed up keeps at 0. */
const header = (rpId, flags) =>
  Buffer.concat([createHash("sha256").update(rpId).digest(), Buffer.from([flags, 0, 0, 0, 0])]);

function attested({ id, keys }) {
  const { x, y } = keys.publicKey.export({ format: "jwk" });
  const point = (coordinate) => Buffer.from(coordinate, "base64url");
  const cose = cbor(new Map([[1, 2], [3, -7], [-1, 1], [-2, point(x)], [-3, point(y)]]));
  return Buffer.concat([Buffer.from(GOOGLE_PASSWORD_MANAGER, "hex"), Buffer.from([0, id.length]), id, cose]);
}

/** As much of CBOR (RFC 8949) as an attestation needs: small numbers, bytes, text and maps. */
function cbor(value) {
  if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === "string") return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Map) {
    return Buffer.concat([head(5, value.size), ...[...value].flat().map(cbor)]);
  }
  return Buffer.concat([head(2, value.length), value]);
}

function head(major, count) {
  if (count < 24) return Buffer.from([(major << 5) | count]);
  if (count < 256) return Buffer.from([(major << 5) | 24, count]);
  return Buffer.from([(major << 5) | 25, count >> 8, count & 255]);
}
