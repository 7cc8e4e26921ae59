// The server API through @authsignal/node, as its own live tests and the contract describe it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Authsignal, AuthsignalError } from "@authsignal/node";
import {
  apiUrl,
  authsignal,
  codeSentTo,
  main,
  newEmail,
  newPhone,
  newUserId,
  otherThan,
  scenario,
} from "./harness.mjs";

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const enrollSms = (userId, phoneNumber = "+64270000000") =>
  authsignal.enrollVerifiedAuthenticator({ userId, attributes: { verificationMethod: "SMS", phoneNumber } });

async function refusal(promise, { status, code }) {
  const error = await promise.then(
    () => assert.fail("The call was not refused."),
    (caught) => caught,
  );
  assert.ok(error instanceof AuthsignalError, error);
  assert.equal(error.statusCode, status, error.message);
  assert.equal(error.errorCode, code);
  assert.ok(error.errorDescription);
  return error;
}

// Enrol, track, validate, update.

scenario("a user enrolled by SMS is enrolled, and the phone number counts as verified", async () => {
  const userId = newUserId();
  const { authenticator } = await enrollSms(userId);
  assert.equal(authenticator.userId, userId);
  assert.equal(authenticator.verificationMethod, "SMS");
  assert.ok(authenticator.userAuthenticatorId);
  const user = await authsignal.getUser({ userId });
  assert.equal(user.isEnrolled, true);
  assert.equal(user.phoneNumber, "+64270000000");
  assert.equal(user.phoneNumberVerified, true);
  assert.deepEqual(user.enrolledVerificationMethods, ["SMS"]);
  assert.equal(user.email, undefined);
});

scenario("phone numbers as the SDKs' own tests write them can be enrolled", async () => {
  for (const phoneNumber of ["+6427000000", "+6427123456", "1234567890", "9876543210"]) {
    const { authenticator } = await enrollSms(newUserId(), phoneNumber);
    assert.equal(authenticator.phoneNumber, phoneNumber);
  }
});

scenario("tracking without attributes challenges an enrolled user", async () => {
  for (const action of ["Login", "signIn", "go-sdk-test", "python-sdk-test"]) {
    const userId = newUserId();
    await enrollSms(userId);
    const tracked = await authsignal.track({ userId, action });
    assert.equal(tracked.state, "CHALLENGE_REQUIRED");
    assert.equal(tracked.isEnrolled, true);
    assert.match(tracked.token, JWT);
    assert.ok(new URL(tracked.url).search, "url must already hold a query");
    assert.equal(new URL(tracked.url).hash, "");
    assert.ok(tracked.idempotencyKey);
    assert.ok(tracked.allowedVerificationMethods.length > 0);
    assert.deepEqual(tracked.enrolledVerificationMethods, ["SMS"]);
  }
});

scenario("a token validates to its own user, action and instance, and not before the challenge is done", async () => {
  const userId = newUserId();
  await enrollSms(userId);
  const { token, idempotencyKey } = await authsignal.track({ userId, action: "Login" });
  const validated = await authsignal.validateChallenge({ token });
  assert.equal(validated.isValid, false);
  assert.equal(validated.state, "CHALLENGE_REQUIRED");
  assert.equal(validated.userId, userId);
  assert.equal(validated.action, "Login");
  assert.equal(validated.idempotencyKey, idempotencyKey);
});

scenario("a token does not validate for another user or another action", async () => {
  const userId = newUserId();
  await enrollSms(userId);
  const { token } = await authsignal.track({ userId, action: "Login" });
  const wrongUser = await authsignal.validateChallenge({ token, userId: newUserId() });
  assert.equal(wrongUser.isValid, false);
  assert.equal(wrongUser.error, "User is invalid.");
  const wrongAction = await authsignal.validateChallenge({ token, action: "withdraw" });
  assert.equal(wrongAction.isValid, false);
  assert.equal(wrongAction.error, "Action is invalid.");
});

