"""Portal page of the value lists: all of them, and the settings of one."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from audit.events import Tag
from authsignal_portal import access
from rules import value_lists
from rules.data_point_page import lock_configurations
from rules.default_lists import OFAC_COUNTRIES
from rules.models import ValueList
from rules.value_list_form import ListForm
from rules.value_list_import import ImportPages
from rules.value_list_items import PAGE, crumbs, way_to
from rules.value_list_use import uses


class ValueListPage(ImportPages):
    form = ListForm
    may_add = may_delete = True
    added, changed, deleted = Tag.VALUE_LIST_CREATED, Tag.VALUE_LIST_UPDATED, Tag.VALUE_LIST_DELETED

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("tenant")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.tenant = access.must(request).tenant
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["name", "description", "is_active"] if obj else ["name", "item_type", "description"]

    def needs_proof(self, request: HttpRequest, obj: Any, form: Any = None) -> bool:
        # While a list is off, what it keeps out may come in.
        if form is None:
            return bool(obj and obj.is_active)
        return bool(obj) and "is_active" in form.changed_data and not form.cleaned_data["is_active"]

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.own_ofac)
        return [path("ofac/", view, name="rules_valuelist_ofac"), *super().get_urls()]

    # -- pages ------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        here = access.must(request)
        used = uses(here.tenant)
        on_it = Count("items", filter=Q(items__removed_version=None))
        lists = list(self.get_queryset(request).annotate(number=on_it).order_by("name"))
        return self.page(
            request,
            "portal/value_lists.html",
            title=_("Value lists"),
            cl=True,
            lists=[{"list": one, "uses": used.get(one.alias, [])} for one in lists],
            shipped=None if any(one.alias == value_lists.OFAC_ALIAS for one in lists) else OFAC_COUNTRIES,
            shipped_alias=value_lists.OFAC_ALIAS,
            shipped_uses=used.get(value_lists.OFAC_ALIAS, []),
            may=here.may(self.right),
        )

    def own_ofac(self, request: HttpRequest) -> HttpResponse:
        """Make the shipped list the tenant's own, to be edited."""
        here = self.may_do(request)
        if request.method != "POST":
            return redirect(PAGE + "changelist")
        with transaction.atomic():
            known = ValueList.objects.filter(tenant=here.tenant, alias=value_lists.OFAC_ALIAS).exists()
            made = value_lists.ensure_ofac(here.tenant)
            if not known:
                self.record(request, self.added, made, count=len(OFAC_COUNTRIES))
        return redirect(PAGE + "items", made.pk)

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        value_list = self.get_object(request, object_id)
        if value_list is None:
            return super().change_view(request, object_id, form_url, extra_context)
        context = {
            "title": _("Settings of %(list)s") % {"list": value_list.name},
            "crumbs": [*crumbs(), way_to(value_list)],
        }
        return super().change_view(request, object_id, form_url, context)

    @transaction.atomic
    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        value_list = self.get_object(request, object_id)
        if value_list and self.has_delete_permission(request):
            # No rule that names the list comes into force meanwhile.
            lock_configurations(access.must(request).tenant)
            used = uses(access.must(request).tenant).get(value_list.alias, [])
            # Behind one's own list of embargoed countries stands the shipped one.
            if used and value_list.alias != value_lists.OFAC_ALIAS:
                names = ", ".join(f"{use.name} ({use.action_code})" for use in used[:5])
                messages.error(request, _("It is used by %(rules)s. Change that first.") % {"rules": names})
                return redirect(PAGE + "items", value_list.pk)
        return super().delete_view(request, object_id, extra_context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Django would draw up every item.
        return [], {}, set(), []

    # -- saving -----------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        tenant = access.must(request).tenant
        if not change:
            made = value_lists.create(tenant, obj.name, item_type=obj.item_type, description=obj.description)
            obj.pk, obj.alias, obj.tenant = made.pk, made.alias, tenant
            return
        changed = [name for name in form.changed_data if name != "code"]
        if "is_active" in changed:
            value_lists.new_version(tenant)
        ValueList.objects.filter(pk=obj.pk).update(**{name: form.cleaned_data[name] for name in changed})

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        value_lists.delete(obj)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        messages.success(request, _("The list was made. Rules name it by its alias %(alias)s.") % {"alias": obj.alias})
        return redirect(PAGE + "items", obj.pk)

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse(PAGE + "items", args=[obj.pk]))
