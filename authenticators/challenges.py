"""Starting and finishing challenges: the one place where a proof is accepted.

`finish` is called inside the caller's transaction, so that the proof, the wrong guess and what follows from either are
stored together. It never raises for a wrong answer: the count must be committed before anybody is told.
"""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet

from audit import log
from audit.events import Tag
from authenticators import available, contact, delivery, guesses, links, notices, otp, outbox, routing, sending
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Authenticator, Challenge, EndUser, Message
from authenticators.notices import Kind
from authenticators.registry import METHODS
from authenticators.transactions import Transaction, linked_challenge
from authsignal_portal import clock
from authsignal_portal.errors import InvalidRequest, TooManyRequests
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS, WEBAUTHN, Channel, FailureReason, VerificationMethod

NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Origin:
    """What a challenge belongs to: an action instance, or none yet."""

    action_id: uuid.UUID | None = None
    action_code: str = ""
    idempotency_key: str = ""
    # What the customer's own sender is told of who asks: userAgent, ipAddress, timezone.
    about: Mapping[str, Any] = field(default_factory=dict)
    # Custom data that goes to the sender of an email, and to no other: by the wire's names, action_… and user_….
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # Of an action with dynamic linking.
    transaction: str = ""
    transaction_hash: str = ""

    @property
    def columns(self) -> dict[str, Any]:
        """What each challenge keeps of it, by the names of the challenge's columns."""
        return {
            "action_id": self.action_id,
            "action_code": self.action_code,
            "idempotency_key": self.idempotency_key,
            "transaction": self.transaction,
            "transaction_hash": self.transaction_hash,
        }


@dataclass(frozen=True, slots=True)
class Way:
    """How what is sent should travel: by which of SMS and WhatsApp first; for a link, which page asks for it and
    from where."""

    sms_channel: str = ""
    asker: links.Asker = links.NOBODY


PLAIN = Way()


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


# -- start ---------------------------------------------------------------------------------------


def start_code(
    *,
    tenant: Tenant,
    user: EndUser | None,
    method: VerificationMethod,
    to: str,
    origin: Origin,
    purpose: str = Challenge.Purpose.AUTHENTICATE,
    authenticator: Authenticator | None = None,
    locale: str | None = None,
    scope: str = "",
    context: dict[str, Any] | None = None,
    way: Way = PLAIN,
) -> Challenge:
    """Send a code, or a link. Call inside a transaction.

    Asking again while a challenge is open sends a new one on the same challenge.

    Raises TooManyRequests (sending limits), InvalidRequest (the destination cannot be served).
    """
    now = clock.now()
    challenge = _open_for(tenant, user, method, purpose, origin, to, now)
    if challenge is None:
        _check_new(user, origin.action_id, now)
        challenge = Challenge(
            tenant=tenant,
            user=user,
            method=method,
            purpose=purpose,
            **origin.columns,
            scope=scope,
            context=context or {},
            expires_at=now + timedelta(minutes=tenant.otp_duration_in_minutes),
        )
        challenge.contact = to
    challenge.authenticator = authenticator
    send(challenge, now=now, locale=locale, way=way, about=origin.about, variables=origin.variables)
    _cancel_surplus(user, challenge.action_id)
    return challenge


def send(
    challenge: Challenge,
    *,
    now: datetime,
    locale: str | None = None,
    way: Way = PLAIN,
    about: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
) -> None:
    """A fresh code on a new or open challenge; deadline and wrong guesses stay as they are. Raises TooManyRequests."""
    _check_answerable(challenge, now)
    _check_sending(challenge, now)
    # For when it is sent again without a word of it.
    challenge.context |= {"locale": locale} if locale else {}
    _owe(
        challenge,
        now=now,
        locale=challenge.context.get("locale"),
        way=way,
        about=about or {},
        variables=variables or {},
    )


def _check_answerable(challenge: Challenge, now: datetime) -> None:
    """Nothing is sent whose answer would not be taken. Raises TooManyRequests."""
    subject = _guesser(challenge.user, challenge)
    lock = guesses.closed(tenant=challenge.tenant, subject=subject, purpose=challenge.purpose).get(challenge.method)
    if lock:
        until = "for now" if lock.until else "until it is set up again"
        reason = f"{challenge.method} takes no code of this user {until}: too many were wrong."
        raise TooManyRequests(reason, resets_in=lock.seconds_left(now))


