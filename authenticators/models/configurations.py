"""What a tenant does with each method."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from authenticators.models.choices import (
    attestation_failure_mode_choices,
    magic_link_mode_choices,
    method_choices,
    sms_channel_choices,
)
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import AttestationFailureMode, MagicLinkMode, SmsChannel, VerificationMethod


class AuthenticatorConfiguration(models.Model):
    """What a tenant does with one verification method. A missing row means: active, with defaults."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="authenticator_configurations")
    method = models.CharField(_("method"), max_length=32, choices=method_choices)
    is_active = models.BooleanField(_("active"), default=True)
    is_hidden_to_user = models.BooleanField(_("not offered for enrolment"), default=False)
    is_editable_by_user = models.BooleanField(_("users may change the address"), default=True)
    # An address that is on file is asked for all the same, instead of sending to it at once.
    asks_for_address = models.BooleanField(_("users type their address"), default=False, db_default=False)
    # A further one stands beside what a user has of the method, instead of taking its place (`several`).
    allows_several = models.BooleanField(_("users may have several"), default=False, db_default=False)
    # Authenticator app: the hosted pages begin with where to get one.
    shows_app_download = models.BooleanField(_("where to get an app is shown first"), default=False, db_default=False)
    # Email: the hosted pages say that it may take some minutes.
    warns_of_delay = models.BooleanField(_("pages say that email may take minutes"), default=False, db_default=False)
    # Authenticator app: what it writes above the code. Empty: the tenant's name.
    issuer_name = models.CharField(_("issuer"), max_length=64, blank=True, default="", db_default="")
    # Identity checks: the documents that will do, in the adapter's words. None: whatever the adapter takes.
    document_types = ArrayField(models.CharField(max_length=64), default=list, db_default=[], blank=True)
    # WebAuthn: what is asked of a passkey or a security key. Empty: the method's own default, or as the app asks.
    expected_origins = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    user_verification = models.CharField(max_length=16, blank=True)
    attachment = models.CharField(max_length=32, blank=True)
    hints = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    # Passkeys: methods of which a user must hold one before they may make a passkey.
    recovery_methods = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    disable_enrollment_prompt = models.BooleanField(default=False)
    enrollment_prompt_days = models.PositiveSmallIntegerField(default=0)
    # Push: the user types the number that the page shows. Off is a mode for apps that cannot ask for it.
    number_matching = models.BooleanField(_("the user types the number shown"), default=True)
    # Push: an app that does not sign its question for what is pending is told nothing.
    require_signature = models.BooleanField(_("only signed questions are answered"), default=False)
    # Device keys: an app shall show by an attestation that it is one of `AttestedApps`.
    require_app_attestation = models.BooleanField(_("apps must be attested"), default=False)
    app_attestation_failure_mode = models.CharField(
        _("an app without a valid attestation is"),
        max_length=32,
        choices=attestation_failure_mode_choices,
        default=AttestationFailureMode.BLOCK,
        db_default=AttestationFailureMode.BLOCK,
        help_text=_(
            "The web app cannot be attested: where such apps are refused, it is not offered. A warning stands on the "
            "user's page and in the audit log."
        ),
    )
    # Device keys: the hosted pages offer the web app of this server, for users without an app that brings the SDK.
    web_app = models.BooleanField(_("users may enrol the web app"), default=False, db_default=False)
    # Device keys: days until one has to be enrolled or renewed again; None for never.
    credential_days = models.PositiveSmallIntegerField(_("days that a device stays enrolled"), null=True)
    sms_channel = models.CharField(
        _("way of the code"), max_length=16, choices=sms_channel_choices, default=SmsChannel.DEFAULT
    )
    magic_link_mode = models.CharField(
        _("after the link"), max_length=16, choices=magic_link_mode_choices, default=MagicLinkMode.NEW_TAB
    )
    # Empty: the hard caps of the settings alone, which hold beside these in any case.
    code_length = models.PositiveSmallIntegerField(null=True, blank=True)
    verify_limit = models.PositiveSmallIntegerField(null=True, blank=True)
    verify_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    send_limit = models.PositiveSmallIntegerField(null=True, blank=True)
    send_minutes = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["tenant", "method"]
        verbose_name = _("authenticator setting")
        verbose_name_plural = _("authenticator settings")
        constraints = [models.UniqueConstraint(fields=["tenant", "method"], name="one_configuration_per_method")]

    def __str__(self) -> str:
        return self.method

    @property
    def blocks_unattested(self) -> bool:
        """Whether only attested apps enrol. Anything but the mode that lets others in is a no."""
        lets_in = self.app_attestation_failure_mode == AttestationFailureMode.ALLOW_WITH_WARNING
        return self.require_app_attestation and not lets_in

    @classmethod
    def of(cls, tenant: Tenant, method: VerificationMethod) -> "AuthenticatorConfiguration":
        """The tenant's row, or one with the defaults that is not stored."""
        return cls.objects.filter(tenant=tenant, method=method).first() or cls(tenant=tenant, method=method)
