"""What users read in place of an action's code, where nobody gave it a name."""

import re

_BOUNDARY = re.compile(r"[-_]+|(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z0-9])(?=[A-Z][a-z])")
# A code of as many capitals is an abbreviation; a longer one is only written loudly.
_ABBREVIATION = 4


def readable(code: str) -> str:
    """`withdraw-funds` and `withdrawFunds` are “Withdraw funds”; `KYCCheck` is “KYC check”."""
    words = [word for word in _BOUNDARY.split(code) if word]
    text = " ".join(word if _is_abbreviation(word) else word.lower() for word in words)
    return text[:1].upper() + text[1:] or code


def _is_abbreviation(word: str) -> bool:
    return 1 < len(word) <= _ABBREVIATION and word.isupper()
