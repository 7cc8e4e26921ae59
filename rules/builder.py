"""What the builder's template needs to show the rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.forms import Condition, Group, Node, Written, walk, write
from rules.operators import LIST, OPERATORS, RANGE, of_kind
from rules.registry import CustomPoint, CustomPoints, UnknownDataPoint, by_key, lookup
from rules.sentence import catalogue, sentence
from rules.types import BOOLEAN, MULTISELECT, NUMBER, Kind


@dataclass
class Row:
    """A node with everything its part of the page needs."""

    node: Node
    number: str
    is_first: bool
    is_last: bool
    problem: str = ""
    children: list["Row"] = field(default_factory=list)
    points: list[tuple[str, list[dict[str, str]]]] = field(default_factory=list)
    operators: list[tuple[str, str]] = field(default_factory=list)
    widget: str = "text"
    help: str = ""
    shown_as: str = ""

    @property
    def is_group(self) -> bool:
        return isinstance(self.node, Group)

    @property
    def is_root(self) -> bool:
        return self.node.ident == 0

    @property
    def name(self) -> str:
        return f"n{self.node.ident}"

    @property
    def lines(self) -> int:
        value = self.node.value if isinstance(self.node, Condition) else ""
        return min(8, max(2, value.count("\n") + 2))


class Builder:
    """The rows of one rule on one page."""

    def __init__(
        self,
        root: Group,
        *,
        custom_points: Iterable[CustomPoint] = (),
        demand: bool = False,
        focus: str = "",
        refusal: str = "",
    ) -> None:
        """`demand` shows what is still missing; without it only what was filled in wrongly is marked."""
        self.root = root
        self.custom = tuple(custom_points)
        self.index = by_key(self.custom)
        self.written: Written = write(root, custom_points=self.custom)
        self.demand, self.focus, self.refusal = demand, focus, refusal
        self.catalogue = {entry["key"]: entry for entry in catalogue(self.custom)}

    @property
    def sentence(self) -> str:
        if not self.written.conditions or not any(self.written.conditions.values()):
            return ""
        return sentence(self.written.conditions, custom_points=self.custom)

    @property
    def unfinished(self) -> int:
        """How many rows the sentence leaves out."""
        return sum(1 for node, _up in walk(self.root) if isinstance(node, Condition) and self._incomplete(node))

    @property
    def top(self) -> Row:
        return self._row(self.root, "", is_first=True, is_last=True)

    def problem_of(self, node: Node) -> str:
        problem = self.written.problems.get(node.ident, "")
        if not self.demand and isinstance(node, Condition) and not (node.point and node.value.strip()):
            return ""
        if not self.demand and isinstance(node, Group):
            return ""
        return problem

    def _incomplete(self, node: Condition) -> bool:
        return node.ident in self.written.problems

    def _row(self, node: Node, number: str, *, is_first: bool, is_last: bool) -> Row:
        row = Row(node, number, is_first, is_last, self.problem_of(node))
        if isinstance(node, Condition):
            self._fill(row, node)
            return row
        last = len(node.children) - 1
        row.children = [
            self._row(
                child,
                f"{number}.{place + 1}" if number else str(place + 1),
                is_first=not number and place == 0,
                is_last=not number and place == last,
            )
            for place, child in enumerate(node.children)
        ]
        return row

    def _fill(self, row: Row, node: Condition) -> None:
        row.points = self._points(node.point)
        entry = _entry(node.point, self.index)
        row.operators = self._operators(entry, node.operator)
        row.help = entry["description"] if entry else ""
        row.widget = self._widget(node, entry)
        row.shown_as = {"country": "NZ", "ip": "203.0.113.10", "number": "2000"}.get(entry["kind"], "") if entry else ""

    def _points(self, chosen: str) -> list[tuple[str, list[dict[str, str]]]]:
        groups: dict[str, list[dict[str, str]]] = {}
        for entry in self.catalogue.values():
            groups.setdefault(entry["category"], []).append(entry)
        if chosen and chosen not in self.catalogue:
            known = _entry(chosen, self.index)
            title = known["category"] if known else "No longer there"
            groups.setdefault(title, []).append(known or {"key": chosen, "label": chosen})
        return list(groups.items())

    def _operators(self, entry: Mapping[str, Any] | None, chosen: str) -> list[tuple[str, str]]:
        rows = entry["operators"] if entry else [{"name": row.name, "label": row.label} for row in OPERATORS.values()]
        choices = [(row["name"], row["label"]) for row in rows]
        if chosen in OPERATORS and chosen not in dict(choices):
            choices.append((chosen, OPERATORS[chosen].label))
        return choices

    def _widget(self, node: Condition, entry: Mapping[str, Any] | None) -> str:
        shape = OPERATORS[node.operator].shape if node.operator in OPERATORS else None
        if shape is LIST:
            return "list"
        if shape is RANGE:
            return "range"
        kind = Kind(entry["kind"]) if entry else None
        return {BOOLEAN: "boolean", NUMBER: "number", MULTISELECT: "choice"}.get(kind, "text") if kind else "text"


def _entry(key: str, index: CustomPoints) -> dict[str, Any] | None:
    """What the list of data points says of one, also by its other name; None where there is none."""
    try:
        point = lookup(key, index)
    except UnknownDataPoint:
        return None
    operators = [{"name": row.name, "label": row.label} for row in of_kind(point.kind)]
    return {
        "key": key,
        "label": point.label,
        "description": point.description,
        "category": point.category,
        "kind": point.kind.value,
        "operators": operators,
    }


def suited(root: Group, custom_points: Iterable[CustomPoint]) -> None:
    """Where a row's operator does not suit its data point, take the most usual one that does."""
    index = by_key(custom_points)
    for node, _up in walk(root):
        entry = _entry(node.point, index) if isinstance(node, Condition) else None
        if entry is None or not isinstance(node, Condition):
            continue
        names = [row["name"] for row in entry["operators"]]
        if node.operator not in names:
            node.operator = names[0]
        if entry["kind"] == BOOLEAN and node.value not in ("true", "false"):
            node.value = "true"
