"""Fifty wrong guesses at once: never more of them are compared than the limit says; then the right one is refused."""

import pytest
import redis
from django.conf import settings

from authenticators import contact
from authenticators.methods import recovery_code
from authenticators.models import Challenge, GuessCount
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.conftest import SLOTS
from tests.races import scenes
from tests.races.test_codes import PATHS, shots
from tests.races.volley import MANY, ROUNDS, Shot, fire, held

PER_CHALLENGE = 5
PER_FIVE_MINUTES = 10


def wrong_answers(right: str, count: int = MANY) -> list[str]:
    return [scenes.wrong(right, number) for number in range(1, count + 1)]


@pytest.mark.parametrize("method", [M.EMAIL_OTP, M.SMS])
def test_fifty_wrong_codes_at_once_are_five_guesses(live, method):
    for number in range(ROUNDS):
        tracked = scenes.enrolled(live, method)
        challenge = scenes.waiting(tracked, method)
        right = scenes.coded(challenge)
        volley = fire(
            live,
            shots(tracked, method, wrong_answers(right)),
            held(scenes.user_row(tracked), Challenge.objects.filter(pk=challenge.pk)),
        )
        assert volley.at_once >= SLOTS
        assert volley.statuses == {200: MANY}
        assert not volley.verified
        reasons = [answer.body["failureReason"] for answer in volley.answers]
        assert reasons.count("MAX_ATTEMPTS_EXCEEDED") == MANY - PER_CHALLENGE
        assert Challenge.objects.get(pk=challenge.pk).attempts == PER_CHALLENGE
        assert scenes.evaluated() == PER_CHALLENGE * (number + 1)
        last = fire(live, shots(tracked, method, [right])).answers[0]
        assert last.body == {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}


def test_fifty_wrong_codes_for_an_authenticator_app_are_five_guesses(live):
    """No challenge stands yet: the first of them begins it."""
    tracked = scenes.enrolled(live, M.AUTHENTICATOR_APP)
    valid = {scenes.app_code(steps=steps) for steps in (-1, 0, 1, 2)}
    codes = [code for code in wrong_answers("000000", MANY + 4) if code not in valid][:MANY]
    volley = fire(live, shots(tracked, M.AUTHENTICATOR_APP, codes), held(scenes.user_row(tracked)))
    assert not volley.verified
    assert scenes.evaluated() == PER_CHALLENGE
    assert Challenge.objects.get(action_id=tracked.action.pk).attempts == PER_CHALLENGE
    last = fire(live, shots(tracked, M.AUTHENTICATOR_APP, [scenes.app_code()])).answers[0]
    assert last.body == {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}


def test_fifty_wrong_recovery_codes_at_once_are_five_guesses(live):
    tracked = scenes.enrolled(live, M.EMAIL_OTP)
    right = recovery_code.replace_all(tracked.user)[0]
    codes = [f"{number:024d}".translate(str.maketrans("0123456789", "ABCDEFGHIJ")) for number in range(MANY)]
    volley = fire(live, shots(tracked, M.RECOVERY_CODE, codes), held(scenes.user_row(tracked)))
    assert not volley.verified
    assert scenes.evaluated() == PER_CHALLENGE
    last = fire(live, shots(tracked, M.RECOVERY_CODE, [right])).answers[0]
    assert last.body == {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}


def test_fifty_wrong_codes_of_nobody_yet_are_five_guesses(live):
    """No user is known, so the address is what is counted."""
    challenge = make.make_challenge(None, live.tenant, action_id=None, contact="olga@acme.example")
    right = scenes.coded(challenge)
    bodies = [{"challengeId": challenge.pk, "verificationCode": code} for code in wrong_answers(right)]
    volley = fire(
        live,
        [Shot("/v1/verify", body) for body in bodies],
        held(Challenge.objects.filter(pk=challenge.pk)),
    )
    assert not volley.verified
    assert scenes.evaluated() == PER_CHALLENGE
    assert GuessCount.objects.get().consecutive == PER_CHALLENGE


def test_guesses_spread_over_challenges_of_one_address_are_counted_together(live):
    index = contact.index(live.tenant.pk, "pia@acme.example")
    GuessCount.objects.create(tenant=live.tenant, subject=f"contact:{index}", method=M.EMAIL_OTP)
    pairs = []
    for _number in range(10):
        challenge = make.make_challenge(None, live.tenant, action_id=None, contact="pia@acme.example")
        pairs += [(challenge.pk, code) for code in wrong_answers(scenes.coded(challenge), 5)]
    volley = fire(
        live,
        [Shot("/v1/verify", {"challengeId": ident, "verificationCode": code}) for ident, code in pairs],
        held(Challenge.objects.all()),
    )
    assert not volley.verified
    assert scenes.evaluated() == PER_FIVE_MINUTES
    assert GuessCount.objects.get().consecutive == PER_FIVE_MINUTES


def test_guesses_spread_over_actions_and_endpoints_are_counted_together(live):
    """Ten challenges of one user, client and backend, five wrong guesses each: ten are compared in all."""
    first = scenes.enrolled(live, M.EMAIL_OTP)
    actions = [first, *(scenes.track(live, first.user.user_id, f"Login{number}") for number in range(9))]
    spread, rights = [], []
    for number, tracked in enumerate(actions):
        challenge = scenes.waiting(tracked, M.EMAIL_OTP)
        rights.append(scenes.coded(challenge))
        for code in wrong_answers(rights[-1], 5):
            body = {"verificationCode": code}
            client = Shot(PATHS[M.EMAIL_OTP], body, tracked.token)
            spread.append(client if number % 2 else Shot("/v1/verify", body | {"challengeId": challenge.pk}))
    volley = fire(live, spread, held(scenes.user_row(first), Challenge.objects.filter(user=first.user)))
    assert not volley.verified
    assert scenes.evaluated() == PER_FIVE_MINUTES
    assert scenes.events(scenes.Tag.METHOD_PAUSED) == 1
    pairs = zip(actions, rights, strict=True)
    final = fire(live, [shot for tracked, code in pairs for shot in shots(tracked, M.EMAIL_OTP, [code])])
    assert {answer.body["failureReason"] for answer in final.answers} == {"MAX_ATTEMPTS_EXCEEDED"}


def test_a_redis_that_forgets_everything_gives_nobody_another_guess(live):
    tracked = scenes.enrolled(live, M.EMAIL_OTP)
    challenge = scenes.waiting(tracked, M.EMAIL_OTP)
    wrong = wrong_answers(scenes.coded(challenge), 24)
    for part in (wrong[:8], wrong[8:16], wrong[16:]):
        fire(live, shots(tracked, M.EMAIL_OTP, part))
        redis.Redis.from_url(settings.REDIS_URL).flushall()
    assert scenes.evaluated() == PER_CHALLENGE


def test_a_redis_that_forgot_everything_still_gets_codes_sent(live):
    redis.Redis.from_url(settings.REDIS_URL).flushall()
    email = scenes.address()
    tracked = scenes.track(live, email=email)
    assert live("POST", "client/challenge/email-otp", token=tracked.token)[0] == 200
    assert live.code(email)
