"""The pages of backtests: to begin one, to watch it, its report, and an action that would have come out otherwise."""

import uuid
from collections.abc import Iterable
from typing import Any, Final

import structlog
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from actions import backtest as backtests
from actions import tasks
from actions.activity_page import verdict
from actions.backtest_shown import draft_verdict, number, shown_report, told_of
from actions.models import Action, ActionFacts, Backtest
from audit import log
from audit.events import Tag
from authsignal_portal import access, portal, words
from authsignal_portal.access import Access, Right
from authsignal_portal.errors import Conflict
from authsignal_portal.tenant_admin import TenantAdmin
from authsignal_portal.widgets import dress
from rules.models import ActionConfiguration

RIGHT: Final = Right.TEST
LISTED: Final = 20
DAYS: Final = {7: _("The last 7 days"), 30: _("The last 30 days"), 90: _("The last 90 days")}

logger = structlog.get_logger(__name__)


class BacktestForm(forms.Form):
    days = forms.TypedChoiceField(label=_("Actions of"), choices=list(DAYS.items()), coerce=int, initial=30)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)


# -- beginning -----------------------------------------------------------------------------------


def new(request: HttpRequest) -> HttpResponse:
    """Begin a backtest of the draft of `?configuration=<id>`; below, the earlier ones."""
    here = access.must(request)
    wanted = request.GET.get("configuration", "")
    mine = ActionConfiguration.objects.filter(tenant=here.tenant)
    configuration = mine.filter(pk=wanted).first() if access.is_uuid(wanted) else None
    if configuration is None:
        raise Http404
    if request.method == "POST" and not here.may(RIGHT):
        raise PermissionDenied
    form = BacktestForm(request.POST if request.method == "POST" else None)
    begun = _begun(here, configuration, form) if form.is_valid() else None
    if begun is not None:
        return HttpResponseRedirect(reverse("portal:actions_backtest_change", args=[begun.pk]))
    context = {
        **portal.site.each_context(request),
        "title": translate("Try the draft on past actions"),
        "crumbs": crumbs(configuration),
        "form": form,
        "configuration": configuration,
        "may": here.may(RIGHT),
        "open": Backtest.objects.filter(backtests.OPEN, tenant=here.tenant).first(),
        "earlier": earlier(configuration, here),
    }
    return TemplateResponse(request, "portal/backtest_new.html", context)


def _begun(here: Access, configuration: ActionConfiguration, form: BacktestForm) -> Backtest | None:
    days = form.cleaned_data["days"]
    try:
        with transaction.atomic():
            made = backtests.begin(configuration, days=days, author_id=here.user.pk)
            about = {"row": str(made.pk), "action_code": configuration.action_code, "version": made.policy["version"]}
            log.record(Tag.BACKTEST_STARTED, tenant_id=here.tenant.pk, actor=here.actor, days=days, **about)
            transaction.on_commit(lambda: wake(made))
    except Conflict as conflict:
        form.add_error(None, conflict.description)
        return None
    return made


def wake(backtest: Backtest) -> None:
    """Have a worker run it. Where the queue cannot be reached, it has failed."""
    try:
        tasks.run_backtest.delay(str(backtest.pk))
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("a backtest could not be queued", backtest=str(backtest.pk), reason=type(error).__name__)
        backtests.fail(backtest, translate("The queue of the workers could not be reached. Try again later."))


def earlier(configuration: ActionConfiguration, here: Access) -> list[dict[str, Any]]:
    """The newest backtests of an action."""
    rows = list(Backtest.objects.filter(configuration=configuration)[:LISTED])
    names = _authors(rows, here)
    return [
        {
            "backtest": row,
            "status": shown_status(row, here),
            "author": names.get(row.author_id, ""),
            "version": row.policy["version"],
            "changed": number(row.report["changed"]) if row.report else "–",
            "actions": number(row.report["actions"]) if row.report else "–",
        }
        for row in rows
    ]


def _authors(rows: Iterable[Backtest], here: Access) -> dict[int | None, str]:
    idents = {row.author_id for row in rows if row.author_id is not None}
    found = User.objects.filter(pk__in=idents, memberships__tenant=here.tenant).values_list("pk", "username")
    return dict(found)


def crumbs(configuration: ActionConfiguration) -> list[tuple[str, str | Promise]]:
    rules = reverse("portal:rules_actionconfiguration_rules", args=[configuration.pk])
    return [(reverse("portal:rules_actionconfiguration_changelist"), _("Actions")), (rules, configuration.action_code)]


