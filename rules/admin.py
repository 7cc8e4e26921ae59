"""Portal pages of actions, with the draft of their rules in order."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import Tag
from authsignal_portal import access, portal, words
from authsignal_portal.access import Right
from authsignal_portal.models import Tenant
from authsignal_portal.widgets import MethodsField, badge, dress
from rules.data_point_page import DataPointPage
from rules.message_page import MessagePage
from rules.models import ActionConfiguration, CustomDataPoint, ValueList
from rules.order import Unordered, renumber, reordered
from rules.publishing import Refused, draft_difference, locked_as_seen
from rules.rule_form import custom_points_of, problems_of, prompt_field
from rules.sentence import sentence
from rules.value_list_page import ValueListPage
from rules.version_words import told
from rules.versions import REMOVED
from rules.versions_page import crumbs, draft_of, listed, seen_by

SETTINGS = [
    "display_name",
    "default_outcome",
    "verification_methods",
    "default_verification_method",
    "prompt_to_enroll_verification_methods",
]


class ConfigurationForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    verification_methods = MethodsField(
        label=_("Permitted methods"),
        choices=words.method_choices,
        help_text=_("None chosen: every method that is active for the tenant."),
    )
    prompt_to_enroll_verification_methods = prompt_field(
        _("What a user is asked to set up after proving themselves. None chosen: nothing.")
    )

    class Meta:
        model = ActionConfiguration
        fields = ["action_code", *SETTINGS]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Who may only read has no fields here.
        if first := self.fields.get("default_verification_method"):
            first.choices = words.first_method_choices()  # type: ignore[attr-defined]
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


class ConfigurationPage(MessagePage):
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).annotate(number_of_rules=Count("rules"))
        counted: QuerySet[Any] = rows.order_by("action_code")
        return counted

    def audit_data(self, obj: ActionConfiguration) -> dict[str, Any]:
        return {"row": str(obj.pk), "action_code": obj.action_code}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        # The code is what backends send: it is chosen once.
        return [(None, {"fields": [*([] if obj else ["action_code"]), *SETTINGS]})]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.tenant = access.must(request).tenant
        return form

    # -- columns ----------------------------------------------------------------------------------

    def code(self, row: ActionConfiguration) -> Any:
        url = reverse("portal:rules_actionconfiguration_rules", args=[row.pk])
        new = format_html(" {}", badge(_("New"), "info")) if row.auto_created and not row.rules.exists() else ""
        draft = format_html(" {}", badge(_("Draft"), "warning")) if row.has_draft and draft_difference(row) else ""
        return format_html('<a href="{}">{}</a>{}{}', url, row.action_code, new, draft)

    code.short_description = _("Action")  # type: ignore[attr-defined]

    def default(self, row: ActionConfiguration) -> Any:
        return badge(row.get_default_outcome_display(), row.default_outcome)

    default.short_description = _("Default outcome")  # type: ignore[attr-defined]

    def rule_count(self, row: Any) -> Any:
        return row.number_of_rules or "–"

    rule_count.short_description = _("Rules")  # type: ignore[attr-defined]

    # -- pages ------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        empty = _("No actions yet. Add one, or track one from your backend: it then appears here by itself.")
        return super().changelist_view(request, {"add_title": _("Add action"), "empty": empty})

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        row = self.get_object(request, object_id)
        if row is None:
            return super().change_view(request, object_id, form_url, extra_context)
        intro = _("These settings are no part of the draft: they act as soon as you save them.")
        title = _("Settings of %(code)s") % {"code": row.action_code}
        context = {"title": title, "crumbs": crumbs(row), "intro": intro}
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/rules/", wrap(self.rules), name="rules_actionconfiguration_rules"),
            path("<path:object_id>/order/", wrap(self.order), name="rules_actionconfiguration_order"),
            *super().get_urls(),
        ]

    def numbers(self, configuration: ActionConfiguration, now: datetime) -> Mapping[uuid.UUID, Any]:
        """What is known of each rule's past, for `portal/rule_numbers.html`: the app that counts it says."""
        return {}

    def rules(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The draft of an action's rules, in the order in which they are looked at, and how it differs."""
        configuration: ActionConfiguration = self.found(request, object_id)
        points = custom_points_of(configuration.tenant)
        found = draft_difference(configuration)
        changes = {rule.rule_id: rule for rule in told(found).rules}
        numbers = self.numbers(configuration, access.must(request).now)
        rules = [
            {
                "rule": rule,
                "place": place,
                "sentence": sentence(rule.conditions, custom_points=points),
                "problems": problems_of(rule, points),
                "change": changes.get(str(rule.pk)),
                "numbers": numbers.get(rule.pk),
            }
            for place, rule in enumerate(configuration.rules.all(), start=1)
        ]
        return self.page(
            request,
            "portal/rules.html",
            title=configuration.action_code,
            crumbs=[(reverse("portal:rules_actionconfiguration_changelist"), _("Actions"))],
            configuration=configuration,
            rules=rules,
            removed=[rule for rule in changes.values() if rule.kind == REMOVED],
            draft=draft_of(configuration, found),
            in_force=listed(configuration, [configuration.published()])[0],
            findings=self.findings(configuration),
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
        except (Refused, Unordered) as problem:
            messages.error(request, str(problem))
        return back

    def _reorder(self, request: HttpRequest, configuration: ActionConfiguration) -> None:
        configuration = locked_as_seen(configuration, seen_by(request))
        rules = list(configuration.rules.all())
        wanted = reordered(rules, request.POST)
        if [rule.pk for rule in wanted] == [rule.pk for rule in rules]:
            messages.info(request, _("The order is as it was."))
            return
        renumber(wanted)
        self.record(request, self.changed, configuration, fields=["rule order"])
        author_id = access.must(request).user.pk
        configuration.save_draft(author_id=author_id, note=gettext("Order of the rules changed"))
        messages.success(request, _("The order was saved. It acts once you publish it."))

    # -- saving -----------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            ActionConfiguration.objects.select_for_update().get(pk=obj.pk)
            if form.changed_data:
                obj.save(update_fields=SETTINGS)
                obj.refreshed(author_id=access.must(request).user.pk, note=gettext("Settings changed"))
            return
        super().save_model(request, obj, form, change)
        obj.keep_version()

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        messages.success(request, _("The action was added. Until it has rules, its default outcome holds."))
        return redirect("portal:rules_actionconfiguration_rules", obj.pk)

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        return redirect("portal:rules_actionconfiguration_rules", obj.pk)


portal.site.register(CustomDataPoint, DataPointPage)
portal.site.register(ValueList, ValueListPage)
