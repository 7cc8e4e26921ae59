"""Velocity over the stored actions: columns of the read statement, and what they come to.

Every column reads a bounded number of rows through an index that begins with the entity and ends with the time, so that
a decision costs the same with ten thousand stored actions and with ten million. The text depends only on the shapes of
what is asked (metric, scope, whether codes are named), never on a value, so that it is prepared once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from rules.types import READERS, Kind, storable
from rules.velocity import COUNT, FAILED, FOLDS, MAX_ROWS, MEMBERS, Asked, Seen, Velocity, settle

# What is compared with stands in a sub-select, so that the planner does not know it and one plan serves all values. A
# plan for a busy device goes through everybody's actions to find its own, and is slow as soon as it is busy no more.
# Where PostgreSQL takes a plan for known values for much cheaper, it plans each request anew, which costs more than to
# read (https://www.postgresql.org/docs/current/sql-prepare.html, Notes).
_OF_TENANT: Final = "x.tenant_id = (SELECT %(tenant)s::uuid)"
SCOPED: Final = {
    "user": "x.user_id = u.id",
    "device": f"{_OF_TENANT} AND x.device_key = (SELECT %(device_key)s::bigint)",
    "address": f"{_OF_TENANT} AND x.address_key = (SELECT %(address_key)s::bigint)",
    "phoneNumber": f"{_OF_TENANT} AND x.phone_key = (SELECT %(phone_key)s::bigint)",
    "emailDomain": f"{_OF_TENANT} AND x.email_domain_key = (SELECT %(email_domain_key)s::bigint)",
    "tenant": _OF_TENANT,
}
# The member of an action, and the current action's.
MEMBER: Final = {
    "devices": ("x.device_key", "%(m{number})s::bigint"),
    "addresses": ("x.address_key", "%(m{number})s::bigint"),
    "countries": ("nullif(x.country_code, '')", "%(m{number})s::varchar"),
    "users": ("x.user_id", "u.id"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """What the current action shares with past ones beside its user; None where it came without."""

    action_code: str
    device_key: int | None = None
    address_key: int | None = None
    phone_key: int | None = None
    email_domain_key: int | None = None
    country_code: str | None = None

    def has(self, scope: str) -> bool:
        return scope in ("user", "tenant") or self.key(scope) is not None

    def key(self, scope: str) -> int | None:
        """What stands for the device, the address … of such a scope."""
        keys = {
            "device": self.device_key,
            "address": self.address_key,
            "phoneNumber": self.phone_key,
            "emailDomain": self.email_domain_key,
        }
        return keys[scope]

    def member(self, metric: str) -> Any:
        """The current action's own member of a count of different ones."""
        members = {
            "devices": self.device_key,
            "addresses": self.address_key,
            "countries": self.country_code or None,
        }
        return members[metric]


def columns(asked: Sequence[Asked], action_code: str) -> str:
    """SQL of one numeric[] column for each: (rows, number[, total, highest, lowest]) as in rules.velocity.Seen."""
    return "".join(f",\n  {_column(one.velocity, n, action_code)} AS v{n}" for n, one in enumerate(asked))


def parameters(asked: Sequence[Asked], around: Entities) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for number, one in enumerate(asked):
        velocity = one.velocity
        codes = velocity.codes(around.action_code)
        given[f"w{number}"] = velocity.seconds
        if codes is not None:
            given[f"a{number}"] = list(codes)
        if velocity.metric == COUNT and reads_only_what_counts(velocity):
            given[f"l{number}"] = one.cap
        if velocity.metric in MEMBERS and velocity.metric != "users":
            given[f"m{number}"] = around.member(velocity.metric) if velocity.counts(around.action_code) else None
        if velocity.field:
            given[f"f{number}"] = velocity.field
    return given


def reads_only_what_counts(velocity: Velocity) -> bool:
    """Whether only actions whose code counts are read; else all, and those are picked out."""
    # Only a user's and a tenant's actions have an index by code; elsewhere rare codes among many actions must not be
    # searched for.
    return velocity.codes("") is None or (velocity.scope in ("user", "tenant") and velocity.metric != FAILED)


def _column(velocity: Velocity, number: int, action_code: str) -> str:
    is_counted_only = velocity.metric == COUNT and reads_only_what_counts(velocity)
    # A limit that the planner does not know: else, taking few actions for granted, it may read all to sort them.
    limit = f"LIMIT (SELECT {f'%(l{number})s::bigint' if is_counted_only else MAX_ROWS})"
    newest = f"{_source(velocity, number, limit)} ORDER BY x.created_at DESC {limit}"
    if is_counted_only:
        # As far as the cap, hence whole however many rows: none counts against the bound.
        return f"(SELECT ARRAY[0, count(*)]::numeric[] FROM (SELECT 1 {newest}) q)"  # noqa: S608
    rest = f"{'TRUE' if reads_only_what_counts(velocity) else _is_wanted(number)} AS coded {newest}"
    if velocity.metric in (COUNT, FAILED):
        also = " AND q.state <> 'CHALLENGE_SUCCEEDED'" if velocity.metric == FAILED else ""
        numbers = f"count(*), count(*) FILTER (WHERE q.coded{also})"
        return f"(SELECT ARRAY[{numbers}]::numeric[] FROM (SELECT x.state, {rest}) q)"  # noqa: S608
    if velocity.metric in MEMBERS:
        return _members(velocity.metric, number, velocity.counts(action_code), rest)
    return _folded(number, rest)


