"""Portal page of the verification methods: which are active, and what users may do with them."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxLengthValidator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from audit import log
from audit.events import Tag
from authenticators import (
    attested_apps_page,
    available,
    challenges,
    identity_provider_page,
    provider_page,
    sending_page,
    tuning,
    webauthn_form,
)
from authenticators.available import SENT
from authenticators.enrolment import CONTACT_FIELD
from authenticators.guard import Windows, most_within
from authenticators.models import (
    AttestedApps,
    AuthenticatorConfiguration,
    IdentityProvider,
    MessageProvider,
    SendingPause,
)
from authenticators.serializers import EMAIL, SEVERAL
from authsignal_portal import access, portal, words
from authsignal_portal.access import Access, Right
from authsignal_portal.tenant_admin import ProofForm, TenantAdmin
from authsignal_portal.vocabulary import (
    DEVICE_METHODS,
    IDENTITY_CHECKS,
    OPT_IN_METHODS,
    AttestationFailureMode,
)
from authsignal_portal.vocabulary import VerificationMethod as M
from authsignal_portal.widgets import LinesField, dress

EXPLAINED = {
    M.PASSKEY: _("Face, fingerprint or device lock. Cannot be phished."),
    M.SECURITY_KEY: _("A USB or NFC key. Cannot be phished."),
    M.AUTHENTICATOR_APP: _("Six digits from an app on the user's phone."),
    M.EMAIL_OTP: _("A code to the user's email address. Only as safe as the mailbox."),
    M.EMAIL_MAGIC_LINK: _("A link to the user's email address, to be confirmed. Only as safe as the mailbox."),
    M.SMS: _("A code to the user's phone. Can be intercepted; costs money per message."),
    M.WHATSAPP: _("A code by WhatsApp. Needs a provider; with it, what SMS cannot deliver goes this way too."),
    M.PUSH: _("A question in your app on the user's phone, which signs the answer. Your app brings the SDK."),
    M.QR_CODE: _("Your app on the user's phone scans a code and signs the answer. Your app brings the SDK."),
    M.IN_APP: _("Your app signs for its own user with a key that never leaves the phone. Your app brings the SDK."),
    M.APPLE_ID_TOKEN: _("The user signs in with Apple. Set it up under Identity providers first."),
    M.GOOGLE_ID_TOKEN: _("The user signs in with Google. Set it up under Identity providers first."),
    M.OIDC_PROVIDER: _("The user signs in with a provider of yours. Set it up under Identity providers first."),
    M.VERIFF: _("A face and a document, looked at by Veriff. You bring the contract and an adapter."),
    M.IPROOV: _("A live face, looked at by iProov. You bring the contract and an adapter."),
    M.IDVERSE: _("A face and a document, looked at by IDVerse. You bring the contract and an adapter."),
    M.ONFIDO: _("A face and a document, looked at by Onfido. You bring the contract and an adapter."),
    M.PALM_BIOMETRICS_RR: _("A palm over a terminal. No terminal is connected: you bring it, and an adapter."),
    M.RECOVERY_CODE: _("Ten saved codes for a user who lost everything else."),
}
FLAGS = {
    "is_active": _("Active"),
    "is_hidden_to_user": _("Not offered for enrolment"),
    "is_editable_by_user": _("Users may change the address"),
    "asks_for_address": _("Ask for the address also where one is on file, before anything is sent"),
    "allows_several": _("Users may have several. Switched off later, they keep what they have"),
    "shows_app_download": _("Begin with where to get an app"),
    "warns_of_delay": _("Say on the page that it may take some minutes"),
    "number_matching": _("The user types the number that the page shows. Off: a compatibility mode, open to fatigue"),
    "require_signature": _("Tell an app what is pending only if it signs the question"),
    "web_app": _("Offer this server's web app, for users without your app. Notifications need the provider Web Push"),
    "require_app_attestation": _("Ask for an attestation. Name your apps under App attestation first"),
}
# Where what is sent goes to a number.
NUMBER_FLAGS = {
    "is_editable_by_user": _("Users may change the number"),
    "asks_for_address": _("Ask for the number also where one is on file, before anything is sent"),
}
# The switches that mean something for some methods only.
OF_METHODS = {
    "is_editable_by_user": tuple(CONTACT_FIELD),
    "asks_for_address": tuple(CONTACT_FIELD),
    "allows_several": SEVERAL,
    "shows_app_download": (M.AUTHENTICATOR_APP,),
    "warns_of_delay": EMAIL,
    "number_matching": (M.PUSH,),
    "require_signature": (M.PUSH,),
    "web_app": DEVICE_METHODS,
    "require_app_attestation": DEVICE_METHODS,
}
CHOICES = {M.SMS: "sms_channel", M.EMAIL_MAGIC_LINK: "magic_link_mode"} | dict.fromkeys(
    DEVICE_METHODS, "app_attestation_failure_mode"
)
NUMBERS = ("verify_limit", "verify_minutes", "send_limit", "send_minutes", "code_length")


def flags_of(method: M) -> list[str]:
    """The switches that mean something for this method."""
    if method == M.RECOVERY_CODE:
        return ["is_active"]
    return [flag for flag in FLAGS if method in OF_METHODS.get(flag, (method,))]


def label_of(flag: str, method: M) -> Any:
    return (NUMBER_FLAGS if method in (M.SMS, M.WHATSAPP) else {}).get(flag, FLAGS[flag])


class MethodForm(forms.Form):
    """The switches of one method, and what else can be set of it."""

    def __init__(
        self,
        method: M,
        data: Any,
        *,
        initial: dict[str, Any],
        is_possible: bool = True,
        is_carried: bool = True,
        names_apps: bool = True,
    ) -> None:
        super().__init__(data, prefix=method.value, initial=initial)
        self.is_possible, self.is_carried, self.names_apps = is_possible, is_carried, names_apps
        self.method, self.title, self.text = method, words.METHODS[method], EXPLAINED[method]
        for flag in flags_of(method):
            self.fields[flag] = forms.BooleanField(label=label_of(flag, method), required=False)
        if method in CHOICES:
            column = AuthenticatorConfiguration._meta.get_field(CHOICES[method])
            self.fields[CHOICES[method]] = column.formfield()  # type: ignore[union-attr, assignment]  # no relation
        if method == M.SMS:
            self.fields["sms_channel"].label = _("Code goes by")
        self.fields |= webauthn_form.fields_of(method)
        if method in DEVICE_METHODS:
            self.fields["credential_days"] = forms.IntegerField(
                label=_("Days that a device stays enrolled; empty for ever"),
                required=False,
                min_value=1,
                max_value=3650,
            )
        if method == M.AUTHENTICATOR_APP:
            self.fields["issuer_name"] = forms.CharField(
                label=_("Name in the app"),
                required=False,
                max_length=64,
                validators=[no_colon],
                help_text=_("Apps show it above the code. Empty: the name of the tenant."),
            )
        if method in IDENTITY_CHECKS:
            self.fields["document_types"] = LinesField(
                label=_("Documents"),
                required=False,
                validators_of_line=[MaxLengthValidator(64)],
                help_text=_("What is accepted, one per line, by your adapter's names. Empty: the adapter decides."),
            )
        self._add_numbers()
        dress(self)

    @property
    def further(self) -> list[forms.BoundField]:
        """What is more than a switch."""
        return [field for field in self if field.widget_type != "checkbox"]

    def _add_numbers(self) -> None:
        """Below the hard caps, which are told."""
        if self.method in (*SENT, M.AUTHENTICATOR_APP):
            caps = {"caps": _told(tuning.verify_windows(self.method))}
            told = _("Empty: at most %(caps)s. Less can be allowed here, never more.") % caps
            self._add_number("verify_limit", _("Wrong codes allowed"), 1, 100, told)
            self._add_number("verify_minutes", _("Within this many minutes"), 1, tuning.MOST_MINUTES)
        if self.method in SENT:
            caps = {"caps": _told(tuning.send_windows(SENT[self.method]))}
            told = _("Empty: at most %(caps)s. Less can be allowed here, never more.") % caps
            self._add_number("send_limit", _("Messages to one user"), 1, 100, told)
            self._add_number("send_minutes", _("Within this many minutes"), 1, tuning.MOST_MINUTES)
        if self.method in tuning.CODED:
            digits = str(_("Empty: 6. Fewer than six digits are guessed more easily."))
            self._add_number("code_length", _("Digits of a code"), tuning.FEWEST_DIGITS, tuning.MOST_DIGITS, digits)

    def _add_number(self, name: str, label: Any, least: int, most: int, told: Any = "") -> None:
        self.fields[name] = forms.IntegerField(
            label=label, min_value=least, max_value=most, required=False, help_text=told
        )

    def clean(self) -> None:
        if self.cleaned_data.get("is_active") and not self.is_possible:
            self.add_error(None, _("It has no provider yet: set one up under Identity providers."))
        if not self.names_apps and self._asks_anew_or_refuses():
            self.add_error(None, _("Name your apps under App attestation first: until then none is attested."))
        hard = {"verify": tuning.verify_windows(self.method)}
        if self.method in SENT:
            hard["send"] = tuning.send_windows(SENT[self.method])
        for kind, windows in hard.items():
            limit, minutes = (self.cleaned_data.get(f"{kind}_{part}") for part in ("limit", "minutes"))
            if (limit is None) != (minutes is None):
                self.add_error(f"{kind}_minutes", _("Give both the number and the minutes, or neither."))
            elif limit is not None and minutes is not None and limit > most_within(windows, minutes * 60):
                most = most_within(windows, minutes * 60)
                self.add_error(f"{kind}_limit", _("No more than %(most)s are allowed in that time.") % {"most": most})

    def _asks_anew_or_refuses(self) -> bool:
        """Whether an attestation is asked for from now on, or, as before, of each who would enrol."""
        if not self.cleaned_data.get("require_app_attestation"):
            return False
        lets_in = self.cleaned_data.get(CHOICES[self.method]) == AttestationFailureMode.ALLOW_WITH_WARNING
        refuses = self.cleaned_data["is_active"] and not lets_in
        return refuses or "require_app_attestation" in self.changed_data


def no_colon(text: str) -> None:
    """Raises ValidationError. A colon ends the issuer in an otpauth:// label, whatever stands in its place."""
    if ":" in text:
        raise forms.ValidationError(_("Without a colon: apps take it for the end of the name."))


