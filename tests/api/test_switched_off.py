"""A method that the tenant switches off proves nothing from then on, whatever of it was under way (T5)."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from authenticators import delivery
from authenticators.models import Authenticator, Challenge, Message
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState as S
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.api.doors import TOKEN, doors
from tests.api.instances import TRIED, Instance, begin, is_success, make_person, vouchers
from tests.api.reading import ok
from tests.api.test_every_state import rightly, state_of, tried
from tests.portal.staff import Staff, signed_in
from tests.portal.test_portal_settings import CHOSEN, METHODS
from tests.races.desk import sent_code
from tests.races.still_clock import still_clock

FIXTURES = (vouchers,)


def leave(staff: Staff, *kept: M) -> None:
    """Switch all methods off but these, on the portal's page."""
    answer = staff.client.post(METHODS, CHOSEN | {f"{method}-is_active": "on" for method in kept})
    assert answer.status_code == 302, answer.content


@pytest.fixture
def staff(acme: Tenant) -> Staff:
    return signed_in(acme)


@pytest.fixture
def mine(acme: Tenant, api: Any, vouchers: Any, caplog: Any) -> Iterator[Instance]:
    caplog.set_level(logging.ERROR, "django.request")
    vouchers.for_tenant(acme)
    with still_clock():
        yield begin(api, make_person(acme, "alice", 1, vouchers), "pay")


def proving(mine: Instance) -> set[M]:
    """The methods by which the right answer still proves the action; by no other does it change anything."""
    found = {method: tried(send, mine) for method, send in rightly(mine).items()}
    assert set(found.values()) <= {(True, S.CHALLENGE_SUCCEEDED), (False, S.CHALLENGE_REQUIRED)}, found
    return {method for method, (is_proved, _state) in found.items() if is_proved}


def test_what_is_under_way_is_answered_and_begun_nowhere(mine, api, staff, settings):
    settings.RESEND_WAIT_SECONDS = 0
    theirs = set(Authenticator.objects.values_list("pk", flat=True))
    given = {"email": "nobody@acme.example", "action": "pay", "verificationMethod": M.EMAIL_OTP}
    nobodys = ok(api("POST", "challenge", given))["challengeId"]
    leave(staff, M.SMS)
    assert proving(mine) == {M.SMS}
    # What began at that very moment is not ended with the rest.
    reopen()
    assert proving(mine) == {M.SMS}
    for name, counts in (("sms", True), ("email-otp", False)):
        with transaction.atomic():
            body = {"challengeId": mine.ids[name], "verificationCode": mine.answers[name]}
            assert is_success(api("POST", "verify", body)) == counts
            transaction.set_rollback(True)
    told = api("POST", "verify", {"challengeId": nobodys, "verificationCode": sent_code(nobodys)})
    assert not is_success(told), told.content
    Challenge.objects.filter(verified_at=None).update(failed_at=clock.now())
    for door in doors():
        if TOKEN in door.kinds:
            body = {"verificationMethod": M.OIDC_PROVIDER, "action": "pay", "email": "alice@acme.example"}
            told = mine.post(f"/{door.path}", body, method=door.method)
            assert b'"isVerified":true' not in told.content, door
    begun = Challenge.objects.filter(failed_at=None, verified_at=None)
    # Begun for whatever method comes, and judged by the one that came.
    assert set(begun.exclude(method__in=(M.PASSKEY, M.IN_APP)).values_list("method", flat=True)) == {M.SMS}
    assert state_of(mine) == S.CHALLENGE_REQUIRED
    # What users have stays theirs, and counts once it is on again.
    leave(staff, *TRIED)
    assert set(Authenticator.objects.values_list("pk", flat=True)) == theirs
    anew = mine.told("challenge/email-otp")["challengeId"]
    assert is_success(api("POST", "verify", {"challengeId": anew, "verificationCode": sent_code(anew)}))


def reopen() -> None:
    Challenge.objects.filter(verified_at=None).update(failed_at=None)


def test_pages_apps_and_links_that_wait_are_told_and_nothing_is_sent(mine, staff):
    leave(staff, M.EMAIL_OTP)
    assert proving(mine) == {M.EMAIL_OTP}
    assert mine.told("init")["challengeOptions"]["verificationMethods"] == [M.EMAIL_OTP]
    assert [one["method"] for one in mine.told("/challenge/api/state")["methods"]] == [M.EMAIL_OTP]
    shown = {"challengeId": mine.ids["qr"], "deviceCode": mine.answers["device code"]}
    for path, body in (
        ("verify/push", {"challengeId": mine.ids["push"]}),
        ("verify/qr-code", shown),
        ("verify/identity-check", {"challengeId": mine.ids["check"]}),
    ):
        assert mine.told(path, body)["isConsumed"] is True, path
    assert mine.http.get(f"/challenge/link/{mine.answers['link']}").status_code == 410
    delivery.sweep()
    sent = Message.objects.filter(status="sent").exclude(challenge=None)
    assert set(sent.values_list("challenge__method", flat=True)) == {M.EMAIL_OTP}
    reopen()
    pending = f"user-authenticators/push/challenge?{mine.person.devices[M.PUSH].query}"
    assert mine.post(pending, token="", method="GET").json().keys() == {"userAuthenticatorId"}
