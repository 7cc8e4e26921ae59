"""What a user begins through the Client API: a challenge, or setting something up. `verifying` has the answers.

Each function takes the caller's context; each transaction locks in the order user, guess count, challenge,
authenticator.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import transaction

from actions import gather, languages, linking, proofs, shared_data
from actions.client_auth import ClientContext
from actions.models import Action
from audit import log
from authenticators import available, challenges, contact, enrolment, handed_over, several, starting
from authenticators.codes import PLAIN, Way
from authenticators.methods import totp
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser
from authenticators.registry import METHODS
from authenticators.starting import Origin
from authsignal_portal.errors import Forbidden, InvalidConfiguration, InvalidRequest
from authsignal_portal.vocabulary import Scope, VerificationMethod

Purpose = Challenge.Purpose
M = VerificationMethod
# Proved in the user's own app and nowhere else; where that is our web app, this browser may hold its key.
ELSEWHERE = (M.IN_APP,)


@dataclass(frozen=True, slots=True)
class Started:
    """A pending enrolment and its challenge."""

    authenticator: Authenticator
    challenge: Challenge
    secret: str = ""
    uri: str = ""


@contextmanager
def one_at_a_time(context: ClientContext) -> Iterator[None]:
    """A transaction that nothing else changes the user in. Raises ExpiredToken, as `ClientContext.lock`."""
    with transaction.atomic():
        context.lock()
        yield


def origin_of(action: Action) -> Origin:
    facts = action.facts
    linking.transaction_of(facts)
    return Origin(
        action.pk,
        action.action_code,
        action.idempotency_key,
        about={
            **gather.asker(user_agent=facts.user_agent, ip_address=facts.ip_address),
            **({"locale": locale} if (locale := languages.locale_of(facts)) else {}),
        },
        transaction=facts.transaction,
        transaction_hash=facts.transaction_hash,
    )


def _origin_of_code(action: Action) -> Origin:
    """With what goes to the sender of an email."""
    return replace(origin_of(action), variables=shared_data.forwarded(action))


def has_word(context: ClientContext, method: VerificationMethod) -> bool:
    """Whether the backend lets the user enrol by this method, or a fresh proof stands for that."""
    return enrolment.is_granted(context.user, method, context.may)


def check_may_enrol(context: ClientContext, method: VerificationMethod, *, adds: bool = True) -> None:
    """A first authenticator needs no proof; a further one needs the backend's word or a fresh proof.

    `adds`: it is none that the user has, so that there must be room for it.
    """
    proofs.check_open(context.action)
    proofs.check_active(context.tenant, method)
    if available.was_enrolled(context.user):
        if not has_word(context, method):
            raise Forbidden("Adding an authenticator needs a completed challenge, or the scope add:authenticators.")
    elif context.tenant.first_enrolment_needs_scope and not has_word(context, method):
        raise Forbidden("A first authenticator needs the scope add:authenticators here.")
    configured = AuthenticatorConfiguration.of(context.tenant, method)
    if configured.is_hidden_to_user:
        raise InvalidConfiguration(f"{method} is not offered for enrolment.")
    if not available.can_recover(context.user, configured):
        raise InvalidConfiguration(f"{method} needs one of {', '.join(configured.recovery_methods)} first.")
    if adds and METHODS[method].many:
        several.check_room(context.user, method)


def check_address(context: ClientContext, method: VerificationMethod, to: str) -> None:
    """Where users may not change their address, only the one that the backend gave can be enrolled."""
    on_file = enrolment.addresses(context.user).get(method)
    if on_file is None or AuthenticatorConfiguration.of(context.tenant, method).is_editable_by_user:
        return
    if contact.index(context.tenant.pk, to) != contact.index(context.tenant.pk, on_file):
        raise Forbidden("This address cannot be changed here.")


def challengeable(user: EndUser, enrolled: Collection[VerificationMethod], *, is_new: bool) -> list[VerificationMethod]:
    """By what the user can be asked for a proof: what is enrolled; of who is new, what an address on file gets.

    Recovery codes, which nobody is asked for first, are not among these.
    """
    if not enrolled:
        known = on_file(user) if is_new else {}
        return [method for method in M if method in known]
    # A number that gets SMS gets WhatsApp too.
    have = {*enrolled, *([M.WHATSAPP] if M.SMS in enrolled else [])}
    return [
        method for method in M if method in have and (method not in ELSEWHERE or available.has_web_app(user, method))
    ]


def on_file(user: EndUser) -> dict[VerificationMethod, str]:
    """Where something can be sent without asking: by method, the address."""
    # A locked address needs no typing, whatever the tenant prefers.
    rows = AuthenticatorConfiguration.objects.filter(tenant=user.tenant_id, asks_for_address=True)
    asked = set(rows.filter(is_editable_by_user=True).values_list("method", flat=True))
    return {method: address for method, address in enrolment.addresses(user).items() if method not in asked}


# -- codes by email and SMS ----------------------------------------------------------------------


def start_code(context: ClientContext, method: VerificationMethod, way: Way = PLAIN, *, which: str = "") -> Challenge:
    """Send a code or a link to the enrolled address; with nothing enrolled at all, to the address on file.

    `which`: the authenticator's id, where the user has several and chose. Raises InvalidRequest; Unavailable: it was
    begun, and the customer's own sender did not take the message.
    """
    with one_at_a_time(context):
        proofs.check_permitted(context.action, method)
        authenticator = meant(context, method, which)
        to = authenticator.contact if authenticator else _address_on_file(context.user, method)
        challenge = starting.start_code(
            tenant=context.tenant,
            user=context.user,
            method=method,
            to=to,
            origin=_origin_of_code(context.action),
            authenticator=authenticator,
            locale=context.language,
            way=way,
        )
    handed_over.check(challenge)
    return challenge


def meant(context: ClientContext, method: VerificationMethod, which: str = "") -> Authenticator | None:
    """The one that is named; else the one that the action is being proved by, else the first of `several.held`.

    Raises InvalidRequest.
    """
    rows = several.reached(context.user, [method]).get(method, [])
    if which:
        named = [row for row in rows if str(row.pk) == which.lower()]
        if not named:
            raise InvalidRequest(f"userAuthenticatorId names no {method} authenticator of this user.")
        return named[0]
    asked = _asked(context, method) if len(rows) > 1 else None
    return next((row for row in rows if row.pk == asked), rows[0] if rows else None)


def _asked(context: ClientContext, method: VerificationMethod) -> UUID | None:
    """What the action's open challenge is for: one that is asked for again goes where it went."""
    newest = challenges.of_action(context.tenant, context.action.pk, method).first()
    is_asked = newest and newest.purpose == Purpose.AUTHENTICATE and newest.is_open(context.now)
    return newest.authenticator_id if newest and is_asked else None


