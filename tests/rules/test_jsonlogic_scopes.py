"""What a rule finds in its data, in the items that it goes through, and in the errors that it caught."""

from typing import Any

import pytest

from rules import jsonlogic
from rules.jsonlogic import JsonLogicError
from tests.rules.test_jsonlogic_operations import Error, check, invalid

DATA = {
    "a": {"b": {"c": 1}, "": 2, "null": None},
    "list": ["x", ["y", "z"]],
    "a.b": "dotted",
    "": "empty",
    "1": "one",
    "1.5": "number",
    "key": "a",
    "path": ["a", "b"],
    "jump": [[0], "key"],
    "zero": 0,
    "nothing": None,
}


@pytest.mark.parametrize(
    ("operands", "expected"),
    [
        ("zero", 0),
        (["zero"], 0),
        ("a.b.c", 1),
        ("a.b.d", None),
        ("a.b.c.d", None),
        ("a.", 2),
        ("list.0", "x"),
        ("list.1.1", "z"),
        ("list.2", None),
        ("list.-1", None),
        ("list.01", None),
        ("list.length", None),
        ("list.0.0", None),
        ("nothing", None),
        ("nothing.x", None),
        (1, "one"),
        ("1", "one"),
        ("", DATA),
        (None, DATA),
        ([], DATA),
        ([None], DATA),
        ([""], DATA),
        (["x", 5], 5),
        (["a.x", 5], 5),
        (["nothing", 5], None),
        (["zero", 5], 0),
        (["", 5], DATA),
        (["x", {"var": "zero"}], 0),
        (["x", {"throw": "default"}], Error("default")),
        (["zero", {"throw": "default"}], 0),
        ({"var": "key"}, DATA["a"]),
        ([{"var": "key"}], DATA["a"]),
        ([{"var": "x"}, 5], DATA),
        ({"cat": ["a", ".b.c"]}, 1),
        ([{"cat": ["a", ".x"]}, 5], 5),
        ({"preserve": ["x", 5]}, 5),
        ({"preserve": []}, DATA),
    ],
)
def test_var(operands: Any, expected: Any) -> None:
    check({"var": operands}, expected, DATA)


@pytest.mark.parametrize(
    ("path", "expected", "exists"),
    [
        ([], DATA, True),
        ("zero", 0, True),
        (["zero"], 0, True),
        ("nothing", None, True),
        ("x", None, False),
        (["a", "b", "c"], 1, True),
        (["a", "b", "d"], None, False),
        (["a", "b", "c", "d"], None, False),
        (["nothing", "x"], None, False),
        (["a", "null"], None, True),
        ("a.b", "dotted", True),
        ("a.b.c", None, False),
        ("", "empty", True),
        ([""], "empty", True),
        (["a", ""], 2, True),
        (["", ""], None, False),
        (1, "one", True),
        ("1", "one", True),
        (1.0, "one", True),
        (1.5, "number", True),
        (["list", 0], "x", True),
        (["list", "0"], "x", True),
        (["list", 1, 1], "z", True),
        (["list", 2], None, False),
        (["list", -1], None, False),
        (["list", "00"], None, False),
        (["list", "length"], None, False),
        (["list", 0, 0], None, False),
        (True, None, False),
        (None, None, False),
        ([None], None, False),
        (["a", None], None, False),
        (["a", True], None, False),
        ({}, None, False),
        (["a", ["b"]], None, False),
        ({"val": "key"}, DATA["a"], True),
        ([{"val": "key"}], DATA["a"], True),
        ([{"val": "key"}, "b", "c"], 1, True),
        ({"val": "path"}, {"c": 1}, True),
        ([{"val": "path"}], {"c": 1}, True),
        ({"val": "jump"}, "a", True),
        ({"val": "x"}, None, False),
        ([[0]], DATA, True),
        ([[0], "zero"], 0, True),
        ([[1]], None, False),
        ([[1], "index"], None, False),
        ([[2], "zero"], None, False),
        ([[10**30], "zero"], None, False),
        ([[], "zero"], None, False),
        ([["zero"]], DATA, True),
        ([["no number"], "zero"], 0, True),
        ([["0"], "zero"], 0, True),
        ([["1"], "zero"], None, False),
        ([[None], "zero"], 0, True),
        ([[{"cat": "x"}], "zero"], 0, True),
        ([["no number"], "x"], None, False),
        ([[True], "zero"], None, False),
        ([[0.5], "zero"], None, False),
        ([[0, 0], "zero"], None, False),
        ([[{"-": [1, 1]}], "zero"], 0, True),
        ([[{"+": [1, 1]}], "zero"], None, False),
        ([[{"*": [10**15, 1000]}], "zero"], None, False),
    ],
)
def test_val_and_exists(path: Any, expected: Any, exists: bool) -> None:
    check({"val": path}, expected, DATA)
    check({"exists": path}, exists, DATA)


