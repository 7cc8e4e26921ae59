"""What a record of an address database says. Its shape is MaxMind's, which DB-IP shares.

`{"country": {"iso_code"}, "city": {"names": {"en"}}, "location": {"latitude", "longitude", "accuracy_radius" in km,
"time_zone"}, "autonomous_system_number", "autonomous_system_organization"}`; DB-IP's combined files keep the last
two under "traits". Any part may be missing, and is None here then, as is what cannot be.
"""

from collections.abc import Callable
from typing import Any, Literal

Anonymizer = Literal["TOR", "VPN", "PROXY", "HOSTING"]
Record = dict[str, Any]

# Registries' placeholders that are no country; rules compare with ISO 3166-1 codes only.
NO_COUNTRY = frozenset({"AP", "EU", "ZZ"})
# Strongest first: an address that is several things is reported as the first of them.
ANONYMOUS_FLAGS: tuple[tuple[str, Anonymizer], ...] = (
    ("is_tor_exit_node", "TOR"),
    ("is_anonymous_vpn", "VPN"),
    ("is_public_proxy", "PROXY"),
    ("is_residential_proxy", "PROXY"),
    ("is_hosting_provider", "HOSTING"),
    # Anonymous by a means the file does not name.
    ("is_anonymous", "PROXY"),
)
# Nothing on earth is farther from anything than half its circumference.
FARTHEST_KM = 20_038.0


def country_of(record: Record) -> str | None:
    """ISO 3166-1 code of a Country or City record: where the address is used, else where it is registered."""
    for field in ("country", "registered_country"):
        if code := country_code(_part(record, field).get("iso_code")):
            return code
    return None


def country_code(value: object) -> str | None:
    if not isinstance(value, str) or len(value) != 2 or not (value.isascii() and value.isalpha()):
        return None
    return None if value.upper() in NO_COUNTRY else value.upper()


def city_of(record: Record) -> str | None:
    """The city's English name."""
    return _text(_part(_part(record, "city"), "names").get("en"))


def has_region(record: Record) -> bool:
    return bool(record.get("subdivisions"))


def coordinates_of(record: Record) -> tuple[float, float] | None:
    """Latitude and longitude in degrees. 0, 0 is open sea: what some files write for "not known"."""
    location = _part(record, "location")
    latitude, longitude = _number(location.get("latitude")), _number(location.get("longitude"))
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None
    return (latitude, longitude) if is_on_earth(latitude, longitude) else None


def is_on_earth(latitude: float, longitude: float) -> bool:
    """False for what is not a number, too."""
    return -90 <= latitude <= 90 and -180 <= longitude <= 180


def accuracy_radius_of(record: Record) -> float | None:
    """Kilometres around the coordinates within which the address is likely to be."""
    radius = _number(_part(record, "location").get("accuracy_radius"))
    return radius if radius is not None and 0 < radius <= FARTHEST_KM else None


def time_zone_of(record: Record) -> str | None:
    return _text(_part(record, "location").get("time_zone"))


def anonymizer_of(record: Record) -> Anonymizer | None:
    return next((kind for flag, kind in ANONYMOUS_FLAGS if record.get(flag) is True), None)


def asn_of(record: Record) -> int | None:
    number = _network(record).get("autonomous_system_number")
    return number if isinstance(number, int) and 0 < number < 2**32 else None


def organization_of(record: Record) -> str | None:
    """Who runs the autonomous system."""
    return _text(_network(record).get("autonomous_system_organization"))


def _network(record: Record) -> Record:
    return record if "autonomous_system_number" in record else _part(record, "traits")


def _part(record: Record, name: str) -> Record:
    part = record.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


# What a database of each kind must tell somewhere to be one.
READERS: dict[str, Callable[[Record], object]] = {
    "country": country_of,
    "city": coordinates_of,
    "anonymous": anonymizer_of,
    "asn": asn_of,
}
