"""Multiselects: each choice that the rules name is in the set or not, whatever else is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, count
from typing import Any, Final

from rules.abstraction.cnf import Cnf, holds
from rules.abstraction.domain import OPEN, Atom, Domain

# How the literal of a form is made of those of the choices in its operand.
Joined = Callable[[Cnf, Iterable[int]], int]


def _none_of(cnf: Cnf, literals: Iterable[int]) -> int:
    return -cnf.any_of(literals)


ASKS: Final[Mapping[str, Joined]] = {
    "in member": Cnf.all_of,
    "containsAny list": Cnf.any_of,
    "containsAll list": Cnf.all_of,
    "containsNone list": _none_of,
}


class Choices(Domain):
    asks = frozenset(ASKS)

    def list_named(self) -> Iterable[Any]:
        # The open cell holds every set but the empty one.
        return ([], OPEN) if self.actual is None else (OPEN, [])

    def open_atoms(self) -> Mapping[Atom, int]:
        named = dict.fromkeys(choice for atom in self.exact for choice in _choices(atom.operand))
        self.members = {choice: self.cnf.variable() for choice in named}
        return {
            atom: ASKS[atom.form](self.cnf, [self.members[choice] for choice in _choices(atom.operand)])
            for atom in self.exact
        }

    def open_value(self, model: Sequence[int]) -> Any:
        chosen = [choice for choice, literal in self.members.items() if holds(model, literal)]
        kept = [choice for choice in self._compared(self.actual) or () if choice not in self.members]
        return chosen + sorted(kept, key=repr) or [self._other()]

    def _other(self) -> str:
        return next(name for name in map("other{}".format, chain([""], count(2))) if name not in self.members)


def _choices(operand: Any) -> Iterable[Any]:
    # A set has another order in each process.
    return sorted(operand, key=repr) if isinstance(operand, frozenset) else (operand,)
