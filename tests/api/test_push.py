"""Push: the page asks, the phone answers, the page is told; by the number on the page, in bounds, once."""

import json

import pytest

from actions.models import Action
from audit.models import AuditEvent
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, GuessCount, Message
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import everything_stored, issued_at, ok, refused
from tests.api.test_device_credentials import enrol, track
from tests.device import DeviceKey

PENDING = {"isVerified": False, "isConsumed": False}
OVER = {"isVerified": False, "isConsumed": True}
REFUSED = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
CHALLENGE = "user-authenticators/push/challenge"


@pytest.fixture
def key(api, browser):
    made = DeviceKey()
    enrol(api, browser, made)
    return made


def ask(browser, token, **body):
    return ok(browser("POST", "challenge/push", body, token=token))


def poll(browser, token, challenge_id):
    return ok(browser("POST", "verify/push", {"challengeId": challenge_id}, token=token))


def answer(browser, key, asked, *, number=None, approved=True):
    number = asked["verificationCode"] if number is None else number
    return ok(browser("POST", CHALLENGE, key.answer(asked["challengeId"], number, approved=approved)))


def pending(browser, key, *, signed=True):
    headers = {}
    if signed:
        message = ok(browser("POST", f"{CHALLENGE}/sign?{key.query}"))["message"]
        headers["X-Authsignal-Signature"] = key.sign(message)
    return ok(browser("GET", f"{CHALLENGE}?{key.query}", **headers))


def state(api, token):
    return ok(api("POST", "validate", {"token": token}))


def test_a_push_is_asked_approved_and_told_once(api, browser, key):
    token = track(api)
    asked = ask(browser, token, action="login")
    assert set(asked) == {"challengeId", "verificationCode", "expiresAt"}
    assert isinstance(asked["expiresAt"], int)
    assert poll(browser, token, asked["challengeId"]) == PENDING
    assert answer(browser, key, asked) == {"isVerified": True}
    told = poll(browser, token, asked["challengeId"])
    assert set(told) == {"isVerified", "isConsumed", "accessToken"}
    validated = state(api, told["accessToken"])
    assert (validated["isValid"], validated["verificationMethod"]) == (True, M.PUSH)
    assert poll(browser, token, asked["challengeId"]) == {"isVerified": True, "isConsumed": True}
    assert answer(browser, key, asked, number="")["isVerified"] is False
    assert Action.objects.get(action_code="login").authenticator_id == Authenticator.objects.get().pk


def test_a_declined_push_fails_the_action_for_good(api, browser, key):
    token = track(api)
    asked = ask(browser, token)
    assert answer(browser, key, asked, number="", approved=False) == {"isVerified": False}
    assert poll(browser, token, asked["challengeId"]) == OVER
    assert state(api, token)["state"] == "CHALLENGE_FAILED"
    refused(browser("POST", CHALLENGE, key.answer(asked["challengeId"], "42")), 400, "invalid_request")
    refused(browser("POST", "challenge/push", {}, token=token), 400, "invalid_request")
    assert AuditEvent.objects.filter(tag="challenge:declined").count() == 1
    changed = AuditEvent.objects.get(tag="action:state_changed")
    assert (changed.data["from_state"], changed.data["to_state"]) == ("CHALLENGE_REQUIRED", "CHALLENGE_FAILED")


def test_declining_undoes_no_proof_that_was_given_already(api, browser, key):
    token = track(api, scope="add:authenticators")
    asked = ask(browser, token)
    Action.objects.filter(action_code="login").update(state="CHALLENGE_SUCCEEDED")
    answer(browser, key, asked, number="", approved=False)
    assert state(api, token)["state"] == "CHALLENGE_SUCCEEDED"


# -- number matching -----------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["0", "+", "٤٢", " 42", "4２"])
def test_a_wrong_number_is_refused_and_counted_and_the_second_ends_it(api, browser, key, wrong):
    token = track(api)
    asked = ask(browser, token)
    body = key.answer(asked["challengeId"], wrong)
    assert ok(browser("POST", CHALLENGE, body)) == REFUSED
    assert GuessCount.objects.get(method=M.PUSH).consecutive == 1
    assert poll(browser, token, asked["challengeId"]) == PENDING
    other = f"{10 + (int(asked['verificationCode']) - 9) % 90}"
    assert answer(browser, key, asked, number=other) == REFUSED
    assert answer(browser, key, asked) == {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}
    assert poll(browser, token, asked["challengeId"]) == OVER
    assert pending(browser, key).keys() == {"userAuthenticatorId"}
    assert GuessCount.objects.get(method=M.PUSH).consecutive == 2
    assert state(api, token)["state"] == "CHALLENGE_REQUIRED"


