"""What the builder's buttons do to the rows, and what its template needs to show them."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rules.forms import MAX_GROUPS_DEEP, MAX_ROWS, Condition, Group, Node, Written, walk, write
from rules.operators import LIST, OPERATORS, RANGE, of_kind
from rules.registry import CustomPoint, CustomPoints, UnknownDataPoint, by_key, lookup
from rules.sentence import catalogue, sentence
from rules.types import BOOLEAN, MULTISELECT, NUMBER, Kind

FULL: Final = f"A rule has at most {MAX_ROWS} conditions and groups. Split the rule."
TOO_DEEP: Final = f"Groups are nested at most {MAX_GROUPS_DEEP} levels deep. Split the rule."


class Refused(ValueError):
    """The button asked for something that a rule cannot have."""


# -- buttons -------------------------------------------------------------------------------------


def press(root: Group, button: str) -> str:
    """Change the rows as a button says (`add:0`, `group:0`, `copy:3`, `remove:3`, `up:3`, `down:3`, `move:3:0:1`).

    Returns the id of the element to focus. An unknown button, or one of a row that is gone, changes nothing.
    Raises Refused.
    """
    name, *numbers = button.split(":")
    if not all(number.isascii() and number.isdigit() for number in numbers):
        return ""
    rows = {node.ident: (node, parent) for node, parent in walk(root)}
    act, wanted = _BUTTONS.get(name, (None, 0))
    if act is None or len(numbers) != wanted or int(numbers[0]) not in rows:
        return ""
    node, parent = rows[int(numbers[0])]
    return act(root, node, parent, *map(int, numbers[1:]))


def _add(root: Group, node: Node, _parent: Group | None, *, row: Node | None = None) -> str:
    if not isinstance(node, Group):
        return ""
    new = row or Condition(_free(root), operator="==")
    node.children.append(new)
    _check(root)
    first = new.children[0] if isinstance(new, Group) else new
    return f"n{first.ident}-point"


def _add_group(root: Group, node: Node, parent: Group | None) -> str:
    ident = _free(root)
    other = "or" if isinstance(node, Group) and node.join == "and" else "and"
    return _add(root, node, parent, row=Group(ident, other, children=[Condition(ident + 1, operator="==")]))


def _copy(root: Group, node: Node, parent: Group | None) -> str:
    if parent is None:
        return ""
    twin, ident = copy.deepcopy(node), _free(root)
    for one, _above in walk(twin):
        one.ident, ident = ident, ident + 1
    parent.children.insert(parent.children.index(node) + 1, twin)
    _check(root)
    return f"n{twin.ident}-copy"


def _remove(_root: Group, node: Node, parent: Group | None) -> str:
    if parent is None:
        return ""
    place = _place(parent, node)
    del parent.children[place]
    after = parent.children[place : place + 1] or parent.children[place - 1 : place]
    return f"n{after[0].ident}-remove" if after else f"n{parent.ident}-add"


def _up(root: Group, node: Node, parent: Group | None) -> str:
    return _step(root, node, parent, by=-1)


def _down(root: Group, node: Node, parent: Group | None) -> str:
    return _step(root, node, parent, by=1)


def _step(root: Group, node: Node, parent: Group | None, *, by: int) -> str:
    """One place up or down in reading order: past a condition, into a group, or out of one."""
    if parent is None:
        return ""
    place = _place(parent, node)
    beside = parent.children[place + by] if 0 <= place + by < len(parent.children) else None
    del parent.children[place]
    if isinstance(beside, Group):
        beside.children.insert(0 if by > 0 else len(beside.children), node)
    elif beside is not None:
        parent.children.insert(place + by, node)
    else:
        above = next((up for one, up in walk(root) if one is parent), None)
        if above is None:
            parent.children.insert(place, node)
        else:
            above.children.insert(_place(above, parent) + (1 if by > 0 else 0), node)
    _check(root)
    return f"n{node.ident}-{'up' if by < 0 else 'down'}"


def _move(root: Group, node: Node, parent: Group | None, into: int, place: int) -> str:
    """Dragged: to this place among what the group holds without the row itself."""
    target = next((one for one, _up in walk(root) if one.ident == into), None)
    if parent is None or not isinstance(target, Group) or any(one is target for one, _up in walk(node)):
        return ""
    del parent.children[_place(parent, node)]
    target.children.insert(place, node)
    _check(root)
    return f"n{node.ident}-up"


_BUTTONS: Final[Mapping[str, tuple[Any, int]]] = {
    "add": (_add, 1),
    "group": (_add_group, 1),
    "copy": (_copy, 1),
    "remove": (_remove, 1),
    "up": (_up, 1),
    "down": (_down, 1),
    "move": (_move, 3),
}


def _place(parent: Group, node: Node) -> int:
    return next(place for place, child in enumerate(parent.children) if child is node)


def _free(root: Group) -> int:
    return max(node.ident for node, _parent in walk(root)) + 1


def _check(root: Group) -> None:
    if sum(1 for _ in walk(root)) > MAX_ROWS:
        raise Refused(FULL)
    if _depth(root) > MAX_GROUPS_DEEP:
        raise Refused(TOO_DEEP)


def _depth(group: Group) -> int:
    return 1 + max((_depth(child) for child in group.children if isinstance(child, Group)), default=0)


# -- what the template shows ---------------------------------------------------------------------


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
