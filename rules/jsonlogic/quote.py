"""Python code with holes: the only way in which code is put together here.

A template is a constant of this package. What comes from a rule fills a hole as a node, never as text.
"""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

# A string is a generated name; a list takes the place of one item among others.
Hole = ast.AST | str | Sequence[ast.AST]

# The fields in which a node has a name.
NAMES: Final = ("id", "arg", "name")


@cache
def _expression(template: str) -> ast.expr:
    return ast.parse(template, mode="eval").body


@cache
def _statements(template: str) -> list[ast.stmt]:
    return ast.parse(template).body


def quote(template: str, **holes: Hole) -> ast.expr:
    """The expression, with every name in it that is a hole replaced."""
    filled = _filled(_expression(template), holes)
    assert isinstance(filled, ast.expr)
    return filled


def quote_statements(template: str, **holes: Hole) -> list[ast.stmt]:
    return list(_items(_statements(template), holes))


def name(identifier: str) -> ast.Name:
    return ast.Name(id=identifier, ctx=ast.Load())


def constant(value: Any) -> ast.expr:
    """A JSON value; lists and objects are made anew in each evaluation, so that nobody can change the rule."""
    if isinstance(value, list):
        return ast.List(elts=[constant(item) for item in value], ctx=ast.Load())
    if isinstance(value, dict):
        return ast.Dict(keys=[ast.Constant(key) for key in value], values=[constant(item) for item in value.values()])
    return ast.Constant(value)


def collection(values: tuple[str, ...] | frozenset[Any]) -> ast.expr:
    """Made once, for nobody can change it."""
    return ast.Constant(values)  # type: ignore[arg-type]  # these are constants too, which the stubs do not say


def is_simple(expression: ast.expr) -> bool:
    """Whether evaluating it twice costs nothing and changes nothing."""
    return isinstance(expression, (ast.Name, ast.Constant))


def locate(code: ast.AST, line: int) -> None:
    """Give a line to the nodes that have none: the line of a node in the traceback of an error tells the operation."""
    if "lineno" in code._attributes:
        if hasattr(code, "lineno"):
            return
        code.lineno = code.end_lineno = line  # type: ignore[attr-defined]
        code.col_offset = code.end_col_offset = 0  # type: ignore[attr-defined]
    for part in parts(code):
        locate(part, line)


def parts(code: ast.AST) -> Iterator[ast.AST]:
    """The nodes in a node, but for those that say no more than their type, such as operators."""
    for field in code._fields:
        value = getattr(code, field, None)
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, ast.AST) and part._fields:
                yield part


def _filled(node: ast.AST, holes: dict[str, Any]) -> ast.AST:
    if isinstance(node, ast.Name) and isinstance(hole := holes.get(node.id), ast.AST):
        return hole
    # Operators and the like are the same everywhere.
    if not node._fields:
        return node
    return type(node)(**{field: _field(field, value, holes) for field, value in ast.iter_fields(node)})


def _field(field: str, value: Any, holes: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return list(_items(value, holes))
    if isinstance(value, ast.AST):
        return _filled(value, holes)
    return holes.get(value, value) if field in NAMES and isinstance(value, str) else value


def _items(values: list[Any], holes: dict[str, Any]) -> Iterator[Any]:
    for value in values:
        inner = value.value if isinstance(value, ast.Expr) else value
        hole = holes.get(inner.id) if isinstance(inner, ast.Name) else None
        if isinstance(hole, list):
            yield from hole
        else:
            yield _filled(value, holes)
