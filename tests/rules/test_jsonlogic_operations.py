"""Truth tables of every operation: its value, or the type of its error."""

import logging
from typing import Any

import pytest

from rules import jsonlogic
from rules.jsonlogic import JsonLogicError
from rules.jsonlogic.operations import OPERATIONS
from rules.jsonlogic.values import strict_equal

INVALID, NAN = "Invalid Arguments", "NaN"


class Error(str):
    """Stands where a value would: the type of an error."""


def came(rule: Any, data: Any) -> Any:
    try:
        return jsonlogic.apply(rule, data)
    except JsonLogicError as error:
        return Error(error.type)


def check(rule: Any, expected: Any, data: Any = None) -> None:
    got = came(rule, data)
    assert isinstance(got, Error) is isinstance(expected, Error), got
    assert strict_equal(got, expected), got


invalid, nan = Error(INVALID), Error(NAN)


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("+", [], 0),
        ("+", [1], 1),
        ("+", ["1"], 1),
        ("+", "-1.5", -1.5),
        ("+", None, 0),
        ("+", "", 0),
        ("+", " 2 ", 2),
        ("+", [1, True, None, "2", "1e2", ".5", "5."], 109.5),
        ("+", [1, "x"], nan),
        ("+", ["0x10"], nan),
        ("+", ["Infinity"], nan),
        ("+", ["NaN"], nan),
        ("+", ["1_000"], nan),
        ("+", ["١"], nan),
        ("+", ["1e400"], nan),
        ("+", ["9" * 400], nan),
        ("+", ["9" * 30, "-" + "9" * 30], 0),
        ("+", [[1]], nan),
        ("+", [[1], 2], nan),
        ("+", {}, nan),
        ("+", {"preserve": [1, 2, 3]}, 6),
        ("+", [{"preserve": [1, 2, 3]}], 6),
        ("+", [{"preserve": [1, 2, 3]}, 1], nan),
        ("+", {"preserve": []}, 0),
        ("*", [], 1),
        ("*", [2], 2),
        ("*", [2, "3", True], 6),
        ("*", [2, None], 0),
        ("*", None, 0),
        ("*", [2, "x"], nan),
        ("*", [2, [3]], nan),
        ("*", {"preserve": [2, 3, 4]}, 24),
        ("*", [{"preserve": [2, 3]}], nan),
        ("-", [], invalid),
        ("-", {"preserve": []}, invalid),
        ("-", [3], -3),
        ("-", "3", -3),
        ("-", [True], -1),
        ("-", None, 0),
        ("-", [5, 2, 1], 2),
        ("-", ["5", "2"], 3),
        ("-", {"preserve": [5, 2, 1]}, 2),
        ("-", {"preserve": [5]}, -5),
        ("-", [{"preserve": [5, 2]}], 3),
        ("-", ["x"], nan),
        ("-", [1, {}], nan),
        ("/", [], invalid),
        ("/", {"preserve": []}, invalid),
        ("/", [2], 0.5),
        ("/", "4", 0.25),
        ("/", {"preserve": [4]}, 0.25),
        ("/", [8, 2, 2], 2),
        ("/", [7, 2], 3.5),
        ("/", [9007199254740993, 1], 9007199254740993),
        ("/", {"preserve": [8, 2, 2]}, 2),
        ("/", [0, 5], 0),
        ("/", [0], nan),
        ("/", None, nan),
        ("/", [1, 0], nan),
        ("/", [0, 0], nan),
        ("/", [1, None], nan),
        ("/", [1, False], nan),
        ("/", [1, ""], nan),
        ("/", [1, "0"], nan),
        ("/", [-1, 0.0], nan),
        ("/", [1, "x"], nan),
        ("/", [1, [2]], nan),
        ("%", [], invalid),
        ("%", [5], invalid),
        ("%", 5, invalid),
        ("%", {"preserve": [5]}, invalid),
        ("%", [5, 3], 2),
        ("%", [-5, 3], -2),
        ("%", [5, -3], 2),
        ("%", [5.5, 2], 1.5),
        ("%", [17, 7, 2], 1),
        ("%", {"preserve": [17, 7, 2]}, 1),
        ("%", ["5", "3"], 2),
        ("%", [5, 0], nan),
        ("%", [5, None], nan),
        ("%", [5, "x"], nan),
        ("max", [], invalid),
        ("max", [1, 3, 2], 3),
        ("max", 5, 5),
        ("max", {"preserve": [1, 3]}, 3),
        ("max", [{"preserve": [1, 3]}], invalid),
        ("max", [1, "2"], invalid),
        ("max", [1, None], invalid),
        ("max", [True], invalid),
        ("max", [[1]], invalid),
        ("min", [], invalid),
        ("min", [3, -1.5, 2], -1.5),
        ("min", ["a"], invalid),
        ("min", {"preserve": []}, invalid),
    ],
)
def test_arithmetic(name: str, operands: Any, expected: Any) -> None:
    check({name: operands}, expected)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"*": [2**62, 2]}, 2**63),
        ({"*": [2**62, 3]}, 3.0 * 2**62),
        ({"+": [10**400, 0]}, nan),
        ({"*": [1e308, 10]}, nan),
        ({"/": [1e308, 1e-308]}, nan),
        ({"-": [-1e308, 1e308]}, nan),
        ({"+": [0.1, 0.2]}, 0.30000000000000004),
        ({"reduce": [{"preserve": [2] * 5000}, {"*": [{"val": "accumulator"}, {"val": "current"}]}, 1]}, nan),
    ],
)
def test_numbers_are_exact_up_to_64_bits_and_then_doubles(rule: Any, expected: Any) -> None:
    check(rule, expected)


