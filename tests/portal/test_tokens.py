"""Client tokens: what they say, how long, and that nothing unreadable is ever an error of another kind."""

from datetime import timedelta

import jwt
import pytest

from authsignal_portal import clock, tokens
from authsignal_portal.errors import ExpiredToken
from authsignal_portal.models import SigningKey
from authsignal_portal.vocabulary import ALL_SCOPES, Scope, TokenPurpose
from tests import make

ACTION = "6b1f4f0e-98a8-4f36-a3b0-6f6ab5e3e5c1"


def mint(tenant, **changes):
    given = {
        "tenant": tenant,
        "purpose": TokenPurpose.TRACK,
        "action_id": ACTION,
        "user_id": "alice",
        "action_code": "pay",
        "idempotency_key": "k",
        "scope": Scope.READ.value,
        "now": clock.now(),
    }
    return tokens.mint(**given | changes)


def test_a_token_says_what_it_was_minted_for(acme):
    now = clock.now()
    read = tokens.read(mint(acme, now=now, scope=ALL_SCOPES, purpose=TokenPurpose.ACCESS))
    assert (read.tenant, read.user_id, read.action_code, read.idempotency_key) == (acme, "alice", "pay", "k")
    assert (str(read.action_id), read.purpose, read.scopes) == (ACTION, TokenPurpose.ACCESS, frozenset(Scope))
    assert read.expires_at - read.issued_at == timedelta(minutes=10)
    assert abs(read.issued_at - now) < timedelta(seconds=1)


def test_the_claims_are_those_that_old_clients_read(acme):
    token = mint(acme, username="al")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(claims) == {"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "purpose", "act", "scope", "other"}
    assert claims["iss"] == claims["aud"] == f"http://localhost:8000/{acme.pk}"
    assert claims["other"] == {
        "tenantId": str(acme.pk),
        "publishableKey": str(acme.pk),
        "userId": "alice",
        "username": "al",
        "actionCode": "pay",
        "idempotencyKey": "k",
    }
    assert set(jwt.get_unverified_header(token)) == {"alg", "typ", "kid"}


def test_a_token_may_stand_in_a_url_a_header_and_a_sub_protocol(acme):
    assert set(mint(acme, user_id="ü /+=?&", idempotency_key="🦊")) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    )


@pytest.mark.parametrize("letter", ["a", "ü", "語", "🦊"])
def test_the_longest_ids_fit(acme, letter):
    longest = letter * 255
    token = mint(
        acme, user_id=longest, idempotency_key=longest, username=longest, action_code="x" * 64, scope=ALL_SCOPES
    )
    assert len(token) < 7000
    assert tokens.read(token).user_id == longest


def test_every_token_is_another_one(acme):
    now = clock.now()
    assert mint(acme, now=now) != mint(acme, now=now)


def test_a_tenant_sets_how_long_a_token_lives(acme):
    acme.token_duration_in_minutes = 1
    read = tokens.read(mint(acme))
    assert read.expires_at - read.issued_at == timedelta(minutes=1)


def test_expiry_is_the_callers_to_judge(acme):
    """By the database's clock, which this function does not ask."""
    long_ago = clock.now() - timedelta(days=1)
    assert tokens.read(mint(acme, now=long_ago)).expires_at < clock.now()


def test_a_new_key_signs_after_a_minute_and_the_old_one_still_verifies(acme, monkeypatch):
    old = mint(acme)
    made = SigningKey.create(tenant=acme)
    assert jwt.get_unverified_header(mint(acme))["kid"] == jwt.get_unverified_header(old)["kid"]
    monkeypatch.setattr(tokens, "ROTATION_LAG", timedelta(0))
    assert jwt.get_unverified_header(mint(acme))["kid"] == made.kid
    assert tokens.read(old).user_id == "alice"
    assert {key["kid"] for key in tokens.public_jwks(acme)["keys"]} == set(
        acme.signing_keys.values_list("kid", flat=True)
    )


@pytest.mark.parametrize("text", [None, "", b"x", 5, [], "a" * 8193, "ü", "a.b.c", "..", "x" * 8192])
def test_what_is_no_token_is_expired(db, text):
    with pytest.raises(ExpiredToken):
        tokens.read(text)


def test_a_tenants_token_is_read_as_that_tenants_only(acme, globex):
    assert tokens.read(mint(acme)).tenant == acme
    assert tokens.read(mint(globex)).tenant == globex


def test_a_private_key_is_sealed_and_bound_to_its_row(acme):
    key = acme.signing_keys.get()
    assert b"\x30\x81" not in bytes(key.private_key)[:40]
    other = make.make_tenant("Other").signing_keys.get()
    SigningKey.objects.filter(pk=other.pk).update(private_key=key.private_key)
    from authsignal_portal.crypto import OpeningFailed

    with pytest.raises(OpeningFailed):
        mint(other.tenant)
