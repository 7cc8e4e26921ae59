"""A claim: a finding without its witness, and the check that makes it one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from rules.abstraction.solver import Solver, Undecided
from rules.abstraction.truth import Event, verdict
from rules.abstraction.world import Modelled, Part, World
from rules.analyser.finding import Finding, FindingKind
from rules.condition_tree import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is proved about a rule. A witness satisfies all literals that are `wanted`, and as many of those `hoped`
    for as it can, the first first.
    """

    kind: FindingKind
    rule: Modelled
    text: str
    wanted: tuple[int, ...] = ()
    hoped: tuple[int, ...] = ()
    others: tuple[Modelled, ...] = ()
    part: Part | None = None


def witnessed(claim: Claim, world: World, solver: Solver) -> Finding:
    """The finding with a witness that the rules confirm. Raises Undecided where none is found."""
    event = world.event(solver.model(claim.wanted, claim.hoped, wishes=world.others_missing(claim.rule)))
    if not _CONFIRMS[claim.kind](claim, event, world):
        raise Undecided
    return Finding(
        kind=claim.kind,
        rule_id=claim.rule.spec.rule_id,
        text=claim.text,
        witness=event.values,
        path=claim.part.node.path if claim.part else ROOT,
        others=tuple(rule.spec.rule_id for rule in claim.others),
    )


def _fires(claim: Claim, event: Event, _: World) -> bool:
    return claim.rule.fires_on(event)


def _does_not_fire(claim: Claim, event: Event, _: World) -> bool:
    return not claim.rule.fires_on(event)


def _another_decides(claim: Claim, event: Event, world: World) -> bool:
    return claim.rule.fires_on(event) and world.decider(event) in claim.others


def _all_fire(claim: Claim, event: Event, _: World) -> bool:
    return all(rule.fires_on(event) for rule in (claim.rule, *claim.others))


def _fires_without_part(claim: Claim, event: Event, _: World) -> bool:
    return claim.rule.fires_on(event) and claim.part is not None and verdict(claim.part.node, event) is not True


def _fires_with_part(claim: Claim, event: Event, _: World) -> bool:
    return claim.rule.fires_on(event) and claim.part is not None and verdict(claim.part.node, event) is not False


_CONFIRMS: Final[Mapping[FindingKind, Callable[[Claim, Event, World], bool]]] = {
    FindingKind.NEVER_FIRES: _does_not_fire,
    FindingKind.ALWAYS_FIRES: _fires,
    FindingKind.UNREACHABLE: _another_decides,
    FindingKind.CONTRADICTION: _all_fire,
    FindingKind.DUPLICATE: _all_fire,
    FindingKind.PART_NEVER: _fires_without_part,
    FindingKind.PART_ALWAYS: _fires_with_part,
    FindingKind.NEVER_SENT: _fires,
}
