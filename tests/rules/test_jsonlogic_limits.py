"""Rules from anybody: what is no rule is refused with its place, and no rule takes the process down."""

import ast
import contextlib
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import jsonlogic
from rules.jsonlogic import JsonLogicError, functions, quote
from rules.jsonlogic.steps import MAX_STEPS
from rules.jsonlogic.tree import MAX_DEPTH, MAX_OPERATIONS, MAX_VALUES
from rules.jsonlogic.values import MAX_LENGTH
from tests.rules.cases import brief

COMPILERS = (jsonlogic.compile, jsonlogic.compile_traced, lambda rule: jsonlogic.compile_all([rule]))


def refusal(rule: Any) -> JsonLogicError:
    for compiler in COMPILERS:
        with pytest.raises(JsonLogicError) as raised:
            compiler(rule)
    return raised.value


def failure(rule: Any, data: Any = None) -> JsonLogicError:
    with pytest.raises(JsonLogicError) as raised:
        jsonlogic.apply(rule, data)
    traced = jsonlogic.trace(rule, data)
    assert traced.error is not None
    assert traced.error.payload == raised.value.payload
    return raised.value


# -- what is no rule -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "kind", "place"),
    [
        ({"unknown": 1}, "Unknown Operator", ""),
        ({"and": [1, {"if": [1, {"unknown": 1}]}]}, "Unknown Operator", ".and[1].if[1]"),
        ({"try": [{"unknown": 1}, 1]}, "Unknown Operator", ".try[0]"),
        ([1, {"!": {"unknown": 1}}], "Unknown Operator", "[1].!"),
        ({"+": [1], "-": [1]}, "Unknown Operator", ""),
        ({"var": {"a": 1, "b": 2}}, "Unknown Operator", ".var"),
        ({"AND": [1]}, "Unknown Operator", ""),
        ({"method": [{"var": ""}, "keys"]}, "Unknown Operator", ""),
        ({"__class__": 1}, "Unknown Operator", ""),
        ({1: 1}, "Unknown Operator", ""),
        ({None: 1}, "Unknown Operator", ""),
        ({"+": [1, float("nan")]}, "Invalid Rule", ".+[1]"),
        ({"+": [1, float("inf")]}, "Invalid Rule", ".+[1]"),
        ({"+": (1, 2)}, "Invalid Rule", ".+"),
        ({"==": [1, {2}]}, "Invalid Rule", ".==[1]"),
        ({"==": [1, b"x"]}, "Invalid Rule", ".==[1]"),
        ({"==": [1, Decimal(1)]}, "Invalid Rule", ".==[1]"),
        ({"==": [1, date(2026, 1, 1)]}, "Invalid Rule", ".==[1]"),
        ({"preserve": {"a": [{1: 2}]}}, "Invalid Rule", ".preserve.a[0]"),
        ({"preserve": {"a": [object()]}}, "Invalid Rule", ".preserve.a[0]"),
        (object(), "Invalid Rule", ""),
        (ast.parse("1"), "Invalid Rule", ""),
    ],
)
def test_what_is_no_rule_is_refused_with_its_place(rule: Any, kind: str, place: str) -> None:
    error = refusal(rule)
    assert error.type == kind
    assert error.path in (f"rule{place}", f"rules[0]{place}")
    assert str(error).startswith(f"{error.path}: ")


def test_the_path_can_be_named() -> None:
    with pytest.raises(JsonLogicError, match=r"^conditions\.and\[0\]: There is no operation 'nand'\.$"):
        jsonlogic.compile({"and": [{"nand": []}]}, path="conditions")
    with pytest.raises(JsonLogicError, match=r"^rules\[1\]: There is no operation 'nand'\.$"):
        jsonlogic.compile_all([1, {"nand": []}])


def test_a_long_name_is_not_repeated_in_full() -> None:
    assert len(str(refusal({"x" * 10_000: 1}))) < 120


# -- how large a rule can be -----------------------------------------------------------------------------------------

