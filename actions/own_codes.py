"""A user's own recovery codes, as the pages tell of them: how many are left, and whether new ones may be made."""

from typing import Any

from actions.client_auth import ClientContext
from authenticators import available
from authenticators.models import EndUser, RecoveryCode
from authsignal_portal.vocabulary import Scope, VerificationMethod
from authsignal_portal.wire import present


def told(context: ClientContext, *, is_enrolled: bool) -> dict[str, Any]:
    """`enabled`, `remaining` (absent where there never were any), `mayMake`.

    `isLow`: few are left, and new ones may be made. `wasUsed`: one of them proved this action.
    """
    enabled = VerificationMethod.RECOVERY_CODE in available.active_methods(context.tenant)
    remaining = unused(context.user) if enabled else None
    may_make = enabled and is_enrolled and _may_change(context)
    return present(
        {
            "enabled": enabled,
            "remaining": remaining,
            "mayMake": may_make,
            "isLow": may_make and remaining is not None and remaining <= RecoveryCode.FEW,
            "wasUsed": context.action.verification_method == VerificationMethod.RECOVERY_CODE,
        }
    )


def _may_change(context: ClientContext) -> bool:
    """As `proving.new_recovery_codes` judges it; here only so that nothing is offered which that would refuse."""
    return context.may(Scope.UPDATE)


def unused(user: EndUser) -> int | None:
    """How many are left; None when there never were any."""
    used = list(user.recovery_codes.values_list("used_at", flat=True))
    return sum(1 for at in used if at is None) if used else None
