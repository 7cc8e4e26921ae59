"""Every door that the URL map has, and what opens it. A new one needs a line here before the tests that walk them pass.

The portal's are not listed one by one: all of them open to a member of staff who gave both factors, and to nobody else.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

SERVER_KEY, TOKEN, TENANT_ID, INVITATION = "server key", "client token", "tenant id", "app's invitation"
EITHER = f"{TOKEN} or {TENANT_ID}"
INVITED = f"{TOKEN} or {INVITATION}"
# What stands in the address or is signed tells who calls: no credential adds anything to it.
ANYBODY = "anybody"
KINDS = {EITHER: {TOKEN, TENANT_ID}, INVITED: {TOKEN, INVITATION}, ANYBODY: set[str]()}

UUID = "00000000-0000-4000-8000-000000000001"
SAMPLES = {
    "user_id": "alice",
    "action": "pay",
    "key": "k",
    "device_id": "d",
    "authenticator_id": UUID,
    "tenant_id": UUID,
    "tenant": "x",
    "method": "x",
    "message_id": UUID,
    "provider_id": UUID,
    "challenge_id": "x",
    "name": "css",
    "digest": "x",
    "token": "x",
    "number": "1",
}
# Paths that Java and Go get wrong, ids that are empty, and what is left.
ODD = {
    r"v1/challenges[\s\S]+\Z": "v1/challengesuserId=alice",
    r"v1/users/[\s\S]*/(?:actions|authenticators|devices)(?:/[\s\S]*)?\Z": "v1/users//actions/pay",
    "v1/client/": "v1/client/nowhere",
    "v1/": "v1/nowhere",
}
VERBS = ("get", "post", "put", "patch", "delete")
FUNCTIONS = {
    "challenge": ("get",),
    "challenge/link/x": ("get", "post"),
    "challenge/plain": ("get", "post"),
    f"callbacks/twilio/{UUID}": ("post",),
    "callbacks/email": ("post",),
    f"callbacks/email/{UUID}": ("post",),
    "callbacks/identity/x": ("post",),
}

SERVER = [
    "v1",
    "v1/nowhere",
    "v1/users",
    "v1/users/alice",
    "v1/users/authenticators",
    "v1/users//actions/pay",
    "v1/users/alice/actions",
    "v1/users/alice/actions/pay",
    "v1/users/alice/actions/pay/k",
    "v1/users/alice/authenticators",
    f"v1/users/alice/authenticators/{UUID}",
    "v1/users/alice/devices",
    "v1/users/alice/devices/d",
    "v1/users/alice/devices/d/invalidate",
    "v1/authenticators",
    "v1/validate",
    "v1/challenge",
    "v1/verify",
    "v1/claim",
    "v1/challenges",
    "v1/challengesuserId=alice",
    "v1/v1/challenges",
]
HOSTED = [
    "challenge/api/state",
    "challenge/api/qr",
    "challenge/api/qr-challenge",
    "challenge/api/recovery-code",
    "challenge/api/recovery-codes",
    "challenge/api/not-now",
    "challenge/api/finish",
    "challenge/api/magic-link",
    "challenge/api/magic-link/code",
    "challenge/api/whatsapp",
    "challenge/api/delivery",
    "challenge/api/remember-device",
    "challenge/api/devices",
    "challenge/api/forget-device",
    "challenge/api/authorize",
    "challenge/api/remove-method",
    "challenge/api/prefer-method",
    "challenge/api/invite-app",
    "challenge/api/invitation",
]
ONE_USERS = [
    "v1/client/init",
    "v1/client/authenticators",
    "v1/client/user-authenticators",
    "v1/client/user-authenticators/passkey/registration-options",
    "v1/client/user-authenticators/passkey/registration-options/web",
    "POST v1/client/user-authenticators/passkey",
    "v1/client/user-authenticators/security-key",
    "v1/client/user-authenticators/security-key/registration-options",
    "v1/client/user-authenticators/security-key/authentication-options",
    "v1/client/user-authenticators/totp",
    "v1/client/user-authenticators/email-otp",
    "v1/client/user-authenticators/sms",
    "v1/client/user-authenticators/email-magic-link",
    "v1/client/challenge/email-otp",
    "v1/client/challenge/sms",
    "v1/client/challenge/whatsapp",
    "v1/client/challenge/email-magic-link",
    "v1/client/challenge/push",
    "v1/client/verify/security-key",
    "v1/client/verify/totp",
    "v1/client/verify/email-otp",
    "v1/client/verify/sms",
    "v1/client/verify/whatsapp",
    "v1/client/verify/email-magic-link/finalize",
    "v1/client/verify/push",
    *(f"POST v1/client/user-authenticators/{name}" for name in ("push", "qr-code", "in-app")),
    "v1/client/user-authenticators/id-token",
    "v1/client/user-authenticators/identity-check",
    "v1/client/challenge/id-token",
    "v1/client/challenge/identity-check",
    "v1/client/verify/id-token",
    "v1/client/verify/identity-check",
]
# What a page does before it knows its user, and what an app does that has a key and no token.
ANY_USERS = [
    "v1/client/nowhere",
    "v1/client/challenge",
    "v1/client/challenge/qr-code",
    "GET v1/client/user-authenticators/passkey",
    "v1/client/user-authenticators/passkey/authentication-options",
    "v1/client/user-authenticators/passkey/authentication-options/web",
    "v1/client/verify/passkey",
    "v1/client/verify/qr-code",
    "v1/client/verify/in-app",
    "v1/client/verify/device",
    *(f"GET v1/client/user-authenticators/{name}" for name in ("push", "qr-code", "in-app", "device")),
    *(f"v1/client/user-authenticators/{name}/remove" for name in ("push", "qr-code", "in-app", "device")),
    "PATCH v1/client/user-authenticators/push",
    "v1/client/user-authenticators/push/sign",
    "v1/client/user-authenticators/push/challenge",
    "v1/client/user-authenticators/push/challenge/sign",
    "v1/client/user-authenticators/qr-code/challenge",
    "v1/client/user-authenticators/qr-code/challenge/claim",
    "v1/client/user-authenticators/device/challenge",
    "v1/client/user-authenticators/device/challenge/claim",
]
OPEN = [
    f"v1/client/public/{UUID}/.well-known/jwks",
    f"callbacks/twilio/{UUID}",
    "callbacks/email",
    f"callbacks/email/{UUID}",
    "callbacks/identity/x",
    f"challenge/theme/{UUID}/css/x",
    "challenge",
    "challenge/link/x",
    "challenge/plain",
    "challenge/callback/x/x",
    "challenge/checked",
    *(f"app/{UUID}/{name}" for name in ("", "manifest.webmanifest", "worker.js", "offline")),
]
OPENED_BY = {
    **dict.fromkeys(SERVER, SERVER_KEY),
    **dict.fromkeys([*HOSTED, *ONE_USERS], TOKEN),
    **dict.fromkeys(ANY_USERS, EITHER),
    "v1/client/challenge/web": TENANT_ID,
    "POST v1/client/user-authenticators/device": INVITED,
    **dict.fromkeys(OPEN, ANYBODY),
}


@dataclass(frozen=True)
class Door:
    """One method at one path, with an id in each of its places."""

    method: str
    path: str
    opened_by: str

    @property
    def kinds(self) -> set[str]:
        """The kinds of credential that open it, each by itself."""
        return KINDS.get(self.opened_by, {self.opened_by})

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes(patterns: Iterable[Any] | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every leaf of the URL map, with its whole route."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route, pattern


def path_of(route: str) -> str:
    named = re.sub(r"\(\?P<(\w+)>(?:\[[^\]]*\]|[^()])*\)", lambda found: SAMPLES[found[1]], ODD.get(route, route))
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: SAMPLES[found[1]], named).removesuffix(r"\Z")


def doors() -> list[Door]:
    """All but the portal's. Raises KeyError for one that nobody has said a word about."""
    found = []
    for route, pattern in routes():
        if route == "" or route.startswith("portal/"):
            continue
        path = path_of(route)
        view = getattr(pattern.callback, "view_class", None)
        verbs = [verb for verb in VERBS if hasattr(view, verb)] if view else FUNCTIONS.get(path, ("get",))
        for verb in verbs:
            method = verb.upper()
            opened_by = OPENED_BY.get(f"{method} {path}") or OPENED_BY[path]
            found.append(Door(method, path, opened_by))
    return found


def portal_paths() -> list[str]:
    """Of every page of the portal one address; the ids in it are nobody's."""
    samples = {"uuid": UUID, "int": "1", "str": "x", "path": UUID, "": "x"}
    taken = [route for route, _pattern in routes() if route.startswith("portal/") and "(?P" not in route]
    return [re.sub(r"<(?:(\w+):)?\w+>", lambda found: samples[found[1] or ""], route) for route in taken]
