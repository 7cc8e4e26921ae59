"""A good proof for somebody or something else, and forged tokens: nothing but the real one counts (T1 to T3)."""

import base64
import hashlib
import hmac
import itertools
import json
import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from actions.models import Action
from authsignal_portal import clock, tokens
from authsignal_portal.models import SigningKey
from authsignal_portal.vocabulary import Scope, TokenPurpose
from tests.api.reading import code_sent, ok, refused

USERS, ACTIONS, KEYS = ("alice", "bob"), ("pay", "login"), ("k1", "k2")
INSTANCES = list(itertools.product(USERS, ACTIONS, KEYS))
INVALID = {"isValid": False, "error": "Token is invalid or expired."}


# -- T1: only the diagonal -----------------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["track", "claim", "access"])
def test_a_proof_counts_for_its_own_tenant_user_action_and_key_only(api, globex_api, browser, purpose):
    """One instance of one tenant is proved; of all tokens, and all that is said of them, one combination is valid."""
    held = {}
    for backend, (user, action, key) in itertools.product((api, globex_api), INSTANCES):
        answer = ok(backend("POST", f"users/{user}/actions/{action}", {"idempotencyKey": key, "email": "a@b.example"}))
        held[backend.secret, user, action, key] = answer["token"]
    proved = (api.secret, "alice", "pay", "k1")
    started = {"userId": "alice", "action": "pay", "idempotencyKey": "k1", "email": "a@b.example"}
    challenge = ok(api("POST", "challenge", started))["challengeId"]
    code = {"verificationCode": code_sent()}
    if purpose == "access":
        held[proved] = ok(browser("POST", "verify/email-otp", code, token=held[proved]))["accessToken"]
    else:
        ok(api("POST", "verify", {"challengeId": challenge} | code))
    if purpose == "claim":
        held[proved] = ok(api("POST", "claim", {"challengeId": challenge, "userId": "alice"}))["token"]
    valid = []
    for (name, token), backend in itertools.product(held.items(), (api, globex_api)):
        for user, action in [(None, None), *itertools.product(USERS, ACTIONS)]:
            answer = ok_validate(backend, token, user, action)
            if answer["isValid"]:
                valid.append((name, backend.secret, user, action))
                assert (answer["userId"], answer["action"], answer["idempotencyKey"]) == ("alice", "pay", "k1")
    assert valid == [(proved, api.secret, None, None), (proved, api.secret, "alice", "pay")]


def ok_validate(backend, token, user, action):
    answer = backend("POST", "validate", {"token": token, "userId": user, "action": action})
    assert answer.status_code == 200
    return answer.body


def test_a_code_for_one_action_does_not_verify_another(api, browser):
    tokens_ = {
        (user, action): ok(api("POST", f"users/{user}/actions/{action}", {"email": f"{user}@b.example"}))["token"]
        for user in USERS
        for action in ACTIONS
    }
    for token in tokens_.values():
        ok(browser("POST", "challenge/email-otp", token=token))
    code = code_sent()
    for who, token in list(tokens_.items())[:-1]:
        answer = ok(browser("POST", "verify/email-otp", {"verificationCode": code}, token=token))
        assert answer["isVerified"] is False, who
    assert ok(browser("POST", "verify/email-otp", {"verificationCode": code}, token=token_of_last(tokens_)))[
        "isVerified"
    ]


def token_of_last(held):
    return list(held.values())[-1]


# -- T2, T3: forged tokens -----------------------------------------------------------------------


@pytest.fixture
def real(api):
    """A token of a proved action: whatever is changed about it, it would otherwise be valid."""
    token = ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))["token"]
    Action.objects.update(state="CHALLENGE_SUCCEEDED")
    assert ok(api("POST", "validate", {"token": token}))["isValid"] is True
    return token


def b64(data):
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts(token):
    head, body, _signature = token.split(".")
    return [json.loads(base64.urlsafe_b64decode(each + "=" * (-len(each) % 4))) for each in (head, body)]


