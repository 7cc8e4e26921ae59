"""Local time: the hour and the weekday where somebody is."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.local_time import WEEKDAYS, LocalTime, local


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "time_zone", "hour", "weekday"),
    [
        # Clocks go forward in Auckland on 27 September 2026 at 2:00, which is 14:00 UTC of the day before …
        ("2026-09-26T13:59:59", "Pacific/Auckland", 1, "SUNDAY"),
        ("2026-09-26T14:00:00", "Pacific/Auckland", 3, "SUNDAY"),
        # … and back on 5 April 2026 at 3:00: the hour from 2 to 3 comes twice.
        ("2026-04-04T13:30:00", "Pacific/Auckland", 2, "SUNDAY"),
        ("2026-04-04T14:30:00", "Pacific/Auckland", 2, "SUNDAY"),
        ("2026-04-04T15:30:00", "Pacific/Auckland", 3, "SUNDAY"),
        ("2026-03-29T00:59:59", "Europe/Berlin", 1, "SUNDAY"),
        ("2026-03-29T01:00:00", "Europe/Berlin", 3, "SUNDAY"),
        ("2026-10-25T00:30:00", "Europe/Berlin", 2, "SUNDAY"),
        ("2026-10-25T01:30:00", "Europe/Berlin", 2, "SUNDAY"),
        ("2026-11-20T12:00:00", "UTC", 12, "FRIDAY"),
        ("2026-11-20T12:00:00", "Asia/Kolkata", 17, "FRIDAY"),
        # The same moment is on two days at once.
        ("2026-11-20T11:00:00", "Pacific/Kiritimati", 1, "SATURDAY"),
        ("2026-11-20T11:00:00", "Pacific/Pago_Pago", 0, "FRIDAY"),
        ("2026-11-20T10:59:59", "Pacific/Pago_Pago", 23, "THURSDAY"),
    ],
)
def test_the_hour_is_that_of_the_clock_on_the_wall(at, time_zone, hour, weekday):
    assert local(utc(at), time_zone, "UTC") == LocalTime(hour, weekday, time_zone)


def test_the_moment_may_come_in_any_zone():
    at = utc("2026-11-20T12:00:00").astimezone(timezone(timedelta(hours=-7)))
    assert local(at, "Pacific/Auckland", "UTC").hour == 1


@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "Nowhere/Land",
        "Europe",
        "europe/berlin",
        "Europe/Berlin ",
        "../../etc/passwd",
        "/etc/localtime",
        "tzdata.zi",
        "a\x00b",
        "\ud800",
        "x" * 5000,
    ],
)
def test_a_name_that_is_not_known_gives_way_to_the_fallback(name):
    expected = LocalTime(1, "SATURDAY", "Pacific/Auckland")
    assert local(utc("2026-11-20T12:00:00"), name, "Pacific/Auckland") == expected


@given(st.text() | st.none())
def test_no_name_makes_it_fail(name):
    assert local(utc("2026-11-20T12:00:00"), name, "UTC").weekday in WEEKDAYS


def test_a_fallback_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="'Middle/Earth' is no time zone"):
        local(utc("2026-11-20T12:00:00"), None, "Middle/Earth")


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="with its zone"):
        local(datetime(2026, 11, 20, 12), "UTC", "UTC")
