"""JsonLogic, compiled: a rule becomes one Python function of the data.

    adult = compile({">=": [{"var": "age"}, 18]})
    adult({"age": 20})  # True

Source: https://jsonlogic.com and what the community of JsonLogic agreed upon since; docs/jsonlogic.md has the choices.
"""

from collections.abc import Callable, Iterable
from typing import Any

from rules.jsonlogic import tracing
from rules.jsonlogic.compiler import ROOT, Compiler, Scope
from rules.jsonlogic.errors import JsonLogicError
from rules.jsonlogic.functions import function_of
from rules.jsonlogic.operations import OPERATIONS
from rules.jsonlogic.quote import name, quote_statements
from rules.jsonlogic.tracing import SKIPPED, Trace
from rules.jsonlogic.tree import PRESERVE, Literal, Operation, check

__all__ = ["SKIPPED", "JsonLogicError", "Trace", "apply", "compile", "compile_all", "compile_traced", "trace"]


def compile(rule: object, *, path: str = "rule") -> Callable[[Any], Any]:  # noqa: A001
    """A function of the data, as JSON, that gives the value of the rule and raises JsonLogicError where it has none.

    Raises JsonLogicError for what is no rule; `path` is what it calls the rule. The data is never changed; values of
    a result can be parts of it. The function can be used from several threads.
    """
    compiler, tree = Compiler(OPERATIONS), check(rule, names=OPERATIONS, path=path)
    body = compiler.read_ahead([tree])
    value = compiler.emit(tree, Scope(ROOT))
    return function_of([*body, *compiler.take_steps(), *quote_statements("return value", value=value)], ROOT)


def compile_all(rules: Iterable[object], *, path: str = "rules") -> Callable[[Any], list[Any]]:
    """One function for many rules, which gives a list: for each rule its value, or the JsonLogicError of the rule.

    What several rules read of the data is read once. Raises JsonLogicError as `compile` does.
    """
    trees = [check(rule, names=OPERATIONS, path=f"{path}[{position}]") for position, rule in enumerate(rules)]
    compiler = Compiler(OPERATIONS)
    body, results = compiler.read_ahead(trees), []
    for tree in trees:
        result = compiler.new_name("v")
        value = compiler.emit(tree, Scope(ROOT))
        body += compiler.take_steps()
        body += quote_statements(_KEPT, result=result, value=value)
        results.append(name(result))
    return function_of([*body, *quote_statements("return [results]", results=results)], ROOT)


_KEPT = """
try:
    result = value
except JsonLogicError as error:
    result = forgotten(error)
"""


def compile_traced(rule: object, *, path: str = "rule") -> Callable[[Any], Trace]:
    """As `compile`, but the function gives the Trace of the whole evaluation and raises nothing."""
    tree = check(rule, names=OPERATIONS, path=path)
    # Plain data has no operation to trace; it is traced as what it is.
    if isinstance(tree, Literal):
        tree = Operation(path, PRESERVE, (tree,), listed=False)
    return tracing.traced(tree, OPERATIONS)


def apply(rule: object, data: Any = None) -> Any:
    """The value of a rule, once. To evaluate it more often, compile it."""
    return compile(rule)(data)


def trace(rule: object, data: Any = None) -> Trace:
    """What came of every operation of a rule, once."""
    return compile_traced(rule)(data)
