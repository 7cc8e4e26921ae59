"""The no-code builder: conditions as rows of a form, and back, without loss.

A *node* is a *condition* (data point, operator, value) or a *group* of nodes, of which all or any must be true, maybe
negated. Node 0 is the root, always a group. What the rows cannot say exactly as it stands is not drawn: `draw`
returns None, and the conditions are left alone. Everything that a row holds is the text of a form field.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from rules import jsonlogic
from rules.operators import LIST, OPERATORS, RANGE, Operator, of_symbol
from rules.registry import CustomPoint, CustomPoints, UnknownDataPoint, by_key, lookup
from rules.types import BOOLEAN, MULTISELECT, NUMBER, TEXT, WANTED, Kind

# Longer conditions make no page that anybody could work with, and no form that the server would take.
MAX_DRAWN: Final = 16_384
MAX_ROWS: Final = 200
# Groups one inside the other; the conditions in the innermost are a level more.
MAX_GROUPS_DEEP: Final = jsonlogic.MAX_DEPTH - 1

_NODE = re.compile(r"(\d{1,4})\.(\d{0,4})\.([cg])")
_INTEGER = re.compile(r"-?[0-9]{1,4000}")
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")


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
    """The rows as JsonLogic, without those that are unfinished. `problems` tells of each wrong row what to do."""

    conditions: dict[str, Any]
    problems: Mapping[int, str]


class Fields(Protocol):
    """What is needed of a QueryDict."""

    def get(self, name: str, default: str) -> Any: ...

    def getlist(self, name: str) -> list[str]: ...


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
    def text(name: str) -> str:
        return str(sent.get(f"n{ident}-{name}", "")).replace("\r\n", "\n")

    return Condition(ident, text("point"), text("operator"), text("value"), text("high"), bool(text("alone")))


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


def write(root: Group, *, custom_points: Iterable[CustomPoint] = ()) -> Written:
    """The rows as JsonLogic, with everything that is wrong with them, at the row that it concerns."""
    writer = _Writer(by_key(custom_points))
    conditions = writer.group(root, jsonlogic.ROOT) or {}
    if root.children:
        _tree, found = jsonlogic.read(conditions, custom_points=writer.points.values())
        for problem in found:
            writer.problems.setdefault(writer.row_at(problem.path), problem.message)
    return Written(conditions, writer.problems)


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
            written = jsonlogic.write(row.operator, row.point, _literal(row, self.kind(row)))
        except WrongRow as wrong:
            self.problems[row.ident] = str(wrong)
            return None
        self.rows[path] = row.ident
        return written

    def kind(self, row: Condition) -> Kind:
        if not row.point:
            raise WrongRow("Choose what to look at.")
        if row.operator not in OPERATORS:
            raise WrongRow("Choose how to compare.")
        try:
            return lookup(row.point, self.points).kind
        except UnknownDataPoint:
            # The check says so, at the same row.
            return TEXT

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
    if shape is RANGE:
        return [_value(row.value, kind), _value(row.high, kind)]
    if shape is not LIST:
        return _value(row.value, kind)
    items = [_item(line.strip(), kind) for line in row.value.split("\n") if line.strip()]
    if not items:
        raise WrongRow(f"Write one value per line: {WANTED[kind]}.")
    return items[0] if row.alone and len(items) == 1 else items


def _value(text: str, kind: Kind) -> Any:
    if not text.strip():
        raise WrongRow(f"Write {WANTED[kind].replace(' in quotes', '')}.")
    return _item(text if kind is TEXT else text.strip(), kind)


def _item(text: str, kind: Kind) -> Any:
    """A literal from its text; the inverse of `_text`."""
    if kind is BOOLEAN and text in ("true", "false"):
        return text == "true"
    if kind is NUMBER or (kind is MULTISELECT and _NUMBER.fullmatch(text)):
        if not _NUMBER.fullmatch(text):
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


# -- from JsonLogic ------------------------------------------------------------------------------


def draw(conditions: object, *, custom_points: Sequence[CustomPoint] = ()) -> Group | None:
    """The rows that say exactly these conditions, or None where no rows do. `write` gives the same JSON back."""
    if jsonlogic.is_empty(conditions):
        return Group(0)
    if not _is_small(conditions):
        return None
    root = _Drawer(by_key(custom_points)).node(conditions)
    if not isinstance(root, Group) or sum(1 for _ in walk(root)) > MAX_ROWS:
        return None
    written = write(root, custom_points=custom_points).conditions
    return root if _same(written, conditions) else None


def redraw(conditions: object, *, custom_points: Sequence[CustomPoint] = ()) -> Group | None:
    """Rows that mean the same as conditions which `draw` cannot draw, in the builder's spelling; None if none do."""
    tree, problems = jsonlogic.read(conditions, custom_points=custom_points)
    if tree is None or problems or not _is_small(conditions):
        return None
    try:
        meant = _canonical(tree)
    except NotDrawable:
        return None
    if not set(meant) & {"and", "or"} and not _is_negated_group(meant):
        meant = {"and": [meant]}
    return draw(meant, custom_points=custom_points)


