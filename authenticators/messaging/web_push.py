"""Web Push: notifications to the web app of this server. They say that something waits, and nothing of what."""

import time
from datetime import datetime
from typing import Any, Final, Self

from django.db.models import F, Q, QuerySet

from authenticators import web_push
from authenticators.messaging.base import TOTAL_SECONDS, Outgoing, TransportError
from authenticators.models import Authenticator, Challenge, MessageProvider, WebPushKey
from authsignal_portal import outbound
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.vocabulary import Channel, DevicePlatform, VerificationMethod

# The subscription is over (RFC 8030 §7.3).
GONE: Final = {404, 410}
# Too early, too often, or the push service's own trouble.
TEMPORARY: Final = {408, 425, 429}
NOBODY: Final = "web push: no subscription"


class WebPush:
    channels = frozenset({Channel.PUSH})

    @classmethod
    def of(cls, _row: MessageProvider) -> Self:
        return cls()

    def send(self, message: Outgoing) -> str:
        """To each phone of the user that the challenge may be answered on. One that took it is enough.

        Without any the next provider gets it: the user may have another app.
        """
        challenge = Challenge.objects.filter(pk=message.text).first()
        keys = WebPushKey.objects.select_related("tenant")
        key = keys.filter(tenant=challenge.tenant_id).first() if challenge else None
        if challenge is None or key is None:
            raise TransportError(NOBODY, permanent=True)
        until, taken = time.monotonic() + TOTAL_SECONDS, False
        problems: list[TransportError] = []
        for row in subscribed(challenge):
            # A try may take as long as all of them together.
            if time.monotonic() > until - outbound.TOTAL_SECONDS / 2:
                break
            try:
                _notify(row, key, message, challenge.expires_at)
                taken = True
            except TransportError as problem:
                problems.append(problem)
        if not taken:
            raise _worst(problems)
        return message.ident


def subscribed(challenge: Challenge) -> QuerySet[Authenticator]:
    rows = Authenticator.objects.filter(Authenticator.usable(), user=challenge.user_id).select_related("tenant")
    rows = rows.filter(method=VerificationMethod.PUSH, device_platform=DevicePlatform.WEB)
    asked = Q() if challenge.authenticator_id is None else Q(pk=challenge.authenticator_id)
    return rows.filter(asked).exclude(push_token_sealed=None).order_by(F("last_verified_at").desc(nulls_last=True))


def _notify(row: Authenticator, key: WebPushKey, message: Outgoing, until: datetime) -> None:
    """Raises TransportError."""
    lives = max(0, int((until - message.at).total_seconds()))
    payload: dict[str, Any] = {"id": message.ident}
    topic = message.ident.replace("-", "")
    try:
        status = web_push.post(web_push.read(row.push_token), key, payload, topic=topic, now=message.at, lives=lives)
    except InvalidRequest:
        # It was good when it was stored; what may be reached has changed since.
        raise TransportError("web push: the endpoint cannot be used", permanent=True) from None
    except outbound.OutboundError as error:
        permanent = error.sent or isinstance(error, outbound.Refused)
        raise TransportError(f"web push: {error.reason}", permanent=permanent, unsure=error.sent) from None
    if status in GONE:
        _forget(row)
    if not 200 <= status <= 299:
        temporary = status >= 500 or status in TEMPORARY
        raise TransportError(f"web push {status}", permanent=not temporary)


def _forget(row: Authenticator) -> None:
    """Unless it was renewed meanwhile. The device stays enrolled: it can ask by itself."""
    same = Authenticator.objects.filter(pk=row.pk, push_token_sealed=row.push_token_sealed)
    same.update(push_token_sealed=None)


def _worst(problems: list[TransportError]) -> TransportError:
    """What may have arrived is never sent twice; what may help later is tried again."""
    if not problems:
        return TransportError(NOBODY, permanent=True)
    return min(problems, key=lambda problem: (not problem.unsure, problem.permanent))
