"""A window over failed challenges tells at each moment what looking at all of them would."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import backtest_windows
from actions.backtest_windows import window_of
from rules.velocity import Asked

BOUND, SECONDS = 4, 60
ASKED = Asked.of("velocity.failedChallenges.tenant.action:pay.1m", [3])


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backtest_windows, "MAX_ROWS", BOUND)
        yield


# Seconds since the action before, until its challenge fails, until it is passed after that (if ever); by its code.
steps = st.lists(
    st.tuples(st.integers(1, 20), st.integers(0, 70), st.none() | st.integers(0, 70), st.booleans()), max_size=30
)


@given(steps)
def test_failed_challenges_are_those_of_the_newest_that_have_failed_by_then(steps: list[tuple[int, ...]]) -> None:
    window, rows, at = window_of(ASKED, "pay"), [], 0
    for gap, failing, passing, coded in steps:
        at += gap * 1_000_000
        window.move(at)
        there = [row for row in rows if row[1] <= at and row[0] > at - SECONDS * 1_000_000][-BOUND:]
        counting = [row for row in there if row[3] and (row[2] is None or row[2] > at)]
        assert (window.read, window.number) == (len(there), len(counting))
        failed = at + failing * 1_000_000
        passed = None if passing is None else failed + passing * 1_000_000
        window.add(at, (failed, passed), coded=bool(coded))
        rows.append((at, failed, passed, coded))


def test_many_are_told_in_a_time_that_grows_with_their_number_alone() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backtest_windows, "MAX_ROWS", 2_000)

        def seconds(number: int) -> float:
            window, started = window_of(ASKED, "pay"), time.process_time()
            for at in range(0, number * 100, 100):
                window.move(at)
                window.add(at, (at + 1, None), coded=True)
            return time.process_time() - started

        few, many = seconds(10_000), seconds(50_000)
    assert many < 15 * few
