"""Where countries lie: every code has a circle, and the circle covers the country."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from actions.ip_countries import COUNTRIES
from actions.travel import Place, distance_km

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


TZDATA = files("tzdata").joinpath("zoneinfo")


def tz_table(name):
    lines = TZDATA.joinpath(name).read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def zones_of(code):
    return [zone for country, _, zone, *_ in tz_table("zone.tab") if country == code]


def clock(zone, days):
    with TZDATA.joinpath(*zone.split("/")).open("rb") as content:
        loaded = ZoneInfo.from_file(content)
    return tuple(day.astimezone(loaded).utcoffset() for day in days)


def test_every_iso_code_has_a_circle():
    assert {code for code, _ in tz_table("iso3166.tab")} | {"XK"} == set(COUNTRIES)
    for country in COUNTRIES.values():
        Place(country.latitude, country.longitude, country.radius_km, NOON)
        # From the smallest, an island of one village, to the islands that the US keep in two oceans.
        assert 10 <= country.radius_km <= 6100


@pytest.mark.parametrize(
    ("code", "towns"),
    [
        ("AU", [(-31.95, 115.86), (-43.15, 146.99), (-10.58, 142.22), (-31.55, 159.08)]),
        ("BR", [(-33.69, -53.46), (2.82, -60.67), (-7.12, -34.84), (-3.84, -32.41)]),
        ("CA", [(47.56, -52.71), (82.5, -62.35), (60.72, -135.06), (42.04, -82.52)]),
        ("CL", [(-18.48, -70.31), (-54.93, -67.61), (-27.15, -109.43)]),
        ("CY", [(34.68, 33.04), (35.34, 33.32), (35.68, 34.56)]),
        ("EC", [(-0.18, -78.47), (-0.9, -89.6)]),
        ("ES", [(28.12, -15.43), (43.37, -8.41), (39.89, 4.27)]),
        ("FJ", [(-18.14, 178.44), (-16.8, -179.99), (-12.5, 177.05)]),
        ("FR", [(48.39, -4.49), (41.39, 9.16), (51.03, 2.38)]),
        ("GF", [(4.92, -52.31)]),
        ("GB", [(60.15, -1.15), (49.91, -6.31), (54.6, -5.93)]),
        ("IN", [(8.08, 77.55), (11.67, 92.74), (34.16, 77.58)]),
        ("JP", [(45.42, 141.67), (26.21, 127.68), (24.34, 124.16), (27.09, 142.19)]),
        ("KI", [(1.45, 173.03), (1.98, -157.47)]),
        ("NL", [(52.37, 4.9), (50.85, 5.69)]),
        ("BQ", [(12.15, -68.27), (17.63, -63.24)]),
        ("NO", [(71.17, 25.78), (58.15, 8.0)]),
        ("NZ", [(-36.85, 174.76), (-46.9, 168.13), (-43.95, -176.56)]),
        ("PT", [(38.72, -9.14), (37.74, -25.67), (32.65, -16.91)]),
        ("RE", [(-20.88, 55.45)]),
        ("RU", [(54.71, 20.51), (64.73, 177.51), (66.16, -169.81), (42.06, 48.29)]),
        ("SJ", [(78.22, 15.65)]),
        ("TK", [(-8.55, -172.5), (-9.38, -171.25)]),
        ("UA", [(44.95, 34.1), (48.62, 22.29), (49.59, 39.56)]),
        ("US", [(21.31, -157.86), (71.29, -156.79), (24.56, -81.78), (44.9, -66.98), (51.88, -176.66)]),
        ("XK", [(42.66, 21.17)]),
        ("ZA", [(-33.93, 18.42), (-22.35, 30.04)]),
    ],
)
def test_the_circle_covers_the_country_to_its_last_town(code, towns):
    country = COUNTRIES[code]
    centre = Place(country.latitude, country.longitude, country.radius_km, NOON)
    assert max(distance_km(centre, Place(*town, 0, NOON)) for town in towns) <= country.radius_km


@pytest.mark.parametrize(
    ("code", "time_zone"),
    [
        ("DE", "Europe/Berlin"),
        ("GB", "Europe/London"),
        ("IN", "Asia/Kolkata"),
        ("JP", "Asia/Tokyo"),
        ("XK", "Europe/Belgrade"),
        ("US", None),
        ("AU", None),
        ("RU", None),
        # The Canaries, the Azores and the Chathams have a clock of their own.
        ("ES", None),
        ("PT", None),
        ("NZ", None),
        ("AQ", None),
        ("BV", None),
    ],
)
def test_a_country_has_a_time_zone_where_it_has_but_one(code, time_zone):
    assert COUNTRIES[code].time_zone == time_zone


def test_where_a_country_has_a_time_zone_all_its_clocks_agree():
    days = [NOON + timedelta(days=10 * count) for count in range(73)]
    for code, country in COUNTRIES.items():
        zones = zones_of(code)
        clocks = {clock(zone, days) for zone in zones}
        if code != "XK":
            assert (country.time_zone is not None) == (len(clocks) == 1), code
            assert country.time_zone is None or country.time_zone in zones
