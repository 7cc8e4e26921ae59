"""The reference of what rules can ask, as Markdown: written from the same tables that the engine works by."""

from collections.abc import Iterable, Iterator

from rules import velocity
from rules.condition_tree import MAX_BYTES, MAX_DEPTH, MAX_LIST, MAX_NODES
from rules.operators import MAX_PATTERN, Operator, of_kind
from rules.registry import DATA_POINTS, DataPoint
from rules.types import Kind

_HEAD = """# What rules can ask

Written by `make reference` from the tables that the builder, the check, the engine and the trace work by.
"""
_KINDS = {
    Kind.TEXT: "text",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "true or false",
    Kind.MULTISELECT: "several choices",
    Kind.COUNTRY: "country (ISO 3166-1, two letters)",
    Kind.IP: "address",
}


def markdown() -> str:
    parts = [_HEAD, *_points(), *_custom(), *_velocity(), *_operators(), *_limits()]
    return "\n".join(parts)


def _points() -> Iterator[str]:
    yield "## Data points\n"
    groups: dict[str, list[DataPoint]] = {}
    for point in DATA_POINTS.values():
        groups.setdefault(point.category, []).append(point)
    for category, points in groups.items():
        yield f"### {category}\n"
        rows = ((f"`{one.key}`", _KINDS[one.kind], one.label, _description(one)) for one in points)
        yield _table(("Data point", "Kind", "In the builder", "Meaning"), rows)


def _description(point: DataPoint) -> str:
    known = "" if point.optional else " Always known."
    return point.description + known


def _custom() -> Iterator[str]:
    yield (
        "### Custom\n\nA tenant defines its own, of the kinds text, number, boolean and multiselect: `custom.<name>` "
        "is sent with the action, `user.custom.<name>` is kept with the user. A name known only to the user answers to "
        "`custom.<name>` too.\n"
    )


def _velocity() -> Iterator[str]:
    yield f"## Velocity\n\nA number over past actions: `{velocity.FORM}`, the current action counted.\n"
    rows = [
        ("metric", ", ".join(f"`{one}`" for one in (velocity.COUNT, *velocity.MEMBERS, velocity.FAILED))
         + ", " + ", ".join(f"`{fold}:<custom number>`" for fold in velocity.FOLDS)),
        ("scope", ", ".join(f"`{one}`" for one in velocity.SCOPES)),
        ("actions", "`this`, `any`, `action:<code>+<code>`"),
        ("window", f"`1m` to `{velocity.MAX_WINDOW_DAYS}d`: minutes, hours or days"),
    ]  # fmt: skip
    yield _table(("Part", "One of"), rows)
    yield (
        f"Counts are compared with at most {velocity.MAX_THRESHOLD:,}. Different members, failed challenges, and "
        "sums, averages and maxima, counts of `this` or named actions by device, IP address, phone number or email "
        f"domain are read from the newest {velocity.MAX_ROWS:,} actions in the window; where there are more, a value "
        "that already settles every comparison stands, and any other is unknown. The active rules of an action "
        f"together use at most {velocity.MAX_VELOCITIES} different velocities.\n"
    )


def _operators() -> Iterator[str]:
    yield "## Comparisons\n"
    for kind, title in _KINDS.items():
        yield f"### On {title}\n"
        rows = ((one.label, f"`{_form(one)}`") for one in of_kind(kind))
        yield _table(("In the builder", "As JsonLogic"), rows)
    yield (
        "A comparison on a missing value, or on one of another kind, is *unknown*; but what is missing “is empty”. "
        "And, or and not follow Kleene's logic. A rule fires on true; on unknown only if it says so, and never if its "
        "outcome is ALLOW.\n"
    )


def _form(row: Operator) -> str:
    inner = f'{{"{row.symbol}": {row.shape.form}}}'
    return f'{{"!": {inner}}}' if row.negated else inner


def _limits() -> Iterator[str]:
    yield "## Limits of one rule\n"
    rows = [
        ("levels of nesting", f"{MAX_DEPTH}"),
        ("conditions and groups", f"{MAX_NODES}"),
        ("values in a list", f"{MAX_LIST:,}; a value list may be longer"),
        ("conditions as JSON", f"{MAX_BYTES:,} bytes"),
        ("a pattern (RE2)", f"{MAX_PATTERN} characters"),
    ]
    yield _table(("What", "At most"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
