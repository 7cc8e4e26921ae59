"""From expressions to a Python function: nothing but generated names, literals as constants, and this vocabulary."""

import ast
import builtins
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from rules.jsonlogic import arithmetic, flow, reading, sequences, steps, values
from rules.jsonlogic.errors import JsonLogicError
from rules.jsonlogic.quote import NAMES, locate, parts

# The name of the file that tracebacks show for what was compiled.
FILENAME: Final = "<jsonlogic>"
FUNCTION: Final = "evaluate"

_RUNTIME: Final[Mapping[str, Any]] = {
    **{kind.__name__: kind for kind in (str, int, float, bool, list, dict, JsonLogicError, steps.Steps)},
    "MISSING": reading.MISSING,
    **{
        function.__name__: function
        for function in (
            *(values.soft_equal, values.strict_equal, values.contains),
            *(values.less, values.at_most, values.greater, values.at_least),
            *(reading.step, reading.getter, reading.reach, reading.follow, reading.lookup, reading.variable),
            *(reading.found_at, reading.value_at, reading.missing, reading.missing_some),
            *(arithmetic.plus, arithmetic.minus, arithmetic.times, arithmetic.divide, arithmetic.modulo),
            *(arithmetic.largest, arithmetic.smallest),
            *(sequences.joined, sequences.substring, sequences.is_in, sequences.merged),
            *(sequences.length, sequences.logged),
            *(flow.mapped, flow.filtered, flow.reduced, flow.every, flow.some, flow.none),
            *(flow.attempt, flow.throw, flow.refuse, flow.forgotten),
        )
    },
}

_NODES: Final = frozenset(
    (
        *(ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Lambda, ast.Return, ast.Assign, ast.Expr),
        *(ast.Try, ast.ExceptHandler, ast.Raise, ast.Call, ast.IfExp, ast.NamedExpr, ast.Name, ast.Constant),
        *(ast.List, ast.Tuple, ast.Dict, ast.Starred, ast.Attribute, ast.Subscript, ast.Compare, ast.BoolOp),
        ast.UnaryOp,
    )
)
_ATTRIBUTES: Final = frozenset({"__class__", "get", "keep"})
_GENERATED: Final = re.compile(r"[a-z][0-9]+|error|evaluate")


def function_of(body: list[ast.stmt], parameter: str, extra: Mapping[str, Any] | None = None) -> Callable[[Any], Any]:
    """The function of one parameter with this body, whose vocabulary is that of the operations and `extra`."""
    module = ast.parse(f"def {FUNCTION}({parameter}): pass")
    [function] = module.body
    assert isinstance(function, ast.FunctionDef)
    function.body = body
    for statement in body:
        locate(statement, 1)
    vocabulary = {**_RUNTIME, **(extra or {})}
    _check(module, vocabulary)
    namespace = {**vocabulary, "__builtins__": {}}
    # Not code of anybody's: the tree was built here, node by node, and has just been checked to be what was meant.
    exec(builtins.compile(module, FILENAME, "exec"), namespace)  # noqa: S102
    compiled: Callable[[Any], Any] = namespace[FUNCTION]
    return compiled


def _check(code: ast.AST, vocabulary: Mapping[str, Any]) -> None:
    """A second lock on the door: refuses what no operation should ever have become."""
    pending = [code]
    while pending:
        node = pending.pop()
        if type(node) not in _NODES:
            raise AssertionError(f"A rule became Python's {type(node).__name__}.")
        if isinstance(node, ast.Attribute) and node.attr not in _ATTRIBUTES:
            raise AssertionError(f"A rule became the attribute {node.attr!r}.")
        for names in NAMES:
            known = getattr(node, names, None)
            if known is not None and known not in vocabulary and not _GENERATED.fullmatch(known):
                raise AssertionError(f"A rule became the name {known!r}.")
        pending += parts(node)
