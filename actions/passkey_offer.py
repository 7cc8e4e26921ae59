"""Whether the hosted pages offer a passkey after a proof: wanted, not just declined, and none on this device yet."""

from collections.abc import Collection
from datetime import timedelta

from actions.client_auth import ClientContext
from authenticators import credentials
from authenticators.models import Authenticator, AuthenticatorConfiguration
from authsignal_portal import user_agent
from authsignal_portal.vocabulary import VerificationMethod

M = VerificationMethod
# What one account of a password manager keeps for all of them.
APPLE = frozenset({"iOS", "Mac OS"})


def prompt(
    context: ClientContext, enrolled: Collection[VerificationMethod], *, possible: Collection[str], agent: str
) -> list[VerificationMethod]:
    """What to offer after the proof: wanted by the rules or the tenant, not set up yet, possible, not just declined.

    `agent`: the browser's own user agent.
    """
    wanted = set(context.facts.prompt_methods)
    configured = AuthenticatorConfiguration.of(context.tenant, M.PASSKEY)
    # Whoever has no other way in is never led to depend on a new one.
    if any(method != M.PASSKEY for method in enrolled) and not configured.disable_enrollment_prompt:
        wanted.add(M.PASSKEY)
    if _was_declined(context, configured) or _is_here(context, agent):
        wanted.discard(M.PASSKEY)
    return [
        method
        for method in M
        if method in wanted and method in possible and (method == M.PASSKEY or method not in enrolled)
    ]


def _was_declined(context: ClientContext, configured: AuthenticatorConfiguration) -> bool:
    declined, pause = context.user.passkey_prompt_dismissed_at, timedelta(days=configured.enrollment_prompt_days)
    return declined is not None and context.now < declined + pause


def _is_here(context: ClientContext, agent: str) -> bool:
    """Whether this device has one of the user's passkeys, as far as the server can know. The page's script knows of
    those that it saw here, and the browser refuses to make a second one."""
    return any(_is_on(row, context.facts.device_id, agent) for row in credentials.of_user(context.user, M.PASSKEY))


def _is_on(row: Authenticator, device_id: str, agent: str) -> bool:
    """Made on this device; or synced, and made on one of the same kind."""
    if device_id and row.device_id == device_id:
        return True
    kind = _kind(agent)
    return bool(row.backed_up) and kind != "" and _kind(row.user_agent) == kind


def _kind(agent: str) -> str:
    system = user_agent.os_name(agent) or ""
    return "Apple" if system in APPLE else system
