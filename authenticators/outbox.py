"""Owing a message: the row is written with the state it belongs to, and the queue is only told to look.

`delivery` sends what is owed here. A message shares the fate of the caller's transaction: none is sent for a
challenge that was rolled back, none is lost for one that was committed.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from django.db import connection, transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from authenticators import contact, delivery, messaging, sending, tasks
from authenticators.messaging import compose
from authenticators.models import Challenge, EndUser, Message
from authenticators.sending import Asked
from authsignal_portal.models import Tenant
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
) -> Message:
    """Owe somebody a one-time code. Call in the transaction that stores the challenge, after its row locks.

    It lives as long as the challenge, and replaces what is still owed for the same one.
    This is the one place where a message becomes owed, so what limits messages is asked here (`sending`).
    Raises TooManyRequests (sending limits), InvalidRequest (a number that gets no SMS).
    """
    if not connection.in_atomic_block:
        raise RuntimeError("owe_code belongs into the transaction that stores the challenge")
    one_at_a_time([*contact.indexes(tenant.pk, to), *([str(user.pk)] if user else [])])
    asked = Asked(tenant, user, channel, challenge.method, to, challenge.action_id)
    admitted = sending.admit(asked, allow_unknown=messaging.provider_name(channel) == "builtin")
    delivery.cancel_owed(challenge, now)
    text = compose.code_message(
        method=VerificationMethod(challenge.method),
        channel=channel,
        tenant_name=tenant.name,
        code=code,
        valid_for=challenge.expires_at - now,
        locale=locale,
    )
    payload = {"to": to, "text": text.text, "subject": text.subject, "html": text.html, "code": code}
    message = Message(
        tenant=tenant,
        user=user,
        challenge=challenge,
        action_id=challenge.action_id,
        channel=channel.value,
        contact_index=contact.index(tenant.pk, to),
        deadline_at=challenge.expires_at,
        created_at=admitted.at,
        prefix_index=admitted.prefix_index,
        country=admitted.country,
        standing=admitted.standing,
        price=admitted.price,
    )
    message.payload = json.dumps({key: value for key, value in payload.items() if value})
    store(message)
    transaction.on_commit(partial(ring, message.pk))
    return message


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


def lock_key(name: str) -> int:
    digest = hashlib.sha256(f"outbox:{name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
