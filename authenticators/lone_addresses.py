"""Actions that only a code to an address proves, which the customer's backend named and the user does not have."""

import uuid

from authenticators import available
from authenticators.models import Challenge, EndUser


def is_theirs(user: EndUser, contact_index: str) -> bool:
    """Whether an address is enrolled by the user or on file."""
    enrolled = user.authenticators.filter(contact_index=contact_index).exclude(verified_at=None).exists()
    return enrolled or contact_index in (user.email_index, user.phone_number_index)


def is_all(user: EndUser, action_id: uuid.UUID) -> bool:
    """Whether no proof of the action is of something that is the user's, who has something: it says of nobody that they
    are this user, and lets nobody enrol or manage anything.
    """
    rows = Challenge.objects.filter(action_id=action_id, withdrawn_at=None).exclude(verified_at=None)
    proofs = list(rows.values_list("contact_index", "authenticator_id"))
    if not proofs or any(authenticator or not index for index, authenticator in proofs):
        return False
    return available.was_enrolled(user) and not any(is_theirs(user, index) for index, _none in proofs)
