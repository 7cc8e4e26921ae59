"""In-app proofs: the app begins a challenge, signs it, and gets a token."""

import pytest

from actions.models import Action
from authenticators.models import AuthenticatorConfiguration, Challenge
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import ok, refused
from tests.api.test_device_credentials import enrol, track
from tests.device import DeviceKey


@pytest.fixture
def key(api, browser):
    made = DeviceKey()
    enrol(api, browser, made, "in-app")
    return made


def begin(browser, **body):
    return ok(browser("POST", "challenge", body))["challengeId"]


def test_without_a_token_the_key_tells_who_it_is(api, browser, key):
    ok(api("PATCH", "users/alice", {"username": "al"}))
    challenge_id = begin(browser, action="pay")
    verified = ok(browser("POST", "verify/in-app", key.claim(challenge_id)))
    assert set(verified) == {"token", "userId", "userAuthenticatorId", "username"}
    assert (verified["userId"], verified["username"]) == ("alice", "al")
    validated = ok(api("POST", "validate", {"token": verified["token"], "userId": "alice", "action": "pay"}))
    assert (validated["isValid"], validated["verificationMethod"]) == (True, M.IN_APP)
    refused(browser("POST", "verify/in-app", key.claim(challenge_id)), 400, "invalid_request")
    assert Action.objects.filter(action_code="pay").count() == 1


def test_with_a_token_it_counts_for_the_tokens_action(api, browser, key):
    token = track(api)
    verified = ok(browser("POST", "verify/in-app", key.claim(begin(browser)), token=token))
    assert ok(api("POST", "validate", {"token": token}))["isValid"] is True
    assert ok(api("POST", "validate", {"token": verified["token"], "action": "login"}))["isValid"] is True


def test_another_users_key_proves_nothing_for_a_token(api, browser, key):
    token = track(api, user="bob")
    refused(browser("POST", "verify/in-app", key.claim(begin(browser)), token=token), 400, "invalid_credential")
    assert ok(api("POST", "validate", {"token": token}))["state"] == "CHALLENGE_REQUIRED"


def test_what_is_not_signed_by_an_enrolled_key_proves_nothing(api, browser, key, globex):
    stranger = DeviceKey()
    challenge_id = begin(browser, action="pay")
    forged = key.claim(challenge_id) | {"signature": stranger.sign(challenge_id)}
    refused(browser("POST", "verify/in-app", forged), 400, "invalid_request")
    refused(browser("POST", "verify/in-app", stranger.claim(challenge_id)), 400, "invalid_credential")
    refused(browser("POST", "verify/in-app", key.claim("x" * 64)), 400, "invalid_request")
    theirs = type(browser)(browser.http, globex)
    refused(browser("POST", "verify/in-app", key.claim(begin(theirs, action="pay"))), 400, "invalid_request")
    assert not Action.objects.filter(action_code="pay").exists()
    assert ok(browser("POST", "verify/in-app", key.claim(challenge_id)))["userId"] == "alice"


def test_a_challenge_of_another_kind_is_not_answered_here(api, browser, key):
    other = DeviceKey()
    enrol(api, browser, other, "push")
    pushed = ok(browser("POST", "challenge/push", {}, token=track(api)))["challengeId"]
    shown = ok(browser("POST", "challenge/qr-code", {"action": "kiosk"}))["challengeId"]
    renewing = ok(browser("POST", f"user-authenticators/push/sign?{other.query}"))["challengeId"]
    for challenge_id in (pushed, shown, renewing):
        refused(browser("POST", "verify/in-app", key.claim(challenge_id)), 400, "invalid_request")
        assert Challenge.objects.get(pk=challenge_id).verified_at is None


def test_a_challenge_for_a_passkey_is_none_any_more_once_an_app_has_answered_it(api, browser, key):
    challenge_id = begin(browser, action="pay")
    ok(browser("POST", "verify/in-app", key.claim(challenge_id)))
    body = {"challengeId": challenge_id}
    refused(browser("POST", "user-authenticators/passkey/authentication-options", body), 400, "invalid_request")


def test_the_rules_decide_when_the_user_is_known(api, browser, acme, key):
    make.make_action(acme, "pay", "BLOCK")
    challenge_id = begin(browser, action="pay")
    refused(browser("POST", "verify/in-app", key.claim(challenge_id)), 400, "invalid_request")
    assert Action.objects.get(action_code="pay").state == "BLOCK"
    assert Challenge.objects.get(pk=challenge_id).verified_at


