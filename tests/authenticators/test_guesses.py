"""How many wrong guesses a user has, whatever they are spread over, and how a lock ends."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from audit.events import Tag
from authenticators import guesses
from authenticators.methods import recovery_code, totp
from authenticators.models import Challenge, GuessCount, Message
from authsignal_portal import clock
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.races import scenes
from tests.races.desk import Desk, sent_code
from tests.races.still_clock import still_clock

INVALID = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
EXHAUSTED = {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}
HOUR, DAY = 3600, 86_400
VERIFY = {
    M.EMAIL_OTP: "client/verify/email-otp",
    M.SMS: "client/verify/sms",
    M.AUTHENTICATOR_APP: "client/verify/totp",
    M.RECOVERY_CODE: "/challenge/api/recovery-code",
}


@pytest.fixture
def desk(acme, client) -> Iterator[Desk]:
    with still_clock() as clock:
        yield Desk(client, acme, clock, make.make_key(acme))


@pytest.fixture
def alice(desk) -> scenes.Tracked:
    """She has email, a text message and an authenticator app enrolled."""
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    make.make_authenticator(tracked.user, M.SMS, contact=scenes.CONTACTS[M.SMS])
    make.make_authenticator(tracked.user, M.AUTHENTICATOR_APP, secret=scenes.SECRET)
    return tracked


def anew(desk: Desk, person: scenes.Tracked, method: M = M.EMAIL_OTP) -> tuple[scenes.Tracked, str]:
    """A new action of the same user with a new challenge, and its code."""
    tracked = scenes.track(desk, person.user.user_id)
    if method == M.AUTHENTICATOR_APP:
        return tracked, scenes.app_code()
    return tracked, scenes.coded(scenes.waiting(tracked, method))


def answer(desk: Desk, tracked: scenes.Tracked, code: str, method: M = M.EMAIL_OTP) -> Any:
    status, body = desk("POST", VERIFY[method], {"verificationCode": code}, token=tracked.token)
    assert status == 200, body
    return body


def guess(desk: Desk, person: scenes.Tracked, times: int, method: M = M.EMAIL_OTP) -> None:
    """So many wrong guesses, a few on each of as many new challenges as it takes."""
    for number in range(times):
        if number % 3 == 0:
            tracked, right = anew(desk, person, method)
        answer(desk, tracked, scenes.wrong(right, number * 1000 + 1), method)


def knows(desk: Desk, person: scenes.Tracked, method: M = M.EMAIL_OTP) -> Any:
    """What comes of the right code for a new challenge."""
    tracked, right = anew(desk, person, method)
    return answer(desk, tracked, right, method)


# -- one count -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [M.EMAIL_OTP, M.SMS, M.AUTHENTICATOR_APP])
def test_fifty_challenges_with_a_wrong_guess_each_are_ten_guesses(desk, alice, method):
    for _number in range(50):
        tracked, right = anew(desk, alice, method)
        answer(desk, tracked, scenes.wrong(right, 31_337), method)
    assert scenes.evaluated() == 10
    assert knows(desk, alice, method) == EXHAUSTED


def test_guesses_spread_over_every_door_are_counted_together(desk, alice):
    """Client, backend, a code sent again, another action, and enrolling another address."""
    first, right = anew(desk, alice)
    for number in range(1, 4):
        answer(desk, first, scenes.wrong(right, number))
    desk.clock.advance(settings.RESEND_WAIT_SECONDS)
    challenge = Challenge.objects.get(action_id=first.action.pk)
    assert desk("POST", "challenge", {"challengeId": challenge.pk})[0] == 200
    answer(desk, first, scenes.wrong(sent_code(challenge.pk)))
    second, right = anew(desk, alice)
    challenge = Challenge.objects.get(action_id=second.action.pk)
    for number in range(1, 4):
        body = {"challengeId": challenge.pk, "verificationCode": scenes.wrong(right, number)}
        assert desk("POST", "verify", body)[1] == INVALID
    enrolling = scenes.track(desk, alice.user.user_id, scope="add:authenticators")
    path, token = "client/user-authenticators/email-otp", enrolling.token
    started = desk("POST", path, {"email": "other@acme.example"}, token=token)[1]
    code = sent_code(started["challengeId"])
    for number in range(1, 4):
        assert answer(desk, enrolling, scenes.wrong(code, number)) == INVALID
    assert scenes.evaluated() == 10
    assert answer(desk, enrolling, code) == EXHAUSTED
    assert desk("POST", "verify", body | {"verificationCode": right})[1] == EXHAUSTED
    assert knows(desk, alice) == EXHAUSTED
    assert scenes.evaluated() == 10


def test_a_challenge_begun_before_the_lock_is_not_finished_after_it(desk, alice):
    tracked, right = anew(desk, alice)
    guess(desk, alice, 10)
    assert answer(desk, tracked, right) == EXHAUSTED


def test_who_goes_on_after_the_limit_fills_no_log(desk, alice):
    tracked, right = anew(desk, alice)
    guess(desk, alice, 10)
    for _number in range(3):
        assert answer(desk, tracked, right) == EXHAUSTED
    assert scenes.events(Tag.CHALLENGE_REFUSED, data__reason="limit") == 1


def test_methods_users_and_tenants_are_counted_apart(desk, alice, globex):
    guess(desk, alice, 10)
    assert knows(desk, alice, M.SMS)["isVerified"] is True
    assert knows(desk, scenes.enrolled(desk, M.EMAIL_OTP))["isVerified"] is True
    there = desk.another(globex)
    theirs = make.make_user(globex, alice.user.user_id)
    make.make_authenticator(theirs, M.EMAIL_OTP, contact=scenes.CONTACTS[M.EMAIL_OTP])
    assert knows(there, scenes.track(there, theirs.user_id))["isVerified"] is True


def test_an_address_of_nobody_yet_is_counted_over_all_its_challenges(desk):
    def begin(email: str) -> tuple[str, str]:
        status, started = desk("POST", "challenge", {"email": email, "action": "Login"})
        assert status == 200, started
        return started["challengeId"], sent_code(started["challengeId"])

    def verify(challenge: str, code: str) -> Any:
        return desk("POST", "verify", {"challengeId": challenge, "verificationCode": code})[1]

    for spelling in ("nina@acme.example", "NINA+1@acme.example"):
        challenge, right = begin(spelling)
        for number in range(1, 6):
            assert verify(challenge, scenes.wrong(right, number)) == INVALID
    assert desk("POST", "challenge", {"email": " Nina@ACME.example", "action": "Login"})[0] == 429
    assert verify(challenge, right) == EXHAUSTED
    assert scenes.evaluated() == 10
    assert verify(*begin("olga@acme.example"))["isVerified"] is True


# -- pause, and the end of it --------------------------------------------------------------------


@pytest.mark.parametrize("method", [M.EMAIL_OTP, M.AUTHENTICATOR_APP])
def test_ten_wrong_guesses_running_pause_the_method_for_a_quarter_of_an_hour(desk, alice, method):
    guess(desk, alice, 10, method)
    assert scenes.events(Tag.METHOD_PAUSED, subject=alice.user.pseudonym, data__method=method) == 1
    desk.clock.advance(settings.PAUSE_SECONDS - 1)
    assert knows(desk, alice, method) == EXHAUSTED
    desk.clock.advance(1)
    assert knows(desk, alice, method)["isVerified"] is True


def test_a_success_clears_the_count(desk, alice):
    for _time in range(3):
        guess(desk, alice, 9)
        assert knows(desk, alice)["isVerified"] is True
        assert GuessCount.objects.get().consecutive == 0
    assert not scenes.events(Tag.METHOD_PAUSED)


def test_twenty_wrong_guesses_in_an_hour_are_all(desk, alice):
    guess(desk, alice, 10)
    desk.clock.advance(settings.PAUSE_SECONDS)
    guess(desk, alice, 10)
    desk.clock.advance(settings.PAUSE_SECONDS)
    assert knows(desk, alice) == EXHAUSTED
    desk.clock.advance(HOUR - 2 * settings.PAUSE_SECONDS)
    assert knows(desk, alice)["isVerified"] is True


def test_a_passkey_works_while_every_code_is_locked(desk, alice):
    opener = scenes.track(desk, alice.user.user_id, scope="add:authenticators")
    device = scenes.passkey_of(desk, opener)
    for method in (M.EMAIL_OTP, M.SMS, M.AUTHENTICATOR_APP):
        guess(desk, alice, 10, method)
        assert knows(desk, alice, method) == EXHAUSTED
    assert proves_with(device, desk, alice)["isVerified"] is True


def proves_with(device, desk: Desk, person: scenes.Tracked) -> Any:
    tracked = scenes.track(desk, person.user.user_id)
    path = "client/user-authenticators/passkey/authentication-options"
    begun = desk("POST", path, {}, token=tracked.token)[1]
    body = {"challengeId": begun["challengeId"], "authenticationCredential": device.get(begun["options"])}
    return desk("POST", "client/verify/passkey", body, token=tracked.token)[1]


# -- nothing is sent that would not be taken -----------------------------------------------------


def state_of(desk: Desk, tracked: scenes.Tracked) -> Any:
    """What the page is told of the method."""
    told = desk("POST", "/challenge/api/state", {}, token=tracked.token)[1]
    return next(one for one in told["methods"] if one["method"] == M.EMAIL_OTP) | {"now": told["now"]}


def test_while_a_method_is_paused_no_code_is_sent_and_the_page_is_told_until_when(desk, alice):
    started, _right = anew(desk, alice)
    desk.clock.advance(settings.RESEND_WAIT_SECONDS)
    guess(desk, alice, 10)
    fresh = scenes.track(desk, alice.user.user_id, scope="add:authenticators")
    resent = Challenge.objects.get(action_id=started.action.pk).pk
    codes = Message.objects.filter(notice="").count()
    address = {"email": "other@acme.example"}
    for ask in (
        lambda: desk.ask("POST", "client/challenge/email-otp", token=fresh.token),
        lambda: desk.ask("POST", "client/user-authenticators/email-otp", address, token=fresh.token),
        lambda: desk.ask("POST", "challenge", {"userId": alice.user.user_id, "action": "Login"}),
        lambda: desk.ask("POST", "challenge", {"challengeId": resent}),
    ):
        answer = ask()
        assert (answer.status_code, answer.json()["errorCode"]) == (429, "too_many_requests")
        assert int(answer["Retry-After"]) == settings.PAUSE_SECONDS
    assert Message.objects.filter(notice="").count() == codes
    told = state_of(desk, fresh)
    assert (told["lockedUntil"] - told["now"], "disabled" in told) == (settings.PAUSE_SECONDS * 1000, False)
    desk.clock.advance(settings.PAUSE_SECONDS)
    fresh = scenes.track(desk, alice.user.user_id)
    assert "lockedUntil" not in state_of(desk, fresh)
    assert desk("POST", "client/challenge/email-otp", token=fresh.token)[0] == 200


def test_a_disabled_method_is_sent_nothing_until_it_is_bound_anew(desk, alice):
    GuessCount.objects.update(consecutive=50, disabled_at=clock.now())
    fresh = scenes.track(desk, alice.user.user_id, scope="add:authenticators")
    assert desk("POST", "client/challenge/email-otp", token=fresh.token)[0] == 429
    told = state_of(desk, fresh)
    assert (told["disabled"], "lockedUntil" in told) == (True, False)
    address = {"email": "other@acme.example"}
    begun = desk("POST", "client/user-authenticators/email-otp", address, token=fresh.token)[1]
    assert answer(desk, fresh, sent_code(begun["challengeId"]))["isVerified"] is True
    assert "disabled" not in state_of(desk, scenes.track(desk, alice.user.user_id))


def test_a_spent_challenge_says_when_there_can_be_another(desk, alice):
    tracked, right = anew(desk, alice)
    for number in range(1, 6):
        answer(desk, tracked, scenes.wrong(right, number))
    told = state_of(desk, tracked)
    until = Challenge.objects.get(action_id=tracked.action.pk).expires_at
    assert told["lockedUntil"] == int(until.timestamp() * 1000)
    assert "lockedUntil" not in state_of(desk, scenes.track(desk, alice.user.user_id))


# -- disabled, until bound again -----------------------------------------------------------------


def disable(desk: Desk, person: scenes.Tracked, method: M) -> None:
    for _time in range(5):
        guess(desk, person, 10, method)
        desk.clock.advance(HOUR)


@pytest.mark.parametrize("method", [M.EMAIL_OTP, M.AUTHENTICATOR_APP])
def test_fifty_wrong_guesses_running_disable_the_method_for_good(desk, alice, method):
    disable(desk, alice, method)
    assert scenes.evaluated() == 50
    assert scenes.events(Tag.METHOD_DISABLED, subject=alice.user.pseudonym, data__method=method) == 1
    desk.clock.advance(365 * DAY)
    guess(desk, alice, 10, method)
    assert knows(desk, alice, method) == EXHAUSTED
    assert scenes.evaluated() == 50


def test_a_week_of_guessing_is_fifty_guesses(desk, alice):
    """As fast as the pauses allow at first, and then whenever anybody thinks of it."""
    for minutes in [5] * 60 + [360] * 25:
        guess(desk, alice, 3, M.AUTHENTICATOR_APP)
        desk.clock.advance(60 * minutes)
    assert scenes.evaluated() == 50
    assert knows(desk, alice, M.AUTHENTICATOR_APP) == EXHAUSTED


def test_a_disabled_method_is_bound_anew_by_its_user_after_another_proof(desk, alice):
    device = scenes.passkey_of(desk, scenes.track(desk, alice.user.user_id, scope="add:authenticators"))
    disable(desk, alice, M.AUTHENTICATOR_APP)
    token = proves_with(device, desk, alice)["accessToken"]
    secret = desk("POST", "client/user-authenticators/totp", token=token)[1]["secret"]
    body = {"verificationCode": scenes.app_code(secret)}
    assert desk("POST", VERIFY[M.AUTHENTICATOR_APP], body, token=token)[1]["isVerified"] is True
    desk.clock.advance(30)
    tracked = scenes.track(desk, alice.user.user_id)
    assert answer(desk, tracked, scenes.app_code(secret), M.AUTHENTICATOR_APP)["isVerified"] is True


def test_binding_anew_is_no_way_to_guess_faster(desk, alice):
    device = scenes.passkey_of(desk, scenes.track(desk, alice.user.user_id, scope="add:authenticators"))
    disable(desk, alice, M.EMAIL_OTP)
    token = proves_with(device, desk, alice)["accessToken"]
    started = desk("POST", "client/user-authenticators/email-otp", {"email": "x@acme.example"}, token=token)[1]
    code = sent_code(started["challengeId"])
    for number in range(1, 20):
        desk("POST", VERIFY[M.EMAIL_OTP], {"verificationCode": scenes.wrong(code, number)}, token=token)
    assert scenes.evaluated() == 55
    assert knows(desk, alice) == EXHAUSTED


def test_a_disabled_method_is_bound_anew_by_the_backend(desk, alice):
    disable(desk, alice, M.EMAIL_OTP)
    body = {"verificationMethod": "EMAIL_OTP", "email": "new@acme.example"}
    assert desk("POST", f"users/{alice.user.user_id}/authenticators", body)[0] == 200
    assert knows(desk, alice)["isVerified"] is True


# -- recovery codes ------------------------------------------------------------------------------


def wrong_recovery(desk: Desk, person: scenes.Tracked, times: int) -> None:
    for number in range(times):
        text = f"{number:024d}".translate(str.maketrans("0123456789", "ABCDEFGHIJ"))
        answer(desk, scenes.track(desk, person.user.user_id), text, M.RECOVERY_CODE)


def test_recovery_codes_have_five_guesses_in_a_quarter_of_an_hour_and_ten_a_day(desk, alice):
    codes = recovery_code.replace_all(alice.user)
    wrong_recovery(desk, alice, 20)
    assert scenes.evaluated() == 5
    assert answer(desk, scenes.track(desk, alice.user.user_id), codes[0], M.RECOVERY_CODE) == EXHAUSTED
    desk.clock.advance(900)
    wrong_recovery(desk, alice, 20)
    assert scenes.evaluated() == 10
    desk.clock.advance(DAY - 901)
    assert answer(desk, scenes.track(desk, alice.user.user_id), codes[0], M.RECOVERY_CODE) == EXHAUSTED
    desk.clock.advance(901)
    fresh = scenes.track(desk, alice.user.user_id)
    assert answer(desk, fresh, codes[0], M.RECOVERY_CODE)["isVerified"] is True


def test_new_recovery_codes_are_not_locked_by_guesses_at_the_old(desk, alice):
    recovery_code.replace_all(alice.user)
    wrong_recovery(desk, alice, 6)
    token = knows(desk, alice)["accessToken"]
    codes = desk("POST", "/challenge/api/recovery-codes", {}, token=token)[1]["recoveryCodes"]
    fresh = scenes.track(desk, alice.user.user_id)
    assert answer(desk, fresh, codes[0], M.RECOVERY_CODE)["isVerified"] is True


# -- several apps --------------------------------------------------------------------------------


@pytest.mark.parametrize("apps", [2, 3, 5])
def test_a_guess_at_several_apps_counts_once_for_each(desk, alice, apps):
    for _number in range(apps - 1):
        make.make_authenticator(alice.user, M.AUTHENTICATOR_APP, secret=totp.new_secret())
    guess(desk, alice, 50, M.AUTHENTICATOR_APP)
    assert 10 - apps < scenes.evaluated() * apps <= 10
    assert knows(desk, alice, M.AUTHENTICATOR_APP) == EXHAUSTED
    tracked = scenes.track(desk, alice.user.user_id)
    told = desk("POST", "/challenge/api/state", {}, token=tracked.token)[1]
    [shown] = [one for one in told["methods"] if one["method"] == M.AUTHENTICATOR_APP]
    assert shown["lockedUntil"] > told["now"]


@pytest.mark.parametrize("apps", [2, 3, 5])
def test_a_week_of_guessing_at_several_apps_is_fifty_guesses(desk, alice, apps):
    for _number in range(apps - 1):
        make.make_authenticator(alice.user, M.AUTHENTICATOR_APP, secret=totp.new_secret())
    for minutes in [5] * 20 + [360] * 20:
        guess(desk, alice, 3, M.AUTHENTICATOR_APP)
        desk.clock.advance(60 * minutes)
    assert 50 - apps < scenes.evaluated() * apps <= 50
    assert scenes.events(Tag.METHOD_DISABLED) == 1


def test_fewer_codes_than_apps_allowed_lock_nobody_out(desk, alice):
    """A tenant's own limit speaks of codes that are typed: one at least is looked at."""
    make.make_configuration(alice.user.tenant, M.AUTHENTICATOR_APP, verify_limit=2, verify_minutes=5)
    for _number in range(4):
        make.make_authenticator(alice.user, M.AUTHENTICATOR_APP, secret=totp.new_secret())
    guess(desk, alice, 3, M.AUTHENTICATOR_APP)
    assert scenes.evaluated() == 1
    desk.clock.advance(5 * 60)
    assert knows(desk, alice, M.AUTHENTICATOR_APP)["isVerified"] is True


@given(
    apps=st.integers(1, 5),
    pauses=st.lists(st.integers(0, 2000), max_size=60),
    window=st.sampled_from([(300, 10), (3600, 20), (60, 7)]),
)
def test_at_any_pace_no_window_has_more_than_its_guesses(apps, pauses, window):
    seconds, limit = window
    now, made = datetime(2026, 1, 1, tzinfo=UTC), []
    row = GuessCount(subject="user:", method=M.AUTHENTICATOR_APP)
    row.save = lambda **_given: None  # it has no user, and is only counted with
    for pause in pauses:
        now += timedelta(seconds=pause)
        gate = guesses.Gate(row, now, (window,), apps)
        if gate.admits(Challenge.Purpose.AUTHENTICATE):
            gate.wrong(Challenge.Purpose.AUTHENTICATE)
            made += [now] * apps
        assert sum(now - at < timedelta(seconds=seconds) for at in made) <= limit
    assert len(made) <= settings.CONSECUTIVE_GUESSES_BEFORE_DISABLING
