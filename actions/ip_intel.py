"""What local data says about an address: where it is, whose network it is in, and who hides behind it.

Vocabulary: an *anonymizer* is what makes an address anonymous: TOR, VPN, PROXY or HOSTING, strongest first.
*Embedded* data comes with the installation (iptocc, iporigin), *operator* data by `manage.py update_ip_data`.

- An operator's list of a kind takes the place of the embedded data of that kind, so that an address may also
  leave it; an Anonymous-IP database takes the place of all of it. What the operator's sources say is united.
- `trusted` is the operator's word that an address is nobody's hiding place, and beats all else.
- The place comes whole from the operator's City database; where that names no country, from the Country database,
  else from the embedded data. Where only the country is known the place is the country's centre, with a radius that
  covers it. The network comes from the operator's ASN database or from a City file that tells it too.
- Private, loopback, documentation and reserved ranges are what the operator's data says, else nothing.
"""

import ipaddress
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from logging import getLogger
from pathlib import Path
from time import monotonic

from django.conf import settings

from actions import ip_embedded
from actions.ip_files import MANIFEST, Entry
from actions.ip_ranges import Address, BadFile, unwrapped
from actions.ip_snapshot import PRECEDENCE, IpIntel, Snapshot, load
from authsignal_portal.errors import InvalidRequest

logger = getLogger(__name__)

__all__ = [
    "InvalidAddress",
    "IpData",
    "IpIntel",
    "Source",
    "lookup",
    "parse_address",
    "problem",
    "sources",
    "warm",
]

CHECK_EVERY_SECONDS = 5.0
NO_ADDRESS = IpIntel(address=None, country_code=None, anonymizer=None, known=False, asn=None, source="no address")


class InvalidAddress(InvalidRequest):
    """Text that should be an IP address and is none."""


@dataclass(frozen=True)
class Source:
    """A data set in use. `origin` is "embedded" or "operator"; times are UTC, None if the data has no date.

    `kind` names what it is asked about, `loaded_at` is when the operator installed it (or the process opened
    the embedded one), `age_days` counts from `built_at`, `records` is None where the data cannot be counted.
    """

    name: str
    kind: str
    origin: str
    built_at: datetime | None
    loaded_at: datetime
    age_days: int | None
    records: int | None


def parse_address(value: object) -> str | None:
    """The first address of a comma list in its shortest form; None if the value is null or empty.

    No port, no brackets, no interface name. Raises InvalidAddress for everything else.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InvalidAddress("ipAddress: expected a text.")
    first = value.partition(",")[0].strip(" \t")
    return str(_address(first)) if value.strip(" \t") else None


def lookup(address: str | None) -> IpIntel:
    """What is loaded about the address, in some microseconds; raises InvalidAddress where it is none."""
    return _data().lookup(address)


def sources() -> list[Source]:
    return _data().sources()


def problem() -> str:
    """Why the newest operator data is not in use (the data before it is); empty if it is in use."""
    return _data().problem()


def warm() -> None:
    """Load everything now, so that no request has to; for the start of a process."""
    _data().sources()


def _data() -> "IpData":
    return _opened(settings.IP_DATA_DIR)


@lru_cache(maxsize=4)
def _opened(directory: Path | None) -> "IpData":
    return IpData(directory)


def _address(text: str) -> Address:
    try:
        if "%" in text:
            raise ValueError("an interface name means nothing to another machine")
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise InvalidAddress(
            f"ipAddress: {text[:60]!r} is no IPv4 or IPv6 address; send the address alone, without a port."
        ) from error
    return unwrapped(address)


class IpData:
    """The data in one directory (None: the embedded data alone), followed while others replace it.

    The manifest's time is looked at every `check_every_seconds` at most, by whichever thread comes first; the
    others go on with what is loaded. What cannot be loaded is logged and tried again, and the old stays.
    """

    def __init__(self, directory: str | Path | None, *, check_every_seconds: float = CHECK_EVERY_SECONDS) -> None:
        self._directory = Path(directory) if directory else None
        self._check_every_seconds = check_every_seconds
        self._check_at = 0.0
        self._lock = threading.Lock()
        self._loaded: Snapshot | None = None
        self._stamp: tuple[int, ...] = ()
        self._problem = ""

    def lookup(self, address: str | None) -> IpIntel:
        if address is None:
            return NO_ADDRESS
        return self._current().intel(_address(address))

    def sources(self) -> list[Source]:
        loaded, now = self._current(), datetime.now(UTC)
        found = [_operator_source(entry, now) for entry in loaded.entries]
        found.append(_embedded_source(ip_embedded.countries(), "country", now))
        kinds = [kind.lower() for kind in PRECEDENCE if kind in loaded.embedded_kinds]
        origins = ip_embedded.origins()
        if kinds and origins is not None and "anonymous" not in loaded.databases:
            found.append(_embedded_source(origins, ", ".join(kinds), now))
        return found

    def problem(self) -> str:
        self._current()
        return self._problem

    def _current(self) -> Snapshot:
        loaded = self._loaded
        if loaded is None:
            with self._lock:
                return self._refreshed()
        if monotonic() < self._check_at or not self._lock.acquire(blocking=False):
            return loaded
        try:
            return self._refreshed()
        finally:
            self._lock.release()

    def _refreshed(self) -> Snapshot:
        if self._loaded is not None and monotonic() < self._check_at:
            return self._loaded
        stamp = self._manifest_stamp()
        if self._loaded is None or stamp != self._stamp:
            try:
                self._loaded, self._stamp = load(self._directory, before=self._loaded), stamp
                self._problem = ""
            except (BadFile, OSError) as error:
                self._report(str(error))
                self._loaded = self._loaded or Snapshot()
        self._check_at = monotonic() + self._check_every_seconds
        return self._loaded

    def _manifest_stamp(self) -> tuple[int, ...]:
        if self._directory is None:
            return ()
        try:
            status = (self._directory / MANIFEST).stat()
        except OSError:
            return ()
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _report(self, problem: str) -> None:
        if problem != self._problem:
            logger.error("address data not loaded, the data before it stays in use: %s", problem)
        self._problem = problem


def _operator_source(entry: Entry, now: datetime) -> Source:
    name = f"{entry.name} ({entry.database_type})" if entry.database_type else entry.name
    return Source(
        name=name,
        kind=entry.kind,
        origin="operator",
        built_at=entry.built_at,
        loaded_at=entry.installed_at,
        age_days=_age_days(entry.built_at, now),
        records=entry.records,
    )


def _embedded_source(data: ip_embedded.DataSet, kind: str, now: datetime) -> Source:
    return Source(
        name=data.name,
        kind=kind,
        origin="embedded",
        built_at=data.built_at,
        loaded_at=data.loaded_at,
        age_days=_age_days(data.built_at, now),
        records=data.records,
    )


def _age_days(built_at: datetime | None, now: datetime) -> int | None:
    return None if built_at is None else max(0, (now - built_at).days)
