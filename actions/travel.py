"""Whether a user can have come from where they last proved themselves, and whether they were ever seen near here.

Places are circles: an address tells where somebody is only to some kilometres. Each distance is what is left of it
when both radii are taken off, so that what is not known never speaks against the user.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt

# The earth as a sphere (IUGG mean radius): at most 0.6 % off the true distance.
EARTH_RADIUS_KM = 6371.0088
# What an airliner cruises at. From door to door nobody travels that fast.
MAX_SPEED_KMH = 900.0
# Below this no speed is judged: addresses of one provider, and of a phone beside its owner's wifi, are so far apart.
MIN_JUMP_KM = 100.0
# Beyond a day's drive from everywhere the user was seen.
USUAL_RANGE_KM = 500.0
# How long a place counts as one the user is seen at.
HISTORY = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody was, within `radius_km` of a point in degrees, at a moment. Raises ValueError for no place."""

    latitude: float
    longitude: float
    radius_km: float
    at: datetime

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            raise ValueError(f"latitude {self.latitude}, longitude {self.longitude}: not on earth")
        if not 0 <= self.radius_km < float("inf"):
            raise ValueError(f"radius {self.radius_km} km: expected zero or more")
        if self.at.tzinfo is None:
            raise ValueError(f"{self.at}: expected a time with its zone")


@dataclass(frozen=True, slots=True)
class Travel:
    """None is not known: where the user is now could not be told."""

    impossible: bool | None
    atypical: bool | None


def judge(
    here: Place | None,
    earlier: Sequence[Place],
    *,
    max_speed_kmh: float = MAX_SPEED_KMH,
    min_jump_km: float = MIN_JUMP_KM,
    usual_range_km: float = USUAL_RANGE_KM,
    history: timedelta = HISTORY,
) -> Travel:
    """Judge where a user is by the places where they passed a challenge; those outside of `history` do not count.

    `impossible`: from the newest of them nobody gets here in the time between, however they travel. Only from the
    newest: whoever passed a challenge after a jump has answered for it, and is not to be asked again all day.
    `atypical`: none of them is near. Both are False for a user without history, and None where `here` is None.
    """
    if here is None:
        return Travel(impossible=None, atypical=None)
    known = [place for place in earlier if abs(here.at - place.at) <= history]
    if not known:
        return Travel(impossible=False, atypical=False)
    newest = max(known, key=lambda place: place.at)
    return Travel(
        impossible=_is_impossible(here, newest, max_speed_kmh=max_speed_kmh, min_jump_km=min_jump_km),
        atypical=all(gap_km(here, place) > usual_range_km for place in known),
    )


def gap_km(one: Place, other: Place) -> float:
    """Kilometres between the edges of two places, over the ground; 0 where they touch."""
    return max(0.0, distance_km(one, other) - one.radius_km - other.radius_km)


def distance_km(one: Place, other: Place) -> float:
    """The great circle between the centres (haversine formula)."""
    north, east = radians(other.latitude - one.latitude), radians(other.longitude - one.longitude)
    across = cos(radians(one.latitude)) * cos(radians(other.latitude)) * sin(east / 2) ** 2
    # Rounding may leave a little more than 1 between antipodes.
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, sin(north / 2) ** 2 + across)))


def _is_impossible(here: Place, there: Place, *, max_speed_kmh: float, min_jump_km: float) -> bool:
    gap = gap_km(here, there)
    # Either way: two actions may overlap, and nobody is in two places whichever of them is noted first.
    hours = abs(here.at - there.at).total_seconds() / 3600
    return gap > min_jump_km and gap > max_speed_kmh * hours
