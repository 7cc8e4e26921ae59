"""Codes that the customer's backend sends and checks: /challenge, /verify, /claim, /challenges."""

import pytest
from django.db import connection

from actions.models import Action, Device
from authenticators import codes, delivery
from authenticators.models import AuthenticatorConfiguration, Challenge, EndUser, Message, MessageProvider
from authsignal_portal.vocabulary import UnconfiguredAction
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import UUID, code_sent, everything_stored, issued_at, ok, refused, tags, wrong
from tests.device import DeviceKey

ANONYMOUS = {"==": [{"var": "ip.isAnonymous"}, True]}
TOR = "185.220.101.1"


def start(api, **body):
    return ok(api("POST", "challenge", {"action": "pay", **body}))


def verify(api, challenge, code=None):
    given = code_sent() if code is None else code
    return ok(api("POST", "verify", {"challengeId": challenge["challengeId"], "verificationCode": given}))


def test_a_code_goes_to_the_address_given_and_proves_it(api):
    started = start(api, verificationMethod="EMAIL_OTP", email="a@b.example", userId="alice", smsChannel="", scope="")
    assert list(started) == ["challengeId", "idempotencyKey", "expiresAt"]
    assert UUID.fullmatch(started["idempotencyKey"])
    assert isinstance(started["expiresAt"], int)
    assert started["expiresAt"] < 2**31
    action = f"users/alice/actions/pay/{started['idempotencyKey']}"
    assert ok(api("GET", action))["state"] == "CHALLENGE_REQUIRED"
    assert verify(api, started) == {"isVerified": True, "email": "a@b.example", "verificationMethod": "EMAIL_OTP"}
    proved = ok(api("GET", action))
    assert (proved["state"], proved["verificationMethod"]) == ("CHALLENGE_SUCCEEDED", "EMAIL_OTP")


def test_a_code_goes_by_sms(api):
    started = start(api, verificationMethod="SMS", phoneNumber="+6427000000", userId="alice")
    assert verify(api, started) == {"isVerified": True, "phoneNumber": "+6427000000", "verificationMethod": "SMS"}


def test_a_code_never_appears_in_an_answer(api):
    answer = api("POST", "challenge", {"action": "pay", "email": "a@b.example"})
    code = code_sent()
    started = ok(answer)
    texts = [answer.content, api("GET", f"challenges?challengeId={started['challengeId']}").content]
    texts.append(
        api("POST", "verify", {"challengeId": started["challengeId"], "verificationCode": wrong(code)}).content
    )
    texts.append(api("POST", "verify", {"challengeId": started["challengeId"], "verificationCode": code}).content)
    assert not any(code.encode() in text.replace(started["challengeId"].encode(), b"") for text in texts)


def test_a_wrong_code_is_an_answer_and_the_right_one_still_counts(api):
    started = start(api, email="a@b.example", userId="alice")
    refusal = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
    for code in (wrong(code_sent()), "12345", "abc", "１２３４５６", " ", ""):
        assert verify(api, started, code) == refusal, code
    assert verify(api, started)["isVerified"] is True


def test_after_five_wrong_codes_the_challenge_is_dead(api):
    started = start(api, email="a@b.example", userId="alice")
    code = code_sent()
    for _attempt in range(5):
        assert verify(api, started, wrong(code))["failureReason"] == "CODE_INVALID_OR_EXPIRED"
    for attempt in (wrong(code), code):
        answer = verify(api, started, attempt)
        assert answer == {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}
    assert ok(api("GET", f"users/alice/actions/pay/{started['idempotencyKey']}"))["state"] == "CHALLENGE_REQUIRED"


def test_a_token_that_was_claimed_late_is_no_fresher_than_its_proof(api, browser, advance):
    """Ten minutes from the proof, not ten more from the claim."""
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "a@b.example"}))
    started = start(api, verificationMethod="EMAIL_OTP", userId="alice")
    verify(api, started)
    advance(540)
    token = ok(api("POST", "claim", {"challengeId": started["challengeId"], "userId": "alice"}))["token"]
    assert issued_at(token) == int(Challenge.objects.get().verified_at.timestamp())
    advance(61)
    assert ok(api("POST", "validate", {"token": token}))["isValid"] is True
    body = {"phoneNumber": "+64211234567"}
    refused(browser("POST", "user-authenticators/sms", body, token=token), 403, "invalid_request")


