"""`/verify` and `/claim`, fifty times at once: one state change, one token, and the same answer for every copy."""

from actions.models import Action
from audit.events import Tag
from authenticators.models import Challenge
from authsignal_portal.vocabulary import ActionState
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.conftest import SLOTS
from tests.races import scenes
from tests.races.volley import MANY, ROUNDS, Shot, fire, held


def proved(live, contact: str) -> Challenge:
    """A challenge that began without a user and was answered."""
    challenge = make.make_challenge(
        None, live.tenant, action_id=None, action_code="Login", idempotency_key=contact, contact=contact
    )
    code = scenes.coded(challenge)
    _status, answer = live("POST", "verify", {"challengeId": challenge.pk, "verificationCode": code})
    assert answer["isVerified"] is True
    return challenge


def assert_one_original(volley) -> None:
    assert volley.at_once >= SLOTS
    assert volley.statuses == {200: MANY}
    assert [answer.is_replay for answer in volley.answers].count(False) == 1
    assert all(answer.body == volley.answers[0].body for answer in volley.answers)


def test_one_code_verified_by_the_backend_fifty_times_is_one_state_change(live):
    for _round in range(ROUNDS):
        tracked = scenes.enrolled(live, M.EMAIL_OTP)
        challenge = scenes.waiting(tracked, M.EMAIL_OTP)
        body = {"challengeId": challenge.pk, "verificationCode": scenes.coded(challenge)}
        volley = fire(
            live,
            [Shot("/v1/verify", body)] * MANY,
            held(scenes.user_row(tracked), Challenge.objects.filter(pk=challenge.pk)),
        )
        assert_one_original(volley)
        assert len(volley.verified) == MANY
        assert Action.objects.get(pk=tracked.action.pk).state == ActionState.CHALLENGE_SUCCEEDED
        assert scenes.events(Tag.ACTION_SUCCEEDED, action_id=tracked.action.pk) == 1


def test_one_code_of_nobody_yet_verified_fifty_times_is_verified_once(live):
    for number in range(ROUNDS):
        challenge = make.make_challenge(None, live.tenant, action_id=None, contact=f"kim{number}@acme.example")
        body = {"challengeId": challenge.pk, "verificationCode": scenes.coded(challenge)}
        volley = fire(live, [Shot("/v1/verify", body)] * MANY, held(Challenge.objects.filter(pk=challenge.pk)))
        assert_one_original(volley)
        assert scenes.events(Tag.CHALLENGE_VERIFIED) == number + 1


def test_one_code_through_the_client_and_the_backend_at_once_is_accepted_by_one_of_them(live):
    for _round in range(ROUNDS):
        tracked = scenes.enrolled(live, M.EMAIL_OTP)
        challenge = scenes.waiting(tracked, M.EMAIL_OTP)
        code = scenes.coded(challenge)
        server = Shot("/v1/verify", {"challengeId": challenge.pk, "verificationCode": code})
        client = Shot("/v1/client/verify/email-otp", {"verificationCode": code}, tracked.token)
        volley = fire(live, [server, client] * (MANY // 2), held(scenes.user_row(tracked)))
        originals = [answer for answer in volley.verified if not answer.is_replay]
        assert len(originals) == 1
        assert len(volley.distinct("accessToken")) <= 1
        assert scenes.events(Tag.ACTION_SUCCEEDED, action_id=tracked.action.pk) == 1


def test_one_claim_sent_fifty_times_gives_one_token(live):
    for number in range(ROUNDS):
        challenge = proved(live, f"lee{number}@acme.example")
        body = {"challengeId": challenge.pk, "userId": f"lee{number}"}
        volley = fire(live, [Shot("/v1/claim", body)] * MANY, held(Challenge.objects.filter(pk=challenge.pk)))
        assert_one_original(volley)
        assert len(volley.distinct("token")) == 1
        assert scenes.events(Tag.CHALLENGE_CLAIMED) == scenes.events(Tag.ACTION_SUCCEEDED) == number + 1
        assert Action.objects.get(user__user_id=f"lee{number}").state == ActionState.CHALLENGE_SUCCEEDED


def test_one_challenge_claimed_for_fifty_users_is_one_users(live):
    challenge = proved(live, "max@acme.example")
    shots = [Shot("/v1/claim", {"challengeId": challenge.pk, "userId": f"max{number}"}) for number in range(MANY)]
    volley = fire(live, shots, held(Challenge.objects.filter(pk=challenge.pk)))
    assert volley.statuses == {200: 1, 401: MANY - 1}
    assert len(volley.distinct("token")) == 1
    assert Action.objects.count() == 1


def test_another_keys_copy_of_a_request_gets_no_answer_of_ours(live):
    challenge = proved(live, "nina@acme.example")
    body = {"challengeId": challenge.pk, "userId": "nina"}
    other = make.make_key(live.tenant)
    volley = fire(
        live,
        [Shot("/v1/claim", body), Shot("/v1/claim", body, basic=other)] * (MANY // 2),
        held(Challenge.objects.filter(pk=challenge.pk)),
    )
    assert volley.statuses == {200: MANY // 2, 401: MANY // 2}
    assert len(volley.distinct("token")) == 1
