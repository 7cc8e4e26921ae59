"""What cannot be recorded does not happen: the audit event stands or falls with what it tells of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from actions.models import Action
from audit.events import Tag
from authenticators.methods import recovery_code
from authenticators.models import Authenticator, Challenge, EndUser, RecoveryCode
from authsignal_portal import clock
from authsignal_portal.vocabulary import VerificationMethod as M
from rules.models import ActionConfiguration
from tests import make
from tests.races import scenes
from tests.races.desk import Desk
from tests.races.still_clock import StillClock

REFUSE = """
CREATE FUNCTION refuse_event() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'the log refuses this'; END $$;
CREATE TRIGGER refuse_event BEFORE INSERT ON audit_auditevent
  FOR EACH ROW WHEN (NEW.tag = '{tag}') EXECUTE FUNCTION refuse_event();
"""
ALLOW = "DROP TRIGGER refuse_event ON audit_auditevent; DROP FUNCTION refuse_event()"


@pytest.fixture
def desk(transactional_db) -> Desk:
    """Transactions that really commit or roll back, and errors that are answers."""
    tenant = make.make_tenant()
    return Desk(Client(raise_request_exception=False), tenant, StillClock(), make.make_key(tenant))


@contextmanager
def refusing(tag: Tag) -> Iterator[None]:
    """A log that takes no event of one kind."""
    with connection.cursor() as cursor:
        cursor.execute(REFUSE.format(tag=tag))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(ALLOW)


def everything() -> list[Any]:
    """What the requests below could change."""
    return [
        sorted(EndUser.objects.values_list("pk", "username", "email_index")),
        sorted(Action.objects.values_list("pk", "state")),
        sorted(Challenge.objects.values_list("pk", "attempts", "verified_at", "claimed_at", "code_hash"), key=str),
        sorted(Authenticator.objects.values_list("pk", "verified_at", "is_default"), key=str),
        sorted(RecoveryCode.objects.values_list("pk", "used_at"), key=str),
        sorted(ActionConfiguration.objects.values_list("pk", "version")),
    ]


Request = Callable[[], Any]


def verifying(desk: Desk) -> Request:
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    code = {"verificationCode": scenes.coded(scenes.waiting(tracked, M.EMAIL_OTP))}
    return lambda: desk.ask("POST", "client/verify/email-otp", code, token=tracked.token)


def guessing(desk: Desk) -> Request:
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    code = {"verificationCode": scenes.wrong(scenes.coded(scenes.waiting(tracked, M.EMAIL_OTP)))}
    return lambda: desk.ask("POST", "client/verify/email-otp", code, token=tracked.token)


def enrolling(desk: Desk) -> Request:
    tracked = scenes.track(desk)
    secret = desk("POST", "client/user-authenticators/totp", token=tracked.token)[1]["secret"]
    code = {"verificationCode": scenes.app_code(secret)}
    return lambda: desk.ask("POST", "client/verify/totp", code, token=tracked.token)


def recovering(desk: Desk) -> Request:
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    code = {"verificationCode": recovery_code.replace_all(tracked.user)[0]}
    return lambda: desk.ask("POST", "/challenge/api/recovery-code", code, token=tracked.token)


def tracking(desk: Desk) -> Request:
    return lambda: desk.ask("POST", "users/alice/actions/Login", {"idempotencyKey": "k"})


def patching(desk: Desk) -> Request:
    tracked = scenes.track(desk)
    path = f"users/{tracked.user.user_id}/actions/Login/{tracked.action.idempotency_key}"
    return lambda: desk.ask("PATCH", path, {"state": "BLOCK"})


def claiming(desk: Desk) -> Request:
    challenge = make.make_challenge(
        None, desk.tenant, action_id=None, action_code="Login", idempotency_key="k", verified_at=clock.now()
    )
    return lambda: desk.ask("POST", "claim", {"challengeId": challenge.pk, "userId": "alice"})


def enrolling_by_backend(desk: Desk) -> Request:
    body = {"verificationMethod": "EMAIL_OTP", "email": "alice@acme.example"}
    return lambda: desk.ask("POST", "users/alice/authenticators", body)


def removing(desk: Desk) -> Request:
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    row = scenes.authenticator_rows(tracked).get()
    return lambda: desk.ask("DELETE", f"users/{tracked.user.user_id}/authenticators/{row.pk}")


def updating(desk: Desk) -> Request:
    return lambda: desk.ask("PATCH", "users/alice", {"username": "alice"})


def deleting(desk: Desk) -> Request:
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    return lambda: desk.ask("DELETE", f"users/{tracked.user.user_id}")


CASES = [
    (verifying, Tag.ACTION_SUCCEEDED),
    (verifying, Tag.CHALLENGE_VERIFIED),
    (guessing, Tag.CHALLENGE_REFUSED),
    (enrolling, Tag.AUTHENTICATOR_ENROLLED),
    (recovering, Tag.ACTION_SUCCEEDED),
    (tracking, Tag.ACTION_TRACKED),
    (tracking, Tag.USER_CREATED),
    (tracking, Tag.ACTION_CONFIGURATION_CREATED),
    (patching, Tag.ACTION_STATE_CHANGED),
    (claiming, Tag.CHALLENGE_CLAIMED),
    (claiming, Tag.ACTION_SUCCEEDED),
    (enrolling_by_backend, Tag.AUTHENTICATOR_ENROLLED),
    (enrolling_by_backend, Tag.RECOVERY_CODES_CREATED),
    (removing, Tag.AUTHENTICATOR_REMOVED),
    (updating, Tag.USER_CREATED),
    (updating, Tag.USER_UPDATED),
    (deleting, Tag.USER_DELETED),
]


@pytest.mark.parametrize(("scene", "tag"), CASES, ids=lambda part: getattr(part, "__name__", str(part)))
def test_what_cannot_be_recorded_does_not_happen(desk, scene, tag):
    request = scene(desk)
    # The configuration that a first track makes is a change of its own, recorded by itself.
    if scene is tracking and tag != Tag.ACTION_CONFIGURATION_CREATED:
        scenes.track(desk, "bob")
    before = everything()
    with refusing(tag):
        assert request().status_code == 500
    assert everything() == before
    assert request().status_code == 200
    assert scenes.events(tag)