scenario("a garbled token is not valid, and is no server error", async () => {
  for (const token of ["garbage", "a.b.c", "eyJhbGciOiJub25lIn0.e30."]) {
    const validated = await authsignal.validateChallenge({ token });
    assert.equal(validated.isValid, false);
    assert.ok(validated.error);
    assert.equal(validated.userId, undefined);
  }
});

scenario("an action's state can be set, and is shown afterwards", async () => {
  const userId = newUserId();
  await enrollSms(userId);
  const action = "Login";
  const { idempotencyKey } = await authsignal.track({ userId, action });
  for (const state of ["REVIEW_REQUIRED", "BLOCK"]) {
    const updated = await authsignal.updateAction({ userId, action, idempotencyKey, attributes: { state } });
    assert.equal(updated.state, state);
    const read = await authsignal.getAction({ userId, action, idempotencyKey });
    assert.equal(read.state, state);
    assert.match(read.createdAt, ISO);
    assert.match(read.stateUpdatedAt, ISO);
    assert.notEqual(read.output, undefined);
  }
});

scenario("success cannot be set by hand", async () => {
  const userId = newUserId();
  const action = "Login";
  const { idempotencyKey } = await authsignal.track({ userId, action });
  const attributes = { state: "CHALLENGE_SUCCEEDED" };
  await refusal(authsignal.updateAction({ userId, action, idempotencyKey, attributes }), {
    status: 400,
    code: "invalid_request",
  });
  assert.equal((await authsignal.getAction({ userId, action, idempotencyKey })).state, "CHALLENGE_REQUIRED");
});

scenario("tracking twice with one idempotency key is one action", async () => {
  const userId = newUserId();
  const request = { userId, action: "Login", attributes: { idempotencyKey: randomUUID() } };
  const first = await authsignal.track(request);
  const second = await authsignal.track(request);
  assert.equal(second.state, first.state);
  assert.equal(second.idempotencyKey, request.attributes.idempotencyKey);
  assert.equal((await authsignal.queryUserActions({ userId })).length, 1);
});

scenario("an action that was never configured is challenged", async () => {
  const action = `never-seen-${randomUUID().slice(0, 8)}`;
  const tracked = await authsignal.track({ userId: newUserId(), action });
  assert.equal(tracked.state, "CHALLENGE_REQUIRED");
  assert.equal(tracked.isEnrolled, false);
});

scenario("reading an action that does not exist is a 404", async () => {
  const missing = { userId: newUserId(), action: "Login", idempotencyKey: randomUUID() };
  await refusal(authsignal.getAction(missing), { status: 404, code: "not_found" });
});

// Users.

scenario("a user reads back as it was updated, and is found by e-mail", async () => {
  const userId = newUserId();
  const attributes = {
    email: newEmail(),
    phoneNumber: newPhone(),
    username: `name-${randomUUID()}`,
    displayName: "Jane Smith",
    custom: { tier: "gold", logins: 3, isStaff: false },
  };
  const updated = await authsignal.updateUser({ userId, attributes });
  const user = await authsignal.getUser({ userId });
  for (const [name, value] of Object.entries(attributes)) {
    assert.deepEqual(updated[name], value, name);
    assert.deepEqual(user[name], value, name);
  }
  for (const by of ["email", "phoneNumber", "username"]) {
    const { users } = await authsignal.queryUsers({ [by]: attributes[by] });
    assert.deepEqual(users.map((each) => each.userId), [userId], by);
  }
});

scenario("an update changes what it names and merges custom values", async () => {
  const userId = newUserId();
  await authsignal.updateUser({ userId, attributes: { displayName: "Jane", custom: { a: 1, b: 2 } } });
  await authsignal.updateUser({ userId, attributes: { custom: { b: 3 } } });
  const user = await authsignal.getUser({ userId });
  assert.equal(user.displayName, "Jane");
  assert.deepEqual(user.custom, { a: 1, b: 3 });
});