def _check_sending(challenge: Challenge, now: datetime) -> None:
    left = int((challenge.expires_at - now).total_seconds()) + 1
    if challenge.attempts >= settings.GUESSES_PER_CHALLENGE:
        raise TooManyRequests("Too many wrong codes for this challenge.", resets_in=left)
    if challenge.sends >= settings.SENDS_PER_CHALLENGE:
        raise TooManyRequests("Too many codes were sent for this challenge.", resets_in=left)
    if challenge.last_sent_at:
        wait = settings.RESEND_WAIT_SECONDS - (now - challenge.last_sent_at).total_seconds()
        if wait > 0:
            raise TooManyRequests("A code was sent a moment ago.", resets_in=int(wait) + 1)


def _owe(
    challenge: Challenge,
    *,
    now: datetime,
    locale: str | None,
    way: Way,
    about: Mapping[str, Any],
    variables: Mapping[str, Any],
    only: Channel | None = None,
) -> None:
    method = VerificationMethod(challenge.method)
    is_link = method == VerificationMethod.EMAIL_MAGIC_LINK
    channel, fallback = (only, None) if only else _channels(challenge.tenant, method, way)
    tag = Tag.CHALLENGE_RESENT if challenge.sends else Tag.CHALLENGE_STARTED
    code = "" if is_link else otp.issue(challenge)
    if is_link:
        # A code that a link before this one showed is worth nothing any more.
        challenge.code_hash = ""
    challenge.sends += 1
    challenge.last_sent_at = now
    challenge.save()
    outbox.owe_code(
        tenant=challenge.tenant,
        user=challenge.user,
        challenge=challenge,
        channel=channel,
        fallback=fallback,
        to=challenge.contact,
        code=code,
        url=links.issue(challenge, way.asker) if is_link else "",
        now=now,
        locale=locale,
        about=about,
        variables=variables,
        linked=Transaction.read(challenge.transaction) if challenge.transaction else None,
        is_fallback=only is not None,
    )
    _record(tag, challenge, now)


def _channels(tenant: Tenant, method: VerificationMethod, way: Way) -> tuple[Channel, Channel | None]:
    if method == VerificationMethod.SMS:
        return routing.phone_channels(tenant, way.sms_channel)
    channel = METHODS[method].channel
    assert channel is not None
    return channel, None


@transaction.atomic
def send_by_fallback(message: Message) -> bool:
    """A code did not arrive: send a fresh one by the other channel, without the pause between two. Whether it was."""
    found = message.challenge
    if found is None or not message.fallback_channel or message.via == message.fallback_channel:
        return False
    if found.user:
        found.user.lock()
    gate = guesses.lock(tenant=message.tenant, subject=_guesser(found.user, found), method=found.method)
    challenge, now = _locked(found), clock.now()
    newer = Message.objects.filter(challenge=found, created_at__gt=message.created_at)
    if challenge is None or not challenge.is_open(now) or challenge.sends >= settings.SENDS_PER_CHALLENGE:
        return False
    if challenge.attempts >= settings.GUESSES_PER_CHALLENGE or newer.exists() or not gate.admits(challenge.purpose):
        return False
    _owe(
        challenge,
        now=now,
        locale=challenge.context.get("locale"),
        way=PLAIN,
        about={},
        variables={},
        only=Channel(message.fallback_channel),
    )
    return True


def start_nonce(
    *,
    tenant: Tenant,
    user: EndUser | None,
    origin: Origin,
    purpose: str,
    method: VerificationMethod = VerificationMethod.PASSKEY,
    context: dict[str, Any] | None = None,
    lifetime_seconds: int | None = None,
) -> Challenge:
    """A WebAuthn challenge: 32 random bytes, single use (WebAuthn L3 §13.4.3). Raises TooManyRequests."""
    now = clock.now()
    _check_new(user, origin.action_id, now)
    challenge = Challenge(
        tenant=tenant,
        user=user,
        method=method,
        purpose=purpose,
        **origin.columns,
        nonce=secrets.token_bytes(NONCE_BYTES),
        context=context or {},
        expires_at=now + timedelta(seconds=lifetime_seconds or settings.PASSKEY_CHALLENGE_SECONDS),
    )
    _link(challenge, origin)
    challenge.save(force_insert=True)
    _cancel_surplus(user, challenge.action_id)
    return challenge


