"""What users call their authenticators, to know one from another."""

import unicodedata

from authsignal_portal.errors import InvalidRequest

MAX_CHARS = 64


def clean(text: str) -> str:
    """One line in NFC, with nothing invisible and nothing that turns the direction of what stands beside it.

    Empty takes the name away. Raises InvalidRequest.
    """
    label = one_line(text)
    if len(label) > MAX_CHARS:
        raise InvalidRequest(f"label has more than {MAX_CHARS} characters.")
    return label


def one_line(text: str) -> str:
    """As `clean`, of any length: what an app says that its phone is called."""
    spaced = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFC", text))
    visible = "".join(char for char in spaced if unicodedata.category(char)[0] != "C")
    return " ".join(visible.split())
