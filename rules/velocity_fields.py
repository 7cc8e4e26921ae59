"""A velocity data point as the fields of its row: its key taken apart, and put together again without loss.

What a page sends makes a key in any case, also a wrong one such as `velocity.sum:.user.this.h`: the check of the
conditions then says at the row what is wrong with it.
"""

from dataclasses import dataclass
from typing import Final, Self

from rules.fields import Fields
from rules.velocity import ANY, COUNT, FAILED, FOLDS, MEMBERS, PREFIX, THIS, UNITS, WrongKey, parse

# What the list of data points sends for "the velocity that the fields of this row describe".
CHOSEN: Final = "velocity"
NAMED: Final = "named"
_NAMED_PREFIX: Final = "action:"

WHAT: Final = {
    COUNT: "Number of actions",
    FAILED: "Failed challenges",
    **{metric: f"Different {words}" for metric, words in MEMBERS.items()},
    **{fold: f"{words} of a number" for fold, words in FOLDS.items()},
}
ACTIONS: Final = {THIS: "of this kind", ANY: "of any kind", NAMED: "of the kinds …"}
# What a velocity begins as, by metric: none of them is pointless.
START: Final = {
    COUNT: "velocity.count.user.this.1h",
    FAILED: "velocity.failedChallenges.user.any.1h",
    "devices": "velocity.devices.user.any.24h",
    "addresses": "velocity.addresses.user.any.24h",
    "countries": "velocity.countries.user.any.24h",
    "users": "velocity.users.device.any.24h",
    **{fold: f"velocity.{fold}:.user.this.24h" for fold in FOLDS},
}


@dataclass(frozen=True, slots=True)
class VelocityFields:
    """The fields of one row. `field` is the custom number of a sum, average or maximum; `codes` are those that are
    named; `number` and `unit` are the window, as typed."""

    metric: str
    field: str
    scope: str
    actions: str
    codes: tuple[str, ...]
    number: str
    unit: str

    @property
    def key(self) -> str:
        metric = f"{self.metric}:{self.field}" if self.metric in FOLDS else self.metric
        actions = _NAMED_PREFIX + "+".join(self.codes) if self.actions == NAMED else self.actions
        return f"{PREFIX}{metric}.{self.scope}.{actions}.{self.number}{self.unit}"

    @property
    def problem(self) -> str:
        """What to do about the fields; empty where they name a velocity, as far as they go by themselves."""
        try:
            parse(self.key)
        except WrongKey as wrong:
            return self.missing or str(wrong)
        return ""

    @property
    def missing(self) -> str:
        if self.metric in FOLDS and not self.field:
            return "Choose which number."
        if self.actions == NAMED and not self.codes:
            return "Tick at least one kind of action."
        return "" if self.number else "Write how far back to look."

    @classmethod
    def of(cls, key: str) -> Self | None:
        """The fields that give this key; None where none do."""
        parts = key.removeprefix(PREFIX).split(".", 3)
        if not key.startswith(PREFIX) or len(parts) != 4:
            return None
        metric, scope, actions, window = parts
        name, _, field = metric.partition(":")
        codes = actions.removeprefix(_NAMED_PREFIX) if actions.startswith(_NAMED_PREFIX) else None
        named = tuple(codes.split("+")) if codes else ()
        kind = actions if codes is None else NAMED
        read = cls(name, field, scope, kind, named, window[:-1], window[-1:])
        is_typed = read.number == read.number.strip() and read.number.isprintable()
        return read if is_typed and read.unit in UNITS and kind in ACTIONS and read.key == key else None

    @classmethod
    def sent(cls, form: Fields, prefix: str) -> str:
        """The key that a row's fields give; what a velocity begins as where they were not there yet."""

        def text(name: str) -> str:
            return str(form.get(f"{prefix}{name}", ""))

        metric = text("metric")
        if not metric:
            return START[COUNT]
        codes = tuple(form.getlist(f"{prefix}codes"))
        return cls(
            metric, text("field"), text("scope"), text("actions"), codes, text("window").strip(), text("window-unit")
        ).key