_SAME = {"==": True, "!=": False, "===": True, "!==": False}
_EQUAL = {"==": True, "!=": False, "===": False, "!==": True}
_OTHER = {"==": False, "!=": True, "===": False, "!==": True}
_NEITHER = {"==": nan, "!=": nan, "===": False, "!==": True}
# Numbers to JavaScript alone.
_FOREIGN = ("Infinity", "-Infinity", "0x10", " 0XfF ", "0o7", "0b11", "1e400", "-1e400")
_ALIKE = {"==": nan, "!=": nan, "===": True, "!==": False}


@pytest.mark.parametrize(
    ("left", "right", "verdicts"),
    [
        (1, 1, _SAME),
        (1, 1.0, _SAME),
        (2**60, float(2**60), _SAME),
        ("a", "a", _SAME),
        (True, True, _SAME),
        (None, None, _SAME),
        (1, "1", _EQUAL),
        (1, "1.0", _EQUAL),
        (1, " 1 ", _EQUAL),
        (1, True, _EQUAL),
        (0, False, _EQUAL),
        (0, None, _EQUAL),
        (0, "", _EQUAL),
        (False, None, _EQUAL),
        (False, "", _EQUAL),
        (False, "0", _EQUAL),
        (1, 2, _OTHER),
        (1, None, _OTHER),
        (9007199254740993, 9007199254740992.0, _OTHER),
        ("1", "1.0", _OTHER),
        ("a", "A", _OTHER),
        ("", None, _OTHER),
        ("0", None, _OTHER),
        ("a", None, _OTHER),
        (True, None, _OTHER),
        (1, "x", _NEITHER),
        (True, "true", _NEITHER),
        *((truth, text, _OTHER) for truth in (True, False) for text in _FOREIGN),
        (16, "0x10", _NEITHER),
        (1, "Infinity", _NEITHER),
        (1, [1], _NEITHER),
        ("a", ["a"], _NEITHER),
        (None, [], _NEITHER),
        (None, {}, _NEITHER),
        ([], {}, _NEITHER),
        ([1], [True], _NEITHER),
        ([1, 2], [2, 1], _NEITHER),
        ({"a": 1}, {"a": 1, "b": 2}, _NEITHER),
        ({"a": 1}, {"b": 1}, _NEITHER),
        ([], [], _ALIKE),
        ([1, ["a", None]], [1.0, ["a", None]], _ALIKE),
        ({"a": [1], "b": 2}, {"b": 2, "a": [1]}, _ALIKE),
    ],
)
def test_equality(left: Any, right: Any, verdicts: dict[str, Any]) -> None:
    data = {"left": left, "right": right}
    for name, verdict in verdicts.items():
        for one, other in ((left, right), (right, left)):
            check({name: [{"preserve": one}, {"preserve": other}]}, verdict)
        check({name: [{"val": "left"}, {"preserve": right}]}, verdict, data)
        check({name: [{"preserve": right}, {"val": "left"}]}, verdict, data)
        check({name: [{"val": "left"}, {"val": "right"}]}, verdict, data)


