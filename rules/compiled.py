"""A whole set of condition trees as one Python function.

The function is built as a syntax tree from a short list of node kinds: names are ours and numbered, and everything
that a user wrote, texts and numbers alike, is bound as a constant beside the code and never becomes part of it.

Each tree gives two plain expressions, *holds* and *fails*: definitely true, and definitely false. Where neither is,
the tree is unknown; so Kleene's three values cost two cheap tests, of which the first usually settles it.
"""

import ast
from collections.abc import Callable, Sequence
from typing import Any, Final

from rules.condition_tree import Comparison, Group, Node, Not, Unreadable
from rules.lists import Circumstances
from rules.operators import Operator
from rules.registry import DataPoint

# The verdict of a tree as the compiled function tells it.
IS_FALSE, IS_TRUE, IS_UNKNOWN = 0, 1, 2

# Takes the comparable values by position (None: not there), and what is around.
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


def compile_trees(trees: Sequence[Node], points: Points) -> Evaluate:
    """One function for all of them; `points` is filled with what it wants, in order."""
    writer = _Writer(points)
    verdicts = [writer.verdict(tree) for tree in trees]
    evaluate: Evaluate = writer.function([ast.Return(ast.Tuple(verdicts, ast.Load()))])
    return evaluate


def compile_traces(trees: Sequence[Node], points: Points) -> Trace:
    """One function that tells of every node, in reading order, whether it is True, False or None (unknown)."""
    writer = _Writer(points)
    for tree in trees:
        writer.traced(tree)
    nodes = [_name(f"n{number}") for number in range(writer.traced_nodes)]
    trace: Trace = writer.function([*writer.statements, ast.Return(ast.Tuple(nodes, ast.Load()))])
    return trace


class _Writer:
    def __init__(self, points: Points) -> None:
        self.points = points
        self.constants: list[Any] = []
        self.statements: list[ast.stmt] = []
        self.traced_nodes = 0

    def function(self, body: list[ast.stmt]) -> Any:
        unpack: list[ast.stmt] = []
        if self.points:
            targets: list[ast.expr] = [ast.Name(f"v{number}", ast.Store()) for number in range(len(self.points))]
            unpack = [ast.Assign([ast.Tuple(targets, ast.Store())], _name("values"))]
        arguments = ast.arguments(
            posonlyargs=[], args=[ast.arg("values"), ast.arg("around")], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        definition = ast.FunctionDef("evaluate", arguments, [*unpack, *body], decorator_list=[])
        # An outer function makes the constants local names: a closure's cell is read faster than a global.
        names = [ast.arg(f"c{number}") for number in range(len(self.constants))]
        outer_arguments = ast.arguments(posonlyargs=[], args=[], vararg=None, kwonlyargs=names,
                                        kw_defaults=[None] * len(names), defaults=[])  # fmt: skip
        outer = ast.FunctionDef("bind", outer_arguments, [definition, ast.Return(_name("evaluate"))], decorator_list=[])
        module = ast.fix_missing_locations(ast.Module([outer], []))
        made: dict[str, Any] = {"__builtins__": {}}
        exec(compile(module, "<rules>", "exec"), made)  # noqa: S102  (our own nodes only; see the module's docstring)
        return made["bind"](**{f"c{number}": constant for number, constant in enumerate(self.constants)})

    def constant(self, value: Any) -> ast.expr:
        self.constants.append(value)
        return _name(f"c{len(self.constants) - 1}")

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
        value, operator = _name(f"v{self.points.position(node.point)}"), node.operator
        holds, fails = self.judged(node, value) if operator.judge else self.tested(operator, node.operand, value)
        return (fails, holds) if operator.negated else (holds, fails)

    def judged(self, node: Comparison, value: ast.expr) -> tuple[ast.expr, ast.expr]:
        kind, operand = self.constant(node.point.kind), self.constant(node.operand)
        call = ast.Call(self.constant(node.operator.judge), [kind, value, operand, _name("around")], [])
        answers = [ast.Compare(call, [ast.Is()], [ast.Constant(truth)]) for truth in (True, False)]
        holds, fails = answers if node.operator.takes_missing else [_known(value, answer) for answer in answers]
        return holds, fails

    def tested(self, operator: Operator, operand: Any, value: ast.expr) -> tuple[ast.expr, ast.expr]:
        if operator.name == "between":
            low, high = self.constant(operand[0]), self.constant(operand[1])
            inside = ast.Compare(low, [ast.LtE(), ast.LtE()], [value, high])
            return _known(value, inside), _known(value, _not(inside))
        if operator.symbol in _COMPARED and operator.shape.name in ("value", "list"):
            right = self.constant(operand)
            yes, no = (ast.Compare(value, [one()], [right]) for one in _COMPARED[operator.symbol])
            return _guarded(value, yes), _guarded(value, no)
        call = ast.Call(self.constant(operator.test), [value, self.constant(operand)], [])
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


def _guarded(value: ast.expr, test: ast.Compare) -> ast.expr:
    return test if isinstance(test.ops[0], _SAFE) else _known(value, test)