def test_a_code_expires(api, advance):
    started = start(api, email="a@b.example")
    advance(601)
    assert verify(api, started) == {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
    assert ok(api("GET", f"challenges?challengeId={started['challengeId']}")) == {}


def test_the_same_code_again_is_the_stored_answer_for_a_minute(api, advance):
    started = start(api, email="a@b.example", userId="alice")
    body = {"challengeId": started["challengeId"], "verificationCode": code_sent()}
    first, again = api("POST", "verify", body), api("POST", "verify", body)
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert ok(again) == ok(first)
    advance(61)
    assert ok(api("POST", "verify", body)) == {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
    assert tags().count("action:challenge_succeeded") == 1


def test_another_key_of_the_tenant_gets_no_stored_answer(api, acme):
    started = start(api, email="a@b.example")
    body = {"challengeId": started["challengeId"], "verificationCode": code_sent()}
    ok(api("POST", "verify", body))
    other = api("POST", "verify", body, Authorization=make.basic(make.make_key(acme)))
    assert ok(other)["isVerified"] is False
    assert "Idempotent-Replayed" not in other


def test_a_resent_code_takes_the_place_of_the_one_before_on_the_same_challenge(api, advance):
    started = start(api, email="a@b.example")
    first = code_sent()
    answer = api("POST", "challenge", {"challengeId": started["challengeId"]})
    refused(answer, 429, "too_many_requests")
    assert int(answer["Retry-After"]) > 0
    advance(31)
    again = ok(api("POST", "challenge", {"challengeId": started["challengeId"], "action": "", "email": ""}))
    assert again == started
    assert Message.objects.count() == 2
    if first != code_sent():
        assert verify(api, started, first)["isVerified"] is False
    assert verify(api, started)["isVerified"] is True
    refused(api("POST", "challenge", {"challengeId": started["challengeId"]}), 400, "invalid_request")


@pytest.mark.parametrize(
    ("known", "sent", "to"),
    [
        ({"email": "file@b.example"}, {"verificationMethod": "EMAIL_OTP"}, {"email": "file@b.example"}),
        ({"phoneNumber": "+6427000009"}, {"verificationMethod": "SMS"}, {"phoneNumber": "+6427000009"}),
        ({"email": "file@b.example"}, {"verificationMethod": ""}, {"email": "file@b.example"}),
        ({"phoneNumber": "+6427000009"}, {}, {"phoneNumber": "+6427000009"}),
        ({"email": "file@b.example"}, {"email": "given@b.example"}, {"email": "given@b.example"}),
    ],
)
def test_the_destination_is_the_given_one_else_the_one_on_file(api, known, sent, to):
    ok(api("PATCH", "users/alice", known))
    started = start(api, userId="alice", **sent)
    live = ok(api("GET", f"challenges?challengeId={started['challengeId']}"))
    assert {name: live[name] for name in to} == to


@pytest.mark.parametrize("sent", [{"verificationMethod": "EMAIL_OTP"}, {}])
def test_the_enrolled_address_goes_before_the_one_on_file(api, sent):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "in@b.example"}))
    ok(api("PATCH", "users/alice", {"email": "file@b.example"}))
    started = start(api, userId="alice", **sent)
    assert ok(api("GET", f"challenges?challengeId={started['challengeId']}"))["email"] == "in@b.example"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"email": "a@b.example"}, "invalid_request"),
        ({"action": "", "email": "a@b.example"}, "invalid_request"),
        ({"action": "a b", "email": "a@b.example"}, "invalid_request"),
        ({"action": "pay"}, "invalid_request"),
        ({"action": "pay", "userId": "alice"}, "invalid_request"),
        ({"action": "pay", "email": "nobody"}, "invalid_request"),
        ({"action": "pay", "phoneNumber": "1"}, "invalid_request"),
        ({"action": "pay", "verificationMethod": "SMS", "email": "a@b.example"}, "invalid_request"),
        ({"action": "pay", "verificationMethod": "PASSKEY", "userId": "alice"}, "invalid_request"),
        ({"action": "pay", "verificationMethod": "WHATSAPP", "phoneNumber": "+6427000000"}, "invalid_configuration"),
        ({"action": "pay", "smsChannel": "WHATSAPP", "phoneNumber": "+6427000000"}, "invalid_configuration"),
        ({"action": "pay", "smsChannel": "PIGEON", "phoneNumber": "+6427000000"}, "invalid_request"),
        ({"action": "pay", "email": "a@b.example", "userId": "x\ty"}, "invalid_request"),
        ({"action": "pay", "email": "a@b.example", "idempotencyKey": "x\ty"}, "invalid_request"),
        ({"action": "pay", "email": "a@b.example", "ipAddress": "nowhere"}, "invalid_request"),
        ({"action": "pay", "email": "a@b.example", "userId": "alice", "ipAddress": "nowhere"}, "invalid_request"),
        ({"action": "pay", "email": "a@b.example", "custom": {"a": {}}}, "invalid_request"),
        ({"action": "pay", "email": "a@b.example", "scope": "all"}, "invalid_request"),
        ({"action": "pay", "email": 5}, "invalid_request"),
        ({"challengeId": "nothing"}, "invalid_request"),
        ({"challengeId": "x" * 200}, "invalid_request"),
    ],
)
def test_a_challenge_that_cannot_begin_leaves_nothing(api, body, code):
    refused(api("POST", "challenge", body), 400, code)
    assert not EndUser.objects.exists()
    assert not Challenge.objects.exists()
    assert not Message.objects.exists()
    assert tags() == []


