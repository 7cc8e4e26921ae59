"""The rules of one action and all the events they can tell apart, in one formula."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from rules.abstraction.addresses import Addresses
from rules.abstraction.choices import Choices
from rules.abstraction.cnf import TRUE, Cnf
from rules.abstraction.countries import Booleans, Countries
from rules.abstraction.domain import Atom, Domain, Rail
from rules.abstraction.numbers import Numbers
from rules.abstraction.solver import Model, Undecided
from rules.abstraction.texts import Texts
from rules.abstraction.truth import Event, fires
from rules.condition_tree import MAX_TOGETHER, Comparison, Group, Node, Not, read, size
from rules.engine import RuleSpec
from rules.lists import NOWHERE, Circumstances
from rules.registry import CustomPoint, DataPoint, by_key
from rules.types import BOOLEAN, COUNTRY, IP, MISSING, MULTISELECT, NUMBER, TEXT, Kind, storable

_DOMAINS: Final[Mapping[Kind, type[Domain]]] = {
    TEXT: Texts,
    NUMBER: Numbers,
    BOOLEAN: Booleans,
    MULTISELECT: Choices,
    COUNTRY: Countries,
    IP: Addresses,
}


@dataclass(frozen=True, slots=True)
class Part:
    """A node of a rule's conditions with its literals."""

    node: Node
    rail: Rail
    children: tuple["Part", ...] = ()

    def walk(self) -> Iterator["Part"]:
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Modelled:
    """A rule, its conditions (None: there are none), and the literal that it fires."""

    spec: RuleSpec
    conditions: Part | None
    fires: int

    @property
    def tree(self) -> Node | None:
        return self.conditions.node if self.conditions else None

    @property
    def keys(self) -> Iterable[str]:
        """Of the data points that it mentions, each once."""
        return dict.fromkeys(node.point.key for node in _comparisons(self.tree))

    def holds(self, rail: Rail) -> int:
        """The literal that the rule would fire if this were all of its conditions."""
        return _firing(self.spec, rail)

    def fires_on(self, event: Event) -> bool:
        return fires(self.spec, self.tree, event)


class World:
    """`rules` are the active ones in the order in which they decide.

    With `actual` values the cells of every data point begin at the one it has. Data points that read the same value
    are one domain, kept by the key of the value. Raises Undecided for more conditions than can be published.
    """

    def __init__(
        self,
        specs: Iterable[RuleSpec],
        *,
        custom_points: Iterable[CustomPoint] = (),
        actual: Mapping[str, Any] | None = None,
        around: Circumstances = NOWHERE,
    ) -> None:
        custom_points = tuple(custom_points)
        active = sorted((spec for spec in specs if spec.is_active), key=lambda spec: (spec.priority, spec.rule_id))
        trees = [read(spec.conditions, custom_points=custom_points)[0] for spec in active]
        if sum(size(tree) for tree in trees if tree is not None) > MAX_TOGETHER:
            raise Undecided
        self.cnf, self.around = Cnf(), around
        self._homes = {key: point.key for key, point in by_key(custom_points).items()}
        self.points: dict[str, DataPoint] = {}
        self.domains = self._domains(trees, actual)
        self.rules = tuple(self._modelled(spec, tree) for spec, tree in zip(active, trees, strict=True))
        # Those that may decide.
        self.acting = tuple(rule for rule in self.rules if not rule.spec.is_shadow)

    def home(self, key: str) -> str:
        """The key that a data point's value has: `custom.tier` may be the user's own."""
        return self._homes.get(key, key)

    def domain(self, key: str) -> Domain:
        return self.domains[self.home(key)]

    def others_missing(self, rule: Modelled) -> list[int]:
        """Literals that what the rule does not mention is missing, as far as it can be."""
        own = {self.home(key) for key in rule.keys}
        return [-one.known for home, one in self.domains.items() if one.point.optional and home not in own]

    def event(self, model: Model) -> Event:
        """The event of a model, with a value for each data point that the rules mention and that is not missing."""
        return self._spread({home: domain.value(model) for home, domain in self.domains.items()})

    def decider(self, event: Event) -> Modelled | None:
        """The rule that decides; None where the default of the action stands."""
        return next((rule for rule in self.acting if rule.fires_on(event)), None)

    def actual(self) -> Event:
        """The event of the actual values."""
        return self._spread({home: domain.actual for home, domain in self.domains.items()})

    def _spread(self, values: Mapping[str, Any]) -> Event:
        """The event of values by home, with each under every key that the rules use."""
        return Event.of({key: values[self.home(key)] for key in self.points}, self.points.values(), self.around)

    def _domains(self, trees: Iterable[Node | None], actual: Mapping[str, Any] | None) -> dict[str, Domain]:
        atoms: dict[str, dict[Atom, None]] = {}
        for comparison in chain.from_iterable(map(_comparisons, trees)):
            point = comparison.point
            self.points.setdefault(point.key, point)
            atoms.setdefault(self.home(point.key), {})[Atom.of(comparison, self.around)] = None
        return {home: self._domain(home, tuple(asked), actual) for home, asked in atoms.items()}

    def _domain(self, home: str, atoms: Sequence[Atom], actual: Mapping[str, Any] | None) -> Domain:
        keys = [key for key in self.points if self.home(key) == home]
        point = self.points[keys[0]]
        if actual is None:
            return _DOMAINS[point.kind](self.cnf, point, atoms)
        value = next((actual[key] for key in (home, *keys) if key in actual), MISSING)
        return _DOMAINS[point.kind](self.cnf, point, atoms, actual=storable(value))

    def _modelled(self, spec: RuleSpec, tree: Node | None) -> Modelled:
        if tree is None:
            return Modelled(spec, None, -TRUE)
        conditions = self._part(tree)
        return Modelled(spec, conditions, _firing(spec, conditions.rail))

    def _part(self, node: Node) -> Part:
        match node:
            case Comparison(point=point, operator=operator):
                rail = self.domain(point.key).rails[Atom.of(node)]
                return Part(node, Rail(*reversed(rail)) if operator.negated else rail)
            case Group(symbol=symbol):
                children = tuple(map(self._part, node.children))
                return Part(node, self._joined(symbol, [child.rail for child in children]), children)
            case Not():
                child = self._part(node.child)
                return Part(node, Rail(*reversed(child.rail)), (child,))
            case _:
                # Unknown of every event.
                return Part(node, Rail(-TRUE, -TRUE))

    def _joined(self, symbol: str, rails: Sequence[Rail]) -> Rail:
        true, false = ([getattr(rail, side) for rail in rails] for side in Rail._fields)
        if symbol == "and":
            return Rail(self.cnf.all_of(true), self.cnf.any_of(false))
        return Rail(self.cnf.any_of(true), self.cnf.all_of(false))


def _firing(spec: RuleSpec, rail: Rail) -> int:
    return -rail.false if spec.fires_on_unknown else rail.true


def _comparisons(node: Node | None) -> Iterator[Comparison]:
    match node:
        case Comparison():
            yield node
        case Group():
            for child in node.children:
                yield from _comparisons(child)
        case Not():
            yield from _comparisons(node.child)
