"""Action configurations, their rules, every past version of them, and the tenant's own data points."""

import uuid
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext_lazy as _

from authsignal_portal import clock, words
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Outcome, VerificationMethod
from rules import message_text
from rules.action_name import readable

ACTION_CODE = r"[a-zA-Z0-9_-]{1,64}"
MAX_PRIORITY = 99


def outcome_choices() -> list[tuple[str, str]]:
    return [(o.value, o.value.title()) for o in Outcome]


def method_choices() -> list[tuple[str, str]]:
    return [(m.value, words.method(m)) for m in VerificationMethod]


def prompt_choices() -> list[tuple[str, str]]:
    """The wire knows one: a passkey."""
    return [(VerificationMethod.PASSKEY.value, str(_("Passkey")))]


def prompt_field(help_text: Any) -> Any:
    return ArrayField(
        models.CharField(max_length=32, choices=prompt_choices),
        verbose_name=_("ask to set up"),
        null=True,
        blank=True,
        help_text=help_text,
    )


def data_point_field(what: Any) -> Any:
    return models.CharField(
        what,
        max_length=64,
        blank=True,
        validators=[RegexValidator(r"^[A-Za-z0-9_-]+\Z", _("Use letters, digits, - and _."))],
        help_text=_("For dynamic linking: the key in custom that holds it."),
    )


class ActionConfiguration(models.Model):
    """What a tenant wants for one action code.

    The rows of its rules are a *draft*. Every save keeps a version of them (`draft_version` is the newest);
    `version` is the one in force, which decides. Publishing lets the newest be in force.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="action_configurations")
    action_code = models.CharField(
        _("action code"),
        max_length=64,
        validators=[RegexValidator(rf"^{ACTION_CODE}\Z", _("Use 1 to 64 letters, digits, hyphens and underscores."))],
    )
    display_name = models.CharField(
        _("display name"),
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text=_("What users read. Empty: the code in words, such as “Withdraw funds” for withdraw-funds."),
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
        _("default text"),
        max_length=message_text.MAX_WRITTEN,
        blank=True,
        help_text=_("For users of every language that has no text of its own."),
    )
    # {language: text}, of the languages that have one; each with the limits of `message`.
    localized_messages = models.JSONField(default=dict, db_default={}, blank=True, editable=False)
    prompt_to_enroll_verification_methods = prompt_field(
        _("What a user is asked to set up after proving themselves. None chosen: nothing.")
    )
    dynamic_linking = models.BooleanField(
        _("dynamic linking"),
        default=False,
        help_text=_(
            "Every proof is bound to the amount, the payee and the message. A request without them is refused, and "
            "what was proved can be verified from a signed receipt."
        ),
    )
    amount_data_point = data_point_field(_("amount"))
    currency_data_point = data_point_field(_("currency"))
    payee_data_point = data_point_field(_("payee"))
    version = models.PositiveIntegerField(default=1, editable=False)
    draft_version = models.PositiveIntegerField(default=1, editable=False)
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

    @classmethod
    def name_of(cls, tenant: Tenant, action_code: str) -> str:
        """What users read of an action, whether or not it is configured."""
        rows = cls.objects.filter(tenant=tenant, action_code=action_code)
        return rows.values_list("display_name", flat=True).first() or readable(action_code)

    @property
    def has_draft(self) -> bool:
        """Whether something was saved that is not in force."""
        return self.draft_version != self.version

    def keep_version(self) -> None:
        """The first version, of a configuration just made."""
        self._keep(self.version, self._rows())
        Publication.objects.create(configuration=self, version=self.version)

    @transaction.atomic
    def save_draft(self, *, author_id: int | None = None, note: str = "") -> int:
        """After any change to the rules: keep them as a new version, which is not in force yet. Returns its number."""
        self._lock()
        self.draft_version += 1
        self._keep(self.draft_version, self._rows(), author_id=author_id, note=note)
        self.save(update_fields=["draft_version"])
        return self.draft_version

    @transaction.atomic
    def publish(self, *, author_id: int | None = None) -> None:
        """The newest version is in force from now on."""
        self._lock()
        self.version = self.draft_version
        self.save(update_fields=["version"])
        Publication.objects.create(configuration=self, version=self.version, author_id=author_id)

    def changed(self, *, author_id: int | None = None, note: str = "") -> None:
        """Save the rules as they stand, and let them be in force."""
        with transaction.atomic():
            self.save_draft(author_id=author_id, note=note)
            self.publish(author_id=author_id)

    @transaction.atomic
    def refreshed(self, *, author_id: int | None = None, note: str = "") -> None:
        """After a change to what every version holds beside the rules (default outcome, custom data points).

        It is in force at once, and a draft stays a draft.
        """
        self._lock()
        had_draft, published = self.has_draft, self.published().rules
        self.draft_version += 1
        self._keep(self.draft_version, published, author_id=author_id, note=note)
        self.version = self.draft_version
        self.save(update_fields=["version", "draft_version"])
        Publication.objects.create(configuration=self, version=self.version, author_id=author_id)
        if had_draft:
            self.save_draft(author_id=author_id, note=note)

    def published(self) -> "PolicyVersion":
        return self.versions.get(version=self.version)

    def _lock(self) -> None:
        locked = type(self).objects.select_for_update().get(pk=self.pk)
        self.version, self.draft_version = locked.version, locked.draft_version

    def _rows(self) -> list[dict[str, Any]]:
        return [rule.snapshot() for rule in self.rules.all()]

    def _keep(self, version: int, rules: list[Any], *, author_id: int | None = None, note: str = "") -> None:
        PolicyVersion.objects.create(
            configuration=self,
            version=version,
            default_outcome=self.default_outcome,
            rules=rules,
            custom_points=[point.snapshot() for point in CustomDataPoint.objects.filter(tenant_id=self.tenant_id)],
            author_id=author_id,
            note=note,
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


class PolicyVersion(models.Model):
    """An immutable copy of a configuration's rules: each save of the draft, and all that was ever in force."""

    configuration = models.ForeignKey(ActionConfiguration, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    default_outcome = models.CharField(max_length=16)
    rules = models.JSONField()
    custom_points = models.JSONField()
    # A member of staff, by id: the row outlives them. None: a command or the system.
    author_id = models.BigIntegerField(null=True)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=clock.Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["configuration", "version"], name="one_copy_per_version")]

    def __str__(self) -> str:
        return f"{self.configuration} v{self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise ValidationError("A kept version is never changed.")
        super().save(*args, **kwargs)


class Publication(models.Model):
    """From `at` on this version was in force, until the next one. Only added to."""

    configuration = models.ForeignKey(ActionConfiguration, on_delete=models.CASCADE, related_name="publications")
    version = models.PositiveIntegerField()
    author_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(db_default=clock.Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.configuration} v{self.version} in force"


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
