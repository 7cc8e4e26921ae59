"""What users were asked to prove, and what they answered wrongly."""

import secrets
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from authenticators.models.choices import method_choices
from authenticators.models.enrolled import Authenticator
from authenticators.models.sealed import SealedText
from authenticators.models.users import EndUser
from authsignal_portal import clock
from authsignal_portal.models import Tenant


def end_with_it(collector: Any, field: Any, challenges: Any, using: str) -> None:
    """As `on_delete`, however an authenticator is deleted: its challenges stay on record, and none of them can be
    answered any more, or counts. Where it goes with its user, these go too.
    """
    challenges.filter(verified_at=None, failed_at=None).update(failed_at=clock.Now())
    challenges.update(withdrawn_at=clock.Now())
    models.SET_NULL(collector, field, challenges, using)


# The rows need not be read for it.
end_with_it.lazy_sub_objs = True  # type: ignore[attr-defined]


def new_challenge_id() -> str:
    return secrets.token_hex(32)


class Challenge(models.Model):
    """Something a user was asked to prove; ends exactly once."""

    class Purpose(models.TextChoices):
        AUTHENTICATE = "authenticate"
        ENROL = "enrol"
        # Proves nothing about the user: their device renews its push token or its lifetime.
        RENEW = "renew"

    id = models.CharField(primary_key=True, max_length=64, default=new_challenge_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, null=True, related_name="challenges")
    # The action instance by id: this app stands below `actions`, and a challenge may precede its action.
    action_id = models.UUIDField(null=True)
    action_code = models.CharField(max_length=64, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    method = models.CharField(max_length=32, choices=method_choices, blank=True)
    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.AUTHENTICATE)
    # What it was begun for, where that is one; then what proved it.
    authenticator = models.ForeignKey(Authenticator, on_delete=end_with_it, null=True, related_name="+")
    contact_sealed = models.BinaryField(null=True)
    contact_index = models.CharField(max_length=128, blank=True)
    code_hash = models.CharField(max_length=128, blank=True)
    code_length = models.PositiveSmallIntegerField(default=6)
    nonce = models.BinaryField(null=True)
    # SHA-256 of a secret that only who began it has: to ask what came of a QR code, to return from a sign-in.
    device_code_hash = models.CharField(max_length=64, blank=True)
    # With dynamic linking: the transaction that this challenge is for (authenticators.transactions), and the
    # random bytes of which, together with its hash, `nonce` was made for a passkey, or `id` for a device key.
    transaction = models.TextField(blank=True, default="", db_default="")
    transaction_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    transaction_nonce = models.BinaryField(null=True)
    # Identity checks: {"id", "url"} of the vendor's session as JSON; its address opens it for whoever has it.
    session_sealed = models.BinaryField(null=True)
    # What the server API was told when the challenge began and needs when it is claimed.
    context = models.JSONField(default=dict)
    scope = models.CharField(max_length=255, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    # That its answers are not judged any more stands in the log, however often one comes after that.
    limit_told = models.BooleanField(default=False, db_default=False)
    sends = models.PositiveIntegerField(default=0)
    last_sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=clock.Now())
    expires_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    # When the user said no. It has failed then too.
    declined_at = models.DateTimeField(null=True)
    # When its result was handed over: to a user's action, or as a token to the page that waited for it.
    claimed_at = models.DateTimeField(null=True)
    # When its authenticator was deleted. From then on it is none to whoever asks, and what it allowed, where it was
    # verified, is allowed no more (`challenges.stand`).
    withdrawn_at = models.DateTimeField(null=True)

    contact = SealedText("contact_sealed", "contact_index")
    session = SealedText("session_sealed")

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


class MagicLink(models.Model):
    """The link that was sent last for a challenge; the token itself is nowhere.

    `used_at`: it was confirmed. `confirmed_at`: and this still waits to be judged. `tries`: by other browsers.
    """

    challenge = models.OneToOneField(Challenge, on_delete=models.CASCADE, primary_key=True, related_name="magic_link")
    token_hash = models.CharField(max_length=64, unique=True)
    # Asked for by a hosted page, which can take a code that another browser shows.
    is_hosted = models.BooleanField()
    # Of whoever asked for it.
    user_agent = models.CharField(max_length=1000, blank=True)
    ip_address = models.GenericIPAddressField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"link of {self.challenge_id}"


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
