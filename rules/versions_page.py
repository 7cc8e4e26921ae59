"""The pages of an action's versions: what is not in force yet, publishing it, and going back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _

from audit.events import Tag
from authsignal_portal import access
from authsignal_portal.models import Tenant
from authsignal_portal.tenant_admin import ProofForm, TenantAdmin
from rules import findings, publishing
from rules.findings import Findings
from rules.models import ActionConfiguration, PolicyVersion, Publication
from rules.publishing import Refused
from rules.sent import SentKeys
from rules.version_words import summary, told
from rules.versions import Difference, Snapshot, difference

PAGE_SIZE = 50
PAGE = "portal:rules_actionconfiguration_"


@dataclass(frozen=True, slots=True)
class Listed:
    """A version for a reader. `author` is empty for who is no member (any more); `since` is None if never in force."""

    kept: PolicyVersion
    author: str
    since: datetime | None
    until: datetime | None
    is_in_force: bool


def listed(configuration: ActionConfiguration, versions: Sequence[PolicyVersion]) -> list[Listed]:
    """Some versions of a configuration with who saved them and when they were in force. Two queries."""
    spans = _spans(configuration, versions)
    authors = _authors(configuration.tenant, versions)
    rows = []
    for kept in versions:
        since, until = spans.get(kept.version, (None, None))
        author = authors.get(kept.author_id or 0, "")
        rows.append(Listed(kept, author, since, until, kept.version == configuration.version))
    return rows


def _authors(tenant: Tenant, versions: Iterable[PolicyVersion]) -> dict[int, str]:
    members = User.objects.filter(pk__in={kept.author_id for kept in versions}, memberships__tenant=tenant)
    return dict(members.values_list("pk", "username"))


def _spans(
    configuration: ActionConfiguration, versions: Iterable[PolicyVersion]
) -> dict[int, tuple[datetime, datetime | None]]:
    """From when and until when each version was in force, by number; until is None for the one that is."""
    rows = configuration.publications.order_by("id")
    later = Publication.objects.filter(configuration=configuration, pk__gt=OuterRef("pk")).order_by("pk")
    shown = rows.filter(version__in=[kept.version for kept in versions])
    ended = shown.annotate(until=Subquery(later.values("at")[:1]))
    return {version: (since, until) for version, since, until in ended.values_list("version", "at", "until")}


class VersionsPage(TenantAdmin):
    """The part of an action's pages that is about its versions."""

    def get_urls(self) -> Any:
        wrap, name = self.admin_site.admin_view, "rules_actionconfiguration_"
        return [
            path("<path:object_id>/publish/", wrap(self.publish), name=name + "publish"),
            path("<path:object_id>/discard/", wrap(self.discard), name=name + "discard"),
            path("<path:object_id>/versions/", wrap(self.versions), name=name + "versions"),
            path("<path:object_id>/versions/<int:number>/", wrap(self.version), name=name + "version"),
            path("<path:object_id>/versions/<int:number>/revert/", wrap(self.revert), name=name + "revert"),
            *super().get_urls(),
        ]

    def findings(self, configuration: ActionConfiguration) -> Findings:
        """What the analysis of the draft found; shown on the list, hence after every save, and above publishing."""
        return findings.of_draft(configuration, sent=self.sent(configuration))

    def sent(self, configuration: ActionConfiguration) -> SentKeys | None:
        """What the tenant sends with this action, for whoever knows."""
        return None

    # -- publishing -------------------------------------------------------------------------------

    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What would change, and the button that lets it; only the draft that was shown is published."""
        configuration: ActionConfiguration = self.found(request, object_id)
        if request.method != "POST":
            return self._publishing(request, configuration, ProofForm(request))
        self._must_change(request)
        form = ProofForm(request, request.POST)
        if not form.is_valid():
            return self._publishing(request, configuration, form)
        try:
            self._publish(request, configuration)
        except Refused as refused:
            configuration.refresh_from_db()
            return self._publishing(request, configuration, ProofForm(request), refusal=str(refused))
        messages.success(request, _("The rules were published. They decide from the next action on."))
        return redirect(PAGE + "rules", configuration.pk)

    @transaction.atomic
    def _publish(self, request: HttpRequest, configuration: ActionConfiguration) -> None:
        number = publishing.publish(configuration, seen=seen_by(request), author_id=access.must(request).user.pk)
        self.record(request, Tag.RULES_PUBLISHED, configuration, version=number)

    def _publishing(
        self, request: HttpRequest, configuration: ActionConfiguration, form: ProofForm, *, refusal: str = ""
    ) -> HttpResponse:
        found = publishing.draft_difference(configuration)
        return self.page(
            request,
            "portal/publish.html",
            title=_("Publish %(code)s") % {"code": configuration.action_code},
            crumbs=crumbs(configuration),
            configuration=configuration,
            draft=draft_of(configuration, found),
            difference=told(found),
            faults=publishing.faults(configuration),
            findings=self.findings(configuration),
            form=form,
            refusal=refusal,
            may=self.has_change_permission(request),
        )

    # -- going back -------------------------------------------------------------------------------

    def discard(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make the draft what is in force."""
        configuration: ActionConfiguration = self.found(request, object_id)
        if request.method == "POST":
            back = partial(publishing.discard, configuration, note=_("Draft discarded"))
            done = _("The draft was discarded. It is kept as version %(version)s.")
            done %= {"version": configuration.draft_version}
            self._go_back(request, configuration, back, tag=Tag.DRAFT_DISCARDED, done=done)
        return redirect(PAGE + "rules", configuration.pk)

    def revert(self, request: HttpRequest, object_id: str, number: int) -> HttpResponse:
        """Make the draft what a version was; then to its publishing."""
        configuration: ActionConfiguration = self.found(request, object_id)
        kept = self._version(configuration, number)
        if request.method == "POST":
            note = _("As in version %(version)s") % {"version": number}
            back = partial(publishing.revert, configuration, kept, note=note)
            done = _("The draft is now as in version %(version)s. It acts once you publish it.") % {"version": number}
            if self._go_back(request, configuration, back, tag=Tag.RULES_REVERTED, done=done):
                return redirect(PAGE + "publish", configuration.pk)
        return redirect(PAGE + "version", configuration.pk, number)

    def _go_back(
        self, request: HttpRequest, configuration: ActionConfiguration, back: Callable[..., int], *, tag: Tag, done: str
    ) -> bool:
        """Whether it was done; the reader is told, or told why not."""
        self._must_change(request)
        try:
            with transaction.atomic():
                number = back(seen=seen_by(request), author_id=access.must(request).user.pk)
                self.record(request, tag, configuration, version=number)
        except Refused as refused:
            messages.error(request, str(refused))
            return False
        messages.success(request, done)
        return True

    def _must_change(self, request: HttpRequest) -> None:
        if not self.has_change_permission(request):
            raise PermissionDenied

    # -- looking back -----------------------------------------------------------------------------

    def versions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        configuration: ActionConfiguration = self.found(request, object_id)
        before = request.GET.get("before", "")
        rows = configuration.versions.order_by("-version")
        if before.isascii() and before.isdigit() and len(before) < 10:
            rows = rows.filter(version__lt=int(before))
        found = list(rows.defer("rules", "custom_points")[: PAGE_SIZE + 1])
        return self.page(
            request,
            "portal/versions.html",
            title=_("Versions of %(code)s") % {"code": configuration.action_code},
            crumbs=crumbs(configuration),
            configuration=configuration,
            versions=listed(configuration, found[:PAGE_SIZE]),
            older=f"before={found[PAGE_SIZE - 1].version}" if len(found) > PAGE_SIZE else "",
            is_first=not before,
        )

    def version(self, request: HttpRequest, object_id: str, number: int) -> HttpResponse:
        """A version against the one before it, or (`?against=in-force`) what it would change of what is in force."""
        configuration: ActionConfiguration = self.found(request, object_id)
        kept = self._version(configuration, number)
        previous = configuration.versions.filter(version__lt=number).order_by("-version").first()
        is_in_force = request.GET.get("against") == "in-force"
        other = configuration.published() if is_in_force else previous
        [shown] = listed(configuration, [kept])
        return self.page(
            request,
            "portal/version.html",
            title=_("Version %(number)s") % {"number": number},
            crumbs=[*crumbs(configuration), (reverse(PAGE + "versions", args=[configuration.pk]), _("Versions"))],
            configuration=configuration,
            shown=shown,
            other=other,
            against_in_force=is_in_force,
            is_first=previous is None,
            difference=told(_between(other, kept)),
            can_revert=self.has_change_permission(request) and publishing.rules_differ(configuration, kept),
            has_draft=bool(publishing.draft_difference(configuration)),
        )

    def _version(self, configuration: ActionConfiguration, number: int) -> PolicyVersion:
        kept: PolicyVersion | None = configuration.versions.filter(version=number).first()
        if kept is None:
            raise Http404
        return kept


def seen_by(request: HttpRequest) -> str:
    """The draft that the page showed when its button was pressed."""
    return request.POST.get("draft_version", "")


def _between(before: PolicyVersion | None, after: PolicyVersion) -> Difference:
    # Of the first version its rules are new, and its settings are nothing to compare.
    first = Snapshot(after.default_outcome, custom_points=after.custom_points)
    return difference(publishing.snapshot_of(before) if before else first, publishing.snapshot_of(after))


def draft_of(configuration: ActionConfiguration, found: Difference) -> dict[str, Any] | None:
    """Who saved what is not in force yet, and what it would change; None where nothing would."""
    if not found:
        return None
    [shown] = listed(configuration, [publishing.newest(configuration)])
    return {"shown": shown, "summary": summary(found)}


def crumbs(configuration: ActionConfiguration) -> list[tuple[str, Any]]:
    return [
        (reverse(PAGE + "changelist"), _("Actions")),
        (reverse(PAGE + "rules", args=[configuration.pk]), configuration.action_code),
    ]
