"""Which apps may enrol a device key: those that Apple or Google attest, over a nonce of ours, once."""

import base64
import hmac
import json
from functools import cache

import jwt
import pytest

from audit.models import AuditEvent
from authenticators.models import AttestationNonce, AttestedApps, Authenticator, AuthenticatorConfiguration
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import phone_makers
from tests.api.conftest import Browser
from tests.api.reading import everything_stored, ok, refused
from tests.api.test_device_credentials import METHODS, track
from tests.conftest import Api
from tests.device import DeviceKey
from tests.phone_makers import BUNDLE, CERTIFICATE, PACKAGE, TEAM, AppAttest, PlayConsole

WARN = "ALLOW_WITH_WARNING"
PUSH = "user-authenticators/push"


@cache
def console() -> PlayConsole:
    return PlayConsole()


def name_apps(tenant: Tenant, **columns) -> AttestedApps:
    apps = AttestedApps(
        **{
            "tenant": tenant,
            "team_id": TEAM,
            "bundle_ids": ["com.example.other", BUNDLE],
            "package_name": PACKAGE,
            "certificate_digests": [CERTIFICATE.hex()],
        }
        | columns
    )
    apps.decryption_key, apps.verification_key = console().decryption_key, console().verification_key
    apps.save()
    return apps


def ask(tenant: Tenant, mode: str = "BLOCK", methods=(M.PUSH,)) -> None:
    for method in methods:
        AuthenticatorConfiguration.objects.update_or_create(
            tenant=tenant,
            method=method,
            defaults={"require_app_attestation": True, "app_attestation_failure_mode": mode},
        )


@pytest.fixture(autouse=True)
def apple(settings):
    settings.APP_ATTEST_ROOT = phone_makers.root().pem


@pytest.fixture
def key():
    return DeviceKey()


@pytest.fixture
def token(api):
    return track(api, scope="add:authenticators")


def nonce_for(browser, token: str) -> str:
    return ok(browser("POST", "challenge", {}, token=token))["nonce"]


def enrolment(key: DeviceKey, attestation=None) -> dict:
    platform = "android" if attestation and attestation["provider"] == "PLAY_INTEGRITY" else "ios"
    more = {} if attestation is None else {"performAttestation": attestation}
    return key.enrolment(devicePlatform=platform, **more)


def post(browser, token, key, attestation=None, path=PUSH):
    return browser("POST", path, enrolment(key, attestation), token=token)


def stored() -> Authenticator:
    return Authenticator.objects.get()


def events() -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(tag__startswith="authenticator:").exclude(tag="authenticator:enrolled")
    return [(row.tag, row.data.get("reason", "")) for row in rows.order_by("at")]


MAKERS = {"APP_ATTEST": lambda nonce: AppAttest(nonce).sent(), "PLAY_INTEGRITY": lambda nonce: console().attest(nonce)}


@pytest.mark.parametrize("provider", MAKERS)
@pytest.mark.parametrize(("path", "method"), METHODS)
def test_an_attested_app_enrols_where_no_other_may(browser, acme, token, key, path, method, provider):
    name_apps(acme)
    ask(acme, methods=[method])
    attestation = MAKERS[provider](nonce_for(browser, token))
    ok(post(browser, token, key, attestation, f"user-authenticators/{path}"))
    assert (stored().attestation, stored().attestation_outcome) == (provider, "ATTESTED")
    assert events() == [("authenticator:attested", "")]
    assert AttestationNonce.objects.exclude(used_at=None).count() == 1


@pytest.mark.parametrize("provider", MAKERS)
def test_the_attestation_names_the_key_that_is_enrolled_where_the_app_says_it(browser, acme, token, key, provider):
    name_apps(acme)
    ask(acme)
    nonce = nonce_for(browser, token)
    made_over = f"{nonce}.{key.public}"
    if provider == "PLAY_INTEGRITY":
        made_over = base64.urlsafe_b64encode(made_over.encode()).decode()
    attestation = MAKERS[provider](made_over)
    refused(post(browser, token, DeviceKey(), attestation), 400, "invalid_request")
    ok(post(browser, token, key, attestation))
    assert stored().attestation_outcome == "ATTESTED_WITH_KEY"


# -- Apple's steps, and Google's verdict, each forged --------------------------------------------


def swapped(leaf, issuer):
    return [issuer, leaf]


def by_a_leaf(leaf, issuer):
    """Issued by an app's own certificate, which is no authority."""
    app = AppAttest("x")
    forger = phone_makers.Issuer(phone_makers.x509.load_der_x509_certificate(app.leaf()), app.key)
    return [AppAttest("x", issuer=forger).leaf(), forger.der, issuer]


