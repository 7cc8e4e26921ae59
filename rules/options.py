"""The choices of a row: what a list holds, and what of it is chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rules.own import Own
from rules.velocity import FOLDS, SCOPES, THIS, UNITS
from rules.velocity_fields import ACTIONS, NAMED, WHAT, VelocityFields


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class VelocityRow:
    """The fields of a velocity; `numbers` is empty where the metric needs none, `codes` where no kinds are named."""

    is_named: bool
    metrics: list[Option]
    numbers: list[Option]
    scopes: list[Option]
    actions: list[Option]
    codes: list[Option]
    window: str
    units: list[Option]

    @property
    def named(self) -> list[Option]:
        return [option for option in self.codes if option.is_chosen]

    @property
    def others(self) -> list[Option]:
        return [option for option in self.codes if not option.is_chosen]


def one_of(listed: Mapping[str, str], chosen: str) -> list[Option]:
    """The choices of a drop-down list; what is chosen and is none of them stays."""
    other = [Option(chosen, chosen, is_chosen=True)] if chosen and chosen not in listed else []
    return [*other, *(Option(value, label, value == chosen) for value, label in listed.items())]


def several_of(listed: Mapping[str, str], chosen: Sequence[str]) -> list[Option]:
    """Boxes to tick: what is chosen first, as often and in the order in which it is written."""
    ticked = [Option(value, listed.get(value, value), is_chosen=True) for value in chosen]
    return [*ticked, *(Option(value, label) for value, label in listed.items() if value not in chosen)]


def velocity_row(fields: VelocityFields, own: Own) -> VelocityRow:
    numbers = {name: name for name in own.numbers}
    return VelocityRow(
        is_named=fields.actions == NAMED,
        metrics=one_of(WHAT, fields.metric),
        numbers=[Option("", "Choose a number …"), *one_of(numbers, fields.field)] if fields.metric in FOLDS else [],
        scopes=one_of(SCOPES, fields.scope),
        actions=one_of(ACTIONS, fields.actions or THIS),
        codes=several_of({code: code for code in own.codes}, fields.codes) if fields.actions == NAMED else [],
        window=fields.number,
        units=one_of({unit: f"{word}s" for unit, (word, _) in UNITS.items()}, fields.unit),
    )