def test_a_method_that_is_switched_off_is_refused(api, acme):
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.SMS, is_active=False)
    refused(api("POST", "challenge", {"action": "pay", "phoneNumber": "+6427000000"}), 400, "invalid_configuration")


def test_a_tenant_that_refuses_unknown_actions_refuses_them_here_too(api, acme):
    acme.unconfigured_action = UnconfiguredAction.REJECT
    acme.save()
    body = {"action": "pay", "email": "a@b.example", "userId": "alice"}
    refused(api("POST", "challenge", body), 400, "invalid_configuration")
    assert not EndUser.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"challengeId": ""},
        {"verificationCode": "123456"},
        {"challengeId": "nothing", "verificationCode": "123456"},
        {"challengeId": ["x"], "verificationCode": "1"},
        {"challengeId": "x", "verificationCode": 123456},
    ],
)
def test_verify_without_a_challenge_is_refused(api, body):
    refused(api("POST", "verify", body), 400, "invalid_request")


# -- the rules -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("outcome", "state"), [("BLOCK", "BLOCK"), ("REVIEW", "REVIEW_REQUIRED")])
def test_what_the_rules_refuse_gets_no_code_and_stays_on_record(api, acme, outcome, state):
    make.make_rule(make.make_action(acme, "pay"), ANONYMOUS, outcome)
    body = {"action": "pay", "email": "a@b.example", "userId": "alice", "ipAddress": TOR}
    assert state in refused(api("POST", "challenge", body), 400, "invalid_request")
    assert not Message.objects.exists()
    (listed,) = ok(api("GET", "users/alice/actions"))
    assert (listed["state"], listed["ipAddress"]) == (state, TOR)


@pytest.mark.parametrize(("outcome", "state"), [("BLOCK", "BLOCK"), ("REVIEW", "REVIEW_REQUIRED")])
def test_what_the_rules_refuse_when_the_user_becomes_known_yields_no_token(api, acme, outcome, state):
    make.make_rule(make.make_action(acme, "pay"), ANONYMOUS, outcome)
    started = start(api, email="a@b.example", ipAddress=TOR)
    assert verify(api, started)["isVerified"] is True
    claim = {"challengeId": started["challengeId"], "userId": "alice"}
    assert state in refused(api("POST", "claim", claim), 400, "invalid_request")
    (listed,) = ok(api("GET", "users/alice/actions"))
    assert listed["state"] == state
    refused(api("POST", "claim", claim), 401, "unauthorized")


