"""Velocity: its keys, its words, and that what is told decides like a count of the whole past."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from rules import velocity
from rules.condition_tree import ConditionsError, check
from rules.types import storable
from rules.velocity import (
    _POINTLESS,
    COUNT,
    FAILED,
    FOLDS,
    LEAST_CAP,
    MAX_THRESHOLD,
    MEMBERS,
    METRICS,
    SCOPES,
    Asked,
    Seen,
    Velocity,
    WrongKey,
    parse,
    settle,
)
from tests.rules.cases import CUSTOM_POINTS

# -- keys ----------------------------------------------------------------------------------------

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True)
metrics = st.sampled_from([COUNT, FAILED, *MEMBERS]) | st.builds("{}:{}".format, st.sampled_from(list(FOLDS)), names)
codes = st.lists(st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True), min_size=1, max_size=10, unique=True)
actions = st.sampled_from(["this", "any"]) | codes.map(lambda some: "action:" + "+".join(some))
windows = st.one_of(
    st.integers(1, 90).map("{}d".format),
    st.integers(1, 2160).map("{}h".format),
    st.integers(1, 129_600).map("{}m".format),
)


@given(metrics, st.sampled_from(list(SCOPES)), actions, windows)
def test_a_key_is_read_and_written_as_it_is(metric: str, scope: str, kinds: str, window: str) -> None:
    key = f"velocity.{metric}.{scope}.{kinds}.{window}"
    if (metric, scope) in _POINTLESS:
        with pytest.raises(WrongKey, match="choose another scope"):
            parse(key)
        return
    asked = parse(key)
    assert asked.key == key
    assert 60 <= asked.seconds <= 90 * 86400
    assert asked.label
    assert asked.description


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("count.user.this.1h", "such as velocity.count.user.this.1h"),
        ("velocity.count.user.this", "such as"),
        ("velocity.count.user.this.1h.more", "such as"),
        ("velocity.counts.user.this.1h", "the metric is one of"),
        ("velocity.sum.user.this.1h", "the metric is one of"),
        ("velocity.sum:.user.this.1h", "the metric is one of"),
        ("velocity.sum:2x.user.this.1h", "the metric is one of"),
        ("velocity.count:x.user.this.1h", "the metric is one of"),
        (f"velocity.sum:{'x' * 65}.user.this.1h", "the metric is one of"),
        ("velocity.count.email.this.1h", "the scope is one of"),
        ("velocity.count.User.this.1h", "the scope is one of"),
        ("velocity.users.user.this.1h", "choose another scope"),
        ("velocity.count.user.these.1h", "the actions are"),
        ("velocity.count.user.action:.1h", "the actions are"),
        ("velocity.count.user.action:a+a.1h", "the actions are"),
        ("velocity.count.user.action:a b.1h", "the actions are"),
        (f"velocity.count.user.action:{'+'.join('abcdefghijk')}.1h", "the actions are"),
        ("velocity.count.user.this.0h", "the window is"),
        ("velocity.count.user.this.01h", "the window is"),
        ("velocity.count.user.this.91d", "the window is"),
        ("velocity.count.user.this.2161h", "the window is"),
        ("velocity.count.user.this.1w", "the window is"),
        ("velocity.count.user.this.1H", "the window is"),
        ("velocity.count.user.this.١h", "the window is"),
        ("velocity.count.user.this.1h\n", "the window is"),
    ],
)
def test_a_wrong_key_is_told_which_part_is_wrong(key: str, part: str) -> None:
    with pytest.raises(WrongKey, match=part):
        parse(key)


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("count.user.this.1h", "Number of actions of this kind by the user in 1 hour"),
        ("count.tenant.any.10m", "Number of actions of any kind by anybody in 10 minutes"),
        ("devices.user.action:a+b.7d", "Different devices in a or b actions by the user in 7 days"),
        ("users.address.this.1d", "Different users in actions of this kind from the IP address in 1 day"),
        ("failedChallenges.device.any.1h", "Failed challenges in actions of any kind from the device in 1 hour"),
        ("sum:amount.phoneNumber.this.1h", "Sum of amount over actions of this kind with the phone number in 1 hour"),
        ("avg:amount.emailDomain.any.1h", "Average of amount over actions of any kind with the email domain in 1 hour"),
        ("max:amount.user.action:x.1m", "Highest of amount over x actions by the user in 1 minute"),
    ],
)
def test_a_velocity_in_words(key: str, label: str) -> None:
    assert parse(f"velocity.{key}").label == label


@pytest.mark.parametrize(
    ("kinds", "code", "counted", "included"),
    [
        ("any", "pay", None, True),
        ("this", "pay", ("pay",), True),
        ("action:pay+sign-in", "pay", ("pay", "sign-in"), True),
        ("action:sign-in", "pay", ("sign-in",), False),
    ],
)
def test_which_actions_count(kinds: str, code: str, counted: tuple[str, ...] | None, included: bool) -> None:
    asked = parse(f"velocity.count.user.{kinds}.1h")
    assert (asked.codes(code), asked.counts(code)) == (counted, included)


# -- how far is counted --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "thresholds", "cap", "highest"),
    [
        ("count.user.this.1h", [], LEAST_CAP, 0),
        ("count.user.this.1h", [5], LEAST_CAP, 5),
        ("count.user.this.1h", [5, 200.5], 202, 200.5),
        ("count.user.this.1h", [MAX_THRESHOLD], 10_002, 10_000),
        ("count.user.this.1h", [-3], LEAST_CAP, -3),
        ("sum:amount.user.this.1h", [0.5], LEAST_CAP, 0.5),
        ("sum:amount.user.this.1h", [1e9, 3], 1_000_000_002, 1e9),
        ("max:amount.user.this.1h", [10**400], int(1e300) + 2, 10**400),
    ],
)
def test_the_cap_lies_above_every_number_compared_with(key, thresholds, cap, highest) -> None:
    assert Asked.of(f"velocity.{key}", thresholds) == Asked(parse(f"velocity.{key}"), cap, highest)


@pytest.mark.parametrize("literal", [10_001, [1, 10_001], [0, 10_001]])
def test_a_count_is_compared_with_ten_thousand_at_most(literal: Any) -> None:
    point = {"var": "velocity.count.user.this.1h"}
    if isinstance(literal, list):
        conditions = {"in": [point, literal]} if literal[0] else {"<=": [0, point, literal[1]]}
    else:
        conditions = {">": [point, literal]}
    with pytest.raises(ConditionsError, match="at most 10,000"):
        check(conditions)


def test_ten_thousand_itself_is_compared_with_and_sums_with_any_number() -> None:
    check({">=": [{"var": "velocity.count.user.this.1h"}, 10_000]})
    check({">=": [{"var": "velocity.sum:amount.user.this.1h"}, 10**9]}, custom_points=CUSTOM_POINTS)


# -- what is told --------------------------------------------------------------------------------

ROWS = 6
COMPARISONS = (operator.gt, operator.ge, operator.lt, operator.le, operator.eq, operator.ne)


@pytest.fixture(autouse=True, scope="module")
def few_rows() -> Iterator[None]:
    """A past of a handful of actions is already too long to be read to its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(velocity, "MAX_ROWS", ROWS)
        yield


