"""What a hosted page shows of an action: its state, what can prove it, what can be added, where to go after."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import phonenumbers
from django.conf import settings

from actions import app_enrolment, devices, linking, own_codes, own_methods, passkey_offer, proofs, proving, states
from actions.client_auth import ClientContext
from actions.models import ActionFacts
from authenticators import available, contact, credentials, enrolment, handed_over, locks
from authenticators.enrolment import CONTACT_FIELD
from authenticators.guesses import Lock
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser, Message
from authenticators.registry import METHODS
from authsignal_portal import origins
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import (
    ID_TOKENS,
    IDENTITY_CHECKS,
    ActionState,
    Scope,
    TokenPurpose,
    VerificationMethod,
)
from authsignal_portal.wire import present

M = VerificationMethod
# Recovery codes come with the first method that is enrolled; they are not chosen.
ENROLLABLE = (
    M.PASSKEY,
    M.SECURITY_KEY,
    M.AUTHENTICATOR_APP,
    M.EMAIL_OTP,
    M.EMAIL_MAGIC_LINK,
    M.SMS,
    M.WHATSAPP,
    *ID_TOKENS,
    *IDENTITY_CHECKS,
)
# Of several of one method.
LABELS_SHOWN = 3


def describe(context: ClientContext, token: str, *, agent: str = "") -> dict[str, Any]:
    """The page's whole view of an action, as JSON. `expiresIn` is in seconds, `now` in milliseconds.

    `agent`: the browser's user agent, where that matters.
    """
    user, facts, tenant = context.user, context.facts, context.tenant
    enrolled = available.enrolled(user)
    codes, permitted = own_codes.told(context, is_enrolled=bool(enrolled)), may_enrol(context)
    enrollable = _enrollable(context, enrolled, permitted)
    possible = {one["method"] for one in enrollable}
    prompt = passkey_offer.prompt(context, enrolled, possible=possible, agent=agent)
    return present(
        {
            "state": context.action.state,
            "isEnrolled": bool(enrolled),
            # Who let what they had expire is neither.
            "isNew": not available.was_enrolled(user),
            "canEnrol": bool(permitted),
            "expiresIn": int((context.token.expires_at - context.now).total_seconds()),
            "message": (shown := linking.transaction_shown(context.action)).text or None,
            "isLinked": shown.is_linked,
            "remember": _remember(context),
            "seesDevices": context.may(Scope.UPDATE),
            "methods": _methods(context, enrolled, has_codes=bool(codes.get("remaining"))),
            "enrollable": enrollable,
            "prompt": prompt or None,
            "passkeys": _passkeys(context),
            "enrolledCount": user.authenticators.exclude(verified_at=None).count(),
            "recoveryCodes": codes,
            "settings": facts.redirect_to_settings,
            "vouched": is_vouched(context),
            "now": int(context.now.timestamp() * 1000),
            "hideSuccess": tenant.hide_success_screen_on_enrollment,
            "returnUrl": return_url(tenant, facts, token),
            # The same without the token: what a page may keep.
            "backUrl": checked_target(tenant, facts),
            "resendWait": settings.RESEND_WAIT_SECONDS,
            "sent": _sent(context) or None,
        }
    )


def _sent(context: ClientContext) -> dict[str, bool]:
    """By method, of what waits for an answer here: whether its message could be sent. A code for another action is
    not among these."""
    rows = Challenge.objects.filter(tenant=context.tenant, action_id=context.action.pk).exclude(last_sent_at=None)
    still_open = rows.filter(verified_at=None, failed_at=None, expires_at__gt=context.now)
    messages = Message.objects.filter(challenge__in=still_open).select_related("challenge").order_by("created_at")
    return {one.challenge.method: not handed_over.is_refused(one) for one in messages if one.challenge}


def _remember(context: ClientContext) -> int | None:
    """For how many days this device may be remembered now."""
    may = devices.may_remember(context.action, context.facts, now=context.now)
    return context.tenant.remember_device_days if may else None


def is_vouched(context: ClientContext) -> bool:
    """Whether the settings need no proof first: the customer's backend says that this is the user."""
    scopes = {Scope.ADD, Scope.UPDATE, Scope.REMOVE}
    is_track = context.token.purpose == TokenPurpose.TRACK
    return context.facts.redirect_to_settings and is_track and not scopes.isdisjoint(context.token.scopes)


