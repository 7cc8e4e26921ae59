"""Enrolling at the same instant: the second is no longer the first."""

from typing import Any

import pytest

from authenticators.models import Authenticator, Challenge
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.races import scenes
from tests.races.volley import ROUNDS, Shot, fire, held


def test_of_two_first_authenticators_at_once_one_is_the_first(live):
    for number in range(ROUNDS):
        user, email = make.make_user(live.tenant, f"carol{number}"), scenes.address()
        mail, app = scenes.track(live, user.user_id, "Login"), scenes.track(live, user.user_id, "Signup")
        live("POST", "client/user-authenticators/email-otp", {"email": email}, token=mail.token)
        _status, started = live("POST", "client/user-authenticators/totp", token=app.token)
        code = scenes.app_code(started["secret"])
        volley = fire(
            live,
            [
                Shot("/v1/client/verify/email-otp", {"verificationCode": live.code(email)}, mail.token),
                Shot("/v1/client/verify/totp", {"verificationCode": code}, app.token),
            ],
            held(scenes.user_row(mail)),
        )
        assert sorted(volley.statuses) == [200, 403]
        assert len(volley.verified) == 1
        assert Authenticator.objects.filter(user=user).exclude(verified_at=None).count() == 1


@pytest.mark.parametrize("method", [M.AUTHENTICATOR_APP, M.EMAIL_OTP])
def test_a_pending_authenticator_is_replaced_however_many_are_begun_at_once(live, method):
    tracked = scenes.track(live)
    path = {M.AUTHENTICATOR_APP: "totp", M.EMAIL_OTP: "email-otp"}[method]
    bodies = [{"email": f"carol{number}@acme.example"} for number in range(10)]
    volley = fire(
        live,
        [Shot(f"/v1/client/user-authenticators/{path}", body, tracked.token) for body in bodies],
        held(scenes.user_row(tracked)),
    )
    assert set(volley.statuses) == {200}
    assert Authenticator.objects.filter(user=tracked.user).count() == 1


def added_at_once(live, tracked, *, confirmed: str) -> Any:
    """A backend that adds ten numbers, while the user confirms another one."""
    live("POST", "client/user-authenticators/sms", {"phoneNumber": confirmed}, token=tracked.token)
    answer = {"verificationCode": scenes.coded(Challenge.objects.get(action_id=tracked.action.pk))}
    path = f"/v1/users/{tracked.user.user_id}/authenticators"
    bodies = [{"verificationMethod": "SMS", "phoneNumber": f"+6421123450{number}"} for number in range(10)]
    mine = Shot("/v1/client/verify/sms", answer, tracked.token)
    return fire(live, [mine, *(Shot(path, body) for body in bodies)], held(scenes.user_row(tracked)))


def test_of_numbers_added_at_once_one_stays_where_several_are_not_allowed(live):
    for number in range(ROUNDS):
        tracked = scenes.track(live, f"fay{number}", scope="add:authenticators")
        volley = added_at_once(live, tracked, confirmed="+64211234599")
        assert Authenticator.objects.filter(user=tracked.user).count() == 1
        assert set(volley.statuses) <= {200, 403}


def test_numbers_added_at_once_are_no_more_than_the_cap(live):
    make.make_configuration(live.tenant, "SMS", allows_several=True)
    for number in range(ROUNDS):
        tracked = scenes.track(live, f"gil{number}", scope="add:authenticators")
        volley = added_at_once(live, tracked, confirmed="+64211234599")
        rows = Authenticator.objects.filter(user=tracked.user).select_related("tenant")
        assert len({row.contact for row in rows if row.verified_at}) == rows.count() == 5
        assert rows.filter(is_default=True).count() == 1
        assert set(volley.statuses) == {200, 400}


def test_enrolling_by_the_server_and_by_the_user_at_once_does_not_deadlock(live):
    """One way locks the guess count through the user, the other the user after the guess count."""
    for number in range(ROUNDS):
        email = f"dan{number}@acme.example"
        tracked = scenes.track(live, f"dan{number}", email=email)
        challenge = scenes.waiting(tracked, M.EMAIL_OTP, contact=email)
        answer = {"verificationCode": scenes.coded(challenge)}
        mine = Shot("/v1/client/verify/email-otp", answer, tracked.token)
        body = {"verificationMethod": "EMAIL_OTP", "email": f"other{number}@acme.example"}
        theirs = Shot(f"/v1/users/dan{number}/authenticators", body)
        volley = fire(live, [mine, theirs] * 10, held(scenes.user_row(tracked)))
        assert set(volley.statuses) <= {200, 400}
        assert Authenticator.objects.filter(user=tracked.user, method=M.EMAIL_OTP).count() == 1


def test_an_authenticator_removed_many_times_at_once_is_removed_once(live):
    tracked = scenes.enrolled(live, M.EMAIL_OTP)
    row = scenes.authenticator_rows(tracked).get()
    path = f"/v1/users/{tracked.user.user_id}/authenticators/{row.pk}"
    volley = fire(live, [Shot(path, method="DELETE")] * 16, held(scenes.user_row(tracked)))
    assert set(volley.statuses) <= {200, 404}
    assert scenes.events(scenes.Tag.AUTHENTICATOR_REMOVED) == 1


def test_an_authenticator_removed_while_its_code_is_answered_leaves_no_error(live):
    for _round in range(ROUNDS):
        tracked = scenes.enrolled(live, M.EMAIL_OTP)
        code = scenes.coded(scenes.waiting(tracked, M.EMAIL_OTP))
        row = scenes.authenticator_rows(tracked).get()
        remove = Shot(f"/v1/users/{tracked.user.user_id}/authenticators/{row.pk}", method="DELETE")
        answer = Shot("/v1/client/verify/email-otp", {"verificationCode": code}, tracked.token)
        volley = fire(live, [answer, remove] * 8, held(scenes.user_row(tracked)))
        assert len(volley.verified) <= 1
        assert not scenes.authenticator_rows(tracked).exists()


def test_of_two_last_methods_removed_at_once_one_stays(live):
    for number in range(ROUNDS):
        user = make.make_user(live.tenant, f"erin{number}")
        rows = [
            make.make_authenticator(user, M.AUTHENTICATOR_APP),
            make.make_authenticator(user, M.EMAIL_OTP, contact=f"erin{number}@example.com"),
        ]
        tracked = scenes.track(live, user.user_id, "Login", scope="remove:authenticators", redirectToSettings=True)
        shots = [Shot("/challenge/api/remove-method", {"id": str(row.pk)}, tracked.token) for row in rows]
        volley = fire(live, shots, held(scenes.user_row(tracked)))
        assert sorted(volley.statuses) == [200, 403]
        assert Authenticator.objects.filter(user=user).count() == 1
