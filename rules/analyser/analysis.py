"""The analysis of a set of rules, from the questions to the findings."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
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


def analyse(
    rules: Sequence[RuleSpec],
    *,
    custom_points: Iterable[CustomPoint] = (),
    sent: SentKeys | None = None,
    budget_seconds: float = 5.0,
) -> tuple[Finding, ...]:
    """What is wrong with the active rules of one action, in the order in which they decide.

    `rules` may come in any order; without `sent`, nothing is said about what the tenant sends. What the budget leaves
    undecided is left out. A shadow rule covers no other; of it is told whether it, or a part of it, fires never or
    always.
    """
    ends = monotonic() + budget_seconds
    world = World(rules, custom_points=custom_points)
    solver = Solver(world.cnf, seconds=ends - monotonic())
    findings = []
    for claim in _claims(world, solver, sent):
        with suppress(Undecided):
            findings.append(witnessed(claim, world, solver))
    places = {rule.spec.rule_id: place for place, rule in enumerate(world.rules)}
    findings.sort(key=lambda one: (places[one.rule_id], _ORDER.index(one.kind)))
    return tuple(findings)


def _claims(world: World, solver: Solver, sent: SentKeys | None) -> Iterator[Claim]:
    with suppress(Undecided):
        solver.sample(_SAMPLES)
    able: list[Modelled] = []
    yield from _on_reach(world, solver, able)
    yield from equal_rules([rule for rule in able if not rule.spec.is_shadow], solver)
    for rule in able:
        with suppress(Undecided):
            if solver.possible(-rule.fires):
                yield from settled_parts(rule, solver)
        with suppress(Undecided):
            if sent is not None:
                yield from never_sent(rule, sent, world, solver)


def _on_reach(world: World, solver: Solver, able: list[Modelled]) -> Iterator[Claim]:
    """Adds the rules that can fire to `able`."""
    deciding: list[Modelled] = []
    for rule in world.rules:
        with suppress(Undecided):
            if not solver.possible(rule.fires):
                yield never_fires(rule, solver)
                continue
            able.append(rule)
            if not solver.possible(-rule.fires):
                yield always_fires(rule, world)
            if rule.spec.is_shadow:
                continue
            if solver.possible(rule.fires, *(-other.fires for other in deciding)):
                deciding.append(rule)
            else:
                yield unreachable(rule, deciding, solver)
