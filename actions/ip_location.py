"""Where an address is, and how far off that may be: the city's coordinates, else the country's circle."""

from dataclasses import dataclass, replace
from functools import cache

from actions.ip_countries import COUNTRIES
from actions.ip_records import (
    Record,
    accuracy_radius_of,
    city_of,
    coordinates_of,
    has_region,
    time_zone_of,
)

# DB-IP's files give coordinates of a city without saying how sure they are. Providers get the right city wrong by
# its neighbour often enough that a large city's own extent is the least to allow for.
CITY_RADIUS_KM = 50.0


@dataclass(frozen=True, slots=True)
class Location:
    """Degrees, and kilometres around them. All None where not even the country is known or has a circle."""

    latitude: float | None = None
    longitude: float | None = None
    accuracy_radius_km: float | None = None
    city: str | None = None
    time_zone: str | None = None


def location_of(record: Record, country_code: str | None) -> Location:
    """What the record says and, where it knows no more than the country, that country's centre and extent."""
    country = _whole_country(country_code)
    if not record:
        return country
    city = city_of(record)
    time_zone = time_zone_of(record) or country.time_zone
    circle = _circle(record, city)
    if circle is None:
        return replace(country, city=city, time_zone=time_zone)
    return Location(*circle, city=city, time_zone=time_zone)


@cache
def _whole_country(code: str | None) -> Location:
    country = COUNTRIES.get(code or "")
    if country is None:
        return Location()
    return Location(country.latitude, country.longitude, country.radius_km, time_zone=country.time_zone)


def _circle(record: Record, city: str | None) -> tuple[float, float, float] | None:
    """None where only the country is known: the radius that files give around its middle does not cover it."""
    coordinates, radius = coordinates_of(record), accuracy_radius_of(record)
    if coordinates is None or (city is None and not has_region(record)):
        return None
    if radius is None:
        return (*coordinates, CITY_RADIUS_KM) if city else None
    return (*coordinates, radius)
