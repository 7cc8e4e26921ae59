"""Which methods a tenant uses and a user has."""

from collections.abc import Iterable

from authenticators.models import Authenticator, AuthenticatorConfiguration, EndUser
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import OPT_IN_METHODS, VerificationMethod


def active(tenant: Tenant, switched: Iterable[str]) -> list[VerificationMethod]:
    """The tenant's methods, given those that its configuration switches: off, or on where it is off by itself."""
    on = {method.value for method in VerificationMethod if method not in OPT_IN_METHODS} ^ set(switched)
    if tenant.disable_recovery_codes:
        on.discard(VerificationMethod.RECOVERY_CODE)
    return [method for method in VerificationMethod if method in on]


def active_methods(tenant: Tenant) -> list[VerificationMethod]:
    rows = AuthenticatorConfiguration.objects.filter(tenant=tenant).values_list("method", "is_active")
    return active(tenant, [method for method, is_active in rows if is_active == (method in OPT_IN_METHODS)])


def enrolled(user: EndUser) -> list[VerificationMethod]:
    """Methods of usable authenticators, in the order of the vocabulary."""
    have = set(user.authenticators.filter(Authenticator.usable()).values_list("method", flat=True))
    return [method for method in VerificationMethod if method in have]


def can_recover(user: EndUser, configured: AuthenticatorConfiguration) -> bool:
    """Whether the user has one of the methods that the tenant wants first for the day this one is lost."""
    wanted = configured.recovery_methods
    return not wanted or not set(wanted).isdisjoint(enrolled(user))
