"""Asking a device: by push, by a QR code that it scans, or in the app. How often is bounded here."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from audit import log
from audit.events import Tag
from authenticators import available, challenges, guesses, outbox, starting
from authenticators.methods import push
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser
from authenticators.starting import Origin
from authsignal_portal import clock
from authsignal_portal.errors import TooManyRequests
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import VerificationMethod as M

Purpose = Challenge.Purpose
FIVE_MINUTES, HOUR = timedelta(minutes=5), timedelta(hours=1)


# -- push ----------------------------------------------------------------------------------------


def start_push(user: EndUser, origin: Origin, *, device: Authenticator | None) -> Challenge:
    """Ask the user's devices, or the one given. Call inside a transaction, with the user locked.

    One push is outstanding: for the same action it is returned as it is, for another one it gives way.
    Raises TooManyRequests.
    """
    gate = guesses.lock(tenant=user.tenant, subject=guesses.subject_of(user, ""), method=M.PUSH)
    now = gate.now
    if not gate.admits(Purpose.AUTHENTICATE):
        raise TooManyRequests("Push is paused after too many wrong numbers.", resets_in=settings.PUSH_PAUSE_SECONDS)
    outstanding = pushes(user).filter(unanswered(now))
    same = outstanding.filter(action_id=origin.action_id, authenticator=device).first()
    if same:
        return same
    check_pushes(user, now)
    outstanding.update(failed_at=now)
    challenge = Challenge(
        tenant=user.tenant,
        user=user,
        method=M.PUSH,
        purpose=Purpose.AUTHENTICATE,
        **origin.columns,
        authenticator=device,
        nonce=push.new_number() if AuthenticatorConfiguration.of(user.tenant, M.PUSH).number_matching else None,
        expires_at=now + timedelta(seconds=settings.PUSH_CHALLENGE_SECONDS),
    )
    starting.store(challenge, now)
    outbox.push_owed(challenge, about=origin.about)
    return challenge


def pushes(user: EndUser) -> QuerySet[Challenge]:
    return Challenge.objects.filter(user=user, method=M.PUSH, purpose=Purpose.AUTHENTICATE)


def unanswered(now: datetime) -> Q:
    return Q(verified_at=None, failed_at=None, expires_at__gt=now)


def check_pushes(user: EndUser, now: datetime) -> None:
    """So many pushes at a time, and a pause for a user who declined: somebody else may have their password.

    Counted in the challenges themselves. Raises TooManyRequests.
    """
    begun = list(
        pushes(user).filter(created_at__gt=now - HOUR).order_by("-created_at").values_list("created_at", flat=True)
    )
    declined = pushes(user).exclude(declined_at=None).order_by("-declined_at").values_list("declined_at", flat=True)
    pause = timedelta(seconds=settings.PUSH_PAUSE_SECONDS)
    waits = [
        _wait(begun, settings.PUSHES_PER_5_MINUTES, FIVE_MINUTES, now),
        _wait(begun, settings.PUSHES_PER_HOUR, HOUR, now),
        _pause([at for at in declined[: settings.PUSH_DENIALS_BEFORE_PAUSE] if at], pause, now),
    ]
    wait = max(waits)
    if wait > timedelta(0):
        raise TooManyRequests("Too many pushes to this user.", resets_in=int(wait.total_seconds()) + 1)


def _wait(times: Sequence[datetime], limit: int, window: timedelta, now: datetime) -> timedelta:
    return times[limit - 1] + window - now if len(times) >= limit else timedelta(0)


def _pause(declined: Sequence[datetime], pause: timedelta, now: datetime) -> timedelta:
    """Since the last of as many denials as bring a pause, if they came within one."""
    if len(declined) < settings.PUSH_DENIALS_BEFORE_PAUSE or declined[0] - declined[-1] > pause:
        return timedelta(0)
    return declined[0] + pause - now


def pending(device: Authenticator) -> Challenge | None:
    """The push that this device is asked to answer now."""
    if not available.is_active(device.tenant, M.PUSH):
        return None
    rows = pushes(device.user).filter(unanswered(clock.now()))
    return rows.filter(Q(authenticator=None) | Q(authenticator=device)).order_by("-created_at").first()


def end_when_exhausted(challenge: Challenge) -> None:
    """A number was typed wrongly too often: nothing is outstanding any more. In the transaction that counted it."""
    spent = Challenge.objects.filter(pk=challenge.pk, verified_at=None, failed_at=None)
    spent.filter(attempts__gte=challenges.tries(M(challenge.method))).update(failed_at=clock.Now())


# -- in the app ----------------------------------------------------------------------------------


def start_in_app(user: EndUser, origin: Origin) -> Challenge:
    """A challenge for the one action, where an app must sign what that is linked to. Call with the user locked."""
    now = clock.now()
    challenge = Challenge(
        tenant=user.tenant,
        user=user,
        method=M.IN_APP,
        purpose=Purpose.AUTHENTICATE,
        **origin.columns,
        nonce=secrets.token_bytes(starting.NONCE_BYTES),
        expires_at=now + timedelta(seconds=settings.PROOF_FRESH_SECONDS),
    )
    starting.store(challenge, now)
    return challenge


# -- QR code -------------------------------------------------------------------------------------


def start_qr(
    *, tenant: Tenant, user: EndUser | None, origin: Origin, context: dict[str, Any], lifetime_seconds: int
) -> tuple[Challenge, str]:
    """The challenge, whose id the code shows, and the secret by which the page asks what came of it.

    Call inside a transaction, with the user, where one is known, locked. A code that the same action showed before and
    nobody scanned is over.
    """
    now = clock.now()
    device_code = secrets.token_urlsafe(32)
    challenge = Challenge(
        tenant=tenant,
        user=user,
        method=M.QR_CODE,
        purpose=Purpose.AUTHENTICATE,
        **origin.columns,
        device_code_hash=_hashed(device_code),
        context=context,
        expires_at=now + timedelta(seconds=lifetime_seconds),
    )
    if user and origin.action_id:
        shown = Challenge.objects.filter(action_id=origin.action_id, method=M.QR_CODE, authenticator=None)
        shown.filter(unanswered(now)).update(failed_at=now)
    starting.store(challenge, now)
    return challenge, device_code


def is_device_code(challenge: Challenge, device_code: str) -> bool:
    return hmac.compare_digest(challenge.device_code_hash, _hashed(device_code))


def _hashed(device_code: str) -> str:
    return hashlib.sha256(device_code.encode()).hexdigest()


def claim(challenge: Challenge, device: Authenticator, origin: Origin, now: datetime) -> bool:
    """The device has scanned the code: nobody else can any more, and it has some time to answer.

    Call with the user locked. One conditional update decides between two that scan it at once.
    """
    latest = challenge.created_at + timedelta(seconds=settings.QR_CHALLENGE_SECONDS)
    until = min(latest, now + timedelta(seconds=settings.QR_DECISION_SECONDS))
    free = Challenge.objects.filter(unanswered(now), pk=challenge.pk, authenticator=None)
    free = free.filter(Q(user=None) | Q(user=device.user))
    claimed = free.update(
        authenticator=device,
        user=device.user,
        action_id=origin.action_id,
        idempotency_key=origin.idempotency_key,
        expires_at=max(challenge.expires_at, until),
    )
    if claimed != 1:
        return False
    log.record(
        Tag.CHALLENGE_SCANNED,
        tenant_id=challenge.tenant_id,
        actor=log.user(device.user.pseudonym),
        subject=device.user.pseudonym,
        action_id=origin.action_id,
        at=now,
        challenge=challenge.pk,
        method=challenge.method,
        authenticator=str(device.pk),
    )
    return True
