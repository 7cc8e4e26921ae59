"""Which methods a tenant uses and a user has."""

from collections.abc import Collection, Iterable

from django.db.models import Q, QuerySet

from authenticators import messaging
from authenticators.models import Authenticator, AuthenticatorConfiguration, EndUser, MessageProvider
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import (
    DEVICE_METHODS,
    OPT_IN_METHODS,
    WEBAUTHN,
    Channel,
    DevicePlatform,
    VerificationMethod,
)

# Methods that are nothing without their channel.
SENT = {
    VerificationMethod.EMAIL_OTP: Channel.EMAIL,
    VerificationMethod.EMAIL_MAGIC_LINK: Channel.EMAIL,
    VerificationMethod.SMS: Channel.SMS,
    VerificationMethod.WHATSAPP: Channel.WHATSAPP,
}


def active(tenant: Tenant, switched: Iterable[str]) -> list[VerificationMethod]:
    """The tenant's methods, given those that its configuration switches: off, or on where it is off by itself."""
    on = {method.value for method in VerificationMethod if method not in OPT_IN_METHODS} ^ set(switched)
    if tenant.disable_recovery_codes:
        on.discard(VerificationMethod.RECOVERY_CODE)
    on -= uncarried(tenant, on)
    return [method for method in VerificationMethod if method in on]


def uncarried(tenant: Tenant, methods: Collection[str]) -> set[str]:
    """Those whose messages nobody would take: neither the deployment nor the tenant has a provider of their channel."""
    sent = {SENT[method] for method in SENT if method in methods}
    lost = {channel.value for channel in sent if not messaging.carries(channel)}
    if lost:
        rows = MessageProvider.objects.filter(tenant=tenant, channel__in=lost, is_active=True)
        lost -= set(rows.values_list("channel", flat=True))
    return {method.value for method in SENT if SENT[method] in lost}


def active_methods(tenant: Tenant) -> list[VerificationMethod]:
    rows = AuthenticatorConfiguration.objects.filter(tenant=tenant).values_list("method", "is_active")
    return active(tenant, [method for method, is_active in rows if is_active == (method in OPT_IN_METHODS)])


def is_active(tenant: Tenant, method: str) -> bool:
    """Whether the tenant uses the method now, whatever was permitted when an action was decided."""
    return method in active_methods(tenant)


def web_app_methods(tenant: Tenant) -> list[VerificationMethod]:
    """What this server's web app may be enrolled for, from the hosted pages; nothing that only attested apps may be."""
    rows = AuthenticatorConfiguration.objects.filter(tenant=tenant, web_app=True, is_active=True)
    switched = {row.method for row in rows.filter(is_hidden_to_user=False) if not row.blocks_unattested}
    return [method for method in DEVICE_METHODS if method in switched]


def has_web_app(user: EndUser, method: VerificationMethod) -> bool:
    rows = user.authenticators.filter(Authenticator.usable(), method=method)
    return rows.filter(device_platform=DevicePlatform.WEB).exists()


def only_web_apps(user: EndUser, method: VerificationMethod) -> bool:
    """Whether all that the user has by this method is the web app."""
    rows = user.authenticators.filter(Authenticator.usable(), method=method)
    platforms = set(rows.values_list("device_platform", flat=True))
    return platforms == {DevicePlatform.WEB}


def enrolled(user: EndUser) -> list[VerificationMethod]:
    """Methods of usable authenticators, in the order of the vocabulary."""
    have = set(user.authenticators.filter(Authenticator.usable()).values_list("method", flat=True))
    return [method for method in VerificationMethod if method in have]


def working(user: EndUser) -> QuerySet[Authenticator]:
    """What the user can prove themselves with now: usable, by a method that the tenant uses, and of passkeys and
    security keys those of its relying party id."""
    active = set(active_methods(user.tenant))
    # A number that gets SMS gets WhatsApp too.
    reached = active | ({VerificationMethod.SMS} if VerificationMethod.WHATSAPP in active else set())
    rows = user.authenticators.filter(Authenticator.usable(), method__in=reached)
    return rows.exclude(~Q(rp_id=user.tenant.relying_party_id), method__in=WEBAUTHN)


def was_enrolled(user: EndUser) -> bool:
    """Whether the user ever proved to have something that still stands here, expired or not. Who has is no new user:
    what a first authenticator may do without a proof, they may not.
    """
    return user.authenticators.exclude(verified_at=None).exists()


def is_new(user: EndUser, enrolled: Collection[VerificationMethod]) -> bool:
    """Whether the user, who has these, never had anything. Who let what they had expire is neither new nor enrolled."""
    return not enrolled and not was_enrolled(user)


def can_recover(user: EndUser, configured: AuthenticatorConfiguration) -> bool:
    """Whether the user has one of the methods that the tenant wants first for the day this one is lost."""
    wanted = configured.recovery_methods
    return not wanted or not set(wanted).isdisjoint(enrolled(user))
