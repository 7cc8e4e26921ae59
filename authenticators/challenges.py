"""Challenges that were started, and what comes of them: the one place where a proof is accepted.

`finish` is called inside the caller's transaction, so that the proof, the wrong guess and what follows from either are
stored together. It never raises for a wrong answer: the count must be committed before anybody is told.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from audit import log
from audit.events import Tag
from authenticators import available, contact, delivery, guesses, lone_addresses, notices, sending
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Authenticator, Challenge, EndUser
from authenticators.notices import Kind
from authenticators.registry import METHODS
from authsignal_portal import clock
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import WEBAUTHN, FailureReason, VerificationMethod


@dataclass(frozen=True, slots=True)
class Proof:
    """Something was proved. `enrolled` when it completed an enrolment; `is_silent` when it did that and no more."""

    challenge: Challenge
    authenticator: Authenticator | None
    enrolled: bool
    is_silent: bool = False
    # The answer itself: what a passkey signed.
    answer: Any = field(default=None, repr=False)

    @property
    def method(self) -> VerificationMethod:
        return VerificationMethod(self.challenge.method)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an answer: a proof, or the reason why not. `declined` when the user said no."""

    proof: Proof | None = None
    failure: FailureReason | None = None
    declined: bool = False


REFUSED = Attempt(failure=FailureReason.CODE_INVALID_OR_EXPIRED)
EXHAUSTED = Attempt(failure=FailureReason.MAX_ATTEMPTS_EXCEEDED)


def of_action(tenant: Tenant, action_id: uuid.UUID, method: VerificationMethod) -> QuerySet[Challenge]:
    """The action's challenges by this method, newest first."""
    rows = Challenge.objects.filter(tenant=tenant, action_id=action_id, method=method, withdrawn_at=None)
    return rows.select_related("tenant", "user").order_by("-created_at", "-pk")


def by_nonce(tenant: Tenant, action_id: uuid.UUID, method: VerificationMethod, nonce: bytes) -> QuerySet[Challenge]:
    """The action's challenge by this method whose random bytes these are."""
    return of_action(tenant, action_id, method).filter(nonce=nonce)


def stand(user: EndUser, action_id: uuid.UUID, *, since: datetime) -> bool:
    """Whether what the action's proofs after `since` allow its user is allowed still: there is one, and none was given
    by an authenticator that was deleted, or the user proved it by another too. An enrolment is no such proof: the lost
    one may have allowed it. What is only a proof of somebody's address allows nothing, nor does one at an address that
    was the user's (`end_at`).
    """
    worthless = Q(withdrawn_at__isnull=False) | Q(failed_at__isnull=False)
    found = Challenge.objects.filter(action_id=action_id, verified_at__isnull=False).aggregate(
        recent=Count("pk", filter=Q(verified_at__gte=since)),
        withdrawn=Count("pk", filter=worthless),
        others=Count("pk", filter=~worthless & Q(purpose=Challenge.Purpose.AUTHENTICATE, verified_at__gte=since)),
    )
    stands = found["recent"] > 0 and (not found["withdrawn"] or found["others"] > 0)
    return stands and not lone_addresses.is_all(user, action_id, since=since)


def proved_with(action_id: uuid.UUID) -> list[uuid.UUID]:
    """The authenticators of the action's proofs, enrolments included."""
    proofs = Challenge.objects.filter(action_id=action_id, verified_at__isnull=False)
    found = proofs.exclude(purpose=Challenge.Purpose.RENEW).exclude(authenticator=None)
    return list(found.order_by().values_list("authenticator_id", flat=True).distinct())


def withdraw(challenges: QuerySet[Challenge]) -> None:
    """End those that still wait for an answer: a newer one takes their place."""
    challenges.order_by().filter(verified_at=None, failed_at=None).update(failed_at=clock.Now())


def end_open(tenant: Tenant, method: str) -> None:
    """The tenant has switched the method off: end what waits for an answer by it, so that its pages are told.

    Call inside a transaction. What somebody answers this very moment is not waited for, lest two wait for each other:
    `finish` asks again.
    """
    waiting = Challenge.objects.filter(tenant=tenant, method=method, verified_at=None, failed_at=None)
    waiting = waiting.filter(expires_at__gt=clock.Now())
    # Begun for whatever method comes: it may become one of another.
    _end_free(waiting.exclude(method=VerificationMethod.PASSKEY, user=None))


