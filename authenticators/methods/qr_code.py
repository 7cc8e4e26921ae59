"""QR code: the page shows a challenge's id, an enrolled app scans it, claims the challenge and answers it.

Who claims it answers it: both by a signature of the same key.
"""

from datetime import datetime
from typing import Any, ClassVar

from authenticators import device_keys
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Challenge
from authsignal_portal.vocabulary import Channel, VerificationMethod


class QrCode:
    code: ClassVar = VerificationMethod.QR_CODE
    channel: ClassVar[Channel | None] = None
    many: ClassVar = True
    guessable: ClassVar = False

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        row = device_keys.judge(challenge, answer)
        if challenge.user_id is None or challenge.authenticator_id != row.pk:
            raise VerificationFailed("not claimed by this device", is_guess=False)
        return Judged(row, declined=not answer.approved)
