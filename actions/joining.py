"""The action instance that a client's or server's challenge belongs to: the one that is named, or one begun now."""

from collections.abc import Mapping
from typing import Any

from actions import claims, flow
from actions.models import Action
from audit import log
from authsignal_portal.errors import Conflict
from authsignal_portal.models import Tenant


def join(
    *,
    tenant: Tenant,
    user_id: str,
    action_code: str,
    attributes: Mapping[str, Any],
    actor: log.Actor,
    in_default_text: bool = False,
) -> Action:
    """The instance that a client or server challenge belongs to: the one with this key, else a new one, begun now.

    Call inside a transaction; returns with the user locked. Raises what `flow.track` raises.
    """
    key = attributes.get("idempotencyKey")
    if key:
        rows = Action.objects.filter(tenant=tenant, user__user_id=user_id)
        named = rows.filter(action_code=action_code, idempotency_key=key).first()
        if named:
            held = claims.hold(named.pk)
            _check_same_custom(held, attributes)
            return held
    tracked = flow.track(
        tenant=tenant,
        user_id=user_id,
        action_code=action_code,
        attributes=attributes,
        actor=actor,
        begun_by_client=True,
        in_default_text=in_default_text,
    )
    return claims.hold(tracked.action_id)


def _check_same_custom(action: Action, attributes: Mapping[str, Any]) -> None:
    """A linked transaction is not asked for again with other values under the same key. Raises Conflict."""
    sent = attributes.get("custom")
    if sent and action.facts.transaction_hash and sent != action.facts.facts["custom"]:
        raise Conflict(f"The idempotencyKey {action.idempotency_key} was used with other custom data. Use a new key.")
