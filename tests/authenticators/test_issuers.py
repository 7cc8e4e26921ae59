"""What is known of an issuer: for how long, asked how often, and which of its keys count."""

from ipaddress import ip_network

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from werkzeug import Response

from authenticators.issuers import Directory, IssuerUnavailable, read_keys
from tests.issuer import Issuer, ec_key, public_jwk, rsa_key

ONCE = ["/.well-known/openid-configuration", "/jwks"]


@pytest.fixture
def issuer(httpserver, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
    return Issuer(httpserver)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_an_issuer_is_asked_again_after_ten_minutes(issuer, clock):
    directory = Directory(clock)
    for clock.now in (0, 1, 599):
        assert set(directory.of(issuer.name).keys) == {"one", "two"}
    assert issuer.asked == ONCE
    clock.now = 600
    directory.of(issuer.name)
    assert issuer.asked == ONCE * 2


def test_an_unknown_key_is_asked_for_once_a_minute(issuer, clock):
    directory = Directory(clock)
    directory.of(issuer.name)
    for clock.now in (1, 30, 59):
        assert "three" not in directory.of(issuer.name, key_id="three").keys
    assert issuer.asked == ONCE
    issuer.keys["three"] = rsa_key(1)
    clock.now = 60
    assert "three" in directory.of(issuer.name, key_id="three").keys
    for clock.now in (61, 90, 119):
        directory.of(issuer.name, key_id="four")
    assert issuer.asked == ONCE * 2
    clock.now = 120
    directory.of(issuer.name, key_id="four")
    assert issuer.asked == ONCE * 3


def test_what_was_known_is_believed_for_six_hours_of_silence(issuer, clock):
    directory = Directory(clock)
    directory.of(issuer.name)
    issuer.is_down = True
    clock.now = 6 * 3600 - 1
    assert directory.of(issuer.name).keys
    clock.now = 6 * 3600
    with pytest.raises(IssuerUnavailable, match="answered 503"):
        directory.of(issuer.name)
    issuer.is_down = False
    clock.now += 15
    assert directory.of(issuer.name).keys


def test_a_key_that_was_withdrawn_is_gone(issuer, clock):
    directory = Directory(clock)
    directory.of(issuer.name)
    del issuer.keys["one"]
    clock.now = 600
    assert set(directory.of(issuer.name).keys) == {"two"}


def test_one_that_does_not_answer_is_left_alone_for_a_while(issuer, clock):
    directory = Directory(clock)
    issuer.is_down = True
    for clock.now in (0, 1, 14):
        with pytest.raises(IssuerUnavailable, match="answered 503"):
            directory.of(issuer.name)
    assert issuer.asked == ONCE[:1]
    clock.now, issuer.is_down = 15, False
    assert directory.of(issuer.name).keys


def test_a_slow_one_is_left_alone_from_the_end_of_its_silence(issuer, clock):
    directory = Directory(clock)

    def slowly(_request):
        clock.now += 10
        return Response("too slow", 503)

    issuer.serve("/slow/.well-known/openid-configuration", slowly)
    for clock.now in (0, 10, 24):
        with pytest.raises(IssuerUnavailable, match="answered 503"):
            directory.of(issuer.name + "/slow")
    assert len(issuer.asked) == 1
    clock.now = 25
    with pytest.raises(IssuerUnavailable):
        directory.of(issuer.name + "/slow")
    assert len(issuer.asked) == 2


def test_an_issuer_must_call_itself_what_it_is_called(issuer, clock):
    issuer.described["issuer"] = issuer.name + "/"
    with pytest.raises(IssuerUnavailable, match="something else"):
        Directory(clock).of(issuer.name)


@pytest.mark.parametrize("url", ["", None, "javascript:alert(1)", "http://10.0.0.1/x", "https://idp.example/#x"])
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_where_an_issuer_leads_must_be_reachable_addresses(issuer, clock, name, url):
    issuer.described[name] = url
    with pytest.raises(IssuerUnavailable, match=name):
        Directory(clock).of(issuer.name)


def test_an_issuer_on_a_private_address_is_never_asked(issuer, clock, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with pytest.raises(IssuerUnavailable, match="https"):
        Directory(clock).of(issuer.name)
    assert issuer.asked == []


def test_the_least_used_issuer_is_forgotten_first(clock, monkeypatch):
    monkeypatch.setattr("authenticators.issuers.MOST_ISSUERS", 2)
    directory = Directory(clock)
    for name in ("https://127.0.0.1/a", "https://127.0.0.1/b", "https://127.0.0.1/a", "https://127.0.0.1/c"):
        with pytest.raises(IssuerUnavailable):
            directory.of(name)
    assert list(directory._known) == ["https://127.0.0.1/a", "https://127.0.0.1/c"]


def test_only_keys_that_sign_as_we_allow_count():
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    keys = [
        public_jwk(rsa_key(), "rsa"),
        public_jwk(ec_key(), "ec", alg="ES256"),
        public_jwk(rsa_key(1), "rsa"),
        public_jwk(short, "short"),
        public_jwk(rsa_key(), "for-encryption") | {"use": "enc"},
        public_jwk(rsa_key(), "longer", alg="RS512"),
        public_jwk(ec.generate_private_key(ec.SECP384R1()), "p384"),
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "empty"},
        {**public_jwk(rsa_key(), ""), "kid": 7},
        public_jwk(rsa_key(), ""),
        "no key",
    ]
    found = read_keys({"keys": keys})
    assert {kid: key.algorithm for kid, key in found.items()} == {"rsa": "RS256", "ec": "ES256"}
    assert found["rsa"].public.public_numbers() == rsa_key().public_key().public_numbers()


@pytest.mark.parametrize("jwks", [{}, {"keys": None}, {"keys": {}}])
def test_what_is_no_key_set_is_refused(jwks):
    with pytest.raises(IssuerUnavailable, match="JWK set"):
        read_keys(jwks)
