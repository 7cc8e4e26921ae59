"""The tenant's own data points."""

import uuid

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from authsignal_portal.models import Tenant


class CustomDataPoint(models.Model):
    """A value that the customer sends under `custom`, made known so that rules can use it."""

    class DataType(models.TextChoices):
        TEXT = "text", _("Text")
        NUMBER = "number", _("Number")
        BOOLEAN = "boolean", _("Yes or no")
        MULTISELECT = "multiselect", _("Several values")

    class ModelType(models.TextChoices):
        ACTION = "action", _("Action")
        USER = "user", _("User")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="custom_data_points")
    name = models.CharField(
        _("name"),
        max_length=64,
        validators=[
            RegexValidator(r"^[A-Za-z_][A-Za-z0-9_-]*\Z", _("Start with a letter; use letters, digits, - and _."))
        ],
        help_text=_("Exactly the key that your backend sends in custom."),
    )
    data_type = models.CharField(_("type"), max_length=16, choices=DataType)
    model_type = models.CharField(_("belongs to"), max_length=8, choices=ModelType, default=ModelType.ACTION)
    description = models.CharField(_("description"), max_length=200, blank=True)
    is_public = models.BooleanField(
        _("shown on the user's phone"),
        default=False,
        help_text=_("What a user sees of what they approve by push or QR code, such as an amount. Else it stays here."),
    )
    is_forwarded = models.BooleanField(
        _("forwarded with emails"),
        default=False,
        db_default=False,
        help_text=_("Your own sender of emails is told it with each code or link (customVariables)."),
    )

    class Meta:
        ordering = ["name"]
        verbose_name = _("custom data point")
        verbose_name_plural = _("custom data points")
        constraints = [models.UniqueConstraint(fields=["tenant", "model_type", "name"], name="one_data_point_per_name")]

    def __str__(self) -> str:
        return self.name

    def snapshot(self) -> dict[str, str]:
        return {"name": self.name, "kind": self.data_type, "model": self.model_type}
