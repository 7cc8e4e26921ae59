"""Portal page of the audit log: read only, newest first, in words."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from audit.events import ActorKind, Tag
from audit.models import AuditEvent
from audit.words import lines
from authsignal_portal import access, portal
from authsignal_portal.models import Membership, Tenant
from authsignal_portal.tenant_admin import TenantAdmin
from authsignal_portal.widgets import dress, of_days

PAGE_SIZE = 50


def _word(name: str) -> str:
    return name.replace("_", " ").capitalize().replace("Api ", "API ")


def event_choices() -> list[tuple[str, Any]]:
    subjects = sorted({tag.partition(":")[0] for tag in Tag})
    return [("", _("All events")), *((name + ":", _word(name)) for name in subjects)]


class LogFilter(forms.Form):
    """What the page can be narrowed down to; anything that cannot be read is left out."""

    event = forms.ChoiceField(label=_("Event"), choices=event_choices, required=False)
    by = forms.ChoiceField(label=_("By"), required=False)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    subject = forms.UUIDField(label=_("User pseudonym"), required=False)

    def __init__(self, data: Any, tenant: Tenant) -> None:
        super().__init__(data)
        members = Membership.objects.filter(tenant=tenant).select_related("user").order_by("user__username")
        self.fields["by"].choices = [  # type: ignore[attr-defined]
            ("", _("Everybody")),
            *((f"staff:{one.user_id}", one.user.username) for one in members),
            *((kind.value, _word(kind.value)) for kind in ActorKind),
        ]
        dress(self)

    def narrow(self, rows: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        self.is_valid()
        given = self.cleaned_data
        if given.get("event"):
            rows = rows.filter(tag__startswith=given["event"])
        if given.get("by"):
            kind, _colon, ident = given["by"].partition(":")
            rows = rows.filter(actor_kind=kind, **({"actor": ident} if ident else {}))
        if given.get("subject"):
            rows = rows.filter(subject=given["subject"])
        return rows.filter(**of_days("at", given))


class AuditPage(TenantAdmin):
    may_change = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # By id: the log outlives the tenant it speaks of, and has no reference to it.
        return AuditEvent.objects.filter(tenant_id=access.must(request).tenant.pk)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        here = access.must(request)
        form = LogFilter(request.GET, here.tenant)
        rows = form.narrow(self.get_queryset(request)).order_by("-id")
        before = request.GET.get("before", "")
        if before.isascii() and before.isdigit() and len(before) < 19:
            rows = rows.filter(id__lt=int(before))
        found = list(rows[: PAGE_SIZE + 1])
        older = ""
        if len(found) > PAGE_SIZE:
            query = request.GET.copy()
            query["before"] = str(found[PAGE_SIZE - 1].pk)
            older = query.urlencode()
        return self.page(
            request,
            "portal/audit.html",
            title=_("Audit log"),
            cl=True,
            filter=form,
            lines=lines(found[:PAGE_SIZE], here.tenant),
            older=older,
            is_first=not before,
            narrowed=any(request.GET.values()),
        )

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        return redirect("portal:audit_auditevent_changelist")


portal.site.register(AuditEvent, AuditPage)
