"""Whether the customer's own sender took a message, while the user waits for the answer.

By the wire's contract a webhook is asked at once, and what it refuses fails the request. Here the queue does the asking
too, so that nothing is lost and a second provider gets what the first one refused; this waits for what comes of it.
"""

import time

from django.conf import settings
from django.db import connection

from authenticators import routing
from authenticators.models import Challenge, Message, MessageProvider
from authsignal_portal.errors import Unavailable

LOOKS_EVERY_SECONDS = 0.1
Status = Message.Status
UNSENT = (Status.OWED, Status.SENDING)


def check(challenge: Challenge) -> None:
    """Call once the challenge is committed. Raises Unavailable where no provider took its newest message so far.

    What is still being tried goes on being tried: the message may arrive all the same. Only messages that begin with a
    webhook are waited for, for WEBHOOK_ANSWER_SECONDS at most.
    """
    message = Message.objects.filter(challenge=challenge).order_by("-created_at").first()
    if message is None or connection.in_atomic_block or not _begins_with_a_webhook(message):
        return
    until = time.monotonic() + settings.WEBHOOK_ANSWER_SECONDS
    while message is not None and message.status in UNSENT and time.monotonic() < until:
        time.sleep(LOOKS_EVERY_SECONDS)
        message = Message.objects.filter(pk=message.pk).first()
    if message is not None and is_refused(message):
        raise Unavailable("The message could not be sent. Try again shortly, or use another method.")


def is_refused(message: Message, *, tries: int = 1) -> bool:
    """Whether it could not be sent: ended so, did not arrive, or failed at this many tries and waits for the next."""
    if message.status in UNSENT:
        return bool(message.error) and message.attempts >= tries
    return message.status in (Status.FAILED, Status.EXPIRED) or message.delivery == Message.Delivery.UNDELIVERED


def _begins_with_a_webhook(message: Message) -> bool:
    first = next(iter(routing.routes(message)), None)
    return first is not None and first.row is not None and first.row.kind == MessageProvider.Kind.WEBHOOK
