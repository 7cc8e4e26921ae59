"""Comparisons and `in`: inline where one side is a literal and the other turns out to be of its type."""

import ast
from dataclasses import dataclass
from typing import Final

from rules.jsonlogic.calls import eager, refused
from rules.jsonlogic.compiler import Compiler, Scope
from rules.jsonlogic.quote import Hole, collection, quote
from rules.jsonlogic.tree import Literal, Node, Operation


@dataclass(frozen=True, slots=True)
class _Comparison:
    """`call` takes two values of any kind; `operator` is Python's for two of one type, and `identity` its
    operator for null, true and false, where these can be compared with anything. `mirrored` has its sides exchanged.
    """

    call: str
    operator: str
    mirrored: str
    identity: str = ""


COMPARISONS: Final = {
    "==": _Comparison("soft_equal(left, right)", "==", "=="),
    "!=": _Comparison("not soft_equal(left, right)", "!=", "!="),
    "===": _Comparison("strict_equal(left, right)", "==", "===", "is"),
    "!==": _Comparison("not strict_equal(left, right)", "!=", "!==", "is not"),
    "<": _Comparison("less(left, right)", "<", ">"),
    "<=": _Comparison("at_most(left, right)", "<=", ">="),
    ">": _Comparison("greater(left, right)", ">", "<"),
    ">=": _Comparison("at_least(left, right)", ">=", "<="),
}

_OF_TEXT = "first.__class__ is str"
_OF_NUMBER = "(kind := first.__class__) is int or kind is float"
_OF_TRUTH = "first.__class__ is bool"


def comparison(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
    if not operation.listed or len(operation.operands) < 2:
        return refused(operation, "a list of at least two operands")
    asked = COMPARISONS[operation.name]
    left, *others = [compiler.emit(operand, scope) for operand in operation.operands]
    # Each value is evaluated once, and none after the first pair for which the comparison is false.
    pairs: list[ast.expr] = []
    for value in others[:-1]:
        right, again = compiler.twice(value)
        pairs.append(_pair(compiler, asked, left, right))
        left = again
    pairs.append(_pair(compiler, asked, left, others[-1]))
    return ast.BoolOp(op=ast.And(), values=pairs) if len(pairs) > 1 else pairs[0]


def _pair(compiler: Compiler, asked: _Comparison, left: ast.expr, right: ast.expr) -> ast.expr:
    if isinstance(right, ast.Constant) and not isinstance(left, ast.Constant):
        return _with_literal(compiler, asked, left, right)
    if isinstance(left, ast.Constant) and not isinstance(right, ast.Constant):
        return _with_literal(compiler, COMPARISONS[asked.mirrored], right, left)
    return quote(asked.call, left=left, right=right)


def _with_literal(compiler: Compiler, asked: _Comparison, value: ast.expr, literal: ast.Constant) -> ast.expr:
    kind = type(literal.value)
    if asked.identity and kind in (bool, type(None)):
        return quote(f"value {asked.identity} literal", value=value, literal=literal)
    # The call saved: there is nothing to convert.
    guard = {str: _OF_TEXT, int: _OF_NUMBER, float: _OF_NUMBER, bool: _OF_TRUTH}.get(kind)
    if guard is None:
        return quote(asked.call, left=value, right=literal)
    first, again = compiler.twice(value)
    holes: dict[str, Hole] = {"first": first, "again": again, "left": again, "right": literal}
    return quote(f"again {asked.operator} right if {guard} else {asked.call}", **holes, kind=compiler.new_name("x"))


def membership(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
    if not operation.listed or len(operation.operands) != 2:
        return eager("is_in")(compiler, operation, scope)
    item, container = operation.operands
    item_value, container_value = [compiler.emit(operand, scope) for operand in operation.operands]
    if isinstance(item, Literal) and isinstance(item.value, str) and not isinstance(container, Literal):
        first, again = compiler.twice(container_value)
        template = f"item in again if {_OF_TEXT} else contains(item, again)"
        return quote(template, first=first, again=again, item=item_value)
    guard = _guard(container)
    if isinstance(item, Literal) or not isinstance(container, Literal) or guard is None:
        return quote("contains(item, container)", item=item_value, container=container_value)
    first, again = compiler.twice(item_value)
    return quote(
        f"again in members if {guard} else contains(again, container)",
        first=first,
        again=again,
        members=collection(frozenset(container.value)),
        container=container_value,
        kind=compiler.new_name("x"),
    )


def _guard(container: Node) -> str | None:
    """Whether a value is of the one type that all values of the list are of; None where they are of several."""
    if not isinstance(container, Literal) or not isinstance(container.value, list):
        return None
    kinds = {type(value) for value in container.value}
    if kinds <= {str}:
        return _OF_TEXT
    return _OF_NUMBER if kinds <= {int, float} else None