def test_a_method_that_is_not_permitted_or_switched_off_is_refused(api, browser, acme, key):
    make.make_action(acme, "pay", "CHALLENGE", verification_methods=[M.SMS])
    refused(browser("POST", "verify/in-app", key.claim(begin(browser, action="pay"))), 400, "invalid_configuration")
    token = track(api, action="pay")
    refused(browser("POST", "verify/in-app", key.claim(begin(browser)), token=token), 400, "invalid_configuration")
    assert set(Action.objects.filter(action_code="pay").values_list("state", flat=True)) == {"CHALLENGE_REQUIRED"}
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.IN_APP, is_active=False)
    refused(browser("POST", "verify/in-app", key.claim(begin(browser, action="x"))), 400, "invalid_configuration")


def test_a_challenge_can_be_answered_for_ten_minutes(browser, key, advance):
    challenge_id = begin(browser, action="pay")
    advance(601)
    refused(browser("POST", "verify/in-app", key.claim(challenge_id)), 400, "invalid_request")


def test_a_signature_counts_for_the_action_that_it_was_begun_for(api, browser, acme, key):
    """Whoever relays a sign-in to the app gets a sign-in signed, and no payment."""
    token = track(api, action="withdraw", idempotencyKey="mine")
    default = acme.default_passkey_action
    for body in (
        {"action": "sign-in"},
        {"action": default},
        {"action": "withdraw", "idempotencyKey": "another"},
        {"idempotencyKey": "mine"},
    ):
        challenge_id = begin(browser, **body)
        refused(browser("POST", "verify/in-app", key.claim(challenge_id), token=token), 400, "invalid_request")
        assert Challenge.objects.get(pk=challenge_id).verified_at is None
    assert ok(api("POST", "validate", {"token": token}))["state"] == "CHALLENGE_REQUIRED"


@pytest.mark.parametrize("body", [{}, {"action": "withdraw"}, {"action": "withdraw", "idempotencyKey": "mine"}])
@pytest.mark.parametrize("by", ["tenant", "user"])
def test_what_was_begun_for_the_tokens_action_or_for_none_counts(api, browser, key, body, by):
    token = track(api, action="withdraw", idempotencyKey="mine")
    challenge_id = ok(browser("POST", "challenge", body, token=token if by == "user" else None))["challengeId"]
    ok(browser("POST", "verify/in-app", key.claim(challenge_id), token=token))
    assert ok(api("POST", "validate", {"token": token}))["isValid"] is True


@pytest.mark.parametrize("body", [{}, {"action": "withdraw"}])
def test_what_a_user_began_nobody_else_signs(api, browser, key, body):
    bobs = DeviceKey()
    enrol(api, browser, bobs, "in-app", user="bob")
    tokens = {user: track(api, user=user, action="withdraw") for user in ("alice", "bob")}
    challenge_id = ok(browser("POST", "challenge", body, token=tokens["alice"]))["challengeId"]
    refused(browser("POST", "verify/in-app", bobs.claim(challenge_id), token=tokens["bob"]), 400, "invalid_request")
    refused(browser("POST", "verify/in-app", bobs.claim(challenge_id)), 400, "invalid_request")
    options = browser("POST", "user-authenticators/passkey/authentication-options", {"challengeId": challenge_id})
    refused(options, 400, "invalid_request")
    assert ok(api("POST", "validate", {"token": tokens["bob"]}))["state"] == "CHALLENGE_REQUIRED"
    ok(browser("POST", "verify/in-app", key.claim(challenge_id), token=tokens["alice"]))


def test_what_a_user_began_counts_for_no_other_action_of_theirs(api, browser, key):
    first, second = track(api, action="login"), track(api, action="withdraw")
    challenge_id = ok(browser("POST", "challenge", {}, token=first))["challengeId"]
    refused(browser("POST", "verify/in-app", key.claim(challenge_id), token=second), 400, "invalid_request")
    assert ok(api("POST", "validate", {"token": second}))["state"] == "CHALLENGE_REQUIRED"
    # Without a token too it is of the action that it was begun for.
    verified = ok(browser("POST", "verify/in-app", key.claim(challenge_id)))
    assert ok(api("POST", "validate", {"token": verified["token"], "action": "login"}))["isValid"] is True
    assert ok(api("POST", "validate", {"token": first}))["isValid"] is True
