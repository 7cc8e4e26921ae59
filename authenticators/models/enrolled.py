"""What users proved to have."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from authenticators.models.choices import method_choices
from authenticators.models.sealed import SealedText
from authenticators.models.users import EndUser
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS


class Authenticator(models.Model):
    """Something a user proved to have. Counts as enrolled once `verified_at` is set."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, related_name="authenticators")
    method = models.CharField(_("method"), max_length=32, choices=method_choices)
    is_default = models.BooleanField(_("default"), default=False)
    # What an app or a passkey was called when it was made; of a passkey the username, which the API tells.
    name = models.CharField(_("name"), max_length=255, blank=True)
    # What its user calls it (`labels`).
    label = models.CharField(_("label"), max_length=64, blank=True, default="", db_default="")
    contact_sealed = models.BinaryField(null=True, editable=False)
    contact_index = models.CharField(max_length=128, blank=True, editable=False)
    secret_sealed = models.BinaryField(null=True, editable=False)
    last_step = models.BigIntegerField(null=True, editable=False)
    credential_id = models.CharField(max_length=1400, null=True, editable=False)  # noqa: DJ001
    rp_id = models.CharField(max_length=255, blank=True, editable=False)
    public_key = models.BinaryField(null=True, editable=False)
    sign_count = models.BigIntegerField(default=0, editable=False)
    aaguid = models.CharField(max_length=36, blank=True, editable=False)
    transports = ArrayField(models.CharField(max_length=32), default=list, editable=False)
    attachment = models.CharField(max_length=32, blank=True, editable=False)
    # Made at another server, whose user handle we do not know.
    is_imported = models.BooleanField(default=False, editable=False)
    backup_eligible = models.BooleanField(null=True, editable=False)
    backed_up = models.BooleanField(null=True, editable=False)
    uv_initialized = models.BooleanField(null=True, editable=False)
    # When a right signature came with a count that does not rise: there may be a copy.
    clone_suspected_at = models.DateTimeField(null=True, editable=False)
    # What password managers show beside `name`, a passkey's user name.
    display_name = models.CharField(max_length=255, blank=True, default="", db_default="", editable=False)
    user_agent = models.CharField(max_length=1000, blank=True, editable=False)
    device_id = models.CharField(max_length=255, blank=True, editable=False)
    # Device keys: `public_key` is a SubjectPublicKeyInfo in DER.
    device_platform = models.CharField(max_length=16, blank=True, editable=False)
    push_token_sealed = models.BinaryField(null=True, editable=False)
    # Of the app that enrolled it: whose attestation it sent, and what came of that (`app_attestation.evidence`).
    attestation = models.CharField(max_length=32, blank=True, editable=False)
    attestation_outcome = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
    attestation_failure = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True)
    # Whom somebody else vouches for: an account at an issuer, a person at a checker (`subjects`).
    subject_sealed = models.BinaryField(null=True, editable=False)
    subject_index = models.CharField(max_length=128, blank=True, default="", db_default="", editable=False)
    # How the last code for it travelled, where that is a choice.
    previous_sms_channel = models.CharField(max_length=16, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())
    verified_at = models.DateTimeField(_("verified"), null=True)
    last_verified_at = models.DateTimeField(_("last used"), null=True)

    contact = SealedText("contact_sealed", "contact_index")
    secret = SealedText("secret_sealed")
    push_token = SealedText("push_token_sealed")
    subject = SealedText("subject_sealed")

    class Meta:
        ordering = ["created_at"]
        verbose_name = _("authenticator")
        verbose_name_plural = _("authenticators")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "rp_id", "credential_id"],
                name="one_owner_per_credential",
                condition=~Q(credential_id=None),
            ),
            models.UniqueConstraint(
                fields=["user", "method"], name="one_pending_per_method", condition=Q(verified_at=None)
            ),
            models.UniqueConstraint(
                fields=["tenant", "method", "public_key"],
                name="one_owner_per_device_key",
                condition=Q(method__in=[method.value for method in DEVICE_METHODS]),
            ),
            models.UniqueConstraint(
                fields=["tenant", "method", "subject_index"],
                name="one_owner_per_subject",
                condition=~Q(subject_index=""),
            ),
        ]
        indexes = [models.Index(fields=["user", "method"], name="authenticator_by_user")]

    def __str__(self) -> str:
        return self.method

    @staticmethod
    def usable() -> Q:
        """Verified, and not past its time."""
        return Q(verified_at__isnull=False) & (Q(expires_at=None) | Q(expires_at__gt=clock.Now()))


class RecoveryCode(models.Model):
    """One saved code: a two-character index in clear, the rest as a keyed hash; burned on use."""

    # With so few left it is time for new ones.
    FEW = 3

    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, related_name="recovery_codes")
    index = models.CharField(max_length=2)
    code_hash = models.CharField(max_length=128)
    # The authenticators of whose proofs it was made, by their ids; empty where a backend gave it.
    made_with = ArrayField(models.UUIDField(), default=list, db_default=[], editable=False)
    created_at = models.DateTimeField(db_default=clock.Now())
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user", "index"], name="recovery_code_by_index")]

    def __str__(self) -> str:
        return f"recovery code of {self.user_id}"
