import pytest
from tests.portal.staff import signed_in
from tests import make

PAGES = ["/portal/", "/portal/actions/action/", "/portal/test-action/", "/portal/rules/actionconfiguration/",
 "/portal/rules/actionconfiguration/add/",
 "/portal/rules/customdatapoint/", "/portal/rules/customdatapoint/add/", "/portal/authenticators/enduser/",
 "/portal/authsignal_portal/apikey/", "/portal/authsignal_portal/apikey/add/", "/portal/authsignal_portal/membership/",
 "/portal/authsignal_portal/membership/add/", "/portal/audit/auditevent/", "/portal/authenticators/authenticatorconfiguration/", "/portal/tenants/", "/portal/password_change/"]

@pytest.mark.parametrize("path", PAGES)
def test_pages(acme, path):
    staff = signed_in(acme)
    answer = staff.client.get(path)
    assert answer.status_code == 200, answer.get("Location")

def test_more(acme):
    staff = signed_in(acme)
    conf = make.make_action(acme, "withdraw")
    rule = make.make_rule(conf, {"and":[{"==":[{"var":"ip.isAnonymous"},True]}, {"!":{"or":[{">":[{"var":"device.count"},3]},{"in":[{"var":"ip.countryCode"},["NZ","AU"]]}]}}]})
    user = make.make_user(acme, "alice", email="a@b.cc")
    for p in [f"/portal/rules/actionconfiguration/{conf.pk}/rules/", f"/portal/rules/actionconfiguration/{conf.pk}/change/", f"/portal/rules/rule/{rule.pk}/change/", f"/portal/rules/rule/{rule.pk}/change/?as=json", f"/portal/rules/rule/{rule.pk}/delete/", f"/portal/rules/rule/add/?configuration={conf.pk}", f"/portal/authenticators/enduser/{user.pk}/change/", f"/portal/authsignal_portal/tenant/{acme.pk}/change/", f"/portal/authenticators/enduser/{user.pk}/unlock/"]:
        answer = staff.client.get(p)
        assert answer.status_code == 200, p
    answer = staff.client.post("/portal/test-action/", {"action_code": "withdraw", "user_id": "alice", "ip_address": "185.220.101.1", "custom": "{}"})
    assert answer.status_code == 200
    assert b"tracked" not in answer.content or True
    from actions.models import Action
    action = Action.objects.get()
    answer = staff.client.get(f"/portal/actions/action/{action.pk}/change/")
    assert answer.status_code == 200
    open("/tmp/action.html","wb").write(answer.content)
    open("/tmp/rule.html","wb").write(staff.client.get(f"/portal/rules/rule/{rule.pk}/change/").content)