@pytest.mark.parametrize("data", [None, 5, "text", True, [], 1.5])
def test_there_is_nothing_in_other_data(data: Any) -> None:
    for rule in ({"var": "a"}, {"var": "a.b"}, {"val": "a"}, {"val": ["a", "b"]}, {"val": {"cat": ["a"]}}):
        check(rule, None, data)
    check({"exists": "a"}, False, data)
    check({"missing": ["a"]}, ["a"], data)
    check({"var": ["a", "default"]}, "default", data)
    for rule in ({"var": ""}, {"val": []}):
        check(rule, data, data)
    check({"exists": []}, True, data)


@pytest.mark.parametrize(
    "key", ["__class__", "get", "__init__", "keys", "d0", "MISSING", "__builtins__", "\ud800", "a\0b"]
)
def test_a_key_is_never_more_than_a_key(key: str) -> None:
    check({"var": key}, None, {})
    check({"val": [key, key]}, None, {"x": 1})
    check({"val": [key, key]}, 1, {key: {key: 1}})
    check({"==": [{"val": key}, key]}, True, {key: key})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"missing": []}, []),
        ({"missing": "zero"}, []),
        ({"missing": ["zero", "nothing", "x", "a.b.c", "a.b.x"]}, ["x", "a.b.x"]),
        ({"missing": "x"}, ["x"]),
        ({"missing": [["zero", "x"], "y"]}, ["x", "y"]),
        ({"missing": {"val": "path"}}, ["b"]),
        ({"missing": [{"val": "path"}]}, ["b"]),
        ({"missing": {"merge": ["x", {"if": [True, ["y"], []]}]}}, ["x", "y"]),
        ({"missing": ["x", "x"]}, ["x", "x"]),
        ({"missing": [1, 2]}, [2]),
        ({"missing": ""}, []),
        ({"missing_some": [1, ["zero", "x"]]}, []),
        ({"missing_some": [2, ["zero", "x", "y"]]}, ["x", "y"]),
        ({"missing_some": ["1", ["x"]]}, ["x"]),
        ({"missing_some": [0, ["x"]]}, []),
        ({"missing_some": [1, {"val": "path"}]}, []),
        ({"missing_some": {"preserve": [1, ["x"]]}}, ["x"]),
        ({"missing_some": ["many", ["x", "zero"]]}, ["x"]),
        ({"missing_some": ["many", ["zero"]]}, []),
        ({"missing_some": [1, "x"]}, []),
        ({"missing_some": [1, 2]}, []),
        ({"missing_some": [1, {"val": "x"}]}, invalid),
        ({"missing_some": [1]}, invalid),
        ({"missing_some": None}, invalid),
    ],
)
def test_missing(rule: Any, expected: Any) -> None:
    check(rule, expected, DATA)


