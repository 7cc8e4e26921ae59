"""In the app: it signs a challenge with its device key, after asking its user for a PIN or a face if it likes."""

from datetime import datetime
from typing import Any, ClassVar

from authenticators import device_keys
from authenticators.method import Judged
from authenticators.models import Challenge
from authsignal_portal.vocabulary import Channel, VerificationMethod


class InApp:
    code: ClassVar = VerificationMethod.IN_APP
    channel: ClassVar[Channel | None] = None
    many: ClassVar = True
    guessable: ClassVar = False

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        return Judged(device_keys.judge(challenge, answer))
