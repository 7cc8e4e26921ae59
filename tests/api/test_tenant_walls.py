"""Every route of one tenant with the ids of another (T4): refused or empty, nothing changed, nothing told."""

import itertools

import pytest
from django.urls import get_resolver

from audit.models import AuditEvent
from authsignal_portal.urls import client_api, server_api
from authsignal_portal.vocabulary import DEVICE_METHODS
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.instances import vouchers
from tests.api.reading import code_sent, everything_stored, ok
from tests.device import DeviceKey
from tests.soft_authenticator import SoftAuthenticator

FIXTURES = (vouchers,)
SECRETS = ("secret-of-globex@b.example", "+6427999999", "Globex Alice", "globex-device", "globex-custom", "globex-rule")


@pytest.fixture
def theirs(globex_api, globex, browser, vouchers):
    """One of everything at Globex, for a user with an id that Acme uses too."""
    # Acme takes the word of the same vouchers.
    for tenant in (globex, browser.tenant):
        vouchers.for_tenant(tenant)
    ids = {"user": "alice", "action": "pay", "key": "k", "device": "globex-device"}
    rule = make.make_rule(
        make.make_action(globex, "pay", "CHALLENGE"), {"==": [{"var": "ip.isAnonymous"}, True]}, name="globex-rule"
    )
    ok(globex_api("PATCH", "users/alice", {"displayName": "Globex Alice", "custom": {"note": "globex-custom"}}))
    contact = {"verificationMethod": "EMAIL_OTP", "email": SECRETS[0]}
    made = ok(globex_api("POST", "users/alice/authenticators", contact))["authenticator"]
    tracked = {"idempotencyKey": "k", "deviceId": "globex-device", "ipAddress": "185.220.101.1"}
    ids["token"] = ok(globex_api("POST", "users/alice/actions/pay", tracked))["token"]
    started = ok(globex_api("POST", "challenge", {"action": "pay", "phoneNumber": SECRETS[1]}))
    ids["code"] = code_sent()
    ids |= {"authenticator": made["userAuthenticatorId"], "challenge": started["challengeId"], "rule": str(rule.pk)}
    verified = ok(globex_api("POST", "challenge", {"action": "pay", "email": "other@b.example"}))
    ok(globex_api("POST", "verify", {"challengeId": verified["challengeId"], "verificationCode": code_sent()}))
    ids["verified"] = verified["challengeId"]
    key = ids["device_key"] = DeviceKey()
    for method in DEVICE_METHODS:
        make.make_authenticator(globex.users.get(user_id="alice"), method, public_key=key.spki)
    acme, browser.tenant = browser.tenant, globex
    pushed = ok(browser("POST", "challenge/push", {}, token=ids["token"]))
    shown = ok(browser("POST", "challenge/qr-code", {"action": "pay"}))
    browser.tenant = acme
    ids |= {"push": pushed["challengeId"], "number": pushed["verificationCode"]}
    ids |= {"qr": shown["challengeId"], "device_code": shown["deviceCode"]}
    ids["passkey"] = make.make_authenticator(
        globex.users.get(user_id="alice"), M.PASSKEY, credential_id="globex-passkey", rp_id="localhost"
    ).credential_id
    vouchers.know(globex.users.get(user_id="alice"), "jo-1")
    vouched = ok(globex_api("POST", "users/alice/actions/vouched"))["token"]
    return ids | vouched_for(browser, vouchers, vouched)


def vouched_for(browser, vouchers, token):
    """A right ID token, and a check that was approved and whose proof nobody has asked for."""
    asked = ok(browser("POST", "challenge/id-token", {"verificationMethod": M.OIDC_PROVIDER}, token=token))
    check = ok(browser("POST", "challenge/identity-check", {"verificationMethod": M.ONFIDO}, token=token))
    assert vouchers.adapter.tell(browser.http, vouchers.adapter.result()).json() == {"result": "proved"}
    id_token = vouchers.issuer.token(asked["nonce"])
    return {"account": asked["challengeId"], "id_token": id_token, "check": check["challengeId"]}