_LESS = {"<": True, "<=": True, ">": False, ">=": False}
_LEVEL = {"<": False, "<=": True, ">": False, ">=": True}
_NONE = dict.fromkeys(_LESS, False)
_ERROR = dict.fromkeys(_LESS, nan)


@pytest.mark.parametrize(
    ("left", "right", "verdicts"),
    [
        (1, 2, _LESS),
        (1, 1.5, _LESS),
        (-1, None, _LESS),
        (None, 1, _LESS),
        (False, True, _LESS),
        (True, "2", _LESS),
        ("", 1, _LESS),
        ("9", 10, _LESS),
        (None, "5", _LESS),
        ("a", "b", _LESS),
        ("B", "a", _LESS),
        ("10", "9", _LESS),
        ("a", "aa", _LESS),
        ("z", "é", _LESS),
        (9007199254740992.0, 9007199254740993, _LESS),
        (1, 1, _LEVEL),
        (1, "1", _LEVEL),
        (0, None, _LEVEL),
        (None, None, _LEVEL),
        (None, "", _LEVEL),
        (None, "a", _NONE),
        (1, "a", _ERROR),
        (True, "a", _ERROR),
        *((truth, text, _NONE) for truth in (True, False) for text in _FOREIGN),
        (1, "Infinity", _ERROR),
        (1, [], _ERROR),
        ("a", [], _ERROR),
        (None, {}, _ERROR),
        ([1], [2], _ERROR),
    ],
)
def test_order(left: Any, right: Any, verdicts: dict[str, Any]) -> None:
    mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
    data = {"left": left, "right": right}
    for name, verdict in verdicts.items():
        for first, second in (
            ({"preserve": left}, {"preserve": right}),
            ({"val": "left"}, {"preserve": right}),
            ({"preserve": left}, {"val": "right"}),
            ({"val": "left"}, {"val": "right"}),
        ):
            check({name: [first, second]}, verdict, data)
            check({mirrored[name]: [second, first]}, verdict, data)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"<": [1, 2, 3]}, True),
        ({"<": [1, 2, 2]}, False),
        ({"<=": [1, 2, 2, 3]}, True),
        ({">": [3, 2, 1, 0]}, True),
        ({">=": [3, 3, 4]}, False),
        ({"<": ["a", "b", "c", "d"]}, True),
        ({"<": ["1", 2, "3"]}, True),
        ({"<": ["a", "b", 1]}, nan),
        ({"<": [1, 2, "x"]}, nan),
        ({"<": [2, 1, "x"]}, False),
        ({"==": [1, "1", True]}, True),
        ({"==": [1, 1, 2]}, False),
        ({"==": ["a", "a", 1]}, nan),
        ({"===": [1, 1, 1]}, True),
        ({"===": [1, 1, "1"]}, False),
        ({"!=": [1, 2, 1]}, True),
        ({"!=": [1, 2, 2]}, False),
        ({"!==": [1, "1", 1]}, True),
        *(
            ({name: operands}, invalid)
            for name in ("==", "!=", "===", "!==", "<", "<=", ">", ">=")
            for operands in ([], [1], 1, None, {"preserve": [1, 1]})
        ),
    ],
)
def test_comparisons_of_many_and_of_too_few(rule: Any, expected: Any) -> None:
    check(rule, expected)


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        *((value, False) for value in (False, None, 0, 0.0, "", [], {})),
        *((value, True) for value in (True, 1, -1, 0.1, "0", "false", " ", [0], [[]], [None], {"a": 0})),
    ],
)
def test_truth(value: Any, truth: bool) -> None:
    data = {"v": value}
    for given in ({"preserve": value}, {"val": "v"}):
        check({"!": [given]}, not truth, data)
        check({"!": given}, not truth, data)
        check({"!!": [given]}, truth, data)
        check({"!!": given}, truth, data)
        check({"if": [given, "yes", "no"]}, "yes" if truth else "no", data)
        check({"if": [False, 0, given, "yes", "no"]}, "yes" if truth else "no", data)
        check({"and": [given, "last"]}, "last" if truth else value, data)
        check({"or": [given, "last"]}, value if truth else "last", data)
    check({"filter": [[1], {"val": [[2], "v"]}]}, [1] if truth else [], data)
    for given in ({"preserve": value}, {"val": [[2], "v"]}):
        check({"some": [[1], given]}, truth, data)
        check({"all": [[1], given]}, truth, data)
        check({"none": [[1], given]}, not truth, data)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"!": []}, True),
        ({"!!": []}, False),
        ({"!": None}, True),
        ({"!": [1, 0]}, False),
        ({"and": []}, None),
        ({"or": []}, None),
        ({"and": [1]}, 1),
        ({"or": [0]}, 0),
        ({"and": [1, "a", []]}, []),
        ({"or": [0, "", None]}, None),
        ({"if": []}, None),
        ({"if": [1]}, 1),
        ({"if": [0]}, 0),
        ({"if": [1, 2]}, 2),
        ({"if": [0, 2]}, None),
        ({"if": [0, 1, 2]}, 2),
        ({"if": [0, 1, 0, 2]}, None),
        ({"if": [0, 1, 0, 2, 3]}, 3),
        ({"if": [0, 1, 1, None, 3]}, None),
        ({"if": [0, 1, 1, False, 3]}, False),
        ({"?:": [1, 2, 3]}, 2),
        ({"?:": [0, 2, 1, 4]}, 4),
        ({"??": []}, None),
        ({"??": [None]}, None),
        ({"??": [None, 2]}, 2),
        ({"??": [False, 2]}, False),
        ({"??": [{"val": "x"}, 0, 2]}, 0),
        ({"??": [{"val": "x"}, {"val": "y"}]}, None),
        ({"??": [{"preserve": []}, 2]}, []),
        *(
            ({name: operands}, invalid)
            for name in ("and", "or", "if", "?:", "??")
            for operands in (None, 1, "text", {}, {"preserve": [1]})
        ),
    ],
)
def test_logic(rule: Any, expected: Any) -> None:
    check(rule, expected)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"cat": []}, ""),
        ({"cat": None}, ""),
        ({"cat": "a"}, "a"),
        ({"cat": ["a", 1, None, True, False, "b"]}, "a1truefalseb"),
        ({"cat": [1.0, "|", 1.5, "|", -0.0, "|", 0.1]}, "1|1.5|0|0.1"),
        (
            {"cat": [1e20, "|", 1e21, "|", 1.5e21, "|", 1e-6, "|", 1e-7, "|", 1.25e-7]},
            "100000000000000000000|1e+21|1.5e+21|0.000001|1e-7|1.25e-7",
        ),
        ({"cat": [9007199254740993, "|", 10**25]}, "9007199254740993|1e+25"),
        ({"cat": [10**400]}, nan),
        ({"cat": [[1, [2, 3], []], "x"]}, "1,2,3,x"),
        ({"cat": [{"preserve": {"a": 1}}, "x"]}, "[object Object]x"),
        ({"cat": {"preserve": [1, 2]}}, "12"),
        ({"cat": [{"preserve": [1, 2]}]}, "12"),
        ({"cat": [{"preserve": [1, 2]}, "x"]}, "1,2x"),
        ({"substr": ["hello", 1]}, "ello"),
        ({"substr": ["hello", -3]}, "llo"),
        ({"substr": ["hello", 1, 3]}, "ell"),
        ({"substr": ["hello", 1, -1]}, "ell"),
        ({"substr": ["hello", -3, -1]}, "ll"),
        ({"substr": ["hello", -10, 2]}, "he"),
        ({"substr": ["hello", 10]}, ""),
        ({"substr": ["hello", 0, 0]}, ""),
        ({"substr": ["hello", 0, -10]}, ""),
        ({"substr": ["hello", 2, 100]}, "llo"),
        ({"substr": ["hello"]}, "hello"),
        ({"substr": "hello"}, "hello"),
        ({"substr": []}, ""),
        ({"substr": [None, 1]}, ""),
        ({"substr": [12345, 1]}, "2345"),
        ({"substr": ["hello", "1", "2"]}, "el"),
        ({"substr": ["hello", "x"]}, "hello"),
        ({"substr": ["hello", 1.9]}, "ello"),
        ({"substr": ["a😀b", 1, 1]}, "😀"),
        ({"substr": {"preserve": ["hello", 1, 2]}}, "el"),
        ({"length": "a😀"}, 2),
        ({"length": ["abc"]}, 3),
        ({"length": [[1, 2]]}, 2),
        ({"length": {"preserve": {"a": 1}}}, 1),
        ({"length": [1, 2]}, invalid),
        ({"length": []}, invalid),
        ({"length": None}, invalid),
        ({"in": ["a", "cat"]}, True),
        ({"in": ["", "cat"]}, True),
        ({"in": ["C", "cat"]}, False),
        ({"in": [1, "123"]}, False),
        ({"in": [None, "null"]}, False),
        ({"in": ["a", ["a", 1]]}, True),
        ({"in": [1, ["a", 1.0]]}, True),
        ({"in": ["1", [1]]}, False),
        ({"in": [True, [1]]}, False),
        ({"in": [1, [True]]}, False),
        ({"in": [None, [None]]}, True),
        ({"in": [None, []]}, False),
        ({"in": [[1], [[1.0]]]}, True),
        ({"in": [[True], [[1]]]}, False),
        ({"in": ["a", None]}, False),
        ({"in": ["a", 5]}, False),
        ({"in": ["a", {"preserve": {"a": 1}}]}, False),
        ({"in": ["a"]}, False),
        ({"in": []}, False),
        ({"in": {"preserve": ["a", ["a"]]}}, True),
        ({"merge": []}, []),
        ({"merge": 1}, [1]),
        ({"merge": None}, [None]),
        ({"merge": [[1], 2, [[3]], None]}, [1, 2, [3], None]),
        ({"merge": {"preserve": [[1], [2]]}}, [1, 2]),
        ({"merge": [{"preserve": [[1], [2]]}]}, [[1], [2]]),
        ({"preserve": {"+": [1, 2]}}, {"+": [1, 2]}),
        ({"preserve": [{"var": "a"}]}, [{"var": "a"}]),
        ({"preserve": {"a": 1, "b": {"unknown": {}}}}, {"a": 1, "b": {"unknown": {}}}),
        ({"log": "a"}, "a"),
        ({"log": [{"+": [1, 1]}]}, 2),
        ({"log": []}, None),
    ],
)
def test_texts_and_lists(rule: Any, expected: Any) -> None:
    check(rule, expected)


