"""The whole URL map.

Ids in paths are matched from the right, so that an id with a raw slash still resolves; %XX is decoded once by the
server, and a plus stays a plus. The last pattern of each API takes what is left, so that it authenticates too.
"""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from actions import api as actions
from actions import client_answering as answering
from actions import client_api as client
from actions import client_codes as codes
from actions import client_devices as devices
from actions import client_identity as identity
from actions import client_messaging as messaging
from actions import client_passkeys as passkeys
from actions import client_security_keys as security_keys
from actions import client_waiting as waiting
from actions import (
    hosted,
    hosted_app,
    hosted_calls,
    hosted_devices,
    hosted_identity,
    hosted_messaging,
    hosted_methods,
    hosted_theme,
    identity_callbacks,
    link_page,
    plain_page,
    web_app,
)
from authenticators import api as authenticators
from authenticators import callbacks, email_callbacks
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
SECURITY_KEY = "user-authenticators/security-key"
PUSH = "user-authenticators/push"
QR_CODE = "user-authenticators/qr-code"
IN_APP = "user-authenticators/in-app"
# Of SDKs from before the three were told apart.
DEVICE_KEY = "user-authenticators/device"

client_api = [
    path("challenge", client.BeginView.as_view()),
    path("challenge/web", client.BeginWebView.as_view()),
    path("init", client.InitView.as_view()),
    path("user-authenticators", client.UserAuthenticatorsView.as_view()),
    path("authenticators", client.AuthenticatorsView.as_view()),
    path("public/<uuid:tenant_id>/.well-known/jwks", client.JwksView.as_view()),
    path(f"{PASSKEY}/registration-options", passkeys.RegistrationOptionsView.as_view()),
    path(f"{PASSKEY}/registration-options/web", passkeys.RegistrationOptionsWebView.as_view()),
    path(PASSKEY, passkeys.PasskeyView.as_view()),
    path(f"{PASSKEY}/authentication-options", passkeys.AuthenticationOptionsView.as_view()),
    path(f"{PASSKEY}/authentication-options/web", passkeys.AuthenticationOptionsWebView.as_view()),
    path("verify/passkey", passkeys.VerifyPasskeyView.as_view()),
    path(f"{SECURITY_KEY}/registration-options", security_keys.KeyRegistrationOptionsView.as_view()),
    path(f"{SECURITY_KEY}/authentication-options", security_keys.KeyAuthenticationOptionsView.as_view()),
    path(SECURITY_KEY, security_keys.RegisterKeyView.as_view()),
    path("verify/security-key", security_keys.VerifyKeyView.as_view()),
    path("user-authenticators/totp", codes.EnrolTotpView.as_view()),
    path("verify/totp", codes.VerifyTotpView.as_view()),
    path("user-authenticators/email-otp", codes.EnrolEmailView.as_view()),
    path("challenge/email-otp", codes.StartCodeView.as_view()),
    path("verify/email-otp", codes.VerifyCodeView.as_view()),
    path("user-authenticators/sms", codes.EnrolSmsView.as_view()),
    path("challenge/sms", codes.StartSmsView.as_view()),
    path("verify/sms", codes.VerifySmsView.as_view()),
    path("challenge/whatsapp", messaging.StartWhatsAppView.as_view()),
    path("verify/whatsapp", messaging.VerifyWhatsAppView.as_view()),
    path("user-authenticators/email-magic-link", messaging.EnrolLinkView.as_view()),
    path("challenge/email-magic-link", messaging.StartLinkView.as_view()),
    path("verify/email-magic-link/finalize", messaging.FinalizeLinkView.as_view()),
    path("challenge/push", waiting.StartPushView.as_view()),
    path("verify/push", waiting.VerifyPushView.as_view()),
    path("challenge/qr-code", waiting.StartQrView.as_view()),
    path("verify/qr-code", waiting.VerifyQrView.as_view()),
    path("verify/in-app", answering.VerifyInAppView.as_view()),
    path("user-authenticators/id-token", identity.EnrolIdTokenView.as_view()),
    path("challenge/id-token", identity.StartIdTokenView.as_view()),
    path("verify/id-token", identity.VerifyIdTokenView.as_view()),
    path("user-authenticators/identity-check", identity.EnrolCheckView.as_view()),
    path("challenge/identity-check", identity.StartCheckView.as_view()),
    path("verify/identity-check", identity.VerifyCheckView.as_view()),
    path(PUSH, devices.PushCredentialView.as_view()),
    path(f"{PUSH}/sign", devices.SignRenewalView.as_view()),
    path(f"{PUSH}/remove", devices.RemovePushView.as_view()),
    path(f"{PUSH}/challenge/sign", answering.SignLookupView.as_view()),
    path(f"{PUSH}/challenge", answering.PendingPushView.as_view()),
    path(QR_CODE, devices.QrCredentialView.as_view()),
    path(f"{QR_CODE}/remove", devices.RemoveQrView.as_view()),
    path(f"{QR_CODE}/challenge/claim", answering.ClaimQrView.as_view()),
    path(f"{QR_CODE}/challenge", answering.AnswerQrView.as_view()),
    path(IN_APP, devices.InAppCredentialView.as_view()),
    path(f"{IN_APP}/remove", devices.RemoveInAppView.as_view()),
    path(DEVICE_KEY, devices.LegacyCredentialView.as_view()),
    path(f"{DEVICE_KEY}/remove", devices.LegacyRemoveView.as_view()),
    path(f"{DEVICE_KEY}/challenge", answering.LegacyChallengeView.as_view()),
    path(f"{DEVICE_KEY}/challenge/claim", answering.LegacyClaimView.as_view()),
    path("verify/device", answering.LegacyVerifyView.as_view()),
    re_path(r"", client.NothingHere.as_view()),
]