def test_an_action_that_the_rules_allow_is_still_a_challenge_when_a_code_was_asked_for(api, acme):
    make.make_action(acme, "pay", "ALLOW")
    started = start(api, email="a@b.example", userId="alice")
    action = f"users/alice/actions/pay/{started['idempotencyKey']}"
    assert ok(api("GET", action))["state"] == "CHALLENGE_REQUIRED"
    verify(api, started)
    assert ok(api("GET", action))["state"] == "CHALLENGE_SUCCEEDED"


def test_the_challenge_of_a_tracked_action_proves_that_action(api):
    token = ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))["token"]
    started = start(api, email="a@b.example", userId="alice", idempotencyKey="k")
    assert started["idempotencyKey"] == "k"
    verify(api, started)
    assert ok(api("POST", "validate", {"token": token}))["isValid"] is True
    assert Action.objects.count() == 1


# -- claim ---------------------------------------------------------------------------------------


def claim(api, challenge, user="alice", **more):
    return api("POST", "claim", {"challengeId": challenge["challengeId"], "userId": user, **more})


def test_a_verified_challenge_is_bound_to_the_user_it_turned_out_to_be(api):
    started = start(api, email="a@b.example", custom={"amount": 5}, idempotencyKey="k", deviceId="d")
    assert not EndUser.objects.exists()
    verify(api, started)
    answer = ok(claim(api, started))
    assert list(answer) == ["token", "verificationMethod"]
    assert answer["verificationMethod"] == "EMAIL_OTP"
    valid = ok(api("POST", "validate", {"token": answer["token"], "userId": "alice", "action": "pay"}))
    assert (valid["isValid"], valid["idempotencyKey"]) == (True, "k")
    assert [each["deviceId"] for each in ok(api("GET", "users/alice/devices"))] == ["d"]


def test_a_claim_is_made_once_and_repeated_for_a_minute(api, advance):
    started = start(api, email="a@b.example")
    verify(api, started)
    first, again = claim(api, started), claim(api, started)
    assert ok(first) == ok(again)
    assert again["Idempotent-Replayed"] == "true"
    refused(claim(api, started, "bob"), 401, "unauthorized")
    refused(claim(api, started, skipVerificationCheck=True), 401, "unauthorized")
    advance(61)
    refused(claim(api, started), 401, "unauthorized")
    assert tags().count("challenge:claimed") == 1


def test_what_was_proved_by_a_method_that_is_switched_off_since_proves_nothing_when_claimed(api, acme):
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))
    started = start(api, verificationMethod="EMAIL_OTP", email="a@b.example", idempotencyKey="k")
    verify(api, started)
    make.make_configuration(acme, "EMAIL_OTP", is_active=False)
    claim(api, started)
    assert ok(api("GET", "users/alice/actions/pay/k"))["state"] == "CHALLENGE_REQUIRED"


def test_a_challenge_that_is_not_verified_is_not_claimed(api):
    started = start(api, email="a@b.example")
    before = everything_stored()
    refused(claim(api, started), 401, "unauthorized")
    refused(claim(api, started, skipVerificationCheck=False), 401, "unauthorized")
    assert everything_stored() == before


def test_a_claim_may_skip_the_check_and_then_proves_nothing_yet(api):
    started = start(api, email="a@b.example")
    token = ok(claim(api, started, skipVerificationCheck=True))["token"]
    valid = ok(api("POST", "validate", {"token": token}))
    assert (valid["isValid"], valid["state"], valid["userId"]) == (False, "CHALLENGE_REQUIRED", "alice")
    verify(api, started)
    assert ok(api("POST", "validate", {"token": token}))["isValid"] is True


@pytest.mark.parametrize("first", [True, False])
def test_a_strangers_mailbox_proves_nobody_whether_it_is_claimed_before_or_after_its_code(api, acme, first):
    alice = make.make_user(acme, "alice", email="alice@acme.example")
    make.make_authenticator(alice, M.SMS, contact="+6427000000")
    started = start(api, email="eve@evil.example")
    if not first:
        verify(api, started)
    token = ok(claim(api, started, skipVerificationCheck=first))["token"]
    if first:
        assert verify(api, started)["isVerified"] is True
    valid = ok(api("POST", "validate", {"token": token}))
    assert (valid["isValid"], valid["state"]) == (False, "CHALLENGE_REQUIRED")


