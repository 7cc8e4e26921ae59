"""Operations on numbers. Whole numbers stay exact up to 64 bits; what no double can hold is an error, as NaN is."""

from typing import Any, Final

from rules.jsonlogic.errors import invalid_arguments, not_a_number
from rules.jsonlogic.values import Number, number

_WHOLE: Final = 2**63


def _fit(value: Number) -> Number:
    if isinstance(value, int):
        if -_WHOLE <= value <= _WHOLE:
            return value
        try:
            return float(value)
        except OverflowError:
            raise not_a_number("The number is too large.") from None
    if value - value != 0:
        raise not_a_number("The result is infinite, or none.")
    return value


def _numbers(operands: list[Any]) -> list[Number]:
    return [_fit(number(operand)) for operand in operands]


def plus(operands: list[Any]) -> Number:
    total: Number = 0
    for operand in _numbers(operands):
        total = _fit(total + operand)
    return total


def times(operands: list[Any]) -> Number:
    product: Number = 1
    for operand in _numbers(operands):
        product = _fit(product * operand)
    return product


def minus(operands: list[Any]) -> Number:
    """The negation of a single operand."""
    if not operands:
        raise invalid_arguments('"-" takes at least one number.')
    first, *others = _numbers(operands)
    if not others:
        return -first
    for operand in others:
        first = _fit(first - operand)
    return first


def divide(operands: list[Any]) -> Number:
    """The reciprocal of a single operand."""
    if not operands:
        raise invalid_arguments('"/" takes at least one number.')
    first, *others = _numbers(operands if len(operands) > 1 else [1, *operands])
    for operand in others:
        first = _fit(_quotient(first, _divisor(operand)))
    return first


def modulo(operands: list[Any]) -> Number:
    """The remainder, with the sign of the first operand."""
    if len(operands) < 2:
        raise invalid_arguments('"%" takes at least two numbers.')
    first, *others = _numbers(operands)
    for operand in others:
        first = _remainder(first, _divisor(operand))
    return first


def _divisor(value: Number) -> Number:
    if value == 0:
        raise not_a_number("Nothing can be divided by zero.")
    return value


def _quotient(dividend: Number, divisor: Number) -> Number:
    if isinstance(dividend, int) and isinstance(divisor, int) and dividend % divisor == 0:
        return dividend // divisor
    return dividend / divisor


def _remainder(dividend: Number, divisor: Number) -> Number:
    rest = abs(dividend) % abs(divisor)
    return -rest if dividend < 0 else rest


def largest(operands: list[Any]) -> Number:
    return max(_only_numbers("max", operands))


def smallest(operands: list[Any]) -> Number:
    return min(_only_numbers("min", operands))


def _only_numbers(name: str, operands: list[Any]) -> list[Number]:
    if not operands:
        raise invalid_arguments(f'"{name}" takes at least one number.')
    for operand in operands:
        if isinstance(operand, bool) or not isinstance(operand, (int, float)):
            raise invalid_arguments(f'"{name}" takes numbers only.')
    return operands
