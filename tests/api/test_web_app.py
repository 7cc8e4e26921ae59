"""The web app: a hosted page invites it by a code, it enrols at the mobile endpoint, and it is reached by Web Push."""

import base64
import json
from ipaddress import ip_network

import pytest

from actions.models import Action
from audit.models import AuditEvent
from authenticators import available
from authenticators.models import AppInvitation, Authenticator, AuthenticatorConfiguration, WebPushKey
from authsignal_portal import clock
from authsignal_portal.vocabulary import DEVICE_METHODS
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.actions.test_hosted import call, policy, state_of
from tests.api.reading import everything_stored, ok, refused
from tests.api.test_device_credentials import track
from tests.device import DeviceKey
from tests.subscriber import Subscriber, written

ENROL = "user-authenticators/device"
WEB = {"devicePlatform": "web", "deviceName": "Chrome, Android"}


def offer(tenant, *methods, **fields):
    for method in methods or DEVICE_METHODS:
        AuthenticatorConfiguration.objects.create(tenant=tenant, method=method, web_app=True, **fields)


@pytest.fixture
def offered(acme):
    offer(acme)


@pytest.fixture
def key():
    return DeviceKey()


def invite(client, token):
    answer = call(client, "invite-app", token, embedded=True)
    assert answer.status_code == 200, answer.content
    return answer.json()


def bearer(tenant, invited):
    return f"app.{tenant.pk}.{invited['code']}"


def enrol(browser, key, tenant, invited, **more):
    return browser("POST", ENROL, key.enrolment(**WEB, **more), token=bearer(tenant, invited))


def outcome(client, token, invited):
    return call(client, "invitation", token, {"id": invited["id"]}, embedded=True).json()


# -- inviting and enrolling ----------------------------------------------------------------------


def test_an_invited_app_is_enrolled_for_all_that_it_is_offered_for(api, browser, client, acme, key, offered):
    token = track(api)
    invited = invite(client, token)
    code = invited["code"].replace("-", "")
    assert invited["link"] == f"http://localhost:8000/app/{acme.pk}/#enrol={code}"
    assert invited["image"].startswith("data:image/svg+xml")
    assert 290 < invited["expiresIn"] <= 300
    assert code not in everything_stored()
    assert outcome(client, token, invited) == {"isUsed": False, "isOver": False}
    made = ok(enrol(browser, key, acme, invited))
    assert made["userId"] == "alice"
    rows = Authenticator.objects.all()
    assert {(row.method, row.device_platform, row.name) for row in rows} == {
        (method, "WEB", "Chrome, Android") for method in DEVICE_METHODS
    }
    came = {"name": "Chrome, Android", "platform": "WEB"}
    assert outcome(client, token, invited) == {"isUsed": True, "isOver": False} | came
    assert AuditEvent.objects.filter(tag="authenticator:enrolled").count() == len(DEVICE_METHODS)


def test_an_invitation_is_used_once(api, browser, client, acme, key, offered):
    invited = invite(client, track(api, scope="add:authenticators"))
    ok(enrol(browser, key, acme, invited))
    refused(enrol(browser, DeviceKey(), acme, invited), 401, "expired_token")
    assert set(Authenticator.objects.values_list("public_key", flat=True)) == {key.spki}


def test_a_code_gives_no_key_of_one_user_to_another(api, browser, client, acme, key, offered):
    """Their phone would show what the other one is asked as if it were theirs."""
    ok(enrol(browser, key, acme, invite(client, track(api))))
    invited = invite(client, track(api, user="bob"))
    refused(enrol(browser, key, acme, invited), 400, "invalid_request")
    assert set(Authenticator.objects.values_list("user__user_id", flat=True)) == {"alice"}
    ok(enrol(browser, DeviceKey(), acme, invited))
    ok(enrol(browser, key, acme, invite(client, track(api, scope="add:authenticators"))))


def test_an_invitation_that_is_too_old_or_overtaken_enrols_nobody(api, browser, client, acme, key, offered):
    token = track(api)
    first = invite(client, token)
    second = invite(client, token)
    refused(enrol(browser, key, acme, first), 401, "expired_token")
    assert outcome(client, token, first) == {"isUsed": False, "isOver": True}
    AppInvitation.objects.update(expires_at=clock.now())
    refused(enrol(browser, key, acme, second), 401, "expired_token")
    assert outcome(client, token, second) == {"isUsed": False, "isOver": True}
    assert not Authenticator.objects.exists()


