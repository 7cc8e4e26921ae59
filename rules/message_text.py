"""The contextual message of an action as it is written: a text with placeholders, no template language."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

# {{action.amount}}: whose custom data (the action's or its user's), and the key in them.
PLACEHOLDER: Final = re.compile(r"\{\{\s*(action|user)\.([A-Za-z0-9_-]+)\s*\}\}")
MAX_WRITTEN: Final = 500
_BRACED = re.compile(r"(\{\{[^{}]*\}\})")
_BRACES = re.compile(r"\{\{[^{}]*\}\}|\{\{|\}\}")


def names(template: str) -> list[tuple[str, str]]:
    """(whose, key) of each placeholder, once, in reading order."""
    return list(dict.fromkeys(PLACEHOLDER.findall(template)))


def placeholder(whose: str, key: str) -> str:
    return f"{{{{{whose}.{key}}}}}"


def unreadable(template: str) -> list[str]:
    """What stands in double braces and is no placeholder, as it is written: a user would be shown it."""
    return [found for found in _BRACES.findall(template) if not PLACEHOLDER.fullmatch(found)]


def untold(template: str, keys: Iterable[str]) -> list[str]:
    """Those of an action's keys that the text does not tell, as placeholders."""
    told = names(template)
    return [placeholder("action", key) for key in keys if ("action", key) not in told]


@dataclass(frozen=True, slots=True)
class Part:
    """Of a preview: words of the text, or (`is_value`) what stands for a value, unless nothing does (`is_unknown`)."""

    text: str
    is_value: bool = False
    is_unknown: bool = False


def preview(template: str, samples: Mapping[str, str]) -> list[Part]:
    """The text with a sample in place of each value. `samples`: by what stands between the braces."""
    return [_part(piece, samples) for piece in _BRACED.split(template) if piece]


def _part(piece: str, samples: Mapping[str, str]) -> Part:
    if not piece.startswith("{{"):
        return Part(piece)
    found = PLACEHOLDER.fullmatch(piece)
    sample = samples.get(f"{found[1]}.{found[2]}") if found else None
    return Part(sample or piece, is_value=True, is_unknown=sample is None)
