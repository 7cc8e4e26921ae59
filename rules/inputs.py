"""The typed inputs of a row: which one it wears, and its text in the parts that a page sends.

The text of a row is the truth. An input that could not give the very same text back is not worn: the row then has a
plain text field.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Self

from rules.choice_words import choices
from rules.fields import Fields
from rules.operators import ALONE, LIST, NAMED, RANGE, Operator
from rules.registry import DataPoint
from rules.types import BOOLEAN, NUMBER


class Input(StrEnum):
    NOTHING = "nothing"
    TEXT = "text"
    LINES = "lines"
    NUMBER = "number"
    RANGE = "range"
    BOOLEAN = "boolean"
    # One of a list, and several of it.
    ONE = "one"
    SEVERAL = "several"
    VALUE_LIST = "value_list"
    MOMENT = "moment"
    AGE = "age"


IS: Final = ("==", "!=")
MOMENTS: Final = ("before", "after")
AGES: Final = ("olderThan", "newerThan")


def lines(text: str) -> list[str]:
    """The items of a list as somebody typed them, one to a line."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def worn(operator: Operator | None, point: DataPoint | None, value: str) -> Input:
    """The input of a row with this text; `operator` and `point` are None where there is none of that name (yet)."""
    shape = operator.shape if operator else None
    if shape is ALONE:
        return Input.NOTHING
    if shape is NAMED:
        return Input.VALUE_LIST
    # A one-line field would swallow a line break.
    if shape is RANGE:
        return Input.LINES if "\n" in value else Input.RANGE
    listable = bool(point and operator and choices(point))
    if shape is LIST:
        is_exact = value == "\n".join(lines(value))
        return Input.SEVERAL if listable and is_exact and operator and operator.symbol == "in" else Input.LINES
    if listable and operator and operator.name in IS:
        return Input.ONE
    return _plain(operator, point, value)


def _plain(operator: Operator | None, point: DataPoint | None, value: str) -> Input:
    if operator and operator.name in MOMENTS and Moment.of(value):
        return Input.MOMENT
    if operator and operator.name in AGES and Age.of(value):
        return Input.AGE
    if point and point.kind is BOOLEAN:
        return Input.BOOLEAN
    if "\n" in value:
        return Input.LINES
    return Input.NUMBER if point and point.kind is NUMBER else Input.TEXT


# -- inputs of several parts ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Age:
    """`number` as typed, and the letter of its unit: `30d`."""

    number: str
    unit: str

    UNITS = {"m": "minutes", "h": "hours", "d": "days"}

    @property
    def text(self) -> str:
        # Days alone are what the empty input shows.
        return "" if not self.number and self.unit == "d" else self.number + self.unit

    @classmethod
    def of(cls, text: str) -> Self | None:
        match = re.fullmatch(r"([0-9][0-9.,]*)?([mhd])", text or "d")
        read = cls(match[1] or "", match[2]) if match else None
        return read if read and read.text == text else None


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, and maybe a time of that day in UTC, to the minute: `2026-01-31T09:30Z`."""

    day: str
    time: str

    @property
    def text(self) -> str:
        return f"{self.day}T{self.time}Z" if self.time else self.day

    @classmethod
    def of(cls, text: str) -> Self | None:
        match = re.fullmatch(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})?(?:T({_TIME})Z)?", text)
        if match is None:
            return None
        day, at = match[1] or "", match[2] or ""
        try:
            # A browser empties a field with a day that there is not.
            date.fromisoformat(day or "2000-01-01")
        except ValueError:
            return None
        return cls(day, at)


_TIME: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"


def sent(form: Fields, prefix: str) -> str:
    """The text of a row from the parts that the page sent."""

    def part(name: str) -> str:
        return str(form.get(prefix + name, ""))

    if form.getlist(f"{prefix}unit"):
        return Age(part("number").strip(), part("unit")).text
    if form.getlist(f"{prefix}day"):
        return Moment(part("day"), part("time")).text
    # Several boxes that are ticked are the lines of a list.
    return "\n".join(text.replace("\r\n", "\n") for text in form.getlist(f"{prefix}value"))


def is_begun(value: str) -> bool:
    """Whether somebody has begun to write a value; a unit or a time alone is not yet one."""
    return bool(value.strip()) and not re.fullmatch(f"[mhd]|T{_TIME}Z", value)
