"""Stored actions as columns of values, as fast as they can be had.

PostgreSQL takes out of the facts what the rules of a draft mention, and sends it as one JSON array for each action.
"""

import json
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any, Final

import orjson
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Literal

from actions.models import PRIVATE, ActionFacts
from authsignal_portal.models import Tenant
from rules.columns import Column
from rules.engine import Policy
from rules.registry import DataPoint
from rules.types import MULTISELECT, NUMBER
from rules.velocity import Asked

# Rows at a time: few enough that PostgreSQL is not kept waiting by a full socket.
ROWS: Final = 500
# In place of an outcome's letter: the facts of this action are no longer kept, so that it cannot be decided anew.
NOT_KEPT: Final = ord("-")
# The column of an action without which a velocity has nobody to count by.
ENTITY_KEYS: Final = {
    "device": "device_key",
    "address": "address_key",
    "phoneNumber": "phone_key",
    "emailDomain": "email_domain_key",
}

# A row in COPY's binary format: the number of fields, and the length of each before it (PostgreSQL, "COPY", Binary
# Format). The fields are the outcome's first letter, the user, the action, the moment it was tracked, and JSON.
OUTCOME, USER, ACTION, TRACKED, JSON = 6, slice(11, 27), slice(31, 47), slice(51, 59), slice(64, -1)
_HEADER, _TRAILER = 19, b"\xff\xff"
# From here on orjson reads an integer as a float, which Python's own JSON does not.
_FIRST_INEXACT: Final = 2.0**63
_SEALED: Final = {("user", name) for name in PRIVATE}
# PostgreSQL passes no more than 100 arguments to a function.
_ARGUMENTS: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The actions of one code of a tenant after `since`, up to and with `until`."""

    tenant_id: uuid.UUID
    action_code: str
    since: datetime
    until: datetime

    def holds(self, row: str) -> Composed:
        """As a condition on a row of actions_action."""
        return SQL(
            "({row}.tenant_id = {tenant} AND {row}.action_code = {code}"
            " AND {row}.created_at > {since} AND {row}.created_at <= {until})"
        ).format(
            row=SQL(row),
            tenant=Literal(self.tenant_id),
            code=Literal(self.action_code),
            since=Literal(self.since),
            until=Literal(self.until),
        )


@dataclass(slots=True)
class Batch:
    """Some actions: their rows, days since 1970, moments, a column for each reading of the policy, and caps by key."""

    rows: list[bytes]
    days: Sequence[int]
    moments: Sequence[float | None]
    columns: list[Column]
    caps: Mapping[str, Column]


class Source:
    """What is read of every action, and how it is taken apart."""

    def __init__(self, policy: Policy, tenant: Tenant, *, is_timed: bool) -> None:
        """`is_timed`: whether the moments are wanted."""
        self.tenant, self.points = tenant, policy.points
        self.groups = {
            name: f"g{number}" for number, name in enumerate(dict.fromkeys(_group(one) for one in self.points))
        }
        self.keys = {ENTITY_KEYS[one.velocity.scope] for one in policy.velocities if one.velocity.scope in ENTITY_KEYS}
        # The values of the JSON array; a place in it is a *leaf*.
        self.leaves: list[Composable] = [SQL("day")]
        self.moment = self._leaf(SQL("moment")) if is_timed else None
        self.private = [place for place, one in enumerate(self.points) if one.path in _SEALED]
        self.sealed = self._leaf(SQL("sealed")) if self.private else None
        self.read = [self._leaf(self._value(one)) for one in self.points]
        self.caps = {one.velocity.key: self._leaf(_cap(one)) for one in policy.velocities}
        numeric = [leaf for leaf, one in zip(self.read, self.points, strict=True) if one.kind in (NUMBER, MULTISELECT)]
        self.numeric = [*numeric, *self.caps.values()]

    def _leaf(self, text: Composable) -> int:
        self.leaves.append(text)
        return len(self.leaves) - 1

    def _value(self, point: DataPoint) -> Composable:
        names = [Literal(name) for name in point.path[1:]]
        return SQL("->").join([SQL(self.groups[_group(point)]), *names])

    def statement(self, span: Span, *, in_order: bool) -> Composed:
        """A row for each action; one whose facts are no longer kept has NOT_KEPT for its outcome."""
        parts = [
            *(SQL("a.{}").format(SQL(key)) for key in sorted(self.keys)),
            *(SQL("f.facts->{} AS {}").format(Literal(name), SQL(alias)) for name, alias in self.groups.items()),
            *([SQL("f.trace->'caps' AS caps")] if self.caps else []),
            *([SQL("f.facts->'time'->'at' AS moment")] if self.moment is not None else []),
            *([SQL("encode(f.private_sealed, 'hex') AS sealed")] if self.sealed is not None else []),
        ]
        # A group is taken out of the facts once (OFFSET 0 keeps it so), however many values of it are wanted.
        return SQL(
            "COPY (SELECT outcome, user_id, id, created_at, ({array})::text FROM ("
            "SELECT CASE WHEN f.action_id IS NULL THEN {gone} ELSE left(a.outcome, 1) END AS outcome,"
            " (a.created_at AT TIME ZONE 'UTC')::date - DATE '1970-01-01' AS day,"
            " {parts}, a.user_id, a.id, a.created_at"
            " FROM actions_action a LEFT JOIN actions_actionfacts f ON f.action_id = a.id"
            " WHERE {held} OFFSET 0) known{order}) TO STDOUT (FORMAT binary)"
        ).format(
            array=_array(self.leaves),
            gone=Literal(chr(NOT_KEPT)),
            parts=SQL(", ").join(parts or [SQL("1")]),
            held=span.holds("a"),
            order=SQL(" ORDER BY created_at, id" if in_order else ""),
        )

    def batches(self, connection: Connection[Any], span: Span, *, in_order: bool) -> Generator[Batch]:
        """In the order of time and id if asked, else as it comes. May be left off: the transaction stays whole."""
        statement = self.statement(span, in_order=in_order)
        with connection.transaction(), connection.cursor() as cursor, cursor.copy(statement) as copy:
            lines: Iterator[bytes] = map(bytes, copy)
            # The header stands before the first row.
            lines = chain([next(lines)[_HEADER:]], lines)
            while rows := [line for line in islice(lines, ROWS) if len(line) > len(_TRAILER)]:
                yield self._batch(rows)

    def _batch(self, rows: list[bytes]) -> Batch:
        width = len(self.leaves)
        values = parsed(b"[" + b",".join([row[JSON] for row in rows]) + b"]", width, self.numeric)
        columns: list[Column] = [values[leaf::width] for leaf in self.read]
        if self.sealed is not None:
            self._open(rows, values[self.sealed :: width], columns)
        moments = [None] * len(rows) if self.moment is None else values[self.moment :: width]
        caps = {key: values[leaf::width] for key, leaf in self.caps.items()}
        return Batch(rows, values[0::width], moments, columns, caps)

    def _open(self, rows: list[bytes], sealed: Column, columns: list[Column]) -> None:
        """What is kept apart of the user's facts goes before what stands in them."""
        opened = [_opened(self.tenant, row, one) for row, one in zip(rows, sealed, strict=True)]
        for place in self.private:
            name = self.points[place].path[-1]
            columns[place] = [one.get(name, value) for one, value in zip(opened, columns[place], strict=True)]


