"""Recording an event: one insert, in the caller's transaction."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.events import ALLOWED_DATA, ActorKind, Tag
from audit.models import AuditEvent
from authsignal_portal import clock
from authsignal_portal.ids import uuid7

MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted. `ident` is an API key's id, a staff member's primary key, or a user's pseudonym."""

    kind: ActorKind
    ident: str = ""


SYSTEM = Actor(ActorKind.SYSTEM)


def user(pseudonym: uuid.UUID) -> Actor:
    """An end user acting for themselves."""
    return Actor(ActorKind.USER, str(pseudonym))


def api_key(ident: str) -> Actor:
    """The customer's backend."""
    return Actor(ActorKind.API_KEY, ident)


def staff(primary_key: object) -> Actor:
    """A member of staff."""
    return Actor(ActorKind.STAFF, str(primary_key))


@dataclass(frozen=True, slots=True)
class Event:
    """An event ready to be stored, by `record` or by a statement that stores other rows with it."""

    event_id: uuid.UUID
    at: datetime
    tenant_id: uuid.UUID | None
    tag: Tag
    actor: Actor
    subject: uuid.UUID | None
    action_id: uuid.UUID | None
    data: dict[str, Any]

    @property
    def leaf_hash(self) -> bytes:
        """SHA-256(0x00 ‖ canonical JSON): a leaf of a Merkle tree (RFC 9162 §2.1.1)."""
        return hashlib.sha256(b"\x00" + canonical(self)).digest()


def canonical(event: Event) -> bytes:
    """The event's bytes: JSON with sorted keys, no spaces, times in microseconds of UTC."""
    record = {
        "id": str(event.event_id),
        "at": int(event.at.timestamp() * 1_000_000),
        "tenant": str(event.tenant_id) if event.tenant_id else None,
        "tag": event.tag.value,
        "actor": [event.actor.kind.value, event.actor.ident],
        "subject": str(event.subject) if event.subject else None,
        "action": str(event.action_id) if event.action_id else None,
        "data": event.data,
    }
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def event(
    tag: Tag,
    *,
    tenant_id: uuid.UUID | None,
    actor: Actor,
    at: datetime,
    subject: uuid.UUID | None = None,
    action_id: uuid.UUID | None = None,
    data: Mapping[str, Any] | None = None,
) -> Event:
    """Check what the event would hold. Raises ValueError for a field that the log must not keep."""
    held = dict(data or {})
    unknown = held.keys() - ALLOWED_DATA
    if unknown:
        raise ValueError(f"an audit event may not hold {sorted(unknown)}")
    for key, value in held.items():
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise ValueError(f"an audit event holds ids and words, not texts: {key} is too long")
    return Event(uuid7(), at, tenant_id, tag, actor, subject, action_id, held)


def record(
    tag: Tag,
    *,
    tenant_id: uuid.UUID | None,
    actor: Actor = SYSTEM,
    subject: uuid.UUID | None = None,
    action_id: uuid.UUID | None = None,
    at: datetime | None = None,
    **data: Any,
) -> AuditEvent:
    """Store an event in the caller's transaction. `data` holds only the fields of `ALLOWED_DATA`."""
    made = event(
        tag,
        tenant_id=tenant_id,
        actor=actor,
        at=at or clock.now(),
        subject=subject,
        action_id=action_id,
        data=data,
    )
    return AuditEvent.objects.create(
        event_id=made.event_id,
        at=made.at,
        tenant_id=made.tenant_id,
        tag=made.tag,
        actor_kind=made.actor.kind,
        actor=made.actor.ident,
        subject=made.subject,
        action_id=made.action_id,
        data=made.data,
        leaf_hash=made.leaf_hash,
    )


def stored_hash(row: AuditEvent) -> bytes:
    """The leaf hash that a stored row must have; differs from `row.leaf_hash` once the row was altered."""
    return Event(
        row.event_id,
        row.at,
        row.tenant_id,
        Tag(row.tag),
        Actor(ActorKind(row.actor_kind), row.actor),
        row.subject,
        row.action_id,
        row.data,
    ).leaf_hash
