"""The page of one rule: a form that works without scripts, with the builder in it."""

import json
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import Tag
from authsignal_portal import access, json_body
from authsignal_portal.access import Right
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.form_limits import takes_large_forms
from authsignal_portal.tenant_admin import TenantAdmin
from authsignal_portal.vocabulary import Role
from rules import condition_tree, publishing
from rules.builder import Builder
from rules.buttons import press
from rules.drawing import draw, redraw
from rules.forms import Garbled, read_fields
from rules.models import ActionConfiguration, Rule
from rules.order import Unordered, last_priority
from rules.overtaken import Overtaken, overtaken
from rules.rule_form import RuleForm, fingerprint
from rules.sentence import sentence
from rules.templates import BY_SLUG
from rules.workbench import own_of, pressed
from rules.workbench_page import WorkbenchPage, configuration_of


class RulePage(WorkbenchPage):
    """Registered by `actions`, which knows the past; a rule is reached from the page of its action."""

    right = Right.CONFIGURE
    tenant_path = "configuration__tenant"
    may_add = may_delete = True
    added, changed, deleted = Tag.RULE_CREATED, Tag.RULE_UPDATED, Tag.RULE_DELETED

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("configuration")

    def audit_data(self, obj: Rule) -> dict[str, Any]:
        return {"rule": str(obj.pk), "action_code": obj.configuration.action_code}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("portal:rules_actionconfiguration_changelist")

    @takes_large_forms
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        rule = Rule(configuration=configuration_of(request, request.GET.get("configuration", "")))
        template = BY_SLUG.get(request.GET.get("template", ""))
        if template is not None:
            rule.name, rule.description, rule.outcome = template.name, template.description, template.outcome
            rule.conditions, rule.when_unknown = template.conditions, template.when_unknown
            rule.verification_methods = list(template.verification_methods) or None
        return Editing(self, request, rule, is_new=True).answer()

    @takes_large_forms
    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return Editing(self, request, self.found(request, object_id), is_new=False).answer()

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        text = _("Only the draft changes: what is in force stays until you publish, and the rule can be brought back.")
        rule: Rule = self.found(request, object_id)
        # Without the code that other pages ask for: nothing acts until it is published.
        return super(TenantAdmin, self).delete_view(
            request, object_id, {"text": text, "crumbs": _crumbs(rule.configuration)}
        )

    def delete_model(self, request: Any, obj: Rule) -> None:
        # The configuration is locked first here as everywhere: two changes at once wait, and do not block each other.
        configuration = ActionConfiguration.objects.select_for_update().get(pk=obj.configuration_id)
        super().delete_model(request, obj)
        note = gettext("Rule “%(name)s” deleted") % {"name": obj.name}
        configuration.save_draft(author_id=access.must(request).user.pk, note=note)
        request.back = reverse("portal:rules_actionconfiguration_rules", args=[configuration.pk])

    def response_delete(self, request: Any, obj_display: str, obj_id: Any) -> HttpResponse:
        messages.success(request, _("The rule “%(name)s” was deleted from the draft.") % {"name": obj_display})
        return HttpResponseRedirect(request.back)


class Stale(Exception):
    """The rule is no longer what the page showed; `stored` is what it is now."""

    def __init__(self, stored: Rule) -> None:
        super().__init__(stored.pk)
        self.stored = stored


class Surplus(Exception):
    """With this rule, the rules of the action ask more of the past than they may."""


