"""The guard's alarms (`alarms`), posted to the address that the tenant gave, signed as every webhook is."""

from authenticators.messaging.base import Outgoing, TransportError
from authenticators.messaging.webhook import envelope, post
from authenticators.models import SendingPolicy
from authsignal_portal import webhook_signature
from authsignal_portal.vocabulary import Channel


class AlarmHook:
    """`to` of a message is the tenant's id, `text` the event's type, `about` its data."""

    channels = frozenset({Channel.ALARM})

    def send(self, message: Outgoing) -> str:
        rows = SendingPolicy.objects.select_related("tenant").exclude(alarm_url="")
        policy = rows.filter(tenant_id=message.to).first()
        if policy is None:
            raise TransportError("alarm: no address", permanent=True)
        event = envelope(message, message.text, message.to, message.about)
        try:
            post(policy.alarm_url, event, message, webhook_signature.secrets_of(policy.tenant))
        except TransportError as error:
            # Told twice it has the same id; not told at all is worse.
            raise TransportError(error.reason, permanent=False) from None
        return message.ident
