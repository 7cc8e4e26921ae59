"""A made-up action to try the rows on: a value for each data point that they ask for, typed on the page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rules.choice_words import choices
from rules.fields import Fields
from rules.forms import Condition, Group, WrongRow, item, walk
from rules.inputs import Input, lines
from rules.lists import Circumstances, Lists
from rules.registry import CustomPoint, DataPoint, by_key, point_of
from rules.trial import Case
from rules.types import BOOLEAN, IP, MULTISELECT, NUMBER, TEXT, WANTED, comparable

PREFIX: Final = "try-"


@dataclass(frozen=True, slots=True)
class Value:
    """One field: what was typed for a data point, and what is wrong with it."""

    point: DataPoint
    text: str
    read: Any = None
    problem: str = ""

    @property
    def name(self) -> str:
        return PREFIX + self.point.key

    @property
    def input(self) -> Input:
        if self.point.kind is BOOLEAN or choices(self.point):
            return Input.ONE
        return {NUMBER: Input.NUMBER, MULTISELECT: Input.LINES}.get(self.point.kind, Input.TEXT)

    @property
    def options(self) -> Mapping[str, str]:
        return {"true": "true", "false": "false"} if self.point.kind is BOOLEAN else choices(self.point)


def values(root: Group, sent: Fields, custom_points: Iterable[CustomPoint] = ()) -> list[Value]:
    """A field for each data point of the rows, in their order, with what the page sent for it."""
    index = by_key(custom_points)
    points: dict[str, DataPoint] = {}
    for node, _up in walk(root):
        point = point_of(node.point, index) if isinstance(node, Condition) else None
        if point is not None:
            points[point.key] = point
    return [_value(point, str(sent.get(PREFIX + point.key, "")).replace("\r\n", "\n")) for point in points.values()]


def _value(point: DataPoint, text: str) -> Value:
    if not text.strip():
        return Value(point, text)
    try:
        read = _read(point, text)
    except WrongRow as wrong:
        return Value(point, text, problem=str(wrong))
    if point.kind is IP and comparable(IP, read) is None:
        return Value(point, text, problem=f"Write {WANTED[IP]}.".replace(" in quotes", ""))
    return Value(point, text, read)


def _read(point: DataPoint, text: str) -> Any:
    if point.kind is MULTISELECT:
        return [item(line, MULTISELECT) for line in lines(text)]
    return item(text if point.kind is TEXT else text.strip(), point.kind)


def case(typed: Iterable[Value], *, now: float, lists: Lists) -> Case:
    """The facts of an action in which these values, and no others, are there."""
    known: dict[str, Any] = {"time": {"at": now}}
    for value in typed:
        if value.read is None:
            continue
        *groups, name = value.point.path
        part = known
        for group in groups:
            part = part.setdefault(group, {})
        part[name] = value.read
    return Case(known, Circumstances(now, lists))
