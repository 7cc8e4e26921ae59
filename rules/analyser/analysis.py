"""The analysis of a set of rules, from the questions to the findings."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

from rules.abstraction.solver import Solver, Undecided
from rules.abstraction.world import Modelled, World
from rules.analyser.claim import Claim, witnessed
from rules.analyser.finding import Finding, FindingKind
from rules.analyser.pairs import equal_rules
from rules.analyser.parts import settled_parts
from rules.analyser.reach import always_fires, never_fires, unreachable
from rules.analyser.unsent import never_sent
from rules.engine import RuleSpec
from rules.registry import CustomPoint
from rules.sent import SentKeys

_SAMPLES: Final = 32
_ORDER: Final = tuple(FindingKind)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found, in the order in which the rules decide; and whether there was time for every question."""

    findings: tuple[Finding, ...]
    is_whole: bool


def analyse(
    rules: Sequence[RuleSpec],
    *,
    custom_points: Iterable[CustomPoint] = (),
    sent: SentKeys | None = None,
    budget_seconds: float = 5.0,
) -> Analysis:
    """What is wrong with the active rules of one action.

    `rules` may come in any order; without `sent`, nothing is said about what the tenant sends. What the budget leaves
    undecided is left out, and everything of rules that are too many to publish. A shadow rule covers no other; of it
    is told whether it, or a part of it, fires never or always.
    """
    until = monotonic() + budget_seconds
    try:
        world = World(rules, custom_points=custom_points)
    except Undecided:
        return Analysis((), is_whole=False)
    solver = Solver(world.cnf, seconds=until - monotonic())
    findings = []
    for claim in _Questions(world, solver).claims(sent):
        with suppress(Undecided):
            findings.append(witnessed(claim, world, solver))
    places = {rule.spec.rule_id: place for place, rule in enumerate(world.rules)}
    findings.sort(key=lambda one: (places[one.rule_id], _ORDER.index(one.kind)))
    return Analysis(tuple(findings), is_whole=not solver.is_late)


class _Questions:
    """`able` are the rules that can fire, `deciding` those of them that can also decide."""

    def __init__(self, world: World, solver: Solver) -> None:
        self.world, self.solver = world, solver
        self.able: list[Modelled] = []
        self.deciding: list[Modelled] = []

    def claims(self, sent: SentKeys | None) -> Iterator[Claim]:
        # An undecided question silences the claims that hang on it, and no others.
        with suppress(Undecided):
            self.solver.sample(_SAMPLES)
        for rule in self.world.rules:
            with suppress(Undecided):
                yield from self._on_reach(rule)
        yield from equal_rules([rule for rule in self.able if not rule.spec.is_shadow], self.solver)
        for rule in self.able:
            with suppress(Undecided):
                yield from self._on_parts(rule)
            with suppress(Undecided):
                if sent is not None:
                    yield from never_sent(rule, sent, self.world, self.solver)

    def _on_reach(self, rule: Modelled) -> Iterator[Claim]:
        if not self.solver.possible(rule.fires):
            yield never_fires(rule, self.solver)
            return
        self.able.append(rule)
        if not self.solver.possible(-rule.fires):
            yield always_fires(rule, self.world)
        if rule.spec.is_shadow:
            return
        if self.solver.possible(rule.fires, *(-other.fires for other in self.deciding)):
            self.deciding.append(rule)
        else:
            yield unreachable(rule, self.deciding, self.solver)

    def _on_parts(self, rule: Modelled) -> Iterator[Claim]:
        if self.solver.possible(-rule.fires):
            yield from settled_parts(rule, self.solver)
