"""What may be done to an action in which state. Pure."""

from authsignal_portal.vocabulary import ActionState

S = ActionState

# A proof is worth nothing on these: somebody decided already.
CLOSED_TO_PROOF = frozenset({S.BLOCK, S.REVIEW_REQUIRED, S.REVIEW_FAILED, S.CHALLENGE_FAILED})


def may_be_set(to: ActionState) -> bool:
    """Whether the customer's backend or staff may set the state: everything but a proof's result."""
    return to != S.CHALLENGE_SUCCEEDED
