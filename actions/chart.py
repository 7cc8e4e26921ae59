"""A bar for each day, stacked by outcome, in the units of the picture."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from authsignal_portal import words
from authsignal_portal.vocabulary import Outcome

HEIGHT: Final = 120
# Above the highest bar.
SPACE: Final = 8


def bars(sums: Mapping[date, Mapping[Outcome, int]], *, width: int, step: int) -> list[dict[str, Any]]:
    highest = max((sum(day.values()) for day in sums.values()), default=0) or 1
    lefts = range((step - width) // 2, step * len(sums), step)
    return [
        {
            "day": day,
            "x": left,
            "middle": left + width // 2,
            "width": width,
            "parts": _parts(numbers, highest),
            # Of the number above the bar.
            "top": round(HEIGHT - sum(numbers.values()) / highest * (HEIGHT - SPACE) - 3, 2),
            "numbers": [(words.OUTCOMES[outcome], number) for outcome, number in numbers.items()],
            "total": sum(numbers.values()),
        }
        for left, (day, numbers) in zip(lefts, sums.items(), strict=True)
    ]


def _parts(numbers: Mapping[Outcome, int], highest: int) -> list[dict[str, Any]]:
    top, parts = float(HEIGHT), []
    for outcome, number in numbers.items():
        height = round(number / highest * (HEIGHT - SPACE), 2)
        top -= height
        if number:
            parts.append({"outcome": outcome.value, "y": round(top, 2), "height": height})
    return parts