@pytest.mark.parametrize("missing", [{"verificationCode": None}, {"verificationCode": ""}, {}])
def test_an_approval_without_the_number_is_no_success_and_no_guess(api, browser, key, missing):
    token = track(api)
    asked = ask(browser, token)
    body = key.answer(asked["challengeId"])
    del body["verificationCode"]
    before = everything_stored()
    for _time in range(3):
        assert "number on the page" in refused(browser("POST", CHALLENGE, body | missing), 400, "invalid_request")
    assert everything_stored() == before
    assert answer(browser, key, asked) == {"isVerified": True}
    assert ok(browser("POST", CHALLENGE, body | missing)) == REFUSED, "it is over"


def test_one_wrong_number_may_be_followed_by_the_right_one(api, browser, key):
    asked = ask(browser, track(api))
    assert answer(browser, key, asked, number="1") == REFUSED
    assert answer(browser, key, asked) == {"isVerified": True}
    assert GuessCount.objects.get(method=M.PUSH).consecutive == 0


def test_wrong_numbers_pause_push_and_nothing_else(api, browser, key, settings):
    settings.PUSHES_PER_5_MINUTES = settings.PUSHES_PER_HOUR = 100
    for _challenge in range(5):
        asked = ask(browser, track(api))
        for _try in range(2):
            answer(browser, key, asked, number="1")
    refused(browser("POST", "challenge/push", {}, token=track(api)), 429, "too_many_requests")
    assert AuditEvent.objects.filter(tag="method:paused").count() == 1


def test_where_the_tenant_switched_it_off_approving_is_enough(api, browser, acme, key):
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.PUSH, number_matching=False)
    asked = ask(browser, track(api))
    assert "verificationCode" not in asked
    assert ok(browser("POST", CHALLENGE, key.answer(asked["challengeId"]))) == {"isVerified": True}


# -- who may answer ------------------------------------------------------------------------------


def test_only_an_enrolled_key_of_the_user_answers_and_garbage_counts_against_nobody(api, browser, key):
    asked = ask(browser, track(api))
    theirs, unknown = DeviceKey(), DeviceKey()
    enrol(api, browser, theirs, user="bob")
    number, challenge_id = asked["verificationCode"], asked["challengeId"]
    right = key.answer(challenge_id, number)
    refused(browser("POST", CHALLENGE, theirs.answer(challenge_id, number)), 400, "invalid_request")
    refused(browser("POST", CHALLENGE, unknown.answer(challenge_id, number)), 400, "invalid_credential")
    refused(browser("POST", CHALLENGE, key.answer("x" * 64, number)), 400, "invalid_request")
    for signature in (theirs.sign(challenge_id), key.sign(challenge_id + "x"), "AAAA", key.sign("")):
        assert ok(browser("POST", CHALLENGE, right | {"signature": signature})) == REFUSED
    assert GuessCount.objects.get(method=M.PUSH).consecutive == 0
    assert ok(browser("POST", CHALLENGE, right)) == {"isVerified": True}


@pytest.mark.parametrize(
    "body",
    [
        {"approved": None},
        {"approved": "true"},
        {"approved": 1},
        {"signature": None},
        {"challengeId": 5},
        {"verificationCode": 42},
    ],
)
def test_an_answer_of_the_wrong_type_is_refused(api, browser, key, body):
    asked = ask(browser, track(api))
    before = everything_stored()
    refused(browser("POST", CHALLENGE, key.answer(asked["challengeId"]) | body), 400, "invalid_request")
    assert everything_stored() == before


def test_one_device_may_be_asked_and_then_no_other_answers(api, browser, key):
    second = DeviceKey()
    made = enrol(api, browser, second)
    asked = ask(browser, track(api), userAuthenticatorId=made["userAuthenticatorId"])
    assert pending(browser, key).keys() == {"userAuthenticatorId"}
    assert answer(browser, key, asked) == REFUSED
    assert answer(browser, second, asked) == {"isVerified": True}


