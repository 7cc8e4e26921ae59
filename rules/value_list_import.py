"""The portal page that imports a CSV file into a value list: choose a file, see what it would do, do it.

Between the two steps the file waits in Redis for a while, sealed: it is too large for a form's hidden field.
"""

import hashlib
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from redis import Redis
from redis.exceptions import RedisError

from authsignal_portal.access import Access
from authsignal_portal.form_limits import takes_large_forms
from rules import value_list_csv, value_lists
from rules.models import ValueList
from rules.value_list_csv import Sheet, UnreadableFile
from rules.value_list_form import FileForm
from rules.value_list_items import PAGE, ItemPages, crumbs, put, told, way_to

KEPT_SECONDS: Final = 15 * 60
FAULTS_SHOWN: Final = 50


class ImportPages(ItemPages):
    """A value list with its import."""

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.import_file)
        return [path("<uuid:list_pk>/import/", view, name="rules_valuelist_import"), *super().get_urls()]

    @takes_large_forms
    def import_file(self, request: HttpRequest, list_pk: Any) -> HttpResponse:
        value_list: ValueList = self.found(request, str(list_pk))
        here = self.may_do(request)
        try:
            if "fingerprint" in request.POST:
                change = put(here, value_list, list(self._confirmed(request, here, value_list).items))
                messages.success(request, told(change))
                return redirect(PAGE + "items", value_list.pk)
            return self._looked_at(request, here, value_list)
        except (UnreadableFile, ValidationError) as error:
            problem = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            return self._show(request, value_list, problem=problem)

    def _looked_at(self, request: HttpRequest, here: Access, value_list: ValueList) -> HttpResponse:
        """Raises UnreadableFile, ValidationError."""
        if request.method != "POST":
            return self._show(request, value_list)
        form = FileForm(request.POST, request.FILES, is_too_large=_is_too_large(request))
        if not form.is_valid():
            return self._show(request, value_list, form=form)
        content = form.cleaned_data["file"].read()
        sheet = value_list_csv.read(content, value_list.item_type)
        if sheet.faults or not sheet.items:
            return self._show(request, value_list, sheet=sheet)
        change = value_lists.compare(value_list, sheet.items)
        expired = sum(item.expires_at is not None and item.expires_at <= here.now for item in sheet.items)
        fingerprint = keep(here, value_list, content)
        return self._show(request, value_list, sheet=sheet, change=change, expired=expired, fingerprint=fingerprint)

    def _confirmed(self, request: HttpRequest, here: Access, value_list: ValueList) -> Sheet:
        """What was looked at. Raises UnreadableFile."""
        content = kept(here, value_list, fingerprint=request.POST["fingerprint"])
        sheet = value_list_csv.read(content, value_list.item_type)
        if sheet.faults:
            raise UnreadableFile(_("Some lines are wrong. Choose the file again to see which."))
        return sheet

    def _show(self, request: HttpRequest, value_list: ValueList, **context: Any) -> HttpResponse:
        sheet = context.get("sheet")
        faults = value_list_csv.together(sheet.faults) if sheet else []
        return self.page(
            request,
            "portal/value_list_import.html",
            title=_("Import into %(list)s") % {"list": value_list.name},
            crumbs=[*crumbs(), way_to(value_list)],
            value_list=value_list,
            faults=faults[:FAULTS_SHOWN],
            more_faults=sum(fault.last - fault.line + 1 for fault in faults[FAULTS_SHOWN:]),
            **{"form": FileForm(), **context},
        )


def _is_too_large(request: HttpRequest) -> bool:
    """Whether the server has passed over the file on account of its size."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return length.isdigit() and int(length) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE


# -- between the two steps -----------------------------------------------------------------------


@lru_cache(maxsize=1)
def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def keep(here: Access, value_list: ValueList, content: bytes) -> str:
    """Put the file aside, one for each list and member of staff. Returns its fingerprint. Raises UnreadableFile."""
    sealed = here.tenant.seal(content, *_place(here, value_list))
    try:
        _redis().set(":".join(_place(here, value_list)), sealed, ex=KEPT_SECONDS)
    except (RedisError, OSError):
        raise UnreadableFile(_("Imports are not available right now. Try again shortly.")) from None
    return hashlib.sha256(content).hexdigest()


def kept(here: Access, value_list: ValueList, *, fingerprint: str) -> bytes:
    """The file that was put aside. Raises UnreadableFile where it is another one, or gone."""
    try:
        sealed = _redis().get(":".join(_place(here, value_list)))
    except (RedisError, OSError):
        sealed = None
    content = here.tenant.unseal(sealed, *_place(here, value_list)) if isinstance(sealed, bytes) else b""
    if not sealed or hashlib.sha256(content).hexdigest() != fingerprint:
        raise UnreadableFile(_("The file waited too long, or you chose another one since. Choose it again."))
    return content


def _place(here: Access, value_list: ValueList) -> tuple[str, str, str]:
    return "value_list_import", str(value_list.pk), str(here.user.pk)
