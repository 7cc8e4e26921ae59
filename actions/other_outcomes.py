"""What would have changed the outcome of an action, for its page. Staff only: thresholds are told."""

from dataclasses import dataclass
from typing import Any, Final

from actions.models import ActionFacts
from authenticators import contact
from authsignal_portal import words
from authsignal_portal.access import Access, Right
from rules import policies
from rules.condition_tree import read
from rules.counterfactual import Change, better_outcomes
from rules.engine import RuleSpec, values_of
from rules.lists import Circumstances
from rules.models import PolicyVersion
from rules.registry import CustomPoint

CONTACTS: Final = frozenset({"user.email", "user.phoneNumber"})
HIDDEN: Final = "{label} is another one"


@dataclass(frozen=True, slots=True)
class Better:
    """A better outcome, and the ways to it: each the texts of the fewest changes that lead there together."""

    outcome: str
    title: Any
    ways: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The better outcomes, the best first; `is_whole` unless time was too short to look for all."""

    outcomes: list[Better]
    is_whole: bool


def better(facts: ActionFacts, kept: PolicyVersion, around: Circumstances, here: Access) -> Found:
    """The better outcomes that other facts would have led to, by the rules of then."""
    points = policies.custom_points(kept)
    specs = [spec for spec in policies.specs(kept) if spec.is_active and not spec.is_shadow]
    found = better_outcomes(
        _values(facts.opened(), specs, points),
        rules=specs,
        default_outcome=kept.default_outcome,
        custom_points=points,
        around=around,
    )
    ways: dict[str, list[tuple[str, ...]]] = {}
    for one in found.change_sets:
        ways.setdefault(one.outcome, []).append(tuple(_text(change, here) for change in one.changes))
    outcomes = [Better(outcome, words.OUTCOMES.get(outcome, outcome), tuple(each)) for outcome, each in ways.items()]
    return Found(outcomes, found.is_whole)


def _values(known: dict[str, Any], specs: list[RuleSpec], points: list[CustomPoint]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for spec in specs:
        values |= values_of(known, read(spec.conditions, custom_points=points)[0])
    return values


def _text(change: Change, here: Access) -> str:
    """Contact details in full only for those who may see them."""
    if change.key not in CONTACTS or here.may(Right.SUPPORT):
        return change.text
    before = contact.mask(change.before) if isinstance(change.before, str) else "missing"
    return f"{HIDDEN.format(label=change.label)} (it was {before})"