@dataclass(frozen=True)
class Past:
    """An action, as far as velocity sees it."""

    member: str | None
    failed: bool
    number: Decimal | None


numbers = st.none() | st.decimals(-20, 50, places=1) | st.sampled_from([Decimal("0.1"), Decimal("0.2"), Decimal(7)])
pasts = st.lists(
    st.builds(Past, st.sampled_from([None, *"abcdefghij"]), st.booleans(), numbers), max_size=ROWS * 2
)  # the newest first


def naive(metric: str, whole: list[Past], current: Past) -> int | float | None:
    """The value over the whole past, with the current action in it, as its words say."""
    counted = [current, *whole]
    sent = [one.number for one in counted if one.number is not None]
    value: Any
    if metric == COUNT:
        value = len(counted)
    elif metric == FAILED:
        value = sum(one.failed for one in whole)
    elif metric in MEMBERS:
        value = len({one.member for one in counted if one.member is not None})
    elif metric == "sum":
        value = sum(sent, Decimal(0))
    elif not sent:
        return None
    else:
        value = max(sent) if metric == "max" else sum(sent, Decimal(0)) / len(sent)
    return storable(Decimal(value))


def seen(metric: str, whole: list[Past], current: Past, cap: int) -> Seen:
    """What a reading of the past gives (actions.velocity), from at most ROWS rows; a plain count is read to its cap."""
    if metric == COUNT:
        return Seen(0, min(len(whole), cap))
    rows = whole[:ROWS]
    if metric == FAILED:
        failed = [one for one in whole if one.failed][:ROWS]
        return Seen(len(failed), len(failed))
    if metric in MEMBERS:
        return Seen(len(rows), len({one.member for one in rows} - {None, current.member}))
    sent = [one.number for one in rows if one.number is not None]
    return Seen(len(rows), len(sent), sum(sent, Decimal(0)), max(sent, default=None), min(sent, default=None))


def told(metric: str, whole: list[Past], current: Past, thresholds: list[float]) -> tuple[Asked, Any]:
    field = ":amount" if metric in FOLDS else ""
    asked = Asked.of(f"velocity.{metric}{field}.tenant.any.1h", thresholds)
    # Told no further than the comparisons need.
    asked = replace(asked, cap=int(asked.highest) + 2)
    adds = {COUNT: 1, FAILED: 0}.get(metric, int(current.member is not None))
    found = seen(metric, whole, current, asked.cap)
    value = settle(
        asked.velocity,
        found,
        adds=adds,
        value=current.number if metric in FOLDS else None,
        cap=asked.cap,
        highest=asked.highest,
    )
    return asked, value


