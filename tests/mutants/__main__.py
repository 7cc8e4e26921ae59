"""Breaks a copy of the tree in one way after the other and runs the test that must notice.

Fails when a test is green on its mutant, when a mutant does not apply any more, or when a test is not green
without any. Words on the command line choose mutants by their names. As many run at once as there are processors.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path

from tests.mutants.attestation import ATTESTATION
from tests.mutants.backtests import BACKTESTS
from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.devices import DEVICES
from tests.mutants.doors import DOORS
from tests.mutants.dynamic_linking import DYNAMIC_LINKING
from tests.mutants.edge import EDGE
from tests.mutants.hosted_pages import HOSTED_PAGES
from tests.mutants.identity import IDENTITY
from tests.mutants.logs import LOGS
from tests.mutants.messaging import MESSAGING
from tests.mutants.notices import NOTICES
from tests.mutants.security import SECURITY
from tests.mutants.sending_guard import SENDING_GUARD
from tests.mutants.several import SEVERAL
from tests.mutants.webapp import WEBAPP
from tests.mutants.webauthn_whole import WEBAUTHN
from tests.mutants.websocket import WEBSOCKET

ALL = [
    *MUTANTS,
    *ATTESTATION,
    *BACKTESTS,
    *DEVICES,
    *DOORS,
    *DYNAMIC_LINKING,
    *EDGE,
    *HOSTED_PAGES,
    *IDENTITY,
    *LOGS,
    *MESSAGING,
    *NOTICES,
    *SECURITY,
    *SENDING_GUARD,
    *SEVERAL,
    *WEBAPP,
    *WEBAUTHN,
    *WEBSOCKET,
]
ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "var", "node_modules", "__pycache__", ".*_cache", ".hypothesis", "*.pyc"
)
# Installed, not copied.
LINKED = (".venv", "tests/sdk/node_modules")
SECONDS = 240
GROUP = 20


@dataclass(frozen=True)
class Run:
    """What came of some tests: how many failed, how many could not be run, and why the first failed."""

    failed: int
    broken: int
    passed: int
    reason: str

    @property
    def verdict(self) -> str:
        if self.failed and not self.broken:
            return "red"
        return "green" if self.passed and not self.broken else "broken"


@contextlib.contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT, symlinks=True)
        for name in LINKED:
            if (ROOT / name).exists():
                (tree / name).symlink_to(ROOT / name)
        yield tree


@contextlib.contextmanager
def broken(tree: Path, mutant: Mutant) -> Iterator[None]:
    before = {tree / change.path: (tree / change.path).read_text() for change in mutant.changes}
    try:
        for change in mutant.changes:
            place = tree / change.path
            text = place.read_text()
            if text.count(change.old) != 1:
                raise LookupError(f"stands {text.count(change.old)} times in {change.path}: {change.old.strip()}")
            place.write_text(text.replace(change.old, change.new))
        yield
    finally:
        for place, text in before.items():
            place.write_text(text)


def run(tree: Path, *arguments: str) -> Run:
    """Run tests in the tree. The time stamps of changed files may be equal: no byte code is kept."""
    report = tree / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Run(0, 1, 0, f"no end within {SECONDS} s")
    if not report.exists():
        return Run(0, 1, 0, (done.stdout + done.stderr).strip()[-300:])
    suite = ET.parse(report).getroot()
    cases = list(suite.iter("testcase"))
    failures = [case for case in cases if case.find("failure") is not None]
    errors = [case for case in cases if case.find("error") is not None and case not in failures]
    first = next(
        (case.find(kind) for case in cases for kind in ("failure", "error") if case.find(kind) is not None), None
    )
    reason = (first.get("message") or "").strip().partition("\n")[0] if first is not None else ""
    return Run(len(failures), len(errors), len(cases) - len(failures) - len(errors), reason)


def show(name: str, test: str, verdict: str, seconds: float, reason: str) -> None:
    print(f"{verdict:6} {seconds:4.0f} s  {name}\n                {test}\n                {reason[:110]}", flush=True)


def chosen(words: list[str]) -> list[Mutant]:
    return [mutant for mutant in ALL if not words or any(word in mutant.name for word in words)]


def file_of(mutant: Mutant) -> str:
    return mutant.test.partition("::")[0]


def grouped(mutants: list[Mutant]) -> list[list[Mutant]]:
    """Some twenty in a group, those of one file of tests together: their tests run first without any mutant."""
    groups: list[list[Mutant]] = []
    by_file = groupby(
        sorted(mutants, key=lambda mutant: mutant.test), key=lambda mutant: mutant.test.partition("::")[0]
    )
    for _file, its in by_file:
        if not groups or len(groups[-1]) >= GROUP:
            groups.append([])
        groups[-1].extend(its)
    return groups


def judge(mutants: list[Mutant]) -> list[str]:
    """The verdict on each, in a tree of their own; none where their tests are not green without them."""
    with copy_of_the_tree() as tree:
        tests = sorted({mutant.test for mutant in mutants})
        start = time.monotonic()
        whole = run(tree, *tests)
        cases = f"{len(tests)} tests, {whole.passed} cases"
        show("no mutant", cases, whole.verdict, time.monotonic() - start, whole.reason)
        if whole.verdict != "green":
            return ["broken"] * len(mutants)
        return [verdict_on(mutant, tree) for mutant in mutants]


def verdict_on(mutant: Mutant, tree: Path) -> str:
    start = time.monotonic()
    try:
        with broken(tree, mutant):
            result = run(tree, "-x", mutant.test)
    except LookupError as error:
        result = Run(0, 1, 0, str(error))
    show(mutant.name, mutant.test, result.verdict, time.monotonic() - start, result.reason)
    return result.verdict


def main(words: list[str]) -> int:
    mutants = chosen(words)
    if not mutants:
        print(f"No mutant has any of these words in its name: {' '.join(words)}", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = list(chain.from_iterable(pool.map(judge, grouped(mutants))))
    print(f"{verdicts.count('red')} of {len(mutants)} mutants red")
    return 0 if set(verdicts) == {"red"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
