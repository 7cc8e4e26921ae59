"""Binding an authenticator: pending, verified, replaced, removed, and what goes with it."""

from collections.abc import Iterator
from typing import Any

import pytest

from audit.events import Tag
from authenticators.models import Authenticator, Challenge, RecoveryCode
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.races import scenes
from tests.races.desk import Desk, sent_code
from tests.races.still_clock import still_clock
from tests.soft_authenticator import SoftAuthenticator

ADD = "add:authenticators"
PASSKEY = "client/user-authenticators/passkey"


@pytest.fixture
def desk(acme, client) -> Iterator[Desk]:
    with still_clock() as clock:
        yield Desk(client, acme, clock, make.make_key(acme))


def enrol_email(desk: Desk, tracked: scenes.Tracked, email: str) -> Any:
    started = desk("POST", "client/user-authenticators/email-otp", {"email": email}, token=tracked.token)[1]
    code = {"verificationCode": sent_code(started["challengeId"])}
    return desk("POST", "client/verify/email-otp", code, token=tracked.token)[1]


def rows(tracked: scenes.Tracked) -> list[Authenticator]:
    return list(Authenticator.objects.filter(user=tracked.user).select_related("tenant", "user"))


def settings_of(desk: Desk, tracked: scenes.Tracked) -> scenes.Tracked:
    return scenes.track(desk, tracked.user.user_id, "Settings", scope=ADD)


# -- pending -------------------------------------------------------------------------------------


def test_a_pending_authenticator_counts_for_nothing(desk):
    tracked = scenes.track(desk)
    desk("POST", "client/user-authenticators/email-otp", {"email": "a@acme.example"}, token=tracked.token)
    assert desk("GET", f"users/{tracked.user.user_id}")[1]["isEnrolled"] is False
    assert desk("GET", f"users/{tracked.user.user_id}/authenticators")[1] == []
    assert desk("GET", "client/user-authenticators", token=tracked.token)[1] == []


def test_a_second_begin_replaces_the_pending_one_and_ends_its_code(desk):
    tracked = scenes.track(desk)
    path, verify = "client/user-authenticators/email-otp", "client/verify/email-otp"
    first = desk("POST", path, {"email": "a@acme.example"}, token=tracked.token)[1]
    code = sent_code(first["challengeId"])
    second = desk("POST", path, {"email": "b@acme.example"}, token=tracked.token)[1]
    assert Challenge.objects.get(pk=first["challengeId"]).failed_at is not None
    newer = sent_code(second["challengeId"])
    if code != newer:
        assert desk("POST", verify, {"verificationCode": code}, token=tracked.token)[1]["isVerified"] is False
    assert desk("POST", verify, {"verificationCode": newer}, token=tracked.token)[1]["isVerified"] is True
    assert [row.contact for row in rows(tracked)] == ["b@acme.example"]


def test_a_secret_that_was_replaced_before_it_was_confirmed_is_worth_nothing(desk):
    tracked = scenes.track(desk)
    first, second = (desk("POST", "client/user-authenticators/totp", token=tracked.token)[1]["secret"] for _ in "12")

    def verify(secret: str) -> bool:
        body = {"verificationCode": scenes.app_code(secret)}
        return desk("POST", "client/verify/totp", body, token=tracked.token)[1]["isVerified"]

    assert (verify(first), verify(second)) == (False, True)


# -- verified ------------------------------------------------------------------------------------


def test_a_new_address_replaces_the_old_one_only_when_it_is_proved(desk):
    tracked = scenes.track(desk)
    assert enrol_email(desk, tracked, "old@acme.example")["isVerified"] is True
    settings = settings_of(desk, tracked)
    path = "client/user-authenticators/email-otp"
    started = desk("POST", path, {"email": "new@acme.example"}, token=settings.token)[1]
    verified = [row.contact for row in rows(tracked) if row.verified_at]
    assert verified == ["old@acme.example"]
    code = {"verificationCode": sent_code(started["challengeId"])}
    answer = desk("POST", "client/verify/email-otp", code, token=settings.token)[1]
    assert answer["userAuthenticator"]["userAuthenticatorId"] == started["userAuthenticatorId"]
    assert [row.contact for row in rows(tracked)] == ["new@acme.example"]
    assert scenes.events(Tag.AUTHENTICATOR_REMOVED, data__reason="replaced") == 1


def test_an_open_challenge_of_a_replaced_authenticator_ends_with_it(desk):
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    challenge = scenes.waiting(tracked, M.EMAIL_OTP)
    code = {"verificationCode": scenes.coded(challenge)}
    assert enrol_email(desk, settings_of(desk, tracked), "new@acme.example")["isVerified"] is True
    assert desk("POST", "client/verify/email-otp", code, token=tracked.token)[1]["isVerified"] is False
    assert desk("POST", "verify", code | {"challengeId": challenge.pk})[0] == 400