@given(st.sampled_from(METRICS), pasts, pasts.filter(bool), st.lists(st.integers(0, 12), min_size=1, max_size=3))
def test_what_is_told_decides_every_comparison_like_the_whole_past(
    metric: str, whole: list[Past], currents: list[Past], thresholds: list[float]
) -> None:
    current = currents[0]
    asked, value = told(metric, whole, current, thresholds)
    right = naive(metric, whole, current)
    note(f"told {value}, right {right}, cap {asked.cap}")
    is_whole = metric == COUNT or (sum(one.failed for one in whole) < ROWS if metric == FAILED else len(whole) < ROWS)
    if value is None:
        assert right is None or not is_whole
        return
    assert right is not None
    for threshold in thresholds:
        for compare in COMPARISONS:
            assert compare(value, threshold) == compare(right, threshold)
    if is_whole and metric in FOLDS:
        assert value == right
    elif is_whole:
        assert value == min(right, asked.cap)
    else:
        assert value <= right


@given(st.sampled_from(METRICS), pasts, st.lists(st.integers(0, 12), min_size=1))
def test_a_short_past_is_always_told(metric: str, whole: list[Past], thresholds: list[float]) -> None:
    _asked, value = told(metric, whole[: ROWS - 1], Past("a", False, Decimal(1)), thresholds)
    assert value is not None


@pytest.mark.parametrize(
    ("metric", "found", "thresholds", "value"),
    [
        # Of a past that is too long, what is beyond every comparison stands, and nothing else.
        ("devices", Seen(ROWS, 3), [2], 4),
        ("devices", Seen(ROWS, 3), [3], 4),
        ("devices", Seen(ROWS, 3), [4], None),
        ("devices", Seen(ROWS, 3), [2, 9], None),
        ("devices", Seen(ROWS - 1, 3), [9], 4),
        ("failedChallenges", Seen(ROWS, ROWS), [5], 6),
        ("failedChallenges", Seen(ROWS, ROWS), [6], None),
        ("sum:amount", Seen(ROWS, 2, Decimal("0.6"), Decimal("0.3"), Decimal("0.3")), [0.5], None),
        ("sum:amount", Seen(ROWS, 2, Decimal(90), Decimal(91), Decimal(-1)), [5], None),
        ("max:amount", Seen(ROWS, 2, Decimal(90), Decimal(91), Decimal(-1)), [5], 91),
        ("max:amount", Seen(ROWS, 2, Decimal(3), Decimal(3), Decimal(0)), [5], None),
        ("max:amount", Seen(ROWS, 0), [5], None),
        ("avg:amount", Seen(ROWS, 2, Decimal(90), Decimal(91), Decimal(-1)), [5], None),
        ("sum:amount", Seen(ROWS, 0), [0], None),
        ("sum:amount", Seen(ROWS - 1, 0), [0], 1),
    ],
)
def test_a_past_that_is_too_long(metric: str, found: Seen, thresholds: list[float], value: float | None) -> None:
    asked = Asked.of(f"velocity.{metric}.tenant.any.1h", thresholds)
    adds = 0 if metric == FAILED else 1
    current = Decimal(1) if asked.velocity.field else None
    got = settle(asked.velocity, found, adds=adds, value=current, cap=asked.cap, highest=asked.highest)
    assert got == value


@pytest.mark.parametrize(
    ("metric", "found", "current", "value"),
    [
        ("sum", Seen(2, 2, Decimal("0.1"), Decimal("0.1"), Decimal(0)), Decimal("0.2"), 0.3),
        ("sum", Seen(1, 1, Decimal(-5), Decimal(-5), Decimal(-5)), Decimal(3), -2),
        ("sum", Seen(0, 0), None, 0),
        ("sum", Seen(1, 1, Decimal(10**400), Decimal(10**400), Decimal(10**400)), Decimal("1e308"), 10**400),
        ("avg", Seen(2, 2, Decimal(3), Decimal(2), Decimal(1)), Decimal(4), 7 / 3),
        ("avg", Seen(2, 2, Decimal(3), Decimal(2), Decimal(1)), None, 1.5),
        ("avg", Seen(0, 0), None, None),
        ("avg", Seen(0, 0), Decimal("2.50"), 2.5),
        ("max", Seen(2, 2, Decimal(3), Decimal(-1), Decimal(-2)), None, -1),
        ("max", Seen(2, 2, Decimal(3), Decimal(-1), Decimal(-2)), Decimal("-0.5"), -0.5),
        ("max", Seen(0, 0), None, None),
    ],
)
def test_sums_averages_and_maxima_are_exact(metric, found, current, value) -> None:
    asked = Velocity(metric, "amount", "user", "any", "1h")
    assert settle(asked, found, adds=1, value=current, cap=0, highest=0) == value
