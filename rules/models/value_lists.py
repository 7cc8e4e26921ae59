"""A tenant's value lists, and what is and was on them."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from authsignal_portal import clock
from authsignal_portal.models import Tenant


class ValueList(models.Model):
    """A tenant's list of texts or numbers that rules ask for by its alias."""

    class ItemType(models.TextChoices):
        STRING = "string", _("Texts")
        NUMBER = "number", _("Numbers")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="value_lists")
    name = models.CharField(_("name"), max_length=64)
    alias = models.CharField(_("alias"), max_length=100, editable=False)
    item_type = models.CharField(_("holds"), max_length=8, choices=ItemType, default=ItemType.STRING)
    description = models.CharField(_("description"), max_length=200, blank=True)
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("While a list is off, a condition that asks for it cannot be decided."),
    )
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())

    class Meta:
        ordering = ["name"]
        verbose_name = _("value list")
        verbose_name_plural = _("value lists")
        constraints = [models.UniqueConstraint(fields=["tenant", "alias"], name="one_value_list_per_alias")]

    def __str__(self) -> str:
        return self.name


class ValueListItem(models.Model):
    """One value on a list, from the tenant's `added_version` of its lists to before `removed_version`.

    A removed item stays, so that an old decision can be explained with the lists of then.
    """

    value_list = models.ForeignKey(ValueList, on_delete=models.CASCADE, related_name="items", db_index=False)
    value = models.CharField(_("value"), max_length=512)
    note = models.CharField(_("note"), max_length=200, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    added_at = models.DateTimeField(_("added"), db_default=clock.Now())
    author_id = models.BigIntegerField(null=True)
    added_version = models.PositiveIntegerField()
    removed_version = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["value_list", "value"],
                condition=models.Q(removed_version__isnull=True),
                name="one_item_per_value",
            )
        ]
        indexes = [models.Index(fields=["value_list", "removed_version"], name="items_of_list")]

    def __str__(self) -> str:
        return self.value