def test_an_invitation_lives_no_longer_than_its_token(api, client, acme, offered):
    acme.token_duration_in_minutes = 2
    acme.save()
    assert invite(client, track(api))["expiresIn"] <= 120


def test_an_invitation_counts_for_its_own_tenant_alone(api, browser, client, acme, globex, key, offered):
    invited = invite(client, track(api))
    offer(globex)
    for token in (bearer(globex, invited), f"app.{invited['code']}", f"app..{invited['code']}", f"app.{acme.pk}."):
        answer = browser("POST", ENROL, key.enrolment(**WEB), token=token)
        refused(answer, 401, "expired_token")
    assert not Authenticator.objects.exists()


def test_an_invitation_opens_nothing_else(api, browser, client, acme, key, offered):
    token = bearer(acme, invite(client, track(api)))
    for path, body in [
        ("user-authenticators/push", key.enrolment()),
        ("user-authenticators/totp", {}),
        ("challenge/push", {}),
        ("challenge", {}),
    ]:
        refused(browser("POST", path, body, token=token), 401, "expired_token")
    for path in ("user-authenticators", f"{ENROL}?{key.query}"):
        refused(browser("GET", path, token=token), 401, "expired_token")


def test_a_further_app_takes_the_word_or_a_proof_that_its_page_had(api, browser, client, acme, key, offered):
    make.make_authenticator(make.make_user(acme, "alice"), M.EMAIL_OTP, contact="alice@example.com")
    assert call(client, "invite-app", track(api), embedded=True).status_code == 403
    ok(enrol(browser, key, acme, invite(client, track(api, scope="add:authenticators"))))


def test_what_was_a_first_app_when_it_was_invited_is_judged_anew_when_it_comes(
    api, browser, client, acme, key, offered
):
    """Who opened a stranger's first page cannot keep a way in for after the user has enrolled."""
    invited = invite(client, track(api))
    make.make_authenticator(acme.users.get(), M.EMAIL_OTP, contact="alice@example.com")
    refused(enrol(browser, key, acme, invited), 403, "invalid_request")
    assert not Authenticator.objects.filter(method__in=DEVICE_METHODS).exists()


def test_the_app_is_offered_only_where_the_tenant_wants_it(api, client, acme):
    def methods():
        return {one["method"] for one in state_of(client, track(api))["enrollable"]} & set(DEVICE_METHODS)

    in_app = AuthenticatorConfiguration.objects.create(tenant=acme, method=M.IN_APP, credential_days=30)
    assert methods() == set()
    answer = call(client, "invite-app", track(api), embedded=True)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_configuration")
    offer(acme, M.PUSH, is_hidden_to_user=True)
    offer(acme, M.QR_CODE, require_app_attestation=True)
    assert methods() == set()
    AuthenticatorConfiguration.objects.filter(pk=in_app.pk).update(web_app=True)
    assert methods() == {M.IN_APP}
    AuthenticatorConfiguration.objects.update(is_hidden_to_user=False)
    assert methods() == {M.PUSH}


def test_where_only_attested_apps_enrol_the_web_app_is_neither_offered_nor_taken(api, browser, client, acme, key):
    """It cannot be attested; where others enrol with a warning, it is one of them."""
    offer(acme, M.QR_CODE)
    token = track(api)
    invited = invite(client, token)
    mode = AuthenticatorConfiguration.objects.filter(method=M.QR_CODE)
    mode.update(require_app_attestation=True)
    refused(enrol(browser, key, acme, invited), 400, "invalid_configuration")
    assert available.web_app_methods(acme) == []
    mode.update(app_attestation_failure_mode="ALLOW_WITH_WARNING")
    assert available.web_app_methods(acme) == [M.QR_CODE]
    ok(enrol(browser, key, acme, invited))
    assert AuditEvent.objects.filter(tag="authenticator:not_attested").count() == 1