scenario("a query for users needs something to look for", async () => {
  await refusal(authsignal.queryUsers({}), { status: 400, code: "invalid_request" });
});

scenario("an unknown user reads as not enrolled and without an e-mail", async () => {
  const user = await authsignal.getUser({ userId: newUserId() });
  assert.equal(user.isEnrolled, false);
  assert.equal(user.emailVerified, false);
  assert.equal(user.phoneNumberVerified, false);
  assert.equal(user.email, undefined);
});

scenario("a deleted user reads as not enrolled", async () => {
  const userId = newUserId();
  await enrollSms(userId);
  await authsignal.updateUser({ userId, attributes: { email: newEmail() } });
  await authsignal.deleteUser({ userId });
  const user = await authsignal.getUser({ userId });
  assert.equal(user.isEnrolled, false);
  assert.equal(user.email, undefined);
});

scenario("a token of a deleted user proves nothing", async () => {
  const userId = newUserId();
  const { token } = await authsignal.track({ userId, action: "Login" });
  await authsignal.deleteUser({ userId });
  assert.equal((await authsignal.validateChallenge({ token })).isValid, false);
});

// Authenticators.

scenario("an authenticator is listed until it is deleted", async () => {
  const userId = newUserId();
  await enrollSms(userId);
  const [authenticator, ...others] = await authsignal.getAuthenticators({ userId });
  assert.deepEqual(others, []);
  assert.equal(authenticator.verificationMethod, "SMS");
  assert.match(authenticator.createdAt, ISO);
  await authsignal.deleteAuthenticator({ userId, userAuthenticatorId: authenticator.userAuthenticatorId });
  assert.deepEqual(await authsignal.getAuthenticators({ userId }), []);
  assert.equal((await authsignal.getUser({ userId })).isEnrolled, false);
});

scenario("an e-mail authenticator keeps its address", async () => {
  const userId = newUserId();
  const email = newEmail();
  const attributes = { verificationMethod: "EMAIL_OTP", email };
  await authsignal.enrollVerifiedAuthenticator({ userId, attributes });
  const [authenticator] = await authsignal.getAuthenticators({ userId });
  assert.equal(authenticator.verificationMethod, "EMAIL_OTP");
  assert.equal(authenticator.email, email);
  assert.equal((await authsignal.getUser({ userId })).emailVerified, true);
});

scenario("an authenticator without its address is refused", async () => {
  const attributes = { verificationMethod: "SMS" };
  await refusal(authsignal.enrollVerifiedAuthenticator({ userId: newUserId(), attributes }), {
    status: 400,
    code: "invalid_request",
  });
});

scenario("deleting an authenticator that does not exist is a 404", async () => {
  const userId = newUserId();
  await enrollSms(userId);
  await refusal(authsignal.deleteAuthenticator({ userId, userAuthenticatorId: randomUUID() }), {
    status: 404,
    code: "not_found",
  });
});

scenario("another user's authenticator cannot be deleted", async () => {
  const [owner, other] = [newUserId(), newUserId()];
  const { authenticator } = await enrollSms(owner);
  await enrollSms(other);
  const { userAuthenticatorId } = authenticator;
  await refusal(authsignal.deleteAuthenticator({ userId: other, userAuthenticatorId }), {
    status: 404,
    code: "not_found",
  });
  assert.equal((await authsignal.getAuthenticators({ userId: owner })).length, 1);
});

// A user's actions.