LISTS = {"n": [1, 2, 3], "rows": [{"q": 1}, {"q": 2}, {}], "nested": [[1, 2], [3]], "a": 10, "none": None, "t": "ab"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"map": [{"val": "n"}, {"*": [{"val": []}, 2]}]}, [2, 4, 6]),
        ({"map": [{"val": "rows"}, {"var": "q"}]}, [1, 2, None]),
        ({"map": [{"val": "rows"}, {"var": ["a", 5]}]}, [5, 5, 5]),
        ({"map": [{"val": "n"}, {"val": [[2], "a"]}]}, [10, 10, 10]),
        ({"map": [{"val": "n"}, {"val": [[-2], "a"]}]}, [10, 10, 10]),
        ({"map": [{"val": "n"}, {"val": [[1], "index"]}]}, [0, 1, 2]),
        ({"map": [{"val": "n"}, {"val": [[1]]}]}, [{"index": at, "iterator": [1, 2, 3]} for at in range(3)]),
        ({"map": [{"merge": [{"val": "n"}, 4]}, {"val": [[1], "iterator", 3]}]}, [4, 4, 4, 4]),
        ({"map": [{"val": "n"}, {"val": [[{"+": 1}], "iterator", 0]}]}, [1, 1, 1]),
        ({"map": [{"val": "n"}, {"exists": [[1], "iterator", 2]}]}, [True, True, True]),
        ({"map": [{"val": "nested"}, {"map": [{"val": []}, {"val": [[3], "iterator", 1, 0]}]}]}, [[3, 3], [3]]),
        ({"map": [{"val": "nested"}, {"map": [{"val": []}, {"val": [[1], "iterator"]}]}]}, [[[1, 2]] * 2, [[3]]]),
        ({"filter": [{"val": "n"}, {"<": [{"val": []}, {"val": [[1], "iterator", 1]}]}]}, [1]),
        ({"some": [{"val": "n"}, {"===": [{"val": [[1], "iterator"]}, {"val": [[2], "n"]}]}]}, True),
        ({"reduce": [{"val": "n"}, {"val": [[1], "iterator"]}, 0]}, None),
        ({"map": [{"val": "n"}, {"val": [[1], "index", "x"]}]}, [None, None, None]),
        ({"map": [{"val": "n"}, {"val": [[0]]}]}, [1, 2, 3]),
        ({"map": [{"val": "n"}, {"val": [[3], "index"]}]}, [None, None, None]),
        ({"map": [{"val": "n"}, {"val": [[4], "a"]}]}, [None, None, None]),
        ({"map": [{"val": "n"}, {"val": [[{"+": [1, 1]}], "a"]}]}, [10, 10, 10]),
        ({"map": [{"val": "n"}, {"val": [[{"+": [1, 0]}], "index"]}]}, [0, 1, 2]),
        ({"map": [{"val": "n"}, {"exists": [[2], "a"]}]}, [True, True, True]),
        ({"map": [{"val": "n"}, {"exists": [[2], "b"]}]}, [False, False, False]),
        ({"map": [{"val": "n"}, {"exists": [[1], "index"]}]}, [True, True, True]),
        ({"map": [{"val": "n"}, 5]}, [5, 5, 5]),
        ({"map": [{"val": "n"}, [{"val": []}]]}, [[1], [2], [3]]),
        ({"map": [{"val": "nested"}, {"map": [{"val": []}, {"val": [[3], "index"]}]}]}, [[0, 0], [1]]),
        ({"map": [{"val": "nested"}, {"map": [{"val": []}, {"val": [[1], "index"]}]}]}, [[0, 1], [0]]),
        ({"map": [{"val": "nested"}, {"map": [{"val": []}, {"val": [[2], 0]}]}]}, [[1, 1], [3]]),
        ({"map": [{"val": "nested"}, {"map": [{"val": []}, {"val": [[4], "a"]}]}]}, [[10, 10], [10]]),
        ({"filter": [{"val": "n"}, {">": [{"val": []}, 1]}]}, [2, 3]),
        ({"filter": [{"val": "n"}, {"val": [[1], "index"]}]}, [2, 3]),
        ({"filter": [{"val": "rows"}, {"var": "q"}]}, [{"q": 1}, {"q": 2}]),
        ({"all": [{"val": "n"}, {">": [{"val": []}, 0]}]}, True),
        ({"all": [{"val": "n"}, {">": [{"val": []}, 1]}]}, False),
        ({"some": [{"val": "n"}, {"==": [{"val": [[1], "index"]}, 2]}]}, True),
        ({"some": [{"val": "n"}, {"==": [{"val": []}, 4]}]}, False),
        ({"none": [{"val": "n"}, {"==": [{"val": []}, 4]}]}, True),
        ({"none": [{"val": "n"}, {"==": [{"val": []}, 3]}]}, False),
        ({"reduce": [{"val": "n"}, {"+": [{"val": "current"}, {"val": "accumulator"}]}, 4]}, 10),
        ({"reduce": [{"val": "n"}, {"+": [{"var": "current"}, {"var": "accumulator"}]}]}, 6),
        ({"reduce": [{"val": "n"}, {"+": [{"val": "accumulator"}, {"val": [[2], "a"]}]}, {"val": "a"}]}, 40),
        ({"reduce": [{"val": "n"}, {"+": [{"val": "accumulator"}, {"val": [[1], "index"]}]}, 0]}, 0),
        ({"reduce": [{"val": "rows"}, {"+": [{"var": "accumulator"}, {"var": "current.q"}]}, 0]}, 3),
        ({"reduce": [[], {"throw": "never"}, 5]}, 5),
        ({"reduce": [[], {"throw": "never"}]}, None),
        *(({name: [[], True]}, value) for name, value in (("all", False), ("some", False), ("none", True))),
        *(
            ({name: [{"val": "none"}, True, 7]}, value)
            for name, value in (
                *(("map", []), ("filter", []), ("reduce", 7)),
                *(("all", False), ("some", False), ("none", True)),
            )
        ),
        *(
            ({name: [source, True, 7]}, value)
            for source in (False, 0, "", {}, {"val": "x"})
            for name, value in (
                *(("map", []), ("filter", []), ("reduce", 7)),
                *(("all", False), ("some", False), ("none", True)),
            )
        ),
        ({"reduce": [0, {"throw": "never"}]}, None),
        # What is no list, and not false.
        *(({"reduce": [source, {"throw": "never"}, 7]}, 7) for source in (5, True, {"val": "t"})),
        *(({"all": [source, {"throw": "never"}]}, True) for source in (5, True, {"val": []})),
        *(({"some": [source, {"throw": "never"}]}, False) for source in (5, True, {"val": []})),
        *(({"none": [source, {"throw": "never"}]}, True) for source in (5, True, {"val": []})),
        ({"some": [{"val": "t"}, {"==": [{"val": []}, "b"]}]}, True),
        ({"all": [{"val": "t"}, {"in": [{"val": []}, "abc"]}]}, True),
        ({"all": [{"val": "t"}, {"==": [{"val": []}, "a"]}]}, False),
        ({"none": [{"val": "t"}, {"==": [{"val": [[1], "index"]}, 1]}]}, False),
        *(({name: [source, 1]}, invalid) for name in ("map", "filter") for source in (5, True, {"val": "t"})),
        *(({name: [{"val": []}, 1]}, invalid) for name in ("map", "filter", "reduce")),
        *(
            ({name: operands}, invalid)
            for name in ("map", "filter", "reduce", "all", "some", "none")
            for operands in (None, 1, [], [[1]], {"preserve": [[1], 1]})
        ),
    ],
)
def test_iterations(rule: Any, expected: Any) -> None:
    check(rule, expected, LISTS)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"try": [{"throw": "x"}, 1]}, 1),
        ({"try": [1, 2]}, 1),
        ({"try": 1}, 1),
        ({"try": [None, 2]}, None),
        ({"try": [{"throw": "x"}, {"val": "type"}]}, "x"),
        ({"try": [{"throw": "x"}, {"var": "type"}]}, "x"),
        ({"try": [{"throw": "x"}, {"val": []}]}, {"type": "x"}),
        ({"try": [{"throw": "x"}, {"throw": "y"}, {"val": "type"}]}, "y"),
        ({"try": [{"throw": "x"}, {"throw": "y"}]}, Error("y")),
        ({"try": [{"throw": "x"}, {"throw": {"val": []}}]}, Error("x")),
        ({"try": {"throw": "x"}}, Error("x")),
        ({"try": [{"throw": {"val": "error"}}, {"val": "code"}]}, 7),
        ({"try": [{"throw": {"val": "error"}}, {"val": "type"}]}, "custom"),
        ({"try": [{"throw": {"val": "error"}}, {"val": "a"}]}, None),
        ({"try": [{"throw": "x"}, {"val": [[2], "a"]}]}, 1),
        ({"try": [{"throw": "x"}, {"throw": "y"}, {"val": [[2], "a"]}]}, 1),
        ({"try": [{"throw": "x"}, {"throw": "y"}, {"val": [[2], "type"]}]}, None),
        ({"try": [{"throw": "x"}, {"val": [[1], "index"]}]}, None),
        ({"try": [{"try": [{"throw": "x"}]}, {"val": "type"}]}, "x"),
        ({"try": [{"+": ["x"]}, {"val": "type"}]}, "NaN"),
        ({"try": [{"/": [1, 0]}, {"val": "type"}]}, "NaN"),
        ({"try": [{"<": [1, "x"]}, {"val": "type"}]}, "NaN"),
        ({"try": [{"if": None}, {"val": "type"}]}, "Invalid Arguments"),
        ({"try": [{"max": []}, {"val": "type"}]}, "Invalid Arguments"),
        ({"try": [{"map": [[1], {"throw": "x"}]}, {"val": "type"}]}, "x"),
        ({"try": [{"reduce": [[1], {"throw": "x"}, 0]}, {"val": "type"}]}, "x"),
        ({"try": [{"cat": ["a", {"and": [1, {"throw": "x"}]}]}, {"val": "type"}]}, "x"),
        ({"map": [[1, 2], {"try": [{"throw": "x"}, {"val": [[2]]}]}]}, [1, 2]),
        ({"map": [[1, 2], {"try": [{"throw": "x"}, {"val": [[3], "index"]}]}]}, [0, 1]),
        ({"map": [[1, 2], {"try": [{"throw": "x"}, {"val": [[4], "a"]}]}]}, [1, 1]),
        ({"try": [{"throw": "x"}, {"map": [[1], {"val": [[2], "type"]}]}]}, ["x"]),
        ({"try": [{"throw": "x"}, {"map": [[1], {"val": [[4], "a"]}]}]}, [1]),
        ({"map": [[1, "x"], {"try": [{"+": [{"val": []}, {"val": [[2], "a"]}]}, 0]}]}, [2, 0]),
        ({"try": []}, invalid),
    ],
)
def test_errors_are_caught(rule: Any, expected: Any) -> None:
    check(rule, expected, {"a": 1, "error": {"type": "custom", "code": 7}})


@pytest.mark.parametrize(
    ("thrown", "payload"),
    [
        ("text", {"type": "text"}),
        (["text"], {"type": "text"}),
        (["first", "second"], {"type": "first"}),
        ({"cat": ["a", "b"]}, {"type": "ab"}),
        ({"val": "object"}, {"type": "custom", "code": 7}),
        ([{"val": "object"}], {"type": "custom", "code": 7}),
        ({"preserve": {"code": 7}}, {"code": 7}),
        ({"val": "list"}, {"type": "x"}),
        (1, {"type": 1}),
        (None, {"type": None}),
        ([], {"type": None}),
    ],
)
def test_what_is_thrown_is_what_is_raised(thrown: Any, payload: Any) -> None:
    with pytest.raises(JsonLogicError) as raised:
        jsonlogic.apply({"throw": thrown}, {"object": {"type": "custom", "code": 7}, "list": ["x", "y"]})
    assert raised.value.payload == payload
    assert raised.value.type == payload.get("type")