@pytest.mark.parametrize("item", [*"ab1", "", 1, 1.0, 2, True, False, None, ["a"], [1], {}])
@pytest.mark.parametrize(
    "container",
    [["a", "1"], [1, 2.0], ["a", 1], [True, None], [[1], ["a"]], [True], [1, False], ["a", ["a"]], [], "ab1", "", None],
)
def test_membership_is_the_same_with_literals_and_with_data(item: Any, container: Any) -> None:
    data = {"item": item, "container": container}
    expected = came({"in": [{"val": "item"}, {"val": "container"}]}, data)
    check({"in": [{"preserve": item}, {"preserve": container}]}, expected)
    check({"in": [{"val": "item"}, {"preserve": container}]}, expected, data)
    check({"in": [{"preserve": item}, {"val": "container"}]}, expected, data)
    if isinstance(container, list):
        check({"in": [{"val": "item"}, container]}, expected, data)


def test_what_is_logged_is_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="rules.jsonlogic"):
        assert jsonlogic.apply({"log": {"var": "a"}}, {"a": [1]}) == [1]
    assert [record.getMessage() for record in caplog.records] == ["[1]"]
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="rules.jsonlogic"):
        jsonlogic.apply({"log": {"var": "a"}}, {"a": [1]})
    assert not caplog.records


def test_the_operations_are_those_of_the_community() -> None:
    assert set(OPERATIONS) == {
        *("var", "val", "exists", "missing", "missing_some"),
        *("if", "?:", "and", "or", "!", "!!", "??", "try", "throw"),
        *("==", "!=", "===", "!==", "<", "<=", ">", ">="),
        *("+", "-", "*", "/", "%", "max", "min"),
        *("cat", "substr", "in", "merge", "length"),
        *("map", "filter", "reduce", "all", "some", "none"),
        *("preserve", "log"),
    }
