"""A change of one data point, in words."""

import json
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Final

from rules.abstraction.domain import Atom, Domain, truth_in
from rules.abstraction.grid import Number
from rules.abstraction.solver import Model
from rules.condition_tree import ROOT, Comparison, Node, Not
from rules.operators import OPERATORS, Operator
from rules.registry import DataPoint
from rules.sentence import describe, value_words
from rules.types import BOOLEAN, MISSING

_MOST_SAID: Final = 3
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Change:
    """One data point with another value, as JSON; `before` is None where it was missing.

    `text` says as much of the new value as matters: "Device count is at most 2 (it was 5)".
    """

    key: str
    label: str
    before: Any
    after: Any
    text: str


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Changes that lead to the outcome when they are made together."""

    outcome: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `low` to `high`, None where there is no end."""

    low: Number | None
    high: Number | None


def change(domain: Domain, key: str, after: Any, *, model: Model, span: Span | None) -> Change:
    """From the actual value of the domain to another: within the span if it is a number."""
    before = None if domain.actual is MISSING else domain.actual
    point = domain.point
    if span is not None:
        said = f"{point.label} {_within(span, point)}"
    elif point.kind is BOOLEAN and point.otherwise:
        said = point.label if after else point.otherwise
    else:
        said = _described(domain, after, model)
    # "Device is not new" says by itself what it was.
    is_told = isinstance(before, bool) and point.otherwise
    return Change(key, point.label, before, after, said if is_told else f"{said} (it was {_shown(before, point)})")


def _within(span: Span, point: DataPoint) -> str:
    low, high = _shown(span.low, point), _shown(span.high, point)
    if span.low == span.high:
        return f"is {low}"
    if span.low is None:
        return f"is at most {high}"
    return f"is between {low} and {high}" if span.high is not None else f"is at least {low}"


def _described(domain: Domain, after: Any, model: Model) -> str:
    """By the conditions that come out otherwise than before, where they are few; else by the value."""
    turned = [
        describe(_condition(domain.point, atom, holds=truth))
        for atom, before in zip(domain.atoms, domain.cells[0].said, strict=True)
        if (truth := truth_in(model, domain.rails[atom])) is not None and truth is not bool(before)
    ]
    if 0 < len(turned) <= _MOST_SAID:
        return " and ".join(dict.fromkeys(turned))
    return f"{domain.point.label} is {_shown(after, domain.point)}"


def _condition(point: DataPoint, atom: Atom, *, holds: bool) -> Node:
    """The condition that the atom holds, or that it does not."""
    operator = atom.operator if holds is not atom.operator.negated else _OPPOSITES.get(atom.operator.name)
    comparison = Comparison(ROOT, point, operator or atom.operator, json.loads(atom.written), atom.operand)
    return comparison if operator else Not(ROOT, comparison)


def _opposites() -> dict[str, Operator]:
    opposites = {"==": OPERATORS["!="], "!=": OPERATORS["=="]}
    for row, other in permutations(OPERATORS.values(), 2):
        if (row.symbol, row.shape, row.negated) == (other.symbol, other.shape, not other.negated):
            opposites[row.name] = other
    return opposites


_OPPOSITES: Final = _opposites()


def _shown(value: Any, point: DataPoint) -> str:
    if value is None:
        return "missing"
    if isinstance(value, list):
        text = ", ".join(_shown(item, point) for item in value) or "empty"
    elif isinstance(value, float) and value == int(value):
        text = f"{int(value):,}"
    else:
        text = value_words(value, point)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
