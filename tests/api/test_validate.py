"""`/validate`: a read of what a token proves, for its own tenant only."""

import pytest

from actions.models import Action
from authsignal_portal.models import SigningKey
from tests import make
from tests.api.reading import MOMENT, code_sent, everything_stored, ok

INVALID = {"isValid": False, "error": "Token is invalid or expired."}


def track(api, **body):
    return ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k", **body}))["token"]


def validate(api, token, **more):
    answer = api("POST", "validate", {"token": token, **more})
    assert answer.status_code == 200, answer.body
    return answer.body


def proved(api):
    """The token of an action that was proved by an email code."""
    given = {"userId": "alice", "action": "pay", "email": "a@b.example", "verificationMethod": "EMAIL_OTP"}
    challenge = ok(api("POST", "challenge", given | {"idempotencyKey": "k"}))["challengeId"]
    ok(api("POST", "verify", {"challengeId": challenge, "verificationCode": code_sent()}))
    return ok(api("POST", "claim", {"challengeId": challenge, "userId": "alice"}))["token"]


def test_before_the_challenge_nothing_is_proved(api):
    answer = validate(api, track(api), userId="alice", action="pay")
    assert MOMENT.fullmatch(answer.pop("stateUpdatedAt"))
    assert answer == {
        "isValid": False,
        "state": "CHALLENGE_REQUIRED",
        "userId": "alice",
        "action": "pay",
        "actionCode": "pay",
        "idempotencyKey": "k",
    }


def test_after_the_challenge_it_is_proved_as_often_as_asked(api):
    token = proved(api)
    first = validate(api, token, userId="alice", action="pay")
    assert (first["isValid"], first["state"], first["verificationMethod"]) == (True, "CHALLENGE_SUCCEEDED", "EMAIL_OTP")
    assert first["idempotencyKey"] == "k"
    before = everything_stored()
    assert validate(api, token) == first
    # Some SDKs write null for what was not given.
    assert validate(api, token, userId=None, action=None, unknown=1) == first
    assert everything_stored() == before


def test_the_token_of_track_proves_the_same_action(api):
    token = track(api)
    proved(api)
    assert validate(api, token)["isValid"] is True


@pytest.mark.parametrize(
    ("claimed", "error"),
    [
        ({"userId": "bob"}, "User is invalid."),
        ({"userId": "Alice"}, "User is invalid."),
        ({"userId": "bob", "action": "other"}, "User is invalid."),
        ({"userId": "alice", "action": "other"}, "Action is invalid."),
        ({"action": "PAY"}, "Action is invalid."),
        ({"userId": ""}, "User is invalid."),
        ({"userId": "", "action": "pay"}, "User is invalid."),
        ({"userId": "alice", "action": ""}, "Action is invalid."),
        ({"userId": "x" * 256}, "User is invalid."),
        ({"action": "x" * 65}, "Action is invalid."),
    ],
)
def test_a_mismatch_is_an_answer_that_tells_nothing_else(api, claimed, error):
    assert validate(api, proved(api), **claimed) == {"isValid": False, "error": error}


@pytest.mark.parametrize(
    "token",
    ["", None, "x", "a.b.c", "a.b", "....", "\u00fc.b.c", "e30.e30.e30", "A" * 10_000, 5, True, [], {}, {"a": 1}, 1.5],
)
def test_a_garbled_token_is_an_answer(api, token):
    assert validate(api, token) == INVALID


def test_a_missing_token_is_an_answer(api):
    answer = api("POST", "validate")
    assert (answer.status_code, answer.body) == (200, INVALID)


def test_a_token_with_anything_changed_is_an_answer(api):
    token = proved(api)
    head, body, signature = token.split(".")
    changed = [
        token[:-1],
        token + "A",
        token + ".",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{body[:-4]}.{signature}",
        f"{head}..{signature}",
        f" {token}",
        f"{token}\n",
        f"{body}.{head}.{signature}",
    ]
    for each in changed:
        assert validate(api, each) == INVALID, each


def test_a_token_expires_by_the_databases_clock(api, advance):
    token = proved(api)
    advance(10 * 60 - 5)
    assert validate(api, token)["isValid"] is True
    advance(10)
    assert validate(api, token) == INVALID


def test_another_tenants_token_tells_nothing(api, globex_api):
    assert validate(globex_api, proved(api)) == INVALID
    assert validate(globex_api, proved(api), userId="alice", action="pay") == INVALID


def test_a_deleted_users_token_tells_nothing_even_when_the_id_lives_again(api):
    token = proved(api)
    ok(api("DELETE", "users/alice"))
    assert validate(api, token) == INVALID
    track(api)
    assert validate(api, token) == INVALID


def test_a_token_whose_key_was_withdrawn_tells_nothing(api, acme):
    token = proved(api)
    SigningKey.objects.all().delete()
    SigningKey.create(tenant=acme)
    assert validate(api, token) == INVALID


def test_a_token_of_an_older_key_still_counts(api, acme):
    token = proved(api)
    SigningKey.create(tenant=acme)
    assert validate(api, token)["isValid"] is True


@pytest.mark.parametrize(
    ("state", "is_valid"),
    [
        ("ALLOW", False),
        ("BLOCK", False),
        ("CHALLENGE_REQUIRED", False),
        ("CHALLENGE_SUCCEEDED", True),
        ("CHALLENGE_FAILED", False),
        ("REVIEW_REQUIRED", False),
        ("REVIEW_SUCCEEDED", False),
        ("REVIEW_FAILED", False),
    ],
)
def test_only_a_completed_challenge_is_valid(api, state, is_valid):
    token = track(api)
    Action.objects.update(state=state)
    answer = validate(api, token)
    assert (answer["isValid"], answer["state"]) == (is_valid, state)


def test_an_allowed_action_is_not_a_proof(api, acme):
    make.make_action(acme, "pay", "ALLOW")
    answer = validate(api, track(api))
    assert (answer["isValid"], answer["state"]) == (False, "ALLOW")


def test_a_proof_is_void_once_the_state_is_set_back(api):
    token = proved(api)
    ok(api("PATCH", "users/alice/actions/pay/k", {"state": "BLOCK"}))
    answer = validate(api, token)
    assert (answer["isValid"], answer["state"]) == (False, "BLOCK")


@pytest.mark.parametrize("body", [{"userId": 5}, {"action": ["pay"]}])
def test_a_wrong_type_of_what_is_claimed_is_refused(api, body):
    answer = api("POST", "validate", {"token": track(api)} | body)
    assert answer.status_code == 400
