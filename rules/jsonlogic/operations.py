"""What each operation becomes: mostly a call with the list of its operands; what rules use most is inline."""

import ast
from collections.abc import Mapping
from typing import Final

from rules.jsonlogic.calls import eager, operands, refused, unary
from rules.jsonlogic.comparisons import COMPARISONS, comparison, membership
from rules.jsonlogic.compiler import Compiler, Emitter, Scope
from rules.jsonlogic.paths import Place, val_place, var_keys
from rules.jsonlogic.quote import constant, quote
from rules.jsonlogic.steps import VALUES_A_STEP
from rules.jsonlogic.tree import PRESERVE, Array, Literal, Node, Operation

# -- data ------------------------------------------------------------------------------------------------------------


def _var(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
    keys = var_keys(operation)
    if len(operation.operands) > 1:
        if keys is None:
            key = compiler.emit(operation.operands[0], scope)
            found = quote("lookup(data, key)", data=scope.data, key=key)
        else:
            found = compiler.find(scope, Place(0, keys))
        first, again = compiler.twice(found)
        default = compiler.emit(operation.operands[1], scope)
        return quote("again if first is not MISSING else default", first=first, again=again, default=default)
    if keys is not None:
        return compiler.read(scope, Place(0, keys))
    given = operands(compiler, operation, scope, unwrapped=True)
    return quote("variable(data, operands)", data=scope.data, operands=given)


def _val(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
    place = val_place(operation)
    if place is not None:
        return compiler.read(scope, place)
    return quote("value_at(path, scopes)", path=_path(compiler, operation, scope), scopes=scope.chain())


def _exists(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
    place = val_place(operation)
    if place is None:
        found = quote("found_at(path, scopes)", path=_path(compiler, operation, scope), scopes=scope.chain())
    else:
        found = compiler.find(scope, place)
    return quote("found is not MISSING", found=found)


def _path(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
    return operands(compiler, operation, scope, unwrapped=True)


def _missing(function: str) -> Emitter:
    def emit(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
        given = operands(compiler, operation, scope)
        steps = compiler.steps()
        return quote("function(data, operands, steps)", function=function, data=scope.data, operands=given, steps=steps)

    return emit


# -- logic -----------------------------------------------------------------------------------------------------------


def _junction(operator: ast.boolop) -> Emitter:
    def emit(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
        if not operation.listed:
            return refused(operation, "a list of operands")
        values = [compiler.emit(operand, scope) for operand in operation.operands]
        if len(values) < 2:
            return values[0] if values else constant(None)
        return ast.BoolOp(op=operator, values=values)

    return emit


def _if(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
    if not operation.listed:
        return refused(operation, "a list of operands")
    values = [compiler.emit(operand, scope) for operand in operation.operands]
    last = values.pop() if len(values) % 2 else constant(None)
    if len(values) == 2:
        return quote("yes if test else no", test=values[0], yes=values[1], no=last)
    # Flat, for the longest of chains: the first pair whose test is true, or the last, in a tuple that is true itself.
    pairs = [quote("test and (yes,)", test=values[at], yes=values[at + 1]) for at in range(0, len(values), 2)]
    return _first_of(pairs, last)


def _first_of(pairs: list[ast.expr], last: ast.expr) -> ast.expr:
    if not pairs:
        return last
    return quote("either[0]", either=ast.BoolOp(op=ast.Or(), values=[*pairs, quote("(last,)", last=last)]))


def _coalesce(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
    if not operation.listed:
        return refused(operation, "a list of operands")
    # Flat as well: the first value that is not null, or null, in a tuple.
    pairs: list[ast.expr] = []
    for operand in operation.operands:
        value = compiler.emit(operand, scope)
        if not isinstance(value, ast.Constant):
            first, again = compiler.twice(value)
            pairs.append(quote("first is not None and (again,)", first=first, again=again))
        elif value.value is not None:
            pairs.append(quote("(value,)", value=value))
    return _first_of(pairs, constant(None))


def _try(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
    if not operation.operands:
        return refused(operation, "at least one operand")
    bodies = [compiler.body(operation.operands[0], scope)]
    for operand in operation.operands[1:]:
        error = compiler.new_name("d")
        bodies.append(compiler.body(operand, Scope(error, outer=scope), error))
    return quote("attempt(bodies)", bodies=bodies)


def _throw(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
    return quote("throw(operands)", operands=operands(compiler, operation, scope, unwrapped=True))


def _preserve(_: Compiler, operation: Operation, __: Scope) -> ast.expr:
    [data] = operation.operands
    assert isinstance(data, Literal)
    return constant(data.value)


# -- lists -----------------------------------------------------------------------------------------------------------


def _iteration(function: str) -> Emitter:
    def emit(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
        if not operation.listed or len(operation.operands) < 2:
            return refused(operation, "a list and an operation for each of its items")
        source, again = compiler.twice(compiler.emit(operation.operands[0], scope))
        data, index = compiler.new_name("d"), compiler.new_name("i")
        body = compiler.body(operation.operands[1], Scope(data, index, again, outer=scope), data, index)
        holes = {"source": source, "body": body, "steps": compiler.steps(), "weight": _weight(operation)}
        return quote("function(source, body, steps, weight)", function=function, **holes)

    return emit


def _weight(operation: Operation) -> ast.expr:
    """For how many items a turn counts: it may make anew all lists and objects that stand in its operation."""
    return ast.Constant(1 + _values(operation.operands[1]) // VALUES_A_STEP)


def _values(node: Node) -> int:
    if isinstance(node, Literal):
        return _held(node.value)
    return sum(1 + _values(part) for part in (node.items if isinstance(node, Array) else node.operands))


def _held(value: object) -> int:
    if isinstance(value, (list, dict)):
        return sum(1 + _held(part) for part in (value.values() if isinstance(value, dict) else value))
    return 0


def _reduce(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
    if not operation.listed or len(operation.operands) < 2:
        return refused(operation, "a list and an operation for each of its items")
    source, body, *initial = operation.operands
    data = compiler.new_name("d")
    return quote(
        "reduced(source, initial, body, steps, weight)",
        source=compiler.emit(source, scope),
        initial=compiler.emit(initial[0], scope) if initial else constant(None),
        body=compiler.body(body, Scope(data, outer=scope), data),
        steps=compiler.steps(),
        weight=_weight(operation),
    )


OPERATIONS: Final[Mapping[str, Emitter]] = {
    "var": _var,
    "val": _val,
    "exists": _exists,
    "missing": _missing("missing"),
    "missing_some": _missing("missing_some"),
    "if": _if,
    "?:": _if,
    "and": _junction(ast.And()),
    "or": _junction(ast.Or()),
    "!": unary("not value"),
    "!!": unary("not not value"),
    "??": _coalesce,
    "try": _try,
    "throw": _throw,
    **dict.fromkeys(COMPARISONS, comparison),
    "+": eager("plus", unwrapped=True),
    "-": eager("minus", unwrapped=True),
    "*": eager("times"),
    "/": eager("divide"),
    "%": eager("modulo"),
    "max": eager("largest"),
    "min": eager("smallest"),
    "cat": eager("joined", unwrapped=True, counted=True),
    "substr": eager("substring", counted=True),
    "in": membership,
    "merge": eager("merged", counted=True),
    "length": unary("length(value)"),
    "map": _iteration("mapped"),
    "filter": _iteration("filtered"),
    "reduce": _reduce,
    "all": _iteration("every"),
    "some": _iteration("some"),
    "none": _iteration("none"),
    PRESERVE: _preserve,
    "log": unary("logged(value)"),
}
