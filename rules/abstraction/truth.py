"""What a condition says of one event: Kleene's true, false or unknown (None)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from rules.condition_tree import Comparison, Group, Node, Not
from rules.engine import RuleSpec
from rules.lists import NOWHERE, Circumstances
from rules.registry import DataPoint
from rules.trace import judged
from rules.types import MISSING, Truth, comparable

# The operation that is true of a missing value, of empty text and of no choices, and unknown of a wrong kind.
EMPTY: Final = "missing"


@dataclass(frozen=True, slots=True)
class Event:
    """JSON values by the key of their data point, without those that are missing; and as they are compared."""

    values: Mapping[str, Any]
    compared: Mapping[str, Any]
    around: Circumstances = NOWHERE

    @classmethod
    def of(cls, values: Mapping[str, Any], points: Iterable[DataPoint], around: Circumstances = NOWHERE) -> Self:
        given = {point.key: point for point in points if values.get(point.key, MISSING) is not MISSING}
        kept = {key: values[key] for key in given}
        return cls(kept, {key: comparable(point.kind, values[key]) for key, point in given.items()}, around)


def fires(rule: RuleSpec, tree: Node | None, event: Event) -> bool:
    """Whether the rule with these conditions fires; one without conditions never does."""
    truth = False if tree is None else verdict(tree, event)
    return bool(truth) or (truth is None and rule.fires_on_unknown)


def verdict(node: Node, event: Event) -> Truth:
    """The same as the engine's, node by node."""
    match node:
        case Comparison(point=point):
            key = point.key
            return judged(node, event.compared.get(key), raw=event.values.get(key), around=event.around)
        case Group(symbol=symbol):
            return _joined([verdict(child, event) for child in node.children], final=symbol == "or")
        case Not():
            truth = verdict(node.child, event)
            return None if truth is None else not truth
        case _:
            return None


def _joined(truths: list[Truth], *, final: bool) -> Truth:
    if final in truths:
        return final
    return None if None in truths else not final
