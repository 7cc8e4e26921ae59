"""What a tenant tunes of a method below the hard caps. The caps of the settings hold beside it, whatever it says."""

from collections.abc import Mapping

from django.conf import settings

from authenticators.guard import Windows
from authenticators.models import AuthenticatorConfiguration
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Channel, VerificationMethod

DIGITS = 6
# Of a million codes, the fifty guesses of a life find one in 20,000 times (NIST SP 800-63B-4 §3.1.3.2 asks for six).
FEWEST_DIGITS, MOST_DIGITS = 6, 10
MOST_MINUTES = 1440
# Methods whose codes a tenant may have longer or shorter.
CODED = frozenset({VerificationMethod.EMAIL_OTP, VerificationMethod.SMS, VerificationMethod.WHATSAPP})


def of(tenant: Tenant, method: str) -> AuthenticatorConfiguration:
    """The tenant's configuration of the method, or an unsaved one of defaults."""
    rows = AuthenticatorConfiguration.objects.filter(tenant=tenant, method=method)
    return rows.first() or AuthenticatorConfiguration(tenant=tenant, method=method)


def code_length(tenant: Tenant, method: str) -> int:
    return max(of(tenant, method).code_length or DIGITS, FEWEST_DIGITS)


def verify_windows(method: str) -> Windows:
    """(seconds, wrong guesses allowed): the hard caps."""
    if method == VerificationMethod.RECOVERY_CODE:
        return ((900, settings.RECOVERY_GUESSES_PER_15_MINUTES), (86_400, settings.RECOVERY_GUESSES_PER_DAY))
    return ((300, settings.GUESSES_PER_5_MINUTES), (3600, settings.GUESSES_PER_HOUR))


def own_verify_window(tenant: Tenant, method: str) -> Windows:
    row = of(tenant, method)
    return ((row.verify_minutes * 60, row.verify_limit),) if row.verify_limit and row.verify_minutes else ()


def send_windows(channel: Channel) -> Windows:
    """(seconds, messages allowed) to one user and to one address: the hard caps."""
    caps: tuple[tuple[int, Mapping[str, int]], ...] = (
        (600, settings.SENDS_PER_10_MINUTES),
        (3600, settings.SENDS_PER_HOUR),
        (86_400, settings.SENDS_PER_DAY),
    )
    return tuple((seconds, limits[channel.value]) for seconds, limits in caps if channel.value in limits)


def own_send_window(tenant: Tenant, method: str) -> Windows:
    row = of(tenant, method)
    return ((row.send_minutes * 60, row.send_limit),) if row.send_limit and row.send_minutes else ()