def _array(leaves: Sequence[Composable]) -> Composable:
    parts = [leaves[start : start + _ARGUMENTS] for start in range(0, len(leaves), _ARGUMENTS)]
    return SQL(" || ").join(SQL("jsonb_build_array({})").format(SQL(", ").join(part)) for part in parts)


def _group(point: DataPoint) -> str:
    return point.path[0]


def _cap(asked: Asked) -> Composable:
    """From where on the velocity means "at least so much", if anywhere; true where there was nobody to count by."""
    cap = SQL("caps->{}").format(Literal(asked.velocity.key))
    key = ENTITY_KEYS.get(asked.velocity.scope)
    return SQL("CASE WHEN {} IS NULL THEN 'true' ELSE {} END").format(SQL(key), cap) if key else cap


def _opened(tenant: Tenant, row: bytes, sealed: str | None) -> dict[str, Any]:
    if sealed is None:
        return {}
    place = (ActionFacts._meta.db_table, "private_sealed", str(uuid.UUID(bytes=row[ACTION])))
    opened: dict[str, Any] = json.loads(tenant.unseal(bytes.fromhex(sealed), *place))
    return opened


def parsed(text: bytes, width: int, numeric: Sequence[int]) -> list[Any]:
    """An array of rows of `width` values each, as Python's own JSON reads it; `numeric` are the places of numbers."""
    try:
        values: list[Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        # A number beyond all floats.
        return list(json.loads(text))
    if any(_is_inexact(values[place::width]) for place in numeric):
        return list(json.loads(text))
    return values


def _is_inexact(column: Column) -> bool:
    types = set(map(type, column))
    if list in types:
        return any(isinstance(value, list) and _is_inexact(value) for value in column)
    return float in types and any(abs(value) >= _FIRST_INEXACT for value in column if type(value) is float)
