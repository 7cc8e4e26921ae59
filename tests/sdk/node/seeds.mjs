// The code samples of the three articles that this product was asked for, corrected where the vendor has since
// changed a name, and run: server samples on a small web server, browser samples in a page of jsdom that talks to it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { apiUrl, authsignal, codeSentTo, main, newEmail, newUserId, scenario, tenantId } from "./harness.mjs";
import { openPage } from "./page.mjs";
import { authsignal as guideClient, makeApp } from "./seeds/actions_server.mjs";
import { makePage } from "./seeds/actions_client.mjs";
import { authsignal as bankClient, authsignalConfig, startBank } from "./seeds/transfer_server.mjs";
import { makePasskeyChallenge, makePasskeyManager } from "./seeds/transfer_client.mjs";

// Adaptive MFA with passkeys.

const HOME = "203.0.113.10";
const VPN = "185.213.154.66";
const TOR = "185.220.101.1";

const openBank = async (userId = newUserId()) => ({ userId, backend: await startBank({ getUserId: async () => userId }) });

async function transfer({ from, amount }) {
  const { backend } = await openBank();
  const response = await fetch(`${backend}/api/passkey/verify-transaction`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Forwarded-For": from },
    body: JSON.stringify({ amount, recipient: "Sam" }),
  });
  assert.equal(response.status, 200);
  return response.json();
}

scenario("transfer: the client is made with apiSecretKey and apiUrl", () => {
  assert.equal(bankClient.apiUrl, apiUrl);
  assert.deepEqual(authsignalConfig, { tenantId, baseUrl: apiUrl });
});

scenario("transfer: $100 from an anonymous address needs verification", async () => {
  const answer = await transfer({ from: VPN, amount: 100 });
  assert.equal(answer.requiresVerification, true);
  assert.ok(answer.token);
  assert.equal(answer.message, "Security verification required for 100.00 transfer");
});

scenario("transfer: $3,000 from home needs verification", async () => {
  assert.equal((await transfer({ from: HOME, amount: 3000 })).requiresVerification, true);
});

scenario("transfer: $500 from home goes through", async () => {
  const answer = await transfer({ from: HOME, amount: 500 });
  assert.deepEqual(answer, { requiresVerification: false, message: "Transaction approved" });
});

scenario("transfer: any amount through Tor needs verification", async () => {
  for (const amount of [1, 500, 3000]) {
    assert.equal((await transfer({ from: TOR, amount })).requiresVerification, true);
  }
});

scenario("transfer: the first of several forwarded addresses counts", async () => {
  assert.equal((await transfer({ from: `${HOME}, ${TOR}`, amount: 500 })).requiresVerification, false);
  assert.equal((await transfer({ from: `${TOR}, ${HOME}`, amount: 500 })).requiresVerification, true);
});

scenario("transfer: a passkey is enrolled, and then verifies a transfer", async () => {
  const { userId, backend } = await openBank();
  const page = await openPage({ backend });
  const said = [];

  const enrollPasskey = makePasskeyManager({
    authsignalClient: page.authsignal,
    authToken: "of the app",
    userEmail: "jane@example.com",
    setIsEnrolled: (isEnrolled) => said.push(isEnrolled),
    setMessage: (message) => said.push(message),
  });
  await enrollPasskey();
  assert.deepEqual(said, [true, "Passkey successfully enrolled!"]);
  const [passkey, ...others] = await authsignal.getAuthenticators({ userId });
  assert.deepEqual(others, []);
  assert.equal(passkey.verificationMethod, "PASSKEY");

  const performPasskeyVerification = makePasskeyChallenge({
    authsignalClient: page.authsignal,
    onVerificationComplete: (...answer) => said.push(answer),
  });
  await performPasskeyVerification();
  assert.deepEqual(said.at(-1), [true, "Verification successful! Transaction approved."]);
});

scenario("transfer: a second passkey can be enrolled", async () => {
  const { userId, backend } = await openBank();
  const page = await openPage({ backend });
  const said = [];
  const enrollPasskey = makePasskeyManager({
    authsignalClient: page.authsignal,
    authToken: "of the app",
    userEmail: "jane@example.com",
    setIsEnrolled: (isEnrolled) => said.push(isEnrolled),
    setMessage: () => {},
  });
  await enrollPasskey();
  await enrollPasskey();
  assert.deepEqual(said, [true, true]);
  assert.equal((await authsignal.getAuthenticators({ userId })).length, 2);
});

