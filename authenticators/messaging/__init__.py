"""The message providers: a literal registry. To add one: a module here, lines below, a settings check."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from authenticators.messaging import sender_reports
from authenticators.messaging.base import Outgoing, Provider, TransportError
from authenticators.messaging.builtin import BuiltIn
from authenticators.messaging.email import Smtp
from authenticators.messaging.sender_service import SenderServiceMail
from authenticators.messaging.twilio_sms import TwilioSms
from authenticators.messaging.web_push import WebPush
from authenticators.messaging.webhook import Webhook
from authenticators.models import MessageProvider
from authsignal_portal.sender_services import SERVICES, SenderService
from authsignal_portal.vocabulary import Channel

__all__ = [
    "CHANNELS",
    "KINDS",
    "PROVIDERS",
    "Outgoing",
    "Provider",
    "TransportError",
    "carries",
    "may_be_report_secret",
    "provider_for",
    "provider_name",
    "provider_of",
]

# The deployment's own, by the names that its settings know them by.
PROVIDERS: dict[str, Provider] = {
    "builtin": BuiltIn(),
    "smtp": Smtp(),
    "twilio": TwilioSms(),
    "web-push": WebPush(),
    **{service: SenderServiceMail(service) for service in SERVICES},
}

# A tenant's own, each made from its row.
KINDS: dict[str, Callable[[MessageProvider], Provider]] = {
    MessageProvider.Kind.TWILIO: TwilioSms.of,
    MessageProvider.Kind.WEBHOOK: Webhook.of,
    MessageProvider.Kind.SMTP: Smtp.of,
    MessageProvider.Kind.ANYMAIL: SenderServiceMail.of,
    MessageProvider.Kind.WEB_PUSH: WebPush.of,
}
CHANNELS: dict[str, frozenset[Channel]] = {
    MessageProvider.Kind.TWILIO: TwilioSms.channels,
    MessageProvider.Kind.WEBHOOK: Webhook.channels,
    MessageProvider.Kind.SMTP: Smtp.channels,
    MessageProvider.Kind.ANYMAIL: SenderServiceMail.channels,
    MessageProvider.Kind.WEB_PUSH: WebPush.channels,
}


def provider_of(row: MessageProvider) -> Provider:
    """Raises OpeningFailed where its secret cannot be opened."""
    return KINDS[row.kind](row)


def provider_name(channel: Channel) -> str:
    name: str = settings.MESSAGE_PROVIDERS.get(channel.value, "none")
    return name


def carries(channel: Channel) -> bool:
    """Whether the deployment has a provider for it."""
    provider = PROVIDERS.get(provider_name(channel))
    return provider is not None and channel in provider.channels


def provider_for(channel: Channel) -> Provider:
    """Raises ImproperlyConfigured when the settings name no provider that can carry this channel."""
    if not carries(channel):
        name = provider_name(channel)
        raise ImproperlyConfigured(f"{channel}_PROVIDER is {name!r}, which cannot send {channel}")
    return PROVIDERS[provider_name(channel)]


def may_be_report_secret(service: SenderService, secret: str) -> bool:
    """Whether the reports of a sender service could be believed by it."""
    try:
        sender_reports.check_secret(service, secret)
    except ValueError:
        return False
    return True
