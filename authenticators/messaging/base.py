"""The contract of a message provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

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
    url: str = field(default="", repr=False)
    # What a webhook is told of the action and the user, by the wire's names.
    about: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # Where the provider may report what became of it; empty where nobody could reach us.
    status_url: str = ""


class TransportError(Exception):
    """The message was not handed over, or nobody can know whether it was.

    `permanent`: another try would not help, or might send it twice. `unsure`: it may have been accepted, so that no
    other provider may get it either. `reason` is kept in the row and the audit log: our words and the provider's
    code, never an address, a number or a provider's free text.
    """

    def __init__(self, reason: str, *, permanent: bool, unsure: bool = False) -> None:
        self.reason, self.permanent, self.unsure = reason, permanent, unsure
        super().__init__(reason)


class Provider(Protocol):
    """Something that carries messages. Used by several threads at once."""

    channels: frozenset[Channel]

    def send(self, message: Outgoing) -> str:
        """Hand it over within TOTAL_SECONDS; returns the provider's id of it. Raises TransportError.

        `message.ident` goes along as idempotency key. An answer that never came is a permanent failure and an unsure
        one: the provider may have accepted, and only a killed worker excuses a second copy.
        """
