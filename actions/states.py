"""The allowed moves between action states. Pure."""

from authsignal_portal.vocabulary import ActionState

S = ActionState

# By a proof, or by the end of all ways to prove: the only moves a client can cause.
PROOF_MOVES = frozenset({(S.CHALLENGE_REQUIRED, S.CHALLENGE_SUCCEEDED), (S.CHALLENGE_REQUIRED, S.CHALLENGE_FAILED)})

# A proof is worth nothing on these: somebody decided already.
CLOSED_TO_PROOF = frozenset({S.BLOCK, S.REVIEW_REQUIRED, S.REVIEW_FAILED, S.CHALLENGE_FAILED})


def may_move(current: ActionState, to: ActionState, *, by_proof: bool) -> bool:
    """Whether the state may change so. The customer's backend may set everything but a proof's result."""
    if by_proof:
        return (current, to) in PROOF_MOVES
    return to != S.CHALLENGE_SUCCEEDED
