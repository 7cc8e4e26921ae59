"""Tests that other files name: whether they are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def source_of(test: str) -> str:
    """The text of `path::function`, or of the whole file. Raises LookupError where there is no such test."""
    path, _colons, function = test.partition("::")
    file = ROOT / path
    text = file.read_text() if file.is_file() else ""
    if function:
        found = re.search(rf"^(?:async )?def {re.escape(function)}\(.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        # The line that closes a long list of arguments begins at the margin too.
        text = text[found.start() :] if found else ""
        text = re.split(r"\n\n\n", text, maxsplit=1)[0]
    if "test_" not in text:
        raise LookupError(f"no such test: {test}")
    return text