scenario("a user's actions are listed newest first, and filtered by code, state and date", async () => {
  const userId = newUserId();
  const keys = {};
  for (const action of ["Login", "signIn", "withdraw"]) {
    keys[action] = (await authsignal.track({ userId, action })).idempotencyKey;
  }
  await authsignal.updateAction({
    userId,
    action: "signIn",
    idempotencyKey: keys.signIn,
    attributes: { state: "REVIEW_REQUIRED" },
  });
  const codes = async (query) =>
    (await authsignal.queryUserActions({ userId, ...query })).map((each) => each.actionCode);

  assert.deepEqual(await codes({}), ["withdraw", "signIn", "Login"]);
  assert.deepEqual(await codes({ actionCodes: ["Login"] }), ["Login"]);
  assert.deepEqual(await codes({ actionCodes: ["Login", "withdraw"] }), ["withdraw", "Login"]);
  assert.deepEqual(await codes({ actionCodes: ["nothing-like-it"] }), []);
  assert.deepEqual(await codes({ state: "REVIEW_REQUIRED" }), ["signIn"]);
  assert.deepEqual(await codes({ fromDate: new Date(Date.now() - 3_600_000).toISOString() }), await codes({}));
  assert.deepEqual(await codes({ fromDate: new Date(Date.now() + 3_600_000).toISOString() }), []);

  const [first] = await authsignal.queryUserActions({ userId });
  assert.equal(first.idempotencyKey, keys.withdraw);
  assert.match(first.createdAt, ISO);
});

// Secrets.

scenario("a wrong secret is refused in the words that the SDKs compare", async () => {
  const stranger = new Authsignal({ apiSecretKey: "not-the-secret", apiUrl, retries: 0 });
  const text =
    "The request is unauthorized. Check that your API key and region base URL are correctly configured.";
  const error = await refusal(stranger.getUser({ userId: "anyone" }), { status: 401, code: "unauthorized" });
  assert.equal(error.errorDescription, text);
  assert.equal(error.message, `AuthsignalError: 401 - ${text}`);
});

// Challenges that the server itself drives.

scenario("an e-mail challenge is verified, claimed and validated for a user not known before", () =>
  challengeAStranger({ verificationMethod: "EMAIL_OTP", field: "email", to: newEmail() }),
);

scenario("an SMS challenge is verified, claimed and validated for a user not known before", () =>
  challengeAStranger({ verificationMethod: "SMS", field: "phoneNumber", to: newPhone() }),
);

async function challengeAStranger({ verificationMethod, field, to }) {
  const action = "signIn";
  const challenge = await authsignal.challenge({ verificationMethod, action, [field]: to });
  assert.ok(Number.isInteger(challenge.expiresAt), "expiresAt is in seconds");
  assert.ok(challenge.expiresAt > Date.now() / 1000 && challenge.expiresAt < 2 ** 31);
  const { challengeId } = challenge;
  const code = await codeSentTo(to);

  const pending = await authsignal.getChallenge({ challengeId });
  assert.equal(pending.challengeId, challengeId);
  assert.equal(pending.verificationMethod, verificationMethod);
  assert.equal(pending[field], to);

  const wrong = await authsignal.verify({ challengeId, verificationCode: otherThan(code) });
  assert.equal(wrong.isVerified, false);
  assert.equal(wrong.failureReason, "CODE_INVALID_OR_EXPIRED");
  const right = await authsignal.verify({ challengeId, verificationCode: code });
  assert.equal(right.isVerified, true);
  assert.equal(right[field], to);
  assert.equal(right.verificationMethod, verificationMethod);

  const userId = newUserId();
  const claimed = await authsignal.claimChallenge({ challengeId, userId });
  assert.equal(claimed.verificationMethod, verificationMethod);
  const validated = await authsignal.validateChallenge({ token: claimed.token, userId, action });
  assert.equal(validated.isValid, true);
  assert.equal(validated.state, "CHALLENGE_SUCCEEDED");
  assert.equal(validated.userId, userId);
  assert.equal(validated.action, action);
  assert.equal(validated.verificationMethod, verificationMethod);
  assert.deepEqual(await authsignal.getChallenge({ challengeId }), {});

  const other = authsignal.claimChallenge({ challengeId, userId: newUserId() });
  await refusal(other, { status: 401, code: "unauthorized" });
}

