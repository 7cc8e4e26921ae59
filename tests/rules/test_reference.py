"""The reference in docs/ is what the tables say now."""

from pathlib import Path

from rules.reference import markdown

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def test_the_committed_reference_is_up_to_date() -> None:
    assert (DOCS / "rules-reference.md").read_text() == markdown(), "run `make reference`"