def may_enrol(context: ClientContext) -> list[VerificationMethod]:
    """By what the user may enrol now, as the Client API judges it; here only so that nothing is offered which it would
    refuse."""
    if context.action.state in states.CLOSED_TO_PROOF:
        return []
    if not (available.was_enrolled(context.user) or context.tenant.first_enrolment_needs_scope):
        return list(M)
    # Asked once for all methods.
    held = [scope for scope in (Scope.ADD, Scope.UPDATE) if context.may(scope)]
    return [method for method in M if enrolment.is_granted(context.user, method, held.__contains__)]


def _methods(context: ClientContext, enrolled: list[VerificationMethod], *, has_codes: bool) -> list[dict[str, Any]]:
    """What can prove this action: permitted and enrolled; with nothing enrolled, an address on file.

    Recovery codes outlive what they were made for.
    """
    user, permitted = context.user, proofs.permitted(context.action)
    targets, labels = contacts_of(user, enrolled), _labels(user) if enrolled else {}
    usable = proving.challengeable(user, enrolled)
    usable += [M.RECOVERY_CODE] if has_codes and (enrolled or available.was_enrolled(user)) else []
    first, providers = context.facts.default_method, own_methods.provider_names(user.tenant)
    closed = _closed(context, Challenge.Purpose.AUTHENTICATE)
    return [
        present(
            {
                "method": method,
                "target": targets.get(method),
                "name": providers.get(method),
                "label": labels.get(method),
                "isDefault": method == first,
                **closed.get(method, {}),
            }
        )
        for method in usable
        if method in permitted
    ]


def _labels(user: EndUser) -> dict[str, str]:
    """By method, what its user calls what can prove it; where a code goes to one of several, that one's."""
    rows = user.authenticators.filter(Authenticator.usable()).order_by("is_default", "-created_at")
    labels: dict[str, list[str]] = {}
    for method, label in rows.values_list("method", "label"):
        known = [] if method in CONTACT_FIELD else labels.get(method, [])
        labels[method] = [label, *known] if label else known
    return {method: ", ".join(known[:LABELS_SHOWN]) for method, known in labels.items() if known}


def _closed(context: ClientContext, purpose: str) -> dict[str, dict[str, Any]]:
    """By method, after too many wrong answers: `lockedUntil`, in milliseconds, or that it is `disabled`."""
    found = locks.closed(context.user, context.action.pk, purpose=purpose, now=context.now)
    return {method: _told(lock) for method, lock in found.items()}


def _told(lock: Lock) -> dict[str, Any]:
    return {"lockedUntil": int(lock.until.timestamp() * 1000)} if lock.until else {"disabled": True}


def contacts_of(user: EndUser, enrolled: list[VerificationMethod]) -> Mapping[Any, str]:
    """Where a code can be sent, masked, by method; with nothing enrolled, the addresses on file."""
    return _enrolled_contacts(user) if enrolled else _contacts_on_file(user)


def _enrolled_contacts(user: EndUser) -> dict[str, str]:
    rows = user.authenticators.filter(method__in=CONTACT_FIELD).exclude(verified_at=None)
    # The last one stands: the default, and of equals the oldest, as the Client API picks it.
    ordered = rows.select_related("tenant").order_by("is_default", "-created_at")
    targets = {row.method: contact.mask(row.contact) for row in ordered}
    # A number that gets SMS gets WhatsApp too.
    return ({M.WHATSAPP: targets[M.SMS]} if M.SMS in targets else {}) | targets


def _contacts_on_file(user: EndUser) -> dict[VerificationMethod, str]:
    """Where something can be sent without asking to who has never enrolled anything."""
    known = {} if available.was_enrolled(user) else proving.on_file(user)
    return {method: contact.mask(address) for method, address in known.items()}


