"""What Twilio tells afterwards about a message that it took: `queued`, `sent`, `delivered`, `undelivered`.

The request is signed with the account's token over our own address, never over the Host header that came.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from hashlib import sha1
from uuid import UUID

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from authenticators import codes, delivery_news
from authenticators.models import Message, MessageProvider
from authsignal_portal.errors import AuthsignalError
from authsignal_portal.vocabulary import Channel

Delivery = Message.Delivery
log = structlog.get_logger(__name__)

# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
STATUSES = {
    "accepted": Delivery.QUEUED,
    "queued": Delivery.QUEUED,
    "sending": Delivery.QUEUED,
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.DELIVERED,
    "undelivered": Delivery.UNDELIVERED,
    "failed": Delivery.UNDELIVERED,
    "canceled": Delivery.UNDELIVERED,
}
ERROR_CODE = re.compile(r"[0-9]{1,8}")


@csrf_exempt
@require_POST
def twilio(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """204 for what was signed rightly, whether or not it is news; 403 for anything else."""
    message = Message.objects.select_related("tenant", "user", "challenge", "carrier__tenant").filter(pk=message_id)
    found = message.first()
    given = request.headers.get("X-Twilio-Signature", "")
    if found is None or not _is_signed(found, request.POST.dict(), given):
        return HttpResponse(status=403)
    status = STATUSES.get(request.POST.get("MessageStatus", ""))
    sid = request.POST.get("MessageSid", "")
    if status is None or (found.provider_id and sid != found.provider_id):
        return HttpResponse(status=204)
    code = ERROR_CODE.fullmatch(request.POST.get("ErrorCode", ""))
    if delivery_news.note(found, status, code[0] if code else "") and status == Delivery.UNDELIVERED:
        _by_the_other_channel(found)
    return HttpResponse(status=204)


def _is_signed(message: Message, form: Mapping[str, str], given: str) -> bool:
    token = _token(message)
    url = f"{settings.PUBLIC_URL}/callbacks/twilio/{message.pk}"
    return bool(token) and hmac.compare_digest(signature(token, url, form).encode(), given.encode())


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """HMAC-SHA-1 of the address and the sorted fields (https://www.twilio.com/docs/usage/security)."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), sha1)).decode()


def _token(message: Message) -> str:
    """The token of the account that carried the message; none for what another kind of provider carried."""
    row = message.carrier
    if row is not None:
        return (row.secret or "") if row.kind == MessageProvider.Kind.TWILIO else ""
    is_ours = settings.MESSAGE_PROVIDERS.get(message.via) == "twilio"
    return str(settings.TWILIO_AUTH_TOKEN) if is_ours else ""


def _by_the_other_channel(message: Message) -> None:
    """A limit that stands in the way is no error of the caller's."""
    try:
        sent = codes.send_by_fallback(message)
    except AuthsignalError as error:
        error.remember()
        log.info("no fallback", message=str(message.pk), reason=error.code)
    else:
        if sent:
            log.info(
                "sent by the other channel", message=str(message.pk), channel=str(Channel(message.fallback_channel))
            )