def store(challenge: Challenge, now: datetime) -> None:
    """A new challenge that was begun elsewhere: kept, counted, and in the log. Raises TooManyRequests."""
    _check_new(challenge.user, challenge.action_id, now)
    link_id(challenge)
    challenge.save(force_insert=True)
    _cancel_surplus(challenge.user, challenge.action_id)
    _record(Tag.CHALLENGE_STARTED, challenge, now)


def link_id(challenge: Challenge) -> None:
    """Let the id, where an app signs it, stand for the transaction too. It stays as random and as long as any."""
    if challenge.transaction_hash and challenge.method in DEVICE_METHODS:
        challenge.transaction_nonce = secrets.token_bytes(NONCE_BYTES)
        challenge.pk = linked_challenge(challenge.transaction_nonce, challenge.transaction_hash).hex()


def _link(challenge: Challenge, origin: Origin) -> None:
    """Let a WebAuthn challenge stand for the transaction too: who signs it signs both (transactions)."""
    if origin.transaction_hash:
        challenge.transaction_nonce = challenge.nonce
        challenge.nonce = linked_challenge(bytes(challenge.nonce or b""), origin.transaction_hash)


def start_silent(
    *,
    user: EndUser,
    method: VerificationMethod,
    origin: Origin,
    purpose: str,
    authenticator: Authenticator | None,
) -> Challenge:
    """A challenge that needs nothing sent: an authenticator app, a recovery code. Raises TooManyRequests."""
    _check_new(user, origin.action_id, now := clock.now())
    challenge = Challenge(
        tenant=user.tenant,
        user=user,
        method=method,
        purpose=purpose,
        **origin.columns,
        authenticator=authenticator,
        expires_at=now + timedelta(minutes=user.tenant.otp_duration_in_minutes),
    )
    challenge.save(force_insert=True)
    return challenge


def _open_for(
    tenant: Tenant,
    user: EndUser | None,
    method: VerificationMethod,
    purpose: str,
    origin: Origin,
    to: str,
    now: datetime,
) -> Challenge | None:
    """The open challenge of this action, method and destination, locked; a dead one is not brought back."""
    if origin.action_id is None:
        return None
    # The guess count is the lock that two simultaneous requests of one user meet at.
    guesses.lock(tenant=tenant, subject=guesses.subject_of(user, ""), method=method)
    newest = of_action(tenant, origin.action_id, method).filter(purpose=purpose).select_for_update(of=("self",)).first()
    return newest if newest and newest.is_open(now) and newest.contact == to else None


def _check_new(user: EndUser | None, action_id: uuid.UUID | None, now: datetime) -> None:
    """One more challenge of the user for this action, of whatever kind. By action: whoever has a token of one uses up
    nothing of what the user has for another. Raises TooManyRequests."""
    most = settings.NEW_CHALLENGES_PER_10_MINUTES
    recent = Challenge.objects.filter(user=user, action_id=action_id, created_at__gt=now - timedelta(minutes=10))
    if user and recent.order_by()[:most].count() >= most:
        raise TooManyRequests("Too many challenges for this action.", resets_in=60)


def _cancel_surplus(user: EndUser | None, action_id: uuid.UUID | None) -> None:
    """Of an action, at most OPEN_CHALLENGES_PER_ACTION stay open; the oldest go."""
    if user is None:
        return
    rows = Challenge.objects.filter(user=user, action_id=action_id, verified_at=None, failed_at=None)
    newest = rows.filter(expires_at__gt=clock.Now()).order_by("-created_at").values_list("pk", flat=True)
    surplus = list(newest[settings.OPEN_CHALLENGES_PER_ACTION :])
    Challenge.objects.filter(pk__in=surplus, verified_at=None).update(failed_at=clock.Now())


# -- finish --------------------------------------------------------------------------------------


def of_action(tenant: Tenant, action_id: uuid.UUID, method: VerificationMethod) -> QuerySet[Challenge]:
    """The action's challenges by this method, newest first."""
    rows = Challenge.objects.filter(tenant=tenant, action_id=action_id, method=method, withdrawn_at=None)
    return rows.select_related("tenant", "user").order_by("-created_at", "-pk")