# -- being asked ---------------------------------------------------------------------------------


def test_a_qr_code_is_a_link_where_only_the_web_app_can_answer_it(api, browser, client, acme, key, offered):
    token = track(api, scope="add:authenticators")
    ok(enrol(browser, key, acme, invite(client, token)))
    as_link = call(client, "qr-challenge", track(api), embedded=True).json()["image"]
    ok(browser("POST", "user-authenticators/qr-code", DeviceKey().enrolment(), token=token))
    as_id = call(client, "qr-challenge", track(api), embedded=True).json()["image"]
    # A longer text makes a larger picture.
    assert len(as_link) > len(as_id)


def test_a_link_claims_no_code_that_anybody_could_have_begun(api, browser, client, acme, key, offered):
    """Who knows the tenant's id can begin a code and send it; what is scanned is on a screen that the user sees."""
    ok(enrol(browser, key, acme, invite(client, track(api))))
    claim = "user-authenticators/qr-code/challenge/claim"
    shown = ok(browser("POST", "challenge/qr-code", {"action": "kiosk"}))
    by_link = key.claim(shown["challengeId"]) | {"byLink": True}
    assert "in the app" in refused(browser("POST", claim, by_link), 400, "invalid_request")
    assert not Action.objects.filter(action_code="kiosk").exists()
    refused(browser("POST", claim, by_link | {"byLink": "no"}), 400, "invalid_request")
    ok(browser("POST", claim, by_link | {"byLink": False}))
    make.make_action(acme, "pay", "CHALLENGE")
    known = ok(browser("POST", "challenge/qr-code", {"action": "pay"}, token=track(api, action="pay")))
    ok(browser("POST", claim, key.claim(known["challengeId"]) | {"byLink": True}))


def test_the_app_is_told_the_transaction_and_whether_a_number_is_typed(api, browser, client, acme, key, offered):
    ok(enrol(browser, key, acme, invite(client, track(api))))
    make.make_action(acme, "pay", "CHALLENGE", message="Send {{action.amount}}")
    ok(browser("POST", "challenge/push", {}, token=track(api, action="pay", custom={"amount": "$5"})))
    base = "user-authenticators/push/challenge"
    unsigned = ok(browser("GET", f"{base}?{key.query}"))
    assert (unsigned["numberMatching"], "message" in unsigned) == (True, False)
    message = ok(browser("POST", f"{base}/sign?{key.query}"))["message"]
    told = ok(browser("GET", f"{base}?{key.query}", **{"X-Authsignal-Signature": key.sign(message)}))
    assert told["message"] == "Send $5"


# -- its subscription ----------------------------------------------------------------------------


def subscribe(browser, key, text):
    begun = ok(browser("POST", f"user-authenticators/push/sign?{key.query}"))
    return browser(
        "PATCH",
        "user-authenticators/push",
        key.signed(begun["message"], challengeId=begun["challengeId"], pushToken=text),
    )


