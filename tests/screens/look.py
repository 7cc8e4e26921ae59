"""What every screen must keep to, whoever it is for, and its pictures."""

import json
import os
import re
from dataclasses import dataclass, field
from typing import Protocol

from playwright.sync_api import Page

from tests.browser import chromium
from tests.screens.report import PICTURES

# Every state of every screen, in every look and pictured (`python -m tests.screens`), or what the test suite needs.
ALL = os.environ.get("SCREENS") == "all"
ONLY = re.compile(os.environ.get("SCREENS_ONLY", ""))

HEIGHTS = {390: 780, 1280: 800}
SMALLEST = {"width": 320, "height": 640}
MAX_SHIFT = 0.1
# For a picture of a page of some ten thousand pixels, in milliseconds.
LONGEST = 60_000

# Layout shifts that no press of the user explains (CLS), from the first paint on.
WATCH_SHIFTS = """window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""
WEIGH = """() => {
  const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const pages = entries.filter(({ initiatorType }) => !["fetch", "xmlhttprequest"].includes(initiatorType));
  const sum = (name) => pages.reduce((total, entry) => total + entry[name], 0);
  return [sum("decodedBodySize"), sum("encodedBodySize")];
}"""


class Named(Protocol):
    @property
    def id(self) -> str: ...


@dataclass
class Finding:
    """What was seen at a scene. `weight` in bytes before compression, `sent` as it travelled."""

    scene: Named
    problems: list[str] = field(default_factory=list)
    weight: int = 0
    sent: int = 0
    shift: float = 0.0
    pictures: int = 0


def resize(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": HEIGHTS[width]})


def unroll(page: Page, width: int) -> None:
    """A window as tall as the page, so that nothing that sticks to the window's edge covers anything."""
    height = max(HEIGHTS[width], int(page.evaluate("document.documentElement.scrollHeight")))
    page.set_viewport_size({"width": width, "height": height})


def show(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]


def measure(page: Page, finding: Finding) -> None:
    """How much came, and how much of it jumped since the page was opened."""
    shift = float(page.evaluate("window.shifted ?? 0"))
    finding.shift = max(finding.shift, shift)
    finding.weight, finding.sent = page.evaluate(WEIGH)
    if shift >= MAX_SHIFT:
        finding.problems.append(f"layout shift {shift:.3f}")


def picture(page: Page, finding: Finding, *, width: int, scheme: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{finding.scene.id}-{width}-{scheme}.png", full_page=True, timeout=LONGEST)
    finding.pictures += 1


def squeeze(page: Page, finding: Finding) -> None:
    """Into the smallest of phones."""
    page.set_viewport_size(SMALLEST)  # type: ignore[arg-type]
    wide = chromium.sideways_scroll(page)
    if wide > 0:
        finding.problems.append(f"{wide} px too wide at {SMALLEST['width']}")


def faults(group: str, findings: list[Finding]) -> dict[str, list[str]]:
    """What is wrong, by scene; written down beside the pictures."""
    if ALL:
        PICTURES.mkdir(parents=True, exist_ok=True)
        rows = [{**vars(one), "scene": one.scene.id, "shift": round(one.shift, 4)} for one in findings]
        (PICTURES / f"{group}.json").write_text(json.dumps(rows, indent=1))
    return {one.scene.id: one.problems for one in findings if one.problems}