def own_key(tenant):
    """The tenant's real private key: what a mistake of ours could sign with it."""
    return tokens._signing_key(tenant.pk)[1]


def assert_worthless(api, browser, token):
    answer = api("POST", "validate", {"token": token, "userId": "alice", "action": "pay"})
    assert (answer.status_code, answer.body) == (200, INVALID), answer.body
    refused(browser("GET", "user-authenticators", token=token), 401, "expired_token")
    refused(browser("POST", "init", token=token), 401, "expired_token")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, "HS256", "RS256", "ES384", "EdDSA", 5])
def test_no_other_algorithm_is_taken(api, browser, real, algorithm):
    head, body = parts(real)
    for signature in ("", "AAAA", real.rpartition(".")[2]):
        assert_worthless(api, browser, f"{b64(head | {'alg': algorithm})}.{b64(body)}.{signature}")


def test_the_public_key_is_no_shared_secret(api, browser, real, acme):
    head, body = parts(real)
    key = SigningKey.objects.get(kid=head["kid"])
    der = serialization.load_pem_public_key(key.public_key.encode()).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for secret in (key.public_key.encode(), key.public_key.strip().encode(), der, b"", str(acme.pk).encode()):
        unsigned = f"{b64(head | {'alg': 'HS256'})}.{b64(body)}"
        mac = hmac.digest(secret, unsigned.encode(), hashlib.sha256)
        assert_worthless(api, browser, f"{unsigned}.{b64(mac)}")


def test_the_api_secret_signs_nothing(api, browser, real):
    head, body = parts(real)
    unsigned = f"{b64({'alg': 'HS256', 'typ': 'JWT'})}.{b64(body)}"
    assert_worthless(api, browser, f"{unsigned}.{b64(hmac.digest(api.secret.encode(), unsigned.encode(), 'sha256'))}")
    del head


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_comes_with_the_token_is_not_used(api, browser, real, name):
    head, body = parts(real)
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    value = {"jwk": jwk, "x5c": ["AAAA"]}.get(name, "https://evil.example/jwks.json")
    for kid in (head["kid"], "own", None):
        headers = {"kid": kid, name: value} if kid else {name: value}
        assert_worthless(api, browser, jwt.encode(body, key, algorithm="ES256", headers=headers))


@pytest.mark.parametrize(
    "kid",
    ["", "unknown", "../../etc/passwd", "' OR 1=1 --", "%00", "\u0000", "a" * 3000, "/dev/null", 0, None, [], {}, True],
)
def test_a_key_name_is_only_looked_up(api, browser, real, acme, kid):
    _head, body = parts(real)
    unsigned = f"{b64({'alg': 'ES256', 'typ': 'JWT', 'kid': kid})}.{b64(body)}"
    signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(unsigned.encode(), own_key(acme))
    assert_worthless(api, browser, f"{unsigned}.{b64(signature)}")


def test_another_tenants_key_signs_nothing_for_us(api, browser, real, acme, globex):
    head, body = parts(real)
    kid, key = tokens._signing_key(globex.pk)
    for each in (kid, head["kid"]):
        assert_worthless(api, browser, jwt.encode(body, key, algorithm="ES256", headers={"kid": each}))
    theirs = f"http://localhost:8000/{globex.pk}"
    for claims in (body | {"aud": theirs}, body | {"iss": theirs}, body | {"aud": theirs, "iss": theirs}):
        assert_worthless(api, browser, jwt.encode(claims, key, algorithm="ES256", headers={"kid": kid}))


@pytest.mark.parametrize("kind", ["ES256", "RS256"])
def test_a_stranger_signs_nothing(api, browser, real, kind):
    head, body = parts(real)
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ES256" else rsa.generate_private_key(65537, 2048)
    assert_worthless(api, browser, jwt.encode(body, key, algorithm=kind, headers={"kid": head["kid"]}))


REQUIRED = ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "purpose", "act", "scope", "other"]


