"""The Client API for security keys: options and credentials travel bare, as the browser SDK sends them."""

import pytest

from actions.models import Action
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import UUID, ok, refused
from tests.soft_authenticator import SoftAuthenticator, b64url

BASE = "user-authenticators/security-key"
NOT_VERIFIED = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}


@pytest.fixture
def key():
    return SoftAuthenticator(origin=make.APP_ORIGIN, backup_eligible=False, counts=True)


def track(api, user="alice", action="login", **body):
    return ok(api("POST", f"users/{user}/actions/{action}", body))["token"]


def options_for(browser, token, ceremony):
    return ok(browser("POST", f"{BASE}/{ceremony}-options", {}, token=token))


def enrol(browser, key, token, **tampered):
    made = key.create(options_for(browser, token, "registration"), attachment="cross-platform", **tampered)
    return browser("POST", BASE, made, token=token)


def assertion(browser, key, token, **tampered):
    tampered.setdefault("with_user_handle", False)
    return key.get(options_for(browser, token, "authentication"), **tampered)


def verify(browser, token, credential):
    return ok(browser("POST", "verify/security-key", credential, token=token))


def test_the_options_come_without_wrapper_or_challenge_id(browser, api, key):
    token = track(api)
    made = options_for(browser, token, "registration")
    assert {"challenge", "rp", "user", "pubKeyCredParams", "excludeCredentials"} < set(made)
    assert made["authenticatorSelection"] == {
        "requireResidentKey": False,
        "residentKey": "discouraged",
        "userVerification": "preferred",
        "authenticatorAttachment": "cross-platform",
    }
    ok(browser("POST", BASE, key.create(made, attachment="cross-platform"), token=token))
    asked = options_for(browser, token, "authentication")
    ident = b64url(key.passkeys[0].credential_id)
    assert [each["id"] for each in asked["allowCredentials"]] == [ident]
    assert set(asked) == {"challenge", "rpId", "allowCredentials", "userVerification", "timeout"}
    again = options_for(browser, token, "registration")
    assert [each["id"] for each in again["excludeCredentials"]] == [ident]


def test_a_key_is_enrolled_and_then_proves_another_action(browser, api, key):
    token = track(api)
    enrolled = ok(enrol(browser, key, token))
    assert set(enrolled) == {"isVerified", "accessToken", "userAuthenticator", "userAuthenticatorId", "userId"}
    assert UUID.fullmatch(enrolled["userAuthenticatorId"])
    assert enrolled["userAuthenticator"]["verificationMethod"] == "SECURITY_KEY"
    assert enrolled["userAuthenticator"]["authenticatorAttachment"] == "cross-platform"
    assert enrolled["userAuthenticator"]["webauthnCredential"]["name"] == "Security key"
    token = track(api)
    verified = verify(browser, token, assertion(browser, key, token))
    assert set(verified) == {"isVerified", "accessToken"}
    answer = ok(api("POST", "validate", {"token": verified["accessToken"], "userId": "alice"}))
    assert (answer["isValid"], answer["verificationMethod"]) == (True, "SECURITY_KEY")


def test_a_key_has_another_handle_than_a_passkey(browser, api):
    """Else a password manager that is told of the user's passkeys would drop the key's credential."""
    token = track(api)
    passkey = ok(browser("POST", "user-authenticators/passkey/registration-options", {}, token=token))["options"]
    assert passkey["user"]["id"] != options_for(browser, token, "registration")["user"]["id"]


def test_a_user_without_a_key_has_nothing_to_answer_with(browser, api):
    refused(browser("POST", f"{BASE}/authentication-options", {}, token=track(api)), 400, "invalid_request")


@pytest.mark.parametrize("path", [f"{BASE}/registration-options", f"{BASE}/authentication-options", BASE])
def test_without_a_token_nothing_begins(browser, path):
    refused(browser("POST", path, {}), 401, "expired_token")


def test_a_second_key_needs_a_proof_or_the_scope(browser, api, key):
    ok(enrol(browser, key, track(api)))
    refused(browser("POST", f"{BASE}/registration-options", {}, token=track(api)), 403, "invalid_request")
    ok(enrol(browser, key, track(api, scope="add:authenticators")))
    assert len(ok(api("GET", "users/alice/authenticators"))) == 2


