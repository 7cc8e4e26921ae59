"""The picture of a backtest's days: how many were challenged, and how many the draft would have challenged."""

from dataclasses import dataclass
from datetime import date
from typing import Any

HEIGHT, WIDTH = 100, 320
# Of a day's width, for the space between days.
GAP = 0.25
WIDEST_BAR = 14
# From this width of a day on, its name stands in the middle under its bars.
WIDE_DAY = 60


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A day that is named below the bars; `anchor` as SVG has it."""

    x: float
    anchor: str
    day: date


@dataclass(frozen=True, slots=True)
class Chart:
    """In the units of the picture; `days` are the numbers it shows."""

    width: int
    height: int
    highest: int
    bars: list[Bar]
    days: list[dict[str, Any]]
    marks: list[Mark]


def chart(series: list[dict[str, Any]]) -> Chart:
    """From the days of a report, as many as there were actions on."""
    days = [{**one, "day": date.fromisoformat(one["day"])} for one in series]
    highest = max((max(one["before"], one["after"]) for one in days), default=0)
    first, last = (days[0]["day"], days[-1]["day"]) if days else (None, None)
    step = WIDTH / ((last - first).days + 1) if first and last else WIDTH
    width = min(step * (1 - GAP) / 2, WIDEST_BAR)
    bars = []
    for one in days:
        middle = ((one["day"] - first).days + 0.5) * step
        for kind, x in (("before", middle - width), ("after", middle)):
            if one[kind]:
                bars.append(_bar(one[kind], highest, kind, x=x, width=width))
    return Chart(WIDTH, HEIGHT, highest, bars, days, _marks(first, last, step))


def _bar(number: int, highest: int, kind: str, *, x: float, width: float) -> Bar:
    height = number / highest * (HEIGHT - 4)
    return Bar(round(x, 2), round(HEIGHT - height, 2), round(width, 2), round(height, 2), kind)


def _marks(first: date | None, last: date | None, step: float) -> list[Mark]:
    """The first day and the last."""
    if first is None or last is None:
        return []
    is_wide = step >= WIDE_DAY
    ends = [Mark(step / 2, "middle", first) if is_wide else Mark(0, "start", first)]
    if last != first:
        ends.append(Mark(WIDTH - step / 2, "middle", last) if is_wide else Mark(WIDTH, "end", last))
    return ends
