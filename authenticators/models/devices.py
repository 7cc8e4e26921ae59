"""How an app or a browser becomes a device of a user, and is told of a challenge."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from authenticators.models.sealed import SealedText
from authenticators.models.users import EndUser
from authsignal_portal import clock
from authsignal_portal.models import Tenant


class AppInvitation(models.Model):
    """A code by which the holder of a client token lets one app enrol: it stands for that token, and for nothing else.

    The code itself is nowhere. What the token said is judged again when the app enrols.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, related_name="+")
    action_id = models.UUIDField()
    code_hash = models.CharField(max_length=128, unique=True)
    token_purpose = models.CharField(max_length=16)
    token_scope = models.CharField(max_length=255, blank=True)
    token_issued_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=clock.Now())
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    # What came of it, for as long as that is enrolled.
    authenticator = models.ForeignKey("Authenticator", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["action_id"], name="app_invitation_by_action")]

    def __str__(self) -> str:
        return str(self.pk)


class AttestedApps(models.Model):
    """The apps of a tenant whose attestations count: at Apple and at Google. The keys are written, never shown."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="+")
    team_id = models.CharField(_("Apple team id"), max_length=10, blank=True)
    bundle_ids = ArrayField(models.CharField(max_length=155), default=list, blank=True)
    allows_development = models.BooleanField(_("development builds count"), default=False)
    package_name = models.CharField(_("Android package name"), max_length=255, blank=True)
    # SHA-256 in hexadecimal. Empty: whatever certificate Google Play recognizes.
    certificate_digests = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    # Of the Play Console, as it gives them: base64 of an AES key, base64 of a SubjectPublicKeyInfo.
    decryption_key_sealed = models.BinaryField(null=True, editable=False)
    verification_key_sealed = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())

    decryption_key = SealedText("decryption_key_sealed")
    verification_key = SealedText("verification_key_sealed")

    class Meta:
        verbose_name = _("app attestation")
        verbose_name_plural = _("app attestation")

    def __str__(self) -> str:
        return self.package_name or self.team_id


class AttestationNonce(models.Model):
    """What one attestation may be made over, once: made here and to be used in time, or an action's idempotencyKey,
    which stands here once it was used."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(EndUser, on_delete=models.SET_NULL, null=True, related_name="+")
    nonce = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=clock.Now())
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "nonce"], name="one_use_per_attestation_nonce")]
        indexes = [models.Index(fields=["user", "-created_at"], name="attestation_nonce_by_user")]

    def __str__(self) -> str:
        return f"nonce of {self.user_id}"


class WebPushKey(models.Model):
    """What a tenant's notifications are signed with, so that a browser's push service knows the sender (RFC 8292)."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE, related_name="web_push_key")
    private_key_sealed = models.BinaryField()
    created_at = models.DateTimeField(db_default=clock.Now())

    # PKCS #8 in PEM.
    private_key = SealedText("private_key_sealed")

    def __str__(self) -> str:
        return f"web push key of {self.tenant_id}"
