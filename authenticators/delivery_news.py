"""What became of a message that a provider took: kept if it is news, by one conditional update."""

from typing import Final

from django.db import transaction

from audit.events import Tag
from authenticators import delivery
from authenticators.models import Message
from authsignal_portal import clock
from authsignal_portal.vocabulary import Channel

Delivery = Message.Delivery

# What may come before each: reports arrive in any order, and the last word stays.
EARLIER: Final = {
    Delivery.QUEUED: [""],
    Delivery.SENT: ["", Delivery.QUEUED],
    Delivery.DELIVERED: ["", Delivery.QUEUED, Delivery.SENT],
    Delivery.UNDELIVERED: ["", Delivery.QUEUED, Delivery.SENT],
}
TAGS: Final = {Delivery.DELIVERED: Tag.MESSAGE_DELIVERED, Delivery.UNDELIVERED: Tag.MESSAGE_UNDELIVERED}


@transaction.atomic
def note(message: Message, status: Message.Delivery, code: str) -> bool:
    """Whether it was news. `code`: the provider's, why the message did not arrive."""
    earlier = list(EARLIER[status])
    if message.channel == Channel.EMAIL and status == Delivery.UNDELIVERED:
        # A mail server may take an email and send it back later.
        earlier.append(Delivery.DELIVERED)
    older = Message.objects.filter(pk=message.pk, delivery__in=earlier)
    if not older.update(delivery=status, delivery_code=code):
        return False
    if status in TAGS:
        data = {"reason": reason(message.channel, code)} if code else {}
        delivery.record(TAGS[status], message, clock.now(), **data)
    return True


def reason(channel: str, code: str) -> str:
    """A code as people read it: those of Twilio are numbers, those of emails words."""
    return code if channel == Channel.EMAIL or not code else f"twilio {code}"
