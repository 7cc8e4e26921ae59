"""The messages of a user or an action, in words for the support desk."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from authenticators import delivery_news
from authenticators.models import EndUser, Message
from authsignal_portal import words
from authsignal_portal.vocabulary import ChallengeEvent

LISTED = 10
Status, Delivery = Message.Status, Message.Delivery


@dataclass(frozen=True, slots=True)
class Line:
    """One message. `what` it is for; `event` is what log streams call what became of it, nothing while it is owed or
    withdrawn."""

    at: Any
    channel: str
    what: str
    status: str
    tone: str
    event: str
    reason: str
    attempts: int


def of_user(user: EndUser) -> list[Line]:
    rows = Message.objects.filter(user=user).select_related("challenge").order_by("-created_at")
    return lines(rows[:LISTED])


def lines(messages: Iterable[Message]) -> list[Line]:
    return [
        Line(
            at=message.created_at,
            channel=str(words.CHANNELS.get(message.goes_by, message.channel)),
            what=_what(message),
            status=message.get_delivery_display() if message.delivery else message.get_status_display(),
            tone=_tone(message),
            event=event_of(message),
            reason=words.reason(message.error or delivery_news.reason(message.channel, message.delivery_code)),
            attempts=message.attempts,
        )
        for message in messages
    ]


def _what(message: Message) -> str:
    if message.notice:
        return str(_("notice of a change"))
    return words.method(message.challenge.method) if message.challenge else ""


def event_of(message: Message) -> str:
    """`SMS_DELIVERED`: the method's name and what became of its message."""
    what = _event(message)
    if what and message.notice:
        return f"NOTICE_{what}"
    return f"{message.challenge.method}_{what}" if what and message.challenge else ""


def _event(message: Message) -> ChallengeEvent | None:
    if message.status in (Status.FAILED, Status.EXPIRED):
        return ChallengeEvent.SEND_DOWNSTREAM_FAILED
    if message.status != Status.SENT:
        return None
    if message.delivery == Delivery.DELIVERED:
        return ChallengeEvent.DELIVERED
    return ChallengeEvent.NOT_DELIVERED if message.delivery == Delivery.UNDELIVERED else ChallengeEvent.SENT


def _tone(message: Message) -> str:
    bad = message.status in (Status.FAILED, Status.EXPIRED) or message.delivery == Delivery.UNDELIVERED
    return "bad" if bad else "good" if message.status == Status.SENT else ""
