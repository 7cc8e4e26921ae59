"""A customer's users, and how their changes wait for each other."""

import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from authenticators import contact
from authenticators.models.choices import method_choices
from authenticators.models.sealed import SealedText
from authsignal_portal import clock
from authsignal_portal.errors import AuthsignalError
from authsignal_portal.models import Tenant

if TYPE_CHECKING:
    from authenticators.models.enrolled import Authenticator


class EndUser(models.Model):
    """A customer's user, known by the customer's own id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="users")
    user_id = models.CharField(_("user id"), max_length=255)
    email_sealed = models.BinaryField(null=True, editable=False)
    email_index = models.CharField(max_length=128, blank=True, editable=False)
    email_verified = models.BooleanField(_("email verified"), default=False)
    phone_number_sealed = models.BinaryField(null=True, editable=False)
    phone_number_index = models.CharField(max_length=128, blank=True, editable=False)
    phone_number_verified = models.BooleanField(_("phone verified"), default=False)
    username = models.CharField(_("username"), max_length=255, null=True, blank=True)  # noqa: DJ001  (absent on the wire)
    display_name = models.CharField(_("display name"), max_length=255, null=True, blank=True)  # noqa: DJ001
    custom = models.JSONField(_("custom data"), default=dict, blank=True)
    locale = models.CharField(max_length=35, null=True, blank=True)  # noqa: DJ001
    default_verification_method = models.CharField(  # noqa: DJ001
        max_length=32, choices=method_choices, null=True, blank=True
    )
    pseudonym = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    last_verified_at = models.DateTimeField(_("last verified"), null=True, editable=False)
    passkey_prompt_dismissed_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())
    updated_at = models.DateTimeField(_("updated"), db_default=clock.Now())

    email = SealedText("email_sealed", "email_index")
    phone_number = SealedText("phone_number_sealed", "phone_number_index")

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [models.UniqueConstraint(fields=["tenant", "user_id"], name="one_user_per_id")]
        indexes = [
            models.Index(fields=["tenant", "email_index"], name="user_by_email", condition=~Q(email_index="")),
            models.Index(
                fields=["tenant", "phone_number_index"],
                name="user_by_phone",
                condition=~Q(phone_number_index=""),
            ),
            models.Index(fields=["tenant", "username"], name="user_by_username", condition=~Q(username=None)),
        ]

    def __str__(self) -> str:
        return self.user_id

    def proved_at(self, address: str) -> "models.QuerySet[Authenticator]":
        """What they proved to have at an address or number, under whichever pepper it was indexed."""
        rows = self.authenticators.filter(contact_index__in=contact.indexes(self.tenant_id, address))
        return rows.exclude(verified_at=None)

    def lock(self, *, gone: AuthsignalError | None = None) -> None:
        """Let all else that would change this user, their proofs or authenticators wait until the transaction ends.

        Lock order everywhere: user, guess count, challenge, authenticator. Tracking an action does not wait for it.
        Raises `gone`, if given, when the user was deleted meanwhile.
        """
        rows = type(self).objects.select_for_update(no_key=True).filter(pk=self.pk)
        if not rows.values_list("pk").first() and gone:
            raise gone
