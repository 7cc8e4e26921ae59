"""Deciding stored actions anew: their values are read as columns and put before a draft.

A velocity is taken from the facts where it was told as far as the draft looks, and else counted anew as of then.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from psycopg import Connection

from actions.backtest_history import Values, recount
from actions.backtest_rows import Batch, Source, Span
from actions.backtest_tally import Tally
from authsignal_portal.models import Tenant
from rules.columns import MAX_RESULTS, Column, Columns
from rules.engine import Policy
from rules.lists import Lists
from rules.velocity import PREFIX, Asked


@dataclass(frozen=True, slots=True)
class Draft:
    """What decides anew: the compiled rules and the lists they ask."""

    policy: Policy
    lists: Lists

    def velocity(self, key: str) -> Asked:
        return next(one for one in self.policy.velocities if one.velocity.key == key)


# Of velocities counted anew, all together: one for each action and velocity, of eight bytes.
MAX_NUMBERS: Final = 32_000_000


class TooMuch(Exception):
    """More numbers would have to be counted anew than are kept in memory; the text is for the reader."""


class Doubtful(Exception):
    """A velocity is not told, or not far enough, by some stored facts."""

    def __init__(self, keys: set[str]) -> None:
        super().__init__(*sorted(keys))
        self.keys = keys


class Progress:
    """How far it is. A pass reads all actions once, more or less; `advance` may raise, to end it."""

    done = total = 0
    _end = _rows = 0

    def plan(self, passes: int, rows: int) -> None:
        """So many passes more, of so many rows. What was planned before is over."""
        self._end, self._rows = self.total, rows
        self.total += passes * rows

    def begin(self) -> None:
        """The next pass."""
        self.done = self._end
        self._end += self._rows

    def advance(self, rows: int) -> None:
        self.done = min(self.done + rows, self._end)


def replay(
    connection: Connection[Any],
    span: Span,
    draft: Draft,
    *,
    tenant: Tenant,
    size: int,
    progress: Progress,
    trusts_stored: bool = True,
) -> Tally:
    """Every action of the span, of which there are `size`, decided by the draft. Reads only.

    Call inside a transaction in which all statements see the same moment. `trusts_stored` is False where stored
    velocities are not to be used: to compare them with those counted anew.
    """
    recounted: dict[str, Values] = {}
    wanted = set() if trusts_stored else {one.velocity.key for one in draft.policy.velocities}
    while True:
        _check_room(size, len(wanted) + len(recounted))
        progress.plan(len(wanted) + 1, size)
        for key in sorted(wanted):
            progress.begin()
            recounted[key] = recount(connection, span, draft.velocity(key), size=size, advance=progress.advance)
        progress.begin()
        try:
            return _decided(connection, span, draft, tenant, recounted, progress, trusts_stored)
        except Doubtful as doubt:
            # A second time all of them: whatever is still doubtful then is found without another pass.
            wanted = {one.velocity.key for one in draft.policy.velocities} if recounted else doubt.keys
            wanted -= recounted.keys()


def _check_room(size: int, velocities: int) -> None:
    if size * velocities > MAX_NUMBERS:
        text = _(
            "For %(actions)s actions, %(number)s velocities would have to be counted as of then, which is too much at "
            "once. Choose fewer days, or try a draft that asks for fewer velocities that are new."
        )
        raise TooMuch(text % {"actions": f"{size:,}", "number": velocities})


def _decided(
    connection: Connection[Any],
    span: Span,
    draft: Draft,
    tenant: Tenant,
    recounted: Mapping[str, Values],
    progress: Progress,
    trusts_stored: bool,
) -> Tally:
    columns = Columns(draft.policy, draft.lists)
    source = Source(draft.policy, tenant, is_timed=columns.is_timed)
    velocities = Velocities(draft.policy, recounted, trusts_stored=trusts_stored)
    tally = Tally(draft.policy, columns.results, recounted=recounted)
    start = 0
    with closing(source.batches(connection, span, in_order=bool(recounted))) as batches:
        for batch in batches:
            velocities.fill(batch, start)
            tally.add(batch.rows, batch.days, columns.decide(batch.columns, batch.moments), velocities.told)
            start += len(batch.rows)
            progress.advance(len(batch.rows))
            if len(columns.results) > MAX_RESULTS:
                tally.fold()
                columns.forget()
    tally.fold()
    return tally


# -- velocity ------------------------------------------------------------------------------------


class Velocities:
    """Puts into the columns of velocity what the stored facts tell, or what was counted anew."""

    def __init__(self, policy: Policy, recounted: Mapping[str, Values], *, trusts_stored: bool) -> None:
        asked = {one.velocity.key: one for one in policy.velocities}
        self.places = [(place, asked[key]) for place, (key, *_) in enumerate(policy.readings) if key in asked]
        self.recounted, self.trusts_stored = recounted, trusts_stored
        self.columns: dict[str, Column] = {}

    def fill(self, batch: Batch, start: int) -> None:
        """Raises Doubtful. `start` is the place of the batch's first action among all in the order of time."""
        doubtful = set()
        for place, asked in self.places:
            stored, caps = batch.columns[place], batch.caps[asked.velocity.key]
            if self.trusts_stored and _tells_all(asked.highest, stored, caps):
                continue
            if asked.velocity.key not in self.recounted:
                doubtful.add(asked.velocity.key)
                continue
            counted = self.recounted[asked.velocity.key].column(start, start + len(stored))
            batch.columns[place] = [
                value if self.trusts_stored and _tells(asked.highest, value, cap) else anew
                for value, cap, anew in zip(stored, caps, counted, strict=True)
            ]
        if doubtful:
            raise Doubtful(doubtful)
        self.columns = {asked.velocity.key.removeprefix(PREFIX): batch.columns[place] for place, asked in self.places}

    def told(self, number: int) -> dict[str, int | float]:
        """The velocities of one action of the batch, as facts hold them."""
        found = {name: column[number] for name, column in self.columns.items()}
        return {name: value for name, value in found.items() if value is not None}


def _tells(highest: float, value: Any, cap: Any) -> bool:
    """Whether a stored velocity says enough for comparisons with no number above `highest`.

    From `cap` on it means "at least so much"; without one it is exact. True instead of a number: there was nobody to
    count by, or no number among all that were read, so that nothing is what would be told again.
    """
    if value is None:
        return cap is True
    return bool(cap is None or value < cap or value > highest)


def _tells_all(highest: float, values: Column, caps: Column) -> bool:
    if None not in values and all(cap is None or cap > highest for cap in set(caps)):
        return True
    return all(_tells(highest, value, cap) for value, cap in zip(values, caps, strict=True))
