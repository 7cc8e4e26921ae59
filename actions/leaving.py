"""Where an app wants its user back from the hosted page, judged again when it happens, and what goes with them."""

import re
from urllib.parse import unquote_plus

from django.conf import settings

from actions.models import ActionFacts
from authsignal_portal import origins
from authsignal_portal.models import Tenant

# What needs no escaping in an address, and is no more than it has room for.
LOGIN_STATE = re.compile(r"[A-Za-z0-9_.~-]{1,512}")
MAX_URL = 2048
# Custom schemes that may receive a token: the React Native SDK listens for `authsignal://auth?token=…`.
NATIVE_SCHEMES = frozenset({"authsignal"})


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
    """The URL with `token` appended to whatever query it has: the only one of that name, whichever the app reads."""
    place, query, fragment = _parts(url)
    kept = [part for part in query if _name(part) != "token"]
    return f"{place}?{'&'.join([*kept, f'token={token}'])}{fragment}"


def keep_login_state(facts: ActionFacts, state: str) -> None:
    """A login that hands its user on here adds its `state` to this page's address, and knows them by it when they come
    back to a redirectUrl that was made without it. Source: Auth0, "Redirect with Actions". The first one counts.
    """
    place, query, fragment = _parts(facts.redirect_url)
    if not place or not LOGIN_STATE.fullmatch(state) or "state" in map(_name, query):
        return
    url = f"{place}?{'&'.join([*query, f'state={state}'])}{fragment}"
    if len(url) <= MAX_URL:
        ActionFacts.objects.filter(pk=facts.pk, redirect_url=facts.redirect_url).update(redirect_url=url)


def _parts(url: str) -> tuple[str, list[str], str]:
    """(all before the query, what stands in it, the fragment with its sign)"""
    base, sign, fragment = url.partition("#")
    place, _mark, query = base.partition("?")
    return place, [part for part in query.split("&") if part], sign + fragment


def _name(part: str) -> str:
    return unquote_plus(part.partition("=")[0]).lower()
