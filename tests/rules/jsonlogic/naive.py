"""A second JsonLogic, to compare with: it walks the rule as it stands, one `if` after the other, and shares no code."""

from typing import Any


class Thrown(Exception):
    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(payload)
        self.payload = payload


NAN = {"type": "NaN"}
INVALID = {"type": "Invalid Arguments"}
NOTHING = object()


def evaluate(rule: Any, data: Any) -> Any:
    return run(rule, [data, NOTHING])


def run(rule: Any, scopes: list[Any]) -> Any:
    """`scopes`: data, iteration, data, iteration, …, the nearest first."""
    if isinstance(rule, list):
        return [run(item, scopes) for item in rule]
    if not isinstance(rule, dict) or not rule:
        return rule
    [(name, raw)] = rule.items()
    if name == "preserve":
        return raw
    if name in ("and", "or", "if", "?:", "??"):
        return junction(name, raw, scopes)
    if name in ("==", "!=", "===", "!==", "<", "<=", ">", ">="):
        return chain(name, raw, scopes)
    if name in ("map", "filter", "all", "some", "none", "reduce"):
        return iterate(name, raw, scopes)
    if name == "try":
        return attempt(raw if isinstance(raw, list) else [raw], scopes)
    if name == "var" and isinstance(raw, list) and len(raw) > 1:
        found = dig(scopes[0], dotted(run(raw[0], scopes)))
        return run(raw[1], scopes) if found is NOTHING else found
    if name in ("!", "!!"):
        truth = bool(run(raw[0] if raw else None, scopes) if isinstance(raw, list) else run(raw, scopes))
        return truth is (name == "!!")
    return call(name, operands(name, raw, scopes), scopes)


def operands(name: str, raw: Any, scopes: list[Any]) -> list[Any]:
    if name in ("+", "-", "cat", "throw", "var", "val", "exists") and isinstance(raw, list) and len(raw) == 1:
        raw = raw[0] if isinstance(raw[0], dict) and raw[0] else raw
    value = run(raw, scopes)
    return value if isinstance(value, list) else [value]


def call(name: str, given: list[Any], scopes: list[Any]) -> Any:
    if name in ("+", "*", "-", "/", "%"):
        return calculate(name, given)
    if name in ("max", "min"):
        if not given or any(type(one) not in (int, float) for one in given):
            raise Thrown(INVALID)
        return sorted(given)[-1 if name == "max" else 0]
    if name == "cat":
        return "".join(text(one) for one in given)
    if name == "in":
        return len(given) > 1 and is_in(given[0], given[1])
    if name == "merge":
        return [item for one in given for item in (one if isinstance(one, list) else [one])]
    if name == "throw":
        raise Thrown(given[0] if given and isinstance(given[0], dict) else {"type": given[0] if given else None})
    if name == "var":
        found = dig(scopes[0], dotted(given[0] if given else ""))
        return (given[1] if len(given) > 1 else None) if found is NOTHING else found
    if name in ("val", "exists"):
        found = jump(given, scopes)
        return found is not NOTHING if name == "exists" else None if found is NOTHING else found
    assert name == "missing", name
    return [key for key in given if dig(scopes[0], dotted(key)) is NOTHING]


def junction(name: str, raw: Any, scopes: list[Any]) -> Any:
    if not isinstance(raw, list):
        raise Thrown(INVALID)
    rest = list(raw)
    if name in ("if", "?:"):
        while len(rest) > 1:
            if run(rest[0], scopes):
                return run(rest[1], scopes)
            del rest[:2]
        return run(rest[0], scopes) if rest else None
    value = None
    for one in rest:
        value = run(one, scopes)
        if value is not None if name == "??" else bool(value) is (name == "or"):
            return value
    return value


def chain(name: str, raw: Any, scopes: list[Any]) -> bool:
    if not isinstance(raw, list) or len(raw) < 2:
        raise Thrown(INVALID)
    left = run(raw[0], scopes)
    for one in raw[1:]:
        right = run(one, scopes)
        if not compare(name, left, right):
            return False
        left = right
    return True


def compare(name: str, left: Any, right: Any) -> bool:
    if name in ("===", "!=="):
        return same(left, right) is (name == "===")
    texts = [type(one) is str for one in (left, right)]
    if any(texts) and any(type(one) is bool for one in (left, right)):
        written = left if texts[0] else right
        if is_foreign(written.strip()):
            return name == "!="
    nulls = [one is None for one in (left, right)]
    if name in ("==", "!="):
        plain = all(text or null for text, null in zip(texts, nulls, strict=True))
        return (left == right if plain else number(left) == number(right)) is (name == "==")
    if not all(texts):
        if any(texts) and any(nulls):
            try:
                left, right = number(left), number(right)
            except Thrown:
                return False
        left, right = number(left), number(right)
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[name]