NOT_APPLES = [
    ("1: of another root", {"issuer": "other"}, "untrusted"),
    ("1: expired", {"days": (-3, -1)}, "untrusted"),
    ("1: not valid yet", {"days": (1, 2)}, "untrusted"),
    ("1: an authority's", {"is_authority": True}, "untrusted"),
    ("1: by an app's certificate", {"chain": by_a_leaf}, "untrusted"),
    ("1: the other way round", {"chain": swapped}, "untrusted"),
    ("1: without the intermediate", {"chain": lambda leaf, _issuer: [leaf]}, "malformed"),
    ("1: five certificates", {"chain": lambda leaf, issuer: [leaf] + [issuer] * 4}, "malformed"),
    ("1: no certificates", {"chain": lambda _leaf, _issuer: "x5c"}, "malformed"),
    ("1: certificates of text", {"chain": lambda _leaf, _issuer: ["leaf", "issuer"]}, "malformed"),
    ("1: certificates of nothing", {"chain": lambda _leaf, _issuer: [b"leaf", b"issuer"]}, "malformed"),
    ("2-4: another nonce", {"made_over": "another"}, "wrong_nonce"),
    ("2-4: nothing", {"made_over": ""}, "wrong_nonce"),
    ("2-4: no nonce in the certificate", {"has_nonce": False}, "malformed"),
    ("2-4: a counter set back", {"counter": 7, "altered": (33, bytes(4))}, "wrong_nonce"),
    ("2-4: another app's name put in", {"altered": (0, bytes(32))}, "wrong_nonce"),
    ("5: another key's id", {"key_id": bytes(32)}, "wrong_key"),
    ("5: another key's id twice", {"key_id": bytes(32), "credential_id": bytes(32)}, "wrong_key"),
    ("5: no key's id", {"key_id": b""}, "wrong_key"),
    ("6: another app", {"app_id": f"{TEAM}.com.example.fake"}, "wrong_app"),
    ("6: another team's app of that name", {"app_id": f"EVIL123456.{BUNDLE}"}, "wrong_app"),
    ("7: a key that was used", {"counter": 1}, "wrong_key"),
    ("8: a development build", {"aaguid": phone_makers.DEVELOPMENT}, "development"),
    ("8: something else", {"aaguid": bytes(16)}, "malformed"),
    ("9: another credential", {"credential_id": bytes(32)}, "wrong_key"),
    ("9: no credential", {"credential_id": b""}, "wrong_key"),
    ("a passkey's attestation", {"fmt": "apple"}, "malformed"),
    ("Google's, they say", {"provider": "PLAY_INTEGRITY"}, "malformed"),
]


def test_each_step_of_apples_has_a_forgery():
    assert {name[0] for name, _changes, _reason in NOT_APPLES} >= set("1256789")


def assert_refused_or_told(browser, acme, token, key, attestation, reason) -> None:
    """Where only attested apps enrol, nothing is stored; where others may, it is told why they are none."""
    ask(acme)
    before = everything_stored()
    answer = post(browser, token, key, attestation)
    told = refused(answer, 400, "invalid_request")
    assert told.startswith("performAttestation: ")
    assert everything_stored() == before
    ask(acme, WARN)
    ok(post(browser, token, key, attestation))
    row = stored()
    assert (row.attestation, row.attestation_outcome) == (attestation["provider"], "FAILED")
    assert row.attestation_failure == reason
    assert events() == [("authenticator:not_attested", reason)]
    assert not AttestationNonce.objects.exclude(used_at=None).exists()


@pytest.mark.parametrize(("changes", "reason"), [pytest.param(*case[1:], id=case[0]) for case in NOT_APPLES])
def test_what_apple_did_not_attest_so_is_not_attested(browser, acme, token, key, changes, reason):
    name_apps(acme)
    issuer = {"issuer": phone_makers.other_intermediate()} if "issuer" in changes else {}
    made = AppAttest(**{"made_over": nonce_for(browser, token)} | changes | issuer)
    assert_refused_or_told(browser, acme, token, key, made.sent(), reason)


@pytest.mark.parametrize("text", ["ü", "AAAA", "====", base64.b64encode(b"\xa0").decode(), "x" * 20_000])
def test_what_is_no_attestation_object_is_malformed(browser, acme, token, key, text):
    name_apps(acme)
    attestation = {"provider": "APP_ATTEST", "token": text, "keyId": "AAAA"}
    assert_refused_or_told(browser, acme, token, key, attestation, "malformed")


