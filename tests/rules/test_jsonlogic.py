"""The compiled rule, its trace and a plain walk through the rule agree; what is returned is JSON of one's own."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import example, given, settings

from rules import jsonlogic
from rules.jsonlogic import SKIPPED, JsonLogicError, Trace
from rules.jsonlogic.values import strict_equal
from tests.rules.jsonlogic import naive
from tests.rules.jsonlogic.random_rules import data, rules

ADULT = {"and": [{">=": [{"var": "user.age"}, 18]}, {"in": [{"var": "country"}, ["NZ", "AU"]]}]}


def outcome(function: Any, *arguments: Any) -> dict[str, Any]:
    try:
        return {"result": function(*arguments)}
    except JsonLogicError as error:
        return {"error": error.payload}
    except naive.Thrown as thrown:
        return {"error": thrown.payload}


def test_a_rule_is_compiled_once_and_then_called_with_data() -> None:
    adult = jsonlogic.compile(ADULT)
    assert adult({"user": {"age": 20}, "country": "NZ"}) is True
    assert adult({"user": {"age": 17}, "country": "NZ"}) is False
    assert adult({}) is False
    assert adult(None) is False


def test_a_rule_is_applied_at_once() -> None:
    assert jsonlogic.apply({"+": [{"var": "a"}, 1]}, {"a": 2}) == 3
    assert jsonlogic.apply({"+": [1, 1]}) == 2


@settings(max_examples=300)
@given(rules, rules, data)
@example({"try": [{"map": [[1], {"throw": "a"}]}, {"throw": "b"}]}, 1, None)
def test_compiled_traced_and_among_others_a_rule_is_as_walked(rule: Any, other: Any, value: Any) -> None:
    """And neither the rule nor the data is changed by it."""
    before = json.dumps([rule, other, value])
    walked = outcome(naive.evaluate, rule, value)
    compiled = outcome(jsonlogic.apply, rule, value)
    assert strict_equal(compiled, walked), (compiled, walked)
    traced = jsonlogic.trace(rule, value)
    assert strict_equal(compiled, came(traced.error or traced.value))
    assert traced.error is None or traced.value is SKIPPED
    together = jsonlogic.compile_all([other, rule, other])(value)
    assert strict_equal(compiled, came(together[1]))
    assert strict_equal(came(together[0]), came(together[2]))
    assert strict_equal(came(together[0]), outcome(naive.evaluate, other, value))
    assert json.dumps([rule, other, value]) == before


def came(got: Any) -> dict[str, Any]:
    return {"error": got.payload} if isinstance(got, JsonLogicError) else {"result": got}


def test_a_result_that_is_changed_does_not_change_the_rule() -> None:
    for rule in ([1, [2]], {"preserve": {"a": [1]}}, {"if": [True, [1, {"var": "x"}]]}):
        function = jsonlogic.compile(rule)
        first = function({"x": 2})
        expected = json.dumps(first)
        first.clear()
        assert json.dumps(function({"x": 2})) == expected


def test_a_rule_that_is_changed_after_it_was_compiled_is_not_changed() -> None:
    rule = {"in": [{"var": "a"}, ["x"]]}
    function = jsonlogic.compile(rule)
    rule["in"][1].append("y")
    assert function({"a": "y"}) is False


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"and": [False, {"throw": "late"}]}, False),
        ({"or": [1, {"throw": "late"}]}, 1),
        ({"if": [True, "yes", {"throw": "late"}]}, "yes"),
        ({"if": [False, {"throw": "early"}, "no"]}, "no"),
        ({"if": [False, {"throw": "a"}, True, 2, {"throw": "b"}, {"throw": "c"}]}, 2),
        ({"??": [None, 0, {"throw": "late"}]}, 0),
        ({"<": [2, 1, {"throw": "late"}]}, False),
        ({"===": [2, 1, {"throw": "late"}]}, False),
        ({"var": ["a", {"throw": "default"}]}, 1),
        ({"some": [[1, {"preserve": []}, "x"], {"if": [{"===": [{"val": []}, "x"]}, {"throw": "late"}, True]}]}, True),
        ({"all": [[0, "x"], {"if": [{"===": [{"val": []}, "x"]}, {"throw": "late"}, False]}]}, False),
        ({"none": [[1, "x"], {"if": [{"===": [{"val": []}, "x"]}, {"throw": "late"}, True]}]}, False),
        ({"map": [[], {"throw": "never"}]}, []),
        ({"try": [1, {"throw": "late"}]}, 1),
        ({"if": [True, 1, {"map": 1}]}, 1),
    ],
)
def test_what_is_not_needed_is_not_evaluated(rule: Any, expected: Any) -> None:
    for evaluate in (jsonlogic.apply, lambda rule, data: jsonlogic.trace(rule, data).value):
        assert strict_equal(evaluate(rule, {"a": 1}), expected)


def test_operands_are_evaluated_from_left_to_right() -> None:
    for name in ("+", "-", "*", "/", "%", "max", "cat", "merge", "in", "==", "===", "<", ">", ">="):
        with pytest.raises(JsonLogicError, match="first"):
            jsonlogic.apply({name: [{"throw": "first"}, {"throw": "second"}]})
    with pytest.raises(JsonLogicError, match="first"):
        jsonlogic.apply({"reduce": [{"throw": "first"}, 1, {"throw": "second"}]})


def test_what_is_read_often_is_read_right() -> None:
    rule = {
        "cat": [
            *({"var": path} for path in ("a.b", "a.c", "a", "a.b", "list.0", "list.1", "list.1", "z.y", "z.x")),
            {"val": ["a", "b"]},
            {"map": [{"var": "list"}, {"cat": [{"var": ""}, {"val": [[2], "a", "b"]}, {"var": "a.b"}]}]},
            {"try": [{"throw": "t"}, {"cat": [{"var": "type"}, {"val": [[2], "a", "c"]}]}]},
        ]
    }
    value = {"a": {"b": "B", "c": "C"}, "list": [1, 2]}
    assert jsonlogic.apply(rule, value) == naive.evaluate(rule, value) == "BC[object Object]B122B1B,2BtC"
    for odd in (None, 5, "text", [], [1], {"a": 1}, {"a": [1, 2], "list": {"0": "x"}}):
        assert outcome(jsonlogic.apply, rule, odd) == outcome(naive.evaluate, rule, odd)


def test_dictionaries_and_texts_of_other_classes_are_read_as_what_they_are() -> None:
    class Facts(dict):
        pass

    class Name(str):
        pass

    rule = {
        "and": [{"==": [{"var": "a.b"}, "x"]}, {"in": [{"var": "a.b"}, ["x"]]}, {"===": [{"val": ["a", "b"]}, "x"]}]
    }
    assert jsonlogic.apply(rule, Facts(a=Facts(b=Name("x")))) is True


def test_an_error_of_one_rule_among_many_is_its_own() -> None:
    function = jsonlogic.compile_all([{"var": "a"}, {"+": [{"var": "a"}, "x"]}, {"map": [[1, 2], {"val": []}]}])
    first, second, third = function({"a": 1})
    assert (first, third) == (1, [1, 2])
    assert isinstance(second, JsonLogicError)
    assert second.type == "NaN"
    assert second.__traceback__ is None
    assert jsonlogic.compile_all([])(None) == []


def test_a_function_serves_several_threads() -> None:
    function = jsonlogic.compile({"reduce": [{"var": "n"}, {"+": [{"val": "current"}, {"val": "accumulator"}]}, 0]})
    with ThreadPoolExecutor(4) as pool:
        sums = pool.map(function, ({"n": list(range(size))} for size in range(200)))
        assert list(sums) == [size * (size - 1) // 2 for size in range(200)]


# -- trace -----------------------------------------------------------------------------------------------------------


def flat(trace: Trace) -> list[tuple[str, str, Any]]:
    came = trace.error.type if trace.error else trace.value
    return [(trace.path, trace.operation, came), *(line for child in trace.children for line in flat(child))]


def test_a_trace_has_every_operation_with_what_came_of_it() -> None:
    rule = {"and": [{"==": [{"var": "a"}, 1]}, {"or": [{"var": "b"}, {"var": "c"}]}, {"!": {"var": "d"}}]}
    assert flat(jsonlogic.trace(rule, {"a": 1, "b": 0})) == [
        ("rule", "and", None),
        ("rule.and[0]", "==", True),
        ("rule.and[0].==[0]", "var", 1),
        ("rule.and[1]", "or", None),
        ("rule.and[1].or[0]", "var", 0),
        ("rule.and[1].or[1]", "var", None),
        ("rule.and[2]", "!", SKIPPED),
        ("rule.and[2].!", "var", SKIPPED),
    ]


def test_a_trace_shows_where_an_error_arose_and_what_it_ended() -> None:
    rule = {"+": [{"var": "a"}, {"*": [{"var": "b"}, {"-": ["x"]}]}, {"var": "c"}]}
    assert flat(jsonlogic.compile_traced(rule, path="conditions")({"a": 1, "b": 2})) == [
        ("conditions", "+", "NaN"),
        ("conditions.+[0]", "var", 1),
        ("conditions.+[1]", "*", "NaN"),
        ("conditions.+[1].*[0]", "var", 2),
        ("conditions.+[1].*[1]", "-", "NaN"),
        ("conditions.+[2]", "var", SKIPPED),
    ]


def test_an_error_is_of_the_operation_where_it_arose_and_not_of_one_with_a_similar_place() -> None:
    rule = {"if": [{"var": "z"}, {"+": [1]}] * 6 + [{"var": "z"}, {"+": [2]}, {"throw": "x"}]}
    *others, last = jsonlogic.trace(rule, {}).children
    assert (last.path, last.error and last.error.type) == ("rule.if[14]", "x")
    assert [child.error for child in others] == [None] * 14


def test_a_trace_shows_every_turn_of_an_iteration() -> None:
    rule = {"map": [{"var": "list"}, {"+": [{"val": []}, {"val": [[2], "a"]}]}]}
    assert flat(jsonlogic.trace(rule, {"list": [1, "x", 3], "a": 1})) == [
        ("rule", "map", "NaN"),
        ("rule.map[0]", "var", [1, "x", 3]),
        ("rule.map[1]", "+", 2),
        ("rule.map[1].+[0]", "val", 1),
        ("rule.map[1].+[1]", "val", 1),
        ("rule.map[1]", "+", "NaN"),
        ("rule.map[1].+[0]", "val", "x"),
        ("rule.map[1].+[1]", "val", 1),
    ]


def test_a_trace_shows_what_try_recovered_from() -> None:
    rule = {"try": [{"+": [{"var": "a"}, "x"]}, {"throw": "worse"}, {"val": "type"}]}
    assert flat(jsonlogic.trace(rule, {"a": 1})) == [
        ("rule", "try", "worse"),
        ("rule.try[0]", "+", "NaN"),
        ("rule.try[0].+[0]", "var", 1),
        ("rule.try[1]", "throw", "worse"),
        ("rule.try[2]", "val", "worse"),
    ]


def test_iterations_within_iterations_are_traced_where_they_belong() -> None:
    rule = {"map": [[1, 2], {"map": [[3], {"+": [{"val": []}, {"val": [[2]]}]}]}]}
    assert flat(jsonlogic.trace(rule)) == [
        ("rule", "map", [[4], [5]]),
        ("rule.map[1]", "map", [4]),
        ("rule.map[1].map[1]", "+", 4),
        ("rule.map[1].map[1].+[0]", "val", 3),
        ("rule.map[1].map[1].+[1]", "val", 1),
        ("rule.map[1]", "map", [5]),
        ("rule.map[1].map[1]", "+", 5),
        ("rule.map[1].map[1].+[0]", "val", 3),
        ("rule.map[1].map[1].+[1]", "val", 2),
    ]


def test_lists_with_operations_and_plain_data_are_traced_too() -> None:
    assert flat(jsonlogic.trace([1, {"var": "a"}], {"a": 2})) == [("rule", "[]", [1, 2]), ("rule[1]", "var", 2)]
    assert flat(jsonlogic.trace("text")) == [("rule", "preserve", "text")]


def test_a_trace_keeps_no_more_turns_than_its_limit() -> None:
    trace = jsonlogic.trace({"map": [{"var": ""}, {"val": []}]}, list(range(5_000)))
    assert trace.value == list(range(5_000))
    assert len(trace.children) == 1 + 1_000


def test_an_error_in_a_trace_keeps_no_data_alive() -> None:
    trace = jsonlogic.trace({"+": [{"var": "a"}]}, {"a": "x"})
    assert trace.error is not None
    assert trace.error.__traceback__ is None
