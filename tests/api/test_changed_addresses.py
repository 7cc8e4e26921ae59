"""A code to an address that is not the user's any more proves nothing, wherever it is answered."""

import pytest

from authenticators import codes
from authenticators.models import Challenge, Message
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import code_sent, ok, refused
from tests.api.test_client_codes import totp_code

OLD, NEW = "+64211111111", "+64212222222"
STALE = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
PAY = {"userId": "alice", "action": "pay", "verificationMethod": "SMS"}


@pytest.fixture
def alice(acme):
    return make.make_user(acme, "alice", phone_number=OLD)


def changed(api, how, number=NEW):
    if how == "updated":
        ok(api("PATCH", "users/alice", {"phoneNumber": number}))
    else:
        ok(api("POST", "users/alice/actions/other", {"phoneNumber": number}))


@pytest.mark.parametrize("how", ["updated", "tracked"])
def test_a_code_to_a_number_that_is_another_by_now_proves_nothing_at_any_door(api, browser, alice, how):
    started = ok(api("POST", "challenge", {**PAY, "scope": "add:authenticators"}))
    code, message = code_sent(), Message.objects.get()
    token = ok(
        api(
            "POST",
            "users/alice/actions/pay",
            {"idempotencyKey": started["idempotencyKey"], "scope": "add:authenticators"},
        )
    )["token"]
    Message.objects.update(fallback_channel="WHATSAPP")
    changed(api, how)
    answer = {"challengeId": started["challengeId"], "verificationCode": code}
    assert ok(api("POST", "verify", answer)) == STALE
    assert ok(browser("POST", "verify/sms", {"verificationCode": code}, token=token)) == STALE
    refused(api("POST", "challenge", {"challengeId": started["challengeId"]}), 400, "invalid_request")
    claim = {"challengeId": started["challengeId"], "userId": "alice", "skipVerificationCheck": True}
    refused(api("POST", "claim", claim), 401, "unauthorized")
    message.refresh_from_db()
    assert (message.status, codes.send_by_fallback(message)) == ("cancelled", False)
    assert ok(api("GET", f"users/alice/actions/pay/{started['idempotencyKey']}"))["state"] == "CHALLENGE_REQUIRED"
    assert ok(api("GET", "users/alice"))["isEnrolled"] is False


def test_a_code_that_was_answered_before_is_not_claimed_after_it(api, alice):
    started = ok(api("POST", "challenge", PAY))
    ok(api("POST", "verify", {"challengeId": started["challengeId"], "verificationCode": code_sent()}))
    changed(api, "updated")
    claim = {"challengeId": started["challengeId"], "userId": "alice"}
    refused(api("POST", "claim", claim), 401, "unauthorized")
    assert not alice.authenticators.exists()


@pytest.mark.parametrize("how", ["updated", "tracked"])
def test_what_was_proved_at_an_address_that_is_another_by_now_allows_nothing(api, browser, acme, alice, how):
    acme.first_enrolment_needs_scope = True
    acme.save()
    token = ok(api("POST", "users/alice/actions/pay", {}))["token"]
    ok(browser("POST", "challenge/sms", {}, token=token))
    access = ok(browser("POST", "verify/sms", {"verificationCode": code_sent()}, token=token))["accessToken"]
    assert not alice.authenticators.exists()
    changed(api, how)
    for bearer in (token, access):
        refused(browser("POST", "user-authenticators/totp", token=bearer), 403, "invalid_request")


def test_so_does_a_proof_that_was_claimed_before(api, browser, acme, alice):
    acme.first_enrolment_needs_scope = True
    acme.save()
    started = ok(api("POST", "challenge", PAY))
    ok(api("POST", "verify", {"challengeId": started["challengeId"], "verificationCode": code_sent()}))
    token = ok(api("POST", "claim", {"challengeId": started["challengeId"], "userId": "alice"}))["token"]
    changed(api, "updated")
    refused(browser("POST", "user-authenticators/totp", token=token), 403, "invalid_request")
    # What was proved stays on record.
    action = ok(api("GET", f"users/alice/actions/pay/{started['idempotencyKey']}"))
    assert action["state"] == "CHALLENGE_SUCCEEDED"


def test_a_challenge_that_was_claimed_before_its_code_is_not_proved_at_the_former_address(api, alice):
    started = ok(api("POST", "challenge", PAY))
    code = code_sent()
    ok(api("POST", "claim", {"challengeId": started["challengeId"], "userId": "alice", "skipVerificationCheck": True}))
    changed(api, "updated")
    assert ok(api("POST", "verify", {"challengeId": started["challengeId"], "verificationCode": code})) == STALE
    action = ok(api("GET", f"users/alice/actions/pay/{started['idempotencyKey']}"))
    assert action["state"] == "CHALLENGE_REQUIRED"


def test_what_was_enrolled_by_such_a_proof_is_none_that_enrols_more(api, browser, acme, alice):
    acme.first_enrolment_needs_scope = True
    acme.save()
    token = ok(api("POST", "users/alice/actions/pay", {}))["token"]
    ok(browser("POST", "challenge/sms", {}, token=token))
    access = ok(browser("POST", "verify/sms", {"verificationCode": code_sent()}, token=token))["accessToken"]
    secret = ok(browser("POST", "user-authenticators/totp", token=access))["secret"]
    ok(browser("POST", "verify/totp", {"verificationCode": totp_code(secret)}, token=access))
    changed(api, "updated")
    email = {"email": "eve@evil.example"}
    refused(browser("POST", "user-authenticators/email-otp", email, token=access), 403, "invalid_request")


def test_what_is_enrolled_or_was_named_answers_for_itself(api, browser, alice):
    named = ok(api("POST", "challenge", {**PAY, "phoneNumber": "+64213333333"}))
    changed(api, "updated")
    changed(api, "tracked", NEW.replace("+64", "+64 0"))
    verified = {"challengeId": named["challengeId"], "verificationCode": code_sent()}
    assert ok(api("POST", "verify", verified))["isVerified"] is True
    make.make_authenticator(alice, M.SMS, contact=NEW)
    enrolled = ok(api("POST", "challenge", PAY))
    code = code_sent()
    changed(api, "tracked", OLD)
    assert Challenge.objects.get(pk=enrolled["challengeId"]).failed_at is None
    answer = {"challengeId": enrolled["challengeId"], "verificationCode": code}
    assert ok(api("POST", "verify", answer))["isVerified"] is True