def test_a_removed_device_answers_nothing(api, browser, key):
    second = DeviceKey()
    enrol(api, browser, second)
    asked = ask(browser, track(api))
    ok(browser("POST", "user-authenticators/push/remove", second.removal()))
    body = second.answer(asked["challengeId"], asked["verificationCode"])
    refused(browser("POST", CHALLENGE, body), 400, "invalid_credential")


def test_a_push_can_be_answered_for_two_minutes(api, browser, key, advance):
    token = track(api)
    asked = ask(browser, token)
    advance(121)
    assert answer(browser, key, asked) == REFUSED
    assert poll(browser, token, asked["challengeId"]) == OVER


def test_a_push_counts_only_where_the_action_permits_it(api, browser, acme, key):
    make.make_action(acme, "pay", "CHALLENGE", verification_methods=[M.SMS])
    refused(browser("POST", "challenge/push", {}, token=track(api, action="pay")), 400, "invalid_configuration")
    refused(browser("POST", "challenge/push", {"action": "other"}, token=track(api)), 400, "invalid_request")
    token = track(api, user="bob")
    refused(browser("POST", "challenge/push", {}, token=token), 400, "invalid_request")
    refused(browser("POST", "challenge/push", {}), 401, "expired_token")
    named = {"userAuthenticatorId": str(Authenticator.objects.get().pk)}
    refused(browser("POST", "challenge/push", named, token=token), 400, "invalid_request")


def test_an_action_that_was_blocked_meanwhile_gives_no_token(api, browser, key):
    token = track(api, idempotencyKey="k")
    asked = ask(browser, token)
    ok(api("PATCH", "users/alice/actions/login/k", {"state": "BLOCK"}))
    body = key.answer(asked["challengeId"], asked["verificationCode"])
    refused(browser("POST", CHALLENGE, body), 400, "invalid_request")
    token = track(api, idempotencyKey="l")
    asked = ask(browser, token)
    answer(browser, key, asked)
    ok(api("PATCH", "users/alice/actions/login/l", {"state": "BLOCK"}))
    assert poll(browser, token, asked["challengeId"]) == OVER


def test_the_outcome_is_told_to_the_actions_own_token_only(api, browser, key):
    asked = ask(browser, track(api))
    body = {"challengeId": asked["challengeId"]}
    for token in (track(api), track(api, user="bob")):
        refused(browser("POST", "verify/push", body, token=token), 400, "invalid_request")
    refused(browser("POST", "verify/push", body), 401, "expired_token")


def test_a_token_that_was_fetched_late_is_no_fresher_than_its_proof(api, browser, key, advance):
    token = track(api)
    asked = ask(browser, token)
    answer(browser, key, asked)
    advance(540)
    late = poll(browser, token, asked["challengeId"])["accessToken"]
    assert issued_at(late) == int(Challenge.objects.get(pk=asked["challengeId"]).verified_at.timestamp())
    ok(browser("POST", "user-authenticators/email-otp", {"email": "a@acme.example"}, token=late))
    advance(61)
    assert state(api, late)["isValid"] is True
    body = {"email": "evil@acme.example"}
    refused(browser("POST", "user-authenticators/email-otp", body, token=late), 403, "invalid_request")


def test_the_token_of_an_old_approval_is_not_given_out_any_more(api, browser, acme, key, advance):
    acme.token_duration_in_minutes = 60
    acme.save()
    token = track(api)
    asked = ask(browser, token)
    answer(browser, key, asked)
    advance(601)
    assert "accessToken" not in poll(browser, token, asked["challengeId"])


# -- what the device is told ---------------------------------------------------------------------


def test_the_device_is_told_what_is_public_if_it_signed_the_question(api, browser, acme, key):
    for name, model, public in [
        ("amount", "action", True),
        ("score", "action", False),
        ("tier", "user", True),
        ("risk", "user", False),
    ]:
        point = make.make_point(acme, name, "text", model)
        point.is_public = public
        point.save()
    ok(api("PATCH", "users/alice", {"custom": {"tier": "gold", "risk": "high", "amount": "9"}}))
    token = track(
        api,
        custom={"amount": "12", "score": "3", "tier": "x"},
        ipAddress="203.0.113.7",
        userAgent="Agent",
        deviceId="d",
        idempotencyKey="k",
    )
    asked = ask(browser, token)
    bare = {
        "userAuthenticatorId": str(Authenticator.objects.get().pk),
        "challengeId": asked["challengeId"],
        "userId": "alice",
        "actionCode": "login",
        "actionName": "Login",
        "idempotencyKey": "k",
        "deviceId": "d",
        "userAgent": "Agent",
        "ipAddress": "203.0.113.7",
        "expiresAt": asked["expiresAt"],
        "numberMatching": True,
    }
    assert pending(browser, key, signed=False) == bare
    assert pending(browser, key) == bare | {"custom": {"amount": "12"}, "user": {"custom": {"tier": "gold"}}}


