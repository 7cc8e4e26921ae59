"""Mutants apply and name tests that there are; docs/security_tests.md names both, and a mutant for each row."""

import re
from collections.abc import Iterator
from itertools import chain

from tests.mutants.__main__ import ALL
from tests.named import ROOT, source_of

TABLE = ROOT / "docs" / "security_tests.md"
ROW = re.compile(
    r"^\| (?P<id>[A-Z]\d+) \| (?P<demand>[^|]+) \| (?P<tests>[^|]+) \| (?P<mutants>[^|]+) \|$", re.MULTILINE
)
QUOTED = re.compile(r"`([^`]+)`")
COUNTS = {"R": 11, "B": 11, "T": 9, "W": 10, "A": 3, "L": 4, "F": 7}


def rows() -> Iterator[tuple[str, list[str], list[str]]]:
    """(id, test ids, names of mutants)"""
    for found in ROW.finditer(TABLE.read_text()):
        yield (
            found["id"],
            [f"tests/{test}" for test in QUOTED.findall(found["tests"])],
            QUOTED.findall(found["mutants"]),
        )


def test_no_row_is_missing():
    expected = chain.from_iterable((f"{letter}{n}" for n in range(1, last + 1)) for letter, last in COUNTS.items())
    assert [ident for ident, _tests, _mutants in rows()] == list(expected)


def test_every_test_and_every_mutant_of_a_row_is_there():
    tested_by = {mutant.name: mutant.test for mutant in ALL}
    assert len(tested_by) == len(ALL)
    for ident, tests, mutants in rows():
        for test in tests:
            assert source_of(test), ident
        assert mutants, f"{ident}: no test of it was ever seen to fail"
        for name in mutants:
            # Of a module, where any of its tests may notice.
            assert any(test.startswith(tested_by[name]) for test in tests), (ident, name)


def test_every_mutant_applies_and_its_test_is_there():
    """The mutants themselves run by `make mutants`, which takes long: what moved since would be found too late."""
    for mutant in ALL:
        assert not mutant.test.partition("::")[2] or source_of(mutant.test), mutant.name
        for change in mutant.changes:
            assert (ROOT / change.path).read_text().count(change.old) == 1, (mutant.name, change.path)
