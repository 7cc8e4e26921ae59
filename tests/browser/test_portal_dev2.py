import pytest
from tests import make
from tests.browser import chromium
from tests.browser.portal import make_portal, furnish, pages
from tests.conftest import Server
from tests.portal.staff import make_staff, PASSWORD

@pytest.mark.timeout(600)
def test_shots(server: Server, transactional_db, page):
    tenant = make.make_tenant("Acme Pay", app_origins=["https://app.acme.example"])
    portal = make_portal(server, page, tenant)
    portal.staff = make_staff(tenant, app=False)
    portal.use(width=390)
    portal.open("/portal/")
    chromium.screenshot(page, "dev2-signin")
    page.get_by_label("E-mail address").fill(portal.staff.email)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    chromium.screenshot(page, "dev2-signin-wrong")
    print(chromium.accessibility_violations(page))
    page.get_by_label("E-mail address").fill(portal.staff.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Code").wait_for()
    chromium.screenshot(page, "dev2-enrol")
    print(chromium.accessibility_violations(page))
    portal.use(width=1280, dark=True)
    chromium.screenshot(page, "dev2-enrol-dark")
    page.get_by_label("Code").fill(portal.staff.code())
    page.get_by_role("button", name="Confirm and sign in").click()
    page.wait_for_url("**/portal/")
    chromium.screenshot(page, "dev2-empty-dash-dark")
    portal.open("/portal/actions/action/")
    chromium.screenshot(page, "dev2-empty-activity-dark")
    made = furnish(tenant)
    for name in ["rule-nested", "action", "user", "rules", "tenant"]:
        portal.open(pages(tenant, made)[name])
        print(name, chromium.accessibility_violations(page))
        chromium.screenshot(page, f"dev2-{name}-dark")