def test_a_wrong_signature_is_refused_and_an_old_one_too(api, browser, key, advance):
    message = ok(browser("POST", f"{CHALLENGE}/sign?{key.query}"))["message"]
    for signature in (DeviceKey().sign(message), key.sign("x"), "AAAA"):
        asked = browser("GET", f"{CHALLENGE}?{key.query}", **{"X-Authsignal-Signature": signature})
        refused(asked, 400, "invalid_request")
    advance(121)
    asked = browser("GET", f"{CHALLENGE}?{key.query}", **{"X-Authsignal-Signature": key.sign(message)})
    refused(asked, 400, "invalid_request")


def test_a_tenant_may_answer_signed_questions_only(api, browser, acme, key):
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.PUSH, require_signature=True)
    refused(browser("GET", f"{CHALLENGE}?{key.query}"), 400, "invalid_request")
    assert pending(browser, key).keys() == {"userAuthenticatorId"}


def test_a_device_that_is_not_enrolled_is_told_nothing(api, browser, key):
    unknown = DeviceKey()
    refused(browser("POST", f"{CHALLENGE}/sign?{unknown.query}"), 404, "invalid_credential")
    refused(browser("GET", f"{CHALLENGE}?{unknown.query}"), 404, "invalid_credential")


# -- bounds --------------------------------------------------------------------------------------


def test_one_push_is_outstanding(api, browser, key):
    first, second = track(api), track(api)
    asked = ask(browser, first)
    assert ask(browser, first) == asked
    assert Message.objects.count() == 1
    newer = ask(browser, second)
    assert poll(browser, first, asked["challengeId"]) == OVER
    assert answer(browser, key, asked) == REFUSED
    assert pending(browser, key)["challengeId"] == newer["challengeId"]
    assert state(api, first)["state"] == "CHALLENGE_REQUIRED"
    assert answer(browser, key, newer) == {"isVerified": True}


def test_three_pushes_in_five_minutes_and_ten_in_an_hour(api, browser, key, advance):
    def pushed():
        asked = browser("POST", "challenge/push", {}, token=track(api))
        return asked.status_code if asked.status_code == 200 else int(asked["Retry-After"])

    assert [pushed() for _ in range(3)] == [200] * 3
    assert 290 <= pushed() <= 301
    for _round in range(2):
        advance(301)
        assert [pushed() for _ in range(3)] == [200] * 3
    advance(301)
    assert pushed() == 200
    assert 2600 <= pushed() <= 2701
    assert Message.objects.count() == Challenge.objects.filter(method=M.PUSH).count() == 10


def test_two_denials_bring_a_pause_of_fifteen_minutes(api, browser, key, advance):
    for _time in range(2):
        answer(browser, key, ask(browser, track(api)), number="", approved=False)
    advance(301)
    told = browser("POST", "challenge/push", {}, token=track(api))
    refused(told, 429, "too_many_requests")
    assert 500 <= int(told["Retry-After"]) <= 601
    advance(600)
    ask(browser, track(api))


def test_what_is_owed_names_the_challenge_and_no_more(api, browser, key):
    asked = ask(browser, track(api))
    message = Message.objects.select_related("tenant").get()
    assert (message.channel, message.challenge_id, message.user.user_id) == ("PUSH", asked["challengeId"], "alice")
    owed = json.loads(message.payload)
    assert (owed["to"], owed["text"]) == ("alice", asked["challengeId"])
    assert set(owed["about"]) == {"challengeId", "userId", "actionCode", "idempotencyKey"}
    events = str(list(AuditEvent.objects.values_list("data", flat=True)))
    assert f"'{asked['verificationCode']}'" not in events


def test_where_no_provider_is_set_the_app_finds_the_push_by_itself(api, browser, key, settings):
    settings.MESSAGE_PROVIDERS = settings.MESSAGE_PROVIDERS | {"PUSH": "none"}
    asked = ask(browser, track(api))
    assert not Message.objects.exists()
    assert pending(browser, key)["challengeId"] == asked["challengeId"]
