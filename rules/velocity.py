"""Velocity: a number over past actions, named by a key.

`velocity.<metric>.<scope>.<actions>.<window>`, for example `velocity.count.user.this.1h` or
`velocity.sum:amount.device.action:withdraw+transfer.7d`.

- *metric*: `count` of actions; `devices`, `addresses`, `countries`, `users`: how many different ones;
  `failedChallenges`; `sum:<name>`, `avg:<name>`, `max:<name>` of a number sent as `custom.<name>`.
- *scope*: whose actions: those with the same `user`, `device`, `address`, `phoneNumber`, `emailDomain`, or all of the
  `tenant`.
- *actions*: `this` action code, `any`, or `action:<code>+<code>…`.
- *window*: `1m` to `90d`, ending now, its beginning left out. The current action counts.

A count is told up to a *cap*, which lies above every number that the rules compare it with, so that no comparison
feels it. All but plain counts are read from at most MAX_ROWS actions, the newest; where there are more, a value that
only grows and is above every number that it is compared with stands as the least it can be, and any other is missing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Final, Self

from rules.types import storable

PREFIX: Final = "velocity."
MAX_ROWS: Final = 2_000
# That the rules of one action may ask for: each is read with every decision.
MAX_VELOCITIES: Final = 25
# Of the number that a count is compared with.
MAX_THRESHOLD: Final = 10_000
# Smaller counts are told in full, so that a trace is worth reading.
LEAST_CAP: Final = 101
MAX_WINDOW_DAYS: Final = 90

COUNT, FAILED = "count", "failedChallenges"
MEMBERS: Final = {"devices": "devices", "addresses": "IP addresses", "countries": "countries", "users": "users"}
FOLDS: Final = {"sum": "Sum", "avg": "Average", "max": "Highest"}
METRICS: Final = (COUNT, *MEMBERS, FAILED, *FOLDS)
SCOPES: Final = {
    "user": "by the user",
    "device": "from the device",
    "address": "from the IP address",
    "phoneNumber": "with the phone number",
    "emailDomain": "with the email domain",
    "tenant": "by anybody",
}
THIS, ANY = "this", "any"
_NAMED = "action:"
UNITS: Final = {"m": ("minute", 60), "h": ("hour", 3600), "d": ("day", 86400)}
# A member cannot be counted among actions that share it.
_POINTLESS = {("users", "user"), ("devices", "device"), ("addresses", "address")}

_WINDOW = re.compile(r"([1-9][0-9]{0,5})([mhd])")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_CODE = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MAX_CODES = 10
FORM: Final = "velocity.<metric>.<scope>.<actions>.<window>"


class WrongKey(ValueError):
    """A key that names no velocity; the text says which part is wrong and what may stand there."""


@dataclass(frozen=True)
class Velocity:
    """What a key asks for. `field` is the custom number of a sum, average or maximum, else empty."""

    metric: str
    field: str
    scope: str
    actions: str
    window: str

    @property
    def key(self) -> str:
        metric = f"{self.metric}:{self.field}" if self.field else self.metric
        return f"{PREFIX}{metric}.{self.scope}.{self.actions}.{self.window}"

    @cached_property
    def seconds(self) -> int:
        return int(self.window[:-1]) * UNITS[self.window[-1]][1]

    def codes(self, action_code: str) -> tuple[str, ...] | None:
        """The action codes that count, seen from an action of this code; None for all."""
        if self.actions == ANY:
            return None
        return (action_code,) if self.actions == THIS else tuple(self.actions.removeprefix(_NAMED).split("+"))

    def counts(self, action_code: str) -> bool:
        """Whether the current action is one of those that count."""
        codes = self.codes(action_code)
        return codes is None or action_code in codes

    @property
    def label(self) -> str:
        return f"{self._what} {SCOPES[self.scope]} in {self.window_words}"

    @property
    def _what(self) -> str:
        kinds = {THIS: "actions of this kind", ANY: "actions of any kind"}
        actions = kinds.get(self.actions) or f"{' or '.join(self.codes('') or ())} actions"
        if self.metric == COUNT:
            return f"Number of {actions}"
        if self.metric == FAILED:
            return f"Failed challenges in {actions}"
        if self.metric in MEMBERS:
            return f"Different {MEMBERS[self.metric]} in {actions}"
        return f"{FOLDS[self.metric]} of {self.field} over {actions}"

    @property
    def window_words(self) -> str:
        number, unit = int(self.window[:-1]), UNITS[self.window[-1]][0]
        return f"{number} {unit}{'s' if number > 1 else ''}"

    @property
    def description(self) -> str:
        return "Counted over the stored actions up to now, this one included."

    @classmethod
    def of(cls, metric: str, scope: str, actions: str, window: str) -> Self:
        """From the parts of a key. Raises WrongKey."""
        name, colon, field = metric.partition(":")
        if name not in METRICS or bool(colon) != (name in FOLDS) or (colon and not _NAME.fullmatch(field)):
            known = ", ".join([COUNT, *MEMBERS, FAILED, *(f"{fold}:<custom number>" for fold in FOLDS)])
            raise WrongKey(f"Write {FORM}; the metric is one of {known}.")
        if scope not in SCOPES:
            raise WrongKey(f"Write {FORM}; the scope is one of {', '.join(SCOPES)}.")
        if (name, scope) in _POINTLESS:
            raise WrongKey(f"There is always one of the {MEMBERS[name]} per {scope}: choose another scope.")
        _check_actions(actions)
        _check_window(window)
        return cls(name, field, scope, actions, window)


def _check_actions(actions: str) -> None:
    codes = actions.removeprefix(_NAMED).split("+")
    named = actions.startswith(_NAMED) and all(_CODE.fullmatch(code) for code in codes)
    if actions not in (THIS, ANY) and not (named and len(codes) <= _MAX_CODES and len(set(codes)) == len(codes)):
        raise WrongKey(f"Write {FORM}; the actions are this, any, or action:<code>+<code>, at most {_MAX_CODES}.")


def _check_window(window: str) -> None:
    match = _WINDOW.fullmatch(window)
    if match is None or int(match[1]) * UNITS[match[2]][1] > MAX_WINDOW_DAYS * 86400:
        raise WrongKey(f"Write {FORM}; the window is 1m to {MAX_WINDOW_DAYS}d, such as 10m, 24h or 7d.")


@lru_cache(maxsize=4096)
def parse(key: str) -> Velocity:
    """What the key asks for. Raises WrongKey."""
    parts = key.removeprefix(PREFIX).split(".")
    if not key.startswith(PREFIX) or len(parts) != 4:
        raise WrongKey(f"Write {FORM}, such as velocity.count.user.this.1h.")
    return Velocity.of(*parts)


@dataclass(frozen=True, slots=True)
class Asked:
    """A velocity that rules ask for: they compare it with no number above `highest`, and a count stops at its `cap`."""

    velocity: Velocity
    cap: int
    highest: float

    @classmethod
    def of(cls, key: str, thresholds: Iterable[float]) -> Self:
        asked = parse(key)
        highest = max(thresholds, default=0)
        counted = int(min(highest, 1e300 if asked.field else MAX_THRESHOLD))
        return cls(asked, max(LEAST_CAP, counted + 2), highest)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the past gave, without the current action, from at most MAX_ROWS rows.

    `rows` were looked at, 0 where the reading was not bounded by them; `number` is a count or how many different
    members; `total`, `highest` and `lowest` are over the numbers among them, of which there were `number`.
    """

    rows: int
    number: int
    total: Decimal = Decimal(0)
    highest: Decimal | None = None
    lowest: Decimal | None = None


