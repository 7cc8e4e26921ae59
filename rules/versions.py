"""What differs between two versions of an action's rules: rule by rule, condition by condition.

A *snapshot* is what a version holds. Conditions are told in the words of `rules.sentence`, and where a rule stands by
its *place*, from 1 on, as the list of the rules numbers them; every other value is left as the snapshots have it. Two
snapshots differ in nothing if and only if their difference is false.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from rules.condition_changes import ConditionsChange, Side, compare, to_json
from rules.registry import CustomPoint

NEW, CHANGED, REMOVED = "new", "changed", "removed"
# The order in which a reader wants to know; a field that is not among them comes last.
FIELDS: Final = (
    "name",
    "description",
    "outcome",
    "place",
    "isActive",
    "isShadow",
    "whenUnknown",
    "verificationMethods",
    "defaultVerificationMethod",
    "promptToEnrollVerificationMethods",
)

RuleJson = Mapping[str, Any]
Points = tuple[list[CustomPoint], list[CustomPoint]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`rules` are as `Rule.snapshot` writes them, in any order; `custom_points` as `CustomDataPoint.snapshot` does."""

    default_outcome: str
    rules: Sequence[RuleJson] = ()
    custom_points: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One field. None stands for nothing, for nothing chosen and for no."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that is NEW, CHANGED or REMOVED. `name` is the newer one; `conditions` is None where they are the same."""

    rule_id: str
    name: str
    kind: str
    changes: tuple[Change, ...]
    conditions: ConditionsChange | None


@dataclass(frozen=True, slots=True)
class Renumbered:
    """A rule with another priority that stands among the others as it did. `before` and `after` are its places: the
    same one where only the numbers changed."""

    rule_id: str
    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Difference:
    """`custom_points` are changes whose field is the point's key and whose values are kinds."""

    rules: tuple[RuleChange, ...]
    renumbered: tuple[Renumbered, ...]
    default_outcome: Change | None
    custom_points: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.rules or self.renumbered or self.default_outcome or self.custom_points)

    def of_kind(self, kind: str) -> tuple[RuleChange, ...]:
        return tuple(rule for rule in self.rules if rule.kind == kind)


def difference(before: Snapshot, after: Snapshot) -> Difference:
    """What a reader of `after` must know who knows `before`."""
    old, new = _by_id(before.rules), _by_id(after.rules)
    points = _points(before), _points(after)
    moved = _moved([ident for ident in old if ident in new], [ident for ident in new if ident in old])
    return Difference(
        rules=tuple(_rule_changes(old, new, points, moved)),
        renumbered=tuple(_renumbered(old, new, moved)),
        default_outcome=_default_outcome(before, after),
        custom_points=tuple(_point_changes(*points)),
    )


def _rule_changes(
    old: dict[str, RuleJson], new: dict[str, RuleJson], points: Points, moved: set[str]
) -> Iterator[RuleChange]:
    rules = old | new
    for ident in sorted(rules, key=lambda ident: (rules[ident]["priority"], ident)):
        if ident not in old:
            yield _only_after(new[ident], points[1])
        elif ident not in new:
            yield _only_before(old[ident], points[0])
        elif change := _both(old[ident], new[ident], points, moved=ident in moved):
            yield change


def _default_outcome(before: Snapshot, after: Snapshot) -> Change | None:
    if before.default_outcome == after.default_outcome:
        return None
    return Change("defaultOutcome", before.default_outcome, after.default_outcome)


def _by_id(rules: Iterable[RuleJson]) -> dict[str, RuleJson]:
    in_order = sorted(rules, key=lambda rule: (rule["priority"], rule["ruleId"]))
    return {rule["ruleId"]: {**rule, "place": place} for place, rule in enumerate(in_order, start=1)}


def _points(snapshot: Snapshot) -> list[CustomPoint]:
    return [CustomPoint.from_json(point) for point in snapshot.custom_points]


def _moved(before: Sequence[str], after: Sequence[str]) -> set[str]:
    """Those that explain the new order: the others stand among each other as they did."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    stayed = {ident for block in matcher.get_matching_blocks() for ident in before[block.a : block.a + block.size]}
    return set(before) - stayed


def _renumbered(old: Mapping[str, RuleJson], new: Mapping[str, RuleJson], moved: set[str]) -> Iterator[Renumbered]:
    for ident, rule in new.items():
        before = old.get(ident)
        if before is None or before["priority"] == rule["priority"]:
            continue
        if ident not in moved or before["place"] == rule["place"]:
            yield Renumbered(ident, rule["name"], before["place"], rule["place"])


def _point_changes(before: Sequence[CustomPoint], after: Sequence[CustomPoint]) -> Iterator[Change]:
    old, new = ({point.key: str(point.kind) for point in points} for points in (before, after))
    for key in sorted(old | new):
        if old.get(key) != new.get(key):
            yield Change(key, old.get(key), new.get(key))


# -- one rule ------------------------------------------------------------------------------------


def _only_after(rule: RuleJson, points: Sequence[CustomPoint]) -> RuleChange:
    changes = tuple(Change(field, None, value) for field, value in _told(rule))
    conditions = ConditionsChange("", Side(rule["conditions"], points).sentence)
    return RuleChange(rule["ruleId"], rule["name"], NEW, changes, conditions)


def _only_before(rule: RuleJson, points: Sequence[CustomPoint]) -> RuleChange:
    changes = tuple(Change(field, value, None) for field, value in _told(rule))
    conditions = ConditionsChange(Side(rule["conditions"], points).sentence, "")
    return RuleChange(rule["ruleId"], rule["name"], REMOVED, changes, conditions)


def _told(rule: RuleJson) -> Iterator[tuple[str, Any]]:
    for field in dict.fromkeys([*FIELDS, *rule]):
        if field not in ("ruleId", "name", "conditions", "priority") and rule.get(field) not in (None, "", []):
            yield field, rule[field]


def _both(old: RuleJson, new: RuleJson, points: Points, *, moved: bool) -> RuleChange | None:
    changes = tuple(_changes(old, new, moved=moved))
    conditions = compare(Side(old["conditions"], points[0]), Side(new["conditions"], points[1]))
    if not changes and not conditions:
        return None
    return RuleChange(new["ruleId"], new["name"], CHANGED, changes, conditions)


def _changes(old: RuleJson, new: RuleJson, *, moved: bool) -> Iterator[Change]:
    for field in dict.fromkeys([*FIELDS, *old, *new]):
        if field == "place" and moved and old["priority"] != new["priority"] and old[field] != new[field]:
            yield Change(field, old[field], new[field])
        if field not in ("ruleId", "conditions", "priority", "place"):
            before, after = old.get(field) or None, new.get(field) or None
            if to_json(before) != to_json(after):
                yield Change(field, before, after)
