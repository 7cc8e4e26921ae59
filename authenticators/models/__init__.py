"""End users, what they can prove themselves with, and what they were asked to prove."""

from authenticators.models.challenges import Challenge, GuessCount, MagicLink, end_with_it, new_challenge_id
from authenticators.models.choices import (
    attestation_failure_mode_choices,
    channel_choices,
    magic_link_mode_choices,
    method_choices,
    sms_channel_choices,
)
from authenticators.models.configurations import AuthenticatorConfiguration
from authenticators.models.devices import AppInvitation, AttestationNonce, AttestedApps, WebPushKey
from authenticators.models.enrolled import Authenticator, RecoveryCode
from authenticators.models.identity import IdentityProvider
from authenticators.models.sealed import SealedText
from authenticators.models.sending import Message, MessageProvider, SendingCount, SendingPause, SendingPolicy
from authenticators.models.users import EndUser

__all__ = [
    "AppInvitation",
    "AttestationNonce",
    "AttestedApps",
    "Authenticator",
    "AuthenticatorConfiguration",
    "Challenge",
    "EndUser",
    "GuessCount",
    "IdentityProvider",
    "MagicLink",
    "Message",
    "MessageProvider",
    "RecoveryCode",
    "SealedText",
    "SendingCount",
    "SendingPause",
    "SendingPolicy",
    "WebPushKey",
    "attestation_failure_mode_choices",
    "channel_choices",
    "end_with_it",
    "magic_link_mode_choices",
    "method_choices",
    "new_challenge_id",
    "sms_channel_choices",
]
