"""The contract of a message provider."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from authsignal_portal.vocabulary import Channel

CONNECT_SECONDS = 3.0
# Connecting included. A provider must give up well before the row's lease ends, else two workers send it.
TOTAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message, ready to be handed over. Its contents never show in a log line or a traceback."""

    ident: str  # the outbox row's id; the same at every try
    channel: Channel
    at: datetime
    to: str = field(repr=False)
    text: str = field(repr=False)
    subject: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    code: str = field(default="", repr=False)


class TransportError(Exception):
    """The message was not handed over, or nobody can know whether it was.

    `permanent`: another try would not help, or might send it twice. `reason` is kept in the row and the audit
    log: our words and the provider's code, never an address, a number or a provider's free text.
    """

    def __init__(self, reason: str, *, permanent: bool) -> None:
        self.reason, self.permanent = reason, permanent
        super().__init__(reason)


class Provider(Protocol):
    """Something that carries messages. Used by several threads at once."""

    channels: frozenset[Channel]

    def send(self, message: Outgoing) -> str:
        """Hand it over within TOTAL_SECONDS; returns the provider's id of it. Raises TransportError.

        `message.ident` goes along as idempotency key. An answer that never came is a permanent failure: the
        provider may have accepted, and only a killed worker excuses a second copy.
        """