def end_of_action(action_id: uuid.UUID) -> None:
    """Somebody has decided: end what waits for an answer for the action, so that nothing more is sent for it.

    As `end_open` it waits for nobody.
    """
    _end_free(Challenge.objects.filter(action_id=action_id, verified_at=None, failed_at=None))


def _end_free(waiting: QuerySet[Challenge]) -> None:
    # Proves nothing.
    waiting = waiting.exclude(purpose=Challenge.Purpose.RENEW)
    free = list(waiting.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))
    Challenge.objects.filter(pk__in=free).update(failed_at=clock.Now())


def end_at(user: uuid.UUID, tenant: uuid.UUID, address: str, now: datetime) -> None:
    """The address on file has changed: what waits for an answer from the one before is over, and what was answered
    there counts for nothing more. An enrolled address answers for itself; one that waits to be enrolled does not yet.

    Call in the transaction that changes it, with the user locked.
    """
    rows = Challenge.objects.filter(user=user, contact_index__in=contact.indexes(tenant, address))
    rows = rows.filter(Q(authenticator=None) | Q(authenticator__verified_at=None))
    rows = rows.filter(failed_at=None)
    for challenge in rows.filter(verified_at=None):
        delivery.cancel_owed(challenge, now)
    rows.update(failed_at=now)


def by_id(tenant: Tenant, challenge_id: str) -> Challenge:
    """A challenge of this tenant that was not withdrawn. Raises InvalidRequest."""
    rows = Challenge.objects.filter(pk=challenge_id, tenant=tenant, withdrawn_at=None)
    found = rows.select_related("tenant", "user").first()
    if found is None:
        raise InvalidRequest("challengeId names no challenge.")
    return found


def finish(
    *,
    tenant: Tenant,
    user: EndUser | None,
    method: VerificationMethod,
    challenge: Challenge | None,
    answer: Any,
) -> Attempt:
    """Judge an answer. Call inside a transaction, with the challenge to answer (unlocked), and commit whatever returns.

    A right answer consumes the challenge; nothing else can be done with it afterwards. Where the user is known, call
    with the user locked.
    """
    if challenge is None:
        return REFUSED
    gate = _gate(tenant, user, method, challenge)
    challenge = locked(challenge)
    if challenge is None:
        return REFUSED
    now = gate.now if gate else clock.now()
    if (gate and not gate.admits(challenge.purpose)) or challenge.attempts >= tries(method):
        _tell_limit(challenge, now)
        return EXHAUSTED
    if not challenge.is_open(now):
        return REFUSED
    if not available.is_active(tenant, method):
        # Switched off since it began.
        record(Tag.CHALLENGE_REFUSED, challenge, now, reason="not active")
        return REFUSED
    try:
        judged = METHODS[method].judge(challenge=challenge, answer=answer, now=now)
    except VerificationFailed as failure:
        _tell_of_a_copy(failure.copy_of, challenge, now)
        return _failed(gate, challenge, failure, now)
    if judged.declined:
        return _declined(challenge, now)
    if not consume(challenge, now):
        return REFUSED
    if gate:
        gate.right()
    if METHODS[method].channel:
        sending.proven(challenge, now)
    return _proved(challenge, judged, now, answer)


def _tell_limit(challenge: Challenge, now: datetime) -> None:
    """Once: who goes on trying fills no log."""
    if not challenge.limit_told:
        Challenge.objects.filter(pk=challenge.pk).update(limit_told=True)
        record(Tag.CHALLENGE_REFUSED, challenge, now, reason="limit")


def _gate(
    tenant: Tenant, user: EndUser | None, method: VerificationMethod, challenge: Challenge
) -> guesses.Gate | None:
    """The guess count of a code that can be guessed. A passkey cannot: its limit is the challenge's alone, so that
    nobody can lock a user's passkey by naming it."""
    if not METHODS[method].guessable:
        return None
    return guesses.lock(tenant=tenant, subject=guesser(user, challenge), method=method)


def guesser(user: EndUser | None, challenge: Challenge) -> str:
    """Whose guesses these are: the user's, or those at the mailbox or number that it went to."""
    to = None if user else challenge.contact
    return guesses.subject_of(user, contact.limit_index(challenge.tenant_id, to) if to else "")


def tries(method: VerificationMethod) -> int:
    if method in WEBAUTHN:
        return int(settings.PASSKEY_TRIES_PER_CHALLENGE)
    if method == VerificationMethod.PUSH:
        return int(settings.PUSH_TRIES_PER_CHALLENGE)
    return int(settings.GUESSES_PER_CHALLENGE)


