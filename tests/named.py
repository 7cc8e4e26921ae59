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
        found = re.search(rf"^(?:async )?def {re.escape(function)}\(", text, re.MULTILINE)
        text = text[found.start() :].partition("\n\n\n")[0] if found else ""
    if "test_" not in text:
        raise LookupError(f"no such test: {test}")
    return text
