"""End users, what they can prove themselves with, and what they were asked to prove."""

import secrets
import uuid
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from authenticators import contact
from authsignal_portal import clock
from authsignal_portal.errors import AuthsignalError
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Channel, VerificationMethod


def method_choices() -> list[tuple[str, str]]:
    return [(m.value, m.value) for m in VerificationMethod]


def channel_choices() -> list[tuple[str, str]]:
    return [(c.value, c.value) for c in Channel]


class SealedText:
    """A text kept as ciphertext bound to its row, with an optional blind index for look-up.

    Reading and writing need the row's `tenant`.
    """

    def __init__(self, column: str, index: str | None = None) -> None:
        self.column, self.index = column, index

    def __get__(self, row: Any, owner: type | None = None) -> Any:
        if row is None:
            return self
        sealed = getattr(row, self.column)
        return None if sealed is None else row.tenant.unseal(sealed, *self._place(row)).decode()

    def __set__(self, row: Any, text: str | None) -> None:
        sealed = None if text is None else row.tenant.seal(text, *self._place(row))
        setattr(row, self.column, sealed)
        if self.index:
            setattr(row, self.index, "" if text is None else contact.index(row.tenant_id, text))

    def _place(self, row: Any) -> tuple[str, ...]:
        return (row._meta.db_table, self.column, str(row.pk))


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

    def lock(self, *, gone: AuthsignalError | None = None) -> None:
        """Let all else that would change this user, their proofs or authenticators wait until the transaction ends.

        Lock order everywhere: user, guess count, challenge, authenticator. Tracking an action does not wait for it.
        Raises `gone`, if given, when the user was deleted meanwhile.
        """
        rows = type(self).objects.select_for_update(no_key=True).filter(pk=self.pk)
        if not rows.values_list("pk").first() and gone:
            raise gone


class AuthenticatorConfiguration(models.Model):
    """What a tenant does with one verification method. A missing row means: active, with defaults."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="authenticator_configurations")
    method = models.CharField(_("method"), max_length=32, choices=method_choices)
    is_active = models.BooleanField(_("active"), default=True)
    is_hidden_to_user = models.BooleanField(_("not offered for enrolment"), default=False)
    is_editable_by_user = models.BooleanField(_("users may change the address"), default=True)
    # Empty: the hard caps of the settings alone, which hold beside these in any case.
    code_length = models.PositiveSmallIntegerField(null=True, blank=True)
    verify_limit = models.PositiveSmallIntegerField(null=True, blank=True)
    verify_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    send_limit = models.PositiveSmallIntegerField(null=True, blank=True)
    send_minutes = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["tenant", "method"]
        verbose_name = _("authenticator setting")
        verbose_name_plural = _("authenticator settings")
        constraints = [models.UniqueConstraint(fields=["tenant", "method"], name="one_configuration_per_method")]

    def __str__(self) -> str:
        return self.method


class Authenticator(models.Model):
    """Something a user proved to have. Counts as enrolled once `verified_at` is set."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, related_name="authenticators")
    method = models.CharField(_("method"), max_length=32, choices=method_choices)
    is_default = models.BooleanField(_("default"), default=False)
    name = models.CharField(_("name"), max_length=255, blank=True)
    contact_sealed = models.BinaryField(null=True, editable=False)
    contact_index = models.CharField(max_length=128, blank=True, editable=False)
    secret_sealed = models.BinaryField(null=True, editable=False)
    last_step = models.BigIntegerField(null=True, editable=False)
    credential_id = models.CharField(max_length=1400, null=True, editable=False)  # noqa: DJ001
    rp_id = models.CharField(max_length=255, blank=True, editable=False)
    public_key = models.BinaryField(null=True, editable=False)
    sign_count = models.BigIntegerField(default=0, editable=False)
    aaguid = models.CharField(max_length=36, blank=True, editable=False)
    transports = ArrayField(models.CharField(max_length=32), default=list, editable=False)
    attachment = models.CharField(max_length=32, blank=True, editable=False)
    # Made at another server, whose user handle we do not know.
    is_imported = models.BooleanField(default=False, editable=False)
    backup_eligible = models.BooleanField(null=True, editable=False)
    backed_up = models.BooleanField(null=True, editable=False)
    user_agent = models.CharField(max_length=1000, blank=True, editable=False)
    device_id = models.CharField(max_length=255, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())
    verified_at = models.DateTimeField(_("verified"), null=True)
    last_verified_at = models.DateTimeField(_("last used"), null=True)

    contact = SealedText("contact_sealed", "contact_index")
    secret = SealedText("secret_sealed")

    class Meta:
        ordering = ["created_at"]
        verbose_name = _("authenticator")
        verbose_name_plural = _("authenticators")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "rp_id", "credential_id"],
                name="one_owner_per_credential",
                condition=~Q(credential_id=None),
            ),
            models.UniqueConstraint(
                fields=["user", "method"], name="one_pending_per_method", condition=Q(verified_at=None)
            ),
        ]
        indexes = [models.Index(fields=["user", "method"], name="authenticator_by_user")]

    def __str__(self) -> str:
        return self.method


