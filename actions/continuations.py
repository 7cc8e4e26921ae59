"""What goes on without the user's token: a sign-in that comes back from elsewhere, a result that a vendor tells.

The challenge keeps what the token that began it was allowed, and nothing that could be sent in its place.
"""

from datetime import UTC, datetime
from typing import Any

from actions.client_auth import ClientContext
from actions.models import Action
from authenticators.models import Challenge
from authsignal_portal import clock
from authsignal_portal.errors import ExpiredToken
from authsignal_portal.tokens import ClientToken
from authsignal_portal.vocabulary import TokenPurpose


def remembered(context: ClientContext) -> dict[str, Any]:
    """For `Challenge.context`."""
    token = context.token
    return {
        "token": {
            "purpose": token.purpose.value,
            "scopes": sorted(token.scopes),
            "issuedAt": int(token.issued_at.timestamp()),
            "expiresAt": int(token.expires_at.timestamp()),
        }
    }


def context_of(challenge: Challenge) -> ClientContext:
    """As if the token that began the challenge were here. The challenge's own deadline bounds it.

    Raises ExpiredToken where the action or its user is gone.
    """
    rows = Action.objects.select_related("user__tenant", "tenant", "facts").annotate(clock=clock.Now())
    action = rows.filter(pk__in=[challenge.action_id], tenant=challenge.tenant_id, user=challenge.user_id).first()
    if action is None:
        raise ExpiredToken
    kept = challenge.context["token"]
    token = ClientToken(
        tenant=action.tenant,
        user_id=action.user.user_id,
        action_id=action.pk,
        action_code=action.action_code,
        idempotency_key=action.idempotency_key,
        purpose=TokenPurpose(kept["purpose"]),
        scopes=frozenset(kept["scopes"]),
        issued_at=datetime.fromtimestamp(kept["issuedAt"], UTC),
        expires_at=datetime.fromtimestamp(kept["expiresAt"], UTC),
    )
    return ClientContext(token, action, action.clock)
