"""WhatsApp one-time code."""

from datetime import datetime
from typing import Any, ClassVar

from authenticators import otp
from authenticators.method import Judged
from authenticators.models import Challenge
from authsignal_portal.vocabulary import Channel, VerificationMethod


class WhatsApp:
    code: ClassVar = VerificationMethod.WHATSAPP
    channel: ClassVar[Channel | None] = Channel.WHATSAPP
    many: ClassVar = False
    guessable: ClassVar = True

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        return otp.judge(challenge, answer)