def new_challenge_id() -> str:
    return secrets.token_hex(32)


class Challenge(models.Model):
    """Something a user was asked to prove; ends exactly once."""

    class Purpose(models.TextChoices):
        AUTHENTICATE = "authenticate"
        ENROL = "enrol"

    id = models.CharField(primary_key=True, max_length=64, default=new_challenge_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, null=True, related_name="challenges")
    # The action instance by id: this app stands below `actions`, and a challenge may precede its action.
    action_id = models.UUIDField(null=True)
    action_code = models.CharField(max_length=64, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    method = models.CharField(max_length=32, choices=method_choices, blank=True)
    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.AUTHENTICATE)
    authenticator = models.ForeignKey(Authenticator, on_delete=models.CASCADE, null=True, related_name="+")
    contact_sealed = models.BinaryField(null=True)
    contact_index = models.CharField(max_length=128, blank=True)
    code_hash = models.CharField(max_length=128, blank=True)
    code_length = models.PositiveSmallIntegerField(default=6)
    nonce = models.BinaryField(null=True)
    # What the server API was told when the challenge began and needs when it is claimed.
    context = models.JSONField(default=dict)
    scope = models.CharField(max_length=255, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    sends = models.PositiveIntegerField(default=0)
    last_sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=clock.Now())
    expires_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)

    contact = SealedText("contact_sealed", "contact_index")

    class Meta:
        indexes = [
            models.Index(
                fields=["action_id", "method", "-created_at"],
                name="challenge_by_action",
                condition=~Q(action_id=None),
            ),
            models.Index(fields=["user", "-created_at"], name="challenge_by_user", condition=~Q(user=None)),
        ]

    def __str__(self) -> str:
        return self.id

    def is_open(self, now: datetime) -> bool:
        return self.verified_at is None and self.failed_at is None and self.expires_at > now


class RecoveryCode(models.Model):
    """One saved code: a two-character index in clear, the rest as a keyed hash; burned on use."""

    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, related_name="recovery_codes")
    index = models.CharField(max_length=2)
    code_hash = models.CharField(max_length=128)
    created_at = models.DateTimeField(db_default=clock.Now())
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user", "index"], name="recovery_code_by_index")]

    def __str__(self) -> str:
        return f"recovery code of {self.user_id}"