def locked(challenge: Challenge) -> Challenge | None:
    """None when it went with its user since it was read."""
    rows = Challenge.objects.select_for_update(of=("self",)).select_related("tenant", "user", "authenticator")
    return rows.filter(pk=challenge.pk).first()


def consume(challenge: Challenge, now: datetime) -> bool:
    """Use the challenge up. The row count of one conditional update decides, whoever else tries."""
    unused = Challenge.objects.filter(pk=challenge.pk, verified_at=None, failed_at=None, expires_at__gt=now)
    challenge.verified_at = now
    return unused.update(verified_at=now, code_hash="", nonce=None) == 1


def _declined(challenge: Challenge, now: datetime) -> Attempt:
    """As `consume`, the other way: whoever comes first decides, and the other finds the challenge over."""
    unused = Challenge.objects.filter(pk=challenge.pk, verified_at=None, failed_at=None, expires_at__gt=now)
    if unused.update(failed_at=now, declined_at=now, code_hash="", nonce=None) != 1:
        return REFUSED
    record(Tag.CHALLENGE_DECLINED, challenge, now)
    return Attempt(declined=True)


def _failed(gate: guesses.Gate | None, challenge: Challenge, failure: VerificationFailed, now: datetime) -> Attempt:
    if failure.is_guess:
        charge(challenge)
    if failure.is_guess and gate:
        gate.wrong(challenge.purpose)
        if gate.just_closed:
            is_for_good = gate.just_closed == "disabled"
            record(Tag.METHOD_DISABLED if is_for_good else Tag.METHOD_PAUSED, challenge, now)
            _tell(challenge.user, Kind.DISABLED if is_for_good else Kind.LOCKED, challenge, now)
    record(Tag.CHALLENGE_REFUSED, challenge, now, reason=failure.reason, attempt=challenge.attempts)
    return REFUSED


def charge(challenge: Challenge) -> None:
    """One wrong guess more on the challenge."""
    challenge.attempts += 1
    challenge.save(update_fields=["attempts"])


def _proved(challenge: Challenge, judged: Judged, now: datetime, answer: Any) -> Attempt:
    enrolled, authenticator = challenge.purpose == Challenge.Purpose.ENROL, judged.authenticator
    if challenge.method == VerificationMethod.RECOVERY_CODE:
        _tell(challenge.user, Kind.RECOVERY_CODE_USED, challenge, now, codes_left=_codes_left(challenge.user))
    if authenticator is not None:
        if authenticator.clone_suspected_at == now:
            _tell_of_a_copy(authenticator, challenge, now)
        authenticator.last_verified_at = now
        authenticator.save(update_fields=["last_verified_at"])
        challenge.authenticator = authenticator
        challenge.save(update_fields=["authenticator"])
    record(Tag.CHALLENGE_VERIFIED, challenge, now, authenticator=str(authenticator.pk) if authenticator else None)
    return Attempt(Proof(challenge, authenticator, enrolled, judged.is_silent, answer))


def _tell_of_a_copy(row: Authenticator | None, challenge: Challenge, now: datetime) -> None:
    if row is not None:
        _tell(row.user, Kind.COPY_SUSPECTED, challenge, now)


def _codes_left(user: EndUser | None) -> int:
    return user.recovery_codes.filter(used_at=None).count() if user else 0


def _tell(
    user: EndUser | None, kind: Kind, challenge: Challenge, now: datetime, *, codes_left: int | None = None
) -> None:
    if user is not None:
        to = notices.address_of(user)
        notices.owe(user, kind, challenge.method, now=now, to=to, action_id=challenge.action_id, codes_left=codes_left)


def record(tag: Tag, challenge: Challenge, now: datetime, **data: Any) -> None:
    user = challenge.user
    if challenge.contact_sealed and challenge.authenticator_id:
        # Of several of the method, the one that it went to.
        data = {"authenticator": str(challenge.authenticator_id)} | data
    log.record(
        tag,
        tenant_id=challenge.tenant_id,
        actor=log.user(user.pseudonym) if user else log.SYSTEM,
        subject=user.pseudonym if user else None,
        action_id=challenge.action_id,
        at=now,
        challenge=challenge.pk,
        method=challenge.method,
        purpose=challenge.purpose,
        **{key: value for key, value in data.items() if value is not None},
    )
