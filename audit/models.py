"""The append-only event table. The application's database role may insert and read, nothing else."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.events import ActorKind, Tag
from authsignal_portal import clock


def tag_choices() -> list[tuple[str, str]]:
    return [(tag.value, tag.value) for tag in Tag]


def actor_choices() -> list[tuple[str, str]]:
    return [(kind.value, kind.value.replace("_", " ")) for kind in ActorKind]


class AuditEvent(models.Model):
    """One thing that was done. `tenant_id` and `action_id` are plain ids: the log outlives what it speaks of."""

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    at = models.DateTimeField(_("time"), db_default=clock.Now())
    tenant_id = models.UUIDField(null=True)
    tag = models.CharField(_("event"), max_length=64, choices=tag_choices)
    actor_kind = models.CharField(_("actor"), max_length=16, choices=actor_choices)
    actor = models.CharField(_("actor id"), max_length=64, blank=True)
    subject = models.UUIDField(_("user pseudonym"), null=True)
    action_id = models.UUIDField(_("action"), null=True)
    data = models.JSONField(_("details"), default=dict)
    leaf_hash = models.BinaryField()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("event")
        verbose_name_plural = _("audit log")
        indexes = [
            models.Index(fields=["tenant_id", "-id"], name="audit_by_tenant"),
            models.Index(fields=["action_id", "id"], name="audit_by_action", condition=~models.Q(action_id=None)),
            models.Index(fields=["subject", "-id"], name="audit_by_subject", condition=~models.Q(subject=None)),
        ]

    def __str__(self) -> str:
        return self.tag
