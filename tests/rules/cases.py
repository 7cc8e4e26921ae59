"""Facts, rules and random conditions that the tests of the engine share."""

from typing import Any

from hypothesis import strategies as st

from rules.condition_tree import write
from rules.engine import RuleSpec
from rules.facts import DeviceFacts, Facts, IpFacts, TimeFacts, UserFacts
from rules.operators import OPERATORS
from rules.registry import DATA_POINTS, CustomPoint, by_key, lookup
from rules.types import BOOLEAN, MULTISELECT, NUMBER, TEXT

CUSTOM_POINTS = (
    CustomPoint("amount", NUMBER, "action"),
    CustomPoint("destination", TEXT, "action"),
    CustomPoint("first", BOOLEAN, "action"),
    CustomPoint("tags", MULTISELECT, "action"),
    CustomPoint("tier", TEXT, "user"),
    CustomPoint("amount", NUMBER, "user"),
)


def make_facts(
    *,
    custom: dict[str, Any] | None = None,
    ip: IpFacts | None = None,
    device: DeviceFacts | None = None,
    user_custom: dict[str, Any] | None = None,
    **user: Any,
) -> Facts:
    return Facts(
        action_code="transfer",
        user=UserFacts(**{"user_id": "alice", "custom": user_custom or {}} | user),
        ip=ip or IpFacts(),
        device=device or DeviceFacts(),
        custom=custom or {},
    )


def make_rule(conditions: object, **changes: Any) -> RuleSpec:
    rule = {
        "rule_id": "rule",
        "name": "Rule",
        "priority": 0,
        "outcome": "CHALLENGE",
        "conditions": conditions,
    }
    return RuleSpec(**rule | changes)


def compare(symbol: str, key: str, literal: object) -> dict[str, Any]:
    return {symbol: [{"var": key}, literal]}


def brief(value: object) -> str:
    """For the ids of parametrized tests: Python does not print integers of this size, nor sets in one order."""
    if isinstance(value, frozenset):
        return f"{len(value)} choices"
    return "huge" if isinstance(value, int) and value.bit_length() > 64 else ascii(value)[:40]


# Small pools, so that random values and random literals often meet.
POOLS: dict[str, list[Any]] = {
    "text": ["", "a", "ab", "abc", "TOR", "NONE", "ä", "\U0001f600", "2", "2026-01-31", "2026-02-01T00:00:00Z"],
    "number": [0, 1, 2, 2.0, 2.5, -1, 10**400, 1e308, 0.1],
    "boolean": [True, False],
    "multiselect": ["a", "ab", 1, 2.5],
    "country": ["NZ", "nz", "AU", "US"],
    "ip": ["10.0.0.1", "::ffff:10.0.0.1", "192.0.2.7", "2001:db8::1", "2001:DB8:0::1", "203.0.113.10"],
}
NETWORKS = [
    "10.0.0.0/8",
    "10.0.0.1",
    "0.0.0.0/0",
    "2001:db8::/32",
    "::/0",
    "192.0.2.0/29",
    "::ffff:10.0.0.0/104",
]
ODD_VALUES: list[Any] = [
    None, "", "\0", "\ud800", float("nan"), float("inf"), 10**5000, b"bytes", object(), {"a": 1}, [], [None],
    [[1]], {"deep": {"deep": {"deep": {"deep": {"deep": 1}}}}}, "x" * 100_000, True, -1, 2.5,
]  # fmt: skip

VELOCITIES = ["count.user.this.1h", "sum:amount.device.any.7d"]
KEYS = [*DATA_POINTS, *(f"velocity.{name}" for name in VELOCITIES),
        "custom.amount", "custom.destination", "custom.first", "custom.tags", "custom.tier",
        "user.custom.tier", "user.custom.amount"]  # fmt: skip
KINDS = {key: lookup(key, by_key(CUSTOM_POINTS)).kind for key in KEYS}


