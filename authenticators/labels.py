"""What users call their authenticators, to know one from another."""

import unicodedata

from authsignal_portal.errors import InvalidRequest

MAX_CHARS = 64


def clean(text: str) -> str:
    """One line in NFC, with nothing invisible and nothing that turns the direction of what stands beside it.

    Empty takes the name away. Raises InvalidRequest.
    """
    spaced = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFC", text))
    visible = "".join(char for char in spaced if unicodedata.category(char)[0] != "C")
    label = " ".join(visible.split())
    if len(label) > MAX_CHARS:
        raise InvalidRequest(f"label has more than {MAX_CHARS} characters.")
    return label