def _address_on_file(user: EndUser, method: VerificationMethod) -> str:
    address = enrolment.addresses(user).get(method)
    if address is None or available.was_enrolled(user):
        raise InvalidRequest(f"The user has no {method} authenticator.")
    return address


def enrol_code(context: ClientContext, method: VerificationMethod, to: str, way: Way = PLAIN) -> Started:
    """A pending address, to which the first code or link is sent. Raises Unavailable as `start_code`."""
    with one_at_a_time(context):
        started = _begin_enrolment(context, method, to, way)
    handed_over.check(started.challenge)
    return started


def _begin_enrolment(context: ClientContext, method: VerificationMethod, to: str, way: Way) -> Started:
    check_may_enrol(context, method)
    to = enrolment.clean_contact(method, to)
    check_address(context, method, to)
    pending = enrolment.begin(context.user, method, to=to)
    challenge = starting.start_code(
        tenant=context.tenant,
        user=context.user,
        method=method,
        to=to,
        origin=_origin_of_code(context.action),
        purpose=Purpose.ENROL,
        authenticator=pending,
        locale=context.language,
        way=way,
    )
    return Started(pending, challenge)


def enrol_on_file(context: ClientContext, method: VerificationMethod, way: Way = PLAIN) -> Challenge:
    """As `enrol_code`, to the address that the backend gave.

    Raises InvalidRequest where there is none, or the tenant wants it typed; Unavailable.
    """
    with one_at_a_time(context):
        address = on_file(context.user).get(method)
        if address is None:
            raise InvalidRequest("There is no address on file to send to.")
        challenge = _begin_enrolment(context, method, address, way).challenge
    handed_over.check(challenge)
    return challenge


# -- authenticator app ---------------------------------------------------------------------------


def enrol_totp(context: ClientContext) -> Started:
    """A pending authenticator app with a fresh secret; one that was pending is replaced."""
    with one_at_a_time(context):
        check_may_enrol(context, M.AUTHENTICATOR_APP)
        secret = totp.new_secret()
        pending = enrolment.begin(context.user, M.AUTHENTICATOR_APP, secret=secret)
        challenge = starting.start_silent(
            user=context.user,
            method=M.AUTHENTICATOR_APP,
            origin=origin_of(context.action),
            purpose=Purpose.ENROL,
            authenticator=pending,
        )
    account = account_name(context)
    issuer = AuthenticatorConfiguration.of(context.tenant, M.AUTHENTICATOR_APP).issuer_name or context.tenant.name
    return Started(pending, challenge, secret, totp.key_uri(secret=secret, issuer=issuer, account=account))


def account_name(context: ClientContext) -> str:
    """What an authenticator shows its user of whose it is. The address in full only to who has shown to be them."""
    user = context.user
    if user.username or not user.email:
        return user.username or user.user_id
    return user.email if context.may(Scope.UPDATE) else contact.mask(user.email)


# -- recovery codes ------------------------------------------------------------------------------


def new_recovery_codes(context: ClientContext) -> list[str]:
    """A fresh set, shown once; for an enrolled user with a fresh proof."""
    with one_at_a_time(context):
        proofs.check_open(context.action)
        proofs.check_active(context.tenant, M.RECOVERY_CODE)
        if not available.enrolled(context.user):
            raise InvalidRequest("Recovery codes need an enrolled authenticator first.")
        if not context.may(Scope.UPDATE):
            raise Forbidden("Recovery codes need a completed challenge first.")
        return enrolment.new_recovery_codes(
            context.user,
            actor=log.user(context.user.pseudonym),
            now=context.now,
            made_with=challenges.proved_with(context.action.pk),
        )
