"""Counting what each rule did, hour by hour: afterwards and apart, so that tracking an action touches no shared row.

An *hour* of a tenant is counted whole by one statement, which replaces what was counted of it before: counting it
twice, or by two processes at once, gives the same numbers. It is counted at every run until PASSED_SOON after its end,
for a challenge is passed after its action was tracked, and once more, for the last time, SETTLED after its end. What
changes later still is not seen. Hours that were missed are counted when the worker is back, the newest two days first,
as far back as DAYS. An hour that the database does not manage in time is put aside, so that nothing waits for it, and
tried again after all others.
"""

import random
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

import structlog
from django.db import OperationalError, connection, transaction
from django.db.models import OuterRef, Subquery

from actions.models import Action, Counting, RuleHour
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState, Outcome

# What the pages show, today included.
DAYS: Final = 30
HOUR: Final = timedelta(hours=1)
# A token lives for an hour at most, and what was begun with it for some minutes more.
PASSED_SOON: Final = timedelta(hours=2)
SETTLED: Final = timedelta(days=2)
# How long the numbers are kept.
KEPT: Final = timedelta(days=90)
# No hour is begun after this in one run, and none may take longer than that.
BUDGET_SECONDS: Final = 30.0
LONGEST: Final = "60s"

log = structlog.get_logger(__name__)


def _number(which: str) -> str:
    return f"coalesce(sum(k.number) FILTER (WHERE {which}), 0)"


# Each column, and what it comes to over the actions of a rule; `k` are actions that came out alike.
COLUMNS: Final = {
    "tracked": "sum(k.number)",
    "unknown": _number("v.value = 'unknown'"),
    "decided": _number("did.decided"),
    "challenged": _number("did.decided AND k.asked"),
    "passed": _number("did.decided AND k.asked AND k.passed"),
    "passed_at_once": _number("did.decided AND k.asked AND k.passed AND NOT k.failed"),
    "shadow_challenged": _number("did.shadowed AND k.asked"),
    "shadow_passed": _number("did.shadowed AND k.asked AND k.passed"),
    **{f"fired_{name.lower()}": _number(f"did.fired AND k.outcome = '{name}'") for name in Outcome},
    **{f"shadow_{name.lower()}": _number(f"did.shadowed AND k.outcome = '{name}'") for name in Outcome},
    "last_fired_at": "max(k.last) FILTER (WHERE did.fired OR did.shadowed)",
}

# What is alike is put together first: the rules are looked at once per kind, not per action. An action that was let
# through because its user has nothing to prove with was never a challenge: it is allowed from its first moment on.
COUNT: Final = f"""
WITH alike AS MATERIALIZED (
  SELECT f.configuration_id, f.trace->'verdicts' AS verdicts, f.matched_rules, f.shadow_rules, f.priority_rule_id,
    a.outcome,
    a.outcome = '{Outcome.CHALLENGE}'
      AND NOT (a.state = '{ActionState.ALLOW}' AND a.state_updated_at = a.created_at) AS asked,
    a.state = '{ActionState.CHALLENGE_SUCCEEDED}' AS passed,
    a.failed_at IS NOT NULL AS failed,
    count(*) AS number, max(a.created_at) AS last
  FROM actions_action a JOIN actions_actionfacts f ON f.action_id = a.id
  WHERE a.tenant_id = %(tenant)s::uuid
    AND a.created_at >= %(hour)s::timestamptz AND a.created_at < %(hour)s::timestamptz + interval '1 hour'
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
),
counted AS (
  SELECT k.configuration_id, v.key::uuid AS rule_id, {", ".join(f"{sum_} AS {name}" for name, sum_ in COLUMNS.items())}
  FROM alike k
  JOIN rules_actionconfiguration c ON c.id = k.configuration_id AND c.tenant_id = %(tenant)s::uuid
  CROSS JOIN LATERAL jsonb_each_text(k.verdicts) v
  CROSS JOIN LATERAL (SELECT v.key::uuid = ANY (k.matched_rules) AS fired,
    v.key::uuid = ANY (k.shadow_rules) AS shadowed, v.key::uuid = k.priority_rule_id AS decided) did
  GROUP BY 1, 2
),
gone AS (
  DELETE FROM actions_rulehour h USING rules_actionconfiguration c
  WHERE c.tenant_id = %(tenant)s::uuid AND h.configuration_id = c.id AND h.hour = %(hour)s::timestamptz
    AND NOT EXISTS (SELECT FROM counted x WHERE x.rule_id = h.rule_id)
)
INSERT INTO actions_rulehour (configuration_id, rule_id, hour, {", ".join(COLUMNS)})
SELECT configuration_id, rule_id, %(hour)s::timestamptz, {", ".join(COLUMNS)} FROM counted
ON CONFLICT (rule_id, hour) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS)}
"""  # noqa: S608


