"""What the analysis of a draft found, for its pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rules.analyser import Finding, FindingKind, analyse
from rules.choice_words import told
from rules.condition_tree import comparisons_in, read
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
    """A finding for a reader: the rule, the text, and an event that shows it, by the labels of its data points.

    Of a rule that never fires there is no event: on every one it does not.
    """

    rule_id: str
    rule: str
    text: str
    is_grave: bool
    event: tuple[tuple[str, str], ...] | None


def of_draft(configuration: ActionConfiguration, *, sent: SentKeys | None) -> Findings:
    """Findings about the rules as they were saved last; `sent` is what the tenant sends, where that is known."""
    points = custom_points_of(configuration.tenant)
    specs = [RuleSpec.from_json(rule.snapshot()) for rule in configuration.rules.all()]
    rules = {spec.rule_id: spec for spec in specs}
    found = analyse(specs, custom_points=points, sent=sent, budget_seconds=BUDGET_SECONDS)
    return Findings([_told(one, rules, points) for one in found.findings], found.is_whole)


def _told(finding: Finding, rules: Mapping[str, RuleSpec], points: list[CustomPoint]) -> Told:
    event = None if finding.kind is FindingKind.NEVER_FIRES else _event(finding, rules, points)
    rule = rules[finding.rule_id]
    return Told(finding.rule_id, rule.name, finding.text, finding.kind in GRAVE, event)


def _event(finding: Finding, rules: Mapping[str, RuleSpec], points: list[CustomPoint]) -> tuple[tuple[str, str], ...]:
    """The witness, as far as the rules that the finding is about ask for it."""
    index = by_key(points)
    trees = [read(rules[ident].conditions, custom_points=points)[0] for ident in (finding.rule_id, *finding.others)]
    keys = {one.point.key for tree in trees if tree is not None for one in comparisons_in(tree)}

    def label(key: str) -> str:
        try:
            return lookup(key, index).label
        except UnknownDataPoint:
            return key

    return tuple((label(key), told(key, value)) for key, value in sorted(finding.witness.items()) if key in keys)
