"""What may stand on a value list: a value, a note, an expiry; and how each is written."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_interface
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from rules.models import ValueList
from rules.types import WrongLiteral, network

MAX_ITEMS: Final = 50_000
MAX_VALUE: Final = 512
MAX_NOTE: Final = 200
_NUMBER = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,15}))?")


@dataclass(frozen=True, slots=True)
class NewItem:
    """A value to put on a list; `expires_at` None is never."""

    value: str
    note: str = ""
    expires_at: datetime | None = None


def alias_of(name: str) -> str:
    """Lower case, with hyphens for all that is no letter or digit (wire: value list)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:100]


def number(text: str) -> int | float:
    """Of an item that a list of numbers holds."""
    return float(text) if "." in text else int(text)


def cleaned_item(item: NewItem, item_type: str) -> NewItem:
    """The item as the list keeps it. Raises ValidationError."""
    note = item.note.strip()
    if len(note) > MAX_NOTE or not note.isprintable():
        raise ValidationError(_("Write a note of at most %(number)s printable characters.") % {"number": MAX_NOTE})
    return NewItem(cleaned(item.value, item_type), note, item.expires_at)


def cleaned(value: str, item_type: str) -> str:
    """The value as the list keeps it: one writing for each number. Raises ValidationError."""
    text = value.strip()
    if not text or len(text) > MAX_VALUE or not text.isprintable():
        raise ValidationError(
            _("Write 1 to %(number)s printable characters, not “%(value)s”.")
            % {"number": MAX_VALUE, "value": text[:60]}
        )
    if item_type == ValueList.ItemType.NUMBER:
        return _plain_number(text)
    if "/" in text:
        _check_range(text)
    return text


def _plain_number(text: str) -> str:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValidationError(_("Write “%(value)s” as a number, such as 12 or 2.5.") % {"value": text[:60]})
    sign, whole, fraction = match[1], match[2].lstrip("0") or "0", (match[3] or "").rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return plain if plain == "0" else sign + plain


def _check_range(text: str) -> None:
    """A range of addresses that could never match is no text that anybody means. Raises ValidationError."""
    try:
        ip_interface(text)
    except ValueError:
        return
    try:
        network(text)
    except WrongLiteral as wrong:
        raise ValidationError(str(wrong)) from None
