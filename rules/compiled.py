"""A whole set of condition trees as one Python function.

The function is built as a syntax tree from a short list of node kinds: names are ours and numbered, and everything
that a user wrote, texts and numbers alike, is bound as a constant beside the code and never becomes part of it.

Each tree gives two plain expressions, *holds* and *fails*: definitely true, and definitely false. Where neither is,
the tree is unknown; so Kleene's three values cost two cheap tests, of which the first usually settles it.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import chain
from typing import Any, Final

from rules.condition_tree import Comparison, Group, Node, Not, Unreadable, comparisons_in
from rules.facts import Known
from rules.lists import Circumstances
from rules.operators import Operator
from rules.registry import DataPoint
from rules.types import READERS, Kind

# The verdict of a tree as the compiled function tells it.
IS_FALSE, IS_TRUE, IS_UNKNOWN = 0, 1, 2

# Takes facts as JSON, and what is around.
Judge = Callable[[Known, Circumstances], Sequence[int]]
# The same from the JSON values by position (None: not there).
Evaluate = Callable[[Sequence[Any], Circumstances], Sequence[int]]
# The same, telling of every node: True, False, or None for unknown.
Trace = Callable[[Sequence[Any], Circumstances], Sequence[bool | None]]

_COMPARED: Final[dict[str, tuple[type[ast.cmpop], type[ast.cmpop]]]] = {
    "==": (ast.Eq, ast.NotEq),
    "!=": (ast.NotEq, ast.Eq),
    ">": (ast.Gt, ast.LtE),
    "<": (ast.Lt, ast.GtE),
    ">=": (ast.GtE, ast.Lt),
    "<=": (ast.LtE, ast.Gt),
    "in": (ast.In, ast.NotIn),
}
# JSON knows no subclasses; of numbers, true and false are of a class of their own.
_CLASSES: Final[dict[Kind, tuple[type, ...]]] = {
    Kind.TEXT: (str,),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: (bool,),
}
_UNREAD: Final = object()
_NOTHING: Final[Known] = {}
# These are false of None, which no operand is or holds.
_SAFE: Final = (ast.Eq, ast.In)


class Points(list[DataPoint]):
    """The data points of a set of trees, each once."""

    def __init__(self) -> None:
        super().__init__()
        self._positions: dict[str, int] = {}

    def position(self, point: DataPoint) -> int:
        if point.key not in self._positions:
            self._positions[point.key] = len(self)
            self.append(point)
        return self._positions[point.key]


def points_of(trees: Iterable[Node]) -> Points:
    points = Points()
    for comparison in chain.from_iterable(map(comparisons_in, trees)):
        points.position(comparison.point)
    return points


def compile_trees(trees: Sequence[Node], points: Points) -> Evaluate:
    """One function for all of them; `points` is filled with what it wants, in order."""
    writer = _Writer(points)
    verdicts = [writer.verdict(tree) for tree in trees]
    evaluate: Evaluate = writer.function([ast.Return(ast.Tuple(verdicts, ast.Load()))])
    return evaluate


def compile_late(trees: Sequence[Node], points: Points) -> Evaluate:
    """As `compile_trees`, for points that are known; made when first called, for a decision never asks it."""
    made = cache(partial(compile_trees, trees, points))
    return lambda values, around: made()(values, around)


def compile_traces(trees: Sequence[Node], points: Points) -> Trace:
    """One function that tells of every node, in reading order, whether it is True, False or None (unknown)."""
    writer = _Writer(points)
    for tree in trees:
        writer.traced(tree)
    nodes = [_name(f"n{number}") for number in range(writer.traced_nodes)]
    trace: Trace = writer.function([*writer.statements, ast.Return(ast.Tuple(nodes, ast.Load()))])
    return trace


def compile_judge(trees: Sequence[Node]) -> Judge:
    """One function for all of them, which reads the facts itself: what few conditions ask for, only when asked."""
    points = points_of(trees)
    uses = Counter(comparison.point.key for tree in trees for comparison in comparisons_in(tree))
    lazy = frozenset(points.position(point) for point in points if uses[point.key] <= _READ_LATE)
    writer = _Writer(points, reads=KNOWN, lazy=lazy)
    verdicts = [writer.verdict(tree) for tree in trees]
    judge: Judge = writer.function([ast.Return(ast.Tuple(verdicts, ast.Load()))])
    return judge


# With more uses than this, looking whether a value was read already costs more than reading it at once.
_READ_LATE: Final = 4


# What the function is given, and how its parameter is called.
KNOWN, VALUES = "known", "values"


class _Writer:
    def __init__(self, points: Points, *, reads: str = VALUES, lazy: frozenset[int] = frozenset()) -> None:
        self.points = points
        self.reads = reads
        self.lazy = lazy
        self.constants: list[Any] = []
        self.places: dict[object, int] = {}
        self.statements: list[ast.stmt] = []
        self.traced_nodes = 0

    def function(self, body: list[ast.stmt]) -> Any:
        start = [*self.unpacking(), *self.readings()]
        definition = ast.FunctionDef("evaluate", _arguments(self.reads, "around"), [*start, *body], decorator_list=[])
        # An outer function makes the constants local names: a closure's cell is read faster than a global. They are
        # given by position: by name, Python would look for each among all.
        names = _arguments(*(f"c{number}" for number in range(len(self.constants))))
        outer = ast.FunctionDef("bind", names, [definition, ast.Return(_name("evaluate"))], decorator_list=[])
        module = ast.fix_missing_locations(ast.Module([outer], []))
        made: dict[str, Any] = {"__builtins__": {}}
        exec(compile(module, "<rules>", "exec"), made)  # noqa: S102  (our own nodes only; see the module's docstring)
        return made["bind"](*self.constants)

    def unpacking(self) -> list[ast.stmt]:
        if self.reads == KNOWN or not self.points:
            return []
        targets: list[ast.expr] = [ast.Name(f"r{number}", ast.Store()) for number in range(len(self.points))]
        return [ast.Assign([ast.Tuple(targets, ast.Store())], _name(VALUES))]

    def readings(self) -> list[ast.stmt]:
        """What is read at once; what is not is marked as unread."""
        unread: list[ast.expr] = [ast.Name(f"v{number}", ast.Store()) for number in sorted(self.lazy)]
        at_once: list[ast.stmt] = [
            ast.Assign([ast.Name(f"v{number}", ast.Store())], self.reading(point))
            for number, point in enumerate(self.points)
            if number not in self.lazy
        ]
        return [*([ast.Assign(unread, self.constant(_UNREAD))] if unread else []), *at_once]

    def raw(self, point: DataPoint) -> ast.expr:
        """The value as it was given; None where there is none."""
        if self.reads == VALUES:
            return _name(f"r{self.points.position(point)}")
        part: ast.expr = _name(KNOWN)
        for group in point.path[:-1]:
            part = ast.BoolOp(ast.Or(), [_get(part, self.constant(group)), self.constant(_NOTHING)])
        return _get(part, self.constant(point.path[-1]))

    def reading(self, point: DataPoint) -> ast.expr:
        """The comparable value, as `READERS` has it, with the usual kinds looked at in place."""
        raw = self.raw(point)
        if point.kind not in _CLASSES:
            return ast.Call(self.constant(READERS[point.kind]), [raw], [])
        seen = ast.NamedExpr(ast.Name("x", ast.Store()), raw)
        first, *others = _CLASSES[point.kind]
        tests: list[ast.expr] = [self.is_of(seen, first), *(self.is_of(_name("x"), one) for one in others)]
        return _choice(_joined(ast.Or(), tests), _name("x"), ast.Constant(None))

    def is_of(self, value: ast.expr, wanted: type) -> ast.expr:
        return ast.Compare(ast.Attribute(value, "__class__", ast.Load()), [ast.Is()], [self.constant(wanted)])

    def value(self, point: DataPoint) -> ast.expr:
        """Each use of a value is a node of its own."""
        number = self.points.position(point)
        if number not in self.lazy:
            return _name(f"v{number}")
        is_read = ast.Compare(_name(f"v{number}"), [ast.IsNot()], [self.constant(_UNREAD)])
        return _choice(
            is_read, _name(f"v{number}"), ast.NamedExpr(ast.Name(f"v{number}", ast.Store()), self.reading(point))
        )

    def constant(self, value: Any) -> ast.expr:
        """Each once. Those of other types than these are told apart by identity: 1 equals True."""
        ident = (value.__class__, value) if value.__class__ in (str, int, float) else id(value)
        place = self.places.setdefault(ident, len(self.constants))
        if place == len(self.constants):
            self.constants.append(value)
        return _name(f"c{place}")

    # -- two expressions for each node ------------------------------------------------------------

    def verdict(self, tree: Node) -> ast.expr:
        holds, fails = self.both(tree)
        return _choice(holds, ast.Constant(IS_TRUE), _choice(fails, ast.Constant(IS_FALSE), ast.Constant(IS_UNKNOWN)))

    def both(self, node: Node) -> tuple[ast.expr, ast.expr]:
        match node:
            case Comparison():
                return self.comparison(node)
            case Group(symbol=symbol):
                pairs = [self.both(child) for child in node.children]
                all_hold, all_fail = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
                if symbol == "and":
                    return _joined(ast.And(), all_hold), _joined(ast.Or(), all_fail)
                return _joined(ast.Or(), all_hold), _joined(ast.And(), all_fail)
            case Not():
                holds, fails = self.both(node.child)
                return fails, holds
            case Unreadable():
                return ast.Constant(False), ast.Constant(False)

    def comparison(self, node: Comparison) -> tuple[ast.expr, ast.expr]:
        value, operator = self.value(node.point), node.operator
        # Once looked at, a value is read: the test after "is there" takes it by its name.
        again = _name(f"v{self.points.position(node.point)}")
        if operator.judge:
            holds, fails = self.judged(node, value, again)
        else:
            holds, fails = self.tested(operator, node.operand, value, again)
        return (fails, holds) if operator.negated else (holds, fails)

    def judged(self, node: Comparison, value: ast.expr, again: ast.expr) -> tuple[ast.expr, ast.expr]:
        kind, operand = self.constant(node.point.kind), self.constant(node.operand)
        asked = self.raw(node.point) if node.operator.takes_raw else again
        call = ast.Call(self.constant(node.operator.judge), [kind, asked, operand, _name("around")], [])
        answers = [ast.Compare(call, [ast.Is()], [ast.Constant(truth)]) for truth in (True, False)]
        holds, fails = answers if node.operator.takes_raw else [_known(value, answer) for answer in answers]
        return holds, fails

    def tested(self, operator: Operator, operand: Any, value: ast.expr, again: ast.expr) -> tuple[ast.expr, ast.expr]:
        if operator.name == "between":
            low, high = self.constant(operand[0]), self.constant(operand[1])
            inside = ast.Compare(low, [ast.LtE(), ast.LtE()], [again, high])
            return _known(value, inside), _known(value, _not(inside))
        if operator.symbol in _COMPARED and operator.shape.name in ("value", "list"):
            right = self.constant(operand)
            yes, no = (_compared(value, again, one(), right) for one in _COMPARED[operator.symbol])
            return yes, no
        call = ast.Call(self.constant(operator.test), [again, self.constant(operand)], [])
        return _known(value, call), _known(value, _not(call))

    # -- one name for each node -------------------------------------------------------------------

    def traced(self, node: Node) -> ast.expr:
        """Statements that give the node and those below it their names, in reading order."""
        target = f"n{self.traced_nodes}"
        self.traced_nodes += 1
        match node:
            case Group(symbol=symbol):
                children = [self.traced(child) for child in node.children]
                settled = symbol == "or"
                value = _choice(
                    _any_is(children, settled),
                    ast.Constant(settled),
                    _choice(_any_is(children, None), ast.Constant(None), ast.Constant(not settled)),
                )
            case Not():
                child = self.traced(node.child)
                value = _choice(_is(child, None), ast.Constant(None), _not(child))
            case _:
                holds, fails = self.both(node)
                value = _choice(holds, ast.Constant(True), _choice(fails, ast.Constant(False), ast.Constant(None)))
        self.statements.append(ast.Assign([ast.Name(target, ast.Store())], value))
        return _name(target)


def _arguments(*names: str) -> ast.arguments:
    arguments = [ast.arg(name) for name in names]
    return ast.arguments(posonlyargs=[], args=arguments, kwonlyargs=[], kw_defaults=[], defaults=[])


def _get(part: ast.expr, name: ast.expr) -> ast.expr:
    return ast.Call(ast.Attribute(part, "get", ast.Load()), [name], [])


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _choice(test: ast.expr, yes: ast.expr, no: ast.expr) -> ast.expr:
    return ast.IfExp(test, yes, no)


def _not(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _is(value: ast.expr, constant: bool | None) -> ast.expr:
    return ast.Compare(value, [ast.Is()], [ast.Constant(constant)])


def _any_is(values: Sequence[ast.expr], constant: bool | None) -> ast.expr:
    return _joined(ast.Or(), [_is(value, constant) for value in values])


def _joined(operation: ast.boolop, tests: list[ast.expr]) -> ast.expr:
    if len(tests) > 1:
        return ast.BoolOp(operation, tests)
    return tests[0] if tests else ast.Constant(isinstance(operation, ast.And))


def _known(value: ast.expr, test: ast.expr) -> ast.expr:
    return ast.BoolOp(ast.And(), [ast.Compare(value, [ast.IsNot()], [ast.Constant(None)]), test])


def _compared(value: ast.expr, again: ast.expr, operation: ast.cmpop, right: ast.expr) -> ast.expr:
    if isinstance(operation, _SAFE):
        return ast.Compare(value, [operation], [right])
    return _known(value, ast.Compare(again, [operation], [right]))
