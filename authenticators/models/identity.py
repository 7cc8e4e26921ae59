"""Who vouches for users elsewhere."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from authenticators.models.choices import method_choices
from authenticators.models.sealed import SealedText
from authsignal_portal import clock
from authsignal_portal.models import Tenant


class IdentityProvider(models.Model):
    """Who vouches for a tenant's users by one method: an issuer of ID tokens, or an adapter of identity checks.

    `secret` is written, never shown.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    method = models.CharField(_("method"), max_length=32, choices=method_choices)
    # What users know it as; empty where the method says it.
    name = models.CharField(_("name"), max_length=64, blank=True)
    # ID tokens: whose they are, and for whom they may have been made. The hosted pages sign in as the first client.
    issuer = models.CharField(_("issuer"), max_length=255, blank=True)
    client_ids = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    # OIDC_PROVIDER: only a sign-in made for the challenge counts, not a session that stands.
    asks_anew = models.BooleanField(_("users sign in anew each time"), default=True, db_default=True)
    # Identity checks: where one is begun.
    url = models.CharField(_("address"), max_length=2048, blank=True)
    secret_sealed = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())

    secret = SealedText("secret_sealed")

    class Meta:
        ordering = ["method"]
        verbose_name = _("identity provider")
        verbose_name_plural = _("identity providers")
        constraints = [models.UniqueConstraint(fields=["tenant", "method"], name="one_identity_provider_per_method")]

    def __str__(self) -> str:
        return self.name or self.method
