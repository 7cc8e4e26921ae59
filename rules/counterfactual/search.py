"""The search for the fewest changes that lead to a better outcome."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, takewhile
from time import monotonic
from typing import Any, Final

from rules.abstraction.cnf import TRUE, holds
from rules.abstraction.domain import Domain
from rules.abstraction.grid import Number
from rules.abstraction.numbers import Numbers
from rules.abstraction.solver import Model, Solver, Undecided
from rules.abstraction.truth import Event
from rules.abstraction.world import World
from rules.counterfactual.change import Change, ChangeSet, Span, change
from rules.engine import OUTCOMES, RuleSpec
from rules.lists import NOWHERE, Circumstances
from rules.registry import CustomPoint

# More changes at once explain nothing.
_LARGEST: Final = 8
_SECONDS: Final = 2.0


# With more marks it is not told how far the numbers reach that lead to the outcome: each is a question.
_MOST_MARKS: Final = 1_000


@dataclass(frozen=True, slots=True)
class BetterOutcomes:
    """The change sets, those to the best outcome first; and whether there was time to look for all."""

    change_sets: tuple[ChangeSet, ...]
    is_whole: bool


def better_outcomes(
    values: Mapping[str, Any],
    *,
    rules: Iterable[RuleSpec],
    default_outcome: str,
    custom_points: Iterable[CustomPoint] = (),
    alternatives: int = 3,
    around: Circumstances = NOWHERE,
) -> BetterOutcomes:
    """For each outcome better than that of these values, best first: the smallest sets of data points by whose change
    it would have come about, at most so many `alternatives`, each with the nearest values.

    `values` are those of a decision, by data point; of `rules`, the active ones count. An outcome to which no change
    of up to eight data points leads is left out, and so is what two seconds do not settle. The rules have been
    evaluated again for every change set. A known value never becomes missing, an integer stays one, and a number with
    decimals gets as many as it and the rules have; of several data points in a set the first is as near as it can be,
    then the second. Where a rule asks what cannot be reasoned about, such as a pattern, a smaller set may be
    overlooked.
    """
    until = monotonic() + _SECONDS
    try:
        world = World(rules, custom_points=custom_points, actual=values, around=around)
    except Undecided:
        return BetterOutcomes((), is_whole=False)
    search = _Search(world, default_outcome, until=until)
    found: list[ChangeSet] = []
    for better in OUTCOMES[: OUTCOMES.index(search.outcome(world.actual()))]:
        # What could not be settled in time is left out.
        with suppress(Undecided):
            found.extend(islice(search.change_sets(better), alternatives))
    return BetterOutcomes(tuple(found), is_whole=not search.solver.is_late)


class _Search:
    def __init__(self, world: World, default_outcome: str, *, until: float) -> None:
        self.world, self.default = world, default_outcome
        self.decides = self._decides()
        # Each data point that can change, and the literal that it does.
        self.changes = {home: domain.changed for home, domain in world.domains.items() if domain.changed != -TRUE}
        self.at_least = self._counted(self.changes.values())
        # Holds while one outcome is searched; the sets found are excluded for as long.
        self.searched = {outcome: world.cnf.variable() for outcome in OUTCOMES}
        self.solver = Solver(world.cnf, seconds=until - monotonic())

    def outcome(self, event: Event) -> str:
        rule = self.world.decider(event)
        return rule.spec.outcome if rule else self.default

    def change_sets(self, outcome: str) -> Iterator[ChangeSet]:
        """All of the smallest size at which there are any."""
        for size in range(1, _LARGEST + 1):
            is_found = False
            for homes in self._sets(outcome, size):
                model = self._nearest(outcome, homes)
                event = self.world.event(model)
                if self.outcome(event) == outcome:
                    is_found = True
                    yield ChangeSet(outcome, tuple(self._change(home, outcome, model, event) for home in homes))
            if is_found:
                return

    def _sets(self, outcome: str, size: int) -> Iterator[list[str]]:
        """Sets of at most so many data points by whose change the outcome comes about, none twice."""
        wanted = (self.decides[outcome], self.searched[outcome], -self.at_least[size + 1])
        while self.solver.possible(*wanted):
            model = self.solver.model(wanted)
            homes = [home for home, literal in self.changes.items() if holds(model, literal)]
            yield homes
            self.world.cnf.never(self.searched[outcome], *(self.changes[home] for home in homes))

    def _nearest(self, outcome: str, homes: Sequence[str]) -> Model:
        kept = (-literal for home, literal in self.changes.items() if home not in homes)
        fixed = [self.decides[outcome], *kept]
        for domain in (self.world.domains[home] for home in homes):
            fixed.append(self._nearest_cell(domain, fixed))
            fixed += self.solver.agreeing(fixed, domain.as_before)
        return self.solver.model(fixed)

    def _nearest_cell(self, domain: Domain, fixed: Sequence[int]) -> int:
        """The literal that the data point is in its nearest possible cell, or before it."""
        low, high = 1, len(domain.cells) - 1
        while low < high:
            middle = (low + high) // 2
            if self.solver.possible(*fixed, -domain.choice.at_least[middle + 1]):
                high = middle
            else:
                low = middle + 1
        return -domain.choice.at_least[low + 1]

    def _change(self, home: str, outcome: str, model: Model, event: Event) -> Change:
        key = next(key for key in self.world.points if self.world.home(key) == home)
        domain, after = self.world.domains[home], event.values[key]
        span = None
        if isinstance(domain, Numbers) and not domain.opaque and len(domain.marks) <= _MOST_MARKS:
            span = self._span(domain, after, outcome, model)
        return change(domain, key, after, model=model, span=span)

    def _span(self, domain: Numbers, after: Number, outcome: str, model: Model) -> Span:
        """The numbers around the new one that lead to the outcome as well."""
        others = [other for other in self.world.domains.values() if other is not domain]
        fixed = [self.decides[outcome], *(literal for other in others for literal in other.pinned(model))]

        def leads(mark: Number) -> bool:
            return self.solver.possible(*fixed, *domain.choice.only(domain.place(mark)))

        marks, at = domain.marks, domain.marks.index(after)
        low = at - sum(1 for _ in takewhile(leads, reversed(marks[:at])))
        high = at + sum(1 for _ in takewhile(leads, marks[at + 1 :]))
        return Span(None if low == 0 else marks[low], None if high == len(marks) - 1 else marks[high])

    def _decides(self) -> dict[str, int]:
        """For each outcome the literal that it is that of the event."""
        cnf, none_before = self.world.cnf, TRUE
        ways: dict[str, list[int]] = {outcome: [] for outcome in OUTCOMES}
        for rule in self.world.acting:
            ways[rule.spec.outcome].append(cnf.all_of((none_before, rule.fires)))
            none_before = cnf.all_of((none_before, -rule.fires))
        ways[self.default].append(none_before)
        return {outcome: cnf.any_of(literals) for outcome, literals in ways.items()}

    def _counted(self, literals: Iterable[int]) -> list[int]:
        """At place n the literal that at least n of these hold, up to one more than the largest set."""
        cnf = self.world.cnf
        at_least = [TRUE, *[-TRUE] * (_LARGEST + 1)]
        for literal in literals:
            one_more = [cnf.all_of((literal, fewer)) for fewer in at_least]
            at_least = [TRUE, *(cnf.any_of(pair) for pair in zip(at_least[1:], one_more, strict=False))]
        return at_least
