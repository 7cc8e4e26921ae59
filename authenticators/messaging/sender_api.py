"""What is said to a sender service: django-anymail words it, `outbound` carries it.

So the name of the service's host is resolved once and must be public, no redirect is followed, no proxy used, and one
deadline holds for all of it. Whether a message was taken is judged by the status of the answer first, and only then by
what django-anymail makes of its text.
"""

import io
from typing import Any, Final

import requests
from anymail.exceptions import AnymailError
from anymail.message import AnymailMessage
from anymail.utils import parse_single_address
from django.utils.module_loading import import_string
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from authenticators.messaging.base import Outgoing, TransportError
from authsignal_portal import outbound
from authsignal_portal.sender_services import SenderService, ServiceAccount

# What the service says of the one recipient, in django-anymail's words.
TAKEN: Final = {"sent", "queued"}
REFUSED: Final = {"invalid", "rejected"}
FAILED: Final = {"failed"}
# Too early, too often, at the same time as another, or the service's own trouble: another try may help.
TEMPORARY: Final = {408, 409, 425, 429}
# Of the gateway before the service, which does not know whether the service has it.
UNSURE: Final = {502, 504}
# Beside its own errors, what django-anymail raises for an answer of another form than the service's API gives.
UNREADABLE: Final = (AnymailError, LookupError, TypeError, AttributeError, ValueError)


class Carrier(BaseAdapter):
    """An adapter of requests that posts by `outbound`. `status`: of the last answer, None where there was none."""

    def __init__(self) -> None:
        super().__init__()
        self.status: int | None = None

    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:
        """Raises OutboundError."""
        headers = {name: _text(value) for name, value in request.headers.items()}
        answer = outbound.post(str(request.url), _text(request.body or "").encode(), headers)
        self.status = answer.status
        response = requests.Response()
        response.status_code, response.reason = answer.status, ""
        response.headers = CaseInsensitiveDict(answer.headers)
        response.raw = io.BytesIO(answer.body)
        response.encoding = "utf-8"
        response.url, response.request = str(request.url), request
        return response

    def close(self) -> None:
        """Each request had a connection of its own."""


def _text(given: object) -> str:
    """Raises TypeError for what django-anymail does not send: a file, a stream."""
    if isinstance(given, bytes):
        return given.decode()
    if not isinstance(given, str):
        raise TypeError(f"{type(given).__name__} is not sent")
    return given


class Session(requests.Session):
    def __init__(self, carrier: Carrier, ident: str) -> None:
        super().__init__()
        self.trust_env = False
        self.headers = CaseInsensitiveDict({"User-Agent": "authsignal-portal", "Idempotency-Key": ident})
        # Whatever the address: `outbound` judges it.
        self.adapters.clear()
        self.mount("", carrier)

    def get_redirect_target(self, _response: requests.Response) -> None:
        """Whoever says that it is elsewhere has not taken the message, and nobody else gets it."""


def hand_over(message: Outgoing, service: SenderService, account: ServiceAccount) -> str:
    """Returns the service's id of the message. Raises TransportError."""
    carrier = Carrier()
    try:
        with Session(carrier, message.ident) as session:
            mail = _mail(message, service, account)
            _backend(service, account, session).send_messages([mail])
    except outbound.OutboundError as error:
        permanent = error.sent or isinstance(error, outbound.Refused)
        raise TransportError(f"{service.name}: {error.reason}", permanent=permanent, unsure=error.sent) from None
    except UNREADABLE:
        raise failure(service, carrier.status) from None
    return _ident(service, mail.anymail_status, carrier.status)


def failure(service: SenderService, status: int | None) -> TransportError:
    """What an error means by the status of the answer; without one, nothing was sent."""
    if status is None:
        return TransportError(f"{service.name}: the address or the account cannot be used", permanent=True)
    if 200 <= status <= 299:
        return TransportError(f"{service.name}: the answer cannot be read", permanent=True, unsure=True)
    if status in UNSURE:
        return TransportError(f"{service.name} {status}", permanent=True, unsure=True)
    temporary = status >= 500 or status in TEMPORARY
    return TransportError(f"{service.name} {status}", permanent=not temporary)


def _ident(service: SenderService, told: Any, status: int | None) -> str:
    """Of an answer that django-anymail could read: some services say in its text alone that they refuse."""
    said = told.status or set()
    if said and said <= REFUSED:
        raise TransportError(f"{service.name}: recipient refused", permanent=True)
    if status is None or not 200 <= status <= 299:
        raise failure(service, status)
    if said == FAILED:
        raise TransportError(f"{service.name}: message refused", permanent=True)
    if not said or not said <= TAKEN:
        raise failure(service, status)
    return str(told.message_id or "")


def _backend(service: SenderService, account: ServiceAccount, session: Session) -> Any:
    """Raises KeyError for a region that the service does not have."""
    made = import_string(f"anymail.backends.{service.backend}.EmailBackend")
    credentials: dict[str, str | None] = {service.credential: account.secret}
    if service.account:
        # Not left out, else it is looked for in the settings of the deployment.
        credentials[service.account] = account.name or None
    # What is said of the recipient is judged here (`_ident`): no word of them is no refusal.
    backend = made(api_url=service.api(account.region), ignore_recipient_status=True, **credentials)
    backend.session = session
    return backend


def _mail(message: Outgoing, service: SenderService, account: ServiceAccount) -> Any:
    """To one address. Raises AnymailInvalidAddress."""
    options = {"track_clicks": False, "track_opens": False} if service.leaves_links else {}
    mail = AnymailMessage(
        subject=message.subject,
        body=message.text,
        from_email=account.sender,
        to=[str(parse_single_address(message.to))],
        headers={"Auto-Submitted": "auto-generated"} if service.takes_headers else {},
        **options,
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    return mail
