"""Messages handed to the customer, who sends them: a signed POST of `sms.created`, `email.created`, `push.created`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from authenticators.messaging.base import Outgoing, TransportError
from authenticators.models import MessageProvider
from authsignal_portal import outbound, webhook_signature
from authsignal_portal.vocabulary import Channel
from authsignal_portal.wire import iso, present

# What the SDKs and their documentation call the sender of an event.
SOURCE: Final = "https://authsignal.com"
EVENTS: Final = {
    Channel.EMAIL: "email.created",
    Channel.SMS: "sms.created",
    Channel.WHATSAPP: "sms.created",
    Channel.PUSH: "push.created",
}
# Too early, too often, or the receiver's own trouble: another try may help.
TEMPORARY: Final = {408, 425, 429}


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    tenant_id: str
    secrets: list[bytes] = field(repr=False)
    channels = frozenset(EVENTS)

    @classmethod
    def of(cls, row: MessageProvider) -> Self:
        return cls(row.url, str(row.tenant_id), webhook_signature.secrets_of(row.tenant))

    def send(self, message: Outgoing) -> str:
        post(self.url, event(message, self.tenant_id), message, self.secrets)
        return message.ident


def post(url: str, event: Mapping[str, Any], message: Outgoing, secrets: list[bytes]) -> None:
    """Signed anew at each try. Raises TransportError for whatever is not 2xx."""
    if not secrets:
        raise TransportError("webhook: no active API key to sign with", permanent=False)
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    signed = webhook_signature.header(body, at=int(message.at.timestamp()), secrets=secrets)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "authsignal-portal",
        "Idempotency-Key": message.ident,
        webhook_signature.HEADER: signed,
    }
    try:
        answer = outbound.post(url, body, headers)
    except outbound.OutboundError as error:
        permanent = error.sent or isinstance(error, outbound.Refused)
        raise TransportError(f"webhook: {error.reason}", permanent=permanent, unsure=error.sent) from None
    if not 200 <= answer.status <= 299:
        temporary = answer.status >= 500 or answer.status in TEMPORARY
        raise TransportError(f"webhook {answer.status}", permanent=not temporary)


def event(message: Outgoing, tenant_id: str) -> dict[str, Any]:
    """A message as told. `data` holds texts only, for Java and .NET read a map of texts. `customVariables` is the one
    exception, and there only where the tenant forwards some of its data points.
    """
    is_whatsapp = message.channel == Channel.WHATSAPP
    data = {
        # A push is for the user's devices, which the customer knows.
        "to": message.to if message.channel != Channel.PUSH else None,
        "code": message.code or None,
        "url": message.url or None,
        **message.about,
        "smsChannel": "WHATSAPP" if is_whatsapp else None,
    }
    told = present({name: value for name, value in data.items() if value != ""})
    return envelope(message, EVENTS[message.channel], tenant_id, told)


def envelope(message: Outgoing, kind: str, tenant_id: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": 1,
        "type": kind,
        "id": message.ident,
        "source": SOURCE,
        "time": iso(message.at),
        "tenantId": tenant_id,
        "data": dict(data),
    }
