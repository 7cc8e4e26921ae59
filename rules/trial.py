"""What the rows on a page make of one action, past or made up. Nothing is stored.

A *case* is the facts of that action. What the case cannot tell is unknown, and says why.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rules import condition_tree
from rules.condition_tree import Comparison, Group, Node, Not, Unreadable
from rules.engine import values_of
from rules.facts import Known
from rules.forms import Written
from rules.lists import NOWHERE, Circumstances
from rules.registry import VELOCITY, CustomPoint
from rules.trace import FALSE, TRUE, UNKNOWN, ConditionTrace, trace

HIDDEN: Final = "Your role does not see this value."
NOT_THERE: Final = "There was no value."
NOT_COUNTED: Final = "This was not counted for that action."
CAPPED: Final = "That action was counted only as far as {cap:,}."


@dataclass(frozen=True, slots=True)
class PastAction:
    """A stored action to choose: its id, what it is called, and whether it is of the rule's own action code."""

    ident: str
    label: str
    is_of_code: bool


@dataclass(frozen=True, slots=True)
class Case:
    """The facts of one action and what was around it.

    `hidden` are data points that whoever looks may not know. `caps` tells how far each velocity was counted (by key);
    None: every number that is there is exact, and one that is not there is missing.
    """

    known: Known
    around: Circumstances = NOWHERE
    hidden: frozenset[str] = frozenset()
    caps: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """The verdict on the whole rule, whether it would fire, and the trace of each row by its number."""

    verdict: str = FALSE
    fires: bool = False
    rows: Mapping[int, ConditionTrace] = field(default_factory=dict)


def tried(
    written: Written, case: Case, *, custom_points: Iterable[CustomPoint] = (), fires_on_unknown: bool = False
) -> Tried:
    """What the rows that are finished make of the case."""
    tree, _ = condition_tree.read(written.conditions, custom_points=custom_points)
    if tree is None:
        return Tried()
    values = values_of(case.known, tree)
    top = trace(_told(tree, case, values), values, case.around)
    rows = {written.places[one.path]: one for one in _all(top) if one.path in written.places}
    return Tried(top.verdict, top.verdict == TRUE or (top.verdict == UNKNOWN and fires_on_unknown), rows)


def _all(top: ConditionTrace) -> Iterable[ConditionTrace]:
    yield top
    for child in top.children:
        yield from _all(child)


def _told(node: Node, case: Case, values: Mapping[str, object]) -> Node:
    """The tree, with what the case cannot tell made unreadable, hence unknown."""
    match node:
        case Group(path=path, symbol=symbol, children=children):
            return Group(path, symbol, tuple(_told(child, case, values) for child in children))
        case Not(path=path, child=child):
            return Not(path, _told(child, case, values))
        case Comparison(path=path):
            why = _untold(node, case, values.get(node.point.key))
            return Unreadable(path, why) if why else node
        case _:
            return node


def _untold(node: Comparison, case: Case, value: object) -> str:
    key = node.point.key
    if key in case.hidden:
        return HIDDEN
    if node.point.category != VELOCITY:
        return ""
    if case.caps is None:
        return NOT_THERE if value is None and not node.operator.takes_raw else ""
    cap = case.caps.get(key)
    if cap is None:
        return NOT_COUNTED
    # A number that reached the cap may have been any higher one.
    if isinstance(value, (int, float)) and value >= cap and _highest(node) >= cap:
        return CAPPED.format(cap=int(cap))
    return ""


def _highest(node: Comparison) -> float:
    """The highest number that the comparison asks for; without end where a list may hold any."""
    literals = node.literal if isinstance(node.literal, list) else [node.literal]
    numbers = [one for one in literals if isinstance(one, (int, float))]
    return float("inf") if node.operator.shape.names_list else max(numbers, default=0)
