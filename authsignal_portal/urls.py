"""The whole URL map.

Ids in paths are matched from the right, so that an id with a raw slash still resolves; %XX is decoded once by the
server, and a plus stays a plus. The last pattern of each API takes what is left, so that it authenticates too.
"""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from actions import api as actions
from actions import client_api as client
from actions import hosted, hosted_devices
from authenticators import api as authenticators
from authsignal_portal import api, portal

# Line breaks too: a path must not slip past all patterns, and with them past authentication.
USER = r"(?P<user_id>[\s\S]+)"
ACTION = r"(?P<action>[^/]+)"
KEY = r"(?P<key>[\s\S]+)"
DEVICE = r"(?P<device_id>[\s\S]+)"

server_api = [
    path("users", authenticators.UsersView.as_view()),
    path("users/authenticators", authenticators.ImportView.as_view()),
    path("authenticators", authenticators.AuthenticatorsView.as_view()),
    path("validate", actions.ValidateView.as_view()),
    path("challenge", actions.ChallengeView.as_view()),
    path("verify", actions.VerifyView.as_view()),
    path("claim", actions.ClaimView.as_view()),
    path("challenges", actions.ChallengesView.as_view()),
    # Java appends its query without a question mark; Go repeats the version.
    re_path(r"^challenges[\s\S]+\Z", actions.ChallengesAliasView.as_view()),
    path("v1/challenges", actions.ChallengesView.as_view()),
    re_path(rf"^users/{USER}/actions/{ACTION}/{KEY}\Z", actions.ActionView.as_view()),
    re_path(rf"^users/{USER}/actions/{ACTION}\Z", actions.TrackView.as_view()),
    re_path(rf"^users/{USER}/actions\Z", actions.UserActionsView.as_view()),
    re_path(
        rf"^users/{USER}/authenticators/(?P<authenticator_id>[^/]+)\Z",
        authenticators.UserAuthenticatorView.as_view(),
    ),
    re_path(rf"^users/{USER}/authenticators\Z", authenticators.UserAuthenticatorsView.as_view()),
    re_path(rf"^users/{USER}/devices/{DEVICE}/invalidate\Z", actions.InvalidateDeviceView.as_view()),
    re_path(rf"^users/{USER}/devices/{DEVICE}\Z", actions.DeviceView.as_view()),
    re_path(rf"^users/{USER}/devices\Z", actions.DevicesView.as_view()),
    # An id was empty (`users//actions/x`, `users/x/actions/y/`): no user is called so.
    re_path(r"^users/[\s\S]*/(?:actions|authenticators|devices)(?:/[\s\S]*)?\Z", actions.NothingHere.as_view()),
    re_path(rf"^users/{USER}\Z", authenticators.UserView.as_view()),
    re_path(r"", actions.NothingHere.as_view()),
]

PASSKEY = "user-authenticators/passkey"

client_api = [
    path("challenge", client.BeginView.as_view()),
    path("challenge/web", client.BeginWebView.as_view()),
    path("init", client.InitView.as_view()),
    path("user-authenticators", client.UserAuthenticatorsView.as_view()),
    path("authenticators", client.AuthenticatorsView.as_view()),
    path("public/<uuid:tenant_id>/.well-known/jwks", client.JwksView.as_view()),
    path(f"{PASSKEY}/registration-options", client.RegistrationOptionsView.as_view()),
    path(f"{PASSKEY}/registration-options/web", client.RegistrationOptionsWebView.as_view()),
    path(PASSKEY, client.PasskeyView.as_view()),
    path(f"{PASSKEY}/authentication-options", client.AuthenticationOptionsView.as_view()),
    path(f"{PASSKEY}/authentication-options/web", client.AuthenticationOptionsWebView.as_view()),
    path("verify/passkey", client.VerifyPasskeyView.as_view()),
    path("user-authenticators/totp", client.EnrolTotpView.as_view()),
    path("verify/totp", client.VerifyTotpView.as_view()),
    path("user-authenticators/email-otp", client.EnrolEmailView.as_view()),
    path("challenge/email-otp", client.StartCodeView.as_view()),
    path("verify/email-otp", client.VerifyCodeView.as_view()),
    path("user-authenticators/sms", client.EnrolSmsView.as_view()),
    path("challenge/sms", client.StartSmsView.as_view()),
    path("verify/sms", client.VerifySmsView.as_view()),
    re_path(r"", client.NothingHere.as_view()),
]

hosted_pages = [
    path("challenge", hosted.page),
    path("challenge/api/state", hosted.StateView.as_view()),
    path("challenge/api/qr", hosted.QrView.as_view()),
    path("challenge/api/recovery-code", hosted.RecoveryCodeView.as_view()),
    path("challenge/api/recovery-codes", hosted.RecoveryCodesView.as_view()),
    path("challenge/api/finish", hosted.FinishView.as_view()),
    path("challenge/api/remember-device", hosted_devices.RememberDeviceView.as_view()),
    path("challenge/api/devices", hosted_devices.ListDevicesView.as_view()),
    path("challenge/api/forget-device", hosted_devices.ForgetDeviceView.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(hosted_pages)),
    path("", RedirectView.as_view(pattern_name="portal:index")),
    path("portal/", portal.site.urls),
    path("v1/client/", include(client_api)),
    path("v1/", include(server_api)),
    path("v1", actions.NothingHere.as_view()),
]

handler400 = api.bad_request
handler500 = api.server_error
