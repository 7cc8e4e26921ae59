"""The contextual message of an action: fixed placeholders, no template language."""

from collections.abc import Mapping

from authenticators.transactions import plain_number
from rules.message_text import PLACEHOLDER

MAX_MESSAGE = 2000


class MissingValues(ValueError):
    """The placeholders that have no value, as the template writes them."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(", ".join(names))


def in_language(language: str, *, default: str, localized: Mapping[str, str]) -> str:
    """The template for a user of this language. What cannot be filled in there is not filled in elsewhere either."""
    return localized.get(language) or default


def render(template: str, *, action: Mapping[str, object], user: Mapping[str, object]) -> str:
    """The text with custom data filled in, or nothing at all when a value is missing."""
    try:
        return fill(template, action=action, user=user)[:MAX_MESSAGE]
    except MissingValues:
        return ""


def fill(template: str, *, action: Mapping[str, object], user: Mapping[str, object]) -> str:
    """The text with custom data filled in. Raises MissingValues."""
    values = {"action": action, "user": user}
    missing = [
        f"{model}.{name}"
        for model, name in PLACEHOLDER.findall(template)
        if not isinstance(values[model].get(name), str | int | float)
    ]
    if missing:
        raise MissingValues(list(dict.fromkeys(missing)))
    return PLACEHOLDER.sub(lambda found: written(values[found[1]][found[2]]), template)


def written(value: object) -> str:
    """A value for a reader."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain_number(value) if isinstance(value, float) else str(value)
