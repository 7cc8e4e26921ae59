"""Messages that are owed, who carries them, and the guard's counts."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from authenticators.models.challenges import Challenge
from authenticators.models.choices import channel_choices
from authenticators.models.sealed import SealedText
from authenticators.models.users import EndUser
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.sender_services import SERVICES, service_choices
from authsignal_portal.vocabulary import Channel


class MessageProvider(models.Model):
    """Who carries a tenant's messages of one channel; the second one gets what the first one refuses.

    Without any for a channel the deployment's own provider carries them. `secret` is written, never shown; so is
    `report_secret`, by which a sender service is believed what it tells afterwards.
    """

    class Kind(models.TextChoices):
        TWILIO = "twilio", _("Twilio")
        WEBHOOK = "webhook", _("Webhook")
        SMTP = "smtp", _("Mail server")
        ANYMAIL = "anymail", _("Sender service")
        WEB_PUSH = "web_push", _("Web Push")

    class Security(models.TextChoices):
        STARTTLS = "starttls", _("STARTTLS")
        TLS = "tls", _("TLS")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(_("channel"), max_length=16, choices=channel_choices)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    position = models.PositiveSmallIntegerField(
        _("order"), choices=[(1, _("first")), (2, _("second, for what the first one refuses"))], default=1
    )
    is_active = models.BooleanField(_("in use"), default=True)
    sender = models.CharField(_("sender"), max_length=255, blank=True)
    account = models.CharField(_("account"), max_length=255, blank=True)
    messaging_service_sid = models.CharField(_("messaging service SID"), max_length=64, blank=True)
    content_sid = models.CharField(_("content template SID"), max_length=64, blank=True)
    url = models.CharField(_("address"), max_length=2048, blank=True)
    host = models.CharField(_("host"), max_length=255, blank=True)
    port = models.PositiveIntegerField(_("port"), null=True, blank=True)
    security = models.CharField(_("encryption"), max_length=16, choices=Security, default=Security.STARTTLS)
    service = models.CharField(
        _("service"), max_length=32, choices=service_choices, blank=True, default="", db_default=""
    )
    region = models.CharField(_("region"), max_length=16, blank=True, default="", db_default="")
    secret_sealed = models.BinaryField(null=True, editable=False)
    report_secret_sealed = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())

    secret = SealedText("secret_sealed")
    report_secret = SealedText("report_secret_sealed")

    class Meta:
        ordering = ["channel", "position"]
        verbose_name = _("message provider")
        verbose_name_plural = _("message providers")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "channel", "position"], name="one_provider_per_position")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_channel_display()})"

    @property
    def name(self) -> str:
        """What people know it by."""
        return SERVICES[self.service].name if self.service else self.get_kind_display()


class Message(models.Model):
    """A message owed to somebody. This row is the truth; the queue only rings."""

    class Status(models.TextChoices):
        OWED = "owed", _("owed")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        EXPIRED = "expired", _("expired")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Delivery(models.TextChoices):
        """What the provider tells of it afterwards, in the order in which it may become true."""

        QUEUED = "queued", _("with the network")
        SENT = "sent", _("on its way")
        DELIVERED = "delivered", _("arrived")
        UNDELIVERED = "undelivered", _("did not arrive")

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
    # What a user is told of without having asked (`notices`): kind and method; or staff (`alarms`): `alarm:` and the
    # event. Empty for a code, a link or a push.
    notice = models.CharField(max_length=64, blank=True, default="", db_default="")
    # {"to", "text", "subject"?, "html"?, "code"?, "url"?, "about"?} as JSON; emptied as soon as the message has ended.
    payload_sealed = models.BinaryField(null=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.OWED)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(db_default=clock.Now())
    lease_until = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField()
    # The other channel, for when this one's providers refuse.
    fallback_channel = models.CharField(max_length=16, blank=True)
    # Which of the ways it may go is being tried, since how many tries, and by which channel and provider that is.
    route = models.PositiveSmallIntegerField(default=0)
    tries_here = models.PositiveSmallIntegerField(default=0)
    via = models.CharField(max_length=16, blank=True)
    carrier = models.ForeignKey(MessageProvider, on_delete=models.SET_NULL, null=True, related_name="+")
    provider_id = models.CharField(max_length=255, blank=True)
    delivery = models.CharField(_("delivery"), max_length=16, choices=Delivery, blank=True)
    delivery_code = models.CharField(max_length=16, blank=True)
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
            models.Index(fields=["provider_id"], name="email_by_provider_id", condition=Q(channel=Channel.EMAIL.value)),
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

    @property
    def goes_by(self) -> str:
        """The channel that it goes by, or would: not always the one that it was owed by."""
        return self.via or self.channel

    @property
    def is_alarm(self) -> bool:
        return self.notice.startswith("alarm:")


class SendingPolicy(models.Model):
    """What a tenant wants of the guard against pumping. A missing row means: the defaults of the settings."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE, related_name="sending_policy")
    messages_per_day = models.PositiveIntegerField(null=True, blank=True)
    # In ten-thousandths of the currency that the prices are in.
    cost_per_day = models.PositiveBigIntegerField(null=True, blank=True)
    # {"NZ": 850}: instead of the shipped price of a message to that country.
    prices = models.JSONField(default=dict, blank=True)
    refuses_voip = models.BooleanField(default=False)
    # Where the guard's alarms are posted, besides the email to administrators (`alarms`).
    alarm_url = models.CharField(max_length=2048, blank=True, default="", db_default="")

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
