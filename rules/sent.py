"""What a tenant's backend sends, and what is left of conditions on data points that never arrive. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rules.condition_tree import Comparison, Group, Node, Not
from rules.lists import NOWHERE
from rules.registry import VELOCITY, DataPoint
from rules.trace import judged
from rules.velocity import THIS, parse


@dataclass(frozen=True, slots=True)
class SentKeys:
    """The data points that had a value in any of a tenant's newest `actions` of one code, by their place in the facts.

    No velocity is among them: it is worked out only where a rule asks for it. What to look for is told by `needs`.
    """

    keys: frozenset[str]
    actions: int


# What a velocity counts by, where an action may come without it.
_SCOPES: Final = {
    "device": "device.id",
    "address": "ip.address",
    "phoneNumber": "user.phoneNumber",
    "emailDomain": "user.email",
}


def needs(point: DataPoint) -> tuple[str, ...]:
    """The keys that must arrive for the data point to say anything: its place in the facts.

    For a velocity, what it counts by, and the custom number that it is over, where that comes with the same actions.
    """
    asked = parse(point.key) if point.category == VELOCITY else None
    number = (f"custom.{asked.field}",) if asked and asked.field and asked.actions == THIS else ()
    return (*_holds_by(point), *number)


def _holds_by(point: DataPoint) -> tuple[str, ...]:
    """Without these it has no value at all."""
    if point.category != VELOCITY:
        return (".".join(point.path),)
    scope = _SCOPES.get(parse(point.key).scope)
    return (scope,) if scope else ()


class Effect(StrEnum):
    """What becomes of a rule when data points that it names have no value, whatever the others are."""

    NEVER = "never"  # it cannot fire
    ALWAYS = "always"  # it fires on every action
    FIRES_IN_DOUBT = "fires in doubt"  # where only they would tell, it fires
    SILENT_IN_DOUBT = "silent in doubt"  # where only they would tell, it does not fire


def effect(tree: Node, missing: Collection[str], *, fires_on_unknown: bool) -> Effect:
    """What becomes of a rule with these conditions when the keys in `missing` (see `needs`) never have a value."""
    possible = verdicts_without(tree, missing)
    # A rule fires on true, and, if it is made so, on unknown.
    if not possible & ({True, None} if fires_on_unknown else {True}):
        return Effect.NEVER
    if not possible & ({False} if fires_on_unknown else {False, None}):
        return Effect.ALWAYS
    return Effect.FIRES_IN_DOUBT if fires_on_unknown else Effect.SILENT_IN_DOUBT


# True, false, or unknown (None).
Verdicts = frozenset[bool | None]
_ANY: Final[Verdicts] = frozenset({True, False, None})


def verdicts_without(node: Node, missing: Collection[str]) -> Verdicts:
    """Every verdict that is still possible; more than that where two conditions hang together."""
    match node:
        case Comparison():
            return _compared(node, missing)
        case Not():
            return _negated(verdicts_without(node.child, missing))
        case Group(symbol="and"):
            return _all([verdicts_without(child, missing) for child in node.children])
        case Group():
            return _negated(_all([_negated(verdicts_without(child, missing)) for child in node.children]))
        case _:
            return frozenset({None})


def _compared(node: Comparison, missing: Collection[str]) -> Verdicts:
    # A velocity over a number that never arrives is over none, and may still be a value.
    is_gone = any(key in missing for key in _holds_by(node.point))
    return frozenset({judged(node, None, raw=None, around=NOWHERE)}) if is_gone else _ANY


def _negated(verdicts: Verdicts) -> Verdicts:
    return frozenset(None if one is None else not one for one in verdicts)


def _all(children: list[Verdicts]) -> Verdicts:
    """Of an "and": true where all can be, false where one can be, unknown where one can be and none must be false."""
    found: set[bool | None] = set()
    if all(True in one for one in children):
        found.add(True)
    if any(False in one for one in children):
        found.add(False)
    if any(None in one for one in children) and all(one & {True, None} for one in children):
        found.add(None)
    return frozenset(found)
