"""What a reader calls the values of a data point that has only so many."""

from collections.abc import Mapping
from typing import Final

from rules.countries import COUNTRIES
from rules.registry import DataPoint
from rules.types import COUNTRY, TEXT

# What capital letters alone would spell wrongly.
_WRITTEN: Final[Mapping[str, str]] = {
    "TOR": "Tor",
    "VPN": "VPN",
    "VOIP": "VoIP",
    "UAN": "Company-wide number (UAN)",
    "smarttv": "Smart TV",
}
_COUNTRIES: Final = {code: f"{code} {name}" for code, name in COUNTRIES.items()}


def choices(point: DataPoint) -> Mapping[str, str]:
    """All values that the data point can have, each with what a reader calls it; empty where they cannot be listed."""
    if point.kind is COUNTRY:
        return _COUNTRIES
    return {choice: _word(choice) for choice in point.choices} if point.kind is TEXT else {}


def word(point: DataPoint, value: str) -> str:
    """What a reader calls a value: the value itself where it is none of the choices."""
    return choices(point).get(value, value) if point.kind is COUNTRY or value in point.choices else value


def _word(choice: str) -> str:
    return _WRITTEN.get(choice) or choice.replace("_", " ").capitalize()
