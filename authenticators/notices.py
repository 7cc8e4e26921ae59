"""Telling users what happened to the ways they prove themselves, so that what somebody else did does not stay unseen.

A notice goes to an address that was known before: by email, or by SMS to a proven number where there is none. It is a
message that is owed like any other, apart from the limits of codes. Of one kind and method there is one in a while;
what happens meanwhile is told by one more when that is over. What a backend enrols or the demo seeds is not told.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction

from audit import log
from audit.events import ActorKind, Tag
from authenticators import contact, outbox, routing, sending
from authenticators.messaging import compose
from authenticators.models import Authenticator, EndUser, Message
from authsignal_portal import clock
from authsignal_portal.vocabulary import Channel, VerificationMethod

EMAIL = (VerificationMethod.EMAIL_OTP, VerificationMethod.EMAIL_MAGIC_LINK)
PHONE = (VerificationMethod.SMS,)
KEPT_FOR = timedelta(days=1)
SETTLES_IN = timedelta(days=7)


class Kind(StrEnum):
    """What users are told. The value is stored with the message and stands in the log."""

    ADDED = "added"
    REMOVED = "removed"
    RECOVERY_CODE_USED = "recovery_code_used"
    COPY_SUSPECTED = "copy_suspected"
    # For a while; then for good, until the method is bound anew.
    LOCKED = "locked"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a notice can go."""

    channel: Channel
    to: str


def address_of(user: EndUser, *, apart_from: Authenticator | None = None) -> Address | None:
    """Where to tell the user, by what is known now; None where nobody could be told.

    `apart_from`: what is being added. Its address heard of it already, and may be somebody else's.
    """
    known = apart_from.contact_index if apart_from else ""
    for address in _addresses(user, apart_from):
        if contact.index(user.tenant_id, address.to) != known and routing.carries_notices(user.tenant, address.channel):
            return address
    return None


def _addresses(user: EndUser, apart_from: Authenticator | None) -> Iterator[Address]:
    """The proven email address, the one on file; then numbers, proven ones only. What was proved lately comes last: it
    may be part of what the user shall be told of.
    """
    rows = user.authenticators.filter(method__in=[*EMAIL, *PHONE]).exclude(verified_at=None).select_related("tenant")
    proven = [row for row in rows.order_by("verified_at") if apart_from is None or row.pk != apart_from.pk]
    lately = clock.now() - SETTLES_IN
    settled = [row for row in proven if row.verified_at and row.verified_at <= lately]
    # A proof of the first address of its kind puts it on file too.
    new = {row.contact for row in proven if row not in settled}
    yield from _at(settled, Channel.EMAIL)
    if user.email and user.email not in new:
        yield Address(Channel.EMAIL, user.email)
    yield from _at(settled, Channel.SMS)
    if user.phone_number and user.phone_number_verified and user.phone_number not in new:
        yield Address(Channel.SMS, user.phone_number)
    yield from _at(proven, Channel.EMAIL)
    yield from _at(proven, Channel.SMS)


def _at(rows: list[Authenticator], channel: Channel) -> Iterator[Address]:
    methods = EMAIL if channel == Channel.EMAIL else PHONE
    return (Address(channel, row.contact) for row in rows if row.method in methods)


def is_told(actor: log.Actor) -> bool:
    """Whether users hear of what this actor added: a backend imports its users, and told them itself."""
    return actor.kind in (ActorKind.USER, ActorKind.STAFF)


def owe(
    user: EndUser,
    kind: Kind,
    method: str,
    *,
    now: datetime,
    to: Address | None,
    action_id: UUID | None = None,
    codes_left: int | None = None,
) -> None:
    """Owe the user word of it. Call in the transaction of what happened, with the user locked. Refuses nothing.

    `codes_left`: how many recovery codes are unused now; None where that is not told.
    """
    if to is None or not user.tenant.notify_users:
        return
    due = _due(user, kind, method, now)
    if due is None or (to.channel == Channel.SMS and not sending.admit_notice(user.tenant, to.to)):
        return
    text = compose.notice_message(
        kind=kind.value,
        method=method,
        channel=to.channel,
        tenant_name=user.tenant.name,
        at=now,
        locale=user.locale,
        codes_left=codes_left,
    )
    message = Message(
        tenant=user.tenant,
        user=user,
        action_id=action_id,
        channel=to.channel.value,
        contact_index=contact.index(user.tenant_id, to.to),
        notice=_name(kind, method),
        created_at=now,
        due_at=due,
        deadline_at=due + KEPT_FOR,
    )
    message.payload = outbox.payload_of(to.to, text)
    outbox.store(message)
    _record(message, kind, method, now)
    transaction.on_commit(partial(outbox.ring, message.pk))


def _due(user: EndUser, kind: Kind, method: str, now: datetime) -> datetime | None:
    """When to tell it: now, at the end of the pause since the last one, or not at all where one waits for that."""
    last = Message.objects.filter(user=user, notice=_name(kind, method)).order_by("-created_at").first()
    pause = timedelta(seconds=settings.NOTICE_PAUSE_SECONDS)
    if last is None or last.due_at + pause <= now:
        return now
    waits = last.status == Message.Status.OWED and last.attempts == 0
    return None if waits and last.due_at > now else last.due_at + pause


def _name(kind: Kind, method: str) -> str:
    return f"{kind.value}:{method}"


def _record(message: Message, kind: Kind, method: str, now: datetime) -> None:
    assert message.user is not None
    log.record(
        Tag.USER_NOTIFIED,
        tenant_id=message.tenant_id,
        subject=message.user.pseudonym,
        action_id=message.action_id,
        at=now,
        message=str(message.pk),
        channel=message.channel,
        method=method,
        reason=kind.value,
    )
