"""The report of a backtest, made of what was counted. Pure.

{"since", "until", "days": days that there were actions, "actions", "notKept", "changed", "users",
 "matrix": {before: {after: number}},
 "rules": [{"ruleId", "name", "outcome", "isShadow", "matched", "decided", "changedFrom": {before: number}, "unknown"}],
 "challenges": {"before", "after"} per day, "messages": {"days", "challenged", "sent"},
 "series": [{"day", "actions", "before", "after"}], "recounted": [velocity, …], "missingLists": [alias, …],
 "samples": [{"before", "after", "actions": [{"id", "velocity"}]}]}

The last of the rules, without an id, is the default outcome: where no rule fired. `before` and `after` of a day are
how many were challenged; `velocity` is what the draft was told.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from actions.backtest_rows import Span
from actions.backtest_tally import RuleCount, Tally
from rules.engine import OUTCOMES

_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Messages:
    """How many were sent for actions that were challenged, in the last `days`: older ones are no longer kept."""

    days: int
    challenged: int
    sent: int


def report(tally: Tally, span: Span, messages: Messages, *, missing_lists: Sequence[str]) -> dict[str, Any]:
    changed = sum(number for (before, after), number in tally.matrix.items() if before != after)
    days = _days(tally, span)
    return {
        "since": span.since.isoformat(),
        "until": span.until.isoformat(),
        "days": days,
        "actions": tally.matrix.total(),
        "notKept": tally.not_kept,
        "changed": changed,
        "users": len(tally.users),
        "matrix": {before: {after: tally.matrix[before, after] for after in OUTCOMES} for before in OUTCOMES},
        "rules": _rules(tally),
        "challenges": {
            "before": sum(tally.matrix["CHALLENGE", after] for after in OUTCOMES) / days,
            "after": sum(tally.matrix[before, "CHALLENGE"] for before in OUTCOMES) / days,
        },
        "messages": asdict(messages),
        "series": _series(tally),
        "recounted": tally.recounted,
        "missingLists": list(missing_lists),
        "samples": [
            {"before": before, "after": after, "actions": [{"id": str(one), "velocity": told} for one, told in actions]}
            for before, after, actions in sorted(tally.samples(), key=lambda cell: _place(cell[0], cell[1]))
        ],
    }


def _place(before: str, after: str) -> tuple[int, int]:
    return OUTCOMES.index(before), OUTCOMES.index(after)


def _days(tally: Tally, span: Span) -> float:
    """Days from the first action on, at least one: a tenant of yesterday has no thirty days behind it."""
    if not tally.days:
        return 1.0
    first = datetime.combine(_FIRST_DAY + timedelta(days=min(tally.days)), datetime.min.time(), UTC)
    return max(1.0, (span.until - max(span.since, first)).total_seconds() / 86_400)


def _rules(tally: Tally) -> list[dict[str, Any]]:
    rules = [
        {
            "ruleId": rule.spec.rule_id,
            "name": rule.spec.name,
            "outcome": rule.spec.outcome,
            "isShadow": rule.spec.is_shadow,
            **_counts(count),
        }
        for rule, count in zip(tally.policy.rules, tally.rules, strict=True)
    ]
    default = {"ruleId": None, "name": "", "outcome": tally.policy.default_outcome, "isShadow": False}
    return [*rules, default | _counts(tally.by_default)]


def _counts(count: RuleCount) -> dict[str, Any]:
    return {
        "matched": count.matched,
        "decided": count.decided,
        "unknown": count.unknown,
        "changedFrom": {outcome: number for outcome in OUTCOMES if (number := count.changed_from[outcome])},
    }


def _series(tally: Tally) -> list[dict[str, Any]]:
    days = ((_FIRST_DAY + timedelta(days=day), sums) for day, sums in sorted(tally.days.items()))
    return [
        {"day": day.isoformat(), "actions": actions, "before": before, "after": after}
        for day, (actions, before, after) in days
    ]
