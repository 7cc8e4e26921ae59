"""The picture of a backtest's days: how many were challenged, and how many the draft would have challenged."""

from dataclasses import dataclass
from datetime import date
from typing import Any

HEIGHT, WIDTH = 100, 320
# Of a day's width, for the space between days.
GAP = 0.25


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Chart:
    """In the units of the picture; `days` are the numbers it shows."""

    width: int
    height: int
    highest: int
    bars: list[Bar]
    days: list[dict[str, Any]]
    first: date | None
    last: date | None


def chart(series: list[dict[str, Any]]) -> Chart:
    """From the days of a report, as many as there were actions on."""
    days = [{**one, "day": date.fromisoformat(one["day"])} for one in series]
    highest = max((max(one["before"], one["after"]) for one in days), default=0)
    first, last = (days[0]["day"], days[-1]["day"]) if days else (None, None)
    step = WIDTH / ((last - first).days + 1) if first and last else WIDTH
    bars = [
        bar
        for one in days
        for kind, place in (("before", 0), ("after", 1))
        if (
            bar := _bar(
                one[kind], highest, kind, x=((one["day"] - days[0]["day"]).days + place * 0.4) * step, step=step
            )
        )
    ]
    return Chart(WIDTH, HEIGHT, highest, bars, days, first, last)


def _bar(number: int, highest: int, kind: str, *, x: float, step: float) -> Bar | None:
    if not number:
        return None
    height = number / highest * (HEIGHT - 4)
    return Bar(round(x, 2), round(HEIGHT - height, 2), round(step * (1 - GAP) / 2, 2), round(height, 2), kind)
