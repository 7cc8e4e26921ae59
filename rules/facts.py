"""What is known when an action is decided: frozen, complete, and enough to decide it again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Self


@cache
def _json_name(name: str) -> str:
    """As the data point of the same meaning is called."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class _Stored:
    """To and from JSON. What is missing is left out, and read back as missing."""

    __slots__: ClassVar[tuple[str, ...]] = ()

    def to_json(self) -> dict[str, Any]:
        pairs = ((_json_name(name), getattr(self, name)) for name in self.__slots__)
        return {key: value for key, value in pairs if value is not None}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """A field added since the snapshot was stored is missing; one removed since is ignored."""
        names = ((name, _json_name(name)) for name in cls.__slots__)
        return cls(**{name: stored[key] for name, key in names if key in stored})


@dataclass(frozen=True, slots=True, kw_only=True)
class IpFacts(_Stored):
    """The caller's address. None is missing; `anonymizer` counts only where `anonymizer_known`."""

    address: str | None = None
    country_code: str | None = None
    # TOR, VPN, PROXY or HOSTING
    anonymizer: str | None = None
    anonymizer_known: bool = False
    is_unrecognized: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts(_Stored):
    """The device that asks, and how many the user has. None is missing."""

    id: str | None = None
    is_new: bool | None = None
    is_bot: bool | None = None
    is_remembered: bool | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFacts(_Stored):
    """The user as known before this action. None is missing; `custom` is the user's own data."""

    user_id: str
    email: str | None = None
    phone_number: str | None = None
    username: str | None = None
    display_name: str | None = None
    is_enrolled: bool = False
    has_previously_verified: bool = False
    email_verified: bool | None = None
    phone_number_verified: bool | None = None
    custom: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the rules of one action may ask. `custom` holds JSON values, checked at the edge."""

    action_code: str
    user: UserFacts
    ip: IpFacts = IpFacts()
    device: DeviceFacts = DeviceFacts()
    custom: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """For storing beside the action; `from_json` gives facts that decide alike."""
        return {
            "actionCode": self.action_code,
            "custom": dict(self.custom),
            "ip": self.ip.to_json(),
            "device": self.device.to_json(),
            "user": self.user.to_json() | {"custom": dict(self.user.custom)},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            action_code=stored["actionCode"],
            user=UserFacts.from_json(stored["user"]),
            ip=IpFacts.from_json(stored.get("ip", {})),
            device=DeviceFacts.from_json(stored.get("device", {})),
            custom=stored.get("custom", {}),
        )
