"""The message providers: a literal registry. To add one: a module here, a line below, a settings check."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from authenticators.messaging.base import Outgoing, Provider, TransportError
from authenticators.messaging.builtin import BuiltIn
from authenticators.messaging.email import Smtp
from authenticators.messaging.nobody import Nobody
from authenticators.messaging.twilio_sms import TwilioSms
from authsignal_portal.vocabulary import Channel

__all__ = ["PROVIDERS", "Outgoing", "Provider", "TransportError", "provider_for", "provider_name"]

PROVIDERS: dict[str, Provider] = {
    "builtin": BuiltIn(),
    "none": Nobody(),
    "smtp": Smtp(),
    "twilio": TwilioSms(),
}


def provider_name(channel: Channel) -> str:
    name: str = settings.MESSAGE_PROVIDERS[channel.value]
    return name


def provider_for(channel: Channel) -> Provider:
    """Raises ImproperlyConfigured when the settings name no provider that can carry this channel."""
    provider = PROVIDERS.get(provider_name(channel))
    if provider is None or channel not in provider.channels:
        name = provider_name(channel)
        raise ImproperlyConfigured(f"{channel}_PROVIDER is {name!r}, which cannot send {channel}")
    return provider