def test_beginning_anew_drops_what_was_begun(browser, api, key):
    ok(enrol(browser, key, track(api)))
    token = track(api)
    first = assertion(browser, key, token)
    second = assertion(browser, key, token)
    assert verify(browser, token, first) == NOT_VERIFIED
    assert verify(browser, token, second)["isVerified"] is True
    assert Challenge.objects.filter(method=M.SECURITY_KEY, purpose="authenticate", verified_at=None).count() == 1


def test_enrolling_does_not_drop_a_challenge(browser, api, key):
    ok(enrol(browser, key, track(api)))
    token = track(api, scope="add:authenticators")
    waiting = assertion(browser, key, token)
    ok(enrol(browser, key, token))
    assert verify(browser, token, waiting)["isVerified"] is True


def test_an_answer_counts_once_and_for_its_own_action_and_ceremony(browser, api, key):
    ok(enrol(browser, key, track(api)))
    token, other = track(api, scope="add:authenticators"), track(api, action="other")
    made = key.create(options_for(browser, token, "registration"))
    signed = assertion(browser, key, token)
    # Registration and authentication each look for a challenge of their own kind.
    assert verify(browser, token, made) == NOT_VERIFIED
    assert ok(browser("POST", BASE, signed, token=token))["isVerified"] is False
    assert verify(browser, other, signed) == NOT_VERIFIED
    assert verify(browser, token, signed)["isVerified"] is True
    assert verify(browser, token, signed) == NOT_VERIFIED


def test_a_passkey_is_no_security_key_and_a_security_key_no_passkey(browser, api, key):
    ok(enrol(browser, key, track(api)))
    begun = ok(browser("POST", "user-authenticators/passkey/authentication-options", {}))
    sent = {"challengeId": begun["challengeId"], "authenticationCredential": key.get(begun["options"])}
    answer = browser("POST", "verify/passkey", sent)
    # Nor is it called unknown: a client would delete it.
    assert answer.body == NOT_VERIFIED
    known = f"user-authenticators/passkey?credentialId={b64url(key.passkeys[0].credential_id)}"
    refused(browser("GET", known), 404, "invalid_credential")


def test_three_wrong_answers_end_a_challenge(browser, api, key):
    ok(enrol(browser, key, track(api)))
    token = track(api)
    asked = options_for(browser, token, "authentication")
    for _ in range(3):
        assert verify(browser, token, key.get(asked, origin="https://evil.example")) == NOT_VERIFIED
    answer = verify(browser, token, key.get(asked, with_user_handle=False))
    assert answer == {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}


def test_a_key_without_a_pin_proves_unless_the_tenant_requires_one(browser, api, key, acme):
    ok(enrol(browser, key, track(api), uv=False))
    token = track(api)
    assert verify(browser, token, assertion(browser, key, token, uv=False))["isVerified"] is True
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.SECURITY_KEY, user_verification="required")
    token = track(api)
    asked = options_for(browser, token, "authentication")
    assert asked["userVerification"] == "required"
    assert verify(browser, token, key.get(asked, uv=False)) == NOT_VERIFIED
    assert verify(browser, token, key.get(asked))["isVerified"] is True


@pytest.mark.parametrize("credential", [{}, {"id": 5}, {"response": {"a": [1] * 100}}, {"id": "AA", "response": {}}])
def test_garbage_in_place_of_a_credential_proves_nothing(browser, api, key, credential):
    token = track(api)
    options_for(browser, token, "registration")
    assert ok(browser("POST", BASE, credential, token=token))["isVerified"] is False
    ok(enrol(browser, key, token))
    token = track(api)
    options_for(browser, token, "authentication")
    assert verify(browser, token, credential) == NOT_VERIFIED
    assert Authenticator.objects.count() == 1
    assert Action.objects.filter(state="CHALLENGE_SUCCEEDED").count() == 1


def test_a_method_that_is_switched_off_or_not_permitted_is_not_begun(browser, api, key, acme):
    ok(enrol(browser, key, track(api)))
    make.make_action(acme, "strict", "CHALLENGE", verification_methods=["PASSKEY"])
    strict = track(api, action="strict")
    refused(browser("POST", f"{BASE}/authentication-options", {}, token=strict), 400, "invalid_configuration")
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.SECURITY_KEY, is_active=False)
    token = track(api, scope="add:authenticators")
    for ceremony in ("registration", "authentication"):
        refused(browser("POST", f"{BASE}/{ceremony}-options", {}, token=token), 400, "invalid_configuration")
