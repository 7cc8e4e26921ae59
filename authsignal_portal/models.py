"""Tenants, their keys, and which staff may see them."""

import functools
import hashlib
import secrets
import string
import uuid
import zlib
from typing import Any, Self
from zoneinfo import available_timezones

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from authsignal_portal import clock, crypto, origins
from authsignal_portal.sms_countries import HIGH_RISK
from authsignal_portal.vocabulary import KeyKind, Outcome, Role, UnconfiguredAction

BASE62 = string.ascii_letters + string.digits
SECRET_CHARS = 64


def unconfigured_choices() -> list[tuple[str, str]]:
    return [(u.value, u.value.title()) for u in UnconfiguredAction]


def role_choices() -> list[tuple[str, str]]:
    return [(r.value, r.value.replace("_", " ").capitalize()) for r in Role]


def key_kind_choices() -> list[tuple[str, str]]:
    return [(k.value, k.value.title()) for k in KeyKind]


@functools.cache
def time_zones() -> frozenset[str]:
    """Found by walking through the files of the time zones: once."""
    return frozenset(available_timezones())


def known_time_zone(name: str) -> None:
    """Raises ValidationError."""
    if name not in time_zones():
        raise ValidationError(_("There is no time zone of this name. Write one such as Europe/London."))


class Tenant(models.Model):
    """One isolated configuration and data set."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100, help_text=_("Shown to end users on the hosted pages."))
    app_origins = ArrayField(
        models.CharField(max_length=255),
        verbose_name=_("app origins"),
        default=list,
        blank=True,
        help_text=_(
            "Where your apps run, such as https://app.example.com. They may call the Client API, frame the hosted "
            "pages, receive the result and be redirected to."
        ),
    )
    rp_id = models.CharField(
        _("passkey relying party id"),
        max_length=255,
        blank=True,
        help_text=_("The domain that passkeys are bound to. Changing it invalidates every passkey. Empty: this host."),
    )
    token_duration_in_minutes = models.PositiveSmallIntegerField(
        _("token life in minutes"), default=10, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    otp_duration_in_minutes = models.PositiveSmallIntegerField(
        _("one-time code life in minutes"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
    )
    unconfigured_action = models.CharField(
        _("unknown action codes"),
        max_length=16,
        choices=unconfigured_choices,
        default=UnconfiguredAction.CHALLENGE,
        help_text=_("What `track` does with an action code that nobody configured."),
    )
    first_enrolment_needs_scope = models.BooleanField(
        _("first enrolment needs an explicit scope"),
        default=False,
        help_text=_("If on, even a user with no authenticator needs add:authenticators in the token to enrol one."),
    )
    let_unenrolled_users_through = models.BooleanField(
        _("let users without an authenticator through"),
        default=False,
        help_text=_("If on, an action that would be challenged is allowed for a user who has nothing enrolled."),
    )
    disable_recovery_codes = models.BooleanField(_("no recovery codes"), default=False)
    remember_devices = models.BooleanField(
        _("offer to remember the device"),
        default=False,
        help_text=_(
            "If on, a user who proved themselves may have this device remembered; rules see it as device.isRemembered."
        ),
    )
    remember_device_days = models.PositiveSmallIntegerField(
        _("days a device is remembered"), default=30, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    notify_users = models.BooleanField(
        _("tell users of changes"),
        default=True,
        db_default=True,
        help_text=_(
            "By email, else by SMS: a way to prove themselves was added, removed, locked by guesses or maybe copied, "
            "or a recovery code was used."
        ),
    )
    hide_success_screen_on_enrollment = models.BooleanField(_("skip the success screen after enrolment"), default=False)
    allow_deleting_user_authenticators = models.BooleanField(
        _("let users remove their methods"),
        default=True,
        help_text=_("On the settings page, after a challenge or with remove:authenticators in the token."),
    )
    allow_disabling_mfa = models.BooleanField(
        _("let users remove their last method"),
        default=False,
        help_text=_("If on, a user may be left with nothing to verify with; whoever comes next enrols afresh."),
    )
    redirect_on_session_expiry = models.BooleanField(
        _("send users back when their time is up"),
        default=False,
        help_text=_("If on, an expired hosted page goes to the app by itself; else it says so first."),
    )
    support_url = models.CharField(
        _("where users get help"),
        max_length=255,
        blank=True,
        default="",
        db_default="",
        validators=[
            RegexValidator(
                r"^(?:https://[^\s/]+\S*|mailto:[^\s@]+@[^\s@]+|tel:\+?[0-9-]{3,20})\Z",
                _("Write an address with https://, or mailto: and an e-mail address, or tel: and a number."),
            )
        ],
        help_text=_(
            "Such as https://example.com/help or mailto:help@example.com. The hosted pages link to it, and show a "
            "reference by which the portal's activity is searched."
        ),
    )
    blocked_sms_countries = ArrayField(
        models.CharField(max_length=2),
        verbose_name=_("countries that get no SMS"),
        null=True,
        blank=True,
        help_text="ISO codes. NULL: the shipped list of high-risk destinations, whatever it becomes.",
    )
    default_passkey_action = models.CharField(
        _("action of a passkey sign-in"), max_length=64, default="passkey-sign-in"
    )
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        default="UTC",
        validators=[known_time_zone],
        help_text=_("Such as Pacific/Auckland. For rules on the local hour where the user's own zone is not known."),
    )
    # Grows with every change to a value list; an item says from and until which of these it was on its list.
    value_lists_version = models.PositiveIntegerField(default=1, editable=False)
    data_key = models.BinaryField(editable=False)
    created_at = models.DateTimeField(db_default=clock.Now(), editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Others count on meanwhile: the number that was read with the row is never written back.
        if not self._state.adding and kwargs.get("update_fields") is None:
            names = {field.name for field in self._meta.concrete_fields if not field.primary_key}
            kwargs["update_fields"] = names - {"value_lists_version"}
        super().save(*args, **kwargs)

    def clean(self) -> None:
        try:
            self.app_origins = [origins.parse_origin(text) for text in self.app_origins]
        except ValueError as error:
            raise ValidationError({"app_origins": str(error)}) from error

    @property
    def relying_party_id(self) -> str:
        return self.rp_id or settings.RP_ID

    @property
    def refused_sms_countries(self) -> frozenset[str]:
        own = self.blocked_sms_countries
        return HIGH_RISK if own is None else frozenset(own)

    @property
    def passkey_origins(self) -> list[str]:
        return [*self.app_origins, settings.PUBLIC_URL]

    def seal(self, plaintext: str | bytes, *place: str) -> bytes:
        return crypto.seal(plaintext, data_key=bytes(self.data_key), owner=str(self.pk), place=place)

    def unseal(self, sealed: bytes | memoryview, *place: str) -> bytes:
        return crypto.unseal(bytes(sealed), data_key=bytes(self.data_key), owner=str(self.pk), place=place)

    def entity_key(self, kind: str, value: str) -> int:
        """A number that stands for a value (a device, an address …) of this tenant in counts over past actions."""
        return crypto.short_hash(kind, value, data_key=bytes(self.data_key), owner=str(self.pk))

    @classmethod
    @transaction.atomic
    def create(cls, *, name: str, app_origins: list[str] | None = None) -> Self:
        """A tenant with its data key and token signing key. Raises ValidationError."""
        tenant_id = uuid.uuid4()
        tenant = cls(
            id=tenant_id,
            name=name,
            app_origins=app_origins or [],
            data_key=crypto.new_data_key(str(tenant_id)),
        )
        tenant.full_clean()
        tenant.save(force_insert=True)
        SigningKey.create(tenant=tenant)
        return tenant


class SigningKey(models.Model):
    """An ES256 key for a tenant's client tokens; the newest signs, all are published and verify."""

    kid = models.CharField(primary_key=True, max_length=32)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="signing_keys")
    private_key = models.BinaryField(editable=False)
    public_key = models.TextField()
    created_at = models.DateTimeField(db_default=clock.Now())

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.kid

    @classmethod
    def create(cls, *, tenant: Tenant) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        kid = secrets.token_hex(8)
        der = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return cls.objects.create(
            kid=kid, tenant=tenant, private_key=tenant.seal(der, "signing_key", kid), public_key=pem.decode()
        )


