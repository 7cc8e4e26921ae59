"""The rules of an action, as they stand in its draft."""

import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from authsignal_portal import clock
from authsignal_portal.vocabulary import Outcome
from rules.models.choices import method_choices, outcome_choices, prompt_field
from rules.models.configurations import ActionConfiguration

MAX_PRIORITY = 99


class Rule(models.Model):
    """If the conditions hold, the outcome is `outcome`, unless a rule of lower priority number holds too."""

    class WhenUnknown(models.TextChoices):
        SKIP = "skip", _("The rule does not fire")
        MATCH = "match", _("The rule fires")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    configuration = models.ForeignKey(ActionConfiguration, on_delete=models.CASCADE, related_name="rules")
    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=500, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_shadow = models.BooleanField(
        _("shadow"),
        default=False,
        help_text=_("Looked at and recorded with every action, but it never decides anything."),
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"),
        default=0,
        validators=[MaxValueValidator(MAX_PRIORITY)],
        help_text=_("0 is looked at first."),
    )
    outcome = models.CharField(_("outcome"), max_length=16, choices=outcome_choices, default=Outcome.CHALLENGE)
    conditions = models.JSONField(_("conditions"), default=dict, blank=True)
    when_unknown = models.CharField(
        _("when data is missing"),
        max_length=8,
        choices=WhenUnknown,
        default=WhenUnknown.SKIP,
        help_text=_("What happens when the conditions cannot be decided because a value was not sent."),
    )
    verification_methods = ArrayField(
        models.CharField(max_length=32, choices=method_choices),
        verbose_name=_("permitted methods"),
        null=True,
        blank=True,
        help_text=_("If this rule decides on a challenge. Empty: as the action says."),
    )
    default_verification_method = models.CharField(  # noqa: DJ001
        _("method shown first"), max_length=32, choices=method_choices, null=True, blank=True
    )
    prompt_to_enroll_verification_methods = prompt_field(
        _("What a user is asked to set up after this rule's challenge. None chosen: as the action says.")
    )
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())

    class Meta:
        ordering = ["priority"]
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        constraints = [
            models.UniqueConstraint(
                fields=["configuration", "priority"],
                name="one_rule_per_priority",
                deferrable=models.Deferrable.DEFERRED,
                violation_error_message=_("Another rule of this action has this priority."),
            ),
            models.CheckConstraint(condition=models.Q(priority__lte=MAX_PRIORITY), name="priority_0_to_99"),
        ]

    def __str__(self) -> str:
        return self.name

    def snapshot(self) -> dict[str, Any]:
        """Everything the engine needs, as JSON."""
        return {
            "ruleId": str(self.pk),
            "name": self.name,
            "description": self.description,
            "isActive": self.is_active,
            "isShadow": self.is_shadow,
            "priority": self.priority,
            "outcome": self.outcome,
            "conditions": self.conditions,
            "whenUnknown": self.when_unknown,
            "verificationMethods": self.verification_methods,
            "defaultVerificationMethod": self.default_verification_method,
            "promptToEnrollVerificationMethods": self.prompt_to_enroll_verification_methods,
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Take over everything of a snapshot but the identity; the inverse of `snapshot`."""
        self.name, self.description = snapshot["name"], snapshot.get("description") or ""
        self.is_active, self.is_shadow = snapshot["isActive"], snapshot.get("isShadow", False)
        self.priority, self.outcome = snapshot["priority"], snapshot["outcome"]
        self.conditions, self.when_unknown = snapshot["conditions"], snapshot["whenUnknown"]
        self.verification_methods = snapshot.get("verificationMethods")
        self.default_verification_method = snapshot.get("defaultVerificationMethod")
        self.prompt_to_enroll_verification_methods = snapshot.get("promptToEnrollVerificationMethods")