def new_url(configuration: ActionConfiguration) -> str:
    return f"{reverse('portal:backtest_new')}?configuration={configuration.pk}"


TONES: Final = {Backtest.Status.DONE: "good", Backtest.Status.FAILED: "bad", Backtest.Status.RUNNING: "info"}


def shown_status(backtest: Backtest, here: Access) -> dict[str, Any]:
    """As a reader is told: one that nobody works on any more has failed."""
    silent = backtests.is_silent(backtest, here.now)
    status = Backtest.Status.FAILED if silent else Backtest.Status(backtest.status)
    error = backtests.silence() if silent else backtest.error
    return {"name": status.value, "text": capfirst(status.label), "tone": TONES.get(status, ""), "error": error}


# -- one backtest --------------------------------------------------------------------------------


class BacktestPage(TenantAdmin):
    """A backtest is begun on its own page (`portal:backtest_new`) and never changed."""

    right = RIGHT
    may_change = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("configuration", "tenant")

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:object_id>/progress/", wrap(self.progress), name="actions_backtest_progress"),
            path("<uuid:object_id>/cancel/", wrap(self.cancel), name="actions_backtest_cancel"),
            path("<uuid:object_id>/actions/<uuid:action_id>/", wrap(self.sample), name="actions_backtest_action"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("portal:rules_actionconfiguration_changelist"))

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        backtest: Backtest = self.found(request, object_id)
        here = access.must(request)
        configuration = backtest.configuration
        status = shown_status(backtest, here)
        return self.page(
            request,
            "portal/backtest.html",
            title=translate("Backtest of %(code)s") % {"code": configuration.action_code},
            crumbs=[*crumbs(configuration), (new_url(configuration), _("Backtests"))],
            backtest=backtest,
            version=backtest.policy["version"],
            author=_authors([backtest], here).get(backtest.author_id, ""),
            status=status,
            is_open=status["name"] in (Backtest.Status.QUEUED, Backtest.Status.RUNNING),
            progress=progress_of(backtest, here),
            again=new_url(configuration),
            may=here.may(RIGHT),
            **(shown_report(backtest, backtest.report) if backtest.report else {}),
        )

    def progress(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        """For the page's script."""
        backtest: Backtest = self.found(request, str(object_id))
        here = access.must(request)
        return JsonResponse(progress_of(backtest, here) | {"status": shown_status(backtest, here)["name"]})

    def cancel(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        backtest: Backtest = self.found(request, str(object_id))
        if not access.must(request).may(RIGHT):
            raise PermissionDenied
        if request.method == "POST":
            backtests.cancel(backtest)
        return HttpResponseRedirect(reverse("portal:actions_backtest_change", args=[backtest.pk]))

    def sample(self, request: HttpRequest, object_id: uuid.UUID, action_id: uuid.UUID) -> HttpResponse:
        """One of the sampled actions: what its rules of then made of it, and what the draft does."""
        backtest: Backtest = self.found(request, str(object_id))
        here = access.must(request)
        told = told_of(backtest, action_id)
        action = Action.objects.filter(pk=action_id, tenant=here.tenant).select_related("user").first()
        if told is None or action is None:
            raise Http404
        facts = ActionFacts.objects.filter(pk=action.pk).first()
        back = reverse("portal:actions_backtest_change", args=[backtest.pk])
        return self.page(
            request,
            "portal/backtest_action.html",
            title=translate("Before and with the draft"),
            crumbs=[*crumbs(backtest.configuration), (back, _("Backtest"))],
            action=action,
            before=words.OUTCOMES.get(action.outcome, action.outcome),
            then=verdict(facts, here) if facts else None,
            draft=draft_verdict(backtest, facts, told, here) if facts else None,
        )


def progress_of(backtest: Backtest, here: Access) -> dict[str, Any]:
    if backtest.cancel_requested:
        text = translate("Stopping …")
    elif backtests.is_forgotten(backtest, here.now):
        text = translate("No worker has taken it up yet. Is one running?")
    elif backtest.status == Backtest.Status.QUEUED:
        text = translate("Waiting for its turn …")
    elif not backtest.total:
        text = translate("Looking for the actions …")
    else:
        text = translate("%(part)s %% done") % {"part": backtest.per_cent}
    return {"percent": backtest.per_cent, "text": text}
