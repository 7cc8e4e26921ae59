"""Identity checks by vendors who look at the person: one contract for all of them, spoken over HTTP with an adapter.

The operator runs the adapter, which knows the vendor. We begin a check by a signed POST to its address; it answers
with the vendor's session, and tells the result by a signed POST to us (docs/identity_checks.md). A *subject* is the
adapter's name for the person: given with the result of an enrolment, wanted again with each later one.
"""

import hmac
import json
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.conf import settings

from authenticators import subjects
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser, IdentityProvider
from authsignal_portal import origins, outbound, webhook_signature
from authsignal_portal.errors import ExpiredToken, InvalidConfiguration, InvalidRequest, TooManyRequests, Unavailable
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import VerificationMethod
from authsignal_portal.wire import iso, present

VERSION: Final = 1
SOURCE: Final = "https://authsignal.com"
STARTED: Final = "identity_check.started"
DECIDED: Final = "identity_check.decided"
MAX_ID: Final = 255
SECONDS_AFTER_SILENCE: Final = 15
MOST_SILENT: Final = 256
# What it says of itself, or a proxy before it; any other refusal may be about one person, and stops nobody else.
OUT_OF_SERVICE: Final = frozenset({502, 503, 504})


class Decision(StrEnum):
    """What came of a check."""

    APPROVED = "approved"
    DECLINED = "declined"
    # The pictures were no good: the person may try again, within the limit of wrong answers.
    RESUBMISSION = "resubmission"


@dataclass(frozen=True, slots=True)
class Session:
    """A check at the vendor. `url`: where the person goes for it; empty where they go to a terminal."""

    id: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What the adapter told, signed. `event` is new for each result and the same when it is told again."""

    event: str
    session: str
    decision: Decision
    subject: str = field(repr=False)


def provider_of(tenant: Tenant, method: str) -> IdentityProvider:
    """Raises InvalidConfiguration."""
    row = IdentityProvider.objects.select_related("tenant").filter(tenant=tenant, method=method).first()
    if row is None or not row.url or row.secret_sealed is None:
        raise InvalidConfiguration(f"{method} has no adapter. Set one up in the portal.")
    return row


# -- beginning -----------------------------------------------------------------------------------


class Silent:
    """The adapters that did not answer this process: left alone for a while, or each request would wait for one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._until: OrderedDict[tuple[uuid.UUID, str], float] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, provider: IdentityProvider) -> None:
        """Raises Unavailable."""
        with self._lock:
            until = self._until.get((provider.pk, provider.url), float("-inf"))
        if self.clock() < until:
            raise Unavailable("The identity check cannot be begun right now: its adapter did not answer a moment ago.")

    def add(self, provider: IdentityProvider) -> None:
        with self._lock:
            self._until[provider.pk, provider.url] = self.clock() + SECONDS_AFTER_SILENCE
            self._until.move_to_end((provider.pk, provider.url))
            while len(self._until) > MOST_SILENT:
                self._until.popitem(last=False)


SILENT = Silent()


def check_limits(user: EndUser, method: str, now: datetime) -> None:
    """Each check costs the operator money. Call with the user locked. Raises TooManyRequests."""
    begun = Challenge.objects.filter(user=user, method=method)
    for seconds, most in ((3600, settings.IDENTITY_CHECKS_PER_HOUR), (86400, settings.IDENTITY_CHECKS_PER_DAY)):
        times = list(
            begun.filter(created_at__gt=now - timedelta(seconds=seconds))
            .order_by("-created_at")
            .values_list("created_at", flat=True)[:most]
        )
        if len(times) >= most:
            wait = times[-1] + timedelta(seconds=seconds) - now
            raise TooManyRequests("Too many identity checks were begun.", resets_in=int(wait.total_seconds()) + 1)


def begin(
    provider: IdentityProvider, challenge: Challenge, enrolled: Authenticator | None, about: Mapping[str, Any]
) -> Session:
    """Ask the adapter for a session; the network is asked here. Raises Unavailable."""
    configuration = AuthenticatorConfiguration.of(provider.tenant, VerificationMethod(challenge.method))
    data = {
        "challengeId": challenge.pk,
        "verificationMethod": challenge.method,
        "purpose": challenge.purpose,
        "actionCode": challenge.action_code,
        "idempotencyKey": challenge.idempotency_key,
        "subject": enrolled.subject if enrolled else None,
        "documentTypes": configuration.document_types or None,
        "resultUrl": f"{settings.PUBLIC_URL}/callbacks/identity/{challenge.pk}",
        "returnUrl": f"{settings.PUBLIC_URL}/challenge/checked",
        "expiresAt": iso(challenge.expires_at),
        **about,
    }
    event = {
        "version": VERSION,
        "type": STARTED,
        "id": str(uuid.uuid4()),
        "source": SOURCE,
        "time": iso(challenge.created_at),
        "tenantId": str(challenge.tenant_id),
        "data": present(data),
    }
    return _session(_asked(provider, event, challenge.created_at))


