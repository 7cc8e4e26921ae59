"""Portal pages about what happened, and those pages of other apps that show some of it."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from actions import (
    backtest_page,
    dashboard,
    devices,
    list_page,
    liveness,
    metrics_page,
    theme_page,
    trial_page,
    wording_page,
)
from actions.activity_page import ActivityPage, listed
from actions.backtest_page import BacktestPage
from actions.models import Action, Backtest, Device
from actions.rule_page import PastRulePage
from authenticators.models import EndUser
from authenticators.user_page import PAGE, UserPage, crumbs
from authsignal_portal import access, portal, words
from authsignal_portal.access import Access
from authsignal_portal.widgets import moment
from rules.admin import ConfigurationPage
from rules.models import ActionConfiguration, Rule
from rules.sent import SentKeys

# How far back the list of actions looks for the last one of each code.
LOOKED_AT = 10_000
LISTED = 20


class ActionConfigurationPage(ConfigurationPage):
    """With when each action was last tracked, and what its rules did."""

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:object_id>/metrics/", wrap(self.metrics), name="rule_metrics"),
            path("<uuid:object_id>/metrics/<uuid:rule_id>/", wrap(self.rule_metrics), name="rule_metrics_of_rule"),
            *super().get_urls(),
        ]

    def sent(self, configuration: ActionConfiguration) -> SentKeys | None:
        return liveness.sent_keys(configuration.tenant, configuration.action_code)

    def numbers(self, configuration: ActionConfiguration, now: datetime) -> Mapping[uuid.UUID, metrics_page.Line]:
        """What each rule did, for `portal/rule_numbers.html`."""
        return metrics_page.lines(configuration, now)

    def metrics(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        configuration: ActionConfiguration = self.found(request, str(object_id))
        return self.page(
            request,
            "portal/rule_metrics.html",
            title=_("What the rules of %(code)s did") % {"code": configuration.action_code},
            crumbs=self._crumbs(configuration),
            **metrics_page.of_action(access.must(request), configuration),
        )

    def rule_metrics(self, request: HttpRequest, object_id: uuid.UUID, rule_id: uuid.UUID) -> HttpResponse:
        configuration: ActionConfiguration = self.found(request, str(object_id))
        context = metrics_page.of_rule(access.must(request), configuration, rule_id)
        whole = (reverse("portal:rule_metrics", args=[configuration.pk]), _("What the rules did"))
        crumbs = [*self._crumbs(configuration), whole]
        title = context["line"].spec.name
        return self.page(request, "portal/rule_metrics_of_rule.html", title=title, crumbs=crumbs, **context)

    def _crumbs(self, configuration: ActionConfiguration) -> list[tuple[str, Any]]:
        overview = reverse("portal:rules_actionconfiguration_rules", args=[configuration.pk])
        actions = reverse("portal:rules_actionconfiguration_changelist")
        return [(actions, _("Actions")), (overview, configuration.action_code)]

    def get_list_display(self, request: HttpRequest) -> Any:
        seen = last_tracked(access.must(request))

        def last(row: ActionConfiguration) -> Any:
            return moment(seen.get(row.action_code))

        last.short_description = _("Last tracked")  # type: ignore[attr-defined]
        return [*super().get_list_display(request), last, "did"]

    def did(self, row: ActionConfiguration) -> Any:
        url = reverse("portal:rule_metrics", args=[row.pk])
        whose = format_html('<span class="portal-hidden">: {}</span>', row.action_code)
        return format_html('<a href="{}">{}{}</a>', url, _("What its rules did"), whose)

    did.short_description = _("Metrics")  # type: ignore[attr-defined]


def last_tracked(here: Access) -> dict[str, Any]:
    """When each code was last tracked, among the tenant's newest actions: one bounded query."""
    newest = Action.objects.filter(tenant=here.tenant).order_by("-created_at").values("pk")[:LOOKED_AT]
    rows = Action.objects.filter(pk__in=newest).order_by().values("action_code").annotate(last=Max("created_at"))
    return {row["action_code"]: row["last"] for row in rows}


class EndUserPage(UserPage):
    """With the user's devices and activity."""

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        route = "<uuid:user_pk>/devices/<int:device_pk>/invalidate/"
        return [
            path(route, wrap(self.invalidate_device), name="authenticators_enduser_invalidate_device"),
            path("<uuid:user_pk>/list/", wrap(self.add_to_list), name="authenticators_enduser_list"),
            *super().get_urls(),
        ]

    def panels(self, here: Access, user: EndUser) -> dict[str, Any]:
        actions = Action.objects.filter(user=user).select_related("user").order_by("-created_at")[:LISTED]
        seen = list(Device.objects.filter(user=user)[: LISTED + 1])
        names = devices.names_of(user, {device.device_id for device in seen})
        return {
            "devices": [
                {
                    "row": device,
                    "name": names.get(device.device_id, ""),
                    "method": words.method(device.last_verification_method),
                }
                for device in seen[:LISTED]
            ],
            "devices_cut": len(seen) > LISTED,
            "actions": [listed(action) for action in actions],
            "may_list": here.may(list_page.RIGHT),
            "now": here.now,
        }

    def add_to_list(self, request: HttpRequest, user_pk: Any) -> HttpResponse:
        user: EndUser = self.found(request, str(user_pk))
        return list_page.answer(
            self,
            request,
            list_page.of_user(user, access.must(request)),
            back=reverse(PAGE + "change", args=[user.pk]),
            about={"subject": user.pseudonym},
            crumbs=crumbs(user),
        )

    def invalidate_device(self, request: HttpRequest, user_pk: Any, device_pk: int) -> HttpResponse:
        user: EndUser = self.found(request, str(user_pk))
        device = Device.objects.filter(pk=device_pk, user=user).first()
        if device is None:
            raise Http404
        return self.confirmed(
            request,
            act=lambda here: devices.invalidate(device, user, actor=here.actor),
            back=reverse(PAGE + "change", args=[user.pk]),
            title=_("Invalidate a device"),
            text=_("The device %(device)s counts as new from now on, and is no longer remembered.")
            % {"device": device.device_id},
            button=_("Invalidate the device"),
            done=_("The device was invalidated."),
            crumbs=crumbs(user),
        )


portal.site.register(ActionConfiguration, ActionConfigurationPage)
portal.site.register(Rule, PastRulePage)
portal.site.register(EndUser, EndUserPage)
portal.site.register(Action, ActivityPage)
portal.site.register(Backtest, BacktestPage)
portal.site.page("backtests/new/", backtest_page.new, name="backtest_new")
portal.site.page("theme/", theme_page.view, name="theme")
portal.site.page("theme/preview/", theme_page.preview, name="theme_preview")
portal.site.page("theme/preview.css", theme_page.stored_sheet, name="theme_preview_css")
portal.site.page("theme/sheet/", theme_page.sheet, name="theme_sheet")
portal.site.page("wording/", wording_page.view, name="wording")
portal.site.page("test-action/", trial_page.view, name="test_action")
portal.site.dashboard = dashboard.context