NESTED = {
    "and": lambda inner: {"and": [True, inner]},
    "or": lambda inner: {"or": [False, inner]},
    "if": lambda inner: {"if": [inner, 1, 0]},
    "else": lambda inner: {"if": [0, 1, inner]},
    "later else": lambda inner: {"if": [0, 1, 0, 1, inner]},
    "==": lambda inner: {"==": [inner, 1]},
    "< <": lambda inner: {"<": [inner, 1, 2]},
    "+": lambda inner: {"+": inner},
    "sum": lambda inner: {"+": [inner, 1]},
    "cat": lambda inner: {"cat": [inner]},
    "!": lambda inner: {"!": inner},
    "??": lambda inner: {"??": [inner, 1]},
    "try": lambda inner: {"try": [inner, 1]},
    "caught": lambda inner: {"try": [{"throw": "x"}, inner]},
    "throw": lambda inner: {"throw": inner},
    "map": lambda inner: {"map": [[1], inner]},
    "mapped": lambda inner: {"map": [inner, 1]},
    "filter": lambda inner: {"filter": [[1], inner]},
    "all": lambda inner: {"all": [[1], inner]},
    "reduce": lambda inner: {"reduce": [[1], inner, 0]},
    "reduced": lambda inner: {"reduce": [[1], 1, inner]},
    "var": lambda inner: {"var": [inner, 1]},
    "val": lambda inner: {"val": inner},
    "exists": lambda inner: {"exists": [inner, "a"]},
    "missing": lambda inner: {"missing": inner},
    "in": lambda inner: {"in": [inner, ["a"]]},
    "in text": lambda inner: {"in": ["a", inner]},
    "merge": lambda inner: {"merge": [inner, 1]},
    "list": lambda inner: [inner, {"var": "a"}],
    "literal": lambda inner: [inner],
}


def nested(name: str, levels: int) -> Any:
    rule: Any = 1
    for _ in range(levels):
        rule = NESTED[name](rule)
    return rule


def evaluated(rule: Any, data: Any) -> None:
    """Compiled in every way, and called; that it has a value is not asked for."""
    for compiler in COMPILERS:
        function = compiler(rule)
        with contextlib.suppress(JsonLogicError):
            function(data)


@pytest.mark.parametrize("name", NESTED)
def test_a_rule_can_be_as_deep_as_the_limit_and_no_deeper(name: str) -> None:
    # What stands beside the innermost operand can be a level deeper than it.
    evaluated(nested(name, MAX_DEPTH - 2), {"a": 1})
    error = refusal(nested(name, MAX_DEPTH))
    assert error.type == "Limit Exceeded"
    assert error.path.count("[") + error.path.count(".") >= MAX_DEPTH - 1


@pytest.mark.parametrize("name", NESTED)
def test_a_bottomless_rule_is_refused_and_not_walked(name: str) -> None:
    assert refusal(nested(name, 5_000)).type == "Limit Exceeded"


def test_preserved_data_is_as_deep_as_the_limit_and_no_deeper() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH - 2):
        value = [value]
    assert jsonlogic.apply({"preserve": value}) == value
    assert refusal({"preserve": [value]}).type == "Limit Exceeded"


WIDE = {
    "and": {"and": [{"var": "a"}] * (MAX_OPERATIONS - 1)},
    "or": {"or": [{"var": "z"}] * (MAX_OPERATIONS - 1)},
    "if": {"if": [{"var": "z"}, 1] * (MAX_OPERATIONS - 1)},
    "<": {"<=": [{"var": "a"}] * (MAX_OPERATIONS - 1)},
    "??": {"??": [{"var": "z"}] * (MAX_OPERATIONS - 1)},
    "+": {"+": [{"var": "a"}] * (MAX_OPERATIONS - 1)},
    "try": {"try": [{"throw": 1}] * (MAX_OPERATIONS - 1)},
    "list": [{"var": "a"}] * MAX_OPERATIONS,
    "values": [1] * (MAX_VALUES - 1),
    "in": {"in": [{"var": "a"}, [str(number) for number in range(MAX_VALUES - 4)]]},
    "val": {"val": list(range(MAX_VALUES - 1))},
    "var": {"var": ".".join("a" * MAX_LENGTH)},
}


@pytest.mark.parametrize("name", WIDE)
def test_a_rule_can_be_as_wide_as_the_limit(name: str) -> None:
    evaluated(WIDE[name], {"a": 1})


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"and": [{"var": "a"}] * MAX_OPERATIONS}, f".and[{MAX_OPERATIONS - 1}]"),
        ([1] * MAX_VALUES, f"[{MAX_VALUES - 1}]"),
        ({"preserve": [1] * MAX_VALUES}, f".preserve[{MAX_VALUES - 2}]"),
    ],
)
def test_a_rule_can_be_no_wider_than_the_limit(rule: Any, path: str) -> None:
    error = refusal(rule)
    assert error.type == "Limit Exceeded"
    assert error.path.endswith(path)


# -- what an evaluation can cost -------------------------------------------------------------------------------------

LIST = {"val": "list"}
DOUBLED = {"preserve": list(range(40))}


