"""Who stands at the counter."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Visitor:
    """Who asks, and with what browser. The device id comes from the SDK's cookie: a claim, never a proof."""

    user: str
    device_id: str
    user_agent: str

    @property
    def attributes(self) -> dict[str, Any]:
        """For `track`; what is not known is left out, because the SDK cannot send None."""
        known = {"userAgent": self.user_agent, "deviceId": self.device_id}
        return {name: value for name, value in known.items() if value}
