"""Run test cases of JsonLogic: `jsonlogic_suite FILE…` shows those that fail and ends with passed/total."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand

from rules.jsonlogic.suite import Case, Malformed, cases, outcome, passes

_FORMS: Final = '[rule, data, result] or an object with "rule" and "result" or "error"'
_SHOWN: Final = 200


class Command(BaseCommand):
    help = (
        "Evaluates the cases in files of the form of the JsonLogic community's test suites, with the semantics of "
        "JsonLogic. Prints every case that fails and, last, passed/total. What is no case fails. Exits with 1 unless "
        "all files can be read and all cases pass."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a JSON list of cases")

    def handle(self, **options: Any) -> None:
        passed = total = unread = 0
        for file in options["files"]:
            try:
                entries = _entries(file)
            except Unreadable as why:
                self.stderr.write(f"{file}: {why}.")
                unread += 1
                continue
            for case in cases(entries):
                failure = _failure(file, case)
                total += 1
                passed += not failure
                if failure:
                    self.stdout.write(failure)
        self.stdout.write(f"{passed}/{total}")
        if passed != total or unread:
            sys.exit(1)


class Unreadable(Exception):
    """A file that is no JSON list; the text says why."""


def _entries(file: Path) -> list[object]:
    try:
        entries = json.loads(file.read_bytes())
    except OSError as error:
        raise Unreadable(error.strerror) from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is no JSON: {error}") from error
    if not isinstance(entries, list):
        raise Unreadable("it is no JSON list")
    return entries


def _failure(file: Path, case: Case | Malformed) -> str:
    """Empty where the case passes."""
    if isinstance(case, Malformed):
        return f"{file}, case {case.number}: write {_FORMS}, not {json.dumps(case.entry)[:_SHOWN]}"
    came = outcome(case)
    if passes(case, came):
        return ""
    title = f"{file}, case {case.number}" + (f": {case.description}" if case.description else "")
    lines = {"rule": case.rule, "data": case.data, "expected": case.expected, "got": came}
    return "\n".join([title, *(f"  {name}: {json.dumps(value)}" for name, value in lines.items())])
