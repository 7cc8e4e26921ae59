"""The form of a tenant's apps whose attestations count; the Play Console's keys are written and never shown."""

import re
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from authenticators.app_attestation.examining import read_decryption_key, read_verification_key
from authenticators.models import AttestedApps, AuthenticatorConfiguration
from authsignal_portal import words
from authsignal_portal.widgets import LinesField, dress

TEAM_ID: Final = re.compile(r"[A-Z0-9]{10}")
# Reverse domain names: of Apple's letters, digits, hyphens and dots (CFBundleIdentifier), of Android's no hyphens.
BUNDLE_ID: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
PACKAGE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+")
MOST: Final = 20
MOST_BUNDLE_ID: Final = 155
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
KEYS: Final = ("decryption_key", "verification_key")


def known_bundle_id(text: str) -> None:
    """Raises ValidationError."""
    if len(text) > MOST_BUNDLE_ID or not BUNDLE_ID.fullmatch(text):
        raise forms.ValidationError(_("this is no bundle ID"))


def known_digest(text: str) -> None:
    """Raises ValidationError."""
    if not DIGEST.fullmatch(plain_digest(text)):
        raise forms.ValidationError(_("this is no SHA-256 fingerprint"))


def plain_digest(text: str) -> str:
    """As the Play Console shows it, AB:CD:…, without the colons."""
    return text.replace(":", "").lower()


class Secret(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"})
        super().__init__(required=False, max_length=1024, widget=widget, **kwargs)


class AttestedAppsForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    bundle_ids = LinesField(
        label=_("Bundle IDs"),
        required=False,
        validators_of_line=[known_bundle_id],
        help_text=_("One per line, such as com.example.bank."),
    )
    certificate_digests = LinesField(
        label=_("SHA-256 fingerprints of the app's certificates"),
        required=False,
        validators_of_line=[known_digest],
        help_text=_("One per line, under App signing in the Play Console. Empty: whatever Google Play recognizes."),
    )
    decryption_key = Secret(label=_("Decryption key"))
    verification_key = Secret(label=_("Verification key"))

    class Meta:
        model = AttestedApps
        fields = ["team_id", "bundle_ids", "allows_development", "package_name", "certificate_digests", *KEYS]

    instance: AttestedApps

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team_id"].help_text = _("Ten letters and digits. Empty: apps of Apple's are not attested.")
        self.fields["allows_development"].help_text = _("For a test tenant: whoever builds the app can attest it then.")
        self.fields["package_name"].help_text = _("Empty: Android apps are not attested.")
        kept = self.instance.decryption_key_sealed is not None
        told = _("Kept as it is when you leave this empty. It is never shown.")
        for name in KEYS:
            self.fields[name].help_text = told if kept else _("Of the Play Console, under Play Integrity API.")
        dress(self)

    @property
    def apple(self) -> list[forms.BoundField]:
        return [self[name] for name in ("team_id", "bundle_ids", "allows_development")]

    @property
    def google(self) -> list[forms.BoundField]:
        return [self[name] for name in ("package_name", "certificate_digests", *KEYS)]

    # -- what is right ----------------------------------------------------------------------------

    def clean_team_id(self) -> str:
        given = str(self.cleaned_data["team_id"])
        if given and not TEAM_ID.fullmatch(given):
            raise forms.ValidationError(_("A team ID has ten letters and digits."))
        return given

    def clean_bundle_ids(self) -> list[str]:
        return _few(self.cleaned_data["bundle_ids"])

    def clean_package_name(self) -> str:
        given = str(self.cleaned_data["package_name"])
        if given and not PACKAGE_NAME.fullmatch(given):
            raise forms.ValidationError(_("This is no package name."))
        return given

    def clean_certificate_digests(self) -> list[str]:
        return _few([plain_digest(line) for line in self.cleaned_data["certificate_digests"]])

    def clean_decryption_key(self) -> str:
        return _key(self.cleaned_data["decryption_key"], read_decryption_key)

    def clean_verification_key(self) -> str:
        return _key(self.cleaned_data["verification_key"], read_verification_key)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if bool(given.get("team_id")) != bool(given.get("bundle_ids")) and not self.errors:
            self.add_error("bundle_ids", _("Give both the team ID and the bundle IDs, or neither."))
        self._check_needed(given)
        new = [name for name in KEYS if given.get(name)]
        # The pair belongs to one app, and one half of a pair opens nothing.
        needs_keys = bool(given.get("package_name")) and (
            self.instance.decryption_key_sealed is None or "package_name" in self.changed_data or bool(new)
        )
        for name in KEYS if needs_keys else ():
            if name not in new and name not in self.errors:
                self.add_error(name, _("Enter both keys of this app."))
        return given

    def _check_needed(self, given: dict[str, Any]) -> None:
        """Methods that only attested apps may enrol for would take nobody any more."""
        was_named = self.initial["team_id"] or self.initial["package_name"]
        if self.errors or not was_named or given["team_id"] or given["package_name"]:
            return
        rows = AuthenticatorConfiguration.objects.filter(tenant=self.instance.tenant, is_active=True)
        if needing := [str(words.method(row.method)) for row in rows.order_by("method") if row.blocks_unattested]:
            told = _("Only attested apps may enrol for %(methods)s. Change that under Authenticators first.")
            self.add_error(None, told % {"methods": ", ".join(needing)})

    def save(self, commit: bool = True) -> AttestedApps:
        row: AttestedApps = super().save(commit=False)
        if not row.package_name:
            row.decryption_key = row.verification_key = None
            row.certificate_digests = []
        elif self.cleaned_data["decryption_key"]:
            row.decryption_key = self.cleaned_data["decryption_key"]
            row.verification_key = self.cleaned_data["verification_key"]
        row.save()
        return row


def _few(lines: list[str]) -> list[str]:
    if len(lines) > MOST:
        raise forms.ValidationError(_("At most %(most)s are possible.") % {"most": MOST})
    return lines


def _key(text: str, read: Any) -> str:
    if text:
        try:
            read(text)
        except ValueError as error:
            raise forms.ValidationError(_("This is not the key as the Play Console gives it.")) from error
    return text
