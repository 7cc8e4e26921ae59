// The client API through @authsignal/browser in jsdom: what needs no real browser.
import assert from "node:assert/strict";
import { authsignal, codeSentTo, main, newEmail, newPhone, newUserId, otherThan, scenario, totp } from "./harness.mjs";
import { openPage } from "./page.mjs";

/** A page whose SDK holds the token of a freshly tracked action. */
async function pageFor({ userId = newUserId(), action = "signIn", attributes = {}, ...options } = {}) {
  const page = await openPage(options);
  const tracked = await authsignal.track({ userId, action, attributes });
  page.authsignal.setToken(tracked.token);
  return { ...page, userId, action, tracked };
}

async function succeeded({ token, userId, action, tracked }, method) {
  const validated = await authsignal.validateChallenge({ token, userId, action });
  assert.equal(validated.isValid, true, JSON.stringify(validated));
  assert.equal(validated.state, "CHALLENGE_SUCCEEDED");
  assert.equal(validated.verificationMethod, method);
  if (tracked) assert.equal(validated.idempotencyKey, tracked.idempotencyKey);
}

// Authenticator app.

scenario("an authenticator app is enrolled by its first code", async () => {
  const page = await pageFor();
  const enrolled = await page.authsignal.totp.enroll();
  assert.equal(enrolled.error, undefined);
  assert.equal(enrolled.data.userId, page.userId);
  assert.match(enrolled.data.secret, /^[A-Z2-7]+=*$/);
  assert.match(enrolled.data.uri, /^otpauth:\/\/totp\//);
  assert.equal((await authsignal.getUser({ userId: page.userId })).isEnrolled, false);

  const verified = await page.authsignal.totp.verify({ code: totp(enrolled.data.secret) });
  assert.equal(verified.data.isVerified, true);
  assert.equal(verified.data.userAuthenticator.verificationMethod, "AUTHENTICATOR_APP");
  await succeeded({ ...page, token: verified.data.token }, "AUTHENTICATOR_APP");
  const user = await authsignal.getUser({ userId: page.userId });
  assert.deepEqual(user.enrolledVerificationMethods, ["AUTHENTICATOR_APP"]);
});

scenario("a wrong code of an authenticator app is a failure with its reason, not an error", async () => {
  const page = await pageFor();
  const { data } = await page.authsignal.totp.enroll();
  const verified = await page.authsignal.totp.verify({ code: otherThan(totp(data.secret)) });
  assert.equal(verified.error, undefined);
  assert.equal(verified.data.isVerified, false);
  assert.equal(verified.data.failureReason, "CODE_INVALID_OR_EXPIRED");
  assert.equal(verified.data.token, undefined);
});

scenario("a code of an authenticator app works once, and the next one works for another action", async () => {
  const page = await pageFor();
  const { data } = await page.authsignal.totp.enroll();
  const code = totp(data.secret);
  assert.equal((await page.authsignal.totp.verify({ code })).data.isVerified, true);

  const tracked = await authsignal.track({ userId: page.userId, action: "Login" });
  page.authsignal.setToken(tracked.token);
  assert.equal((await page.authsignal.totp.verify({ code })).data.isVerified, false);
  const verified = await page.authsignal.totp.verify({ code: totp(data.secret, 1) });
  assert.equal(verified.data.isVerified, true);
  assert.equal(verified.data.userAuthenticator, undefined);
  await succeeded({ userId: page.userId, action: "Login", tracked, token: verified.data.token }, "AUTHENTICATOR_APP");
});

// E-mail.

scenario("an e-mail address is enrolled by the code that was sent to it", async () => {
  const page = await pageFor();
  const email = newEmail();
  const enrolled = await page.authsignal.email.enroll({ email });
  assert.equal(enrolled.data.userId, page.userId);
  assert.ok(enrolled.data.userAuthenticatorId);
  const verified = await page.authsignal.email.verify({ code: await codeSentTo(email) });
  assert.equal(verified.data.isVerified, true);
  assert.equal(verified.data.userAuthenticator.email, email);
  await succeeded({ ...page, token: verified.data.token }, "EMAIL_OTP");
  assert.equal((await authsignal.getUser({ userId: page.userId })).emailVerified, true);
});

scenario("an enrolled e-mail address is challenged", async () => {
  const [userId, email] = [newUserId(), newEmail()];
  await authsignal.enrollVerifiedAuthenticator({ userId, attributes: { verificationMethod: "EMAIL_OTP", email } });
  const page = await pageFor({ userId });
  const challenged = await page.authsignal.email.challenge();
  assert.ok(challenged.data.challengeId);
  const verified = await page.authsignal.email.verify({ code: await codeSentTo(email) });
  assert.equal(verified.data.isVerified, true);
  assert.equal(verified.data.userAuthenticator, undefined);
  await succeeded({ ...page, token: verified.data.token }, "EMAIL_OTP");
});

scenario("a user with nothing enrolled is challenged at the e-mail address that was tracked", async () => {
  const email = newEmail();
  const page = await pageFor({ attributes: { email } });
  assert.ok((await page.authsignal.email.challenge()).data.challengeId);
  const verified = await page.authsignal.email.verify({ code: await codeSentTo(email) });
  assert.equal(verified.data.isVerified, true);
  await succeeded({ ...page, token: verified.data.token }, "EMAIL_OTP");
});

scenario("a wrong e-mail code is a failure with its reason, and the right one still works", async () => {
  const email = newEmail();
  const page = await pageFor({ attributes: { email } });
  await page.authsignal.email.challenge();
  const code = await codeSentTo(email);
  const wrong = await page.authsignal.email.verify({ code: otherThan(code) });
  assert.equal(wrong.error, undefined);
  assert.equal(wrong.data.isVerified, false);
  assert.equal(wrong.data.failureReason, "CODE_INVALID_OR_EXPIRED");
  assert.equal((await authsignal.validateChallenge({ token: page.tracked.token })).isValid, false);
  assert.equal((await page.authsignal.email.verify({ code })).data.isVerified, true);
});

scenario("wrong e-mail codes come to an end, and then the right one is refused too", async () => {
  const email = newEmail();
  const page = await pageFor({ attributes: { email } });
  await page.authsignal.email.challenge();
  const code = await codeSentTo(email);
  let reason;
  for (let guesses = 0; guesses < 20 && reason !== "MAX_ATTEMPTS_EXCEEDED"; guesses += 1) {
    reason = (await page.authsignal.email.verify({ code: otherThan(code) })).data.failureReason;
  }
  assert.equal(reason, "MAX_ATTEMPTS_EXCEEDED");
  assert.equal((await page.authsignal.email.verify({ code })).data.isVerified, false);
  assert.equal((await authsignal.validateChallenge({ token: page.tracked.token })).isValid, false);
});

// SMS.

scenario("a phone number is enrolled by the code that was sent to it", async () => {
  const page = await pageFor();
  const phoneNumber = newPhone();
  const enrolled = await page.authsignal.sms.enroll({ phoneNumber });
  assert.equal(enrolled.data.userId, page.userId);
  const verified = await page.authsignal.sms.verify({ code: await codeSentTo(phoneNumber) });
  assert.equal(verified.data.isVerified, true);
  assert.equal(verified.data.userAuthenticator.phoneNumber, phoneNumber);
  await succeeded({ ...page, token: verified.data.token }, "SMS");
  assert.equal((await authsignal.getUser({ userId: page.userId })).phoneNumberVerified, true);
});

scenario("an enrolled phone number is challenged", async () => {
  const [userId, phoneNumber] = [newUserId(), newPhone()];
  await authsignal.enrollVerifiedAuthenticator({ userId, attributes: { verificationMethod: "SMS", phoneNumber } });
  const page = await pageFor({ userId });
  assert.ok((await page.authsignal.sms.challenge()).data.challengeId);
  const code = await codeSentTo(phoneNumber);
  const wrong = await page.authsignal.sms.verify({ code: otherThan(code) });
  assert.equal(wrong.data.failureReason, "CODE_INVALID_OR_EXPIRED");
  const verified = await page.authsignal.sms.verify({ code });
  assert.equal(verified.data.isVerified, true);
  await succeeded({ ...page, token: verified.data.token }, "SMS");
});

// Who may enrol.

scenario("an enrolled user cannot add a method with a plain token", async () => {
  const userId = newUserId();
  const attributes = { verificationMethod: "SMS", phoneNumber: newPhone() };
  await authsignal.enrollVerifiedAuthenticator({ userId, attributes });
  const page = await pageFor({ userId });
  const enrolled = await page.authsignal.email.enroll({ email: newEmail() });
  assert.equal(enrolled.errorCode, "invalid_request");
  assert.equal((await authsignal.getAuthenticators({ userId })).length, 1);
});

scenario("an enrolled user can add a method with the scope for it", async () => {
  const userId = newUserId();
  const attributes = { verificationMethod: "SMS", phoneNumber: newPhone() };
  await authsignal.enrollVerifiedAuthenticator({ userId, attributes });
  const page = await pageFor({ userId, attributes: { scope: "add:authenticators" } });
  const email = newEmail();
  await page.authsignal.email.enroll({ email });
  assert.equal((await page.authsignal.email.verify({ code: await codeSentTo(email) })).data.isVerified, true);
  const methods = (await authsignal.getAuthenticators({ userId })).map((each) => each.verificationMethod);
  assert.deepEqual(methods.sort(), ["EMAIL_OTP", "SMS"]);
});

// Passkeys, with a device made of software.

scenario("a passkey is signed up with the token, and signs in with a token, an action and nothing", async () => {
  const page = await pageFor({ action: "enroll-passkey", attributes: { scope: "add:authenticators" } });
  const { userId } = page;
  const signedUp = await page.authsignal.passkey.signUp({ token: page.tracked.token, username: "jane@example.com" });
  assert.equal(signedUp.error, undefined);
  assert.equal(signedUp.data.userAuthenticator.verificationMethod, "PASSKEY");
  await succeeded({ ...page, token: signedUp.data.token }, "PASSKEY");
  assert.equal(await page.authsignal.passkey.isAvailableOnDevice({ userId }), true);

  const tracked = await authsignal.track({ userId, action: "signIn" });
  const withToken = await page.authsignal.passkey.signIn({ token: tracked.token });
  assert.equal(withToken.data.isVerified, true);
  assert.equal(withToken.data.userId, userId);
  await succeeded({ userId, action: "signIn", tracked, token: withToken.data.token }, "PASSKEY");

  const withAction = await page.authsignal.passkey.signIn({ action: "signIn" });
  assert.equal(withAction.data.userId, userId);
  await succeeded({ userId, action: "signIn", token: withAction.data.token }, "PASSKEY");

  const withNothing = await page.authsignal.passkey.signIn();
  assert.equal(withNothing.data.userId, userId);
  assert.ok(withNothing.data.token);
});

scenario("a passkey that the server does not know is not available on the device", async () => {
  const page = await pageFor();
  localStorage.setItem("as_user_passkey_map", JSON.stringify({ [page.userId]: ["bm90LWtub3du"] }));
  assert.equal(await page.authsignal.passkey.isAvailableOnDevice({ userId: page.userId }), false);
});

// Tokens.

scenario("a token that is not accepted calls onTokenExpired", async () => {
  let calls = 0;
  const page = await pageFor({ onTokenExpired: () => (calls += 1) });
  const [head, claims, signature] = page.tracked.token.split(".");
  const forged = `${head}.${claims}.${signature.split("").reverse().join("")}`;
  for (const token of ["garbage", forged]) {
    page.authsignal.setToken(token);
    const { errorCode, errorDescription } = await page.authsignal.email.challenge();
    assert.equal(errorCode, "expired_token");
    assert.ok(errorDescription);
  }
  assert.equal(calls, 2);
});

scenario("a token of a deleted user calls onTokenExpired", async () => {
  let calls = 0;
  const page = await pageFor({ attributes: { email: newEmail() }, onTokenExpired: () => (calls += 1) });
  await authsignal.deleteUser({ userId: page.userId });
  assert.equal((await page.authsignal.email.challenge()).errorCode, "expired_token");
  assert.equal(calls, 1);
});

scenario("an accepted token does not call onTokenExpired", async () => {
  let calls = 0;
  const page = await pageFor({ attributes: { email: newEmail() }, onTokenExpired: () => (calls += 1) });
  assert.ok((await page.authsignal.email.challenge()).data.challengeId);
  assert.equal(calls, 0);
});

await main();
