"""Proving oneself by an ID token: one that the app got itself, or one that the hosted page fetches.

The hosted page goes through the authorization code flow with PKCE (OAuth 2.0 Security BCP, RFC 9700 §2.1): its `state`
is a secret of one challenge, and only the browser that left with it can come back. The network is
asked before anything is locked.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

from django.conf import settings

from actions import continuations, proving, verifying, vouching
from actions.client_auth import ClientContext
from actions.verifying import Verified
from authenticators import id_tokens
from authenticators.issuers import DIRECTORY, Issuer, IssuerUnavailable, object_of
from authenticators.models import Challenge, IdentityProvider
from authsignal_portal import clock, crypto, outbound, tokens
from authsignal_portal.errors import AuthsignalError, ExpiredToken, InvalidRequest, Unavailable
from authsignal_portal.vocabulary import ID_TOKENS, VerificationMethod

MAX_CODE: Final = 4096
REFUSED = Verified(None)


@dataclass(frozen=True, slots=True)
class Begun:
    """A challenge, and the nonce that the ID token must carry."""

    challenge: Challenge
    nonce: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who came back from an identity provider, to a challenge that waits for them."""

    challenge: Challenge
    context: ClientContext
    state: str = field(repr=False)


# -- a token that the app has --------------------------------------------------------------------


def start(context: ClientContext, method: VerificationMethod, purpose: str) -> Begun:
    """Raises Forbidden, InvalidConfiguration, InvalidRequest."""
    nonce, kept = id_tokens.new_nonce()
    with proving.one_at_a_time(context):
        vouching.check(context, method, purpose)
        id_tokens.provider_of(context.tenant, method)
        left = (context.token.expires_at - context.now).total_seconds()
        seconds = min(settings.ID_TOKEN_CHALLENGE_SECONDS, left)
        challenge = vouching.begin(context, method, purpose, seconds=seconds, more={"nonce": kept})
    return Begun(challenge, nonce)


def verify(context: ClientContext, challenge_id: str, token: str) -> Verified:
    """Judge an ID token. Raises InvalidRequest, InvalidConfiguration, Unavailable; a wrong one is an answer."""
    rows = Challenge.objects.filter(tenant=context.tenant, action_id=context.action.pk, method__in=ID_TOKENS)
    challenge = rows.select_related("tenant", "user").filter(pk=challenge_id).first()
    if challenge is None:
        raise InvalidRequest("challengeId names no challenge of this action.")
    method = VerificationMethod(challenge.method)
    presented = id_tokens.present(id_tokens.provider_of(context.tenant, method), token)
    with proving.one_at_a_time(context):
        return verifying.finish(context, method, challenge, presented)


# -- a token that the hosted page fetches --------------------------------------------------------


def authorize(
    context: ClientContext, method: VerificationMethod, purpose: str, *, page: Mapping[str, str], browser: str
) -> str:
    """Where the browser goes to sign in. `page`: what of the page's address comes back with it. `browser`: its cookie.

    Raises Unavailable, ExpiredToken where the user is gone meanwhile, and what `start` raises.
    """
    provider = id_tokens.provider_of(context.tenant, method)
    issuer = _issuer(provider)
    begun = start(context, method, purpose)
    secret = secrets.token_urlsafe(32)
    challenge = begun.challenge
    # Not the action's: what began in a frame is bound to no browser.
    left = {"page": dict(page), "browser": crypto.keyed_hash("browser", browser)}
    kept = {"device_code_hash": _hash(secret), "context": challenge.context | left}
    if not Challenge.objects.filter(pk=challenge.pk).update(**kept):
        raise ExpiredToken
    state = f"{challenge.pk}.{secret}"
    query = {
        "response_type": "code",
        "scope": "openid",
        "client_id": provider.client_ids[0],
        "redirect_uri": id_tokens.redirect_uri(provider),
        "state": state,
        "nonce": begun.nonce,
        "code_challenge": _base64url(hashlib.sha256(_verifier(state).encode()).digest()),
        "code_challenge_method": "S256",
        **_prompt(provider, issuer),
    }
    joint = "&" if "?" in issuer.authorization_endpoint else "?"
    return f"{issuer.authorization_endpoint}{joint}{urlencode(query, quote_via=quote)}"


def _prompt(provider: IdentityProvider, issuer: Issuer) -> dict[str, str]:
    """What keeps a session that stands from answering by itself (OpenID Connect Core §3.1.2.1)."""
    if id_tokens.asks_anew(provider):
        return {"max_age": "0"} | ({"prompt": "login"} if issuer.prompts_login else {})
    if provider.method == VerificationMethod.GOOGLE_ID_TOKEN:
        # Google knows neither; here its user at least has to choose.
        return {"prompt": "select_account"}
    return {}


