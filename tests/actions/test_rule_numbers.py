"""Sums over hours and days, shares in words, and intervals that hold what they promise."""

from datetime import UTC, datetime, timedelta
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import rule_numbers
from actions.models import RuleHour
from actions.rule_metrics import DAYS
from actions.rule_numbers import SUMMED, Share, percent
from tests import make

NOW = datetime(2030, 1, 31, 12, 30, tzinfo=UTC)
FIRST = datetime(2030, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_the_published_one(part, whole, low, high):
    assert Share(part, whole).interval == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_an_interval_lies_around_its_rate_and_within_nothing_and_all(numbers):
    part, whole = numbers
    low, high = Share(part, whole).interval
    assert 0 <= low <= part / whole <= high <= 1
    mirrored = Share(whole - part, whole).interval
    assert mirrored == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("whole", [20, 50, 200])
def test_of_all_true_rates_the_interval_holds_95_in_100(whole):
    intervals = [Share(part, whole).interval for part in range(whole + 1)]
    rates = [number / 100 for number in range(5, 96)]

    def coverage(rate: float) -> float:
        return sum(
            comb(whole, part) * rate**part * (1 - rate) ** (whole - part)
            for part, (low, high) in enumerate(intervals)
            if low <= rate <= high
        )

    held = [coverage(rate) for rate in rates]
    assert sum(held) / len(held) >= 0.945
    assert min(held) >= 0.9


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "–"),
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (1, 3, "33 %"),
        (1, 25, "4.0 %"),
        (1, 10_000, "<0.1 %"),
        (9_999, 10_000, ">99.9 %"),
        (993, 1000, "99.3 %"),
    ],
)
def test_a_share_in_words(part, whole, text):
    assert str(Share(part, whole)).replace("\N{NO-BREAK SPACE}", " ") == text


@given(st.integers(2, 10**7).flatmap(lambda whole: st.tuples(st.integers(1, whole - 1), st.just(whole))))
def test_what_is_only_nearly_nothing_or_everything_is_not_called_so(numbers):
    assert percent(numbers[0] / numbers[1]).split("\N{NO-BREAK SPACE}")[0] not in ("0", "0.0", "100", "100.0")


def test_an_interval_in_words_is_rounded_outwards():
    assert Share(16, 20).between == "58–92\N{NO-BREAK SPACE}%"
    assert not Share(15, 19).is_enough


def hour(configuration, rule_id, at, **numbers):
    values = dict.fromkeys(SUMMED, 0) | {"tracked": 1} | numbers
    return RuleHour.objects.create(configuration=configuration, rule_id=rule_id, hour=at, **values)


@pytest.mark.django_db
def test_the_window_is_thirty_days_and_tells_of_when_it_fired_before(acme, globex):
    configuration = make.make_action(acme, "pay")
    one, other = (make.make_rule(configuration, {}, priority=number, is_active=False).pk for number in range(2))
    before = FIRST - timedelta(days=20)
    hour(configuration, one, before, fired_block=1, last_fired_at=before)
    hour(configuration, one, FIRST - timedelta(hours=1), fired_block=1, last_fired_at=FIRST - timedelta(hours=1))
    hour(configuration, one, FIRST, tracked=3, unknown=2)
    hour(configuration, one, NOW.replace(minute=0), tracked=4, fired_allow=1, fired_block=2, shadow_review=1)
    found = rule_numbers.of_action(configuration, NOW)
    assert list(found) == [one]
    assert (found[one].tracked, found[one].unknown, found[one].times_fired, found[one].hits) == (7, 2, 3, 4)
    assert found[one].first == before
    assert found[one].last_fired_at == FIRST - timedelta(hours=1)
    assert other not in found
    assert rule_numbers.of_action(make.make_action(globex, "pay"), NOW) == {}


@pytest.mark.django_db
def test_a_day_runs_from_midnight_to_midnight(acme):
    configuration = make.make_action(acme, "pay")
    rule = make.make_rule(configuration, {}, is_active=False).pk
    for at in (FIRST - timedelta(hours=1), FIRST, FIRST + timedelta(hours=23), FIRST + timedelta(hours=24)):
        hour(configuration, rule, at, fired_challenge=1, decided=1)
    days = rule_numbers.by_day(configuration, rule, NOW)
    assert len(days) == DAYS
    assert next(iter(days)) == FIRST.date()
    assert list(days)[-1] == NOW.date()
    assert [numbers.tracked for numbers in days.values()] == [2, 1, *[0] * 28]
