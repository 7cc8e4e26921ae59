"""The no-code builder's rows: from and to a form, and to JsonLogic (back again: `drawing`).

A *node* is a *condition* (data point, operator, value) or a *group* of nodes, of which all or any must be true, maybe
negated. Node 0 is the root, always a group. Everything that a row holds is the text of a form field.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rules import condition_tree, inputs
from rules.fields import Fields
from rules.operators import ALONE, LIST, NAMED, OPERATORS, RANGE
from rules.registry import CustomPoint, CustomPoints, UnknownDataPoint, by_key, lookup, point_of
from rules.types import BOOLEAN, MULTISELECT, NUMBER, TEXT, WANTED, Kind, quoted
from rules.velocity_fields import CHOSEN, VelocityFields

MAX_ROWS: Final = 200
# Groups one inside the other; the conditions in the innermost are a level more.
MAX_GROUPS_DEEP: Final = condition_tree.MAX_DEPTH - 1

_NODE = re.compile(r"(\d{1,4})\.(\d{0,4})\.([cg])")
_INTEGER = re.compile(r"-?[0-9]{1,4000}")
# Of a data point that there is not (any more): the kind whose texts tell numbers and words apart.
UNKNOWN_KIND: Final = MULTISELECT
NUMBER_TEXT = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")


class Garbled(ValueError):
    """The fields of the builder did not arrive as the page sends them."""


@dataclass
class Condition:
    """One row. `high` is the upper bound of a range; `alone` says that a list of one was written without brackets."""

    ident: int
    point: str = ""
    operator: str = ""
    value: str = ""
    high: str = ""
    alone: bool = False


@dataclass
class Group:
    ident: int
    join: str = "and"
    negated: bool = False
    children: list["Node"] = field(default_factory=list)


Node = Condition | Group


@dataclass(frozen=True, slots=True)
class Written:
    """The rows as JsonLogic, without those that are unfinished. `problems` tells of each wrong row what to do;
    `places` says which row a path of the JsonLogic is."""

    conditions: dict[str, Any]
    problems: Mapping[int, str]
    places: Mapping[str, int]


# -- from and to the form ------------------------------------------------------------------------


def read_fields(sent: Fields) -> Group:
    """The tree that a page sent. Raises Garbled."""
    groups: dict[int, Group] = {}
    depth: dict[int, int] = {}
    root: Group | None = None
    seen: set[int] = set()
    named = sent.getlist("node")
    if len(named) > MAX_ROWS + 1:
        raise Garbled(f"Use at most {MAX_ROWS} conditions and groups, or split the rule.")
    for text in named:
        match = _NODE.fullmatch(text)
        if match is None or int(match[1]) in seen:
            raise Garbled("The conditions did not arrive whole. Load the page again.")
        ident, parent, is_group = int(match[1]), match[2], match[3] == "g"
        seen.add(ident)
        node: Node = _group_field(sent, ident) if is_group else _condition_field(sent, ident)
        if isinstance(node, Group):
            groups[ident] = node
        if root is None and (parent, ident) == ("", 0) and isinstance(node, Group):
            root, depth[0] = node, 1
        elif parent and int(parent) in depth and depth[int(parent)] <= MAX_GROUPS_DEEP:
            groups[int(parent)].children.append(node)
            if is_group:
                depth[ident] = depth[int(parent)] + 1
        else:
            raise Garbled("The conditions did not arrive whole. Load the page again.")
    if root is None:
        raise Garbled("The conditions did not arrive whole. Load the page again.")
    return root


def _group_field(sent: Fields, ident: int) -> Group:
    join = "or" if sent.get(f"n{ident}-join", "and") == "or" else "and"
    return Group(ident, join, bool(sent.get(f"n{ident}-not", "")))


def _condition_field(sent: Fields, ident: int) -> Condition:
    prefix = f"n{ident}-"

    def text(name: str) -> str:
        return str(sent.get(prefix + name, "")).replace("\r\n", "\n")

    point = VelocityFields.sent(sent, prefix) if text("point") == CHOSEN else text("point")
    return Condition(ident, point, text("operator"), inputs.sent(sent, prefix), text("high"), alone=bool(text("alone")))


def fields(root: Group) -> list[tuple[str, str]]:
    """The form fields of a tree, as a browser sends them."""
    sent: list[tuple[str, str]] = []
    for node, parent in walk(root):
        kind = "g" if isinstance(node, Group) else "c"
        sent.append(("node", f"{node.ident}.{'' if parent is None else parent.ident}.{kind}"))
        prefix = f"n{node.ident}-"
        if isinstance(node, Group):
            sent += [(prefix + "join", node.join), *([(prefix + "not", "on")] if node.negated else [])]
        else:
            row = {"point": node.point, "operator": node.operator, "value": node.value, "high": node.high}
            sent += [(prefix + name, text) for name, text in row.items()]
            sent += [(prefix + "alone", "on")] if node.alone else []
    return sent


def walk(node: Node, parent: Group | None = None) -> Iterator[tuple[Node, Group | None]]:
    """Every node with its parent, in reading order."""
    yield node, parent
    if isinstance(node, Group):
        for child in node.children:
            yield from walk(child, node)


# -- to JsonLogic --------------------------------------------------------------------------------


def write(
    root: Group, *, custom_points: Iterable[CustomPoint] = (), lists: Mapping[str, Kind] | None = None
) -> Written:
    """The rows as JsonLogic, with everything that is wrong with them, at the row that it concerns."""
    writer = _Writer(by_key(custom_points))
    conditions = writer.group(root, condition_tree.ROOT) or {}
    if root.children:
        _tree, found = condition_tree.read(conditions, custom_points=writer.points.values(), lists=lists)
        for problem in found:
            writer.problems.setdefault(writer.row_at(problem.path), problem.message)
    return Written(conditions, writer.problems, writer.rows)


class _Writer:
    def __init__(self, points: CustomPoints) -> None:
        self.points = points
        self.problems: dict[int, str] = {}
        self.rows: dict[str, int] = {}

    def group(self, node: Group, path: str) -> dict[str, Any] | None:
        self.rows[path] = node.ident
        inner = f"{path}.!.{node.join}" if node.negated else f"{path}.{node.join}"
        written: list[dict[str, Any]] = []
        for child in node.children:
            place = f"{inner}[{len(written)}]"
            one = self.group(child, place) if isinstance(child, Group) else self.condition(child, place)
            if one is not None:
                written.append(one)
        if not node.children and node.ident:
            self.problems[node.ident] = "Add a condition to this group, or remove the group."
        if not written and node.ident:
            return None
        group = {node.join: written}
        return {"!": group} if node.negated else group

    def condition(self, row: Condition, path: str) -> dict[str, Any] | None:
        try:
            written = condition_tree.write(row.operator, row.point, _literal(row, self.kind(row)))
        except WrongRow as wrong:
            self.problems[row.ident] = self.unknown(row.point) or str(wrong)
            return None
        self.rows[path] = row.ident
        return written

    def kind(self, row: Condition) -> Kind:
        if not row.point:
            raise WrongRow("Choose what to look at.")
        if row.operator not in OPERATORS:
            raise WrongRow("Choose how to compare.")
        point = point_of(row.point, self.points)
        # One that there is not is written all the same: the check says so, at the same row.
        return point.kind if point else UNKNOWN_KIND

    def unknown(self, key: str) -> str:
        """What to do about a data point that there is not."""
        try:
            if key:
                lookup(key, self.points)
        except UnknownDataPoint as unknown:
            return f"There is no data point {quoted(key)}. {unknown}"
        return ""

    def row_at(self, path: str) -> int:
        """The row that a path points into: the longest path of a row that it starts with."""
        while path:
            if path in self.rows:
                return self.rows[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return 0


class WrongRow(ValueError):
    """A row that is unfinished, or whose value cannot be read."""


def _literal(row: Condition, kind: Kind) -> Any:
    shape = OPERATORS[row.operator].shape
    if shape is ALONE:
        return None
    if shape is NAMED:
        if not row.value:
            raise WrongRow("Choose a value list.")
        return row.value
    if shape is RANGE:
        return [_value(row.value, kind), _value(row.high, kind)]
    if shape is not LIST:
        return _value(row.value, kind)
    items = [item(line, kind) for line in inputs.lines(row.value)]
    if not items:
        raise WrongRow(f"Write one value per line: {WANTED[kind]}.")
    # Only ranges of addresses may stand without brackets.
    is_alone = row.alone and OPERATORS[row.operator].symbol == "ipInCidr"
    return items[0] if is_alone and len(items) == 1 else items


def _value(text: str, kind: Kind) -> Any:
    if not text.strip():
        raise WrongRow(f"Write {WANTED[kind].replace(' in quotes', '')}.")
    return item(text if kind is TEXT else text.strip(), kind)


def item(text: str, kind: Kind) -> Any:
    """A literal from its text; the inverse of `_text`."""
    if "\n" in text:
        raise WrongRow("Write one value, on one line.")
    if not text.isprintable():
        raise WrongRow("Take out the character that cannot be seen.")
    if kind is BOOLEAN and text in ("true", "false"):
        return text == "true"
    if kind is NUMBER or (kind is MULTISELECT and NUMBER_TEXT.fullmatch(text)):
        if not NUMBER_TEXT.fullmatch(text):
            raise WrongRow(f"Write {WANTED[NUMBER]}, with digits and at most a point.")
        return int(text) if _INTEGER.fullmatch(text) else float(text)
    if kind is MULTISELECT and text[:1] == '"':
        return _unquoted(text)
    if kind is BOOLEAN:
        raise WrongRow("Choose true or false.")
    return text


def _unquoted(text: str) -> str:
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if not isinstance(read, str):
        raise WrongRow('Close the quotation mark, such as "3".')
    return read
