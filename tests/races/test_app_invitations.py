"""Apps that come with one invitation at the same instant."""

from authenticators.models import Authenticator, AuthenticatorConfiguration
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.conftest import SLOTS
from tests.device import DeviceKey
from tests.races import scenes
from tests.races.volley import MANY, Shot, fire, held

ENROL = "/v1/client/user-authenticators/device"


def test_of_many_apps_with_one_invitation_one_is_enrolled(live):
    """Each of them may be: what lets one in is the invitation alone."""
    AuthenticatorConfiguration.objects.create(tenant=live.tenant, method=M.PUSH, web_app=True)
    tracked = scenes.track(live, scope="add:authenticators")
    [made] = fire(live, [Shot("/challenge/api/invite-app", {}, tracked.token)]).answers
    bearer = f"app.{live.tenant_id}.{made.body['code']}"
    shots = [Shot(ENROL, DeviceKey().enrolment(devicePlatform="web"), bearer) for _number in range(MANY)]
    volley = fire(live, shots, held(scenes.user_row(tracked)))
    assert volley.at_once >= SLOTS
    assert volley.statuses == {200: 1, 401: MANY - 1}
    assert Authenticator.objects.filter(user=tracked.user).count() == 1
