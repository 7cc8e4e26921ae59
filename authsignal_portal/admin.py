"""Portal pages of the ground floor: the tenant's settings, its API keys, its members."""

from functools import cache
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from audit.events import Tag
from authsignal_portal import access, clock, countries, portal
from authsignal_portal.access import Access
from authsignal_portal.members import MembershipPage
from authsignal_portal.models import ApiKey, Membership, Tenant
from authsignal_portal.sms_countries import HIGH_RISK
from authsignal_portal.tenant_admin import TenantAdmin
from authsignal_portal.vocabulary import KeyKind
from authsignal_portal.widgets import LinesField, dress, moment

MAX_ACTIVE_KEYS = 2
FIELDSETS: list[Any] = [
    (None, {"fields": ["name", "app_origins", "time_zone", "unconfigured_action", "default_passkey_action"]}),
    (_("Tokens and codes"), {"fields": ["token_duration_in_minutes", "otp_duration_in_minutes"]}),
    (
        _("Enrolment"),
        {
            "fields": [
                "first_enrolment_needs_scope",
                "let_unenrolled_users_through",
                "disable_recovery_codes",
                "notify_users",
                "hide_success_screen_on_enrollment",
                "allow_deleting_user_authenticators",
                "allow_disabling_mfa",
                "redirect_on_session_expiry",
                "support_url",
                "remember_devices",
                "remember_device_days",
                "rp_id",
            ]
        },
    ),
    (_("SMS"), {"fields": ["blocked_sms_countries"]}),
]
# What readers see in a field's place.
SHOWN = {"blocked_sms_countries": "refused_countries", "rp_id": "passkey_domain"}


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    app_origins = LinesField(
        label=_("App origins"),
        required=False,
        help_text=_(
            "Where your apps run, one per line, such as https://app.example.com. They may call the Client API, frame "
            "the hosted pages, receive the result and be redirected to."
        ),
    )
    blocked_sms_countries = LinesField(
        label=_("Countries that get no SMS"),
        required=False,
        help_text=_(
            "Two-letter codes, one per line. As shipped, destinations of much fraud. Empty: no country is refused."
        ),
        validators_of_line=[RegexValidator(r"^[A-Z]{2}\Z", _("Write two capital letters, such as NZ."))],
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        widget=UnfoldAdminSelectWidget,
        help_text=_("For rules on the local hour and weekday, where the user's own zone is not known."),
    )
    rp_id = forms.CharField(
        label=_("Passkey relying party ID"),
        required=False,
        max_length=255,
        validators=[
            RegexValidator(
                r"^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z",
                _("Write a host name in small letters, such as example.com."),
            )
        ],
        help_text=_("The domain that passkeys are bound to. Changing it invalidates every passkey. Empty: this host."),
    )

    class Meta:
        model = Tenant
        fields = [name for _title, options in FIELDSETS for name in options["fields"]]
        help_texts: ClassVar = {
            "unconfigured_action": _("What comes of an action whose code nobody set up here."),
            "first_enrolment_needs_scope": _(
                "If on, even a user with no authenticator enrols one only where your backend asks for it: with "
                "add:authenticators in the token."
            ),
            "remember_devices": _(
                "If on, a user who proved themselves may have this device remembered. Rules can ask: “Device is "
                "remembered”."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.blocked_sms_countries is None:
            self.initial["blocked_sms_countries"] = sorted(HIGH_RISK)
        self.fields["time_zone"].choices = [(zone, zone) for zone in time_zones(self.instance.time_zone)]  # type: ignore[attr-defined]
        dress(self)

    def clean_blocked_sms_countries(self) -> list[str] | None:
        given: list[str] = self.cleaned_data["blocked_sms_countries"]
        # What is as shipped follows the shipped list, also when that changes.
        return None if set(given) == HIGH_RISK else given


def time_zones(current: str) -> list[str]:
    """UTC and every region's city, by name; the current one too, whatever it is."""
    return sorted({current, *_known_zones()})


@cache
def _known_zones() -> frozenset[str]:
    # Reads a few hundred files.
    return frozenset({"UTC", *(name for name in available_timezones() if "/" in name)})


class TenantPage(TenantAdmin):
    form = TenantForm
    changed = Tag.TENANT_UPDATED
    fieldsets = FIELDSETS

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        # Who may only read gets no form to say what an empty column stands for.
        return [(title, {"fields": [SHOWN.get(name, name) for name in part["fields"]]}) for title, part in FIELDSETS]

    def refused_countries(self, tenant: Tenant) -> Any:
        if not tenant.refused_sms_countries:
            return _("None: no country is refused.")
        names = countries.names(tenant.refused_sms_countries)
        return names if tenant.blocked_sms_countries is not None else _("As shipped: %(names)s") % {"names": names}

    refused_countries.short_description = _("Countries that get no SMS")  # type: ignore[attr-defined]

    def passkey_domain(self, tenant: Tenant) -> str:
        return tenant.relying_party_id

    passkey_domain.short_description = _("Passkey relying party ID")  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Tenant.objects.filter(pk=access.must(request).tenant.pk)

    def needs_proof(self, request: HttpRequest, obj: Any, form: Any = None) -> bool:
        return form is None or bool(form.changed_data)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("portal:authsignal_portal_tenant_change", access.must(request).tenant.pk)

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = {"title": _("Tenant settings"), "crumbs": [], **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        return redirect("portal:authsignal_portal_tenant_change", obj.pk)


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ApiKey
        fields = ["kind"]

    tenant: Tenant

    def clean_kind(self) -> str:
        kind: str = self.cleaned_data["kind"]
        active = ApiKey.objects.filter(tenant=self.tenant, kind=kind, revoked_at=None)
        if active.count() >= MAX_ACTIVE_KEYS:
            raise ValidationError(
                _("There are two active keys of this kind already. Revoke the one that is no longer used first.")
            )
        return kind


class ApiKeyPage(TenantAdmin):
    form = ApiKeyForm
    may_add, may_change = True, False
    added = Tag.API_KEY_CREATED
    intro = _("To change a key: add a second one, use it everywhere, then revoke the first.")
    list_display = ["__str__", "kind", "created", "last_used", "status", "revoke_link"]
    doing = ("revoke_link",)
    list_display_links = None
    sortable_by = ()

    def audit_data(self, obj: Any) -> dict[str, Any]:
        return {"api_key": obj.pk, "kind": obj.kind}

    def needs_proof(self, request: HttpRequest, obj: Any, form: Any = None) -> bool:
        return True

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.tenant = access.must(request).tenant
        return form

    def created(self, key: ApiKey) -> str:
        return moment(key.created_at)

    created.short_description = _("Created")  # type: ignore[attr-defined]

    def last_used(self, key: ApiKey) -> str:
        return moment(key.last_used_at)

    last_used.short_description = _("Last used")  # type: ignore[attr-defined]

    def status(self, key: ApiKey) -> Any:
        return _("Revoked") if key.revoked_at else _("Active")

    status.short_description = _("Status")  # type: ignore[attr-defined]

    def revoke_link(self, key: ApiKey) -> Any:
        if key.revoked_at:
            return ""
        url = reverse("portal:authsignal_portal_apikey_revoke", args=[key.pk])
        return format_html('<a class="portal-button small" href="{}">{}</a>', url, _("Revoke …"))

    revoke_link.short_description = _("Actions")  # type: ignore[attr-defined]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {
            "add_title": _("Add API key"),
            "empty": _("No keys yet: your backend cannot call the API."),
        }
        return super().changelist_view(request, context)

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.revoke)
        return [
            path("<str:key_id>/revoke/", view, name="authsignal_portal_apikey_revoke"),
            *super().get_urls(),
        ]

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        return redirect("portal:authsignal_portal_apikey_changelist")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        made, secret = ApiKey.create(tenant=access.must(request).tenant, kind=KeyKind(obj.kind))
        obj.pk, obj.shown_once = made.pk, secret

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        # In the answer to the post and nowhere else: no session, no message and no address ever holds it.
        return self.page(
            request,
            "portal/secret.html",
            title=_("Your new API key"),
            warning=_("Copy the key now and store it where your backend's secrets are: it is not shown again."),
            shown=[(_("API key"), obj.shown_once), (_("Tenant ID"), str(access.must(request).tenant.pk))],
            back=reverse("portal:authsignal_portal_apikey_changelist"),
        )

    def revoke(self, request: HttpRequest, key_id: str) -> HttpResponse:
        key: ApiKey = self.found(request, key_id)

        def act(_here: Access) -> None:
            if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=clock.Now()):
                self.record(request, Tag.API_KEY_REVOKED, key)

        return self.confirmed(
            request,
            act=act,
            back=reverse("portal:authsignal_portal_apikey_changelist"),
            title=_("Revoke %(key)s") % {"key": key},
            text=_("Every call that uses this key is refused from then on. A revoked key cannot be brought back."),
            button=_("Revoke the key"),
            done=_("The key was revoked."),
        )


portal.site.register(Tenant, TenantPage)
portal.site.register(ApiKey, ApiKeyPage)
portal.site.register(Membership, MembershipPage)
