"""What is known when an action is decided: frozen, complete, and enough to decide it again.

Facts are made once, from the request, the stored user and device, and local data. As JSON (*known*) they are stored
beside the action and are what the engine reads: the data point `ip.countryCode` is `known["ip"]["countryCode"]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Self

from rules.types import MISSING, storable

# Facts as JSON: {"actionCode": …, "ip": {…}, "device": {…}, "user": {…, "custom": {…}}, "time": {…}, "card": {…},
# "crypto": {…}, "velocity": {…}, "custom": {…}}; what is missing is left out.
Known = Mapping[str, Any]


@cache
def _json_name(name: str) -> str:
    """As the data point of the same meaning is called."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@cache
def _pairs(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _json_name(name)) for name in names)


class _Stored:
    """To and from JSON. What is missing is left out, and read back as missing."""

    __slots__: ClassVar[tuple[str, ...]] = ()

    def to_json(self) -> dict[str, Any]:
        stored = {}
        for name, key in _pairs(self.__slots__):
            value = getattr(self, name)
            if value is None:
                continue
            # What is most often there needs no look.
            kept = (
                value
                if value is True or value is False or (type(value) is str and value.isalnum())
                else storable(value)
            )
            if kept is not MISSING:
                stored[key] = kept
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """A field added since the snapshot was stored is missing; one removed since is ignored."""
        return cls(**{name: stored[key] for name, key in _pairs(cls.__slots__) if key in stored})


@dataclass(frozen=True, slots=True, kw_only=True)
class IpFacts(_Stored):
    """The caller's address. None is missing."""

    address: str | None = None
    country_code: str | None = None
    country_code_in_ofac_list: bool | None = None
    city: str | None = None
    asn: int | None = None
    organization: str | None = None
    is_anonymous: bool | None = None
    # TOR, VPN, PROXY, HOSTING; NONE for an ordinary address.
    anonymizer: str | None = None
    is_unrecognized: bool | None = None
    impossible_travel: bool | None = None
    atypical_travel: bool | None = None
    # Degrees, kilometres; not data points, but what travel is judged by.
    latitude: float | None = None
    longitude: float | None = None
    accuracy_radius_km: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts(_Stored):
    """The device that asks, and how many the user has. None is missing."""

    id: str | None = None
    is_new: bool | None = None
    is_bot: bool | None = None
    is_remembered: bool | None = None
    count: int | None = None
    type: str | None = None
    browser: str | None = None
    os: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFacts(_Stored):
    """The user as known before this action. None is missing; `custom` is the user's own data."""

    user_id: str
    email: str | None = None
    email_domain: str | None = None
    email_is_disposable: bool | None = None
    phone_number: str | None = None
    phone_country: str | None = None
    phone_line_type: str | None = None
    username: str | None = None
    display_name: str | None = None
    is_enrolled: bool = False
    has_previously_verified: bool = False
    email_verified: bool | None = None
    phone_number_verified: bool | None = None
    # Days since the user was first seen here, with fractions cut off.
    account_age_in_days: int | None = None
    custom: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFacts(_Stored):
    """When the action was tracked: `at` in seconds since 1970, the rest in the user's time zone as far as known."""

    at: float | None = None
    hour: int | None = None
    weekday: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the rules of one action may ask. `custom` holds JSON values, checked at the edge.

    `velocity` holds the value of each velocity data point that the rules ask for, by its key without the prefix; one
    that could not be told within bounds is absent.
    """

    action_code: str
    user: UserFacts
    ip: IpFacts = IpFacts()
    device: DeviceFacts = DeviceFacts()
    time: TimeFacts = TimeFacts()
    card: Mapping[str, object] = field(default_factory=dict)
    crypto: Mapping[str, object] = field(default_factory=dict)
    velocity: Mapping[str, object] = field(default_factory=dict)
    custom: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What the engine reads and what is stored; `from_json` gives facts that decide alike."""
        return {
            "actionCode": self.action_code,
            "custom": _values(self.custom),
            "ip": self.ip.to_json(),
            "device": self.device.to_json(),
            "user": self.user.to_json() | {"custom": _values(self.user.custom)},
            "time": self.time.to_json(),
            "card": _values(self.card),
            "crypto": _values(self.crypto),
            "velocity": dict(self.velocity),
        }

    @classmethod
    def from_json(cls, stored: Known) -> Self:
        return cls(
            action_code=stored["actionCode"],
            user=UserFacts.from_json(stored["user"]),
            ip=IpFacts.from_json(stored.get("ip", {})),
            device=DeviceFacts.from_json(stored.get("device", {})),
            time=TimeFacts.from_json(stored.get("time", {})),
            card=stored.get("card", {}),
            crypto=stored.get("crypto", {}),
            velocity=stored.get("velocity", {}),
            custom=stored.get("custom", {}),
        )


def _values(given: Mapping[str, object]) -> dict[str, Any]:
    """As PostgreSQL keeps it, without what it cannot keep."""
    kept = ((storable(name), storable(value)) for name, value in given.items())
    return {name: value for name, value in kept if value is not MISSING}
