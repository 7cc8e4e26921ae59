"""Install address data: `update_ip_data --country FILE --list tor=FILE`; alone, say what is loaded."""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from actions.ip_files import DATABASE_KINDS, KINDS, LIST_KINDS, Incoming, install
from actions.ip_intel import IpData, Source
from actions.ip_ranges import BadFile


class Command(BaseCommand):
    help = (
        "Checks MaxMind databases and lists of addresses to their last byte and then puts all of them in use "
        "at once; one bad file, and everything stays as it was. Running processes follow within seconds. "
        "Without options, prints what is loaded."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--country", type=Path, metavar="FILE", help="MaxMind Country or City database")
        parser.add_argument("--anonymous", type=Path, metavar="FILE", help="MaxMind Anonymous-IP database")
        parser.add_argument("--asn", type=Path, metavar="FILE", help="MaxMind ASN (or ISP) database")
        parser.add_argument(
            "--list",
            dest="lists",
            type=_list_argument,
            action="append",
            default=[],
            metavar="KIND=FILE",
            help=(
                f"One address or CIDR network a line, or Tor's exit list; KIND is {', '.join(LIST_KINDS)}. "
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
        if incoming or clear:
            try:
                install(directory, incoming, clear=clear)
            except BadFile as error:
                raise CommandError(f"{error}\nNothing was changed.") from error
            except OSError as error:
                raise CommandError(f"{directory}: {error.strerror}; IP_DATA_DIR must be writable.") from error
        self._report(IpData(directory))

    def _report(self, data: IpData) -> None:
        for source in data.sources():
            self.stdout.write(_line(source))
        if problem := data.problem():
            raise CommandError(f"The operator's data is not in use: {problem}")


def _list_argument(text: str) -> Incoming:
    kind, equals, path = text.partition("=")
    if not equals or kind not in LIST_KINDS or not path:
        raise ArgumentTypeError(f"{text!r} should be KIND=FILE, KIND one of {', '.join(LIST_KINDS)}")
    return Incoming(kind, Path(path))


def _line(source: Source) -> str:
    records = "" if source.records is None else f", {source.records:,} records"
    built = "without a date"
    if source.built_at is not None:
        built = f"built {source.built_at:%Y-%m-%d} ({source.age_days} days old)"
    return f"{source.kind}: {source.name}, {source.origin}, {built}{records}"
