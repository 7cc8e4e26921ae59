"""What a request to track sets in the row of its user."""

import uuid
from collections.abc import Mapping
from typing import Any

from actions import gather
from actions.gather import Contacts
from actions.store import Known
from actions.track_request import Track
from authenticators import contact
from authsignal_portal.models import Tenant


def columns_of(request: Track, known: Known, in_clear: Contacts, user_pk: uuid.UUID) -> dict[str, Any]:
    """What of the user's row this request sets; the statement leaves everything else as it is by then."""
    email_sealed, email_index, email_same = _contact(
        request, "email", in_clear.email, user_pk, known.email_sealed, known.email_index
    )
    phone_sealed, phone_index, phone_same = _contact(
        request,
        "phoneNumber",
        in_clear.phone_number,
        user_pk,
        known.phone_number_sealed,
        known.phone_number_index,
    )
    return {
        "email_sealed": email_sealed,
        "email_index": email_index,
        "email_new": not email_same,
        "phone_sealed": phone_sealed,
        "phone_index": phone_index,
        "phone_new": not phone_same,
        "username_sent": request.sent.get("username"),
        "user_locale_sent": request.sent.get("locale"),
    }


COLUMN = {"email": "email_sealed", "phoneNumber": "phone_number_sealed"}


def _contact(
    request: Track, name: str, text: str | None, user_pk: uuid.UUID, sealed: bytes | None, index: str | None
) -> tuple[bytes | None, str, bool]:
    """(sealed, index, unchanged) of an address or number."""
    if name not in request.sent or text is None:
        return sealed, index or "", True
    if index and index in contact.indexes(request.tenant.pk, text):
        return sealed, index, True
    place = ("authenticators_enduser", COLUMN[name], str(user_pk))
    return request.tenant.seal(text, *place), contact.index(request.tenant.pk, text), False


def left_behind(tenant: Tenant, known: Known, columns: Mapping[str, Any]) -> list[str]:
    """The addresses on file in whose place others come."""
    before = gather.contacts(tenant, known, {})
    pairs = ((before.email, "email_new"), (before.phone_number, "phone_new"))
    return [address for address, is_new in pairs if address and columns[is_new]]


def changed(columns: Mapping[str, Any], known: Known) -> bool:
    """Whether these columns differ from what is stored of the user."""
    return (
        columns["email_new"]
        or columns["phone_new"]
        or columns["username_sent"] not in (None, known.username)
        or columns["user_locale_sent"] not in (None, known.locale)
    )
