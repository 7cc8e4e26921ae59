"""Several of one method: how many a user may hold, which of them is meant, and when two are the same.

*Held*: proved, by one method. What a tenant switches on is that a further one stands beside those held instead of
taking the place of the only one.
"""

from collections.abc import Collection

from django.conf import settings
from django.db.models import F, QuerySet

from authenticators import contact
from authenticators.methods import totp
from authenticators.models import Authenticator, AuthenticatorConfiguration, EndUser
from authenticators.registry import METHODS
from authsignal_portal.errors import InvalidConfiguration
from authsignal_portal.vocabulary import VerificationMethod

M = VerificationMethod


def are_allowed(user: EndUser, method: VerificationMethod) -> bool:
    """Whether a further one of the method stands beside what the user holds."""
    return METHODS[method].many or AuthenticatorConfiguration.of(user.tenant, method).allows_several


def held(user: EndUser, method: VerificationMethod) -> QuerySet[Authenticator]:
    """The one that is meant where nobody says which comes first: the default, else the one used last."""
    return in_order(user.authenticators.filter(method=method))


def in_order(rows: QuerySet[Authenticator]) -> QuerySet[Authenticator]:
    """Those of them that count, as `held`."""
    proved = rows.exclude(verified_at=None).select_related("tenant")
    return proved.order_by("-is_default", F("last_verified_at").desc(nulls_last=True), "created_at", "pk")


def reached(user: EndUser, methods: Collection[VerificationMethod]) -> dict[str, list[Authenticator]]:
    """By each of the methods that reaches something, what a challenge by it can be for, as `held`. A number that gets
    SMS gets WhatsApp too: the SDKs enrol it once."""
    found: dict[str, list[Authenticator]] = {}
    for row in in_order(user.authenticators.filter(method__in={*methods, M.SMS})):
        found.setdefault(row.method, []).append(row)
    if M.SMS in found:
        found.setdefault(M.WHATSAPP, found[M.SMS])
    return {method: found[method] for method in methods if method in found}


def has_room(user: EndUser, method: VerificationMethod) -> bool:
    """Whether one more may be enrolled. Where several are not allowed, the only one makes room for it: of several that
    are left from before, none says which."""
    count = held(user, method).count()
    return count < _most(method) if are_allowed(user, method) else count <= 1


def check_room(user: EndUser, method: VerificationMethod) -> None:
    """Raises InvalidConfiguration. What is decided with the user locked holds."""
    if has_room(user, method):
        return
    if are_allowed(user, method):
        raise InvalidConfiguration(f"A user may have {_most(method)} of {method}, and this one has. Remove one first.")
    raise InvalidConfiguration(
        f"The user has several of {method}, of which only one is allowed now. Remove some first."
    )


def _most(method: VerificationMethod) -> int:
    most: int = settings.CREDENTIALS_PER_METHOD if METHODS[method].many else settings.AUTHENTICATORS_PER_METHOD
    return most


def same(row: Authenticator) -> Authenticator | None:
    """What the user holds that this one, which may not be stored yet, would be once more: one address, one secret.

    Two rows of one secret would each take its code once.
    """
    if not (row.contact_sealed or row.secret_sealed):
        return None
    for other in held(row.user, M(row.method)).exclude(pk=row.pk):
        if row.contact_sealed and other.contact_sealed and contact.normal(other.contact) == contact.normal(row.contact):
            return other
        if (
            row.secret_sealed
            and other.secret_sealed
            and totp.decode_secret(other.secret) == totp.decode_secret(row.secret)
        ):
            return other
    return None