@st.composite
def conditions_on_one_point(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(st.sampled_from(KEYS))
    kind = KINDS[key]
    row = draw(st.sampled_from([row for row in OPERATORS.values() if kind in row.kinds]))
    pool = [one for one in POOLS[kind] if one <= 10_000] if key.startswith("velocity.count") else POOLS[kind]
    values = st.sampled_from(pool)
    if row.symbol == "ipInCidr":
        literal: Any = draw(st.lists(st.sampled_from(NETWORKS), min_size=1, max_size=3))
    elif row.shape.name == "alone":
        literal = None
    elif row.shape.name == "named":
        literal = draw(st.sampled_from(["short", "gone"]))
    elif row.name in ("before", "after"):
        literal = draw(st.sampled_from(["2026-01-31", "2026-01-31T12:00:00+02:00"]))
    elif row.name in ("olderThan", "newerThan"):
        literal = draw(st.sampled_from(["15m", "30d"]))
    elif row.name in ("matches", "notMatches"):
        literal = draw(st.sampled_from(["^a", "b$", "a|b", "[0-9]+", "."]))
    elif row.shape.name == "list":
        literal = draw(st.lists(values, min_size=1, max_size=3))
    elif row.shape.name == "range":
        literal = sorted([draw(values), draw(values)])
    elif row.symbol in ("in", "startsWith", "endsWith"):
        literal = draw(values.filter(lambda value: value != ""))
    else:
        literal = draw(values)
    return write(row.name, key, literal)


def _groups(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    children = st.lists(inner, min_size=1, max_size=4)
    negated = inner.map(lambda node: {"!": node}) | inner.map(lambda node: {"!": [node]})
    return children.map(lambda nodes: {"and": nodes}) | children.map(lambda nodes: {"or": nodes}) | negated


conditions = st.recursive(conditions_on_one_point(), _groups, max_leaves=12)


def _maybe(kind: str) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(POOLS[kind])


_any_custom = st.sampled_from([*POOLS["text"], *POOLS["number"], True, False, ["a", 1], ["a", True], [], *ODD_VALUES])
_custom = st.dictionaries(st.sampled_from(["amount", "destination", "first", "tags", "tier"]), _any_custom)

facts = st.builds(
    Facts,
    action_code=st.just("transfer"),
    custom=_custom,
    ip=st.builds(
        IpFacts,
        address=_maybe("ip") | st.just("no address"),
        country_code=_maybe("country"),
        country_code_in_ofac_list=_maybe("boolean"),
        is_anonymous=_maybe("boolean"),
        anonymizer=st.sampled_from([None, "TOR", "VPN", "NONE"]),
        is_unrecognized=_maybe("boolean"),
        impossible_travel=_maybe("boolean"),
        asn=st.none() | st.integers(0, 3),
        organization=_maybe("text"),
    ),
    device=st.builds(
        DeviceFacts,
        id=_maybe("text"),
        is_new=_maybe("boolean"),
        is_bot=_maybe("boolean"),
        is_remembered=_maybe("boolean"),
        count=st.none() | st.integers(0, 3),
    ),
    user=st.builds(
        UserFacts,
        user_id=st.sampled_from(POOLS["text"]),
        email=_maybe("text"),
        phone_number=_maybe("text"),
        username=_maybe("text"),
        is_enrolled=st.booleans(),
        has_previously_verified=st.booleans(),
        email_verified=_maybe("boolean"),
        phone_number_verified=_maybe("boolean"),
        email_domain=_maybe("text"),
        email_is_disposable=_maybe("boolean"),
        phone_country=_maybe("country"),
        account_age_in_days=st.none() | st.integers(0, 3),
        custom=_custom,
    ),
    time=st.builds(
        TimeFacts,
        at=st.none() | st.just(1_770_000_000.0),
        hour=st.none() | st.integers(0, 23),
        weekday=st.sampled_from([None, "MONDAY", "SUNDAY"]),
    ),
    card=st.dictionaries(st.sampled_from(["bin", "issuerCountry"]), _any_custom),
    velocity=st.dictionaries(st.sampled_from(VELOCITIES), st.sampled_from([0, 1, 2, 2.5])),
)


@st.composite
def rule_sets(draw: st.DrawFn) -> list[RuleSpec]:
    priorities = draw(st.lists(st.integers(0, 99), unique=True, max_size=5))
    return [
        make_rule(
            draw(conditions | st.sampled_from([None, {}, {"and": []}])),
            rule_id=f"rule-{priority}",
            priority=priority,
            outcome=draw(st.sampled_from(["ALLOW", "CHALLENGE", "REVIEW", "BLOCK"])),
            when_unknown=draw(st.sampled_from(["skip", "match"])),
            is_active=draw(st.booleans()),
        )
        for priority in priorities
    ]