def _told(windows: Windows) -> str:
    """10 in 5 minutes, 20 in one hour, 40 in 24 hours."""
    return ", ".join(_("%(most)s in %(span)s") % {"most": most, "span": _span(seconds)} for seconds, most in windows)


def _span(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    if not hours or rest:
        return _("%(minutes)s minutes") % {"minutes": seconds // 60}
    return ngettext("one hour", "%(hours)s hours", hours) % {"hours": hours}


class MethodsPage(TenantAdmin):
    right = Right.ADMINISTER

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        here = access.must(request)
        stored = {row.method: row for row in AuthenticatorConfiguration.objects.filter(tenant=here.tenant)}
        sent = request.POST if request.method == "POST" else None
        if sent is not None and not here.may(self.right):
            raise PermissionDenied
        missing = identity_provider_page.missing(here.tenant)
        uncarried = available.uncarried(here.tenant, list(M))
        apps = AttestedApps.objects.filter(tenant=here.tenant)
        names_apps = apps.exclude(team_id="", package_name="").exists()
        rows = [
            MethodForm(
                method,
                sent,
                initial=_initial(method, stored.get(method)),
                is_possible=method not in missing,
                is_carried=method.value not in uncarried,
                names_apps=names_apps,
            )
            for method in M
        ]
        proof = ProofForm(request, sent)
        problem = ""
        # Each form is asked, so that each tells what is wrong with it.
        valid = [row.is_valid() for row in rows]
        if sent is not None and all(valid):
            problem = _leaves_nothing(rows)
            if not problem and proof.is_valid():
                self._save(here, rows)
                messages.success(request, _("The settings were saved."))
                return redirect("portal:authenticators_authenticatorconfiguration_changelist")
        return self.page(
            request,
            "portal/methods.html",
            title=_("Authenticators"),
            cl=True,
            intro=_("How your users can prove themselves. Actions and rules may narrow this down, never widen it."),
            rows=rows,
            proof=proof,
            problem=problem,
            may=here.may(self.right),
        )

    @transaction.atomic
    def _save(self, here: Access, rows: list[MethodForm]) -> None:
        for form in rows:
            row, _made = AuthenticatorConfiguration.objects.select_for_update().get_or_create(
                tenant=here.tenant, method=form.method, defaults={"is_active": form.method not in OPT_IN_METHODS}
            )
            changed = [name for name, value in form.cleaned_data.items() if getattr(row, name) != value]
            if not changed:
                continue
            for name in changed:
                setattr(row, name, form.cleaned_data[name])
            row.save(update_fields=changed)
            if "is_active" in changed and not row.is_active:
                challenges.end_open(here.tenant, row.method)
            log.record(
                Tag.AUTHENTICATOR_CONFIGURATION_UPDATED,
                tenant_id=here.tenant.pk,
                actor=here.actor,
                method=form.method.value,
                fields=changed,
            )

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        return redirect("portal:authenticators_authenticatorconfiguration_changelist")


def _initial(method: M, row: AuthenticatorConfiguration | None) -> dict[str, Any]:
    shown = row or AuthenticatorConfiguration(method=method, is_active=method not in OPT_IN_METHODS)
    further = ("credential_days", "issuer_name", "document_types")
    names = (*FLAGS, *CHOICES.values(), *webauthn_form.NAMES, *NUMBERS, *further)
    return {name: getattr(shown, name) for name in names}


def _leaves_nothing(rows: list[MethodForm]) -> str:
    active = [row for row in rows if row.cleaned_data["is_active"] and row.method != M.RECOVERY_CODE]
    return "" if active else str(_("Leave at least one method active besides recovery codes."))


portal.site.register(AuthenticatorConfiguration, MethodsPage)
portal.site.register(MessageProvider, provider_page.ProviderPage)
portal.site.register(IdentityProvider, identity_provider_page.IdentityProviderPage)
portal.site.register(AttestedApps, attested_apps_page.AttestedAppsPage)
portal.site.register(SendingPause, sending_page.SendingPage)
