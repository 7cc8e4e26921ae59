"""Questions to the SAT solver, within bounds."""

from array import array
from collections.abc import Iterable, Sequence
from hashlib import shake_128
from time import monotonic
from typing import Final

from pysat.solvers import Minisat22

from rules.abstraction.cnf import Cnf

# The literal of variable n stands at place n - 1.
Model = Sequence[int]

_CONFLICTS: Final = 20_000
# Models that are kept, times variables: 20 MB.
_MAX_KEPT: Final = 5_000_000


class Undecided(Exception):
    """The bounds were reached: neither yes nor no is known."""


class Solver:
    """Answers for the clauses of a formula, which may grow. `seconds` bound all questions together.

    Every question raises Undecided where a bound is reached; from the first one on it `is_late`.
    """

    def __init__(self, cnf: Cnf, *, seconds: float) -> None:
        self._cnf, self._solver, self._clauses = cnf, Minisat22(), 0
        self._until = monotonic() + seconds
        self.is_late = False
        self._last: Model = ()
        self._models: list[Model] = []
        self._masks: dict[int, tuple[int, int]] = {}

    def possible(self, *literals: int) -> bool:
        """Whether these hold together in some event."""
        if monotonic() >= self._until:
            raise self._late()
        self._load()
        return self._seen(literals) or self._solve(literals)

    def agreeing(self, fixed: Sequence[int], hoped: Sequence[int]) -> list[int]:
        """Of what is hoped for, each literal that can hold with what is fixed and with those before it.

        As few questions as there are literals that cannot, times the logarithm of all.
        """
        granted, left = list(fixed), list(hoped)
        while left and not self.possible(*granted, *left):
            # So many of the first can hold together, and one more cannot.
            low, high = 0, len(left) - 1
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if self.possible(*granted, *left[:middle]) else (low, middle - 1)
            granted += left[:low]
            left = left[low + 1 :]
        return [*granted[len(fixed) :], *left]

    def model(self, wanted: Iterable[int], hoped: Iterable[int] = (), wishes: Iterable[int] = ()) -> Model:
        """Where all that is wanted holds, and as much as then can of what is hoped for, the first first; of the
        wishes, only those stay that are in nobody's way. Raises Undecided where the wanted is impossible.
        """
        granted = list(wanted)
        granted += self.agreeing(granted, list(hoped))
        left = list(wishes)
        while not self._solve_plainly([*granted, *left]):
            core = self._core()
            blamed = [literal for literal in left if literal in core]
            if not blamed:
                raise Undecided
            left.remove(blamed[-1])
        return self._last

    def clash(self, fixed: Sequence[int], loose: Sequence[int]) -> tuple[int, ...]:
        """Of the loose literals, in their order, a few that are impossible with the fixed ones: without any of them
        the rest would be possible. All of them together must be impossible.
        """
        if self._solve([*fixed, *loose]):
            raise Undecided
        core = self._core()
        few = [literal for literal in loose if literal in core]
        for literal in reversed(few):
            rest = [other for other in few if other != literal]
            if not self.possible(*fixed, *rest):
                few = rest
        return tuple(few)

    def sample(self, events: int) -> None:
        """Look at events of all sorts, so that most questions need no search."""
        self._load()
        for number in range(events):
            # As good as random, and the same each time.
            coins = shake_128(bytes([number])).digest(self._cnf.variables)
            self._solver.set_phases([side if coin & 1 else -side for side, coin in enumerate(coins, 1)])
            self._solve(())

    def mask(self, literal: int) -> int:
        """In which of the events seen so far it holds, as bits: literals of equal events have equal masks."""
        counted, mask = self._masks.get(literal, (0, 0))
        place = abs(literal) - 1
        for number in range(counted, len(self._models)):
            if self._models[number][place] == literal:
                mask |= 1 << number
        self._masks[literal] = len(self._models), mask
        return mask

    def _seen(self, literals: Sequence[int]) -> bool:
        if len(literals) == 1:
            literal, place = literals[0], abs(literals[0]) - 1
            return any(model[place] == literal for model in self._models)
        mask = (1 << len(self._models)) - 1
        for literal in literals:
            mask &= self.mask(literal)
            if not mask:
                return False
        return bool(mask)

    def _solve_plainly(self, literals: Sequence[int]) -> bool:
        """With what is not asked for false: a data point in its first cell."""
        self._load()
        self._solver.set_phases(list(range(-1, -self._cnf.variables - 1, -1)))
        return self._solve(literals)

    def _solve(self, literals: Sequence[int]) -> bool:
        self._load()
        self._solver.conf_budget(_CONFLICTS)
        answer = self._solver.solve_limited(assumptions=literals) if monotonic() < self._until else None
        if answer is None:
            raise self._late()
        if answer:
            self._keep(self._solver.get_model())
        return bool(answer)

    def _late(self) -> Undecided:
        self.is_late = True
        return Undecided()

    def _core(self) -> frozenset[int]:
        return frozenset(self._solver.get_core() or ())

    def _load(self) -> None:
        new = self._cnf.clauses[self._clauses :]
        if new:
            self._solver.append_formula(new)
            self._clauses += len(new)
            # They may break the new clauses.
            self._models.clear()
            self._masks.clear()

    def _keep(self, literals: Sequence[int]) -> None:
        model = array("i", literals)
        # A variable that is in no clause is left out of a model.
        model.extend(-variable for variable in range(len(model) + 1, self._cnf.variables + 1))
        self._last = model
        if len(self._models) * len(self._last) < _MAX_KEPT:
            self._models.append(self._last)