def settle(
    asked: Velocity, seen: Seen, *, adds: int, value: Decimal | None, cap: int, highest: float
) -> int | float | None:
    """The value with the current action in it; None where it cannot be told.

    `adds` is what the current action adds to a count (1 or 0), `value` its number for a sum, average or maximum; `cap`
    and `highest` are those of `Asked`.
    """
    is_whole = seen.rows < MAX_ROWS
    if asked.metric not in FOLDS:
        number = seen.number + adds
        return min(number, cap) if is_whole or number > highest else None
    folded = _folded(asked.metric, seen, value)
    if folded is None or is_whole:
        return folded
    # Of the older actions nothing is known, and a refund among them lowers a total. Only a maximum cannot fall.
    return folded if asked.metric == "max" and folded > highest else None


def _folded(metric: str, seen: Seen, value: Decimal | None) -> int | float | None:
    number = seen.number + (value is not None)
    if not number:
        return 0 if metric == "sum" else None
    if metric == "max":
        highest = max(one for one in (seen.highest, value) if one is not None)
        return _plain(highest)
    total = seen.total + (value or 0)
    return _plain(total if metric == "sum" else total / number)


def _plain(number: Decimal) -> int | float | None:
    kept = storable(number)
    return kept if isinstance(kept, (int, float)) else None
