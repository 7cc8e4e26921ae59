"""A tenant's own texts of messages with a code or a link: which there are, and what they may be.

A text is plain, with placeholders in braces. What makes a message safe stays the product's and cannot be written: the
transaction that a code is for, and the last line of an SMS, which binds the code to this site. No text brings a link.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from authsignal_portal.sms_length import length

PLACEHOLDER = re.compile(r"\{(\w+)\}")
BRACES = re.compile(r"\{[^{}]*\}?|\}")
# What a mail program or a phone makes a link of: a scheme, www., a host name, the number of a host, an address.
LINK = re.compile(
    r"://|\bwww\.|[\w-][.\u3002](?=[^\W\d_]{2})|(?<!\d)\d{1,3}(?:[.\u3002]\d{1,3}){3}(?!\d)|\blocalhost\b|@",
    re.IGNORECASE,
)
# What a placeholder may turn into: letters of a name, a number.
STAND_INS = ("xx", "10")
MAX_PARTS = 3
# Of a tenant's name, in a message.
NAME_CHARS = 64
# As long as they get: a name, a code of ten digits, an hour, a host name.
LONGEST = {"name": "N" * NAME_CHARS, "code": "0" * 10, "minutes": "10"}
LONGEST_LAST_LINE = f"\n\n@{'h' * 32} #{LONGEST['code']}"


class BadMessage(ValueError):
    """A tenant's text cannot be sent; the message says why, in the reader's language."""


@dataclass(frozen=True, slots=True)
class Point:
    """One text. `needed` placeholders must stand in it, `allowed` ones may."""

    public_id: str
    label: Any
    needed: frozenset[str]
    allowed: frozenset[str]
    max_length: int
    is_phone: bool = False
    is_line: bool = False

    @property
    def placeholders(self) -> frozenset[str]:
        return self.needed | self.allowed


def _point(public_id: str, label: Any, needed: set[str], most: int, **more: bool) -> Point:
    allowed = {"name"} if more.get("is_line") else {"name", "minutes"}
    return Point(public_id, label, frozenset(needed), frozenset(allowed), most, **more)


POINTS: Mapping[str, Point] = {
    point.public_id: point
    for point in (
        _point("sms.text", _("SMS with a code"), {"code"}, 400, is_phone=True),
        _point("whatsapp.text", _("WhatsApp message with a code"), {"code"}, 400, is_phone=True),
        _point("email-otp.subject", _("Email with a code: subject"), set(), 120, is_line=True),
        _point("email-otp.body", _("Email with a code: text"), {"code"}, 2000),
        _point("email-magic-link.subject", _("Email with a link: subject"), set(), 120, is_line=True),
        _point("email-magic-link.body", _("Email with a link: text"), {"url"}, 2000),
    )
}


def checked(public_id: str, text: str) -> str:
    """The text as it may be kept. Raises BadMessage, LookupError for a point that does not exist."""
    point = POINTS[public_id]
    text = tidy(text, is_line=point.is_line)
    if len(text) > point.max_length:
        raise BadMessage(_("%(length)s characters; at most %(most)s fit here.") % _sizes(len(text), point.max_length))
    if any(not char.isprintable() and char != "\n" for char in text):
        raise BadMessage(_("Invisible characters are not allowed."))
    _check_placeholders(point, text)
    if _holds_a_link(text):
        raise BadMessage(
            _("No link, address or host name may stand here; put a space after a full stop, and write no @.")
        )
    if point.is_phone and (parts := length(longest(text)).parts) > MAX_PARTS:
        raise BadMessage(_("It would take %(length)s SMS; at most %(most)s.") % _sizes(parts, MAX_PARTS))
    return text


def _holds_a_link(text: str) -> bool:
    """However its dots are written: NFKC (Unicode UAX #15) makes one of all that look like it, as browsers do."""
    plain = unicodedata.normalize("NFKC", text)
    return any(LINK.search(PLACEHOLDER.sub(stand_in, plain)) for stand_in in STAND_INS)


def tidy(text: str, *, is_line: bool = False) -> str:
    """Without spaces at the ends of lines and more than one empty line; on one line where there is to be one."""
    if is_line:
        return " ".join(text.split())
    lines = "\n".join(" ".join(line.split(" ")).strip() for line in text.replace("\r\n", "\n").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def _check_placeholders(point: Point, text: str) -> None:
    known = {f"{{{name}}}" for name in point.placeholders}
    if unknown := set(BRACES.findall(text)) - known:
        values = {"unknown": ", ".join(sorted(unknown)), "known": ", ".join(sorted(known))}
        raise BadMessage(_("%(unknown)s is no placeholder of this text; known here: %(known)s.") % values)
    for name in sorted(point.needed):
        if text.count(f"{{{name}}}") != 1:
            raise BadMessage(_("Write %(name)s in the text, exactly once.") % {"name": f"{{{name}}}"})
    if "url" in point.needed and "{url}" not in text.split("\n"):
        raise BadMessage(_("Put %(name)s on a line of its own.") % {"name": "{url}"})


def _sizes(size: int, most: int) -> dict[str, int]:
    return {"length": size, "most": most}


def longest(text: str) -> str:
    """A phone's text as long as it may get, with the last line that is added."""
    return filled(text, LONGEST) + LONGEST_LAST_LINE


def filled(text: str, values: Mapping[str, object]) -> str:
    return PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), text)
