"""DB-IP's CSV files: `start,end` and what is there. Read strictly, because what they replace stops to count.

- country: `start,end,country`
- city: `start,end,continent,country,region,city,latitude,longitude`
- ASN: `start,end,number,organization`
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_pton
from typing import TypeAlias

from actions.ip_ranges import BadFile
from actions.ip_records import NO_COUNTRY, READERS, Record, country_code, is_on_earth
from actions.ip_table import Disorder, TableWriter

Cells: TypeAlias = Sequence[str]
# What files write where they know nothing.
NOTHING = frozenset({"", "-"})
NUMBER = re.compile("[0-9]{1,10}")


class BadRow(ValueError):
    """A line that says something it cannot; the message says what."""


@dataclass(frozen=True)
class ReadCsv:
    """A file's table, not written yet; `records` counts the lines."""

    table: TableWriter
    records: int


def read_csv(path: Path, *, kind: str, name: str) -> ReadCsv:
    """Raises BadFile, with the line where there is one, unless every line is sound and some tell the kind."""
    if kind not in LAYOUTS:
        raise BadFile(f"{name}: is no MaxMind database, and CSV files are not read for {kind}")
    with path.open(encoding="utf-8-sig", newline="") as text:
        lines = csv.reader(text, strict=True)
        try:
            return _read(lines, kind=kind, name=name)
        except (BadRow, Disorder, csv.Error, UnicodeDecodeError) as error:
            raise BadFile(f"{name}, line {max(1, lines.line_num)}: {error}") from error


def _read(lines: Iterable[list[str]], *, kind: str, name: str) -> ReadCsv:
    layout, table = None, TableWriter()
    told: dict[tuple[str, ...], bytes | None] = {}
    records, telling = 0, False
    for row in lines:
        if not row:
            continue
        layout = layout or _layout(row, kind)
        if len(row) != layout.columns:
            raise BadRow(f"{len(row)} columns; expected {layout.columns} as on the first line: {layout.names}")
        cells = tuple(row[2:])
        if cells not in told:
            record = layout.record(cells)
            told[cells] = table.value(record) if record else None
            telling = telling or READERS[kind](record) is not None
        table.add(_packed(row[0]), _packed(row[1]), told[cells])
        records += 1
    if not telling:
        raise BadFile(f"{name}: holds nothing about {kind}")
    return ReadCsv(table, records)


def _packed(text: str) -> bytes:
    try:
        return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError) as error:
        raise BadRow(f"{shown(text)} is no IPv4 or IPv6 address") from error


def country_record(cells: Cells) -> Record:
    text = cells[0]
    if text in NOTHING or text in NO_COUNTRY:
        return {}
    code = country_code(text)
    if code is None:
        raise BadRow(f"{shown(text)} is no two-letter country code")
    return {"country": {"iso_code": code}}


def _city_record(cells: Cells) -> Record:
    _, country, _, city, latitude, longitude = cells
    record = country_record([country])
    if city not in NOTHING:
        record["city"] = {"names": {"en": city}}
    if latitude not in NOTHING or longitude not in NOTHING:
        record["location"] = coordinates(latitude, longitude)
    return record


def coordinates(latitude: str, longitude: str) -> dict[str, float]:
    try:
        degrees = float(latitude), float(longitude)
    except ValueError as error:
        raise BadRow(f"{shown(f'{latitude},{longitude}')} are no latitude and longitude") from error
    if not is_on_earth(*degrees):
        raise BadRow(f"{shown(f'{latitude},{longitude}')} is no place on earth: latitude to 90, longitude to 180")
    return {"latitude": degrees[0], "longitude": degrees[1]}


def asn_record(cells: Cells) -> Record:
    number, organization = cells
    if number in NOTHING:
        return {}
    if not NUMBER.fullmatch(number) or int(number) >= 2**32:
        raise BadRow(f"{shown(number)} is no autonomous system's number")
    return {"autonomous_system_number": int(number), "autonomous_system_organization": organization}


@dataclass(frozen=True)
class Layout:
    """`record` takes the cells after start and end; {} says that nothing is known."""

    names: str
    record: Callable[[Cells], Record]

    @property
    def columns(self) -> int:
        return self.names.count(",") + 1


COUNTRY = Layout("start,end,country", country_record)
CITY = Layout("start,end,continent,country,region,city,latitude,longitude", _city_record)
ASN = Layout("start,end,number,organization", asn_record)
LAYOUTS: dict[str, tuple[Layout, ...]] = {"country": (COUNTRY, CITY), "city": (CITY,), "asn": (ASN,)}


def _layout(row: list[str], kind: str) -> Layout:
    for layout in LAYOUTS[kind]:
        if len(row) == layout.columns:
            return layout
    expected = " or ".join(layout.names for layout in LAYOUTS[kind])
    raise BadRow(f"{len(row)} columns are neither a MaxMind database nor {expected}")


def shown(text: str) -> str:
    return repr(text[:60])
