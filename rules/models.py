"""Action configurations, their rules, every past version of them, and the tenant's own data points."""

import uuid
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext_lazy as _

from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Outcome, VerificationMethod

ACTION_CODE = r"[a-zA-Z0-9_-]{1,64}"
MAX_PRIORITY = 99


def outcome_choices() -> list[tuple[str, str]]:
    return [(o.value, o.value.title()) for o in Outcome]


def method_choices() -> list[tuple[str, str]]:
    return [(m.value, m.value) for m in VerificationMethod]


class ActionConfiguration(models.Model):
    """What a tenant wants for one action code. `version` grows with every change to it or its rules."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="action_configurations")
    action_code = models.CharField(
        _("action code"),
        max_length=64,
        validators=[RegexValidator(rf"^{ACTION_CODE}\Z", _("Use 1 to 64 letters, digits, hyphens and underscores."))],
    )
    default_outcome = models.CharField(
        _("default outcome"), max_length=16, choices=outcome_choices, default=Outcome.CHALLENGE
    )
    verification_methods = ArrayField(
        models.CharField(max_length=32, choices=method_choices),
        verbose_name=_("permitted methods"),
        null=True,
        blank=True,
        help_text=_("Empty: every method that is active for the tenant."),
    )
    default_verification_method = models.CharField(  # noqa: DJ001
        _("method shown first"), max_length=32, choices=method_choices, null=True, blank=True
    )
    message = models.CharField(
        _("contextual message"),
        max_length=500,
        blank=True,
        help_text=_(
            "Shown while the user proves themselves. {{action.amount}} and {{user.firstName}} stand for custom data; "
            "if one is missing, the message is not shown."
        ),
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    auto_created = models.BooleanField(_("created by a tracked action"), default=False, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())

    class Meta:
        ordering = ["action_code"]
        verbose_name = _("action")
        verbose_name_plural = _("actions")
        constraints = [models.UniqueConstraint(fields=["tenant", "action_code"], name="one_configuration_per_code")]

    def __str__(self) -> str:
        return self.action_code

    @classmethod
    def ensure(cls, *, tenant: Tenant, action_code: str, default_outcome: Outcome) -> tuple[Self, bool]:
        """The configuration and whether this call made it; safe against itself running elsewhere at the same time."""
        try:
            with transaction.atomic():
                made = cls.objects.create(
                    tenant=tenant, action_code=action_code, default_outcome=default_outcome, auto_created=True
                )
                made.keep_version()
                return made, True
        except IntegrityError:
            return cls.objects.get(tenant=tenant, action_code=action_code), False

    @transaction.atomic
    def changed(self) -> None:
        """After any change to the configuration or its rules: count the version up and keep a copy of it."""
        type(self).objects.filter(pk=self.pk).update(version=models.F("version") + 1)
        self.refresh_from_db(fields=["version"])
        self.keep_version()

    def keep_version(self) -> None:
        PolicyVersion.objects.create(
            configuration=self,
            version=self.version,
            default_outcome=self.default_outcome,
            rules=[rule.snapshot() for rule in self.rules.all()],
            custom_points=[point.snapshot() for point in CustomDataPoint.objects.filter(tenant_id=self.tenant_id)],
        )


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
            "priority": self.priority,
            "outcome": self.outcome,
            "conditions": self.conditions,
            "whenUnknown": self.when_unknown,
            "verificationMethods": self.verification_methods,
            "defaultVerificationMethod": self.default_verification_method,
        }


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

    class Meta:
        ordering = ["name"]
        verbose_name = _("custom data point")
        verbose_name_plural = _("custom data points")
        constraints = [models.UniqueConstraint(fields=["tenant", "model_type", "name"], name="one_data_point_per_name")]

    def __str__(self) -> str:
        return self.name

    def snapshot(self) -> dict[str, str]:
        return {"name": self.name, "kind": self.data_type, "model": self.model_type}


class PolicyVersion(models.Model):
    """An immutable copy of a configuration's rules, so that an old decision can be explained as it was made."""

    configuration = models.ForeignKey(ActionConfiguration, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    default_outcome = models.CharField(max_length=16)
    rules = models.JSONField()
    custom_points = models.JSONField()
    created_at = models.DateTimeField(db_default=clock.Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["configuration", "version"], name="one_copy_per_version")]

    def __str__(self) -> str:
        return f"{self.configuration} v{self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise ValidationError("A kept version is never changed.")
        super().save(*args, **kwargs)
