"""Push: a question on the user's phone, answered by its key; the user types the number that the page shows.

Typing it is what binds the answer to the page that asked (NIST SP 800-63B-4 §3.1.3: approving alone is not enough,
and neither is picking from a list). A tenant may switch that off for apps that cannot ask for a number.
"""

import hmac
import secrets
from datetime import datetime
from typing import Any, ClassVar

from authenticators import device_keys
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Challenge
from authsignal_portal.vocabulary import Channel, VerificationMethod

# Two digits, and no zero in front that a user would leave out.
NUMBERS = range(10, 100)


class Push:
    code: ClassVar = VerificationMethod.PUSH
    channel: ClassVar[Channel | None] = None
    many: ClassVar = True
    guessable: ClassVar = True

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        row = device_keys.judge(challenge, answer)
        if challenge.authenticator_id not in (None, row.pk):
            raise VerificationFailed("another device was asked", is_guess=False)
        if not answer.approved:
            return Judged(row, declined=True)
        number = number_of(challenge)
        if number and not hmac.compare_digest(number.encode(), answer.number.encode()):
            raise VerificationFailed("wrong number")
        return Judged(row)


def new_number() -> bytes:
    """For `Challenge.nonce`."""
    return str(secrets.choice(NUMBERS)).encode()


def number_of(challenge: Challenge) -> str:
    """The number to type; empty where none is asked for."""
    return bytes(challenge.nonce or b"").decode()
