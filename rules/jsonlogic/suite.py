"""Test cases as the JsonLogic community publishes them, and what became of them here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rules.jsonlogic import JsonLogicError, apply
from rules.jsonlogic.values import strict_equal


@dataclass(frozen=True, slots=True)
class Malformed:
    """An entry that is neither a comment nor a case, and so a case that fails."""

    number: int
    entry: Any


@dataclass(frozen=True, slots=True)
class Case:
    """`number` counts the cases of a file from 1. What is expected is {"result": …} or {"error": {"type": …}}."""

    number: int
    description: str
    rule: Any
    data: Any
    expected: dict[str, Any]


def cases(entries: Iterable[object]) -> Iterator[Case | Malformed]:
    """The cases of a file: [<rule>, <data>, <result>], or an object; texts are comments.

    An object has `rule`, `result` or `error`, and may have `data` and `description`.
    """
    for number, entry in enumerate((entry for entry in entries if not isinstance(entry, str)), 1):
        yield _case(number, entry)


def _case(number: int, entry: object) -> Case | Malformed:
    if isinstance(entry, list) and len(entry) == 3:
        rule, data, result = entry
        return Case(number, "", rule, data, {"result": result})
    if not isinstance(entry, dict) or "rule" not in entry or not entry.keys() & {"result", "error"}:
        return Malformed(number, entry)
    expected = {"result": entry["result"]} if "error" not in entry else {"error": _only_type(entry["error"])}
    return Case(number, str(entry.get("description", "")), entry["rule"], entry.get("data"), expected)


def _only_type(error: Any) -> dict[str, Any]:
    return {"type": error.get("type") if isinstance(error, dict) else error}


def outcome(case: Case) -> dict[str, Any]:
    """In the form of what is expected."""
    try:
        return {"result": apply(case.rule, case.data)}
    except JsonLogicError as error:
        return {"error": {"type": error.type}}
    except Exception as fault:  # noqa: BLE001 - a case that breaks the engine has failed; the others are still to run
        return {"error": {"type": f"{type(fault).__name__}: {fault}"}}


def passes(case: Case, came: dict[str, Any]) -> bool:
    """Whether this is what is expected, as JSON: 1 is 1.0, but true is not 1."""
    return strict_equal(case.expected, came)
