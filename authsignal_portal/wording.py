"""The texts of the hosted pages: which there are, what a tenant may make of them, and speaking in a tenant's words.

A *point* is one English text of the pages' templates. Its `publicId` is the screen where it stands first and the text
itself, such as `sms.enter-the-code`: the same text on two screens is one point. A tenant's text may use the
placeholders of the point and no others, and is plain: it is escaped wherever it is shown.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.template.loader import get_template
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils import translation
from django.utils.html import escape
from django.utils.text import slugify
from django.utils.translation import trans_real

FOLDER = settings.BASE_DIR / "templates" / "challenge"
# `%(name)s` is filled in by the server, `{name}` by the page's script.
PLACEHOLDER = re.compile(r"%\((?P<server>\w+)\)s|\{(?P<script>\w+)\}")
ID_CHARS = 40
# Shown where no tenant is known.
NOBODYS = frozenset({"checked.html"})


class BadText(ValueError):
    """A tenant's text cannot stand at its point; the message says why."""


@dataclass(frozen=True, slots=True)
class Point:
    """One text. `placeholders` are as they must be written: {name}."""

    public_id: str
    screen: str
    message: str
    plural: str = ""

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset(_names(self.message))

    @property
    def max_length(self) -> int:
        """Room for a longer language and a friendlier tone, not for another page."""
        return max(60, 3 * len(self.message))

    @property
    def default(self) -> str:
        """In the language that is spoken now, placeholders as a tenant writes them."""
        return _shown(translation.gettext(self.message))


@lru_cache
def points() -> Mapping[str, Point]:
    """All points by their public id, in the order of screens and, within, as they stand."""
    found: dict[str, Point] = {}
    known: set[str] = set()
    for path in sorted(path for path in FOLDER.rglob("*.html") if path.name not in NOBODYS):
        name = str(path.relative_to(FOLDER.parent))
        screen = path.relative_to(FOLDER).with_suffix("").as_posix().removeprefix("methods/").replace("_", "-")
        for message in _messages(name):
            if message not in known:
                known.add(message)
                words = slugify(PLACEHOLDER.sub(" ", message))[:ID_CHARS].strip("-")
                public_id = _free(f"{screen}.{words or 'text'}", found)
                found[public_id] = Point(public_id, screen, message)
    return found


def _messages(template_name: str) -> Iterator[str]:
    nodes = get_template(template_name).template.nodelist  # type: ignore[attr-defined]
    for node in nodes.get_nodes_by_type((TranslateNode, BlockTranslateNode)):
        if isinstance(node, BlockTranslateNode):
            # What counts something has a plural that differs by language: it is not a tenant's to write.
            if node.plural:
                continue
            text = "".join(
                token.contents if token.token_type.name == "TEXT" else f"%({token.contents})s"
                for token in node.singular
            )
            yield translation.trim_whitespace(text) if node.trimmed else text
        elif isinstance(literal := node.filter_expression.var.literal, str):
            yield literal


def _free(public_id: str, taken: Mapping[str, Any]) -> str:
    number = 2
    tried = public_id
    while tried in taken:
        tried, number = f"{public_id}-{number}", number + 1
    return tried


# -- a tenant's texts ------------------------------------------------------------------------------


def checked(public_id: str, text: str) -> str:
    """The text as it may be kept. Raises BadText, LookupError for a point that does not exist."""
    point = points()[public_id]
    text = " ".join(text.split())
    if not text:
        raise BadText("the text is empty")
    if len(text) > point.max_length:
        raise BadText(f"{len(text)} characters; at most {point.max_length} fit here")
    if any(not char.isprintable() for char in text):
        raise BadText("invisible characters are not allowed")
    if unknown := set(re.findall(r"\{[^{}]*\}?|\}", text)) - {f"{{{name}}}" for name in point.placeholders}:
        known = ", ".join(f"{{{name}}}" for name in sorted(point.placeholders)) or "none"
        raise BadText(f"{', '.join(sorted(unknown))} is no placeholder of this text; known here: {known}")
    return text


def _names(message: str) -> Iterator[str]:
    return (found["server"] or found["script"] for found in PLACEHOLDER.finditer(message))


def _shown(message: str) -> str:
    return re.sub(r"%\((\w+)\)s", r"{\1}", message).replace("%%", "%")


def _as_message(point: Point, text: str) -> str:
    """The tenant's text as gettext would give it: escaped, the server's placeholders as it fills them in."""
    by_server = {found["server"] for found in PLACEHOLDER.finditer(point.message) if found["server"]}
    doubled = escape(text).replace("%", "%%") if by_server else escape(text)
    return re.sub(r"\{(\w+)\}", lambda found: f"%({found[1]})s" if found[1] in by_server else found[0], doubled)


class _InTheirWords:
    """A language with some of its texts replaced."""

    def __init__(self, language: Any, texts: Mapping[str, str]) -> None:
        self._language, self._texts = language, texts

    def gettext(self, message: str) -> str:
        return self._texts.get(message) or str(self._language.gettext(message))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._language, name)


@contextmanager
def speaking(language: str, overrides: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """In this language, with the tenant's texts for it: `{language: {publicId: text}}`."""
    known = points()
    texts = {
        known[public_id].message: _as_message(known[public_id], text)
        for public_id, text in overrides.get(language, {}).items()
        if public_id in known
    }
    with translation.override(language):
        if texts:
            # Django has no door for this; `override` puts back what was there before.
            trans_real._active.value = _InTheirWords(trans_real._active.value, texts)  # type: ignore[attr-defined]
        yield
