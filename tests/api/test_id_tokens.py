"""ID tokens: an account with an issuer, enrolled and proved; and everything that is not quite such a token."""

import base64
import json
import time
from datetime import UTC, datetime
from ipaddress import ip_network

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from actions.models import Action
from audit.models import AuditEvent
from authenticators import id_tokens, issuers, subjects
from authenticators.id_tokens import GOOGLE
from authenticators.models import Authenticator, Challenge, IdentityProvider
from authsignal_portal.vocabulary import ID_TOKENS
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import everything_stored, ok, refused
from tests.api.test_device_credentials import track
from tests.issuer import CLIENT, Issuer, ec_key, public_jwk, rsa_key

REFUSED = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}


@pytest.fixture
def issuer(httpserver, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
    issuers.DIRECTORY.forget()
    return Issuer(httpserver)


def use(tenant, issuer, method=M.OIDC_PROVIDER, **fields):
    make.make_configuration(tenant, method, is_active=True)
    return IdentityProvider.objects.create(
        tenant=tenant, method=method, name="Acme Staff", issuer=issuer.name, client_ids=[CLIENT, "acme-app"], **fields
    )


def begin(browser, token, method=M.OIDC_PROVIDER, path="challenge"):
    return ok(browser("POST", f"{path}/id-token", {"verificationMethod": method}, token=token))


def enrol(api, browser, issuer, user="alice", method=M.OIDC_PROVIDER, **claims):
    token = track(api, user, "enrol", scope="add:authenticators")
    begun = begin(browser, token, method, "user-authenticators")
    return verify(browser, token, begun, issuer.token(begun["nonce"], **claims))


def verify(browser, token, begun, id_token):
    body = {"challengeId": begun["challengeId"], "idToken": id_token}
    return ok(browser("POST", "verify/id-token", body, token=token))


@pytest.fixture
def account(acme, issuer):
    """Alice's account jo-1 is enrolled."""
    use(acme, issuer)
    subject = f"{len(issuer.name)}:{issuer.name}:jo-1"
    [index] = subjects.indexes(acme, subject)
    alice = make.make_user(acme)
    make.make_authenticator(alice, M.OIDC_PROVIDER, subject=subject, subject_index=index, is_default=True)
    return issuer


# -- right ones ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ID_TOKENS)
def test_an_account_is_enrolled_and_proves_its_user(acme, api, browser, issuer, method):
    use(acme, issuer, method)
    made = enrol(api, browser, issuer, method=method)
    assert made["userAuthenticator"]["verificationMethod"] == method
    row = Authenticator.objects.get()
    assert row.subject == f"{len(issuer.name)}:{issuer.name}:jo-1"
    assert "jo-1" not in everything_stored()
    token = track(api)
    begun = begin(browser, token, method)
    assert set(begun) == {"challengeId", "nonce", "expiresAt"}
    told = verify(browser, token, begun, issuer.token(begun["nonce"], kid="two"))
    assert set(told) == {"isVerified", "accessToken"}
    assert ok(api("POST", "validate", {"token": told["accessToken"]}))["verificationMethod"] == method
    assert AuditEvent.objects.filter(tag="challenge:verified", data__method=method).count() == 2
    assert AuditEvent.objects.filter(tag="authenticator:enrolled", data__method=method).count() == 1


def test_a_nonce_counts_once(api, browser, account):
    token = track(api)
    begun = begin(browser, token)
    right = account.token(begun["nonce"])
    assert verify(browser, token, begun, right)["isVerified"]
    assert verify(browser, token, begun, right) == REFUSED
    other = track(api, action="other")
    assert verify(browser, other, begin(browser, other), right) == REFUSED


def test_a_newer_challenge_ends_the_one_before(api, browser, account):
    token = track(api)
    first, second = begin(browser, token), begin(browser, token)
    assert verify(browser, token, first, account.token(first["nonce"])) == REFUSED
    assert verify(browser, token, second, account.token(second["nonce"]))["isVerified"]


@pytest.mark.parametrize("audience", [[CLIENT], "acme-app"])
def test_any_of_our_clients_may_have_asked(api, browser, account, audience):
    token = track(api)
    begun = begin(browser, token)
    assert verify(browser, token, begun, account.token(begun["nonce"], aud=audience))["isVerified"]


@pytest.mark.parametrize(("method", "name"), [(M.GOOGLE_ID_TOKEN, GOOGLE), (M.OIDC_PROVIDER, "https://idp.example")])
def test_google_alone_signs_without_https_too(issuer, method, name):
    provider = IdentityProvider(method=method, issuer=name, client_ids=[CLIENT])
    keys = issuers.read_keys({"keys": [public_jwk(rsa_key(), "one")]})
    said = issuers.Issuer(name, "", "", False, False, keys)
    for iss, counts in ((name, True), (name.removeprefix("https://"), method == M.GOOGLE_ID_TOKEN)):
        presented = id_tokens.Presented(issuer.token(iss=iss), said)
        if counts:
            assert id_tokens.read(presented, provider, datetime.now(UTC))["sub"] == "jo-1"
        else:
            with pytest.raises(id_tokens.InvalidIdToken, match="another issuer"):
                id_tokens.read(presented, provider, datetime.now(UTC))


# -- wrong ones ----------------------------------------------------------------------------------


def unsigned(issuer, nonce):
    return jwt.encode(issuer.claims(nonce), None, algorithm="none", headers={"kid": "one"})


def _by_hmac(issuer, nonce, secret):
    """HS256 with what everybody knows: PyJWT itself refuses to make one with a PEM."""
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "one", "typ": "JWT"}, issuer.claims(nonce))
    )
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(head + b"." + body, secret)
    return b".".join([head, body, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


def signed_with_the_public_key(issuer, nonce):
    pem = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return _by_hmac(issuer, nonce, pem)


def signed_by_somebody_else(issuer, nonce):
    return issuer.sign(issuer.claims(nonce), "one", rsa_key(1))


def bringing_its_own_key(issuer, nonce):
    headers = {"jwk": public_jwk(rsa_key(1), "one")}
    return issuer.sign(issuer.claims(nonce), "one", rsa_key(1), headers=headers)


def with_the_key_of_another_kind(issuer, nonce):
    return issuer.sign(issuer.claims(nonce), "one", ec_key())


def with_a_longer_hash(issuer, nonce):
    return issuer.sign(issuer.claims(nonce), "one", algorithm="RS512")


def with_an_unknown_key(issuer, nonce):
    return issuer.sign(issuer.claims(nonce), "three", rsa_key(1))


def without_a_key_id(issuer, nonce):
    return jwt.encode(issuer.claims(nonce), rsa_key(), algorithm="RS256")


def cut_off(issuer, nonce):
    return issuer.token(nonce)[:-4]


FORGED = [
    unsigned,
    signed_with_the_public_key,
    signed_by_somebody_else,
    bringing_its_own_key,
    with_the_key_of_another_kind,
    with_a_longer_hash,
    with_an_unknown_key,
    without_a_key_id,
    cut_off,
]


@pytest.mark.parametrize("forged", FORGED, ids=lambda one: one.__name__)
def test_what_the_issuer_did_not_sign_proves_nothing(api, browser, account, forged):
    token = track(api)
    begun = begin(browser, token)
    assert verify(browser, token, begun, forged(account, begun["nonce"])) == REFUSED
    assert Challenge.objects.get(pk=begun["challengeId"]).attempts == 1
    assert verify(browser, token, begun, account.token(begun["nonce"]))["isVerified"]


NOW = int(time.time())
WRONG = {
    "another issuer": {"iss": "https://evil.example"},
    "an issuer with a slash": {"iss": "SLASH"},
    "another audience": {"aud": "somebody-else"},
    "an audience besides ours": {"aud": [CLIENT, "somebody-else"], "azp": CLIENT},
    "two audiences and no party": {"aud": [CLIENT, "acme-app"]},
    "no audience": {"aud": []},
    "another party": {"azp": "somebody-else"},
    "another nonce": {"nonce": "x" * 43},
    "a nonce that is no text": {"nonce": 1},
    "another account": {"sub": "jo-2"},
    "an account in other letters": {"sub": "JO-1"},
    "an account that is no text": {"sub": 1},
    "an account with a line break": {"sub": "jo-1\n"},
    "expired": {"exp": NOW - 61},
    "expired for ever": {"exp": -1},
    "an end that is no number": {"exp": "9999999999"},
    "an end that is true": {"exp": True},
    "no end at all": {"exp": float("inf")},
    "made in the future": {"iat": NOW + 86400},
    "not valid yet": {"nbf": NOW + 86400},
    "made before the challenge": {"iat": NOW - 3600},
    "a session that stood before the challenge": {"auth_time": NOW - 3600},
    "a sign-in at no time": {"auth_time": True},
    "a sign-in at a text": {"auth_time": str(NOW)},
}
MISSING = ["iss", "aud", "sub", "exp", "iat", "nonce", "auth_time"]


@pytest.mark.parametrize("name", [["ISSUER"], {"is": "ISSUER"}, 7, None, True], ids=str)
def test_an_issuer_that_is_no_text_proves_nothing(api, browser, account, name):
    name = json.loads(json.dumps(name).replace("ISSUER", account.name))
    token = track(api)
    begun = begin(browser, token)
    claims = json.dumps(account.claims(begun["nonce"]) | {"iss": name}).encode()
    wrong = jwt.api_jws.encode(claims, account.keys["one"], algorithm="RS256", headers={"kid": "one"})
    assert verify(browser, token, begun, wrong) == REFUSED
    refused(api("GET", f"users?token={wrong}"), 400, "invalid_request")


@pytest.mark.parametrize("changed", WRONG.values(), ids=WRONG.keys())
def test_a_signed_token_for_something_else_proves_nothing(api, browser, account, changed):
    if changed.get("iss") == "SLASH":
        changed = {"iss": account.name + "/"}
    token = track(api)
    begun = begin(browser, token)
    wrong = account.sign(account.claims(begun["nonce"]) | changed)
    assert verify(browser, token, begun, wrong) == REFUSED
    assert Challenge.objects.get(pk=begun["challengeId"]).attempts == 1
    assert ok(api("POST", "validate", {"token": token}))["state"] == "CHALLENGE_REQUIRED"


@pytest.mark.parametrize("name", MISSING)
def test_a_token_without_a_claim_proves_nothing(api, browser, account, name):
    token = track(api)
    begun = begin(browser, token)
    claims = account.claims(begun["nonce"])
    del claims[name]
    assert verify(browser, token, begun, account.sign(claims)) == REFUSED


@pytest.mark.parametrize(
    ("method", "asks_anew"), [(M.OIDC_PROVIDER, False), (M.APPLE_ID_TOKEN, True), (M.GOOGLE_ID_TOKEN, True)]
)
def test_where_no_new_sign_in_can_be_asked_for_a_session_that_stands_counts(
    acme, api, browser, issuer, method, asks_anew
):
    use(acme, issuer, method, asks_anew=asks_anew)
    assert enrol(api, browser, issuer, method=method, auth_time=None)["isVerified"]
    token = track(api)
    begun = begin(browser, token, method)
    assert verify(browser, token, begun, issuer.token(begun["nonce"], auth_time=NOW - 3600))["isVerified"]


@pytest.mark.parametrize("garbage", ["x", "a.b.c", "....", "eyJhbGciOiJSUzI1NiJ9..", "é.é.é"])
def test_garbage_proves_nothing(api, browser, account, garbage):
    token = track(api)
    assert verify(browser, token, begin(browser, token), garbage) == REFUSED


def test_the_fifth_wrong_token_is_the_last(api, browser, account):
    token = track(api)
    begun = begin(browser, token)
    for _try in range(5):
        assert verify(browser, token, begun, account.token("other")) == REFUSED
    exhausted = {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}
    assert verify(browser, token, begun, account.token(begun["nonce"])) == exhausted


def test_a_challenge_that_is_over_takes_no_token(api, browser, account):
    token = track(api)
    begun = begin(browser, token)
    right = account.token(begun["nonce"])
    Challenge.objects.filter(pk=begun["challengeId"]).update(expires_at="2020-01-01T00:00Z")
    assert verify(browser, token, begun, right) == REFUSED


# -- whose it is ---------------------------------------------------------------------------------


def test_another_tenants_challenge_is_unknown(acme, globex, api, browser, globex_api, account):
    use(globex, account)
    theirs = track(globex_api, "bob")
    mine = track(api)
    begun = begin(browser, mine)
    body = {"challengeId": begun["challengeId"], "idToken": account.token(begun["nonce"])}
    refused(browser("POST", "verify/id-token", body, token=theirs), 400, "invalid_request")
    assert Challenge.objects.get(pk=begun["challengeId"]).verified_at is None
    # The same account stands for somebody else there.
    assert enrol(globex_api, browser, account, "bob")["isVerified"]


def test_an_account_belongs_to_one_user(api, browser, account):
    assert enrol(api, browser, account, "bob") == REFUSED
    assert Authenticator.objects.exclude(verified_at=None).count() == 1
    assert enrol(api, browser, account, "bob", sub="jo-2")["isVerified"]


def test_another_account_takes_the_place_of_the_first(api, browser, account):
    token = track(api, action="enrol", scope="add:authenticators")
    begun = begin(browser, token, path="user-authenticators")
    assert verify(browser, token, begun, account.token(begun["nonce"], sub="jo-2"))["isVerified"]
    row = Authenticator.objects.get(user__user_id="alice")
    assert row.subject.endswith(":jo-2")
    assert enrol(api, browser, account, "bob")["isVerified"]


def test_a_further_authenticator_needs_the_backends_word(api, browser, account, acme):
    token = track(api)
    body = {"verificationMethod": M.OIDC_PROVIDER}
    refused(browser("POST", "user-authenticators/id-token", body, token=token), 403, "invalid_request")


def test_what_is_not_set_up_or_switched_off_is_refused(acme, api, browser, issuer):
    token = track(api)
    body = {"verificationMethod": M.GOOGLE_ID_TOKEN}
    path = "user-authenticators/id-token"
    refused(browser("POST", path, body, token=token), 400, "invalid_configuration")
    make.make_configuration(acme, M.GOOGLE_ID_TOKEN, is_active=True)
    refused(browser("POST", path, body, token=token), 400, "invalid_configuration")
    refused(browser("POST", path, {"verificationMethod": M.SMS}, token=token), 400, "invalid_request")


def test_a_method_switched_off_meanwhile_proves_nothing(api, browser, account, acme):
    token = track(api)
    begun = begin(browser, token)
    IdentityProvider.objects.update(client_ids=["another"])
    assert verify(browser, token, begun, account.token(begun["nonce"])) == REFUSED
    IdentityProvider.objects.all().delete()
    body = {"challengeId": begun["challengeId"], "idToken": account.token(begun["nonce"])}
    refused(browser("POST", "verify/id-token", body, token=token), 400, "invalid_configuration")


def test_an_issuer_that_cannot_be_asked_is_told(api, browser, account):
    issuers.DIRECTORY.forget()
    account.is_down = True
    token = track(api)
    begun = begin(browser, token)
    body = {"challengeId": begun["challengeId"], "idToken": account.token(begun["nonce"])}
    refused(browser("POST", "verify/id-token", body, token=token), 503, "unavailable")
    assert Challenge.objects.get(pk=begun["challengeId"]).attempts == 0


@pytest.mark.parametrize("state", ["BLOCK", "REVIEW_REQUIRED", "CHALLENGE_FAILED"])
def test_a_token_moves_no_action_that_somebody_closed(api, browser, account, state):
    token = track(api)
    begun = begin(browser, token)
    Action.objects.update(state=state)
    body = {"challengeId": begun["challengeId"], "idToken": account.token(begun["nonce"])}
    refused(browser("POST", "verify/id-token", body, token=token), 400, "invalid_request")
    assert Action.objects.get().state == state


# -- looking a user up ---------------------------------------------------------------------------


def test_a_user_is_found_by_their_token(api, account):
    claims = account.claims(email="jo@example.com")
    found = ok(api("GET", f"users?token={account.sign(claims)}"))
    assert [user["userId"] for user in found["users"]] == ["alice"]
    assert found["tokenPayload"] == claims
    stranger = ok(api("GET", f"users?token={account.token(sub='jo-2')}"))
    assert stranger["users"] == []
    assert stranger["tokenPayload"]["sub"] == "jo-2"


def test_a_token_that_does_not_count_finds_nobody(api, globex_api, account):
    for wrong in (
        account.token(aud="somebody-else"),
        account.token(exp=1),
        account.token(iss="https://evil.example"),
        signed_by_somebody_else(account, "x"),
        "garbage",
    ):
        refused(api("GET", f"users?token={wrong}"), 400, "invalid_request")
    refused(globex_api("GET", f"users?token={account.token()}"), 400, "invalid_request")
