"""The values of one data point as cells, and what its atoms say of each."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, ClassVar, Final, NamedTuple, Self

from rules.abstraction.cnf import Choice, Cnf, holds
from rules.abstraction.truth import EMPTY
from rules.condition_tree import Comparison
from rules.lists import NOWHERE, Circumstances
from rules.operators import Operator
from rules.registry import DataPoint
from rules.types import MISSING, Kind, Truth, comparable

# Atoms of one data point times the values in their literals; beyond, they are opaque.
_MAX_LOOKUPS: Final = 1_000_000
_MAX_EXAMPLES: Final = 100


class Free(Enum):
    """An atom says now this, now that of the values of a cell."""

    FREE = "free"


FREE: Final = Free.FREE


class Rail(NamedTuple):
    """The literals that a condition is true, and that it is false; neither where it is unknown."""

    true: int
    false: int


@dataclass(frozen=True, slots=True)
class Atom:
    """What a comparison asks, without its negation; equal where `form`, which is the operation and the shape of its
    operands, such as "<= range", and the literal are.
    """

    form: str
    written: str
    operator: Operator = field(compare=False)
    kind: Kind = field(compare=False)
    operand: Any = field(compare=False)
    # What hangs on the moment or on a value list is unknown, unless it is told.
    around: Circumstances = field(compare=False)
    # How many values the literal has.
    size: int = field(compare=False, default=1)

    @classmethod
    def of(cls, node: Comparison, around: Circumstances = NOWHERE) -> Self:
        size = len(node.literal) if isinstance(node.literal, list) else 1
        form = f"{node.operator.symbol} {node.operator.shape.name}"
        return cls(form, json.dumps(node.literal), node.operator, node.point.kind, node.operand, around, size)

    @property
    def is_empty(self) -> bool:
        return self.operator.symbol == EMPTY

    def says(self, raw: Any, value: Any) -> Truth:
        """Of a JSON value and what it is compared as."""
        given = None if raw is MISSING else raw
        return self.operator.says(self.kind, value, self.operand, raw=given, around=self.around)


@dataclass(frozen=True, slots=True)
class Cell:
    """Values of which the atoms, in their order, say the same; `raw` is one, or stands for all that are not named."""

    raw: Any
    said: tuple[Truth | Free, ...]
    known: bool


class Open(Enum):
    OPEN = "open"


# In place of the value of a cell that holds all values but the named ones.
OPEN: Final = Open.OPEN


class Domain(ABC):
    """One data point: its cells, the choice among them, and the rail of each atom.

    With an `actual` value (MISSING for none), it and its likes are cell 0, the others follow from the nearest to the
    farthest, and a known value stays known.
    """

    # The forms of atoms whose every case a subclass covers; any other is opaque.
    asks: ClassVar[frozenset[str]]

    def __init__(self, cnf: Cnf, point: DataPoint, atoms: Sequence[Atom], *, actual: Any = None) -> None:
        self.cnf, self.point, self.atoms, self.actual = cnf, point, tuple(atoms), actual
        exact = tuple(atom for atom in atoms if atom.form in self.asks)
        self.exact = exact if len(exact) * sum(atom.size for atom in exact) <= _MAX_LOOKUPS else ()
        self.opaque = frozenset(atoms) - {*self.exact, *(atom for atom in atoms if atom.is_empty)}
        self.cells = self._cells()
        self.choice = Choice(cnf, len(self.cells))
        self.known = self.choice.among(place for place, cell in enumerate(self.cells) if cell.known)
        self.inner = {**{atom: cnf.variable() for atom in atoms if atom in self.opaque}, **self.open_atoms()}
        # Some operators may answer unknown of a value that is there: what is no date, a list that is gone.
        self.settled = {atom: cnf.variable() for atom in atoms if atom in self.opaque and atom.operator.judge}
        self.rails = {atom: self._rail(place, atom) for place, atom in enumerate(self.atoms)}

    @cached_property
    def named(self) -> Sequence[Any]:
        """JSON values of every cell but the open one, the most ordinary or the nearest first."""
        return tuple(self.list_named())

    @abstractmethod
    def list_named(self) -> Iterable[Any]: ...

    def from_near_to_far(self, actual: Cell, others: Sequence[Cell]) -> Sequence[Cell]:
        """The other cells, first those about which fewest atoms change their mind."""

        def turned(cell: Cell) -> int:
            return sum(now is not FREE and now is not was for was, now in zip(actual.said, cell.said, strict=True))

        return sorted(others, key=turned)

    def open_atoms(self) -> Mapping[Atom, int]:
        """Where the domain has an open cell: for each exact atom, the literal that it is true there."""
        return {}

    def open_value(self, model: Sequence[int]) -> Any:
        """A value of the open cell of which every exact atom says what it does in the model."""
        raise NotImplementedError

    def value(self, model: Sequence[int]) -> Any:
        """A value for the model; where atoms are opaque, one that makes them come out so if one is at hand."""
        raw = self.cells[self.choice.cell(model)].raw
        raw = self.open_value(model) if raw is OPEN else raw
        if not self.opaque or raw is MISSING:
            return raw
        return next((one for one in (raw, *self._examples()) if self._fits(one, model)), raw)

    @property
    def changed(self) -> int:
        """The literal that the value is not the actual one, nor like it to every rule."""
        return self.choice.at_least[1]

    @property
    def as_before(self) -> list[int]:
        """What is true of the actual value, for a value of the open cell."""
        said = dict(zip(self.atoms, self.cells[0].said, strict=True))
        settled = [literal if said[atom] is not None else -literal for atom, literal in self.settled.items()]
        return [*(literal if said[atom] else -literal for atom, literal in self.inner.items()), *settled]

    def pinned(self, model: Sequence[int]) -> list[int]:
        """The literals that hold the data point to what it is in the model."""
        free = (*self.inner.values(), *self.settled.values())
        inner = [literal if holds(model, literal) else -literal for literal in free]
        return [*self.choice.only(self.choice.cell(model)), *inner]

    def place(self, raw: Any) -> int:
        """The cell of a value that is named. Raises ValueError for any other."""
        return [cell.said for cell in self.cells].index(self._cell(raw).said)

    def _cells(self) -> list[Cell]:
        cells: dict[tuple[object, ...], Cell] = {}
        for raw in self._all_named():
            cell = self._cell(raw)
            cells.setdefault((cell.known, *cell.said), cell)
        found = list(cells.values())
        return found if self.actual is None else [found[0], *self.from_near_to_far(found[0], found[1:])]

    def _all_named(self) -> Iterator[Any]:
        if self.actual is not None:
            yield self.actual
        elif self.point.optional:
            yield MISSING
            if any(atom.is_empty for atom in self.atoms):
                # A value of another kind cannot be compared, yet is not nothing.
                yield {}
        yield from self.named

    def _cell(self, raw: Any) -> Cell:
        if raw is OPEN:
            return Cell(raw, tuple(False if atom.is_empty else FREE for atom in self.atoms), known=True)
        value = self._compared(raw)
        # Of the actual value even opaque atoms can be asked.
        is_actual = self.actual is not None and value == self._compared(self.actual)
        hidden = frozenset() if is_actual or value is None else self.opaque
        said = tuple(FREE if hidden and atom in hidden else atom.says(raw, value) for atom in self.atoms)
        return Cell(raw, said, known=value is not None)

    def _compared(self, raw: Any) -> Any:
        return None if raw is MISSING else comparable(self.point.kind, raw)

    def _rail(self, place: int, atom: Atom) -> Rail:
        where: dict[Truth | Free, list[int]] = {True: [], False: [], None: [], FREE: []}
        for at, cell in enumerate(self.cells):
            where[cell.said[place]].append(at)
        true, false = self.choice.among(where[True]), self.choice.among(where[False])
        if atom not in self.inner:
            return Rail(true, false)
        free, inner = self.choice.among(where[FREE]), self.inner[atom]
        if atom in self.settled:
            free = self.cnf.all_of((free, self.settled[atom]))
        return Rail(
            self.cnf.any_of((true, self.cnf.all_of((free, inner)))),
            self.cnf.any_of((false, self.cnf.all_of((free, -inner)))),
        )

    def _examples(self) -> Iterator[Any]:
        """Values that may make an opaque atom true."""
        yield from (raw for raw in self.named if raw is not OPEN)
        for atom in self.atoms:
            if atom in self.opaque:
                literal = json.loads(atom.written)
                yield from literal[:_MAX_EXAMPLES] if isinstance(literal, list) else [literal]

    def _fits(self, raw: Any, model: Sequence[int]) -> bool:
        value = self._compared(raw)
        return all(atom.says(raw, value) is truth_in(model, rail) for atom, rail in self.rails.items())


def truth_in(model: Sequence[int], rail: Rail) -> Truth:
    if holds(model, rail.true):
        return True
    return False if holds(model, rail.false) else None