class NotDrawable(ValueError):
    """There are no rows for this."""


def _canonical(node: jsonlogic.Node) -> dict[str, Any]:
    match node:
        case jsonlogic.Comparison():
            return jsonlogic.write(node.operator.name, node.point.key, node.literal)
        case jsonlogic.Group():
            return {node.symbol: [_canonical(child) for child in node.children]}
        case jsonlogic.Not(child=jsonlogic.Not(child=inner)):
            return _canonical(inner)
        case jsonlogic.Not(child=jsonlogic.Group() as group):
            return {"!": _canonical(group)}
        case jsonlogic.Not(child=child):
            return {"!": {"and": [_canonical(child)]}}
        case _:
            raise NotDrawable


def _is_negated_group(meant: Mapping[str, Any]) -> bool:
    inner = meant.get("!")
    return isinstance(inner, dict) and bool(set(inner) & {"and", "or"})


class _Drawer:
    def __init__(self, points: CustomPoints) -> None:
        self.points = points
        self.made = 0

    def node(self, raw: object, depth: int = 1) -> Node | None:
        if not isinstance(raw, dict) or len(raw) != 1 or depth > jsonlogic.MAX_DEPTH:
            return None
        ident, self.made = self.made, self.made + 1
        [(symbol, operands)] = raw.items()
        if symbol in ("and", "or"):
            return self.group(ident, symbol, operands, depth)
        if symbol != "!":
            return self.condition(ident, symbol, operands)
        if not isinstance(operands, dict) or len(operands) != 1:
            return None
        [(inner, inner_operands)] = operands.items()
        if inner in ("and", "or"):
            return self.group(ident, inner, inner_operands, depth, negated=True)
        return self.condition(ident, inner, inner_operands, negated=True)

    def group(self, ident: int, join: str, operands: object, depth: int, *, negated: bool = False) -> Group | None:
        if not isinstance(operands, list):
            return None
        children = [self.node(operand, depth + 1) for operand in operands]
        drawn = [child for child in children if child is not None]
        return Group(ident, join, negated, drawn) if len(drawn) == len(children) else None

    def condition(self, ident: int, symbol: str, operands: Any, *, negated: bool = False) -> Condition | None:
        row = next((row for row in of_symbol(symbol, negated=negated) if row.shape.fits(operands)), None)
        if row is None:
            return None
        var, literal = operands[row.shape.var], row.shape.literal(operands)
        if len(var) != 1 or not isinstance(var["var"], str):
            return None
        try:
            return _row(ident, var["var"], row, literal, self.kind(var["var"]))
        except NotDrawable:
            return None

    def kind(self, key: str) -> Kind:
        try:
            return lookup(key, self.points).kind
        except UnknownDataPoint:
            return TEXT


def _row(ident: int, key: str, row: Operator, literal: Any, kind: Kind) -> Condition:
    if row.shape is RANGE:
        low, high = literal
        return Condition(ident, key, row.name, _text(low, kind), _text(high, kind))
    if row.shape is not LIST:
        return Condition(ident, key, row.name, _text(literal, kind))
    items = literal if isinstance(literal, list) else [literal]
    lines = "\n".join(_text(item, kind) for item in items)
    return Condition(ident, key, row.name, lines, alone=not isinstance(literal, list))


def _text(literal: Any, kind: Kind) -> str:
    """A literal as a form field holds it. Raises NotDrawable; whether it is read back the same is seen by `draw`."""
    if isinstance(literal, bool):
        return "true" if literal else "false"
    if isinstance(literal, (int, float)):
        return repr(literal)
    if not isinstance(literal, str) or not literal.isprintable():
        raise NotDrawable
    if kind is MULTISELECT and (_NUMBER.fullmatch(literal) or literal[:1] == '"'):
        return json.dumps(literal)
    return literal


def _is_small(conditions: object) -> bool:
    try:
        return len(json.dumps(conditions)) <= MAX_DRAWN
    except RecursionError:
        return False


def _same(one: object, other: object) -> bool:
    """Equal as JSON: 1, 1.0 and true are three things."""
    return json.dumps(one) == json.dumps(other)
