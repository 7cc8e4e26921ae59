"""Action instances, what was known when they were decided, the user's devices and addresses, and counts per rule."""

import json
import uuid
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from authenticators.models import EndUser, SealedText
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState, Outcome, VerificationMethod
from rules.models import ActionConfiguration


def state_choices() -> list[tuple[str, str]]:
    return [(s.value, s.value.replace("_", " ").capitalize()) for s in ActionState]


def outcome_choices() -> list[tuple[str, str]]:
    return [(o.value, o.value.capitalize()) for o in Outcome]


def method_choices() -> list[tuple[str, str]]:
    return [(m.value, m.value) for m in VerificationMethod]


ENTITY_COLUMNS = ("device_key", "address_key", "phone_key", "email_domain_key")

# In the place of a browser: it began in a frame, and no browser is remembered.
FRAMED = "framed"

# What of the user's facts is kept sealed.
PRIVATE = ("email", "phoneNumber")


class Action(models.Model):
    """One instance: (tenant, user, action code, idempotency key) is its permanent name. Kept narrow."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, related_name="actions", db_index=False)
    action_code = models.CharField(_("action"), max_length=64)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255)
    state = models.CharField(_("state"), max_length=32, choices=state_choices)
    outcome = models.CharField(_("outcome"), max_length=16, choices=outcome_choices)
    created_at = models.DateTimeField(_("time"), db_default=clock.Now())
    state_updated_at = models.DateTimeField(_("state since"), db_default=clock.Now())
    # When the backend or staff set the state last.
    decided_at = models.DateTimeField(null=True, editable=False)
    verification_method = models.CharField(max_length=32, choices=method_choices, blank=True)
    authenticator_id = models.UUIDField(null=True)
    # HMAC of what may not differ when the same key is tracked again.
    fingerprint = models.CharField(max_length=128, blank=True)
    # What velocity counts by (Tenant.entity_key); None where the action came without.
    device_key = models.BigIntegerField(null=True)
    address_key = models.BigIntegerField(null=True)
    phone_key = models.BigIntegerField(null=True)
    email_domain_key = models.BigIntegerField(null=True)
    country_code = models.CharField(max_length=2, blank=True)
    # The numbers among what was sent as `custom`, by name, for sums over past actions; None where there were none.
    numbers = models.JSONField(null=True)
    # When a challenge of this action first went wrong: a refused answer, or a decline.
    failed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("action instance")
        verbose_name_plural = _("activity")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "action_code", "idempotency_key"], name="one_action_per_idempotency_key"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="action_by_tenant"),
            models.Index(fields=["user", "-created_at"], name="action_by_user"),
            models.Index(fields=["user", "action_code", "-created_at"], name="action_by_user_and_code"),
            models.Index(fields=["tenant", "action_code", "-created_at"], name="action_by_tenant_and_code"),
            models.Index(
                fields=["user", "-created_at"],
                name="challenged_by_user",
                condition=models.Q(outcome=Outcome.CHALLENGE.value),
            ),
            *[
                models.Index(
                    fields=["tenant", column, "-created_at"],
                    name=f"action_by_{column.removesuffix('_key')}",
                    condition=models.Q(**{f"{column}__isnull": False}),
                )
                for column in ENTITY_COLUMNS
            ],
            *[
                models.Index(
                    fields=[*columns, "-created_at"],
                    name=f"failed_by_{columns[-1].removesuffix('_key')}",
                    condition=models.Q(failed_at__isnull=False),
                )
                for columns in (["tenant"], ["user"], *(["tenant", column] for column in ENTITY_COLUMNS))
            ],
        ]

    def __str__(self) -> str:
        return f"{self.action_code} · {self.state}"

    def is_decided_since(self, proved_at: datetime | None) -> bool:
        """Whether the backend or staff set the state after that proof, which then counts no more."""
        return self.decided_at is not None and (proved_at is None or proved_at < self.decided_at)

    def counts_from(self, since: datetime) -> datetime:
        """From when on a proof counts, of those after `since`."""
        return max(since, self.decided_at or since)


class ActionFacts(models.Model):
    """What was known at the decision, and why it came out so. 1:1 with the action; may be dropped earlier."""

    action = models.OneToOneField(Action, on_delete=models.CASCADE, primary_key=True, related_name="facts")
    configuration_id = models.UUIDField()
    policy_version = models.PositiveIntegerField()
    ip_address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=1000, blank=True)
    device_id = models.CharField(max_length=255, blank=True)
    # rules.facts.Facts as JSON, without what is PRIVATE.
    facts = models.JSONField()
    # {"verdicts": {rule: true|false|unknown}, "lists": version of the value lists,
    #  "caps": {velocity data point: from where on its value means "at least", or true where there is no value and that
    #  is all}, "missingLists": [alias of a value list that rules asked for and that was off or gone], "notLinked": why
    #  an action with dynamic linking has no transaction}; what is empty is left out
    trace = models.JSONField()
    private_sealed = models.BinaryField(null=True, editable=False)
    matched_rules = ArrayField(models.UUIDField(), default=list)
    # Shadow rules that would have fired.
    shadow_rules = ArrayField(models.UUIDField(), default=list)
    priority_rule_id = models.UUIDField(null=True)
    allowed_methods = ArrayField(models.CharField(max_length=32), default=list)
    default_method = models.CharField(max_length=32, blank=True)
    # What the user is asked to set up after the proof.
    prompt_methods = ArrayField(models.CharField(max_length=32), default=list)
    redirect_url = models.CharField(max_length=2048, blank=True)
    redirect_to_settings = models.BooleanField(default=False)
    locale = models.CharField(max_length=35, blank=True)
    message = models.CharField(max_length=2000, blank=True)
    # With dynamic linking: the canonical transaction and its hash (authenticators.transactions). Never changed.
    transaction = models.TextField(blank=True, default="", db_default="")
    transaction_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    # Hash of the cookie of the browser that first opened the hosted page at top level, or FRAMED.
    browser_hash = models.CharField(max_length=128, blank=True)

    private = SealedText("private_sealed")

    def __str__(self) -> str:
        return f"facts of {self.pk}"

    @property
    def tenant(self) -> Tenant:
        return self.action.tenant

    @property
    def bound_browser(self) -> str:
        """The hash of the one browser that may go on; empty where none is known."""
        return "" if self.browser_hash == FRAMED else self.browser_hash

    def opened(self) -> dict[str, Any]:
        """The facts with the private ones put back."""
        return {**self.facts, "user": {**self.facts["user"], **json.loads(self.private or "{}")}}


class Receipt(models.Model):
    """What was proved about a linked transaction, signed: made with the proof, in its transaction, and only then."""

    action = models.OneToOneField(Action, on_delete=models.CASCADE, primary_key=True, related_name="receipt")
    # A compact JWS (actions.receipts).
    jws = models.TextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"receipt of {self.pk}"


class Backtest(models.Model):
    """What a draft of an action's rules would have done to the actions of some days past, and how far finding out is.

    The row is the truth; the queue only rings. Of a tenant's backtests one at a time is queued or running. A worker
    that died leaves one behind that makes no progress: it counts as failed.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    configuration = models.ForeignKey(ActionConfiguration, on_delete=models.CASCADE, related_name="+")
    # A member of staff, by id: the row outlives them.
    author_id = models.BigIntegerField(null=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.QUEUED)
    created_at = models.DateTimeField(_("started"), db_default=clock.Now())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    days = models.PositiveSmallIntegerField(_("days"), validators=[MinValueValidator(1), MaxValueValidator(90)])
    # The rules as they were when it began: {"version", "defaultOutcome", "rules", "customPoints"} of a PolicyVersion.
    policy = models.JSONField()
    # Of the tenant's value lists, at the same time.
    lists_version = models.PositiveIntegerField()
    # In rows read; how many there are is found out first.
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    progress_at = models.DateTimeField(db_default=clock.Now())
    cancel_requested = models.BooleanField(default=False)
    # As actions.backtest_report makes it.
    report = models.JSONField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("backtest")
        verbose_name_plural = _("backtests")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(status__in=["queued", "running"]),
                name="one_backtest_at_a_time",
            )
        ]
        indexes = [models.Index(fields=["configuration", "-created_at"], name="backtest_by_action")]

    def __str__(self) -> str:
        return f"{self.configuration} · {self.days} d"

    @property
    def is_open(self) -> bool:
        """Queued or running, as far as the row says."""
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def per_cent(self) -> int:
        return min(99, 100 * self.done // self.total) if self.total else 0


class Device(models.Model):
    """A device id that came with a user's actions. A claim of the customer's page, not a proof."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, related_name="devices", db_index=False)
    device_id = models.CharField(_("device id"), max_length=255)
    created_at = models.DateTimeField(_("first seen"), db_default=clock.Now())
    authenticated_at = models.DateTimeField(_("last verified"), null=True)
    invalidated_at = models.DateTimeField(_("invalidated"), null=True)
    remembered_until = models.DateTimeField(_("remembered until"), null=True)
    last_verification_method = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        constraints = [models.UniqueConstraint(fields=["user", "device_id"], name="one_row_per_device")]

    def __str__(self) -> str:
        return self.device_id


class KnownAddress(models.Model):
    """An address from which the user completed a challenge."""

    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, related_name="known_addresses", db_index=False)
    address = models.GenericIPAddressField()
    last_verified_at = models.DateTimeField(db_default=clock.Now())
    count = models.PositiveIntegerField(default=1)
    # Where it was at the time: degrees, kilometres; None where the data did not tell.
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    accuracy_radius_km = models.FloatField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "address"], name="one_row_per_address")]
        indexes = [models.Index(fields=["user", "-last_verified_at"], name="address_by_time")]

    def __str__(self) -> str:
        return f"address of {self.user_id}"


class ServerReplay(models.Model):
    """The answer to a server call that changed something, kept briefly for the SDKs that send a POST twice."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    request_hash = models.CharField(max_length=128, unique=True)
    answer_sealed = models.BinaryField()
    created_at = models.DateTimeField(db_default=clock.Now())

    def __str__(self) -> str:
        return f"replay {self.pk}"


class RuleHour(models.Model):
    """What one rule did in one hour. Counted afterwards (actions.rule_metrics), never while an action is tracked."""

    configuration = models.ForeignKey(ActionConfiguration, on_delete=models.CASCADE, related_name="+", db_index=False)
    # Outlives the rule.
    rule_id = models.UUIDField()
    # When the hour began.
    hour = models.DateTimeField()
    # Actions that were decided while the rule was active; of them, those where its conditions were unknown.
    tracked = models.PositiveIntegerField()
    unknown = models.PositiveIntegerField()
    # It fired and decided.
    decided = models.PositiveIntegerField()
    # Challenges that it caused, that were passed since, and that were passed with nothing having gone wrong before.
    challenged = models.PositiveIntegerField()
    passed = models.PositiveIntegerField()
    passed_at_once = models.PositiveIntegerField()
    # Challenges that others caused where it, a shadow rule, would have fired; and that were passed since.
    shadow_challenged = models.PositiveIntegerField()
    shadow_passed = models.PositiveIntegerField()
    # How the actions came out on which it fired.
    fired_allow = models.PositiveIntegerField()
    fired_challenge = models.PositiveIntegerField()
    fired_review = models.PositiveIntegerField()
    fired_block = models.PositiveIntegerField()
    # How those came out on which it, as a shadow rule, would have.
    shadow_allow = models.PositiveIntegerField()
    shadow_challenge = models.PositiveIntegerField()
    shadow_review = models.PositiveIntegerField()
    shadow_block = models.PositiveIntegerField()
    # Also where it would have.
    last_fired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule_id", "hour"], name="one_row_per_rule_and_hour")]
        indexes = [models.Index(fields=["configuration", "hour"], name="rulehour_by_configuration")]

    def __str__(self) -> str:
        return f"rule {self.rule_id} at {self.hour}"


class Counting(models.Model):
    """How far the counting of a tenant's actions is: counted `until` then, and before `settled` for the last time."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+")
    until = models.DateTimeField()
    settled = models.DateTimeField()
    # Hours before these that could not be counted, and are tried again.
    missed = ArrayField(models.DateTimeField(), default=list)

    def __str__(self) -> str:
        return f"{self.tenant_id} until {self.until}"
