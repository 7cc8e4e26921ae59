"""Many actions at once: what a policy makes of columns of values.

Two actions whose values answer every comparison of the rules alike come out alike. So each column of values becomes a
column of *answers*, and the rules are evaluated once for each combination of answers that occurs: by the function that
decides live (rules.compiled), on an action that has it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from types import NoneType
from typing import Any, Final

from rules.compiled import IS_TRUE, IS_UNKNOWN, Points, compile_trees
from rules.condition_tree import Comparison, comparisons_in
from rules.engine import Policy
from rules.lists import Circumstances, Lists
from rules.types import BOOLEAN, COUNTRY, IP, NUMBER, READERS, TEXT, Kind, is_nothing

# The values of a column: JSON values, None where there is none.
Column = Sequence[Any]
# When each action was tracked, in seconds since 1970.
Moments = Sequence[float | None]
Answers = Sequence[Hashable]

# Values of all columns whose answers are remembered. Beyond it the column with the most is answered value by value.
MAX_VALUES: Final = 20_000
# Whoever asks for results forgets them from time to time: there may be as many as actions.
MAX_RESULTS: Final = 50_000
MAX_COMBINATIONS: Final = 100_000

# What a value's equal in Python cannot be mistaken for: True equals 1, and a boolean is no number.
_PLAIN: Final[Mapping[Kind, frozenset[type]]] = {
    TEXT: frozenset({str, NoneType}),
    COUNTRY: frozenset({str, NoneType}),
    IP: frozenset({str, NoneType}),
    BOOLEAN: frozenset({bool, NoneType}),
    NUMBER: frozenset({int, float, NoneType}),
}
# Operators that a number's place among the literals answers.
_BELOW, _UP_TO = frozenset({">", "<="}), frozenset({">=", "<"})
_ORDER: Final = _BELOW | _UP_TO | {"==", "!=", "between", "in", "notIn", "isEmpty", "isNotEmpty"}
# Judges that do not look at the clock.
_TIMELESS: Final = {"before", "after", "isEmpty", "isNotEmpty", "matches", "notMatches"}


@dataclass(frozen=True, slots=True)
class Result:
    """What was decided. Rules are named by their place in the policy; `matched` has the deciding one first."""

    outcome: str
    matched: tuple[int, ...]
    shadowed: tuple[int, ...]
    unknown: tuple[int, ...]


def result_of(policy: Policy, codes: Sequence[int]) -> Result:
    """As `engine.decide` does with the codes of every active rule."""
    fired = [
        place
        for place, (rule, code) in enumerate(zip(policy.rules, codes, strict=True))
        if code == IS_TRUE or (code == IS_UNKNOWN and rule.spec.fires_on_unknown and rule.tree is not None)
    ]
    matched = tuple([place for place in fired if not policy.rules[place].spec.is_shadow])
    return Result(
        outcome=policy.rules[matched[0]].spec.outcome if matched else policy.default_outcome,
        matched=matched,
        shadowed=tuple([place for place in fired if policy.rules[place].spec.is_shadow]),
        unknown=tuple([place for place, code in enumerate(codes) if code == IS_UNKNOWN]),
    )


class Columns:
    """A policy over columns. `results` grows by what is new; places in it are what `decide` returns."""

    def __init__(self, policy: Policy, lists: Lists) -> None:
        self.policy, self.lists = policy, lists
        self.results: list[Result] = []
        asked = _comparisons(policy)
        self._answerers = [_answerer(asked[point.key], lists) for point in policy.points]
        self._answered = [one for one in self._answerers if isinstance(one, _Answered)]
        self._combinations: dict[tuple[Hashable, ...], int] = {}
        self._by_codes: dict[tuple[int, ...], int] = {}
        self.is_timed = any(_is_timed(one, lists) for ones in asked.values() for one in ones)

    def decide(self, columns: Sequence[Column], moments: Moments) -> list[int]:
        """For each action the place of its result. `columns` are in the order of the policy's readings.

        Where not `is_timed`, no moment is looked at. They tell how many actions there are.
        """
        answers = [
            one for answer, column in zip(self._answerers, columns, strict=True) for one in answer(column, moments)
        ]
        self._keep_small()
        keys: list[tuple[Hashable, ...]] = list(zip(*answers, strict=True)) if answers else [()] * len(moments)
        found = list(map(self._combinations.get, keys))
        if None not in found:
            return found  # type: ignore[return-value]  # mypy does not follow `in`
        return [
            self._new(keys[number], [column[number] for column in columns], moments[number]) if place is None else place
            for number, place in enumerate(found)
        ]

    def forget(self) -> None:
        """Begin `results` anew."""
        self.results.clear()
        self._by_codes.clear()
        self._combinations.clear()

    def _keep_small(self) -> None:
        if sum(one.remembered for one in self._answered) > MAX_VALUES:
            max(self._answered, key=lambda one: one.remembered).forget()
        if len(self._combinations) > MAX_COMBINATIONS:
            self._combinations.clear()

    def _new(self, key: tuple[Hashable, ...], values: list[Any], moment: float | None) -> int:
        # Maybe no longer: another action of the same column may have had it.
        if key not in self._combinations:
            codes = tuple(self.policy.evaluate(values, Circumstances(moment, self.lists)))
            if codes not in self._by_codes:
                self._by_codes[codes] = len(self.results)
                self.results.append(result_of(self.policy, codes))
            self._combinations[key] = self._by_codes[codes]
        return self._combinations[key]


def _comparisons(policy: Policy) -> dict[str, list[Comparison]]:
    """Every comparison of the rules by its data point."""
    asked: dict[str, list[Comparison]] = {point.key: [] for point in policy.points}
    for rule in policy.rules:
        for one in comparisons_in(rule.tree) if rule.tree is not None else ():
            asked[one.point.key].append(one)
    return asked


def _is_timed(one: Comparison, lists: Lists) -> bool:
    """Whether the same value may be answered otherwise at another time."""
    if one.operator.judge is None or one.operator.name in _TIMELESS:
        return False
    if not one.operator.shape.names_list:
        return True
    named = lists.get(one.operand)
    return named is not None and any(expires is not None for _, expires in named.items)


# -- the answers of one column -------------------------------------------------------------------


def _answerer(comparisons: list[Comparison], lists: Lists) -> "_Ordered | _Answered":
    is_order = all(one.operator.name in _ORDER for one in comparisons) and comparisons[0].point.kind is NUMBER
    return _Ordered(comparisons) if is_order else _Answered(comparisons, lists)


class _Ordered:
    """A number is answered by how many literals are below it, and how many are not above it."""

    def __init__(self, comparisons: list[Comparison]) -> None:
        operands = [one.operand for one in comparisons if one.operand is not None]
        literals = sorted(
            {each for one in operands for each in (one if isinstance(one, (tuple, frozenset)) else [one])}
        )
        names = {one.operator.name for one in comparisons}
        self._counts = [
            *([partial(bisect_left, literals)] if names - _UP_TO else []),
            *([partial(bisect_right, literals)] if names - _BELOW else []),
        ]

    def __call__(self, column: Column, moments: Moments) -> list[Answers]:
        if {int, float}.issuperset(map(type, column)):
            return [list(map(count, column)) for count in self._counts]
        values = list(map(READERS[NUMBER], column))
        # What is no number is empty, or is something else.
        return [
            [is_nothing(raw) - 2 if value is None else count(value) for raw, value in zip(column, values, strict=True)]
            for count in self._counts
        ]


class _Answered:
    """Any values. Each distinct row of verdicts has a number, which is remembered of each value."""

    def __init__(self, comparisons: list[Comparison], lists: Lists) -> None:
        self._evaluate = compile_trees(comparisons, Points())
        self._plain = _PLAIN.get(comparisons[0].point.kind, frozenset())
        self._is_timed, self._lists = any(_is_timed(one, lists) for one in comparisons), lists
        self._around = Circumstances(None, lists)
        self._numbers = _Numbers()
        self._kept: _Kept | None = None if self._is_timed else _Kept(self._answer)

    def __call__(self, column: Column, moments: Moments) -> list[Answers]:
        if self._kept is not None and self._plain.issuperset(map(type, column)):
            return [list(map(self._kept.__getitem__, column))]
        around = map(Circumstances, moments, repeat(self._lists)) if self._is_timed else repeat(self._around)
        rows = map(self._evaluate, zip(column), around)
        return [list(map(self._numbers.__getitem__, rows))]

    @property
    def remembered(self) -> int:
        return 0 if self._kept is None else len(self._kept)

    def forget(self) -> None:
        """And remember nothing any more."""
        self._kept = None

    def _answer(self, value: Any) -> int:
        return self._numbers[self._evaluate((value,), self._around)]


class _Numbers(dict[Any, int]):
    """Counts up: a number for each key."""

    def __missing__(self, key: Any) -> int:
        number = self[key] = len(self)
        return number


class _Kept(dict[Any, int]):
    def __init__(self, answer: Callable[[Any], int]) -> None:
        super().__init__()
        self._answer = answer

    def __missing__(self, value: Any) -> int:
        answer = self[value] = self._answer(value)
        return answer