def test_a_code_that_was_claimed_first_proves_the_user_whose_address_it_went_to(api, acme):
    alice = make.make_user(acme, "alice", email="alice@acme.example")
    make.make_authenticator(alice, M.SMS, contact="+6427000000")
    started = start(api, email="alice@acme.example")
    token = ok(claim(api, started, skipVerificationCheck=True))["token"]
    verify(api, started)
    assert ok(api("POST", "validate", {"token": token}))["isValid"] is True


def test_a_challenge_of_one_user_is_not_claimed_by_another(api):
    started = start(api, email="a@b.example", userId="alice")
    verify(api, started)
    refused(claim(api, started, "bob"), 401, "unauthorized")
    assert not EndUser.objects.filter(user_id="bob").exists()


@pytest.mark.parametrize("skip", [True, False])
def test_an_expired_challenge_is_not_claimed(api, advance, skip):
    started = start(api, email="a@b.example")
    if not skip:
        verify(api, started)
    advance(601)
    refused(claim(api, started, skipVerificationCheck=skip), 401, "unauthorized")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ({"challengeId": "x"}, 400, "invalid_request"),
        ({"challengeId": "x", "userId": ""}, 400, "invalid_request"),
        ({"challengeId": "x", "userId": "a\tb"}, 400, "invalid_request"),
        ({"challengeId": "x", "userId": "x" * 256}, 400, "invalid_request"),
        ({"challengeId": "x", "userId": "alice", "skipVerificationCheck": "yes"}, 400, "invalid_request"),
        ({"challengeId": "x", "userId": "alice"}, 401, "unauthorized"),
    ],
)
def test_a_claim_of_nothing_is_refused(api, body, status, code):
    refused(api("POST", "claim", body), status, code)
    assert not EndUser.objects.exists()


def test_the_scope_decides_whether_a_proved_address_is_enrolled(api):
    for user, scope, enrolled in [("alice", "", False), ("bob", "add:authenticators", True)]:
        started = start(api, email=f"{user}@b.example", scope=scope)
        verify(api, started)
        ok(claim(api, started, user))
        assert ok(api("GET", f"users/{user}"))["isEnrolled"] is enrolled


@pytest.mark.parametrize(
    ("method", "address"), [("EMAIL_OTP", {"email": "new@b.example"}), ("SMS", {"phoneNumber": "+64215550123"})]
)
def test_the_scope_to_change_replaces_a_method_and_adds_none(api, method, address):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "old@b.example"}))
    started = start(api, **address, verificationMethod=method, scope="update:authenticators")
    verify(api, started)
    ok(claim(api, started, "alice"))
    listed = [(row["verificationMethod"], row["email"]) for row in ok(api("GET", "users/alice/authenticators"))]
    assert listed == [("EMAIL_OTP", "new@b.example" if method == "EMAIL_OTP" else "old@b.example")]


def test_track_takes_a_verified_challenge_as_its_proof(api):
    started = start(api, email="a@b.example")
    verify(api, started)
    refused(api("POST", "users/alice/actions/other", {"challengeId": started["challengeId"]}), 401, "unauthorized")
    answer = ok(api("POST", "users/alice/actions/pay", {"challengeId": started["challengeId"]}))
    assert answer["state"] == "CHALLENGE_SUCCEEDED"
    assert ok(api("POST", "validate", {"token": answer["token"]}))["isValid"] is True
    refused(claim(api, started), 401, "unauthorized")
    refused(api("POST", "users/alice/actions/pay", {"challengeId": started["challengeId"]}), 401, "unauthorized")


