"""The contextual message of an action: fixed placeholders, no template language."""

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{\{\s*(action|user)\.([A-Za-z0-9_-]+)\s*\}\}")
MAX_MESSAGE = 2000


def render(template: str, *, action: Mapping[str, object], user: Mapping[str, object]) -> str:
    """The text with custom data filled in, or nothing at all when a value is missing."""
    values = {"action": action, "user": user}
    missing = False

    def fill(found: re.Match[str]) -> str:
        nonlocal missing
        value = values[found[1]].get(found[2])
        if value is None or isinstance(value, (list, dict)):
            missing = True
            return ""
        return ("yes" if value else "no") if isinstance(value, bool) else str(value)

    text = PLACEHOLDER.sub(fill, template)
    return "" if missing else text[:MAX_MESSAGE]