@pytest.mark.parametrize(
    "rule",
    [
        {"map": [LIST, {"map": [{"val": [[2], "list"]}, 1]}]},
        {"some": [LIST, {"all": [{"val": [[2], "list"]}, {"none": [{"val": [[4], "list"]}, False]}]}]},
        {"try": [{"map": [LIST, {"filter": [{"val": [[2], "list"]}, 1]}]}, {"map": [{"val": [[2], "list"]}, 1]}]},
        {"reduce": [DOUBLED, {"cat": [{"val": "accumulator"}, {"val": "accumulator"}]}, "x"]},
        {"reduce": [DOUBLED, {"merge": [{"val": "accumulator"}, {"val": "accumulator"}]}, [1]]},
        {"reduce": [DOUBLED, [{"val": "accumulator"}, {"val": "accumulator"}], 1]},
        {"reduce": [DOUBLED, {"val": []}, 1]},
    ],
)
def test_time_and_memory_have_a_limit(rule: Any) -> None:
    assert failure(rule, {"list": [1] * 2_000}).type == "Limit Exceeded"


@pytest.mark.parametrize(
    "made",
    [
        {"cat": [{"val": [[6], "text"]}, "x"]},
        {"substr": [{"val": [[6], "text"]}, 1]},
        {"merge": [{"val": [[6], "long"]}, 1]},
        {"missing": {"val": [[6], "long"]}},
        {"missing_some": [1, {"val": [[6], "long"]}]},
        [0] * 10_000,
        {"preserve": {str(number): [number] for number in range(5_000)}},
    ],
    ids=lambda made: brief(str(made)),
)
def test_what_is_made_in_a_million_turns_has_a_limit(made: Any) -> None:
    # Without it this would take gigabytes, which the limit of memory turns into another error.
    data = {"list": [1] * 95, "text": "y" * 50_000, "long": ["z"] * 50_000}
    rule = {"map": [LIST, {"map": [{"val": [[2], "list"]}, {"map": [{"val": [[4], "list"]}, made]}]}]}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(JsonLogicError, match="1,000,000 items"):
        jsonlogic.apply(rule, data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700_000


def test_an_evaluation_can_go_through_as_many_items_as_the_limit() -> None:
    assert len(jsonlogic.apply({"map": [{"var": ""}, 1]}, [1] * MAX_STEPS)) == MAX_STEPS
    with pytest.raises(JsonLogicError, match="1,000,000 items"):
        jsonlogic.apply({"map": [{"var": ""}, 1]}, [1] * (MAX_STEPS + 1))


def test_each_rule_of_many_can_go_through_as_many_items() -> None:
    rule = {"some": [{"var": ""}, False]}
    assert jsonlogic.compile_all([rule, rule, rule])([1] * (MAX_STEPS // 2)) == [False] * 3


def test_texts_and_lists_can_be_as_long_as_the_limit() -> None:
    assert len(jsonlogic.apply({"cat": [{"var": ""}, "x"]}, "y" * (MAX_LENGTH - 1))) == MAX_LENGTH
    assert len(jsonlogic.apply({"merge": [{"var": ""}, 1]}, [1] * (MAX_LENGTH - 1))) == MAX_LENGTH
    assert failure({"cat": [{"var": ""}, "x"]}, "y" * MAX_LENGTH).type == "Limit Exceeded"
    assert failure({"merge": [{"var": ""}, 1]}, [1] * MAX_LENGTH).type == "Limit Exceeded"
    assert len(jsonlogic.apply({"cat": [{"val": []}, ""]}, [""] * MAX_LENGTH)) == MAX_LENGTH - 1
    assert failure({"cat": [{"val": []}, ""]}, [""] * (MAX_LENGTH + 1)).type == "Limit Exceeded"


def test_a_comparison_can_look_at_as_many_values_as_the_limit() -> None:
    rule = {"===": [{"var": "left"}, {"var": "right"}]}
    longest = [1.5] * (MAX_LENGTH - 1)
    assert jsonlogic.apply(rule, {"left": longest, "right": [1.5, *longest[1:]]}) is True
    assert failure(rule, {"left": [*longest, 1.5], "right": [1.5, *longest]}).type == "Limit Exceeded"


DEEP = {
    "list": lambda inner: [inner],
    "object": lambda inner: {"a": inner},
}


@pytest.fixture(scope="module")
def deep() -> Iterator[dict[str, Any]]:
    data: dict[str, Any] = {}
    for name, wrap in [*DEEP.items(), *((f"{name} again", wrap) for name, wrap in DEEP.items())]:
        data[name] = 1
        for _ in range(20_000):
            data[name] = wrap(data[name])
    yield data
    # Python cannot always give back in one go what is nested so deeply.
    for value in data.values():
        while value and not isinstance(value, int):
            value = value.pop() if isinstance(value, list) else value.pop("a")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"===": [{"var": "list"}, {"var": "list again"}]}, True),
        ({"===": [{"var": "object"}, {"var": "object again"}]}, True),
        ({"===": [{"var": "object"}, {"var": "list"}]}, False),
        ({"in": [{"var": "object"}, [{"var": "object again"}]]}, True),
        ({"in": ["x", {"var": "list"}]}, False),
        ({"cat": [{"var": "list"}, "x"]}, "1x"),
        ({"cat": [{"var": "object"}, "x"]}, "[object Object]x"),
        ({"length": {"var": "list"}}, 1),
        ({"var": "object" + ".a" * 20_000}, 1),
        ({"val": ["object", *"a" * 10_000, *"x" * 5]}, None),
        ({"if": [{"var": "list"}, 1, 2]}, 1),
    ],
    ids=brief,
)
def test_data_can_be_as_deep_as_it_likes(rule: Any, expected: Any, deep: dict[str, Any]) -> None:
    assert jsonlogic.apply(rule, deep) == expected
    assert jsonlogic.trace(rule, deep).value == expected