def _asked(provider: IdentityProvider, event: Mapping[str, Any], now: datetime) -> bytes:
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "authsignal-portal",
        "Idempotency-Key": event["id"],
        webhook_signature.HEADER: webhook_signature.header(body, at=int(now.timestamp()), secrets=[secret(provider)]),
    }
    try:
        answer = outbound.post(provider.url, body, headers)
    except outbound.OutboundError as error:
        SILENT.add(provider)
        raise Unavailable(f"The identity check cannot be begun right now: {error.reason}.") from error
    if answer.status in OUT_OF_SERVICE:
        SILENT.add(provider)
    if not 200 <= answer.status <= 299:
        raise Unavailable(f"The identity check cannot be begun right now: its adapter answered {answer.status}.")
    return answer.body


def _session(body: bytes) -> Session:
    try:
        given = json.loads(body)
        session = Session(_text(given, "sessionId"), _text(given, "url", may_miss=True))
        if session.url:
            # The person's browser goes there, not we.
            origins.check_redirect(session.url, allowed=[], development=not settings.PRODUCTION)
    except (ValueError, RecursionError, InvalidRequest) as error:
        raise Unavailable("The identity check cannot be begun: its adapter answered no usable session.") from error
    return session


def secret(provider: IdentityProvider) -> bytes:
    return str(provider.secret).encode()


# -- the result ----------------------------------------------------------------------------------


def is_signed(challenge: Challenge, header: str, body: bytes, now: datetime) -> bool:
    """Whether the adapter of the challenge's method signed this within the last five minutes."""
    rows = IdentityProvider.objects.select_related("tenant")
    row = rows.filter(tenant=challenge.tenant_id, method=challenge.method).exclude(secret_sealed=None).first()
    return row is not None and webhook_signature.is_signed(header, body, now=now, secret=secret(row))


def read_result(body: bytes, challenge: Challenge) -> Result:
    """Raises InvalidRequest."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body must be JSON.") from error
    data = given.get("data") if isinstance(given, dict) else None
    if not isinstance(data, dict) or given.get("type") != DECIDED:
        raise InvalidRequest(f"The body must be an object of type {DECIDED} with an object data.")
    if data.get("challengeId") != challenge.pk:
        raise InvalidRequest("data.challengeId is another challenge than the address names.")
    decision = data.get("decision")
    if not isinstance(decision, str) or decision not in set(Decision):
        raise InvalidRequest(f"data.decision must be one of {', '.join(Decision)}.")
    subject = _text(data, "subject", may_miss=decision != Decision.APPROVED)
    return Result(_text(given, "id"), _text(data, "sessionId"), Decision(decision), subject)


def judge(challenge: Challenge, answer: Any, now: datetime) -> Judged:
    """Raises VerificationFailed."""
    if not isinstance(answer, Result):
        raise VerificationFailed("no result", is_guess=False)
    session = session_of(challenge)
    if session is None or not hmac.compare_digest(session.id.encode(), answer.session.encode()):
        raise VerificationFailed("another session", is_guess=False)
    if answer.decision == Decision.DECLINED:
        return Judged(None, declined=True)
    if answer.decision != Decision.APPROVED:
        raise VerificationFailed("to be submitted again")
    return Judged(subjects.vouched(challenge, answer.subject))


def session_of(challenge: Challenge) -> Session | None:
    """The vendor's session, once the adapter answered."""
    stored = challenge.session
    return Session(**json.loads(stored)) if stored else None


def session_id_of(tenant_id: uuid.UUID, action_id: uuid.UUID, method: str) -> str:
    """The vendor's session that proved an action; nothing where the challenge is gone."""
    rows = Challenge.objects.select_related("tenant").filter(tenant=tenant_id, action_id=action_id, method=method)
    proved = rows.exclude(verified_at=None).order_by("-verified_at").first()
    session = session_of(proved) if proved else None
    return session.id if session else ""


def keep_session(challenge: Challenge, session: Session) -> None:
    """Raises ExpiredToken where the challenge went with its user while the adapter was asked."""
    challenge.session = json.dumps({"id": session.id, "url": session.url})
    rows = Challenge.objects.filter(pk=challenge.pk)
    if not rows.update(session_sealed=challenge.session_sealed):
        raise ExpiredToken


def _text(given: Any, name: str, *, may_miss: bool = False) -> str:
    """An id or an address: printable, of sane length. Raises InvalidRequest."""
    value = given.get(name) if isinstance(given, dict) else None
    if value is None and may_miss:
        return ""
    most = 2048 if name == "url" else MAX_ID
    if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
        raise InvalidRequest(f"{name} must be a text of 1 to {most} printable characters.")
    return value
