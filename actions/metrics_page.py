"""The pages of what an action's rules did, and of what they rest on."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import OperationalError
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext as now_text
from django.utils.translation import gettext_lazy as _

from actions import chart, liveness, reliance, rule_numbers
from actions.models import Action, Counting
from actions.reliance import Lack
from actions.rule_metrics import DAYS, PASSED_SOON, SETTLED, first_hour, hour_of
from actions.rule_numbers import ENOUGH, RuleNumbers, Share
from authsignal_portal import words
from authsignal_portal.access import Access
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Outcome
from rules import policies
from rules.engine import RuleSpec
from rules.models import ActionConfiguration
from rules.sent import Effect

BAR_WIDTH, BAR_STEP = 9, 12
# The worker counts every five minutes.
OVERDUE = timedelta(minutes=15)
# Of the actions that a rule was looked at in, this share undecided is worth a hint.
OFTEN_UNKNOWN = 0.05
MOST_UNDECLARED = 20

LACKS: Mapping[str, tuple[Promise, str]] = {
    Lack.STOPPED: (_("Stopped arriving"), "bad"),
    Lack.ABSENT: (_("Never arrives"), "warning"),
    Lack.CONSTANT: (_("Never varies"), ""),
}
EFFECTS: Mapping[str, Promise] = {
    Effect.NEVER: _("It cannot fire."),
    Effect.ALWAYS: _("It fires on every action."),
    Effect.FIRES_IN_DOUBT: _("It fires wherever only this would tell, as it is set to when data is missing."),
    Effect.SILENT_IN_DOUBT: _("It does not fire where only this would tell."),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One rule and its numbers. `is_kept`: it has a page still."""

    configuration_id: uuid.UUID
    rule_id: uuid.UUID
    spec: RuleSpec
    is_in_force: bool
    is_kept: bool
    numbers: RuleNumbers
    now: datetime

    @property
    def days(self) -> int:
        return DAYS

    @property
    def outcome(self) -> str:
        return str(words.OUTCOMES[self.spec.outcome])

    @property
    def silence(self) -> str:
        """What is to be said of a rule that hit nothing; empty where it did."""
        if self.numbers.hits or not self.numbers.tracked:
            return ""
        began = self.numbers.first
        if began is not None and began >= first_hour(self.now) + timedelta(days=1):
            return now_text("Has not fired yet")
        return now_text("Never fired in %(days)s days") % {"days": DAYS}

    @property
    def came_out(self) -> list[tuple[str, str, Share]]:
        return outcomes(self.numbers.fired)

    @property
    def shadow_came_out(self) -> list[tuple[str, str, Share]]:
        return outcomes(self.numbers.shadow)

    @property
    def is_often_unknown(self) -> bool:
        return self.numbers.unknown > OFTEN_UNKNOWN * self.numbers.tracked


def outcomes(numbers: Mapping[Outcome, int]) -> list[tuple[str, str, Share]]:
    """Each that occurred: the outcome, its word, its share."""
    total = sum(numbers.values())
    return [(one.value, str(words.OUTCOMES[one]), Share(number, total)) for one, number in numbers.items() if number]


def lines(configuration: ActionConfiguration, now: datetime) -> dict[uuid.UUID, Line]:
    """Every rule, in order: as it is in force or, where it is not, as it was saved. Those deleted since at the end."""
    numbers = rule_numbers.of_action(configuration, now)
    published = {uuid.UUID(spec.rule_id): spec for spec in policies.specs(configuration.published())}
    saved = {rule.pk: RuleSpec.from_json(rule.snapshot()) for rule in configuration.rules.all()}
    return {
        rule_id: Line(
            configuration_id=configuration.pk,
            rule_id=rule_id,
            spec=published.get(rule_id) or saved[rule_id],
            is_in_force=rule_id in published and published[rule_id].is_active,
            is_kept=rule_id in saved,
            numbers=numbers.get(rule_id, rule_numbers.NOTHING),
            now=now,
        )
        for rule_id in {**saved, **published}
    }


def of_action(here: Access, configuration: ActionConfiguration) -> dict[str, Any]:
    return {
        "configuration": configuration,
        "lines": list(lines(configuration, here.now).values()),
        "days": DAYS,
        "enough": ENOUGH,
        **counted(here),
        **sent(here.tenant, configuration),
    }


def of_rule(here: Access, configuration: ActionConfiguration, rule_id: uuid.UUID) -> dict[str, Any]:
    """Raises Http404."""
    line = lines(configuration, here.now).get(rule_id)
    if line is None:
        raise Http404
    days = rule_numbers.by_day(configuration, rule_id, here.now)
    return {
        "configuration": configuration,
        "line": line,
        "days": DAYS,
        "enough": ENOUGH,
        "by_day": list(reversed(days.items())),
        "charts": list(charts(days)),
        "chart_width": DAYS * BAR_STEP,
        "chart_height": chart.HEIGHT,
        **counted(here),
    }


def charts(days: Mapping[date, RuleNumbers]) -> Iterable[dict[str, Any]]:
    """One of where it fired and one of where, as a shadow rule, it would have; each only if it ever did."""
    for title, kind in ((_("Fired, by day"), "fired"), (_("Would have fired, by day"), "shadow")):
        sums: dict[date, Mapping[Outcome, int]] = {day: getattr(numbers, kind) for day, numbers in days.items()}
        total = {one: sum(day[one] for day in sums.values()) for one in Outcome}
        if any(total.values()):
            bars = chart.bars(sums, width=BAR_WIDTH, step=BAR_STEP)
            highest = max(bar["total"] for bar in bars)
            yield {"title": title, "kind": kind, "bars": bars, "highest": highest, "legend": outcomes(total)}


def counted(here: Access) -> dict[str, Any]:
    """How far the counting is, and what of that a reader must know."""
    so_far = Counting.objects.filter(tenant=here.tenant).first()
    if so_far is None:
        return {"as_of": None}
    newer = Action.objects.filter(tenant=here.tenant, created_at__gt=so_far.until)
    return {
        "as_of": so_far.until,
        "is_overdue": here.now - so_far.until > OVERDUE and newer.exists(),
        "behind_since": so_far.settled if so_far.settled < hour_of(here.now - SETTLED) - PASSED_SOON else None,
    }


def sent(tenant: Tenant, configuration: ActionConfiguration) -> dict[str, Any]:
    """What the action's rules rest on that is not there."""
    try:
        arrived = liveness.arrivals_of(tenant, configuration.action_code)
    except OperationalError:
        return {"too_slow": True}
    resting = reliance.of_action(configuration)
    found = reliance.findings(resting, arrived) if resting else []
    return {
        "looked_at": arrived.actions,
        "findings": [{"finding": one, "lack": LACKS[one.lack], "rules": _affected(one)} for one in found],
        "undeclared": [key.removeprefix("custom.") for key in reliance.undeclared(tenant, arrived)][:MOST_UNDECLARED],
    }


def _affected(finding: reliance.Finding) -> list[dict[str, Any]]:
    return [
        {"rule": one, "text": EFFECTS[one.effect] if one.effect else _("Conditions on it always come out the same.")}
        for one in finding.rules
    ]
