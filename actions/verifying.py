"""What a user's answer through the Client API comes to: judged with the user locked, and told to who sent it."""

from dataclasses import dataclass
from typing import Any

from actions import proofs
from actions.client_auth import ClientContext
from actions.models import Action
from actions.proving import check_address, check_may_enrol, has_word, meant, one_at_a_time, origin_of
from authenticators import available, challenges, contact, links, starting
from authenticators.challenges import Attempt
from authenticators.models import Authenticator, Challenge, EndUser
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.vocabulary import FailureReason, VerificationMethod

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


def verify_code(context: ClientContext, method: VerificationMethod, answer: Any) -> Verified:
    """Judge the answer to the action's newest challenge by this method."""
    with one_at_a_time(context):
        challenge = challenges.of_action(context.tenant, context.action.pk, method).first()
        return finish(context, method, challenge, answer)


def finalize_link(context: ClientContext, challenge_id: str = "") -> Verified:
    """What a page that waits for its link learns: a proof once the link was confirmed, and until then nothing.

    Asked every second, so that as long as nothing was confirmed this is one look and no lock. Raises InvalidRequest
    where somebody has closed the action: the page need not wait.
    """
    proofs.check_open(context.action)
    if not links.was_confirmed(context.tenant, context.action.pk):
        return Verified(None)
    with one_at_a_time(context):
        rows = challenges.of_action(context.tenant, context.action.pk, M.EMAIL_MAGIC_LINK)
        challenge = (rows.filter(pk=challenge_id) if challenge_id else rows).first()
        # Another page of the same user was faster, or a newer link is on its way.
        if challenge is None or not challenge.is_open(context.now) or not links.is_confirmed(challenge):
            return Verified(None)
        if context.action.is_decided_since(challenge.magic_link.confirmed_at):
            links.withdraw(challenge)
            return Verified(None)
        verified = finish(context, M.EMAIL_MAGIC_LINK, challenge, links.OPENED)
        if not verified.is_verified:
            # Else every second would try it again.
            links.withdraw(challenge)
        return verified


def verify_totp(context: ClientContext, answer: Any) -> Verified:
    """Judge a code from an authenticator app: one that is being enrolled, else any of the enrolled ones."""
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
    authenticator = meant(context, method)
    if authenticator is None and method == M.AUTHENTICATOR_APP:
        return None
    proofs.check_permitted(context.action, method)
    return starting.start_silent(
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
        proofs.check_permitted(context.action, method)
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
    if not challenge or challenge.contact_index not in (user.email_index, user.phone_number_index):
        return False
    return not context.tenant.first_enrolment_needs_scope or has_word(context, VerificationMethod(challenge.method))


def _check_authority(context: ClientContext, challenge: Challenge) -> None:
    """Another method may have been enrolled since: then this one is not the user's first, nor its address enough."""
    if challenge.purpose == Purpose.ENROL:
        _check_enrolment(context, challenge)
        return
    if challenge.contact_sealed is None or challenge.authenticator_id is not None:
        return
    if available.was_enrolled(context.user) and not has_word(context, VerificationMethod(challenge.method)):
        raise InvalidRequest(f"The user has no {challenge.method} authenticator.")
    if not _is_on_file(context.user, challenge):
        raise InvalidRequest("The address that this was sent to has changed. Begin again.")


def _check_enrolment(context: ClientContext, challenge: Challenge) -> None:
    method = VerificationMethod(challenge.method)
    check_may_enrol(context, method)
    if challenge.contact_sealed is not None:
        check_address(context, method, challenge.contact)


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
