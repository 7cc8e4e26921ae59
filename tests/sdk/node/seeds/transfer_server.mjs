// “How to implement adaptive MFA with passkeys”: the server's samples, for a bank whose user is given.
import { Authsignal } from "@authsignal/node";
import { next, NextResponse } from "./web_server.mjs";

// lib/authsignal.ts

export const authsignal = new Authsignal({
  apiSecretKey: process.env.AUTHSIGNAL_API_SECRET_KEY,
  apiUrl: process.env.AUTHSIGNAL_API_URL, // your region api url
});

export const authsignalConfig = {
  tenantId: process.env.AUTHSIGNAL_TENANT_ID,
  baseUrl: process.env.AUTHSIGNAL_API_URL, // your region api url
};

export function startBank({ getUserId }) {
  // api/passkey/enroll/route.ts
  async function enroll(request) {
    const userId = await getUserId();

    // Tell Authsignal we want to start passkey enrollment
    const response = await authsignal.track({
      userId,
      action: "enroll-passkey",
      attributes: { scope: "add:authenticators" },
    });

    return NextResponse.json({ token: response.token });
  }

  // api/passkey/verify-transaction/route.ts
  async function verifyTransaction(request) {
    const userId = await getUserId();
    const { amount, recipient } = await request.json();

    // Get client context
    const userAgent = request.headers.get("user-agent") || "";
    const ipAddress = request.headers.get("x-forwarded-for") || request.headers.get("x-real-ip");

    // Let Authsignal evaluate risk and decide
    const response = await authsignal.track({
      userId,
      action: "adaptive-mfa-transfer",
      attributes: {
        userAgent,
        ipAddress,
        custom: {
          transactionValue: amount,
        },
      },
    });

    if (response.state === "CHALLENGE_REQUIRED") {
      return NextResponse.json({
        requiresVerification: true,
        token: response.token,
        message: `Security verification required for ${amount.toFixed(2)} transfer`,
      });
    } else if (response.state === "ALLOW") {
      return NextResponse.json({
        requiresVerification: false,
        message: "Transaction approved",
      });
    }
  }

  // api/passkey/validate/route.ts, which the article calls and does not show
  async function validate(request) {
    const { token } = await request.json();
    const { isValid } = await authsignal.validateChallenge({ token, userId: await getUserId() });
    return NextResponse.json({ isValid }, { status: isValid ? 200 : 401 });
  }

  return next({
    "/api/passkey/enroll": enroll,
    "/api/passkey/verify-transaction": verifyTransaction,
    "/api/passkey/validate": validate,
  });
}
