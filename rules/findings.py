"""What the analysis of a draft found, for its pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rules.analyser import Finding, FindingKind, analyse
from rules.engine import RuleSpec
from rules.models import ActionConfiguration
from rules.registry import CustomPoint, UnknownDataPoint, by_key, lookup
from rules.rule_form import custom_points_of
from rules.sent import SentKeys

# 200 rules take a third of this; what is not decided in time is left unsaid, and that is told.
BUDGET_SECONDS: Final = 2.0
# Whether the rules then do something else than they look like.
GRAVE: Final = frozenset({FindingKind.NEVER_FIRES, FindingKind.UNREACHABLE, FindingKind.CONTRADICTION})


@dataclass(frozen=True, slots=True)
class Findings:
    """For a reader; `is_whole` unless time was too short to look for all there may be."""

    told: "list[Told]"
    is_whole: bool

    def __bool__(self) -> bool:
        return bool(self.told) or not self.is_whole


@dataclass(frozen=True, slots=True)
class Told:
    """A finding for a reader: the rule, the text, and an event that shows it, by the labels of its data points."""

    rule_id: str
    rule: str
    text: str
    is_grave: bool
    event: tuple[tuple[str, Any], ...]


def of_draft(configuration: ActionConfiguration, *, sent: SentKeys | None) -> Findings:
    """Findings about the rules as they were saved last; `sent` is what the tenant sends, where that is known."""
    points = custom_points_of(configuration.tenant)
    specs = [RuleSpec.from_json(rule.snapshot()) for rule in configuration.rules.all()]
    names = {spec.rule_id: spec.name for spec in specs}
    found = analyse(specs, custom_points=points, sent=sent, budget_seconds=BUDGET_SECONDS)
    return Findings([_told(one, names, points) for one in found.findings], found.is_whole)


def _told(finding: Finding, names: Mapping[str, str], points: list[CustomPoint]) -> Told:
    index = by_key(points)

    def label(key: str) -> str:
        try:
            return lookup(key, index).label
        except UnknownDataPoint:
            return key

    event = tuple((label(key), value) for key, value in sorted(finding.witness.items()))
    return Told(finding.rule_id, names[finding.rule_id], finding.text, finding.kind in GRAVE, event)
