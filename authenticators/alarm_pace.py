"""How fast a tenant's address gets its alarms: one at a time, and none while it does not take them.

However slow or broken it is, it holds up one worker, and that no more often than one message alone would.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import Max, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from authenticators.models import Message, SendingPolicy
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Channel

# More than these are not kept for it.
MOST_OWED = 100
Status = Message.Status


def in_turn(rows: QuerySet[Message]) -> list[UUID]:
    """The alarms of these, the first of each tenant before the second of any."""
    place = Window(RowNumber(), partition_by="tenant", order_by="deadline_at")
    alarms = rows.filter(channel=Channel.ALARM).annotate(place=place).order_by("place", "deadline_at")
    return list(alarms.values_list("pk", flat=True)[:MOST_OWED])


def waits(message: Message, now: datetime) -> bool:
    """Whether another one is being posted. Call in the transaction that claims it."""
    if message.channel != Channel.ALARM:
        return False
    policies = SendingPolicy.objects.filter(tenant=message.tenant_id)
    if policies.exists() and not policies.select_for_update(skip_locked=True).exists():
        # Somebody claims one right now.
        return True
    others = _of(message.tenant).exclude(pk=message.pk)
    return others.filter(status=Status.SENDING, lease_until__gt=now).exists()


def tries(message: Message) -> int:
    """How often it was tried in vain; of alarms, the tenant's address with any that it is still owed."""
    if message.channel != Channel.ALARM:
        return message.attempts
    others = _of(message.tenant).filter(status=Status.OWED).aggregate(tries=Sum("attempts"))
    return message.attempts + (others["tries"] or 0)


def put_off(message: Message, until: datetime) -> None:
    """It was not taken: the others wait as long. Nothing for any other channel."""
    if message.channel == Channel.ALARM:
        _of(message.tenant).filter(status=Status.OWED, due_at__lt=until).update(due_at=until)


def due_at(tenant: Tenant, now: datetime) -> datetime:
    """When a new one is due: with those that were tried in vain."""
    tried = _of(tenant).filter(status=Status.OWED, attempts__gt=0)
    latest: datetime | None = tried.aggregate(latest=Max("due_at"))["latest"]
    return max(now, latest) if latest else now


def is_full(tenant: Tenant) -> bool:
    return _of(tenant).filter(status__in=[Status.OWED, Status.SENDING]).count() >= MOST_OWED


def _of(tenant: Tenant) -> QuerySet[Message]:
    return Message.objects.filter(tenant=tenant, channel=Channel.ALARM)
