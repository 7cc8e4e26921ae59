"""How a user proves themselves through the Client API, step by step.

Each function takes the caller's context; each transaction locks in the order user, guess count, challenge,
authenticator.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from actions import linking, proofs
from actions.client_auth import ClientContext
from actions.models import Action
from audit import log
from authenticators import available, challenges, contact, enrolment, handed_over, links
from authenticators.challenges import PLAIN, Attempt, Origin, Way
from authenticators.methods import totp
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser
from authsignal_portal.errors import ExpiredToken, Forbidden, InvalidConfiguration, InvalidRequest
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import FailureReason, Scope, VerificationMethod

Purpose = Challenge.Purpose
M = VerificationMethod


@dataclass(frozen=True, slots=True)
class Verified:
    """What the client is told. `enrolled`: this answer completed `authenticator`; a token comes if it also proves."""

    access_token: str | None
    failure: FailureReason | None = None
    authenticator: Authenticator | None = None
    enrolled: bool = False
    user: EndUser | None = None

    @property
    def is_verified(self) -> bool:
        return self.access_token is not None or self.enrolled


@dataclass(frozen=True, slots=True)
class Started:
    """A pending enrolment and its challenge."""

    authenticator: Authenticator
    challenge: Challenge
    secret: str = ""
    uri: str = ""


@contextmanager
def one_at_a_time(context: ClientContext) -> Iterator[None]:
    """A transaction that nothing else changes the user in. Raises ExpiredToken: a deleted user's tokens are dead."""
    with transaction.atomic():
        context.user.lock(gone=ExpiredToken())
        yield


def origin_of(action: Action) -> Origin:
    facts = action.facts
    linking.transaction_of(facts)
    seen = {"userAgent": facts.user_agent, "ipAddress": facts.ip_address}
    return Origin(
        action.pk,
        action.action_code,
        action.idempotency_key,
        about=seen,
        transaction=facts.transaction,
        transaction_hash=facts.transaction_hash,
    )


def check_active(tenant: Tenant, method: VerificationMethod) -> None:
    if method not in available.active_methods(tenant):
        raise InvalidConfiguration(f"{method} is not active for this tenant.")


def check_permitted(context: ClientContext, method: VerificationMethod) -> None:
    proofs.check_open(context.action)
    if method not in context.facts.allowed_methods:
        raise InvalidConfiguration(f"{method} is not permitted for this action.")


def check_may_enrol(context: ClientContext, method: VerificationMethod) -> None:
    """A first authenticator needs no proof; a further one needs the backend's word or a fresh proof."""
    proofs.check_open(context.action)
    check_active(context.tenant, method)
    if available.enrolled(context.user):
        if not context.may(Scope.ADD):
            raise Forbidden("Adding an authenticator needs a completed challenge, or the scope add:authenticators.")
    elif context.tenant.first_enrolment_needs_scope and not context.may(Scope.ADD):
        raise Forbidden("A first authenticator needs the scope add:authenticators here.")
    configured = AuthenticatorConfiguration.of(context.tenant, method)
    if configured.is_hidden_to_user:
        raise InvalidConfiguration(f"{method} is not offered for enrolment.")
    if not available.can_recover(context.user, configured):
        raise InvalidConfiguration(f"{method} needs one of {', '.join(configured.recovery_methods)} first.")


def _check_address(context: ClientContext, method: VerificationMethod, to: str) -> None:
    """Where users may not change their address, only the one that the backend gave can be enrolled."""
    on_file = getattr(context.user, enrolment.CONTACT_FIELD[method])
    if on_file is None or AuthenticatorConfiguration.of(context.tenant, method).is_editable_by_user:
        return
    if contact.index(context.tenant.pk, to) != contact.index(context.tenant.pk, on_file):
        raise Forbidden("This address cannot be changed here.")


# -- codes by email and SMS ----------------------------------------------------------------------


def start_code(context: ClientContext, method: VerificationMethod, way: Way = PLAIN) -> Challenge:
    """Send a code or a link to the enrolled address; with nothing enrolled at all, to the address on file.

    Raises Unavailable: it was begun, and the customer's own sender did not take the message.
    """
    with one_at_a_time(context):
        check_permitted(context, method)
        authenticator = _enrolled_by(context.user, method)
        to = authenticator.contact if authenticator else _address_on_file(context.user, method)
        challenge = challenges.start_code(
            tenant=context.tenant,
            user=context.user,
            method=method,
            to=to,
            origin=origin_of(context.action),
            authenticator=authenticator,
            locale=context.facts.locale or context.user.locale,
            way=way,
        )
    handed_over.check(challenge)
    return challenge


