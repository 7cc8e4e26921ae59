"""Delivering what is owed: claim the row, send, mark it. Any number of workers may do so at once.

A claim is a lease. A worker that dies leaves the row in `sending`, and after the lease another takes it over:
the only way a message can arrive twice, under the same id. No transaction is open while a provider works.
"""

import json
import time
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, transaction
from django.db.models import Q, QuerySet

from audit import log as audit
from audit.events import Tag
from authenticators import alarm_pace, routing
from authenticators.messaging import Outgoing, TransportError
from authenticators.models import Authenticator, Challenge, Message
from authsignal_portal import clock
from authsignal_portal.crypto import OpeningFailed
from authsignal_portal.vocabulary import Channel, SmsChannel, VerificationMethod

SWEEP_BATCH = 50
# A sweep that met a slow provider leaves the rest to the next one, which another thread runs.
SWEEP_SECONDS = 10.0
LONGEST_WAIT = timedelta(minutes=1)
LONGEST_WAIT_OF_ALARM = timedelta(minutes=15)
# In the day that it lives it is not tried as often.
MOST_ATTEMPTS_OF_ALARM = 200
NEXT_PROVIDER_SECONDS = 5.0

Status = Message.Status
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a message ended unsent. `reason`: our words or a provider's code, never anything personal."""

    status: Message.Status
    reason: str


def deliver(message_id: UUID) -> None:
    """Send one message if it is due, wanted, and nobody else's. Never raises for a provider's failure."""
    until = time.monotonic() + NEXT_PROVIDER_SECONDS
    # After that a slow refusal leaves the next provider to the next sweep.
    while attempt(message_id) and time.monotonic() < until:
        pass


def attempt(message_id: UUID) -> bool:
    """One provider's try. True when the next provider may try right away."""
    message = claim(message_id)
    if message is None:
        return False
    try:
        mark_sent(message, hand_over(message))
    except TransportError as error:
        return mark_unsent(message, error)
    except OperationalError:
        # The database's trouble is everybody's; the lease gives the message back.
        raise
    except Exception as error:  # noqa: BLE001
        # So broad because tenants and their users choose what a provider works with: what nobody foresaw ends this one
        # message, and not the sweep, which carries those of all tenants. It may have left, so it is not sent again.
        log_unexpected(message, error)
        return mark_unsent(message, TransportError("unexpected error", permanent=True, unsure=True))
    return False


def log_unexpected(message: Message, error: Exception) -> None:
    """Where it happened, without its text, which may hold an address or a code."""
    places = "".join(traceback.format_tb(error.__traceback__))
    log.error("provider failed", message=str(message.pk), error=type(error).__name__, places=places)


def hand_over(message: Message) -> str:
    """Returns the provider's id. Raises TransportError."""
    try:
        return routing.current(message).provider.send(opened(message))
    except OpeningFailed:
        raise TransportError("the stored message cannot be opened", permanent=True) from None
    except ImproperlyConfigured as error:
        log.error("no provider", channel=message.channel, reason=str(error))
        raise TransportError("no provider is configured", permanent=False) from error


def sweep() -> None:
    """Find what no doorbell announced or a dead worker left; then put away what is past its deadline."""
    until = time.monotonic() + SWEEP_SECONDS
    for message_id in due_ids(clock.now()):
        deliver(message_id)
        if time.monotonic() > until:
            return
    while expire_overdue() == SWEEP_BATCH and time.monotonic() < until:
        pass


# -- claiming ------------------------------------------------------------------------------------


def free(now: datetime) -> QuerySet[Message]:
    """Unsent and in nobody's hands: owed and due, or the lease of whoever was sending it has run out."""
    return Message.objects.filter(
        Q(status=Status.OWED, due_at__lte=now) | Q(status=Status.SENDING, lease_until__lte=now)
    )


