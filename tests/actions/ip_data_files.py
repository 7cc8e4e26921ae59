"""Files of address data, as an operator would hand them over."""

import gzip
from datetime import datetime
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter, TreeWriter
from netaddr import IPSet


class SizedTree(TreeWriter):
    """The writer takes the smallest size that is enough: 24 in every file that a test can afford."""

    chosen_size = 24

    def _adjust_record_size(self) -> None:
        super()._adjust_record_size()
        self.record_size = self.chosen_size
        self.data_offset = self.record_size * 2 / 8 * self._node_counter


def make_database(
    path: Path, *, kind: str, records: dict[str, dict[str, Any]], ip_version: int = 6, record_size: int = 24
) -> Path:
    types = {
        "country": "GeoLite2-Country",
        "city": "GeoLite2-City",
        "anonymous": "GeoIP2-Anonymous-IP",
        "asn": "GeoLite2-ASN",
    }
    writer = MMDBWriter(
        ip_version=ip_version, database_type=types[kind], ipv4_compatible=ip_version == 6, int_type="u32"
    )
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    tree = SizedTree(writer.tree, writer._build_meta(), writer.int_type, writer.float_type)
    tree.chosen_size = record_size
    tree.write(str(path))
    return path


def make_list(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def packed(path: Path, *, written: datetime | None = None) -> Path:
    """The file as gzip packs it."""
    target = path.with_name(path.name + ".gz")
    target.write_bytes(gzip.compress(path.read_bytes(), mtime=written.timestamp() if written else 0))
    return target
