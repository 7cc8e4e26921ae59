"""One answer to a challenge after another: shape, deadline, resending, and what may be used only once."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from actions.models import Action
from authenticators.methods import recovery_code
from authenticators.models import Challenge
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.races import scenes
from tests.races.desk import Desk, sent_code
from tests.races.still_clock import still_clock

VERIFY = {
    M.EMAIL_OTP: "client/verify/email-otp",
    M.SMS: "client/verify/sms",
    M.AUTHENTICATOR_APP: "client/verify/totp",
    M.RECOVERY_CODE: "/challenge/api/recovery-code",
}
INVALID = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
EXHAUSTED = {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}


@pytest.fixture
def desk(acme, client) -> Iterator[Desk]:
    with still_clock() as clock:
        yield Desk(client, acme, clock, make.make_key(acme))


def answer(desk: Desk, tracked: scenes.Tracked, method: M, code: Any) -> Any:
    status, body = desk("POST", VERIFY[method], {"verificationCode": code}, token=tracked.token)
    assert status == 200, body
    return body


def begin(desk: Desk, method: M = M.EMAIL_OTP) -> tuple[scenes.Tracked, Challenge, str]:
    """A challenge that the client started, and the code that was sent for it."""
    tracked = scenes.enrolled(desk, method)
    path = {M.EMAIL_OTP: "email-otp", M.SMS: "sms"}[method]
    status, started = desk("POST", f"client/challenge/{path}", token=tracked.token)
    assert status == 200, started
    return tracked, Challenge.objects.get(pk=started["challengeId"]), sent_code(started["challengeId"])


# -- shape ---------------------------------------------------------------------------------------

ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
ODD = {
    "empty": lambda right: "",
    "one digit": lambda right: right[0],
    "five digits": lambda right: right[:5],
    "seven digits": lambda right: right + "0",
    "seven zeros": lambda right: "0" * 7,
    "a number": lambda right: int(right),
    "null": lambda right: None,
    "a list": lambda right: [right],
    "an object": lambda right: {"code": right},
    "a truth": lambda right: True,
    "arabic digits": lambda right: right.translate(ARABIC),
    "full-width digits": lambda right: right.translate(FULL_WIDTH),
    "leading space": lambda right: " " + right,
    "trailing newline": lambda right: right + "\n",
    "two codes": lambda right: right + right,
    "underscore": lambda right: right[:3] + "_" + right[3:],
    "plus sign": lambda right: "+" + right[1:],
    "hexadecimal": lambda right: hex(int(right)),
    "letters": lambda right: "abcdef",
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("method", [M.EMAIL_OTP, M.SMS, M.AUTHENTICATOR_APP])
def test_what_has_not_the_shape_of_a_code_is_never_compared(desk, method, odd):
    tracked = scenes.enrolled(desk, method)
    challenge = scenes.waiting(tracked, method)
    right = scenes.app_code() if method == M.AUTHENTICATOR_APP else scenes.coded(challenge)
    given = {"verificationCode": ODD[odd](right)}
    status, body = desk("POST", VERIFY[method], given, token=tracked.token)
    assert status == 400 or body == INVALID, body
    if method != M.AUTHENTICATOR_APP:
        status, body = desk("POST", "verify", given | {"challengeId": challenge.pk})
        assert status == 400 or body == INVALID, body
    assert scenes.evaluated() == 0
    assert Challenge.objects.get(pk=challenge.pk).attempts == 0
    assert answer(desk, tracked, method, right)["isVerified"] is True


# -- deadline ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "accepted"), [(299, True), (300, False), (301, False)])
def test_a_code_is_accepted_until_its_deadline_and_not_after(desk, seconds, accepted):
    desk.tenant.otp_duration_in_minutes = 5
    desk.tenant.save()
    tracked, _challenge, code = begin(desk)
    desk.clock.advance(seconds)
    assert answer(desk, tracked, M.EMAIL_OTP, code)["isVerified"] is accepted


@pytest.mark.parametrize(("seconds", "accepted"), [(599, True), (600, False), (601, False), (86_400, False)])
def test_the_backend_is_told_the_same_deadline(desk, seconds, accepted):
    tracked, challenge, code = begin(desk)
    desk.clock.advance(seconds)
    body = {"challengeId": challenge.pk, "verificationCode": code}
    assert desk("POST", "verify", body)[1]["isVerified"] is accepted
    assert (Action.objects.get(pk=tracked.action.pk).state == "CHALLENGE_SUCCEEDED") is accepted


@pytest.mark.parametrize(("seconds", "accepted"), [(299, True), (300, False), (301, False)])
def test_a_passkey_challenge_lives_five_minutes(desk, seconds, accepted):
    device = scenes.passkey_of(desk, first := scenes.track(desk))
    tracked = scenes.track(desk, first.user.user_id, "Transfer")
    path = "client/user-authenticators/passkey/authentication-options"
    begun = desk("POST", path, {}, token=tracked.token)[1]
    desk.clock.advance(seconds)
    body = {"challengeId": begun["challengeId"], "authenticationCredential": device.get(begun["options"])}
    assert desk("POST", "client/verify/passkey", body, token=tracked.token)[1]["isVerified"] is accepted


@pytest.mark.parametrize(("seconds", "status"), [(599, 200), (600, 401), (601, 401)])
def test_a_client_token_is_accepted_until_its_deadline_and_not_after(desk, seconds, status):
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    desk.clock.advance(seconds)
    assert desk("POST", "client/init", token=tracked.token)[0] == status


# -- sending again -------------------------------------------------------------------------------


def test_sending_again_gives_neither_new_guesses_nor_new_time(desk):
    tracked, challenge, code = begin(desk)
    for number in range(1, 5):
        assert answer(desk, tracked, M.EMAIL_OTP, scenes.wrong(code, number)) == INVALID
    desk.clock.advance(settings.RESEND_WAIT_SECONDS)
    status, again = desk("POST", "client/challenge/email-otp", token=tracked.token)
    assert (status, again["challengeId"]) == (200, challenge.pk)
    code = sent_code(challenge.pk)
    resent = Challenge.objects.get(pk=challenge.pk)
    assert (resent.expires_at, resent.attempts, resent.sends) == (challenge.expires_at, 4, 2)
    assert answer(desk, tracked, M.EMAIL_OTP, scenes.wrong(code)) == INVALID
    assert answer(desk, tracked, M.EMAIL_OTP, code) == EXHAUSTED


def test_an_exhausted_challenge_is_not_sent_again(desk):
    tracked, challenge, code = begin(desk)
    for number in range(1, 6):
        answer(desk, tracked, M.EMAIL_OTP, scenes.wrong(code, number))
    desk.clock.advance(settings.RESEND_WAIT_SECONDS)
    assert desk("POST", "client/challenge/email-otp", token=tracked.token)[0] == 429
    assert desk("POST", "challenge", {"challengeId": challenge.pk})[0] == 429


def test_only_the_newest_code_is_accepted(desk):
    tracked, challenge, first = begin(desk)
    desk.clock.advance(settings.RESEND_WAIT_SECONDS)
    desk("POST", "client/challenge/email-otp", token=tracked.token)
    second = sent_code(challenge.pk)
    assert first == second or answer(desk, tracked, M.EMAIL_OTP, first) == INVALID
    assert answer(desk, tracked, M.EMAIL_OTP, second)["isVerified"] is True


def test_a_code_is_sent_four_times_with_half_a_minute_between(desk):
    tracked, challenge, _code = begin(desk)
    for _time in range(3):
        desk.clock.advance(settings.RESEND_WAIT_SECONDS - 1)
        assert desk("POST", "client/challenge/email-otp", token=tracked.token)[0] == 429
        assert desk("POST", "challenge", {"challengeId": challenge.pk})[0] == 429
        desk.clock.advance(1)
        assert desk("POST", "client/challenge/email-otp", token=tracked.token)[0] == 200
    desk.clock.advance(settings.RESEND_WAIT_SECONDS)
    assert desk("POST", "client/challenge/email-otp", token=tracked.token)[0] == 429
    assert desk("POST", "challenge", {"challengeId": challenge.pk})[0] == 429


# -- once ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [M.EMAIL_OTP, M.SMS])
def test_a_code_is_for_its_own_challenge(desk, method):
    mine, _challenge, code = begin(desk, method)
    other = scenes.track(desk, mine.user.user_id, "Transfer")
    scenes.coded(scenes.waiting(other, method))
    assert answer(desk, other, method, code) == INVALID
    assert answer(desk, mine, method, code)["isVerified"] is True


@pytest.mark.parametrize("method", [M.EMAIL_OTP, M.AUTHENTICATOR_APP])
def test_sending_an_accepted_code_again_is_refused_but_is_no_guess(desk, method):
    tracked = scenes.enrolled(desk, method)
    challenge = scenes.waiting(tracked, method)
    code = scenes.app_code() if method == M.AUTHENTICATOR_APP else scenes.coded(challenge)
    assert answer(desk, tracked, method, code)["isVerified"] is True
    for _time in range(12):
        assert answer(desk, tracked, method, code) == INVALID
    assert scenes.evaluated() == 0


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_an_authenticator_app_may_be_half_a_minute_off(desk, steps, accepted):
    tracked = scenes.enrolled(desk, M.AUTHENTICATOR_APP)
    code = scenes.app_code(steps=steps)
    assert answer(desk, tracked, M.AUTHENTICATOR_APP, code)["isVerified"] is accepted


@pytest.mark.parametrize("later", [0, 1, 29, 30, 31, 59, 60, 61, 90])
def test_a_step_of_an_authenticator_app_is_accepted_once_wherever_and_whenever_it_comes_again(desk, later):
    tracked = scenes.enrolled(desk, M.AUTHENTICATOR_APP)
    code = scenes.app_code(steps=1)
    assert answer(desk, tracked, M.AUTHENTICATOR_APP, code)["isVerified"] is True
    desk.clock.advance(later)
    other = scenes.track(desk, tracked.user.user_id, "Transfer")
    for place in (tracked, other):
        assert answer(desk, place, M.AUTHENTICATOR_APP, code) == INVALID


def test_a_step_before_the_last_accepted_one_is_too_old_and_the_next_one_is_not(desk):
    tracked = scenes.enrolled(desk, M.AUTHENTICATOR_APP)
    before, now, after = (scenes.app_code(steps=steps) for steps in (-1, 0, 1))
    assert answer(desk, tracked, M.AUTHENTICATOR_APP, now)["isVerified"] is True
    other = scenes.track(desk, tracked.user.user_id, "Transfer")
    assert answer(desk, other, M.AUTHENTICATOR_APP, before) == INVALID
    assert answer(desk, other, M.AUTHENTICATOR_APP, after)["isVerified"] is True


def test_a_recovery_code_is_used_once_wherever_it_comes_again(desk):
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    first, second = recovery_code.replace_all(tracked.user)[:2]
    assert answer(desk, tracked, M.RECOVERY_CODE, first)["isVerified"] is True
    other = scenes.track(desk, tracked.user.user_id, "Transfer")
    assert answer(desk, tracked, M.RECOVERY_CODE, first) == INVALID
    assert answer(desk, other, M.RECOVERY_CODE, first) == INVALID
    assert scenes.evaluated() == 0
    assert answer(desk, other, M.RECOVERY_CODE, second.lower().replace("-", " "))["isVerified"] is True


def test_new_recovery_codes_end_the_old_ones(desk):
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    old = recovery_code.replace_all(tracked.user)
    proof = answer(desk, tracked, M.RECOVERY_CODE, old[0])["accessToken"]
    status, new = desk("POST", "/challenge/api/recovery-codes", {}, token=proof)
    assert status == 200
    other = scenes.track(desk, tracked.user.user_id, "Transfer")
    assert answer(desk, other, M.RECOVERY_CODE, old[1]) == INVALID
    assert answer(desk, other, M.RECOVERY_CODE, new["recoveryCodes"][0])["isVerified"] is True


def test_wrong_codes_alone_never_fail_an_action(desk):
    tracked, _challenge, code = begin(desk)
    for number in range(1, 20):
        answer(desk, tracked, M.EMAIL_OTP, scenes.wrong(code, number))
    assert Action.objects.get(pk=tracked.action.pk).state == "CHALLENGE_REQUIRED"


def test_an_action_has_fifty_open_challenges_and_the_oldest_ends_for_the_next(desk):
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    oldest = scenes.waiting(tracked, M.EMAIL_OTP)
    code = scenes.coded(oldest)
    proved = scenes.waiting(tracked, M.SMS, verified_at=desk.clock.now)
    for _number in range(settings.OPEN_CHALLENGES_PER_ACTION):
        desk.clock.advance(0.1)
        scenes.waiting(tracked, M.SMS)
    other = scenes.track(desk, tracked.user.user_id, "Transfer")
    assert desk("POST", "client/challenge/email-otp", token=other.token)[0] == 200
    assert Challenge.objects.get(pk=oldest.pk).failed_at is None, "nobody's other action ends it"
    assert desk("POST", "client/user-authenticators/passkey/authentication-options", token=tracked.token)[0] == 200
    assert Challenge.objects.get(pk=oldest.pk).failed_at == desk.clock.now
    assert Challenge.objects.get(pk=proved.pk).failed_at is None
    assert answer(desk, tracked, M.EMAIL_OTP, code) == INVALID


def test_a_challenge_remembers_until_when_it_is_good(desk):
    _tracked, challenge, _code = begin(desk)
    assert challenge.expires_at == desk.clock.now + timedelta(minutes=10)
