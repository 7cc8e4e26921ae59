"""Whether the customer's own sender took a message, while the user waits for the answer.

By the wire's contract a webhook is asked at once, and what it refuses fails the request. Here the queue does the asking
too, so that nothing is lost and a second provider gets what the first one refused; this waits for what comes of it.

A slow sender is its own tenant's trouble: one request of a tenant waits at a time, whatever the process, and one of a
process, whose other threads go on. The rest do not wait; what comes of their messages the hosted page tells.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from authenticators import outbox, routing
from authenticators.models import Challenge, Message, MessageProvider
from authsignal_portal.errors import Unavailable

LOOKS_EVERY_SECONDS = 0.1
Status = Message.Status
UNSENT = (Status.OWED, Status.SENDING)
_waiter = threading.Lock()


class Word(Enum):
    """What is known of a challenge's newest message when its caller is answered."""

    TAKEN = "taken"
    REFUSED = "refused"
    # Nobody has said so far, or nobody was waited for.
    NONE = "none"


def check(challenge: Challenge) -> None:
    """Call once the challenge is committed. Raises Unavailable where no provider took its newest message so far."""
    if word(challenge) == Word.REFUSED:
        raise Unavailable("The message could not be sent. Try again shortly, or use another method.")


def word(challenge: Challenge) -> Word:
    """Call once the challenge is committed: whether a provider took its newest message.

    What is still being tried goes on being tried: the message may arrive all the same. Only messages that begin with a
    webhook are waited for, for WEBHOOK_ANSWER_SECONDS at most, and only where nobody else waits (`_turn`).
    """
    message = Message.objects.filter(challenge=challenge).order_by("-created_at").first()
    if message is None or connection.in_atomic_block or not _begins_with_a_webhook(message):
        return Word.NONE
    if message.status in UNSENT:
        message = _waited_for(message)
    if message is None:
        return Word.NONE
    if is_refused(message):
        return Word.REFUSED
    return Word.TAKEN if message.status == Status.SENT else Word.NONE


def _waited_for(message: Message) -> Message | None:
    """The message once it is sent or refused, as it is by then if that takes too long; None where it is gone."""
    found: Message | None = message
    with _turn(message.tenant_id) as is_ours:
        until = time.monotonic() + settings.WEBHOOK_ANSWER_SECONDS
        while is_ours and found is not None and found.status in UNSENT and time.monotonic() < until:
            time.sleep(LOOKS_EVERY_SECONDS)
            found = Message.objects.filter(pk=message.pk).first()
    return found


@contextmanager
def _turn(tenant_id: UUID) -> Iterator[bool]:
    """Whether this request may wait: alone in its process, and alone of its tenant in all processes."""
    if not _waiter.acquire(blocking=False):
        yield False
        return
    try:
        # It writes nothing and keeps no snapshot between two looks; its end, however it comes, gives the turn back.
        with transaction.atomic():
            yield outbox.is_first(f"webhook-wait:{tenant_id}")
    finally:
        _waiter.release()


def is_refused(message: Message, *, tries: int = 1) -> bool:
    """Whether it could not be sent: ended so, did not arrive, or failed at this many tries and waits for the next."""
    if message.status in UNSENT:
        return bool(message.error) and message.attempts >= tries
    return message.status in (Status.FAILED, Status.EXPIRED) or message.delivery == Message.Delivery.UNDELIVERED


def _begins_with_a_webhook(message: Message) -> bool:
    first = next(iter(routing.routes(message)), None)
    return first is not None and first.row is not None and first.row.kind == MessageProvider.Kind.WEBHOOK
