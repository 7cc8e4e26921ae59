"""The staff portal: an admin site that opens only to members of a tenant who gave both factors."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import auth, messages
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.encoding import force_bytes
from django.utils.functional import Promise
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from unfold.sites import UnfoldAdminSite

from audit import log
from audit.events import Tag
from authsignal_portal import access, sign_in
from authsignal_portal.widgets import dress

Text = str | Promise
View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Item:
    """A link of the navigation: its title, the name of its URL, and an icon of the theme's font."""

    title: Text
    url_name: str
    icon: str


NAVIGATION: tuple[tuple[Text, tuple[Item, ...]], ...] = (
    (_("Overview"), (Item(_("Dashboard"), "index", "space_dashboard"),)),
    (
        _("Activity"),
        (
            Item(_("Activity"), "actions_action_changelist", "timeline"),
            Item(_("Track a test action"), "test_action", "science"),
        ),
    ),
    (
        _("Actions & rules"),
        (
            Item(_("Actions"), "rules_actionconfiguration_changelist", "rule"),
            Item(_("Custom data points"), "rules_customdatapoint_changelist", "data_object"),
            Item(_("Value lists"), "rules_valuelist_changelist", "list_alt"),
        ),
    ),
    (_("Users"), (Item(_("Users"), "authenticators_enduser_changelist", "group"),)),
    (
        _("Settings"),
        (
            Item(_("Tenant"), "authsignal_portal_tenant_changelist", "apartment"),
            Item(_("Authenticators"), "authenticators_authenticatorconfiguration_changelist", "fingerprint"),
            Item(_("Message providers"), "authenticators_messageprovider_changelist", "outgoing_mail"),
            Item(_("Identity providers"), "authenticators_identityprovider_changelist", "assignment_ind"),
            Item(_("App attestation"), "authenticators_attestedapps_changelist", "verified"),
            Item(_("Look of hosted pages"), "theme", "palette"),
            Item(_("Texts of pages and messages"), "wording", "translate"),
            Item(_("Sending"), "authenticators_sendingpause_changelist", "sms"),
            Item(_("API keys"), "authsignal_portal_apikey_changelist", "key"),
            Item(_("Members"), "authsignal_portal_membership_changelist", "badge"),
            Item(_("Audit log"), "audit_auditevent_changelist", "receipt_long"),
        ),
    ),
)


