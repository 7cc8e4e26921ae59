"""Where each country lies: a circle around all its land, and its time zone where it has but one."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Its head tells where the numbers come from.
FILE = Path(__file__).with_name("ip_countries.csv")


@dataclass(frozen=True, slots=True)
class Country:
    """Degrees and kilometres; `time_zone` is an IANA name, None where clocks in the country differ."""

    latitude: float
    longitude: float
    radius_km: float
    time_zone: str | None


def _read() -> dict[str, Country]:
    with FILE.open(encoding="ascii") as lines:
        rows = csv.reader(line for line in lines if not line.startswith("#"))
        return {code: Country(float(lat), float(lon), float(km), zone or None) for code, lat, lon, km, zone in rows}


COUNTRIES: Mapping[str, Country] = _read()
