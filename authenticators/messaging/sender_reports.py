"""What a sender service tells afterwards of the messages that it took: whose word that is, and what it says.

django-anymail reads it. A service that signs is believed by its signature, any other by the password in HTTP's basic
authentication; none without a secret.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from django.http import HttpRequest
from django.utils.module_loading import import_string

from authenticators.models import Message
from authsignal_portal.sender_services import REPORT_USER, SenderService

Delivery = Message.Delivery

# In django-anymail's words. Who opens or clicks what is none of our business.
MEANS: Final = {
    "queued": Delivery.QUEUED,
    "sent": Delivery.SENT,
    "deferred": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "bounced": Delivery.UNDELIVERED,
    "rejected": Delivery.UNDELIVERED,
    "failed": Delivery.UNDELIVERED,
}
CODE: Final = re.compile(r"[a-z_]{1,16}")
MAX_IDENT_CHARS: Final = 255
# What django-anymail raises for what has not the form of the service's reports, or of its key.
MALFORMED: Final = (
    AnymailConfigurationError,
    UnsupportedAlgorithm,
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    AssertionError,
    OverflowError,
    RecursionError,
    OSError,
)


class NotBelieved(Exception):
    """It does not come from the service, or nobody can say so."""


class Unreadable(Exception):
    """It comes from the service, and is no report."""


@dataclass(frozen=True, slots=True)
class Report:
    """`message_id`: the service's. `code`: why it did not arrive, one of django-anymail's words, or empty. `at`: when
    it happened by the service's clock, None where it does not say."""

    message_id: str
    delivery: Message.Delivery
    code: str
    at: datetime | None


def check_secret(service: SenderService, secret: str) -> None:
    """Raises ValueError for what cannot be the secret of this service's reports."""
    try:
        view = _view(service, secret, url="")
    except UnsupportedAlgorithm as error:
        raise ValueError("a key of a kind that nobody knows") from error
    key = getattr(view, "webhook_verification_key", None)
    if key is not None and not isinstance(key, EllipticCurvePublicKey):
        raise ValueError("a key that verifies no report")


def read(request: HttpRequest, service: SenderService, secret: str, *, url: str) -> list[Report]:
    """`url`: at which the service was told to report. Raises NotBelieved, Unreadable."""
    if not service.reports or not secret:
        raise NotBelieved
    try:
        view = _view(service, secret, url=url)
        view.run_validators(request)
    except (AnymailWebhookValidationFailure, *MALFORMED) as error:
        raise NotBelieved from error
    try:
        events = view.parse_events(request)
    except MALFORMED as error:
        raise Unreadable from error
    # Some services tell at one address of what comes in, too.
    told = [event for event in events if isinstance(event, AnymailTrackingEvent)]
    return [report for report in map(_report, told) if report is not None]


def _view(service: SenderService, secret: str, *, url: str) -> Any:
    kind = import_string(f"anymail.webhooks.{service.reports}")
    if not service.signature:
        return kind(webhook_secret=f"{REPORT_USER}:{secret}")
    # Mandrill signs the address too: ours, never the Host header that came.
    address = {"webhook_url": url} if service.backend == "mandrill" else {}
    return kind(webhook_secret=[], **{service.signature: secret}, **address)


def _report(event: Any) -> Report | None:
    ident, means = event.message_id, MEANS.get(event.event_type)
    if means is None or not isinstance(ident, str) or not (ident and ident.isprintable()):
        return None
    if len(ident) > MAX_IDENT_CHARS:
        return None
    is_bad = means == Delivery.UNDELIVERED
    code = str(event.reject_reason or "") if is_bad else ""
    at = event.timestamp
    is_clear = isinstance(at, datetime) and at.tzinfo is not None
    return Report(ident, means, code if CODE.fullmatch(code) else "", at if is_clear else None)
