"""The ways a message may go: its channel's providers in order, then the other channel's.

It moves on when a provider refuses it for good, or twice for now; never where the provider may have accepted it.
"""

from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from authenticators import messaging
from authenticators.messaging import Provider
from authenticators.models import AuthenticatorConfiguration, Message, MessageProvider
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Channel, SmsChannel, VerificationMethod

TRIES_BEFORE_THE_NEXT = 2
PHONE = (Channel.SMS, Channel.WHATSAPP)
# Whose receiver expects a code or a link in every message: a notice goes by the next one.
CODES_ONLY = (MessageProvider.Kind.WEBHOOK,)


@dataclass(frozen=True, slots=True)
class Route:
    """One way. `row` is None for the deployment's own provider."""

    channel: Channel
    row: MessageProvider | None

    @property
    def provider(self) -> Provider:
        """Raises ImproperlyConfigured, OpeningFailed."""
        return messaging.provider_of(self.row) if self.row else messaging.provider_for(self.channel)


def routes(message: Message) -> list[Route]:
    channels = [Channel(name) for name in (message.channel, message.fallback_channel) if name]
    rows = MessageProvider.objects.filter(tenant=message.tenant_id, channel__in=channels, is_active=True)
    if message.notice:
        rows = rows.exclude(kind__in=CODES_ONLY)
    own = list(rows.select_related("tenant").order_by("position"))
    found: list[Route] = []
    for channel in channels:
        theirs = [Route(channel, row) for row in own if row.channel == channel]
        found += theirs or ([Route(channel, None)] if messaging.carries(channel) else [])
    return found


def current(message: Message) -> Route:
    """The way being tried. Raises ImproperlyConfigured where there is none."""
    ways = routes(message)
    if not ways:
        # With the reason why.
        messaging.provider_for(Channel(message.channel))
        raise ImproperlyConfigured(f"no provider carries {message.channel}")
    return ways[min(message.route, len(ways) - 1)]


def has_next(message: Message) -> bool:
    return message.route + 1 < len(routes(message))


# -- SMS and WhatsApp ----------------------------------------------------------------------------


def phone_channels(tenant: Tenant, asked: str = "") -> tuple[Channel, Channel | None]:
    """How a code of the method SMS travels first, and then; `asked` is what one request wants (`smsChannel`)."""
    whatsapp = uses_whatsapp(tenant)
    first = asked or _preference(tenant)
    if first == SmsChannel.WHATSAPP and whatsapp:
        return Channel.WHATSAPP, Channel.SMS
    return Channel.SMS, Channel.WHATSAPP if whatsapp else None


def _preference(tenant: Tenant) -> str:
    rows = AuthenticatorConfiguration.objects.filter(tenant=tenant, method=VerificationMethod.SMS)
    return rows.values_list("sms_channel", flat=True).first() or SmsChannel.DEFAULT


def uses_whatsapp(tenant: Tenant) -> bool:
    """Whether the tenant has switched WhatsApp on, and somebody carries it."""
    switched = AuthenticatorConfiguration.objects.filter(tenant=tenant, method=VerificationMethod.WHATSAPP)
    return switched.filter(is_active=True).exists() and is_carried(tenant, Channel.WHATSAPP)


def is_carried(tenant: Tenant, channel: Channel) -> bool:
    own = MessageProvider.objects.filter(tenant=tenant, channel=channel, is_active=True)
    return messaging.carries(channel) or own.exists()


def carries_notices(tenant: Tenant, channel: Channel) -> bool:
    own = MessageProvider.objects.filter(tenant=tenant, channel=channel, is_active=True)
    return messaging.carries(channel) or own.exclude(kind__in=CODES_ONLY).exists()


def sends_nothing(tenant: Tenant, channel: Channel) -> bool:
    """Whether it only goes to the demo's file, where any number will do."""
    own = MessageProvider.objects.filter(tenant=tenant, channel=channel, is_active=True)
    return messaging.provider_name(channel) == "builtin" and not settings.PRODUCTION and not own.exists()
