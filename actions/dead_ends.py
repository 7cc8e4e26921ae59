"""An action that waits for a proof which its user cannot give: it has failed, and the app is to know.

Judged by what the server knows, when the user leaves the page. That a browser lacks something, or that the user does
not want to, is no dead end; nor is a method that is locked.
"""

from actions import hosted_state, proofs
from actions.client_auth import ClientContext
from actions.proving import one_at_a_time
from authenticators import available
from authenticators.models import AuthenticatorConfiguration
from authsignal_portal.vocabulary import ActionState, VerificationMethod

M = VerificationMethod


def close(context: ClientContext) -> None:
    """Let the action fail if nothing that it allows is set up, on file, or can be set up with this token.

    Raises ExpiredToken.
    """
    if context.action.state != ActionState.CHALLENGE_REQUIRED or hosted_state.is_vouched(context):
        return
    with one_at_a_time(context):
        enrolled = available.enrolled(context.user)
        is_new = available.is_new(context.user, enrolled)
        if not _has(context, enrolled, is_new=is_new) and not _may_have(context, is_new=is_new):
            proofs.no_method_left(context.action)


def _has(context: ClientContext, enrolled: list[VerificationMethod], *, is_new: bool) -> bool:
    """Whether something allowed is there: also what only an app of the customer's own can use."""
    user = context.user
    found = {*enrolled, *hosted_state.contacts_of(user, enrolled, is_new=is_new)}
    if user.recovery_codes.filter(used_at=None).exists():
        found.add(M.RECOVERY_CODE)
    return not found.isdisjoint(proofs.permitted(context.action))


def _may_have(context: ClientContext, *, is_new: bool) -> bool:
    """Whether something allowed can be set up: also what only an app of the customer's own can."""
    possible = {*proofs.permitted(context.action)}.intersection(hosted_state.may_enrol(context, is_new=is_new)) - {
        M.RECOVERY_CODE
    }
    rows = {row.method: row for row in AuthenticatorConfiguration.objects.filter(tenant=context.tenant)}
    for method in possible:
        row = rows.get(method)
        if row is None or (not row.is_hidden_to_user and available.can_recover(context.user, row)):
            return True
    return False
