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
from authsignal_portal.sender_services import SERVICES, service_choices
from authsignal_portal.vocabulary import (
    DEVICE_METHODS,
    AttestationFailureMode,
    Channel,
    MagicLinkMode,
    SmsChannel,
    VerificationMethod,
)


def method_choices() -> list[tuple[str, str]]:
    return [(m.value, m.value) for m in VerificationMethod]


def channel_choices() -> list[tuple[str, str]]:
    return [(c.value, c.value) for c in Channel]


def sms_channel_choices() -> list[tuple[str, Any]]:
    return [(SmsChannel.DEFAULT, _("SMS first")), (SmsChannel.WHATSAPP, _("WhatsApp first"))]


def magic_link_mode_choices() -> list[tuple[str, Any]]:
    return [
        (MagicLinkMode.NEW_TAB, _("goes on where it began; the link's tab may be closed")),
        (MagicLinkMode.ORIGINAL_TAB, _("goes on in the link's tab")),
    ]


def attestation_failure_mode_choices() -> list[tuple[str, Any]]:
    return [
        (AttestationFailureMode.BLOCK, _("refused")),
        (AttestationFailureMode.ALLOW_WITH_WARNING, _("enrolled with a warning")),
    ]


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
    passkey_prompt_dismissed_at = models.DateTimeField(null=True, editable=False)
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

    def proved_at(self, address: str) -> "models.QuerySet[Authenticator]":
        """What they proved to have at an address or number, under whichever pepper it was indexed."""
        rows = self.authenticators.filter(contact_index__in=contact.indexes(self.tenant_id, address))
        return rows.exclude(verified_at=None)

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
    # An address that is on file is asked for all the same, instead of sending to it at once.
    asks_for_address = models.BooleanField(_("users type their address"), default=False, db_default=False)
    # A further one stands beside what a user has of the method, instead of taking its place (`several`).
    allows_several = models.BooleanField(_("users may have several"), default=False, db_default=False)
    # Authenticator app: the hosted pages begin with where to get one.
    shows_app_download = models.BooleanField(_("where to get an app is shown first"), default=False, db_default=False)
    # Email: the hosted pages say that it may take some minutes.
    warns_of_delay = models.BooleanField(_("pages say that email may take minutes"), default=False, db_default=False)
    # Authenticator app: what it writes above the code. Empty: the tenant's name.
    issuer_name = models.CharField(_("issuer"), max_length=64, blank=True, default="", db_default="")
    # Identity checks: the documents that will do, in the adapter's words. None: whatever the adapter takes.
    document_types = ArrayField(models.CharField(max_length=64), default=list, db_default=[], blank=True)
    # WebAuthn: what is asked of a passkey or a security key. Empty: the method's own default, or as the app asks.
    expected_origins = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    user_verification = models.CharField(max_length=16, blank=True)
    attachment = models.CharField(max_length=32, blank=True)
    hints = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    # Passkeys: methods of which a user must hold one before they may make a passkey.
    recovery_methods = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    disable_enrollment_prompt = models.BooleanField(default=False)
    enrollment_prompt_days = models.PositiveSmallIntegerField(default=0)
    # Push: the user types the number that the page shows. Off is a mode for apps that cannot ask for it.
    number_matching = models.BooleanField(_("the user types the number shown"), default=True)
    # Push: an app that does not sign its question for what is pending is told nothing.
    require_signature = models.BooleanField(_("only signed questions are answered"), default=False)
    # Device keys: an app shall show by an attestation that it is one of `AttestedApps`.
    require_app_attestation = models.BooleanField(_("apps must be attested"), default=False)
    app_attestation_failure_mode = models.CharField(
        _("an app without a valid attestation is"),
        max_length=32,
        choices=attestation_failure_mode_choices,
        default=AttestationFailureMode.BLOCK,
        db_default=AttestationFailureMode.BLOCK,
        help_text=_(
            "The web app cannot be attested: where such apps are refused, it is not offered. A warning stands on the "
            "user's page and in the audit log."
        ),
    )
    # Device keys: the hosted pages offer the web app of this server, for users without an app that brings the SDK.
    web_app = models.BooleanField(_("users may enrol the web app"), default=False, db_default=False)
    # Device keys: days until one has to be enrolled or renewed again; None for never.
    credential_days = models.PositiveSmallIntegerField(_("days that a device stays enrolled"), null=True)
    sms_channel = models.CharField(
        _("way of the code"), max_length=16, choices=sms_channel_choices, default=SmsChannel.DEFAULT
    )
    magic_link_mode = models.CharField(
        _("after the link"), max_length=16, choices=magic_link_mode_choices, default=MagicLinkMode.NEW_TAB
    )
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

    @property
    def blocks_unattested(self) -> bool:
        """Whether only attested apps enrol. Anything but the mode that lets others in is a no."""
        lets_in = self.app_attestation_failure_mode == AttestationFailureMode.ALLOW_WITH_WARNING
        return self.require_app_attestation and not lets_in

    @classmethod
    def of(cls, tenant: Tenant, method: VerificationMethod) -> "AuthenticatorConfiguration":
        """The tenant's row, or one with the defaults that is not stored."""
        return cls.objects.filter(tenant=tenant, method=method).first() or cls(tenant=tenant, method=method)


