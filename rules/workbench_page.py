"""What the page of a rule answers beside the page itself: the rows anew, a new data point, a template."""

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from authsignal_portal import access
from authsignal_portal.access import Access, Right
from authsignal_portal.form_limits import takes_large_forms
from authsignal_portal.tenant_admin import TenantAdmin
from rules.builder import Builder
from rules.models import ActionConfiguration
from rules.own import Own
from rules.point_dialog import add_missing, added, point_form
from rules.point_list import entries
from rules.registry import CustomPoint
from rules.sentence import sentence
from rules.templates import BY_SLUG, TEMPLATES
from rules.trial import Case, PastAction
from rules.workbench import own_of, pressed, try_out


class WorkbenchPage(TenantAdmin):
    right = Right.CONFIGURE

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        return [
            path("sentence/", wrap(self.fragment), name="rules_rule_builder"),
            path("points/", wrap(self.add_point), name="rules_rule_points"),
            path("template/", wrap(self.use_template), name="rules_rule_template"),
            *super().get_urls(),
        ]

    # -- what happened, for trying a rule: the app that knows it overrides these ------------------

    def recent(self, here: Access, action_code: str) -> list[PastAction]:
        """Actions to try a rule of this code on, newest first."""
        return []

    def case(self, here: Access, ident: str) -> Case | None:
        """The facts of one of them, as far as who looks may know them; None where there is no such action."""
        return None

    # -- parts of the page ------------------------------------------------------------------------

    def beside(
        self, request: HttpRequest, builder: Builder, configuration: ActionConfiguration, *, with_templates: bool
    ) -> dict[str, Any]:
        """What stands around the rows: the trial, the dialog of data points, the templates."""
        here = access.must(request)
        return {
            "trial": try_out(builder, cast(Any, request.POST), here, self),
            "recent": self.recent(here, configuration.action_code),
            "entries": entries(builder.own),
            "point_form": point_form(request),
            "templates": _templates(builder.own) if with_templates else [],
        }

    @takes_large_forms
    def fragment(self, request: HttpRequest) -> HttpResponse:
        """The builder and its trial alone, after a button or a change, for the page's script; while somebody types
        (`retell`), only what is said of them."""
        here = self._configuring(request)
        builder = pressed(request, own_of(here.tenant))
        trial = try_out(builder, cast(Any, request.POST), here, self)
        template = "portal/told.html" if request.POST.get("builder") == "retell" else "portal/workbench.html"
        return self.page(request, template, builder=builder, trial=trial, may=True)

    def add_point(self, request: HttpRequest) -> HttpResponse:
        """The dialog of data points after its form was sent, for the page's script."""
        here = self._configuring(request)
        form = point_form(request, request.POST)
        point = added(request, form)
        return self.page(
            request,
            "portal/point_dialog.html",
            entries=entries(own_of(here.tenant)),
            point_form=point_form(request) if point else form,
            added=CustomPoint.from_json(point.snapshot()).key if point else "",
        )

    def use_template(self, request: HttpRequest) -> HttpResponse:
        """Make the data points that a template needs, then begin a rule with it."""
        self._configuring(request)
        configuration = configuration_of(request, request.POST.get("configuration", ""))
        template = BY_SLUG.get(request.POST.get("template", ""))
        if template is None:
            raise Http404
        made = add_missing(request, template.points)
        if made:
            messages.success(request, _("Added the custom data points %(names)s.") % {"names": ", ".join(made)})
        query = urlencode({"configuration": configuration.pk, "template": template.slug})
        return HttpResponseRedirect(f"{reverse('portal:rules_rule_add')}?{query}")

    def _configuring(self, request: HttpRequest) -> Access:
        """Whoever sends what only those send who change rules. Raises Http404 and PermissionDenied."""
        here = access.must(request)
        if request.method != "POST":
            raise Http404
        if not here.may(self.right):
            raise PermissionDenied
        return here


def configuration_of(request: HttpRequest, wanted: str) -> ActionConfiguration:
    """The tenant's action with this id. Raises Http404."""
    rows = ActionConfiguration.objects.filter(tenant=access.must(request).tenant)
    found = rows.filter(pk=wanted).first() if access.is_uuid(wanted) else None
    if found is None:
        raise Http404
    return found


def _templates(own: Own) -> list[dict[str, Any]]:
    there = {(point.model, point.name) for point in own.points}
    return [
        {
            "template": one,
            "sentence": sentence(one.conditions, custom_points=one.points),
            "missing": [point for point in one.points if (point.model, point.name) not in there],
        }
        for one in TEMPLATES
    ]