hosted_pages = [
    path("challenge", hosted.page),
    path("challenge/theme/<uuid:tenant_id>/<str:name>/<str:digest>", hosted_theme.part, name="hosted-theme"),
    path("challenge/api/state", hosted_calls.StateView.as_view()),
    path("challenge/api/qr", hosted_calls.QrView.as_view()),
    path("challenge/api/qr-challenge", hosted_calls.QrChallengeView.as_view()),
    path("challenge/api/recovery-code", hosted_calls.RecoveryCodeView.as_view()),
    path("challenge/api/recovery-codes", hosted_calls.RecoveryCodesView.as_view()),
    path("challenge/api/not-now", hosted_calls.NotNowView.as_view()),
    path("challenge/api/finish", hosted_calls.FinishView.as_view()),
    path("challenge/api/magic-link", hosted_messaging.LinkView.as_view()),
    path("challenge/api/magic-link/code", hosted_messaging.LinkCodeView.as_view()),
    path("challenge/api/whatsapp", hosted_messaging.WhatsAppView.as_view()),
    path("challenge/api/enrol-on-file", hosted_messaging.EnrolOnFileView.as_view()),
    path("challenge/api/delivery", hosted_messaging.DeliveryView.as_view()),
    path("challenge/link/<str:token>", link_page.page),
    path("challenge/api/authorize", hosted_identity.AuthorizeView.as_view()),
    path("challenge/callback/<str:tenant>/<str:method>", hosted_identity.callback),
    path("challenge/checked", hosted_identity.checked),
    path("challenge/api/remember-device", hosted_devices.RememberDeviceView.as_view()),
    path("challenge/api/devices", hosted_devices.ListDevicesView.as_view()),
    path("challenge/api/forget-device", hosted_devices.ForgetDeviceView.as_view()),
    path("challenge/api/methods", hosted_methods.ListMethodsView.as_view()),
    path("challenge/api/rename-method", hosted_methods.RenameMethodView.as_view()),
    path("challenge/api/remove-method", hosted_methods.RemoveMethodView.as_view()),
    path("challenge/api/prefer-method", hosted_methods.PreferMethodView.as_view()),
    path("challenge/plain", plain_page.page, name="hosted-plain"),
    path("challenge/api/invite-app", hosted_app.InviteAppView.as_view()),
    path("challenge/api/invitation", hosted_app.InvitationView.as_view()),
]

# The installable app, each tenant's under an address of its own.
web_app_pages = [
    path("app/<uuid:tenant_id>/", web_app.page, name="web-app"),
    path("app/<uuid:tenant_id>/manifest.webmanifest", web_app.manifest, name="web-app-manifest"),
    path("app/<uuid:tenant_id>/worker.js", web_app.worker, name="web-app-worker"),
    path("app/<uuid:tenant_id>/offline", web_app.offline, name="web-app-offline"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(hosted_pages)),
    path("", include(web_app_pages)),
    path("", RedirectView.as_view(pattern_name="portal:index")),
    path("portal/", portal.site.urls),
    path("callbacks/twilio/<uuid:message_id>", callbacks.twilio),
    path("callbacks/email", email_callbacks.told),
    path("callbacks/email/<uuid:provider_id>", email_callbacks.told),
    path("callbacks/identity/<str:challenge_id>", identity_callbacks.decided),
    path("v1/client/", include(client_api)),
    path("v1/", include(server_api)),
    path("v1", actions.NothingHere.as_view()),
]

handler400 = api.bad_request
handler500 = api.server_error