class Authenticator(models.Model):
    """Something a user proved to have. Counts as enrolled once `verified_at` is set."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, related_name="authenticators")
    method = models.CharField(_("method"), max_length=32, choices=method_choices)
    is_default = models.BooleanField(_("default"), default=False)
    # What an app or a passkey was called when it was made; of a passkey the username, which the API tells.
    name = models.CharField(_("name"), max_length=255, blank=True)
    # What its user calls it (`labels`).
    label = models.CharField(_("label"), max_length=64, blank=True, default="", db_default="")
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
    uv_initialized = models.BooleanField(null=True, editable=False)
    # When a right signature came with a count that does not rise: there may be a copy.
    clone_suspected_at = models.DateTimeField(null=True, editable=False)
    # What password managers show beside `name`, a passkey's user name.
    display_name = models.CharField(max_length=255, blank=True, default="", db_default="", editable=False)
    user_agent = models.CharField(max_length=1000, blank=True, editable=False)
    device_id = models.CharField(max_length=255, blank=True, editable=False)
    # Device keys: `public_key` is a SubjectPublicKeyInfo in DER.
    device_platform = models.CharField(max_length=16, blank=True, editable=False)
    push_token_sealed = models.BinaryField(null=True, editable=False)
    # Of the app that enrolled it: whose attestation it sent, and what came of that (`app_attestation.evidence`).
    attestation = models.CharField(max_length=32, blank=True, editable=False)
    attestation_outcome = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
    attestation_failure = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True)
    # Whom somebody else vouches for: an account at an issuer, a person at a checker (`subjects`).
    subject_sealed = models.BinaryField(null=True, editable=False)
    subject_index = models.CharField(max_length=128, blank=True, default="", db_default="", editable=False)
    # How the last code for it travelled, where that is a choice.
    previous_sms_channel = models.CharField(max_length=16, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())
    verified_at = models.DateTimeField(_("verified"), null=True)
    last_verified_at = models.DateTimeField(_("last used"), null=True)

    contact = SealedText("contact_sealed", "contact_index")
    secret = SealedText("secret_sealed")
    push_token = SealedText("push_token_sealed")
    subject = SealedText("subject_sealed")

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
            models.UniqueConstraint(
                fields=["tenant", "method", "public_key"],
                name="one_owner_per_device_key",
                condition=Q(method__in=[method.value for method in DEVICE_METHODS]),
            ),
            models.UniqueConstraint(
                fields=["tenant", "method", "subject_index"],
                name="one_owner_per_subject",
                condition=~Q(subject_index=""),
            ),
        ]
        indexes = [models.Index(fields=["user", "method"], name="authenticator_by_user")]

    def __str__(self) -> str:
        return self.method

    @staticmethod
    def usable() -> Q:
        """Verified, and not past its time."""
        return Q(verified_at__isnull=False) & (Q(expires_at=None) | Q(expires_at__gt=clock.Now()))


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


class IdentityProvider(models.Model):
    """Who vouches for a tenant's users by one method: an issuer of ID tokens, or an adapter of identity checks.

    `secret` is written, never shown.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    method = models.CharField(_("method"), max_length=32, choices=method_choices)
    # What users know it as; empty where the method says it.
    name = models.CharField(_("name"), max_length=64, blank=True)
    # ID tokens: whose they are, and for whom they may have been made. The hosted pages sign in as the first client.
    issuer = models.CharField(_("issuer"), max_length=255, blank=True)
    client_ids = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    # OIDC_PROVIDER: only a sign-in made for the challenge counts, not a session that stands.
    asks_anew = models.BooleanField(_("users sign in anew each time"), default=True, db_default=True)
    # Identity checks: where one is begun.
    url = models.CharField(_("address"), max_length=2048, blank=True)
    secret_sealed = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())

    secret = SealedText("secret_sealed")

    class Meta:
        ordering = ["method"]
        verbose_name = _("identity provider")
        verbose_name_plural = _("identity providers")
        constraints = [models.UniqueConstraint(fields=["tenant", "method"], name="one_identity_provider_per_method")]

    def __str__(self) -> str:
        return self.name or self.method