def due_ids(now: datetime) -> list[UUID]:
    rows = free(now).filter(deadline_at__gt=now)
    others = rows.exclude(channel=Channel.ALARM).order_by("deadline_at")
    found = list(others.values_list("pk", flat=True)[:SWEEP_BATCH])
    return found + alarm_pace.in_turn(rows)[: SWEEP_BATCH - len(found)]


@transaction.atomic
def claim(message_id: UUID) -> Message | None:
    """Take the row under a lease. None when it is gone, not due, another's, or ended here as unwanted."""
    now = clock.now()
    rows = free(now).filter(pk=message_id).select_for_update(skip_locked=True, of=("self",))
    message = rows.select_related("tenant", "user", "challenge").first()
    if message is None:
        return None
    ending = unwanted(message, now)
    if ending:
        end_unsent(message, ending, now)
        return None
    if alarm_pace.waits(message, now):
        return None
    message.status = Status.SENDING
    message.attempts += 1
    message.tries_here += 1
    message.lease_until = now + timedelta(seconds=settings.MESSAGE_LEASE_SECONDS)
    way = _way(message)
    message.via = way.channel.value if way else message.channel
    message.carrier = way.row if way else None
    message.save(update_fields=["status", "attempts", "tries_here", "lease_until", "via", "carrier"])
    return message


def _way(message: Message) -> routing.Route | None:
    try:
        return routing.current(message)
    except ImproperlyConfigured:
        return None


def unwanted(message: Message, now: datetime) -> Ending | None:
    """Why a message should not be sent any more. (A deleted user's messages are deleted with the user.)"""
    if message.deadline_at <= now:
        return Ending(Status.EXPIRED, "expired")
    if not message.notice and (message.challenge is None or is_over(message.challenge)):
        return Ending(Status.CANCELLED, "challenge over")
    if is_superseded(message):
        return Ending(Status.CANCELLED, "superseded")
    if message.attempts >= most_attempts(message):
        return Ending(Status.FAILED, message.error or "gave up")
    return None


def is_over(challenge: Challenge) -> bool:
    return challenge.verified_at is not None or challenge.failed_at is not None


def is_superseded(message: Message) -> bool:
    """A newer code made this one worthless."""
    newer = Message.objects.filter(challenge_id=message.challenge_id, created_at__gt=message.created_at)
    return message.challenge_id is not None and newer.exists()


def opened(message: Message) -> Outgoing:
    payload = json.loads(message.payload)
    channel = Channel(message.goes_by)
    return Outgoing(ident=str(message.pk), channel=channel, at=clock.now(), status_url=status_url(message), **payload)


def status_url(message: Message) -> str:
    """Where a provider tells what became of it. Only at a public address: a provider may refuse any other."""
    public = settings.PUBLIC_URL
    return f"{public}/callbacks/twilio/{message.pk}" if public.startswith("https://") else ""


# -- marking -------------------------------------------------------------------------------------


@transaction.atomic
def mark_sent(message: Message, provider_id: str) -> None:
    """The first to say so is believed, even where the lease ran out meanwhile."""
    now = clock.now()
    done = Message.objects.filter(pk=message.pk, status__in=[Status.SENDING, Status.OWED]).update(
        status=Status.SENT,
        ended_at=now,
        lease_until=None,
        payload_sealed=None,
        provider_id=provider_id[:255],
        error="",
    )
    if done:
        _remember_channel(message)
        record(Tag.MESSAGE_SENT, message, now)


def _remember_channel(message: Message) -> None:
    challenge = message.challenge
    if challenge is None or challenge.method != VerificationMethod.SMS or challenge.authenticator_id is None:
        return
    by = SmsChannel.WHATSAPP if message.via == Channel.WHATSAPP else SmsChannel.DEFAULT
    Authenticator.objects.filter(pk=challenge.authenticator_id).update(previous_sms_channel=by)