def server_calls(ids):
    """(method, path, body) for every endpoint of the Server API, with Globex's ids wherever one goes."""
    user, action, key = ids["user"], ids["action"], ids["key"]
    yield "GET", f"users?email={SECRETS[0]}", None
    yield "GET", "users?phoneNumber=%2B6427999999", None
    yield "GET", "users?username=alice", None
    yield "GET", f"users/{user}", None
    yield "DELETE", f"users/{user}", None
    yield "GET", f"users/{user}/authenticators", None
    yield "DELETE", f"users/{user}/authenticators/{ids['authenticator']}", None
    yield "GET", f"users/{user}/actions", None
    yield "GET", f"users/{user}/actions/{action}/{key}", None
    yield "PATCH", f"users/{user}/actions/{action}/{key}", {"state": "ALLOW"}
    yield "GET", f"users/{user}/devices", None
    yield "PATCH", f"users/{user}/devices/{ids['device']}", {"rememberedUntil": None}
    yield "POST", f"users/{user}/devices/{ids['device']}/invalidate", None
    yield "POST", "validate", {"token": ids["token"]}
    yield "POST", "validate", {"token": ids["token"], "userId": user, "action": action}
    yield "POST", "challenge", {"challengeId": ids["challenge"]}
    for name in ("challenge", "verified"):
        yield "POST", "verify", {"challengeId": ids[name], "verificationCode": ids["code"]}
        yield "POST", "claim", {"challengeId": ids[name], "userId": user}
        yield "POST", "claim", {"challengeId": ids[name], "userId": user, "skipVerificationCheck": True}
        yield "POST", f"users/{user}/actions/{action}", {"challengeId": ids[name], "idempotencyKey": key}
        for query in (f"challengeId={ids[name]}", f"userId={user}"):
            yield "GET", f"challenges?{query}", None
            yield "GET", f"v1/challenges?{query}", None
        yield "POST", "challenges", {"challengeId": ids[name], "userId": user}
        yield "POST", f"challengeschallengeId={ids[name]}", {"challengeId": ids[name]}


def test_the_server_api_tells_and_changes_nothing_of_another_tenant(api, theirs, globex):
    for method, path, body in server_calls(theirs):
        before, events = everything_stored(), AuditEvent.objects.filter(tenant_id=globex.pk).count()
        answer = api(method, path, body)
        assert answer.status_code in (200, 400, 401, 404), (method, path, answer.body)
        assert everything_stored() == before, (method, path)
        assert AuditEvent.objects.filter(tenant_id=globex.pk).count() == events
        text = answer.content.decode()
        assert not any(secret in text for secret in SECRETS), (method, path, text)
        if answer.status_code == 200:
            assert answer.body in ([], {}, {"users": []}, {"success": True}) or answer.body in (
                {"isEnrolled": False, "emailVerified": False, "phoneNumberVerified": False},
                {"isValid": False, "error": "Token is invalid or expired."},
            ), (method, path, answer.body)


def test_the_answer_is_the_same_as_for_what_exists_nowhere(api, theirs):
    """Otherwise one could find out what another tenant has."""
    nowhere = theirs | dict.fromkeys(("authenticator", "challenge", "verified", "key", "device", "token"), "x" * 32)
    for mine, void in zip(server_calls(theirs), server_calls(nowhere), strict=True):
        found, missing = api(*mine), api(*void)
        assert (found.status_code, found.body) == (missing.status_code, missing.body), mine


def test_what_acme_stores_under_the_same_ids_is_its_own(api, theirs, globex_api):
    before = [answer.content for answer in everything_of(globex_api, theirs)]
    ok(api("PATCH", "users/alice", {"displayName": "Acme Alice", "custom": {"note": "acme"}}))
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k", "deviceId": "globex-device"}))
    body = {"verificationMethod": "EMAIL_OTP", "email": SECRETS[0]}
    ok(api("POST", "users/alice/authenticators", body))
    ok(api("PATCH", "users/alice/actions/pay/k", {"state": "BLOCK"}))
    ok(api("POST", "users/alice/devices/globex-device/invalidate"))
    ok(api("DELETE", "users/alice"))
    assert [answer.content for answer in everything_of(globex_api, theirs)] == before


def everything_of(backend, ids):
    paths = ["users/alice", "users/alice/authenticators", "users/alice/actions", "users/alice/devices"]
    return [
        backend("GET", path) for path in [*paths, f"users/alice/actions/pay/{ids['key']}", f"users?email={SECRETS[0]}"]
    ]


def client_calls(ids, assertion):
    yield "POST", "user-authenticators/passkey/authentication-options", {"challengeId": ids["challenge"]}
    yield "POST", "user-authenticators/passkey/authentication-options", {"challengeId": ids["begun"]}
    for name in ("challenge", "begun", "verified"):
        yield "POST", "verify/passkey", {"challengeId": ids[name], "authenticationCredential": assertion}
        yield "POST", "user-authenticators/passkey", {"challengeId": ids[name], "registrationCredential": assertion}
    yield "POST", "verify/security-key", assertion
    yield "POST", "user-authenticators/security-key", assertion
    yield "GET", f"user-authenticators/passkey?credentialIds={ids['passkey']}", None
    for path in ("verify/email-otp", "verify/sms", "verify/totp"):
        yield "POST", path, {"verificationCode": ids["code"]}
    yield "GET", "user-authenticators", None
    yield "POST", "init", None
    for name in ("account", "check", "challenge"):
        yield "POST", "verify/id-token", {"challengeId": ids[name], "idToken": ids["id_token"]}
        yield "POST", "verify/identity-check", {"challengeId": ids[name]}
    yield from device_calls(ids)


