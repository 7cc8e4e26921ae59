"""Telling a tenant's staff of the guard's alarms: by email to each administrator, and by a signed webhook if wanted.

Each is a message that is owed, in the transaction of what it tells, once for each pause and once for each budget and
day. Nobody is rung for it: the sweep finds it within seconds, and tries it for a day.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from authenticators import guard, sending_counts
from authenticators.guard import Reason
from authenticators.messaging import compose
from authenticators.models import Message, SendingPause, SendingPolicy
from authsignal_portal.models import Membership, Tenant
from authsignal_portal.vocabulary import Channel, Role
from authsignal_portal.wire import iso

KEPT_FOR = timedelta(days=1)
PORTAL_PAGE = "/portal/authenticators/sendingpause/"
PAUSED, USED_UP = "sending.paused", "sending.budget_used_up"
# Of a day: of all messages, and of those to numbers that nobody answered from lately.
BUDGETS = {Reason.BUDGET: "day", Reason.NEWCOMERS: "unknown_numbers"}


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is told. `event` and `data` as a webhook has them; `values` for the email's text."""

    event: str
    data: Mapping[str, Any]
    until: datetime
    values: Mapping[str, Any]


def pause_begun(row: SendingPause, now: datetime) -> None:
    """Call in the transaction that began it."""
    kind = "prefix" if row.prefix else "country"
    counted = {"settled": str(row.settled), "proven": str(row.proven)}
    data = {"kind": kind, "country": row.country, "startedAt": iso(row.started_at), "until": iso(row.until)} | counted
    if row.prefix:
        data["prefix"] = row.prefix
    where = f"{row.prefix}•••• ({row.country})" if row.prefix else row.country
    _owe(row.tenant, Alarm(PAUSED, data, row.until, {"kind": kind, "where": where} | counted), now)


def refused(tenant: Tenant, reason: Reason, now: datetime) -> None:
    """A message found no room. Where a budget of the day is why, that is told once. Call in a transaction."""
    if reason not in BUDGETS:
        return
    day = int(now.timestamp() // guard.DAY) * guard.DAY
    if not sending_counts.is_first(tenant, f"alarm:{reason.value}", day):
        return
    until = sending_counts.moment(day + guard.DAY)
    data = {"budget": BUDGETS[reason], "until": iso(until)}
    _owe(tenant, Alarm(USED_UP, data, until, {"kind": BUDGETS[reason]}), now)


def _owe(tenant: Tenant, alarm: Alarm, now: datetime) -> None:
    for channel, payload in _payloads(tenant, alarm):
        message = Message(
            tenant=tenant,
            channel=channel.value,
            notice=f"alarm:{alarm.event}",
            created_at=now,
            due_at=now,
            deadline_at=now + KEPT_FOR,
        )
        message.payload = json.dumps(payload)
        message.save(force_insert=True)


def _payloads(tenant: Tenant, alarm: Alarm) -> Iterator[tuple[Channel, dict[str, Any]]]:
    if SendingPolicy.objects.filter(tenant=tenant).exclude(alarm_url="").exists():
        yield Channel.ALARM, {"to": str(tenant.pk), "text": alarm.event, "about": dict(alarm.data)}
    administrators = Membership.objects.filter(tenant=tenant, role=Role.ADMIN, user__is_active=True)
    addresses = administrators.exclude(user__email="").order_by("user__email").values_list("user__email", flat=True)
    if not addresses:
        return
    text = compose.alarm_message(
        tenant_name=tenant.name, url=settings.PUBLIC_URL + PORTAL_PAGE, until=alarm.until, values=alarm.values
    )
    for address in addresses:
        yield Channel.EMAIL, {"to": address, "text": text.text, "subject": text.subject, "html": text.html}