class GuessCount(models.Model):
    """Wrong guesses against one subject and method. Nothing but a success, or staff, sets it back.

    `subject` is `user:<row>` or `contact:<blind index>`: the count outlives challenges, resends and addresses.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    subject = models.CharField(max_length=160)
    method = models.CharField(max_length=32)
    consecutive = models.PositiveIntegerField(default=0)
    recent = ArrayField(models.DateTimeField(), default=list)
    paused_until = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "subject", "method"], name="one_guess_count")]

    def __str__(self) -> str:
        return f"{self.subject} {self.method}"


class Message(models.Model):
    """A message owed to somebody. This row is the truth; the queue only rings."""

    class Status(models.TextChoices):
        OWED = "owed", _("owed")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        EXPIRED = "expired", _("expired")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, null=True, related_name="messages")
    # Outlives its challenge: the sending limits count these rows.
    challenge = models.ForeignKey(Challenge, on_delete=models.SET_NULL, null=True, related_name="messages")
    action_id = models.UUIDField(null=True)
    channel = models.CharField(_("channel"), max_length=16, choices=channel_choices)
    contact_index = models.CharField(max_length=128, blank=True)
    # What the guard against pumping knew of a message that costs money (`guard`); the price in ten-thousandths.
    prefix_index = models.CharField(max_length=128, blank=True)
    country = models.CharField(max_length=3, blank=True)
    standing = models.CharField(max_length=16, blank=True)
    price = models.PositiveIntegerField(default=0)
    proven_at = models.DateTimeField(null=True)
    # {"to", "text", "subject"?, "html"?, "code"?} as JSON; emptied as soon as the message has ended.
    payload_sealed = models.BinaryField(null=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.OWED)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(db_default=clock.Now())
    lease_until = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField()
    provider_id = models.CharField(max_length=255, blank=True)
    error = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())
    ended_at = models.DateTimeField(null=True)

    payload = SealedText("payload_sealed")

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["due_at"], name="message_due", condition=Q(status__in=["owed", "sending"])),
            models.Index(fields=["tenant", "contact_index", "-created_at"], name="message_by_contact"),
            models.Index(fields=["user", "-created_at"], name="message_by_user"),
            models.Index(
                fields=["tenant", "prefix_index", "-created_at"],
                name="message_by_prefix",
                condition=~Q(prefix_index=""),
            ),
            models.Index(
                fields=["tenant", "country", "-created_at"],
                name="message_to_strangers",
                condition=Q(standing__in=["newcomer", "suspect"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.status}"


class SendingPolicy(models.Model):
    """What a tenant wants of the guard against pumping. A missing row means: the defaults of the settings."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE, related_name="sending_policy")
    messages_per_day = models.PositiveIntegerField(null=True, blank=True)
    # In ten-thousandths of the currency that the prices are in.
    cost_per_day = models.PositiveBigIntegerField(null=True, blank=True)
    # {"NZ": 850}: instead of the shipped price of a message to that country.
    prices = models.JSONField(default=dict, blank=True)
    refuses_voip = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"sending policy of {self.tenant_id}"


class SendingCount(models.Model):
    """Messages that cost money, by `scope` (`guard.Charge`), in the time from `start`.

    The limits are those of the newest message: the statement that counts compares with them (`sending_counts.add`).
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    scope = models.CharField(max_length=160)
    start = models.DateTimeField()
    sends = models.IntegerField(default=0)
    proofs = models.IntegerField(default=0)
    refusals = models.IntegerField(default=0)
    cost = models.BigIntegerField(default=0)
    most_messages = models.IntegerField(null=True)
    most_cost = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "scope", "start"], name="one_sending_count")]
        indexes = [models.Index(fields=["start"], name="sending_count_by_start")]

    def __str__(self) -> str:
        return f"{self.scope} {self.start}"


class SendingPause(models.Model):
    """The newest pause of a prefix or a country (`guard.Alarm`), over or not."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    scope = models.CharField(max_length=160)
    country = models.CharField(max_length=3)
    # Ten thousand numbers, which is nobody's: +64 21 123 ••••. Empty for a country.
    prefix = models.CharField(max_length=16, blank=True)
    started_at = models.DateTimeField()
    until = models.DateTimeField()
    strikes = models.PositiveIntegerField(default=1)
    settled = models.PositiveIntegerField(default=0)
    proven = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "scope"], name="one_sending_pause")]

    def __str__(self) -> str:
        return self.scope