def test_development_builds_count_where_the_tenant_says_so(browser, acme, token, key):
    name_apps(acme, allows_development=True)
    ask(acme)
    ok(post(browser, token, key, AppAttest(nonce_for(browser, token), aaguid=phone_makers.DEVELOPMENT).sent()))
    ok(post(browser, token, DeviceKey(), AppAttest(nonce_for(browser, token)).sent()))


NOT_GOOGLES = [
    ("another nonce", {"requestDetails__nonce": "another"}, "wrong_nonce"),
    ("no nonce", {"requestDetails__nonce": None}, "wrong_nonce"),
    ("an empty nonce", {"requestDetails__nonce": ""}, "wrong_nonce"),
    ("a nonce of another type", {"requestDetails__nonce": ["n"]}, "wrong_nonce"),
    ("asked by another app", {"requestDetails__requestPackageName": "com.example.fake"}, "wrong_app"),
    ("another app", {"appIntegrity__packageName": "com.example.fake"}, "wrong_app"),
    ("no app", {"appIntegrity__packageName": None}, "wrong_app"),
    ("another version", {"appIntegrity__appRecognitionVerdict": "UNRECOGNIZED_VERSION"}, "not_recognized"),
    ("not evaluated", {"appIntegrity__appRecognitionVerdict": "UNEVALUATED"}, "not_recognized"),
    ("no word of the app", {"appIntegrity__appRecognitionVerdict": None}, "not_recognized"),
    ("signed by another", {"appIntegrity__certificateSha256Digest": ["AAAA"]}, "wrong_app"),
    (
        "signed by another too",
        {"appIntegrity__certificateSha256Digest": [phone_makers.url_text(CERTIFICATE), "AAAA"]},
        "wrong_app",
    ),
    ("signed by nobody", {"appIntegrity__certificateSha256Digest": []}, "wrong_app"),
    ("no word of who signed it", {"appIntegrity__certificateSha256Digest": None}, "wrong_app"),
    ("signed by no text", {"appIntegrity__certificateSha256Digest": [5]}, "malformed"),
    ("signed by no base64", {"appIntegrity__certificateSha256Digest": ["ü"]}, "malformed"),
    ("a basic device", {"deviceIntegrity__deviceRecognitionVerdict": ["MEETS_BASIC_INTEGRITY"]}, "wrong_device"),
    ("an emulator", {"deviceIntegrity__deviceRecognitionVerdict": ["MEETS_VIRTUAL_INTEGRITY"]}, "wrong_device"),
    ("no word of the device", {"deviceIntegrity": {}}, "wrong_device"),
    ("a device in a text", {"deviceIntegrity__deviceRecognitionVerdict": "MEETS_DEVICE_INTEGRITY"}, "wrong_device"),
    ("no device", {"deviceIntegrity": None}, "malformed"),
    ("no app at all", {"appIntegrity": None}, "malformed"),
    ("no request", {"requestDetails": None}, "malformed"),
    ("six minutes old", {"age": 360}, "stale"),
    ("of tomorrow", {"age": -120}, "stale"),
    ("of no time", {"requestDetails__timestampMillis": None}, "malformed"),
    ("of the year 5138", {"requestDetails__timestampMillis": "9" * 14}, "stale"),
    ("of the end of time", {"requestDetails__timestampMillis": "9" * 15}, "malformed"),
    ("of before time", {"requestDetails__timestampMillis": "-1"}, "malformed"),
]


@pytest.mark.parametrize(("changes", "reason"), [pytest.param(*case[1:], id=case[0]) for case in NOT_GOOGLES])
def test_what_google_did_not_attest_so_is_not_attested(browser, acme, token, key, changes, reason):
    name_apps(acme)
    attestation = console().attest(nonce_for(browser, token), **changes)
    assert_refused_or_told(browser, acme, token, key, attestation, reason)


def by_another(nonce: str) -> str:
    return PlayConsole().token(phone_makers.verdict(nonce))


def signed_by_another(nonce: str) -> str:
    return PlayConsole(decryption=console().decryption).token(phone_makers.verdict(nonce))


def unsigned(nonce: str) -> str:
    payload = json.dumps(phone_makers.verdict(nonce)).encode()
    return console().token({}, signed=jwt.api_jws.encode(payload, None, algorithm="none"))


