"""The same right code, fifty times at once: one state change, one token."""

import pytest

from authenticators.methods import recovery_code
from authenticators.models import Authenticator, Challenge, GuessCount, RecoveryCode
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.conftest import SLOTS
from tests.races import scenes
from tests.races.volley import MANY, ROUNDS, Shot, fire, held

PATHS = {
    M.EMAIL_OTP: "/v1/client/verify/email-otp",
    M.SMS: "/v1/client/verify/sms",
    M.AUTHENTICATOR_APP: "/v1/client/verify/totp",
    M.RECOVERY_CODE: "/challenge/api/recovery-code",
}


def shots(tracked: scenes.Tracked, method: M, codes: list[str]) -> list[Shot]:
    return [Shot(PATHS[method], {"verificationCode": code}, tracked.token) for code in codes]


@pytest.mark.parametrize("method", [M.EMAIL_OTP, M.SMS])
def test_a_code_that_was_sent_is_accepted_once(live, method):
    for _round in range(ROUNDS):
        tracked = scenes.enrolled(live, method)
        challenge = scenes.waiting(tracked, method)
        code = scenes.coded(challenge)
        volley = fire(
            live,
            shots(tracked, method, [code] * MANY),
            held(scenes.user_row(tracked), Challenge.objects.filter(pk=challenge.pk)),
        )
        scenes.assert_one_success(volley, tracked)


def test_a_code_to_an_address_on_file_is_accepted_and_enrolled_once(live):
    """The whole way, with the message that the worker sent."""
    for _round in range(ROUNDS):
        email = scenes.address()
        tracked = scenes.track(live, email=email)
        live("POST", "client/challenge/email-otp", token=tracked.token)
        code = live.code(email)
        volley = fire(
            live,
            shots(tracked, M.EMAIL_OTP, [code] * MANY),
            held(scenes.user_row(tracked), Challenge.objects.filter(action_id=tracked.action.pk)),
        )
        scenes.assert_one_success(volley, tracked)
        assert scenes.authenticator_rows(tracked).count() == 1


def test_a_code_of_an_authenticator_app_is_accepted_once(live):
    for _round in range(ROUNDS):
        tracked = scenes.enrolled(live, M.AUTHENTICATOR_APP)
        challenge = scenes.waiting(tracked, M.AUTHENTICATOR_APP)
        volley = fire(
            live,
            shots(tracked, M.AUTHENTICATOR_APP, [scenes.app_code()] * MANY),
            held(scenes.user_row(tracked), Challenge.objects.filter(pk=challenge.pk)),
        )
        scenes.assert_one_success(volley, tracked)


def test_a_code_of_an_authenticator_app_counts_for_one_of_many_actions(live):
    """Each of ten actions waits for the same user's code, and gets the same one."""
    first = scenes.enrolled(live, M.AUTHENTICATOR_APP)
    others = [scenes.track(live, first.user.user_id, f"Login{number}") for number in range(9)]
    code = scenes.app_code()
    volley = fire(
        live,
        [shot for tracked in (first, *others) for shot in shots(tracked, M.AUTHENTICATOR_APP, [code] * 5)],
        held(scenes.user_row(first), Authenticator.objects.filter(user=first.user)),
    )
    assert set(volley.statuses) == {200}
    assert len(volley.verified) == 1
    assert scenes.events(scenes.Tag.ACTION_SUCCEEDED) == 1


def test_a_recovery_code_is_burned_once(live):
    for _round in range(ROUNDS):
        tracked = scenes.enrolled(live, M.EMAIL_OTP)
        code = recovery_code.replace_all(tracked.user)[0]
        challenge = scenes.waiting(tracked, M.RECOVERY_CODE)
        # As after an earlier answer: who has to make the row first is held up by that alone.
        GuessCount.objects.create(tenant=live.tenant, subject=f"user:{tracked.user.pk}", method=M.RECOVERY_CODE)
        volley = fire(
            live,
            shots(tracked, M.RECOVERY_CODE, [code] * MANY),
            held(
                scenes.user_row(tracked),
                Challenge.objects.filter(pk=challenge.pk),
                RecoveryCode.objects.filter(user=tracked.user),
            ),
        )
        scenes.assert_one_success(volley, tracked)
        assert RecoveryCode.objects.filter(user=tracked.user, used_at=None).count() == recovery_code.COUNT - 1


def test_ten_recovery_codes_at_once_are_ten_successes_and_none_is_left(live):
    first = scenes.enrolled(live, M.EMAIL_OTP)
    codes = recovery_code.replace_all(first.user)
    actions = [first, *(scenes.track(live, first.user.user_id, f"Login{number}") for number in range(9))]
    pairs = zip(actions, codes, strict=True)
    volley = fire(live, [shot for tracked, code in pairs for shot in shots(tracked, M.RECOVERY_CODE, [code])])
    assert len(volley.verified) == len(volley.distinct("accessToken")) == recovery_code.COUNT
    assert not RecoveryCode.objects.filter(user=first.user, used_at=None).exists()


def test_new_recovery_codes_asked_for_many_times_at_once_are_one_set(live):
    tracked = scenes.enrolled(live, M.EMAIL_OTP)
    code = scenes.coded(scenes.waiting(tracked, M.EMAIL_OTP))
    _status, verified = live("POST", "client/verify/email-otp", {"verificationCode": code}, token=tracked.token)
    # As few as are certain to meet: whoever comes after them deletes what they left.
    ask = Shot("/challenge/api/recovery-codes", {}, verified["accessToken"])
    volley = fire(live, [ask] * (SLOTS // 2), held(scenes.user_row(tracked)))
    assert volley.at_once == SLOTS // 2
    assert set(volley.statuses) == {200}
    assert RecoveryCode.objects.filter(user=tracked.user).count() == recovery_code.COUNT


def test_twenty_challenges_of_one_user_answered_at_once_are_twenty_successes(live):
    """The limit on guessing must not lock out the honest."""
    first = scenes.enrolled(live, M.EMAIL_OTP)
    actions = [first, *(scenes.track(live, first.user.user_id, f"Login{number}") for number in range(19))]
    codes = [scenes.coded(scenes.waiting(tracked, M.EMAIL_OTP)) for tracked in actions]
    volley = fire(
        live,
        [shot for tracked, code in zip(actions, codes, strict=True) for shot in shots(tracked, M.EMAIL_OTP, [code])],
        held(scenes.user_row(first)),
    )
    assert len(volley.verified) == len(volley.distinct("accessToken")) == 20
    assert scenes.events(scenes.Tag.ACTION_SUCCEEDED) == 20
