"""The Client API for passkeys, with real ceremonies by an authenticator in software."""

import pytest

from actions.models import Action
from authenticators.models import Authenticator, Challenge
from tests import make
from tests.api.reading import MOMENT, UUID, ok, refused, tags
from tests.soft_authenticator import SoftAuthenticator, b64url

BASE = "user-authenticators/passkey"
ANDROID_NEEDS = {
    "challenge",
    "rp",
    "user",
    "timeout",
    "pubKeyCredParams",
    "attestation",
    "excludeCredentials",
    "authenticatorSelection",
}


@pytest.fixture
def phone():
    return SoftAuthenticator(origin=make.APP_ORIGIN)


def track(api, user="alice", **body):
    return ok(api("POST", f"users/{user}/actions/login", body))["token"]


def sign_up(browser, phone, token, **body):
    begun = ok(browser("POST", f"{BASE}/registration-options", body, token=token))
    credential = phone.create(begun["options"])
    sent = {"registrationCredential": credential, "challengeId": begun["challengeId"]}
    return browser("POST", BASE, sent, token=token)


def assertion(browser, phone, begun, **more):
    return {"authenticationCredential": phone.get(begun["options"]), "challengeId": begun["challengeId"], **more}


@pytest.mark.parametrize("path", ["registration-options", "registration-options/web"])
def test_the_options_for_making_a_passkey_have_all_that_the_sdks_need(browser, api, path):
    begun = ok(browser("POST", f"{BASE}/{path}", {"username": "al", "displayName": "Al"}, token=track(api)))
    assert set(begun) == {"challengeId", "options"}
    options = begun["options"]
    assert set(options) >= ANDROID_NEEDS
    assert len(options["challenge"]) == 43
    assert options["rp"] == {"id": "localhost", "name": "Acme"}
    assert (options["user"]["name"], options["user"]["displayName"]) == ("al", "Al")
    assert [each["alg"] for each in options["pubKeyCredParams"]][:1] == [-7]
    assert -257 in [each["alg"] for each in options["pubKeyCredParams"]]
    assert {"requireResidentKey", "residentKey", "userVerification"} <= set(options["authenticatorSelection"])


def test_a_passkey_is_made_and_proves_the_action(browser, api, phone):
    token = track(api)
    verified = ok(sign_up(browser, phone, token, authenticatorAttachment="platform"))
    assert set(verified) == {
        "isVerified",
        "accessToken",
        "userAuthenticator",
        "userAuthenticatorId",
        "userId",
        "credentialId",
    }
    assert UUID.fullmatch(verified["userAuthenticatorId"])
    assert verified["credentialId"] == b64url(phone.passkeys[0].credential_id)
    assert verified["userAuthenticator"]["verificationMethod"] == "PASSKEY"
    assert ok(api("POST", "validate", {"token": token}))["verificationMethod"] == "PASSKEY"


def test_a_passkey_proves_a_tracked_action(browser, api, phone):
    ok(sign_up(browser, phone, track(api)))
    token = track(api)
    begun = ok(browser("POST", f"{BASE}/authentication-options", {}, token=token))
    assert set(begun["options"]) >= {"challenge", "rpId", "allowCredentials", "timeout", "userVerification"}
    assert len(begun["options"]["allowCredentials"]) == 1
    verified = ok(browser("POST", "verify/passkey", assertion(browser, phone, begun), token=token))
    assert verified["isVerified"] is True
    assert (verified["userId"], "userAuthenticator" in verified) == ("alice", False)
    assert ok(api("POST", "validate", {"token": verified["accessToken"], "userId": "alice"}))["isValid"] is True


@pytest.mark.parametrize("action", ["sign-in", None])
def test_a_passkey_signs_in_whoever_holds_it_without_a_token(browser, api, phone, action):
    ok(api("PATCH", "users/alice", {"username": "al", "displayName": "Al"}))
    ok(sign_up(browser, phone, track(api)))
    challenge = ok(browser("POST", "challenge", {"action": action}))["challengeId"] if action else None
    begun = ok(browser("POST", f"{BASE}/authentication-options", {"challengeId": challenge}))
    assert begun["options"]["allowCredentials"] == []
    assert challenge in (None, begun["challengeId"])
    verified = ok(browser("POST", "verify/passkey", assertion(browser, phone, begun, deviceId="d")))
    assert (verified["userId"], verified["username"], verified["userDisplayName"]) == ("alice", "al", "Al")
    answer = ok(api("POST", "validate", {"token": verified["accessToken"], "userId": "alice"}))
    assert (answer["isValid"], answer["action"]) == (True, action or "passkey-sign-in")
    assert [each["deviceId"] for each in ok(api("GET", "users/alice/devices"))] == ["d"]


