// How each WebAuthn method asks the server for options, and how it hands over what came of them.

import { call, verify } from "./api.js";

const BASE = "/v1/client/user-authenticators";

// A passkey's challenge has an id; a security key's options and answers travel bare.
export const PROVE = {
  PASSKEY: {
    begin: () => call(`${BASE}/passkey/authentication-options`, {}),
    finish: ({ challengeId }, credential) =>
      verify("/v1/client/verify/passkey", { challengeId, authenticationCredential: credential }),
  },
  SECURITY_KEY: {
    begin: async () => ({ options: await call(`${BASE}/security-key/authentication-options`, {}) }),
    finish: (_begun, credential) => verify("/v1/client/verify/security-key", credential),
  },
};

export const MAKE = {
  PASSKEY: {
    begin: () => call(`${BASE}/passkey/registration-options`, {}),
    finish: ({ challengeId }, credential) =>
      verify(`${BASE}/passkey`, { challengeId, registrationCredential: credential }),
  },
  SECURITY_KEY: {
    begin: async () => ({ options: await call(`${BASE}/security-key/registration-options`, {}) }),
    finish: (_begun, credential) => verify(`${BASE}/security-key`, credential),
  },
};

export const isCeremony = (method) => method in PROVE;
