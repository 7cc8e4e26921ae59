"""What sender services tell afterwards about emails: it changes the messages that they took, and proves nothing."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from authenticators import delivery_news
from authenticators.messaging import sender_reports
from authenticators.models import Message, MessageProvider
from authsignal_portal import clock
from authsignal_portal.crypto import OpeningFailed
from authsignal_portal.sender_services import SERVICES, SenderService
from authsignal_portal.vocabulary import Channel

# The accounts send other mail too, of which we never hear the id: what is older is not asked for again.
NEW_FOR = timedelta(minutes=1)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Teller:
    """Who may tell here, by which secret, and of which messages."""

    service: SenderService
    secret: str
    messages: QuerySet[Message]


@csrf_exempt
@require_http_methods(["POST", "HEAD"])
def told(request: HttpRequest, provider_id: UUID | None = None) -> HttpResponse:
    """204 for what is believed, whether or not it is news; 403 for anything else. 503: to be told again, though what is
    known is noted."""
    if request.method == "HEAD":
        # Some services look whether there is anybody before they are set up.
        return HttpResponse()
    try:
        teller = _deployments() if provider_id is None else _tenants(provider_id)
    except OpeningFailed:
        log.error("the secret of a provider's reports cannot be opened", provider=str(provider_id))
        return HttpResponse(status=503)
    if teller is None:
        return HttpResponse(status=403)
    try:
        reports = sender_reports.read(request, teller.service, teller.secret, url=address(provider_id))
    except sender_reports.NotBelieved:
        return HttpResponse(status=403)
    except sender_reports.Unreadable:
        return HttpResponse(status=400)
    # Asked first: of a message that is no longer being sent by then, the id is known.
    now = clock.now()
    is_sending = teller.messages.filter(status=Message.Status.SENDING, lease_until__gt=now).exists()
    found = {message.provider_id: message for message in _about(teller, {report.message_id for report in reports})}
    for report in reports:
        if report.message_id in found:
            delivery_news.note(found[report.message_id], report.delivery, report.code)
    unknown = [report for report in reports if report.message_id not in found]
    # It may be of one that the service took a moment ago: nobody has told us its id yet.
    if is_sending and any(report.at is None or now - report.at < NEW_FOR for report in unknown):
        return HttpResponse(status=503)
    return HttpResponse(status=204)


def address(provider_id: UUID | None) -> str:
    """Where a service is told to report."""
    return f"{settings.PUBLIC_URL}/callbacks/email" + (f"/{provider_id}" if provider_id else "")


def _about(teller: Teller, idents: set[str]) -> QuerySet[Message]:
    return teller.messages.filter(provider_id__in=idents).select_related("tenant", "user", "challenge")


def _tenants(provider_id: UUID) -> Teller | None:
    rows = MessageProvider.objects.filter(pk=provider_id, kind=MessageProvider.Kind.ANYMAIL)
    row = rows.select_related("tenant").first()
    if row is None:
        return None
    messages = Message.objects.filter(channel=Channel.EMAIL, tenant=row.tenant_id, carrier=row)
    return Teller(SERVICES[row.service], row.report_secret or "", messages)


def _deployments() -> Teller | None:
    service = SERVICES.get(settings.MESSAGE_PROVIDERS["EMAIL"])
    messages = Message.objects.filter(channel=Channel.EMAIL, carrier=None)
    return Teller(service, settings.EMAIL_SERVICE_REPORT_SECRET, messages) if service else None
