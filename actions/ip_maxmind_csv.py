"""MaxMind's CSV downloads: a zip of `…-Blocks-IPv4.csv`, `…-Blocks-IPv6.csv` and, for places, `…-Locations-en.csv`.

Read as strictly as any other file, because what they replace stops to count. Columns are found by their names, so that
one that MaxMind adds does no harm. Layouts: https://dev.maxmind.com/geoip/docs/databases/city-and-country#csv-databases
and the pages for ASN and Anonymous IP beside it.
"""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import IO, TypeAlias

from actions.ip_csv import BadRow, ReadCsv, asn_record, coordinates, country_record, shown
from actions.ip_ranges import BadFile
from actions.ip_records import ANONYMOUS_FLAGS, READERS, Record
from actions.ip_table import Disorder, TableWriter

Row: TypeAlias = Mapping[str, str]
Places: TypeAlias = Mapping[str, Row]

BLOCKS = ("-Blocks-IPv4.csv", "-Blocks-IPv6.csv")
LOCATIONS = "-Locations-en.csv"
# The folder inside is called after the day of the build.
BUILT = re.compile("_([0-9]{8})/")


def read_zip(path: Path, *, kind: str, name: str, limit: int) -> ReadCsv:
    """Raises BadFile, with the file inside and its line, unless every line is sound and some tell the kind.

    `limit` bytes at most may come out of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > limit:
                raise BadFile(f"{name}: may hold {limit // 2**20:,} MB at most")
            return _read_archive(archive, kind=kind, name=name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadFile(f"{name}: cannot be unpacked ({error}); download it again") from error


def built_at(path: Path) -> datetime | None:
    """The day that the archive itself names (UTC)."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if found := BUILT.search(member):
                try:
                    return datetime.strptime(found[1], "%Y%m%d").replace(tzinfo=UTC)
                except ValueError:
                    return None
    return None


def is_blocks(path: Path) -> bool:
    """Whether it is one of the files that such a zip holds."""
    with path.open(encoding="utf-8-sig", errors="replace") as text:
        return text.readline(100).startswith("network,")


def read_blocks(path: Path, *, kind: str, name: str) -> ReadCsv:
    """A single `…-Blocks-…` file, where nothing else is needed to understand it. Raises BadFile as `read_zip`."""
    needed = KINDS[kind][1]
    if needed & PLACED:
        raise BadFile(f"{name}: names places only by number; hand over the zip that it came in")
    with path.open("rb") as content:
        return _read([(name, _rows(content, needed=needed, where=name))], kind=kind, name=name, places={})


def _read_archive(archive: zipfile.ZipFile, *, kind: str, name: str) -> ReadCsv:
    needed = KINDS[kind][1]
    places = _places(archive, name) if needed & PLACED else {}
    blocks = [member for suffix in BLOCKS for member in archive.namelist() if member.endswith(suffix)]
    if not blocks:
        raise BadFile(f"{name}: no {BLOCKS[0]} or {BLOCKS[1]} inside; hand over a MaxMind CSV download as it came")
    files = [(f"{name}, {member}", _member_rows(archive, member, needed, name)) for member in blocks]
    return _read(files, kind=kind, name=name, places=places)


def _read(files: Iterable[tuple[str, Iterator[Row]]], *, kind: str, name: str, places: Places) -> ReadCsv:
    """Every line of the files, each with what to call it in an error."""
    record_of = KINDS[kind][0]
    table = TableWriter()
    told: dict[tuple[str, ...], bytes | None] = {}
    records, telling = 0, False
    for where, rows in files:
        for row in rows:
            try:
                cells = tuple(text for column, text in row.items() if column != "network")
                if cells not in told:
                    record = record_of(row, places)
                    told[cells] = table.value(record) if record else None
                    telling = telling or READERS[kind](record) is not None
                table.add(*_bounds(row["network"]), told[cells])
            except (BadRow, Disorder) as error:
                raise BadFile(f"{where}, network {shown(row['network'])}: {error}") from error
            records += 1
    if not telling:
        raise BadFile(f"{name}: holds nothing about {kind}")
    return ReadCsv(table, records)


