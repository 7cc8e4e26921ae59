"""A formula in conjunctive normal form, and gates upon it.

A literal is the number of a variable, negative for its negation; TRUE and -TRUE are the constants.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

TRUE: Final = 1


class Cnf:
    """Clauses that grow. A gate that was built before is found again, so that equal conditions are one literal."""

    def __init__(self) -> None:
        self.clauses: list[list[int]] = [[TRUE]]
        self.variables = 1
        self._gates: dict[frozenset[int], int] = {}

    def variable(self) -> int:
        self.variables += 1
        return self.variables

    def never(self, *literals: int) -> None:
        """These do not hold together."""
        self.clauses.append([-literal for literal in literals])

    def all_of(self, literals: Iterable[int]) -> int:
        inputs = frozenset(literals) - {TRUE}
        if -TRUE in inputs or any(-literal in inputs for literal in inputs):
            return -TRUE
        if len(inputs) < 2:
            return next(iter(inputs), TRUE)
        if inputs not in self._gates:
            self._gates[inputs] = self._gate(sorted(inputs))
        return self._gates[inputs]

    def any_of(self, literals: Iterable[int]) -> int:
        return -self.all_of([-literal for literal in literals])

    def _gate(self, inputs: list[int]) -> int:
        gate = self.variable()
        self.clauses += [[-gate, literal] for literal in inputs]
        self.clauses.append([gate, *(-literal for literal in inputs)])
        return gate


class Choice:
    """Exactly one of the cells 0, 1, …: variable number i says that it is the i-th cell or a later one."""

    def __init__(self, cnf: Cnf, cells: int) -> None:
        self._cnf, self.cells = cnf, cells
        variables = [cnf.variable() for _ in range(cells - 1)]
        self.at_least = [TRUE, *variables, -TRUE]
        cnf.clauses += [[-later, earlier] for earlier, later in pairwise(variables)]

    def among(self, members: Iterable[int]) -> int:
        """That it is one of these cells."""
        wanted = set(members)
        # The complement of a set is the negation of its literal, so that two values of a truth share one gate.
        if 0 in wanted:
            return -self.among(set(range(self.cells)) - wanted)
        starts = [cell for cell in sorted(wanted) if cell - 1 not in wanted]
        ends = [cell + 1 for cell in sorted(wanted) if cell + 1 not in wanted]
        runs = [
            self._cnf.all_of((self.at_least[start], -self.at_least[end]))
            for start, end in zip(starts, ends, strict=True)
        ]
        return self._cnf.any_of(runs)

    def only(self, cell: int) -> tuple[int, int]:
        """The literals that it is this one."""
        return self.at_least[cell], -self.at_least[cell + 1]

    def cell(self, model: Sequence[int]) -> int:
        """Which one it is in a model, which has the literal of variable n at place n - 1."""
        return next(cell for cell in range(self.cells) if not holds(model, self.at_least[cell + 1]))


def holds(model: Sequence[int], literal: int) -> bool:
    return model[abs(literal) - 1] == literal