@transaction.atomic
def mark_unsent(message: Message, error: TransportError) -> bool:
    """Try the next provider (True: now), try again later, or give up. Nothing if the row is in other hands by now."""
    now = clock.now()
    mine = Message.objects.filter(pk=message.pk, status=Status.SENDING, attempts=message.attempts)
    if not mine.select_for_update().exists():
        return False
    log.warning("message not sent", message=str(message.pk), channel=message.channel, reason=error.reason)
    if moves_on(message, error):
        mine.update(
            status=Status.OWED,
            due_at=now,
            lease_until=None,
            route=message.route + 1,
            tries_here=0,
            error=error.reason[:255],
        )
        return True
    longest = LONGEST_WAIT_OF_ALARM if message.is_alarm else LONGEST_WAIT
    retry_at = now + wait_after(alarm_pace.tries(message), longest=longest)
    alarm_pace.put_off(message, retry_at)
    if is_final(message, error, retry_at):
        end_unsent(message, Ending(Status.FAILED, error.reason), now)
    else:
        mine.update(status=Status.OWED, due_at=retry_at, lease_until=None, error=error.reason[:255])
    return False


def moves_on(message: Message, error: TransportError) -> bool:
    """Whether the next provider gets it: this one certainly did not take it, now or ever."""
    refused = not error.unsure and (error.permanent or message.tries_here >= routing.TRIES_BEFORE_THE_NEXT)
    return refused and message.attempts < most_attempts(message) and routing.has_next(message)


def is_final(message: Message, error: TransportError, retry_at: datetime) -> bool:
    # What refuses an alarm's email today may be mended within the day that it lives.
    for_good = error.permanent and not (message.is_alarm and message.channel == Channel.EMAIL and not error.unsure)
    return for_good or message.attempts >= most_attempts(message) or retry_at >= message.deadline_at


def wait_after(attempts: int, *, longest: timedelta = LONGEST_WAIT) -> timedelta:
    """2, 4, 8 … seconds, a minute at most."""
    return min(timedelta(seconds=2 ** min(attempts, 20)), longest)


def most_attempts(message: Message) -> int:
    """Somebody waits for a code; an alarm is tried for as long as it lives."""
    return MOST_ATTEMPTS_OF_ALARM if message.is_alarm else settings.MESSAGE_ATTEMPTS


def end_unsent(message: Message, ending: Ending, now: datetime) -> None:
    Message.objects.filter(pk=message.pk).update(
        status=ending.status, ended_at=now, lease_until=None, payload_sealed=None, error=ending.reason[:255]
    )
    record(Tag.MESSAGE_FAILED, message, now, reason=ending.reason[: audit.MAX_TEXT], kind=ending.status.value)


@transaction.atomic
def expire_overdue() -> int:
    """End a batch of messages past their deadline; returns how many."""
    now = clock.now()
    rows = free(now).filter(deadline_at__lte=now).select_related("user", "challenge")
    late = list(rows.select_for_update(skip_locked=True, of=("self",))[:SWEEP_BATCH])
    for message in late:
        end_unsent(message, Ending(Status.EXPIRED, "expired"), now)
    return len(late)


def cancel_owed(challenge: Challenge, now: datetime) -> None:
    """Withdraw what is still owed for a challenge. Call inside a transaction."""
    rows = Message.objects.filter(challenge=challenge, status=Status.OWED).select_related("user", "challenge")
    for message in rows.select_for_update(of=("self",)):
        end_unsent(message, Ending(Status.CANCELLED, "superseded"), now)


def record(tag: Tag, message: Message, now: datetime, **data: Any) -> None:
    audit.record(
        tag,
        tenant_id=message.tenant_id,
        subject=message.user.pseudonym if message.user else None,
        action_id=message.action_id,
        at=now,
        message=str(message.pk),
        channel=message.goes_by,
        method=message.challenge.method if message.challenge else "",
        challenge=message.challenge_id or "",
        attempt=message.attempts,
        **data,
    )