def signed_by_the_public_key(nonce: str) -> str:
    """As if it were a shared secret."""
    parts = [{"alg": "HS256"}, phone_makers.verdict(nonce)]
    said = ".".join(phone_makers.url_text(json.dumps(part).encode()) for part in parts)
    mac = hmac.digest(base64.b64decode(console().verification_key), said.encode(), "sha256")
    return console().token({}, signed=f"{said}.{phone_makers.url_text(mac)}")


def not_encrypted(nonce: str) -> str:
    payload = json.dumps(phone_makers.verdict(nonce)).encode()
    return jwt.api_jws.encode(payload, console().signing, algorithm="ES256")


def with_header(**header: str):
    def made(nonce: str) -> str:
        return console().token(phone_makers.verdict(nonce), header={"alg": "A256KW", "enc": "A256GCM"} | header)

    return made


def altered(part: int):
    def made(nonce: str) -> str:
        parts = console().token(phone_makers.verdict(nonce)).split(".")
        parts[part] = ("A" if parts[part][0] != "A" else "B") + parts[part][1:]
        return ".".join(parts)

    return made


def no_verdict(_nonce: str) -> str:
    return console().token(["PLAY_RECOGNIZED"])


TOKENS = [
    (by_another, "untrusted"),
    (signed_by_another, "untrusted"),
    (unsigned, "untrusted"),
    (signed_by_the_public_key, "untrusted"),
    (not_encrypted, "malformed"),
    (with_header(alg="dir"), "malformed"),
    (with_header(enc="A128GCM"), "malformed"),
    (with_header(zip="DEF"), "malformed"),
    (altered(0), "malformed"),
    (altered(1), "untrusted"),
    (altered(2), "untrusted"),
    (altered(3), "untrusted"),
    (altered(4), "untrusted"),
    (no_verdict, "malformed"),
    (lambda _nonce: "....", "malformed"),
    (lambda _nonce: "a.ü.c.d.e", "malformed"),
]


@pytest.mark.parametrize(("made", "reason"), TOKENS)
def test_a_token_that_the_keys_do_not_open_is_not_attested(browser, acme, token, key, made, reason):
    name_apps(acme)
    attestation = {"provider": "PLAY_INTEGRITY", "token": made(nonce_for(browser, token))}
    assert_refused_or_told(browser, acme, token, key, attestation, reason)


def test_google_may_write_the_nonce_in_base64_and_without_named_certificates_any_that_it_recognizes_will_do(
    browser, acme, token, key
):
    name_apps(acme, certificate_digests=[])
    ask(acme)
    nonce = base64.urlsafe_b64encode(nonce_for(browser, token).encode()).decode()
    ok(post(browser, token, key, console().attest(nonce, appIntegrity__certificateSha256Digest=["AAAA"])))


@pytest.mark.parametrize("provider", MAKERS)
def test_an_attestation_of_one_platform_is_none_for_another(browser, acme, token, key, provider):
    name_apps(acme)
    ask(acme)
    attestation = MAKERS[provider](nonce_for(browser, token))
    for platform in {"ios", "android", "web"} - {"ios" if provider == "APP_ATTEST" else "android"}:
        body = enrolment(key, attestation) | {"devicePlatform": platform}
        told = refused(browser("POST", PUSH, body, token=token), 400, "invalid_request")
        assert "does not attest" in told


# -- none, or nobody's ---------------------------------------------------------------------------


def test_without_an_attestation_an_app_is_refused_or_told_to_be_without(browser, acme, token, key):
    name_apps(acme)
    ask(acme)
    before = everything_stored()
    told = refused(post(browser, token, key), 400, "invalid_request")
    assert "POST /client/challenge" in told
    assert everything_stored() == before
    ask(acme, WARN)
    ok(post(browser, token, key))
    assert (stored().attestation, stored().attestation_outcome) == ("", "")
    assert events() == [("authenticator:not_attested", "")]


def test_where_nobody_asks_an_attestation_is_judged_all_the_same_and_refuses_nobody(browser, acme, token, key):
    name_apps(acme)
    ok(post(browser, token, key))
    assert events() == []
    ok(post(browser, token, key, AppAttest("another").sent()))
    assert stored().attestation_outcome == "FAILED"
    ok(post(browser, token, key, AppAttest(nonce_for(browser, token)).sent()))
    assert (stored().attestation_outcome, stored().attestation_failure) == ("ATTESTED", "")
    assert events() == [("authenticator:not_attested", "wrong_nonce"), ("authenticator:attested", "")]
    ok(post(browser, token, key))
    assert (stored().attestation, stored().attestation_outcome) == ("", "")


