"""The pages of identity providers: off until set up, plain about what is to be brought, and secrets never shown."""

from ipaddress import ip_network

import pytest

from audit.models import AuditEvent
from authenticators import available
from authenticators.models import AuthenticatorConfiguration, IdentityProvider
from authsignal_portal.vocabulary import ID_TOKENS, IDENTITY_CHECKS, Role
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.issuer import Issuer
from tests.portal.staff import signed_in
from tests.portal.test_portal_settings import switches

PAGE = "/portal/authenticators/identityprovider/"
METHODS = "/portal/authenticators/authenticatorconfiguration/"
SECRET = "x" * 31 + "y"
CHECK = {"url": "https://8.8.8.8/checks", "secret": SECRET}
ACCOUNT = {"name": "Acme Staff", "issuer": "https://8.8.8.8/idp", "client_ids": "acme-web\nacme-app", "secret": SECRET}


def set_up(staff, method, form):
    return staff.client.post(f"{PAGE}set-up/{method}/", form)


@pytest.fixture(autouse=True)
def unreachable(monkeypatch):
    """No test asks the internet; a provider is saved whether or not it answers."""
    monkeypatch.setattr("authsignal_portal.outbound.CONNECT_SECONDS", 0.01)


@pytest.mark.parametrize("method", [*ID_TOKENS, *IDENTITY_CHECKS])
def test_each_method_says_what_must_be_brought(acme, admin, method):
    shown = admin.client.get(f"{PAGE}set-up/{method}/").content.decode()
    assert "What you must bring" in shown
    assert (f"/challenge/callback/{acme.pk.hex}/{method.lower()}<" in shown) == (method in ID_TOKENS)
    assert ("/callbacks/identity/" in shown) == (method in IDENTITY_CHECKS)
    assert method not in available.active_methods(acme)
    assert "No terminal is connected" in admin.client.get(METHODS).content.decode()


@pytest.mark.parametrize(("method", "form"), [(M.OIDC_PROVIDER, ACCOUNT), (M.VERIFF, CHECK)])
def test_a_provider_is_set_up_and_its_secret_never_shown(acme, admin, method, form):
    assert set_up(admin, method, form).status_code == 302
    row = IdentityProvider.objects.select_related("tenant").get()
    assert (row.tenant, row.method, row.secret) == (acme, method, SECRET)
    assert SECRET.encode() not in bytes(row.secret_sealed)
    [event] = AuditEvent.objects.filter(tag="identity_provider:created")
    assert event.data == {"row": str(row.pk), "method": method}
    for path in (PAGE, f"{PAGE}set-up/{method}/"):
        shown = admin.client.get(path).content.decode()
        assert SECRET not in shown
        assert (row.url or row.issuer) in shown


def test_apples_and_googles_issuers_are_theirs(admin):
    for method, issuer in (
        (M.APPLE_ID_TOKEN, "https://appleid.apple.com"),
        (M.GOOGLE_ID_TOKEN, "https://accounts.google.com"),
    ):
        set_up(admin, method, {"client_ids": "acme-web", "issuer": "https://evil.example"})
        assert IdentityProvider.objects.get(method=method).issuer == issuer


def test_an_empty_secret_is_kept_unless_it_would_go_elsewhere(admin):
    set_up(admin, M.VERIFF, CHECK)
    assert set_up(admin, M.VERIFF, CHECK | {"secret": ""}).status_code == 302
    answer = set_up(admin, M.VERIFF, {"url": "https://8.8.4.4/checks", "secret": ""})
    assert b"Enter it again" in answer.content
    row = IdentityProvider.objects.select_related("tenant").get()
    assert (row.url, row.secret) == (CHECK["url"], SECRET)


