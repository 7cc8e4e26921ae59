"""What a hosted page shows of an action: its state, what can prove it, what can be added, where to go after."""

from datetime import timedelta
from functools import lru_cache
from typing import Any

import phonenumbers
from django.conf import settings

from actions import app_enrolment, devices, linking, own_methods, states
from actions.client_auth import ClientContext
from actions.models import ActionFacts
from authenticators import available, contact, credentials, handed_over
from authenticators.enrolment import CONTACT_FIELD
from authenticators.models import AuthenticatorConfiguration, Challenge, EndUser, IdentityProvider, Message
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
# Proved in the user's own app and nowhere else; where that is our web app, this browser may hold its key.
ELSEWHERE = (M.IN_APP,)


def describe(context: ClientContext, token: str) -> dict[str, Any]:
    """The page's whole view of an action, as JSON. `expiresIn` is in seconds, `now` in milliseconds."""
    user, facts, tenant = context.user, context.facts, context.tenant
    enrolled = available.enrolled(user)
    codes = None if tenant.disable_recovery_codes else _unused_codes(user)
    count, working = len(own_methods.listed(context)), own_methods.working(context)
    return present(
        {
            "state": context.action.state,
            "isEnrolled": bool(enrolled),
            "canEnrol": _may_enrol(context, enrolled),
            "expiresIn": int((context.token.expires_at - context.now).total_seconds()),
            "message": (shown := linking.transaction_shown(context.action)).text or None,
            "isLinked": shown.is_linked,
            "remember": _remember(context),
            "seesDevices": context.may(Scope.UPDATE),
            "methods": _methods(user, facts, enrolled, codes),
            "enrollable": (enrollable := _enrollable(context, enrolled)),
            "prompt": _prompt(context, enrolled, enrollable) or None,
            "passkeys": _passkeys(context),
            "enrolledCount": count,
            "recoveryCodes": present({"enabled": not tenant.disable_recovery_codes, "remaining": codes}),
            "settings": facts.redirect_to_settings,
            "vouched": _is_vouched(context),
            "mayRemove": own_methods.may_remove(context, others_work=working > 1),
            "keepsLast": own_methods.keeps_last(context, working=working),
            "mayPrefer": context.may(Scope.UPDATE) and count > 1,
            "now": int(context.now.timestamp() * 1000),
            "hideSuccess": tenant.hide_success_screen_on_enrollment,
            "returnUrl": return_url(tenant, facts, token),
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


def _is_vouched(context: ClientContext) -> bool:
    """Whether the settings need no proof first: the customer's backend says that this is the user."""
    scopes = {Scope.ADD, Scope.UPDATE, Scope.REMOVE}
    is_track = context.token.purpose == TokenPurpose.TRACK
    return context.facts.redirect_to_settings and is_track and not scopes.isdisjoint(context.token.scopes)


def _may_enrol(context: ClientContext, enrolled: list[VerificationMethod]) -> bool:
    """As the Client API judges it; here only so that nothing is offered which it would refuse."""
    if context.action.state in states.CLOSED_TO_PROOF:
        return False
    needs_word = bool(enrolled) or context.tenant.first_enrolment_needs_scope
    return context.may(Scope.ADD) if needs_word else True


def _unused_codes(user: EndUser) -> int | None:
    """How many recovery codes are left; None when there never were any."""
    used = list(user.recovery_codes.values_list("used_at", flat=True))
    return sum(1 for at in used if at is None) if used else None


def _methods(
    user: EndUser, facts: ActionFacts, enrolled: list[VerificationMethod], codes: int | None
) -> list[dict[str, Any]]:
    """What can prove this action now: permitted and enrolled; with nothing enrolled, an address on file."""
    if enrolled:
        targets = _enrolled_contacts(user)
        usable = [
            method for method in M if method in enrolled or method in targets or (method == M.RECOVERY_CODE and codes)
        ]
        usable = [method for method in usable if method not in ELSEWHERE or available.has_web_app(user, method)]
    else:
        targets = _contacts_on_file(user)
        usable = [method for method in M if method in targets]
    first, providers = facts.default_method, _providers(user.tenant)
    return [
        present(
            {
                "method": method,
                "target": targets.get(method),
                "name": providers.get(method),
                "isDefault": method == first,
            }
        )
        for method in usable
        if method in facts.allowed_methods
    ]


def _providers(tenant: Tenant) -> dict[str, str]:
    """What users know an identity provider as."""
    rows = IdentityProvider.objects.filter(tenant=tenant).exclude(name="")
    return dict(rows.values_list("method", "name"))


def _enrolled_contacts(user: EndUser) -> dict[str, str]:
    rows = user.authenticators.filter(method__in=CONTACT_FIELD).exclude(verified_at=None)
    # The last one stands: the default, and of equals the oldest, as the Client API picks it.
    ordered = rows.select_related("tenant").order_by("is_default", "-created_at")
    targets = {row.method: contact.mask(row.contact) for row in ordered}
    # A number that gets SMS gets WhatsApp too.
    return ({M.WHATSAPP: targets[M.SMS]} if M.SMS in targets else {}) | targets


def _contacts_on_file(user: EndUser) -> dict[str, str]:
    """Where something can be sent without asking."""
    known = {method: getattr(user, field) for method, field in CONTACT_FIELD.items()}
    # A locked address needs no typing, whatever the tenant prefers.
    rows = AuthenticatorConfiguration.objects.filter(tenant=user.tenant_id, asks_for_address=True)
    asked = set(rows.filter(is_editable_by_user=True).values_list("method", flat=True))
    return {method: contact.mask(address) for method, address in known.items() if address and method not in asked}


def _enrollable(context: ClientContext, enrolled: list[VerificationMethod]) -> list[dict[str, Any]]:
    """What the user may set up here. While the action waits for a proof, only what would count as one."""
    rows = {row.method: row for row in AuthenticatorConfiguration.objects.filter(tenant=context.tenant)}
    waiting = context.action.state == ActionState.CHALLENGE_REQUIRED
    active = available.active_methods(context.tenant)
    on_file = {} if enrolled else _contacts_on_file(context.user)
    providers = _providers(context.tenant)
    return [
        present(
            {
                "method": method,
                "target": on_file.get(method),
                "name": providers.get(method),
                "editable": method not in rows or rows[method].is_editable_by_user,
                "replaces": method in enrolled and not METHODS[method].many,
            }
        )
        for method in ENROLLABLE
        if method in active
        and not (method in rows and rows[method].is_hidden_to_user)
        and not (method in rows and not available.can_recover(context.user, rows[method]))
        and (method in context.facts.allowed_methods or not waiting)
    ] + _web_app(context)


def _web_app(context: ClientContext) -> list[dict[str, Any]]:
    """One entry, whatever the app is used for: by the first of it that can prove this action."""
    offered = app_enrolment.offered(context)
    proving = [method for method in offered if method in context.facts.allowed_methods]
    return [{"method": method, "editable": True, "replaces": False} for method in (proving or offered)[:1]]


def _prompt(
    context: ClientContext, enrolled: list[VerificationMethod], enrollable: list[dict[str, Any]]
) -> list[VerificationMethod]:
    """What to offer after the proof: wanted by the rules or the tenant, not set up yet, possible, not just declined."""
    wanted = set(context.facts.prompt_methods)
    configured = AuthenticatorConfiguration.of(context.tenant, M.PASSKEY)
    # Whoever has no other way in is never led to depend on a new one.
    if enrolled and not configured.disable_enrollment_prompt:
        wanted.add(M.PASSKEY)
    if _was_declined(context, configured):
        wanted.discard(M.PASSKEY)
    possible = {one["method"] for one in enrollable}
    return [method for method in M if method in wanted and method in possible and method not in enrolled]


def _was_declined(context: ClientContext, configured: AuthenticatorConfiguration) -> bool:
    declined, pause = context.user.passkey_prompt_dismissed_at, timedelta(days=configured.enrollment_prompt_days)
    return declined is not None and context.now < declined + pause


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
    try:
        checked = origins.check_redirect(
            facts.redirect_url, allowed=tenant.app_origins, development=not settings.PRODUCTION
        )
    except ValueError:
        return None
    return with_token(checked, token)


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
