"""What a colleague made of a rule while somebody else had its page open."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from django.contrib.auth.models import User

from rules.models import ActionConfiguration, PolicyVersion, Rule
from rules.rule_form import fingerprint, fingerprint_of
from rules.version_words import Words, told
from rules.versions import Snapshot, difference

# Versions looked at for the rule as the page showed it.
_LOOKED_AT: Final = 50


@dataclass(frozen=True, slots=True)
class Overtaken:
    """`now` is the fingerprint of the rule as it is. `changes`, `author` and `at` (of the last change) are None or
    empty where that is not known any more."""

    now: str
    changes: Words | None = None
    author: str = ""
    at: datetime | None = None


def overtaken(rule: Rule, configuration: ActionConfiguration, *, seen: str) -> Overtaken:
    """What differs between the stored rule and the one with the fingerprint that was seen."""
    now = fingerprint(rule)
    newest = list(configuration.versions.order_by("-version")[:_LOOKED_AT])
    before = next((kept for kept in newest if _print(kept, rule) == seen), None)
    if before is None:
        return Overtaken(now)
    change = next((kept for kept, older in pairwise(newest) if _print(older, rule) != now), newest[0])
    found = difference(_alone(before, rule), _alone(newest[0], rule))
    # The settings of the action are no part of the rule.
    return Overtaken(now, replace(told(found), settings=()), _name(configuration, change), change.created_at)


def _entry(kept: PolicyVersion, rule: Rule) -> dict[str, Any] | None:
    return next((entry for entry in kept.rules if entry["ruleId"] == str(rule.pk)), None)


def _print(kept: PolicyVersion, rule: Rule) -> str:
    entry = _entry(kept, rule)
    return fingerprint_of(entry) if entry else ""


def _alone(kept: PolicyVersion, rule: Rule) -> Snapshot:
    """The version as if it held this rule only, and without its place."""
    entry = _entry(kept, rule)
    return Snapshot("", [entry | {"priority": 0}] if entry else [], kept.custom_points)


def _name(configuration: ActionConfiguration, kept: PolicyVersion) -> str:
    members = User.objects.filter(memberships__tenant=configuration.tenant)
    names = members.filter(pk__in=[kept.author_id]).values_list("username", flat=True)
    return next(iter(names), "")
