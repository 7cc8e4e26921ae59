"""Owing a message: the row is written with the state it belongs to, and the queue is only told to look.

`delivery` sends what is owed here. A message shares the fate of the caller's transaction: none is sent for a
challenge that was rolled back, none is lost for one that was committed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from authenticators import contact, delivery, routing, sending, tasks
from authenticators.messaging import compose
from authenticators.models import Challenge, EndUser, Message
from authenticators.sending import Asked
from authenticators.transactions import Transaction
from authsignal_portal.models import Tenant, Wording
from authsignal_portal.vocabulary import Channel, VerificationMethod

log = structlog.get_logger(__name__)


def owe_code(
    *,
    tenant: Tenant,
    user: EndUser | None,
    challenge: Challenge,
    channel: Channel,
    to: str,
    code: str,
    now: datetime,
    locale: str | None,
    url: str = "",
    fallback: Channel | None = None,
    about: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    linked: Transaction | None = None,
    is_fallback: bool = False,
) -> Message:
    """Owe somebody a one-time code, or a link. Call in the transaction that stores the challenge, after its row locks.

    `variables`: custom data for the sender of an email; a text message's is told none.
    `linked`: what the code is for, where the action is linked to its transaction; the message tells it.
    `is_fallback`: it goes in place of one by another channel that did not arrive.
    It lives as long as the challenge, and replaces what is still owed for the same one.
    This is the one place where a code becomes owed, so what limits codes is asked here (`sending`).
    Raises TooManyRequests (sending limits), InvalidRequest (a number that gets no SMS).
    """
    if not connection.in_atomic_block:
        raise RuntimeError("owe_code belongs into the transaction that stores the challenge")
    one_at_a_time([*contact.limit_indexes(tenant.pk, to), *([str(user.pk)] if user else [])])
    admitted = sending.admit(Asked(tenant, user, channel, challenge.method, to, challenge.action_id, is_fallback))
    delivery.cancel_owed(challenge, now)
    valid_for = challenge.expires_at - now
    text = _text(challenge, channel, code=code, url=url, valid_for=valid_for, locale=locale, linked=linked)
    message = Message(
        tenant=tenant,
        user=user,
        challenge=challenge,
        action_id=challenge.action_id,
        channel=channel.value,
        fallback_channel=fallback.value if fallback else "",
        contact_index=contact.limit_index(tenant.pk, to),
        deadline_at=challenge.expires_at,
        created_at=admitted.at,
        prefix_index=admitted.prefix_index,
        country=admitted.country,
        standing=admitted.standing,
        price=admitted.price,
    )
    told = _about(challenge, locale, about or {})
    if variables and channel == Channel.EMAIL:
        told["customVariables"] = dict(variables)
    message.payload = payload_of(to, text, code=code, url=url, about=told)
    store(message)
    transaction.on_commit(partial(ring, message.pk))
    return message


def push_owed(challenge: Challenge, *, about: Mapping[str, Any] | None = None) -> Message | None:
    """Owe whoever rings the user's devices word of a challenge. Call in the transaction that stores it.

    None where nobody carries push messages: then the app asks by itself. `about`: userAgent, ipAddress, timezone.
    How often a user may be asked is the caller's to limit.
    """
    if not routing.is_carried(challenge.tenant, Channel.PUSH):
        return None
    assert challenge.user is not None
    data = {
        "challengeId": challenge.pk,
        "userId": challenge.user.user_id,
        "actionCode": challenge.action_code,
        "idempotencyKey": challenge.idempotency_key,
        **(about or {}),
    }
    message = Message(
        tenant=challenge.tenant,
        user=challenge.user,
        challenge=challenge,
        action_id=challenge.action_id,
        channel=Channel.PUSH.value,
        deadline_at=challenge.expires_at,
    )
    told = {name: value for name, value in data.items() if value}
    message.payload = json.dumps({"to": challenge.user.user_id, "text": challenge.pk, "about": told})
    store(message)
    transaction.on_commit(partial(ring, message.pk))
    return message


def _text(
    challenge: Challenge,
    channel: Channel,
    *,
    code: str,
    url: str,
    valid_for: timedelta,
    locale: str | None,
    linked: Transaction | None,
) -> compose.Text:
    method, name = VerificationMethod(challenge.method), challenge.tenant.name
    own = Wording.objects.filter(tenant=challenge.tenant).values_list("messages", flat=True).first() or {}
    if url:
        return compose.link_message(
            method=method, tenant_name=name, url=url, valid_for=valid_for, locale=locale, linked=linked, own=own
        )
    return compose.code_message(
        method=method,
        channel=channel,
        tenant_name=name,
        code=code,
        valid_for=valid_for,
        locale=locale,
        linked=linked,
        own=own,
    )


def payload_of(to: str, text: compose.Text, **more: Any) -> str:
    """For `Message.payload`: what is empty is left out."""
    payload = {"to": to, "text": text.text, "subject": text.subject, "html": text.html, **more}
    return json.dumps({key: value for key, value in payload.items() if value})


def _about(challenge: Challenge, locale: str | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """What a customer's own sender is told beside the message."""
    known = {
        "userId": challenge.user.user_id if challenge.user else "",
        "actionCode": challenge.action_code,
        "idempotencyKey": challenge.idempotency_key,
        "verificationMethod": challenge.method,
        "locale": locale or "",
        **more,
    }
    return {name: value for name, value in known.items() if value}


def store(message: Message) -> None:
    """In the caller's transaction: this insert is what makes the message owed."""
    message.save(force_insert=True)


def ring(message_id: UUID) -> None:
    """Wake a worker. A deaf queue costs seconds, not the message: the sweeper finds the row."""
    try:
        tasks.deliver.delay(str(message_id))
    except (OperationalError, RedisError, OSError) as error:
        log.warning("the doorbell does not ring", message=str(message_id), reason=type(error).__name__)


def one_at_a_time(names: Sequence[str]) -> None:
    """Advisory locks until the transaction ends, taken in one order by everybody."""
    with connection.cursor() as cursor:
        for key in sorted(map(lock_key, names)):
            cursor.execute("SELECT pg_advisory_xact_lock(%s::bigint)", [key])


def is_first(name: str) -> bool:
    """Whether nobody else has this name until their transaction ends; then it is this transaction's. Does not wait."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s::bigint)", [lock_key(name)])
        return bool(cursor.fetchone()[0])


def lock_key(name: str) -> int:
    digest = hashlib.sha256(f"outbox:{name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
