"""Data points of the moment, in the time zone of the address, else in the tenant's."""

from functools import partial

from rules.registry import data_point
from rules.types import NUMBER, TEXT

point = partial(data_point, category="Time")

WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")

point(
    "time.hour",
    NUMBER,
    "Local hour",
    "The hour of the day where the user is, 0 to 23; else in your own time zone.",
    integer=True,
    minimum=0,
)
point(
    "time.weekday",
    TEXT,
    "Local weekday",
    "The day of the week where the user is; else in your own time zone.",
    choices=WEEKDAYS,
)