class ApiKey(models.Model):
    """`as_<kind>_<id>_<secret><checksum>`: found by id, proved by keyed hash, shown once.

    The whole key is longer than 64 bytes, so HMAC-SHA-256 under it equals HMAC-SHA-256 under its SHA-256, which is
    all that is kept (sealed) for signing webhooks (RFC 2104 §2: longer keys are hashed first).
    """

    id = models.CharField(primary_key=True, max_length=16, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    kind = models.CharField(_("kind"), max_length=16, choices=key_kind_choices)
    key_hash = models.CharField(max_length=128, editable=False)
    signing_secret = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=clock.Now())
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"as_{self.kind[0]}k_{self.id}_…"

    @classmethod
    def create(cls, *, tenant: Tenant, kind: KeyKind) -> tuple[Self, str]:
        """The row and the secret, which exists nowhere else."""
        ident = "".join(secrets.choice(BASE62) for _ in range(12))
        body = f"as_{kind[0]}k_{ident}_" + "".join(secrets.choice(BASE62) for _ in range(SECRET_CHARS))
        secret = body + checksum(body)
        key = cls.objects.create(
            id=ident,
            tenant=tenant,
            kind=kind,
            key_hash=crypto.keyed_hash("api-key", secret),
            signing_secret=_webhook_secret(tenant, ident, secret) if kind == KeyKind.SERVER else None,
        )
        return key, secret


