"""What the walk over all scenes found, in lines. Imports nothing that needs settings or a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

PICTURES = Path(__file__).resolve().parent.parent.parent / "var" / "screens"


def lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['scene']:45} {row['weight']:>7} B  shift {row['shift']:.3f}"
        yield from (f"    {problem}" for problem in row["problems"])
    heaviest = max((row["weight"] for row in rows), default=0)
    pictures = sum(row["pictures"] for row in rows)
    wrong = sum(1 for row in rows if row["problems"])
    yield f"{len(rows)} scenes, {pictures} pictures in {PICTURES}; the heaviest {heaviest} bytes before compression"
    yield f"{wrong} scenes with problems"
