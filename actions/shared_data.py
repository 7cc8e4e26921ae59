"""Custom data that leaves the server: what a tenant lets its users' phones see, and its sender of emails be told."""

from typing import Any

from actions.models import Action
from rules.models import CustomDataPoint


def public(action: Action) -> dict[str, dict[str, Any]]:
    """What a user's device may see: of the action, and of the user. Empty parts are out."""
    custom, known = _chosen(action, is_public=True)
    return {name: data for name, data in (("custom", custom), ("user", {"custom": known} if known else {})) if data}


def forwarded(action: Action) -> dict[str, Any]:
    """What the sender of an email is told, by the names of template variables: action_amount, user_firstName."""
    custom, known = _chosen(action, is_forwarded=True)
    of_action = {f"action_{name}": value for name, value in custom.items()}
    return of_action | {f"user_{name}": value for name, value in known.items()}


def _chosen(action: Action, **marked: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the action's and of the user's custom data, what an analyst marked so."""
    points = CustomDataPoint.objects.filter(tenant=action.tenant_id, **marked)
    names = set(points.values_list("model_type", "name"))
    custom = action.facts.facts.get("custom") or {}
    seen = {name: value for name, value in custom.items() if ("action", name) in names}
    known = {name: value for name, value in action.user.custom.items() if ("user", name) in names}
    return seen, known