def test_a_passkey_keeps_the_names_that_it_was_made_with(browser, api, phone):
    ok(api("PATCH", "users/alice", {"username": "al", "displayName": "Al"}))
    ok(sign_up(browser, phone, track(api), username="al@work", displayName="Al at work"))
    [listed] = ok(api("GET", "users/alice/authenticators"))
    assert (listed["username"], listed["displayName"]) == ("al@work", "Al at work")
    begun = ok(browser("POST", f"{BASE}/authentication-options", {}))
    verified = ok(browser("POST", "verify/passkey", assertion(browser, phone, begun)))
    assert (verified["username"], verified["userDisplayName"]) == ("al@work", "Al at work")
    user = ok(api("GET", "users/alice"))
    assert (user["username"], user["displayName"]) == ("al", "Al")


@pytest.mark.parametrize(("tracked", "kept"), [({}, "phone"), ({"deviceId": "tracked"}, "tracked")])
def test_an_app_names_the_device_of_its_passkey_where_the_backend_did_not(browser, api, phone, tracked, kept):
    token = track(api, **tracked)
    begun = ok(browser("POST", f"{BASE}/registration-options", {}, token=token))
    sent = {"registrationCredential": phone.create(begun["options"]), "challengeId": begun["challengeId"]}
    made = ok(browser("POST", BASE, sent | {"deviceId": "phone"}, token=token))
    assert made["userAuthenticator"]["webauthnCredential"]["deviceId"] == kept
    assert Authenticator.objects.get().device_id == kept


@pytest.mark.parametrize(("outcome", "state"), [("BLOCK", "BLOCK"), ("REVIEW", "REVIEW_REQUIRED")])
def test_the_rules_decide_about_a_sign_in_when_the_user_becomes_known(browser, api, phone, acme, outcome, state):
    ok(sign_up(browser, phone, track(api)))
    make.make_action(acme, "sign-in", outcome)
    challenge = ok(browser("POST", "challenge", {"action": "sign-in"}))["challengeId"]
    begun = ok(browser("POST", f"{BASE}/authentication-options", {"challengeId": challenge}))
    answer = browser("POST", "verify/passkey", assertion(browser, phone, begun))
    assert answer.status_code == 400 or not answer.body.get("isVerified")
    assert "accessToken" not in answer.body
    assert not Action.objects.filter(action_code="sign-in", state="CHALLENGE_SUCCEEDED").exists()


def test_a_sign_in_that_its_action_does_not_permit_uses_the_challenge_up_and_stands_in_the_log(
    browser, api, phone, acme
):
    phone.counts = True
    ok(sign_up(browser, phone, track(api)))
    make.make_action(acme, "sign-in", "CHALLENGE", verification_methods=["EMAIL_OTP"])
    before, seen = Authenticator.objects.get().sign_count, tags(tag="challenge:verified")
    challenge = ok(browser("POST", "challenge", {"action": "sign-in"}))["challengeId"]
    begun = ok(browser("POST", f"{BASE}/authentication-options", {"challengeId": challenge}))
    sent = assertion(browser, phone, begun)
    refused(browser("POST", "verify/passkey", sent), 400, "invalid_configuration")
    action = Action.objects.get(action_code="sign-in")
    assert (action.state, action.user.user_id) == ("CHALLENGE_REQUIRED", "alice")
    assert Challenge.objects.get(pk=challenge).verified_at
    assert Authenticator.objects.get().sign_count > before
    assert len(tags(tag="challenge:verified")) == len(seen) + 1
    assert "accessToken" not in browser("POST", "verify/passkey", sent).body