// Actions and rules.

/** An app with one customer, who can get codes by e-mail. What the app did is in `log`. */
async function openSite() {
  const user = { id: newUserId(), email: newEmail() };
  const log = [];
  const note =
    (name, value) =>
    (...details) => {
      log.push(name);
      return typeof value === "function" ? value(...details) : value;
    };
  const site = {
    validateCredentials: async (email, password) => (email === user.email && password === "right" ? user : null),
    getUserById: async (id) => (id === user.id ? user : null),
    createUserSession: note("createUserSession", ({ id }) => `session of ${id}`),
    logSecurityEvent: note("logSecurityEvent"),
    checkIfNewDestination: async () => true,
    calculateWithdrawalVelocity: async () => 12,
    processWithdrawal: note("processWithdrawal", (_user, _amount, _to, res) => res.json({ status: "completed" })),
    createPendingTransaction: note("createPendingTransaction", "pending-1"),
    createReviewTransaction: note("createReviewTransaction", { id: "review-1" }),
    notifyReviewTeam: note("notifyReviewTeam"),
    logBlockedTransaction: note("logBlockedTransaction"),
    calculateRiskScore: () => 17,
    getUserTier: async () => "gold",
    getUserTotalSpent: async () => 1234.5,
  };
  await authsignal.enrollVerifiedAuthenticator({
    userId: user.id,
    attributes: { verificationMethod: "EMAIL_OTP", email: user.email },
  });
  const made = makeApp(site);
  const backend = await made.app.listen();
  const page = await openPage({ backend });
  return { ...made, ...page, user, log, backend };
}

/** The page's samples, with what a page would do around them. */
function pageOf(site, { askForCode } = {}) {
  const said = [];
  const ui = {
    handleChallenge: (url, token) => said.push({ url, token }),
    showErrorMessage: (message) => said.push(message),
    showMessage: (message) => said.push(message),
    userHasPasskey: () => site.authsignal.passkey.isAvailableOnDevice({ userId: site.user.id }),
    askForCode,
  };
  return { ...makePage({ authsignal: site.authsignal, ui }), said };
}

