"""One-time codes: made once, kept as a keyed hash bound to their challenge."""

import re
import secrets

from authenticators import tuning
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Challenge
from authenticators.tuning import DIGITS
from authsignal_portal import crypto

SHAPE = re.compile(r"[0-9]+")


def is_code(answer: object, digits: int = DIGITS) -> bool:
    """Exactly so many ASCII digits in a string; nothing else is ever compared."""
    return isinstance(answer, str) and len(answer) == digits and SHAPE.fullmatch(answer) is not None


def issue(challenge: Challenge) -> str:
    """A fresh code for the challenge; its hash replaces the one before. The caller saves the row."""
    digits = challenge.code_length = tuning.code_length(challenge.tenant, challenge.method)
    code = f"{secrets.randbelow(10**digits):0{digits}d}"
    challenge.code_hash = crypto.keyed_hash("otp", challenge.pk, code)
    return code


def matches(challenge: Challenge, code: str) -> bool:
    return bool(challenge.code_hash) and crypto.is_keyed_hash(challenge.code_hash, "otp", challenge.pk, code)


def judge(challenge: Challenge, answer: object) -> Judged:
    """Whether the answer is the challenge's code. Raises VerificationFailed."""
    if not is_code(answer, challenge.code_length):
        raise VerificationFailed("not the digits of a code", is_guess=False)
    if not matches(challenge, str(answer)):
        raise VerificationFailed("wrong code")
    return Judged(challenge.authenticator)
