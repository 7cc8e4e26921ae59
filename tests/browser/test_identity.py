"""Hosted pages that lead elsewhere: to an identity provider and back, and to a vendor while this page waits."""

import pytest
from playwright.sync_api import Route, expect

from authenticators.models import IdentityProvider
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.adapter import SECRET, Adapter
from tests.browser.hosted import Hosted, choose, heading, save_recovery_codes
from tests.browser.test_hosted_screens import picture
from tests.issuer import CLIENT, Issuer


@pytest.fixture
def issuer(hosted: Hosted, httpserver) -> Issuer:
    return sign_in_with(hosted.live.tenant, httpserver)


def sign_in_with(tenant: Tenant, httpserver) -> Issuer:
    made = Issuer(httpserver)
    make.make_configuration(tenant, M.OIDC_PROVIDER, is_active=True)
    IdentityProvider.objects.create(
        tenant=tenant, method=M.OIDC_PROVIDER, issuer=made.name, client_ids=[CLIENT], name="Acme Staff"
    )
    return made


@pytest.fixture
def adapter(hosted: Hosted, httpserver) -> Adapter:
    return check_by(hosted.live.tenant, httpserver)


def check_by(tenant: Tenant, httpserver) -> Adapter:
    made = Adapter(httpserver)
    make.make_configuration(tenant, M.ONFIDO, is_active=True)
    row = IdentityProvider(tenant=tenant, method=M.ONFIDO, url=made.url)
    row.secret = SECRET
    row.save(force_insert=True)
    return made


def test_an_account_is_connected_and_proves_its_user_there_and_back(hosted: Hosted, issuer: Issuer) -> None:
    page = hosted.page
    hosted.open()
    choose(page, "Acme Staff")
    heading(page, "Connect an account")
    picture(page, "account-enrol")
    page.get_by_role("button", name="Continue").click()
    save_recovery_codes(page)
    assert hosted.returned()["verificationMethod"] == M.OIDC_PROVIDER
    hosted.open()
    heading(page, "Verify with your account")
    expect(page.locator(".target")).to_have_text("Acme Staff")
    issuer.account = "jo-2"
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".problem-box")).to_contain_text("it was another account")
    picture(page, "account-problem")
    issuer.account = "jo-1"
    page.get_by_role("button", name="Continue").click()
    assert hosted.returned()["isValid"] is True


def test_in_a_popup_another_window_does_it(hosted: Hosted, issuer: Issuer) -> None:
    hosted.launch("popup")
    frame = hosted.frame()
    choose(frame, "Acme Staff")
    with hosted.page.context.expect_page() as opened:
        frame.get_by_role("button", name="Continue in a new window").click()
    other = opened.value
    heading(other, "Connect an account")
    # Which of the two windows is faster is all the same: the codes are made and shown in that one.
    held: list[Route] = []
    other.route("**/challenge/api/recovery-codes", lambda route: held.append(route))
    with other.expect_request("**/challenge/api/recovery-codes"):
        other.get_by_role("button", name="Continue").click()
    assert hosted.validate(hosted.outcome()["token"])["isValid"] is True
    held.pop().continue_()
    save_recovery_codes(other)


def test_a_check_goes_on_while_the_page_waits(hosted: Hosted, adapter: Adapter) -> None:
    page = hosted.page
    hosted.open()
    choose(page, "Onfido")
    heading(page, "Identity check")
    picture(page, "identity-check")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Open the check").click()
    opened.value.close()
    assert adapter.tell_by_network() == "proved"
    save_recovery_codes(page)
    assert hosted.returned()["verificationMethod"] == M.ONFIDO
    hosted.open()
    heading(page, "Identity check")
    for _time in range(5):
        assert adapter.tell_by_network("resubmission") == "resubmission"
    heading(page, "The check did not work")
    picture(page, "identity-check-over")
    page.get_by_role("button", name="Try again").click()
    heading(page, "Identity check")
    assert adapter.tell_by_network("declined") == "declined"
    heading(page, "Verification failed")
    page.goto(adapter.begun[-1]["returnUrl"])
    heading(page, "Go back to where you began")
    picture(page, "identity-checked")