def iterate(name: str, raw: Any, scopes: list[Any]) -> Any:
    if not isinstance(raw, list) or len(raw) < 2:
        raise Thrown(INVALID)
    items, body = run(raw[0], scopes), raw[1]
    so_far = run(raw[2], scopes) if name == "reduce" and len(raw) > 2 else None
    if not items:
        items = []
    if name in ("all", "some", "none") and not isinstance(items, (list, str)):
        return name != "some"
    if name == "reduce" and isinstance(items, (str, int, float)):
        return so_far
    if name in ("map", "filter", "reduce") and not isinstance(items, list):
        raise Thrown(INVALID)
    results = []
    for index, item in enumerate(items):
        if name == "reduce":
            so_far = run(body, [{"accumulator": so_far, "current": item}, NOTHING, *scopes])
            continue
        results.append(run(body, [item, {"index": index, "iterator": items}, *scopes]))
        if (name == "all" and not results[-1]) or (name in ("some", "none") and results[-1]):
            return name == "some"
    if name == "filter":
        return [item for item, keep in zip(items, results, strict=True) if keep]
    if name == "all":
        return bool(results)
    return {"map": results, "reduce": so_far, "some": False, "none": True}[name]


def attempt(branches: list[Any], scopes: list[Any]) -> Any:
    if not branches:
        raise Thrown(INVALID)
    inside = scopes
    for position, branch in enumerate(branches):
        try:
            return run(branch, inside)
        except Thrown as thrown:
            if position == len(branches) - 1:
                raise
            inside = [thrown.payload, NOTHING, *scopes]
    return None


def calculate(name: str, given: list[Any]) -> int | float:
    if len(given) < {"+": 0, "*": 0, "-": 1, "/": 1, "%": 2}[name]:
        raise Thrown(INVALID)
    numbers = [number(one) for one in given]
    if name in ("+", "*"):
        result: int | float = 0 if name == "+" else 1
        for one in numbers:
            result = result + one if name == "+" else result * one
        return result
    if len(numbers) == 1:
        numbers.insert(0, 0 if name == "-" else 1)
    result = numbers[0]
    for one in numbers[1:]:
        if name == "-":
            result -= one
        elif one == 0:
            raise Thrown(NAN)
        elif name == "/":
            result /= one
        else:
            result = (abs(result) % abs(one)) * (-1 if result < 0 else 1)
    return result


def number(value: Any) -> int | float:
    if value is None:
        return 0
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        shown = value.strip()
        if set(shown) <= set("0123456789+-.eE"):
            try:
                return float(shown) if shown else 0
            except ValueError:
                pass
    raise Thrown(NAN)


def is_foreign(shown: str) -> bool:
    """Whether only JavaScript sees a number in it."""
    base = {"0x": 16, "0o": 8, "0b": 2}.get(shown[:2].lower())
    if base:
        try:
            return shown.isascii() and shown.isalnum() and int(shown[2:], base) >= 0
        except ValueError:
            return False
    try:
        return shown in ("Infinity", "-Infinity", "+Infinity") or abs(number(shown)) == float("inf")
    except Thrown:
        return False


def text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ",".join(text(one) for one in value)
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def is_in(item: Any, container: Any) -> bool:
    if isinstance(container, str):
        return isinstance(item, str) and container.find(item) >= 0
    return isinstance(container, list) and any(same(item, one) for one in container)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right and isinstance(left, bool) is isinstance(right, bool)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


def dotted(key: Any) -> list[Any]:
    return text(key).split(".") if text(key) else []


def jump(path: list[Any], scopes: list[Any]) -> Any:
    up = 0
    if path and isinstance(path[0], list):
        if len(path[0]) != 1 or type(path[0][0]) in (bool, list, dict):
            return NOTHING
        try:
            levels = number(path[0][0])
        except Thrown:
            levels = 0
        if levels != int(levels):
            return NOTHING
        up, path = abs(int(levels)), path[1:]
    if any(type(key) not in (str, int, float) for key in path):
        return NOTHING
    return dig(scopes[up], [text(key) for key in path]) if up < len(scopes) else NOTHING


def dig(value: Any, keys: list[str]) -> Any:
    for key in keys:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key in map(str, range(len(value))):
            value = value[int(key)]
        else:
            return NOTHING
    return value
