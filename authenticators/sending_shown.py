"""What the portal shows of sending: today and the last seven days by country, and how much of the budget is used."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum

from authenticators import guard, sending
from authenticators.models import SendingCount
from authsignal_portal import countries
from authsignal_portal.models import Tenant

DAYS = 7
DESTINATION = guard.destination_scope("")


@dataclass(frozen=True, slots=True)
class Destination:
    """Text messages to one country, today and in the last seven days (UTC)."""

    country: str
    sends: int = 0
    proofs: int = 0
    refusals: int = 0
    week_sends: int = 0
    week_proofs: int = 0
    week_refusals: int = 0

    @property
    def name(self) -> str:
        return countries.name(self.country)

    @property
    def proven_percent(self) -> int | None:
        return round(100 * self.week_proofs / self.week_sends) if self.week_sends else None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a tenant's messages of today come to, and may come to. Costs in the currency of the prices."""

    messages: int
    most_messages: int
    cost: float
    most_cost: float


def destinations(tenant: Tenant, now: datetime) -> list[Destination]:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    week, day = _sums(tenant, today - timedelta(days=DAYS - 1)), _sums(tenant, today)
    found = [
        Destination(scope.removeprefix(DESTINATION), *day.get(scope, (0, 0, 0)), *sums) for scope, sums in week.items()
    ]
    return sorted(found, key=lambda one: (-one.week_sends, -one.week_refusals, one.country))


def _sums(tenant: Tenant, since: datetime) -> dict[str, tuple[int, int, int]]:
    """(sends, proofs, refusals) by scope."""
    rows = SendingCount.objects.filter(tenant=tenant, scope__startswith=DESTINATION, start__gte=since)
    sums = rows.values_list("scope").annotate(Sum("sends"), Sum("proofs"), Sum("refusals"))
    return {scope: (sends, proofs, refusals) for scope, sends, proofs, refusals in sums}


def budget(tenant: Tenant, now: datetime) -> Budget:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    row = SendingCount.objects.filter(tenant=tenant, scope="budget", start=today).first()
    caps = sending.caps_of(sending.policy_of(tenant))
    used, cost = (row.sends, row.cost) if row else (0, 0)
    return Budget(used, caps.budget_messages, cost / sending.MONEY, caps.budget_cost / sending.MONEY)