@pytest.mark.parametrize("provider", MAKERS)
@pytest.mark.parametrize("names", [None, {"team_id": "", "package_name": ""}, {"bundle_ids": [], "package_name": ""}])
def test_of_a_tenant_that_named_no_apps_none_is_attested(browser, acme, token, key, provider, names):
    if names is not None:
        name_apps(acme, **names)
    ask(acme)
    attestation = MAKERS[provider](nonce_for(browser, token))
    told = refused(post(browser, token, key, attestation), 400, "invalid_configuration")
    assert "App attestation" in told
    ask(acme, WARN)
    ok(post(browser, token, key, attestation))
    assert stored().attestation_failure == "not_set_up"
    assert events() == [("authenticator:not_attested", "not_set_up")]


@pytest.mark.parametrize("provider", MAKERS)
def test_where_nobody_asks_and_no_app_is_named_nothing_is_told(browser, token, key, provider):
    ok(post(browser, token, key, MAKERS[provider](nonce_for(browser, token))))
    assert (stored().attestation, stored().attestation_outcome, stored().attestation_failure) == ("", "", "")
    assert events() == []


def test_the_apps_of_another_tenant_are_none_of_this_one(browser, acme, globex, token, key):
    name_apps(globex)
    name_apps(acme, bundle_ids=["com.acme.own"])
    attestation = AppAttest(nonce_for(browser, token)).sent()
    assert_refused_or_told(browser, acme, token, key, attestation, "wrong_app")


def test_tokens_made_with_keys_that_were_replaced_open_nothing(browser, acme, token, key):
    apps = name_apps(acme)
    attestation = console().attest(nonce_for(browser, token))
    renewed = PlayConsole()
    apps.decryption_key, apps.verification_key = renewed.decryption_key, renewed.verification_key
    apps.save()
    assert_refused_or_told(browser, acme, token, key, attestation, "untrusted")
    ask(acme)
    ok(post(browser, token, key, renewed.attest(nonce_for(browser, token))))


# -- the nonce -----------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", MAKERS)
def test_an_attestation_counts_once(browser, acme, token, key, provider):
    name_apps(acme)
    ask(acme)
    attestation = MAKERS[provider](nonce_for(browser, token))
    ok(post(browser, token, key, attestation))
    for again in (key, DeviceKey()):
        refused(post(browser, token, again, attestation), 400, "invalid_request")
    ask(acme, WARN)
    ok(post(browser, token, DeviceKey(), attestation))
    assert sorted(Authenticator.objects.values_list("attestation_outcome", flat=True)) == ["ATTESTED", "FAILED"]


def test_a_refused_attestation_leaves_the_nonce_to_the_right_one(browser, acme, token, key):
    name_apps(acme)
    ask(acme)
    nonce = nonce_for(browser, token)
    refused(post(browser, token, key, AppAttest(nonce, counter=1).sent()), 400, "invalid_request")
    ok(post(browser, token, key, AppAttest(nonce).sent()))


def test_a_nonce_is_its_users_alone(api, browser, acme, token, key):
    name_apps(acme)
    other = nonce_for(browser, track(api, "bob", scope="add:authenticators"))
    assert_refused_or_told(browser, acme, token, key, AppAttest(other).sent(), "wrong_nonce")


def test_a_nonce_is_its_tenants_alone(api, globex_api, browser, acme, globex, token, key, client):
    """Both have a user of that name."""
    for tenant in (acme, globex):
        name_apps(tenant)
    there = Browser(client, globex)
    other = nonce_for(there, track(globex_api, scope="add:authenticators"))
    assert_refused_or_told(browser, acme, token, key, AppAttest(other).sent(), "wrong_nonce")


def test_a_nonce_that_was_given_without_a_users_token_is_nobodys(browser, acme, token, key):
    name_apps(acme)
    anyone = ok(browser("POST", "challenge", {}))["nonce"]
    assert_refused_or_told(browser, acme, token, key, AppAttest(anyone).sent(), "wrong_nonce")


@pytest.mark.parametrize("provider", MAKERS)
def test_a_nonce_waits_for_five_minutes(api, browser, acme, key, advance, provider):
    name_apps(acme)
    ask(acme)
    token = track(api, scope="add:authenticators")
    first = MAKERS[provider](nonce_for(browser, token))
    advance(299)
    ok(post(browser, token, key, first))
    token = track(api, scope="add:authenticators")
    late = MAKERS[provider](nonce_for(browser, token))
    advance(301)
    token = track(api, scope="add:authenticators")
    refused(post(browser, token, DeviceKey(), late), 400, "invalid_request")