def arrived(state: str, browser: str) -> Arrival:
    """Who came back. Raises ExpiredToken, and OtherBrowser for anybody but the browser that left."""
    challenge_id, _dot, secret = state.partition(".")
    rows = Challenge.objects.select_related("tenant", "user").filter(pk=challenge_id[:64], method__in=ID_TOKENS)
    challenge = rows.first() if challenge_id.isalnum() else None
    if challenge is None or not challenge.device_code_hash or not challenge.is_open(clock.now()):
        raise ExpiredToken
    if not hmac.compare_digest(challenge.device_code_hash, _hash(secret)):
        raise ExpiredToken
    context = continuations.context_of(challenge)
    bound = challenge.context.get("browser", "")
    if not bound or not crypto.is_keyed_hash(bound, "browser", browser):
        raise OtherBrowser
    return Arrival(challenge, context, state)


class OtherBrowser(Exception):
    """What left in one browser comes back in another."""


def complete(arrival: Arrival, code: str, *, issuer_said: str, came_to: str) -> Verified:
    """Exchange the code, once, and judge the ID token that it brings. What went wrong is an answer without a token.

    `came_to`: the address that the browser was sent back to; `issuer_said`: the `iss` in it, if any.
    """
    challenge = arrival.challenge
    unused = Challenge.objects.filter(pk=challenge.pk, device_code_hash=challenge.device_code_hash)
    if not unused.update(device_code_hash="") or not 0 < len(code) <= MAX_CODE:
        return REFUSED
    method = VerificationMethod(challenge.method)
    try:
        provider = id_tokens.provider_of(challenge.tenant, method)
        if came_to != id_tokens.redirect_uri(provider):
            return REFUSED
        issuer = DIRECTORY.of(provider.issuer)
        if not _may_be_of(issuer, issuer_said):
            return REFUSED
        presented = id_tokens.present(provider, _exchanged(provider, issuer, code, arrival.state))
        with proving.one_at_a_time(arrival.context):
            return verifying.finish(arrival.context, method, challenge, presented)
    except (AuthsignalError, IssuerUnavailable):
        return REFUSED


def token_back(arrival: Arrival, verified: Verified) -> str:
    """With what the page goes on: a proof's own token, else one that is worth what was left behind and as long."""
    if verified.access_token:
        return verified.access_token
    action, left = arrival.context.action, arrival.context.token
    return tokens.mint(
        tenant=action.tenant,
        purpose=left.purpose,
        action_id=action.pk,
        user_id=action.user.user_id,
        action_code=action.action_code,
        idempotency_key=action.idempotency_key,
        scope=" ".join(sorted(left.scopes)),
        now=left.issued_at,
    )


def _issuer(provider: IdentityProvider) -> Issuer:
    try:
        return DIRECTORY.of(provider.issuer)
    except IssuerUnavailable as error:
        raise Unavailable(f"The identity provider cannot be asked right now: {error.reason}.") from error


def _may_be_of(issuer: Issuer, said: str) -> bool:
    """Whether an answer to the browser can be this issuer's; one that always names itself does (RFC 9207 §2.4)."""
    return said == issuer.name or (not said and not issuer.names_itself)


def _exchanged(provider: IdentityProvider, issuer: Issuer, code: str, state: str) -> str:
    """The ID token for a code. Raises IssuerUnavailable."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": id_tokens.redirect_uri(provider),
        "code_verifier": _verifier(state),
        "client_id": provider.client_ids[0],
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if provider.secret and issuer.secret_in_body:
        form["client_secret"] = provider.secret
    elif provider.secret:
        headers["Authorization"] = _basic(provider.client_ids[0], provider.secret)
    try:
        answer = outbound.post(issuer.token_endpoint, urlencode(form).encode(), headers)
    except outbound.OutboundError as error:
        raise IssuerUnavailable(error.reason) from error
    token = object_of(answer.body).get("id_token") if answer.status == 200 else None
    if not isinstance(token, str):
        raise IssuerUnavailable("the code brought no ID token")
    return token


def _basic(client: str, secret: str) -> str:
    """Both are form-encoded first (RFC 6749 §2.3.1)."""
    pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _verifier(state: str) -> str:
    """The PKCE code verifier: whoever has the state cannot make it, and it need not be kept."""
    return _base64url(hashlib.sha256(crypto.keyed_hash("pkce", state).encode()).digest())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
