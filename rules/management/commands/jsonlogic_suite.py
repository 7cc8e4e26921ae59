"""Run test cases of JsonLogic: `jsonlogic_suite FILE…` shows those that fail and ends with passed/total."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rules.jsonlogic.suite import BadSuite, Case, cases, outcome, passes


class Command(BaseCommand):
    help = (
        "Evaluates the cases in files of the form of the JsonLogic community's test suites, with the semantics of "
        "JsonLogic. Prints every case that fails and, last, passed/total. Exits with 1 unless all pass."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a JSON list of cases")

    def handle(self, **options: Any) -> None:
        read = [(file, _cases(file)) for file in options["files"]]
        passed = total = 0
        for file, found in read:
            for case in found:
                came = outcome(case)
                total += 1
                if passes(case, came):
                    passed += 1
                else:
                    self.stdout.write(_failure(file, case, came))
        self.stdout.write(f"{passed}/{total}")
        if passed != total:
            sys.exit(1)


def _cases(file: Path) -> list[Case]:
    try:
        return list(cases(json.loads(file.read_bytes())))
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}.") from error
    except BadSuite as error:
        raise CommandError(f"{file}: {error}.") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file}: it is no JSON: {error}.") from error


def _failure(file: Path, case: Case, came: dict[str, Any]) -> str:
    title = f"{file}, case {case.number}" + (f": {case.description}" if case.description else "")
    lines = {"rule": case.rule, "data": case.data, "expected": case.expected, "got": came}
    return "\n".join([title, *(f"  {name}: {json.dumps(value)}" for name, value in lines.items())])
