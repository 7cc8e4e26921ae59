"""The address data that comes with the installation: iptocc for countries, iporigin for anonymizers.

Neither asks the network. iptocc knows where a block is registered, which is not always where it is used; of
consumer VPNs iporigin knows Mullvad, Proton and Apple's relay only. Production brings its own data.
"""

import json
import struct
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import distribution, version
from logging import getLogger

import iporigin
import iptocc

from actions.ip_ranges import Address
from actions.ip_records import Anonymizer, country_code

logger = getLogger(__name__)

# "cdn" and "bot" count as hosting: nobody's own line ends there. The CDNs' ranges carry relays and the exits
# of VPN firms (DataCamp); declared crawlers sit on single addresses inside clouds, where not counting them
# would punch holes. "reserved" and "unknown" are not anonymous: an unlisted address is taken for a home line.
ANONYMIZERS: dict[str, Anonymizer] = {
    iporigin.TOR: "TOR",
    iporigin.VPN: "VPN",
    iporigin.HOSTING: "HOSTING",
    iporigin.CDN: "HOSTING",
    iporigin.BOT: "HOSTING",
}
KINDS: frozenset[Anonymizer] = frozenset(ANONYMIZERS.values())
_lock = threading.Lock()


@dataclass(frozen=True)
class DataSet:
    """A package's data: `built_at` (UTC) and `records` are None where the package does not tell."""

    name: str
    built_at: datetime | None
    records: int | None
    loaded_at: datetime


@dataclass(frozen=True)
class Verdict:
    """Who hides behind an address, and on what that rests. Not `known`: no data could be asked."""

    anonymizer: Anonymizer | None
    known: bool
    source: str


def country(address: str) -> str | None:
    return country_code(iptocc.country_code(address))


def anonymizer(address: Address) -> Verdict:
    data = origins()
    if data is None:
        return Verdict(anonymizer=None, known=False, source="no data")
    origin = iporigin.classify(address)  # type: ignore[no-untyped-call]  # the package has no annotations
    source = f"{data.name}: {origin.provider or 'not listed'}"
    return Verdict(anonymizer=ANONYMIZERS.get(origin.kind), known=True, source=source)


def origins() -> DataSet | None:
    """iporigin's data, opened at the first call; None if it cannot be read."""
    with _lock:
        return _origins()


@cache
def _origins() -> DataSet | None:
    try:
        info = iporigin.dataset_info()  # type: ignore[no-untyped-call]  # the package has no annotations
    except (iporigin.DatasetError, OSError, ValueError, struct.error) as error:
        logger.error("iporigin's data cannot be read (%s): reinstall the package", error)
        return None
    return DataSet(
        name=f"iporigin {iporigin.__version__}",
        built_at=datetime.fromtimestamp(info["built_at"], UTC),
        records=info["ranges"],
        loaded_at=datetime.now(UTC),
    )


def countries() -> DataSet:
    with _lock:
        return _countries()


@cache
def _countries() -> DataSet:
    return DataSet(
        name=f"iptocc {version('iptocc')}",
        built_at=_iptocc_built_at(),
        records=None,
        loaded_at=datetime.now(UTC),
    )


def _iptocc_built_at() -> datetime | None:
    """The data is compiled in, undated; but each nightly build writes a bill of materials with its time."""
    for file in distribution("iptocc").files or ():
        if file.name.endswith(".cyclonedx.json"):
            try:
                built = json.loads(file.read_text("utf-8"))["metadata"]["timestamp"]
                return datetime.fromisoformat(built[:19]).replace(tzinfo=UTC)
            except (OSError, ValueError, LookupError, TypeError):
                return None
    return None
