"""What a client token proves, for the customer's backend."""

from dataclasses import dataclass, replace

from actions import linking
from actions.models import Action
from authenticators import identity_checks
from authenticators.transactions import Transaction
from authsignal_portal import clock, tokens
from authsignal_portal.errors import ExpiredToken
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState, VerificationMethod

# Of the facts, what validation does not look at.
LARGE = ("facts__facts", "facts__trace", "facts__private_sealed")


@dataclass(frozen=True, slots=True)
class Validation:
    """What a token proves. `error` is set when it proves nothing."""

    action: Action | None = None
    error: str = ""
    # With dynamic linking: what the action is linked to, and once it was proved the receipt.
    transaction: Transaction | None = None
    receipt: str = ""
    veriff_session_id: str = ""

    @property
    def is_valid(self) -> bool:
        return self.action is not None and not self.error and self.action.state == ActionState.CHALLENGE_SUCCEEDED


def validate(*, tenant: Tenant, token: object, user_id: str | None, action_code: str | None) -> Validation:
    """Read a client token of this tenant. A read: repeatable until the token expires, never an exception."""
    try:
        said = tokens.read(token)
    except ExpiredToken:
        return Validation(error="Token is invalid or expired.")
    if said.tenant.pk != tenant.pk or said.expires_at <= clock.now():
        return Validation(error="Token is invalid or expired.")
    rows = Action.objects.select_related("user", "facts", "receipt").defer(*LARGE)
    action = rows.filter(pk=said.action_id, tenant=tenant).first()
    if action is None or action.user.user_id != said.user_id:
        return Validation(error="Token is invalid or expired.")
    # An empty one is nobody: a backend whose session names no user must not take anybody's proof.
    if user_id is not None and user_id != said.user_id:
        return Validation(error="User is invalid.")
    if action_code is not None and action_code != said.action_code:
        return Validation(error="Action is invalid.")
    return replace(_with_transaction(action), veriff_session_id=_veriff_session_id(action))


def _veriff_session_id(action: Action) -> str:
    if action.verification_method != VerificationMethod.VERIFF:
        return ""
    return identity_checks.session_id_of(action.tenant_id, action.pk, VerificationMethod.VERIFF)


def _with_transaction(action: Action) -> Validation:
    facts = getattr(action, "facts", None)
    try:
        linked = linking.transaction_of(facts) if facts else None
    except linking.AlteredTransaction as problem:
        return Validation(error=problem.description)
    if linked is None:
        return Validation(action)
    receipt = getattr(action, "receipt", None)
    return Validation(action, transaction=linked, receipt=receipt.jws if receipt else "")