class Editing:
    """One request to the page of one rule."""

    def __init__(self, page: RulePage, request: HttpRequest, rule: Rule, *, is_new: bool) -> None:
        self.page, self.request, self.rule, self.is_new = page, request, rule, is_new
        self.here = access.must(request)
        self.may = self.here.may(page.right)
        self.own = own_of(self.here.tenant)
        self.points = self.own.points
        self.stored = rule.conditions
        self.title = _("New rule") if is_new else rule.name
        self.seen = fingerprint(rule)
        self.as_json = self.here.membership.role == Role.ADMIN and request.GET.get("as") == "json"
        self.builder: Builder | None = None
        self.overtaken: Overtaken | None = None
        self.json_text, self.json_problems = json.dumps(rule.conditions, indent=2, ensure_ascii=False), []  # type: ignore[var-annotated]

    def answer(self) -> HttpResponse:
        if self.is_new and not self.may:
            raise PermissionDenied
        if self.request.method != "POST":
            form = RuleForm(instance=self.rule)
            self._draw()
            return self._show(form)
        if not self.may:
            raise PermissionDenied
        form = RuleForm(self.request.POST, instance=self.rule)
        if "builder" in self.request.POST:
            # Neither saved nor judged: the row of the button changes, and what was typed stays.
            form._errors = forms.utils.ErrorDict()  # type: ignore[attr-defined]
            self.builder = pressed(self.request, self.own)
            return self._show(form)
        return self._save(form)

    # -- what is shown ----------------------------------------------------------------------------

    def _draw(self) -> None:
        if self.as_json:
            return
        wanted = redraw if self.request.GET.get("as") == "rows" else draw
        root = wanted(self.stored, custom_points=self.points)
        if root is not None:
            if self.is_new and not root.children:
                press(root, "add:0")
            self.builder = Builder(root, own=self.own, demand=not self.is_new)

    def _show(self, form: RuleForm) -> HttpResponse:
        configuration = self.rule.configuration
        overview = reverse("portal:rules_actionconfiguration_rules", args=[configuration.pk])
        return self.page.page(
            self.request,
            "portal/rule.html",
            title=self.title,
            crumbs=_crumbs(configuration),
            form=form,
            rule=self.rule,
            is_new=self.is_new,
            may=self.may,
            builder=self.builder,
            **self._beside(),
            seen=self.request.POST.get("seen", self.seen),
            overtaken=self.overtaken,
            max_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            max_fields=settings.DATA_UPLOAD_MAX_NUMBER_FIELDS,
            back=overview,
            as_json=self.as_json,
            may_json=self.here.membership.role == Role.ADMIN,
            json_text=self.json_text,
            json_problems=self.json_problems,
            sentence=sentence(self.stored, custom_points=self.points),
            can_redraw=self.builder is None and redraw(self.stored, custom_points=self.points) is not None,
        )

    def _beside(self) -> dict[str, Any]:
        if self.builder is None or not self.may:
            return {}
        choosing = self.is_new and self.request.method != "POST"
        return self.page.beside(self.request, self.builder, self.rule.configuration, with_templates=choosing)

    # -- saving -----------------------------------------------------------------------------------

    def _save(self, form: RuleForm) -> HttpResponse:
        valid = form.is_valid()
        conditions = self._conditions(form)
        if not valid or conditions is None:
            return self._show(form)
        changed = list(form.changed_data) + (["conditions"] if not same(conditions, self.stored) else [])
        self.rule.conditions = conditions
        try:
            with transaction.atomic():
                self._store(changed)
        except Stale as stale:
            seen = self.request.POST.get("seen", "")
            self.overtaken = overtaken(stale.stored, self.rule.configuration, seen=seen)
            return self._show(form)
        except (Unordered, Surplus) as refused:
            form.add_error(None, str(refused))
            return self._show(form)
        messages.success(self.request, _("The rule “%(name)s” was saved in the draft.") % {"name": self.rule.name})
        return redirect("portal:rules_actionconfiguration_rules", self.rule.configuration_id)

    def _store(self, changed: list[str]) -> None:
        configuration = ActionConfiguration.objects.select_for_update().get(pk=self.rule.configuration_id)
        if self.is_new:
            self.rule.priority = last_priority(configuration)
            self.rule.save(force_insert=True)
        else:
            stored = Rule.objects.filter(pk=self.rule.pk).first()
            if stored is None:
                raise Unordered(_("Somebody deleted this rule after you opened it. Its versions still have it."))
            if fingerprint(stored) != self.request.POST.get("over", self.request.POST.get("seen")):
                raise Stale(stored)
            if not changed:
                return
            self.rule.priority = stored.priority
            self.rule.save()
        self._check_surplus(configuration)
        self.page.record(
            self.request,
            Tag.RULE_CREATED if self.is_new else Tag.RULE_UPDATED,
            self.rule,
            **({} if self.is_new else {"fields": changed}),
        )
        note = gettext("Rule “%(name)s” added") if self.is_new else gettext("Rule “%(name)s” changed")
        configuration.save_draft(author_id=self.here.user.pk, note=note % {"name": self.rule.name})

    def _check_surplus(self, configuration: ActionConfiguration) -> None:
        """Call after it is stored, in the same transaction. Raises Surplus."""
        if not self.rule.is_active:
            return
        others = configuration.rules.filter(is_active=True).exclude(pk=self.rule.pk)
        beside = {key for other in others for key in publishing.velocities_in(other.conditions, self.points)}
        own = publishing.velocities_in(self.rule.conditions, self.points)
        for problem in publishing.surplus(own, beside=beside):
            raise Surplus(problem)

    def _conditions(self, form: RuleForm) -> Any:
        """The conditions to store, or None with the errors in place. Not sent at all: as they were."""
        if "node" in self.request.POST:
            return self._rows(form)
        if "conditions" in self.request.POST and self.here.membership.role == Role.ADMIN:
            self.as_json = True
            return self._json(form)
        self._draw()
        return self.stored if self._passes(form, self.stored, unchanged=True) else None

    def _rows(self, form: RuleForm) -> Any:
        try:
            root = read_fields(cast(Any, self.request.POST))
        except Garbled as garbled:
            form.add_error(None, str(garbled))
            self._draw()
            return None
        self.builder = Builder(root, own=self.own, demand=True)
        written = self.builder.written
        if not root.children:
            if self.rule.is_active:
                self.builder.refusal = "Add at least one condition, or switch the rule off."
                form.add_error(None, _("An active rule needs a condition."))
                return None
            return self.stored if condition_tree.is_empty(self.stored) else {}
        if not self.rule.is_active and same(written.conditions, self.stored):
            # Broken or not: it must be possible to switch a rule off.
            return self.stored
        if written.problems:
            form.add_error(None, _("Some conditions are not right yet. Each says below what to do."))
            return None
        return written.conditions

    def _json(self, form: RuleForm) -> Any:
        self.json_text = self.request.POST["conditions"]
        try:
            conditions = json_body.parse_object(self.json_text.encode())
        except InvalidRequest as error:
            form.add_error(None, json_body.told(error, str(_("The conditions"))))
            return None
        return conditions if self._passes(form, conditions, unchanged=False) else None

    def _passes(self, form: RuleForm, conditions: Any, *, unchanged: bool) -> bool:
        if not self.rule.is_active and (unchanged or condition_tree.is_empty(conditions)):
            return True
        try:
            condition_tree.check(conditions, custom_points=self.points, lists=self.own.lists)
        except condition_tree.ConditionsError as error:
            self.json_problems = [f"{problem.path}: {problem.message}" for problem in error.problems]
            form.add_error(None, _("The conditions cannot be used as they are."))
            return False
        return True


def _crumbs(configuration: ActionConfiguration) -> list[tuple[str, Any]]:
    overview = reverse("portal:rules_actionconfiguration_rules", args=[configuration.pk])
    return [
        (reverse("portal:rules_actionconfiguration_changelist"), _("Actions")),
        (overview, configuration.action_code),
    ]


def same(one: object, other: object) -> bool:
    return json.dumps(one) == json.dumps(other)