def _enrollable(
    context: ClientContext, enrolled: list[VerificationMethod], permitted: list[VerificationMethod]
) -> list[dict[str, Any]]:
    """What the user may set up here, or may after a proof. While the action waits for one, only what would count."""
    rows = {row.method: row for row in AuthenticatorConfiguration.objects.filter(tenant=context.tenant)}
    waiting = context.action.state == ActionState.CHALLENGE_REQUIRED
    locked = {method for method, row in rows.items() if not row.is_editable_by_user}
    active = available.active_methods(context.tenant)
    on_file, held = _on_file(context, permitted)
    offered = permitted or list(M)
    providers, closed = own_methods.provider_names(context.tenant), _closed(context, Challenge.Purpose.ENROL)
    return [
        present(
            {
                "method": method,
                "target": on_file.get(method),
                "name": providers.get(method),
                "editable": method not in locked,
                "replaces": method in enrolled and not METHODS[method].many,
                **closed.get(method, {}),
            }
        )
        for method in ENROLLABLE
        if method in active
        and method in offered
        and not (method in rows and rows[method].is_hidden_to_user)
        and not (method in rows and not available.can_recover(context.user, rows[method]))
        and (method in context.facts.allowed_methods or not waiting)
        and not (method in held and method in locked)
    ] + _web_app(context, offered)


def _on_file(
    context: ClientContext, permitted: list[VerificationMethod]
) -> tuple[dict[VerificationMethod, str], set[VerificationMethod]]:
    """Addresses on file that can be enrolled here, masked; and the methods by which the one on file is enrolled by now.

    An enrolled user is told of none before they may add to what they have.
    """
    user = context.user
    if available.was_enrolled(user) and not permitted:
        return {}, set()
    rows = user.authenticators.filter(method__in=CONTACT_FIELD).exclude(verified_at=None).select_related("tenant")
    known = enrolment.addresses(user)
    held = {M(row.method) for row in rows if _is_known(row, known.get(M(row.method)))}
    return {method: contact.mask(to) for method, to in proving.on_file(user).items() if method not in held}, held


def _is_known(row: Authenticator, on_file: str | None) -> bool:
    return on_file is not None and contact.normal(on_file) == contact.normal(row.contact)


def _web_app(context: ClientContext, permitted: list[VerificationMethod]) -> list[dict[str, Any]]:
    """One entry, whatever the app is used for: by the first of it that can prove this action."""
    offered = [method for method in app_enrolment.offered(context) if method in permitted]
    proving = [method for method in offered if method in context.facts.allowed_methods]
    return [{"method": method, "editable": True, "replaces": False} for method in (proving or offered)[:1]]


def _passkeys(context: ClientContext) -> dict[str, Any] | None:
    """What the browser's password manager may keep of this user; told to nobody who has not proved to be them."""
    if not context.has_fresh_proof:
        return None
    rows = credentials.of_user(context.user, M.PASSKEY)
    return {
        "rpId": context.tenant.relying_party_id,
        "userId": credentials.encoded_id(credentials.handle_of(context.user, M.PASSKEY)),
        "credentialIds": [row.credential_id for row in rows],
    }


# -- leaving -------------------------------------------------------------------------------------


def return_url(tenant: Tenant, facts: ActionFacts, token: str) -> str | None:
    """Where the app wants its user back, with the token; only if the tenant still allows that place."""
    checked = checked_target(tenant, facts)
    return with_token(checked, token) if checked else None


def checked_target(tenant: Tenant, facts: ActionFacts) -> str | None:
    try:
        return origins.check_redirect(
            facts.redirect_url, allowed=tenant.app_origins, development=not settings.PRODUCTION
        )
    except ValueError:
        return None


def with_token(url: str, token: str) -> str:
    """The URL with `token` appended to whatever query it has."""
    base, hash_sign, fragment = url.partition("#")
    separator = "&" if "?" in base and not base.endswith(("?", "&")) else "" if "?" in base else "?"
    return f"{base}{separator}token={token}{hash_sign}{fragment}"


# -- telephone -----------------------------------------------------------------------------------


def countries(tenant: Tenant) -> list[tuple[str, int, str]]:
    """(region, calling code, national trunk prefix) of every country that gets SMS."""
    return [country for country in _all_countries() if country[0] not in tenant.refused_sms_countries]


@lru_cache(maxsize=1)
def _all_countries() -> list[tuple[str, int, str]]:
    return [
        (
            region,
            phonenumbers.country_code_for_region(region),
            phonenumbers.ndd_prefix_for_region(region, True) or "",
        )
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    ]