async function post(site, path, body) {
  const response = await fetch(`${site.backend}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Forwarded-For": HOME },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

/** A real answer of the server to `track`, in a state that an operator has put it into. */
async function trackedAs(state, { userId, action }) {
  const request = { userId, action, attributes: { idempotencyKey: randomUUID() } };
  const { idempotencyKey } = await guideClient.track(request);
  await guideClient.updateAction({ userId, action, idempotencyKey, attributes: { state } });
  const tracked = await guideClient.track(request);
  assert.equal(tracked.state, state);
  return tracked;
}

function answer() {
  const sent = { status: 200 };
  const res = {
    status: (code) => Object.assign(res, { sent: Object.assign(sent, { status: code }) }),
    json: (body) => Object.assign(sent, { body }),
    sent,
  };
  return res;
}

scenario("guide: the client is made from require()", () => {
  assert.equal(guideClient.apiUrl, apiUrl);
});

scenario("guide: a sign-in with a wrong password never reaches the rules", async () => {
  const site = await openSite();
  const { status } = await post(site, "/api/auth/signin", { email: site.user.email, password: "wrong" });
  assert.equal(status, 401);
  assert.deepEqual(await authsignal.queryUserActions({ userId: site.user.id }), []);
});

scenario("guide: the login form sends the device id of the cookie and meets a challenge", async () => {
  const site = await openSite();
  const page = pageOf(site);
  assert.match(page.getDeviceId(), /^[0-9a-f-]{36}$/);
  assert.equal(page.getDeviceId(), site.authsignal.anonymousId);
  await page.handleLogin(site.user.email, "right");
  const [{ url, token }] = page.said;
  assert.ok(url && token);
  assert.deepEqual(site.log, []);
  const [action] = await authsignal.queryUserActions({ userId: site.user.id });
  assert.equal(action.actionCode, "signIn");
  assert.equal(action.state, "CHALLENGE_REQUIRED");
});

scenario("guide: ALLOW signs in", async () => {
  const { handleAuthResult, user, log } = await openSite();
  const res = answer();
  handleAuthResult(await trackedAs("ALLOW", { userId: user.id, action: "signIn" }), user, res, {});
  assert.equal(res.sent.body.success, true);
  assert.deepEqual(log, ["createUserSession"]);
});

scenario("guide: CHALLENGE_REQUIRED hands out the url and the token", async () => {
  const { handleAuthResult, user, log } = await openSite();
  const res = answer();
  handleAuthResult(await guideClient.track({ userId: user.id, action: "signIn" }), user, res, {});
  assert.equal(res.sent.body.requiresChallenge, true);
  assert.ok(new URL(res.sent.body.challengeUrl).search);
  assert.ok(res.sent.body.challengeToken);
  assert.deepEqual(log, []);
});

scenario("guide: REVIEW_REQUIRED is told to wait", async () => {
  const { handleAuthResult, user, log } = await openSite();
  const res = answer();
  handleAuthResult(await trackedAs("REVIEW_REQUIRED", { userId: user.id, action: "signIn" }), user, res, {});
  assert.equal(res.sent.body.requiresReview, true);
  assert.deepEqual(log, []);
});

scenario("guide: BLOCK is refused and logged", async () => {
  const { handleAuthResult, user, log } = await openSite();
  const res = answer();
  handleAuthResult(await trackedAs("BLOCK", { userId: user.id, action: "signIn" }), user, res, {});
  assert.equal(res.sent.status, 403);
  assert.deepEqual(log, ["logSecurityEvent"]);
});

scenario("guide: the hosted page's token, posted by a pop-up, signs in", async () => {
  const site = await openSite();
  const page = pageOf(site);
  await page.handleLogin(site.user.email, "right");
  const [{ url, token }] = page.said;
  const done = page.handleChallenge(url);
  const frame = document.querySelector("#__authsignal-popup-iframe");
  assert.equal(frame.src, `${url}&mode=popup`);

  // What happens inside the frame, without its looks: the code is answered, and the page reports the new token.
  const { accessToken } = await answerByEmail(token, site.user.email);
  const { origin } = new URL(url);
  site.hear({ origin, data: JSON.stringify({ event: "AUTHSIGNAL_READY" }) });
  site.hear({ origin, data: { height: 300 } });
  site.hear({ origin: "https://elsewhere.example", data: closing("not this one") });
  site.hear({ origin, data: closing(accessToken) });
  await done;
  assert.equal(page.said.length, 1, page.said.at(-1));
  assert.deepEqual(site.visited, ["/dashboard"]);
  assert.deepEqual(site.log, ["createUserSession"]);
});

const closing = (token) => JSON.stringify({ event: "AUTHSIGNAL_CLOSE_POPUP", token });

async function answerByEmail(token, email) {
  const call = async (path, body) => {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const response = await fetch(`${apiUrl}/client/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    assert.equal(response.status, 200);
    return response.json();
  };
  await call("challenge/email-otp", {});
  return call("verify/email-otp", { verificationCode: await codeSentTo(email) });
}

scenario("guide: a pop-up that was left without a proof signs nobody in", async () => {
  const site = await openSite();
  const page = pageOf(site);
  await page.handleLogin(site.user.email, "right");
  const [{ url, token }] = page.said;
  const done = page.handleChallenge(url);
  site.hear({ origin: new URL(url).origin, data: closing(token) });
  await done;
  assert.equal(page.said.length, 1, page.said.at(-1));
  assert.deepEqual(site.visited, []);
  assert.deepEqual(site.log, []);
});

scenario("guide: launched with mode redirect, the page goes to the url as it is", async () => {
  const site = await openSite();
  const { url } = await guideClient.track({ userId: site.user.id, action: "signIn" });
  site.authsignal.launch(url, { mode: "redirect" });
  assert.deepEqual(site.visited, [url]);
});

scenario("guide: the custom challenge signs in with a passkey where there is one", async () => {
  const site = await openSite();
  await addPasskey(site);
  const page = pageOf(site);
  const { token } = await guideClient.track({ userId: site.user.id, action: "signIn" });
  const validation = await page.handleCustomChallenge(token);
  assert.equal(validation.success, true);
  assert.equal(validation.session, `session of ${site.user.id}`);
});

