"""Install address data: `update_ip_data --country FILE --list tor=FILE`; alone, say what is loaded."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from actions.ip_files import DATABASE_KINDS, KINDS, LIST_KINDS, Incoming, install
from actions.ip_intel import IpData, Source
from actions.ip_ranges import BadFile

DATABASES = {
    "country": "MaxMind or DB-IP Country or City database, DB-IP's CSV file or MaxMind's zip of CSV files",
    "city": "MaxMind or DB-IP City database, DB-IP's CSV file or MaxMind's zip; goes before the Country database",
    "anonymous": "MaxMind Anonymous-IP database, or the zip of its CSV files",
    "asn": "MaxMind or DB-IP ASN (or ISP) database, DB-IP's CSV file or MaxMind's zip",
}


class Command(BaseCommand):
    help = (
        "Checks MaxMind databases, CSV files of DB-IP and MaxMind, and lists of addresses to their last byte and then "
        "puts all of them in use at once; one bad file, and everything stays as it was. Files may be packed with gzip. "
        "Running processes follow within seconds. Prints what is in use and what it replaced; without options, "
        "what is in use."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        for kind, text in DATABASES.items():
            parser.add_argument(f"--{kind}", type=Path, metavar="FILE", help=text)
        parser.add_argument(
            "--list",
            dest="lists",
            type=_list_argument,
            action="append",
            default=[],
            metavar="KIND=FILE",
            help=(
                "One address, CIDR network or start-end range a line, or Tor's exit list; "
                f"KIND is {', '.join(LIST_KINDS)}. "
                "Takes the place of the kind's lists; may be repeated."
            ),
        )
        parser.add_argument(
            "--clear",
            choices=KINDS,
            action="append",
            default=[],
            help="Forget the operator's data of this kind; the embedded data counts again.",
        )

    def handle(self, **options: Any) -> None:
        incoming = [Incoming(kind, options[kind]) for kind in DATABASE_KINDS if options[kind]]
        incoming += options["lists"]
        clear: list[str] = options["clear"]
        if both := sorted({item.kind for item in incoming} & set(clear)):
            raise CommandError(f"{', '.join(both)}: given and cleared at once; leave out one of the two.")
        directory = Path(settings.IP_DATA_DIR)
        given = {item.kind for item in incoming} | set(clear)
        changed = [kind for kind in KINDS if kind in given]
        before = IpData(directory).sources() if changed else []
        if changed:
            self._install(directory, incoming, clear)
        self._report(IpData(directory), changed, before)

    def _install(self, directory: Path, incoming: Sequence[Incoming], clear: Collection[str]) -> None:
        try:
            install(directory, incoming, clear=clear)
        except BadFile as error:
            raise CommandError(f"{error}\nNothing was changed.") from error
        except OSError as error:
            raise CommandError(f"{directory}: {error.strerror}; IP_DATA_DIR must be writable.") from error

    def _report(self, data: IpData, changed: Sequence[str], before: Sequence[Source]) -> None:
        after = data.sources()
        for kind in changed:
            now, then = _answering(kind, after), _answering(kind, before)
            self.stdout.write(f"{kind}: {_described(now)} (replaced {_described(then)})")
        for source in after:
            if source.kind not in changed or source.origin == "embedded":
                self.stdout.write(f"{source.kind}: {_described([source])}")
        if problem := data.problem():
            raise CommandError(f"The operator's data is not in use: {problem}")


def _answering(kind: str, sources: Sequence[Source]) -> list[Source]:
    """The operator's data of the kind, else the embedded data that answers in its place."""
    own = [source for source in sources if source.origin == "operator" and source.kind == kind]
    return own or [source for source in sources if source.origin == "embedded" and kind in _kinds(source)]


def _kinds(source: Source) -> set[str]:
    kinds = set(source.kind.split(", "))
    return kinds if kinds == {"country"} else kinds | {"anonymous"}


def _list_argument(text: str) -> Incoming:
    kind, equals, path = text.partition("=")
    if not equals or kind not in LIST_KINDS or not path:
        raise ArgumentTypeError(f"{text!r} should be KIND=FILE, KIND one of {', '.join(LIST_KINDS)}")
    return Incoming(kind, Path(path))


def _described(sources: Sequence[Source]) -> str:
    return "; ".join(_line(source) for source in sources) or "nothing"


def _line(source: Source) -> str:
    records = "" if source.records is None else f", {source.records:,} records"
    built = "without a date"
    if source.built_at is not None:
        built = f"built {source.built_at:%Y-%m-%d} ({source.age_days} days old)"
    return f"{source.name}, {source.origin}, {built}{records}"