def count_due(*, seconds: float = BUDGET_SECONDS) -> int:
    """Count every hour that is due, beginning none after `seconds`; returns how many were counted.

    What is new goes before what is old, of all tenants; and none of them is always the first.
    """
    stop, counted = time.monotonic() + seconds, 0
    forget_silent(clock.now())
    tenants = _tenants()
    for hours in (_new, _old, _missed):
        rows, now = list(Counting.objects.filter(pk__in=tenants)), clock.now()
        random.shuffle(rows)
        for so_far in rows:
            for hour in hours(so_far, now):
                if time.monotonic() >= stop:
                    return counted
                tried = _tried(so_far.tenant_id, hour)
                counted += tried is Tried.COUNTED
                # What fails again is not worth the time of the others.
                if tried is Tried.BUSY or (tried is Tried.FAILED and hours is _missed):
                    break
    return counted


def forget_silent(now: datetime) -> None:
    """Of tenants that tracked nothing for as long as numbers are kept, they go."""
    silent = list(Counting.objects.filter(until__lt=now - KEPT).values_list("pk", flat=True))
    RuleHour.objects.filter(configuration__tenant__in=silent).delete()
    Counting.objects.filter(pk__in=silent, until__lt=now - KEPT).delete()


def first_hour(now: datetime) -> datetime:
    """The first one that the pages show: DAYS days back, today included."""
    return midnight(now) - timedelta(days=DAYS - 1)


def midnight(moment: datetime) -> datetime:
    return hour_of(moment).replace(hour=0)


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _tenants() -> list[uuid.UUID]:
    """Those that tracked something in the last DAYS; each has a Counting from here on."""
    recent = Action.objects.filter(tenant=OuterRef("pk"), created_at__gte=first_hour(clock.now()))
    first = recent.order_by("created_at").values("created_at")[:1]
    rows = Tenant.objects.annotate(since=Subquery(first)).filter(since__isnull=False).values_list("pk", "since")
    known = set(Counting.objects.values_list("pk", flat=True))
    # An hour earlier: of two actions that came at once, the earlier one may be stored later.
    begun = {pk: hour_of(since) - HOUR for pk, since in rows}
    made = [Counting(tenant_id=pk, until=since, settled=since) for pk, since in begun.items() if pk not in known]
    Counting.objects.bulk_create(made, ignore_conflicts=True)
    return list(begun)


def _new(so_far: Counting, now: datetime) -> Iterator[datetime]:
    """Hours in which actions may have been tracked or passed since the last run; of two days at most."""
    hours = _hours(max(hour_of(so_far.until - PASSED_SOON), hour_of(now - SETTLED), so_far.settled), now)
    return (hour for hour in hours if hour not in so_far.missed)


def _old(so_far: Counting, now: datetime) -> Iterator[datetime]:
    """Hours to be counted for the last time."""
    return _hours(max(so_far.settled, first_hour(now)), hour_of(now - SETTLED))


def _missed(so_far: Counting, now: datetime) -> Iterator[datetime]:
    """Hours that failed, in no order: none of them is always the first."""
    hours = [hour for hour in so_far.missed if hour >= first_hour(now)]
    return iter(random.sample(hours, len(hours)))


def _hours(first: datetime, end: datetime) -> Iterator[datetime]:
    while first < end:
        yield first
        first += HOUR


class Tried(Enum):
    """What came of an hour: counted; another process is at this tenant; or the database did not manage in time."""

    COUNTED, BUSY, FAILED = range(3)


def _tried(tenant_id: uuid.UUID, hour: datetime) -> Tried:
    try:
        return Tried.COUNTED if count_hour(tenant_id, hour) else Tried.BUSY
    except OperationalError as error:
        log.error("rule_metrics.hour_not_counted", tenant=str(tenant_id), hour=hour.isoformat(), error=str(error))
        _put_aside(tenant_id, hour)
        return Tried.FAILED


@transaction.atomic
def count_hour(tenant_id: uuid.UUID, hour: datetime) -> bool:
    """Replace what was counted of an hour. False where another process is counting this tenant right now."""
    so_far = _held(tenant_id)
    if so_far is None:
        return False
    # Taken first: what comes in meanwhile may be missing from the count.
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{LONGEST}'")
        cursor.execute(COUNT, {"tenant": tenant_id, "hour": hour})
    so_far.missed = [one for one in so_far.missed if one != hour]
    _go_on(so_far, hour, now)
    return True


@transaction.atomic
def _put_aside(tenant_id: uuid.UUID, hour: datetime) -> None:
    """An hour that failed stands in nobody's way, and is not forgotten."""
    so_far = _held(tenant_id)
    if so_far is None:
        return
    now = clock.now()
    so_far.missed = sorted({one for one in so_far.missed if one >= first_hour(now)} | {hour})
    _go_on(so_far, hour, now)


def _held(tenant_id: uuid.UUID) -> Counting | None:
    return Counting.objects.select_for_update(skip_locked=True).filter(pk=tenant_id).first()


def _go_on(so_far: Counting, hour: datetime, now: datetime) -> None:
    """The hour is done with, or put aside."""
    end = hour + HOUR
    so_far.until = max(so_far.until, min(end, now))
    if hour <= max(so_far.settled, first_hour(now)) and end + SETTLED <= now:
        so_far.settled = max(so_far.settled, end)
        RuleHour.objects.filter(configuration__tenant_id=so_far.tenant_id, hour__lt=now - KEPT).delete()
    so_far.save()