@pytest.mark.parametrize(
    ("method", "form", "told"),
    [
        (M.VERIFF, CHECK | {"secret": ""}, "with which your adapter signs"),
        (M.VERIFF, CHECK | {"secret": "x" * 31}, "at least 32 characters"),
        (M.VERIFF, CHECK | {"url": "https://127.0.0.1/"}, "not public"),
        (M.VERIFF, CHECK | {"url": "http://8.8.8.8/"}, "must begin with https"),
        (M.OIDC_PROVIDER, ACCOUNT | {"issuer": "https://10.0.0.1/"}, "not public"),
        (M.OIDC_PROVIDER, ACCOUNT | {"issuer": "https://8.8.8.8/?tenant=1"}, "Leave out the question mark"),
        (M.OIDC_PROVIDER, ACCOUNT | {"client_ids": "acme web"}, "no client ID"),
        (M.OIDC_PROVIDER, ACCOUNT | {"client_ids": ""}, "This field is required"),
        (M.OIDC_PROVIDER, ACCOUNT | {"client_ids": "\n".join(map(str, range(21)))}, "At most 20"),
        (M.OIDC_PROVIDER, ACCOUNT | {"name": ""}, "This field is required"),
    ],
)
def test_what_cannot_work_is_told_and_not_stored(admin, method, form, told):
    answer = set_up(admin, method, form)
    assert told in answer.content.decode()
    assert not IdentityProvider.objects.exists()


def test_an_issuer_is_asked_when_it_is_set_up(admin, httpserver, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
    issuer = Issuer(httpserver)
    set_up(admin, M.OIDC_PROVIDER, ACCOUNT | {"issuer": issuer.name})
    assert "Switch the method on" in admin.client.get(PAGE).content.decode()
    assert IdentityProvider.objects.get().asks_anew is False
    issuer.described["claims_supported"] = ["sub"]
    set_up(admin, M.OIDC_PROVIDER, ACCOUNT | {"issuer": issuer.name, "asks_anew": "on"})
    assert "does not list auth_time" in admin.client.get(PAGE).content.decode()
    assert IdentityProvider.objects.get().asks_anew is True
    set_up(admin, M.OIDC_PROVIDER, ACCOUNT | {"issuer": issuer.name + "/"})
    assert "cannot be used yet: the issuer calls itself something else" in admin.client.get(PAGE).content.decode()


def test_a_method_without_a_provider_cannot_be_switched_on(acme, admin):
    form = switches() | {"VERIFF-is_active": "on"}
    answer = admin.client.post(METHODS, form)
    assert b"It has no provider yet" in answer.content
    assert not AuthenticatorConfiguration.objects.filter(method=M.VERIFF).exists()
    set_up(admin, M.VERIFF, CHECK)
    assert admin.client.post(METHODS, form).status_code == 302
    assert M.VERIFF in available.active_methods(acme)


def test_removing_a_provider_switches_its_method_off(acme, admin):
    set_up(admin, M.VERIFF, CHECK)
    make.make_configuration(acme, M.VERIFF, is_active=True)
    assert admin.client.post(f"{PAGE}set-up/{M.VERIFF}/remove/", {}).status_code == 302
    assert M.VERIFF not in available.active_methods(acme)
    assert not IdentityProvider.objects.exists()
    assert AuditEvent.objects.filter(tag="identity_provider:deleted").count() == 1


@pytest.mark.parametrize("role", [Role.ANALYST, Role.SUPPORT, Role.READ_ONLY])
def test_others_see_the_list_and_change_nothing(acme, role):
    staff = signed_in(acme, role)
    assert "set-up" not in staff.client.get(PAGE).content.decode()
    assert set_up(staff, M.VERIFF, CHECK).status_code == 403
    assert staff.client.get(f"{PAGE}set-up/{M.VERIFF}/").status_code == 403
    assert not IdentityProvider.objects.exists()


def test_another_tenants_provider_is_neither_shown_nor_changed(globex, admin):
    theirs = IdentityProvider.objects.create(tenant=globex, method=M.VERIFF, url="https://globex.example/checks")
    assert "globex.example" not in admin.client.get(PAGE).content.decode()
    set_up(admin, M.VERIFF, CHECK)
    assert IdentityProvider.objects.get(pk=theirs.pk).url == "https://globex.example/checks"
    assert admin.client.post(f"{PAGE}set-up/{M.IPROOV}/remove/", {}).status_code == 404
    assert admin.client.get(f"{PAGE}set-up/{M.SMS}/").status_code == 404