@pytest.mark.parametrize("name", REQUIRED)
def test_every_claim_is_needed(api, browser, real, acme, name):
    head, body = parts(real)
    del body[name]
    assert_worthless(api, browser, jwt.encode(body, own_key(acme), algorithm="ES256", headers={"kid": head["kid"]}))


OTHERS = [
    ("aud", "http://localhost:8000/"),
    ("aud", "https://challenge.authsignal.com/x"),
    ("aud", ["REAL"]),
    ("aud", ["REAL", "https://evil.example"]),
    ("aud", []),
    ("aud", None),
    ("iss", "https://evil.example"),
    ("iss", ["REAL"]),
    ("iss", None),
    ("sub", "bob"),
    ("sub", "Alice"),
    ("sub", None),
    ("purpose", "session"),
    ("purpose", "refresh"),
    ("purpose", ""),
    ("purpose", None),
    ("act", str(uuid.uuid4())),
    ("act", "x"),
    ("act", None),
    ("exp", 0),
    ("exp", int(time.time()) - 1),
    ("exp", 10**18),
    ("exp", "soon"),
    ("exp", None),
    ("iat", "x"),
    ("iat", 10**18),
    ("scope", None),
    ("scope", 5),
    ("other", None),
    ("other", {}),
    ("other", "x"),
    ("other", {"tenantId": "x"}),
]


def test_no_claim_may_be_another_even_if_we_signed_it(api, browser, real, acme):
    head, body = parts(real)
    for name, value in OTHERS:
        if isinstance(value, list):
            value = [body[name] if each == "REAL" else each for each in value]
        forged = f"{b64(head)}.{b64(body | {name: value})}"
        signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(forged.encode(), own_key(acme))
        assert_worthless(api, browser, f"{forged}.{b64(signature)}")


def test_claims_that_are_no_object_are_nothing(api, browser, real, acme):
    head, _body = parts(real)
    for claims in ([], "x", 5, None, True):
        unsigned = f"{b64(head)}.{b64(claims)}"
        signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(unsigned.encode(), own_key(acme))
        assert_worthless(api, browser, f"{unsigned}.{b64(signature)}")


def test_every_single_bit_of_the_signature_matters(api, browser, real):
    head, body, signature = real.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    for position in range(0, len(raw) * 8, 37):
        changed = bytearray(raw)
        changed[position // 8] ^= 1 << position % 8
        assert_worthless(api, browser, f"{head}.{body}.{b64(bytes(changed))}")
    for cut in (raw[:-1], raw[1:], raw + b"\0", raw[32:] + raw[:32], bytes(64), b""):
        assert_worthless(api, browser, f"{head}.{body}.{b64(cut)}")


def test_a_token_for_an_action_of_another_tenant_is_nothing(api, browser, real, acme, globex_api):
    """Even signed by ours: the action must be the tenant's own."""
    ok(globex_api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))
    theirs = Action.objects.get(tenant__name="Globex")
    forged = tokens.mint(
        tenant=acme,
        purpose=TokenPurpose.ACCESS,
        action_id=theirs.pk,
        user_id="alice",
        action_code="pay",
        idempotency_key="k",
        scope=Scope.READ.value,
        now=clock.now(),
    )
    assert_worthless(api, browser, forged)


def test_a_track_token_has_no_more_scope_than_it_was_given(api, browser):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    answer = ok(api("POST", "users/alice/actions/pay", {"scope": "update:authenticators remove:authenticators"}))
    refused(browser("POST", "user-authenticators/totp", token=answer["token"]), 403, "invalid_request")


def test_a_challenge_id_is_no_token_and_a_token_no_challenge_id(api, browser, real):
    started = ok(api("POST", "challenge", {"action": "pay", "email": "a@b.example"}))
    assert_worthless(api, browser, started["challengeId"])
    refused(api("POST", "claim", {"challengeId": real[:128], "userId": "alice"}), 401, "unauthorized")
