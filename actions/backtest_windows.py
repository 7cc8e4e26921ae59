"""A window pushed along the past of one entity (a user, a device …): what each action in it saw before it. Pure.

A *row* is a past action with its moment in microseconds since 1970, and what the metric takes from it. Rows arrive in
the order of time. Bounds and rounding are those of the live statement (actions.velocity).
"""

from bisect import insort
from collections import deque
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from heapq import heappop, heappush
from itertools import count
from operator import attrgetter
from typing import Any, Final

from actions.velocity import reads_only_what_counts
from rules.velocity import COUNT, FAILED, MAX_ROWS, MEMBERS, Asked, Seen, settle


def window_of(asked: Asked, action_code: str) -> "Window":
    """A fresh one, as seen from actions of this code."""
    metric = asked.velocity.metric
    if metric == COUNT:
        return Window(asked, action_code)
    if metric == FAILED:
        return Failures(asked, action_code)
    return (Different if metric in MEMBERS else Folded)(asked, action_code)


class Window:
    """The newest rows, as many as the live statement reads; here, how many of them count."""

    def __init__(self, asked: Asked, action_code: str) -> None:
        self.asked = asked
        self.micros = asked.velocity.seconds * 1_000_000
        self.counts_itself = asked.velocity.counts(action_code)
        self.is_bounded = asked.velocity.metric != COUNT or not reads_only_what_counts(asked.velocity)
        self.most = MAX_ROWS if self.is_bounded else asked.cap
        self.rows: deque[tuple[int, bool, Any]] = deque()
        self.number = 0

    def value(self, at: int, extra: Any) -> int | float | None:
        """What an action at this moment is told, itself counted; None where it cannot be told."""
        self.move(at)
        return settle(
            self.asked.velocity,
            self.seen(extra),
            adds=self.adds(extra),
            value=self.own(extra),
            cap=self.asked.cap,
            highest=self.asked.highest,
        )

    def add(self, at: int, extra: Any, *, coded: bool) -> None:
        """A row, and whether it counts by its action code."""
        if len(self.rows) == self.most:
            self._drop()
        self.rows.append((at, coded, extra))
        if coded:
            self.number += 1
            self.enter(extra)

    def move(self, at: int) -> None:
        """The window ends at this moment; its beginning is left out."""
        while self.rows and self.rows[0][0] <= at - self.micros:
            self._drop()

    def _drop(self) -> None:
        _at, coded, extra = self.rows.popleft()
        if coded:
            self.number -= 1
            self.leave(extra)

    @property
    def read(self) -> int:
        return len(self.rows) if self.is_bounded else 0

    # -- what a metric makes of it --

    def seen(self, extra: Any) -> Seen:
        return Seen(self.read, self.number)

    def adds(self, extra: Any) -> int:
        return int(self.counts_itself)

    def own(self, extra: Any) -> Decimal | None:
        return None

    def enter(self, extra: Any) -> None:
        """A row that counts came in."""

    def leave(self, extra: Any) -> None:
        """The oldest row that counts went out."""


class Different(Window):
    """How many different members. The current action's own is counted apart, so that it counts once."""

    def __init__(self, asked: Asked, action_code: str) -> None:
        super().__init__(asked, action_code)
        self.members: dict[Any, int] = {}

    def enter(self, extra: Any) -> None:
        if extra is not None:
            self.members[extra] = self.members.get(extra, 0) + 1

    def leave(self, extra: Any) -> None:
        if extra is not None:
            self.members[extra] -= 1
            if not self.members[extra]:
                del self.members[extra]

    def seen(self, extra: Any) -> Seen:
        return Seen(self.read, len(self.members) - (self.counts_itself and extra in self.members))

    def adds(self, extra: Any) -> int:
        return int(self.counts_itself and extra is not None)


# To the last digit, as PostgreSQL adds.
_EXACT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


class Folded(Window):
    """Sum, highest and lowest of the numbers sent."""

    def __init__(self, asked: Asked, action_code: str) -> None:
        super().__init__(asked, action_code)
        self.total, self.came, self.went = Decimal(0), 0, 0
        # Those that are the highest (lowest) of all that came after them, each with its place of arrival.
        self.highest: deque[tuple[int, Decimal]] = deque()
        self.lowest: deque[tuple[int, Decimal]] = deque()

    def enter(self, extra: Decimal | None) -> None:
        if extra is None:
            return
        self.total = _EXACT.add(self.total, extra)
        while self.highest and self.highest[-1][1] <= extra:
            self.highest.pop()
        while self.lowest and self.lowest[-1][1] >= extra:
            self.lowest.pop()
        self.highest.append((self.came, extra))
        self.lowest.append((self.came, extra))
        self.came += 1

    def leave(self, extra: Decimal | None) -> None:
        if extra is None:
            return
        self.total = _EXACT.subtract(self.total, extra)
        for best in (self.highest, self.lowest):
            if best[0][0] == self.went:
                best.popleft()
        self.went += 1

    def seen(self, extra: Any) -> Seen:
        number = self.came - self.went
        if not number:
            return Seen(self.read, 0)
        return Seen(self.read, number, self.total, self.highest[0][1], self.lowest[0][1])

    def own(self, extra: Decimal | None) -> Decimal | None:
        return extra if self.counts_itself else None


@dataclass(slots=True)
class Failure:
    """A challenge that has failed; whether it still counts: by its code, and not passed since."""

    tracked: int
    counts: bool


class Failures(Window):
    """Challenges that had failed by then, and by then had not been passed after all.

    A row's extra is when it failed and when it was passed (None: never), both maybe long after it was tracked.
    """

    def __init__(self, asked: Asked, action_code: str) -> None:
        super().__init__(asked, action_code)
        # (failed, tracked, passed or NEVER, coded), the next to fail first.
        self.pending: list[tuple[int, int, int, bool]] = []
        # The newest that have failed, the oldest first. What falls out is older than all that stay, and never returns.
        self.failed: list[Failure] = []
        # When each that counts is passed, the next first; a number keeps those of one moment apart.
        self.passes: list[tuple[int, int, Failure]] = []
        self.arrivals = count()

    def add(self, at: int, extra: Any, *, coded: bool) -> None:
        failed, passed = extra
        heappush(self.pending, (failed, at, NEVER if passed is None else passed, coded))

    def move(self, at: int) -> None:
        while self.pending and self.pending[0][0] <= at:
            _failed, tracked, passed, coded = heappop(self.pending)
            self._fail(Failure(tracked, coded), passed)
        while self.failed and self.failed[0].tracked <= at - self.micros:
            self._uncount(self.failed.pop(0))
        while self.passes and self.passes[0][0] <= at:
            self._uncount(heappop(self.passes)[-1])

    def _fail(self, one: Failure, passed: int) -> None:
        insort(self.failed, one, key=attrgetter("tracked"))
        self.number += one.counts
        if one.counts and passed != NEVER:
            heappush(self.passes, (passed, next(self.arrivals), one))
        if len(self.failed) > self.most:
            self._uncount(self.failed.pop(0))

    def _uncount(self, one: Failure) -> None:
        self.number -= one.counts
        one.counts = False

    @property
    def read(self) -> int:
        return len(self.failed)

    def adds(self, extra: Any) -> int:
        return 0


# A moment after all others.
NEVER: Final = 1 << 62