def same_origin(view: View) -> View:
    """With the server's `no-referrer` browsers post forms with the origin `null`, which the CSRF check refuses."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(*args, **kwargs)
        response["Referrer-Policy"] = "same-origin"
        return response

    return answer


# Adds to the dashboard's context; the app that knows what happened sets it.
Dashboard = Callable[[access.Access], dict[str, Any]]


class PortalSite(UnfoldAdminSite):  # type: ignore[misc]  # the theme has no types
    site_title = _("Authsignal portal")
    site_header = _("Authsignal portal")
    index_title = _("Dashboard")
    index_template = "portal/dashboard.html"
    enable_nav_sidebar = False

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.dashboard: Dashboard | None = None
        self.pages: list[tuple[str, View, str]] = []

    def has_permission(self, request: HttpRequest) -> bool:
        return access.of(request) is not None

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        return same_origin(super().admin_view(view, cacheable))

    def page(self, route: str, view: View, *, name: str) -> None:
        """Add a page of an app that stands for no model."""
        self.pages.append((route, view, name))

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("tenants/", self.admin_view(self.tenants), name="tenants"),
            path("session/", self.admin_view(self.session), name="session"),
            path("invite/<uidb64>/<token>/", Invitation.as_view(extra_context=self.signed_out()), name="invite"),
            *(path(route, self.admin_view(view), name=name) for route, view, name in self.pages),
        ]
        theirs: list[URLPattern] = super().get_urls()
        return own + theirs

    def signed_out(self) -> dict[str, Any]:
        return {"site_title": self.site_title, "site_header": self.site_header}

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request) | self.signed_out()
        here = access.of(request)
        if here is not None:
            context |= {
                "portal_tenant": here.tenant.name,
                # Where it does not fit in one line, it breaks before the @.
                "portal_account": here.user.get_username().partition("@"),
                "portal_role": here.membership.get_role_display(),
                "portal_may_test": here.may(access.Right.TEST),
                "portal_may_switch": len(here.memberships) > 1,
                "portal_navigation": _navigation(request, here),
                "access": here,
            }
        return context

    # Django's lists of apps and of search results are replaced by the navigation.
    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        return []

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> HttpResponse:
        return redirect("portal:index")

    def search(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        raise Http404

    # No form of ours looks anything up while it is typed.
    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        raise Http404

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        panels = self.dashboard(access.must(request)) if self.dashboard else {}
        context = {**self.each_context(request), "title": self.index_title, **panels, **(extra_context or {})}
        request.current_app = self.name
        return TemplateResponse(request, self.index_template, context)

    @method_decorator([same_origin, never_cache, csrf_protect, sensitive_post_parameters()])
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return sign_in.view(request, self.signed_out())

    @method_decorator(never_cache)
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method != "POST":
            return redirect("portal:index")
        auth.logout(request)
        messages.success(request, _("You are signed out."))
        response = redirect("portal:login")
        response["Clear-Site-Data"] = '"cache", "storage"'
        return response

    @transaction.atomic
    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        here = access.must(request)
        problem = sign_in.try_own_password(request, here.user) if request.method == "POST" else ""
        if problem:
            messages.error(request, problem)
            return redirect("portal:password_change")
        response: HttpResponse = super().password_change(request, extra_context)
        if request.method == "POST":
            sign_in.judge_own_password(request, here.user, knew_it="old_password" not in _errors(response))
        if request.method == "POST" and response.status_code == 302:
            for membership in here.memberships:
                log.record(Tag.MEMBER_CHANGED, tenant_id=membership.tenant_id, actor=here.actor, fields=["password"])
        return response

    def session(self, request: HttpRequest) -> HttpResponse:
        """For a page that has been open for a while: whether somebody is signed in, and what its forms must send now.

        Whoever has signed in again has another token against forged requests than the page was given.
        """
        return JsonResponse({"token": get_token(request)})

    def tenants(self, request: HttpRequest) -> HttpResponse:
        """Choose the tenant that all pages show."""
        here = access.must(request)
        if request.method == "POST":
            wanted = request.POST.get("tenant", "")
            for membership in here.memberships:
                if str(membership.tenant_id) == wanted:
                    access.choose(request, membership)
                    return redirect("portal:index")
        context = {**self.each_context(request), "title": _("Switch tenant")}
        return TemplateResponse(request, "portal/tenants.html", context)


def _errors(response: HttpResponse) -> Any:
    form = (getattr(response, "context_data", None) or {}).get("form")
    return form.errors if form is not None else {}


@method_decorator([same_origin, never_cache], name="dispatch")
class Invitation(PasswordResetConfirmView):
    """Where an invited member of staff sets their first password; good for one use and three days."""

    template_name = "portal/invitation.html"
    success_url = reverse_lazy("portal:login")
    title = _("Choose your password")

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        dress(form)
        return form

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        # Without a link that is good there is no form.
        assert self.user is not None
        sign_in.record_own_change(self.user, "password")
        return response

    def get_context_data(self, **kwargs: Any) -> Any:
        context = super().get_context_data(**kwargs)
        if not context["validlink"]:
            # Django's speaks of a password that was to be reset.
            context["title"] = _("This link no longer works")
        return context


def invitation(user: User) -> str:
    """The path at which this person, who has no password yet, sets one."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("portal:invite", args=[uid, default_token_generator.make_token(user)])


def _navigation(request: HttpRequest, here: access.Access) -> list[dict[str, Any]]:
    groups = []
    for title, items in NAVIGATION:
        shown = [
            {
                "title": item.title,
                "icon": item.icon,
                "url": (url := reverse(f"portal:{item.url_name}")),
                "here": _is_here(request.path, url, item),
            }
            for item in items
            if item.url_name != "test_action" or here.may(access.Right.TEST)
        ]
        groups.append({"title": title, "items": shown})
    return groups


def _is_here(path_now: str, url: str, item: Item) -> bool:
    return path_now == url if item.url_name == "index" else path_now.startswith(url)


site = PortalSite(name="portal")
