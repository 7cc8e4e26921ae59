"""What the clock on the wall says where somebody is."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

# Not the machine's own: every machine must read the same clock.
TZDATA = files("tzdata")
WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


@dataclass(frozen=True, slots=True)
class LocalTime:
    """`hour` is 0 to 23, `weekday` one of WEEKDAYS, `time_zone` the IANA name that both were read in."""

    hour: int
    weekday: str
    time_zone: str


def local(at: datetime, time_zone: str | None, fallback: str) -> LocalTime:
    """The moment in the time zone or, where it is None or a name that is not known, in the fallback's.

    Raises ValueError if the fallback is not known either, or the moment has no zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at}: expected a time with its zone")
    name = time_zone if time_zone in _names() else fallback
    if name not in _names():
        raise ValueError(f"{name!r} is no time zone; expected an IANA name such as Pacific/Auckland")
    there = at.astimezone(_zone(name))
    return LocalTime(hour=there.hour, weekday=WEEKDAYS[there.weekday()], time_zone=name)


@cache
def _names() -> frozenset[str]:
    return frozenset(TZDATA.joinpath("zones").read_text("ascii").split())


@cache
def _zone(name: str) -> ZoneInfo:
    with TZDATA.joinpath("zoneinfo", *name.split("/")).open("rb") as content:
        return ZoneInfo.from_file(content, key=name)
