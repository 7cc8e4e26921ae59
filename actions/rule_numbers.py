"""What was counted of rules, summed up: for a while, or day by day.

A rule *hits* an action when it fires on it, or, as a shadow rule, would have.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil, floor, sqrt
from typing import Any, Final, Self

from django.db.models import Max, Min, Sum
from django.db.models.functions import TruncDate

from actions.models import RuleHour
from actions.rule_metrics import COLUMNS, DAYS, first_hour
from authsignal_portal.vocabulary import Outcome
from rules.models import ActionConfiguration

SUMMED: Final = tuple(name for name in COLUMNS if name != "last_fired_at")
# Fewer than this say nothing about a rate.
ENOUGH: Final = 20
# Of a normal distribution, 95 % lie within this many standard deviations.
Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`; as text in per cent."""

    part: int
    whole: int

    def __str__(self) -> str:
        return percent(self.part / self.whole) if self.whole else "–"

    @property
    def is_enough(self) -> bool:
        return self.whole >= ENOUGH

    @property
    def interval(self) -> tuple[float, float]:
        """Between which rates the true one lies, in 95 of 100 cases: Wilson's score interval (1927).

        Raises ZeroDivisionError where the whole is nothing.
        """
        number, rate = self.whole, self.part / self.whole
        spread = Z * sqrt(rate * (1 - rate) / number + (Z / (2 * number)) ** 2)
        middle, scale = rate + Z**2 / (2 * number), 1 + Z**2 / number
        # The rate itself lies in it; rounding must not move it out.
        return max(0.0, min(rate, (middle - spread) / scale)), min(1.0, max(rate, (middle + spread) / scale))

    @property
    def between(self) -> str:
        """The interval as text, outwards to whole per cent."""
        low, high = self.interval
        return f"{floor(low * 100)}–{ceil(high * 100)}\N{NO-BREAK SPACE}%"


def percent(rate: float) -> str:
    """`12 %`, `3.4 %`, on one line; neither nothing nor everything is said of what is only nearly so."""
    if 0 < rate < 0.001:
        number = "<0.1"
    elif 0.999 < rate < 1:
        number = ">99.9"
    else:
        number = f"{100 * rate:.{0 if rate in (0, 1) or 0.1 <= rate < 0.99 else 1}f}"
    return f"{number}\N{NO-BREAK SPACE}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleNumbers:
    """What one rule did. The names are those of RuleHour; `first` is the first hour with an action in it."""

    tracked: int = 0
    unknown: int = 0
    decided: int = 0
    challenged: int = 0
    passed: int = 0
    passed_at_once: int = 0
    shadow_challenged: int = 0
    shadow_passed: int = 0
    fired: Mapping[Outcome, int]
    shadow: Mapping[Outcome, int]
    first: datetime | None = None
    last_fired_at: datetime | None = None

    @classmethod
    def of(cls, sums: Mapping[str, Any], **more: Any) -> Self:
        """From a sum of each column; what is not there is nothing."""
        number: dict[str, Any] = {name: sums.get(name) or 0 for name in SUMMED}
        split = {kind: {one: number.pop(f"{kind}_{one.lower()}") for one in Outcome} for kind in ("fired", "shadow")}
        return cls(fired=split["fired"], shadow=split["shadow"], **number, **more)

    @property
    def times_fired(self) -> int:
        return sum(self.fired.values())

    @property
    def times_shadowed(self) -> int:
        return sum(self.shadow.values())

    @property
    def hits(self) -> int:
        return self.times_fired + self.times_shadowed

    @property
    def hit_share(self) -> Share:
        return Share(self.hits, self.tracked)

    @property
    def unknown_share(self) -> Share:
        return Share(self.unknown, self.tracked)

    @property
    def passed_share(self) -> Share:
        return Share(self.passed, self.challenged)

    @property
    def passed_at_once_share(self) -> Share:
        return Share(self.passed_at_once, self.challenged)

    @property
    def shadow_passed_share(self) -> Share:
        return Share(self.shadow_passed, self.shadow_challenged)


NOTHING: Final = RuleNumbers.of({})


def of_action(configuration: ActionConfiguration, now: datetime) -> dict[uuid.UUID, RuleNumbers]:
    """The last DAYS of every rule that was active in an action tracked since; how long ago it last fired, further."""
    rows = RuleHour.objects.filter(configuration=configuration).order_by().values("rule_id")
    further = {row["rule_id"]: row for row in rows.annotate(first=Min("hour"), last=Max("last_fired_at"))}
    recent = {row["rule_id"]: row for row in rows.filter(hour__gte=first_hour(now)).annotate(**_sums())}
    return {
        rule_id: RuleNumbers.of(recent.get(rule_id, {}), first=row["first"], last_fired_at=row["last"])
        for rule_id, row in further.items()
    }


def by_day(configuration: ActionConfiguration, rule_id: uuid.UUID, now: datetime) -> dict[date, RuleNumbers]:
    """Each of the last DAYS, UTC, oldest first."""
    first = first_hour(now)
    rows = RuleHour.objects.filter(configuration=configuration, rule_id=rule_id, hour__gte=first).order_by()
    days = rows.annotate(day=TruncDate("hour", tzinfo=UTC)).values("day").annotate(**_sums())
    found = {row["day"]: RuleNumbers.of(row) for row in days}
    every = (first.date() + timedelta(days=number) for number in range(DAYS))
    return {day: found.get(day, NOTHING) for day in every}


def _sums() -> dict[str, Sum]:
    return {name: Sum(name) for name in SUMMED}
