"""What a backtest counts, over all actions."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heapreplace
from typing import Final
from uuid import UUID

from actions.backtest_rows import ACTION, NOT_KEPT, OUTCOME, TRACKED, USER
from rules.columns import Result
from rules.engine import OUTCOMES, Policy

# Outcomes by their first letter, as a row tells the old one.
BY_LETTER: Final = {ord(outcome[0]): outcome for outcome in OUTCOMES}
# Of each changed cell of the matrix, the newest.
MAX_SAMPLES: Final = 5


@dataclass(slots=True)
class RuleCount:
    """Of one rule, or of the default outcome where none fired: how often, and of what outcome before."""

    matched: int = 0
    decided: int = 0
    unknown: int = 0
    changed_from: Counter[str] = field(default_factory=Counter)


class Tally:
    """Sums over all actions. `results` is the list that the places given to `add` are places in."""

    def __init__(self, policy: Policy, results: Sequence[Result], *, recounted: Iterable[str] = ()) -> None:
        """`recounted` are the velocities that were counted anew."""
        self.policy, self._results, self.recounted = policy, results, sorted(recounted)
        self.matrix: Counter[tuple[str, str]] = Counter()
        self.rules = [RuleCount() for _ in policy.rules]
        self.by_default = RuleCount()
        self.not_kept = 0
        # Day since 1970: actions, challenged before, challenged by the draft.
        self.days: dict[int, list[int]] = {}
        self.users = Distinct()
        self._counts: Counter[tuple[int, int, int]] = Counter()
        self._letters: list[int] = []
        self._samples: dict[tuple[int, int], list[tuple[bytes, dict[str, int | float]]]] = {}

    def add(
        self,
        rows: Sequence[bytes],
        days: Sequence[int],
        places: Sequence[int],
        told: Callable[[int], dict[str, int | float]],
    ) -> None:
        """Rows as actions.backtest_replay reads them; `told` gives the velocities of one of them."""
        before = [row[OUTCOME] for row in rows]
        self._counts.update(zip(days, before, places, strict=True))
        self._letters += [ord(result.outcome[0]) for result in self._results[len(self._letters) :]]
        after = [self._letters[place] for place in places]
        if before == after:
            return
        changed = [
            number
            for number, (old, new) in enumerate(zip(before, after, strict=True))
            if old != new and old != NOT_KEPT
        ]
        self.users.update([rows[number][USER] for number in changed])
        # Mostly the last are the newest: then the rest of the batch need not be looked at closely.
        for number in reversed(changed):
            kept = self._samples.setdefault((before[number], after[number]), [])
            # The bytes of a moment are in the order of time.
            mark = rows[number][TRACKED] + rows[number][ACTION]
            if len(kept) < MAX_SAMPLES:
                heappush(kept, (mark, told(number)))
            elif mark > kept[0][0]:
                heapreplace(kept, (mark, told(number)))

    def fold(self) -> None:
        """Into the sums; the list of results may then begin anew."""
        for (day, letter, place), number in self._counts.items():
            if letter == NOT_KEPT:
                self.not_kept += number
            else:
                self._fold(day, BY_LETTER[letter], self._results[place], number)
        self._counts.clear()
        self._letters.clear()

    def _fold(self, day: int, before: str, result: Result, number: int) -> None:
        self.matrix[before, result.outcome] += number
        for place in (*result.matched, *result.shadowed):
            self.rules[place].matched += number
        for place in result.unknown:
            self.rules[place].unknown += number
        decider = self.rules[result.matched[0]] if result.matched else self.by_default
        decider.decided += number
        if before != result.outcome:
            decider.changed_from[before] += number
        sums = self.days.setdefault(day, [0, 0, 0])
        sums[0] += number
        sums[1] += number * (before == "CHALLENGE")
        sums[2] += number * (result.outcome == "CHALLENGE")

    def samples(self) -> Iterator[tuple[str, str, list[tuple[UUID, dict[str, int | float]]]]]:
        """(before, after, actions with the velocities that the draft was told), the newest first."""
        for (before, after), kept in self._samples.items():
            newest = sorted(kept, key=lambda one: one[0], reverse=True)
            yield BY_LETTER[before], BY_LETTER[after], [(UUID(bytes=mark[8:]), told) for mark, told in newest]


class Distinct:
    """How many different ids of 16 bytes: exact, in about 16 bytes of memory for each."""

    _PART: Final = 256
    _LEAST: Final = 200_000

    def __init__(self) -> None:
        self._new: set[bytes] = set()
        # By their first byte, end to end.
        self._kept = [b""] * self._PART

    def update(self, ids: Sequence[bytes]) -> None:
        self._new.update(ids)
        if len(self._new) > max(self._LEAST, self._size() // 4):
            self._settle()

    def __len__(self) -> int:
        self._settle()
        return self._size()

    def _size(self) -> int:
        return sum(map(len, self._kept)) // 16

    def _settle(self) -> None:
        parts: dict[int, set[bytes]] = {}
        for one in self._new:
            parts.setdefault(one[0], set()).add(one)
        for first, part in parts.items():
            kept = self._kept[first]
            part.update(kept[start : start + 16] for start in range(0, len(kept), 16))
            self._kept[first] = b"".join(part)
        self._new.clear()
