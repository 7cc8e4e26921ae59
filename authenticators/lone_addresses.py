"""Actions that only a code to an address proves, which the customer's backend named and the user does not have."""

import uuid
from datetime import datetime

from authenticators import available, contact
from authenticators.models import Challenge, EndUser


def is_theirs(user: EndUser, address: str) -> bool:
    """Whether an address is enrolled by the user or on file."""
    on_file = {user.email_index, user.phone_number_index}
    return not on_file.isdisjoint(contact.indexes(user.tenant_id, address)) or user.proved_at(address).exists()


def is_all(user: EndUser, action_id: uuid.UUID, *, since: datetime | None = None) -> bool:
    """Whether no proof of the action is of something that is the user's, who has something: it says of nobody that they
    are this user, and lets nobody enrol or manage anything. `since`: older proofs count no more.
    """
    rows = Challenge.objects.filter(action_id=action_id, withdrawn_at=None, failed_at=None).exclude(verified_at=None)
    rows = rows.filter(verified_at__gte=since) if since else rows
    proofs = list(rows.select_related("tenant"))
    if not proofs or any(proof.authenticator_id or not proof.contact_sealed for proof in proofs):
        return False
    return available.was_enrolled(user) and not any(is_theirs(user, proof.contact) for proof in proofs)
