"""The first page: how the last seven days went, what happened last, how old the address data is."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncDate

from actions import ip_intel
from actions.activity_page import listed
from actions.models import Action
from authsignal_portal import words
from authsignal_portal.access import Access
from authsignal_portal.vocabulary import ActionState, Outcome
from rules.models import ActionConfiguration

DAYS = 7
# More than this is summed up from the newest ones, and the page says so.
MAX_COUNTED = 20_000
LATEST = 8
OLD_DAYS = 45
CHART_HEIGHT, BAR_WIDTH, BAR_STEP = 120, 28, 44


def context(here: Access) -> dict[str, Any]:
    first = here.now.astimezone(UTC).date() - timedelta(days=DAYS - 1)
    counts = list(_counts(here, first))
    total = sum(row["number"] for row in counts)
    mine = Action.objects.filter(tenant=here.tenant)
    return {
        "days": DAYS,
        "total": total,
        "is_cut": total >= MAX_COUNTED,
        "cards": _cards(counts),
        "challenges": _challenges(counts),
        "bars": _bars(counts, first),
        "chart_width": DAYS * BAR_STEP,
        "chart_height": CHART_HEIGHT,
        "latest": [listed(row) for row in mine.select_related("user").order_by("-created_at")[:LATEST]],
        "has_actions": ActionConfiguration.objects.filter(tenant=here.tenant).exists(),
        "sources": [{"source": one, "is_old": (one.age_days or 0) > OLD_DAYS} for one in ip_intel.sources()],
        "source_problem": ip_intel.problem(),
    }


def _counts(here: Access, first: date) -> Iterable[Any]:
    since = datetime.combine(first, time.min, UTC)
    newest = Action.objects.filter(tenant=here.tenant, created_at__gte=since).order_by("-created_at")
    capped = Action.objects.filter(pk__in=newest.values("pk")[:MAX_COUNTED])
    by_day = capped.annotate(day=TruncDate("created_at", tzinfo=UTC)).order_by()
    return by_day.values("day", "outcome", "state").annotate(number=Count("pk"))


def _cards(counts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"title": words.OUTCOMES[outcome], "outcome": outcome.value, "number": _number(counts, outcome=outcome)}
        for outcome in Outcome
    ]


def _challenges(counts: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the actions that were challenged, how many were passed; in per cent, None where there were none."""
    challenged = _number(counts, outcome=Outcome.CHALLENGE)
    passed = _number(counts, outcome=Outcome.CHALLENGE, state=ActionState.CHALLENGE_SUCCEEDED)
    return {
        "challenged": challenged,
        "passed": passed,
        "rate": round(100 * passed / challenged) if challenged else None,
    }


def _number(counts: list[dict[str, Any]], **wanted: str) -> int:
    return sum(row["number"] for row in counts if all(row[name] == value for name, value in wanted.items()))


def _bars(counts: list[dict[str, Any]], first: date) -> list[dict[str, Any]]:
    """A stack of outcomes for each day, in the units of the picture."""
    days = [first + timedelta(days=number) for number in range(DAYS)]
    sums = {day: dict.fromkeys(Outcome, 0) for day in days}
    for row in counts:
        if row["day"] in sums:
            sums[row["day"]][Outcome(row["outcome"])] += row["number"]
    highest = max((sum(day.values()) for day in sums.values()), default=0) or 1
    return [_bar(place, day, sums[day], highest) for place, day in enumerate(days)]


def _bar(place: int, day: date, sums: dict[Outcome, int], highest: int) -> dict[str, Any]:
    top, parts = float(CHART_HEIGHT), []
    for outcome, number in sums.items():
        height = round(number / highest * (CHART_HEIGHT - 8), 2)
        top -= height
        if number:
            parts.append({"outcome": outcome.value, "y": round(top, 2), "height": height})
    x = place * BAR_STEP + (BAR_STEP - BAR_WIDTH) // 2
    numbers = [(words.OUTCOMES[outcome], number) for outcome, number in sums.items()]
    return {
        "day": day,
        "x": x,
        "middle": x + BAR_WIDTH // 2,
        "width": BAR_WIDTH,
        "parts": parts,
        "numbers": numbers,
        "total": sum(sums.values()),
    }
