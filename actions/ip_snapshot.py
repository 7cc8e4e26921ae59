"""One state of all address data, and what it says about an address."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from actions import ip_embedded
from actions.ip_database import Database
from actions.ip_embedded import Verdict
from actions.ip_files import Entry, read_manifest
from actions.ip_location import location_of
from actions.ip_ranges import Address, Ranges
from actions.ip_records import Anonymizer, Record, anonymizer_of, asn_of, country_of, organization_of
from actions.ip_table import Table

PRECEDENCE: tuple[Anonymizer, ...] = ("TOR", "VPN", "PROXY", "HOSTING")


@dataclass(frozen=True)
class IpIntel:
    """`known` is False where no source could say whether the address is anonymous: it may be.

    `address` is in its shortest form, an IPv4-mapped IPv6 address as IPv4. `source` names what `anonymizer`
    rests on, for the reader of a decision. None is not known.

    `organization` runs the autonomous system `asn`. The place is in degrees, `accuracy_radius_km` around it (the
    whole country where no more is known), with the city's English name and the IANA name of its time zone.
    """

    address: str | None
    country_code: str | None
    anonymizer: Anonymizer | None
    known: bool
    asn: int | None
    source: str
    organization: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    accuracy_radius_km: float | None = None
    city: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """Never changes: a look-up uses a whole one, the old or the new. `opened` is by the entry's file."""

    entries: tuple[Entry, ...] = ()
    opened: dict[str, Database | Table | Ranges] = field(default_factory=dict)

    @cached_property
    def databases(self) -> dict[str, Database | Table]:
        pairs = ((entry.kind, self.opened[entry.file]) for entry in self.entries)
        return {kind: opened for kind, opened in pairs if not isinstance(opened, Ranges)}

    @cached_property
    def lists(self) -> tuple[tuple[str, str, Ranges], ...]:
        """Kind (in capitals), the list's name, its ranges."""
        pairs = ((entry, self.opened[entry.file]) for entry in self.entries)
        return tuple((e.kind.upper(), e.name, opened) for e, opened in pairs if isinstance(opened, Ranges))

    @cached_property
    def embedded_kinds(self) -> frozenset[Anonymizer]:
        """The kinds for which the embedded data still counts, where no database of the operator's answers."""
        listed = {kind for kind, _, _ in self.lists}
        return frozenset(kind for kind in ip_embedded.KINDS if kind not in listed)

    def intel(self, address: Address) -> IpIntel:
        text, special = str(address), _is_special(address)
        place = self._place(address)
        country = country_of(place) or (None if special else ip_embedded.country(text))
        location = location_of(place, country)
        network = self._network(address, place)
        verdict = self._verdict(address, special=special)
        return IpIntel(
            address=text,
            country_code=country,
            anonymizer=verdict.anonymizer,
            known=verdict.known,
            asn=asn_of(network),
            source=verdict.source,
            organization=organization_of(network),
            latitude=location.latitude,
            longitude=location.longitude,
            accuracy_radius_km=location.accuracy_radius_km,
            city=location.city,
            time_zone=location.time_zone,
        )

    def _place(self, address: Address) -> Record:
        """The first of the operator's records that names a country; all that is said of the place is from it."""
        for kind in ("city", "country"):
            record = self._record(kind, address)
            if record and country_of(record):
                return record
        return {}

    def _network(self, address: Address, place: Record) -> Record:
        """The ASN database's record; a combined file tells the network beside the place."""
        record = self._record("asn", address)
        return record if record and asn_of(record) else place

    def _verdict(self, address: Address, *, special: bool) -> Verdict:
        listed = {kind: name for kind, name, ranges in self.lists if address in ranges}
        if "TRUSTED" in listed:
            return Verdict(anonymizer=None, known=True, source=f"trusted list {listed['TRUSTED']}")
        general = self._general_verdict(address, special=special)
        for kind in PRECEDENCE:
            if kind in listed:
                return Verdict(anonymizer=kind, known=True, source=f"list {listed[kind]}")
            if kind == general.anonymizer:
                return general
        return general

    def _general_verdict(self, address: Address, *, special: bool) -> Verdict:
        """What the operator's database says or, where there is none for the address, the embedded data."""
        database = self.databases.get("anonymous")
        if database is not None and database.covers(address):
            record = database.record(address)
            known = record is not None
            source = "anonymous-address database" if known else "anonymous-address database, unreadable here"
            return Verdict(anonymizer=anonymizer_of(record or {}), known=known, source=source)
        if special:
            return Verdict(anonymizer=None, known=True, source="special-purpose range")
        verdict = ip_embedded.anonymizer(address)
        if verdict.anonymizer is None or verdict.anonymizer in self.embedded_kinds:
            return verdict
        return Verdict(anonymizer=None, known=True, source="not on the operator's lists")

    def _record(self, kind: str, address: Address) -> Record | None:
        database = self.databases.get(kind)
        return {} if database is None else database.record(address)


def _is_special(address: Address) -> bool:
    """Private, loopback, documentation, multicast, reserved: nobody comes from there over the internet."""
    return not address.is_global or address.is_multicast or address.is_reserved


def load(directory: Path | None, *, before: Snapshot | None) -> Snapshot:
    """What the directory's manifest names; files that `before` had open are not opened again.

    Raises BadFile or OSError, and then nothing of the new state may be used.
    """
    if directory is None:
        return Snapshot()
    entries = read_manifest(directory)
    had = before.opened if before else {}
    return Snapshot(entries, {e.file: had.get(e.file) or e.open(directory) for e in entries})
