"""Browsers in which a member of staff has signed in before: their tries are counted apart from everybody else's.

Anybody can try passwords for an account, and so use up the tries of all who come to it unknown; its owner still gets in
where they were before. A known browser has as many tries as all unknown ones together. Source: OWASP, "Slow Down Online
Guessing Attacks with Device Cookies".
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "__Host-known" if settings.SECURE_COOKIES else "known"
SALT = "staff browser"
SECONDS = 180 * 24 * 3600
# Two people at one machine keep one each.
MOST = 4


def counted_as(request: HttpRequest, account: str) -> str:
    """What the browser's tries to sign in to the account are counted under: the account alone where it is unknown."""
    known = _accounts(request).get(account)
    return f"{account}:{known}" if known else account


def remember(request: HttpRequest, response: HttpResponse, account: str) -> None:
    """The browser passed both steps of this account's sign-in."""
    known = _accounts(request)
    mine = known.pop(account, None) or secrets.token_urlsafe(16)
    kept = dict([*known.items(), (account, mine)][-MOST:])
    response.set_cookie(
        COOKIE,
        signing.dumps(kept, salt=SALT),
        max_age=SECONDS,
        httponly=True,
        secure=settings.SECURE_COOKIES,
        samesite="Lax",
    )


def _accounts(request: HttpRequest) -> dict[str, str]:
    try:
        found: dict[str, str] = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=SECONDS)
    except signing.BadSignature:
        return {}
    return found
