"""Portal pages of the rules: actions with their rules in order, and the tenant's own data points."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from audit.events import Tag
from authsignal_portal import access, portal, words
from authsignal_portal.access import Right
from authsignal_portal.models import Tenant
from authsignal_portal.tenant_admin import TenantAdmin
from authsignal_portal.widgets import MethodsField, badge, dress
from rules import jsonlogic
from rules.models import ActionConfiguration, CustomDataPoint, Rule
from rules.registry import CustomPoint
from rules.rule_page import RulePage, custom_points_of, renumber
from rules.sentence import sentence


class ConfigurationForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    verification_methods = MethodsField(
        label=_("Permitted methods"),
        choices=words.method_choices,
        help_text=_("None chosen: every method that is active for the tenant."),
    )

    class Meta:
        model = ActionConfiguration
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)

    tenant: Tenant

    def clean_action_code(self) -> str:
        code: str = self.cleaned_data["action_code"]
        if ActionConfiguration.objects.filter(tenant=self.tenant, action_code=code).exists():
            raise ValidationError(_("There is an action with this code already."))
        return code

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        methods, first = cleaned.get("verification_methods"), cleaned.get("default_verification_method")
        if methods and first and first not in methods:
            self.add_error("default_verification_method", _("Choose one of the permitted methods."))
        return cleaned


class ConfigurationPage(TenantAdmin):
    """Registered by `actions`, which knows when an action was last tracked."""

    form = ConfigurationForm
    right = Right.CONFIGURE
    may_add = True
    added, changed = Tag.ACTION_CONFIGURATION_CREATED, Tag.ACTION_CONFIGURATION_UPDATED
    intro = _("What your users do that may need a second look. Each action has its rules, looked at from the top.")
    list_display = ["code", "default", "rule_count"]
    list_display_links = None
    sortable_by = ()
    search_fields = ["action_code"]
    settings_fields = ["default_outcome", "verification_methods", "default_verification_method", "message"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(number_of_rules=Count("rules")).order_by("action_code")

    def audit_data(self, obj: ActionConfiguration) -> dict[str, Any]:
        return {"row": str(obj.pk), "action_code": obj.action_code}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        # The code is what backends send: it is chosen once.
        return [(None, {"fields": [*([] if obj else ["action_code"]), *self.settings_fields]})]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.tenant = access.must(request).tenant
        return form

    # -- columns -----------------------------------------------------------------------------------------------------

    def code(self, row: ActionConfiguration) -> Any:
        url = reverse("portal:rules_actionconfiguration_rules", args=[row.pk])
        new = format_html(" {}", badge(_("new"), "info")) if row.auto_created and not row.rules.exists() else ""
        return format_html('<a href="{}">{}</a>{}', url, row.action_code, new)

    code.short_description = _("Action")  # type: ignore[attr-defined]

    def default(self, row: ActionConfiguration) -> Any:
        return badge(row.get_default_outcome_display(), row.default_outcome)

    default.short_description = _("Default outcome")  # type: ignore[attr-defined]

    def rule_count(self, row: Any) -> Any:
        return row.number_of_rules or "–"

    rule_count.short_description = _("Rules")  # type: ignore[attr-defined]

    # -- pages -------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        empty = _("No actions yet. Add one, or track one from your backend: it then appears here by itself.")
        return super().changelist_view(request, {"add_title": _("Add action"), "empty": empty})

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        row = self.get_object(request, object_id)
        if row is None:
            return super().change_view(request, object_id, form_url, extra_context)
        overview = reverse("portal:rules_actionconfiguration_rules", args=[row.pk])
        crumbs = [(reverse("portal:rules_actionconfiguration_changelist"), _("Actions")), (overview, row.action_code)]
        context = {"title": _("Settings of %(code)s") % {"code": row.action_code}, "crumbs": crumbs}
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/rules/", wrap(self.rules), name="rules_actionconfiguration_rules"),
            path("<path:object_id>/order/", wrap(self.order), name="rules_actionconfiguration_order"),
            *super().get_urls(),
        ]

    def rules(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """An action's rules in the order in which they are looked at, and what holds otherwise."""
        configuration: ActionConfiguration = self.found(request, object_id)
        points = custom_points_of(configuration.tenant)
        rules = [
            {"rule": rule, "place": place, "sentence": sentence(rule.conditions, custom_points=points),
             "problems": problems_of(rule, points)}
            for place, rule in enumerate(configuration.rules.all(), start=1)
        ]
        return self.page(
            request,
            "portal/rules.html",
            title=configuration.action_code,
            crumbs=[(reverse("portal:rules_actionconfiguration_changelist"), _("Actions"))],
            configuration=configuration,
            rules=rules,
            may=self.has_change_permission(request),
        )

    def order(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Renumber the rules by the places that were typed, or move one by a button."""
        configuration: ActionConfiguration = self.found(request, object_id)
        back = redirect("portal:rules_actionconfiguration_rules", configuration.pk)
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return back
        try:
            with transaction.atomic():
                self._reorder(request, configuration)
        except Unordered as problem:
            messages.error(request, str(problem))
        return back

    def _reorder(self, request: HttpRequest, configuration: ActionConfiguration) -> None:
        configuration = ActionConfiguration.objects.select_for_update().get(pk=configuration.pk)
        rules = list(configuration.rules.all())
        wanted = reordered(rules, request.POST)
        if [rule.pk for rule in wanted] == [rule.pk for rule in rules]:
            messages.info(request, _("The order is as it was."))
            return
        renumber(wanted)
        self.record(request, self.changed, configuration, fields=["rule order"])
        configuration.changed()
        messages.success(request, _("The order was saved."))

    # -- saving ------------------------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            ActionConfiguration.objects.select_for_update().get(pk=obj.pk)
            if form.changed_data:
                obj.save(update_fields=self.settings_fields)
                obj.changed()
            return
        super().save_model(request, obj, form, change)
        obj.keep_version()

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        messages.success(request, _("The action was added. Until it has rules, its default outcome holds."))
        return redirect("portal:rules_actionconfiguration_rules", obj.pk)

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return redirect("portal:rules_actionconfiguration_rules", obj.pk)


class Unordered(ValueError):
    """The places that were sent do not name the rules that there are."""


def reordered(rules: list[Rule], sent: Any) -> list[Rule]:
    """The rules in the order that was asked for: `move` is `<rule>:up` or `:down`, `place-<rule>` a number each.

    Raises Unordered.
    """
    if "move" in sent:
        return _moved(rules, sent["move"])
    try:
        places = {rule.pk: int(sent[f"place-{rule.pk}"]) for rule in rules}
    except (KeyError, ValueError):
        raise Unordered(
            _("Give every rule a number. If somebody else changed the rules meanwhile, look at the list again.")
        ) from None
    # A rule that was given a place goes before the one that has it, or after it when it comes from above.
    now = {rule.pk: place for place, rule in enumerate(rules, start=1)}
    return sorted(rules, key=lambda rule: (places[rule.pk], _came_from(places[rule.pk], now[rule.pk])))


def _came_from(wanted: float, place: int) -> int:
    return -1 if wanted < place else 1 if wanted > place else 0


def _moved(rules: list[Rule], button: str) -> list[Rule]:
    ident, _colon, way = button.partition(":")
    place = next((place for place, rule in enumerate(rules) if str(rule.pk) == ident), None)
    if place is None or way not in ("up", "down"):
        raise Unordered(_("This rule is no longer there."))
    other = place + (-1 if way == "up" else 1)
    moved = list(rules)
    if 0 <= other < len(rules):
        moved[place], moved[other] = moved[other], moved[place]
    return moved


def problems_of(rule: Rule, points: Iterable[CustomPoint]) -> list[str]:
    _tree, problems = jsonlogic.read(rule.conditions, custom_points=points)
    return [problem.message for problem in problems]


class DataPointForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = CustomDataPoint
        fields = ["name", "model_type", "data_type", "description"]

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
    intro = _("Values that your backend sends under custom, made known so that rules can use them.")
    list_display = ["name", "data_type", "model_type", "description"]
    sortable_by = ()
    search_fields = ["name"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.tenant = access.must(request).tenant
        return form

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
            for configuration in configurations:
                configuration.changed()

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        point = self.get_object(request, object_id)
        broken = broken_rules(access.must(request).tenant, without=point.pk) if point else ""
        if broken:
            messages.error(request, _("These rules use it: %(rules)s. Change them first.") % {"rules": broken})
            return redirect("portal:rules_customdatapoint_change", object_id)
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        configurations = lock_configurations(access.must(request).tenant)
        super().delete_model(request, obj)
        for configuration in configurations:
            configuration.changed()


def lock_configurations(tenant: Tenant) -> list[ActionConfiguration]:
    return list(ActionConfiguration.objects.select_for_update().filter(tenant=tenant).order_by("pk"))


def broken_rules(tenant: Tenant, *, without: Any, instead: Iterable[CustomPoint] = ()) -> str:
    """The names of rules that work now, but would not without this point."""
    before = custom_points_of(tenant)
    rows = CustomDataPoint.objects.filter(tenant=tenant).exclude(pk=without)
    after = [*(CustomPoint.from_json(row.snapshot()) for row in rows), *instead]
    rules = Rule.objects.filter(configuration__tenant=tenant).select_related("configuration")
    broken = [rule for rule in rules if problems_of(rule, after) and not problems_of(rule, before)]
    return ", ".join(f"{rule.name} ({rule.configuration.action_code})" for rule in broken[:5])


portal.site.register(Rule, RulePage)
portal.site.register(CustomDataPoint, DataPointPage)