def device_calls(ids):
    """Globex's key and challenges, and a right signature over each."""
    key = ids["device_key"]
    for path in ("push", "qr-code", "in-app", "device"):
        yield "GET", f"user-authenticators/{path}?{key.query}", None
        yield "POST", f"user-authenticators/{path}/remove", key.removal()
    for path in ("push/sign", "push/challenge/sign"):
        yield "POST", f"user-authenticators/{path}?{key.query}", None
    for path in ("push", "device"):
        yield "GET", f"user-authenticators/{path}/challenge?{key.query}", None
    for name in ("push", "qr", "begun"):
        answer = key.answer(ids[name], ids["number"])
        yield "PATCH", "user-authenticators/push", answer | {"pushToken": "thief"}
        for path in ("push/challenge", "qr-code/challenge", "qr-code/challenge/claim"):
            yield "POST", f"user-authenticators/{path}", answer
        for path in ("device/challenge", "device/challenge/claim"):
            yield "POST", f"user-authenticators/{path}", answer
        for path in ("verify/in-app", "verify/device"):
            yield "POST", path, answer
        yield "POST", "verify/push", {"challengeId": ids[name]}
        yield "POST", "verify/qr-code", {"challengeId": ids[name], "deviceCode": ids["device_code"]}
    yield "POST", "challenge/push", {"userAuthenticatorId": ids["authenticator"]}


def test_the_client_api_tells_and_changes_nothing_of_another_tenant(api, browser, theirs, globex):
    acme = browser.tenant
    browser.tenant = globex
    begun = ok(browser("POST", "user-authenticators/passkey/authentication-options", {}))
    browser.tenant = acme
    theirs["begun"] = begun["challengeId"]
    phone = SoftAuthenticator(origin="https://globex.example")
    phone.create({"rp": {"id": "localhost"}, "user": {"id": "AA"}, "challenge": "AA"})
    assertion = phone.get(begun["options"])
    own = ok(api("POST", "users/carol/actions/pay", {"scope": "add:authenticators"}))["token"]
    for token, (method, path, body) in itertools.product((None, own), client_calls(theirs, assertion)):
        # With a token of one's own, a challenge of one's own begins whatever id is sent.
        mine = str(acme.pk) if token and "options" in path else "\0"
        before, events = everything_stored(without=mine), AuditEvent.objects.filter(tenant_id=globex.pk).count()
        answer = browser(method, path, body, token=token)
        assert everything_stored(without=mine) == before, (method, path)
        assert AuditEvent.objects.filter(tenant_id=globex.pk).count() == events
        text = answer.content.decode()
        assert not any(secret in text for secret in SECRETS), (method, path, text)
        assert not (isinstance(answer.body, dict) and answer.body.get("isVerified")), (method, path)


def test_every_route_of_both_apis_is_walked(theirs):
    """A new route must be added to the walk."""
    walked = {call[1].partition("?")[0] for call in server_calls(theirs)}
    written = {"users/alice/authenticators", "users/authenticators", "authenticators"}
    resolver = get_resolver()
    views = set()
    for path in walked | written:
        views.add(resolver.resolve(f"/v1/{path}").func.view_class)
    served = {pattern.callback.view_class for pattern in server_api}
    assert {view.__name__ for view in served - views} == {"NothingHere"}
    # Of the Client API the rest take no id at all: a token or a tenant is all that they know.
    by_id = {
        "AuthenticationOptionsView",
        "AuthenticationOptionsWebView",
        "PasskeyView",
        "VerifyPasskeyView",
        "RegisterKeyView",
        "VerifyKeyView",
        "VerifyCodeView",
        "VerifySmsView",
        "VerifyWhatsAppView",
        "FinalizeLinkView",
        "VerifyTotpView",
        "VerifyIdTokenView",
        "VerifyCheckView",
        "UserAuthenticatorsView",
        "InitView",
        "StartPushView",
        "VerifyPushView",
        "VerifyQrView",
        "PushCredentialView",
        "SignRenewalView",
        "RemovePushView",
        "SignLookupView",
        "PendingPushView",
        "QrCredentialView",
        "RemoveQrView",
        "ClaimQrView",
        "AnswerQrView",
        "InAppCredentialView",
        "RemoveInAppView",
        "VerifyInAppView",
        "LegacyCredentialView",
        "LegacyRemoveView",
        "LegacyChallengeView",
        "LegacyClaimView",
        "LegacyVerifyView",
    }
    without = {
        "BeginView",
        "BeginWebView",
        "AuthenticatorsView",
        "JwksView",
        "RegistrationOptionsView",
        "RegistrationOptionsWebView",
        "KeyRegistrationOptionsView",
        "KeyAuthenticationOptionsView",
        "EnrolTotpView",
        "EnrolEmailView",
        "StartCodeView",
        "EnrolSmsView",
        "StartSmsView",
        "StartWhatsAppView",
        "EnrolLinkView",
        "StartLinkView",
        "StartQrView",
        "StartIdTokenView",
        "EnrolIdTokenView",
        "StartCheckView",
        "EnrolCheckView",
        "NothingHere",
    }
    assert {pattern.callback.view_class.__name__ for pattern in client_api} == by_id | without
