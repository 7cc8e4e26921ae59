"""What the builder's template needs to show the rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rules import inputs
from rules.choice_words import choices
from rules.forms import Condition, Group, Node, Written, walk, write
from rules.inputs import Age, Input, Moment, lines
from rules.operators import ALONE, OPERATORS, of_kind
from rules.options import Option, VelocityRow, one_of, several_of, velocity_row
from rules.own import NOTHING, Own
from rules.point_list import Entry, groups
from rules.registry import DataPoint, by_key, point_of
from rules.sentence import sentence
from rules.trace import ConditionTrace
from rules.types import COUNTRY, IP, NUMBER
from rules.velocity_fields import CHOSEN, VelocityFields

_SAMPLES: Mapping[str, str] = {IP: "203.0.113.10", NUMBER: "2000", COUNTRY: "NZ"}
_GONE = "No longer there"


@dataclass
class Row:
    """A node with everything its part of the page needs. `wrong` is the field that its problem is about."""

    node: Node
    number: str
    is_first: bool
    is_last: bool
    problem: str = ""
    wrong: str = ""
    verdict: ConditionTrace | None = None
    children: list["Row"] = field(default_factory=list)
    label: str = ""
    help: str = ""
    points: list[tuple[str, list[Option]]] = field(default_factory=list)
    operators: list[Option] = field(default_factory=list)
    input: Input = Input.TEXT
    parts: Age | Moment | None = None
    options: list[Option] = field(default_factory=list)
    velocity: VelocityRow | None = None
    sample: str = ""

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

    @property
    def was(self) -> str:
        """What the row was about when it was drawn."""
        return f"{self.node.point}|{self.node.operator}" if isinstance(self.node, Condition) else ""

    @property
    def chosen(self) -> list[Option]:
        return [option for option in self.options if option.is_chosen]

    @property
    def others(self) -> list[Option]:
        return [option for option in self.options if not option.is_chosen]

    def walk(self) -> Iterator["Row"]:
        yield self
        for child in self.children:
            yield from child.walk()


class Builder:
    """The rows of one rule on one page."""

    def __init__(
        self,
        root: Group,
        *,
        own: Own = NOTHING,
        demand: bool = False,
        focus: str = "",
        refusal: str = "",
    ) -> None:
        """`demand` shows what is still missing; without it only what was filled in wrongly is marked."""
        self.root, self.own = root, own
        self.index = by_key(own.points)
        self.written: Written = write(root, custom_points=own.points, lists=own.lists)
        self.demand, self.focus, self.refusal = demand, focus, refusal
        self.groups = groups(own)
        self.verdicts: Mapping[int, ConditionTrace] = {}

    @property
    def sentence(self) -> str:
        if not self.written.conditions or not any(self.written.conditions.values()):
            return ""
        return sentence(self.written.conditions, custom_points=self.own.points)

    @property
    def unfinished(self) -> int:
        """How many rows the sentence leaves out."""
        rows = [node for node, _up in walk(self.root) if isinstance(node, Condition)]
        return sum(1 for node in rows if node.ident in self.written.problems)

    @property
    def top(self) -> Row:
        return self._row(self.root, "", is_first=True, is_last=True)

    @property
    def rows(self) -> Iterator[Row]:
        """Every one, in reading order."""
        return self.top.walk()

    def problem_of(self, node: Node) -> str:
        problem = self.written.problems.get(node.ident, "")
        if not problem or not (self.demand or _is_begun(node)):
            return ""
        fields = VelocityFields.of(node.point) if isinstance(node, Condition) else None
        return (fields.problem if fields else "") or problem

    def _row(self, node: Node, number: str, *, is_first: bool, is_last: bool) -> Row:
        row = Row(node, number, is_first, is_last, self.problem_of(node), verdict=self.verdicts.get(node.ident))
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
        point = point_of(node.point, self.index)
        operator = OPERATORS.get(node.operator)
        fields = VelocityFields.of(node.point)
        row.velocity = velocity_row(fields, self.own) if fields else None
        row.points = self._points(CHOSEN if fields else node.point, point)
        row.label = next((one.label for _, listed in row.points for one in listed if one.is_chosen), "")
        row.help = _help(point) if point and not fields else ""
        row.operators = _operators(point, node.operator)
        row.input = inputs.worn(operator, point, node.value)
        row.parts = _parts(row.input, node.value)
        row.options = self._options(row.input, node, point)
        row.sample = _SAMPLES.get(point.kind, "") if point else ""
        row.wrong = _wrong(row, point)

    def _points(self, chosen: str, point: DataPoint | None) -> list[tuple[str, list[Option]]]:
        listed = [(title, [_as_option(one, chosen) for one in found]) for title, found in self.groups]
        if chosen and not any(one.is_chosen for _, options in listed for one in options):
            other = Option(chosen, point.label if point else chosen, is_chosen=True)
            listed.append((point.category if point else _GONE, [other]))
        return listed

    def _options(self, worn: Input, node: Condition, point: DataPoint | None) -> list[Option]:
        if worn is Input.VALUE_LIST:
            return one_of(self._lists(point), node.value)
        if worn is Input.BOOLEAN:
            return one_of({"true": "true", "false": "false"}, node.value)
        if point is None or worn not in (Input.ONE, Input.SEVERAL):
            return []
        words = choices(point)
        return one_of(words, node.value) if worn is Input.ONE else several_of(words, lines(node.value))

    def _lists(self, point: DataPoint | None) -> dict[str, str]:
        """The lists that the data point can be on, with what they hold."""
        if point is None:
            return {}
        held = "numbers" if point.kind is NUMBER else "texts"
        return {alias: f"{alias} ({held})" for alias in self.own.lists_for(point.kind)}


def _is_begun(node: Node) -> bool:
    if not isinstance(node, Condition) or not node.point:
        return False
    operator, fields = OPERATORS.get(node.operator), VelocityFields.of(node.point)
    # What needs no value is begun with its data point, and so are fields that name no velocity.
    needs_none = operator is not None and operator.shape is ALONE
    is_wrong = fields is not None and bool(fields.problem) and not fields.missing
    return needs_none or is_wrong or inputs.is_begun(node.value)


def _wrong(row: Row, point: DataPoint | None) -> str:
    if not row.problem:
        return ""
    if point is None:
        return "velocity" if row.velocity else "point"
    return "operator" if row.input is Input.NOTHING else "value"


def _help(point: DataPoint) -> str:
    bounds = ""
    if point.integer and point.minimum is not None:
        bounds = f" A whole number from {point.minimum:g}."
    return f"{point.description}{bounds}".strip()


def _operators(point: DataPoint | None, chosen: str) -> list[Option]:
    rows = of_kind(point.kind) if point else tuple(OPERATORS.values())
    listed = {row.name: row.label for row in rows}
    if chosen in OPERATORS and chosen not in listed:
        listed[chosen] = OPERATORS[chosen].label
    if chosen not in listed:
        listed = {chosen: "Choose how to compare …", **listed}
    return [Option(name, label, name == chosen) for name, label in listed.items()]


def _as_option(entry: Entry, chosen: str) -> Option:
    return Option(entry.key, entry.label, entry.key == chosen)


def _parts(worn: Input, text: str) -> Age | Moment | None:
    if worn is Input.AGE:
        return Age.of(text)
    return Moment.of(text) if worn is Input.MOMENT else None
