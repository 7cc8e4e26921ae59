"""Travel: who can have come from where they last proved themselves, and who was never seen near here."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from actions.travel import EARTH_RADIUS_KM, HISTORY, MAX_SPEED_KMH, Place, Travel, distance_km, gap_km, judge

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HALF_WAY_ROUND_KM = math.pi * EARTH_RADIUS_KM
AUCKLAND, SYDNEY, LONDON = (-36.85, 174.76), (-33.87, 151.21), (51.51, -0.13)
WELLINGTON, HAMILTON = (-41.29, 174.78), (-37.79, 175.28)


def place(where=AUCKLAND, *, radius_km=20.0, ago=timedelta()):
    return Place(*where, radius_km, NOON - ago)


def hours(count):
    return timedelta(hours=count)


latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
radii = st.floats(0, 8000)
moments = st.datetimes(datetime(2026, 8, 1), datetime(2026, 11, 20), timezones=st.just(UTC))
places = st.builds(Place, latitudes, longitudes, radii, moments)
histories = st.lists(places, min_size=1, max_size=6)


# --- distance


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        (AUCKLAND, AUCKLAND, 0),
        (AUCKLAND, LONDON, 18_330),
        ((33.94, -118.41), (40.64, -73.78), 3_974),
        # Across the antimeridian Fiji is near Samoa, not a world away.
        ((-17.8, 178.0), (-13.8, -172.0), 1_155),
        ((0, 180), (0, -180), 0),
        # All meridians meet at the poles.
        ((90, 12), (90, -140), 0),
        ((90, 0), (-90, 77), HALF_WAY_ROUND_KM),
        ((0, 0), (0, 180), HALF_WAY_ROUND_KM),
        ((80, 0), (80, 180), 2_224),
        # Between these antipodes rounding leaves a little more than 1 under the root.
        ((78.6, -104.0), (-78.6, 76.0), HALF_WAY_ROUND_KM),
    ],
)
def test_distances_are_those_of_the_globe(one, other, kilometres):
    assert distance_km(place(one), place(other)) == pytest.approx(kilometres, rel=0.005, abs=0.001)


@given(places, places)
def test_distance_and_gap_are_the_same_both_ways_and_never_beyond_the_other_side(one, other):
    assert distance_km(one, other) == distance_km(other, one)
    assert gap_km(one, other) == pytest.approx(gap_km(other, one))
    assert 0 <= gap_km(one, other) <= distance_km(one, other) <= HALF_WAY_ROUND_KM + 0.001


@given(places, places, places)
def test_no_detour_is_shorter(one, other, between):
    assert distance_km(one, other) <= distance_km(one, between) + distance_km(between, other) + 0.001


# --- impossible


@pytest.mark.parametrize(
    ("there", "ago", "impossible"),
    [
        # 2,155 km less the radii: two and a half hours of flight.
        (SYDNEY, hours(2), True),
        (SYDNEY, hours(2.4), False),
        (LONDON, hours(20), True),
        (LONDON, hours(21), False),
        # 110 km less the radii: a phone beside its owner's wifi is as far off.
        (HAMILTON, timedelta(), False),
        (WELLINGTON, timedelta(), True),
        (WELLINGTON, timedelta(minutes=25), True),
        (WELLINGTON, timedelta(minutes=35), False),
        (AUCKLAND, timedelta(), False),
    ],
)
def test_impossible_is_faster_than_an_airliner_over_more_than_a_hundred_kilometres(there, ago, impossible):
    assert judge(place(), [place(there, ago=ago)]).impossible is impossible


def test_both_radii_are_taken_off():
    wide = [place(SYDNEY, radius_km=1000, ago=hours(1))]
    assert judge(place(radius_km=20), wide).impossible is True
    assert judge(place(radius_km=300), wide).impossible is False


def test_only_the_newest_proof_counts_because_it_answered_for_the_jump_before_it():
    earlier = [place(AUCKLAND, ago=hours(1)), place(LONDON, ago=hours(2))]
    assert judge(place(AUCKLAND), earlier).impossible is False
    assert judge(place(LONDON), earlier).impossible is True


def test_a_proof_noted_after_the_action_counts_as_one_before_it():
    assert judge(place(SYDNEY), [place(ago=-hours(1))]).impossible is True
    assert judge(place(SYDNEY), [place(ago=-hours(3))]).impossible is False


def test_the_limits_can_be_moved():
    earlier = [place(SYDNEY, ago=hours(2))]
    assert judge(place(), earlier, max_speed_kmh=1100).impossible is False
    assert judge(place(), earlier, min_jump_km=2500).impossible is False
    assert judge(place(), earlier, usual_range_km=2500).atypical is False
    assert judge(place(), earlier, history=hours(1)) == Travel(impossible=False, atypical=False)


@given(places, histories)
def test_nobody_is_accused_between_places_that_touch(here, earlier):
    newest = max(earlier, key=lambda one: one.at)
    assume(abs(here.at - newest.at) <= HISTORY)
    assume(gap_km(here, newest) == 0)
    assert judge(here, earlier).impossible is False


@given(latitudes, longitudes, latitudes, longitudes, radii, st.tuples(st.floats(0, 30), st.floats(0, 30)))
def test_more_time_never_makes_travel_impossible(lat, lon, other_lat, other_lon, radius, waits):
    there = (other_lat, other_lon)
    sooner, later = (
        judge(Place(lat, lon, radius, NOON), [place(there, ago=hours(wait))]).impossible for wait in sorted(waits)
    )
    assert sooner or not later


@given(places, histories, radii)
def test_knowing_less_of_where_somebody_is_never_accuses(here, earlier, more):
    vague = Place(here.latitude, here.longitude, here.radius_km + more, here.at)
    sharp, blurred = judge(here, earlier), judge(vague, earlier)
    assert sharp.impossible or not blurred.impossible
    assert sharp.atypical or not blurred.atypical


@given(places, histories)
def test_what_is_called_impossible_needs_more_than_the_speed_allowed(here, earlier):
    recent = [one for one in earlier if abs(here.at - one.at) <= HISTORY]
    if judge(here, earlier).impossible:
        newest = max(recent, key=lambda one: one.at)
        elapsed = abs(here.at - newest.at)
        assert distance_km(here, newest) > max(100, MAX_SPEED_KMH * elapsed.total_seconds() / 3600)


# --- atypical


@pytest.mark.parametrize(
    ("seen", "atypical"),
    [
        ([AUCKLAND], False),
        ([HAMILTON], False),
        # 494 km.
        ([WELLINGTON], False),
        ([SYDNEY], True),
        ([SYDNEY, LONDON], True),
        ([SYDNEY, LONDON, WELLINGTON], False),
    ],
)
def test_atypical_is_far_from_every_place_the_user_was_seen(seen, atypical):
    assert judge(place(), [place(there, ago=hours(50)) for there in seen]).atypical is atypical


def test_places_of_more_than_ninety_days_ago_are_forgotten():
    seen = [place(SYDNEY, ago=hours(100)), place(AUCKLAND, ago=HISTORY)]
    assert judge(place(), seen).atypical is False
    seen[1] = place(AUCKLAND, ago=HISTORY + timedelta(seconds=1))
    assert judge(place(), seen).atypical is True


@given(places, histories, places)
def test_being_seen_at_one_more_place_never_makes_a_place_unusual(here, earlier, another):
    recent = [one for one in earlier if abs(here.at - one.at) <= HISTORY]
    assume(recent)
    assert judge(here, earlier).atypical or not judge(here, [another, *earlier]).atypical


@given(places, histories, st.randoms())
def test_the_order_of_the_places_does_not_matter(here, earlier, chance):
    assume(len({one.at for one in earlier}) == len(earlier))
    shuffled = chance.sample(earlier, len(earlier))
    assert judge(here, earlier) == judge(here, shuffled)


# --- what is not known


def test_without_history_nothing_is_out_of_the_ordinary():
    assert judge(place(), []) == Travel(impossible=False, atypical=False)
    assert judge(place(), [place(LONDON, ago=timedelta(days=91))]) == Travel(impossible=False, atypical=False)


@pytest.mark.parametrize("earlier", [[], [place()]])
def test_without_a_location_nothing_is_known(earlier):
    assert judge(None, earlier) == Travel(impossible=None, atypical=None)


@pytest.mark.parametrize(
    ("latitude", "longitude", "radius_km", "at"),
    [
        (90.1, 0, 1, NOON),
        (0, -180.1, 1, NOON),
        (math.nan, 0, 1, NOON),
        (0, math.inf, 1, NOON),
        (0, 0, -1, NOON),
        (0, 0, math.nan, NOON),
        (0, 0, math.inf, NOON),
        (0, 0, 1, NOON.replace(tzinfo=None)),
    ],
)
def test_what_is_no_place_is_refused(latitude, longitude, radius_km, at):
    with pytest.raises(ValueError, match=r"not on earth|radius|with its zone"):
        Place(latitude, longitude, radius_km, at)
