"""Challenges that began without a user: claimed once, tracked once, replayed to the one who asked, for a minute."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from actions.models import Action
from audit.events import Tag
from authenticators.models import Authenticator, Challenge
from authsignal_portal.vocabulary import ActionState as S
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.races import scenes
from tests.races.desk import Desk, sent_code
from tests.races.still_clock import still_clock

EMAIL = "nina@acme.example"


@pytest.fixture
def desk(acme, client) -> Iterator[Desk]:
    with still_clock() as clock:
        yield Desk(client, acme, clock, make.make_key(acme))


def begin(desk: Desk, **more: Any) -> str:
    status, started = desk("POST", "challenge", {"email": EMAIL, "action": "Login", **more})
    assert status == 200, started
    return started["challengeId"]


def verify(desk: Desk, challenge: str, code: str = "") -> Any:
    body = {"challengeId": challenge, "verificationCode": code or sent_code(challenge)}
    return desk("POST", "verify", body)[1]


def proved(desk: Desk, **more: Any) -> str:
    challenge = begin(desk, **more)
    assert verify(desk, challenge)["isVerified"] is True
    return challenge


def replayed(desk: Desk, path: str, body: Any) -> tuple[int, Any, bool]:
    answer = desk.http.post(
        f"/v1/{path}", body, "application/json", headers={"Authorization": make.basic(desk.api_secret_key)}
    )
    return answer.status_code, answer.json(), answer.headers.get("Idempotent-Replayed") == "true"


def enrolled(user_id: str) -> set[str]:
    rows = Authenticator.objects.filter(user__user_id=user_id).exclude(verified_at=None)
    return set(rows.values_list("method", flat=True))


# -- claim ---------------------------------------------------------------------------------------


def test_a_proved_challenge_is_claimed_for_one_user_and_gives_one_token(desk):
    challenge = proved(desk)
    status, claimed = desk("POST", "claim", {"challengeId": challenge, "userId": "nina"})
    assert (status, claimed["verificationMethod"]) == (200, "EMAIL_OTP")
    validated = desk("POST", "validate", {"token": claimed["token"]})[1]
    assert (validated["isValid"], validated["userId"], validated["action"]) == (True, "nina", "Login")
    for other in ("nina", "olga"):
        body = {"challengeId": challenge, "userId": other, "skipVerificationCheck": True}
        assert desk("POST", "claim", body)[0] == 401
    assert desk("POST", "users/nina/actions/Other", {"challengeId": challenge})[0] == 401
    assert Action.objects.get().state == S.CHALLENGE_SUCCEEDED


@pytest.mark.parametrize(("seconds", "is_replay"), [(0, True), (59, True), (60, False), (61, False)])
@pytest.mark.parametrize("path", ["claim", "verify"])
def test_the_same_request_gets_the_same_answer_for_a_minute(desk, path, seconds, is_replay):
    challenge = begin(desk)
    code = sent_code(challenge)
    body: dict[str, Any] = {"challengeId": challenge, "verificationCode": code}
    if path == "claim":
        verify(desk, challenge, code)
        body = {"challengeId": challenge, "userId": "nina"}
    first = replayed(desk, path, body)
    assert (first[0], first[2]) == (200, False)
    desk.clock.advance(seconds)
    again = replayed(desk, path, body)
    if is_replay:
        assert again == (200, first[1], True)
    else:
        assert again[0] == 401 if path == "claim" else again[1]["isVerified"] is False
        assert again[2] is False
    assert scenes.events(Tag.CHALLENGE_CLAIMED) == (path == "claim")
    assert scenes.events(Tag.CHALLENGE_VERIFIED) == 1


@pytest.mark.parametrize("path", ["claim", "verify"])
def test_another_key_gets_no_stored_answer(desk, path):
    challenge = begin(desk)
    code = sent_code(challenge)
    body: dict[str, Any] = {"challengeId": challenge, "verificationCode": code}
    if path == "claim":
        verify(desk, challenge, code)
        body = {"challengeId": challenge, "userId": "nina"}
    assert replayed(desk, path, body)[0] == 200
    other = Desk(desk.http, desk.tenant, desk.clock, make.make_key(desk.tenant))
    status, answer, is_replay = replayed(other, path, body)
    assert is_replay is False
    assert "token" not in answer
    assert status == 401 if path == "claim" else answer["isVerified"] is False


def test_an_unproved_challenge_is_claimed_only_if_the_backend_says_so_and_proves_nothing(desk):
    challenge = begin(desk)
    assert desk("POST", "claim", {"challengeId": challenge, "userId": "nina"})[0] == 401
    body = {"challengeId": challenge, "userId": "nina", "skipVerificationCheck": True}
    status, claimed = desk("POST", "claim", body)
    assert status == 200
    validated = desk("POST", "validate", {"token": claimed["token"]})[1]
    assert (validated["isValid"], validated["state"]) == (False, "CHALLENGE_REQUIRED")
    assert verify(desk, challenge)["isVerified"] is True
    assert desk("POST", "validate", {"token": claimed["token"]})[1]["isValid"] is True


@pytest.mark.parametrize(("seconds", "status"), [(599, 200), (600, 200), (601, 401)])
@pytest.mark.parametrize("way", ["claim", "track"])
def test_a_proof_is_claimed_within_ten_minutes(desk, way, seconds, status):
    challenge = proved(desk)
    desk.clock.advance(seconds)
    if way == "claim":
        assert desk("POST", "claim", {"challengeId": challenge, "userId": "nina"})[0] == status
    else:
        assert desk("POST", "users/nina/actions/Login", {"challengeId": challenge})[0] == status
    assert Action.objects.filter(user__user_id="nina").exists() is (status == 200)


@pytest.mark.parametrize(("outcome", "state"), [("BLOCK", "BLOCK"), ("REVIEW", "REVIEW_REQUIRED")])
def test_where_the_rules_refuse_a_claim_gives_no_token_and_spends_the_challenge(desk, outcome, state):
    make.make_action(desk.tenant, "Login", outcome)
    challenge = proved(desk)
    status, answer = desk("POST", "claim", {"challengeId": challenge, "userId": "nina"})
    assert status == 400
    assert "token" not in answer
    assert Action.objects.get().state == state
    assert desk("POST", "claim", {"challengeId": challenge, "userId": "nina"})[0] == 401


@pytest.mark.parametrize("way", ["claim", "track"])
@pytest.mark.parametrize(("scope", "methods"), [("", set()), ("add:authenticators", {M.EMAIL_OTP})])
def test_a_claimed_address_is_enrolled_only_with_the_backends_word(desk, way, scope, methods):
    challenge = proved(desk, scope=scope)
    if way == "claim":
        desk("POST", "claim", {"challengeId": challenge, "userId": "nina"})
    else:
        desk("POST", "users/nina/actions/Login", {"challengeId": challenge})
    assert enrolled("nina") == methods


# -- track ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("CHALLENGE", S.CHALLENGE_SUCCEEDED),
        ("ALLOW", S.ALLOW),
        ("BLOCK", S.BLOCK),
        ("REVIEW", S.REVIEW_REQUIRED),
    ],
)
def test_a_tracked_challenge_counts_where_one_is_required_and_moves_nothing_else(desk, outcome, state):
    make.make_action(desk.tenant, "Pay", outcome)
    challenge = proved(desk, action="Pay")
    status, tracked = desk("POST", "users/nina/actions/Pay", {"challengeId": challenge})
    assert (status, tracked["state"]) == (200, state)
    validated = desk("POST", "validate", {"token": tracked["token"]})[1]
    assert (validated["state"], validated["isValid"]) == (state, state == S.CHALLENGE_SUCCEEDED)
    assert scenes.events(Tag.ACTION_SUCCEEDED) == (state == S.CHALLENGE_SUCCEEDED)


def test_a_proof_counts_for_no_other_action_code(desk):
    challenge = proved(desk)
    assert desk("POST", "users/nina/actions/Pay", {"challengeId": challenge})[0] == 401
    assert not Action.objects.exists()


@pytest.mark.parametrize("code", ["Login", "Pay"])
def test_a_proof_of_one_instance_counts_for_no_second_one(desk, code):
    tracked = scenes.track(desk, "nina", "Login", email="nina@example.com")
    challenge = desk("POST", "client/challenge/email-otp", token=tracked.token)[1]["challengeId"]
    sent = sent_code(challenge)
    assert desk("POST", "client/verify/email-otp", {"verificationCode": sent}, token=tracked.token)[1]["isVerified"]
    assert desk("POST", f"users/nina/actions/{code}", {"challengeId": challenge})[0] == 401
    assert scenes.events(Tag.ACTION_SUCCEEDED) == Action.objects.count() == 1


@pytest.mark.parametrize("way", ["claim", "track"])
def test_a_strangers_address_proves_nothing_for_a_user_who_has_authenticators(desk, way):
    victim = scenes.enrolled(desk, M.AUTHENTICATOR_APP).user
    challenge = proved(desk)
    if way == "claim":
        token = desk("POST", "claim", {"challengeId": challenge, "userId": victim.user_id})[1]["token"]
    else:
        token = desk("POST", f"users/{victim.user_id}/actions/Login", {"challengeId": challenge})[1]["token"]
    validated = desk("POST", "validate", {"token": token})[1]
    assert (validated["state"], validated["isValid"]) == (S.CHALLENGE_REQUIRED, False)


def test_a_tracked_challenge_counts_once(desk):
    challenge = proved(desk)
    body = {"challengeId": challenge, "idempotencyKey": "k"}
    first = desk("POST", "users/nina/actions/Login", body)[1]
    for seconds in (0, settings.REPLAY_SECONDS, settings.PROOF_FRESH_SECONDS):
        desk.clock.advance(seconds)
        status, again = desk("POST", "users/nina/actions/Login", body)
        assert (status, again["state"], again["idempotencyKey"]) == (200, first["state"], "k")
    assert desk("POST", "users/nina/actions/Login", body | {"idempotencyKey": "other"})[0] == 401
    assert desk("POST", "users/olga/actions/Login", {"challengeId": challenge})[0] == 401
    assert desk("POST", "claim", {"challengeId": challenge, "userId": "nina"})[0] == 401
    assert Action.objects.count() == scenes.events(Tag.ACTION_SUCCEEDED) == scenes.events(Tag.CHALLENGE_CLAIMED) == 1


def test_a_challenge_counts_for_an_action_that_was_tracked_before(desk):
    scenes.track(desk, "nina", "Login", idempotencyKey="k")
    body = {"challengeId": proved(desk), "idempotencyKey": "k"}
    assert desk("POST", "users/nina/actions/Login", body)[1]["state"] == S.CHALLENGE_SUCCEEDED
    assert desk("POST", "users/nina/actions/Login", body)[1]["state"] == S.CHALLENGE_SUCCEEDED
    assert Action.objects.count() == 1


@pytest.mark.parametrize("challenge", ["", "unknown", "x" * 128])
def test_a_challenge_that_is_none_proves_nothing(desk, challenge):
    status, tracked = desk("POST", "users/nina/actions/Login", {"challengeId": challenge})
    assert status == (401 if challenge else 200)
    assert Action.objects.count() == (0 if challenge else 1)
    assert challenge or tracked["state"] == S.CHALLENGE_REQUIRED


def test_a_challenge_that_was_not_answered_proves_nothing(desk):
    challenge = begin(desk)
    assert desk("POST", "users/nina/actions/Login", {"challengeId": challenge})[0] == 401
    assert not Action.objects.exists()
    assert Challenge.objects.get(pk=challenge).claimed_at is None


def test_somebody_elses_challenge_proves_nothing(desk):
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    challenge = scenes.waiting(tracked, M.EMAIL_OTP)
    assert verify(desk, challenge.pk, scenes.coded(challenge))["isVerified"] is True
    assert desk("POST", "users/mallory/actions/Login", {"challengeId": challenge.pk})[0] == 401
    assert desk("POST", "claim", {"challengeId": challenge.pk, "userId": "mallory"})[0] == 401
    assert not Action.objects.filter(user__user_id="mallory").exists()


def test_a_method_that_the_tracked_action_does_not_permit_leaves_it_waiting(desk):
    make.make_action(desk.tenant, "Pay", "CHALLENGE", verification_methods=["PASSKEY"])
    status, tracked = desk("POST", "users/nina/actions/Pay", {"challengeId": proved(desk, action="Pay")})
    assert (status, tracked["state"]) == (200, S.CHALLENGE_REQUIRED)
    assert desk("POST", "validate", {"token": tracked["token"]})[1]["isValid"] is False