def test_the_same_track_again_with_its_challenge_is_the_same_answer(api):
    started = start(api, email="a@b.example")
    verify(api, started)
    body = {"challengeId": started["challengeId"], "idempotencyKey": "k"}
    first = ok(api("POST", "users/alice/actions/pay", body))
    again = ok(api("POST", "users/alice/actions/pay", body))
    assert (first["state"], first["idempotencyKey"]) == ("CHALLENGE_SUCCEEDED", "k")
    assert (again["state"], again["idempotencyKey"]) == ("CHALLENGE_SUCCEEDED", "k")
    refused(api("POST", "users/alice/actions/pay", body | {"idempotencyKey": "other"}), 401, "unauthorized")
    refused(api("POST", "users/bob/actions/pay", body), 401, "unauthorized")
    assert Action.objects.count() == 1
    assert tags().count("challenge:claimed") == 1


def test_track_does_not_take_a_challenge_that_is_not_verified(api):
    started = start(api, email="a@b.example")
    refused(api("POST", "users/alice/actions/pay", {"challengeId": started["challengeId"]}), 401, "unauthorized")
    assert not Action.objects.exists()


# -- the open challenge --------------------------------------------------------------------------


def test_the_open_challenge_is_found_in_every_way_that_the_sdks_ask(api):
    started = start(api, phoneNumber="+6427000000", userId="alice")
    ident = started["challengeId"]
    expected = {
        "challengeId": ident,
        "expiresAt": started["expiresAt"],
        "verificationMethod": "SMS",
        "smsChannel": "DEFAULT",
        "phoneNumber": "+6427000000",
        "action": "pay",
    }
    assert ok(api("GET", f"challenges?challengeId={ident}")) == expected
    assert ok(api("GET", "challenges?userId=alice&action=pay&verificationMethod=SMS")) == expected
    assert ok(api("GET", "challenges?userId=alice&action=&verificationMethod=")) == expected
    assert ok(api("POST", "challenges", {"challengeId": ident})) == expected
    assert ok(api("POST", f"challengeschallengeId={ident}&action=pay", {"challengeId": ident})) == expected
    assert ok(api("GET", f"v1/challenges?challengeId={ident}")) == expected


@pytest.mark.parametrize("query", ["challengeId=x", "userId=bob", "userId=alice&action=other"])
def test_no_open_challenge_is_an_empty_object(api, query):
    start(api, phoneNumber="+6427000000", userId="alice")
    assert ok(api("GET", f"challenges?{query}")) == {}
    assert ok(api("GET", "challenges?userId=alice&verificationMethod=EMAIL_OTP")) == {}


@pytest.mark.parametrize("query", ["", "action=pay", "challengeId=", "userId=%00", "challengeId=" + "x" * 200])
def test_the_open_challenge_of_nobody_is_refused(api, query):
    refused(api("GET", f"challenges?{query}"), 400, "invalid_request")


def test_a_finished_challenge_is_not_open(api):
    started = start(api, email="a@b.example")
    verify(api, started)
    assert ok(api("GET", f"challenges?challengeId={started['challengeId']}")) == {}


def test_no_code_stands_in_the_database_in_clear(api):
    start(api, email="a@b.example")
    code = code_sent()
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text FROM authenticators_challenge c")
        stored = cursor.fetchone()[0]
        cursor.execute("SELECT encode(payload_sealed, 'escape') FROM authenticators_message")
        stored += cursor.fetchone()[0]
    assert f'"{code}"' not in stored
    assert "a@b.example" not in stored


# -- a code to an address that is not the user's --------------------------------------------------


def enrols(browser, token):
    return browser("POST", "user-authenticators/totp", {}, token=token)


def stranger_proves(api, **more):
    """The backend names the user and an address that is not theirs; returns the tokens of the proved action."""
    tracked = ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))["token"]
    started = start(api, userId="alice", email="stranger@b.example", idempotencyKey="k", **more)
    assert verify(api, started)["isVerified"] is True
    claimed = ok(api("POST", "claim", {"challengeId": started["challengeId"], "userId": "alice"}))["token"]
    for token in (tracked, claimed):
        assert ok(api("POST", "validate", {"token": token}))["isValid"] is True
    return tracked, claimed