def test_each_nonce_is_another_and_of_many_the_newest_wait(browser, acme, token, key):
    name_apps(acme)
    ask(acme)
    given = [nonce_for(browser, token) for _number in range(6)]
    assert len(set(given)) == 6
    refused(post(browser, token, key, AppAttest(given[0]).sent()), 400, "invalid_request")
    ok(post(browser, token, key, AppAttest(given[1]).sent()))


# -- SDKs that knew no nonce ---------------------------------------------------------------------


def tracked(api: Api, action: str, key: str, user: str = "alice") -> str:
    return track(api, user, action, idempotencyKey=key, scope="add:authenticators")


@pytest.mark.parametrize("provider", MAKERS)
def test_the_idempotency_key_of_its_action_is_a_nonce_once(api, browser, acme, key, provider):
    name_apps(acme)
    ask(acme)
    token = tracked(api, "enrol", "11111111-2222-4333-8444-555555555555")
    attestation = MAKERS[provider]("11111111-2222-4333-8444-555555555555")
    ok(post(browser, token, key, attestation))
    again = tracked(api, "enrol", "11111111-2222-4333-8444-555555555555")
    refused(post(browser, again, DeviceKey(), attestation), 400, "invalid_request")


def test_the_idempotency_key_of_another_action_is_no_nonce(api, browser, acme, key):
    name_apps(acme)
    tracked(api, "enrol", "the-first")
    token = tracked(api, "enrol", "the-second")
    assert_refused_or_told(browser, acme, token, key, AppAttest("the-first").sent(), "wrong_nonce")


def test_one_idempotency_key_of_many_actions_and_users_is_a_nonce_once_in_its_tenant(
    api, globex_api, browser, acme, globex, key, client
):
    for tenant in (acme, globex):
        name_apps(tenant)
        ask(tenant)
    attestation = AppAttest("order-1").sent()
    ok(post(browser, tracked(api, "enrol", "order-1"), key, attestation))
    for token in (tracked(api, "login", "order-1"), tracked(api, "enrol", "order-1", "bob")):
        refused(post(browser, token, DeviceKey(), attestation), 400, "invalid_request")
    there = tracked(globex_api, "enrol", "order-1")
    ok(post(Browser(client, globex), there, DeviceKey(), AppAttest("order-1").sent()))


def test_a_nonce_that_was_used_is_no_idempotency_key(api, browser, acme, token, key):
    """Nor the other way round: each text counts once."""
    name_apps(acme)
    ask(acme)
    nonce = nonce_for(browser, token)
    ok(post(browser, token, key, AppAttest(nonce).sent()))
    named = tracked(api, "enrol", nonce)
    refused(post(browser, named, DeviceKey(), AppAttest(nonce).sent()), 400, "invalid_request")
    # Nor once it is forgotten: an attestation of Apple's is good for three days.
    AttestationNonce.objects.all().delete()
    refused(post(browser, named, DeviceKey(), AppAttest(nonce).sent()), 400, "invalid_request")


# -- one key for everything ----------------------------------------------------------------------


def test_an_old_app_is_attested_once_for_all_its_methods(browser, acme, token, key):
    name_apps(acme)
    ask(acme, methods=DEVICE_METHODS)
    attestation = AppAttest(nonce_for(browser, token)).sent()
    ok(post(browser, token, key, attestation, "user-authenticators/device"))
    assert list(Authenticator.objects.values_list("attestation_outcome", flat=True)) == ["ATTESTED"] * 3


def test_an_old_app_that_one_method_refuses_is_enrolled_for_none(browser, acme, token, key):
    name_apps(acme)
    ask(acme, WARN, methods=[M.PUSH, M.QR_CODE])
    ask(acme, methods=[M.IN_APP])
    attestation = AppAttest(nonce_for(browser, token), counter=1).sent()
    before = everything_stored()
    refused(post(browser, token, key, attestation, "user-authenticators/device"), 400, "invalid_request")
    assert everything_stored() == before


def test_who_may_not_enrol_is_refused_before_any_attestation_is_judged(api, browser, acme, key):
    name_apps(acme)
    ok(post(browser, track(api), key))
    token = track(api)
    nonce = nonce_for(browser, token)
    refused(post(browser, token, DeviceKey(), AppAttest(nonce).sent()), 403, "invalid_request")
    assert not AttestationNonce.objects.exclude(used_at=None).exists()
