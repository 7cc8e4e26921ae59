"""Operations that evaluate a part of the rule again and again, or only after an error."""

from collections.abc import Callable
from typing import Any, Final, NoReturn

from rules.jsonlogic.errors import JsonLogicError, invalid_arguments, limit_exceeded
from rules.jsonlogic.steps import Steps

# Takes an item and its index.
Body = Callable[[Any, int], Any]

# Levels of lists and objects in what a `reduce` has so far: it could otherwise nest or double without end.
MAX_ACCUMULATED_DEPTH: Final = 8


def _items(source: Any, steps: Steps, weight: int) -> list[Any]:
    """Of a list; what is false has none, whatever it is. An item counts for as many as a turn has `weight`."""
    if not source:
        return []
    if not isinstance(source, list):
        raise invalid_arguments("Only a list has items to go through.")
    steps.take(len(source) * weight)
    return source


def _members(source: Any, steps: Steps, weight: int) -> list[Any] | str:
    """Of a list or a text, by its characters. A number, true and an object have none, and that is no error."""
    members = source if isinstance(source, (list, str)) else []
    steps.take(len(members) * weight)
    return members


def mapped(source: Any, body: Body, steps: Steps, weight: int) -> list[Any]:
    return [body(item, index) for index, item in enumerate(_items(source, steps, weight))]


def filtered(source: Any, body: Body, steps: Steps, weight: int) -> list[Any]:
    return [item for index, item in enumerate(_items(source, steps, weight)) if body(item, index)]


def every(source: Any, body: Body, steps: Steps, weight: int) -> bool:
    """False of what is false, such as a list without items."""
    return bool(source) and all(body(item, index) for index, item in enumerate(_members(source, steps, weight)))


def some(source: Any, body: Body, steps: Steps, weight: int) -> bool:
    return any(body(item, index) for index, item in enumerate(_members(source, steps, weight)))


def none(source: Any, body: Body, steps: Steps, weight: int) -> bool:
    return not some(source, body, steps, weight)


def reduced(source: Any, initial: Any, body: Callable[[dict[str, Any]], Any], steps: Steps, weight: int) -> Any:
    """The start where there is nothing to go through: of a text, a number and true as well."""
    accumulator = initial
    for item in _items(None if isinstance(source, (str, int, float)) else source, steps, weight):
        accumulator = body({"accumulator": accumulator, "current": item})
        _check_size(accumulator, steps)
    return accumulator


def _check_size(value: Any, steps: Steps) -> None:
    level, depth = [value], 0
    while level := [part for part in level if isinstance(part, (list, dict))]:
        depth += 1
        if depth > MAX_ACCUMULATED_DEPTH:
            raise limit_exceeded(f'"reduce" can nest lists and objects {MAX_ACCUMULATED_DEPTH} levels deep.')
        steps.take(sum(map(len, level)))
        level = [part for whole in level for part in (whole.values() if isinstance(whole, dict) else whole)]


def attempt(first: Callable[[], Any], *others: Callable[[dict[str, Any]], Any]) -> Any:
    """The value of the first operand without an error; each but the first gets the error of the one before."""
    try:
        return first()
    except JsonLogicError as error:
        if not others:
            raise
        # Only this is kept: an error that is kept keeps alive what it has seen on its way.
        payload = error.payload
    for other in others[:-1]:
        try:
            return other(payload)
        except JsonLogicError as error:
            payload = error.payload
    return others[-1](payload)


def throw(operands: list[Any]) -> NoReturn:
    raise JsonLogicError(operands[0] if operands else None)


def forgotten(error: JsonLogicError) -> JsonLogicError:
    """The error without the way it came, and so without the data that it would keep alive."""
    return error.with_traceback(None)


def refuse(message: str) -> NoReturn:
    """Operands of a wrong shape. Not before they are evaluated: in a branch that is not taken they do no harm."""
    raise invalid_arguments(message)