def test_a_code_to_anothers_address_proves_the_action_and_gives_no_right_to_enrol_or_manage(acme, api, browser):
    user = make.make_user(acme)
    make.make_authenticator(user, M.SMS)
    for token in stranger_proves(api):
        refused(enrols(browser, token), 403, "invalid_request")
        listed = browser.http.post("/challenge/api/methods", headers={"Authorization": f"Bearer {token}"})
        assert [one["may"] for one in listed.json()["methods"]] == [[]]
        codes = browser.http.post("/challenge/api/recovery-codes", headers={"Authorization": f"Bearer {token}"})
        assert codes.status_code in (400, 403), codes.content
    assert user.authenticators.count() == 1


def test_a_code_to_anothers_address_makes_no_device_the_users(acme, api, browser):
    acme.remember_devices = True
    acme.save()
    make.make_authenticator(make.make_user(acme), M.SMS)
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k", "deviceId": "theirs"}))
    for token in stranger_proves(api):
        answer = browser.http.post("/challenge/api/remember-device", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 403, answer.content
    assert list(Device.objects.values_list("authenticated_at", "remembered_until")) == [(None, None)]


def test_an_address_is_theirs_under_whichever_pepper_it_was_indexed(acme, api, browser, settings):
    make.make_authenticator(make.make_user(acme), M.EMAIL_OTP, contact="stranger@b.example")
    settings.PEPPERS = {"t2": bytes(32), **settings.PEPPERS}
    for token in stranger_proves(api):
        ok(enrols(browser, token))
    assert Challenge.objects.exclude(verified_at=None).get().authenticator is not None


@pytest.mark.parametrize("scope", ["add:authenticators", "update:authenticators"])
def test_with_the_backends_word_the_address_becomes_theirs_and_gives_it(acme, api, browser, scope):
    user = make.make_user(acme)
    make.make_authenticator(user, M.EMAIL_OTP, contact="old@b.example")
    for token in stranger_proves(api, scope=scope):
        ok(enrols(browser, token))


@pytest.mark.parametrize("whose", ["enrolled", "on file"])
def test_a_code_to_an_address_of_theirs_gives_it(acme, api, browser, whose):
    user = make.make_user(acme, email="stranger@b.example" if whose == "on file" else "old@b.example")
    method, to = (M.EMAIL_OTP, "stranger@b.example") if whose == "enrolled" else (M.SMS, "+6421123456")
    make.make_authenticator(user, method, contact=to)
    for token in stranger_proves(api):
        ok(enrols(browser, token))


def test_who_has_nothing_enrols_their_first_and_goes_on_with_it(api, browser, acme):
    for token in stranger_proves(api):
        ok(enrols(browser, token))


def test_an_own_proof_beside_it_gives_the_right(acme, api, browser):
    user = make.make_user(acme)
    make.make_authenticator(user, M.EMAIL_OTP, contact="ada@b.example")
    tracked, claimed = stranger_proves(api)
    refused(enrols(browser, claimed), 403, "invalid_request")
    ok(browser("POST", "challenge/email-otp", {}, token=tracked))
    verified = ok(browser("POST", "verify/email-otp", {"verificationCode": code_sent()}, token=tracked))
    for token in (tracked, claimed, verified["accessToken"]):
        ok(enrols(browser, token))


def test_once_the_own_proof_beside_it_is_withdrawn_the_strangers_gives_nothing(acme, api, browser):
    user = make.make_user(acme)
    app = make.make_authenticator(user, M.AUTHENTICATOR_APP)
    make.make_authenticator(user, M.SMS, contact="+6421123456")
    tracked, _claimed = stranger_proves(api)
    theirs = Challenge.objects.get(action_id=Action.objects.get().pk)
    make.make_challenge(
        user,
        method=M.AUTHENTICATOR_APP,
        authenticator=app,
        action_id=theirs.action_id,
        verified_at=theirs.verified_at,
    )
    ok(enrols(browser, tracked))
    ok(api("DELETE", f"users/alice/authenticators/{app.pk}"))
    refused(enrols(browser, tracked), 403, "invalid_request")


# -- what is not for a backend to finish -----------------------------------------------------------


def begun_by_a_browser(api, browser, user="bob"):
    """An enrolment of an address that the user's browser began: its challenge's id and the token."""
    token = ok(api("POST", f"users/{user}/actions/login", {}))["token"]
    begun = ok(browser("POST", "user-authenticators/email-otp", {"email": "thief@evil.example"}, token=token))
    return begun["challengeId"], token


def test_an_enrolment_is_finished_where_it_is_judged_and_nowhere_else(api, browser):
    """Meanwhile the user enrolled something else, so that this one would need a proof."""
    challenge, token = begun_by_a_browser(api, browser)
    code = code_sent()
    other = ok(api("POST", "users/bob/actions/other", {}))["token"]
    ok(browser("POST", "user-authenticators/push", DeviceKey().enrolment(), token=other))
    refused(browser("POST", "verify/email-otp", {"verificationCode": code}, token=token), 403, "invalid_request")
    refused(api("POST", "verify", {"challengeId": challenge, "verificationCode": code}), 400, "invalid_request")
    assert ok(api("GET", "users/bob"))["enrolledVerificationMethods"] == ["PUSH"]


def test_an_enrolment_is_neither_shown_sent_again_nor_claimed_as_a_proof(api, browser):
    challenge, token = begun_by_a_browser(api, browser)
    assert ok(api("GET", "challenges?userId=bob")) == {}
    refused(api("POST", "challenge", {"challengeId": challenge}), 400, "invalid_request")
    claim = {"challengeId": challenge, "userId": "bob"}
    refused(api("POST", "claim", claim | {"skipVerificationCheck": True}), 401, "unauthorized")
    ok(browser("POST", "verify/email-otp", {"verificationCode": code_sent()}, token=token))
    refused(api("POST", "claim", claim), 401, "unauthorized")


def test_no_code_is_sent_again_for_an_action_that_was_decided_since(api, advance):
    started = start(api, email="a@b.example", userId="alice")
    # By a state that is set, the challenge would have ended with it.
    Action.objects.update(state="CHALLENGE_FAILED")
    advance(61)
    refused(api("POST", "challenge", {"challengeId": started["challengeId"]}), 400, "invalid_request")
    assert Message.objects.filter(notice="").count() == 1


def test_nothing_goes_by_another_channel_for_it_either(api, acme):
    make.make_configuration(acme, "WHATSAPP")
    started = start(api, phoneNumber="+64211111111", userId="alice")
    message = Message.objects.get()
    assert message.fallback_channel == "WHATSAPP"
    ok(api("PATCH", f"users/alice/actions/pay/{started['idempotencyKey']}", {"state": "BLOCK"}))
    assert codes.send_by_fallback(message) is False
    delivery.sweep()
    message.refresh_from_db()
    assert message.status == "cancelled"


@pytest.mark.parametrize("claimed_first", [False, True])
def test_an_address_that_was_named_for_the_user_proves_them_whenever_it_is_claimed(api, acme, claimed_first):
    alice = make.make_user(acme, "alice")
    make.make_authenticator(alice, "SMS", contact="+6427000000")
    started = start(api, email="other@b.example", userId="alice")
    if claimed_first:
        ok(claim(api, started, skipVerificationCheck=True))
    verify(api, started)
    action = ok(api("GET", f"users/alice/actions/pay/{started['idempotencyKey']}"))
    assert action["state"] == "CHALLENGE_SUCCEEDED"


def test_a_method_that_nobody_would_carry_is_as_switched_off(api, browser, acme, settings):
    settings.MESSAGE_PROVIDERS = settings.MESSAGE_PROVIDERS | {"SMS": "none"}
    tracked = ok(api("POST", "users/alice/actions/pay", {"phoneNumber": "+64211111111"}))
    assert "SMS" not in tracked["allowedVerificationMethods"]
    refused(browser("POST", "challenge/sms", {}, token=tracked["token"]), 400, "invalid_configuration")
    begun = {"action": "pay", "userId": "alice", "verificationMethod": "SMS"}
    refused(api("POST", "challenge", begun), 400, "invalid_configuration")
    assert not Message.objects.exists()
    MessageProvider.objects.create(tenant=acme, channel="SMS", kind="webhook", url="https://sms.acme.example")
    assert "SMS" in ok(api("POST", "users/alice/actions/pay", {}))["allowedVerificationMethods"]
    assert ok(api("POST", "challenge", begun))["challengeId"]
