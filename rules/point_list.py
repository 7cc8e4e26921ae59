"""The data points as a reader finds them: by category, the velocity ones by what they begin as."""

from dataclasses import dataclass
from typing import Final

from rules.own import Own
from rules.registry import CUSTOM, DATA_POINTS, VELOCITY, DataPoint, by_key, lookup
from rules.velocity import MAX_WINDOW_DAYS, SCOPES
from rules.velocity_fields import CHOSEN, START, WHAT

CATEGORIES: Final = ("IP and network", "Device", "User", "Time", VELOCITY, "Card", "Crypto", CUSTOM)
VELOCITY_ENTRY: Final = "Velocity …"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list to choose from."""

    key: str
    label: str
    description: str
    category: str

    @property
    def words(self) -> str:
        """What a search looks through."""
        return f"{self.label} {self.key} {self.description}".lower()


def entries(own: Own) -> list[Entry]:
    """Everything there is to choose, for a list that can be searched."""
    return [
        entry for category in CATEGORIES for entry in (_velocities() if category == VELOCITY else _of(category, own))
    ]


def groups(own: Own) -> list[tuple[str, list[Entry]]]:
    """The same for a plain drop-down list, where one entry stands for all velocities."""
    velocity = [Entry(CHOSEN, VELOCITY_ENTRY, "", VELOCITY)]
    listed = [(category, velocity if category == VELOCITY else _of(category, own)) for category in CATEGORIES]
    return [(category, found) for category, found in listed if found]


def entry_of(point: DataPoint) -> Entry:
    return Entry(point.key, point.label, point.description, point.category)


def _of(category: str, own: Own) -> list[Entry]:
    if category != CUSTOM:
        return [entry_of(point) for point in DATA_POINTS.values() if point.category == category]
    index = by_key(own.points)
    return [entry_of(lookup(key, index)) for key in dict.fromkeys(one.key for one in own.points)]


def _velocities() -> list[Entry]:
    scopes = ", ".join(words.split(" ", 1)[1] for words in SCOPES.values())
    about = f"Over 1 minute to {MAX_WINDOW_DAYS} days, by {scopes}."
    return [Entry(START[metric], words, about, VELOCITY) for metric, words in WHAT.items()]
