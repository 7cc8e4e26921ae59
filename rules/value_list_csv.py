"""Value lists as CSV: the columns `value`, `note` and `expires_at`, in UTF-8.

A text that begins with = + - @ or a control character would be a formula to a spreadsheet. Writing puts a ' in front of
it, and reading takes that ' off again, so that what was exported comes back as it was.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from rules.list_items import MAX_ITEMS, NewItem, cleaned_item

MAX_FILE: Final = 2 * 1024 * 1024
COLUMNS: Final = ("value", "note", "expires_at")
_DELIMITERS: Final = ",;\t"
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class UnreadableFile(ValueError):
    """A file of which not even the lines can be told apart, or that is too large; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line; the first one is line 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with lines that follow each other, from `line` to `last`."""

    line: int
    last: int
    message: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file holds: nothing of it may be imported while there are faults. `repeated` lines say nothing new."""

    items: tuple[NewItem, ...]
    faults: tuple[Fault, ...]
    repeated: int


# -- reading -------------------------------------------------------------------------------------


def read(content: bytes, item_type: str) -> Sheet:
    """The items of a file for a list of texts ("string") or numbers ("number"). Raises UnreadableFile.

    A first line that consists of names of the columns says their order; else they stand in the usual one. Commas
    divide the cells, or what divides the names. Source: RFC 4180.
    """
    text = _decoded(content)
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in _DELIMITERS if _names(first.split(mark))), ",")
    columns = _names(first.split(delimiter))
    lines = _lines(text, delimiter)
    if columns:
        next(lines)
    return _collected(lines, columns or COLUMNS, item_type)


def _decoded(content: bytes) -> str:
    if len(content) > MAX_FILE:
        raise UnreadableFile(
            _("The file is larger than %(size)s MB. Import it in parts.") % {"size": MAX_FILE // 1024**2}
        )
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(
            _("Line %(line)s is not UTF-8. Save the file as “CSV UTF-8” and choose it again.") % {"line": line}
        ) from None


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    names = tuple(cell.strip().strip('"').lower() for cell in cells)
    return names if set(names) <= set(COLUMNS) and "value" in names and len(set(names)) == len(names) else ()


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | Fault]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # Where a quotation mark is missing, nobody knows where the next line begins.
            message = _("A quotation mark is missing, or stands alone. What follows was not read.")
            yield number, Fault(number, message)
            return
        if any(cell.strip() for cell in cells):
            yield number, cells


def _collected(lines: Iterable[tuple[int, list[str] | Fault]], columns: Sequence[str], item_type: str) -> Sheet:
    found: dict[str, tuple[int, NewItem]] = {}
    faults: list[Fault] = []
    repeated = 0
    for number, cells in lines:
        if isinstance(cells, Fault):
            faults.append(cells)
            continue
        try:
            item = _item(cells, columns, item_type)
            line, earlier = found.setdefault(item.value, (number, item))
            if earlier != item:
                raise ValidationError(_("Line %(line)s has the same value, and says otherwise.") % {"line": line})
        except ValidationError as error:
            faults.append(Fault(number, " ".join(error.messages)))
            continue
        repeated += line != number
        if len(found) > MAX_ITEMS:
            raise UnreadableFile(
                _("The file has more than %(number)s values; no list holds more.") % {"number": f"{MAX_ITEMS:,}"}
            )
    return Sheet(tuple(item for _line, item in found.values()), tuple(faults), repeated)


def _item(cells: Sequence[str], columns: Sequence[str], item_type: str) -> NewItem:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        raise ValidationError(
            _("There are %(number)s cells; write at most %(columns)s.")
            % {"number": len(cells), "columns": ", ".join(columns)}
        )
    row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
    item = NewItem(unguarded(row.get("value", "")), unguarded(row.get("note", "")), expiry(row.get("expires_at", "")))
    return cleaned_item(item, item_type)


def expiry(text: str) -> datetime | None:
    """When a value expires: an ISO 8601 time, UTC where it names no zone; a day alone is over when it ends.

    Raises ValidationError.
    """
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            return end_of(date.fromisoformat(text))
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValidationError(
            _("Write “%(text)s” as a day or a time, such as 2027-01-31 or 2027-01-31T12:00Z.") % {"text": text[:60]}
        ) from None


def end_of(day: date) -> datetime:
    """The moment at which a day is over, UTC. Raises OverflowError for the last day there is."""
    return datetime.combine(day + timedelta(days=1), time.min, UTC)


def together(faults: Iterable[Fault]) -> list[Faults]:
    """The same fault in one line after the other as one."""
    found: list[Faults] = []
    for fault in faults:
        if found and (found[-1].message, found[-1].last + 1) == (fault.message, fault.line):
            found[-1] = replace(found[-1], last=fault.line)
        else:
            found.append(Faults(fault.line, fault.line, fault.message))
    return found


# -- writing -------------------------------------------------------------------------------------


class _Line:
    """What csv.writer writes to: hands each line back."""

    def write(self, line: str) -> str:
        return line


def written(items: Iterable[tuple[str, str, datetime | None]]) -> Iterator[str]:
    """The lines of a file with these values, notes and expiries. Its mark says to a spreadsheet that it is UTF-8.

    All cells are quoted: where a spreadsheet divides at another mark, none of ours begins a cell.
    """
    writer = csv.writer(_Line(), quoting=csv.QUOTE_ALL)
    yield "\ufeff" + writer.writerow(COLUMNS)
    for value, note, expires_at in items:
        moment = expires_at.astimezone(UTC).isoformat() if expires_at else ""
        yield writer.writerow((guarded(value), guarded(note), moment))


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula; `unguarded` gives it back, whatever it is."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    return text[1:] if _GUARDED.match(text) else text