class AttestedApps(models.Model):
    """The apps of a tenant whose attestations count: at Apple and at Google. The keys are written, never shown."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="+")
    team_id = models.CharField(_("Apple team id"), max_length=10, blank=True)
    bundle_ids = ArrayField(models.CharField(max_length=155), default=list, blank=True)
    allows_development = models.BooleanField(_("development builds count"), default=False)
    package_name = models.CharField(_("Android package name"), max_length=255, blank=True)
    # SHA-256 in hexadecimal. Empty: whatever certificate Google Play recognizes.
    certificate_digests = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    # Of the Play Console, as it gives them: base64 of an AES key, base64 of a SubjectPublicKeyInfo.
    decryption_key_sealed = models.BinaryField(null=True, editable=False)
    verification_key_sealed = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())

    decryption_key = SealedText("decryption_key_sealed")
    verification_key = SealedText("verification_key_sealed")

    class Meta:
        verbose_name = _("app attestation")
        verbose_name_plural = _("app attestation")

    def __str__(self) -> str:
        return self.package_name or self.team_id


class AttestationNonce(models.Model):
    """What one attestation may be made over, once: made here and to be used in time, or an action's idempotencyKey,
    which stands here once it was used."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(EndUser, on_delete=models.SET_NULL, null=True, related_name="+")
    nonce = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=clock.Now())
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "nonce"], name="one_use_per_attestation_nonce")]
        indexes = [models.Index(fields=["user", "-created_at"], name="attestation_nonce_by_user")]

    def __str__(self) -> str:
        return f"nonce of {self.user_id}"


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


class AppInvitation(models.Model):
    """A code by which the holder of a client token lets one app enrol: it stands for that token, and for nothing else.

    The code itself is nowhere. What the token said is judged again when the app enrols.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(EndUser, on_delete=models.CASCADE, related_name="+")
    action_id = models.UUIDField()
    code_hash = models.CharField(max_length=128, unique=True)
    token_purpose = models.CharField(max_length=16)
    token_scope = models.CharField(max_length=255, blank=True)
    token_issued_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=clock.Now())
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    # What came of it, for as long as that is enrolled.
    authenticator = models.ForeignKey("Authenticator", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["action_id"], name="app_invitation_by_action")]

    def __str__(self) -> str:
        return str(self.pk)


class WebPushKey(models.Model):
    """What a tenant's notifications are signed with, so that a browser's push service knows the sender (RFC 8292)."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE, related_name="web_push_key")
    private_key_sealed = models.BinaryField()
    created_at = models.DateTimeField(db_default=clock.Now())

    # PKCS #8 in PEM.
    private_key = SealedText("private_key_sealed")

    def __str__(self) -> str:
        return f"web push key of {self.tenant_id}"


class RecoveryCode(models.Model):
    """One saved code: a two-character index in clear, the rest as a keyed hash; burned on use."""

    # With so few left it is time for new ones.
    FEW = 3

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
