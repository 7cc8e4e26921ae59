"""The code or link of a challenge: when one may be sent, by which channel, and by the other where it did not arrive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from audit.events import Tag
from authenticators import challenges, guesses, links, otp, outbox, routing
from authenticators.models import Challenge, Message
from authenticators.registry import METHODS
from authenticators.transactions import Transaction
from authsignal_portal import clock
from authsignal_portal.errors import TooManyRequests
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Channel, VerificationMethod


@dataclass(frozen=True, slots=True)
class Way:
    """How what is sent should travel: by which of SMS and WhatsApp first; for a link, which page asks for it and
    from where."""

    sms_channel: str = ""
    asker: links.Asker = links.NOBODY


PLAIN = Way()


def send(
    challenge: Challenge,
    *,
    now: datetime,
    locale: str | None = None,
    way: Way = PLAIN,
    about: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
) -> None:
    """A fresh code on a new or open challenge; deadline and wrong guesses stay as they are. Raises TooManyRequests."""
    _check_answerable(challenge, now)
    _check_sending(challenge, now)
    # For when it is sent again without a word of it.
    challenge.context |= {"locale": locale} if locale else {}
    _owe(
        challenge,
        now=now,
        locale=challenge.context.get("locale"),
        way=way,
        about=about or {},
        variables=variables or {},
    )


def _check_answerable(challenge: Challenge, now: datetime) -> None:
    """Nothing is sent whose answer would not be taken. Raises TooManyRequests."""
    subject = challenges.guesser(challenge.user, challenge)
    lock = guesses.closed(tenant=challenge.tenant, subject=subject, purpose=challenge.purpose).get(challenge.method)
    if lock:
        until = "for now" if lock.until else "until it is set up again"
        reason = f"{challenge.method} takes no code of this user {until}: too many were wrong."
        raise TooManyRequests(reason, resets_in=lock.seconds_left(now))


def _check_sending(challenge: Challenge, now: datetime) -> None:
    left = int((challenge.expires_at - now).total_seconds()) + 1
    if challenge.attempts >= settings.GUESSES_PER_CHALLENGE:
        raise TooManyRequests("Too many wrong codes for this challenge.", resets_in=left)
    if challenge.sends >= settings.SENDS_PER_CHALLENGE:
        raise TooManyRequests("Too many codes were sent for this challenge.", resets_in=left)
    if challenge.last_sent_at:
        wait = settings.RESEND_WAIT_SECONDS - (now - challenge.last_sent_at).total_seconds()
        if wait > 0:
            raise TooManyRequests("A code was sent a moment ago.", resets_in=int(wait) + 1)


def _owe(
    challenge: Challenge,
    *,
    now: datetime,
    locale: str | None,
    way: Way,
    about: Mapping[str, Any],
    variables: Mapping[str, Any],
    only: Channel | None = None,
) -> None:
    method = VerificationMethod(challenge.method)
    is_link = method == VerificationMethod.EMAIL_MAGIC_LINK
    channel, fallback = (only, None) if only else _channels(challenge.tenant, method, way)
    tag = Tag.CHALLENGE_RESENT if challenge.sends else Tag.CHALLENGE_STARTED
    code = "" if is_link else otp.issue(challenge)
    if is_link:
        # A code that a link before this one showed is worth nothing any more.
        challenge.code_hash = ""
    challenge.sends += 1
    challenge.last_sent_at = now
    challenge.save()
    outbox.owe_code(
        tenant=challenge.tenant,
        user=challenge.user,
        challenge=challenge,
        channel=channel,
        fallback=fallback,
        to=challenge.contact,
        code=code,
        url=links.issue(challenge, way.asker) if is_link else "",
        now=now,
        locale=locale,
        about=about,
        variables=variables,
        linked=Transaction.read(challenge.transaction) if challenge.transaction else None,
        is_fallback=only is not None,
    )
    challenges.record(tag, challenge, now)


def _channels(tenant: Tenant, method: VerificationMethod, way: Way) -> tuple[Channel, Channel | None]:
    if method == VerificationMethod.SMS:
        return routing.phone_channels(tenant, way.sms_channel)
    channel = METHODS[method].channel
    assert channel is not None
    return channel, None


@transaction.atomic
def send_by_fallback(message: Message) -> bool:
    """A code did not arrive: send a fresh one by the other channel, without the pause between two. Whether it was."""
    found = message.challenge
    if found is None or not message.fallback_channel or message.via == message.fallback_channel:
        return False
    if found.user:
        found.user.lock()
    gate = guesses.lock(tenant=message.tenant, subject=challenges.guesser(found.user, found), method=found.method)
    challenge, now = challenges.locked(found), clock.now()
    newer = Message.objects.filter(challenge=found, created_at__gt=message.created_at)
    if challenge is None or not challenge.is_open(now) or challenge.sends >= settings.SENDS_PER_CHALLENGE:
        return False
    if challenge.attempts >= settings.GUESSES_PER_CHALLENGE or newer.exists() or not gate.admits(challenge.purpose):
        return False
    _owe(
        challenge,
        now=now,
        locale=challenge.context.get("locale"),
        way=PLAIN,
        about={},
        variables={},
        only=Channel(message.fallback_channel),
    )
    return True