def _webhook_secret(tenant: Tenant, ident: str, secret: str) -> bytes:
    return tenant.seal(hashlib.sha256(secret.encode()).digest(), "api_key", ident)


def checksum(body: str) -> str:
    """Six characters that let a scanner, and us, tell a mistyped key from a wrong one."""
    number = zlib.crc32(body.encode())
    digits = ""
    for _unused in range(6):
        number, rest = divmod(number, 62)
        digits = BASE62[rest] + digits
    return digits


class Membership(models.Model):
    """A member of staff sees the tenants they belong to, and no other."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=role_choices, default=Role.ADMIN)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "tenant"], name="one_membership_per_tenant")]
        verbose_name = _("member")
        verbose_name_plural = _("members")

    def __str__(self) -> str:
        return f"{self.user} · {self.tenant}"


class Theme(models.Model):
    """How a tenant's hosted pages look: `tokens` as `theme.checked` passed them, and small pictures."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="theme")
    tokens = models.JSONField(default=dict, editable=False)
    logo = models.BinaryField(default=b"", editable=False)
    logo_dark = models.BinaryField(default=b"", editable=False)
    favicon = models.BinaryField(default=b"", editable=False)
    watermark = models.BinaryField(default=b"", db_default=b"", editable=False)
    watermark_dark = models.BinaryField(default=b"", db_default=b"", editable=False)
    background = models.BinaryField(default=b"", db_default=b"", editable=False)
    background_dark = models.BinaryField(default=b"", db_default=b"", editable=False)
    updated_at = models.DateTimeField(db_default=clock.Now())

    class Meta:
        verbose_name = _("theme")
        verbose_name_plural = _("themes")

    def __str__(self) -> str:
        return f"theme of {self.tenant_id}"


class Wording(models.Model):
    """A tenant's own texts, `{language: {publicId: text}}`: on the hosted pages, each as `wording.checked` passed it,
    and in messages, each as `message_wording.checked` did."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="wording")
    texts = models.JSONField(default=dict, editable=False)
    messages = models.JSONField(default=dict, db_default={}, editable=False)
    updated_at = models.DateTimeField(db_default=clock.Now())

    class Meta:
        verbose_name = _("wording")
        verbose_name_plural = _("wordings")

    def __str__(self) -> str:
        return f"wording of {self.tenant_id}"


class TestClock(models.Model):
    """Seconds added to the database's time, under test settings only; only the owner role can write it."""

    __test__ = False
    offset_seconds = models.FloatField(default=0)

    class Meta:
        db_table = "test_clock"

    def __str__(self) -> str:
        return f"{self.offset_seconds:+} s"


def default_outcome(policy: str) -> Outcome:
    """The default outcome of an action that `track` creates by itself."""
    return Outcome.ALLOW if policy == UnconfiguredAction.ALLOW else Outcome.CHALLENGE