def test_a_passkey_is_taken_as_ios_sends_it(browser, api, phone):
    token = track(api)
    begun = ok(browser("POST", f"{BASE}/registration-options", {}, token=token))
    credential = phone.create(begun["options"], ios_style=True)
    sent = {"registrationCredential": credential, "challengeId": begun["challengeId"], "deviceId": "d"}
    ok(browser("POST", BASE, sent, token=token))
    begun = ok(browser("POST", f"{BASE}/authentication-options", {}))
    sent = {
        "authenticationCredential": phone.get(begun["options"], ios_style=True),
        "challengeId": begun["challengeId"],
    }
    assert ok(browser("POST", "verify/passkey", sent))["isVerified"] is True


def test_a_passkey_that_nobody_knows_is_told_so(browser, api, phone):
    ok(sign_up(browser, phone, track(api)))
    Authenticator.objects.all().delete()
    begun = ok(browser("POST", f"{BASE}/authentication-options", {}))
    refused(browser("POST", "verify/passkey", assertion(browser, phone, begun)), 400, "unknown_credential")


def test_a_passkey_of_another_tenant_is_not_called_unknown(browser, api, phone, globex):
    ok(sign_up(browser, phone, track(api)))
    begun = ok(browser("POST", f"{BASE}/authentication-options", {}))
    browser.tenant = globex
    refused(browser("POST", "verify/passkey", assertion(browser, phone, begun)), 400, "invalid_request")
    begun = ok(browser("POST", f"{BASE}/authentication-options", {}))
    answer = browser("POST", "verify/passkey", assertion(browser, phone, begun))
    assert "unknown_credential" not in answer.content.decode()
    assert answer.body.get("isVerified") is not True


def test_whether_a_passkey_is_still_known(browser, api, phone, globex):
    ok(sign_up(browser, phone, track(api)))
    ident = b64url(phone.passkeys[0].credential_id)
    for query in (f"credentialIds=other,{ident}", f"credentialId={ident}", f"credentialIds=%00,ü,{ident}"):
        found = ok(browser("GET", f"{BASE}?{query}"))
        assert found["credentialId"] == ident
        assert MOMENT.fullmatch(found["verifiedAt"])
    for query in ("credentialIds=other", "credentialIds=", "", "credentialId=%00", "credentialIds=" + "a," * 2000):
        refused(browser("GET", f"{BASE}?{query}"), 404, "invalid_credential")
    browser.tenant = globex
    refused(browser("GET", f"{BASE}?credentialId={ident}"), 404, "invalid_credential")


@pytest.mark.parametrize("credential", [None, "", [], {}, {"id": 5}, "x" * 1000, {"response": {"a": [1] * 100}}, 1.5])
def test_garbage_in_place_of_a_credential_is_refused_or_wrong(browser, api, phone, credential):
    token = track(api)
    begun = ok(browser("POST", f"{BASE}/registration-options", {}, token=token))
    sent = {"registrationCredential": credential, "challengeId": begun["challengeId"]}
    answer = browser("POST", BASE, sent, token=token)
    assert answer.status_code == 400 or answer.body["isVerified"] is False, answer.body
    begun = ok(browser("POST", f"{BASE}/authentication-options", {}))
    sent = {"authenticationCredential": credential, "challengeId": begun["challengeId"]}
    answer = browser("POST", "verify/passkey", sent)
    assert answer.status_code == 400 or answer.body["isVerified"] is False, answer.body
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("challenge", ["", "nothing", "x" * 128, 5, None])
def test_a_challenge_that_does_not_exist_is_refused(browser, api, challenge):
    token = track(api)
    body = {"registrationCredential": {}, "authenticationCredential": {}, "challengeId": challenge}
    refused(browser("POST", BASE, body, token=token), 400, "invalid_request")
    refused(browser("POST", "verify/passkey", body), 400, "invalid_request")
    if challenge not in (None, ""):
        refused(browser("POST", f"{BASE}/authentication-options", body), 400, "invalid_request")


@pytest.mark.parametrize("body", [{"authenticatorAttachment": "moon"}, {"username": 5}, {"displayName": "x" * 256}])
def test_wrong_options_are_refused(browser, api, body):
    refused(browser("POST", f"{BASE}/registration-options", body, token=track(api)), 400, "invalid_request")
