"""All verification methods."""

from authenticators.method import Method
from authenticators.methods.apple_id_token import AppleIdToken
from authenticators.methods.email_magic_link import EmailMagicLink
from authenticators.methods.email_otp import EmailOtp
from authenticators.methods.google_id_token import GoogleIdToken
from authenticators.methods.idverse import Idverse
from authenticators.methods.in_app import InApp
from authenticators.methods.iproov import Iproov
from authenticators.methods.oidc_provider import OidcProvider
from authenticators.methods.onfido import Onfido
from authenticators.methods.palm_biometrics_rr import PalmBiometrics
from authenticators.methods.passkey import Passkey
from authenticators.methods.push import Push
from authenticators.methods.qr_code import QrCode
from authenticators.methods.recovery_code import RecoveryCodes
from authenticators.methods.security_key import SecurityKey
from authenticators.methods.sms import Sms
from authenticators.methods.totp import Totp
from authenticators.methods.veriff import Veriff
from authenticators.methods.whatsapp import WhatsApp
from authsignal_portal.vocabulary import VerificationMethod

_ALL: tuple[Method, ...] = (
    Passkey(),
    SecurityKey(),
    Totp(),
    EmailOtp(),
    EmailMagicLink(),
    Sms(),
    WhatsApp(),
    Push(),
    QrCode(),
    InApp(),
    AppleIdToken(),
    GoogleIdToken(),
    OidcProvider(),
    Veriff(),
    Iproov(),
    Idverse(),
    Onfido(),
    PalmBiometrics(),
    RecoveryCodes(),
)

METHODS: dict[VerificationMethod, Method] = {method.code: method for method in _ALL}

if len(METHODS) != len(_ALL) or set(METHODS) != set(VerificationMethod):
    raise RuntimeError("each verification method must be registered exactly once")
