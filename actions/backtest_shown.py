"""What a reader sees of a backtest: its report in words and numbers, and what it makes of one action."""

import uuid
from dataclasses import asdict
from typing import Any

from actions import backtest as backtests
from actions.activity_page import draft_told
from actions.backtest_chart import chart
from actions.models import Action, ActionFacts, Backtest
from authsignal_portal import words
from authsignal_portal.access import Access
from rules import policies, value_lists
from rules.engine import OUTCOMES, decide
from rules.models import Rule
from rules.velocity import PREFIX, parse


def number(value: float) -> str:
    return f"{round(value):,}"


def rate(value: float) -> str:
    """Per day: with a decimal where it is small."""
    return f"{value:,.1f}" if abs(value) < 100 else number(value)


def signed(value: float) -> str:
    text = rate(abs(value))
    return text if float(text.replace(",", "")) == 0 else f"{'+' if value > 0 else '−'}{text}"


# -- the report ----------------------------------------------------------------------------------


def shown_report(backtest: Backtest, report: dict[str, Any]) -> dict[str, Any]:
    more = report["challenges"]["after"] - report["challenges"]["before"]
    messages = report["messages"]
    ratio = messages["sent"] / messages["challenged"] if messages["challenged"] else None
    actions = report["actions"]
    return {
        "report": report,
        "numbers": {
            "actions": number(actions),
            "changed": number(report["changed"]),
            "share": _share(report["changed"], actions),
            "users": number(report["users"]),
            "challenges": signed(more),
            "before": rate(report["challenges"]["before"]),
            "after": rate(report["challenges"]["after"]),
            "messages": None if ratio is None else signed(more * ratio),
            "ratio": None if ratio is None else f"{ratio:.2f}",
            "sent": number(messages["sent"]),
            "challenged": number(messages["challenged"]),
            "not_kept": number(report["notKept"]) if report["notKept"] else "",
        },
        "matrix": _matrix(report),
        "totals": [number(sum(report["matrix"][before][after] for before in OUTCOMES)) for after in OUTCOMES],
        "recounted": [parse(key).label for key in report["recounted"]],
        "outcomes": [words.OUTCOMES[outcome] for outcome in OUTCOMES],
        "rules": _rules(backtest, report),
        "samples": _samples(report),
        "chart": asdict(chart(report["series"])),
    }


def _share(part: int, whole: int) -> str:
    if not whole:
        return "0 %"
    share = 100 * part / whole
    return f"{share:.1f} %" if share >= 0.05 or not part else "< 0.1 %"


def _matrix(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "outcome": before,
            "label": words.OUTCOMES[before],
            "cells": [
                {"number": number(row[after]), "kind": _kind(row[after], is_same=after == before)} for after in OUTCOMES
            ],
            "total": number(sum(row.values())),
        }
        for before, row in ((before, report["matrix"][before]) for before in OUTCOMES)
    ]


def _kind(count: int, *, is_same: bool) -> str:
    return "none" if not count else "same" if is_same else "changed"


def _rules(backtest: Backtest, report: dict[str, Any]) -> list[dict[str, Any]]:
    there = {str(pk) for pk in Rule.objects.filter(configuration=backtest.configuration).values_list("pk", flat=True)}
    return [
        {
            **rule,
            "label": words.OUTCOMES[rule["outcome"]],
            "is_there": rule["ruleId"] in there,
            "matched": number(rule["matched"]),
            "decided": number(rule["decided"]),
            "changed": number(sum(rule["changedFrom"].values())),
            "from": [(words.OUTCOMES[outcome], number(count)) for outcome, count in rule["changedFrom"].items()],
            "unknown": number(rule["unknown"]) if rule["unknown"] else "",
        }
        for rule in report["rules"]
    ]


def _samples(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Each changed cell with its newest actions; those that are gone since are left out."""
    ids = [one["id"] for cell in report["samples"] for one in cell["actions"]]
    found = {str(one.pk): one for one in Action.objects.filter(pk__in=ids).select_related("user")}
    return [
        {
            "before": cell["before"],
            "after": cell["after"],
            "from": words.OUTCOMES[cell["before"]],
            "to": words.OUTCOMES[cell["after"]],
            "number": number(report["matrix"][cell["before"]][cell["after"]]),
            "actions": [found[one["id"]] for one in cell["actions"] if one["id"] in found],
        }
        for cell in report["samples"]
    ]


# -- one action ----------------------------------------------------------------------------------


def told_of(backtest: Backtest, action_id: uuid.UUID) -> dict[str, Any] | None:
    """The velocities that the draft was told for a sampled action; None for one that was not sampled."""
    sampled = (one for cell in (backtest.report or {}).get("samples", ()) for one in cell["actions"])
    return next((one["velocity"] for one in sampled if one["id"] == str(action_id)), None)


def draft_verdict(backtest: Backtest, facts: ActionFacts, told: dict[str, Any], here: Access) -> dict[str, Any]:
    """What the draft makes of an action, in the form of `activity_page.verdict`."""
    draft = backtests.draft_of(backtest)
    policy = policies.compiled(draft, backtest.configuration.action_code)
    known = facts.opened()
    asked = {one.velocity.key.removeprefix(PREFIX) for one in policy.velocities}
    kept = {name: value for name, value in known.get("velocity", {}).items() if name not in asked}
    known["velocity"] = kept | told
    lists = value_lists.past(
        here.tenant.pk,
        backtest.lists_version,
        at=backtest.created_at.timestamp(),
        missing=(backtest.report or {}).get("missingLists", ()),
    )
    return draft_told(draft, policy, decide(known, policy, lists), known, lists=lists, here=here)
