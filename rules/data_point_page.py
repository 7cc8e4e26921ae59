"""Portal page of a tenant's own data points. Every policy holds a copy of them, so a change reaches every action."""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import Tag
from authsignal_portal import access
from authsignal_portal.access import Right
from authsignal_portal.models import Tenant
from authsignal_portal.tenant_admin import TenantAdmin
from rules.models import ActionConfiguration, CustomDataPoint, PolicyVersion, Rule
from rules.registry import CustomPoint
from rules.rule_form import custom_points_of, problems_of


class DataPointForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = CustomDataPoint
        fields = ["name", "model_type", "data_type", "description", "is_public", "is_forwarded"]

    tenant: Tenant

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        point = self.instance
        if self.errors:
            return cleaned
        if point._state.adding:
            same_name = CustomDataPoint.objects.filter(
                tenant=self.tenant, name=cleaned["name"], model_type=cleaned["model_type"]
            )
            if same_name.exists():
                self.add_error("name", _("There is a data point of this name already."))
            return cleaned
        new = CustomPoint.from_json(
            {"name": point.name, "model": point.model_type, "kind": cleaned["data_type"], "description": ""}
        )
        broken = broken_rules(self.tenant, without=point.pk, instead=[new])
        if broken:
            self.add_error("data_type", _("These rules would no longer work: %(rules)s.") % {"rules": broken})
        return cleaned


class DataPointPage(TenantAdmin):
    form = DataPointForm
    right = Right.CONFIGURE
    may_add = may_delete = True
    added, changed, deleted = Tag.DATA_POINT_CREATED, Tag.DATA_POINT_UPDATED, Tag.DATA_POINT_DELETED
    intro = _(
        "Values that your backend sends under custom, made known so that rules can use them. They are no part of a "
        "draft: a change of them acts at once, in every action."
    )
    list_display = ["name", "data_type", "belongs_to", "description", "on_phone", "with_emails"]
    sortable_by = ()
    search_fields = ["name"]

    def belongs_to(self, point: CustomDataPoint) -> Any:
        return point.get_model_type_display()

    belongs_to.short_description = _("Belongs to")  # type: ignore[attr-defined]

    def on_phone(self, point: CustomDataPoint) -> Any:
        # Neither is a fault, as the theme's red cross says.
        return _("Yes") if point.is_public else _("No")

    on_phone.short_description = _("Shown on the user's phone")  # type: ignore[attr-defined]

    def with_emails(self, point: CustomDataPoint) -> Any:
        return _("Yes") if point.is_forwarded else _("No")

    with_emails.short_description = _("Forwarded with emails")  # type: ignore[attr-defined]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.tenant = access.must(request).tenant
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # In one order, whether or not they can still be changed.
        return sorted(super().get_fields(request, obj), key=lambda name: name not in ("name", "model_type"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["name", "model_type"] if obj else []

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        empty = _("No custom data points yet. Add one to use a value of your own, such as an amount, in rules.")
        return super().changelist_view(request, {"add_title": _("Add data point"), "empty": empty})

    # Every kept version of a policy holds a copy of the points, so all of the tenant's grow by one.
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        configurations = lock_configurations(access.must(request).tenant)
        super().save_model(request, obj, form, change)
        if not change or "data_type" in form.changed_data:
            refresh(configurations, request, gettext("Data point “%(name)s” saved") % {"name": obj.name})

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        point = self.get_object(request, object_id)
        broken = broken_rules(access.must(request).tenant, without=point.pk) if point else ""
        if broken:
            messages.error(
                request, _("It is used by %(rules)s. Change that first, and publish it.") % {"rules": broken}
            )
            return redirect("portal:rules_customdatapoint_change", object_id)
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        configurations = lock_configurations(access.must(request).tenant)
        super().delete_model(request, obj)
        refresh(configurations, request, gettext("Data point “%(name)s” deleted") % {"name": obj.name})


def lock_configurations(tenant: Tenant) -> list[ActionConfiguration]:
    return list(ActionConfiguration.objects.select_for_update().filter(tenant=tenant).order_by("pk"))


def refresh(configurations: Iterable[ActionConfiguration], request: HttpRequest, note: str) -> None:
    for configuration in configurations:
        configuration.refreshed(author_id=access.must(request).user.pk, note=note)


def broken_rules(tenant: Tenant, *, without: Any, instead: Iterable[CustomPoint] = ()) -> str:
    """The names of rules, in force or in a draft, that work now, but would not without this point."""
    before = custom_points_of(tenant)
    rows = CustomDataPoint.objects.filter(tenant=tenant).exclude(pk=without)
    after = [*(CustomPoint.from_json(row.snapshot()) for row in rows), *instead]
    broken = dict.fromkeys(
        f"{rule.name} ({rule.configuration.action_code})"
        for rule in [*drafts(tenant), *in_force(tenant)]
        if problems_of(rule, after) and not problems_of(rule, before)
    )
    return ", ".join([*broken][:5])


def drafts(tenant: Tenant) -> Iterable[Rule]:
    return Rule.objects.filter(configuration__tenant=tenant).select_related("configuration")


def in_force(tenant: Tenant) -> Iterator[Rule]:
    """The rules that decide now, as rows that are nowhere stored."""
    kept = PolicyVersion.objects.filter(configuration__tenant=tenant, version=F("configuration__version"))
    for version in kept.select_related("configuration"):
        for snapshot in version.rules:
            rule = Rule(pk=snapshot["ruleId"], configuration=version.configuration)
            rule.restore(snapshot)
            yield rule
