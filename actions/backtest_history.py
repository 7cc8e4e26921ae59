"""Velocity as it was: what the live count (actions.velocity) would have told at each of many past actions.

One query for each key gives the past, sorted by whose it is and by time; a window is pushed along it. Nothing
after an action's own moment counts, of several at one moment nothing after its own place in the order of ids. What
has been deleted since, and what two requests at the same moment did not see of each other, stays unknown; so does
that a challenge had been passed, where somebody called it failed after that.
"""

from array import array
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import groupby
from math import isnan, nan
from operator import itemgetter
from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Literal

from actions.backtest_rows import ENTITY_KEYS, Span
from actions.backtest_windows import Window, window_of
from actions.velocity import reads_only_what_counts
from rules.velocity import FAILED, FOLDS, MEMBERS, Asked, Velocity

# Rows per round trip.
FETCHED: Final = 5_000


class Values:
    """One number for each action of a span, by its place in the order of time and id, from 0."""

    def __init__(self, size: int) -> None:
        self._numbers = array("d", [nan]) * size
        # What has no exact place among floats.
        self._large: dict[int, int] = {}

    def keep(self, place: int, value: int | float) -> None:
        try:
            self._numbers[place] = value
        except OverflowError:
            self._numbers[place] = 0.0
        if isinstance(value, int) and self._numbers[place] != value:
            self._large[place] = value

    def column(self, start: int, stop: int) -> list[int | float | None]:
        found: list[int | float | None] = [
            None if isnan(number) else int(number) if number.is_integer() else number
            for number in self._numbers[start:stop]
        ]
        if self._large:
            found = [self._large.get(start + offset, one) for offset, one in enumerate(found)]
        return found


def recount(
    connection: Connection[Any], span: Span, asked: Asked, *, size: int, advance: Callable[[int], None]
) -> Values:
    """The velocity at each action of a span of `size`; where it could not be told, or has no entity, nothing.

    `advance` is told how many rows were read, and may raise.
    """
    values = Values(size)
    with connection.cursor(name="past") as cursor:
        cursor.itersize = FETCHED
        cursor.execute(_query(span, asked.velocity))
        for _entity, rows in groupby(_told(cursor, advance), itemgetter(0)):
            _push(window_of(asked, span.action_code), rows, values)
    return values


def _told(rows: Any, advance: Callable[[int], None]) -> Iterator[tuple[Any, ...]]:
    for number, row in enumerate(rows, 1):
        if not number % FETCHED:
            advance(FETCHED)
        yield row


def _push(window: Window, rows: Iterator[tuple[Any, ...]], values: Values) -> None:
    """Along the rows of one entity: what each replayed action saw, and then the action itself."""
    for _entity, at, place, counts, coded, extra in rows:
        if place is not None:
            value = window.value(at, extra)
            if value is not None:
                values.keep(place - 1, value)
        if counts:
            window.add(at, extra, coded=coded)


# -- the past ------------------------------------------------------------------------------------

ENTITY: Final = {"user": "x.user_id", "tenant": "0"} | {scope: f"x.{key}" for scope, key in ENTITY_KEYS.items()}
MEMBER: Final = {
    "devices": "x.device_key",
    "addresses": "x.address_key",
    "countries": "nullif(x.country_code, '')",
    "users": "x.user_id::text",
}
_MICROSECONDS = "(extract(epoch FROM {}) * 1000000)::bigint"


def _query(span: Span, velocity: Velocity) -> Composed:
    """(entity, moment, place among the replayed or NULL, whether it is read, whether its code counts, the metric's)"""
    codes = velocity.codes(span.action_code)
    coded: Composable = SQL("TRUE") if codes is None else SQL("x.action_code = ANY({})").format(Literal(list(codes)))
    counts: Composable = coded if reads_only_what_counts(velocity) else SQL("TRUE")
    if velocity.metric == FAILED:
        counts = SQL("({} AND x.failed_at IS NOT NULL)").format(counts)
    # OFFSET 0: what is wanted of the row is taken out of it first, so that the rows that are sorted are narrow.
    return SQL(
        "SELECT {shown}, at, place, counts, coded, extra FROM ("
        "SELECT *, CASE WHEN held THEN row_number() OVER (PARTITION BY held ORDER BY created_at, id) END AS place"
        " FROM (SELECT {entity} AS entity, {at} AS at, x.created_at, x.id, {held} AS held,"
        " {counts} AS counts, {coded} AS coded, {extra} AS extra"
        " FROM actions_action x WHERE x.tenant_id = {tenant}"
        " AND x.created_at > {first} AND x.created_at <= {until} AND ({held} OR {counts})"
        " OFFSET 0) narrow) past WHERE entity IS NOT NULL ORDER BY entity, created_at, id"
    ).format(
        # A uuid as text costs less to read than as an object.
        shown=SQL("entity::text" if velocity.scope == "user" else "entity"),
        entity=SQL(ENTITY[velocity.scope]),
        at=SQL(_MICROSECONDS.format("x.created_at")),
        held=span.holds("x"),
        counts=counts,
        coded=coded,
        extra=_extra(velocity),
        tenant=Literal(span.tenant_id),
        first=Literal(span.since - timedelta(seconds=velocity.seconds)),
        until=Literal(span.until),
    )


def _extra(velocity: Velocity) -> Composable:
    """What a row adds beside itself."""
    if velocity.metric in MEMBERS:
        return SQL(MEMBER[velocity.metric])
    if velocity.metric == FAILED:
        succeeded = "CASE WHEN x.state = 'CHALLENGE_SUCCEEDED' THEN {} END"
        moments = [_MICROSECONDS.format("x.failed_at"), succeeded.format(_MICROSECONDS.format("x.state_updated_at"))]
        return SQL("ARRAY[{}, {}]").format(*map(SQL, moments))
    if velocity.metric in FOLDS:
        return SQL("(x.numbers->{})::numeric").format(Literal(velocity.field))
    return SQL("NULL")
