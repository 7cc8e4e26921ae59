import pytest
from tests import make
from tests.browser import chromium
from tests.browser.portal import make_portal, furnish, pages
from tests.conftest import Server
import os

@pytest.mark.timeout(600)
def test_shots(server: Server, transactional_db, page):
    tenant = make.make_tenant("Acme Pay", app_origins=["https://app.acme.example"])
    make.make_key(tenant)
    made = furnish(tenant)
    portal = make_portal(server, page, tenant)
    portal.use(width=1280)
    portal.sign_in()
    only = os.environ.get("ONLY", "").split(",") if os.environ.get("ONLY") else None
    for name, path in pages(tenant, made).items():
        if only and name not in only: continue
        portal.open(path)
        chromium.screenshot(page, f"dev-{name}")
        bad = chromium.accessibility_violations(page)
        print(name, chromium.sideways_scroll(page), bad)
    if os.environ.get("NARROW"):
        portal.use(width=int(os.environ["NARROW"]), dark=bool(os.environ.get("DARK")))
        for name, path in pages(tenant, made).items():
            if only and name not in only: continue
            portal.open(path)
            chromium.screenshot(page, f"dev-{name}-n")
            print(name, chromium.sideways_scroll(page), [v for v in chromium.accessibility_violations(page)])
    print(portal.problems)
