"""Portal pages of what stands on a value list: look, add, edit, remove, export."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from audit import log
from audit.events import Tag
from authsignal_portal import access
from authsignal_portal.access import Access, Right
from authsignal_portal.models import Tenant
from authsignal_portal.tenant_admin import TenantAdmin
from rules import value_list_csv, value_lists
from rules.models import ValueList, ValueListItem
from rules.value_list_form import ItemForm, ValuesForm
from rules.value_list_use import uses
from rules.value_lists import Change, NewItem

PAGE: Final = "portal:rules_valuelist_"
PAGE_SIZE: Final = 50


def named(value_list: ValueList) -> dict[str, Any]:
    """How the log names a list: by its ids."""
    return {"row": str(value_list.pk), "value_list": value_list.alias}


@transaction.atomic
def put(here: Access, value_list: ValueList, items: list[NewItem], **about: Any) -> Change:
    """Put values on a list on behalf of a member of staff, and record how many. Raises ValidationError.

    `about` is the user (`subject`) or action (`action_id`) that they come from.
    """
    change = value_lists.put(value_list, items, author_id=here.user.pk)
    if change.new or change.changed:
        log.record(
            Tag.VALUE_LIST_ITEMS_ADDED,
            tenant_id=here.tenant.pk,
            actor=here.actor,
            count=len(change.new),
            changed=len(change.changed),
            **about,
            **named(value_list),
        )
    return change


def told(change: Change) -> str:
    """What was done, in a sentence."""
    number = len(change.new)
    parts = [ngettext("%(number)s value added.", "%(number)s values added.", number) % {"number": f"{number:,}"}]
    if change.changed:
        parts.append(translate("%(number)s got another note or expiry.") % {"number": f"{len(change.changed):,}"})
    if change.same:
        same = ngettext("%(number)s was there already.", "%(number)s were there already.", change.same)
        parts.append(same % {"number": f"{change.same:,}"})
    return " ".join(parts)


class ItemPages(TenantAdmin):
    """Those pages of a value list that are about its items."""

    right = Right.CONFIGURE

    def get_urls(self) -> Any:
        wrap, route = self.admin_site.admin_view, "<uuid:list_pk>/items/"
        pages: list[tuple[str, Callable[..., Any], str]] = [
            (route, self.items, "items"),
            (route + "export/", self.export, "export"),
            (route + "expired/", self.remove_expired, "remove_expired"),
            (route + "<int:item_pk>/", self.edit_item, "edit_item"),
            (route + "<int:item_pk>/remove/", self.remove_item, "remove_item"),
        ]
        own = [path(route, wrap(view), name=f"rules_valuelist_{name}") for route, view, name in pages]
        return [*own, *super().get_urls()]

    def may_do(self, request: HttpRequest) -> Access:
        """Raises PermissionDenied."""
        here = access.must(request)
        if not here.may(self.right):
            raise PermissionDenied
        return here

    # -- looking ----------------------------------------------------------------------------------

    def items(self, request: HttpRequest, list_pk: Any) -> HttpResponse:
        value_list: ValueList = self.found(request, str(list_pk))
        here = access.must(request)
        sent = request.POST if request.method == "POST" else None
        form = ValuesForm(sent, now=here.now, item_type=value_list.item_type)
        if request.method == "POST" and self._added(self.may_do(request), request, value_list, form):
            return redirect(PAGE + "items", value_list.pk)
        asked = request.GET.get("q", "").strip()
        rows = value_lists.current(value_list)
        page = Paginator(_matching(rows, asked), PAGE_SIZE).get_page(request.GET.get("p"))
        return self.page(
            request,
            "portal/value_list.html",
            title=value_list.name,
            crumbs=crumbs(),
            value_list=value_list,
            is_ofac=value_list.alias == value_lists.OFAC_ALIAS,
            uses=uses(here.tenant).get(value_list.alias, []),
            total=rows.count(),
            expired=rows.filter(expires_at__lte=here.now).count(),
            asked=asked,
            numbers=page,
            rows=_listed(page.object_list, here),
            form=form,
            now=here.now,
            may=here.may(self.right),
        )

    def _added(self, here: Access, request: HttpRequest, value_list: ValueList, form: ValuesForm) -> bool:
        if not form.is_valid():
            return False
        try:
            change = put(here, value_list, form.items())
        except ValidationError as error:
            form.add_error("values", error.messages)
            return False
        messages.success(request, told(change))
        return True

    @transaction.atomic
    def export(self, request: HttpRequest, list_pk: Any) -> StreamingHttpResponse:
        value_list: ValueList = self.found(request, str(list_pk))
        rows = value_lists.current(value_list).order_by("pk").values_list("value", "note", "expires_at")
        self.record(request, Tag.VALUE_LIST_EXPORTED, value_list, count=rows.count())
        return StreamingHttpResponse(
            value_list_csv.written(rows.iterator()),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{value_list.alias}.csv"'},
        )

    # -- changing ---------------------------------------------------------------------------------

    def edit_item(self, request: HttpRequest, list_pk: Any, item_pk: int) -> HttpResponse:
        item, here = self._item(request, list_pk, item_pk), self.may_do(request)
        if item.removed_version is not None:
            return self._gone(request, item.value_list)
        form = ItemForm(
            request.POST if request.method == "POST" else None,
            now=here.now,
            kept=item.expires_at,
            initial={"note": item.note},
        )
        if form.is_valid() and self._edited(here, request, item, form):
            return redirect(PAGE + "items", item.value_list_id)
        return self.page(
            request,
            "portal/value_list_item.html",
            title=item.value,
            crumbs=[*crumbs(), way_to(item.value_list)],
            item=item,
            form=form,
            back=reverse(PAGE + "items", args=[item.value_list_id]),
        )

    def _edited(self, here: Access, request: HttpRequest, item: ValueListItem, form: ItemForm) -> bool:
        given = form.cleaned_data
        try:
            with transaction.atomic():
                value_lists.check_there(item)
                put(here, item.value_list, [NewItem(item.value, given["note"], given["expires_at"])])
        except ValidationError as error:
            form.add_error(None, error.messages)
            return False
        messages.success(request, _("The value was saved."))
        return True

    def remove_item(self, request: HttpRequest, list_pk: Any, item_pk: int) -> HttpResponse:
        item = self._item(request, list_pk, item_pk)
        self.may_do(request)
        if item.removed_version is not None:
            return self._gone(request, item.value_list)
        return self._removing(
            request,
            item.value_list,
            lambda: value_lists.remove(item.value_list, [item.value]),
            title=_("Remove %(value)s") % {"value": item.value},
            text=_("It will no longer be on the list “%(list)s”, from the next decision on.")
            % {"list": item.value_list},
            button=_("Remove the value"),
            done=_("The value was removed."),
        )

    def remove_expired(self, request: HttpRequest, list_pk: Any) -> HttpResponse:
        value_list: ValueList = self.found(request, str(list_pk))
        expired = value_lists.current(value_list).filter(expires_at__lte=access.must(request).now).count()
        return self._removing(
            request,
            value_list,
            lambda: value_lists.remove_expired(value_list),
            title=_("Remove expired values"),
            text=ngettext(
                "One value of “%(list)s” has expired and is removed. It counts for nothing any more.",
                "%(number)s values of “%(list)s” have expired and are removed. They count for nothing any more.",
                expired,
            )
            % {"list": value_list, "number": f"{expired:,}"},
            button=_("Remove what has expired"),
            done=_("The expired values were removed."),
        )

    def _removing(
        self, request: HttpRequest, value_list: ValueList, remove: Callable[[], int], **context: Any
    ) -> HttpResponse:
        def act(_here: Access) -> None:
            removed = remove()
            if removed:
                self.record(request, Tag.VALUE_LIST_ITEMS_REMOVED, value_list, count=removed)

        back = reverse(PAGE + "items", args=[value_list.pk])
        try:
            return self.confirmed(request, act=act, back=back, crumbs=[*crumbs(), way_to(value_list)], **context)
        except ValidationError as error:  # the list went meanwhile
            messages.error(request, " ".join(error.messages))
            return HttpResponseRedirect(reverse(PAGE + "changelist"))

    def _item(self, request: HttpRequest, list_pk: Any, item_pk: int) -> ValueListItem:
        value_list: ValueList = self.found(request, str(list_pk))
        item = ValueListItem.objects.filter(value_list=value_list, pk=item_pk).first()
        if item is None:
            raise Http404
        item.value_list = value_list
        return item

    def _gone(self, request: HttpRequest, value_list: ValueList) -> HttpResponse:
        messages.error(request, value_lists.NO_LONGER_THERE)
        return redirect(PAGE + "items", value_list.pk)

    def audit_data(self, obj: ValueList) -> dict[str, Any]:
        return named(obj)


def crumbs() -> list[tuple[str, Any]]:
    return [(reverse(PAGE + "changelist"), _("Value lists"))]


def way_to(value_list: ValueList) -> tuple[str, Any]:
    """A crumb."""
    return reverse(PAGE + "items", args=[value_list.pk]), value_list.name


def _matching(rows: Any, asked: str) -> Any:
    if "\0" in asked:
        return rows.none()
    return rows.filter(Q(value__icontains=asked) | Q(note__icontains=asked)) if asked else rows


def _listed(items: Iterable[ValueListItem], here: Access) -> list[dict[str, Any]]:
    found = list(items)
    names = _authors(found, here.tenant)
    return [
        {"item": item, "expired": value_lists.now_expired(item, here.now), "author": names.get(item.author_id or 0)}
        for item in found
    ]


def _authors(items: Iterable[ValueListItem], tenant: Tenant) -> dict[int, str]:
    """Who put the items there; by name members only, as elsewhere."""
    wanted = {item.author_id for item in items if item.author_id}
    rows = User.objects.filter(pk__in=wanted, memberships__tenant=tenant).values_list("pk", "username")
    return dict.fromkeys(wanted, translate("a former member of staff")) | dict(rows)