def _member_rows(archive: zipfile.ZipFile, member: str, needed: set[str], name: str) -> Iterator[Row]:
    with archive.open(member) as content:
        yield from _rows(content, needed=needed, where=f"{name}, {member}")


def _rows(content: IO[bytes], *, needed: set[str], where: str) -> Iterator[Row]:
    with io.TextIOWrapper(content, "utf-8-sig", newline="") as text:
        lines = csv.DictReader(text, strict=True)
        try:
            if missing := needed - set(lines.fieldnames or ()):
                raise BadFile(f"{where}: has no column {', '.join(sorted(missing))}")
            for row in lines:
                if None in row or None in row.values():
                    raise BadFile(f"{where}, line {lines.line_num}: not as many columns as on the first line")
                yield row
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadFile(f"{where}, line {max(1, lines.line_num)}: {error}") from error


def _places(archive: zipfile.ZipFile, name: str) -> Places:
    needed = {"geoname_id", "country_iso_code"}
    for member in archive.namelist():
        if member.endswith(LOCATIONS):
            return {row["geoname_id"]: row for row in _member_rows(archive, member, needed, name)}
    raise BadFile(f"{name}: no {LOCATIONS} inside, without which its places have no names")


def _bounds(network: str) -> tuple[bytes, bytes]:
    try:
        found = ip_network(network)
    except ValueError as error:
        raise BadRow("is no network such as 192.0.2.0/24") from error
    return found.network_address.packed, found.broadcast_address.packed


def _country(row: Row, places: Places) -> Record:
    record: Record = {}
    for column, part in (("geoname_id", "country"), ("registered_country_geoname_id", "registered_country")):
        if row[column]:
            told = country_record([_place(row[column], places)["country_iso_code"]])
            record |= {part: told["country"]} if told else {}
    return record


def _city(row: Row, places: Places) -> Record:
    record = _country(row, places)
    place = _place(row["geoname_id"], places) if row["geoname_id"] else {}
    if city := place.get("city_name"):
        record["city"] = {"names": {"en": city}}
    location: dict[str, float | str] = {}
    if row["latitude"] or row["longitude"]:
        location |= coordinates(row["latitude"], row["longitude"])
    if row["accuracy_radius"]:
        location["accuracy_radius"] = _kilometres(row["accuracy_radius"])
    if zone := place.get("time_zone"):
        location["time_zone"] = zone
    return record | ({"location": location} if location else {})


def _place(geoname_id: str, places: Places) -> Row:
    try:
        return places[geoname_id]
    except KeyError as error:
        raise BadRow(f"the place {shown(geoname_id)} is not among the locations") from error


def _kilometres(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise BadRow(f"{shown(text)} is no accuracy radius in kilometres")
    return int(text)


def _asn(row: Row, places: Places) -> Record:
    return asn_record([row["autonomous_system_number"], row["autonomous_system_organization"]])


def _anonymous(row: Row, places: Places) -> Record:
    return {flag: True for flag, _ in ANONYMOUS_FLAGS if row.get(flag) == "1"}


PLACED = {"geoname_id", "registered_country_geoname_id"}
# What each kind is read by, and the columns that it needs.
KINDS: dict[str, tuple[Callable[[Row, Places], Record], set[str]]] = {
    "country": (_country, {"network"} | PLACED),
    "city": (_city, {"network", "latitude", "longitude", "accuracy_radius"} | PLACED),
    "asn": (_asn, {"network", "autonomous_system_number", "autonomous_system_organization"}),
    "anonymous": (
        _anonymous,
        {"network", "is_anonymous", "is_anonymous_vpn", "is_hosting_provider", "is_public_proxy", "is_tor_exit_node"},
    ),
}
