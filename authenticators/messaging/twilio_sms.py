"""Text messages through Twilio."""

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import phonenumbers
from django.conf import settings

from authenticators import contact
from authenticators.messaging.base import CONNECT_SECONDS, TOTAL_SECONDS, Outgoing, TransportError
from authsignal_portal.vocabulary import Channel

if TYPE_CHECKING:
    from requests import Response

# Twilio's own codes (https://www.twilio.com/docs/api/errors) for "not now", whatever the HTTP status.
TEMPORARY_CODES = {20429, 20500, 20503, 21611}
GONE_WRONG = {"failed", "undelivered", "canceled"}
MAX_ANSWER_BYTES = 64 * 1024


class TwilioSms:
    channels = frozenset({Channel.SMS})

    def send(self, message: Outgoing) -> str:
        # Imported here: it takes 0.3 s and many megabytes, which only the sending process needs.
        from twilio.base.exceptions import TwilioRestException, TwilioServiceException
        from twilio.rest import Client

        account = (settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN)
        client = Client(*account, http_client=OneRequest(message.ident))
        try:
            sent = client.messages.create(to=_e164(message.to), body=message.text, **_sender())
        except (TwilioRestException, TwilioServiceException) as error:
            raise failure(status=error.status, code=error.code) from None
        except json.JSONDecodeError:
            raise TransportError("twilio: the answer is not JSON", permanent=True) from None
        if not sent.sid or sent.status in GONE_WRONG:
            raise TransportError(f"twilio: answered {sent.error_code or 'without a message'}", permanent=True)
        return str(sent.sid)


def failure(*, status: int, code: object) -> TransportError:
    """What a refusal means: 429 and 5xx pass, any other is about the number, the sender or the account."""
    temporary = status == 429 or status >= 500 or code in TEMPORARY_CODES
    return TransportError(f"twilio {code if isinstance(code, int) else status}", permanent=not temporary)


def _sender() -> dict[str, str]:
    if settings.TWILIO_MESSAGING_SERVICE_SID:
        return {"messaging_service_sid": settings.TWILIO_MESSAGING_SERVICE_SID}
    return {"from_": settings.TWILIO_FROM}


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
                raise TransportError("twilio: the answer does not end", permanent=True)
    return body.decode("utf-8", "replace")


def _lost(error: Exception) -> TransportError:
    """A request without an answer: harmless where no connection was made, else it may have been sent."""
    from requests import ConnectTimeout
    from requests.exceptions import ProxyError, SSLError
    from urllib3.exceptions import NewConnectionError

    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, ConnectTimeout | ProxyError | SSLError) or isinstance(cause, NewConnectionError):
        return TransportError("twilio: no connection", permanent=False)
    return TransportError("twilio: no answer after the message was handed over", permanent=True)
