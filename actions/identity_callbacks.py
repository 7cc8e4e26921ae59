"""What an adapter tells of an identity check: a POST to the challenge's own address, signed with their secret."""

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from actions import identity_proving
from authenticators import identity_checks
from authenticators.models import Challenge
from authsignal_portal import clock, webhook_signature
from authsignal_portal.errors import AuthsignalError, Unavailable
from authsignal_portal.vocabulary import IDENTITY_CHECKS

log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
def decided(request: HttpRequest, challenge_id: str) -> HttpResponse:
    """POST /callbacks/identity/<challenge>.

    403 for what is not signed rightly, whatever it names; 409: it is over; 503: it is not begun yet.
    """
    rows = Challenge.objects.select_related("tenant", "user").filter(method__in=IDENTITY_CHECKS)
    challenge = rows.filter(pk=challenge_id).first() if challenge_id.isalnum() else None
    body = request.body
    header = request.headers.get(webhook_signature.HEADER, "")
    if challenge is None or not identity_checks.is_signed(challenge, header, body, clock.now()):
        log.warning("identity check: result refused", challenge=challenge_id[:64], known=challenge is not None)
        return HttpResponse(status=403)
    try:
        result = identity_checks.read_result(body, challenge)
    except AuthsignalError as error:
        return _refused(error, 400)
    try:
        return JsonResponse({"result": identity_proving.decide(challenge, result)})
    except Unavailable as error:
        return _refused(error, 503)
    except AuthsignalError as error:
        return _refused(error, 409)


def _refused(error: AuthsignalError, status: int) -> HttpResponse:
    told = {"error": error.code, "errorCode": error.code, "errorDescription": error.description}
    return JsonResponse(told, status=status)
