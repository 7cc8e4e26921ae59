"""No provider at all: what a channel is given to where nothing is to be sent."""

from authenticators.messaging.base import Outgoing, TransportError
from authsignal_portal.vocabulary import Channel


class Nobody:
    channels = frozenset({Channel.PUSH})

    def send(self, message: Outgoing) -> str:
        raise TransportError("nothing is set to send this", permanent=True)