scenario("guide: the custom challenge falls back to another method where there is no passkey", async () => {
  const site = await openSite();
  const page = pageOf(site, { askForCode: () => codeSentTo(site.user.email) });
  const { token } = await guideClient.track({ userId: site.user.id, action: "signIn" });
  const validation = await page.handleCustomChallenge(token);
  assert.equal(validation.success, true);
});

scenario("guide: a passkey prompt that is cancelled says so", async () => {
  const site = await openSite();
  await addPasskey(site);
  site.device.cancels = true;
  const page = pageOf(site);
  const { token } = await guideClient.track({ userId: site.user.id, action: "signIn" });
  assert.equal(await page.handleCustomChallenge(token), undefined);
  assert.deepEqual(page.said, ["Authentication cancelled. Please try again."]);
  assert.deepEqual(site.log, []);
});

async function addPasskey(site) {
  const attributes = { scope: "add:authenticators" };
  const { token } = await guideClient.track({ userId: site.user.id, action: "enroll-passkey", attributes });
  const { data } = await site.authsignal.passkey.signUp({ token, username: site.user.email });
  assert.ok(data.token);
}

scenario("guide: a token that proves nothing is refused by validate-challenge", async () => {
  const site = await openSite();
  const { token } = await guideClient.track({ userId: site.user.id, action: "signIn" });
  for (const each of [token, "garbage"]) {
    const { status, body } = await post(site, "/api/auth/validate-challenge", { token: each });
    assert.equal(status, 401);
    assert.equal(body.success, false);
  }
});

scenario("guide: custom data of every kind is accepted", async () => {
  const { status, body } = await post(await openSite(), "/api/withdraw-funds", { deviceId: randomUUID() });
  assert.equal(status, 200);
  assert.ok(body.idempotencyKey);
  assert.equal(body.state, "CHALLENGE_REQUIRED");
});

scenario("guide: a withdrawal is tracked with its custom data points", async () => {
  const site = await openSite();
  const { status, body } = await post(site, "/api/withdrawals", {
    userId: site.user.id,
    amount: "250.50",
    destinationAccount: "12-3456-789",
    destinationType: "bank",
    deviceId: randomUUID(),
  });
  assert.equal(status, 200);
  assert.ok(["completed", "verification_required"].includes(body.status), JSON.stringify(body));
  const [action] = await authsignal.queryUserActions({ userId: site.user.id });
  assert.equal(action.actionCode, "withdraw");
});

scenario("guide: a withdrawal is processed, verified, reviewed or blocked as the state says", async () => {
  const { handleWithdrawalResult, user, log } = await openSite();
  const expected = {
    ALLOW: { status: 200, done: ["processWithdrawal"] },
    CHALLENGE_REQUIRED: { status: 200, done: ["createPendingTransaction"] },
    REVIEW_REQUIRED: { status: 200, done: ["createReviewTransaction", "notifyReviewTeam"] },
    BLOCK: { status: 403, done: ["logBlockedTransaction"] },
  };
  for (const [state, { status, done }] of Object.entries(expected)) {
    log.length = 0;
    const res = answer();
    const result = await trackedAs(state, { userId: user.id, action: "withdraw" });
    handleWithdrawalResult(result, user.id, "100", "12-3456-789", res);
    assert.equal(res.sent.status, status, state);
    assert.deepEqual(log, done, state);
  }
});

scenario("guide: the user's profile is updated and read again", async () => {
  const { updateUserRiskProfile, user } = await openSite();
  const userId = user.id;
  await authsignal.updateUser({ userId, attributes: { custom: { favourite: "kept" } } });
  await updateUserRiskProfile(userId, "login", {});
  await updateUserRiskProfile(userId, "login", {});
  const { custom } = await authsignal.getUser({ userId });
  assert.equal(custom.loginCount, 2);
  assert.equal(custom.riskScore, 17);
  assert.equal(custom.kycStatus, "unverified");
  assert.equal(custom.emailVerified, false);
  assert.equal(custom.accountTier, "gold");
  assert.equal(custom.totalSpent, 1234.5);
  assert.equal(custom.favourite, "kept");
});

await main();
