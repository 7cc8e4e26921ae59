"""The picture of a backtest's days."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from actions.backtest_chart import WIDEST_BAR, WIDTH, chart

DAYS = st.lists(st.integers(1, 28), min_size=1, unique=True).map(sorted)


def days(*numbers: int) -> list[dict[str, object]]:
    return [{"day": f"2026-02-{number:02}", "actions": 9, "before": 3, "after": 5} for number in numbers]


def test_a_single_day_is_two_slim_bars_and_one_name() -> None:
    drawn = chart(days(7))
    assert [bar.width for bar in drawn.bars] == [WIDEST_BAR, WIDEST_BAR]
    assert [(mark.x, mark.day.day) for mark in drawn.marks] == [(WIDTH / 2, 7)]


def test_several_days_are_named_at_both_ends() -> None:
    assert [mark.day.day for mark in chart(days(1, 4, 28)).marks] == [1, 28]
    assert chart([]).marks == []


@given(DAYS)
def test_bars_stand_side_by_side_within_the_picture(numbers: list[int]) -> None:
    bars = chart(days(*numbers)).bars
    assert bars[0].x >= 0
    assert bars[-1].x + bars[-1].width <= WIDTH
    assert all(one.x + one.width <= other.x + 0.02 for one, other in pairwise(bars))