def test_the_address_on_file_is_confirmed_by_its_code_and_another_is_not_put_in_its_place(desk):
    tracked = scenes.track(desk, email="file@acme.example")
    enrol_email(desk, tracked, "FILE@acme.example")
    tracked.user.refresh_from_db()
    assert (tracked.user.email, tracked.user.email_verified) == ("file@acme.example", True)
    other = scenes.track(desk, email="file@acme.example")
    enrol_email(desk, other, "elsewhere@acme.example")
    other.user.refresh_from_db()
    assert (other.user.email, other.user.email_verified) == ("file@acme.example", False)
    none = scenes.track(desk)
    enrol_email(desk, none, "mine@acme.example")
    none.user.refresh_from_db()
    assert (none.user.email, none.user.email_verified) == ("mine@acme.example", True)


def test_the_first_is_the_default_and_its_heir_follows_when_it_goes(desk):
    tracked = scenes.track(desk)
    enrol_email(desk, tracked, "a@acme.example")
    scenes.passkey_of(desk, settings_of(desk, tracked))
    # The clock stands still: the order of their times is none.
    first, second = sorted(rows(tracked), key=lambda row: row.method != M.EMAIL_OTP)
    assert (first.is_default, second.is_default) == (True, False)
    assert desk("DELETE", f"users/{tracked.user.user_id}/authenticators/{first.pk}")[0] == 200
    assert [row.is_default for row in rows(tracked)] == [True]


def test_one_passkey_has_one_owner_in_a_tenant(desk):
    device = SoftAuthenticator(origin=desk.app_origin)
    first, second = scenes.track(desk), scenes.track(desk)

    def register(tracked: scenes.Tracked) -> tuple[int, Any]:
        begun = desk("POST", f"{PASSKEY}/registration-options", {}, token=tracked.token)[1]
        made = device.create(begun["options"], credential_id=b"the same credential")
        body = {"challengeId": begun["challengeId"], "registrationCredential": made}
        return desk("POST", PASSKEY, body, token=tracked.token)

    assert register(first)[1]["isVerified"] is True
    status, answer = register(second)
    assert (status, answer["errorCode"]) == (409, "conflict")
    assert rows(second) == []


# -- what the backend verified -------------------------------------------------------------------


def test_the_first_that_the_backend_enrols_brings_recovery_codes_and_the_next_does_not(desk):
    path = "users/alice/authenticators"
    first = desk("POST", path, {"verificationMethod": "EMAIL_OTP", "email": "a@acme.example"})[1]
    second = desk("POST", path, {"verificationMethod": "SMS", "phoneNumber": "+64211234567"})[1]
    assert len(first["recoveryCodes"]) == RecoveryCode.objects.count() == 10
    assert "recoveryCodes" not in second
    assert scenes.events(Tag.RECOVERY_CODES_CREATED) == 1


def test_a_refused_enrolment_leaves_nothing_behind(desk):
    body = {"verificationMethod": "AUTHENTICATOR_APP", "otpUri": "otpauth://hotp/x?secret=AAAA"}
    assert desk("POST", "users/alice/authenticators", body)[0] == 400
    assert desk("GET", "users/alice")[1]["isEnrolled"] is False
    assert not scenes.events(Tag.USER_CREATED)


def test_another_tenants_authenticators_are_neither_seen_nor_removed(desk, globex):
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    row = rows(tracked)[0]
    there = desk.another(globex)
    user_id = make.make_user(globex, tracked.user.user_id).user_id
    assert there("GET", f"users/{user_id}/authenticators")[1] == []
    assert there("DELETE", f"users/{user_id}/authenticators/{row.pk}")[0] == 404
    assert desk("GET", f"users/{user_id}/authenticators")[1][0]["userAuthenticatorId"] == str(row.pk)


def test_removing_an_authenticator_is_recorded_once_and_ends_its_challenges(desk):
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    code = {"verificationCode": scenes.coded(scenes.waiting(tracked, M.EMAIL_OTP))}
    path = f"users/{tracked.user.user_id}/authenticators/{rows(tracked)[0].pk}"
    assert desk("DELETE", path)[0] == 200
    assert desk("DELETE", path)[0] == 404
    assert scenes.events(Tag.AUTHENTICATOR_REMOVED) == 1
    assert desk("POST", "client/verify/email-otp", code, token=tracked.token)[1]["isVerified"] is False
