"""Telling a tenant's staff of the guard's alarms: by email to each administrator, and by a signed webhook if wanted.

Each is a message that is owed, in the transaction of what it tells, once for each pause and once for each budget and
day; of pauses that begin one after another people get one email. Nobody is rung for it: the sweep finds it within
seconds, and tries it for a day.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings

from authenticators import alarm_pace, guard, sending_counts
from authenticators.guard import Reason
from authenticators.messaging import compose
from authenticators.models import Message, SendingPause, SendingPolicy
from authsignal_portal.models import Membership, Tenant
from authsignal_portal.vocabulary import Channel, Role
from authsignal_portal.wire import iso

KEPT_FOR = timedelta(days=1)
PORTAL_PAGE = "/portal/authenticators/sendingpause/"
PAUSED, USED_UP = "sending.paused", "sending.budget_used_up"
# Of a day: of all messages, and the shares of those to newcomers and suspects.
BUDGETS = {Reason.BUDGET: "day", Reason.NEWCOMERS: "unknown_numbers", Reason.SUSPECTS: "suspicious_numbers"}
# Of pauses of one kind there is one email in as many seconds: it leads to where all of them are shown.
SECONDS_BETWEEN_EMAILS = 15 * guard.MINUTE
log = structlog.get_logger(__name__)


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
    alarm = Alarm(PAUSED, data, row.until, {"kind": kind, "where": where} | counted)
    _owe_hook(row.tenant, alarm, now)
    quarter = int(now.timestamp() // SECONDS_BETWEEN_EMAILS) * SECONDS_BETWEEN_EMAILS
    if sending_counts.is_first(row.tenant, f"alarm:email:{kind}", quarter):
        _owe_emails(row.tenant, alarm, now)


def refused(tenant: Tenant, reason: Reason, now: datetime) -> None:
    """A message found no room. Where a budget of the day is why, that is told once. Call in a transaction."""
    if reason not in BUDGETS:
        return
    day = int(now.timestamp() // guard.DAY) * guard.DAY
    if not sending_counts.is_first(tenant, f"alarm:{reason.value}", day):
        return
    until = sending_counts.moment(day + guard.DAY)
    data = {"budget": BUDGETS[reason], "until": iso(until)}
    alarm = Alarm(USED_UP, data, until, {"kind": BUDGETS[reason]})
    _owe_hook(tenant, alarm, now)
    _owe_emails(tenant, alarm, now)


def _owe_hook(tenant: Tenant, alarm: Alarm, now: datetime) -> None:
    if not SendingPolicy.objects.filter(tenant=tenant).exclude(alarm_url="").exists():
        return
    if alarm_pace.is_full(tenant):
        log.warning("alarm not kept: its receiver takes none", tenant=str(tenant.pk), alarm=alarm.event)
        return
    payload = {"to": str(tenant.pk), "text": alarm.event, "about": dict(alarm.data)}
    _owe(tenant, Channel.ALARM, alarm, payload, now, due_at=alarm_pace.due_at(tenant, now))


def _owe_emails(tenant: Tenant, alarm: Alarm, now: datetime) -> None:
    administrators = Membership.objects.filter(tenant=tenant, role=Role.ADMIN, user__is_active=True)
    addresses = administrators.exclude(user__email="").order_by("user__email").values_list("user__email", flat=True)
    if not addresses:
        return
    text = compose.alarm_message(
        tenant_name=tenant.name, url=settings.PUBLIC_URL + PORTAL_PAGE, until=alarm.until, values=alarm.values
    )
    for address in addresses:
        payload = {"to": address, "text": text.text, "subject": text.subject, "html": text.html}
        _owe(tenant, Channel.EMAIL, alarm, payload, now, due_at=now)


def _owe(
    tenant: Tenant, channel: Channel, alarm: Alarm, payload: Mapping[str, Any], now: datetime, *, due_at: datetime
) -> None:
    message = Message(
        tenant=tenant,
        channel=channel.value,
        notice=f"alarm:{alarm.event}",
        created_at=now,
        due_at=due_at,
        deadline_at=now + KEPT_FOR,
    )
    message.payload = json.dumps(payload)
    message.save(force_insert=True)
