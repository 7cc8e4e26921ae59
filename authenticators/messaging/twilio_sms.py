"""Text messages and WhatsApp through Twilio's Programmable Messaging."""

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit, urlunsplit

import phonenumbers
from django.conf import settings

from authenticators import contact
from authenticators.messaging.base import CONNECT_SECONDS, TOTAL_SECONDS, Outgoing, TransportError
from authenticators.models import MessageProvider
from authsignal_portal.vocabulary import Channel

if TYPE_CHECKING:
    from requests import Response

# Twilio's own codes (https://www.twilio.com/docs/api/errors) for "not now", whatever the HTTP status.
TEMPORARY_CODES = {20429, 20500, 20503, 21611}
GONE_WRONG = {"failed", "undelivered", "canceled"}
MAX_ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """Whose messages they are. `content_sid` names the approved template that WhatsApp demands; its `{{1}}` is the
    code."""

    sid: str
    token: str = field(repr=False)
    sender: str = ""
    messaging_service_sid: str = ""
    content_sid: str = ""

    @classmethod
    def of_settings(cls, channel: Channel) -> Self:
        account = (settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN)
        if channel == Channel.WHATSAPP:
            return cls(*account, sender=settings.TWILIO_WHATSAPP_FROM, content_sid=settings.TWILIO_WHATSAPP_CONTENT_SID)
        return cls(*account, sender=settings.TWILIO_FROM, messaging_service_sid=settings.TWILIO_MESSAGING_SERVICE_SID)


@dataclass(frozen=True, slots=True)
class TwilioSms:
    """Of a tenant's account, or without one of the deployment's."""

    account: Account | None = None
    channels = frozenset({Channel.SMS, Channel.WHATSAPP})

    @classmethod
    def of(cls, row: MessageProvider) -> Self:
        return cls(
            Account(
                sid=row.account,
                token=row.secret or "",
                sender=row.sender,
                messaging_service_sid=row.messaging_service_sid,
                content_sid=row.content_sid,
            )
        )

    def send(self, message: Outgoing) -> str:
        # Imported here: it takes 0.3 s and many megabytes, which only the sending process needs.
        from twilio.base.exceptions import TwilioRestException, TwilioServiceException
        from twilio.rest import Client

        account = self.account or Account.of_settings(message.channel)
        client = Client(account.sid, account.token, http_client=OneRequest(message.ident))
        try:
            sent = client.messages.create(**_form(message, account))
        except (TwilioRestException, TwilioServiceException) as error:
            raise failure(status=error.status, code=error.code) from None
        except json.JSONDecodeError:
            raise TransportError("twilio: the answer is not JSON", permanent=True, unsure=True) from None
        if not sent.sid or sent.status in GONE_WRONG:
            reason = f"twilio: answered {sent.error_code or 'without a message'}"
            raise TransportError(reason, permanent=True, unsure=not sent.sid)
        return str(sent.sid)


def failure(*, status: int, code: object) -> TransportError:
    """What a refusal means: 429 and 5xx pass, any other is about the number, the sender or the account."""
    temporary = status == 429 or status >= 500 or code in TEMPORARY_CODES
    return TransportError(f"twilio {code if isinstance(code, int) else status}", permanent=not temporary)


def _form(message: Outgoing, account: Account) -> dict[str, str]:
    is_whatsapp = message.channel == Channel.WHATSAPP
    prefix = "whatsapp:" if is_whatsapp else ""
    form = {"to": prefix + _e164(message.to)}
    if account.messaging_service_sid:
        form["messaging_service_sid"] = account.messaging_service_sid
    else:
        form["from_"] = prefix + account.sender.removeprefix("whatsapp:")
    if is_whatsapp and account.content_sid:
        form |= {"content_sid": account.content_sid, "content_variables": json.dumps({"1": message.code})}
    else:
        form["body"] = message.text
    if message.status_url:
        form["status_callback"] = message.status_url
    return form


def _e164(number: str) -> str:
    parsed = contact.e164(number)
    if parsed is None:
        raise TransportError("twilio: not an international number", permanent=True)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


class OneRequest:
    """An `http_client` for Twilio's package. Its own one logs; this one does not and keeps our time-outs."""

    is_async = False

    def __init__(self, ident: str) -> None:
        self.ident = ident

    def request(self, _method: str, url: str, **options: Any) -> Any:
        from twilio.http.response import Response as Answer

        # Twilio ignores the header; a relay or a test server can drop the copy that a killed worker caused.
        headers = {**options["headers"], "Idempotency-Key": self.ident}
        status, text = post(url, data=options["data"], headers=headers, auth=options["auth"])
        return Answer(status, text)


def post(url: str, *, data: Any, headers: dict[str, str], auth: Any) -> tuple[int, str]:
    """One request on a connection of its own, no redirects. Returns status and body; raises TransportError.

    A fresh connection, because one that the server closed meanwhile looks like an answer that never came.
    """
    import requests

    until = time.monotonic() + TOTAL_SECONDS
    try:
        response = requests.post(
            at_our_host(url),
            data=data,
            headers=headers,
            auth=auth,
            timeout=(CONNECT_SECONDS, TOTAL_SECONDS - CONNECT_SECONDS),
            allow_redirects=False,
            stream=True,
        )
        return response.status_code, _read(response, until)
    except requests.RequestException as error:
        raise _lost(error) from None


def at_our_host(url: str) -> str:
    """The URL with scheme, host and path prefix of TWILIO_BASE_URL, where that is set."""
    if not settings.TWILIO_BASE_URL:
        return url
    base, wanted = urlsplit(str(settings.TWILIO_BASE_URL)), urlsplit(url)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + wanted.path, wanted.query, ""))


def _read(response: "Response", until: float) -> str:
    body = bytearray()
    with response:
        for chunk in response.iter_content(4096):
            body.extend(chunk)
            if time.monotonic() > until or len(body) > MAX_ANSWER_BYTES:
                raise TransportError("twilio: the answer does not end", permanent=True, unsure=True)
    return body.decode("utf-8", "replace")


def _lost(error: Exception) -> TransportError:
    """A request without an answer: harmless where no connection was made, else it may have been sent."""
    from requests import ConnectTimeout
    from requests.exceptions import ProxyError, SSLError
    from urllib3.exceptions import NewConnectionError

    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, ConnectTimeout | ProxyError | SSLError) or isinstance(cause, NewConnectionError):
        return TransportError("twilio: no connection", permanent=False)
    return TransportError("twilio: no answer after the message was handed over", permanent=True, unsure=True)
