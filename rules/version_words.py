"""A difference between two versions in the words of the portal."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authsignal_portal import words
from rules.condition_changes import ConditionsChange
from rules.models import CustomDataPoint, Rule
from rules.versions import CHANGED, NEW, REMOVED, Change, Difference, Renumbered, RuleChange

LABELS: Final = {
    "name": gettext_lazy("Name"),
    "description": gettext_lazy("Description"),
    "outcome": gettext_lazy("Outcome"),
    "place": gettext_lazy("Place"),
    "isActive": gettext_lazy("Active"),
    "isShadow": gettext_lazy("Shadow"),
    "whenUnknown": gettext_lazy("When data is missing"),
    "verificationMethods": gettext_lazy("Permitted methods"),
    "defaultVerificationMethod": gettext_lazy("Method shown first"),
    "promptToEnrollVerificationMethods": gettext_lazy("Ask to set up"),
    "defaultOutcome": gettext_lazy("Default outcome"),
}
# What became of a rule, and the tone of the word.
KINDS: Final = {
    NEW: (gettext_lazy("New"), "good"),
    CHANGED: (gettext_lazy("Changed"), "info"),
    REMOVED: (gettext_lazy("Removed"), "bad"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that differs; without `before` it is told as it is, for a rule that is new or removed as a whole."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RuleWords:
    rule_id: str
    name: str
    kind: str
    word: str
    tone: str
    rows: tuple[Row, ...]
    conditions: ConditionsChange | None


@dataclass(frozen=True, slots=True)
class Words:
    """A difference, ready for the page. `settings` are the default outcome and the custom data points; where only the
    priority numbers are others, `numbers_only`."""

    rules: tuple[RuleWords, ...]
    places: tuple[Row, ...]
    numbers_only: bool
    settings: tuple[Row, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.rules or self.places or self.numbers_only or self.settings)


def told(found: Difference) -> Words:
    settings = [_row(found.default_outcome)] if found.default_outcome else []
    settings += [
        Row(_("Custom data point %(key)s") % {"key": change.field}, _kind(change.before), _kind(change.after))
        for change in found.custom_points
    ]
    return Words(
        rules=tuple(_rule(rule) for rule in found.rules),
        places=tuple(Row(rule.name, str(rule.before), str(rule.after)) for rule in _shifted(found)),
        numbers_only=_numbers_only(found),
        settings=tuple(settings),
    )


def summary(found: Difference) -> str:
    """`1 rule new, 2 rules changed`: what kinds of difference there are, in one line."""
    new, changed, removed = (len(found.of_kind(kind)) for kind in (NEW, CHANGED, REMOVED))
    counted = [
        (new, ngettext("%(number)s rule new", "%(number)s rules new", new)),
        (changed, ngettext("%(number)s rule changed", "%(number)s rules changed", changed)),
        (removed, ngettext("%(number)s rule removed", "%(number)s rules removed", removed)),
        (len(_shifted(found)), _("new places")),
        (_numbers_only(found), _("other priority numbers in the same order")),
        (found.default_outcome, _("another default outcome")),
        (len(found.custom_points), _("other custom data points")),
    ]
    return ", ".join(text % {"number": number} for number, text in counted if number)


def _shifted(found: Difference) -> list[Renumbered]:
    return [rule for rule in found.renumbered if rule.before != rule.after]


def _numbers_only(found: Difference) -> bool:
    return bool(found.renumbered) and not _shifted(found)


def _rule(rule: RuleChange) -> RuleWords:
    rows = [_row(change) for change in rule.changes]
    if rule.kind == NEW:
        rows = [replace(row, before="") for row in rows]
    if rule.kind == REMOVED:
        rows = [Row(row.label, "", row.before) for row in rows]
    word, tone = KINDS[rule.kind]
    return RuleWords(rule.rule_id, rule.name, rule.kind, str(word), tone, tuple(rows), rule.conditions)


def _row(change: Change) -> Row:
    label = str(LABELS.get(change.field, change.field))
    return Row(label, value(change.field, change.before), value(change.field, change.after))


def value(field: str, stored: Any) -> str:
    """One value of a snapshot. Whatever stands for nothing says what holds then."""
    match field:
        case "isActive" | "isShadow":
            return _("Yes") if stored else _("No")
        case "outcome" | "defaultOutcome":
            return str(words.OUTCOMES.get(stored, stored or ""))
        case "whenUnknown":
            return str(dict(Rule.WhenUnknown.choices).get(stored, stored or ""))
        case "verificationMethods" | "promptToEnrollVerificationMethods":
            return _methods(stored or [])
        case "defaultVerificationMethod":
            return _methods([stored] if stored else [])
        case _:
            return "" if stored is None else str(stored)


def _methods(names: Iterable[str]) -> str:
    return ", ".join(words.method(name) for name in names) or _("as the action says")


def _kind(kind: str | None) -> str:
    return str(dict(CustomDataPoint.DataType.choices).get(kind or "", kind or ""))