def by_nonce(tenant: Tenant, action_id: uuid.UUID, method: VerificationMethod, nonce: bytes) -> QuerySet[Challenge]:
    """The action's challenge by this method whose random bytes these are."""
    return of_action(tenant, action_id, method).filter(nonce=nonce)


def stand(action_id: uuid.UUID, *, since: datetime) -> bool:
    """Whether what the action's proofs allow is allowed still: no authenticator that gave one was deleted, or the user
    proved it by another too, after `since`. An enrolment is no such proof: the lost one may have allowed it.
    """
    found = Challenge.objects.filter(action_id=action_id, verified_at__isnull=False).aggregate(
        withdrawn=Count("pk", filter=Q(withdrawn_at__isnull=False)),
        others=Count("pk", filter=Q(withdrawn_at=None, purpose=Challenge.Purpose.AUTHENTICATE, verified_at__gte=since)),
    )
    return not found["withdrawn"] or found["others"] > 0


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
    waiting = waiting.exclude(method=VerificationMethod.PASSKEY, user=None)
    # Proves nothing.
    waiting = waiting.exclude(purpose=Challenge.Purpose.RENEW)
    free = list(waiting.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))
    Challenge.objects.filter(pk__in=free).update(failed_at=clock.Now())


def end_at(user: uuid.UUID, tenant: uuid.UUID, address: str, now: datetime) -> None:
    """The address on file has changed: what waits for an answer from the one before is over, and what was answered
    there counts for nothing that was not claimed by now. An enrolled address answers for itself; one that waits to be
    enrolled does not yet.

    Call in the transaction that changes it, with the user locked.
    """
    rows = Challenge.objects.filter(user=user, contact_index__in=contact.indexes(tenant, address))
    rows = rows.filter(Q(authenticator=None) | Q(authenticator__verified_at=None))
    for challenge in rows.filter(failed_at=None, claimed_at=None):
        delivery.cancel_owed(challenge, now)
        Challenge.objects.filter(pk=challenge.pk).update(failed_at=now)


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
    challenge = _locked(challenge)
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
        _record(Tag.CHALLENGE_REFUSED, challenge, now, reason="not active")
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
        _record(Tag.CHALLENGE_REFUSED, challenge, now, reason="limit")


def _gate(
    tenant: Tenant, user: EndUser | None, method: VerificationMethod, challenge: Challenge
) -> guesses.Gate | None:
    """The guess count of a code that can be guessed. A passkey cannot: its limit is the challenge's alone, so that
    nobody can lock a user's passkey by naming it."""
    if not METHODS[method].guessable:
        return None
    return guesses.lock(tenant=tenant, subject=_guesser(user, challenge), method=method)


def _guesser(user: EndUser | None, challenge: Challenge) -> str:
    """Whose guesses these are: the user's, or those at the mailbox or number that it went to."""
    to = None if user else challenge.contact
    return guesses.subject_of(user, contact.limit_index(challenge.tenant_id, to) if to else "")


def tries(method: VerificationMethod) -> int:
    if method in WEBAUTHN:
        return int(settings.PASSKEY_TRIES_PER_CHALLENGE)
    if method == VerificationMethod.PUSH:
        return int(settings.PUSH_TRIES_PER_CHALLENGE)
    return int(settings.GUESSES_PER_CHALLENGE)


def _locked(challenge: Challenge) -> Challenge | None:
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
    _record(Tag.CHALLENGE_DECLINED, challenge, now)
    return Attempt(declined=True)


def _failed(gate: guesses.Gate | None, challenge: Challenge, failure: VerificationFailed, now: datetime) -> Attempt:
    if failure.is_guess:
        charge(challenge)
    if failure.is_guess and gate:
        gate.wrong(challenge.purpose)
        if gate.just_closed:
            is_for_good = gate.just_closed == "disabled"
            _record(Tag.METHOD_DISABLED if is_for_good else Tag.METHOD_PAUSED, challenge, now)
            _tell(challenge.user, Kind.DISABLED if is_for_good else Kind.LOCKED, challenge, now)
    _record(Tag.CHALLENGE_REFUSED, challenge, now, reason=failure.reason, attempt=challenge.attempts)
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
    _record(Tag.CHALLENGE_VERIFIED, challenge, now, authenticator=str(authenticator.pk) if authenticator else None)
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


def _record(tag: Tag, challenge: Challenge, now: datetime, **data: Any) -> None:
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
