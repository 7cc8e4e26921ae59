"""Telling a tenant's staff of the guard's alarms: by email to each administrator, and by a signed webhook if wanted.

Each is a message that is owed, in the transaction of what it tells, once for each pause and once for each budget and
day. People are told of a pause at once, and of those that begin within a quarter of an hour of it in one email.
Nobody is rung for it: the sweep finds it within seconds, and tries it for a day.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Max, QuerySet

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
# Between two emails of pauses of one kind; what begins meanwhile is in the second.
BETWEEN_EMAILS = timedelta(seconds=15 * guard.MINUTE)
# It names so many places and tells how many more there are: it leads to where all of them are shown.
MOST_NAMED = 10
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
    data = {"kind": _kind(row), "country": row.country, "startedAt": iso(row.started_at), "until": iso(row.until)}
    data |= {"settled": str(row.settled), "proven": str(row.proven)}
    if row.prefix:
        data["prefix"] = row.prefix
    _owe_hook(row.tenant, Alarm(PAUSED, data, row.until, _values([row])), now)
    _tell_people(row, now)


def _kind(row: SendingPause) -> str:
    return "prefix" if row.prefix else "country"


def _values(rows: Sequence[SendingPause]) -> dict[str, str]:
    """Of pauses of one kind, for the email's text."""
    places = [f"{row.prefix}•••• ({row.country})" if row.prefix else row.country for row in rows]
    more = [f"… +{len(places) - MOST_NAMED}"] if len(places) > MOST_NAMED else []
    return {
        "kind": _kind(rows[0]),
        "where": ", ".join([*places[:MOST_NAMED], *more]),
        "settled": str(sum(row.settled for row in rows)),
        "proven": str(sum(row.proven for row in rows)),
    }


def _tell_people(row: SendingPause, now: datetime) -> None:
    """At once; within a quarter of an hour of the last email, with whatever else begins until it is over."""
    # Of two pauses at once the second must find what is owed for the first.
    list(Membership.objects.filter(tenant=row.tenant).select_for_update(no_key=True))
    notice = f"{PAUSED}:{_kind(row)}"
    lately = _emails(row.tenant, notice, since=now - 2 * BETWEEN_EMAILS).filter(due_at__gt=now - BETWEEN_EMAILS)
    waiting = list(
        lately.filter(status=Message.Status.OWED, attempts=0, due_at__gt=now).select_for_update(
            of=("self",), no_key=True
        )
    )
    if not waiting:
        latest = lately.aggregate(latest=Max("due_at"))["latest"]
        alarm = Alarm(notice, {}, row.until, _values([row]))
        _owe_emails(row.tenant, alarm, now, due_at=latest + BETWEEN_EMAILS if latest else now)
        return
    rows = list(_begun(row.tenant, _kind(row), since=min(message.created_at for message in waiting)))
    text = _text(row.tenant, Alarm(notice, {}, max(one.until for one in rows), _values(rows)))
    for message in waiting:
        message.payload = json.dumps({**json.loads(message.payload), **text})
        message.save(update_fields=["payload_sealed"])


def _emails(tenant: Tenant, notice: str, *, since: datetime) -> QuerySet[Message]:
    # What goes to nobody's own address has no index of one; with it the search is by an index.
    rows = Message.objects.filter(tenant=tenant, contact_index="", created_at__gt=since).select_related("tenant")
    return rows.filter(channel=Channel.EMAIL, notice=f"alarm:{notice}")


def _begun(tenant: Tenant, kind: str, *, since: datetime) -> QuerySet[SendingPause]:
    rows = SendingPause.objects.filter(tenant=tenant, started_at__gte=since).order_by("started_at", "pk")
    return rows.filter(prefix="") if kind == "country" else rows.exclude(prefix="")


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
    _owe_emails(tenant, alarm, now, due_at=now)


def _owe_hook(tenant: Tenant, alarm: Alarm, now: datetime) -> None:
    if not SendingPolicy.objects.filter(tenant=tenant).exclude(alarm_url="").exists():
        return
    if alarm_pace.is_full(tenant):
        log.warning("alarm not kept: its receiver takes none", tenant=str(tenant.pk), alarm=alarm.event)
        return
    payload = {"to": str(tenant.pk), "text": alarm.event, "about": dict(alarm.data)}
    _owe(tenant, Channel.ALARM, alarm, payload, now, due_at=alarm_pace.due_at(tenant, now))


def _owe_emails(tenant: Tenant, alarm: Alarm, now: datetime, *, due_at: datetime) -> None:
    administrators = Membership.objects.filter(tenant=tenant, role=Role.ADMIN, user__is_active=True)
    addresses = administrators.exclude(user__email="").order_by("user__email").values_list("user__email", flat=True)
    if not addresses:
        return
    text = _text(tenant, alarm)
    for address in addresses:
        _owe(tenant, Channel.EMAIL, alarm, {"to": address, **text}, now, due_at=due_at)


def _text(tenant: Tenant, alarm: Alarm) -> dict[str, str]:
    text = compose.alarm_message(
        tenant_name=tenant.name, url=settings.PUBLIC_URL + PORTAL_PAGE, until=alarm.until, values=alarm.values
    )
    return {"text": text.text, "subject": text.subject, "html": text.html}


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
