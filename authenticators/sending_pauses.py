"""Pauses of prefixes and countries: begun by the guard's alarm, ended by time or by staff."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import QuerySet

from audit import log as audit
from audit.events import Tag
from audit.log import SYSTEM, Actor
from authenticators import alarms, contact
from authenticators.guard import Alarm, Pause
from authenticators.models import SendingPause
from authenticators.sending_counts import moment
from authsignal_portal import clock
from authsignal_portal.models import Tenant


def newest(tenant: Tenant, scopes: Iterable[str]) -> dict[str, Pause]:
    rows = SendingPause.objects.filter(tenant=tenant, scope__in=list(scopes))
    return {row.scope: Pause(row.until.timestamp(), row.strikes) for row in rows}


def begin(tenant: Tenant, raised: Sequence[Alarm], *, number: str, country: str, now: datetime) -> None:
    """Of many that raise the same alarm at once, one begins the pause and tells log and staff. In a transaction."""
    for alarm in raised:
        values = {"started_at": now, "until": moment(alarm.pause.until), "strikes": alarm.pause.strikes}
        values |= {"settled": alarm.settled, "proven": alarm.proven}
        of_prefix = alarm.scope.startswith("prefix:")
        digits = contact.normal(number)[:-4] if of_prefix else ""
        row, made = SendingPause.objects.get_or_create(
            tenant=tenant, scope=alarm.scope, defaults={**values, "country": country, "prefix": digits}
        )
        over = SendingPause.objects.filter(pk=row.pk, until__lte=now)
        if made or over.update(**values):
            kind = "prefix" if of_prefix else "country"
            _record(Tag.SENDING_PAUSED, tenant, SYSTEM, now, kind, country)
            alarms.pause_begun(SendingPause.objects.select_related("tenant").get(pk=row.pk), now)


def running(tenant: Tenant, now: datetime) -> QuerySet[SendingPause]:
    return SendingPause.objects.filter(tenant=tenant, until__gt=now).order_by("country", "prefix")


def end(tenant: Tenant, pause_id: int, *, actor: Actor) -> None:
    """Nothing if it is over. What was sent before is not held against the prefix again. In a transaction."""
    now = clock.now()
    row = running(tenant, now).filter(pk=pause_id).select_for_update().first()
    if row is None:
        return
    row.until, row.strikes = now, 0
    row.save(update_fields=["until", "strikes"])
    _record(Tag.SENDING_PAUSE_ENDED, tenant, actor, now, "prefix" if row.prefix else "country", row.country)


def _record(tag: Tag, tenant: Tenant, actor: Actor, now: datetime, kind: str, country: str) -> None:
    audit.record(tag, tenant_id=tenant.pk, actor=actor, at=now, kind=kind, country=country)