def _enrolled_by(user: EndUser, method: VerificationMethod) -> Authenticator | None:
    """A number that gets SMS gets WhatsApp too: the SDKs enrol it once."""
    for one in (method, M.SMS) if method == M.WHATSAPP else (method,):
        rows = user.authenticators.filter(method=one).exclude(verified_at=None).select_related("tenant")
        found = rows.order_by("-is_default", "created_at").first()
        if found:
            return found
    return None


def _address_on_file(user: EndUser, method: VerificationMethod) -> str:
    address = getattr(user, enrolment.CONTACT_FIELD[method])
    if address is None or available.enrolled(user):
        raise InvalidRequest(f"The user has no {method} authenticator.")
    return str(address)


def enrol_code(context: ClientContext, method: VerificationMethod, to: str, way: Way = PLAIN) -> Started:
    """A pending address, to which the first code or link is sent. Raises Unavailable as `start_code`."""
    with one_at_a_time(context):
        check_may_enrol(context, method)
        to = enrolment.clean_contact(method, to)
        _check_address(context, method, to)
        pending = enrolment.begin(context.user, method, to=to)
        challenge = challenges.start_code(
            tenant=context.tenant,
            user=context.user,
            method=method,
            to=to,
            origin=origin_of(context.action),
            purpose=Purpose.ENROL,
            authenticator=pending,
            locale=context.facts.locale or context.user.locale,
            way=way,
        )
    handed_over.check(challenge)
    return Started(pending, challenge)


def verify_code(context: ClientContext, method: VerificationMethod, answer: Any) -> Verified:
    """Judge the answer to the action's newest challenge by this method."""
    with one_at_a_time(context):
        challenge = challenges.of_action(context.tenant, context.action.pk, method).first()
        return finish(context, method, challenge, answer)


def finalize_link(context: ClientContext, challenge_id: str = "") -> Verified:
    """What a page that waits for its link learns: a proof once the link was confirmed, and until then nothing.

    Asked every second, so that as long as nothing was confirmed this is one look and no lock.
    """
    if not links.was_confirmed(context.tenant, context.action.pk):
        return Verified(None)
    with one_at_a_time(context):
        rows = challenges.of_action(context.tenant, context.action.pk, M.EMAIL_MAGIC_LINK)
        challenge = (rows.filter(pk=challenge_id) if challenge_id else rows).first()
        # Another page of the same user was faster, or a newer link is on its way.
        if challenge is None or not challenge.is_open(context.now) or not links.is_confirmed(challenge):
            return Verified(None)
        verified = finish(context, M.EMAIL_MAGIC_LINK, challenge, links.OPENED)
        if not verified.is_verified:
            # Else every second would try it again.
            links.withdraw(challenge)
        return verified


# -- authenticator app ---------------------------------------------------------------------------


def enrol_totp(context: ClientContext) -> Started:
    """A pending authenticator app with a fresh secret; one that was pending is replaced."""
    with one_at_a_time(context):
        check_may_enrol(context, M.AUTHENTICATOR_APP)
        secret = totp.new_secret()
        pending = enrolment.begin(context.user, M.AUTHENTICATOR_APP, secret=secret)
        challenge = challenges.start_silent(
            user=context.user,
            method=M.AUTHENTICATOR_APP,
            origin=origin_of(context.action),
            purpose=Purpose.ENROL,
            authenticator=pending,
        )
    user = context.user
    account = user.email or user.username or user.user_id
    issuer = AuthenticatorConfiguration.of(context.tenant, M.AUTHENTICATOR_APP).issuer_name or context.tenant.name
    return Started(pending, challenge, secret, totp.key_uri(secret=secret, issuer=issuer, account=account))


def verify_totp(context: ClientContext, answer: Any) -> Verified:
    """Judge a code from an authenticator app: one that is being enrolled, else the enrolled one."""
    with one_at_a_time(context):
        return finish(context, M.AUTHENTICATOR_APP, _silent(context, M.AUTHENTICATOR_APP), answer)


def verify_recovery_code(context: ClientContext, answer: Any) -> Verified:
    with one_at_a_time(context):
        return finish(context, M.RECOVERY_CODE, _silent(context, M.RECOVERY_CODE), answer)