def test_a_comparison_of_values_that_share_their_parts_ends() -> None:
    left: Any = 1
    right: Any = 1
    for _ in range(60):
        left, right = [left, left], [right, right]
    assert failure({"===": [{"var": "l"}, {"var": "r"}]}, {"l": left, "r": right}).type == "Limit Exceeded"
    assert failure({"cat": [{"var": "l"}, "x"]}, {"l": left}).type == "Limit Exceeded"


ODD: list[Any] = [
    object(), date(2026, 1, 1), Decimal("1.5"), b"bytes", (1, 2), {1}, {1: 2}, 1j, range(3), float("nan"),
    float("inf"), 10**5000, "9" * 10_000, "\ud800", "\0", len, int,
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_data_that_is_not_json_raises_nothing_but_jsonlogic_errors(value: Any) -> None:
    data = {"v": value, "list": [value, value]}
    for name in jsonlogic.operations.OPERATIONS:
        for operands in (
            {"var": "v"},
            [{"var": "v"}],
            [{"var": "v"}, 1],
            [1, {"var": "v"}],
            ["x", {"var": "v"}],
            [{"var": "v"}, {"var": "list"}],
            [{"var": "list"}, {"var": ""}],
        ):
            evaluated({name: operands}, data)


# -- nothing of a rule is ever code ----------------------------------------------------------------------------------

HOSTILE = [
    "__import__('os').system('true')",
    "d0",
    "'",
    '"',
    "\\",
    "\n",
    "{",
    "lambda: 0",
    "MISSING",
    "\ud800",
    "é",
    "node",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_rule_stays_text(text: str) -> None:
    assert jsonlogic.apply(text) == text
    assert jsonlogic.apply({"var": ["no.such", text]}) == text
    assert jsonlogic.apply({"val": text}, {text: 1}) == 1
    assert jsonlogic.apply({"in": [{"val": "a"}, [text]]}, {"a": text}) is True
    assert jsonlogic.apply({"preserve": {text: [text]}}) == {text: [text]}
    assert failure({"throw": text}).type == text
    assert jsonlogic.trace([text, {"var": "a"}]).value == [text, None]


@given(st.text(max_size=20), st.text(max_size=20))
def test_names_in_what_is_compiled_are_generated(key: str, text: str) -> None:
    rule = {"and": [{"==": [{"val": [key, text]}, text]}, {"map": [{"var": key}, {"cat": [{"val": key}, text]}]}]}
    for function in (jsonlogic.compile(rule), jsonlogic.compile_traced(rule)):
        names, pending = set(), [function.__code__]
        while pending:
            code = pending.pop()
            names |= {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
            pending += [constant for constant in code.co_consts if hasattr(constant, "co_names")]
        known = {*functions._RUNTIME, "get", "__class__", "keep", "error", "node", "SKIPPED", "Room", "failed", "ended"}
        assert {name for name in names - known if not (name[0].isalpha() and name[1:].isdigit())} == set()


def test_what_is_compiled_has_no_builtins() -> None:
    function = jsonlogic.compile({"map": [[1], {"val": []}]})
    assert function.__globals__["__builtins__"] == {}


@pytest.mark.parametrize(
    "source",
    [
        "return open",
        "return d0.__globals__",
        "return d0.anything",
        "import os",
        "return [x1 for x1 in d0]",
        "return d0 + d0",
        "return f'{d0}'",
        "while d0: pass",
        "return (yield)",
        "del d0",
    ],
)
def test_code_that_no_operation_becomes_is_not_compiled(source: str) -> None:
    with pytest.raises(AssertionError, match="A rule became"):
        functions.function_of(quote.quote_statements(source), "d0")


def test_the_engine_needs_nothing_but_the_standard_library() -> None:
    script = "import sys, rules.jsonlogic.suite; print(*{name.split('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) - sys.stdlib_module_names == {"__main__", "rules"}


def test_a_rule_survives_json() -> None:
    rule = {"and": [{"==": [{"var": "a"}, 1]}, {"in": [{"val": ["b"]}, ["ä", "😀"]]}]}
    data = {"a": 1, "b": "😀"}
    assert jsonlogic.apply(json.loads(json.dumps(rule)), json.loads(json.dumps(data))) is True