def _is_wanted(number: int) -> str:
    return f"x.action_code = ANY({_codes(number)}::varchar[])"


def _codes(number: int) -> str:
    return f"(SELECT %(a{number})s::varchar[])"


def _source(velocity: Velocity, number: int, limit: str) -> str:
    """Where the rows x come from: through an index of the scope, the newest first."""
    window = f"x.created_at > (SELECT authsignal_now() - make_interval(secs => %(w{number})s::double precision))"
    where = f"{SCOPED[velocity.scope]} AND {window}"
    if velocity.metric == FAILED:
        return f"FROM actions_action x WHERE {where} AND x.failed_at IS NOT NULL"
    if velocity.codes("") is None or not reads_only_what_counts(velocity):
        return f"FROM actions_action x WHERE {where}"
    newest = (
        f"SELECT * FROM actions_action x WHERE {where} AND x.action_code = c.code ORDER BY x.created_at DESC {limit}"  # noqa: S608
    )
    return f"FROM unnest({_codes(number)}) c(code) CROSS JOIN LATERAL ({newest}) x"


def _members(metric: str, number: int, current_is_in: bool, rest: str) -> str:
    member, current = MEMBER[metric]
    # The current action's member is counted apart, so that it counts once.
    others = "q.coded" + (f" AND q.member IS DISTINCT FROM {current.format(number=number)}" if current_is_in else "")
    distinct = f"count(DISTINCT q.member) FILTER (WHERE {others})"
    return f"(SELECT ARRAY[count(*), {distinct}]::numeric[] FROM (SELECT {member} AS member, {rest}) q)"  # noqa: S608


def _folded(number: int, rest: str) -> str:
    value = f"CASE WHEN q.coded THEN (q.numbers->%(f{number})s::text)::numeric END"
    folds = "count(*), count(n), coalesce(sum(n), 0), max(n), min(n)"
    return f"(SELECT ARRAY[{folds}]::numeric[] FROM (SELECT {value} AS n FROM (SELECT x.numbers, {rest}) q) s)"  # noqa: S608


def values(
    asked: Sequence[Asked], found: Sequence[Sequence[Decimal | None]], around: Entities, custom: dict[str, Any]
) -> dict[str, int | float]:
    """The value of each, by its key without the prefix, the current action counted; what cannot be told is left out."""
    told: dict[str, int | float] = {}
    for one, row in zip(asked, found, strict=True):
        value = _value(one, row, around, custom) if around.has(one.velocity.scope) else None
        if value is not None:
            told[one.velocity.key.partition(".")[2]] = value
    return told


def caps(
    asked: Sequence[Asked], found: Sequence[Sequence[Decimal | None]], told: dict[str, int | float]
) -> dict[str, int | float]:
    """By key, from where on a told value means "at least so much". One that was told in full has none.

    True stands for an average or a maximum of no number: that there is no value is all that there is to tell.
    """
    stops: dict[str, int | float] = {}
    for one, row in zip(asked, found, strict=True):
        key = one.velocity.key
        value = told.get(key.partition(".")[2])
        if int(row[0] or 0) >= MAX_ROWS:
            stops[key] = one.cap if value is None else value
        elif not one.velocity.field:
            stops[key] = one.cap
        elif value is None:
            stops[key] = True
    return stops


def _value(one: Asked, row: Sequence[Any], around: Entities, custom: dict[str, Any]) -> int | float | None:
    velocity = one.velocity
    seen = Seen(int(row[0]), int(row[1]), *row[2:])
    return settle(
        velocity,
        seen,
        adds=_adds(velocity, around),
        value=_number(velocity, around, custom),
        cap=one.cap,
        highest=one.highest,
    )


def _adds(velocity: Velocity, around: Entities) -> int:
    if not velocity.counts(around.action_code) or velocity.metric == FAILED:
        return 0
    if velocity.metric not in MEMBERS or velocity.metric == "users":
        return 1
    return int(around.member(velocity.metric) is not None)


def _number(velocity: Velocity, around: Entities, custom: dict[str, Any]) -> Decimal | None:
    if velocity.metric not in FOLDS or not velocity.counts(around.action_code):
        return None
    number = READERS[Kind.NUMBER](storable(custom.get(velocity.field)))
    # Through its text: as PostgreSQL reads it from the stored JSON.
    return None if number is None else Decimal(repr(number))