def _silent(context: ClientContext, method: VerificationMethod) -> Challenge | None:
    """The open challenge of a method that sends nothing, or a new one."""
    newest = challenges.of_action(context.tenant, context.action.pk, method).first()
    if newest and newest.is_open(context.now):
        return newest
    authenticator = _enrolled_by(context.user, method)
    if authenticator is None and method == M.AUTHENTICATOR_APP:
        return None
    check_permitted(context, method)
    return challenges.start_silent(
        user=context.user,
        method=method,
        origin=origin_of(context.action),
        purpose=Purpose.AUTHENTICATE,
        authenticator=authenticator,
    )


def finish(context: ClientContext, method: VerificationMethod, challenge: Challenge | None, answer: Any) -> Verified:
    """Judge, and tell what it comes to. Call with the user locked."""
    attempt = judged(context, method, challenge, answer)
    return accepted(context.action, attempt, may_adopt=_may_adopt(context, attempt))


def judged(context: ClientContext, method: VerificationMethod, challenge: Challenge | None, answer: Any) -> Attempt:
    """Judge, with the user locked: what was allowed when the challenge began need not be so any more."""
    if challenge and challenge.purpose == Purpose.AUTHENTICATE:
        check_permitted(context, method)
    if challenge and challenge.is_open(context.now):
        _check_authority(context, challenge)
    attempt = challenges.finish(
        tenant=context.tenant, user=context.user, method=method, challenge=challenge, answer=answer
    )
    if challenge and attempt.proof is None:
        proofs.refused(context.action.pk)
    if attempt.declined:
        proofs.declined(context.action, method)
    return attempt


def _may_adopt(context: ClientContext, attempt: Attempt) -> bool:
    """Whether a proved address becomes an authenticator: it must still be the one on file."""
    user, challenge = context.user, attempt.proof and attempt.proof.challenge
    still_on_file = challenge and challenge.contact_index in (user.email_index, user.phone_number_index)
    return bool(still_on_file) and (context.may(Scope.ADD) or not context.tenant.first_enrolment_needs_scope)


def _check_authority(context: ClientContext, challenge: Challenge) -> None:
    """Another method may have been enrolled since: then this one is not the user's first, nor its address enough."""
    if challenge.purpose == Purpose.ENROL:
        check_may_enrol(context, VerificationMethod(challenge.method))
        return
    if challenge.contact_sealed is None or challenge.authenticator_id is not None:
        return
    if available.enrolled(context.user) and not context.may(Scope.ADD):
        raise InvalidRequest(f"The user has no {challenge.method} authenticator.")
    if not _is_on_file(context.user, challenge):
        raise InvalidRequest("The address that this was sent to has changed. Begin again.")


def _is_on_file(user: EndUser, challenge: Challenge) -> bool:
    """Whether the user, who is locked, still has the address that the challenge went to."""
    on_file = EndUser.objects.filter(pk=user.pk).values_list("email_index", "phone_number_index").get()
    return not set(contact.indexes(challenge.tenant_id, challenge.contact)).isdisjoint(on_file)


def accepted(action: Action, attempt: Attempt, *, may_adopt: bool) -> Verified:
    """What a judged answer comes to; inside the transaction that judged it."""
    if attempt.proof is None:
        return Verified(None, attempt.failure)
    now = attempt.proof.challenge.verified_at
    assert now is not None
    proofs.record(action, action.facts, attempt.proof, may_enrol=may_adopt)
    token = None if attempt.proof.is_silent else proofs.access_token(action, now=now)
    return Verified(token, authenticator=attempt.proof.authenticator, enrolled=attempt.proof.enrolled, user=action.user)


# -- recovery codes ------------------------------------------------------------------------------


def new_recovery_codes(context: ClientContext) -> list[str]:
    """A fresh set, shown once; for an enrolled user with a fresh proof."""
    with one_at_a_time(context):
        proofs.check_open(context.action)
        check_active(context.tenant, M.RECOVERY_CODE)
        if not available.enrolled(context.user):
            raise InvalidRequest("Recovery codes need an enrolled authenticator first.")
        if not context.may(Scope.UPDATE):
            raise Forbidden("Recovery codes need a completed challenge first.")
        return enrolment.new_recovery_codes(context.user, actor=log.user(context.user.pseudonym), now=context.now)
