"""Compiled policies, kept in this process by configuration and version; a new version is compiled on first use."""

import uuid
from typing import Any

from rules.engine import Policy, RuleSpec, compile_policy
from rules.models import PolicyVersion
from rules.registry import CustomPoint

MAX_KEPT = 4096

_kept: dict[uuid.UUID, tuple[int, Policy]] = {}
_by_code: dict[tuple[uuid.UUID, str], uuid.UUID] = {}


def policy_of(configuration_id: uuid.UUID, version: int, action_code: str) -> Policy:
    """The policy as it was at `version`. One query the first time."""
    kept = _kept.get(configuration_id)
    if kept and kept[0] == version:
        return kept[1]
    policy = compiled(PolicyVersion.objects.get(configuration_id=configuration_id, version=version), action_code)
    if len(_kept) >= MAX_KEPT:
        _kept.clear()
        _by_code.clear()
    _kept[configuration_id] = (version, policy)
    return policy


def last_seen(tenant_id: uuid.UUID, action_code: str) -> Policy | None:
    """The policy that this process last used for the action: what it asks for is worth reading along."""
    kept = _kept.get(_by_code.get((tenant_id, action_code), tenant_id))
    return kept[1] if kept else None


def remember(tenant_id: uuid.UUID, action_code: str, configuration_id: uuid.UUID) -> None:
    _by_code[tenant_id, action_code] = configuration_id


def compiled(stored: PolicyVersion, action_code: str) -> Policy:
    return compile_policy(
        action_code,
        stored.default_outcome,
        rules=specs(stored),
        custom_points=custom_points(stored),
        version=stored.version,
    )


def specs(stored: PolicyVersion) -> list[RuleSpec]:
    return [RuleSpec.from_json(rule) for rule in stored.rules]


def custom_points(stored: PolicyVersion) -> list[CustomPoint]:
    return [custom_point(point) for point in stored.custom_points]


def custom_point(snapshot: dict[str, Any]) -> CustomPoint:
    return CustomPoint.from_json(snapshot)
