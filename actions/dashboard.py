"""The first page: how the last days went, what happened last, what rules rest on in vain, how old address data is."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db import OperationalError
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from actions import chart, ip_intel, reliance
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
BAR_WIDTH, BAR_STEP = 28, 44
# What each kind of address data tells.
ADDRESS_DATA: Final[Mapping[str, Promise]] = {
    "country": _("Which country"),
    "city": _("Which city"),
    "asn": _("Whose network"),
    "anonymous": _("Tor, VPN, proxy or hosting"),
    "tor": _("Tor"),
    "vpn": _("VPN"),
    "proxy": _("Proxy"),
    "hosting": _("Hosting"),
    "trusted": _("Trusted addresses"),
}


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
        "chart_height": chart.HEIGHT,
        "latest": [listed(row) for row in mine.select_related("user").order_by("-created_at")[:LATEST]],
        "has_actions": ActionConfiguration.objects.filter(tenant=here.tenant).exists(),
        "sources": [_source(one) for one in ip_intel.sources()],
        "source_problem": ip_intel.problem(),
        "alarms": _alarms(here),
    }


def _source(one: ip_intel.Source) -> dict[str, Any]:
    told = ", ".join(str(ADDRESS_DATA.get(kind, kind)) for kind in one.kind.split(", "))
    return {"source": one, "told": told, "is_old": (one.age_days or 0) > OLD_DAYS}


def _alarms(here: Access) -> list[reliance.Finding] | None:
    """None where they could not be looked up in time."""
    try:
        return reliance.alarms(here.tenant)
    except OperationalError:
        return None


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
    sums = {first + timedelta(days=number): dict.fromkeys(Outcome, 0) for number in range(DAYS)}
    for row in counts:
        if row["day"] in sums:
            sums[row["day"]][Outcome(row["outcome"])] += row["number"]
    return chart.bars(sums, width=BAR_WIDTH, step=BAR_STEP)
