"""The base of every page about one tenant's rows: whose rows, who may change them, and the record of each change.

*Here* is the access of the request (`access.Access`). A *proof* is a fresh code of the second factor, asked for again
before what could do harm. Nothing of Django's own permissions is used.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from audit import log
from audit.events import Tag
from authsignal_portal import access, sign_in
from authsignal_portal.access import Access, Right
from authsignal_portal.models import Tenant
from authsignal_portal.widgets import dress

if TYPE_CHECKING:  # the theme has no types; its ModelAdmin is Django's with another look
    from django.contrib.admin import ModelAdmin

    BaseAdmin = ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as BaseAdmin


class ProofForm(forms.Form):
    """Asks for a code when the last one is more than five minutes old."""

    code = forms.CharField(
        label=_("Code from your authenticator app"),
        max_length=32,
        required=False,
        help_text=_("Needed for a change that matters: you gave your last code more than five minutes ago."),
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        dress(self)
        dress_code(self.fields["code"])
        if access.must(request).proof_is_fresh:
            del self.fields["code"]

    def clean(self) -> None:
        problem = prove(self.request, self.cleaned_data.get("code", ""))
        if problem:
            self.add_error("code", problem)


def dress_code(field: forms.Field) -> None:
    field.widget.attrs |= {"autocomplete": "one-time-code", "inputmode": "numeric", "autocapitalize": "none"}


def prove(request: HttpRequest, code: str) -> str:
    """Take a code as a proof unless there is a fresh one. Returns what is wrong, or nothing."""
    here = access.must(request)
    if here.proof_is_fresh:
        return ""
    if not code:
        return str(_("Enter the code that your authenticator app shows now."))
    device, problem = sign_in.check_code(request, here.user, code)
    if device is not None:
        access.prove(request)
    return problem


class TenantAdmin(BaseAdmin):
    """Rows of the current tenant only; every change is written to the audit log in the same transaction."""

    right: ClassVar[Right] = Right.ADMINISTER
    # Look-up from the model to its tenant.
    tenant_path: ClassVar[str] = "tenant"
    may_add: ClassVar[bool] = False
    may_change: ClassVar[bool] = True
    may_delete: ClassVar[bool] = False
    added: ClassVar[Tag | None] = None
    changed: ClassVar[Tag | None] = None
    deleted: ClassVar[Tag | None] = None
    # A sentence under the title of the list.
    intro: ClassVar[Any] = ""
    # Columns with links that do something: only for those who may.
    doing: ClassVar[tuple[str, ...]] = ()

    actions = None
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    compressed_fields = True
    empty_value_display = "–"

    # -- whose rows -------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(**{self.tenant_path: access.must(request).tenant})

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        # Else any column, a hash for one, could be guessed through the address bar letter by letter.
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        related = db_field.remote_field.model
        rows = related._default_manager.all()
        is_scoped = any(field.name == "tenant" for field in related._meta.get_fields())
        kwargs["queryset"] = rows.filter(tenant=access.must(request).tenant) if is_scoped else rows.none()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    # -- who may ----------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return access.of(request) is not None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.of(request) is not None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may_add and self._may(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_change and self._may(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_delete and self._may(request)

    def get_list_display(self, request: HttpRequest) -> Any:
        return [name for name in super().get_list_display(request) if name not in self.doing or self._may(request)]

    def _may(self, request: HttpRequest) -> bool:
        here = access.of(request)
        return here is not None and here.may(self.right)

    # -- a code again before what could do harm ---------------------------------------------------

    def needs_proof(self, request: HttpRequest, obj: Any, form: Any = None) -> bool:
        """Whether saving this form (with None: whether any form of this object) asks for a proof."""
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # The code has a part of its own below, and must not be asked for twice.
        return [name for name in super().get_fields(request, obj) if name != "code"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if self._asks(request, obj):
            return [*fieldsets, (_("Confirm that it is you"), {"fields": ["code"]})]
        return fieldsets

    def _asks(self, request: HttpRequest, obj: Any) -> bool:
        allowed = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return allowed and not access.must(request).proof_is_fresh and self.needs_proof(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if self._asks(request, obj):
            kwargs["form"] = _asking(kwargs.get("form", self.form), self, request, obj)
        return super().get_form(request, obj, change=change, **kwargs)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        form = ProofForm(request, request.POST if request.method == "POST" else None)
        if request.method == "POST" and self.has_delete_permission(request) and not form.is_valid():
            messages.error(request, " ".join(str(text) for text in form.errors.get("code", [])))
            return HttpResponseRedirect(request.get_full_path())
        return super().delete_view(request, object_id, {**(extra_context or {}), "proof": form})

    # -- what is recorded -------------------------------------------------------------------------

    def audit_data(self, obj: Any) -> dict[str, Any]:
        return {"row": str(obj.pk)}

    def record(self, request: HttpRequest, tag: Tag | None, obj: Any, **data: Any) -> None:
        """Into the log, in this transaction: ids and the names of fields, never a value."""
        here = access.must(request)
        if tag is not None:
            log.record(tag, tenant_id=here.tenant.pk, actor=here.actor, **self.audit_data(obj), **data)

    # Django's own log would keep names and texts of what may have to be erased.
    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.record(request, self.added, obj)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if message:
            self.record(request, self.changed, obj, fields=message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self.record(request, self.deleted, obj)

    def construct_change_message(self, request: Any, form: Any, formsets: Any, add: bool = False) -> Any:
        return [name for name in form.changed_data if name != "code"]

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        raise Http404

    # -- saving -----------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change and self.tenant_path == "tenant":
            obj.tenant = access.must(request).tenant
        super().save_model(request, obj, form, change)

    # -- the look ---------------------------------------------------------------------------------

    def render_change_form(self, request: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        # One primary action per screen.
        context |= {"show_save_and_continue": False, "show_save_and_add_another": False, "show_close": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"title": capfirst(str(self.opts.verbose_name_plural)), "intro": self.intro, **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        obj = self.get_object(request, object_id)
        context = {"title": str(obj), **(extra_context or {})} if obj else extra_context
        return super().change_view(request, object_id, form_url, context)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Back to the list: what was deleted, never was, or is another tenant's looks the same."""
        messages.warning(request, _("What you asked for is not here: it was removed, or the address is wrong."))
        return HttpResponseRedirect(reverse(f"portal:{opts.app_label}_{opts.model_name}_changelist"))

    # -- pages of its own -------------------------------------------------------------------------

    def found(self, request: HttpRequest, object_id: str) -> Any:
        """The object of a page of ours. Raises Http404, the same for another tenant's as for none."""
        # The database has no place for NUL, and takes no question about it.
        obj = None if "\0" in object_id else self.get_object(request, object_id)
        if obj is None:
            raise Http404
        return obj

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, template, shared | context)

    def confirmed(
        self, request: HttpRequest, *, act: Callable[[Access], Any], back: str, **context: Any
    ) -> HttpResponse:
        """Ask before doing something that cannot be undone; do it in one transaction, then go `back`.

        The context has `title`, `text` and `button`, `done` (said afterwards) and maybe `crumbs`.
        """
        here = access.must(request)
        if not here.may(self.right):
            raise PermissionDenied
        form = ProofForm(request, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            with transaction.atomic():
                act(here)
            if context["done"]:
                messages.success(request, context["done"])
            return HttpResponseRedirect(back)
        return self.page(request, "portal/confirm.html", form=form, back=back, **context)


def _asking(base: Any, admin: TenantAdmin, request: HttpRequest, obj: Model | None) -> Any:
    """The form with a field for the code, which is only demanded where this very change needs it."""
    field = forms.CharField(
        label=_("Code from your authenticator app"),
        max_length=32,
        required=False,
        help_text=_("Needed for a change that matters: you gave your last code more than five minutes ago."),
    )

    class Asking(base):  # type: ignore[misc]
        code = field

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            dress(self)
            dress_code(self.fields["code"])

        def clean(self) -> Any:
            cleaned = super().clean()
            # Last: a right code is spent by being checked.
            if not self.errors and admin.needs_proof(request, obj, self):
                problem = prove(request, self.cleaned_data.get("code", ""))
                if problem:
                    self.add_error("code", problem)
            return cleaned

    return Asking


def tenant_of(request: HttpRequest) -> Tenant:
    return access.must(request).tenant