scenario("a challenge of a known user makes its action succeed", async () => {
  const userId = newUserId();
  const email = newEmail();
  const action = "signIn";
  await authsignal.enrollVerifiedAuthenticator({ userId, attributes: { verificationMethod: "EMAIL_OTP", email } });
  const request = { verificationMethod: "EMAIL_OTP", action, userId };
  const { challengeId, idempotencyKey } = await authsignal.challenge(request);
  assert.equal((await authsignal.getAction({ userId, action, idempotencyKey })).state, "CHALLENGE_REQUIRED");
  assert.equal((await authsignal.getChallenge({ userId, action })).challengeId, challengeId);
  const verificationCode = await codeSentTo(email);
  assert.equal((await authsignal.verify({ challengeId, verificationCode })).isVerified, true);
  const after = await authsignal.getAction({ userId, action, idempotencyKey });
  assert.equal(after.state, "CHALLENGE_SUCCEEDED");
  assert.equal(after.verificationMethod, "EMAIL_OTP");
});

scenario("a challenge that was not verified cannot be claimed", async () => {
  const request = { verificationMethod: "EMAIL_OTP", action: "signIn", email: newEmail() };
  const { challengeId } = await authsignal.challenge(request);
  const claim = authsignal.claimChallenge({ challengeId, userId: newUserId() });
  await refusal(claim, { status: 401, code: "unauthorized" });
});

scenario("too many wrong codes end a challenge, and then the right one is refused too", async () => {
  const email = newEmail();
  const { challengeId } = await authsignal.challenge({ verificationMethod: "EMAIL_OTP", action: "signIn", email });
  const code = await codeSentTo(email);
  let reason;
  for (let guesses = 0; guesses < 20 && reason !== "MAX_ATTEMPTS_EXCEEDED"; guesses += 1) {
    const verified = await authsignal.verify({ challengeId, verificationCode: otherThan(code) });
    assert.equal(verified.isVerified, false);
    reason = verified.failureReason;
  }
  assert.equal(reason, "MAX_ATTEMPTS_EXCEEDED");
  const late = await authsignal.verify({ challengeId, verificationCode: code });
  assert.equal(late.isVerified, false);
  assert.equal(late.failureReason, "MAX_ATTEMPTS_EXCEEDED");
});

scenario("a challenge needs somewhere to send its code", async () => {
  const nowhere = authsignal.challenge({ verificationMethod: "EMAIL_OTP", action: "signIn", userId: newUserId() });
  await refusal(nowhere, { status: 400, code: "invalid_request" });
});

// Ids.

scenario("a user id with a space works everywhere", () => useEverywhere("a b"));
scenario("a user id with @ and + works everywhere", () => useEverywhere("jane+tag@example.com"));
scenario("a user id with a bar works everywhere", () => useEverywhere("auth0|5f7c8ec7"));
scenario("a user id with a colon works everywhere", () => useEverywhere("us-east-1:23ea"));
scenario("a user id with letters beyond ASCII works everywhere", () => useEverywhere("Zoë ü 名前"));
scenario("a user id with slashes works everywhere", () => useEverywhere("path/with/slashes"));

async function useEverywhere(id) {
  const userId = `${id} ${randomUUID()}`;
  const action = "Login";
  await enrollSms(userId);
  assert.equal((await authsignal.getUser({ userId })).isEnrolled, true);
  const { token, idempotencyKey } = await authsignal.track({ userId, action });
  assert.equal((await authsignal.validateChallenge({ token, userId, action })).userId, userId);
  assert.equal((await authsignal.getAction({ userId, action, idempotencyKey })).state, "CHALLENGE_REQUIRED");
  assert.equal((await authsignal.queryUserActions({ userId })).length, 1);
  await authsignal.updateUser({ userId, attributes: { displayName: "Named" } });
  assert.equal((await authsignal.getUser({ userId })).displayName, "Named");
  const [{ userAuthenticatorId }] = await authsignal.getAuthenticators({ userId });
  await authsignal.deleteAuthenticator({ userId, userAuthenticatorId });
  await authsignal.deleteUser({ userId });
  assert.equal((await authsignal.getUser({ userId })).isEnrolled, false);
}

await main();
