"""The data points that a rule can ask for.

A *data point* is one named value read from the facts (`ip.isAnonymous`). A *custom point* is a tenant's
own row, asked for as `custom.<name>` (sent with the action) or `user.custom.<name>` (kept with the user).
One entry feeds the builder, the check of conditions, the evaluator, the trace and the sentence.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Literal, Self

from rules.facts import Facts
from rules.types import BOOLEAN, CUSTOM_KINDS, Kind

Read = Callable[[Facts], object]
ReadNamed = Callable[[Facts, str], object]
Model = Literal["action", "user"]

CUSTOM: Final = "Custom"
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPoint:
    """One named value. The label of a boolean is a statement, and `otherwise` its negation.

    `optional`: it can be missing. A number that is an `integer`, or has a `minimum`, is never read otherwise.
    """

    key: str
    kind: Kind
    label: str
    description: str
    category: str
    read: Read
    otherwise: str = ""
    optional: bool = True
    integer: bool = False
    minimum: float | None = None


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
CUSTOM_READERS: Final[dict[Model, ReadNamed]] = {}
CUSTOM_PREFIXES: Final[Mapping[Model, str]] = {"action": "custom.", "user": "user.custom."}


def data_point(
    key: str,
    kind: Kind,
    label: str,
    description: str,
    *,
    category: str,
    otherwise: str = "",
    optional: bool = True,
    integer: bool = False,
    minimum: float | None = None,
) -> Callable[[Read], Read]:
    """Register a function of the facts that returns a value, or MISSING or None for none.

    A duplicate key, and a boolean without its negation, raise ValueError at import.
    """

    def register(read: Read) -> Read:
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
            read=read,
            otherwise=otherwise,
            optional=optional,
            integer=integer,
            minimum=minimum,
        )
        return read

    return register


def custom_model(model: Model) -> Callable[[ReadNamed], ReadNamed]:
    """Register how a custom point of this model is read by name. A duplicate raises ValueError at import."""

    def register(read: ReadNamed) -> ReadNamed:
        if model in CUSTOM_READERS:
            raise ValueError(f"The {model} model of custom data points is registered twice.")
        CUSTOM_READERS[model] = read
        return read

    return register


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
    raise UnknownDataPoint(_unknown(key, points))


def _custom(key: str, point: CustomPoint) -> DataPoint:
    read, name = CUSTOM_READERS[point.model], point.name
    return DataPoint(
        key=key,
        kind=point.kind,
        label=name if point.model == "action" else f"User's {name}",
        description=point.description,
        category=CUSTOM,
        read=lambda facts: read(facts, name),
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
