"""Which data points arrive with a tenant's actions, and which no longer do: what rules can rest on.

Looked up over the newest actions, of which there is a bound, through the index that begins with the tenant and ends
with the time. A data point *stopped* when it came with earlier actions and is missing from so many newer ones that
EXPECTED would have brought it at the rate of before. One that comes with fewer than one in a hundred is too rare for
that to show.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from authsignal_portal.models import Tenant
from rules.sent import SentKeys

NEWEST: Final = 10_000
# Narrow rows looked through for those of one action code.
SEARCHED: Final = 100_000
EXPECTED: Final = 100
LONGEST: Final = "5s"
# What is kept sealed apart, and what stands in the facts exactly where it does.
SEALED: Final = {"user.email": "user.emailVerified", "user.phoneNumber": "user.phoneNumberVerified"}

ARRIVED: Final = """
WITH newest AS MATERIALIZED (
  SELECT x.id, x.action_code, x.created_at,
    row_number() OVER (PARTITION BY x.action_code ORDER BY x.created_at DESC) AS place
  FROM (
    SELECT s.* FROM (
      SELECT a.id, a.action_code, a.created_at FROM actions_action a WHERE a.tenant_id = %(tenant)s::uuid
      ORDER BY a.created_at DESC LIMIT %(searched)s
    ) s WHERE %(action)s = '' OR s.action_code = %(action)s ORDER BY s.created_at DESC LIMIT %(newest)s
  ) x
),
said AS (
  SELECT n.action_code, n.place, n.created_at, p.key, p.value
  FROM newest n JOIN actions_actionfacts f ON f.action_id = n.id
  CROSS JOIN LATERAL (
    SELECT g.key || '.' || v.key AS key, v.value FROM jsonb_each(f.facts - 'velocity') g
      CROSS JOIN LATERAL jsonb_each_text(CASE jsonb_typeof(g.value) WHEN 'object' THEN g.value ELSE '{}' END) v
    UNION ALL
    SELECT 'user.custom.' || v.key, v.value FROM jsonb_each_text(f.facts #> '{user,custom}') v
  ) p WHERE p.key <> 'user.custom'
)
SELECT action_code, NULL, count(*), NULL, NULL, NULL, NULL FROM newest GROUP BY action_code
UNION ALL
SELECT action_code, key, count(*), min(place), max(created_at), min(value COLLATE "C"), max(value COLLATE "C") FROM said
GROUP BY action_code, key
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One data point: with how many of the `actions` looked at it came, and with how many since it last did.

    `only` is the one value that it had every time, as text; None where it varied, or is not told.
    """

    actions: int
    present: int
    missing_since: int
    last_at: datetime
    only: str | None

    @property
    def has_stopped(self) -> bool:
        before = self.actions - self.missing_since
        return self.missing_since >= EXPECTED and self.missing_since * self.present >= EXPECTED * before


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The newest `actions` of one code, and the data points that came with any of them, by their place in the facts."""

    actions: int = 0
    points: Mapping[str, Arrival] = field(default_factory=dict)


def arrivals(tenant: Tenant) -> dict[str, Arrivals]:
    """By action code, over the newest actions of any. Raises OperationalError where that takes too long."""
    return _arrivals(tenant, action_code="", searched=NEWEST)


def arrivals_of(tenant: Tenant, action_code: str) -> Arrivals:
    """Over the newest actions of one code. Raises OperationalError where that takes too long."""
    return _arrivals(tenant, action_code=action_code, searched=SEARCHED).get(action_code, Arrivals())


def sent_keys(tenant: Tenant, action_code: str) -> SentKeys:
    """For the analyser. Raises OperationalError where that takes too long."""
    found = arrivals_of(tenant, action_code)
    return SentKeys(frozenset(found.points), found.actions)


def _arrivals(tenant: Tenant, *, action_code: str, searched: int) -> dict[str, Arrivals]:
    given: dict[str, Any] = {"tenant": tenant.pk, "action": action_code, "searched": searched, "newest": NEWEST}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{LONGEST}'")
        cursor.execute(ARRIVED, given)
        rows = cursor.fetchall()
    actions = {row[0]: row[2] for row in rows if row[1] is None}
    points: dict[str, dict[str, Arrival]] = {code: {} for code in actions}
    for code, key, *rest in rows:
        if key is not None:
            points[code][key] = _arrival(actions[code], *rest)
    return {code: Arrivals(actions[code], _with_sealed(found)) for code, found in points.items()}


def _arrival(actions: int, present: int, place: int, last_at: datetime, lowest: Any, highest: Any) -> Arrival:
    return Arrival(actions, present, place - 1, last_at, lowest if lowest == highest else None)


def _with_sealed(found: dict[str, Arrival]) -> dict[str, Arrival]:
    sealed = {
        key: Arrival(seen.actions, seen.present, seen.missing_since, seen.last_at, None)
        for key, beside in SEALED.items()
        if (seen := found.get(beside)) is not None
    }
    return found | sealed
