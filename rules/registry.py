"""The data points that a rule can ask for.

A *data point* is one named value of the facts (`ip.isAnonymous`). A *custom point* is a tenant's own row, asked for
as `custom.<name>` (sent with the action) or `user.custom.<name>` (kept with the user). A *velocity point* is a number
over past actions, whose key says which (`velocity.count.user.this.1h`, rules.velocity). One entry feeds the builder,
the check of conditions, the evaluator, the trace, the sentence and the analyser.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Literal, Self

from rules import velocity
from rules.facts import Known
from rules.types import BOOLEAN, CUSTOM_KINDS, NUMBER, Kind

Model = Literal["action", "user"]

CUSTOM: Final = "Custom"
VELOCITY: Final = "Velocity"
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPoint:
    """One named value, found in the facts at `path`.

    The label of a boolean is a statement, and `otherwise` its negation. `choices` are all values that a text can have.
    `optional` is False where the value is always known; `integer` and `minimum` tell of a number what it can be.
    """

    key: str
    kind: Kind
    label: str
    description: str
    category: str
    path: tuple[str, ...]
    otherwise: str = ""
    choices: tuple[str, ...] = ()
    optional: bool = True
    integer: bool = False
    minimum: float | None = None

    def read(self, known: Known) -> Any:
        """The value in facts as JSON; None is missing."""
        *groups, name = self.path
        for group in groups:
            known = known.get(group) or {}
        return known.get(name)


@dataclass(frozen=True, slots=True)
class CustomPoint:
    """A tenant's own data point. Raises ValueError for a kind or model that tenants cannot define."""

    name: str
    kind: Kind
    model: Model
    description: str = ""

    def __post_init__(self) -> None:
        if self.kind not in CUSTOM_KINDS or self.model not in ("action", "user"):
            raise ValueError(f"Custom data point {self.name}: no such {self.kind!r} or {self.model!r}.")

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """From the snapshot of a tenant's row."""
        return cls(stored["name"], Kind(stored["kind"]), stored["model"], stored.get("description", ""))

    @property
    def key(self) -> str:
        return CUSTOM_PREFIXES[self.model] + self.name


CustomPoints = Mapping[str, CustomPoint]


class UnknownDataPoint(LookupError):
    """No data point has this key; the text says which one may be meant."""


DATA_POINTS: Final[dict[str, DataPoint]] = {}
CUSTOM_PREFIXES: Final[Mapping[Model, str]] = {"action": "custom.", "user": "user.custom."}


def data_point(
    key: str,
    kind: Kind,
    label: str,
    description: str,
    *,
    category: str,
    otherwise: str = "",
    choices: tuple[str, ...] = (),
    optional: bool = True,
    integer: bool = False,
    minimum: float | None = None,
) -> None:
    """Register a data point; its key, split at the dots, is its place in the facts.

    A duplicate key, and a boolean without its negation, raise ValueError at import.
    """
    if key in DATA_POINTS:
        raise ValueError(f"Data point {key} is registered twice.")
    if (kind is BOOLEAN) != bool(otherwise):
        raise ValueError(f"Data point {key}: a boolean, and only a boolean, has a text for otherwise.")
    DATA_POINTS[key] = DataPoint(
        key=key,
        kind=kind,
        label=label,
        description=description,
        category=category,
        path=tuple(key.split(".")),
        otherwise=otherwise,
        choices=choices,
        optional=optional,
        integer=integer,
        minimum=minimum,
    )


def by_key(points: Iterable[CustomPoint]) -> CustomPoints:
    """A tenant's custom points by key. A name known only to the user model answers to `custom.` too."""
    index = {point.key: point for point in points}
    action = CUSTOM_PREFIXES["action"]
    return {action + point.name: point for point in index.values() if point.model == "user"} | index


def lookup(key: str, points: CustomPoints) -> DataPoint:
    """The data point a rule names. Raises UnknownDataPoint."""
    if key in DATA_POINTS:
        return DATA_POINTS[key]
    if key in points:
        return _custom(key, points[key])
    if key.startswith(velocity.PREFIX):
        return _velocity(key, points)
    raise UnknownDataPoint(_unknown(key, points))


def point_of(key: str, points: CustomPoints) -> DataPoint | None:
    """The data point of this name, also by its other one; None where there is none."""
    try:
        return lookup(key, points)
    except UnknownDataPoint:
        return None


def _custom(key: str, point: CustomPoint) -> DataPoint:
    return DataPoint(
        key=key,
        kind=point.kind,
        label=point.name if point.model == "action" else f"User's {point.name}",
        description=point.description,
        category=CUSTOM,
        path=("custom", point.name) if point.model == "action" else ("user", "custom", point.name),
    )


def _velocity(key: str, points: CustomPoints) -> DataPoint:
    try:
        asked = velocity.parse(key)
    except velocity.WrongKey as wrong:
        raise UnknownDataPoint(str(wrong)) from None
    field = points.get(CUSTOM_PREFIXES["action"] + asked.field)
    if asked.field and (field is None or field.model != "action" or field.kind is not NUMBER):
        raise UnknownDataPoint(f"Define {asked.field} as a number data point of the action first, or correct its name.")
    return DataPoint(
        key=key,
        kind=NUMBER,
        label=asked.label,
        description=asked.description,
        category=VELOCITY,
        path=("velocity", key.removeprefix(velocity.PREFIX)),
        integer=not asked.field,
        minimum=0 if not asked.field else None,
    )


def _unknown(key: str, points: CustomPoints) -> str:
    if key.startswith(tuple(CUSTOM_PREFIXES.values())):
        advice = "Define it as a custom data point first, or correct its name."
    else:
        advice = "Choose a data point from the list of the rule builder."
    # A name far longer than any other is no typing error, and would be slow to compare.
    known = [*DATA_POINTS, *points] if len(key) <= _LONGEST_NAME else []
    # The prefix alone makes names alike; 0.8 asks for more.
    close = get_close_matches(key, known, n=1, cutoff=0.8)
    return f"{advice} Did you mean {close[0]}?" if close else advice