def test_a_subscription_is_kept_sealed(api, browser, client, acme, key, offered):
    ok(enrol(browser, key, acme, invite(client, track(api))))
    told = Subscriber("https://fcm.googleapis.com/secret-place").as_json()
    ok(subscribe(browser, key, told))
    assert "secret-place" not in everything_stored()
    assert Authenticator.objects.select_related("tenant").get(method=M.PUSH).push_token == told


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example/x",
        "https://127.0.0.1/x",
        "https://10.1.2.3/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://push.example:22/x",
        "https://user@push.example/x",
        "file:///etc/passwd",
    ],
)
def test_a_subscription_that_leads_into_a_private_network_is_refused(
    api, browser, client, acme, key, offered, endpoint, settings
):
    """Not even where tenants' webhooks may go there, and whatever is called a push service."""
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    settings.WEB_PUSH_HOSTS = ["push.example", "127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1"]
    told = Subscriber(endpoint).as_json()
    invited = invite(client, track(api))
    refused(enrol(browser, key, acme, invited, pushToken=told), 400, "invalid_request")
    ok(enrol(browser, key, acme, invited))
    refused(subscribe(browser, key, told), 400, "invalid_request")


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://hook.example/x",
        "https://fcm.googleapis.com.hook.example/x",
        "https://hook.example/fcm.googleapis.com",
        "https://notfcm.googleapis.com/x",
        "https://notify.windows.com/x",
        "https://evilnotify.windows.com/x",
        "https://fcm.googleapis.com:8443/x",
        "http://fcm.googleapis.com/x",
        # Their origin cannot be written, which is what a message is signed for.
        "https://a_b.notify.windows.com/x",
        "https://a..notify.windows.com/x",
        "https://fcm.googleapis.com./x",
    ],
)
def test_a_subscription_at_no_known_push_service_is_refused(api, browser, client, acme, key, offered, endpoint):
    ok(enrol(browser, key, acme, invite(client, track(api))))
    refused(subscribe(browser, key, Subscriber(endpoint).as_json()), 400, "invalid_request")


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/x",
        "https://updates.push.services.mozilla.com/wpush/v2/x",
        "https://web.push.apple.com/x",
        "https://wns2-by3p.notify.windows.com/w/?token=x",
        "https://FCM.googleapis.com:443/x",
    ],
)
def test_the_browsers_own_push_services_are_known(api, browser, client, acme, key, offered, endpoint):
    ok(enrol(browser, key, acme, invite(client, track(api))))
    ok(subscribe(browser, key, Subscriber(endpoint).as_json()))


def compressed(point):
    """The same key in 33 bytes, which RFC 8291 does not take."""
    raw = base64.urlsafe_b64decode(point + "=")
    return written(bytes([2 + raw[-1] % 2]) + raw[1:33])


def test_what_is_no_subscription_is_refused(api, browser, client, acme, key, offered):
    ok(enrol(browser, key, acme, invite(client, track(api))))
    good = json.loads(Subscriber("https://fcm.googleapis.com/x").as_json())
    for bad in (
        "fcm-token",
        "[]",
        json.dumps({**good, "endpoint": 5}),
        json.dumps({**good, "keys": {**good["keys"], "auth": "AAAA"}}),
        json.dumps({**good, "keys": {**good["keys"], "p256dh": good["keys"]["auth"]}}),
        json.dumps({**good, "keys": {}}),
        json.dumps({**good, "keys": {**good["keys"], "p256dh": compressed(good["keys"]["p256dh"])}}),
        "[" * 4000,
    ):
        refused(subscribe(browser, key, bad), 400, "invalid_request")


# -- the documents -------------------------------------------------------------------------------


def test_the_app_is_a_document_of_its_tenant_alone_and_cannot_be_framed(client, acme, offered):
    answer = client.get(f"/app/{acme.pk}/")
    rules = policy(answer)
    assert rules["frame-ancestors"] == "'none'"
    assert "'unsafe-inline'" not in answer["Content-Security-Policy"]
    assert (rules["trusted-types"], rules["require-trusted-types-for"]) == ("app-worker", "'script'")
    assert answer["X-Frame-Options"] == "DENY"
    assert "camera=(self)" in answer["Permissions-Policy"]
    assert WebPushKey.objects.get().tenant == acme
    told = client.get(f"/app/{acme.pk}/manifest.webmanifest").json()
    assert (told["name"], told["scope"], told["start_url"]) == ("Acme", f"/app/{acme.pk}/", f"/app/{acme.pk}/")
    assert {icon["purpose"] for icon in told["icons"]} == {"any", "maskable"}


def test_the_worker_lies_in_the_folder_that_it_reaches(client, acme):
    answer = client.get(f"/app/{acme.pk}/worker.js", headers={"Accept-Language": "de"})
    assert answer["Content-Type"].startswith("text/javascript")
    assert "Service-Worker-Allowed" not in answer
    assert f'"scope": "/app/{acme.pk}/"' in answer.content.decode()
    assert "<script" not in client.get(f"/app/{acme.pk}/offline").content.decode()


@pytest.mark.parametrize("name", ["", "manifest.webmanifest", "worker.js", "offline"])
def test_an_unknown_tenant_has_no_app(client, acme, name):
    assert client.get(f"/app/00000000-0000-4000-8000-000000000000/{name}").status_code == 404
    assert client.post(f"/app/{acme.pk}/{name}").status_code == 405
